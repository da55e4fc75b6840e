//! The event bus: domain events for other systems, and Ponte's own task requests.

use async_trait::async_trait;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use serde_json::Value;

/// The `source` of every event Ponte puts on its bus.
pub const SOURCE: &str = "ponte";
/// EventBridge takes at most ten entries a call.
const BATCH: usize = 10;

/// One event: its type and its detail, which holds ids and amounts but no personal data.
#[derive(Debug, Clone, PartialEq)]
pub struct BusEvent {
    /// `payment.applied`, `task.requested`, ...
    pub detail_type: &'static str,
    /// The detail.
    pub detail: Value,
}

/// The bus did not accept an event. It stays in the outbox, and the payments sweep publishes it again.
#[derive(Debug, thiserror::Error)]
#[error("the event bus did not accept the event: {0}")]
pub struct BusError(pub String);

/// Publishes events, at least once each.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Publishes the events; returns for each whether the bus accepted it.
    async fn publish(&self, events: &[BusEvent]) -> Result<Vec<bool>, BusError>;
}

/// The bus on EventBridge.
#[derive(Debug, Clone)]
pub struct EventBridgeBus {
    client: Client,
    name: String,
}

impl EventBridgeBus {
    /// The bus with a name.
    #[must_use]
    pub fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }
}

#[async_trait]
impl Bus for EventBridgeBus {
    async fn publish(&self, events: &[BusEvent]) -> Result<Vec<bool>, BusError> {
        let mut taken = Vec::with_capacity(events.len());
        for batch in events.chunks(BATCH) {
            let entries = batch.iter().map(|event| {
                let entry = PutEventsRequestEntry::builder()
                    .event_bus_name(&self.name)
                    .source(SOURCE);
                entry
                    .detail_type(event.detail_type)
                    .detail(event.detail.to_string())
                    .build()
            });
            let answer = self
                .client
                .put_events()
                .set_entries(Some(entries.collect()))
                .send()
                .await;
            let answer = answer.map_err(|error| BusError(super::reason(&error)))?;
            let mut answers = answer.entries().iter();
            taken.extend(batch.iter().map(|_| {
                answers
                    .next()
                    .is_some_and(|entry| entry.error_code().is_none())
            }));
        }
        Ok(taken)
    }
}
