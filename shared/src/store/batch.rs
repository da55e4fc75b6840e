//! Complete batch reads and writes: what DynamoDB did not process is sent again, with growing pauses,
//! until it is done or the attempts are used up.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, PutRequest, WriteRequest};

use super::attributes::{Item, key_item};
use super::keys::ItemKey;
use super::{Store, StoreError};

/// DynamoDB's limit for one `BatchGetItem`.
const KEYS_PER_READ: usize = 100;
/// DynamoDB's limit for one `BatchWriteItem`.
const ITEMS_PER_WRITE: usize = 25;
/// How often unprocessed items are sent again: the pauses add up to about 6 s.
const ATTEMPTS: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(25);

/// How fresh a read must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    /// Sees every acknowledged write; twice the price.
    Consistent,
    /// May lag a little.
    Eventual,
}

/// A pause before attempt `attempt + 1`: doubled each time, half of it random to spread the callers.
pub(super) fn pause(attempt: u32) -> Duration {
    let full = FIRST_PAUSE * 2_u32.saturating_pow(attempt.min(7));
    full / 2 + full.mul_f64(fastrand::f64() / 2.0)
}

fn unprocessed(operation: &'static str) -> StoreError {
    StoreError::Unavailable {
        operation,
        why: "items were left unprocessed".to_owned(),
    }
}

impl Store {
    /// Reads items by key; those that don't exist are left out. `attributes`: all when `None`.
    pub(super) async fn batch_get(
        &self,
        table: &str,
        keys: &[ItemKey],
        freshness: Freshness,
        attributes: Option<&[&str]>,
    ) -> Result<Vec<Item>, StoreError> {
        let mut found = Vec::new();
        for chunk in keys.chunks(KEYS_PER_READ) {
            let mut request =
                KeysAndAttributes::builder().consistent_read(freshness == Freshness::Consistent);
            if let Some(attributes) = attributes {
                let names: Vec<String> = (0..attributes.len())
                    .map(|index| format!("#a{index}"))
                    .collect();
                for (name, attribute) in names.iter().zip(attributes) {
                    request = request.expression_attribute_names(name, *attribute);
                }
                request = request.projection_expression(names.join(", "));
            }
            let request = request
                .set_keys(Some(chunk.iter().map(key_item).collect()))
                .build()
                .map_err(|error| StoreError::unreadable("a batch read", error))?;
            self.batch_get_chunk(table, request, &mut found).await?;
        }
        Ok(found)
    }

    async fn batch_get_chunk(
        &self,
        table: &str,
        request: KeysAndAttributes,
        found: &mut Vec<Item>,
    ) -> Result<(), StoreError> {
        let mut wanted = request;
        let mut attempt = 0;
        loop {
            let answer = self
                .client
                .batch_get_item()
                .request_items(table, wanted)
                .send()
                .await
                .map_err(|error| StoreError::of("BatchGetItem", &error))?;
            let items = answer
                .responses
                .and_then(|mut tables| tables.remove(table))
                .unwrap_or_default();
            // Progress resets the pauses: a batch of large items needs several answers of 16 MB.
            attempt = if items.is_empty() { attempt + 1 } else { 0 };
            found.extend(items);
            match answer
                .unprocessed_keys
                .and_then(|mut tables| tables.remove(table))
            {
                Some(left) if !left.keys.is_empty() => wanted = left,
                _ => return Ok(()),
            }
            if attempt >= ATTEMPTS {
                return Err(unprocessed("BatchGetItem"));
            }
            tokio::time::sleep(pause(attempt)).await;
        }
    }

