//! An amount of money in whole cents: what every sum and every rounding of the core works on.
//!
//! Amounts enter from [`Decimal`] or from decimal text and never from a float; more than two places are refused, never
//! rounded away in silence. An integer of cents is exact, small and fast: a million installments a second need that.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::Error;
use crate::money::{Decimal, brazilian};

/// Cents of a real.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cents(i64);

impl Cents {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount accepted from outside, one billion reais.
    ///
    /// It bounds the arithmetic: with rates up to 100% and at most [`super::MAX_DAYS`] days, a whole row of a quote stays below 6e17 cents,
    /// inside an `i64`; sums over rows are checked.
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

    /// Reads an amount; `field` is how the error calls it. Three places, or more than [`Cents::MAX`], are refused.
    #[inline]
    pub fn parse(field: &'static str, value: Decimal) -> Result<Self, Error> {
        let fail = |reason| refused(field, value, reason);
        // Trailing zeros are no places; normalizing is slow, and amounts seldom need it.
        let value = if value.scale() > 2 { value.normalize() } else { value };
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

    /// Whether it is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whether it is below zero.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// The sum, or an error when it is too large: for sums over rows, whose number has no small bound.
    pub fn plus(self, other: Self) -> Result<Self, Error> {
        self.0.checked_add(other.0).map(Self).ok_or(Error::TooLarge)
    }

    /// Checked sum of many.
    pub fn sum(amounts: impl IntoIterator<Item = Self>) -> Result<Self, Error> {
        amounts.into_iter().try_fold(Self::ZERO, Self::plus)
    }
}

/// Apart and cold, so that reading an amount stays small enough to be inlined.
#[cold]
fn refused(field: &'static str, value: Decimal, reason: &'static str) -> Error {
    Error::Amount {
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
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        match Decimal::from_str_exact(text.trim()) {
            Ok(value) => Self::parse("valor", value),
            Err(_) => Err(Error::Amount {
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
    use rust_decimal_macros::dec;

    #[test]
    fn amounts_are_decimal_text_in_json() {
        let amount: Cents = serde_json::from_str("\"1205.13\"").unwrap();
        assert_eq!(amount, Cents::new(120_513));
        assert_eq!(serde_json::to_string(&amount).unwrap(), "\"1205.13\"");
        assert_eq!(Cents::parse("valor", dec!(1000)).unwrap(), Cents::new(100_000));
        assert_eq!(Cents::parse("valor", dec!(10.10000)).unwrap(), Cents::new(1_010));
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
}
