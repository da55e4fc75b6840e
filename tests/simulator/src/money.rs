//! Money as whole cents. The world never holds a fraction of a cent, so every source that
//! prints an amount prints the same one.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use serde::{Serialize, Serializer};

/// An amount in cents of a real.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cents(pub i64);

impl Cents {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Reads `1234`, `1234.5` or `1234.56`, with an optional sign; nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() || fraction.len() > 2 {
            return None;
        }
        if !(whole.bytes().chain(fraction.bytes())).all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let whole: i64 = whole.parse().ok()?;
        let cents: i64 = if fraction.is_empty() {
            0
        } else {
            format!("{fraction:0<2}").parse().ok()?
        };
        whole
            .checked_mul(100)?
            .checked_add(cents)
            .map(|value| Self(sign * value))
    }

    /// The amount as text with two places, as the control calls print it.
    pub fn text(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let absolute = self.0.unsigned_abs();
        format!("{sign}{}.{:02}", absolute / 100, absolute % 100)
    }

    /// `self * numerator / denominator`, rounded half up (away from zero).
    #[must_use]
    pub fn portion(self, numerator: i64, denominator: i64) -> Self {
        let product = i128::from(self.0) * i128::from(numerator);
        let divisor = i128::from(denominator.max(1));
        let half = divisor / 2;
        let rounded = if product >= 0 {
            (product + half) / divisor
        } else {
            (product - half) / divisor
        };
        Self(i64::try_from(rounded).unwrap_or(i64::MAX))
    }
}

impl Add for Cents {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Cents {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Sub for Cents {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl SubAssign for Cents {
    fn sub_assign(&mut self, other: Self) {
        self.0 -= other.0;
    }
}

impl Neg for Cents {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Sum for Cents {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl Serialize for Cents {
    /// The ERP prints money as a JSON number. Below 15 digits the shortest text of the nearest
    /// double is the amount itself, so nothing is lost in the text.
    #[allow(clippy::cast_precision_loss)]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0 as f64 / 100.0)
    }
}

/// An amount as the ERP's sources print it, which compute with binary floats: every second one with the dust of it (`341233.7699999997`),
/// and nothing as a residue (`4.5e-13`). Which ones follows from `grain`, so every source prints the same.
#[derive(Clone, Copy, Debug)]
pub struct Dusty {
    /// The amount.
    pub amount: Cents,
    /// What it is of, such as the installment's number.
    pub grain: u32,
}

impl Serialize for Dusty {
    #[allow(clippy::cast_precision_loss)]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let exact = self.amount.0 as f64 / 100.0;
        serializer.serialize_f64(match (self.grain % 4, self.amount) {
            (1, Cents::ZERO) => 4.5e-13,
            (3, Cents::ZERO) => -1.2e-12,
            (1, _) => exact.next_up().next_up(),
            (3, _) => exact.next_down(),
            _ => exact,
        })
    }
}

/// What is charged on a late installment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charges {
    /// Pro-rata index of the contract.
    pub pro_rata: Cents,
    /// Simple default interest of months of 30 days.
    pub interest: Cents,
    /// Fine over the corrected value with pro-rata index and interest.
    pub fine: Cents,
}

/// The rates of a bill, in hundredths of a percent; interest and pro-rata index a month. All zero: the bill has no late-charge settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LateTerms {
    /// Fine.
    pub fine: Cents,
    /// Interest.
    pub interest: Cents,
    /// Pro-rata index.
    pub pro_rata: Cents,
}

impl LateTerms {
    /// What most contracts have: 2%, 1%, no index.
    pub const USUAL: Self = Self {
        fine: Cents(200),
        interest: Cents(100),
        pro_rata: Cents::ZERO,
    };
}

impl Charges {
    /// The charges on a corrected value that is `days` late: index, interest, fine, each rounded, each on what stands before it.
    pub fn late(corrected: Cents, days: i64, terms: &LateTerms) -> Self {
        if days <= 0 || corrected <= Cents::ZERO {
            return Self::default();
        }
        let daily = |base: Cents, rate: Cents| base.portion(rate.0 * days, 30 * 10_000);
        let pro_rata = daily(corrected, terms.pro_rata);
        let interest = daily(corrected + pro_rata, terms.interest);
        let fine = (corrected + pro_rata + interest).portion(terms.fine.0, 10_000);
        Self {
            pro_rata,
            interest,
            fine,
        }
    }

    /// All of them together.
    pub fn total(self) -> Cents {
        self.pro_rata + self.interest + self.fine
    }
}

#[cfg(test)]
mod tests {
    use super::{Cents, Charges, Dusty, LateTerms};

    #[test]
    fn dust_is_less_than_a_thousandth_of_a_cent() {
        let printed = |cents, grain| {
            serde_json::to_string(&Dusty {
                amount: Cents(cents),
                grain,
            })
            .unwrap()
        };
        assert_eq!(
            (printed(34_123_377, 2), printed(0, 0)),
            ("341233.77".to_owned(), "0.0".to_owned())
        );
        assert_eq!(
            (printed(0, 1), printed(0, 3)),
            ("4.5e-13".to_owned(), "-1.2e-12".to_owned())
        );
        for grain in [1, 3] {
            let dusty = printed(34_123_377, grain);
            assert!(dusty.len() > 12, "{dusty}");
            assert!(
                (dusty.parse::<f64>().unwrap() - 341_233.77).abs() < 1e-5,
                "{dusty}"
            );
        }
    }

    #[test]
    fn money_is_read_and_printed_to_the_cent() {
        assert_eq!(Cents::parse("1000"), Some(Cents(100_000)));
        assert_eq!(Cents::parse("0.5"), Some(Cents(50)));
        assert_eq!(Cents::parse("-3.07"), Some(Cents(-307)));
        assert_eq!(Cents::parse("1.234"), None);
        assert_eq!(Cents::parse("1e3"), None);
        assert_eq!(Cents(-307).text(), "-3.07");
        assert_eq!(serde_json::to_string(&Cents(108_680)).unwrap(), "1086.8");
    }

    #[test]
    fn charges_follow_interest_then_fine() {
        let charges = Charges::late(Cents(1_000_000), 9, &LateTerms::USUAL);
        assert_eq!(charges.interest, Cents(3_000));
        assert_eq!(charges.fine, Cents(20_060));
        assert_eq!(
            Charges::late(Cents(1_000_000), 0, &LateTerms::USUAL),
            Charges::default()
        );
        let indexed = LateTerms {
            pro_rata: Cents(54),
            ..LateTerms::USUAL
        };
        let charges = Charges::late(Cents(100_000), 142, &indexed);
        assert_eq!(
            [charges.pro_rata, charges.interest, charges.fine],
            [2_556, 4_854, 2_148].map(Cents)
        );
        assert_eq!(
            Charges::late(Cents(100_000), 142, &LateTerms::default()),
            Charges::default()
        );
    }
}
