//! Observe, compare, commit, as `flow/sync.rs` does, over the real comparison, the real slices and the flow's own requests and readings.

use std::collections::{BTreeMap, BTreeSet};

use ponte::calendar::Timestamp;
use ponte::flow::{ReadRequest, Reading, must_ask};
use ponte::ids::{BillId, CreditorId, InstallmentId};
use ponte::portfolio::{
    Change, Coverage, Critique, HeldBill, Installment, InstallmentState, Next, Observation,
    ObservedBill, Oddity, Outcome, ReturnReason, Scope, Unread, compare,
};
use ponte::store::Stamp;

use super::sienge::{REFUSED, Source};
use super::store::MemoryStore;
use super::{Halt, REGISTERED, Simulation, at};
use crate::compare::knows;

/// What became of a bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncOutcome {
    InSync,
    Withheld,
    Unmatched,
    Failed,
    /// Sienge refuses it, and will.
    Refused,
}

/// Installments that would be taken away, by bill, with the creditor that collects them.
pub type InQuestion = BTreeMap<BillId, (CreditorId, u64)>;

/// What settling left to do.
#[derive(Default)]
pub struct LeftToDo {
    /// These need a (second) whole read, for other reasons than those in question.
    pub read_again: BTreeSet<BillId>,
    /// Of these so many installments of a creditor would be taken away.
    pub in_question: InQuestion,
    /// Somebody committed these after the read began: nothing was done.
    pub overtaken: BTreeSet<BillId>,
}

/// What came of settling one bill.
enum Synced {
    Done {
        synced: SyncOutcome,
        read_again: bool,
        in_question: Option<(CreditorId, u64)>,
    },
    Overtaken,
}

/// What becomes of that which would be taken away.
enum Removals<'a> {
    Confirmed,
    WithinShare,
    Counted(&'a mut InQuestion),
}

/// How often a commit that met another one is computed again.
const MAX_CONFLICTS: usize = 6;
/// What creditors let go unasked, percent.
pub const SHARE: u8 = 20;
/// How often a bill is read while others commit it.
const MAX_READS: usize = 3;

impl Simulation {
    /// Bills to read, whatever was read before.
    pub fn sync_whole(
        &mut self,
        scope: Scope,
        bills: &BTreeSet<BillId>,
    ) -> Result<BTreeMap<BillId, SyncOutcome>, Halt> {
        self.sync_bills(
            scope,
            &bills
                .iter()
                .map(|bill| (*bill, ReadRequest::default()))
                .collect(),
        )
    }

    /// As `Session::sync_bills`: again and again while others commit what was read.
    pub fn sync_bills(
        &mut self,
        scope: Scope,
        bills: &BTreeMap<BillId, ReadRequest>,
    ) -> Result<BTreeMap<BillId, SyncOutcome>, Halt> {
        let mut uncounted = BTreeMap::new();
        let removals = match scope {
            Scope::Webhook | Scope::Daily => Removals::WithinShare,
            Scope::Sync | Scope::Reconciliation => Removals::Confirmed,
            Scope::Counting => Removals::Counted(&mut uncounted),
        };
        self.sync_until_current(scope, bills, removals)
    }

    /// As `Session::sync_counting`: nothing is taken away, it is counted.
    pub fn sync_counting(
        &mut self,
        bills: &BTreeMap<BillId, ReadRequest>,
    ) -> Result<(BTreeMap<BillId, SyncOutcome>, InQuestion), Halt> {
        let mut counted = BTreeMap::new();
        let outcomes =
            self.sync_until_current(Scope::Counting, bills, Removals::Counted(&mut counted))?;
        Ok((outcomes, counted))
    }

    fn sync_until_current(
        &mut self,
        scope: Scope,
        bills: &BTreeMap<BillId, ReadRequest>,
        mut removals: Removals<'_>,
    ) -> Result<BTreeMap<BillId, SyncOutcome>, Halt> {
        let mut outcomes: BTreeMap<BillId, SyncOutcome> = bills
            .keys()
            .map(|bill| (*bill, SyncOutcome::Failed))
            .collect();
        let mut left = bills.clone();
        for _ in 0..MAX_READS {
            let overtaken = self.sync_once(scope, &left, &mut outcomes, &mut removals)?;
            left.retain(|bill, _| overtaken.contains(bill));
        }
        Ok(outcomes)
    }

