//! The functions of a simulation: what `apply`, `payments`, `import`, `reconcile` and an opening do between their effects, over
//! the real comparison and the real slices. Every effect may be the last one, and anything may happen between two of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ponte::flow::{News, View, Wish};
use ponte::portfolio::{
    BillId, ContractKey, Coverage, CreditorId, Fingerprint, HeldBill, InstallmentId, Motive, Observation, ObservedBill,
    ObservedInstallment, Rules, Scope, compare,
};
use ponte::sienge::group;
use ponte::store::Stamp;

use super::sienge::Source;
use super::store::MemoryStore;
use super::{Halt, Simulation, WebhookState, at};
use crate::compare::knows;

type Row = (BillId, ObservedBill, ObservedInstallment);

/// What became of a bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Equal,
    Unmatched,
    Failed,
}

/// What settling left to do.
#[derive(Default)]
struct Unsettled {
    /// These need a (second) whole read.
    look_again: BTreeSet<BillId>,
    /// Somebody committed these after the read began: nothing was done.
    overtaken: BTreeSet<BillId>,
}

/// What came of settling one bill.
enum Settled {
    Done { fate: Fate, look_again: bool },
    Overtaken,
}

/// How often a commit that met another one is computed again.
const MAX_CONFLICTS: usize = 6;
/// How often a bill is read while others commit it.
const MAX_READS: usize = 3;
/// Deliveries of a message.
const MAX_DELIVERIES: u32 = 5;

impl Simulation {
    /// Bills to read, whatever was read before.
    pub fn look_whole(&mut self, scope: Scope, bills: &BTreeSet<BillId>) -> Result<BTreeMap<BillId, Fate>, Halt> {
        self.look(scope, &bills.iter().map(|bill| (*bill, Wish::default())).collect())
    }

    /// As `Session::look`: again and again while others commit what was read.
    fn look(&mut self, scope: Scope, bills: &BTreeMap<BillId, Wish>) -> Result<BTreeMap<BillId, Fate>, Halt> {
        let mut fates: BTreeMap<BillId, Fate> = bills.keys().map(|bill| (*bill, Fate::Failed)).collect();
        let mut left = bills.clone();
        for _ in 0..MAX_READS {
            let overtaken = self.look_once(scope, &left, &mut fates)?;
            left.retain(|bill, _| overtaken.contains(bill));
        }
        Ok(fates)
    }

    /// Read, settle, and read again what was not shown. Answers what somebody committed meanwhile.
    fn look_once(
        &mut self,
        scope: Scope,
        bills: &BTreeMap<BillId, Wish>,
        fates: &mut BTreeMap<BillId, Fate>,
    ) -> Result<BTreeSet<BillId>, Halt> {
        let mut view = View::begin(scope, self.now());
        let mut to_read = Vec::new();
        for (bill, wish) in bills {
            self.effect()?;
            let held = self.store.load(*bill);
            if wish.is_met_by(&held) {
                self.counts.reads_saved += 1;
                self.assert_known(*bill, &held, wish.news.as_ref().unwrap());
                fates.insert(*bill, Fate::Equal);
            } else {
                view.know(*bill, held.version);
                to_read.push(*bill);
            }
        }
        let mut sources = BTreeMap::new();
        let mut seen = Vec::new();
        for bill in &to_read {
            let source = if scope == Scope::Sync || self.rng.bool() {
                Source::Rest
            } else {
                Source::Bulk
            };
            sources.insert(*bill, source);
            if let Some(observation) = self.read(*bill, source, Coverage::WholeOnce)? {
                seen.push(observation);
            }
        }
        let boletos: BTreeMap<BillId, _> = seen.iter().map(|seen| (seen.bill, seen.boletos.clone())).collect();
        let Unsettled { look_again, mut overtaken } = self.settle(&mut view, seen, fates)?;
        let mut confirmed = Vec::new();
        for bill in look_again {
            self.effect()?;
            view.know(bill, self.store.load(bill).version);
            let source = if sources[&bill] == Source::Rest {
                Source::Bulk
            } else {
                Source::Rest
            };
            match self.read(bill, source, Coverage::WholeConfirmed)? {
                Some(observation) => confirmed.push(observation.with_boletos_of(&boletos[&bill])),
                None => drop(fates.insert(bill, Fate::Failed)),
            }
        }
        overtaken.extend(self.settle(&mut view, confirmed, fates)?.overtaken);
        Ok(overtaken)
    }

