//! Payment-condition types (tipos de condição).

use serde::Deserialize;

use super::call::SiengeCall;
use super::client::Client;
use super::lenient::text;
use super::pages::Rows;

/// A payment-condition type (tipo de condição).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PaymentConditionType {
    /// Code: documented as a number, actually text such as `PM`.
    #[serde(deserialize_with = "text")]
    pub id: Option<String>,
    /// Description.
    #[serde(deserialize_with = "text")]
    pub description: Option<String>,
    /// What it is for (`Recursos Próprios`, ...).
    #[serde(deserialize_with = "text")]
    pub finality_type: Option<String>,
}

impl Client {
    /// Every payment-condition type.
    pub fn payment_condition_types(&self) -> Rows<PaymentConditionType> {
        self.rows(SiengeCall::rest(
            "ConsultarTiposCondicaoPagamento",
            "payment-condition-types",
            "payment-condition-types",
        ))
    }
}