    /// Read, settle, and read again what was not shown. Answers what somebody committed meanwhile.
    #[allow(clippy::too_many_lines, reason = "as the flow it follows")]
    fn sync_once(
        &mut self,
        scope: Scope,
        bills: &BTreeMap<BillId, ReadRequest>,
        outcomes: &mut BTreeMap<BillId, SyncOutcome>,
        removals: &mut Removals<'_>,
    ) -> Result<BTreeSet<BillId>, Halt> {
        let mut view = Reading::begin(scope, self.now());
        let (mut to_read, mut known) = (Vec::new(), BTreeSet::new());
        for (bill, request) in bills {
            self.effect()?;
            let held = self.store.load(*bill);
            if request.is_met_by(&held) {
                self.counts.reads_saved += 1;
                self.assert_told_is_known(*bill, &held, request);
                outcomes.insert(*bill, SyncOutcome::InSync);
            } else {
                view.know(*bill, held.version);
                known.extend(Some(*bill).filter(|_| held.version > 0));
                to_read.push(*bill);
            }
        }
        let mut sources = BTreeMap::new();
        let mut seen = Vec::new();
        for bill in &to_read {
            let source = if scope == Scope::Sync || bills[bill].boleto || self.rng.bool() {
                Source::Rest
            } else {
                Source::Bulk
            };
            sources.insert(*bill, source);
            if bill.0 == REFUSED {
                self.effect()?;
                self.counts.refused += 1;
                outcomes.insert(*bill, SyncOutcome::Refused);
                continue;
            }
            if let Some(observation) = self.read_in_part(*bill, source)? {
                seen.push(bills[bill].completes(observation));
            }
        }
        let mut first: BTreeMap<BillId, Observation> =
            seen.iter().map(|seen| (seen.bill, seen.clone())).collect();
        let short = seen
            .iter()
            .filter(|seen| bills[&seen.bill].misses_in(seen, known.contains(&seen.bill)));
        let short: Vec<BillId> = short.map(|seen| seen.bill).collect();
        let mut early = too_early(bills, &seen, view.began);
        let mut unread = unread_news(scope, bills, &seen);
        let LeftToDo {
            mut read_again,
            mut in_question,
            mut overtaken,
        } = self.sync_seen(&mut view, seen, outcomes)?;
        in_question.retain(|bill, _| !early.contains(bill));
        let withheld = match removals {
            Removals::Confirmed => BTreeSet::new(),
            Removals::WithinShare => self.withhold(&in_question),
            Removals::Counted(counted) => {
                counted.extend(in_question.clone());
                in_question.keys().copied().collect()
            }
        };
        outcomes.extend(withheld.iter().map(|bill| (*bill, SyncOutcome::Withheld)));
        for (bill, (creditor, installments)) in in_question {
            if !withheld.contains(&bill) {
                self.tally.entry(creditor).or_default().taken += installments;
                read_again.insert(bill);
            }
        }
        read_again.extend(short.into_iter().filter(|bill| !overtaken.contains(bill)));
        read_again.retain(|bill| !early.contains(bill) && !withheld.contains(bill));
        let mut confirmed = Vec::new();
        for bill in read_again {
            self.effect()?;
            if view.is_older_than(bill, &self.store.load(bill)) {
                outcomes.insert(bill, SyncOutcome::Failed);
                overtaken.insert(bill);
                continue;
            }
            match self.read_again(sources[&bill], first.remove(&bill).unwrap())? {
                Some(second) => confirmed.push(second),
                None => drop(outcomes.insert(bill, SyncOutcome::Failed)),
            }
        }
        early.extend(too_early(bills, &confirmed, view.began));
        unread.retain(|bill| !confirmed.iter().any(|seen| seen.bill == *bill));
        unread.extend(unread_news(scope, bills, &confirmed));
        let in_part = confirmed
            .iter()
            .filter(|seen| seen.coverage != Coverage::WholeConfirmed);
        let in_part: BTreeSet<BillId> = in_part.map(|seen| seen.bill).collect();
        let left_to_do = self.sync_seen(&mut view, confirmed, outcomes)?;
        let unsure = left_to_do
            .read_again
            .iter()
            .chain(left_to_do.in_question.keys());
        let unsure = unsure.filter(|bill| scope == Scope::Webhook && in_part.contains(bill));
        outcomes.extend(unsure.map(|bill| (*bill, SyncOutcome::Failed)));
        overtaken.extend(left_to_do.overtaken);
        self.counts.too_early += early.len() as u64;
        outcomes.extend(
            early
                .into_iter()
                .chain(unread)
                .map(|bill| (bill, SyncOutcome::Failed)),
        );
        Ok(overtaken)
    }

