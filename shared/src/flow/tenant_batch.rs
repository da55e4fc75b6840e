//! One tenant's messages of a batch: loads their webhooks, processes them and finishes them in the journal.

use std::collections::{BTreeMap, BTreeSet};

use super::run_ports::Journal;
use super::{FlowError, SyncOutcome};
use crate::aws::InboxMessage;
use crate::calendar::Timestamp;
use crate::ids::TenantId;
use crate::store::{Finish, JournalKey, StoredWebhook, WebhookState};
use crate::sync::{BillSync, Processed};
use crate::telemetry::{self, Metric};

/// The queue moves a message to the dead-letter queue after this many deliveries; the last one is noted in the journal.
pub const MAX_DELIVERIES: u32 = 5;

/// A message as the queue delivered it.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// The queue's id, returned if the message fails.
    pub message_id: String,
    /// What it points at.
    pub message: InboxMessage,
    /// How often it was delivered, including this time.
    pub deliveries: u32,
}

impl Delivered {
    fn key(&self) -> JournalKey {
        JournalKey(self.message.key.clone())
    }
}

/// One tenant's messages and their webhooks.
pub struct TenantBatch<'a> {
    tenant: &'a TenantId,
    journal: &'a dyn Journal,
    messages: &'a [Delivered],
    waiting: Vec<StoredWebhook>,
    /// Messages that failed.
    failed: Vec<String>,
}

impl<'a> TenantBatch<'a> {
    /// Loads the pending webhooks. A missing one (it expired) is finished; one that cannot be read back
    /// fails alone.
    pub async fn load(
        tenant: &'a TenantId,
        journal: &'a dyn Journal,
        messages: &'a [Delivered],
        now: Timestamp,
    ) -> Result<Self, FlowError> {
        let (waiting, damaged) = load(journal, messages).await?;
        let mut failed = Vec::new();
        for (delivered, why) in damaged {
            tracing::error!(%tenant, key = delivered.message.key, why, "stored webhook unreadable; it fails alone");
            give_up(journal, tenant, [(delivered, None)], &why, now).await;
            failed.push(delivered.message_id.clone());
        }
        Ok(Self {
            tenant,
            journal,
            messages,
            waiting,
            failed,
        })
    }

    /// Whether nothing is pending.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The messages that failed before anything was processed.
    #[must_use]
    pub fn into_failed(self) -> Vec<String> {
        self.failed
    }

    /// Brings up to date what the webhooks point at, and finishes those that did not fail. Returns the messages that failed.
    pub async fn apply(mut self, sync: &BillSync) -> Result<Vec<String>, FlowError> {
        let (tenant, journal) = (self.tenant, self.journal);
        let processed = sync.process(&self.waiting, false).await;
        let report = sync.report.take();
        let processed = processed?;
        finish(journal, &processed, sync.now()).await?;
        let is_applied = |each: &&Processed| !matches!(each.synced, SyncOutcome::Failed { .. });
        let applied = processed.values().filter(is_applied).count() as u64;
        let count = |metric, count| telemetry::count(metric, count, Some(tenant), sync.now());
        count(Metric::WebhookApplied, applied);
        count(Metric::InstallmentsChanged, report.installments_changed());
        tracing::info!(%tenant, webhooks = self.waiting.len(), bills = report.bills_compared, known = report.bills_known, "webhooks applied: {}", report.text());
        for delivered in self.messages {
            let Some(Processed {
                synced: SyncOutcome::Failed { why, lasting },
                arrival,
                ..
            }) = processed.get(&delivered.key())
            else {
                continue;
            };
            if *lasting {
                let message = [(delivered, arrival.as_deref())];
                give_up(journal, tenant, message, why, sync.now()).await;
            }
            self.failed.push(delivered.message_id.clone());
        }
        Ok(self.failed)
    }
}

