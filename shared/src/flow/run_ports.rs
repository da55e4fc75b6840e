//! What runs, webhooks and the sweep store between invocations. The store implements these ports for the functions, the simulation
//! implements them in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::all_records::AllRecords;
use super::{FlowError, TaskName};
use crate::calendar::{Date, Timestamp};
use crate::ids::{BillId, CreditorId, TenantId};
use crate::portfolio::TimelineEvent;
use crate::store::{
    Acquired, Checkpoint, CountedRemovals, Finish, JournalKey, Lease, PendingWebhook, RunStart,
    RunState, Store, StoreError, StoredWebhook,
};

/// Leases, checkpoints, cursors and the task history.
#[async_trait]
pub trait RunStore: Send + Sync {
    /// Takes the lease on a task of a creditor; see [`Store::acquire_lease`].
    async fn acquire(
        &self,
        tenant: &TenantId,
        creditor: CreditorId,
        task: TaskName,
        owner: &str,
        length: Duration,
        now: Timestamp,
    ) -> Result<Acquired, StoreError>;
    /// Renews it; [`StoreError::Conflict`] means that another run has taken it.
    async fn renew(
        &self,
        lease: &mut Lease,
        length: Duration,
        now: Timestamp,
    ) -> Result<(), StoreError>;
    /// Releases it.
    async fn release(&self, lease: Lease) -> Result<(), StoreError>;
    /// The checkpoint of a task of a creditor.
    async fn checkpoint(
        &self,
        tenant: &TenantId,
        creditor: CreditorId,
        task: TaskName,
    ) -> Result<Option<Checkpoint<Value>>, StoreError>;
    /// Replaces the checkpoint of a version (0: there is none); returns the new version.
    async fn save_checkpoint(
        &self,
        tenant: &TenantId,
        creditor: CreditorId,
        task: TaskName,
        version: u64,
        content: &Value,
        now: Timestamp,
    ) -> Result<u64, StoreError>;
    /// Deletes it.
    async fn clear_checkpoint(
        &self,
        tenant: &TenantId,
        creditor: CreditorId,
        task: TaskName,
    ) -> Result<(), StoreError>;
    /// When the last successful run of a task began.
    async fn last_success(
        &self,
        tenant: &TenantId,
        creditor: CreditorId,
        task: TaskName,
    ) -> Result<Option<Timestamp>, StoreError>;
    /// Notes the success of a run that began at an instant.
    async fn succeeded(
        &self,
        tenant: &TenantId,
        creditor: CreditorId,
        task: TaskName,
        began: Timestamp,
    ) -> Result<(), StoreError>;
    /// Writes a run's progress into the task history.
    async fn note_run(
        &self,
        run: &RunStart,
        state: RunState,
        counts: &BTreeMap<String, i64>,
        text: &str,
        expected_end: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StoreError>;
    /// Stores some bills of a run for its last stage, under a number.
    async fn put_removals(
        &self,
        tenant: &TenantId,
        run: &str,
        chunk: u32,
        bills: &[CountedRemovals],
        now: Timestamp,
    ) -> Result<(), StoreError>;
    /// The bills stored under a number.
    async fn removals(
        &self,
        tenant: &TenantId,
        run: &str,
        chunk: u32,
    ) -> Result<Option<Vec<CountedRemovals>>, StoreError>;
    /// Deletes all stored bills of a run.
    async fn clear_removals(&self, tenant: &TenantId, run: &str) -> Result<(), StoreError>;
}

#[async_trait]
impl RunStore for Store {
    async fn acquire(
        &self,
        tenant: &TenantId,
        creditor: CreditorId,
        task: TaskName,
        owner: &str,
        length: Duration,
        now: Timestamp,
    ) -> Result<Acquired, StoreError> {
        self.acquire_lease(tenant, Some(creditor), task.as_str(), owner, length, now)
            .await
    }

    async fn renew(
        &self,
        lease: &mut Lease,
        length: Duration,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.renew_lease(lease, length, now).await
    }

    async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        self.release_lease(lease).await
    }

    async fn checkpoint(
        &self,
        tenant: &TenantId,
        creditor: CreditorId,
        task: TaskName,
    ) -> Result<Option<Checkpoint<Value>>, StoreError> {
        self.load_checkpoint(tenant, Some(creditor), task.as_str())
            .await
    }

    async fn save_checkpoint(
        &self,
        tenant: &TenantId,
        creditor: CreditorId,
        task: TaskName,
        version: u64,
        content: &Value,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let task = task.as_str();
        Self::save_checkpoint(self, tenant, Some(creditor), task, version, content, now).await
    }

    async fn clear_checkpoint(
        &self,
        tenant: &TenantId,
        creditor: CreditorId,
        task: TaskName,
    ) -> Result<(), StoreError> {
        Self::clear_checkpoint(self, tenant, Some(creditor), task.as_str()).await
    }

