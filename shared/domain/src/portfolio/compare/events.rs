//! Timeline events: their ids, and the pending events that a crash left behind.
//!
//! An id is derived from the event's content: contract, kind, the installments with their new revisions, the receipt. Repeating
//! the same decision yields the same id; a later, equal event does not, because the revisions have grown.

use std::mem::discriminant;

use sha2::{Digest, Sha256};

use crate::calendar::Date;
use crate::ids::InstallmentId;
use crate::portfolio::{
    ContractKey, EventKind, HeldBill, Installment, ReturnReason, TimelineEvent,
};

use super::payments::Moved;

/// An installment as an event names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamedInstallment {
    pub id: InstallmentId,
    pub revision: u32,
    pub due_on: Date,
}

impl NamedInstallment {
    pub fn of(installment: &Installment) -> Self {
        Self {
            id: installment.id,
            revision: installment.revision,
            due_on: installment.due_on,
        }
    }

    pub fn pair(&self) -> (InstallmentId, u32) {
        (self.id, self.revision)
    }
}

/// An event that names installments, in the order given.
pub(super) fn of_names(
    contract: &ContractKey,
    on: Date,
    kind: EventKind,
    names: &[NamedInstallment],
) -> TimelineEvent {
    naming(
        bare(contract, on, kind),
        names.iter().map(NamedInstallment::pair),
    )
}

/// An event about one receipt of one installment.
pub(super) fn of_receipt(
    contract: &ContractKey,
    on: Date,
    kind: EventKind,
    named: &NamedInstallment,
    moved: &Moved,
) -> TimelineEvent {
    let receipt = &moved.receipt;
    let detail = format!(
        "{}|{}|{}|{}",
        receipt.paid_on,
        receipt.kind.id(),
        receipt.net,
        moved.ordinal
    );
    let mut event = naming(bare(contract, on, kind), std::iter::once(named.pair()));
    event.id = id_of(&event, &detail);
    event
}

/// An event about the contract itself, with its new revision.
pub(super) fn of_contract(
    contract: &ContractKey,
    on: Date,
    kind: EventKind,
    revision: u32,
) -> TimelineEvent {
    let mut event = bare(contract, on, kind);
    event.contract_revision = revision;
    naming(event, std::iter::empty())
}

/// The event with these installments.
pub(super) fn naming(
    mut event: TimelineEvent,
    names: impl Iterator<Item = (InstallmentId, u32)>,
) -> TimelineEvent {
    (event.installments, event.revisions) = names.unzip();
    event.id = id_of(&event, "");
    event
}

fn bare(contract: &ContractKey, on: Date, kind: EventKind) -> TimelineEvent {
    TimelineEvent {
        id: String::new(),
        contract: contract.clone(),
        on,
        kind,
        installments: Vec::new(),
        revisions: Vec::new(),
        contract_revision: 0,
    }
}

fn id_of(event: &TimelineEvent, detail: &str) -> String {
    let TimelineEvent { contract, kind, .. } = event;
    let mut content = format!(
        "{}\u{1f}{}\u{1f}{}\u{1f}{}\u{1f}{detail}\u{1f}{}",
        contract.bill,
        contract.document_type,
        contract.customer,
        tag(kind),
        event.contract_revision
    );
    for (id, revision) in named(event) {
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
        EventKind::Returned { reason } => match reason {
            ReturnReason::Reconciliation => "returned-reconciliation",
            ReturnReason::CreditorRequest => "returned-creditor-request",
            ReturnReason::Renegotiation => "returned-renegotiation",
            ReturnReason::Receipt => "returned-receipt",
            ReturnReason::WrittenOff => "returned-written-off",
            ReturnReason::Agreement => "returned-agreement",
            ReturnReason::BrokenAgreement => "returned-broken-agreement",
        },
        EventKind::Synchronised => "synchronised",
        EventKind::Reopened => "reopened",
        EventKind::DirectPayment { .. } => "payment",
        EventKind::PaymentReversed { .. } => "reversal",
        EventKind::ContractCancelled => "cancelled",
        EventKind::RightsAssigned => "assigned",
        EventKind::ContractFinished => "finished",
        EventKind::BoletoIssued => "boleto-issued",
        EventKind::BoletoEmailed => "boleto-emailed",
        EventKind::Agreement(_) => "agreement",
    }
}

