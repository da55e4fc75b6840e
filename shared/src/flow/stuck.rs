//! Recovery of what is stuck: unprocessed webhooks, unpublished events, runs with a checkpoint but no
//! living owner.

use jiff::SignedDuration;
use tokio::time::Instant;

use super::outbox::publish;
use super::run::orphan;
use super::run_ports::{Journal, Outbox, RunStore};
use super::{FlowError, Task, TaskName};
use crate::aws::{Bus, BusEvent, InboxMessage, Requeue};
use crate::calendar::Timestamp;
use crate::ids::{CreditorId, TenantId};

/// A webhook pending for this long is stuck: its message was never sent, or was lost.
const STUCK_MINUTES: i64 = 2;
/// The schedule in template.yaml.
pub(super) const SWEEP_EVERY_MINUTES: i64 = 10;
/// Older ones expire from the journal before their next turn.
const OLDEST_PENDING_MINUTES: i64 = 90 * 24 * 60;
/// Webhooks queued, and events published, between two looks at the clock.
const AT_ONCE: usize = 100;

/// Whatever was committed or accepted before this instant and is not done is stuck.
#[must_use]
pub fn stuck_since(now: Timestamp) -> Timestamp {
    now.checked_sub(SignedDuration::from_mins(STUCK_MINUTES))
        .unwrap_or(now)
}

/// Queues a tenant's stuck webhooks again, at most so many of each age, until an instant; returns how many. What the queue does not accept
/// stays pending for the next sweep.
///
/// Each age whose turn it is has its own query, the youngest first: an old backlog, however large, does not hide newer webhooks.
pub async fn requeue(
    journal: &dyn Journal,
    inbox: &dyn Requeue,
    tenant: &TenantId,
    most: usize,
    now: Timestamp,
    until: Instant,
) -> Result<usize, FlowError> {
    let ago = |minutes| {
        now.checked_sub(SignedDuration::from_mins(minutes))
            .unwrap_or(Timestamp::UNIX_EPOCH)
    };
    // Usually nothing is stuck, and one query says so.
    let oldest = journal.pending(tenant, Timestamp::UNIX_EPOCH, stuck_since(now), 1);
    if oldest.await?.is_empty() {
        return Ok(0);
    }
    let mut queued = 0;
    for (youngest, oldest) in turns() {
        let webhooks = journal
            .pending(tenant, ago(oldest), ago(youngest), most)
            .await?;
        let messages: Vec<InboxMessage> = webhooks
            .into_iter()
            .map(|webhook| InboxMessage {
                tenant: webhook.tenant,
                key: webhook.key.0,
            })
            .collect();
        for messages in messages.chunks(AT_ONCE) {
            if Instant::now() >= until {
                return Ok(queued);
            }
            queued += inbox.send_many(messages).await?;
        }
    }
    Ok(queued)
}

/// The ages in minutes, from and to, at which a stuck webhook is queued again: in its first twenty minutes, then for one sweep at
/// doubling ages (a sweep may be late by a minute), so that a lasting backlog is not multiplied by every sweep.
fn turns() -> impl Iterator<Item = (i64, i64)> {
    let doubled = (1..).map(|turn| SWEEP_EVERY_MINUTES << turn);
    let later = doubled
        .take_while(|age| *age <= OLDEST_PENDING_MINUTES)
        .map(|age| (age, age + SWEEP_EVERY_MINUTES + 1));
    std::iter::once((STUCK_MINUTES, 2 * SWEEP_EVERY_MINUTES)).chain(later)
}

/// Publishes a tenant's events committed before an instant and not published yet, at most so many, until an instant; returns how many.
pub async fn publish_outbox(
    outbox: &dyn Outbox,
    bus: &dyn Bus,
    tenant: &TenantId,
    most: usize,
    before: Timestamp,
    until: Instant,
) -> Result<usize, FlowError> {
    let mut published = 0;
    for events in outbox
        .unpublished(tenant, before, most)
        .await?
        .chunks(AT_ONCE)
    {
        if Instant::now() >= until {
            break;
        }
        published += publish(outbox, bus, tenant, events).await;
    }
    Ok(published)
}

/// The tasks that continue a creditor's dead runs.
pub async fn continuations(
    store: &dyn RunStore,
    tenant: &TenantId,
    creditor: CreditorId,
    now: Timestamp,
) -> Result<Vec<BusEvent>, FlowError> {
    let mut requests = Vec::new();
    for task in TaskName::ALL {
        if let Some(run) = orphan(store, tenant, creditor, task, now).await? {
            requests.push(Task::continuation(task, tenant, creditor, run).request());
        }
    }
    Ok(requests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stuck_webhook_has_its_turn_at_once_and_then_at_ages_that_double() {
        let turns: Vec<(i64, i64)> = turns().collect();
        assert_eq!(turns[..4], [(2, 20), (20, 31), (40, 51), (80, 91)]);
        assert_eq!(turns.len(), 14);
        // A sweep every ten minutes, a minute late at most, finds each turn's webhooks once or twice.
        for late in [0, 1] {
            let ages = (0..12).map(|sweep| 5 + sweep * 10 + late * (sweep % 2));
            let queued =
                ages.filter(|age| turns.iter().any(|(from, to)| (*from..*to).contains(age)));
            assert!((5..=6).contains(&queued.count()));
        }
    }
}
