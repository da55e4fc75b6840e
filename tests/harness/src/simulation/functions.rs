//! The functions of a simulation: what `apply`, `payments`, `import` and `reconcile` do between their effects. Every effect may be the
//! last one, and anything may happen between two of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::ToSpan;
use jiff::civil::Date;
use ponte::ids::{BillId, CreditorId, InstallmentId};
use ponte::money::Cents;
use ponte::portfolio::{
    ContractKey, Coverage, Fingerprint, HeldBill, Installment, ObservedBill, ObservedInstallment,
    Scope,
};
use ponte::sienge::group;
use ponte::sync::{ReadRequest, Reading, must_ask};

use super::mirror::{SHARE, SyncOutcome};
use super::{Halt, Simulation, WebhookId, WebhookState, at};

type Row = (BillId, ObservedBill, ObservedInstallment);

/// What streaming rows left to do.
#[derive(Default)]
struct Streamed {
    read_again: BTreeSet<BillId>,
    in_question: BTreeMap<BillId, (CreditorId, u64)>,
    boletos: BTreeMap<(BillId, InstallmentId), bool>,
}

impl Streamed {
    fn boletos_of(&self, bill: BillId) -> BTreeMap<InstallmentId, bool> {
        let of_bill = self
            .boletos
            .range((bill, InstallmentId(i64::MIN))..=(bill, InstallmentId(i64::MAX)));
        of_bill.map(|((_, id), boleto)| (*id, *boleto)).collect()
    }

    /// Whole reads, with the boletos that were told.
    fn requests<'a>(
        &self,
        bills: impl IntoIterator<Item = &'a BillId>,
    ) -> BTreeMap<BillId, ReadRequest> {
        let request = |bill: BillId| ReadRequest {
            boletos: self.boletos_of(bill),
            ..ReadRequest::default()
        };
        bills
            .into_iter()
            .map(|bill| (*bill, request(*bill)))
            .collect()
    }
}

/// What a window of a batimento showed.
struct WindowRead {
    /// Open installments held in it.
    held: u64,
    /// How many would be taken away, of which bills.
    removals: BTreeMap<BillId, u64>,
    failed: BTreeSet<BillId>,
}

/// An original value that no installment has: that of a row which another one contradicts.
const LIE: Cents = Cents::new(1_313_131_313);

/// Deliveries of a message.
const MAX_DELIVERIES: u32 = 5;

impl Simulation {
    /// A batch from the queue.
    pub fn apply(&mut self) -> Result<(), Halt> {
        let size = self.queue.len().min(10);
        let batch: Vec<(WebhookId, u32)> = self.queue.drain(..size).collect();
        let outcome = self.apply_batch(&batch);
        for (id, deliveries) in batch {
            let again = match &outcome {
                Ok(failed) => failed.contains(&id),
                Err(_) => true,
            };
            if again && deliveries + 1 < MAX_DELIVERIES {
                self.queue.push((id, deliveries + 1));
            }
        }
        outcome.map(drop)
    }

    fn apply_batch(&mut self, batch: &[(WebhookId, u32)]) -> Result<BTreeSet<WebhookId>, Halt> {
        let began_with = self.begin();
        self.effect()?;
        let waits =
            |simulation: &Self, id: &WebhookId| simulation.journal[id].state != WebhookState::Done;
        let waiting = batch
            .iter()
            .map(|(id, _)| id.clone())
            .filter(|id| waits(self, id));
        let waiting: BTreeMap<WebhookId, u64> = waiting
            .map(|id| (id.clone(), self.journal[&id].arrival))
            .collect();
        let outcomes = self.process(&waiting.keys().cloned().collect())?;
        let mut failed = BTreeSet::new();
        for (id, synced) in outcomes {
            let last = batch
                .iter()
                .any(|(other, deliveries)| *other == id && deliveries + 1 >= MAX_DELIVERIES);
            match synced {
                SyncOutcome::Refused if last => {
                    self.finish(&id, waiting[&id], synced)?;
                    failed.insert(id);
                }
                SyncOutcome::Failed | SyncOutcome::Refused => drop(failed.insert(id)),
                synced => self.finish(&id, waiting[&id], synced)?,
            }
        }
        self.assert_asked(&began_with);
        Ok(failed)
    }

