//! The portfolio's port: the memory store, an effect at a time, and what must be true of every commit.

use std::collections::BTreeSet;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use ponte::flow::outbox::publish;
use ponte::flow::{FlowError, Outbox};
use ponte::ids::{BillId, CreditorId, InstallmentId, TenantId};
use ponte::money::Cents;
use ponte::portfolio::{
    Change, HeldBill, Installment, InstallmentState, ReturnReason, TimelineEvent,
};
use ponte::store::{CritiqueNote, OpenEntry, StoreError};
use ponte::sync::{Commit, Portfolio, Window};

use super::checks::is_left_out;
use super::state::{Answer, Simulation, State};
use super::store::MemoryStore;

/// An original value that no installment has: that of a row which another one contradicts.
pub const LIE: Cents = Cents::new(1_313_131_313);

#[async_trait]
impl Portfolio for Simulation {
    async fn load(&self, bills: &[BillId]) -> Vec<(BillId, Result<HeldBill, StoreError>)> {
        let mut loaded = Vec::new();
        for bill in bills {
            self.effect().await;
            loaded.push((*bill, Ok(self.state().store.load(*bill))));
        }
        loaded
    }

    async fn version(&self, bill: BillId) -> Result<u64, StoreError> {
        self.effect().await;
        Ok(self.state().store.load(bill).version)
    }

    async fn commit(&self, commit: &Commit<'_>) -> Result<(u64, Vec<TimelineEvent>), StoreError> {
        self.effect().await;
        let mut slices = {
            let mut state = self.state();
            state.check(commit);
            let limits = state.limits;
            MemoryStore::commit(
                commit.bill,
                commit.held,
                commit.outcome,
                commit.stamp,
                limits,
            )
        };
        let mut events = Vec::new();
        loop {
            let written = self.state().store.write(&mut slices);
            match written {
                None => break,
                Some(Ok(new)) => events.extend(new),
                Some(Err(_)) => {
                    self.state().counts.conflicts += 1;
                    return Err(StoreError::Conflict);
                }
            }
            self.effect().await;
        }
        self.state().note_removals(commit);
        Ok((slices.version(), events))
    }

    async fn publish(&self, events: &[TimelineEvent]) {
        let tenant = self.state().tenant.clone();
        publish(self, self, &tenant, events).await;
    }

    async fn review(
        &self,
        _bill: BillId,
        _held: &HeldBill,
        _changes: &[Change],
    ) -> Result<bool, FlowError> {
        Ok(false)
    }

    async fn count_open(&self, creditor: CreditorId) -> Result<u64, StoreError> {
        self.effect().await;
        let open = self.state().held_open().get(&creditor).copied();
        Ok(open.unwrap_or_default())
    }

    fn open_installments(
        &self,
        creditor: CreditorId,
        window: Window,
    ) -> BoxStream<'static, Result<OpenEntry, StoreError>> {
        let me = self.clone();
        let entries = async move {
            me.effect().await;
            let state = me.state();
            let held = state.store.bills.values();
            let rows = held.flat_map(HeldBill::installments);
            let wanted = rows.filter(|row| {
                row.is_open()
                    && row.creditor == creditor
                    && (window.from..=window.to).contains(&row.due_on)
            });
            stream::iter(wanted.map(entry_of).map(Ok).collect::<Vec<_>>())
        };
        stream::once(entries).flatten().boxed()
    }

    async fn criticise(
        &self,
        _creditor: Option<CreditorId>,
        _notes: &[CritiqueNote],
    ) -> Result<(), StoreError> {
        self.effect().await;
        Ok(())
    }
}

#[async_trait]
impl Outbox for Simulation {
    async fn unpublished(
        &self,
        _tenant: &TenantId,
        before: ponte::calendar::Timestamp,
        _most: usize,
    ) -> Result<Vec<TimelineEvent>, StoreError> {
        self.effect().await;
        let state = self.state();
        let waiting = state.store.outbox.iter().filter(|(_, at)| **at < before);
        Ok(waiting
            .map(|(key, _)| state.store.timeline[key].clone())
            .collect())
    }

    async fn mark_published(
        &self,
        _tenant: &TenantId,
        events: &[TimelineEvent],
    ) -> Result<(), StoreError> {
        self.effect().await;
        let mut state = self.state();
        for event in events {
            let key = (event.contract.bill, event.id.clone());
            state.store.outbox.remove(&key);
        }
        Ok(())
    }
}

