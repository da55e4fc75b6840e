//! An amount of money in whole cents: the type of everything that is observed, stored, summed or rounded.
//!
//! Amounts enter from [`Decimal`] or from decimal text and never from a float. Amounts from people and other systems may have
//! at most two places ([`Cents::parse`]); Sienge's own figures carry the dust of binary floats and are rounded
//! ([`Cents::rounded`]). An integer of cents is exact, small and fast: a million installments a second need that.

use std::borrow::Cow;
use std::ops::{Add, AddAssign, Neg, Sub};
use std::{fmt, iter};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Decimal, brazilian};

/// An amount that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field}: \"{value}\" {reason}; escreva por exemplo \"1205.13\"")]
#[allow(missing_docs)]
pub struct AmountError {
    pub field: &'static str,
    pub value: String,
    pub reason: &'static str,
}

/// A sum beyond what an integer of cents holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a soma passa do que se pode calcular")]
pub struct TooLarge;

/// Cents of a real.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Cents(i64);

impl Cents {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount accepted from outside, one billion reais.
    ///
    /// It bounds the arithmetic: with rates up to 100% and the maximum of days charged, a whole row of a quote stays below
    /// 6e17 cents, inside an `i64`; sums over rows are checked.
    pub const MAX: Self = Self(100_000_000_000);

    /// From an integer of cents.
    #[must_use]
    pub const fn new(cents: i64) -> Self {
        Self(cents)
    }

    /// The integer of cents.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Reads an amount; `field` names it in the error. Three places, or more than [`Cents::MAX`], are refused.
    #[inline]
    pub fn parse(field: &'static str, value: Decimal) -> Result<Self, AmountError> {
        let fail = |reason| refused(field, value, reason);
        // Trailing zeros are no places; normalizing is slow, and amounts seldom need it.
        let value = if value.scale() > 2 {
            value.normalize()
        } else {
            value
        };
        let factor = match value.scale() {
            0 => 100,
            1 => 10,
            2 => 1,
            _ => return Err(fail("tem mais de duas casas decimais")),
        };
        i64::try_from(value.mantissa())
            .ok()
            .and_then(|mantissa| mantissa.checked_mul(factor))
            .map(Self)
            .filter(|cents| (-Self::MAX..=Self::MAX).contains(cents))
            .ok_or_else(|| fail("passa de 1.000.000.000,00"))
    }