    async fn last_success(
        &self,
        tenant: &TenantId,
        creditor: CreditorId,
        task: TaskName,
    ) -> Result<Option<Timestamp>, StoreError> {
        let cursor = self.cursor(tenant, Some(creditor), task.as_str()).await?;
        Ok(cursor.map(|cursor| cursor.last_success))
    }

    async fn succeeded(
        &self,
        tenant: &TenantId,
        creditor: CreditorId,
        task: TaskName,
        began: Timestamp,
    ) -> Result<(), StoreError> {
        self.advance_cursor(tenant, Some(creditor), task.as_str(), began)
            .await
    }

    async fn note_run(
        &self,
        run: &RunStart,
        state: RunState,
        counts: &BTreeMap<String, i64>,
        text: &str,
        expected_end: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.start_run(run).await?;
        Self::note_run(self, run, state, counts, text, expected_end, now).await
    }

    async fn put_removals(
        &self,
        tenant: &TenantId,
        run: &str,
        chunk: u32,
        bills: &[CountedRemovals],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        Self::put_removals(self, tenant, run, chunk, bills, now).await
    }

    async fn removals(
        &self,
        tenant: &TenantId,
        run: &str,
        chunk: u32,
    ) -> Result<Option<Vec<CountedRemovals>>, StoreError> {
        Self::removals(self, tenant, run, chunk).await
    }

    async fn clear_removals(&self, tenant: &TenantId, run: &str) -> Result<(), StoreError> {
        Self::clear_removals(self, tenant, run).await
    }
}

/// Stored webhooks.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Webhooks by key; missing ones are left out, and an unreadable one is an error of its own.
    async fn webhooks(
        &self,
        keys: &[JournalKey],
    ) -> Result<Vec<Result<StoredWebhook, StoreError>>, StoreError>;
    /// Finishes webhooks; returns those that could not be.
    async fn finish(&self, finishes: &[Finish], now: Timestamp) -> Vec<(JournalKey, StoreError)>;
    /// A tenant's webhooks whose contract was not found.
    async fn unmatched(
        &self,
        tenant: &TenantId,
        most: usize,
    ) -> Result<Vec<PendingWebhook>, StoreError>;
    /// A tenant's webhooks received in a period and still pending, oldest first.
    async fn pending(
        &self,
        tenant: &TenantId,
        from: Timestamp,
        to: Timestamp,
        most: usize,
    ) -> Result<Vec<PendingWebhook>, StoreError>;
}

#[async_trait]
impl Journal for Store {
    async fn webhooks(
        &self,
        keys: &[JournalKey],
    ) -> Result<Vec<Result<StoredWebhook, StoreError>>, StoreError> {
        self.load_webhooks(keys).await
    }

    async fn finish(&self, finishes: &[Finish], now: Timestamp) -> Vec<(JournalKey, StoreError)> {
        self.finish_all(finishes, now).await
    }

    async fn unmatched(
        &self,
        tenant: &TenantId,
        most: usize,
    ) -> Result<Vec<PendingWebhook>, StoreError> {
        Self::unmatched(self, tenant, most).await
    }

    async fn pending(
        &self,
        tenant: &TenantId,
        from: Timestamp,
        to: Timestamp,
        most: usize,
    ) -> Result<Vec<PendingWebhook>, StoreError> {
        self.pending_between(tenant, from, to, most).await
    }
}

/// Committed events that are not published yet.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// A tenant's events committed before an instant, oldest first.
    async fn unpublished(
        &self,
        tenant: &TenantId,
        before: Timestamp,
        most: usize,
    ) -> Result<Vec<TimelineEvent>, StoreError>;
    /// Removes published events.
    async fn mark_published(
        &self,
        tenant: &TenantId,
        events: &[TimelineEvent],
    ) -> Result<(), StoreError>;
}

#[async_trait]
impl Outbox for Store {
    async fn unpublished(
        &self,
        tenant: &TenantId,
        before: Timestamp,
        most: usize,
    ) -> Result<Vec<TimelineEvent>, StoreError> {
        Self::unpublished(self, tenant, before, most).await
    }

    async fn mark_published(
        &self,
        tenant: &TenantId,
        events: &[TimelineEvent],
    ) -> Result<(), StoreError> {
        Self::mark_published(self, tenant, events).await
    }
}

/// Everything of a creditor's portfolio that is not an installment, as runs read it.
#[async_trait]
pub trait RunRecords: Send + Sync {
    /// Reads what changed since a day. Returns the bills of cancelled contracts.
    async fn changed_since(
        &self,
        creditor: CreditorId,
        since: Date,
    ) -> Result<BTreeSet<BillId>, FlowError>;
    /// One step of reading everything; returns the next one.
    async fn all(&self, creditor: CreditorId, step: AllRecords) -> Result<AllRecords, FlowError>;
    /// The SPC state of late installments.
    async fn credit_bureau(&self, creditor: CreditorId) -> Result<(), FlowError>;
}
