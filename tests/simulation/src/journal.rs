//! The journal's and the queue's ports, the bus, and what must be true of every webhook that is done.

use async_trait::async_trait;
use ponte::aws::{Bus, BusError, BusEvent, InboxError, InboxMessage, Requeue};
use ponte::calendar::Timestamp;
use ponte::flow::{Journal, TASK_REQUESTED, Task, TaskName};
use ponte::ids::{BillId, CreditorId, InstallmentId, TenantId};
use ponte::portfolio::Installment;
use ponte::store::{Finish, JournalKey, PendingWebhook, StoreError, StoredWebhook, WebhookState};

use super::sienge::REFUSED;
use super::state::{Answer, REGISTERED, Simulation, State, Webhook};
use crate::compare::knows;

#[async_trait]
impl Journal for Simulation {
    async fn webhooks(
        &self,
        keys: &[JournalKey],
    ) -> Result<Vec<Result<StoredWebhook, StoreError>>, StoreError> {
        self.effect().await;
        let state = self.state();
        let mut keys = keys.to_vec();
        keys.sort_unstable();
        keys.dedup();
        let found = keys
            .into_iter()
            .filter_map(|key| Some((state.journal.get(&key)?, key)));
        Ok(found
            .map(|(webhook, key)| Ok(stored(key, webhook)))
            .collect())
    }

    async fn finish(&self, finishes: &[Finish], _now: Timestamp) -> Vec<(JournalKey, StoreError)> {
        for finish in finishes {
            self.effect().await;
            self.state().finish(finish);
        }
        Vec::new()
    }

    async fn unmatched(
        &self,
        _tenant: &TenantId,
        most: usize,
    ) -> Result<Vec<PendingWebhook>, StoreError> {
        self.effect().await;
        let state = self.state();
        let mut found = state.waiting(|webhook| webhook.state == WebhookState::Unmatched);
        found.truncate(most);
        Ok(found)
    }

    async fn pending(
        &self,
        _tenant: &TenantId,
        from: Timestamp,
        to: Timestamp,
        most: usize,
    ) -> Result<Vec<PendingWebhook>, StoreError> {
        self.effect().await;
        let state = self.state();
        let mut found = state.waiting(|webhook| {
            webhook.state == WebhookState::Pending
                && (from..=to).contains(&webhook.inbound.received_at)
        });
        found.truncate(most);
        Ok(found)
    }
}

#[async_trait]
impl Requeue for Simulation {
    async fn send_many(&self, messages: &[InboxMessage]) -> Result<usize, InboxError> {
        self.effect().await;
        let mut state = self.state();
        let keys = messages
            .iter()
            .map(|message| (JournalKey(message.key.clone()), 0));
        state.queue.extend(keys);
        Ok(messages.len())
    }

    async fn redrive(&self, _moved: usize) -> Result<usize, InboxError> {
        Ok(0)
    }
}

#[async_trait]
impl Bus for Simulation {
    async fn publish(&self, events: &[BusEvent]) -> Result<Vec<bool>, BusError> {
        self.effect().await;
        let mut state = self.state();
        let likely = state.trouble.bus_refuses;
        if state.happens(likely / 2) {
            return Err(BusError("unreachable".to_owned()));
        }
        let taken: Vec<bool> = events
            .iter()
            .map(|event| {
                let taken = !state.happens(likely);
                if taken {
                    state.hear(event);
                }
                taken
            })
            .collect();
        Ok(taken)
    }
}

fn stored(key: JournalKey, webhook: &Webhook) -> StoredWebhook {
    let comes_again = webhook.inbound.while_waiting;
    StoredWebhook {
        key,
        webhook: webhook.inbound.clone(),
        state: webhook.state,
        note: None,
        arrival: comes_again.then(|| webhook.arrival.to_string()),
    }
}

impl State {
    fn waiting(&self, wanted: impl Fn(&Webhook) -> bool) -> Vec<PendingWebhook> {
        let found = self.journal.iter().filter(|(_, webhook)| wanted(webhook));
        found
            .map(|(key, webhook)| PendingWebhook {
                tenant: self.tenant.clone(),
                key: key.clone(),
                received_at: webhook.inbound.received_at,
            })
            .collect()
    }

    /// The bus takes an event.
    fn hear(&mut self, event: &BusEvent) {
        let text = |field: &str| event.detail[field].as_str().map(str::to_owned);
        if event.detail_type == TASK_REQUESTED {
            let name = TaskName::ALL
                .into_iter()
                .find(|name| text("task").as_deref() == Some(name.as_str()))
                .unwrap();
            let creditor: CreditorId =
                serde_json::from_value(event.detail["creditor"].clone()).unwrap();
            let task = Task::continuation(name, &self.tenant, creditor, text("run").unwrap());
            self.runs.asked_for.push((name, task));
        } else if let Some(id) = text("id") {
            self.published.insert(id);
        }
    }

    fn finish(&mut self, finish: &Finish) {
        let webhook = &self.journal[&finish.key];
        let arrival = webhook.arrival.to_string();
        if finish
            .arrival
            .as_ref()
            .is_some_and(|looked_at| *looked_at != arrival)
        {
            self.counts.came_again += 1;
            return;
        }
        let note = finish.note.as_deref().unwrap_or_default();
        let is_withheld = note.starts_with("há parcelas a retirar");
        self.counts.withheld += u64::from(is_withheld);
        if finish.state == WebhookState::Done && !is_withheld {
            self.counts.reads_saved += self.assert_known_when_done(&finish.key);
        }
        if finish.state == WebhookState::Failed {
            // What Sienge refuses, or tells so that nobody can read it, is given up alone.
            let mut answers = self.invocation.answers.values().flatten();
            let unread = answers.any(|answer| answer.has_gap || !answer.unread.is_empty());
            let refused = webhook.inbound.hints.bills.contains(&BillId(REFUSED));
            assert!(refused || unread, "given up: {note}");
        }
        self.journal.get_mut(&finish.key).unwrap().state = finish.state;
    }

    /// What a webhook told of an installment that was there is held as Sienge had it then or later, unless no read could show it.
    /// Answers for how many bills nothing was read.
    fn assert_known_when_done(&self, key: &JournalKey) -> u64 {
        let Webhook {
            inbound, operation, ..
        } = &self.journal[key];
        let hints = &inbound.hints;
        let Some(installment) = hints.installment.filter(|_| hints.was_there) else {
            return 0;
        };
        let mut saved = 0;
        for bill in &hints.bills {
            let answers = self.invocation.answers.get(bill);
            saved += u64::from(answers.is_none());
            let shows = |answer: &Answer| answer.read.contains(&installment);
            if answers.is_none_or(|answers| answers.iter().any(shows)) {
                self.assert_known(*bill, installment, *operation);
            }
        }
        saved
    }

    /// An installment is held as Sienge had it after an operation or later.
    pub fn assert_known(&self, bill: BillId, installment: InstallmentId, operation: u64) {
        let held = self.store.load(bill);
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
                !REGISTERED.contains(&i64::from(bill.company)) || knows(&held, bill, row)
            })
        });
        assert!(
            known,
            "bill {bill} installment {id}: told by operation {operation} and not known: {held:?}"
        );
    }
}
