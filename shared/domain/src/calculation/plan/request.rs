//! The request for a plan.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::calendar::{self, Date};
use crate::money::Cents;

/// A requested plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanRequest {
    /// Number of installments, the down payment not counted; 1 is cash.
    pub installments: u16,
    /// None or Price at the campaign's rate.
    #[serde(default)]
    pub interest: PlanInterest,
    /// Down payment (entrada).
    #[serde(default)]
    pub down_payment: Cents,
    /// First due date. On the date of the calculation itself, the first payment is made at once and bears no interest.
    #[serde(deserialize_with = "calendar::read_date")]
    pub first_due: Date,
    /// Periodicity.
    #[serde(default)]
    pub periodicity: Periodicity,
    /// Due day of a monthly plan where it is not the first date's: 31 with a first date of 28 February.
    #[serde(default)]
    pub due_day: Option<i8>,
    /// Whether due dates move to the next business day that banks attend (not the last one of a year).
    #[serde(default)]
    pub business_days_only: bool,
}

/// Contract interest of a plan (7.3.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PlanInterest {
    /// "Nenhum".
    #[default]
    None,
    /// "Price", at the tier's rate.
    Price,
}

/// Time between installments; the letters are Recuperador's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Periodicity {
    /// The same day each month; the last day of a shorter month.
    #[default]
    #[serde(rename = "M")]
    Monthly,
    /// Every fifteen days.
    #[serde(rename = "Q")]
    Fortnightly,
    /// Every seven days.
    #[serde(rename = "S")]
    Weekly,
}
