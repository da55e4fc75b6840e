//! A rate in percent, with at most six places, and the one multiplication that turns an amount, a rate and days into cents.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Cents, Decimal, Rounding, TooLarge};

/// Units of one hundred percent: 1% is 1,000,000 units, so percents keep six places.
const WHOLE: i64 = 100_000_000;

/// Days of the commercial month Sienge divides by.
const MONTH_DAYS: i64 = 30;

/// A percentage that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field}: \"{value}\" {reason}; escreva por exemplo \"1.00\" para 1%")]
#[allow(missing_docs)]
pub struct RateError {
    pub field: &'static str,
    pub value: String,
    pub reason: &'static str,
}

/// A percentage from 0% to 100%; `"0.54"` in JSON is 0.54%.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Rate(i64);

impl Rate {
    /// Explicitly no charge.
    pub const ZERO: Self = Self(0);
    /// 100%.
    pub const WHOLE: Self = Self(WHOLE);
    /// 2%, the Consumer Code's limit for a fine (art. 52 §1).
    pub const TWO_PERCENT: Self = Self(2 * WHOLE / 100);

    /// Reads a percentage; `field` names it in the error.
    pub fn percent(field: &'static str, value: Decimal) -> Result<Self, RateError> {
        let value = value.normalize();
        let fail = |reason| RateError {
            field,
            value: value.to_string(),
            reason,
        };
        if value.scale() > 6 {
            return Err(fail("tem mais de seis casas decimais"));
        }
        // The scale is at most 6, so the factor is at most a million.
        let factor = 10_i128.pow(6 - value.scale());
        value
            .mantissa()
            .checked_mul(factor)
            .and_then(|units| i64::try_from(units).ok())
            .filter(|units| (0..=WHOLE).contains(units))
            .map(Self)
            .ok_or_else(|| fail("não está entre 0 e 100"))
    }

    /// From a whole number of millionths of a percent; used by computed rates. Bounded to 0..=100%.
    pub(crate) const fn from_units(units: i64) -> Self {
        if units < 0 {
            Self(0)
        } else if units > WHOLE {
            Self(WHOLE)
        } else {
            Self(units)
        }
    }

    /// In units of one millionth of a percent.
    pub(crate) const fn units(self) -> i64 {
        self.0
    }

    /// Whether it is 0%.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The percentage as a decimal: 0.54 for 0.54%.
    #[must_use]
    pub fn decimal(self) -> Decimal {
        Decimal::new(self.0, 6).normalize()
    }

    /// The fraction as a decimal: 0.0054 for 0.54%.
    #[must_use]
    pub fn fraction(self) -> Decimal {
        Decimal::new(self.0, 8).normalize()
    }

    /// `0,54%`.
    #[must_use]
    pub fn brazilian(self) -> String {
        format!("{}%", self.decimal()).replace('.', ",")
    }

    /// `base * rate`, rounded.
    #[inline]
    #[must_use]
    pub fn of(self, base: Cents, rounding: Rounding) -> Cents {
        scaled::<WHOLE>(base.get(), self.0, 1, rounding)
    }

    /// `base * rate * days / 30`, rounded: simple interest a day in a commercial month.
    #[inline]
    #[must_use]
    pub fn of_days(self, base: Cents, days: i32, rounding: Rounding) -> Cents {
        scaled::<{ WHOLE * MONTH_DAYS }>(base.get(), self.0, i64::from(days), rounding)
    }

    /// `base * rate` in units a hundred-millionth of a cent, not rounded, so that a total over many rows is rounded once.
    pub(crate) fn exact(self, base: Cents) -> i128 {
        i128::from(base.get()) * i128::from(self.0)
    }

    /// Rounds a sum of [`Rate::exact`].
    pub(crate) fn round_exact(sum: i128, rounding: Rounding) -> Result<Cents, TooLarge> {
        i64::try_from(divided::<WHOLE>(sum, rounding))
            .map(Cents::new)
            .map_err(|_| TooLarge)
    }
}

