//! A return that Sienge does not tell: the creditor's settings want a broken agreement's installments back.

use std::collections::BTreeSet;

use crate::calendar::Date;
use crate::ids::InstallmentId;
use crate::portfolio::{
    Action, Change, ContractKey, EventKind, HeldBill, Installment, InstallmentState, Outcome,
    ReturnReason,
};

use super::events::{self, NamedInstallment};

/// Returns those of the installments that are open, and tells it. Doing it again does nothing. The bill must have no pending events: what a crash
/// interrupted is completed by a comparison first.
#[must_use]
pub fn return_installments(
    held: &HeldBill,
    contract: &ContractKey,
    ids: &BTreeSet<InstallmentId>,
    motive: ReturnReason,
    today: Date,
) -> Outcome {
    let open = held
        .installments_of(contract)
        .filter(|row| ids.contains(&row.id) && row.is_open());
    let returned: Vec<Installment> = open
        .map(|row| Installment {
            state: InstallmentState::Closed { motive, on: today },
            revision: row.revision.saturating_add(1),
            ..row.clone()
        })
        .collect();
    if returned.is_empty() {
        return Outcome::default();
    }
    let names: Vec<NamedInstallment> = returned.iter().map(NamedInstallment::of).collect();
    let event = events::of_names(contract, today, EventKind::Returned { motive }, &names);
    let changes = returned
        .into_iter()
        .map(|row| Change::Installment(Action::Returned, row));
    Outcome {
        changes: changes.collect(),
        events: vec![event],
        ..Outcome::default()
    }
}