    /// The second look, at the other source, which may lack what the first one showed.
    fn read_again(
        &mut self,
        first_source: Source,
        first: Observation,
    ) -> Result<Option<Observation>, Halt> {
        let source = if first_source == Source::Rest {
            Source::Bulk
        } else {
            Source::Rest
        };
        let Some(mut second) = self.read(first.bill, source)? else {
            return Ok(None);
        };
        if self.happens(self.trouble.rows_missing) {
            let shown_first = |id: InstallmentId| first.installments.iter().any(|row| row.id == id);
            second
                .installments
                .retain(|row| !shown_first(row.id) || self.rng.bool());
        }
        Ok(Some(second.confirming(first)))
    }

    /// As `Session::withhold`: bills of creditors of whom more would be taken away than goes unasked.
    pub fn withhold(&mut self, in_question: &InQuestion) -> BTreeSet<BillId> {
        let mut more: BTreeMap<CreditorId, u64> = BTreeMap::new();
        for (creditor, installments) in in_question.values() {
            *more.entry(*creditor).or_default() += installments;
        }
        let mut withheld = BTreeSet::new();
        for (creditor, more) in more {
            let open = self.held_open(creditor);
            let tally = self.tally.entry(creditor).or_default();
            if must_ask(
                tally.taken + more,
                *tally.held_open.get_or_insert(open),
                SHARE,
            ) {
                let bills = in_question.iter().filter(|(_, (of, _))| *of == creditor);
                withheld.extend(bills.map(|(bill, _)| *bill));
            }
        }
        self.counts.withheld += withheld.len() as u64;
        withheld
    }

    /// Much is never taken away unasked, by whichever run.
    pub fn assert_asked(&self, began_with: &BTreeMap<CreditorId, u64>) {
        for (creditor, tally) in &self.tally {
            // What others commit meanwhile is not this run's.
            let held_open = began_with.get(creditor).copied().unwrap_or_default();
            let alone = self.trouble.meets_another == 0;
            assert!(
                !alone || !must_ask(tally.removed, held_open, SHARE),
                "{tally:?} of {held_open} of creditor {creditor} taken away unasked"
            );
        }
    }

    /// What was told of some installments until an instant is held as Sienge had it then or later.
    fn assert_told_is_known(&self, bill: BillId, held: &HeldBill, request: &ReadRequest) {
        let mut told: BTreeMap<InstallmentId, u64> = BTreeMap::new();
        for webhook in self.journal.values() {
            let of_it = webhook.hints.was_there
                && webhook.hints.bills.contains(&bill)
                && Some(at(webhook.at)) <= request.told_at;
            if let Some(installment) = webhook
                .hints
                .installment
                .filter(|id| of_it && request.installments.contains(id))
            {
                let newest = told.entry(installment).or_default();
                *newest = webhook.operation.max(*newest);
            }
        }
        for (installment, operation) in told {
            self.assert_known(bill, held, installment, operation);
        }
    }

    /// An installment is held as Sienge had it after an operation or later.
    pub fn assert_known(
        &self,
        bill: BillId,
        held: &HeldBill,
        installment: InstallmentId,
        operation: u64,
    ) {
        let id = u32::try_from(installment.0).unwrap();
        let is_open = held
            .installments_with_id(installment)
            .any(Installment::is_open);
        let known = self.sienge.since(bill, operation).iter().any(|(_, bill)| {
            let row = bill
                .as_ref()
                .and_then(|bill| Some((bill, bill.installment(id)?)));
            // Nothing new is taken of a company that is not registered; its batimento returns what is held.
            row.map_or(!is_open, |(bill, row)| {
                !REGISTERED.contains(&i64::from(bill.company)) || knows(held, bill, row)
            })
        });
        assert!(
            known,
            "bill {bill} installment {id}: told by operation {operation} and not known: {held:?}"
        );
    }

    /// One whole read; `None` when it failed.
    fn read(&mut self, bill: BillId, source: Source) -> Result<Option<Observation>, Halt> {
        self.effect()?;
        if self.is_out_of_quota() || self.happens(self.trouble.read_fails) {
            return Ok(None);
        }
        let mut seen = self.sienge.says(bill, source);
        if self.happens(self.trouble.rows_odd) {
            self.make_odd(&mut seen);
        }
        Ok(Some(seen))
    }

    /// A first read, which may leave rows out.
    fn read_in_part(&mut self, bill: BillId, source: Source) -> Result<Option<Observation>, Halt> {
        let Some(mut seen) = self.read(bill, source)? else {
            return Ok(None);
        };
        if self.happens(self.trouble.rows_missing) {
            let keep = self.rng.usize(0..=seen.installments.len());
            self.rng.shuffle(&mut seen.installments);
            seen.installments.truncate(keep);
            seen.installments.sort_by_key(|row| row.id);
            let kept: BTreeSet<InstallmentId> =
                seen.installments.iter().map(|row| row.id).collect();
            seen.boletos.retain(|id, _| kept.contains(id));
            // A bulk answer names a bill by its rows only.
            if source == Source::Bulk && kept.is_empty() && seen.unread.is_empty() {
                seen.header = None;
            }
        }
        Ok(Some(seen))
    }