    /// Finishes the arrival of a webhook that was looked at.
    fn finish(&mut self, id: &WebhookId, arrival: u64, synced: SyncOutcome) -> Result<(), Halt> {
        self.effect()?;
        let webhook = &self.journal[id];
        if webhook.arrival != arrival {
            self.counts.came_again += 1;
            return Ok(());
        }
        if let Some(bill) = webhook
            .hints
            .bills
            .first()
            .filter(|_| synced == SyncOutcome::InSync && !webhook.hints.boleto)
        {
            let held = self.store.load(*bill);
            let installments = [webhook.hints.installment, webhook.hints.gone];
            if webhook.operation <= self.sienge.operations {
                for installment in installments.into_iter().flatten() {
                    self.assert_known(*bill, &held, installment, webhook.operation);
                }
            } else if let Some(gone) = webhook.hints.gone {
                // A payment or a change that Sienge told before it showed it is found by the next run; a removal is waited for.
                let is_open = held.installments_with_id(gone).any(Installment::is_open);
                assert!(
                    !is_open,
                    "bill {bill} installment {gone}: told to be removed, and held open: {held:?}"
                );
            }
        }
        let webhook = self.journal.get_mut(id).unwrap();
        if webhook.state != WebhookState::Done {
            webhook.state = match synced {
                SyncOutcome::Unmatched => WebhookState::Unmatched,
                SyncOutcome::Refused => WebhookState::Failed,
                SyncOutcome::InSync | SyncOutcome::Withheld | SyncOutcome::Failed => {
                    WebhookState::Done
                }
            };
        }
        Ok(())
    }

    /// Looks wherever the webhooks point, each place once.
    fn process(
        &mut self,
        webhooks: &BTreeSet<WebhookId>,
    ) -> Result<BTreeMap<WebhookId, SyncOutcome>, Halt> {
        let mut pointed: BTreeMap<WebhookId, BTreeSet<BillId>> = BTreeMap::new();
        for id in webhooks {
            let hints = self.journal[id].hints.clone();
            let mut bills = hints.bills;
            for contract in hints.sales_contracts {
                self.effect()?;
                bills.extend(self.sienge.bill_of(contract));
            }
            pointed.insert(id.clone(), bills);
        }
        let mut requests: BTreeMap<BillId, ReadRequest> = BTreeMap::new();
        for (id, bills) in &pointed {
            let webhook = &self.journal[id];
            for bill in bills {
                // What is found through a sales contract is read in any case.
                let request = ReadRequest::of(&webhook.hints, at(webhook.at));
                requests
                    .entry(*bill)
                    .and_modify(|all| all.join(&request))
                    .or_insert_with(|| request.clone());
            }
        }
        let outcomes = self.sync_bills(Scope::Webhook, &requests)?;
        let worst = |bills: &BTreeSet<BillId>| {
            let outcomes = bills.iter().map(|bill| outcomes[bill]);
            let all: Vec<SyncOutcome> = outcomes.collect();
            if let Some(failed) = all
                .iter()
                .find(|synced| matches!(synced, SyncOutcome::Failed | SyncOutcome::Refused))
            {
                *failed
            } else if all.contains(&SyncOutcome::Withheld) {
                SyncOutcome::Withheld
            } else if all.iter().all(|synced| *synced == SyncOutcome::Unmatched) {
                SyncOutcome::Unmatched
            } else {
                SyncOutcome::InSync
            }
        };
        Ok(pointed
            .into_iter()
            .map(|(id, bills)| (id, worst(&bills)))
            .collect())
    }

