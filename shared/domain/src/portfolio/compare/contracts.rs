//! The state and the own facts of a contract, after its installments were judged.

use crate::calendar::Date;
use crate::portfolio::{Contract, ContractKey, ContractState, EventKind, ObservedBill};

use super::draft::Draft;
use super::view::View;

/// Decides the state of the contract the installments belong to. Only Sienge's balances say whether it is alive: a cancelled
/// contract with a balance is open, and it becomes cancelled once nothing is open.
pub(super) fn conclude_current(
    draft: &mut Draft<'_>,
    view: &View<'_>,
    contract: Contract,
    was_held: bool,
    assigned: bool,
    today: Date,
) {
    let mut after = contract;
    if let Some(header) = view.header {
        refresh(&mut after, header);
    }
    let before = was_held.then_some(after.state);
    let cancelled_on = view
        .header
        .and_then(|header| header.cancelled_on)
        .or_else(|| draft.rescinded_on(&after.key));
    after.state = match (draft.is_alive(&after.key), after.state, cancelled_on) {
        (true, _, _) => ContractState::Open,
        (false, ContractState::Open | ContractState::Finished { .. }, Some(on)) => {
            ContractState::Cancelled { on }
        }
        (false, ContractState::Open, None) => ContractState::Finished { on: today },
        (false, state, _) => state,
    };
    if matches!(
        after.state,
        ContractState::Finished { .. } | ContractState::Cancelled { .. }
    ) {
        // Nothing is left to move.
        after.successor = None;
    }
    let mut events = Vec::new();
    if before != Some(after.state) {
        match after.state {
            ContractState::Open => events.push(EventKind::ContractOpened),
            ContractState::Finished { .. } => events.push(EventKind::ContractFinished),
            ContractState::Cancelled { .. } => events.push(EventKind::ContractCancelled),
            ContractState::Assigned { .. } => {}
        }
        if assigned && after.state == ContractState::Open {
            events.push(EventKind::RightsAssigned);
        }
    }
    draft.record_contract(after, events);
}

/// Decides the state of a contract that the bill has left for another.
pub(super) fn conclude_left(
    draft: &mut Draft<'_>,
    contract: &Contract,
    to: &ContractKey,
    assigned: bool,
    today: Date,
) {
    let mut after = contract.clone();
    after.successor = Some(to.clone());
    let mut events = Vec::new();
    if !matches!(contract.state, ContractState::Assigned { .. }) {
        after.state = ContractState::Assigned { on: today };
        if assigned {
            events.push(EventKind::RightsAssigned);
        }
        if contract.state == ContractState::Open {
            events.push(EventKind::ContractFinished);
        }
    }
    draft.record_contract(after, events);
}

fn refresh(contract: &mut Contract, header: &ObservedBill) {
    if let Some(number) = &header.number {
        contract.number.clone_from(number);
    }
    // A sales contract never changes its enterprise: an answer without one says less than what is known.
    contract.enterprise = header.enterprise.flatten().or(contract.enterprise);
    contract.unit = header.unit.clone().or(contract.unit.take());
    contract.sales_contract = header.sales_contract.or(contract.sales_contract);
    contract.issued_on = header.issued_on.or(contract.issued_on);
}