    /// Reads the decimal text of a number (`341233.7699999997`, `4.5e-13`, `-1e3`) and rounds it to cents, half away from zero: `0.005` is
    /// one cent and `-0.005` minus one. Exact however many digits there are. `None` for what is no number, and for more than [`Cents::MAX`].
    #[must_use]
    pub fn rounded(text: &str) -> Option<Self> {
        let (negative, text) = match text.strip_prefix(['-', '+']) {
            Some(rest) => (text.starts_with('-'), rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = || whole.bytes().chain(fraction.bytes());
        if whole.len() + fraction.len() == 0 || !digits().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        if digits().all(|digit| digit == b'0') {
            return Some(Self::ZERO);
        }
        // These digits are whole cents; the next one alone decides the rounding.
        let kept = i64::try_from(whole.len()).ok()? + i64::from(exponent) + 2;
        let Ok(kept) = usize::try_from(kept) else {
            return Some(Self::ZERO);
        };
        let mut cents = 0;
        for digit in digits().chain(iter::repeat(b'0')).take(kept) {
            cents = cents * 10 + i64::from(digit - b'0');
            if cents > Self::MAX.0 {
                return None;
            }
        }
        cents += i64::from(digits().nth(kept).is_some_and(|digit| digit >= b'5'));
        (cents <= Self::MAX.0).then_some(Self(if negative { -cents } else { cents }))
    }

    /// The amount as a decimal with two places.
    #[must_use]
    pub fn decimal(self) -> Decimal {
        Decimal::new(self.0, 2)
    }

    /// `1.234,56`.
    #[must_use]
    pub fn brazilian(self) -> String {
        brazilian(self.decimal())
    }

    /// Whether it is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whether it is below zero.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// The amount without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// The sum, or an error when it is too large: for sums over rows, whose number has no small bound.
    pub fn plus(self, other: Self) -> Result<Self, TooLarge> {
        self.0.checked_add(other.0).map(Self).ok_or(TooLarge)
    }

    /// Checked sum of many.
    pub fn sum(amounts: impl IntoIterator<Item = Self>) -> Result<Self, TooLarge> {
        amounts.into_iter().try_fold(Self::ZERO, Self::plus)
    }
}

/// Separate and cold, so that reading an amount stays small enough to be inlined.
#[cold]
fn refused(field: &'static str, value: Decimal, reason: &'static str) -> AmountError {
    AmountError {
        field,
        value: value.to_string(),
        reason,
    }
}

impl Add for Cents {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Cents {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Cents {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for Cents {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl JsonSchema for Cents {
    fn schema_name() -> Cow<'static, str> {
        "Money".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Reais as decimal text with a point and at most two places.",
            "type": "string",
            "pattern": r"^-?[0-9]+(\.[0-9]{1,2}0*)?$",
            "examples": ["1205.13"],
        })
    }
}

impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.decimal().fmt(f)
    }
}

impl From<Cents> for String {
    fn from(cents: Cents) -> Self {
        cents.to_string()
    }
}

impl From<Cents> for Decimal {
    fn from(cents: Cents) -> Self {
        cents.decimal()
    }
}

impl TryFrom<String> for Cents {
    type Error = AmountError;
    fn try_from(text: String) -> Result<Self, AmountError> {
        match Decimal::from_str_exact(text.trim()) {
            Ok(value) => Self::parse("valor", value),
            Err(_) => Err(AmountError {
                field: "valor",
                value: text,
                reason: "não é um número decimal com ponto",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::half_up_to_cents;
    use proptest::prelude::*;
    use rust_decimal_macros::dec;

    #[test]
    fn amounts_are_decimal_text_in_json() {
        let amount: Cents = serde_json::from_str("\"1205.13\"").unwrap();
        assert_eq!(amount, Cents::new(120_513));
        assert_eq!(serde_json::to_string(&amount).unwrap(), "\"1205.13\"");
        assert_eq!(
            Cents::parse("valor", dec!(1000)).unwrap(),
            Cents::new(100_000)
        );
        assert_eq!(
            Cents::parse("valor", dec!(10.10000)).unwrap(),
            Cents::new(1_010)
        );
        serde_json::from_str::<Cents>("1205.13").unwrap_err();
    }

    #[test]
    fn three_decimals_words_and_fortunes_are_refused_with_a_correct_example() {
        let told = |json: &str| serde_json::from_str::<Cents>(json).unwrap_err().to_string();
        assert_eq!(
            told("\"100.123\""),
            "valor: \"100.123\" tem mais de duas casas decimais; escreva por exemplo \"1205.13\""
        );
        assert_eq!(
            told("\"mil\""),
            "valor: \"mil\" não é um número decimal com ponto; escreva por exemplo \"1205.13\""
        );
        assert!(told("\"1000000000.01\"").contains("passa de 1.000.000.000,00"));
        assert!(told("\"79228162514264337593543950335\"").contains("passa de"));
        assert!(told("\"1.234,56\"").contains("decimal com ponto"));
    }

    #[test]
    fn dust_is_rounded_half_away_from_zero() {
        for (text, cents) in [
            ("341233.7699999997", 34_123_377),
            ("0.1000000000000000055511151231257827", 10),
            ("4.5e-13", 0),
            ("-1.2E-12", 0),
            ("-0.0", 0),
            ("0.005", 1),
            ("0.00499999999999999999999999999999999999", 0),
            ("-0.005", -1),
            ("-0.0049", 0),
            ("9.995", 1_000),
            ("1e3", 100_000),
            ("1.05e+1", 1_050),
            ("123456e-4", 1_235),
            ("+7", 700),
            ("0e999999999", 0),
            ("1e-999999999", 0),
            ("1000000000.004", 100_000_000_000),
            ("-1000000000", -100_000_000_000),
        ] {
            assert_eq!(Cents::rounded(text), Some(Cents::new(cents)), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_or_a_fortune_is_not_rounded() {
        for text in [
            "",
            "-",
            ".",
            "e5",
            "1e",
            "1e1.5",
            "NaN",
            "Infinity",
            "1,5",
            "1.234,56",
            "1 000",
            "--1",
            "1_000",
            "0x10",
            "١",
            "1e300",
            "10000000000",
            "1000000000.005",
            "-1e10",
            "1e99999999999",
        ] {
            assert_eq!(Cents::rounded(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn rounding_text_equals_rounding_a_decimal(mantissa in -10_i64.pow(15)..10_i64.pow(15), scale in 0..28_u32, exponent in -9..9_i32) {
            let plain = Decimal::new(mantissa, scale);
            let expected = |value: Decimal| Cents::parse("valor", half_up_to_cents(value)).ok();
            prop_assert_eq!(Cents::rounded(&plain.to_string()), expected(plain));
            let scientific = format!("{mantissa}e{exponent}");
            let value = Decimal::from_scientific(&scientific).ok().and_then(expected);
            prop_assert_eq!(Cents::rounded(&scientific), value);
        }
    }
}
