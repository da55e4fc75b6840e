//! Timeline events: their ids, and the events a crash left untold.
//!
//! An id is derived from what the event says: contract, kind, the installments with the revision each got, the receipt. The same
//! decision taken again yields the same id; saying the same thing anew, later, does not.

use std::mem::discriminant;

use sha2::{Digest, Sha256};

use crate::calendar::Date;
use crate::money::cents_text;
use crate::portfolio::{ContractKey, ContractState, EventKind, HeldBill, Installment, InstallmentId, Motive, TimelineEvent};

use super::draft::Draft;
use super::payments::Moved;

/// An installment as an event names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub id: InstallmentId,
    pub revision: u32,
    pub due_on: Date,
}

impl Named {
    pub fn of(installment: &Installment) -> Self {
        Self {
            id: installment.id,
            revision: installment.revision,
            due_on: installment.due_on,
        }
    }
}

/// An event that names installments, in the order given.
pub(super) fn of_names(contract: &ContractKey, on: Date, kind: EventKind, names: Vec<Named>) -> TimelineEvent {
    naming(contract, on, kind, names.into_iter().map(|named| (named.id, named.revision)))
}

fn naming(contract: &ContractKey, on: Date, kind: EventKind, names: impl Iterator<Item = (InstallmentId, u32)>) -> TimelineEvent {
    let (installments, revisions): (Vec<_>, Vec<_>) = names.unzip();
    let id = id_of(contract, &kind, &installments, &revisions, "");
    TimelineEvent {
        id,
        contract: contract.clone(),
        on,
        kind,
        installments,
        revisions,
    }
}

/// An event about one receipt of one installment.
pub(super) fn of_receipt(contract: &ContractKey, on: Date, kind: EventKind, named: &Named, moved: &Moved) -> TimelineEvent {
    let receipt = &moved.receipt;
    let detail = format!("{}|{}|{}|{}", receipt.paid_on, receipt.kind, cents_text(receipt.net), moved.ordinal);
    let (installments, revisions) = (vec![named.id], vec![named.revision]);
    TimelineEvent {
        id: id_of(contract, &kind, &installments, &revisions, &detail),
        contract: contract.clone(),
        on,
        kind,
        installments,
        revisions,
    }
}

/// An event about the contract itself; `occurrence` tells what it was and its installments' revisions, so that it differs from one
/// time to the next.
pub(super) fn of_contract(contract: &ContractKey, on: Date, kind: EventKind, occurrence: &str) -> TimelineEvent {
    TimelineEvent {
        id: id_of(contract, &kind, &[], &[], occurrence),
        contract: contract.clone(),
        on,
        kind,
        installments: Vec::new(),
        revisions: Vec::new(),
    }
}

fn id_of(contract: &ContractKey, kind: &EventKind, installments: &[InstallmentId], revisions: &[u32], detail: &str) -> String {
    let mut content = format!(
        "{}\u{1f}{}\u{1f}{}\u{1f}{}\u{1f}{detail}",
        contract.bill,
        contract.document_type,
        contract.customer,
        tag(kind)
    );
    for (id, revision) in installments.iter().zip(revisions) {
        content.extend(["\u{1f}", &id.to_string(), ":", &revision.to_string()]);
    }
    // 128 bits are enough to tell apart the events of one contract.
    let mut head = [0; 16];
    head.copy_from_slice(&Sha256::digest(content.as_bytes())[..16]);
    format!("{:032x}", u128::from_be_bytes(head))
}

fn tag(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::ContractOpened => "opened",
        EventKind::Returned { motive } => match motive {
            Motive::Reconciliation => "returned-reconciliation",
            Motive::CreditorRequest => "returned-creditor-request",
            Motive::Renegotiation => "returned-renegotiation",
            Motive::Receipt => "returned-receipt",
        },
        EventKind::Synchronised => "synchronised",
        EventKind::Reopened => "reopened",
        EventKind::DirectPayment { .. } => "payment",
        EventKind::PaymentReversed { .. } => "reversal",
        EventKind::ContractCancelled => "cancelled",
        EventKind::RightsAssigned => "assigned",
        EventKind::ContractFinished => "finished",
    }
}

