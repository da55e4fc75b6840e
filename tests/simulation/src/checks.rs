//! What must be true in the end.

use std::collections::BTreeSet;

use ponte::ids::{BillId, InstallmentId};
use ponte::money::Cents;
use ponte::portfolio::{ContractState, EventKind, Installment, SettlementClasses, SettlementKind};
use sienge_simulator::world;

use ponte::portfolio::ObservedBill;
use ponte::store::{JournalKey, WebhookState};

use super::state::{REGISTERED, State};
use crate::compare;

impl State {
    /// Where the portfolio and Sienge differ.
    pub fn differences(&self) -> Vec<String> {
        // A bill of which nothing is open stays on the contract that it has left: there is nothing to collect on either.
        let moved = self.moved();
        let is_over = |bill: &world::Bill| {
            let id = BillId(i64::from(bill.id));
            let held = self.store.load(id);
            moved.contains(&id)
                && !bill.installments.iter().any(world::Installment::open)
                && !held.installments().any(Installment::is_open)
        };
        compare::differences(&self.sienge.world, &self.store.bills, |bill, _| {
            is_ours(bill) && !is_over(bill)
        })
    }

    /// Payments of the registered companies' bills that nobody was told.
    pub fn missed(&self) -> Vec<String> {
        let mut missed = compare::missed(&self.sienge.world, &self.store.bills);
        let others = self.sienge.world.bills.values();
        let others: Vec<u32> = others
            .filter(|bill| !REGISTERED.contains(&i64::from(bill.company)))
            .map(|bill| bill.id)
            .collect();
        missed.retain(|line| {
            !others
                .iter()
                .any(|bill| line.starts_with(&format!("bill {bill} ")))
        });
        missed
    }

    /// Bills whose rights were assigned, whose document type changed, or whose company is not registered: only a batimento moves or returns them.
    pub fn moved(&self) -> BTreeSet<BillId> {
        let bills = self.store.bills.iter();
        bills
            .filter(|(bill, held)| {
                let contracts = held.contracts();
                let mut staying = contracts
                    .filter(|contract| !matches!(contract.state, ContractState::Assigned { .. }));
                self.in_sienge(**bill).is_some_and(|now| {
                    !is_ours(now) || staying.any(|held| held.key != compare::key_of(now))
                })
            })
            .map(|(bill, _)| *bill)
            .collect()
    }

    /// After an opening of every customer: equal, but for what only a batimento moves, and nothing was missed.
    pub fn assert_opened(&self) {
        self.assert_waiting();
        let moved = self.moved();
        let differences = self.differences();
        let is_moved = |line: &&String| {
            let mut moved = moved.iter();
            moved.any(|bill| line.starts_with(&format!("bill {bill} ")))
        };
        let unexplained: Vec<&String> = differences.iter().filter(|line| !is_moved(line)).collect();
        assert!(unexplained.is_empty(), "after a sync: {unexplained:#?}");
        assert_eq!(self.missed(), Vec::<String>::new());
        self.assert_received();
    }

    /// After a sweep: every run that died was asked to go on, unless it waits for somebody or was given up.
    pub fn assert_resumed(&self) {
        for ((creditor, task), (_, saved)) in &self.runs.checkpoints {
            let is_left = saved["waits"] == true || saved["failures"].as_u64() >= Some(6);
            let run = saved["run"].as_str();
            let is_asked_for = self.runs.asked_for.iter().any(|(name, asked)| {
                name.as_str() == *task
                    && asked.creditor == Some(*creditor)
                    && asked.run.as_deref() == run
            });
            assert!(
                is_left || is_asked_for,
                "nobody goes on with {task} {run:?} of {creditor}"
            );
        }
    }

    /// After a daily load: what Sienge lists of a changed installment is held, but for what only a batimento moves or returns.
    pub fn assert_loaded(&self) {
        let moved = self.moved();
        let mut lost = Vec::new();
        for bill in self
            .sienge
            .world
            .bills
            .values()
            .filter(|bill| is_ours(bill))
        {
            let id = BillId(i64::from(bill.id));
            let Some(held) = self.store.bills.get(&id).filter(|_| !moved.contains(&id)) else {
                continue;
            };
            // Without a receipt it is a removal, which the circuit breaker may leave.
            let is_told =
                |row: &&world::Installment| row.listed && (row.open() || !row.receipts.is_empty());
            let mut told = bill.installments.iter().filter(is_told);
            lost.extend(
                told.find(|row| !compare::knows(held, bill, row))
                    .map(|_| id),
            );
        }
        assert!(lost.is_empty(), "the load passed over {lost:?}");
    }

    fn in_sienge(&self, bill: BillId) -> Option<&world::Bill> {
        self.sienge.world.bills.get(&u32::try_from(bill.0).ok()?)
    }

