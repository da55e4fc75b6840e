//! Anticipation discount (deságio): the present value of an installment that is not due yet.
//!
//! Sienge's value wins where there is one; otherwise this module computes it as the playbook's screen does: whole months, the annual rate converted to a
//! monthly one with four decimal places of a percent, each row rounded to cents.

use serde::{Deserialize, Serialize};

use super::{Error, Operation};
use crate::money::{Cents, Decimal, Rate, half_up_to_cents};

/// Units of a [`Rate`] in a ten-thousandth of a percent, the precision of the monthly rate.
const MONTHLY_STEP_UNITS: i64 = 100;

/// How the present value is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Anticipation {
    /// Effective annual rate, converted to a monthly one.
    #[serde(default)]
    pub annual_rate: Option<Rate>,
    /// Monthly rate, when agreed as such.
    #[serde(default)]
    pub monthly_rate: Option<Rate>,
    /// Compound or simple.
    #[serde(default)]
    pub method: Method,
}

/// Compound or simple.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Method {
    /// `value / (1 + i)^months`.
    #[default]
    Compound,
    /// `value / (1 + i * months)`.
    Simple,
}

impl Anticipation {
    /// The monthly rate; none is assumed.
    pub fn monthly(&self) -> Result<Rate, Error> {
        match (self.monthly_rate, self.annual_rate) {
            (Some(monthly), None) => Ok(monthly),
            (None, Some(annual)) => Ok(monthly_from_annual(annual)),
            (None, None) => Err(Error::MissingRate {
                setting: "configurações do credor, antecipação, annualRate ou monthlyRate"
                    .to_owned(),
            }),
            (Some(_), Some(_)) => Err(Error::Invalid {
                field: "antecipação",
                reason: "taxa anual e taxa mensal informadas juntas".to_owned(),
                hint: "informe só uma, por exemplo annualRate \"12\"".to_owned(),
            }),
        }
    }

    /// The operation for a number of months.
    pub(super) fn operation(&self, months: u32) -> Result<Operation, Error> {
        let rate = self.monthly()?;
        Ok(match self.method {
            Method::Compound => Operation::CompoundAnticipation { rate, months },
            Method::Simple => Operation::SimpleAnticipation { rate, months },
        })
    }
}

/// `base - base / (1 + i)^months`, rounded half-up.
pub(super) fn compound_discount(base: Cents, rate: Rate, months: u32) -> Cents {
    let step = Decimal::ONE.checked_div(Decimal::ONE + rate.fraction());
    let factor = step
        .and_then(|step| power(step, months))
        .unwrap_or_default();
    discount(base, factor)
}

/// `base - base / (1 + i * months)`, rounded half-up.
pub(super) fn simple_discount(base: Cents, rate: Rate, months: u32) -> Cents {
    let growth = Decimal::ONE + rate.fraction() * Decimal::from(months);
    discount(base, Decimal::ONE.checked_div(growth).unwrap_or_default())
}

fn discount(base: Cents, factor: Decimal) -> Cents {
    // The factor is between 0 and 1 and the base bounded, so neither fails; the answer without a discount is the safe one.
    let present = base.decimal().checked_mul(factor).map(half_up_to_cents);
    let present = present.and_then(|present| Cents::parse("valor presente", present).ok());
    base - present.unwrap_or(base)
}

/// `(1 + r)^(1/12) - 1`, rounded half-up to four places of a percent: the largest step whose lower half still does not pass the year's rate.
fn monthly_from_annual(annual: Rate) -> Rate {
    let year = Decimal::ONE + annual.fraction();
    let reaches = |steps: i64| {
        let month = Decimal::ONE + Decimal::new(2 * steps - 1, 0) * Decimal::new(5, 7);
        power(month, 12).is_some_and(|grown| grown <= year)
    };
    let (mut low, mut high) = (0, annual.units() / MONTHLY_STEP_UNITS + 1);
    while low < high {
        let middle = low + (high - low + 1) / 2;
        if reaches(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    Rate::from_units(low * MONTHLY_STEP_UNITS)
}

/// `base^exponent` by squaring; `None` beyond what a decimal holds.
pub(super) fn power(mut base: Decimal, mut exponent: u32) -> Option<Decimal> {
    let mut result = Decimal::ONE;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result.checked_mul(base)?;
        }
        exponent >>= 1;
        if exponent > 0 {
            base = base.checked_mul(base)?;
        }
    }
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal_macros::dec;

    fn rate(percent: Decimal) -> Rate {
        Rate::percent("taxa", percent).unwrap()
    }

    #[test]
    fn an_annual_rate_becomes_a_monthly_one_with_four_places() {
        assert_eq!(monthly_from_annual(rate(dec!(12))), rate(dec!(0.9489)));
        assert_eq!(monthly_from_annual(rate(dec!(100))), rate(dec!(5.9463)));
        assert_eq!(monthly_from_annual(rate(dec!(6))), rate(dec!(0.4868)));
        assert_eq!(monthly_from_annual(Rate::ZERO), Rate::ZERO);
    }

    #[test]
    fn the_published_vectors_hold() {
        let (value, monthly) = (Cents::new(2_740_076), rate(dec!(1.34688)));
        assert_eq!(simple_discount(value, monthly, 4), Cents::new(140_076));
        assert_eq!(compound_discount(value, monthly, 4), Cents::new(142_782));
        assert_eq!(compound_discount(value, monthly, 0), Cents::ZERO);
        assert_eq!(
            compound_discount(Cents::MAX, Rate::WHOLE, 3_600),
            Cents::MAX
        );
    }

    #[test]
    fn no_rate_is_assumed() {
        let none: Anticipation = serde_json::from_str("{}").unwrap();
        assert!(
            none.monthly()
                .unwrap_err()
                .to_string()
                .contains("annualRate ou monthlyRate")
        );
        let both: Anticipation =
            serde_json::from_str(r#"{"annualRate":"12","monthlyRate":"1"}"#).unwrap();
        both.monthly().unwrap_err();
    }
}
