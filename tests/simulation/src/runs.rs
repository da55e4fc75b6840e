//! The ports of runs, of records and of the clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use ponte::calendar::{Date, Timestamp};
use ponte::flow::{AllRecords, FlowError, RunRecords, RunStore, SyncOutcome, TaskName};
use ponte::ids::{BillId, CreditorId, CustomerId, SalesContractId, TenantId, UnitId};
use ponte::portfolio::Scope;
use ponte::store::{Acquired, Checkpoint, CountedRemovals, Lease, RunStart, RunState, StoreError};
use ponte::sync::{InvocationClock, Records, UnreadRecords};
use serde_json::Value;

use super::state::{Simulation, at};

#[async_trait]
impl RunStore for Simulation {
    async fn acquire(
        &self,
        tenant: &TenantId,
        creditor: CreditorId,
        task: TaskName,
        owner: &str,
        length: Duration,
        now: Timestamp,
    ) -> Result<Acquired, StoreError> {
        self.effect().await;
        let expires = now.checked_add(length).unwrap();
        let lease = Lease::new(tenant, Some(creditor), task.as_str(), owner, expires);
        let leases = &mut self.state().runs.leases;
        let held = leases.iter().find(|held| held.is_of_same(&lease));
        if let Some(held) = held.filter(|held| held.owner() != owner && held.expires > now) {
            let until = held.expires;
            return Ok(Acquired::Held { until });
        }
        leases.retain(|held| !held.is_of_same(&lease));
        leases.push(lease.clone());
        Ok(Acquired::Yes(lease))
    }

    async fn renew(
        &self,
        lease: &mut Lease,
        length: Duration,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.effect().await;
        let leases = &mut self.state().runs.leases;
        let held = leases.iter_mut().find(|held| held.is_of_same(lease));
        let held = held.filter(|held| held.owner() == lease.owner());
        let held = held.ok_or(StoreError::Conflict)?;
        held.expires = now.checked_add(length).unwrap();
        lease.expires = held.expires;
        Ok(())
    }

    async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        self.effect().await;
        let is_it = |held: &Lease| held.is_of_same(&lease) && held.owner() == lease.owner();
        self.state().runs.leases.retain(|held| !is_it(held));
        Ok(())
    }

    async fn checkpoint(
        &self,
        _tenant: &TenantId,
        creditor: CreditorId,
        task: TaskName,
    ) -> Result<Option<Checkpoint<Value>>, StoreError> {
        self.effect().await;
        let state = self.state();
        let found = state.runs.checkpoints.get(&(creditor, task.as_str()));
        Ok(found.map(|(version, content)| Checkpoint {
            version: *version,
            content: content.clone(),
        }))
    }

    async fn save_checkpoint(
        &self,
        _tenant: &TenantId,
        creditor: CreditorId,
        task: TaskName,
        version: u64,
        content: &Value,
        _now: Timestamp,
    ) -> Result<u64, StoreError> {
        self.effect().await;
        let checkpoints = &mut self.state().runs.checkpoints;
        let saved = checkpoints.entry((creditor, task.as_str())).or_default();
        if saved.0 != version {
            return Err(StoreError::Conflict);
        }
        *saved = (version + 1, content.clone());
        Ok(version + 1)
    }

    async fn clear_checkpoint(
        &self,
        _tenant: &TenantId,
        creditor: CreditorId,
        task: TaskName,
    ) -> Result<(), StoreError> {
        self.effect().await;
        let key = (creditor, task.as_str());
        self.state().runs.checkpoints.remove(&key);
        Ok(())
    }

    async fn last_success(
        &self,
        _tenant: &TenantId,
        creditor: CreditorId,
        task: TaskName,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.effect().await;
        let key = (creditor, task.as_str());
        Ok(self.state().runs.last_success.get(&key).copied())
    }

    async fn succeeded(
        &self,
        _tenant: &TenantId,
        creditor: CreditorId,
        task: TaskName,
        began: Timestamp,
    ) -> Result<(), StoreError> {
        self.effect().await;
        let successes = &mut self.state().runs.last_success;
        let last = successes.entry((creditor, task.as_str())).or_insert(began);
        *last = began.max(*last);
        Ok(())
    }

    async fn note_run(
        &self,
        _run: &RunStart,
        _state: RunState,
        _counts: &BTreeMap<String, i64>,
        _text: &str,
        _expected_end: Option<Timestamp>,
        _now: Timestamp,
    ) -> Result<(), StoreError> {
        self.effect().await;
        Ok(())
    }

    async fn put_removals(
        &self,
        _tenant: &TenantId,
        run: &str,
        chunk: u32,
        bills: &[CountedRemovals],
        _now: Timestamp,
    ) -> Result<(), StoreError> {
        self.effect().await;
        let key = (run.to_owned(), chunk);
        self.state().runs.removals.insert(key, bills.to_vec());
        Ok(())
    }

    async fn removals(
        &self,
        _tenant: &TenantId,
        run: &str,
        chunk: u32,
    ) -> Result<Option<Vec<CountedRemovals>>, StoreError> {
        self.effect().await;
        let key = (run.to_owned(), chunk);
        Ok(self.state().runs.removals.get(&key).cloned())
    }

    async fn clear_removals(&self, _tenant: &TenantId, run: &str) -> Result<(), StoreError> {
        self.effect().await;
        let mut state = self.state();
        state.runs.removals.retain(|(of, _), _| of != run);
        Ok(())
    }
}