    /// What is stuck is put back.
    pub fn sweep(&mut self) -> Result<(), Halt> {
        let stuck = |state: WebhookState, at: u64| {
            state == WebhookState::Pending && at + 120 <= self.second
        };
        let stuck: Vec<WebhookId> = self
            .journal
            .iter()
            .filter(|(_, webhook)| stuck(webhook.state, webhook.at))
            .map(|(id, _)| id.clone())
            .collect();
        for id in stuck {
            self.effect()?;
            self.queue.push((id, 0));
        }
        for (bill, event) in self.store.outbox.clone() {
            self.publish(bill, event)?;
            self.effect()?;
        }
        Ok(())
    }

    /// What was streamed is read whole where that is needed, as far as it goes unasked.
    fn read_left(
        &mut self,
        scope: Scope,
        left: Streamed,
    ) -> Result<BTreeMap<BillId, SyncOutcome>, Halt> {
        let withheld = self.withhold(&left.in_question);
        let confirmed = left
            .in_question
            .keys()
            .filter(|bill| !withheld.contains(bill));
        let requests = left.requests(left.read_again.iter().chain(confirmed));
        self.sync_bills(scope, &requests)
    }

    /// An invocation begins: how much is held open of each creditor.
    fn begin(&mut self) -> BTreeMap<CreditorId, u64> {
        self.tally.clear();
        let mut open = BTreeMap::new();
        for row in self.store.bills.values().flat_map(HeldBill::installments) {
            *open.entry(row.creditor).or_default() += u64::from(row.is_open());
        }
        open
    }

    pub fn held_open(&self, creditor: CreditorId) -> u64 {
        self.open_index(creditor, |_| true).len() as u64
    }

    /// Reads rows, which come in any order, to their end and compares them bill by bill. Returns what that left to do; nothing when the
    /// answer broke off.
    fn stream(
        &mut self,
        scope: Scope,
        creditor: CreditorId,
        mut rows: Vec<Row>,
        coverage: Coverage,
        with_boletos: bool,
    ) -> Result<Option<Streamed>, Halt> {
        let mut left = Streamed::default();
        if with_boletos {
            left.boletos = self.sienge.boletos(creditor);
        }
        let mut view = Reading::begin(scope, self.now());
        self.effect()?;
        if self.happens(self.trouble.truncated) {
            return Ok(None);
        }
        let told = self.tell_in_part(&mut rows);
        self.rng.shuffle(&mut rows);
        let mut seen = group(rows, Vec::new(), coverage);
        for observation in &seen {
            assert_eq!(
                observation.header.as_ref(),
                told.get(&observation.bill),
                "whatever the order of its rows"
            );
        }
        for observation in seen.iter_mut().filter(|_| with_boletos) {
            observation.boletos = left.boletos_of(observation.bill);
            if let Some(header) = &mut observation.header {
                header.cancelled_on = self.sienge.revoked(observation.bill);
            }
        }
        let size = self.rng.usize(1..10);
        for batch in seen.chunks(size) {
            let left_to_do = self.sync_seen(&mut view, batch.to_vec(), &mut BTreeMap::new())?;
            left.read_again.extend(
                left_to_do
                    .read_again
                    .into_iter()
                    .chain(left_to_do.overtaken),
            );
            left.in_question.extend(left_to_do.in_question);
        }
        Ok(Some(left))
    }

    /// Some rows leave out some of their bill's facts. Answers what the rows of each bill tell together.
    fn tell_in_part(&mut self, rows: &mut [Row]) -> BTreeMap<BillId, ObservedBill> {
        let mut told: BTreeMap<BillId, ObservedBill> = BTreeMap::new();
        for (bill, header, _) in rows {
            if self.happens(self.trouble.told_in_part) {
                header.enterprise = header.enterprise.filter(|_| self.rng.bool());
                header.unit = header.unit.take().filter(|_| self.rng.bool());
                header.number = header.number.take().filter(|_| self.rng.bool());
            }
            let all = told.entry(*bill).or_insert_with(|| header.clone());
            all.enterprise = all.enterprise.or(header.enterprise);
            all.unit = all.unit.take().or_else(|| header.unit.clone());
            all.number = all.number.take().or_else(|| header.number.clone());
        }
        told
    }

