//! Companies (empresas), the creditors.

use serde::Deserialize;

use super::call::SiengeCall;
use super::client::Client;
use super::error::SiengeError;
use super::lenient::{id, text};
use super::pages::Rows;
use crate::ids::CreditorId;

/// A company.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Company {
    /// Id.
    #[serde(deserialize_with = "id")]
    pub id: Option<i64>,
    /// Registered name.
    #[serde(deserialize_with = "text")]
    pub name: Option<String>,
    /// Trade name.
    #[serde(deserialize_with = "text")]
    pub trade_name: Option<String>,
    /// CNPJ as Sienge writes it.
    #[serde(deserialize_with = "text")]
    pub cnpj: Option<String>,
}

impl Client {
    /// Every company.
    pub fn companies(&self) -> Rows<Company> {
        self.rows(SiengeCall::rest(
            "ConsultarEmpresas",
            "companies",
            "companies",
        ))
    }

    /// One company.
    pub async fn company(&self, company: CreditorId) -> Result<Option<Company>, SiengeError> {
        self.fetch_one(&SiengeCall::rest(
            "ConsultarEmpresa",
            "companies",
            format!("companies/{company}"),
        ))
        .await
    }
}
