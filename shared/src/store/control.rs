//! Settings, the list of tenants, cursors of tasks, and the removals that a run stores.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::attributes::{
    Item, binary, get_binary, get_text, key_item, key_of, number, opt_text, text,
};
use super::batch::{Freshness, Query};
use super::keys::{self, ItemKey, attribute};
use super::{Store, StoreError, journal, packing};
use crate::calendar::Timestamp;
use crate::ids::{BillId, CreditorId, TenantId};
use crate::settings::{CreditorSettings, TenantSettings};

/// Days a run's removals are kept for their confirmation.
const REMOVALS_KEPT_DAYS: i64 = 30;
/// Most removals in one chunk: packed, far below the item limit.
const REMOVALS_PER_CHUNK: usize = 1000;

/// A tenant of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedTenant {
    /// Which.
    pub tenant: TenantId,
    /// Whether schedules run for it.
    pub active: bool,
}

/// A task's progress for a creditor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Start of the last complete run: changes since then are still to be read.
    pub last_success: Timestamp,
}

impl Store {
    /// Opens the connection by reading an item that never exists. A failure is left to the first real read.
    pub async fn connect(&self) {
        let _ = self
            .get(&self.tables.control, &keys::absent(), Freshness::Eventual)
            .await;
    }

    /// A tenant's settings; `None` when the tenant is unknown.
    pub async fn tenant_settings(
        &self,
        tenant: &TenantId,
    ) -> Result<Option<TenantSettings>, StoreError> {
        let key = keys::tenant_settings(tenant);
        let item = self
            .get(&self.tables.control, &key, Freshness::Eventual)
            .await?;
        item.map(|item| read_settings(&format!("the settings of tenant {tenant}"), &item))
            .transpose()
    }

    /// Writes a tenant's settings and lists the tenant.
    pub async fn put_tenant(
        &self,
        tenant: &TenantId,
        settings: &TenantSettings,
    ) -> Result<(), StoreError> {
        self.put_settings(&keys::tenant_settings(tenant), settings)
            .await?;
        let mut listed = key_item(&keys::listed_tenant(tenant));
        let active = aws_sdk_dynamodb::types::AttributeValue::Bool(settings.active);
        listed.insert("active".to_owned(), active);
        self.batch_put(&self.tables.control, vec![listed]).await
    }

    /// All tenants. An unreadable entry is logged and left out: it must not stop the others' schedules.
    pub async fn tenants(&self) -> Result<Vec<ListedTenant>, StoreError> {
        let items = self
            .control_partition(keys::TENANTS.to_owned(), None)
            .await?;
        Ok(items.iter().filter_map(read_listed).collect())
    }

    /// A creditor's settings; `None` when the company is not registered.
    pub async fn creditor(
        &self,
        tenant: &TenantId,
        creditor: CreditorId,
    ) -> Result<Option<CreditorSettings>, StoreError> {
        let key = keys::creditor(tenant, creditor);
        let item = self
            .get(&self.tables.control, &key, Freshness::Eventual)
            .await?;
        item.map(|item| read_creditor(tenant, &item)).transpose()
    }

    /// All creditors of a tenant, by company.
    pub async fn creditors(
        &self,
        tenant: &TenantId,
    ) -> Result<BTreeMap<CreditorId, CreditorSettings>, StoreError> {
        let items = self
            .control_partition(keys::tenant_partition(tenant), Some(keys::CREDITOR_PREFIX))
            .await?;
        items
            .iter()
            .map(|item| read_creditor(tenant, item).map(|settings| (settings.company, settings)))
            .collect()
    }

    /// Registers a creditor or changes its settings.
    pub async fn put_creditor(
        &self,
        tenant: &TenantId,
        settings: &CreditorSettings,
    ) -> Result<(), StoreError> {
        self.put_settings(&keys::creditor(tenant, settings.company), settings)
            .await
    }

    async fn put_settings<T: Serialize>(
        &self,
        key: &ItemKey,
        settings: &T,
    ) -> Result<(), StoreError> {
        let mut item = key_item(key);
        let value = serde_dynamo::aws_sdk_dynamodb_1::to_attribute_value(settings);
        let value = value.map_err(|error| StoreError::unreadable(&key.sk, error))?;
        item.insert("settings".to_owned(), value);
        self.batch_put(&self.tables.control, vec![item]).await
    }

