//! The comparison of what Sienge says now with what we hold.
//!
//! [`compare`] is pure and total. It guarantees that
//! - after its changes are applied, comparing the same observation again yields no change and no event;
//! - no installment changes twice in an outcome, and the order of the changes is the same for the same input;
//! - absence, and a balance that vanished without a receipt, close an installment only when confirmed
//!   ([`super::Coverage::WholeConfirmed`]);
//! - an open installment that could not be read stays as it is, with a critique;
//! - what concerns the whole bill (a remake, a rescission, a move to another contract) is never done on a partial view;
//! - a contract opens, for the first time or again, with all its open installments at once;
//! - applying only a part of the changes, keeping the events as pending, and comparing again completes the rest and emits each
//!   event once.

mod agreed;
mod comparison;
mod contracts;
mod draft;
mod events;
mod installments;
mod oddities;
mod payments;
mod returned;
mod route;
#[cfg(test)]
mod tests;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Contract, ContractKey, ContractState, Critique, EventKind, HeldBill, Installment, Observation,
    Policy, ReturnReason, Scope, SettlementKind, TimelineEvent, effective_receipts,
};
use crate::calendar::Date;
use crate::ids::InstallmentId;
use crate::portfolio::{Change, Coverage};

pub use returned::return_installments;

use comparison::Comparison;
use draft::Draft;
use installments::{Lens, Stance};
use route::{ContractRoute, Judged};
use view::View;

/// What must change so that we hold what Sienge says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Changes, in the order to commit them.
    pub changes: Vec<Change>,
    /// Timeline events to commit with them.
    pub events: Vec<TimelineEvent>,
    /// What an operator should know.
    pub critiques: Vec<Critique>,
    /// What must be read before the rest can be done.
    pub next: Next,
}

/// What a comparison needs before it can do the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Next {
    /// Everything is done.
    #[default]
    Nothing,
    /// The view was partial and shows something that concerns the whole bill (a remake, a rescission, an assignment, a change set that a
    /// crash interrupted, an opening whose other installments may not be among the rows: [`super::Coverage::Rows`]), or its source does not
    /// name the enterprise that decides whether a new contract is wanted: read the whole bill, from the other source, and compare again.
    /// Nothing was changed.
    ReadWhole,
    /// This view alone would remove these held open installments (at least one): one whole read did not show them, or showed
    /// them with nothing open and no new receipt to explain why. Read the bill again, mark the observation
    /// [`super::Coverage::WholeConfirmed`], and compare again. They are unchanged, and so is everything else when the view shows a reason
    /// for [`Next::ReadWhole`], too: the second read covers the whole bill. The circuit breaker counts them.
    Confirm(Vec<InstallmentId>),
}

impl Outcome {
    /// The held open installments that only a second read may remove.
    #[must_use]
    pub fn in_question(&self) -> &[InstallmentId] {
        match &self.next {
            Next::Confirm(ids) => ids,
            Next::Nothing | Next::ReadWhole => &[],
        }
    }

    /// The view is not enough: the whole bill must be read, unless that happens anyway to confirm installments.
    fn read_whole(&mut self) {
        if self.next == Next::Nothing {
            self.next = Next::ReadWhole;
        }
    }

    /// Whether the observation behind this outcome answers for every held installment: it covers the whole bill, shows each of
    /// them (a short answer does not), and nothing is left to confirm or put off. Then it also includes all earlier news about them.
    #[must_use]
    pub fn says_all(&self, held: &HeldBill, seen: &Observation) -> bool {
        let shown: BTreeSet<InstallmentId> =
            seen.installments.iter().map(|shown| shown.id).collect();
        seen.coverage.is_whole()
            && self.next == Next::Nothing
            && self.critiques.iter().all(Critique::leaves_nothing_undone)
            && held.installments().all(|row| shown.contains(&row.id))
    }
}

