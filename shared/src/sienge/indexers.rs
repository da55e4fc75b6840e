//! Indexers with their last value.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::call::SiengeCall;
use super::client::Client;
use super::lenient::{date, id, number, object, text};
use super::pages::Rows;

/// An indexer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Indexer {
    /// Id.
    #[serde(deserialize_with = "id")]
    pub id: Option<i64>,
    /// Name.
    #[serde(deserialize_with = "text")]
    pub name: Option<String>,
    /// Months of retroactivity.
    #[serde(deserialize_with = "number")]
    pub revenue_retroactivity: Option<Decimal>,
    /// Its last value.
    #[serde(deserialize_with = "object")]
    pub last_value: Option<IndexerValue>,
}

/// An indexer's value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct IndexerValue {
    /// Its month.
    #[serde(deserialize_with = "date")]
    pub date: Option<Date>,
    /// Index number.
    #[serde(deserialize_with = "number")]
    pub value: Option<Decimal>,
    /// Variation, percent.
    #[serde(deserialize_with = "number")]
    pub percentage: Option<Decimal>,
}

impl Client {
    /// Every indexer with its last value.
    pub fn indexers(&self) -> Rows<Indexer> {
        self.rows(SiengeCall::rest(
            "ConsultarIndexadores",
            "indexers",
            "indexers",
        ))
    }
}