    /// Puts items, unconditionally. Each key at most once.
    pub(super) async fn batch_put(&self, table: &str, items: Vec<Item>) -> Result<(), StoreError> {
        let puts = items
            .into_iter()
            .map(|item| {
                let put = PutRequest::builder().set_item(Some(item)).build();
                put.map(|put| WriteRequest::builder().put_request(put).build())
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| StoreError::unreadable("a batch write", error))?;
        self.batch_write(table, puts).await
    }

    /// Deletes items by key.
    pub(super) async fn batch_delete(
        &self,
        table: &str,
        keys: &[ItemKey],
    ) -> Result<(), StoreError> {
        use aws_sdk_dynamodb::types::DeleteRequest;
        let deletes = keys
            .iter()
            .map(|key| {
                let delete = DeleteRequest::builder()
                    .set_key(Some(key_item(key)))
                    .build();
                delete.map(|delete| WriteRequest::builder().delete_request(delete).build())
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| StoreError::unreadable("a batch delete", error))?;
        self.batch_write(table, deletes).await
    }

    async fn batch_write(
        &self,
        table: &str,
        requests: Vec<WriteRequest>,
    ) -> Result<(), StoreError> {
        for chunk in requests.chunks(ITEMS_PER_WRITE) {
            let mut wanted = chunk.to_vec();
            let mut attempt = 0;
            loop {
                let sent = wanted.len();
                let answer = self
                    .client
                    .batch_write_item()
                    .request_items(table, wanted)
                    .send()
                    .await
                    .map_err(|error| StoreError::of("BatchWriteItem", &error))?;
                let left = answer
                    .unprocessed_items
                    .and_then(|mut tables| tables.remove(table))
                    .unwrap_or_default();
                if left.is_empty() {
                    break;
                }
                attempt = if left.len() < sent { 0 } else { attempt + 1 };
                if attempt >= ATTEMPTS {
                    return Err(unprocessed("BatchWriteItem"));
                }
                wanted = left;
                tokio::time::sleep(pause(attempt)).await;
            }
        }
        Ok(())
    }

    /// Reads one item.
    pub(super) async fn get(
        &self,
        table: &str,
        key: &ItemKey,
        freshness: Freshness,
    ) -> Result<Option<Item>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(table)
            .set_key(Some(key_item(key)))
            .consistent_read(freshness == Freshness::Consistent)
            .send()
            .await
            .map_err(|error| StoreError::of("GetItem", &error))?;
        Ok(answer.item)
    }

    /// Runs a query page by page until its end.
    pub(super) async fn query_all(&self, query: Query<'_>) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let (page, next) = self.query_page(&query, start).await?;
            items.extend(page);
            if query.limit.is_some_and(|limit| items.len() >= limit) {
                items.truncate(query.limit.unwrap_or(usize::MAX));
                return Ok(items);
            }
            match next {
                Some(next) => start = Some(next),
                None => return Ok(items),
            }
        }
    }

    /// One page of a query, and where the next one starts.
    pub(super) async fn query_page(
        &self,
        query: &Query<'_>,
        start: Option<Item>,
    ) -> Result<(Vec<Item>, Option<Item>), StoreError> {
        let mut values: HashMap<String, AttributeValue> =
            HashMap::from([(":hash".to_owned(), super::attributes::text(&query.hash.1))]);
        let mut names = HashMap::from([("#hash".to_owned(), query.hash.0.to_owned())]);
        let mut condition = "#hash = :hash".to_owned();
        if let Some((name, low, high)) = &query.range {
            condition.push_str(" AND #range BETWEEN :low AND :high");
            names.insert("#range".to_owned(), (*name).to_owned());
            values.insert(":low".to_owned(), super::attributes::text(low));
            values.insert(":high".to_owned(), super::attributes::text(high));
        }
        let answer = self
            .client
            .query()
            .table_name(query.table)
            .set_index_name(query.index.map(str::to_owned))
            .key_condition_expression(condition)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .consistent_read(query.freshness == Freshness::Consistent)
            .scan_index_forward(!query.newest_first)
            .set_limit(
                query
                    .limit
                    .map(|limit| i32::try_from(limit).unwrap_or(i32::MAX)),
            )
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| StoreError::of("Query", &error))?;
        Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
    }
}

/// A query of one partition of a table or index.
pub(super) struct Query<'a> {
    pub table: &'a str,
    pub index: Option<&'a str>,
    /// Attribute and value.
    pub hash: (&'a str, String),
    /// Attribute, lowest and highest value.
    pub range: Option<(&'a str, String, String)>,
    pub freshness: Freshness,
    pub newest_first: bool,
    /// Most items (of one page, for [`Store::query_page`]).
    pub limit: Option<usize>,
}
