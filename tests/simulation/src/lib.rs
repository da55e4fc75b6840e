//! A simulation of everything around the functions: a generated Sienge, its people, the news of their doings (lost, doubled,
//! out of order, late), answers that fail or show half, processes that die between any two effects, that meet each other, and that run out
//! of quota and of time. One seed, one story; the clock is virtual.
//!
//! What runs is what deploys: webhooks, runs, their driver and the sweep, over ports in memory. At the end one opening of every customer and
//! one batimento of every creditor must find both sides equal.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    clippy::needless_pass_by_value,
    reason = "only tests use it: a failure is to be seen where it happens"
)]

mod checks;
pub mod compare;
mod erp;
mod executor;
mod invocations;
mod journal;
mod news;
mod portfolio;
mod runs;
mod sienge;
mod state;
mod store;

use std::collections::BTreeSet;

use ponte::flow::{RunStatus, Task, TaskName};
use ponte::ids::{BillId, CreditorId};
use ponte::store::{InboundWebhook, WebhookState};

use news::News;
use sienge::Sienge;
pub use sienge::{REFUSED, address_of, operation, other_name};
pub use state::{Counts, TODAY};
use state::{DAY, MINUTE, REGISTERED, Simulation, State, Trouble, Webhook, at};

/// Runs a seed; panics with what is wrong.
#[must_use]
pub fn run(seed: u64) -> Counts {
    let simulation = Simulation::born(seed);
    let steps = simulation.state().rng.u32(10..60);
    for _ in 0..steps {
        simulation.step();
    }
    simulation.end()
}

impl Simulation {
    fn step(&self) {
        {
            let mut state = self.state();
            let seconds = match state.rng.u32(0..20) {
                0 => DAY,
                1..4 => 120 * MINUTE,
                4..9 => 7 * MINUTE,
                _ => state.rng.u64(0..40),
            };
            state.pass(seconds);
            let quota_ends = state.trouble.quota_ends;
            if state.happens(quota_ends) {
                state.quota_back_at = state.second + state.rng.u64(1..DAY);
            }
        }
        self.something();
    }

    /// Something else happens while an invocation waits.
    fn meanwhile(&self) {
        self.state().depth += 1;
        self.something();
        self.state().depth -= 1;
    }

    fn something(&self) {
        let (what, creditor) = {
            let mut state = self.state();
            let creditor = REGISTERED[state.rng.usize(0..REGISTERED.len())];
            (state.rng.u32(0..100), CreditorId(creditor))
        };
        match what {
            0..43 => self.operate(),
            43..52 => self.state().deliver(),
            52..71 => {
                self.state().deliver();
                self.apply();
            }
            71..76 => self.sweep(),
            76..81 => drop(self.run(TaskName::Payments, creditor, &Task::default())),
            81..87 => drop(self.run(TaskName::Import, creditor, &Task::default())),
            87..92 => drop(self.run(TaskName::Reconcile, creditor, &Task::default())),
            92..96 => self.go_on(),
            _ => {
                let bill = {
                    let mut state = self.state();
                    let bills = state.sienge.bills(&REGISTERED);
                    state.rng.choice(bills)
                };
                self.open(bill);
            }
        }
    }

    /// Somebody works in Sienge.
    fn operate(&self) {
        let times = self.state().rng.u32(1..4);
        for _ in 0..times {
            let planned = self.state().plan();
            let Some((draft, news, is_early)) = planned else {
                continue;
            };
            // Some events are out before the change can be read.
            if !is_early {
                let mut state = self.state();
                state.sienge.commit(draft);
                state.send(news);
                continue;
            }
            let (meets_another, slowness, bills) = {
                let mut state = self.state();
                let known = state.sienge.bills(&REGISTERED);
                let told = news.iter().flat_map(|news| &news.hints.bills).copied();
                let bills: BTreeSet<BillId> = told.filter(|bill| known.contains(bill)).collect();
                state.send(news);
                state.deliver();
                // Sienge shows it within half a minute, and is read until then.
                (
                    std::mem::take(&mut state.trouble.meets_another),
                    std::mem::replace(&mut state.slowness, 1),
                    bills,
                )
            };
            self.apply();
            {
                let mut state = self.state();
                let seconds = state.rng.u64(0..30);
                state.second += seconds;
            }
            self.open(bills);
            let mut state = self.state();
            (state.trouble.meets_another, state.slowness) = (meets_another, slowness);
            state.sienge.commit(draft);
        }
    }

    /// No trouble any more: one opening of every customer, one batimento, what the queue still holds.
    fn end(self) -> Counts {
        {
            let mut state = self.state();
            state.trouble = Trouble::default();
            state.quota_back_at = 0;
            // No lease outlives it.
            state.pass(20 * MINUTE);
        }
        self.sweep();
        self.state().assert_resumed();
        let bills = {
            let mut state = self.state();
            // What was left of runs is too old to be gone on with.
            state.pass(2 * DAY);
            let mut bills: BTreeSet<BillId> = state.sienge.bills(&REGISTERED).into_iter().collect();
            bills.extend(state.store.bills.keys());
            bills
        };
        assert!(self.open(bills), "an opening failed");
        self.state().assert_opened();
        for creditor in REGISTERED.map(CreditorId) {
            self.reconcile_to_the_end(creditor);
        }
        {
            let mut state = self.state();
            assert_eq!(
                state.differences(),
                Vec::<String>::new(),
                "after a batimento"
            );
            state.assert_waiting();
            state.deliver();
        }
        for _ in 0..200 {
            let turn = self.state().until_a_turn();
            self.state().pass(turn);
            self.sweep();
            while !self.state().queue.is_empty() {
                self.apply();
            }
            let journal = &self.state().journal;
            let mut webhooks = journal.values();
            if webhooks.all(|webhook| webhook.state != WebhookState::Pending) {
                break;
            }
        }
        {
            let state = self.state();
            assert_eq!(
                state.differences(),
                Vec::<String>::new(),
                "after the last webhooks"
            );
            state.assert_settled();
            state.assert_reversals();
        }
        self.load_what_nobody_told();
        let mut state = self.state();
        state.counts.events = state.store.timeline.len() as u64;
        state.counts
    }

