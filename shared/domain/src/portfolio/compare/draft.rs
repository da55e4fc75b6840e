//! The decisions of one comparison while it runs: the resulting state, and the events to emit.

use std::collections::BTreeMap;

use crate::calendar::Date;
use crate::ids::InstallmentId;
use crate::portfolio::{
    Action, Change, Contract, ContractKey, ContractState, EventKind, HeldBill, Installment,
    ReturnReason, SettlementClasses, SettlementKind, TimelineEvent, standing_receipts,
};

use super::events::{self, NamedInstallment};
use super::installments::Verdict;

/// Decisions so far, over the held state.
pub(super) struct Draft<'a> {
    held: &'a HeldBill,
    today: Date,
    by_sync: bool,
    classes: &'a SettlementClasses,
    contracts: BTreeMap<ContractKey, Contract>,
    installments: BTreeMap<ContractKey, BTreeMap<InstallmentId, (Action, Installment)>>,
    drafts: BTreeMap<ContractKey, EventDraft>,
}

/// The events to emit for one contract.
#[derive(Default)]
struct EventDraft {
    payments: Vec<TimelineEvent>,
    returned: BTreeMap<ReturnReason, Vec<NamedInstallment>>,
    reopened: Vec<NamedInstallment>,
    synchronised: Vec<NamedInstallment>,
    /// Opened installments, named by `ContractOpened` when the contract opens with them.
    opened: Vec<NamedInstallment>,
    contract: Vec<EventKind>,
}

impl<'a> Draft<'a> {
    pub fn new(
        held: &'a HeldBill,
        today: Date,
        by_sync: bool,
        classes: &'a SettlementClasses,
    ) -> Self {
        Self {
            held,
            today,
            by_sync,
            classes,
            contracts: BTreeMap::new(),
            installments: BTreeMap::new(),
            drafts: BTreeMap::new(),
        }
    }

    /// The installments held of a contract, before this comparison.
    pub fn held_of(
        &self,
        contract: &ContractKey,
    ) -> impl Iterator<Item = &'a Installment> + use<'a> {
        self.held.installments_of(contract)
    }

