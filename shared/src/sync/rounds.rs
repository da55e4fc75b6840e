//! Reads bills in Sienge until the result may be compared with what is held: once, twice where something would be removed, and
//! again while others commit.

use std::collections::{BTreeMap, BTreeSet};

use super::breaker::{Grants, InQuestion};
use super::outcome::OVERTAKEN;
use super::{BillSync, FlowError, LeftToDo, Outcomes, Reading, Requests, SyncOutcome};
use crate::calendar::Timestamp;
use crate::ids::{BillId, CustomerId};
use crate::portfolio::{ContractState, Coverage, HeldBill, Observation, Scope};
use crate::sienge::{self, BillAnswer, BillRead, SiengeError, Source};

/// How often a bill is read while others keep committing it.
const MAX_READS: usize = 3;
const UNSURE: &str = "o contrato não pôde ser lido por inteiro no Sienge duas vezes; tente de novo";
const TOO_EARLY: &str = "o Sienge ainda mostra a parcela cuja exclusão acabou de avisar; o contrato é lido de novo em instantes";

/// What happens to installments that would be removed.
enum Removals<'a> {
    /// A second read confirms them: a person opens one bill.
    Confirmed,
    /// The same, as far as a reconciliation counted them.
    Granted(&'a mut Grants),
    /// The same, as far as the circuit breaker allows.
    WithinShare,
    /// They are only counted.
    Counted(&'a mut BTreeMap<BillId, InQuestion>),
}

impl BillSync {
    /// Reads bills in Sienge, makes the portfolio equal, and returns each outcome.
    ///
    /// An installment absent from the first read is removed only when a second, independent read does not show it either.
    pub async fn sync_bills(&self, scope: Scope, bills: &Requests) -> Result<Outcomes, FlowError> {
        let mut uncounted = BTreeMap::new();
        let removals = match scope {
            Scope::Webhook | Scope::Daily => Removals::WithinShare,
            Scope::Sync => Removals::Confirmed,
            Scope::Reconciliation | Scope::Counting => Removals::Counted(&mut uncounted),
        };
        self.sync_until_current(scope, bills, removals).await
    }

    /// Reads bills for a reconciliation and makes the portfolio equal, except for removals: these are counted, and what the
    /// settings leave out stays.
    pub(super) async fn sync_counting(
        &self,
        bills: &Requests,
    ) -> Result<BTreeMap<BillId, InQuestion>, FlowError> {
        let mut in_question = BTreeMap::new();
        let removals = Removals::Counted(&mut in_question);
        self.sync_until_current(Scope::Counting, bills, removals)
            .await?;
        Ok(in_question)
    }

    /// Reads what a reconciliation counted again, and removes what is still missing as far as that was granted.
    pub(super) async fn sync_removing(
        &self,
        bills: &Requests,
        grants: &mut Grants,
    ) -> Result<(), FlowError> {
        let removals = Removals::Granted(grants);
        self.sync_until_current(Scope::Reconciliation, bills, removals)
            .await?;
        Ok(())
    }

    async fn sync_until_current(
        &self,
        scope: Scope,
        bills: &Requests,
        mut removals: Removals<'_>,
    ) -> Result<Outcomes, FlowError> {
        let mut outcomes = Outcomes::new();
        let mut left = bills.clone();
        for _ in 0..MAX_READS {
            let round = Round {
                sync: self,
                scope,
                requests: &left,
                reading: Reading::begin(scope, self.now()),
                answered_by: BTreeMap::new(),
                outcomes: &mut outcomes,
                overtaken: BTreeSet::new(),
            };
            let overtaken = round.run(&mut removals).await?;
            left.retain(|bill, _| overtaken.contains(bill));
            if left.is_empty() {
                return Ok(outcomes);
            }
        }
        for bill in left.keys() {
            self.report.fail(*bill, OVERTAKEN.to_owned());
        }
        Ok(outcomes)
    }
}

/// One round of reading bills: read, compare, and read again where a second read must decide.
struct Round<'a> {
    sync: &'a BillSync,
    scope: Scope,
    requests: &'a Requests,
    reading: Reading,
    /// The source of each bill's first read.
    answered_by: BTreeMap<BillId, Source>,
    outcomes: &'a mut Outcomes,
    /// Bills that others committed in between: nothing was done.
    overtaken: BTreeSet<BillId>,
}

