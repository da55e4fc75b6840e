//! Cost centres (centros de custo).

use serde::Deserialize;

use super::call::SiengeCall;
use super::client::Client;
use super::error::SiengeError;
use super::lenient::{id, text};
use super::pages::Rows;

/// A cost centre.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CostCenter {
    /// Id.
    #[serde(deserialize_with = "id")]
    pub id: Option<i64>,
    /// Name, without the stray blanks of production.
    #[serde(deserialize_with = "text")]
    pub name: Option<String>,
    /// Company.
    #[serde(rename = "idCompany", deserialize_with = "id")]
    pub company_id: Option<i64>,
    /// CNPJ as Sienge writes it.
    #[serde(deserialize_with = "text")]
    pub cnpj: Option<String>,
}

impl Client {
    /// Every cost centre, in no particular order.
    pub fn cost_centers(&self) -> Rows<CostCenter> {
        self.rows(SiengeCall::rest(
            "ConsultarCentrosCusto",
            "cost-centers",
            "cost-centers",
        ))
    }

    /// One cost centre.
    pub async fn cost_center(&self, cost_center: i64) -> Result<Option<CostCenter>, SiengeError> {
        self.fetch_one(&SiengeCall::rest(
            "ConsultarCentroCusto",
            "cost-centers",
            format!("cost-centers/{cost_center}"),
        ))
        .await
    }
}