    /// Somebody works in Sienge, no webhook comes, and the daily load finds it.
    fn load_what_nobody_told(&self) {
        for _ in 0..4 {
            let mut state = self.state();
            if let Some((draft, ..)) = state.plan() {
                state.sienge.commit(draft);
            }
        }
        self.state().pass(MINUTE);
        for creditor in REGISTERED.map(CreditorId) {
            // The first may be the rest of an old one.
            for _ in 0..2 {
                match self.run(TaskName::Import, creditor, &Task::default()) {
                    Some(RunStatus::Finished) => {}
                    // A creditor's first load is a batimento.
                    Some(RunStatus::AwaitsConfirmation) => self.reconcile_to_the_end(creditor),
                    other => panic!("the load of {creditor} failed: {other:?}"),
                }
            }
        }
        self.state().assert_loaded();
    }

    fn reconcile_to_the_end(&self, creditor: CreditorId) {
        let mut task = Task::default();
        for _ in 0..10 {
            match self.run(TaskName::Reconcile, creditor, &task) {
                Some(RunStatus::Finished) => return,
                Some(RunStatus::AwaitsConfirmation) => {
                    task.confirm = self.state().runs.waiting.get(&creditor).cloned();
                }
                other => panic!("the batimento of {creditor} failed: {other:?}"),
            }
        }
        panic!("the batimento of {creditor} has no end");
    }
}

impl State {
    /// What somebody does next, what Sienge tells of it, and whether it tells too early.
    fn plan(&mut self) -> Option<(sienge_simulator::world::operations::Draft, Vec<News>, bool)> {
        let draft = self.sienge.plan(&mut self.rng)?;
        self.counts.operations += 1;
        let share = self.trouble.other_name;
        let rng = &mut self.rng;
        let news = Sienge::news(&draft, self.sienge.operations + 1, |event| {
            (rng.u32(0..1_000) < share).then(|| other_name(event, rng))
        });
        let early = self.trouble.webhook_early;
        let is_early = self.happens(early) && self.depth == 0;
        Some((draft, news, is_early))
    }

    /// Seconds until the sweep puts the next pending webhook back: at ages that double.
    fn until_a_turn(&self) -> u64 {
        let pending = self
            .journal
            .values()
            .filter(|webhook| webhook.state == WebhookState::Pending);
        let waits = pending.map(|webhook| {
            let age = at(self.second).duration_since(webhook.inbound.received_at);
            let age = u64::try_from(age.as_secs()).unwrap();
            let mut turn = 20 * MINUTE;
            while turn < age {
                turn *= 2;
            }
            turn - age
        });
        waits.min().unwrap_or_default().max(MINUTE)
    }

    fn send(&mut self, news: Vec<News>) {
        let Trouble {
            webhook_lost,
            without_id,
            webhook_doubled,
            webhook_late,
            refused_id,
            ..
        } = self.trouble;
        for mut news in news {
            if self.happens(webhook_lost) {
                continue;
            }
            self.next_webhook += 1;
            news.number = Some(self.next_webhook).filter(|_| !self.happens(without_id));
            let times = 1 + u32::from(self.happens(webhook_doubled));
            for _ in 0..times {
                let late = if self.happens(webhook_late) {
                    self.rng.u64(1..600 * MINUTE)
                } else {
                    0
                };
                self.on_their_way.push((self.second + late, news.clone()));
            }
        }
        if self.happens(refused_id) {
            self.next_webhook += 1;
            let refused = Sienge::refused(self.next_webhook);
            self.on_their_way.push((self.second, refused));
        }
        self.rng.shuffle(&mut self.on_their_way);
    }

    /// The webhook function: stored once, then queued.
    fn deliver(&mut self) {
        let now = self.second;
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.on_their_way)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.on_their_way = later;
        for (_, news) in due {
            let webhook = self.inbound(news);
            let key = webhook.inbound.key();
            let comes_again = webhook.inbound.while_waiting;
            match self.journal.get_mut(&key) {
                Some(_) if !comes_again => continue,
                // It stands for this one, too, only while it waits.
                Some(held) if held.state == WebhookState::Pending => {
                    held.operation = held.operation.max(webhook.operation);
                    held.inbound.received_at = at(now);
                    held.arrival += 1;
                }
                held => {
                    self.counts.webhooks += 1;
                    let arrival = held.map_or(0, |held| held.arrival + 1);
                    let webhook = Webhook { arrival, ..webhook };
                    self.journal.insert(key.clone(), webhook);
                }
            }
            let lost = self.trouble.message_lost;
            if !self.happens(lost) {
                self.queue.push((key, 0));
            }
        }
    }

    fn inbound(&self, news: News) -> Webhook {
        let id = match news.number {
            Some(number) => number.to_string(),
            None => format!("{} {}", news.event.as_str(), news.body),
        };
        let inbound = InboundWebhook {
            tenant: self.tenant.clone(),
            receiver: news.receiver,
            event: news.event,
            id,
            while_waiting: news.number.is_none(),
            received_at: at(self.second),
            headers: std::collections::BTreeMap::new(),
            body: news.body.into_bytes(),
            hints: news.hints,
        };
        Webhook {
            inbound,
            state: WebhookState::Pending,
            operation: news.operation,
            arrival: 0,
        }
    }
}