    /// Some rows cannot be read, some not even be told apart, or nobody knows whose the bill is.
    fn make_odd(&mut self, seen: &mut Observation) {
        let why = Oddity::Field("paymentTerm.id");
        let gap = Oddity::Field("installmentId");
        for row in std::mem::take(&mut seen.installments) {
            match self.rng.u8(0..12) {
                0 => {
                    seen.gap = Some(gap);
                    seen.boletos.remove(&row.id);
                }
                1..4 => {
                    let settled = row.balance.is_zero() && self.rng.bool();
                    seen.unread.insert(row.id, Unread { why, settled });
                }
                _ => seen.installments.push(row),
            }
        }
        if self.rng.u8(0..8) == 0 {
            seen.header = None;
            seen.gap = Some(gap);
        }
        if seen.gap.is_some() {
            seen.coverage = Coverage::AllNew;
        }
    }

    pub fn sync_seen(
        &mut self,
        view: &mut Reading,
        mut seen: Vec<Observation>,
        outcomes: &mut BTreeMap<BillId, SyncOutcome>,
    ) -> Result<LeftToDo, Halt> {
        // Several at once, so in any order.
        self.rng.shuffle(&mut seen);
        let mut left_to_do = LeftToDo::default();
        for observation in seen {
            let bill = observation.bill;
            match self.sync_seen_one(view, &observation)? {
                Synced::Overtaken => {
                    outcomes.insert(bill, SyncOutcome::Failed);
                    left_to_do.overtaken.insert(bill);
                }
                Synced::Done {
                    synced,
                    read_again,
                    in_question,
                } => {
                    outcomes.insert(bill, synced);
                    if read_again && in_question.is_none() {
                        left_to_do.read_again.insert(bill);
                    }
                    left_to_do
                        .in_question
                        .extend(in_question.map(|of_bill| (bill, of_bill)));
                }
            }
        }
        Ok(left_to_do)
    }

    /// Load, compare, commit slice by slice; again when somebody else committed in between.
    fn sync_seen_one(&mut self, view: &mut Reading, seen: &Observation) -> Result<Synced, Halt> {
        for _ in 0..MAX_CONFLICTS {
            self.effect()?;
            let held = self.store.load(seen.bill);
            self.effect()?;
            let told = seen.header.as_ref().map(|header| header.creditor);
            let creditor =
                told.or_else(|| held.contracts().map(|contract| contract.creditor).next());
            let policy = self
                .settings
                .policy(creditor.and_then(|id| self.creditors.get(&id)));
            let outcome = compare(&held, seen, view.scope, &policy, self.today());
            if !outcome.changes.is_empty() && view.is_older_than(seen.bill, &held) {
                self.counts.overtaken += 1;
                return Ok(Synced::Overtaken);
            }
            self.counts.unread += check_unread(&held, seen, &outcome);
            if creditor.is_some() {
                check_removals(&held, seen, &outcome);
                let stamp = Stamp {
                    at: self.now(),
                    read_at: outcome.says_all(&held, seen).then_some(view.began),
                };
                let mut commit =
                    MemoryStore::commit(seen.bill, &held, &outcome, stamp, self.limits);
                let mut told = Vec::new();
                let mut met_another = false;
                while let Some(written) = self.store.write(&mut commit) {
                    match written {
                        Ok(events) => told.extend(events),
                        Err(_) => met_another = true,
                    }
                    if met_another {
                        break;
                    }
                    self.effect()?;
                }
                if met_another {
                    self.counts.conflicts += 1;
                    continue;
                }
                for (creditor, removed) in taken_away(&held, &outcome) {
                    self.tally.entry(creditor).or_default().removed += removed;
                }
                if commit.version() != held.version {
                    view.know(seen.bill, commit.version());
                }
                for event in told {
                    self.publish(seen.bill, event)?;
                }
            }
            let is_held = held.version > 0 || !outcome.changes.is_empty();
            let synced = if is_held {
                SyncOutcome::InSync
            } else {
                SyncOutcome::Unmatched
            };
            let read_again = outcome.next != Next::Nothing;
            let first = outcome.in_question().first();
            let row =
                first.and_then(|first| held.installments_with_id(*first).find(|row| row.is_open()));
            return Ok(Synced::Done {
                synced,
                read_again,
                in_question: row.map(|row| (row.creditor, outcome.in_question().len() as u64)),
            });
        }
        Ok(Synced::Done {
            synced: SyncOutcome::Failed,
            read_again: false,
            in_question: None,
        })
    }

