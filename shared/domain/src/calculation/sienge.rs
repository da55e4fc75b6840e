//! Sienge's own formula for late charges, and the explanation of a value that Sienge reports.
//!
//! Derived from the playbook's screens and exact on every row: pro-rata index on the corrected value, simple interest on both, fine on all three,
//! each rounded half-up to cents in that order, months of 30 days. In the integrated calculation (7.2.2) Sienge's `additionalValue` is authoritative;
//! the formula only explains it, and flags a difference with its likely cause.

use super::{Cause, Component, Explain, ExplanationStep, Key, Line, Operation, Silent};
use crate::money::{Cents, Rate, Rounding};

/// How far around the days shown the days charged are searched: no bank closes longer.
const DAYS_AROUND: i32 = 15;
/// Pro-rata indices that are tried: up to 3% a month, in hundredths of a percent.
const PRO_RATA_STEPS: i64 = 300;
const PRO_RATA_STEP_UNITS: i64 = 10_000;
/// From this many days on, a daily value in whole cents hardly ever fits by chance.
const DAYS_THAT_PROVE: i32 = 30;
/// Differences up to this are put down to rounding.
const ROUNDING_CENTS: i64 = 2;

/// The formula's rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SiengeTerms {
    /// Pro-rata index a month.
    pub pro_rata: Rate,
    /// Simple interest a month.
    pub interest: Rate,
    /// Fine.
    pub fine: Rate,
}

/// The formula's three parts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct SiengeCharges {
    pub pro_rata: Cents,
    pub interest: Cents,
    pub fine: Cents,
}

impl SiengeCharges {
    /// What Sienge calls the additional value.
    #[must_use]
    pub fn total(&self) -> Cents {
        self.pro_rata + self.interest + self.fine
    }
}

/// Late charges on a corrected value for the days given; nothing when it is not late.
#[inline]
pub fn sienge_charges<E: Explain>(
    key: Key,
    corrected: Cents,
    days: i32,
    terms: &SiengeTerms,
    sink: &mut E,
) -> SiengeCharges {
    if days <= 0 {
        return SiengeCharges::default();
    }
    let rounding = Rounding::HalfUp;
    let line = |step, base, operation, result| Line {
        of: Some(key),
        component: Component::Interest,
        step,
        base,
        operation,
        rounding,
        result,
    };
    let daily = |rate| Operation::Daily { rate, days };
    let pro_rata = terms.pro_rata.of_days(corrected, days, rounding);
    if !terms.pro_rata.is_zero() {
        sink.line(line(
            ExplanationStep::ProRata,
            corrected,
            daily(terms.pro_rata),
            pro_rata,
        ));
    }
    let base = corrected + pro_rata;
    let interest = terms.interest.of_days(base, days, rounding);
    sink.line(line(
        ExplanationStep::LateInterest,
        base,
        daily(terms.interest),
        interest,
    ));
    let base = base + interest;
    let fine = terms.fine.of(base, rounding);
    sink.line(line(
        ExplanationStep::Fine,
        base,
        Operation::Percent { rate: terms.fine },
        fine,
    ));
    SiengeCharges {
        pro_rata,
        interest,
        fine,
    }
}

/// The explanation of a reported value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Explained {
    /// Days that explain it (the ones shown, unless others fit exactly).
    pub days: i32,
    /// Our figure and the likely cause, when they differ.
    pub difference: Option<(Cents, Cause)>,
}