/// `a * b * c / D`, rounded. `D` is constant, so that the usual small numerator divides by multiplication.
#[inline]
fn scaled<const D: i64>(a: i64, b: i64, c: i64, rounding: Rounding) -> Cents {
    if let Some(numerator) = a.checked_mul(b).and_then(|ab| ab.checked_mul(c)) {
        let (quotient, rest) = (numerator / D, numerator % D);
        return Cents::new(quotient + rounding.steps(rest, D));
    }
    let wide = divided::<D>(
        i128::from(a)
            .saturating_mul(i128::from(b))
            .saturating_mul(i128::from(c)),
        rounding,
    );
    // Amounts are bounded at the edge, so this never saturates (see `Cents::MAX`); it is the no-panic answer all the same.
    Cents::new(i64::try_from(wide).unwrap_or(if wide < 0 { i64::MIN } else { i64::MAX }))
}

fn divided<const D: i64>(numerator: i128, rounding: Rounding) -> i128 {
    let divisor = i128::from(D);
    // A remainder is smaller than its divisor, an `i64`.
    let rest = i64::try_from(numerator % divisor).unwrap_or_default();
    numerator / divisor + i128::from(rounding.steps(rest, D))
}

impl JsonSchema for Rate {
    fn schema_name() -> Cow<'static, str> {
        "Percentage".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A percentage from 0 to 100 as decimal text with a point and at most six places; \"1\" is 1%.",
            "type": "string",
            "pattern": r"^[0-9]+(\.[0-9]{1,6}0*)?$",
            "examples": ["0.54"],
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.decimal().fmt(f)
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> Self {
        rate.to_string()
    }
}

impl TryFrom<String> for Rate {
    type Error = RateError;
    fn try_from(text: String) -> Result<Self, RateError> {
        match Decimal::from_str_exact(text.trim()) {
            Ok(value) => Self::percent("percentual", value),
            Err(_) => Err(RateError {
                field: "percentual",
                value: text,
                reason: "não é um número decimal com ponto",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal_macros::dec;

    #[test]
    fn a_rate_keeps_six_places_and_is_text_in_json() {
        let rate: Rate = serde_json::from_str("\"0.033333\"").unwrap();
        assert_eq!(rate.brazilian(), "0,033333%");
        assert_eq!(serde_json::to_string(&rate).unwrap(), "\"0.033333\"");
        assert_eq!(
            Rate::percent("juros", dec!(1.50)).unwrap().to_string(),
            "1.5"
        );
    }

    #[test]
    fn rates_outside_zero_to_a_hundred_are_refused() {
        let told = |json: &str| serde_json::from_str::<Rate>(json).unwrap_err().to_string();
        assert_eq!(
            told("\"-1\""),
            "percentual: \"-1\" não está entre 0 e 100; escreva por exemplo \"1.00\" para 1%"
        );
        assert!(told("\"100.000001\"").contains("entre 0 e 100"));
        assert!(told("\"0.0000001\"").contains("seis casas"));
        assert!(told("\"1%\"").contains("decimal com ponto"));
    }

    #[test]
    fn wide_and_narrow_multiplication_agree_on_rounding() {
        let rate = Rate::percent("juros", dec!(1)).unwrap();
        assert_eq!(
            rate.of_days(Cents::new(100_000), 142, Rounding::HalfUp),
            Cents::new(4_733)
        );
        assert_eq!(
            rate.of_days(Cents::new(100_000_000_000), 30_000, Rounding::HalfUp),
            Cents::new(1_000_000_000_000)
        );
        let half = Rate::percent("multa", dec!(50)).unwrap();
        assert_eq!(half.of(Cents::new(1), Rounding::HalfUp), Cents::new(1));
        assert_eq!(half.of(Cents::new(1), Rounding::Truncate), Cents::ZERO);
        assert_eq!(half.of(Cents::new(-1), Rounding::HalfUp), Cents::new(-1));
    }
}
