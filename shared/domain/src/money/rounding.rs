//! How an amount is rounded to cents.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How one amount is rounded to cents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Rounding {
    /// To the nearest cent, the half away from zero: what Sienge shows on every screen.
    #[default]
    HalfUp,
    /// Towards zero.
    Truncate,
}

impl Rounding {
    /// What to add to a truncated quotient whose remainder is `rest`; divisors are far below half of an `i64`.
    #[inline]
    pub(super) const fn steps(self, rest: i64, divisor: i64) -> i64 {
        match self {
            Self::HalfUp if 2 * rest >= divisor => 1,
            Self::HalfUp if 2 * rest <= -divisor => -1,
            Self::HalfUp | Self::Truncate => 0,
        }
    }
}
