//! Which contract of the bill the installments belong to, and which contracts the bill has left.
//!
//! A bill is one contract at a time: its document type and its customer are part of the key, so when Sienge names another type
//! or customer the bill moves from one contract to another. Only a reconciliation begins such a move, and it marks the old
//! contract as left at the very end: two contracts without that mark mean that a crash interrupted a move, and any scope finishes it.

use crate::calendar::Date;
use crate::portfolio::{
    Contract, ContractKey, ContractState, Coverage, Critique, HeldBill, Installment, ObservedBill,
    Policy, Scope,
};

use super::view::View;

/// What to do with the bill's contracts.
pub(super) enum ContractRoute {
    /// Nothing is held and nothing is to be opened.
    Nothing,
    /// The facts do not say which contract is meant, or whether it is wanted: the whole bill is needed.
    AskForWhole,
    /// Judge these.
    Judge(Box<Judged>),
}

/// The contracts to judge.
pub(super) struct Judged {
    /// Contracts the bill has left: what is open there is returned.
    pub left: Vec<ContractKey>,
    /// The contract the installments belong to, as held or about to be opened.
    pub current: Contract,
    /// The settings leave the bill out: nothing new, and a reconciliation returns what is open.
    pub ignored: bool,
}

impl Judged {
    /// The bill stays with its present contract; `successor` is where the next reconciliation moves it. A contract that the bill has
    /// left keeps its successor.
    fn keep(current: &Contract, successor: Option<ContractKey>, ignored: bool) -> ContractRoute {
        let has_moved = matches!(current.state, ContractState::Assigned { .. });
        let successor = if has_moved {
            current.successor.clone()
        } else {
            successor
        };
        ContractRoute::Judge(Box::new(Self {
            left: Vec::new(),
            current: Contract {
                successor,
                ..current.clone()
            },
            ignored,
        }))
    }
}

/// Chooses the route; adds what an operator should know.
pub(super) fn choose(
    held: &HeldBill,
    view: &View<'_>,
    scope: Scope,
    policy: &Policy<'_>,
    critiques: &mut Vec<Critique>,
) -> ContractRoute {
    let Some(header) = view.header else {
        return without_header(held, view, policy);
    };
    let key = key_of(view, header);
    let at_key = held.contract(&key);
    let others: Vec<&Contract> = of_bill(held, view)
        .filter(|contract| contract.key != key)
        .collect();
    let current: Vec<&Contract> = others
        .iter()
        .copied()
        .filter(|contract| is_current(held, contract))
        .collect();
    let something = view.shows_something_to_collect(policy);
    let ignored = policy.ignores_bill(header);

    let is_at_key =
        |state: fn(&ContractState) -> bool| at_key.is_some_and(|contract| state(&contract.state));
    let settled_there =
        current.is_empty() && is_at_key(|state| !matches!(state, ContractState::Assigned { .. }));
    if let Some(contract) = at_key
        && (settled_there || others.is_empty())
    {
        return Judged::keep(contract, None, ignored);
    }
    let Some(latest) = others.iter().copied().max_by_key(|contract| rank(contract)) else {
        if ignored || !something {
            return ContractRoute::Nothing;
        }
        // The enterprise decides about new contracts only: not every source names it, and what is held must not depend on the source.
        if policy.must_know_enterprise(header) {
            return ContractRoute::AskForWhole;
        }
        if let Some(unregistered) = policy.enterprise_critique(view.bill, header) {
            critiques.push(unregistered);
            return ContractRoute::Nothing;
        }
        return Judged::keep(&opened(view, key, header, None), None, ignored);
    };
    let is_open_there = is_at_key(|state| matches!(state, ContractState::Open));
    let interrupted = current.len() > 1 || (!current.is_empty() && is_open_there);
    let wanted = something && !ignored;
    if interrupted || (wanted && scope.reconciles()) {
        let left = if current.is_empty() {
            vec![latest]
        } else {
            current
        };
        return ContractRoute::Judge(Box::new(Judged {
            left: left
                .into_iter()
                .map(|contract| contract.key.clone())
                .collect(),
            current: Contract {
                successor: None,
                ..at_key
                    .cloned()
                    .unwrap_or_else(|| opened(view, key, header, Some(latest)))
            },
            ignored,
        }));
    }
    if wanted {
        critiques.push(waiting(view, &latest.key, &key));
    }
    Judged::keep(latest, wanted.then_some(key), ignored)
}

