//! Units (unidades) of the enterprises.

use rust_decimal::Decimal;
use serde::Deserialize;

use super::call::SiengeCall;
use super::client::Client;
use super::error::SiengeError;
use super::lenient::{id, number, text};
use super::pages::{PAGE_ROWS, Rows};
use crate::ids::{EnterpriseId, UnitId};

/// A unit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Unit {
    /// Id.
    #[serde(deserialize_with = "id")]
    pub id: Option<i64>,
    /// Enterprise.
    #[serde(deserialize_with = "id")]
    pub enterprise_id: Option<i64>,
    /// Sales contract.
    #[serde(deserialize_with = "id")]
    pub contract_id: Option<i64>,
    /// Sales contract's number.
    #[serde(deserialize_with = "text")]
    pub contract_number: Option<String>,
    /// Name.
    #[serde(deserialize_with = "text")]
    pub name: Option<String>,
    /// Kind of property.
    #[serde(deserialize_with = "text")]
    pub property_type: Option<String>,
    /// Commercial stock: D available, V sold, L rented, ...
    #[serde(deserialize_with = "text")]
    pub commercial_stock: Option<String>,
    /// Number in the land registry.
    #[serde(deserialize_with = "text")]
    pub legal_registration_number: Option<String>,
    /// Private area, square metres.
    #[serde(deserialize_with = "number")]
    pub private_area: Option<Decimal>,
    /// Floor.
    #[serde(deserialize_with = "text")]
    pub floor: Option<String>,
}

impl Client {
    /// Every unit, of one enterprise or of all; Sienge has no filter by change.
    pub fn units(&self, enterprise: Option<EnterpriseId>) -> Rows<Unit> {
        self.rows(
            SiengeCall::rest("ConsultarUnidades", "units", "units")
                .with_some("enterpriseId", enterprise),
        )
    }

    /// How many calls reading all units takes, if Sienge says how many there are.
    pub async fn calls_for_all_units(&self) -> Result<Option<usize>, SiengeError> {
        let all = SiengeCall::rest("ConsultarUnidades", "units", "units");
        Ok(self
            .count_rows::<Unit>(all)
            .await?
            .map(|units| units.div_ceil(PAGE_ROWS)))
    }

    /// One unit.
    pub async fn unit(&self, unit: UnitId) -> Result<Option<Unit>, SiengeError> {
        self.fetch_one(&SiengeCall::rest(
            "ConsultarUnidade",
            "units",
            format!("units/{unit}"),
        ))
        .await
    }
}
