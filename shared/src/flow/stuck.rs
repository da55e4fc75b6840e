//! Recovery of what is stuck: unprocessed webhooks, unpublished events, runs with a checkpoint but no
//! living owner.

use std::collections::BTreeMap;

use jiff::SignedDuration;

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
const SWEEP_EVERY_MINUTES: i64 = 10;
/// Older ones expire from the journal before their next turn.
const OLDEST_PENDING_MINUTES: i64 = 90 * 24 * 60;
/// Most webhooks of one age queued again, and most events published again, in one sweep.
const AT_ONCE: usize = 10_000;
/// Events per publication.
const PUBLISHED_AT_ONCE: usize = 100;

/// Whatever was committed or accepted before this instant and is not done is stuck.
#[must_use]
pub fn stuck_since(now: Timestamp) -> Timestamp {
    now.checked_sub(SignedDuration::from_mins(STUCK_MINUTES))
        .unwrap_or(now)
}

/// Queues stuck webhooks again; returns how many, by tenant. What the queue does not accept stays pending for the next sweep.
///
/// Each age whose turn it is has its own query, the youngest first: an old backlog, however large, does not hide newer webhooks.
pub async fn requeue(
    journal: &dyn Journal,
    inbox: &dyn Requeue,
    now: Timestamp,
) -> Result<BTreeMap<TenantId, usize>, FlowError> {
    let mut by_tenant: BTreeMap<TenantId, Vec<InboxMessage>> = BTreeMap::new();
    for (youngest, oldest) in turns() {
        let ago = |minutes| {
            now.checked_sub(SignedDuration::from_mins(minutes))
                .unwrap_or(Timestamp::UNIX_EPOCH)
        };
        let (from, to) = (ago(oldest), ago(youngest));
        for webhook in journal.pending(from, to, AT_ONCE).await? {
            let message = InboxMessage {
                tenant: webhook.tenant.clone(),
                key: webhook.key.0,
            };
            by_tenant.entry(webhook.tenant).or_default().push(message);
        }
    }
    let mut queued = BTreeMap::new();
    for (tenant, messages) in by_tenant {
        let requeued = inbox.send_many(&messages).await?;
        queued.insert(tenant, requeued);
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

/// Publishes events committed before an instant and not published yet; returns how many, by tenant.
pub async fn publish_outbox(
    outbox: &dyn Outbox,
    bus: &dyn Bus,
    before: Timestamp,
) -> Result<BTreeMap<TenantId, usize>, FlowError> {
    let mut by_tenant: BTreeMap<TenantId, Vec<_>> = BTreeMap::new();
    for unpublished in outbox.unpublished(before, AT_ONCE).await? {
        by_tenant
            .entry(unpublished.tenant)
            .or_default()
            .push(unpublished.event);
    }
    let mut published = BTreeMap::new();
    for (tenant, events) in by_tenant {
        let mut count = 0;
        for events in events.chunks(PUBLISHED_AT_ONCE) {
            count += publish(outbox, bus, &tenant, events).await;
        }
        published.insert(tenant, count);
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
    for task in [TaskName::Import, TaskName::Reconcile, TaskName::Payments] {
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