    async fn control_partition(
        &self,
        pk: String,
        prefix: Option<&str>,
    ) -> Result<Vec<Item>, StoreError> {
        self.query_all(Query {
            table: &self.tables.control,
            index: None,
            hash: (attribute::PK, pk),
            range: prefix.map(|prefix| (attribute::SK, prefix.to_owned(), format!("{prefix}~"))),
            freshness: Freshness::Consistent,
            newest_first: false,
            limit: None,
        })
        .await
    }

    /// A task's cursor; `None` before its first success.
    pub async fn cursor(
        &self,
        tenant: &TenantId,
        creditor: Option<CreditorId>,
        task: &str,
    ) -> Result<Option<Cursor>, StoreError> {
        let key = keys::cursor(tenant, creditor, task);
        let item = self
            .get(&self.tables.control, &key, Freshness::Consistent)
            .await?;
        item.map(|item| {
            let last_success = super::attributes::get_instant(&item, "last_success")?;
            Ok(Cursor { last_success })
        })
        .transpose()
    }

    /// Notes a task's success by its run's `started_at`. A cursor never goes back.
    pub async fn advance_cursor(
        &self,
        tenant: &TenantId,
        creditor: Option<CreditorId>,
        task: &str,
        started_at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut item = key_item(&keys::cursor(tenant, creditor, task));
        let instant = text(keys::instant(started_at));
        item.insert("last_success".to_owned(), instant.clone());
        let answer = self
            .client
            .put_item()
            .table_name(&self.tables.control)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk) OR last_success < :at")
            .expression_attribute_values(":at", instant)
            .send()
            .await;
        match answer.map_err(|error| StoreError::of("PutItem", &error)) {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Stores one chunk of the bills from which a run would remove installments. The same number replaces the chunk. A chunk holds at most 1,000.
    pub async fn put_removals(
        &self,
        tenant: &TenantId,
        run: &str,
        chunk: u32,
        removals: &[CountedRemovals],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if removals.len() > REMOVALS_PER_CHUNK {
            return Err(StoreError::TooLarge {
                what: "a chunk of removals (counted, not bytes)",
                bytes: removals.len(),
                limit: REMOVALS_PER_CHUNK,
            });
        }
        let json = serde_json::to_vec(removals)
            .map_err(|error| StoreError::unreadable("the removals", error))?;
        let packed = packing::pack(&json);
        let mut item = key_item(&keys::removal_chunk(tenant, run, chunk));
        item.extend([
            ("removals".to_owned(), binary(packed.bytes)),
            ("encoding".to_owned(), text(packed.encoding)),
            (
                attribute::EXPIRES_AT.to_owned(),
                number(journal::expiry(now, REMOVALS_KEPT_DAYS)),
            ),
        ]);
        self.batch_put(&self.tables.control, vec![item]).await
    }

    /// One chunk of a run's removals; `None` past the last one, or when the run is unknown or its removals expired.
    pub async fn removals(
        &self,
        tenant: &TenantId,
        run: &str,
        chunk: u32,
    ) -> Result<Option<Vec<CountedRemovals>>, StoreError> {
        let key = keys::removal_chunk(tenant, run, chunk);
        let Some(item) = self
            .get(&self.tables.control, &key, Freshness::Consistent)
            .await?
        else {
            return Ok(None);
        };
        let json = packing::unpack(
            "the removals",
            get_binary(&item, "removals")?,
            get_text(&item, "encoding")?,
        )?;
        let removals = serde_json::from_slice(&json)
            .map_err(|error| StoreError::unreadable("the removals", error))?;
        Ok(Some(removals))
    }

    /// Deletes a run's removals.
    pub async fn clear_removals(&self, tenant: &TenantId, run: &str) -> Result<(), StoreError> {
        let items = self
            .control_partition(keys::removals(tenant, run), None)
            .await?;
        let keys: Vec<ItemKey> = items.iter().map(key_of).collect::<Result<_, _>>()?;
        self.batch_delete(&self.tables.control, &keys).await
    }
}

/// A bill for the last stage of a reconciliation, with what one window counted of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CountedRemovals {
    /// The bill.
    pub bill: BillId,
    /// Open installments that were missing, or settled without a receipt; none of a bill that failed.
    pub missing: u64,
    /// Open installments that the settings leave out.
    pub left_out: u64,
}

