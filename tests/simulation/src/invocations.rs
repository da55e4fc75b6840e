//! The functions of a simulation: the code that deploys, over the simulation's ports. Every effect may be the last one, and anything may
//! happen between two of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ponte::aws::{Bus, InboxMessage};
use ponte::flow::stuck::{continuations, publish_outbox, requeue, stuck_since};
use ponte::flow::{
    Delivered, FlowError, MAX_DELIVERIES, RunContext, RunStatus, Task, TaskName, TenantBatch,
    deadline, runs,
};
use ponte::ids::{BillId, CreditorId};
use ponte::portfolio::Scope;
use ponte::store::JournalKey;
use ponte::sync::{BillSync, InvocationClock, Ports, ReadRequest, RunningReport};

use super::executor;
use super::state::{Invocation, MINUTE, REGISTERED, Simulation, State};

/// What creditors let go unasked, percent.
const SHARE: u64 = 20;
/// Longer than anything takes.
const AT_LEISURE: u64 = 30 * 24 * 60 * MINUTE;

impl Simulation {
    /// An invocation, which may die: then `None`.
    fn invoke<F: Future>(&self, function: impl FnOnce(BillSync) -> F) -> Option<F::Output> {
        let outer = {
            let mut state = self.state();
            let invocation = state.begin();
            state.counts.invocations += 1;
            std::mem::replace(&mut state.invocation, invocation)
        };
        let future = function(self.bill_sync());
        let done = executor::run(future, || self.state().invocation.is_dead);
        let mut state = self.state();
        state.counts.deaths += u64::from(done.is_none());
        state.ended = std::mem::replace(&mut state.invocation, outer);
        state.note_held_open();
        done
    }

    fn bill_sync(&self) -> BillSync {
        let ports = Ports {
            portfolio: Arc::new(self.clone()),
            erp: Arc::new(self.clone()),
            records: Arc::new(self.clone()),
            clock: Arc::new(self.clone()),
        };
        let state = self.state();
        BillSync::new(
            state.tenant.clone(),
            Arc::clone(&state.settings),
            Arc::clone(&state.creditors),
            state.today(),
            RunningReport::default(),
            ports,
        )
    }

    /// `apply`: a batch from the queue.
    pub fn apply(&self) {
        let (tenant, batch) = {
            let mut state = self.state();
            let size = state.queue.len().min(10);
            let batch: Vec<(JournalKey, u32)> = state.queue.drain(..size).collect();
            (state.tenant.clone(), batch)
        };
        let delivered = |(place, (key, deliveries)): (usize, &(JournalKey, u32))| Delivered {
            message_id: place.to_string(),
            message: InboxMessage {
                tenant: tenant.clone(),
                key: key.0.clone(),
            },
            deliveries: deliveries + 1,
        };
        let messages: Vec<Delivered> = batch.iter().enumerate().map(delivered).collect();
        let applied = self.invoke(async |sync| {
            let batch = TenantBatch::load(&tenant, self, &messages, self.now()).await?;
            batch.apply(&sync).await
        });
        let mut state = self.state();
        state.assert_asked();
        for (message, (key, deliveries)) in messages.into_iter().zip(batch) {
            let again = match &applied {
                Some(Ok(failed)) => failed.contains(&message.message_id),
                Some(Err(_)) | None => true,
            };
            if again && state.was_too_early(&key) {
                state.counts.too_early += 1;
            }
            if again && deliveries + 1 < MAX_DELIVERIES {
                state.queue.push((key, deliveries + 1));
            }
        }
    }

    /// The sweep: what is stuck is put back.
    pub fn sweep(&self) {
        self.invoke(async |_| {
            let now = self.now();
            let tenant = self.state().tenant.clone();
            let (all, until) = (
                usize::MAX,
                deadline(SystemTime::now() + Duration::from_hours(1)),
            );
            requeue(self, self, &tenant, all, now, until).await?;
            publish_outbox(self, self, &tenant, all, stuck_since(now), until).await?;
            for creditor in REGISTERED.map(CreditorId) {
                let died = continuations(self, &tenant, creditor, now).await?;
                Bus::publish(self, &died).await?;
            }
            Ok::<_, FlowError>(())
        });
    }

