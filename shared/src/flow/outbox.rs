//! Committed events on their way to the bus.

use super::run_ports::Outbox;
use crate::aws::{Bus, BusEvent};
use crate::ids::TenantId;
use crate::portfolio::TimelineEvent;

/// Publishes committed events and returns how many are finished. A failure loses nothing: they stay in the outbox and the payments
/// sweep publishes them.
pub async fn publish(
    outbox: &dyn Outbox,
    bus: &dyn Bus,
    tenant: &TenantId,
    events: &[TimelineEvent],
) -> usize {
    let domain_events: Vec<Option<BusEvent>> = events
        .iter()
        .map(|event| bus_event(tenant, event))
        .collect();
    let to_publish: Vec<BusEvent> = domain_events.iter().flatten().cloned().collect();
    let mut taken = match bus.publish(&to_publish).await {
        Ok(taken) => taken.into_iter(),
        Err(error) => {
            tracing::warn!(%tenant, %error, events = to_publish.len(), "events not published; the payments sweep will publish them");
            return 0;
        }
    };
    // An event that does not go on the bus is finished, too.
    let published = events
        .iter()
        .zip(&domain_events)
        .filter(|(_, domain_events)| domain_events.is_none() || taken.next().unwrap_or(false));
    let published: Vec<TimelineEvent> = published.map(|(event, _)| event.clone()).collect();
    if let Err(error) = outbox.mark_published(tenant, &published).await {
        tracing::warn!(%tenant, %error, "published events stay in the outbox; they will be published again");
    }
    published.len()
}

fn bus_event(tenant: &TenantId, event: &TimelineEvent) -> Option<BusEvent> {
    let (detail_type, mut detail) = event.domain_event()?;
    detail["tenant"] = serde_json::json!(tenant.as_str());
    detail["id"] = serde_json::json!(event.id);
    Some(BusEvent {
        detail_type,
        detail,
    })
}