fn read_listed(item: &Item) -> Option<ListedTenant> {
    let tenant = TenantId::parse(opt_text(item, attribute::SK)?)
        .inspect_err(|why| {
            tracing::error!(
                why,
                "an entry of the list of tenants cannot be read; no schedule runs for it"
            );
        })
        .ok()?;
    let active = item
        .get("active")
        .and_then(|value| value.as_bool().ok())
        .copied();
    Some(ListedTenant {
        tenant,
        active: active.unwrap_or(true),
    })
}

fn read_creditor(tenant: &TenantId, item: &Item) -> Result<CreditorSettings, StoreError> {
    let sk = opt_text(item, attribute::SK).unwrap_or_default();
    let what = format!("the settings of tenant {tenant}, {}", sk.replace('#', " "));
    let settings: CreditorSettings = read_settings(&what, item)?;
    let company = sk
        .strip_prefix(keys::CREDITOR_PREFIX)
        .and_then(|id| id.parse().ok());
    if company == Some(settings.company.0) {
        Ok(settings)
    } else {
        Err(StoreError::unreadable(
            what,
            "the field \"company\" must be the number of the key",
        ))
    }
}

/// Reads the attribute `settings`; an error names the field at fault and what is wrong with it.
fn read_settings<T: DeserializeOwned>(what: &str, item: &Item) -> Result<T, StoreError> {
    let value = item
        .get("settings")
        .ok_or_else(|| StoreError::unreadable(what, "the attribute \"settings\" is missing"))?;
    let value: Value = serde_dynamo::aws_sdk_dynamodb_1::from_attribute_value(value.clone())
        .map_err(|error| StoreError::unreadable(what, error))?;
    let Value::Object(fields) = value else {
        return Err(StoreError::unreadable(
            what,
            "the attribute \"settings\" must be a map",
        ));
    };
    let error = match serde_json::from_value(Value::Object(fields.clone())) {
        Ok(settings) => return Ok(settings),
        Err(error) => error,
    };
    // A wrong field is also wrong on its own; an absent one is named by the error itself.
    for (name, value) in fields {
        let alone = Value::Object([(name.clone(), value)].into_iter().collect());
        if let Err(error) = serde_json::from_value::<T>(alone) {
            let why = error.to_string();
            if !why.starts_with("missing field") {
                return Err(StoreError::unreadable(
                    what,
                    format!("field \"{name}\": {why}"),
                ));
            }
        }
    }
    Err(StoreError::unreadable(what, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn item(settings: &Value) -> Item {
        Item::from([(
            "settings".to_owned(),
            serde_dynamo::aws_sdk_dynamodb_1::to_attribute_value(settings).unwrap(),
        )])
    }

    fn error(settings: &Value) -> String {
        read_settings::<TenantSettings>("the settings of tenant 617", &item(settings))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn an_unreadable_setting_is_named() {
        let good = json!({"siengeBaseUrl": "https://x.invalid/public/api", "subdomain": "x"});
        assert!(read_settings::<TenantSettings>("it", &item(&good)).is_ok());
        let mut wrong = good.clone();
        wrong["package"] = json!("gold");
        assert!(
            error(&wrong).contains("\"package\"") && error(&wrong).contains("gold"),
            "{}",
            error(&wrong)
        );
        let mut wrong = good.clone();
        wrong["active"] = json!("sim");
        assert!(error(&wrong).contains("\"active\""), "{}", error(&wrong));
        let missing = json!({"siengeBaseUrl": "https://x.invalid/public/api"});
        assert!(error(&missing).contains("subdomain"), "{}", error(&missing));
        assert!(error(&json!("x")).contains("must be a map"));
    }
}