/// The pending webhooks, and the messages whose webhook cannot be read back, with the reason.
async fn load<'a>(
    journal: &dyn Journal,
    messages: &'a [Delivered],
) -> Result<(Vec<StoredWebhook>, Vec<(&'a Delivered, String)>), FlowError> {
    let keys: Vec<JournalKey> = messages.iter().map(Delivered::key).collect();
    let loaded = journal.webhooks(&keys).await?;
    let some_damaged = loaded.iter().any(Result::is_err);
    let readable: Vec<StoredWebhook> = loaded.into_iter().filter_map(Result::ok).collect();
    let mut damaged = Vec::new();
    if some_damaged {
        let known: BTreeSet<&JournalKey> = readable.iter().map(|stored| &stored.key).collect();
        for (delivered, key) in messages
            .iter()
            .zip(&keys)
            .filter(|(_, key)| !known.contains(key))
        {
            if let Some(Err(error)) = journal.webhooks(std::slice::from_ref(key)).await?.pop() {
                damaged.push((delivered, format!("webhook guardado ilegível: {error}")));
            }
        }
    }
    // A failed one comes again only when an operator has moved it out of the dead-letter queue.
    let waits = |stored: &StoredWebhook| {
        !matches!(stored.state, WebhookState::Done | WebhookState::Rejected)
    };
    Ok((readable.into_iter().filter(waits).collect(), damaged))
}

/// Writes the outcomes into the journal; a failed webhook stays pending. One whose outcome could not be written is simply processed again.
pub(super) async fn finish(
    journal: &dyn Journal,
    processed: &BTreeMap<JournalKey, Processed>,
    now: Timestamp,
) -> Result<(), FlowError> {
    let finishes: Vec<Finish> = processed
        .iter()
        .filter_map(|(key, processed)| finished(key, processed))
        .collect();
    match journal.finish(&finishes, now).await.into_iter().next() {
        Some((_, error)) => Err(error.into()),
        None => Ok(()),
    }
}

fn finished(key: &JournalKey, processed: &Processed) -> Option<Finish> {
    let (state, note) = match processed.synced {
        SyncOutcome::InSync => (WebhookState::Done, "aplicado"),
        SyncOutcome::Withheld => (
            WebhookState::Done,
            "há parcelas a retirar além do limite do credor: nada foi retirado; aguardam a confirmação no batimento",
        ),
        SyncOutcome::Unmatched => (
            WebhookState::Unmatched,
            "contrato não encontrado na carteira nem entre os credores cadastrados",
        ),
        SyncOutcome::Failed { .. } => return None,
    };
    let note = match processed.unusable {
        0 => note.to_owned(),
        some => {
            format!("{note}; {some} código(s) do corpo não podem ser do Sienge e foram ignorados")
        }
    };
    Some(Finish {
        key: key.clone(),
        arrival: processed.arrival.clone(),
        state,
        note: Some(note),
        bill: processed.bill,
    })
}

/// Gives up webhooks with lasting errors on their last delivery, so that the sweep leaves them to the dead-letter queue and the
/// operator. Each message comes with the arrival that failed, where known.
pub(super) async fn give_up<'a>(
    journal: &dyn Journal,
    tenant: &TenantId,
    messages: impl IntoIterator<Item = (&'a Delivered, Option<&'a str>)>,
    why: &str,
    now: Timestamp,
) {
    let messages = messages.into_iter();
    let last = messages.filter(|(delivered, _)| delivered.deliveries >= MAX_DELIVERIES);
    let finishes: Vec<Finish> = last
        .map(|(delivered, arrival)| Finish {
            key: delivered.key(),
            arrival: arrival.map(str::to_owned),
            state: WebhookState::Failed,
            note: Some(why.to_owned()),
            bill: None,
        })
        .collect();
    if finishes.is_empty() {
        return;
    }
    telemetry::count(
        Metric::WebhookFailed,
        finishes.len() as u64,
        Some(tenant),
        now,
    );
    for (key, error) in journal.finish(&finishes, now).await {
        tracing::error!(%tenant, key = key.0, %error, "failed webhook not marked in the journal; the sweep will queue it again");
    }
}