#[async_trait]
impl RunRecords for Simulation {
    async fn changed_since(
        &self,
        creditor: CreditorId,
        since: Date,
    ) -> Result<BTreeSet<BillId>, FlowError> {
        self.effect().await;
        Ok(self.state().sienge.cancelled_since(creditor, since))
    }

    async fn all(&self, _creditor: CreditorId, step: AllRecords) -> Result<AllRecords, FlowError> {
        self.effect().await;
        Ok(match step {
            AllRecords::Enterprises => AllRecords::Customers(0),
            _ => AllRecords::Done,
        })
    }

    async fn credit_bureau(&self, _creditor: CreditorId) -> Result<(), FlowError> {
        self.effect().await;
        Ok(())
    }
}

#[async_trait]
impl Records for Simulation {
    async fn want_customers(&self, _ids: &BTreeSet<CustomerId>) -> Result<(), FlowError> {
        self.effect().await;
        Ok(())
    }

    async fn know_customers(
        &self,
        _scope: Scope,
        _ids: &BTreeSet<CustomerId>,
    ) -> Result<(), FlowError> {
        self.effect().await;
        Ok(())
    }

    async fn sales_contracts(
        &self,
        ids: &BTreeSet<SalesContractId>,
    ) -> (
        BTreeMap<SalesContractId, Option<BillId>>,
        UnreadRecords<SalesContractId>,
    ) {
        let (mut bills, mut unread) = (BTreeMap::new(), BTreeMap::new());
        for id in ids {
            self.effect().await;
            let mut state = self.state();
            let likely = state.trouble.read_fails;
            if state.is_out_of_quota() || state.happens(likely) {
                unread.insert(*id, SyncOutcome::failed(&"no answer", false));
            } else {
                bills.insert(*id, state.sienge.bill_of(*id));
            }
        }
        (bills, unread)
    }

    async fn customers(&self, _ids: &BTreeSet<CustomerId>) -> UnreadRecords<CustomerId> {
        UnreadRecords::new()
    }

    async fn units(&self, _ids: &BTreeSet<UnitId>) -> UnreadRecords<UnitId> {
        UnreadRecords::new()
    }
}

impl InvocationClock for Simulation {
    fn now(&self) -> Timestamp {
        at(self.state().second)
    }

    fn time_left(&self) -> Duration {
        let state = self.state();
        let left = state.invocation.deadline.saturating_sub(state.second);
        Duration::from_secs(left)
    }
}
