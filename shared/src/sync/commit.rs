//! What was observed of bills becomes what is held: compare, commit, publish; with what others commit in between.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt};

use super::breaker::InQuestion;
use super::outcome::OVERTAKEN;
use super::ports::Commit;
use super::{BillSync, FlowError, Reading, SyncOutcome};
use crate::ids::{BillId, CreditorId, CustomerId};
use crate::portfolio::{Change, ContractState, HeldBill, Next, Observation, Outcome, compare};
use crate::store::{Stamp, StoreError};

/// Bills compared and committed at once.
const CONCURRENCY: usize = 8;
/// How often a commit that met another one is computed again.
const MAX_CONFLICTS: usize = 6;

/// What became of bills.
pub type Outcomes = BTreeMap<BillId, SyncOutcome>;

/// What came of bringing one bill up to date.
struct Synced {
    is_held: bool,
    /// Needs a (second) whole read.
    read_again: bool,
    /// What that read is to confirm.
    in_question: Option<InQuestion>,
    /// Its version, where we made it.
    version: Option<u64>,
    /// As it is held now, where that is known without loading it.
    held: Option<HeldBill>,
    customers: BTreeSet<CustomerId>,
}

/// What bringing bills up to date left to do.
#[derive(Debug, Default)]
pub struct LeftToDo {
    /// These need a (second) whole read, for other reasons than those in question.
    pub read_again: BTreeSet<BillId>,
    /// Of these something would be taken away that a second read must confirm.
    pub in_question: BTreeMap<BillId, InQuestion>,
    /// Somebody committed these after the read began: nothing was done.
    pub(super) overtaken: BTreeSet<BillId>,
}

impl BillSync {
    /// Makes the portfolio equal to what was observed. Nothing is removed for the bills that need a whole read, or are in question.
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
                    tracing::error!(tenant = %self.tenant, %bill, %error, "the bill could not be brought up to date; it is tried again");
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
        // Bills are up to date; customers that could not be read are read by the next import or reconciliation.
        if !customers.is_empty()
            && let Err(error) = self.records.know_customers(reading.scope, &customers).await
        {
            tracing::warn!(tenant = %self.tenant, %error, customers = customers.len(), "customers of new contracts not read yet");
        }
        Ok(left_to_do)
    }

    /// One bill: compare, commit; with what is held then when another invocation committed in between. `known` is what was held before the
    /// read: it serves as long as nobody moved it. `None`: somebody committed the bill after the read began, and nothing was done.
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
            // No commit will tell.
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
                // A review may have changed the claims.
                held: (keeps && !has_agreements).then(|| after(held, &outcome, version, stamp)),
            }));
        }
        Err(StoreError::Conflict.into())
    }

    /// Commits what a comparison found, counts it and tells of it; answers the bill's version then.
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

    /// What is held of bills, in their order; nothing of one that can't be read, which fails when it is compared.
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

/// A bill as a commit left it.
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

/// The creditor whose rules apply: what Sienge says now, else what we hold.
fn creditor_of(held: &HeldBill, seen: &Observation) -> Option<CreditorId> {
    let told = seen.header.as_ref().map(|header| header.creditor);
    told.or_else(|| held.contracts().map(|contract| contract.creditor).next())
}

/// Customers of contracts that an outcome opens, for the first time or again: one whose contracts had all ended may have been erased.
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