/// Compares what Sienge says with what we hold.
#[must_use]
pub fn compare(
    held: &HeldBill,
    seen: &Observation,
    scope: Scope,
    policy: &Policy<'_>,
    today: Date,
) -> Outcome {
    let view = View::of(seen);
    let mut outcome = Outcome::default();
    oddities::criticise(held, &view, policy, &mut outcome.critiques);
    match route::choose(held, &view, scope, policy, &mut outcome.critiques) {
        ContractRoute::Nothing => {}
        ContractRoute::AskForWhole => outcome.read_whole(),
        ContractRoute::Judge(judged) => Comparison {
            held,
            view: &view,
            scope,
            policy,
            today,
        }
        .judge(*judged, &mut outcome),
    }
    outcome
}

/// The remakes that a view shows of open installments.
struct Remakes {
    /// Installments remade by our own agreements.
    ours: BTreeSet<InstallmentId>,
    /// Whether one of them is still open here.
    closes_ours: bool,
    /// The negotiations of the other installments that were remade.
    foreign: Vec<u32>,
}

impl Comparison<'_> {
    fn judge(&self, judged: Judged, outcome: &mut Outcome) {
        oddities::criticise_days(
            self.held,
            self.view,
            judged.ignored,
            self.policy,
            self.today,
            &mut outcome.critiques,
        );
        let Judged {
            mut left,
            mut current,
            ignored,
        } = judged;
        // The settings leave the bill out (its company is ignored or not registered): it stays with its creditor, whose reconciliation returns it.
        if let Some(header) = self.view.header.filter(|_| !ignored) {
            current.creditor = header.creditor;
        }
        // With several, a crash interrupted a move to one of them: the others held the installments before.
        left.sort_by_key(|key| events::opening_is_pending(self.held, key));
        let was_held = self.held.contract(&current.key).is_some();
        // A read that does not show the bill says nothing of where it belongs: it is gone, or the read is short.
        let clears = ignored && self.scope == Scope::Reconciliation && self.view.header.is_some();
        let moves = !left.is_empty();
        let mut draft = Draft::new(
            self.held,
            self.today,
            self.scope == Scope::Sync,
            self.policy.classes,
        );

        let Remakes {
            ours,
            closes_ours,
            foreign: remakes,
        } = self.remakes(&draft, &current.key);
        let rescinds = !self
            .open_gains(&draft, &current.key, &SettlementKind::Rescission)
            .is_empty();
        let bill_wide = moves || clears || rescinds || closes_ours || !remakes.is_empty();
        if bill_wide && !self.view.is_whole() {
            outcome.read_whole();
            return;
        }
        let in_question = self.in_question(&draft, left.iter().chain([&current.key]), clears);
        if !in_question.is_empty() {
            outcome.next = Next::Confirm(in_question);
            if moves || clears || !remakes.is_empty() {
                return;
            }
        }
        if moves && self.scope == Scope::Counting && self.leaves_out_some_of(&draft, &left) {
            return;
        }

        self.judge_left(&mut draft, &current, &left);
        let elsewhere = self.elsewhere(&draft, &current, &left);
        if let Some(last) = remakes.iter().max()
            && self.view.shows_something_to_collect(self.policy)
        {
            current.negotiation = current.negotiation.max(last.saturating_add(1));
        }
        let stance = match (ignored, moves) {
            (true, _) if clears => Stance::Returns,
            (true, _) => Stance::Keeps,
            (false, false) => Stance::Takes,
            (false, true) => Stance::Receives,
        };
        let remade = !remakes.is_empty() || self.remake_is_unfinished(&draft, &current.key);
        let lens = Lens::of_current(self, &current, stance, &elsewhere, ours, remade);
        if !was_held {
            current.opened = self.view.opened(self.today);
        }
        judge_held(&mut draft, &lens, &current.key);
        self.include(&mut draft, &lens, &current.key);
        let was_open = was_held && current.state == ContractState::Open;
        if !was_open && !self.view.may_open() && draft.is_alive(&current.key) {
            outcome.read_whole();
            return;
        }
        outcome
            .critiques
            .extend(self.unclassified(&draft, &current.key));

        let assigned = left.iter().any(|key| key.customer != current.key.customer);
        for key in &left {
            if let Some(contract) = self.held.contract(key) {
                contracts::conclude_left(&mut draft, contract, &current.key, assigned, self.today);
            }
        }
        if was_held || draft.is_alive(&current.key) {
            contracts::conclude_current(
                &mut draft, self.view, current, was_held, assigned, self.today,
            );
        }
        self.conclude(draft, outcome);
    }

    /// The remakes that the view shows of open installments.
    fn remakes(&self, draft: &Draft<'_>, current: &ContractKey) -> Remakes {
        let ours = agreed::remade_by_agreements(self.held, self.view);
        let remade = self.open_gains(draft, current, &SettlementKind::Remade);
        let foreign = remade.iter().filter(|(id, _)| !ours.contains(id));
        Remakes {
            closes_ours: remade.iter().any(|(id, _)| ours.contains(id)),
            foreign: foreign.map(|(_, negotiation)| *negotiation).collect(),
            ours,
        }
    }

    /// Judges what is held under contracts that the bill left: it leaves collection there.
    fn judge_left(&self, draft: &mut Draft<'_>, current: &Contract, left: &[ContractKey]) {
        let mut elsewhere = BTreeMap::new();
        for key in left {
            judge_held(draft, &Lens::of_left(self, current, &elsewhere), key);
            let judged = draft.after_of(key).map(|after| (after.id, after.clone()));
            elsewhere.extend(judged);
        }
    }

    fn conclude(&self, mut draft: Draft<'_>, outcome: &mut Outcome) {
        let fresh = draft.events();
        let complete_view = self.view.is_whole() && outcome.next == Next::Nothing;
        if let Some(events) = events::merge(self.held, fresh, complete_view) {
            outcome.changes = draft.changes();
            outcome.events = events;
        } else if !self.view.is_whole() {
            outcome.read_whole();
        }
    }

    /// Whether the settings leave out an installment held open under one of these contracts, so that moving the bill would remove it.
    fn leaves_out_some_of(&self, draft: &Draft<'_>, contracts: &[ContractKey]) -> bool {
        let mut open = contracts
            .iter()
            .flat_map(|key| draft.held_of(key))
            .filter(|held| held.is_open());
        open.any(|held| {
            let row = self.view.installments.get(&held.id);
            row.is_some_and(|row| self.policy.ignores_installment(row))
        })
    }

    /// Held open installments, with their negotiations, that show a receipt of a kind we did not know.
    fn open_gains(
        &self,
        draft: &Draft<'_>,
        contract: &ContractKey,
        kind: &SettlementKind,
    ) -> Vec<(InstallmentId, u32)> {
        draft
            .held_of(contract)
            .filter(|held| held.is_open())
            .filter(|held| {
                let row = self.view.installments.get(&held.id);
                row.is_some_and(|row| {
                    payments::gained(kind, &held.receipts, &row.receipts, self.policy.classes)
                })
            })
            .map(|held| (held.id, held.negotiation))
            .collect()
    }

    /// Settlements of unclassified types on installments we hold.
    fn unclassified(&self, draft: &Draft<'_>, contract: &ContractKey) -> Vec<Critique> {
        let classes = self.policy.classes;
        let rows = draft
            .after_of(contract)
            .filter(|row| self.view.installments.contains_key(&row.id));
        let mut kinds: Vec<&SettlementKind> = rows
            .filter(|row| {
                row.receipts
                    .iter()
                    .any(|receipt| classes.of(&receipt.kind).is_none())
            })
            .flat_map(|row| effective_receipts(&row.receipts, classes))
            .map(|receipt| &receipt.kind)
            .filter(|kind| classes.of(kind).is_none())
            .collect();
        kinds.sort_unstable();
        kinds.dedup();
        let critique = |settlement: &SettlementKind| Critique::SettlementNotClassified {
            bill: self.view.bill,
            settlement: settlement.clone(),
        };
        kinds.into_iter().map(critique).collect()
    }

    /// Whether a crash interrupted the return of a remade negotiation: the installments that showed the remake may be closed already.
    fn remake_is_unfinished(&self, draft: &Draft<'_>, contract: &ContractKey) -> bool {
        let kind = EventKind::Returned {
            reason: ReturnReason::Renegotiation,
        };
        let returns = self.held.pending_events.iter();
        let returns = returns.filter(|event| event.contract == *contract && event.kind == kind);
        let names: BTreeMap<InstallmentId, u32> = returns
            .flat_map(|event| {
                event
                    .installments
                    .iter()
                    .copied()
                    .zip(event.revisions.iter().copied())
            })
            .collect();
        let waits = |held: &Installment| {
            names
                .get(&held.id)
                .is_some_and(|revision| held.revision < *revision)
        };
        draft
            .held_of(contract)
            .any(|held| held.is_open() && waits(held))
    }

    /// The installments of these contracts that only a second read takes away: those that are gone, and in a reconciliation those that
    /// the settings leave out, or all of a bill that it returns.
    fn in_question<'k>(
        &self,
        draft: &Draft<'_>,
        contracts: impl Iterator<Item = &'k ContractKey>,
        clears: bool,
    ) -> Vec<InstallmentId> {
        let leaves_out = |held: &Installment| {
            clears
                || self.view.installments.get(&held.id).is_some_and(|row| {
                    !row.balance.is_zero() && self.policy.ignores_installment(row)
                })
        };
        let goes_back = |held: &Installment| {
            self.scope == Scope::Reconciliation
                && self.view.coverage != Coverage::WholeConfirmed
                && held.is_open()
                && leaves_out(held)
        };
        let held = contracts.flat_map(|key| draft.held_of(key));
        let mut ids: Vec<InstallmentId> = held
            .filter(|held| {
                let is_gone = !clears && self.view.leaves_in_question(held, self.policy.classes);
                is_gone || goes_back(held)
            })
            .map(|held| held.id)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// The last known state of each installment on the bill's other contracts: those the current contract does not hold,
    /// and, when the bill moves, all that changed since it left the current contract.
    fn elsewhere(
        &self,
        draft: &Draft<'_>,
        current: &Contract,
        left: &[ContractKey],
    ) -> BTreeMap<InstallmentId, Installment> {
        let others = self.held.contracts();
        let mut others: Vec<&Contract> = others
            .filter(|other| other.key.bill == current.key.bill && other.key != current.key)
            .collect();
        others.sort_by_key(|other| (left.contains(&other.key), left_on(other)));
        let mut known = BTreeMap::new();
        for other in others {
            let is_newer = left.contains(&other.key)
                || (!left.is_empty() && left_on(other) > left_on(current));
            for installment in draft.after_of(&other.key) {
                let here = self.held.installment(&current.key, installment.id);
                if is_newer || here.is_none() {
                    known.insert(installment.id, installment.clone());
                }
            }
        }
        known
    }

    fn include(&self, draft: &mut Draft<'_>, lens: &Lens<'_>, contract: &ContractKey) {
        for (id, row) in &self.view.installments {
            if self.held.installment(contract, *id).is_some() {
                continue;
            }
            if let Some(verdict) = lens.judge_new(contract, row) {
                draft.decide(verdict);
            }
        }
    }
}

/// When the bill left a contract; the end of time when it did not.
fn left_on(contract: &Contract) -> Date {
    match contract.state {
        ContractState::Assigned { on } => on,
        _ => Date::MAX,
    }
}

fn judge_held(draft: &mut Draft<'_>, lens: &Lens<'_>, contract: &ContractKey) {
    for held in draft.held_of(contract) {
        if let Some(verdict) = lens.judge(held) {
            draft.decide(verdict);
        }
    }
}

/// Applies an outcome to the held state, as committing it does: the version grows by one when something is written, and
/// no event stays pending.
pub fn apply(held: &mut HeldBill, outcome: &Outcome) {
    if outcome.changes.is_empty() && outcome.events.is_empty() {
        return;
    }
    let version = held.version + 1;
    held.apply(&outcome.changes);
    held.version = version;
    held.pending_events.clear();
}
