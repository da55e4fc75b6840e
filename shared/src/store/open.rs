//! The open installments of a creditor, read from their index alone, for the reconciliation.

use futures::stream::{self, Stream, StreamExt, TryStreamExt};

use super::attributes::{Item, get_text};
use super::batch::{Freshness, Query};
use super::keys::{self, attribute, index};
use super::{Store, StoreError};
use crate::calendar::Date;
use crate::ids::{BillId, CreditorId, InstallmentId, TenantId};
use crate::portfolio::{ContractKey, Fingerprint};

/// Entries read from one shard at a time: with all shards, some 8,000 entries (about 2 MB) are in memory at most.
const ENTRIES_PER_PAGE: usize = 1000;

/// An open installment's index entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenEntry {
    /// The bill.
    pub bill: BillId,
    /// Its contract.
    pub key: ContractKey,
    /// Its id within the bill.
    pub id: InstallmentId,
    /// Due date.
    pub due_on: Date,
    /// Fingerprint of its content, comparable with an observed installment's.
    pub fingerprint: Fingerprint,
    /// Whether it has a boleto.
    pub boleto: bool,
}

impl Store {
    /// The open installments of a creditor with a due date from `from` to `to`, both included; all shards are read in parallel.
    ///
    /// Entries come in no particular order, and the index may lag some milliseconds behind the last commits.
    pub fn open_installments(
        &self,
        tenant: &TenantId,
        creditor: CreditorId,
        from: Option<Date>,
        to: Option<Date>,
    ) -> impl Stream<Item = Result<OpenEntry, StoreError>> + Send + Unpin + use<> {
        let shards = (0..keys::OPEN_SHARDS).map(|shard| {
            let store = self.clone();
            let shard = keys::open_shard(tenant, creditor, shard);
            let pages = stream::try_unfold(Some(None::<Item>), move |start| {
                let (store, shard) = (store.clone(), shard.clone());
                async move {
                    let Some(start) = start else {
                        return Ok(None);
                    };
                    let (items, next) = store
                        .query_page(&open_query(&store, shard, from, to), start)
                        .await?;
                    Ok::<_, StoreError>(Some((items, next.map(Some))))
                }
            });
            pages
                .map_ok(|items| stream::iter(items.into_iter().map(|item| read_entry(&item))))
                .try_flatten()
                .boxed()
        });
        stream::select_all(shards)
    }

    /// How many installments of a creditor are open. Reads the whole index of the creditor.
    pub async fn count_open(
        &self,
        tenant: &TenantId,
        creditor: CreditorId,
    ) -> Result<u64, StoreError> {
        let counts = (0..keys::OPEN_SHARDS)
            .map(|shard| self.count_shard(keys::open_shard(tenant, creditor, shard)));
        Ok(futures::future::try_join_all(counts)
            .await?
            .into_iter()
            .sum())
    }

    async fn count_shard(&self, shard: String) -> Result<u64, StoreError> {
        let mut total = 0;
        let mut start = None;
        loop {
            let answer = self
                .client
                .query()
                .table_name(&self.tables.portfolio)
                .index_name(index::OPEN_INSTALLMENTS)
                .select(aws_sdk_dynamodb::types::Select::Count)
                .key_condition_expression("#hash = :hash")
                .expression_attribute_names("#hash", attribute::OPEN_SHARD)
                .expression_attribute_values(":hash", super::attributes::text(&shard))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| StoreError::of("Query", &error))?;
            total += u64::try_from(answer.count).unwrap_or(0);
            match answer.last_evaluated_key {
                Some(next) => start = Some(next),
                None => return Ok(total),
            }
        }
    }
}

fn open_query(store: &Store, shard: String, from: Option<Date>, to: Option<Date>) -> Query<'_> {
    let (low, high) = keys::open_range(from, to);
    Query {
        table: &store.tables.portfolio,
        index: Some(index::OPEN_INSTALLMENTS),
        hash: (attribute::OPEN_SHARD, shard),
        range: Some((attribute::OPEN_KEY, low, high)),
        freshness: Freshness::Eventual,
        newest_first: false,
        limit: Some(ENTRIES_PER_PAGE),
    }
}

fn read_entry(item: &Item) -> Result<OpenEntry, StoreError> {
    let what = "an entry of the open installments";
    let key = get_text(item, attribute::OPEN_KEY)?;
    let (due_on, key, id) =
        keys::parse_open_key(key).ok_or_else(|| StoreError::unreadable(what, "its key"))?;
    let fingerprint = Fingerprint::from_hex(get_text(item, "fingerprint")?)
        .ok_or_else(|| StoreError::unreadable(what, "the fingerprint"))?;
    let boleto = item
        .get("boleto")
        .and_then(|value| value.as_bool().ok())
        .copied()
        .unwrap_or(false);
    Ok(OpenEntry {
        bill: key.bill,
        key,
        id,
        due_on,
        fingerprint,
        boleto,
    })
}