/// The events to emit: the pending ones, as far as they happened or happen now, and the new ones they do not cover.
/// `None` when the view does not show enough to decide which part of a pending event still happens.
pub(super) fn merge(
    held: &HeldBill,
    fresh: Vec<TimelineEvent>,
    complete_view: bool,
) -> Option<Vec<TimelineEvent>> {
    let mut emitted: Vec<TimelineEvent> = Vec::new();
    for pending in &held.pending_events {
        let (kept, complete) = still_true(held, &fresh, pending);
        if !complete && !complete_view {
            return None;
        }
        emitted.extend(kept);
    }
    let uncovered = fresh
        .into_iter()
        .filter_map(|event| beyond(event, &emitted))
        .collect::<Vec<_>>();
    emitted.extend(uncovered);
    Some(emitted)
}

/// The part of a pending event that happened or happens now, and whether that is all of it.
fn still_true(
    held: &HeldBill,
    fresh: &[TimelineEvent],
    pending: &TimelineEvent,
) -> (Option<TimelineEvent>, bool) {
    let happened = |id: InstallmentId, revision: u32| {
        let installment = held.installment(&pending.contract, id);
        installment.is_some_and(|installment| installment.revision >= revision)
    };
    let names: Vec<(InstallmentId, u32)> = named(pending)
        .filter(|(id, revision)| {
            happened(*id, *revision)
                || fresh
                    .iter()
                    .any(|event| covers(pending, event, *id, *revision))
        })
        .collect();
    let all_names = names.len() == pending.installments.len();
    let holds = if is_of_contract(pending) {
        let contract = held.contract(&pending.contract);
        contract.is_some_and(|contract| contract.revision >= pending.contract_revision)
            || fresh.iter().any(|event| repeats(pending, event))
    } else {
        !names.is_empty()
    };
    let kept = match (holds, all_names) {
        (false, _) => None,
        (true, true) => Some(pending.clone()),
        (true, false) => Some(naming(pending.clone(), names.into_iter())),
    };
    (kept, holds && all_names)
}

/// The part of a new event that the others do not cover.
fn beyond(event: TimelineEvent, emitted: &[TimelineEvent]) -> Option<TimelineEvent> {
    if is_of_contract(&event) {
        return (!emitted.iter().any(|other| repeats(other, &event))).then_some(event);
    }
    let names: Vec<(InstallmentId, u32)> = named(&event)
        .filter(|(id, revision)| {
            !emitted
                .iter()
                .any(|other| covers(other, &event, *id, *revision))
        })
        .collect();
    if names.len() == event.installments.len() {
        Some(event)
    } else if names.is_empty() {
        None
    } else {
        Some(naming(event, names.into_iter()))
    }
}

fn is_of_contract(event: &TimelineEvent) -> bool {
    event.contract_revision > 0
}

/// Whether two events say the same about one contract.
fn repeats(one: &TimelineEvent, other: &TimelineEvent) -> bool {
    (&one.contract, &one.kind, one.contract_revision)
        == (&other.contract, &other.kind, other.contract_revision)
}

/// Whether the contract's opening is still a pending event.
pub(super) fn opening_is_pending(held: &HeldBill, contract: &ContractKey) -> bool {
    let opening = |event: &TimelineEvent| {
        event.contract == *contract && event.kind == EventKind::ContractOpened
    };
    held.pending_events.iter().any(opening)
}

/// Whether two events of one contract say the same about an installment. After a crash the opening of a contract shows up
/// as a synchronisation.
fn covers(one: &TimelineEvent, other: &TimelineEvent, id: InstallmentId, revision: u32) -> bool {
    let alike = match (&one.kind, &other.kind) {
        (EventKind::DirectPayment { .. } | EventKind::PaymentReversed { .. }, _) => {
            one.id == other.id
        }
        (EventKind::Returned { reason }, EventKind::Returned { reason: also }) => reason == also,
        (
            EventKind::ContractOpened,
            EventKind::Synchronised | EventKind::Reopened | EventKind::ContractOpened,
        ) => true,
        (one, other) => discriminant(one) == discriminant(other),
    };
    let names = |event: &TimelineEvent| named(event).any(|name| name == (id, revision));
    alike && one.contract == other.contract && names(one) && names(other)
}

fn named(event: &TimelineEvent) -> impl Iterator<Item = (InstallmentId, u32)> + '_ {
    event
        .installments
        .iter()
        .copied()
        .zip(event.revisions.iter().copied())
}
