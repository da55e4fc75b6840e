//! Makes the portfolio equal to what Sienge says about some bills.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};

use futures::stream::{self, StreamExt};

use super::breaker::InQuestion;
use super::session::Rehearsed;
use super::{Adapters, FlowError, ReadRequest, Reading, Report, Session};
use crate::aws::BusEvent;
use crate::calendar::Timestamp;
use crate::ids::{BillId, CreditorId, CustomerId, TenantId};
use crate::portfolio::{
    Change, ContractState, Coverage, HeldBill, Next, Observation, Outcome, Scope, TimelineEvent,
    compare,
};
use crate::sienge::{self, BillRead, Seen, SiengeError};
use crate::store::{Committed, CritiqueNote, Stamp, StoreError};

/// Bills compared and committed at once.
const CONCURRENCY: usize = 8;
/// How often a commit that met another one is computed again.
const MAX_CONFLICTS: usize = 6;

/// Critiques of bills written down in one invocation at most: what is wrong everywhere is told often enough then.
const MAX_CRITIQUES: usize = 500;

/// How often a bill is read while others commit it.
const MAX_READS: usize = 3;
const OVERTAKEN: &str = "o contrato mudou enquanto era lido; tente de novo";
const UNSURE: &str = "o contrato não pôde ser lido por inteiro no Sienge duas vezes; tente de novo";
const TOO_EARLY: &str = "o Sienge ainda mostra a parcela cuja exclusão acabou de avisar; o contrato é lido de novo em instantes";

/// What became of a bill that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncOutcome {
    /// We hold what Sienge says.
    InSync,
    /// Neither Sienge nor we know it, or it belongs to no registered creditor: kept as unmatched.
    Unmatched,
    /// With others of the run more would be taken away than goes unasked: what is in question is left as it is, and the creditor's
    /// reconciliation asks.
    Withheld,
    /// It failed; to be tried again.
    Failed {
        /// Why, without personal data.
        why: String,
        /// Trying again will not help until somebody sees to it.
        lasting: bool,
    },
}

impl SyncOutcome {
    pub(super) fn failed(why: &impl ToString, lasting: bool) -> Self {
        Self::Failed {
            why: why.to_string(),
            lasting,
        }
    }

    /// Of a bill, which the reason does not name by itself.
    fn of_bill(bill: BillId, why: &impl ToString, lasting: bool) -> Self {
        Self::failed(&format!("título {bill}: {}", why.to_string()), lasting)
    }
}

/// What came of settling one bill.
enum Synced {
    Done {
        held: bool,
        /// Needs a (second) whole read.
        read_again: bool,
        /// What that read is to confirm.
        in_question: Option<InQuestion>,
        /// Its version, where we made it.
        version: Option<u64>,
        customers: BTreeSet<CustomerId>,
    },
    /// Somebody committed the bill after the read began: nothing was done.
    Overtaken,
}

/// What settling left to do.
#[derive(Default)]
pub(super) struct LeftToDo {
    /// These need a (second) whole read, for other reasons than those in question.
    pub(super) read_again: BTreeSet<BillId>,
    /// Of these something would be taken away that a second read must confirm.
    pub(super) in_question: BTreeMap<BillId, InQuestion>,
    /// Somebody committed these after the read began: nothing was done.
    overtaken: BTreeSet<BillId>,
}

/// What becomes of that which would be taken away.
enum Removals<'a> {
    /// A second read confirms it: a reconciliation that went on, or a person who opens one bill.
    Confirmed,
    /// The same, as far as it goes unasked.
    WithinShare,
    /// Nothing is taken away: it is counted.
    Counted(&'a mut BTreeMap<BillId, InQuestion>),
}

