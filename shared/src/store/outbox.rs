//! Timeline events that were committed but not published yet. They leave the outbox index only when marked, so an
//! event survives a crash between commit and publication; it may be published twice, but is never lost.

use futures::{StreamExt, TryStreamExt, stream};

use super::attributes::{Item, from_item, get_text, key_item, key_of};
use super::batch::{Freshness, Query};
use super::keys::{self, ItemKey, attribute, index};
use super::{Store, StoreError};
use crate::calendar::Timestamp;
use crate::ids::TenantId;
use crate::portfolio::TimelineEvent;

const MARKS_AT_ONCE: usize = 16;

impl Store {
    /// A tenant's events committed before an instant and not published, oldest first, at most `limit`. An unreadable one is logged and left out.
    pub async fn unpublished(
        &self,
        tenant: &TenantId,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<TimelineEvent>, StoreError> {
        let query = Query {
            table: &self.tables.portfolio,
            index: Some(index::OUTBOX),
            hash: (attribute::OUTBOX_SHARD, keys::outbox(tenant)),
            range: Some((attribute::OUTBOX_AT, "0".to_owned(), keys::instant(before))),
            freshness: Freshness::Eventual,
            newest_first: false,
            limit: Some(limit),
        };
        let entries = self.query_all(query).await?;
        let keys: Vec<ItemKey> = entries.iter().map(key_of).collect::<Result<_, _>>()?;
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

fn read_unpublished(item: Item) -> Option<TimelineEvent> {
    let read = |item: Item| {
        let parsed = keys::parse_bill_partition(get_text(&item, attribute::PK)?);
        let (tenant, bill) =
            parsed.ok_or_else(|| StoreError::unreadable("an event's key", "it holds no bill"))?;
        from_item(item)
            .inspect_err(|_| tracing::error!(%tenant, %bill, "an event of this bill is damaged"))
    };
    read(item)
        .inspect_err(|error| tracing::error!(%error, "an event cannot be published"))
        .ok()
}