fn without_header(held: &HeldBill, view: &View<'_>, policy: &Policy<'_>) -> ContractRoute {
    let mut contracts: Vec<&Contract> = of_bill(held, view).collect();
    contracts.sort_by_key(|contract| rank(contract));
    let Some(current) = contracts.pop() else {
        return ContractRoute::Nothing;
    };
    let left: Vec<ContractKey> = contracts
        .iter()
        .filter(|contract| is_current(held, contract))
        .map(|contract| contract.key.clone())
        .collect();
    let gone = view.is_empty() && view.coverage == Coverage::WholeConfirmed;
    if !left.is_empty() && !gone {
        return ContractRoute::AskForWhole;
    }
    // A bill that Sienge does not have no longer moves.
    let waits = !(view.is_empty() && view.is_whole())
        || matches!(current.state, ContractState::Assigned { .. });
    ContractRoute::Judge(Box::new(Judged {
        left,
        current: Contract {
            successor: current.successor.clone().filter(|_| waits),
            ..current.clone()
        },
        ignored: policy.ignores(current.creditor, &current.key.document_type),
    }))
}

fn of_bill<'a>(held: &'a HeldBill, view: &View<'_>) -> impl Iterator<Item = &'a Contract> {
    let bill = view.bill;
    held.contracts()
        .filter(move |contract| contract.key.bill == bill)
}

/// Whether the bill has not left the contract, or not completely.
fn is_current(held: &HeldBill, contract: &Contract) -> bool {
    let mut installments = held.installments_of(&contract.key);
    !matches!(contract.state, ContractState::Assigned { .. })
        || installments.any(Installment::is_open)
}

/// Open before finished before left; the later one of equals.
fn rank(contract: &Contract) -> (u8, Date, &ContractKey) {
    let (class, on) = match contract.state {
        ContractState::Open => (2, Date::MAX),
        ContractState::Finished { on } | ContractState::Cancelled { on } => (1, on),
        ContractState::Assigned { on } => (0, on),
    };
    (class, on, &contract.key)
}

fn waiting(view: &View<'_>, from: &ContractKey, to: &ContractKey) -> Critique {
    let bill = view.bill;
    if from.customer == to.customer {
        Critique::TypeChangeWaitsForReconciliation { bill }
    } else {
        Critique::AssignmentWaitsForReconciliation { bill }
    }
}

fn key_of(view: &View<'_>, header: &ObservedBill) -> ContractKey {
    ContractKey {
        bill: view.bill,
        document_type: header.document_type.clone(),
        customer: header.customer,
    }
}

/// A new contract. What the source leaves out is taken from the bill's previous contract, if any: the rights to a unit change hands, not the unit.
fn opened(
    view: &View<'_>,
    key: ContractKey,
    header: &ObservedBill,
    last: Option<&Contract>,
) -> Contract {
    Contract {
        key,
        creditor: header.creditor,
        number: header
            .number
            .clone()
            .unwrap_or_else(|| view.bill.to_string()),
        enterprise: header
            .enterprise
            .unwrap_or_else(|| last.and_then(|last| last.enterprise)),
        unit: header
            .unit
            .clone()
            .or_else(|| last.and_then(|last| last.unit.clone())),
        sales_contract: header
            .sales_contract
            .or_else(|| last.and_then(|last| last.sales_contract)),
        issued_on: header
            .issued_on
            .or_else(|| last.and_then(|last| last.issued_on)),
        negotiation: 1,
        state: ContractState::Open,
        opened: None,
        successor: None,
        revision: 0,
    }
}