    /// What changed since the last success.
    pub fn import(&mut self, creditor: CreditorId) -> Result<(), Halt> {
        let began_with = self.begin();
        self.effect()?;
        let since = self
            .cursors
            .get(&creditor)
            .copied()
            .unwrap_or(self.sienge.world.today)
            .yesterday()
            .unwrap();
        let began = self.sienge.world.today;
        if self.is_out_of_quota() {
            return Ok(());
        }
        let rows = self.sienge.rows(creditor, |bill, row| {
            bill.modified >= since || row.modified >= since
        });
        let Some(left) = self.stream(Scope::Daily, creditor, rows, Coverage::Rows, true)? else {
            return Ok(());
        };
        let outcomes = self.read_left(Scope::Daily, left)?;
        let unmatched = self
            .journal
            .iter()
            .filter(|(_, webhook)| webhook.state == WebhookState::Unmatched);
        let unmatched: BTreeMap<WebhookId, u64> = unmatched
            .map(|(id, webhook)| (id.clone(), webhook.arrival))
            .collect();
        for (id, synced) in self.process(&unmatched.keys().cloned().collect())? {
            if !matches!(synced, SyncOutcome::Failed | SyncOutcome::Refused) {
                self.finish(&id, unmatched[&id], synced)?;
            }
        }
        self.effect()?;
        if outcomes
            .values()
            .all(|synced| *synced != SyncOutcome::Failed)
        {
            self.cursors.insert(creditor, began);
        }
        self.assert_asked(&began_with);
        Ok(())
    }

    /// Payments and changes since a day, again.
    pub fn redundancy(&mut self, creditor: CreditorId) -> Result<(), Halt> {
        let began_with = self.begin();
        self.effect()?;
        if self.is_out_of_quota() {
            return Ok(());
        }
        let since = self.sienge.world.today.yesterday().unwrap();
        let rows = self.sienge.rows(creditor, |bill, row| {
            bill.modified >= since
                || row.modified >= since
                || row.receipts.iter().any(|receipt| receipt.date >= since)
        });
        if let Some(left) = self.stream(Scope::Daily, creditor, rows, Coverage::Rows, false)? {
            self.read_left(Scope::Daily, left)?;
        }
        self.assert_asked(&began_with);
        Ok(())
    }

    /// The batimento. `confirmed` is an operator's word for a run that stopped. Says whether it came to its end.
    pub fn reconcile(&mut self, creditor: CreditorId, confirmed: bool) -> Result<bool, Halt> {
        let began_with = self.begin();
        self.effect()?;
        if self.is_out_of_quota() {
            return Ok(false);
        }
        // One window of everything, or some of due dates, in which the rows of a bill are spread.
        let edges: BTreeSet<Date> = (0..self.rng.usize(0..4))
            .map(|_| self.today().saturating_add(self.rng.i32(-200..800).days()))
            .collect();
        let (mut total, mut removals, mut again) = (0, 0, BTreeSet::new());
        for window in 0..=edges.len() {
            let is_in = |due: Date| edges.range(..=due).count() == window;
            let Some(read) = self.window(creditor, is_in, edges.is_empty())? else {
                return Ok(false);
            };
            total += read.held;
            removals += read.removals.values().sum::<u64>();
            again.extend(read.removals.into_keys().chain(read.failed));
        }
        if must_ask(removals, total, SHARE) && !confirmed {
            self.assert_asked(&began_with);
            return Ok(false);
        }
        let outcomes = self.sync_whole(Scope::Reconciliation, &again)?;
        if !confirmed {
            self.assert_asked(&began_with);
        }
        Ok(outcomes
            .values()
            .all(|synced| *synced != SyncOutcome::Failed))
    }

