//! What must be true in the end.

use std::collections::BTreeSet;

use ponte::portfolio::{BillId, ContractState, EventKind};

use super::{REGISTERED, Simulation, WebhookState};
use crate::compare;

impl Simulation {
    /// Where the portfolio and Sienge differ.
    pub fn differences(&self) -> Vec<String> {
        let ours = |bill: &sienge_simulator::world::Bill| REGISTERED.contains(&i64::from(bill.company));
        compare::differences(&self.sienge.world, &self.store.bills, |bill, _| ours(bill))
    }

    /// Bills whose rights were assigned: only a batimento moves them.
    pub fn moved(&self) -> BTreeSet<BillId> {
        let customer = |bill: BillId| {
            u32::try_from(bill.0)
                .ok()
                .and_then(|id| self.sienge.world.bills.get(&id))
                .map(|bill| i64::from(bill.customer))
        };
        let bills = self.store.bills.iter();
        bills
            .filter(|(bill, held)| {
                let now = customer(**bill);
                let mut contracts = held
                    .contracts
                    .values()
                    .filter(|contract| !matches!(contract.state, ContractState::Assigned { .. }));
                now.is_some() && contracts.any(|contract| Some(contract.key.customer.0) != now)
            })
            .map(|(bill, _)| *bill)
            .collect()
    }

    /// No payment is told as taken back that Sienge did not take back.
    pub fn assert_reversals(&self) {
        for ((bill, _), event) in &self.store.timeline {
            if matches!(event.kind, EventKind::PaymentReversed { .. }) {
                let taken_back = event.installments.iter().all(|id| self.sienge.took_back(*bill, *id));
                assert!(taken_back, "never taken back in Sienge: {event:?}");
            }
        }
    }

    /// Nothing waits, and what happened was told.
    pub fn assert_settled(&self) {
        assert!(self.queue.is_empty(), "messages are left: {:?}", self.queue);
        let waiting: Vec<&u64> = self
            .journal
            .iter()
            .filter(|(_, webhook)| webhook.state == WebhookState::Pending)
            .map(|(id, _)| id)
            .collect();
        assert!(waiting.is_empty(), "webhooks are left: {waiting:?}");
        assert!(self.store.outbox.is_empty(), "unpublished events are left");
        let told: BTreeSet<&(BillId, String)> = self.store.timeline.keys().collect();
        assert_eq!(self.published.iter().collect::<BTreeSet<_>>(), told, "what was told was published");
        for (bill, held) in &self.store.bills {
            assert!(
                held.pending_events.is_empty(),
                "bill {bill}: events wait for ever: {:?}",
                held.pending_events
            );
        }
    }
}
