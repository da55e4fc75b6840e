//! Calculation campaigns (campanhas de cálculo, playbook 6.6): charges, maximum discounts, remittance and plans by days late.
//!
//! The types are the JSON of `GET/PUT /v1/creditors/{id}/campaigns`. A rate that is absent is not zero: a quote that needs it fails and says
//! which field to fill. [`Campaign::check`] is run when a campaign is saved, [`select`] finds the one for a quote.

mod check;
mod select;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use check::MAX_TIERS;
pub use select::{Selection, select};

use super::Debt;
use crate::calendar::{self, Date};
use crate::ids::{CreditorId, DocumentType, EnterpriseId};
use crate::money::{Cents, Rate};

/// Outermost days late of a tier; installments beyond belong to the outermost tier.
pub const TIER_DAYS: i32 = 9_999;

/// Most installments of a plan.
pub const MAX_PLAN: u16 = 180;

/// A campaign of one creditor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Campaign {
    /// Its key, chosen by who saves it.
    pub id: String,
    /// Name operators see.
    pub name: String,
    /// Whose it is.
    pub creditor: CreditorId,
    /// First day of validity.
    #[serde(deserialize_with = "calendar::read_date")]
    pub valid_from: Date,
    /// Last day of validity; open when absent.
    #[serde(default, deserialize_with = "calendar::read_optional_date")]
    pub valid_until: Option<Date>,
    /// Whether it is used at all.
    #[serde(default)]
    pub active: bool,
    /// The highest number wins.
    #[serde(default)]
    pub priority: i32,
    /// "Campanha Portal": for the debtor's portal, and only for it.
    #[serde(default)]
    pub portal: bool,
    /// "À Vista": charges, discounts and remittance by days late.
    pub tiers: Vec<Tier>,
    /// "Parcelado": plans by days late and number of installments.
    #[serde(default)]
    pub plan_tiers: Vec<PlanTier>,
}

/// A tier of "À Vista".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tier {
    /// First day late, from -9999.
    pub from_days: i32,
    /// Last day late, up to 9999.
    pub to_days: i32,
    /// "Encar.".
    #[serde(default)]
    pub charges: Charges,
    /// "D. Máx.".
    #[serde(default)]
    pub maximum_discounts: Components<Rate>,
    /// "Rep.".
    #[serde(default)]
    pub remittance: Remittance<Rate>,
    /// "Filtros".
    #[serde(default)]
    pub filter: Filter,
}

/// Charges of the internal calculation; the fee holds for both calculations. An absent rate is an error when it is needed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Charges {
    /// Fine (multa).
    #[serde(default)]
    pub fine: Option<Rate>,
    /// Interest (juros) a month, simple.
    #[serde(default)]
    pub interest: Option<Rate>,
    /// Fee (honorários) on the updated value.
    #[serde(default)]
    pub fee: Option<Rate>,
}

/// One value per component of a debt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(
    bound = "T: JsonSchema + Default + Serialize",
    rename = "{T}PerComponent"
)]
#[allow(missing_docs)]
pub struct Components<T> {
    pub principal: T,
    pub fine: T,
    pub interest: T,
    pub fee: T,
}

/// Remittance (repasse) to the creditor per component.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(bound = "T: JsonSchema + Default + Serialize", rename = "{T}Remitted")]
#[allow(missing_docs)]
pub struct Remittance<T> {
    pub principal: T,
    pub fine: T,
    pub interest: T,
}

/// A tier of "Parcelado".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanTier {
    /// First day late, from -9999.
    pub from_days: i32,
    /// Last day late, up to 9999.
    pub to_days: i32,
    /// Fewest installments, from 2.
    pub from_installments: u16,
    /// Most installments, up to 180.
    pub to_installments: u16,
    /// "Entrada".
    #[serde(default)]
    pub down_payment: DownPaymentRule,
    /// "Taxa": interest a month of a Price plan.
    #[serde(default)]
    pub interest: Option<Rate>,
    /// "D. Máx.".
    #[serde(default)]
    pub maximum_discounts: Components<Rate>,
    /// "Filtros".
    #[serde(default)]
    pub filter: Filter,
}

/// Whether a down payment is allowed, and its minimum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DownPaymentRule {
    /// "Permite".
    pub allowed: bool,
    /// "Mínimo": above zero, a down payment is demanded.
    #[serde(default)]
    pub minimum: Portion,
}

/// Part of an amount, as a percentage (`{"percent":"10"}`) or in reais (`{"amount":"100.00"}`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Portion {
    /// A percentage of it.
    Percent(Rate),
    /// Reais.
    Amount(Cents),
}

impl Default for Portion {
    fn default() -> Self {
        Self::Percent(Rate::ZERO)
    }
}

/// Which installments a tier is for; an empty set means any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Filter {
    /// Enterprises.
    pub enterprises: BTreeSet<EnterpriseId>,
    /// Document types (`CT`).
    pub document_types: BTreeSet<DocumentType>,
    /// Payment condition types (`PM`).
    pub conditions: BTreeSet<String>,
}

impl Filter {
    fn matches(&self, debt: &Debt) -> bool {
        let enterprise = self.enterprises.is_empty()
            || debt
                .enterprise
                .is_some_and(|id| self.enterprises.contains(&id));
        let document = self.document_types.is_empty()
            || debt
                .document_type
                .as_ref()
                .is_some_and(|code| self.document_types.contains(code));
        let condition = self.conditions.is_empty() || self.conditions.contains(&debt.condition);
        enterprise && document && condition
    }

    /// How many kinds of condition it sets: the more, the more specific.
    fn specificity(&self) -> usize {
        usize::from(!self.enterprises.is_empty())
            + usize::from(!self.document_types.is_empty())
            + usize::from(!self.conditions.is_empty())
    }
}

impl Campaign {
    /// The most specific tier for an installment so many days late; at most one is, because overlaps are refused when saved.
    #[must_use]
    pub fn tier(&self, debt: &Debt, days_late: i32) -> Option<&Tier> {
        let days = days_late.clamp(-TIER_DAYS, TIER_DAYS);
        self.tiers
            .iter()
            .filter(|tier| {
                (tier.from_days..=tier.to_days).contains(&days) && tier.filter.matches(debt)
            })
            .max_by_key(|tier| tier.filter.specificity())
    }

    /// The most specific plan tier for an installment and a number of installments.
    #[must_use]
    pub fn plan_tier(&self, debt: &Debt, days_late: i32, installments: u16) -> Option<&PlanTier> {
        let days = days_late.clamp(-TIER_DAYS, TIER_DAYS);
        self.plan_tiers
            .iter()
            .filter(|tier| {
                (tier.from_days..=tier.to_days).contains(&days)
                    && (tier.from_installments..=tier.to_installments).contains(&installments)
                    && tier.filter.matches(debt)
            })
            .max_by_key(|tier| tier.filter.specificity())
    }
}
