//! From observations to the portfolio: compare, commit, publish, with other invocations committing in between.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt};

use super::breaker::InQuestion;
use super::outcome::OVERTAKEN;
use super::ports::Commit;
use super::{BillSync, FlowError, Reading, SyncOutcome};
use crate::ids::{BillId, CreditorId, CustomerId};
use crate::portfolio::{Change, ContractState, HeldBill, Next, Observation, Outcome, compare};
use crate::store::{Stamp, StoreError};

/// Bills compared and committed concurrently.
const CONCURRENCY: usize = 8;
/// How often a commit is recomputed after a conflict.
const MAX_CONFLICTS: usize = 6;

/// The outcome of each bill.
pub type Outcomes = BTreeMap<BillId, SyncOutcome>;

/// The result of bringing one bill up to date.
struct Synced {
    is_held: bool,
    /// Whether it needs a (second) read of the whole bill.
    read_again: bool,
    /// What that read must confirm.
    in_question: Option<InQuestion>,
    /// Its version, if this invocation wrote it.
    version: Option<u64>,
    /// Its present state, if known without loading it.
    held: Option<HeldBill>,
    customers: BTreeSet<CustomerId>,
}

/// What remains to be done after bringing bills up to date.
#[derive(Debug, Default)]
pub struct LeftToDo {
    /// Bills that need a (second) read of the whole bill, for reasons other than those in question.
    pub read_again: BTreeSet<BillId>,
    /// Bills with removals that a second read must confirm.
    pub in_question: BTreeMap<BillId, InQuestion>,
    /// Bills that others committed after the read began: nothing was done.
    pub(super) overtaken: BTreeSet<BillId>,
}

impl BillSync {
    /// Makes the portfolio equal to the observations. Nothing is removed from bills that need another read, or are in question.
    pub async fn sync_seen(
        &self,
        reading: &mut Reading,
        seen: Vec<Observation>,
    ) -> Result<LeftToDo, FlowError> {
        let mut left_to_do = self
            .sync_seen_noting(reading, seen, &mut Outcomes::new())
            .await?;
        left_to_do.read_again.append(&mut left_to_do.overtaken);
        Ok(left_to_do)
    }

    pub(super) async fn sync_seen_noting(
        &self,
        reading: &mut Reading,
        seen: Vec<Observation>,
        outcomes: &mut Outcomes,
    ) -> Result<LeftToDo, FlowError> {
        let mut left_to_do = LeftToDo::default();
        let mut customers = BTreeSet::new();
        let mut now_held: Vec<(BillId, Option<u64>, Option<HeldBill>)> = Vec::new();
        let seen: Vec<(Observation, Option<HeldBill>)> = seen
            .into_iter()
            .map(|seen| {
                let held = reading.take_held(seen.bill);
                (seen, held)
            })
            .collect();
        let from = &*reading;
        let mut syncing = stream::iter(seen)
            .map(|(seen, held)| async move { (seen.bill, self.sync_one(from, &seen, held).await) })
            .buffer_unordered(CONCURRENCY);
        while let Some((bill, synced)) = syncing.next().await {
            match synced {
                Ok(Some(Synced {
                    is_held,
                    read_again,
                    in_question,
                    version,
                    held,
                    customers: opened,
                })) => {
                    left_to_do
                        .read_again
                        .extend(Some(bill).filter(|_| read_again && in_question.is_none()));
                    left_to_do
                        .in_question
                        .extend(in_question.map(|of_bill| (bill, of_bill)));
                    customers.extend(opened);
                    now_held.push((bill, version, held));
                    let outcome = if is_held {
                        SyncOutcome::InSync
                    } else {
                        SyncOutcome::Unmatched
                    };
                    outcomes.insert(bill, outcome);
                }
                Ok(None) => {
                    left_to_do.overtaken.insert(bill);
                    outcomes.insert(bill, SyncOutcome::failed(&OVERTAKEN, false));
                }
                Err(error) => {
                    tracing::error!(tenant = %self.tenant, %bill, %error, "the bill could not be brought up to date; it will be tried again");
                    self.report.fail(bill, error.to_string());
                    outcomes.insert(bill, SyncOutcome::of_bill(bill, &error, error.is_lasting()));
                }
            }
        }
        drop(syncing);
        for (bill, version, held) in now_held {
            if let Some(version) = version {
                reading.know(bill, version);
            }
            if let Some(held) = held {
                reading.hold(bill, held);
            }
        }
        // The bills are up to date; the next import or reconciliation reads the missing customers.
        if !customers.is_empty()
            && let Err(error) = self.records.know_customers(reading.scope, &customers).await
        {
            tracing::warn!(tenant = %self.tenant, %error, customers = customers.len(), "customers of new contracts not read yet");
        }
        Ok(left_to_do)
    }