impl Session {
    /// Reads bills in Sienge, makes the portfolio equal, and says what became of each.
    ///
    /// An installment absent from the first read is removed only when a second, independent read does not show it either.
    pub async fn sync_bills(
        &self,
        scope: Scope,
        bills: &BTreeMap<BillId, ReadRequest>,
        report: &mut Report,
    ) -> Result<BTreeMap<BillId, SyncOutcome>, FlowError> {
        let mut uncounted = BTreeMap::new();
        let removals = match scope {
            Scope::Webhook | Scope::Daily => Removals::WithinShare,
            Scope::Sync | Scope::Reconciliation => Removals::Confirmed,
            Scope::Counting => Removals::Counted(&mut uncounted),
        };
        self.sync_until_current(scope, bills, report, removals)
            .await
    }

    /// Reads bills for a reconciliation and makes the portfolio equal, except for what would be taken away: that is counted, and what the
    /// settings leave out stays.
    pub(super) async fn sync_counting(
        &self,
        bills: &BTreeMap<BillId, ReadRequest>,
        report: &mut Report,
    ) -> Result<BTreeMap<BillId, InQuestion>, FlowError> {
        let mut in_question = BTreeMap::new();
        self.sync_until_current(
            Scope::Counting,
            bills,
            report,
            Removals::Counted(&mut in_question),
        )
        .await?;
        Ok(in_question)
    }

    async fn sync_until_current(
        &self,
        scope: Scope,
        bills: &BTreeMap<BillId, ReadRequest>,
        report: &mut Report,
        mut removals: Removals<'_>,
    ) -> Result<BTreeMap<BillId, SyncOutcome>, FlowError> {
        let mut outcomes: BTreeMap<BillId, SyncOutcome> = BTreeMap::new();
        let mut left = bills.clone();
        for _ in 0..MAX_READS {
            let overtaken = self
                .sync_once(scope, &left, report, &mut outcomes, &mut removals)
                .await?;
            left.retain(|bill, _| overtaken.contains(bill));
            if left.is_empty() {
                return Ok(outcomes);
            }
        }
        for bill in left.keys() {
            report.fail(*bill, OVERTAKEN.to_owned());
        }
        Ok(outcomes)
    }

