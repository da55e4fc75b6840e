//! Enterprises (empreendimentos), the CRM's "filiais".

use jiff::civil::Date;
use serde::Deserialize;

use super::call::SiengeCall;
use super::client::Client;
use super::error::SiengeError;
use super::lenient::{date, id, text};
use super::pages::Rows;
use crate::ids::{CreditorId, EnterpriseId};

/// An enterprise; where it has a cost centre, both have the same id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Enterprise {
    /// Id.
    #[serde(deserialize_with = "id")]
    pub id: Option<i64>,
    /// Name.
    #[serde(deserialize_with = "text")]
    pub name: Option<String>,
    /// Commercial name.
    #[serde(deserialize_with = "text")]
    pub commercial_name: Option<String>,
    /// CNPJ as Sienge writes it.
    #[serde(deserialize_with = "text")]
    pub cnpj: Option<String>,
    /// 1 building and cost centre, 2 building, 3 cost centre, 4 cost centre tied to a building.
    #[serde(rename = "type", deserialize_with = "text")]
    pub kind: Option<String>,
    /// Company.
    #[serde(deserialize_with = "id")]
    pub company_id: Option<i64>,
    /// Last modification.
    #[serde(deserialize_with = "date")]
    pub modification_date: Option<Date>,
    /// `ACTIVE`, `INACTIVE_WITH_PENDENCIES`, ...; only from [`Client::enterprise`].
    #[serde(deserialize_with = "text")]
    pub cost_center_status: Option<String>,
}

impl Client {
    /// Every enterprise, of one company or of all.
    pub fn enterprises(&self, company: Option<CreditorId>) -> Rows<Enterprise> {
        self.rows(
            SiengeCall::rest("ConsultarEmpreendimentos", "enterprises", "enterprises")
                .with_some("companyId", company),
        )
    }

    /// One enterprise.
    pub async fn enterprise(
        &self,
        enterprise: EnterpriseId,
    ) -> Result<Option<Enterprise>, SiengeError> {
        self.fetch_one(&SiengeCall::rest(
            "ConsultarEmpreendimento",
            "enterprises",
            format!("enterprises/{enterprise}"),
        ))
        .await
    }
}
