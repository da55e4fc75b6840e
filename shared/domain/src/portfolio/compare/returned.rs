//! A return that does not come from Sienge: the creditor's settings ask for the installments of a broken agreement back.

use std::collections::BTreeSet;

use crate::calendar::Date;
use crate::ids::InstallmentId;
use crate::portfolio::{
    Action, Change, ContractKey, EventKind, HeldBill, Installment, InstallmentState, Outcome,
    ReturnReason,
};

use super::events::{self, NamedInstallment};

/// Returns the open ones among the installments, with their events. Repeating it does nothing. The bill must have no pending events: a comparison
/// first completes what a crash interrupted.
#[must_use]
pub fn return_installments(
    held: &HeldBill,
    contract: &ContractKey,
    ids: &BTreeSet<InstallmentId>,
    reason: ReturnReason,
    today: Date,
) -> Outcome {
    let open = held
        .installments_of(contract)
        .filter(|row| ids.contains(&row.id) && row.is_open());
    let returned: Vec<Installment> = open
        .map(|row| Installment {
            state: InstallmentState::Closed { reason, on: today },
            revision: row.revision.saturating_add(1),
            ..row.clone()
        })
        .collect();
    if returned.is_empty() {
        return Outcome::default();
    }
    let names: Vec<NamedInstallment> = returned.iter().map(NamedInstallment::of).collect();
    let event = events::of_names(contract, today, EventKind::Returned { reason }, &names);
    let changes = returned
        .into_iter()
        .map(|row| Change::Installment(Action::Returned, row));
    Outcome {
        changes: changes.collect(),
        events: vec![event],
        ..Outcome::default()
    }
}
