//! The portfolio of a tenant in DynamoDB, and the dry run's layer over it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;

use super::agreements::Agreements;
use super::outbox::publish;
use super::{Adapters, FlowError};
use crate::ids::{BillId, CreditorId, TenantId};
use crate::portfolio::{Change, HeldBill, TimelineEvent};
use crate::store::{Committed, CritiqueNote, OpenEntry, StoreError};
use crate::sync::{Commit, Portfolio, Window};

/// One tenant's portfolio in DynamoDB.
pub(super) struct StoredPortfolio {
    pub(super) tenant: TenantId,
    pub(super) adapters: Adapters,
    pub(super) agreements: Arc<Agreements>,
}

#[async_trait]
impl Portfolio for StoredPortfolio {
    async fn load(&self, bills: &[BillId]) -> Vec<(BillId, Result<HeldBill, StoreError>)> {
        self.adapters.store.load_bills(&self.tenant, bills).await
    }

    async fn version(&self, bill: BillId) -> Result<u64, StoreError> {
        self.adapters.store.bill_version(&self.tenant, bill).await
    }

    async fn commit(&self, commit: &Commit<'_>) -> Result<(u64, Vec<TimelineEvent>), StoreError> {
        let Commit {
            bill,
            creditor,
            held,
            outcome,
            stamp,
        } = *commit;
        let store = &self.adapters.store;
        let Committed { version, events } = store
            .commit(&self.tenant, bill, creditor, held, outcome, stamp)
            .await?;
        Ok((version, events))
    }

    async fn publish(&self, events: &[TimelineEvent]) {
        let Adapters { store, bus, .. } = &self.adapters;
        publish(store, &**bus, &self.tenant, events).await;
    }

    async fn review(
        &self,
        bill: BillId,
        held: &HeldBill,
        changes: &[Change],
    ) -> Result<bool, FlowError> {
        self.agreements.review_bill(bill, held, changes).await
    }

    async fn count_open(&self, creditor: CreditorId) -> Result<u64, StoreError> {
        self.adapters.store.count_open(&self.tenant, creditor).await
    }

    fn open_installments(
        &self,
        creditor: CreditorId,
        window: Window,
    ) -> BoxStream<'static, Result<OpenEntry, StoreError>> {
        let (from, to) = (Some(window.from), Some(window.to));
        self.adapters
            .store
            .open_installments(&self.tenant, creditor, from, to)
            .boxed()
    }

    async fn criticise(
        &self,
        creditor: Option<CreditorId>,
        notes: &[CritiqueNote],
    ) -> Result<(), StoreError> {
        let now = (self.adapters.clock)();
        self.adapters
            .store
            .record_critiques(&self.tenant, creditor, notes, now)
            .await?;
        Ok(())
    }
}

/// The portfolio of a dry run: writes are kept in memory, so that a bill read twice is counted once, and nothing reaches the
/// portfolio behind it.
pub(super) struct Rehearsal<P> {
    behind: P,
    written: Mutex<RehearsedBills>,
}

#[derive(Default)]
struct RehearsedBills {
    bills: HashMap<BillId, HeldBill>,
    installments: usize,
}

/// Installments a dry run remembers; beyond that, a bill read twice counts twice.
const MAX_REMEMBERED: usize = 50_000;

impl<P> Rehearsal<P> {
    /// A dry run over a portfolio.
    pub(super) fn of(behind: P) -> Self {
        Self {
            behind,
            written: Mutex::default(),
        }
    }

    fn written(&self) -> MutexGuard<'_, RehearsedBills> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl<P: Portfolio> Portfolio for Rehearsal<P> {
    async fn load(&self, bills: &[BillId]) -> Vec<(BillId, Result<HeldBill, StoreError>)> {
        let mut loaded = self.behind.load(bills).await;
        let written = self.written();
        for (bill, held) in &mut loaded {
            if let Some(rehearsed) = written.bills.get(bill) {
                *held = Ok(rehearsed.clone());
            }
        }
        loaded
    }

    async fn version(&self, bill: BillId) -> Result<u64, StoreError> {
        let rehearsed = self.written().bills.get(&bill).map(|held| held.version);
        match rehearsed {
            Some(version) => Ok(version),
            None => self.behind.version(bill).await,
        }
    }

    async fn commit(&self, commit: &Commit<'_>) -> Result<(u64, Vec<TimelineEvent>), StoreError> {
        let mut written = self.written();
        let changes = &commit.outcome.changes;
        if changes.is_empty() || written.installments > MAX_REMEMBERED {
            return Ok((commit.held.version, Vec::new()));
        }
        let mut held = commit.held.clone();
        held.apply(changes);
        held.version += 1;
        let version = held.version;
        written.installments += held.installments().count();
        written.bills.insert(commit.bill, held);
        Ok((version, Vec::new()))
    }

    async fn publish(&self, _events: &[TimelineEvent]) {}

    async fn review(
        &self,
        _bill: BillId,
        _held: &HeldBill,
        _changes: &[Change],
    ) -> Result<bool, FlowError> {
        Ok(false)
    }

    async fn count_open(&self, creditor: CreditorId) -> Result<u64, StoreError> {
        self.behind.count_open(creditor).await
    }

    fn open_installments(
        &self,
        creditor: CreditorId,
        window: Window,
    ) -> BoxStream<'static, Result<OpenEntry, StoreError>> {
        self.behind.open_installments(creditor, window)
    }

    async fn criticise(
        &self,
        _creditor: Option<CreditorId>,
        _notes: &[CritiqueNote],
    ) -> Result<(), StoreError> {
        Ok(())
    }
}