    /// Compares and commits one bill, again with its new state if another invocation commits in between. `known` is the state from before the
    /// read: it serves until somebody changes it. `None`: somebody committed the bill after the read began, and nothing was done.
    async fn sync_one(
        &self,
        reading: &Reading,
        seen: &Observation,
        mut known: Option<HeldBill>,
    ) -> Result<Option<Synced>, FlowError> {
        let bill = seen.bill;
        let keeps = known.is_some();
        for _ in 0..MAX_CONFLICTS {
            let (held, is_loaded_now) = match known.take() {
                Some(held) => (held, false),
                None => (self.load_bill(bill).await?, true),
            };
            let creditor = creditor_of(&held, seen);
            let policy = self.policy(creditor);
            let outcome = compare(&held, seen, reading.scope, &policy, self.today);
            // There is no commit to learn the version from.
            let nothing_to_write = outcome.changes.is_empty() && outcome.events.is_empty();
            if nothing_to_write
                && !is_loaded_now
                && self.portfolio.version(bill).await? != held.version
            {
                continue;
            }
            if !outcome.changes.is_empty() && reading.is_older_than(bill, &held) {
                return Ok(None);
            }
            let stamp = Stamp {
                at: self.now(),
                read_at: outcome.says_all(&held, seen).then_some(reading.began),
            };
            let version = match self.commit(seen, creditor, &held, &outcome, stamp).await {
                Ok(version) => version,
                Err(FlowError::Store(StoreError::Conflict)) => continue,
                Err(error) => return Err(error),
            };
            let unfinished = outcome.next != Next::Nothing;
            let has_agreements = !held.claims.live.is_empty();
            let left_behind = has_agreements
                && !unfinished
                && self.portfolio.review(bill, &held, &outcome.changes).await?;
            return Ok(Some(Synced {
                is_held: held.version > 0 || !outcome.changes.is_empty(),
                read_again: unfinished || left_behind,
                in_question: InQuestion::of(&held, &outcome),
                version: Some(version).filter(|version| *version != held.version),
                customers: opened_customers(&outcome),
                // A review may have changed the claims, and what was loaded in between may be newer than the read.
                held: (keeps && !is_loaded_now && !has_agreements)
                    .then(|| after(held, &outcome, version, stamp)),
            }));
        }
        Err(StoreError::Conflict.into())
    }

    /// Commits an outcome, counts it and publishes its events; returns the bill's new version.
    async fn commit(
        &self,
        seen: &Observation,
        creditor: Option<CreditorId>,
        held: &HeldBill,
        outcome: &Outcome,
        stamp: Stamp,
    ) -> Result<u64, FlowError> {
        let (mut version, mut events) = (held.version, Vec::new());
        if let Some(creditor) = creditor {
            let new = new_customers(held, outcome);
            if !new.is_empty() {
                self.records.want_customers(&new).await?;
            }
            let commit = Commit {
                bill: seen.bill,
                creditor,
                held,
                outcome,
                stamp,
            };
            (version, events) = self.portfolio.commit(&commit).await?;
        }
        self.report.with(|report| {
            report.bills_compared += 1;
            report.count(outcome);
        });
        self.note_critiques(outcome, creditor).await?;
        if !events.is_empty() {
            self.portfolio.publish(&events).await;
        }
        Ok(version)
    }

    /// The held state of bills, in their order. A bill that cannot be loaded is left out and fails when it is compared.
    pub(super) async fn load(
        &self,
        bills: impl IntoIterator<Item = &BillId>,
    ) -> BTreeMap<BillId, Option<HeldBill>> {
        let bills: Vec<BillId> = bills.into_iter().copied().collect();
        let loaded = self.portfolio.load(&bills).await;
        loaded
            .into_iter()
            .map(|(bill, held)| (bill, held.ok()))
            .collect()
    }

    async fn load_bill(&self, bill: BillId) -> Result<HeldBill, StoreError> {
        match self.portfolio.load(&[bill]).await.pop() {
            Some((_, held)) => held,
            None => Ok(HeldBill::default()),
        }
    }
}

/// A bill after a commit.
fn after(mut held: HeldBill, outcome: &Outcome, version: u64, stamp: Stamp) -> HeldBill {
    if version != held.version {
        held.apply(&outcome.changes);
        held.version = version;
        held.changed_at = Some(stamp.at);
        held.read_at = held.read_at.max(stamp.read_at);
        held.pending_events.clear();
    }
    held
}

/// The creditor whose rules apply: the one in Sienge, else the one we hold.
fn creditor_of(held: &HeldBill, seen: &Observation) -> Option<CreditorId> {
    let seen_creditor = seen.header.as_ref().map(|header| header.creditor);
    // After a move the bill is where it is open.
    let current = || {
        held.contracts()
            .max_by_key(|contract| contract.state == ContractState::Open)
    };
    seen_creditor.or_else(|| current().map(|contract| contract.creditor))
}

/// Customers of contracts that an outcome opens, for the first time or again: a customer whose contracts had all ended may have been erased.
fn new_customers(held: &HeldBill, outcome: &Outcome) -> BTreeSet<CustomerId> {
    let contracts = outcome.changes.iter().filter_map(|change| match change {
        Change::Contract(contract) => Some(contract),
        Change::Installment(..) => None,
    });
    contracts
        .filter(|contract| match held.contract(&contract.key) {
            None => true,
            Some(before) => {
                before.state != ContractState::Open && contract.state == ContractState::Open
            }
        })
        .map(|contract| contract.key.customer)
        .collect()
}

/// Customers of the open contracts that an outcome wrote.
fn opened_customers(outcome: &Outcome) -> BTreeSet<CustomerId> {
    outcome
        .changes
        .iter()
        .filter_map(|change| match change {
            Change::Contract(contract) if contract.state == ContractState::Open => {
                Some(contract.key.customer)
            }
            Change::Contract(_) | Change::Installment(..) => None,
        })
        .collect()
}
