//! Campaign discounts (7.2.3): per component, never above the tier's maximum, added to the anticipation discount.
//!
//! A percentage is taken of each row; an amount is spread over the rows in proportion to each row's maximum, so that no row passes
//! it. Principal discount and anticipation together never pass the principal.

use super::row::Work;
use super::{
    Component, Discounts, Error, Explain, ExplanationStep, Figures, Line, Operation, Portion,
};
use crate::money::{Cents, Rate, Rounding};

/// The four components: their place in a row and their names.
#[derive(Clone, Copy)]
struct DiscountKind {
    name: &'static str,
    component: Component,
    step_of_maximum: ExplanationStep,
    maximum: fn(&Work<'_>) -> Rate,
    base: fn(&Figures) -> Cents,
    target: fn(&mut Figures) -> &mut Cents,
}

const KINDS: [DiscountKind; 4] = [
    DiscountKind {
        name: "principal",
        component: Component::PrincipalDiscount,
        step_of_maximum: ExplanationStep::MaximumPrincipalDiscount,
        maximum: |work| work.maxima.principal,
        base: Figures::principal,
        target: |figures| &mut figures.discounts.principal,
    },
    DiscountKind {
        name: "multa",
        component: Component::FineDiscount,
        step_of_maximum: ExplanationStep::MaximumFineDiscount,
        maximum: |work| work.maxima.fine,
        base: |figures| figures.fine,
        target: |figures| &mut figures.discounts.fine,
    },
    DiscountKind {
        name: "juros",
        component: Component::InterestDiscount,
        step_of_maximum: ExplanationStep::MaximumInterestDiscount,
        maximum: |work| work.maxima.interest,
        base: |figures| figures.interest,
        target: |figures| &mut figures.discounts.interest,
    },
    DiscountKind {
        name: "honorários",
        component: Component::FeeDiscount,
        step_of_maximum: ExplanationStep::MaximumFeeDiscount,
        maximum: |work| work.maxima.fee,
        base: |figures| figures.fee,
        target: |figures| &mut figures.discounts.fee,
    },
];

/// Grants the requested discounts, and notes the maximum.
pub(super) fn grant<E: Explain>(
    works: &mut [Work<'_>],
    asked: &Discounts,
    sink: &mut E,
) -> Result<(), Error> {
    let asked = [asked.principal, asked.fine, asked.interest, asked.fee];
    for (kind, asked) in KINDS.iter().zip(asked) {
        if works.iter().all(|work| (kind.maximum)(work).is_zero()) && asked.is_none() {
            continue;
        }
        for work in works.iter_mut() {
            note_maximum(work, kind, sink);
        }
        match asked {
            None => {}
            Some(Portion::Percent(rate)) => by_percent(works, kind, rate, sink)?,
            Some(Portion::Amount(amount)) => by_amount(works, kind, amount, sink)?,
        }
    }
    Ok(())
}

/// What the row may be discounted at most.
fn cap(work: &Work<'_>, kind: &DiscountKind) -> Cents {
    let figures = &work.row.figures;
    (kind.maximum)(work)
        .of((kind.base)(figures), Rounding::HalfUp)
        .min(room(work, kind))
}

/// What may still be discounted: the principal less its anticipation.
fn room(work: &Work<'_>, kind: &DiscountKind) -> Cents {
    let figures = &work.row.figures;
    match kind.component {
        Component::PrincipalDiscount => figures.principal() - figures.anticipation,
        _ => (kind.base)(figures),
    }
}

fn note_maximum<E: Explain>(work: &mut Work<'_>, kind: &DiscountKind, sink: &mut E) {
    let maximum = (kind.maximum)(work);
    let cap = take(
        work,
        kind,
        maximum,
        Component::MaximumDiscount,
        kind.step_of_maximum,
        sink,
    );
    work.row.figures.maximum_discount += cap;
}

/// A percentage of a row's component, explained in one line or (when less room is left) two.
fn take<E: Explain>(
    work: &Work<'_>,
    kind: &DiscountKind,
    rate: Rate,
    component: Component,
    step: ExplanationStep,
    sink: &mut E,
) -> Cents {
    let base = (kind.base)(&work.row.figures);
    let (full, limit) = (rate.of(base, Rounding::HalfUp), room(work, kind));
    if full.is_zero() {
        return full;
    }
    let limited = full > limit;
    sink.line(Line {
        of: Some(work.row.key),
        component: if limited {
            Component::Working
        } else {
            component
        },
        step,
        base,
        operation: Operation::Percent { rate },
        rounding: Rounding::HalfUp,
        result: full,
    });
    if limited {
        sink.line(Line {
            of: Some(work.row.key),
            component,
            step: ExplanationStep::LimitedDiscount,
            base: full,
            operation: Operation::AtMost { limit },
            rounding: Rounding::HalfUp,
            result: limit,
        });
    }
    full.min(limit)
}

fn by_percent<E: Explain>(
    works: &mut [Work<'_>],
    kind: &DiscountKind,
    rate: Rate,
    sink: &mut E,
) -> Result<(), Error> {
    let charged = works
        .iter()
        .filter(|work| !(kind.base)(&work.row.figures).is_zero());
    if let Some(maximum) = charged.map(|work| (kind.maximum)(work)).min()
        && rate > maximum
    {
        return Err(Error::DiscountRate {
            component: kind.name,
            given: rate,
            maximum,
        });
    }
    for work in works {
        let granted = take(
            work,
            kind,
            rate,
            kind.component,
            ExplanationStep::CampaignDiscount,
            sink,
        );
        *(kind.target)(&mut work.row.figures) = granted;
    }
    Ok(())
}

fn by_amount<E: Explain>(
    works: &mut [Work<'_>],
    kind: &DiscountKind,
    amount: Cents,
    sink: &mut E,
) -> Result<(), Error> {
    let over = Cents::sum(works.iter().map(|work| cap(work, kind)))?;
    if amount.is_negative() || amount > over {
        return Err(Error::DiscountAmount {
            component: kind.name,
            given: amount,
            maximum: over,
        });
    }
    if amount.is_zero() {
        return Ok(());
    }
    // `over` is at least `amount`, so not zero. Whole cents first, then one more each for the first rows that have room.
    let share = |cap| share(amount, cap, over).unwrap_or_default();
    let mut left = amount - Cents::sum(works.iter().map(|work| share(cap(work, kind))))?;
    for work in works {
        let base = cap(work, kind);
        let result = share(base);
        let extra = if !left.is_zero() && result < base {
            Cents::new(1)
        } else {
            Cents::ZERO
        };
        left = left - extra;
        let of = Some(work.row.key);
        if !result.is_zero() {
            sink.line(Line {
                of,
                component: kind.component,
                step: ExplanationStep::SharedDiscount,
                base,
                operation: Operation::Share { of: amount, over },
                rounding: Rounding::Truncate,
                result,
            });
        }
        if !extra.is_zero() {
            sink.line(Line::given(
                of,
                kind.component,
                ExplanationStep::SharedCent,
                extra,
            ));
        }
        *(kind.target)(&mut work.row.figures) = result + extra;
    }
    Ok(())
}

/// `amount * part / whole`, truncated: never more than `part` as long as the amount does not exceed the whole.
pub(super) fn share(amount: Cents, part: Cents, whole: Cents) -> Option<Cents> {
    let product = i128::from(amount.get()) * i128::from(part.get());
    i64::try_from(product.checked_div(i128::from(whole.get()))?)
        .ok()
        .map(Cents::new)
}
