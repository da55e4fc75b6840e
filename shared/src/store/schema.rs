//! The tables and their indexes as code: what `template.yaml` declares, made by tests and nowhere else.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType, ScalarAttributeType,
    TimeToLiveSpecification,
};

use super::keys::{attribute, index};
use super::{Store, StoreError};

/// One index: its name, hash, range, and the attributes it holds besides the keys.
type Index = (&'static str, &'static str, Option<&'static str>, &'static [&'static str]);

const PORTFOLIO: &[Index] = &[
    (index::BY_DOCUMENT, attribute::DOCUMENT_KEY, None, &[]),
    (index::BY_CUSTOMER, attribute::CUSTOMER_KEY, Some(attribute::SK), &[]),
    (
        index::OPEN_INSTALLMENTS,
        attribute::OPEN_SHARD,
        Some(attribute::OPEN_KEY),
        &["fingerprint", "boleto"],
    ),
    (index::OUTBOX, attribute::OUTBOX_SHARD, Some(attribute::OUTBOX_AT), &[]),
];

const JOURNAL: &[Index] = &[
    (
        index::BY_DAY,
        attribute::DAY_KEY,
        Some(attribute::AT),
        &["kind", "state", "summary"],
    ),
    (
        index::BY_BILL,
        attribute::BILL_KEY,
        Some(attribute::AT),
        &["kind", "state", "summary"],
    ),
    (index::PENDING, attribute::PENDING_SHARD, Some(attribute::AT), &[]),
];

/// Creates the three tables, equal to `template.yaml`'s but for encryption and recovery.
pub async fn create_tables(store: &Store) -> Result<(), StoreError> {
    create(store, &store.tables.portfolio, PORTFOLIO, false).await?;
    create(store, &store.tables.journal, JOURNAL, true).await?;
    create(store, &store.tables.control, &[], true).await
}

async fn create(store: &Store, table: &str, indexes: &[Index], expires: bool) -> Result<(), StoreError> {
    let bad = |error| StoreError::unreadable("the schema", error);
    let mut names = vec![attribute::PK, attribute::SK];
    for (_, hash, range, _) in indexes {
        names.push(hash);
        names.extend(range);
    }
    names.sort_unstable();
    names.dedup();
    let mut request = store
        .client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest);
    for name in names {
        let definition = AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S);
        request = request.attribute_definitions(definition.build().map_err(bad)?);
    }
    request = request.set_key_schema(Some(key_schema(attribute::PK, Some(attribute::SK)).map_err(bad)?));
    for (name, hash, range, included) in indexes {
        let projection = if included.is_empty() {
            Projection::builder().projection_type(ProjectionType::KeysOnly)
        } else {
            Projection::builder()
                .projection_type(ProjectionType::Include)
                .set_non_key_attributes(Some(included.iter().map(ToString::to_string).collect()))
        };
        let index = GlobalSecondaryIndex::builder()
            .index_name(*name)
            .set_key_schema(Some(key_schema(hash, *range).map_err(bad)?))
            .projection(projection.build());
        request = request.global_secondary_indexes(index.build().map_err(bad)?);
    }
    request.send().await.map_err(|error| StoreError::of("CreateTable", &error))?;
    if expires {
        let expiry = TimeToLiveSpecification::builder()
            .enabled(true)
            .attribute_name(attribute::EXPIRES_AT);
        store
            .client
            .update_time_to_live()
            .table_name(table)
            .time_to_live_specification(expiry.build().map_err(bad)?)
            .send()
            .await
            .map_err(|error| StoreError::of("UpdateTimeToLive", &error))?;
    }
    Ok(())
}

fn key_schema(hash: &str, range: Option<&str>) -> Result<Vec<KeySchemaElement>, aws_sdk_dynamodb::error::BuildError> {
    let element = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    let mut schema = vec![element(hash, KeyType::Hash)?];
    if let Some(range) = range {
        schema.push(element(range, KeyType::Range)?);
    }
    Ok(schema)
}