/// The events to tell: those a crash left untold, as far as they happened or happen now, and the new ones they do not cover.
/// `None` when the view does not show enough to say which part of a pending event still happens.
pub(super) fn merge(held: &HeldBill, draft: &Draft<'_>, fresh: Vec<TimelineEvent>, complete_view: bool) -> Option<Vec<TimelineEvent>> {
    let mut told: Vec<TimelineEvent> = Vec::new();
    let mut never_opened: Vec<&ContractKey> = Vec::new();
    for pending in &held.pending_events {
        let (kept, complete) = still_true(held, draft, &fresh, pending);
        if !complete && !complete_view {
            return None;
        }
        if kept.is_none() && pending.kind == EventKind::ContractOpened {
            never_opened.push(&pending.contract);
        }
        told.extend(kept);
    }
    // An opening that was never told, and came to nothing, is not told to have ended.
    let ends_nothing = |event: &TimelineEvent| event.installments.is_empty() && never_opened.contains(&&event.contract);
    let fresh = fresh.into_iter().filter(|event| !ends_nothing(event));
    let uncovered = fresh.filter_map(|event| beyond(event, &told)).collect::<Vec<_>>();
    told.extend(uncovered);
    Some(told)
}

/// The part of a pending event that happened or happens now, and whether that is all of it.
fn still_true(held: &HeldBill, draft: &Draft<'_>, fresh: &[TimelineEvent], pending: &TimelineEvent) -> (Option<TimelineEvent>, bool) {
    if pending.installments.is_empty() {
        let state = draft.contract_after(&pending.contract).map(|contract| contract.state);
        let holds = match pending.kind {
            EventKind::ContractFinished => matches!(state, Some(ContractState::Finished { .. } | ContractState::Assigned { .. })),
            EventKind::ContractCancelled => matches!(state, Some(ContractState::Cancelled { .. })),
            // The contract it opened is told with its opening; the one it closed is closed by it.
            EventKind::RightsAssigned => match state {
                Some(ContractState::Assigned { .. }) => !opening_is_pending(held, &pending.contract),
                Some(ContractState::Open) => opening_is_pending(held, &pending.contract),
                _ => false,
            },
            _ => true,
        };
        return (holds.then(|| pending.clone()), holds);
    }
    let happened = |id: InstallmentId, revision: u32| {
        held.installments
            .get(&(pending.contract.clone(), id))
            .is_some_and(|installment| installment.revision >= revision)
    };
    let names: Vec<(InstallmentId, u32)> = named(pending)
        .filter(|(id, revision)| happened(*id, *revision) || fresh.iter().any(|event| covers(pending, event, *id, *revision)))
        .collect();
    let complete = names.len() == pending.installments.len();
    let kept = if complete {
        Some(pending.clone())
    } else if names.is_empty() {
        None
    } else {
        Some(naming(&pending.contract, pending.on, pending.kind.clone(), names.into_iter()))
    };
    (kept, complete)
}

/// Whether a crash left the opening of the contract untold.
pub(super) fn opening_is_pending(held: &HeldBill, contract: &ContractKey) -> bool {
    let opening = |event: &TimelineEvent| event.contract == *contract && event.kind == EventKind::ContractOpened;
    held.pending_events.iter().any(opening)
}

/// What of a new event the told ones do not say already.
fn beyond(event: TimelineEvent, told: &[TimelineEvent]) -> Option<TimelineEvent> {
    if event.installments.is_empty() {
        let known = told
            .iter()
            .any(|other| other.contract == event.contract && other.kind == event.kind && other.installments.is_empty());
        return (!known).then_some(event);
    }
    let names: Vec<(InstallmentId, u32)> = named(&event)
        .filter(|(id, revision)| !told.iter().any(|other| covers(other, &event, *id, *revision)))
        .collect();
    if names.len() == event.installments.len() {
        Some(event)
    } else if names.is_empty() {
        None
    } else {
        Some(naming(&event.contract, event.on, event.kind, names.into_iter()))
    }
}

/// Whether two events of one contract say the same of an installment. After a crash what was to be told as the opening of a
/// contract shows up as a synchronisation of it.
fn covers(one: &TimelineEvent, other: &TimelineEvent, id: InstallmentId, revision: u32) -> bool {
    let alike = match (&one.kind, &other.kind) {
        (EventKind::DirectPayment { .. } | EventKind::PaymentReversed { .. }, _) => one.id == other.id,
        (EventKind::Returned { motive }, EventKind::Returned { motive: also }) => motive == also,
        (EventKind::ContractOpened, EventKind::Synchronised | EventKind::Reopened | EventKind::ContractOpened) => true,
        (one, other) => discriminant(one) == discriminant(other),
    };
    let names = |event: &TimelineEvent| named(event).any(|name| name == (id, revision));
    alike && one.contract == other.contract && names(one) && names(other)
}

fn named(event: &TimelineEvent) -> impl Iterator<Item = (InstallmentId, u32)> + '_ {
    event.installments.iter().copied().zip(event.revisions.iter().copied())
}
