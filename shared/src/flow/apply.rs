//! `apply`: stored webhooks take effect, grouped so that each bill is read once however many webhooks name it.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use tokio::time::Instant;

use super::{Adapters, FlowError, Session, SyncOutcome};
use crate::aws::InboxMessage;
use crate::ids::TenantId;
use crate::store::{Finish, JournalKey, StoredWebhook, WebhookState};
use crate::sync::Processed;
use crate::telemetry::{self, Metric};

/// The queue moves a message to the dead-letter queue after this many deliveries; the last one is noted in the journal.
pub const MAX_DELIVERIES: u32 = 5;

/// A message as the queue delivered it.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// The queue's id, named again when the message failed.
    pub message_id: String,
    /// What it points at.
    pub message: InboxMessage,
    /// How often it was delivered, this time included.
    pub deliveries: u32,
}

/// Applies a batch and returns the ids of the messages that failed. One tenant's or one bill's trouble fails only its own messages.
pub async fn apply_webhooks(
    adapters: &Adapters,
    batch: Vec<Delivered>,
    deadline: Instant,
) -> Vec<String> {
    let mut by_tenant: BTreeMap<TenantId, Vec<Delivered>> = BTreeMap::new();
    for delivered in batch {
        by_tenant
            .entry(delivered.message.tenant.clone())
            .or_default()
            .push(delivered);
    }
    // Side by side, so that one tenant's slow Sienge does not use up the others' time.
    let all = by_tenant
        .into_iter()
        .map(|(tenant, messages)| apply_for(adapters, tenant, messages, deadline));
    join_all(all).await.into_iter().flatten().collect()
}

async fn apply_for(
    adapters: &Adapters,
    tenant: TenantId,
    messages: Vec<Delivered>,
    deadline: Instant,
) -> Vec<String> {
    match apply_tenant(adapters, &tenant, &messages, deadline).await {
        Ok(failed) => failed,
        Err(error) => {
            tracing::error!(%tenant, %error, messages = messages.len(), "webhooks not applied; they are tried again");
            if error.is_lasting() {
                let messages = messages.iter().map(|delivered| (delivered, None));
                give_up(adapters, &tenant, messages, &error.to_string()).await;
            }
            messages
                .into_iter()
                .map(|delivered| delivered.message_id)
                .collect()
        }
    }
}

async fn apply_tenant(
    adapters: &Adapters,
    tenant: &TenantId,
    messages: &[Delivered],
    deadline: Instant,
) -> Result<Vec<String>, FlowError> {
    let (waiting, damaged) = load(adapters, messages).await?;
    for (delivered, why) in &damaged {
        tracing::error!(%tenant, key = delivered.message.key, why, "stored webhook unreadable; it fails alone");
        give_up(adapters, tenant, std::iter::once((*delivered, None)), why).await;
    }
    let mut failed: Vec<String> = damaged
        .into_iter()
        .map(|(delivered, _)| delivered.message_id.clone())
        .collect();
    if waiting.is_empty() {
        return Ok(failed);
    }
    let session = Session::open(adapters, tenant, false, deadline).await?;
    let processed = session.sync.process(&waiting, false).await;
    let report = session.sync.report.take();
    session.close().await;
    let processed = processed?;
    finish(adapters, &processed).await?;
    let arrivals: BTreeMap<&JournalKey, &str> = waiting
        .iter()
        .filter_map(|stored| Some((&stored.key, stored.arrival.as_deref()?)))
        .collect();
    let why_failed =
        |delivered: &Delivered| match processed.get(&JournalKey(delivered.message.key.clone())) {
            Some(Processed {
                synced: SyncOutcome::Failed { why, lasting },
                ..
            }) => Some((why, *lasting)),
            _ => None,
        };
    let applied = processed
        .values()
        .filter(|each| !matches!(each.synced, SyncOutcome::Failed { .. }))
        .count();
    telemetry::count(
        Metric::WebhookApplied,
        applied as u64,
        Some(tenant),
        session.now(),
    );
    telemetry::count(
        Metric::InstallmentsChanged,
        report.installments_changed(),
        Some(tenant),
        session.now(),
    );
    tracing::info!(%tenant, webhooks = waiting.len(), bills = report.bills_compared, known = report.bills_known, "webhooks applied: {}", report.text());

    for delivered in messages {
        let Some((why, lasting)) = why_failed(delivered) else {
            continue;
        };
        if lasting {
            let arrival = arrivals
                .get(&JournalKey(delivered.message.key.clone()))
                .copied();
            give_up(adapters, tenant, std::iter::once((delivered, arrival)), why).await;
        }
        failed.push(delivered.message_id.clone());
    }
    Ok(failed)
}

/// The webhooks that wait to be processed, and the messages whose webhook can't be read back, with the reason.
/// A webhook that is not there any more (it expired) is done with.
async fn load<'a>(
    adapters: &Adapters,
    messages: &'a [Delivered],
) -> Result<(Vec<StoredWebhook>, Vec<(&'a Delivered, String)>), FlowError> {
    let keys: Vec<JournalKey> = messages
        .iter()
        .map(|delivered| JournalKey(delivered.message.key.clone()))
        .collect();
    let loaded = adapters.store.load_webhooks(&keys).await?;
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
            if let Some(Err(error)) = adapters
                .store
                .load_webhooks(std::slice::from_ref(key))
                .await?
                .pop()
            {
                damaged.push((delivered, error.to_string()));
            }
        }
    }
    // A failed one comes again only when an operator moved it out of the dead-letter queue.
    let waits = |stored: &StoredWebhook| {
        !matches!(stored.state, WebhookState::Done | WebhookState::Rejected)
    };
    Ok((readable.into_iter().filter(waits).collect(), damaged))
}

/// Writes the outcomes into the journal; a webhook that failed stays pending. One that could not be noted is only done once more.
pub(super) async fn finish(
    adapters: &Adapters,
    processed: &BTreeMap<JournalKey, Processed>,
) -> Result<(), FlowError> {
    let finishes: Vec<Finish> = processed
        .iter()
        .filter_map(|(key, processed)| finished(key, processed))
        .collect();
    match adapters
        .store
        .finish_all(&finishes, (adapters.clock)())
        .await
        .into_iter()
        .next()
    {
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

/// What will not get better by itself is noted on its last delivery, so that the sweep leaves the webhook to the dead-letter queue and the
/// operator. With each message the arrival that failed, where it is known.
async fn give_up<'a>(
    adapters: &Adapters,
    tenant: &TenantId,
    messages: impl Iterator<Item = (&'a Delivered, Option<&'a str>)>,
    why: &str,
) {
    let last = messages.filter(|(delivered, _)| delivered.deliveries >= MAX_DELIVERIES);
    let finishes: Vec<Finish> = last
        .map(|(delivered, arrival)| Finish {
            key: JournalKey(delivered.message.key.clone()),
            arrival: arrival.map(str::to_owned),
            state: WebhookState::Failed,
            note: Some(why.to_owned()),
            bill: None,
        })
        .collect();
    if finishes.is_empty() {
        return;
    }
    let now = (adapters.clock)();
    telemetry::count(
        Metric::WebhookFailed,
        finishes.len() as u64,
        Some(tenant),
        now,
    );
    for (key, error) in adapters.store.finish_all(&finishes, now).await {
        tracing::error!(%tenant, key = key.0, %error, "failed webhook not noted in the journal; the sweep will queue it again");
    }
}