    /// A customer is opened.
    pub fn open(&self, bills: impl IntoIterator<Item = BillId>) -> bool {
        let requests: BTreeMap<BillId, ReadRequest> = bills
            .into_iter()
            .map(|bill| (bill, ReadRequest::with_boletos()))
            .collect();
        let opened = self.invoke(async |sync| sync.sync_bills(Scope::Sync, &requests).await);
        matches!(opened, Some(Ok(_)))
    }

    /// A run of a creditor, new or continued. `None`: it died, or failed before it began.
    pub fn run(&self, name: TaskName, creditor: CreditorId, task: &Task) -> Option<RunStatus> {
        let is_new = {
            let state = self.state();
            // A first load is a reconciliation.
            let runs = [name, TaskName::Reconcile];
            let is_left = |run: TaskName| {
                let key = (creditor, run.as_str());
                state.runs.checkpoints.contains_key(&key)
            };
            !runs.into_iter().any(is_left)
        };
        let ran = self.invoke(async |sync| {
            let context = RunContext {
                creditor,
                dry_run: false,
                sync: &sync,
                records: self,
                store: self,
                journal: self,
                bus: self,
            };
            match name {
                TaskName::Import => runs::import(&context, task).await,
                TaskName::Reconcile => runs::reconcile(&context, task).await,
                TaskName::Payments => runs::redundancy(&context, task).await,
            }
        });
        let mut state = self.state();
        // A run that goes on was asked about when less was held.
        if is_new && task.confirm.is_none() {
            state.assert_asked();
        }
        let summary = ran?.ok()?;
        state.runs.waiting.remove(&creditor);
        match summary.state {
            RunStatus::AwaitsConfirmation => {
                state.counts.asked += 1;
                state.runs.waiting.insert(creditor, summary.run.unwrap());
            }
            RunStatus::Continues => state.counts.continued += 1,
            _ => {}
        }
        Some(summary.state)
    }

    /// What the bus asks for, or an operator confirms.
    pub fn go_on(&self) {
        let next = {
            let mut state = self.state();
            let waiting = state.runs.waiting.iter().next();
            let waiting = waiting.map(|(creditor, run)| (*creditor, run.clone()));
            if state.runs.asked_for.is_empty() {
                waiting.map(|(creditor, run)| {
                    let task = Task {
                        confirm: Some(run),
                        ..Task::default()
                    };
                    (TaskName::Reconcile, creditor, task)
                })
            } else {
                let among = state.runs.asked_for.len();
                let place = state.rng.usize(0..among);
                let (name, task) = state.runs.asked_for.swap_remove(place);
                Some((name, task.creditor.unwrap(), task))
            }
        };
        if let Some((name, creditor, task)) = next {
            self.run(name, creditor, &task);
        }
    }
}

impl State {
    /// A function starts.
    fn begin(&mut self) -> Invocation {
        let (dies, hurried) = (self.trouble.dies, self.trouble.hurried);
        let fuse = self
            .happens(dies)
            .then(|| self.rng.u32(0..60).min(self.rng.u32(0..60)));
        let length = if self.happens(hurried) {
            [2, 5, 15][self.rng.usize(0..3)] * MINUTE
        } else {
            AT_LEISURE
        };
        Invocation {
            fuse,
            deadline: self.second + length,
            held_open: self.held_open(),
            ..Invocation::default()
        }
    }

    /// Much is never taken away unasked, by whichever function.
    fn assert_asked(&self) {
        for (creditor, removed) in &self.ended.removed {
            let held_open = self.ended.held_open.get(creditor).copied();
            let held_open = held_open.unwrap_or_default();
            // As the rule is written, not as the code has it.
            let is_much = *removed >= 3 && removed * 100 > held_open * SHARE;
            assert!(
                !is_much,
                "{removed} of {held_open} of creditor {creditor} taken away unasked"
            );
        }
    }

    /// Whether a webhook told of a removal that the answers to the invocation that ended did not show yet.
    fn was_too_early(&self, key: &JournalKey) -> bool {
        let hints = &self.journal[key].inbound.hints;
        let mut answers = hints
            .bills
            .iter()
            .filter_map(|bill| self.ended.answers.get(bill)?.last());
        hints
            .gone
            .is_some_and(|gone| answers.any(|answer| answer.read.contains(&gone)))
    }
}