    /// Reads a window of a batimento; `None` when it was not read.
    fn window(
        &mut self,
        creditor: CreditorId,
        is_in: impl Fn(Date) -> bool,
        is_everything: bool,
    ) -> Result<Option<WindowRead>, Halt> {
        let mut held = self.open_index(creditor, &is_in);
        let boletos = self.sienge.boletos(creditor);
        let mut rows = self.sienge.rows(creditor, |_, row| is_in(row.due));
        if self.happens(self.trouble.rows_missing) {
            let share = self.rng.f64();
            let mut rng = self.rng.fork();
            rows.retain(|_| rng.f64() >= share);
        }
        if self.happens(self.trouble.rows_odd) {
            self.contradict(&mut rows);
        }
        let mut told: HashMap<(BillId, InstallmentId), Fingerprint> = HashMap::new();
        let mut told_twice = BTreeSet::new();
        for (bill, _, row) in rows
            .iter()
            .filter(|(bill, _, row)| held.contains_key(&(*bill, row.id)))
        {
            if *told.entry((*bill, row.id)).or_insert(row.fingerprint()) != row.fingerprint() {
                told_twice.insert(*bill);
            }
        }
        rows.retain(|(bill, header, row)| match held.get_mut(&(*bill, row.id)) {
            Some(_) if row.balance.is_zero() && row.receipts.is_empty() => false,
            Some((key, fingerprint, boleto, seen)) => {
                *seen = true;
                *fingerprint != row.fingerprint()
                    || key.document_type != header.document_type
                    || key.customer != header.customer
                    || boletos.get(&(*bill, row.id)) != Some(boleto)
            }
            None => !row.balance.is_zero(),
        });
        rows.retain(|(bill, ..)| !told_twice.contains(bill));
        let coverage = if is_everything {
            Coverage::AllNew
        } else {
            Coverage::Rows
        };
        let Some(left) = self.stream(Scope::Counting, creditor, rows, coverage, true)? else {
            return Ok(None);
        };
        let believed = self
            .store
            .bills
            .values()
            .flat_map(HeldBill::installments)
            .any(|row| row.original == LIE);
        assert!(!believed, "a row that another one contradicts was believed");
        let requests = left.requests(left.read_again.iter().chain(&told_twice));
        let mut removals: BTreeMap<BillId, u64> = left
            .in_question
            .into_iter()
            .map(|(bill, (_, count))| (bill, count))
            .collect();
        for ((bill, _), _) in held.iter().filter(|(_, (.., seen))| !seen) {
            *removals.entry(*bill).or_default() += 1;
        }
        let (outcomes, counted) = self.sync_counting(&requests)?;
        for (bill, (_, count)) in counted {
            let known = removals.entry(bill).or_default();
            *known = count.max(*known);
        }
        let failed = outcomes
            .into_iter()
            .filter(|(_, synced)| *synced == SyncOutcome::Failed)
            .map(|(bill, _)| bill);
        Ok(Some(WindowRead {
            held: held.len() as u64,
            removals,
            failed: failed.collect(),
        }))
    }

    /// Tells some rows twice, once with a lie, in either order.
    fn contradict(&mut self, rows: &mut Vec<Row>) {
        for row in std::mem::take(rows) {
            if self.rng.u8(0..8) > 0 {
                rows.push(row);
                continue;
            }
            let mut lie = row.clone();
            lie.2.original = LIE;
            rows.extend(if self.rng.bool() {
                [row, lie]
            } else {
                [lie, row]
            });
        }
    }

    fn open_index(
        &self,
        creditor: CreditorId,
        is_in: impl Fn(Date) -> bool,
    ) -> HashMap<(BillId, InstallmentId), (ContractKey, Fingerprint, bool, bool)> {
        let rows = self.store.bills.values().flat_map(HeldBill::installments);
        rows.filter(|row| row.is_open() && row.creditor == creditor && is_in(row.due_on))
            .map(|row| {
                (
                    (row.contract.bill, row.id),
                    (row.contract.clone(), row.fingerprint(), row.boleto, false),
                )
            })
            .collect()
    }
}
