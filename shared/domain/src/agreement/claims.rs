//! What an agreement claims of its bills.

use super::{Agreement, AgreementKind};
use crate::ids::BillId;
use crate::portfolio::{Claim, Claims};

impl Agreement {
    /// A bill's claims given the agreement's present state; equal to `before` when nothing changes.
    #[must_use]
    pub fn claims_on(&self, bill: BillId, before: &Claims) -> Claims {
        let mut live: Vec<Claim> = before
            .live
            .iter()
            .filter(|claim| claim.agreement != self.id)
            .cloned()
            .collect();
        if self.state.name().claims() {
            let remake = self
                .remake
                .as_ref()
                .filter(|_| self.kind == AgreementKind::Integrated);
            live.push(Claim {
                agreement: self.id.clone(),
                remade_on: remake.map(|remake| remake.remade_on),
                installments: self.originals_of(bill),
                generated: remake
                    .map(|remake| remake.generated.iter().map(|one| one.installment).collect())
                    .unwrap_or_default(),
            });
        }
        live.sort_by(|one, other| one.agreement.cmp(&other.agreement));
        Claims {
            version: before.version + u64::from(live != before.live),
            live,
        }
    }
}