    /// Every contract that the next batimento moves says so, and no other does; an assignment of rights and another type are told apart.
    pub fn assert_waiting(&self) {
        for (bill, held) in &self.store.bills {
            for contract in held.contracts() {
                let now = self.in_sienge(*bill);
                let moves = now.is_some_and(|now| contract.key != compare::key_of(now));
                let open = |now: &world::Bill| {
                    is_ours(now) && now.installments.iter().any(world::Installment::open)
                };
                let is_alive = contract.state == ContractState::Open && now.is_some_and(open);
                assert!(
                    contract.waiting().is_none() || moves,
                    "waits for nothing: {contract:?}"
                );
                assert!(
                    contract.waiting().is_some() || !moves || !is_alive,
                    "does not say that it moves: {contract:?}"
                );
                let assigned =
                    now.is_some_and(|now| i64::from(now.customer) != contract.key.customer.0);
                assert!(
                    contract.waiting().is_none() || contract.waits_for_assignment() == assigned,
                    "{contract:?}"
                );
            }
        }
    }

    /// No payment is told as taken back that Sienge did not take back.
    pub fn assert_reversals(&self) {
        for ((bill, _), event) in &self.store.timeline {
            if matches!(event.kind, EventKind::PaymentReversed { .. }) {
                let taken_back = event
                    .installments
                    .iter()
                    .all(|id| self.sienge.took_back(*bill, *id));
                assert!(taken_back, "never taken back in Sienge: {event:?}");
            }
        }
    }

    /// Of what came since its contract was opened, as much was published as received as Sienge received in value since that day.
    pub fn assert_received(&self) {
        let classes = SettlementClasses::default();
        for (id, held) in &self.store.bills {
            let there = u32::try_from(id.0)
                .ok()
                .and_then(|id| self.sienge.world.bills.get(&id));
            let Some(there) = there else { continue };
            let mut contracts = held.contracts();
            let contract =
                contracts.find(|contract| contract.key.customer.0 == i64::from(there.customer));
            let Some((contract, opened)) =
                contract.and_then(|contract| Some((contract, contract.opened?)))
            else {
                continue;
            };
            for row in &there.installments {
                let installment = InstallmentId(i64::from(row.id));
                let is_held = held.installment(&contract.key, installment).is_some();
                // Which of several alike was reversed, Sienge does not say.
                if installment <= opened.last || !is_held || self.sienge.took_back(*id, installment)
                {
                    continue;
                }
                let receipts = row
                    .receipts
                    .iter()
                    .filter(|receipt| receipt.date >= opened.on);
                let paying = receipts
                    .filter(|receipt| classes.pays(&SettlementKind::from(receipt.kind.as_ref())));
                let wanted = paying.fold(Cents::ZERO, |sum, receipt| {
                    sum + Cents::new(receipt.net().0)
                });
                assert_eq!(
                    self.published_as_paid(*id, installment),
                    wanted,
                    "bill {id} installment {installment}"
                );
            }
        }
    }

    fn published_as_paid(&self, bill: BillId, installment: InstallmentId) -> Cents {
        let told = self
            .store
            .timeline
            .iter()
            .filter(|((of, _), event)| *of == bill && event.installments == [installment]);
        let told = told.filter_map(|(_, event)| event.domain_event());
        let paid = told.filter(|(name, _)| *name == "payment.applied");
        paid.fold(Cents::ZERO, |sum, (_, detail)| {
            let paid: Cents = serde_json::from_value(detail["paid"].clone()).unwrap();
            sum + paid
        })
    }

    /// Nothing waits, and what happened was told.
    pub fn assert_settled(&self) {
        assert!(self.queue.is_empty(), "messages are left: {:?}", self.queue);
        let waiting: Vec<&JournalKey> = self
            .journal
            .iter()
            .filter(|(_, webhook)| webhook.state == WebhookState::Pending)
            .map(|(id, _)| id)
            .collect();
        assert!(waiting.is_empty(), "webhooks are left: {waiting:?}");
        assert!(self.store.outbox.is_empty(), "unpublished events are left");
        for ((bill, id), event) in &self.store.timeline {
            let is_reported = event.domain_event().is_none() || self.published.contains(id);
            assert!(is_reported, "bill {bill}: {id} was never published");
        }
        for (bill, held) in &self.store.bills {
            assert!(
                held.pending_events.is_empty(),
                "bill {bill}: events wait for ever: {:?}",
                held.pending_events
            );
        }
    }
}

/// Whether the settings leave a bill out: it goes back, shown or not.
pub fn is_left_out(header: &ObservedBill) -> bool {
    !REGISTERED.contains(&header.creditor.0)
}

fn is_ours(bill: &world::Bill) -> bool {
    REGISTERED.contains(&i64::from(bill.company))
}
