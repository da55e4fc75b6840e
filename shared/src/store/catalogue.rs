//! The catalogue around the bills: customers, enterprises, units, sales contracts. An item is written only when its content
//! changed: a hash of the content is stored with it and compared before anything is sent.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::attributes::{Item, from_item, get_text, key_of, opt_text, text, to_item};
use super::batch::{Freshness, Query};
use super::keys::{self, ItemKey, attribute, index};
use super::{Store, StoreError, packing};
use crate::calendar::Date;
use crate::ids::{BillId, CustomerId, EnterpriseId, TenantId, UnitId};
use crate::portfolio::{CreditBureauRecord, Customer, Document, Enterprise, SalesContract, Unit};

const CONTENT_HASH: &str = "content_hash";
/// Marks an erased customer, which no read overwrites.
const ERASED_ON: &str = "erasedOn";
/// Concurrent writes.
const WRITES_AT_ONCE: usize = 16;

/// An item of the catalogue: it has a key, and perhaps index attributes.
pub trait CatalogueItem: Serialize + DeserializeOwned + Send + Sync {
    /// Its primary key.
    fn key(&self, tenant: &TenantId) -> ItemKey;
    /// Index attributes besides the primary key.
    fn index_attributes(&self, _tenant: &TenantId) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

impl CatalogueItem for Customer {
    fn key(&self, tenant: &TenantId) -> ItemKey {
        keys::customer(tenant, self.id)
    }

    fn index_attributes(&self, tenant: &TenantId) -> Vec<(&'static str, String)> {
        let document = self
            .document
            .as_ref()
            .filter(|document| !document.is_empty());
        let found_by = match document {
            Some(document) => Some(keys::document_index(tenant, document.as_str())),
            None => (*self == Self::unread(self.id)).then(|| keys::unread_customers(tenant)),
        };
        found_by
            .map(|key| (attribute::DOCUMENT_KEY, key))
            .into_iter()
            .collect()
    }
}

impl CatalogueItem for Enterprise {
    fn key(&self, tenant: &TenantId) -> ItemKey {
        keys::enterprise(tenant, self.id)
    }
}

impl CatalogueItem for Unit {
    fn key(&self, tenant: &TenantId) -> ItemKey {
        keys::unit(tenant, self.enterprise, self.id)
    }
}

impl CatalogueItem for CreditBureauRecord {
    fn key(&self, tenant: &TenantId) -> ItemKey {
        keys::credit_bureau(tenant, self.bill)
    }
}

impl CatalogueItem for SalesContract {
    fn key(&self, tenant: &TenantId) -> ItemKey {
        keys::sales_contract(tenant, self.bill)
    }
}

/// The item of a record, with its index attributes and the hash of its content.
fn catalogue_item<T: CatalogueItem>(tenant: &TenantId, value: &T) -> Result<Item, StoreError> {
    let key = value.key(tenant);
    let content =
        serde_json::to_vec(value).map_err(|error| StoreError::unreadable(&key.sk, error))?;
    let mut item = to_item(&key, value)?;
    for (name, index_key) in value.index_attributes(tenant) {
        item.insert(name.to_owned(), text(index_key));
    }
    item.insert(CONTENT_HASH.to_owned(), text(packing::digest(&content)));
    Ok(item)
}

/// Whether a conditional put wrote.
fn written<T>(answer: Result<T, StoreError>) -> Result<bool, StoreError> {
    match answer {
        Ok(_) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error),
    }
}

impl Store {
    /// Writes the items whose content differs from the stored one, and returns how many. Unchanged items cost a read, no write.
    pub async fn put_if_changed<T: CatalogueItem>(
        &self,
        tenant: &TenantId,
        values: &[T],
    ) -> Result<usize, StoreError> {
        let mut wanted: BTreeMap<ItemKey, Item> = BTreeMap::new();
        for value in values {
            wanted.insert(value.key(tenant), catalogue_item(tenant, value)?);
        }
        let keys: Vec<ItemKey> = wanted.keys().cloned().collect();
        let attributes = [attribute::PK, attribute::SK, CONTENT_HASH, ERASED_ON];
        let held = self
            .batch_get(
                &self.tables.portfolio,
                &keys,
                Freshness::Eventual,
                Some(&attributes),
            )
            .await?;
        for item in &held {
            let key = key_of(item)?;
            let same = wanted
                .get(&key)
                .is_some_and(|new| opt_text(new, CONTENT_HASH) == opt_text(item, CONTENT_HASH));
            if same || item.contains_key(ERASED_ON) {
                wanted.remove(&key);
            }
        }
        let written = stream::iter(wanted.into_values())
            .map(|item| self.put_unless_same(item))
            .buffer_unordered(WRITES_AT_ONCE)
            .try_fold(
                0,
                |sum, written| async move { Ok(sum + usize::from(written)) },
            )
            .await?;
        Ok(written)
    }