    /// What a bill was not read for is held as Sienge had it then or later.
    fn assert_known(&self, bill: BillId, held: &HeldBill, news: &News) {
        let mut told: BTreeMap<InstallmentId, u64> = BTreeMap::new();
        for webhook in self.journal.values() {
            let of_it = webhook.hints.bills.contains(&bill) && at(webhook.at) <= news.told_at;
            if let Some(installment) = webhook.hints.changed.filter(|changed| of_it && news.of.contains(changed)) {
                let newest = told.entry(installment).or_default();
                *newest = webhook.operation.max(*newest);
            }
        }
        for (installment, operation) in told {
            let id = u32::try_from(installment.0).unwrap();
            let known = self.sienge.since(bill, operation).iter().any(|(_, bill)| {
                let row = bill.as_ref().and_then(|bill| Some((bill, bill.installment(id)?)));
                row.is_none_or(|(bill, row)| knows(held, bill, row))
            });
            assert!(
                known,
                "bill {bill} installment {id}: told by operation {operation}, not read, not known: {held:?}"
            );
        }
    }

    /// One whole read; `None` when it failed. The first may leave rows out.
    fn read(&mut self, bill: BillId, source: Source, coverage: Coverage) -> Result<Option<Observation>, Halt> {
        self.effect()?;
        if self.is_out_of_quota() || self.happens(self.trouble.read_fails) {
            return Ok(None);
        }
        let mut seen = self.sienge.says(bill, source);
        seen.coverage = coverage;
        if coverage == Coverage::WholeOnce && self.happens(self.trouble.rows_missing) {
            let keep = self.rng.usize(0..=seen.installments.len());
            self.rng.shuffle(&mut seen.installments);
            seen.installments.truncate(keep);
            seen.installments.sort_by_key(|row| row.id);
            let kept: BTreeSet<InstallmentId> = seen.installments.iter().map(|row| row.id).collect();
            seen.boletos.retain(|id, _| kept.contains(id));
        }
        Ok(Some(seen))
    }

    fn settle(&mut self, view: &mut View, mut seen: Vec<Observation>, fates: &mut BTreeMap<BillId, Fate>) -> Result<Unsettled, Halt> {
        // Several at once, so in any order.
        self.rng.shuffle(&mut seen);
        let mut unsettled = Unsettled::default();
        for observation in seen {
            let bill = observation.bill;
            match self.settle_one(view, &observation)? {
                Settled::Overtaken => {
                    fates.insert(bill, Fate::Failed);
                    unsettled.overtaken.insert(bill);
                }
                Settled::Done { fate, look_again } => {
                    fates.insert(bill, fate);
                    if look_again {
                        unsettled.look_again.insert(bill);
                    }
                }
            }
        }
        Ok(unsettled)
    }

