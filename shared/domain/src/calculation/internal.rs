//! The internal calculation (7.2.1): fine and interest by the campaign's tier, on the original value.
//!
//! "Calcular juros sobre multa" (6.1.11) makes the interest's base original + fine. It is not Sienge's "multa sobre o valor corrigido + valor
//! dos juros" (see [`super::sienge`]); the two never mix.

use super::{Component, Explain, ExplanationStep, Key, Line, Operation};
use crate::money::{Cents, Rate, Rounding};

/// The terms of a tier, all present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InternalTerms {
    /// Fine.
    pub fine: Rate,
    /// Simple interest a month.
    pub interest: Rate,
    /// "Calcular juros sobre multa".
    pub interest_on_fine: bool,
    /// Rounding of each amount.
    pub rounding: Rounding,
}

/// Fine and interest of an installment for the days charged; nothing when it is not late.
#[inline]
pub fn internal_charges<E: Explain>(
    key: Key,
    original: Cents,
    days: i32,
    terms: &InternalTerms,
    sink: &mut E,
) -> (Cents, Cents) {
    if days <= 0 {
        return (Cents::ZERO, Cents::ZERO);
    }
    let rounding = terms.rounding;
    let fine = terms.fine.of(original, rounding);
    sink.line(Line {
        of: Some(key),
        component: Component::Fine,
        step: ExplanationStep::Fine,
        base: original,
        operation: Operation::Percent { rate: terms.fine },
        rounding,
        result: fine,
    });
    let (base, step) = if terms.interest_on_fine {
        (original + fine, ExplanationStep::InterestOnFine)
    } else {
        (original, ExplanationStep::LateInterest)
    };
    let interest = terms.interest.of_days(base, days, rounding);
    sink.line(Line {
        of: Some(key),
        component: Component::Interest,
        step,
        base,
        operation: Operation::Daily {
            rate: terms.interest,
            days,
        },
        rounding,
        result: interest,
    });
    (fine, interest)
}