    async fn put_unless_same(&self, item: Item) -> Result<bool, StoreError> {
        let hash = text(get_text(&item, CONTENT_HASH)?);
        let put = self
            .client
            .put_item()
            .table_name(&self.tables.portfolio)
            .set_item(Some(item))
            .condition_expression(
                "(attribute_not_exists(#hash) OR #hash <> :hash) AND attribute_not_exists(#erased)",
            )
            .expression_attribute_names("#hash", CONTENT_HASH)
            .expression_attribute_names("#erased", ERASED_ON)
            .expression_attribute_values(":hash", hash);
        // Refused when somebody else wrote the same content, or erased it, in between.
        written(
            put.send()
                .await
                .map_err(|error| StoreError::of("PutItem", &error)),
        )
    }

    /// Leaves only a customer's id: later reads are not written until the customer is noted as unread again.
    pub async fn erase_customer(
        &self,
        tenant: &TenantId,
        id: CustomerId,
        on: Date,
    ) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(&self.tables.portfolio);
        let put = put.set_item(Some(catalogue_item(tenant, &Customer::erased(id, on))?));
        put.send()
            .await
            .map(drop)
            .map_err(|error| StoreError::of("PutItem", &error))
    }

    /// Notes customers known by id only, unless they are held and not erased. [`Store::unread_customers`] finds them until they are read.
    pub async fn note_unread_customers(
        &self,
        tenant: &TenantId,
        ids: &[CustomerId],
    ) -> Result<(), StoreError> {
        stream::iter(ids.iter().copied())
            .map(|id| self.note_unread_customer(tenant, id))
            .buffer_unordered(WRITES_AT_ONCE)
            .try_for_each(|()| async { Ok(()) })
            .await
    }

    async fn note_unread_customer(
        &self,
        tenant: &TenantId,
        id: CustomerId,
    ) -> Result<(), StoreError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.tables.portfolio)
            .set_item(Some(catalogue_item(tenant, &Customer::unread(id))?))
            .condition_expression("attribute_not_exists(#pk) OR attribute_exists(#erased)")
            .expression_attribute_names("#pk", attribute::PK)
            .expression_attribute_names("#erased", ERASED_ON);
        // Refused when somebody else wrote the customer in between: a note must not overwrite a read.
        written(
            put.send()
                .await
                .map_err(|error| StoreError::of("PutItem", &error)),
        )
        .map(|_| ())
    }

    async fn catalogue<T: CatalogueItem>(&self, keys: &[ItemKey]) -> Result<Vec<T>, StoreError> {
        let unique: BTreeSet<&ItemKey> = keys.iter().collect();
        let keys: Vec<ItemKey> = unique.into_iter().cloned().collect();
        let items = self
            .batch_get(&self.tables.portfolio, &keys, Freshness::Eventual, None)
            .await?;
        items.into_iter().map(from_item).collect()
    }

    /// Customers by id; unknown ones are left out.
    pub async fn customers(
        &self,
        tenant: &TenantId,
        ids: &[CustomerId],
    ) -> Result<HashMap<CustomerId, Customer>, StoreError> {
        let keys: Vec<ItemKey> = ids.iter().map(|id| keys::customer(tenant, *id)).collect();
        let customers: Vec<Customer> = self.catalogue(&keys).await?;
        Ok(customers
            .into_iter()
            .map(|customer| (customer.id, customer))
            .collect())
    }

    /// The customers with a CPF or CNPJ.
    pub async fn customers_by_document(
        &self,
        tenant: &TenantId,
        document: &Document,
    ) -> Result<Vec<CustomerId>, StoreError> {
        self.customers_found_by(keys::document_index(tenant, document.as_str()))
            .await
    }

    /// The customers noted but not read yet.
    pub async fn unread_customers(&self, tenant: &TenantId) -> Result<Vec<CustomerId>, StoreError> {
        self.customers_found_by(keys::unread_customers(tenant))
            .await
    }

    async fn customers_found_by(
        &self,
        document_key: String,
    ) -> Result<Vec<CustomerId>, StoreError> {
        let query = Query {
            table: &self.tables.portfolio,
            index: Some(index::BY_DOCUMENT),
            hash: (attribute::DOCUMENT_KEY, document_key),
            range: None,
            freshness: Freshness::Eventual,
            newest_first: false,
            limit: None,
        };
        let items = self.query_all(query).await?;
        items
            .iter()
            .map(|item| {
                let pk = get_text(item, attribute::PK)?;
                keys::parse_customer_partition(pk).ok_or_else(|| {
                    StoreError::unreadable("a customer's key", "it holds no customer")
                })
            })
            .collect()
    }

    /// The bills whose contracts name a customer, including finished ones.
    pub async fn bills_of_customer(
        &self,
        tenant: &TenantId,
        customer: CustomerId,
    ) -> Result<BTreeSet<BillId>, StoreError> {
        let query = Query {
            table: &self.tables.portfolio,
            index: Some(index::BY_CUSTOMER),
            hash: (
                attribute::CUSTOMER_KEY,
                keys::customer_index(tenant, customer),
            ),
            range: None,
            freshness: Freshness::Eventual,
            newest_first: false,
            limit: None,
        };
        let items = self.query_all(query).await?;
        items
            .iter()
            .map(|item| {
                let parsed = keys::parse_bill_partition(get_text(item, attribute::PK)?);
                let (_, bill) = parsed.ok_or_else(|| {
                    StoreError::unreadable("a contract's key", "it holds no bill")
                })?;
                Ok(bill)
            })
            .collect()
    }

    /// The credit-bureau state of bills, where there is one.
    pub async fn credit_bureau(
        &self,
        tenant: &TenantId,
        bills: &[BillId],
    ) -> Result<HashMap<BillId, CreditBureauRecord>, StoreError> {
        let keys: Vec<ItemKey> = bills
            .iter()
            .map(|bill| keys::credit_bureau(tenant, *bill))
            .collect();
        let records: Vec<CreditBureauRecord> = self.catalogue(&keys).await?;
        Ok(records
            .into_iter()
            .map(|record| (record.bill, record))
            .collect())
    }

    /// Sales contracts by bill; bills without one are left out.
    pub async fn sales_contracts(
        &self,
        tenant: &TenantId,
        bills: &[BillId],
    ) -> Result<HashMap<BillId, SalesContract>, StoreError> {
        let keys: Vec<ItemKey> = bills
            .iter()
            .map(|bill| keys::sales_contract(tenant, *bill))
            .collect();
        let contracts: Vec<SalesContract> = self.catalogue(&keys).await?;
        Ok(contracts
            .into_iter()
            .map(|contract| (contract.bill, contract))
            .collect())
    }

    /// All enterprises of a tenant.
    pub async fn enterprises(&self, tenant: &TenantId) -> Result<Vec<Enterprise>, StoreError> {
        self.partition(keys::enterprises(tenant)).await
    }

    /// Which of the units are held.
    pub async fn held_units(
        &self,
        tenant: &TenantId,
        units: &BTreeSet<(EnterpriseId, UnitId)>,
    ) -> Result<BTreeSet<UnitId>, StoreError> {
        let keys: Vec<ItemKey> = units
            .iter()
            .map(|(enterprise, unit)| keys::unit(tenant, *enterprise, *unit))
            .collect();
        let held: Vec<Unit> = self.catalogue(&keys).await?;
        Ok(held.into_iter().map(|unit| unit.id).collect())
    }

    /// All units of an enterprise.
    pub async fn units(
        &self,
        tenant: &TenantId,
        enterprise: EnterpriseId,
    ) -> Result<Vec<Unit>, StoreError> {
        self.partition(keys::units(tenant, enterprise)).await
    }

    async fn partition<T: CatalogueItem>(&self, pk: String) -> Result<Vec<T>, StoreError> {
        let query = Query {
            table: &self.tables.portfolio,
            index: None,
            hash: (attribute::PK, pk),
            range: None,
            freshness: Freshness::Eventual,
            newest_first: false,
            limit: None,
        };
        self.query_all(query)
            .await?
            .into_iter()
            .map(from_item)
            .collect()
    }
}
