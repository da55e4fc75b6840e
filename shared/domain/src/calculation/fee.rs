//! The fee (honorários, 7.2.6): a percentage of each row's updated value, the total rounded once, the difference on one row.
//!
//! Rows with the same rate share one total, so that a quote over tiers with different rates can still be checked by hand.

use super::row::Work;
use super::{Component, Error, Explain, ExplanationStep, Line, Operation, Residue, RoundingRules};
use crate::money::{Cents, Rate};

/// Sets every row's fee.
pub(super) fn charge<E: Explain>(
    works: &mut [Work<'_>],
    rules: RoundingRules,
    sink: &mut E,
) -> Result<(), Error> {
    let mut rates: Vec<Rate> = Vec::new();
    for work in works.iter() {
        if !work.fee.is_zero() && rates.last() != Some(&work.fee) && !rates.contains(&work.fee) {
            rates.push(work.fee);
        }
    }
    for rate in rates {
        charge_rate(works, rate, rules, sink)?;
    }
    Ok(())
}

fn charge_rate<E: Explain>(
    works: &mut [Work<'_>],
    rate: Rate,
    rules: RoundingRules,
    sink: &mut E,
) -> Result<(), Error> {
    let percent = |of, component, step, base, rounding, result| Line {
        of,
        component,
        step,
        base,
        operation: Operation::Percent { rate },
        rounding,
        result,
    };
    let (mut exact, mut base, mut rounded) = (0_i128, Cents::ZERO, Cents::ZERO);
    for work in works.iter_mut().filter(|work| work.fee == rate) {
        let figures = &mut work.row.figures;
        let updated = figures.principal() + figures.fine + figures.interest;
        figures.fee = rate.of(updated, rules.row);
        sink.line(percent(
            Some(work.row.key),
            Component::Fee,
            ExplanationStep::Fee,
            updated,
            rules.row,
            figures.fee,
        ));
        exact = exact.saturating_add(rate.exact(updated));
        base = base.plus(updated)?;
        rounded = rounded.plus(figures.fee)?;
    }
    let total = Rate::round_exact(exact, rules.total)?;
    sink.line(percent(
        None,
        Component::Working,
        ExplanationStep::FeeTotal,
        base,
        rules.total,
        total,
    ));
    if total != rounded {
        let rows = works.iter_mut().filter(|work| work.fee == rate);
        match rules.residue {
            Residue::First => carry(rows, total, rounded, sink),
            Residue::Last => carry(rows.rev(), total, rounded, sink),
        }
    }
    Ok(())
}

/// Puts `total - rounded` on the first row; what would make its fee negative goes on to the next rows.
fn carry<'w, 'c: 'w, E: Explain>(
    rows: impl Iterator<Item = &'w mut Work<'c>>,
    total: Cents,
    rounded: Cents,
    sink: &mut E,
) {
    let mut left = total - rounded;
    for work in rows {
        let fee = &mut work.row.figures.fee;
        let part = left.max(-*fee);
        if part.is_zero() {
            continue;
        }
        let of = Some(work.row.key);
        sink.line(if part == total - rounded {
            Line::minus(
                of,
                Component::Fee,
                ExplanationStep::FeeResidue,
                total,
                rounded,
            )
        } else {
            Line::given(of, Component::Fee, ExplanationStep::FeeResidue, part)
        });
        *fee += part;
        left = left - part;
        if left.is_zero() {
            break;
        }
    }
}
