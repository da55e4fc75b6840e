//! Money: [`Cents`] where an amount is held, [`Decimal`] where it is computed with rates, decimal text at the edges.
//!
//! Nothing here (or anywhere) goes through a binary float.

mod cents;
mod rate;
mod rounding;

pub use cents::{AmountError, Cents, TooLarge};
pub use rate::{Rate, RateError};
pub use rounding::Rounding;
pub use rust_decimal::Decimal;
use rust_decimal::RoundingStrategy;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// Rounds half-up (away from zero at the midpoint) to cents: the rounding Sienge shows on every screen.
#[must_use]
pub fn half_up_to_cents(value: Decimal) -> Decimal {
    let mut cents = value.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
    cents.rescale(2);
    cents
}

/// Canonical decimal text with exactly two places (`1000.00`), the form used in keys, hashes and JSON.
#[must_use]
pub fn cents_text(value: Decimal) -> String {
    half_up_to_cents(value).to_string()
}

/// Brazilian text for people: `1.234,56`, with a leading `-` when negative.
#[must_use]
pub fn brazilian(value: Decimal) -> String {
    let plain = cents_text(value.abs());
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain.as_str(), "00"));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push('.');
        }
        grouped.push(digit);
    }
    let sign = if half_up_to_cents(value).is_sign_negative() && !half_up_to_cents(value).is_zero() {
        "-"
    } else {
        ""
    };
    format!("{sign}{grouped},{fraction}")
}

/// A decimal written as a JSON number, digit by digit, for systems that do not accept text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonNumber(pub Decimal);

impl Serialize for JsonNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number =
            RawValue::from_string(self.0.to_string()).map_err(serde::ser::Error::custom)?;
        number.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal_macros::dec;

    #[test]
    fn rounds_half_up_to_cents() {
        assert_eq!(cents_text(dec!(0.005)), "0.01");
        assert_eq!(cents_text(dec!(-0.005)), "-0.01");
        assert_eq!(cents_text(dec!(1000)), "1000.00");
    }

    #[test]
    fn a_json_number_keeps_its_digits() {
        let written = |value| serde_json::to_string(&JsonNumber(value)).unwrap();
        assert_eq!(written(dec!(1000.10)), "1000.10");
        assert_eq!(written(dec!(99999999999999.99)), "99999999999999.99");
    }

    #[test]
    fn writes_brazilian_text() {
        assert_eq!(brazilian(dec!(1234567.8)), "1.234.567,80");
        assert_eq!(brazilian(dec!(-999.994)), "-999,99");
        assert_eq!(brazilian(dec!(-0.001)), "0,00");
    }
}