    /// The installments of a contract after the decisions taken so far.
    pub fn after_of<'d>(
        &'d self,
        contract: &ContractKey,
    ) -> impl Iterator<Item = &'d Installment> + use<'d, 'a> {
        let changed = self.installments.get(contract);
        let unchanged = self
            .held_of(contract)
            .filter(move |held| changed.is_none_or(|changed| !changed.contains_key(&held.id)));
        let changed = changed.into_iter().flat_map(BTreeMap::values);
        unchanged.chain(changed.map(|(_, installment)| installment))
    }

    /// Records a verdict.
    pub fn decide(&mut self, verdict: Verdict) {
        let Verdict { after, action, .. } = &verdict;
        let key = after.contract.clone();
        let named = NamedInstallment::of(after);
        let event = self.drafts.entry(key.clone()).or_default();
        for step in &verdict.reversed {
            let kind = EventKind::PaymentReversed {
                class: self.classes.of(&step.moved.receipt.kind),
                settlement: step.moved.receipt.kind.clone(),
                paid_on: step.moved.receipt.paid_on,
                reversed: step.moved.receipt.net,
                balance: step.balance,
            };
            event.payments.push(events::of_receipt(
                &key,
                self.today,
                kind,
                &named,
                &step.moved,
            ));
        }
        let settles = matches!(action, Action::Settled | Action::Included) && after.is_settled();
        for (index, step) in verdict.paid.iter().enumerate() {
            let kind = EventKind::DirectPayment {
                class: self.classes.of(&step.moved.receipt.kind),
                settlement: step.moved.receipt.kind.clone(),
                paid_on: step.moved.receipt.paid_on,
                original: after.original,
                paid: step.moved.receipt.net,
                amortised: step.amortised,
                balance: step.balance,
                total: settles && index + 1 == verdict.paid.len(),
                by_sync: self.by_sync,
            };
            event.payments.push(events::of_receipt(
                &key,
                self.today,
                kind,
                &named,
                &step.moved,
            ));
        }
        if let Some(reason) = verdict.returned {
            event
                .returned
                .entry(reason)
                .or_default()
                .push(named.clone());
        }
        if verdict.reopened {
            event.reopened.push(named.clone());
        }
        if verdict.synchronised {
            event.synchronised.push(named.clone());
        }
        if matches!(action, Action::Included | Action::Reopened) && after.is_open() {
            event.opened.push(named);
        }
        let of_contract = self.installments.entry(key).or_default();
        of_contract.insert(after.id, (verdict.action, verdict.after));
    }

    /// Records a contract's new state and its events.
    pub fn record_contract(&mut self, contract: Contract, events: Vec<EventKind>) {
        let event = self.drafts.entry(contract.key.clone()).or_default();
        event.contract.extend(events);
        if self.held.contract(&contract.key) != Some(&contract) {
            let revision = contract.revision.saturating_add(1);
            self.contracts.insert(
                contract.key.clone(),
                Contract {
                    revision,
                    ..contract
                },
            );
        }
    }

    /// The changes in the order to commit them: contracts that are open, so that no installment is without one; installments that
    /// close, then those that open; finished contracts come last, so that an interrupted change set is recognised by its open contract.
    pub fn changes(&self) -> Vec<Change> {
        let of_state = |open: bool| {
            self.contracts
                .values()
                .filter(move |contract| (contract.state == ContractState::Open) == open)
                .cloned()
                .map(Change::Contract)
        };
        let of_openness = |open: bool| {
            self.installments
                .values()
                .flat_map(BTreeMap::values)
                .filter(move |(_, installment)| installment.is_open() == open)
                .cloned()
                .map(|(action, installment)| Change::Installment(action, installment))
        };
        of_state(true)
            .chain(of_openness(false))
            .chain(of_openness(true))
            .chain(of_state(false))
            .collect()
    }

    /// The events, contract by contract.
    pub fn events(&mut self) -> Vec<TimelineEvent> {
        let mut all = Vec::new();
        for (key, event) in std::mem::take(&mut self.drafts) {
            let revision = self
                .contracts
                .get(&key)
                .map_or(0, |contract| contract.revision);
            self.emit(&key, event, revision, &mut all);
        }
        all
    }

    fn emit(
        &self,
        key: &ContractKey,
        event: EventDraft,
        revision: u32,
        all: &mut Vec<TimelineEvent>,
    ) {
        let (opening, ending): (Vec<EventKind>, Vec<EventKind>) = event
            .contract
            .into_iter()
            .partition(|kind| *kind == EventKind::ContractOpened);
        let opens = !opening.is_empty();
        if opens {
            let opened = events::of_contract(key, self.today, EventKind::ContractOpened, revision);
            all.push(events::naming(
                opened,
                event.opened.iter().map(NamedInstallment::pair),
            ));
        }
        all.extend(event.payments);
        for (reason, names) in event.returned {
            // The playbook's screen names returned installments by due date.
            let mut names = names;
            names.sort_by_key(|named| (named.due_on, named.id));
            all.push(events::of_names(
                key,
                self.today,
                EventKind::Returned { reason },
                &names,
            ));
        }
        if !event.reopened.is_empty() {
            all.push(events::of_names(
                key,
                self.today,
                EventKind::Reopened,
                &event.reopened,
            ));
        }
        let mut synchronised = event.synchronised;
        if opens {
            synchronised.retain(|named| !event.opened.contains(named));
        }
        if !synchronised.is_empty() {
            all.push(events::of_names(
                key,
                self.today,
                EventKind::Synchronised,
                &synchronised,
            ));
        }
        all.extend(
            ending
                .into_iter()
                .map(|kind| events::of_contract(key, self.today, kind, revision)),
        );
    }

    /// Whether a contract has an open installment after the decisions.
    pub fn is_alive(&self, contract: &ContractKey) -> bool {
        self.after_of(contract).any(Installment::is_open)
    }

    /// The day of the last `Distrato` written against a contract's installments.
    pub fn rescinded_on(&self, contract: &ContractKey) -> Option<Date> {
        self.after_of(contract)
            .flat_map(|installment| standing_receipts(&installment.receipts, self.classes))
            .filter(|receipt| receipt.kind == SettlementKind::Rescission)
            .map(|receipt| receipt.paid_on)
            .max()
    }
}
