//! Timeline events that were committed but not published yet. They leave the outbox index only when marked, so an
//! event survives a crash between commit and publication; it may be published twice, but is never lost.

use futures::{StreamExt, TryStreamExt, stream};

use super::attributes::{Item, from_item, get_instant, get_text, key_item, key_of};
use super::batch::{Freshness, Query};
use super::keys::{self, ItemKey, attribute, index};
use super::{Store, StoreError};
use crate::calendar::Timestamp;
use crate::ids::TenantId;
use crate::portfolio::TimelineEvent;

const MARKS_AT_ONCE: usize = 16;

/// An event waiting to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnpublishedEvent {
    /// Whose.
    pub tenant: TenantId,
    /// The event.
    pub event: TimelineEvent,
    /// When it was committed.
    pub committed_at: Timestamp,
}

impl Store {
    /// Events of all tenants committed before an instant and not published, oldest first in each shard, at most about `limit`.
    /// An unreadable one is logged and left out.
    pub async fn unpublished(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<UnpublishedEvent>, StoreError> {
        let shards = (0..keys::OUTBOX_SHARDS).map(|shard| {
            self.query_all(Query {
                table: &self.tables.portfolio,
                index: Some(index::OUTBOX),
                hash: (attribute::OUTBOX_SHARD, keys::outbox_shard(shard)),
                range: Some((attribute::OUTBOX_AT, "0".to_owned(), keys::instant(before))),
                freshness: Freshness::Eventual,
                newest_first: false,
                limit: Some(limit.div_ceil(usize::from(keys::OUTBOX_SHARDS)).max(1)),
            })
        });
        let entries = futures::future::try_join_all(shards).await?;
        let keys: Vec<ItemKey> = entries
            .iter()
            .flatten()
            .map(key_of)
            .collect::<Result<_, _>>()?;
        let items = self
            .batch_get(&self.tables.portfolio, &keys, Freshness::Consistent, None)
            .await?;
        // Already published: the index lagged.
        let waiting = items
            .into_iter()
            .filter(|item| item.contains_key(attribute::OUTBOX_AT));
        Ok(waiting.filter_map(read_unpublished).collect())
    }

    /// Removes published events from the outbox. Repeating it does nothing.
    pub async fn mark_published(
        &self,
        tenant: &TenantId,
        events: &[TimelineEvent],
    ) -> Result<(), StoreError> {
        let keys: Vec<ItemKey> = events
            .iter()
            .map(|event| keys::timeline_event(tenant, event))
            .collect();
        stream::iter(keys)
            .map(|key| self.mark(key))
            .buffer_unordered(MARKS_AT_ONCE)
            .try_collect()
            .await
    }

    async fn mark(&self, key: ItemKey) -> Result<(), StoreError> {
        let answer = self
            .client
            .update_item()
            .table_name(&self.tables.portfolio)
            .set_key(Some(key_item(&key)))
            .update_expression("REMOVE #shard, #at")
            .condition_expression("attribute_exists(#shard)")
            .expression_attribute_names("#shard", attribute::OUTBOX_SHARD)
            .expression_attribute_names("#at", attribute::OUTBOX_AT)
            .send()
            .await;
        match answer.map_err(|error| StoreError::of("UpdateItem", &error)) {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn read_unpublished(item: Item) -> Option<UnpublishedEvent> {
    let read = |item: Item| {
        let parsed = keys::parse_bill_partition(get_text(&item, attribute::PK)?);
        let (tenant, bill) =
            parsed.ok_or_else(|| StoreError::unreadable("an event's key", "it holds no bill"))?;
        let committed_at = get_instant(&item, attribute::OUTBOX_AT)?;
        let event = from_item(item)
            .inspect_err(|_| tracing::error!(%tenant, %bill, "an event of this bill is damaged"))?;
        Ok::<_, StoreError>(UnpublishedEvent {
            tenant,
            event,
            committed_at,
        })
    };
    read(item)
        .inspect_err(|error| tracing::error!(%error, "an event cannot be published"))
        .ok()
}