    /// Looks at bills, twice where something may have to be removed. Answers those that somebody committed meanwhile: they are as they were.
    async fn sync_once(
        &self,
        scope: Scope,
        bills: &BTreeMap<BillId, ReadRequest>,
        report: &mut Report,
        outcomes: &mut BTreeMap<BillId, SyncOutcome>,
        removals: &mut Removals<'_>,
    ) -> Result<BTreeSet<BillId>, FlowError> {
        let mut reading = Reading::begin(scope, self.now());
        let (reads, known) = self
            .first_reads(bills, &mut reading, report, outcomes)
            .await;
        if reads.is_empty() {
            return Ok(BTreeSet::new());
        }
        let seen = self.sienge.observe_each(&reads).await?;
        if let Some(error) = stops(scope, &seen) {
            return Err(error.clone().into());
        }
        outcomes.extend(reads.iter().map(|read| {
            (
                read.bill,
                SyncOutcome::failed(&"sem resposta do Sienge", false),
            )
        }));
        let seen = self.answered(seen, report, outcomes);
        let seen: Vec<Observation> = seen
            .into_iter()
            .map(|seen| bills[&seen.bill].completes(seen))
            .collect();
        let mut first: BTreeMap<BillId, Observation> =
            seen.iter().map(|seen| (seen.bill, seen.clone())).collect();
        let short = seen
            .iter()
            .filter(|seen| bills[&seen.bill].misses_in(seen, known.contains(&seen.bill)));
        let short: Vec<BillId> = short.map(|seen| seen.bill).collect();
        let mut early = too_early(bills, &seen, reading.began);
        let mut unread = unread_news(scope, bills, &seen);
        let LeftToDo {
            mut read_again,
            mut in_question,
            mut overtaken,
        } = self
            .sync_seen_noting(&mut reading, seen, report, outcomes)
            .await?;
        in_question.retain(|bill, _| !early.contains(bill));
        let withheld = match removals {
            Removals::Confirmed => BTreeSet::new(),
            Removals::WithinShare => self.withhold(&in_question, report).await?,
            Removals::Counted(counted) => {
                counted.extend(&in_question);
                in_question.keys().copied().collect()
            }
        };
        outcomes.extend(withheld.iter().map(|bill| (*bill, SyncOutcome::Withheld)));
        in_question.retain(|bill, _| !withheld.contains(bill));
        self.note_removals(in_question.values());
        read_again.extend(in_question.into_keys());
        read_again.extend(short.into_iter().filter(|bill| !overtaken.contains(bill)));
        read_again.retain(|bill| !early.contains(bill) && !withheld.contains(bill));
        let reads = self
            .second_reads(bills, &read_again, &reading, outcomes, &mut overtaken)
            .await;
        if !reads.is_empty() {
            let confirmed = self.confirm_each(scope, &reads, outcomes).await?;
            let confirmed = self.answered(confirmed, report, outcomes).into_iter();
            let confirmed = confirmed.map(|seen| match first.remove(&seen.bill) {
                Some(first) => seen.confirming(first),
                None => seen,
            });
            let confirmed: Vec<Observation> = confirmed.collect();
            early.extend(too_early(bills, &confirmed, reading.began));
            unread.retain(|bill, _| !confirmed.iter().any(|seen| seen.bill == *bill));
            unread.extend(unread_news(scope, bills, &confirmed));
            let in_part = not_whole(&confirmed);
            let left_to_do = self
                .sync_seen_noting(&mut reading, confirmed, report, outcomes)
                .await?;
            // One of the two reads was not whole, and there is something that only two of them settle.
            let unsure = left_to_do
                .read_again
                .iter()
                .chain(left_to_do.in_question.keys());
            let unsure = unsure.filter(|bill| scope == Scope::Webhook && in_part.contains(bill));
            outcomes.extend(unsure.map(|bill| (*bill, SyncOutcome::failed(&UNSURE, false))));
            overtaken.extend(left_to_do.overtaken);
        }
        if !early.is_empty() {
            // Later than Sienge takes to show what it told.
            tracing::info!(tenant = %self.tenant, bills = early.len(), "removals told before Sienge shows them; their webhooks come again");
        }
        outcomes.extend(
            unread
                .into_iter()
                .map(|(bill, why)| (bill, SyncOutcome::failed(&why, true))),
        );
        outcomes.extend(
            early
                .into_iter()
                .map(|bill| (bill, SyncOutcome::failed(&TOO_EARLY, false))),
        );
        Ok(overtaken)
    }

    /// What is to be read of bills, and which of them are held. A bill that is known as its news want it is in sync already.
    async fn first_reads(
        &self,
        bills: &BTreeMap<BillId, ReadRequest>,
        reading: &mut Reading,
        report: &mut Report,
        outcomes: &mut BTreeMap<BillId, SyncOutcome>,
    ) -> (Vec<BillRead>, BTreeSet<BillId>) {
        let (mut reads, mut known) = (Vec::new(), BTreeSet::new());
        for (bill, held) in self.load(bills.keys()).await {
            if held
                .as_ref()
                .is_some_and(|held| bills[&bill].is_met_by(held))
            {
                report.bills_known += 1;
                outcomes.insert(bill, SyncOutcome::InSync);
                continue;
            }
            if let Some(held) = &held {
                reading.know(bill, held.version);
                known.extend(Some(bill).filter(|_| held.version > 0));
            }
            reads.push(read_of(bill, held.as_ref(), &bills[&bill]));
        }
        (reads, known)
    }