/// Explains `reported`, Sienge's additional value, line by line; the lines always add up to it.
///
/// `terms` are the bill's fine and interest (none when unknown) and the pro-rata index where it is configured.
pub(super) fn explain<E: Explain>(
    key: Key,
    corrected: Cents,
    reported: Cents,
    days: i32,
    partly_paid: bool,
    terms: Option<(SiengeTerms, bool)>,
    sink: &mut E,
) -> Explained {
    let Some((terms, pro_rata_known)) = terms else {
        if !reported.is_zero() {
            sink.line(Line::given(
                Some(key),
                Component::Interest,
                ExplanationStep::SiengeCharges,
                reported,
            ));
        }
        return Explained {
            days,
            difference: None,
        };
    };
    let figure = |days: i32, terms: &SiengeTerms| {
        sienge_charges(key, corrected, days, terms, &mut Silent).total()
    };
    let ours = figure(days, &terms);
    if ours == reported {
        sienge_charges(key, corrected, days, &terms, sink);
        return Explained {
            days,
            difference: None,
        };
    }
    let differs = |days, cause| Explained {
        days,
        difference: Some((ours, cause)),
    };
    let others = (1..=DAYS_AROUND)
        .flat_map(|around| [days - around, days + around])
        .filter(|d| *d >= 0);
    if let Some(charged) = others
        .into_iter()
        .find(|charged| figure(*charged, &terms) == reported)
    {
        sienge_charges(key, corrected, charged, &terms, sink);
        return differs(
            charged,
            Cause::Days {
                shown: days,
                charged,
            },
        );
    }
    // The formula covers neither charges in money nor what accrued before a part was paid: then Sienge's figure stands beside ours.
    let in_money = daily_value(corrected, reported, days, &terms);
    let not_by_rates = if partly_paid {
        Some(Cause::PartlyPaid)
    } else {
        in_money
            .filter(|_| terms.interest.is_zero())
            .map(|value| Cause::DailyValue { value })
    };
    if not_by_rates.is_none()
        && !pro_rata_known
        && let Some(rate) = only_pro_rata(|rate| {
            figure(
                days,
                &SiengeTerms {
                    pro_rata: rate,
                    ..terms
                },
            ) == reported
        })
    {
        sienge_charges(
            key,
            corrected,
            days,
            &SiengeTerms {
                pro_rata: rate,
                ..terms
            },
            sink,
        );
        return differs(days, Cause::ProRata { rate });
    }
    sienge_charges(key, corrected, days, &terms, sink);
    sink.line(Line::minus(
        Some(key),
        Component::Interest,
        ExplanationStep::SiengeDifference,
        reported,
        ours,
    ));
    let small = (reported - ours).get().abs() <= ROUNDING_CENTS;
    let cause = match (not_by_rates, in_money) {
        (Some(cause), _) => cause,
        (None, _) if small => Cause::Rounding,
        (None, Some(value)) if days >= DAYS_THAT_PROVE => Cause::DailyValue { value },
        (None, _) => Cause::Unknown,
    };
    differs(days, cause)
}

/// The whole cents per day that, with the fine, give Sienge's value; none when no value does.
fn daily_value(corrected: Cents, reported: Cents, days: i32, terms: &SiengeTerms) -> Option<Cents> {
    let with_fine = |value: i64| {
        let interest = Cents::new(value.checked_mul(i64::from(days))?);
        Some((
            interest + terms.fine.of(corrected + interest, Rounding::HalfUp),
            value,
        ))
    };
    // The fine rises with the value, so only the highest value that is not too much can fit.
    let (mut low, mut high) = (0, reported.get().checked_div(i64::from(days))? + 1);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if with_fine(middle)?.0 <= reported {
            low = middle;
        } else {
            high = middle;
        }
    }
    let (total, value) = with_fine(low)?;
    (value > 0 && total == reported).then_some(Cents::new(value))
}

/// The one pro-rata index that fits; none when several do, because then it proves nothing.
fn only_pro_rata(fits: impl Fn(Rate) -> bool) -> Option<Rate> {
    let mut fitting = (1..=PRO_RATA_STEPS)
        .map(|step| Rate::from_units(step * PRO_RATA_STEP_UNITS))
        .filter(|rate| fits(*rate));
    let only = fitting.next()?;
    fitting.next().is_none().then_some(only)
}
