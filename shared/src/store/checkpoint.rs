//! Checkpoints of long runs: where to continue. Versioned, so that only one of two runs continues; split over items when large.
//!
//! Parts are written first, under unique names; the head that names them is the commit point. Parts that a crash leaves
//! behind are never read and expire.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::attributes::{
    Item, binary, get_binary, get_number, get_text, key_item, key_of, number, opt_text, text,
};
use super::batch::{Freshness, Query};
use super::journal::expiry;
use super::keys::{self, ItemKey, attribute};
use super::{Store, StoreError, packing};
use crate::calendar::Timestamp;
use crate::ids::{CreditorId, TenantId};

/// Largest packed checkpoint.
const LIMIT_BYTES: usize = 8 * 1024 * 1024;
/// A packed checkpoint up to this size is one item.
const IN_HEAD_BYTES: usize = 300_000;
const PART_BYTES: usize = 350_000;
/// Days an abandoned checkpoint is kept.
const KEPT_DAYS: i64 = 14;

/// A checkpoint as loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint<T> {
    /// Pass it to [`Store::save_checkpoint`] to replace this one.
    pub version: u64,
    /// What was saved.
    pub content: T,
}

impl Store {
    /// The checkpoint of a task, if it has one.
    pub async fn load_checkpoint<T: DeserializeOwned>(
        &self,
        tenant: &TenantId,
        creditor: Option<CreditorId>,
        task: &str,
    ) -> Result<Option<Checkpoint<T>>, StoreError> {
        const WHAT: &str = "a checkpoint";
        let pk = keys::checkpoint(tenant, creditor, task);
        // A save between the two reads removes the parts of the head just read: then there is a new head.
        for _ in 0..3 {
            let Some(head) = self
                .get(&self.tables.control, &head_key(&pk), Freshness::Consistent)
                .await?
            else {
                return Ok(None);
            };
            let Some(packed) = self.packed_content(&pk, &head).await? else {
                continue;
            };
            let json = packing::unpack(WHAT, &packed, get_text(&head, "encoding")?)?;
            let content = serde_json::from_slice(&json)
                .map_err(|error| StoreError::unreadable(WHAT, error))?;
            let version = get_number(&head, "version")?;
            return Ok(Some(Checkpoint { version, content }));
        }
        Err(StoreError::unreadable(WHAT, "a part of it is missing"))
    }

    async fn packed_content(&self, pk: &str, head: &Item) -> Result<Option<Vec<u8>>, StoreError> {
        let parts: usize = get_number(head, "parts")?;
        if parts == 0 {
            return Ok(Some(get_binary(head, "content")?.to_vec()));
        }
        let wanted = part_keys(pk, get_text(head, "nonce")?, parts);
        let mut items = self
            .batch_get(&self.tables.control, &wanted, Freshness::Consistent, None)
            .await?;
        if items.len() != parts {
            return Ok(None);
        }
        items.sort_by(|a, b| opt_text(a, attribute::SK).cmp(&opt_text(b, attribute::SK)));
        let mut content = Vec::new();
        for item in &items {
            content.extend_from_slice(get_binary(item, "content")?);
        }
        Ok(Some(content))
    }

    /// Replaces the checkpoint of `version` (0: there is none yet) and returns the new version.
    /// [`StoreError::Conflict`] means that another run has saved one.
    pub async fn save_checkpoint<T: Serialize>(
        &self,
        tenant: &TenantId,
        creditor: Option<CreditorId>,
        task: &str,
        version: u64,
        content: &T,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let json = serde_json::to_vec(content)
            .map_err(|error| StoreError::unreadable("a checkpoint", error))?;
        let packed = packing::pack(&json);
        if packed.bytes.len() > LIMIT_BYTES {
            return Err(StoreError::TooLarge {
                what: "a checkpoint",
                bytes: packed.bytes.len(),
                limit: LIMIT_BYTES,
            });
        }
        let pk = keys::checkpoint(tenant, creditor, task);
        let nonce = format!("{:016x}", fastrand::u64(..));
        let parts = if packed.bytes.len() <= IN_HEAD_BYTES {
            0
        } else {
            packed.bytes.len().div_ceil(PART_BYTES)
        };
        let mut head = key_item(&head_key(&pk));
        head.extend([
            ("version".to_owned(), number(version + 1)),
            ("encoding".to_owned(), text(packed.encoding)),
            ("nonce".to_owned(), text(&nonce)),
            ("parts".to_owned(), number(parts)),
            ("saved_at".to_owned(), text(keys::instant(now))),
            (
                attribute::EXPIRES_AT.to_owned(),
                number(expiry(now, KEPT_DAYS)),
            ),
        ]);
        if parts == 0 {
            head.insert("content".to_owned(), binary(packed.bytes));
        } else {
            let items = part_keys(&pk, &nonce, parts)
                .into_iter()
                .zip(packed.bytes.chunks(PART_BYTES));
            let items = items.map(|(key, bytes)| {
                let mut item = key_item(&key);
                item.insert("content".to_owned(), binary(bytes.to_vec()));
                item.insert(
                    attribute::EXPIRES_AT.to_owned(),
                    number(expiry(now, KEPT_DAYS)),
                );
                item
            });
            self.batch_put(&self.tables.control, items.collect())
                .await?;
        }
        self.put_head(head, version, &pk).await?;
        Ok(version + 1)
    }

    async fn put_head(&self, head: Item, version: u64, pk: &str) -> Result<(), StoreError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.tables.control)
            .set_item(Some(head))
            .return_values(aws_sdk_dynamodb::types::ReturnValue::AllOld);
        let put = if version == 0 {
            put.condition_expression("attribute_not_exists(pk)")
        } else {
            put.condition_expression("version = :version")
                .expression_attribute_values(":version", number(version))
        };
        let answer = put
            .send()
            .await
            .map_err(|error| StoreError::of("PutItem", &error))?;
        // The parts of the replaced version: nothing reads them any more.
        if let Some(old) = answer.attributes {
            let parts: usize = get_number(&old, "parts")?;
            let old_parts = part_keys(pk, get_text(&old, "nonce")?, parts);
            self.batch_delete(&self.tables.control, &old_parts).await?;
        }
        Ok(())
    }

    /// Removes a task's checkpoint: the run is complete.
    pub async fn clear_checkpoint(
        &self,
        tenant: &TenantId,
        creditor: Option<CreditorId>,
        task: &str,
    ) -> Result<(), StoreError> {
        let query = Query {
            table: &self.tables.control,
            index: None,
            hash: (attribute::PK, keys::checkpoint(tenant, creditor, task)),
            range: None,
            freshness: Freshness::Consistent,
            newest_first: false,
            limit: None,
        };
        let items = self.query_all(query).await?;
        let keys: Vec<ItemKey> = items.iter().map(key_of).collect::<Result<_, _>>()?;
        self.batch_delete(&self.tables.control, &keys).await
    }
}

fn head_key(pk: &str) -> ItemKey {
    ItemKey {
        pk: pk.to_owned(),
        sk: keys::CHECKPOINT_HEAD.to_owned(),
    }
}

fn part_keys(pk: &str, nonce: &str, parts: usize) -> Vec<ItemKey> {
    (0..parts)
        .map(|part| ItemKey {
            pk: pk.to_owned(),
            sk: keys::checkpoint_part(nonce, part),
        })
        .collect()
}
