//! The request for a quote.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CalculationSettings, Campaign, Debt, Portion};
use crate::calendar::Date;

/// Everything that goes into a quote.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The selected installments, of one or more bills.
    pub debts: &'a [Debt],
    /// The campaign (see [`super::select`]).
    pub campaign: &'a Campaign,
    /// The creditor's settings.
    pub settings: &'a CalculationSettings,
    /// "Aplicar correção anual no cálculo" (6.1.2), of the tenant.
    pub annual_correction: bool,
    /// Today in America/Sao_Paulo.
    pub business_date: Date,
    /// Date of the calculation ("Data do Cálculo"), today or later.
    pub on: Date,
    /// Cash or a plan: decides which maximum discounts apply.
    pub payment: Payment,
    /// The requested campaign discounts.
    pub discounts: Discounts,
}

/// How it will be paid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Payment {
    /// "À Vista".
    #[default]
    Cash,
    /// "Parcelado".
    Plan {
        /// Number of installments.
        installments: u16,
    },
}

/// Requested discounts, per component.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct Discounts {
    pub principal: Option<Portion>,
    pub fine: Option<Portion>,
    pub interest: Option<Portion>,
    pub fee: Option<Portion>,
}