    pub fn publish(&mut self, bill: BillId, event: String) -> Result<(), Halt> {
        if self.happens(self.trouble.bus_refuses) {
            return Ok(());
        }
        self.published.insert((bill, event.clone()));
        self.effect()?;
        self.store.outbox.remove(&(bill, event));
        Ok(())
    }
}

/// Bills of which a look was too early.
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

/// Bills of which the news could not be read.
fn unread_news(
    scope: Scope,
    bills: &BTreeMap<BillId, ReadRequest>,
    seen: &[Observation],
) -> BTreeSet<BillId> {
    let unread = seen
        .iter()
        .filter(|seen| bills[&seen.bill].is_unread_in(seen).is_some());
    unread
        .filter(|_| scope == Scope::Webhook)
        .map(|seen| seen.bill)
        .collect()
}

/// What is open here and could not be read stays as it is, unless its bill moves to another contract or to nobody's company, and is
/// criticised. Says how often it was so.
fn check_unread(held: &HeldBill, seen: &Observation, outcome: &Outcome) -> u64 {
    let mut count = 0;
    let open = held.installments().filter(|row| row.is_open());
    for row in open.filter(|row| seen.unread.contains_key(&row.id)) {
        count += 1;
        let is_it = |after: &Installment| after.id == row.id && after.contract == row.contract;
        let changed = outcome
            .changes
            .iter()
            .any(|change| matches!(change, Change::Installment(_, after) if is_it(after)));
        let moves = seen.header.as_ref().is_some_and(|header| {
            let elsewhere = header.customer != row.contract.customer
                || header.document_type != row.contract.document_type;
            elsewhere || is_left_out(header)
        });
        assert!(
            !changed || moves,
            "{row:?} could not be read and changed: {outcome:?}"
        );
        let names = |critique: &Critique| matches!(critique, Critique::InstallmentsUnread { installments, .. } if installments.contains(&row.id));
        assert!(
            outcome.critiques.iter().any(names),
            "{row:?} could not be read and nobody was told"
        );
    }
    count
}

/// Whether the settings leave a bill out: it goes back, shown or not.
fn is_left_out(header: &ObservedBill) -> bool {
    !REGISTERED.contains(&header.creditor.0)
}

/// What an outcome takes away, by who held it: open installments that close without a new receipt, and are nowhere else.
fn taken_away(held: &HeldBill, outcome: &Outcome) -> BTreeMap<CreditorId, u64> {
    let opened = |id: InstallmentId| {
        let mut changes = outcome.changes.iter();
        changes.any(|change| matches!(change, Change::Installment(_, after) if after.id == id && after.is_open()))
    };
    let mut removed = BTreeMap::new();
    for change in &outcome.changes {
        let Change::Installment(_, after) = change else {
            continue;
        };
        let before = held.installment(&after.contract, after.id);
        let Some(before) = before.filter(|before| before.is_open() && !after.is_open()) else {
            continue;
        };
        let remade = matches!(
            after.state,
            InstallmentState::Closed {
                motive: ReturnReason::Renegotiation | ReturnReason::Agreement,
                ..
            }
        );
        let explained = after
            .receipts
            .iter()
            .any(|receipt| !before.receipts.contains(receipt));
        if !explained && !remade && !opened(after.id) {
            *removed.entry(before.creditor).or_default() += 1;
        }
    }
    removed
}

/// Nothing is removed because it was missing from one answer: whatever leaves collection without a receipt was confirmed.
fn check_removals(held: &HeldBill, seen: &Observation, outcome: &Outcome) {
    if seen.coverage == Coverage::WholeConfirmed || seen.header.as_ref().is_some_and(is_left_out) {
        return;
    }
    let read = seen.installments.iter().map(|row| row.id);
    // One that is shown and could not be read leaves only with its bill, which moved.
    let shown: BTreeSet<InstallmentId> = read.chain(seen.unread.keys().copied()).collect();
    for change in &outcome.changes {
        let Change::Installment(_, after) = change else {
            continue;
        };
        let InstallmentState::Closed { motive, .. } = after.state else {
            continue;
        };
        let was_open = held
            .installment(&after.contract, after.id)
            .is_some_and(Installment::is_open);
        let removes = matches!(
            motive,
            ReturnReason::Reconciliation | ReturnReason::CreditorRequest
        );
        assert!(
            !was_open || !removes || shown.contains(&after.id),
            "{after:?} removed after one look: {seen:?}"
        );
    }
}