impl Round<'_> {
    async fn run(mut self, removals: &mut Removals<'_>) -> Result<BTreeSet<BillId>, FlowError> {
        let (reads, known) = self.first_reads().await;
        if reads.is_empty() {
            return Ok(self.overtaken);
        }
        let answers = self.sync.erp.observe(&reads).await?;
        if let Some(error) = stops(self.scope, &answers) {
            return Err(error.clone().into());
        }
        self.answered_by = answers
            .iter()
            .map(|answer| (answer.bill, answer.answered_by))
            .collect();
        for read in &reads {
            let unanswered = SyncOutcome::failed(&"sem resposta do Sienge", false);
            self.outcomes.insert(read.bill, unanswered);
        }
        let seen: Vec<Observation> = self
            .answered(answers)
            .into_iter()
            .map(|seen| self.requests[&seen.bill].completes(seen))
            .collect();
        let first: BTreeMap<BillId, Observation> =
            seen.iter().map(|seen| (seen.bill, seen.clone())).collect();
        let short = seen
            .iter()
            .filter(|seen| self.requests[&seen.bill].misses_in(seen, known.contains(&seen.bill)));
        let short: Vec<BillId> = short.map(|seen| seen.bill).collect();
        let mut early = too_early(self.requests, &seen, self.reading.began);
        let mut unread = bills_with_unreadable_news(self.scope, self.requests, &seen);
        let LeftToDo {
            mut read_again,
            mut in_question,
            overtaken,
        } = self.compare(seen).await?;
        self.overtaken = overtaken;
        in_question.retain(|bill, _| !early.contains(bill));
        let withheld = self.sync.decide(&in_question, removals).await?;
        self.outcomes
            .extend(withheld.iter().map(|bill| (*bill, SyncOutcome::Withheld)));
        in_question.retain(|bill, _| !withheld.contains(bill));
        self.sync.note_removals(in_question.values());
        read_again.extend(in_question.into_keys());
        read_again.extend(
            short
                .into_iter()
                .filter(|bill| !self.overtaken.contains(bill)),
        );
        read_again.retain(|bill| !early.contains(bill) && !withheld.contains(bill));
        let confirmed = self.read_again(&read_again, first).await?;
        if !confirmed.is_empty() {
            early.extend(too_early(self.requests, &confirmed, self.reading.began));
            unread.retain(|bill, _| !confirmed.iter().any(|seen| seen.bill == *bill));
            unread.extend(bills_with_unreadable_news(
                self.scope,
                self.requests,
                &confirmed,
            ));
            let in_question = self.compare_confirmed(confirmed).await?;
            if let Removals::Counted(counted) = removals {
                counted.extend(in_question);
            }
        }
        if !early.is_empty() {
            // Late enough for Sienge to show what it announced.
            tracing::info!(tenant = %self.sync.tenant, bills = early.len(), "removals announced before Sienge shows them; their webhooks will be delivered again");
        }
        self.outcomes.extend(
            unread
                .into_iter()
                .map(|(bill, why)| (bill, SyncOutcome::failed(&why, true))),
        );
        self.outcomes.extend(
            early
                .into_iter()
                .map(|bill| (bill, SyncOutcome::failed(&TOO_EARLY, false))),
        );
        Ok(self.overtaken)
    }

    /// The reads to make, and which bills are held. A bill whose news the portfolio already contains is in sync.
    async fn first_reads(&mut self) -> (Vec<BillRead>, BTreeSet<BillId>) {
        let (mut reads, mut known) = (Vec::new(), BTreeSet::new());
        for (bill, held) in self.sync.load(self.requests.keys()).await {
            let is_known = |held: &HeldBill| self.requests[&bill].is_met_by(held);
            if held.as_ref().is_some_and(is_known) {
                self.sync.report.with(|report| report.bills_known += 1);
                self.outcomes.insert(bill, SyncOutcome::InSync);
                continue;
            }
            reads.push(self.read_of(bill, held.as_ref()));
            if let Some(held) = held {
                known.extend(Some(bill).filter(|_| held.version > 0));
                self.reading.hold(bill, held);
            }
        }
        (reads, known)
    }

    async fn compare(&mut self, seen: Vec<Observation>) -> Result<LeftToDo, FlowError> {
        self.sync
            .sync_seen_noting(&mut self.reading, seen, self.outcomes)
            .await
    }

    /// Compares bills that were read twice; returns what is still in question: one of the two reads was incomplete.
    async fn compare_confirmed(
        &mut self,
        confirmed: Vec<Observation>,
    ) -> Result<BTreeMap<BillId, InQuestion>, FlowError> {
        let in_part = not_whole(&confirmed);
        let left_to_do = self.compare(confirmed).await?;
        // One of the two reads was incomplete, and only two complete ones can decide.
        let unsure = left_to_do
            .read_again
            .iter()
            .chain(left_to_do.in_question.keys());
        let unsure = unsure.filter(|bill| self.scope == Scope::Webhook && in_part.contains(bill));
        self.outcomes
            .extend(unsure.map(|bill| (*bill, SyncOutcome::failed(&UNSURE, false))));
        self.overtaken.extend(left_to_do.overtaken);
        Ok(left_to_do.in_question)
    }

    /// Reads bills a second time and adds what only the first read showed, which must not be older than the held state.
    async fn read_again(
        &mut self,
        bills: &BTreeSet<BillId>,
        mut first: BTreeMap<BillId, Observation>,
    ) -> Result<Vec<Observation>, FlowError> {
        let mut reads = Vec::new();
        for (bill, held) in self.held(bills).await {
            if held
                .as_ref()
                .is_some_and(|held| self.reading.is_older_than(bill, held))
            {
                let failed = SyncOutcome::failed(&OVERTAKEN, false);
                self.outcomes.insert(bill, failed);
                self.overtaken.insert(bill);
                continue;
            }
            reads.push(self.read_of(bill, held.as_ref()));
            if let Some(held) = held {
                self.reading.hold(bill, held);
            }
        }
        if reads.is_empty() {
            return Ok(Vec::new());
        }
        let answers = self.confirm(&reads).await?;
        let confirmed = self.answered(answers).into_iter();
        Ok(confirmed
            .map(|seen| match first.remove(&seen.bill) {
                Some(first) => seen.confirming(first),
                None => seen,
            })
            .collect())
    }

    /// The held states of bills: the noted ones, and the others loaded.
    async fn held(&mut self, bills: &BTreeSet<BillId>) -> BTreeMap<BillId, Option<HeldBill>> {
        let mut held: BTreeMap<BillId, Option<HeldBill>> = bills
            .iter()
            .filter_map(|bill| Some((*bill, Some(self.reading.take_held(*bill)?))))
            .collect();
        let unknown: Vec<&BillId> = bills
            .iter()
            .filter(|bill| !held.contains_key(bill))
            .collect();
        if !unknown.is_empty() {
            held.extend(self.sync.load(unknown).await);
        }
        held
    }

    /// The second reads. If they fail, the first reads stay committed and only these webhooks are delivered again; a run stops.
    async fn confirm(&mut self, reads: &[BillRead]) -> Result<Vec<BillAnswer>, FlowError> {
        match self.sync.erp.confirm(reads).await {
            Ok(confirmed) => match stops(self.scope, &confirmed) {
                Some(error) => Err(error.clone().into()),
                None => Ok(confirmed),
            },
            Err(error) if self.scope == Scope::Webhook => {
                tracing::warn!(tenant = %self.sync.tenant, %error, bills = reads.len(), "no second read of bills; their webhooks will be delivered again");
                let lasting = error.remedy() == sienge::Remedy::Never;
                let failed =
                    |read: &BillRead| (read.bill, SyncOutcome::of_bill(read.bill, &error, lasting));
                self.outcomes.extend(reads.iter().map(failed));
                Ok(Vec::new())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The observations; bills without one fail.
    fn answered(&mut self, answers: Vec<BillAnswer>) -> Vec<Observation> {
        let mut answered = Vec::with_capacity(answers.len());
        for BillAnswer { bill, seen, .. } in answers {
            match seen {
                Ok(seen) => answered.push(seen),
                Err(error) => {
                    tracing::error!(tenant = %self.sync.tenant, %bill, %error, "Sienge did not answer for this bill");
                    self.sync.report.fail(bill, error.to_string());
                    let lasting = error.remedy() == sienge::Remedy::Never;
                    let named = error.bill().is_some();
                    let failed = if named {
                        SyncOutcome::failed(&error, lasting)
                    } else {
                        SyncOutcome::of_bill(bill, &error, lasting)
                    };
                    self.outcomes.insert(bill, failed);
                }
            }
        }
        answered
    }

    fn read_of(&self, bill: BillId, held: Option<&HeldBill>) -> BillRead {
        BillRead {
            bill,
            customer: held.and_then(current_customer),
            boleto: self.requests[&bill].boleto,
            answered_by: self.answered_by.get(&bill).copied(),
        }
    }
}

impl BillSync {
    /// Decides which of the bills in question stay as they are.
    async fn decide(
        &self,
        in_question: &BTreeMap<BillId, InQuestion>,
        removals: &mut Removals<'_>,
    ) -> Result<BTreeSet<BillId>, FlowError> {
        match removals {
            Removals::Confirmed => Ok(BTreeSet::new()),
            Removals::WithinShare => self.withhold(in_question).await,
            Removals::Granted(grants) => self.withhold_uncounted(in_question, grants).await,
            Removals::Counted(counted) => {
                counted.extend(in_question);
                Ok(in_question.keys().copied().collect())
            }
        }
    }
}

/// Why a run stops: its quota, its time or Sienge itself; this is not an error of a bill.
fn stops(scope: Scope, answers: &[BillAnswer]) -> Option<&SiengeError> {
    let mut errors = answers
        .iter()
        .filter_map(|answer| answer.seen.as_ref().err());
    errors.find(|error| scope != Scope::Webhook && !error.is_of_some_bill())
}

/// Bills that were read too early.
fn too_early(bills: &Requests, seen: &[Observation], began: Timestamp) -> BTreeSet<BillId> {
    let early = seen
        .iter()
        .filter(|seen| bills[&seen.bill].is_too_early(seen, began));
    early.map(|seen| seen.bill).collect()
}

/// Bills that two reads did not show completely.
fn not_whole(confirmed: &[Observation]) -> BTreeSet<BillId> {
    let in_part = confirmed
        .iter()
        .filter(|seen| seen.coverage != Coverage::WholeConfirmed);
    in_part.map(|seen| seen.bill).collect()
}

/// Bills whose news could not be read, so that nobody takes it for processed.
fn bills_with_unreadable_news(
    scope: Scope,
    bills: &Requests,
    seen: &[Observation],
) -> BTreeMap<BillId, String> {
    let seen = seen.iter().filter(|_| scope == Scope::Webhook);
    seen.filter_map(|seen| Some((seen.bill, bills[&seen.bill].is_unread_in(seen)?.text())))
        .collect()
}

/// The customer of the open contract, else of the last one.
fn current_customer(held: &HeldBill) -> Option<CustomerId> {
    let open = held
        .contracts()
        .find(|contract| contract.state == ContractState::Open);
    open.or_else(|| held.contracts().next_back())
        .map(|contract| contract.key.customer)
}
