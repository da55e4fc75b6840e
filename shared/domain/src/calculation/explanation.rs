//! How an amount was computed: ordered lines that a person can check with a pocket calculator.
//!
//! The arithmetic hands every step to an [`Explain`] sink as it goes. A `Vec<Line>` keeps the lines; [`Silent`] keeps nothing and
//! costs nothing, so bulk calculation and a quote shown to a debtor run the same code.
//! [`super::verify`] proves that what is shown adds up from the lines and that each line recomputes.

use schemars::JsonSchema;
use serde::Serialize;

use crate::ids::{BillId, InstallmentId};
use crate::money::{Cents, Decimal, Rate, Rounding};

/// Which installment of which bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    /// The bill (título).
    pub bill: BillId,
    /// The installment within it.
    pub installment: InstallmentId,
}

/// The shown figure a line adds to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Component {
    /// Original value.
    Original,
    /// Monetary correction.
    Correction,
    /// Fine (multa).
    Fine,
    /// Default interest (juros), and everything Sienge charges when it calculates.
    Interest,
    /// Fee (honorários).
    Fee,
    /// Campaign discount on the principal.
    PrincipalDiscount,
    /// Campaign discount on the fine.
    FineDiscount,
    /// Campaign discount on the interest.
    InterestDiscount,
    /// Campaign discount on the fee.
    FeeDiscount,
    /// Anticipation discount (deságio).
    Anticipation,
    /// The most that may be discounted by the campaign.
    MaximumDiscount,
    /// Remittance (repasse) of the principal.
    PrincipalRemittance,
    /// Remittance of the fine.
    FineRemittance,
    /// Remittance of the interest.
    InterestRemittance,
    /// Down payment of a plan (entrada).
    DownPayment,
    /// Installments of a plan.
    Installments,
    /// Cash imputed to the fee.
    PaidFee,
    /// Cash imputed to the fine.
    PaidFine,
    /// Cash imputed to the interest.
    PaidInterest,
    /// Cash imputed to the principal: what is amortised.
    PaidPrincipal,
    /// An intermediate step that adds to no shown figure.
    Working,
}

/// The name of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // each is worded in `text.rs`
pub enum ExplanationStep {
    Original,
    SiengeCorrection,
    IndexCorrection,
    AnnualCorrectionOff,
    ProRata,
    LateInterest,
    Fine,
    InterestOnFine,
    SiengeCharges,
    SiengeDifference,
    Fee,
    FeeTotal,
    FeeResidue,
    CampaignDiscount,
    SharedDiscount,
    SharedCent,
    LimitedDiscount,
    SiengeAnticipation,
    ComputedAnticipation,
    MaximumPrincipalDiscount,
    MaximumFineDiscount,
    MaximumInterestDiscount,
    MaximumFeeDiscount,
    Remittance,
    Financed,
    DownPayment,
    InstallmentValue,
    PlanTotal,
    Installments,
    PlanResidue,
    Imputation,
}

/// How a line's result follows from its base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(
    tag = "operation",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Operation {
    /// Taken as given: the result is the base.
    Given,
    /// `base * rate`.
    Percent {
        /// The percentage.
        rate: Rate,
    },
    /// `base * rate * days / 30`.
    Daily {
        /// The percentage a month.
        rate: Rate,
        /// Days charged.
        days: i32,
    },
    /// `base * index / base index - base`.
    Index {
        /// The index number of the base date.
        base_index: Decimal,
        /// The index number of the calculation.
        index: Decimal,
    },
    /// `base - base / (1 + rate)^months`.
    CompoundAnticipation {
        /// The percentage a month.
        rate: Rate,
        /// Whole months.
        months: u32,
    },
    /// `base - base / (1 + rate * months)`.
    SimpleAnticipation {
        /// The percentage a month.
        rate: Rate,
        /// Whole months.
        months: u32,
    },
    /// The smaller of the base and a limit.
    AtMost {
        /// The limit.
        limit: Cents,
    },
    /// `base - subtracted`.
    Minus {
        /// What is subtracted.
        subtracted: Cents,
    },
    /// This row's part of an amount spread over rows in proportion to `base`.
    Share {
        /// The whole amount; a line's own "of" is its installment.
        #[serde(rename = "amount")]
        of: Cents,
        /// The sum of all bases.
        over: Cents,
    },
    /// `base * count`.
    Times {
        /// How many.
        count: u16,
    },
    /// Value of one payment of a Price plan: `base * i / (1 - (1 + i)^-n)`, divided by `1 + i` when the first is paid at once.
    Price {
        /// The percentage a period.
        rate: Rate,
        /// Number of payments.
        payments: u16,
        /// Whether the first payment is made on the day of the calculation.
        advance: bool,
    },
    /// All payments of a Price plan, rounded once.
    PriceTotal {
        /// The percentage a period.
        rate: Rate,
        /// Number of payments.
        payments: u16,
        /// Whether the first payment is made on the day of the calculation.
        advance: bool,
    },
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// The installment it is about; none when about the whole.
    pub of: Option<Key>,
    /// The figure it adds to.
    pub component: Component,
    /// Its name.
    pub step: ExplanationStep,
    /// What it starts from.
    pub base: Cents,
    /// What is done to the base.
    #[serde(flatten)]
    pub operation: Operation,
    /// How the result was rounded.
    pub rounding: Rounding,
    /// The result.
    pub result: Cents,
}

impl Line {
    /// A line with an amount taken as given.
    pub(super) const fn given(
        of: Option<Key>,
        component: Component,
        step: ExplanationStep,
        amount: Cents,
    ) -> Self {
        Self {
            of,
            component,
            step,
            base: amount,
            operation: Operation::Given,
            rounding: Rounding::HalfUp,
            result: amount,
        }
    }

    /// A line whose result is a difference.
    pub(super) fn minus(
        of: Option<Key>,
        component: Component,
        step: ExplanationStep,
        base: Cents,
        subtracted: Cents,
    ) -> Self {
        Self {
            of,
            component,
            step,
            base,
            operation: Operation::Minus { subtracted },
            rounding: Rounding::HalfUp,
            result: base - subtracted,
        }
    }
}

/// Receives the steps of the arithmetic.
pub trait Explain {
    /// Receives one step.
    fn line(&mut self, line: Line);
}

impl Explain for Vec<Line> {
    fn line(&mut self, line: Line) {
        self.push(line);
    }
}

/// Keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Explain for Silent {
    #[inline(always)]
    #[allow(clippy::inline_always)] // the whole point: building the line is then dead code
    fn line(&mut self, _: Line) {}
}
