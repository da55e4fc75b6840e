//! What a debtor owes on a date, and why: charges, correction, discounts, fee, plans and partial payments.
//!
//! Pure: business date, calendar, settings, campaign and Sienge's figures are arguments. Guarantees, each held by a property test:
//!
//! - parts sum to totals to the cent, and every shown amount is the sum of its explanation's lines ([`verify`]);
//! - nothing is negative, nothing passes its maximum, more days never cost less under one tier;
//! - the order of the selection changes nothing;
//! - no rate is assumed: a missing one is an error that names the setting;
//! - no input panics: amounts, rates, dates and counts are bounded at the edge, and sums are checked.
//!
//! Both uses share one arithmetic: [`quote`] keeps the lines, [`quote_with`] and [`Silent`] only compute.

mod anticipation;
mod campaign;
mod correction;
mod debt;
mod discount;
mod error;
mod explanation;
mod fee;
mod figures;
mod internal;
mod late;
mod payment;
mod plan;
mod quote;
mod request;
mod rounding;
mod row;
mod settings;
mod sienge;
mod text;
mod verify;
mod warning;

#[cfg(test)]
mod tests;

pub use anticipation::{Anticipation, Method};
pub use campaign::{
    Campaign, Charges, Components, DownPaymentRule, Filter, MAX_PLAN, MAX_TIERS, PlanTier, Portion,
    Remittance, Selection, TIER_DAYS, Tier, select,
};
pub use correction::{Correction, RetroactiveBases};
pub use debt::{Debt, LateTerms, Mode, SiengeBalance};
pub use error::Error;
pub use explanation::{Component, Explain, ExplanationStep, Key, Line, Operation, Silent};
pub use figures::Figures;
pub use internal::{InternalTerms, internal_charges};
pub use late::{DaysPolicy, MAX_DAYS, charged_days, is_computable};
pub use payment::{Imputation, ImputedRow, Parts, impute};
pub use plan::{
    Periodicity, Plan, PlanInstallment, PlanInterest, PlanRequest, Planned, plan, smallest_plan,
};
pub use quote::{Amounts, MAX_AHEAD_DAYS, MAX_ROWS, Quote, quote, quote_with};
pub use request::{Discounts, Payment, Request};
pub use rounding::{Residue, RoundingRules};
pub use row::QuoteRow;
pub use settings::{CalculationSettings, ImputationOrder};
pub use sienge::{SiengeCharges, SiengeTerms, sienge_charges};
pub use verify::{verify, verify_imputation, verify_plan};
pub use warning::{Cause, Warning};