fn entry_of(row: &Installment) -> OpenEntry {
    OpenEntry {
        bill: row.contract.bill,
        key: row.contract.clone(),
        id: row.id,
        due_on: row.due_on,
        fingerprint: row.fingerprint(),
        boleto: row.boleto,
    }
}

impl State {
    /// Notes how much is held open while the invocation lives: the most counts, whoever opened it.
    pub fn note_held_open(&mut self) {
        for (creditor, open) in self.held_open() {
            let known = self.invocation.held_open.entry(creditor).or_default();
            *known = open.max(*known);
        }
    }

    /// What must be true of a commit, by what Sienge answered the invocation that makes it.
    fn check(&mut self, commit: &Commit<'_>) {
        let none = Vec::new();
        let answers = self.invocation.answers.get(&commit.bill).unwrap_or(&none);
        for change in &commit.outcome.changes {
            let Change::Installment(_, after) = change else {
                continue;
            };
            assert!(
                after.original != LIE,
                "a row that another one contradicts was believed: {after:?}"
            );
            let Some(before) = commit.held.installment(&after.contract, after.id) else {
                continue;
            };
            if before.is_open() {
                check_removal(after, answers);
                check_unread(before, after, answers);
            }
        }
    }

    /// Counts what a commit took away, by who held it: open installments that close without a new receipt, and are nowhere else. One
    /// that moves and could not be read there is not taken away.
    fn note_removals(&mut self, commit: &Commit<'_>) {
        self.note_held_open();
        let changes = &commit.outcome.changes;
        let none = Vec::new();
        let answers = self.invocation.answers.get(&commit.bill).unwrap_or(&none);
        let opened = |id: InstallmentId| {
            let mut changes = changes.iter();
            changes.any(|change| matches!(change, Change::Installment(_, after) if after.id == id && after.is_open()))
        };
        for change in changes {
            let Change::Installment(_, after) = change else {
                continue;
            };
            let before = commit.held.installment(&after.contract, after.id);
            let Some(before) = before.filter(|before| before.is_open() && !after.is_open()) else {
                continue;
            };
            let remade = matches!(
                after.state,
                InstallmentState::Closed {
                    reason: ReturnReason::Renegotiation | ReturnReason::Agreement,
                    ..
                }
            );
            // Two receipts may be alike.
            let explained = after.receipts.len() > before.receipts.len()
                || after
                    .receipts
                    .iter()
                    .any(|receipt| !before.receipts.contains(receipt));
            let is_unread = answers
                .last()
                .is_some_and(|answer| answer.unread.contains(&after.id) && moves(answer, before));
            if !explained && !remade && !is_unread && !opened(after.id) {
                *self.invocation.removed.entry(before.creditor).or_default() += 1;
            }
        }
    }
}

/// Nothing is removed because it was missing from one answer: whatever leaves collection without a receipt was shown, or was looked for
/// twice, or its bill goes back to a creditor.
fn check_removal(after: &Installment, answers: &[Answer]) {
    let InstallmentState::Closed { reason, .. } = after.state else {
        return;
    };
    let removes = matches!(
        reason,
        ReturnReason::Reconciliation | ReturnReason::CreditorRequest
    );
    let shown =
        |answer: &Answer| answer.read.contains(&after.id) || answer.unread.contains(&after.id);
    let told = answers.iter().any(|answer| {
        answer.confirms || shown(answer) || answer.header.as_ref().is_some_and(is_left_out)
    });
    assert!(!removes || told, "{after:?} removed after one look");
}

/// What is shown and could not be read by any look stays as it is, unless its bill moves to another contract or to nobody's company.
fn check_unread(before: &Installment, after: &Installment, answers: &[Answer]) {
    let is_in = |of: fn(&Answer) -> &BTreeSet<InstallmentId>| {
        answers.iter().any(|answer| of(answer).contains(&after.id))
    };
    if !is_in(|answer| &answer.unread) || is_in(|answer| &answer.read) {
        return;
    }
    let moves = answers
        .iter()
        .any(|answer| moves(answer, before) || answer.header.as_ref().is_some_and(is_left_out));
    assert!(
        moves || before.fingerprint() == after.fingerprint(),
        "could not be read and changed: {before:?} {after:?}"
    );
}

/// Whether an answer shows the bill of an installment in another contract.
fn moves(answer: &Answer, before: &Installment) -> bool {
    answer.header.as_ref().is_some_and(|header| {
        header.customer != before.contract.customer
            || header.document_type != before.contract.document_type
    })
}