    /// Load, compare, commit slice by slice; again when somebody else committed in between.
    fn settle_one(&mut self, view: &mut View, seen: &Observation) -> Result<Settled, Halt> {
        for _ in 0..MAX_CONFLICTS {
            self.effect()?;
            let held = self.store.load(seen.bill);
            self.effect()?;
            let told = seen.header.as_ref().map(|header| header.creditor);
            let creditor = told.or_else(|| held.contracts.values().map(|contract| contract.creditor).next());
            let rules = Rules {
                tenant: &self.settings,
                creditor: creditor.and_then(|id| self.creditors.get(&id)),
            };
            let outcome = compare(&held, seen, view.scope, &rules, self.today());
            if !outcome.changes.is_empty() && view.is_older_than(seen.bill, &held) {
                self.counts.overtaken += 1;
                return Ok(Settled::Overtaken);
            }
            if creditor.is_some() {
                check_removals(&held, seen, &outcome);
                let stamp = Stamp {
                    at: self.now(),
                    read_at: outcome.says_all(&held, seen).then_some(view.began),
                };
                let mut commit = MemoryStore::commit(seen.bill, &held, &outcome, stamp, self.limits);
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
                    self.conflicts += 1;
                    continue;
                }
                view.know(seen.bill, commit.version());
                for event in told {
                    self.publish(seen.bill, event)?;
                }
            }
            let is_held = held.version > 0 || !outcome.changes.is_empty();
            let fate = if is_held { Fate::Equal } else { Fate::Unmatched };
            let look_again = outcome.needs_whole || !outcome.to_confirm.is_empty();
            return Ok(Settled::Done { fate, look_again });
        }
        Ok(Settled::Done {
            fate: Fate::Failed,
            look_again: false,
        })
    }

    fn publish(&mut self, bill: BillId, event: String) -> Result<(), Halt> {
        if self.happens(self.trouble.bus_refuses) {
            return Ok(());
        }
        self.published.insert((bill, event.clone()));
        self.effect()?;
        self.store.outbox.remove(&(bill, event));
        Ok(())
    }

    /// A batch from the queue.
    pub fn apply(&mut self) -> Result<(), Halt> {
        let size = self.queue.len().min(10);
        let batch: Vec<(u64, u32)> = self.queue.drain(..size).collect();
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

    fn apply_batch(&mut self, batch: &[(u64, u32)]) -> Result<BTreeSet<u64>, Halt> {
        self.effect()?;
        let waits = |simulation: &Self, id: &u64| simulation.journal[id].state != WebhookState::Done;
        let waiting: BTreeSet<u64> = batch.iter().map(|(id, _)| *id).filter(|id| waits(self, id)).collect();
        let fates = self.process(&waiting)?;
        let mut failed = BTreeSet::new();
        for (id, fate) in fates {
            if fate == Fate::Failed {
                failed.insert(id);
            } else {
                self.finish(id, fate)?;
            }
        }
        Ok(failed)
    }

    fn finish(&mut self, id: u64, fate: Fate) -> Result<(), Halt> {
        self.effect()?;
        let webhook = self.journal.get_mut(&id).unwrap();
        if webhook.state != WebhookState::Done {
            webhook.state = if fate == Fate::Unmatched {
                WebhookState::Unmatched
            } else {
                WebhookState::Done
            };
        }
        Ok(())
    }

    /// Looks wherever the webhooks point, each place once.
    fn process(&mut self, webhooks: &BTreeSet<u64>) -> Result<BTreeMap<u64, Fate>, Halt> {
        let mut pointed: BTreeMap<u64, BTreeSet<BillId>> = BTreeMap::new();
        for id in webhooks {
            let hints = self.journal[id].hints.clone();
            let mut bills = hints.bills;
            for contract in hints.sales_contracts {
                self.effect()?;
                bills.extend(self.sienge.bill_of(contract));
            }
            pointed.insert(*id, bills);
        }
        let mut wishes: BTreeMap<BillId, Wish> = BTreeMap::new();
        for (id, bills) in &pointed {
            let webhook = &self.journal[id];
            for bill in bills {
                // What is found through a sales contract is read in any case.
                let wish = Wish::of(&webhook.hints, at(webhook.at));
                wishes
                    .entry(*bill)
                    .and_modify(|all| all.join(&wish))
                    .or_insert_with(|| wish.clone());
            }
        }
        let fates = self.look(Scope::Webhook, &wishes)?;
        let worst = |bills: &BTreeSet<BillId>| {
            let fates = bills.iter().map(|bill| fates[bill]);
            let all: Vec<Fate> = fates.collect();
            if all.contains(&Fate::Failed) {
                Fate::Failed
            } else if all.iter().all(|fate| *fate == Fate::Unmatched) {
                Fate::Unmatched
            } else {
                Fate::Equal
            }
        };
        Ok(pointed.into_iter().map(|(id, bills)| (id, worst(&bills))).collect())
    }

    /// What is stuck is put back.
    pub fn sweep(&mut self) -> Result<(), Halt> {
        let stuck = |state: WebhookState, at: u64| state == WebhookState::Pending && at + 120 <= self.second;
        let stuck: Vec<u64> = self
            .journal
            .iter()
            .filter(|(_, webhook)| stuck(webhook.state, webhook.at))
            .map(|(id, _)| *id)
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

    /// Streams rows into the comparison, some at a time. Returns what needs a whole read, and whether all was read.
    fn stream(
        &mut self,
        scope: Scope,
        creditor: CreditorId,
        mut rows: Vec<Row>,
        with_boletos: bool,
    ) -> Result<(BTreeSet<BillId>, bool), Halt> {
        let boletos = self.sienge.boletos(creditor);
        let mut view = View::begin(scope, self.now());
        self.effect()?;
        let truncated = self.happens(self.trouble.truncated);
        if truncated {
            let keep = self.rng.usize(0..=rows.len());
            rows.truncate(keep);
        }
        let mut look_again = BTreeSet::new();
        let size = self.rng.usize(1..40);
        for batch in rows.chunks(size) {
            if truncated && batch.len() < size {
                break;
            }
            let mut seen = group(batch.to_vec(), Coverage::Rows);
            for observation in seen.iter_mut().filter(|_| with_boletos) {
                let told = observation.installments.iter();
                observation.boletos = told
                    .filter_map(|row| Some((row.id, *boletos.get(&(observation.bill, row.id))?)))
                    .collect();
                if let Some(header) = &mut observation.header {
                    header.cancelled_on = self.sienge.revoked(observation.bill);
                }
            }
            let unsettled = self.settle(&mut view, seen, &mut BTreeMap::new())?;
            look_again.extend(unsettled.look_again.into_iter().chain(unsettled.overtaken));
        }
        Ok((look_again, !truncated))
    }

    /// What changed since the last success.
    pub fn import(&mut self, creditor: CreditorId) -> Result<(), Halt> {
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
        let rows = self
            .sienge
            .rows(creditor, |bill, row| bill.modified >= since || row.modified >= since);
        let (look_again, whole) = self.stream(Scope::Daily, creditor, rows, true)?;
        if !whole {
            return Ok(());
        }
        let fates = self.look_whole(Scope::Daily, &look_again)?;
        let unmatched = self.journal.iter().filter(|(_, webhook)| webhook.state == WebhookState::Unmatched);
        let unmatched = unmatched.map(|(id, _)| *id).collect();
        for (id, fate) in self.process(&unmatched)? {
            if fate != Fate::Failed {
                self.finish(id, fate)?;
            }
        }
        self.effect()?;
        if fates.values().all(|fate| *fate != Fate::Failed) {
            self.cursors.insert(creditor, began);
        }
        Ok(())
    }

    /// Payments and changes since a day, again.
    pub fn redundancy(&mut self, creditor: CreditorId) -> Result<(), Halt> {
        self.effect()?;
        if self.is_out_of_quota() {
            return Ok(());
        }
        let since = self.sienge.world.today.yesterday().unwrap();
        let rows = self.sienge.rows(creditor, |bill, row| {
            bill.modified >= since || row.modified >= since || row.receipts.iter().any(|receipt| receipt.date >= since)
        });
        let (look_again, _) = self.stream(Scope::Webhook, creditor, rows, false)?;
        self.look_whole(Scope::Daily, &look_again).map(drop)
    }

    /// The batimento. `confirmed` is an operator's word for a run that stopped. Says whether it came to its end.
    pub fn reconcile(&mut self, creditor: CreditorId, confirmed: bool) -> Result<bool, Halt> {
        self.effect()?;
        if self.is_out_of_quota() {
            return Ok(false);
        }
        let mut held = self.open_index(creditor);
        let boletos = self.sienge.boletos(creditor);
        let mut rows = self.sienge.rows(creditor, |_, _| true);
        if self.happens(self.trouble.rows_missing) {
            let share = self.rng.f64();
            let mut rng = self.rng.fork();
            rows.retain(|_| rng.f64() >= share);
        }
        let total = held.len();
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
        let (look_again, whole) = self.stream(Scope::Reconciliation, creditor, rows, true)?;
        if !whole {
            return Ok(false);
        }
        let mut failed: BTreeSet<BillId> = self
            .look_whole(Scope::Reconciliation, &look_again)?
            .into_iter()
            .filter(|(_, fate)| *fate == Fate::Failed)
            .map(|(bill, _)| bill)
            .collect();
        let missing = held.iter().filter(|(_, (_, _, _, seen))| !seen);
        let count = missing.clone().count();
        if count >= 3 && count * 100 > total * 20 && !confirmed {
            return Ok(false);
        }
        failed.extend(missing.map(|((bill, _), _)| *bill));
        let fates = self.look_whole(Scope::Reconciliation, &failed)?;
        Ok(fates.values().all(|fate| *fate != Fate::Failed))
    }

    fn open_index(&self, creditor: CreditorId) -> HashMap<(BillId, InstallmentId), (ContractKey, Fingerprint, bool, bool)> {
        let of_creditor = |held: &&HeldBill| held.contracts.values().any(|contract| contract.creditor == creditor);
        let rows = self
            .store
            .bills
            .values()
            .filter(of_creditor)
            .flat_map(|held| held.installments.values());
        rows.filter(|row| row.is_open())
            .map(|row| {
                (
                    (row.contract.bill, row.id),
                    (row.contract.clone(), row.fingerprint(), row.boleto, false),
                )
            })
            .collect()
    }
}

/// Nothing is removed because it was missing from one answer: whatever leaves collection without a receipt was confirmed.
fn check_removals(held: &HeldBill, seen: &Observation, outcome: &ponte::portfolio::Outcome) {
    use ponte::portfolio::{Change, InstallmentState};
    if seen.coverage == Coverage::WholeConfirmed {
        return;
    }
    let shown: BTreeSet<InstallmentId> = seen.installments.iter().map(|row| row.id).collect();
    for change in &outcome.changes {
        let Change::Installment(_, after) = change else { continue };
        let InstallmentState::Closed { motive, .. } = after.state else {
            continue;
        };
        let was_open = held
            .installments
            .get(&(after.contract.clone(), after.id))
            .is_some_and(ponte::portfolio::Installment::is_open);
        let removes = matches!(motive, Motive::Reconciliation | Motive::CreditorRequest);
        assert!(
            !was_open || !removes || shown.contains(&after.id),
            "{after:?} removed after one look: {seen:?}"
        );
    }
}