    /// What is to be read a second time. What only the first read showed is kept beside it, so it must not be older than what is held.
    async fn second_reads(
        &self,
        bills: &BTreeMap<BillId, ReadRequest>,
        read_again: &BTreeSet<BillId>,
        reading: &Reading,
        outcomes: &mut BTreeMap<BillId, SyncOutcome>,
        overtaken: &mut BTreeSet<BillId>,
    ) -> Vec<BillRead> {
        let mut reads = Vec::new();
        for (bill, held) in self.load(read_again).await {
            if held
                .as_ref()
                .is_some_and(|held| reading.is_older_than(bill, held))
            {
                outcomes.insert(bill, SyncOutcome::failed(&OVERTAKEN, false));
                overtaken.insert(bill);
            } else {
                reads.push(read_of(bill, held.as_ref(), &bills[&bill]));
            }
        }
        reads
    }

    /// The second reads. Where there are none, what the first ones showed is done, and only these webhooks come again; a run stops.
    async fn confirm_each(
        &self,
        scope: Scope,
        reads: &[BillRead],
        outcomes: &mut BTreeMap<BillId, SyncOutcome>,
    ) -> Result<Vec<Seen>, FlowError> {
        match self.sienge.confirm_each(reads).await {
            Ok(confirmed) => match stops(scope, &confirmed) {
                Some(error) => Err(error.clone().into()),
                None => Ok(confirmed),
            },
            Err(error) if scope == Scope::Webhook => {
                tracing::warn!(tenant = %self.tenant, %error, bills = reads.len(), "no second read of bills; their webhooks come again");
                let lasting = error.remedy() == sienge::Remedy::Never;
                let failed =
                    |read: &BillRead| (read.bill, SyncOutcome::of_bill(read.bill, &error, lasting));
                outcomes.extend(reads.iter().map(failed));
                Ok(Vec::new())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What is held of bills, in their order; nothing of one that can't be read, which fails when it is settled.
    async fn load(
        &self,
        bills: impl IntoIterator<Item = &BillId>,
    ) -> BTreeMap<BillId, Option<HeldBill>> {
        let bills: Vec<BillId> = bills.into_iter().copied().collect();
        let loaded = self.adapters.store.load_bills(&self.tenant, &bills).await;
        loaded
            .into_iter()
            .map(|(bill, held)| (bill, held.ok()))
            .collect()
    }

    /// The observations; the bills of which Sienge gave none fail.
    fn answered(
        &self,
        seen: Vec<Seen>,
        report: &mut Report,
        outcomes: &mut BTreeMap<BillId, SyncOutcome>,
    ) -> Vec<Observation> {
        let mut answered = Vec::with_capacity(seen.len());
        for (bill, seen) in seen {
            match seen {
                Ok(seen) => answered.push(seen),
                Err(error) => {
                    tracing::error!(tenant = %self.tenant, %bill, %error, "Sienge says nothing of this bill");
                    report.fail(bill, error.to_string());
                    let lasting = error.remedy() == sienge::Remedy::Never;
                    let named = error.bill().is_some();
                    let synced = if named {
                        SyncOutcome::failed(&error, lasting)
                    } else {
                        SyncOutcome::of_bill(bill, &error, lasting)
                    };
                    outcomes.insert(bill, synced);
                }
            }
        }
        answered
    }

    /// Makes the portfolio equal to what was observed. Returns the bills that need a whole read (nothing was removed for them).
    pub async fn sync_seen(
        &self,
        reading: &mut Reading,
        seen: Vec<Observation>,
        report: &mut Report,
    ) -> Result<BTreeSet<BillId>, FlowError> {
        let left_to_do = self.sync_seen_counting(reading, seen, report).await?;
        Ok(left_to_do
            .read_again
            .into_iter()
            .chain(left_to_do.in_question.into_keys())
            .collect())
    }

    /// The same, with what would be taken away of them.
    pub(super) async fn sync_seen_counting(
        &self,
        reading: &mut Reading,
        seen: Vec<Observation>,
        report: &mut Report,
    ) -> Result<LeftToDo, FlowError> {
        let mut left_to_do = self
            .sync_seen_noting(reading, seen, report, &mut BTreeMap::new())
            .await?;
        left_to_do.read_again.append(&mut left_to_do.overtaken);
        Ok(left_to_do)
    }

    async fn sync_seen_noting(
        &self,
        reading: &mut Reading,
        seen: Vec<Observation>,
        report: &mut Report,
        outcomes: &mut BTreeMap<BillId, SyncOutcome>,
    ) -> Result<LeftToDo, FlowError> {
        let mut left_to_do = LeftToDo::default();
        let mut customers = BTreeSet::new();
        let mut versions: Vec<(BillId, u64)> = Vec::new();
        let from = &*reading;
        let mut settling = stream::iter(seen)
            .map(|seen| async move {
                let mut report = Report::default();
                let settled = self.sync_seen_one(from, &seen, &mut report).await;
                (seen.bill, settled, report)
            })
            .buffer_unordered(CONCURRENCY);
        while let Some((bill, settled, part)) = settling.next().await {
            report.add(part);
            match settled {
                Ok(Synced::Done {
                    held,
                    read_again,
                    in_question,
                    version,
                    customers: opened,
                }) => {
                    left_to_do
                        .read_again
                        .extend(Some(bill).filter(|_| read_again && in_question.is_none()));
                    left_to_do
                        .in_question
                        .extend(in_question.map(|of_bill| (bill, of_bill)));
                    customers.extend(opened);
                    versions.extend(version.map(|version| (bill, version)));
                    outcomes.insert(
                        bill,
                        if held {
                            SyncOutcome::InSync
                        } else {
                            SyncOutcome::Unmatched
                        },
                    );
                }
                Ok(Synced::Overtaken) => {
                    left_to_do.overtaken.insert(bill);
                    outcomes.insert(bill, SyncOutcome::failed(&OVERTAKEN, false));
                }
                Err(error) => {
                    tracing::error!(tenant = %self.tenant, %bill, %error, "the bill could not be brought up to date; it is tried again");
                    report.fail(bill, error.to_string());
                    outcomes.insert(bill, SyncOutcome::of_bill(bill, &error, error.is_lasting()));
                }
            }
        }
        drop(settling);
        for (bill, version) in versions {
            reading.know(bill, version);
        }
        let scope = reading.scope;
        if !self.dry_run {
            // Bills are up to date; customers that could not be read are read by the next import or reconciliation.
            if let Err(error) = self.know_customers(scope, &customers, report).await {
                tracing::warn!(tenant = %self.tenant, %error, customers = customers.len(), "customers of new contracts not read yet");
            }
        }
        Ok(left_to_do)
    }

    /// One bill: load, compare, commit; again when another invocation committed in between.
    async fn sync_seen_one(
        &self,
        reading: &Reading,
        seen: &Observation,
        report: &mut Report,
    ) -> Result<Synced, FlowError> {
        for _ in 0..MAX_CONFLICTS {
            let held = match self.rehearsed(seen.bill) {
                Some(held) => held,
                None => {
                    self.adapters
                        .store
                        .load_bill(&self.tenant, seen.bill)
                        .await?
                }
            };
            let creditor = creditor_of(&held, seen);
            let outcome = compare(
                &held,
                seen,
                reading.scope,
                &self.policy(creditor),
                self.today,
            );
            if !self.dry_run
                && !outcome.changes.is_empty()
                && reading.is_older_than(seen.bill, &held)
            {
                return Ok(Synced::Overtaken);
            }
            if !self.dry_run && creditor.is_some() {
                // Before the commit: whoever finds the bill equal after a crash does not ask for its customer any more.
                let new: Vec<CustomerId> = new_customers(&held, &outcome).into_iter().collect();
                self.adapters
                    .store
                    .note_unread_customers(&self.tenant, &new)
                    .await?;
            }
            let stamp = Stamp {
                at: self.now(),
                read_at: outcome.says_all(&held, seen).then_some(reading.began),
            };
            match self
                .commit(seen.bill, creditor, &held, &outcome, stamp)
                .await
            {
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
                Ok(Committed { version, events }) => {
                    report.bills_compared += 1;
                    report.count(&outcome);
                    self.note_critiques(&outcome, creditor, report).await?;
                    publish(&self.adapters, &self.tenant, &events).await;
                    let unfinished = outcome.next != Next::Nothing;
                    let claimed = !self.dry_run && !held.claims.live.is_empty();
                    let left_behind = claimed
                        && !unfinished
                        && self
                            .review_agreements(seen.bill, &held, &outcome.changes)
                            .await?;
                    let settled = Synced::Done {
                        held: held.version > 0 || !outcome.changes.is_empty(),
                        read_again: unfinished || left_behind,
                        in_question: InQuestion::of(&held, &outcome),
                        version: Some(version).filter(|version| *version != held.version),
                        customers: opened_customers(&outcome),
                    };
                    if self.dry_run && creditor.is_some() {
                        self.rehearsal().put(seen.bill, held, &outcome.changes);
                    }
                    return Ok(settled);
                }
            }
        }
        Err(StoreError::Conflict.into())
    }

    fn rehearsal(&self) -> MutexGuard<'_, Rehearsed> {
        self.rehearsed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The bill as this dry run would have left it.
    fn rehearsed(&self, bill: BillId) -> Option<HeldBill> {
        self.dry_run.then(|| self.rehearsal().get(bill)).flatten()
    }

    async fn commit(
        &self,
        bill: BillId,
        creditor: Option<CreditorId>,
        held: &HeldBill,
        outcome: &Outcome,
        stamp: Stamp,
    ) -> Result<Committed, StoreError> {
        match creditor {
            Some(creditor) if !self.dry_run => {
                let store = &self.adapters.store;
                store
                    .commit(&self.tenant, bill, creditor, held, outcome, stamp)
                    .await
            }
            _ => Ok(Committed {
                version: held.version,
                events: Vec::new(),
            }),
        }
    }

    /// Tells an operator of something that concerns no one bill.
    pub(super) async fn criticise(
        &self,
        creditor: CreditorId,
        text: String,
        report: &mut Report,
    ) -> Result<(), FlowError> {
        report.criticise(text.clone());
        if !self.dry_run {
            let note = CritiqueNote { bill: None, text };
            self.adapters
                .store
                .record_critiques(&self.tenant, Some(creditor), &[note], self.now())
                .await?;
        }
        Ok(())
    }

    async fn note_critiques(
        &self,
        outcome: &Outcome,
        creditor: Option<CreditorId>,
        report: &mut Report,
    ) -> Result<(), FlowError> {
        for critique in &outcome.critiques {
            report.criticise(critique.text());
        }
        if self.dry_run || outcome.critiques.is_empty() {
            return Ok(());
        }
        let told = self
            .critiques
            .fetch_add(outcome.critiques.len(), Ordering::Relaxed);
        let notes: Vec<CritiqueNote> = if told < MAX_CRITIQUES {
            outcome.critiques.iter().map(CritiqueNote::from).collect()
        } else if told >= 2 * MAX_CRITIQUES {
            return Ok(());
        } else {
            tracing::warn!(tenant = %self.tenant, critiques = outcome.critiques.len(), "more critiques than are written down");
            let text = format!(
                "Há mais de {MAX_CRITIQUES} críticas em uma execução; as demais não estão listadas. O resumo da execução diz quantas são."
            );
            vec![CritiqueNote { bill: None, text }]
        };
        self.adapters
            .store
            .record_critiques(&self.tenant, creditor, &notes, self.now())
            .await?;
        Ok(())
    }
}

/// Publishes committed events and answers how many are done with. A failure is no loss: they stay in the outbox and the payments
/// sweep publishes them.
pub(super) async fn publish(
    adapters: &Adapters,
    tenant: &TenantId,
    events: &[TimelineEvent],
) -> usize {
    let told: Vec<Option<BusEvent>> = events
        .iter()
        .map(|event| bus_event(tenant, event))
        .collect();
    let to_tell: Vec<BusEvent> = told.iter().flatten().cloned().collect();
    let mut taken = match adapters.bus.publish(&to_tell).await {
        Ok(taken) => taken.into_iter(),
        Err(error) => {
            tracing::warn!(%tenant, %error, events = to_tell.len(), "events not published; the payments sweep will publish them");
            return 0;
        }
    };
    // An event that says nothing to other systems is done with, too.
    let published = events
        .iter()
        .zip(&told)
        .filter(|(_, told)| told.is_none() || taken.next().unwrap_or(false));
    let published: Vec<TimelineEvent> = published.map(|(event, _)| event.clone()).collect();
    if let Err(error) = adapters.store.mark_published(tenant, &published).await {
        tracing::warn!(%tenant, %error, "published events stay in the outbox; they will be published once more");
    }
    published.len()
}

fn bus_event(tenant: &TenantId, event: &TimelineEvent) -> Option<BusEvent> {
    let (detail_type, mut detail) = event.domain_event()?;
    detail["tenant"] = serde_json::json!(tenant.as_str());
    detail["id"] = serde_json::json!(event.id);
    Some(BusEvent {
        detail_type,
        detail,
    })
}

/// Why a run goes no further: it waits for its quota, for its time and for Sienge; that is no trouble of a bill.
fn stops(scope: Scope, seen: &[Seen]) -> Option<&SiengeError> {
    let mut errors = seen.iter().filter_map(|(_, seen)| seen.as_ref().err());
    errors.find(|error| scope != Scope::Webhook && !error.is_of_some_bill())
}

/// Bills of which a read was too early.
fn too_early(
    bills: &BTreeMap<BillId, ReadRequest>,
    seen: &[Observation],
    began: Timestamp,
) -> BTreeSet<BillId> {
    let early = seen
        .iter()
        .filter(|seen| bills[&seen.bill].is_too_early(seen, began));
    early.map(|seen| seen.bill).collect()
}

/// Bills that two reads did not show whole.
fn not_whole(confirmed: &[Observation]) -> BTreeSet<BillId> {
    let in_part = confirmed
        .iter()
        .filter(|seen| seen.coverage != Coverage::WholeConfirmed);
    in_part.map(|seen| seen.bill).collect()
}

/// Bills of which the news could not be read: nobody must think that they were taken in.
fn unread_news(
    scope: Scope,
    bills: &BTreeMap<BillId, ReadRequest>,
    seen: &[Observation],
) -> BTreeMap<BillId, String> {
    let seen = seen.iter().filter(|_| scope == Scope::Webhook);
    seen.filter_map(|seen| Some((seen.bill, bills[&seen.bill].is_unread_in(seen)?.text())))
        .collect()
}

fn read_of(bill: BillId, held: Option<&HeldBill>, request: &ReadRequest) -> BillRead {
    BillRead {
        bill,
        customer: held.and_then(current_customer),
        boleto: request.boleto,
    }
}

/// The creditor whose rules apply: what Sienge says now, else what we hold.
fn creditor_of(held: &HeldBill, seen: &Observation) -> Option<CreditorId> {
    let told = seen.header.as_ref().map(|header| header.creditor);
    told.or_else(|| held.contracts().map(|contract| contract.creditor).next())
}

/// The customer of the open contract, else of the last one.
fn current_customer(held: &HeldBill) -> Option<CustomerId> {
    let open = held
        .contracts()
        .find(|contract| contract.state == ContractState::Open);
    open.or_else(|| held.contracts().next_back())
        .map(|contract| contract.key.customer)
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
