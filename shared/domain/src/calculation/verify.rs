//! Proof that every shown figure adds up from its explanation.
//!
//! Each line is recomputed from its own base and operation, and each shown figure must be the sum of its lines.

use std::collections::HashMap;

use super::anticipation::{compound_discount, simple_discount};
use super::correction::index_correction;
use super::discount::share;
use super::plan::{payment, total};
use super::{Component, Figures, Imputation, Key, Line, Operation, Plan, Quote};
use crate::money::Cents;

impl Operation {
    /// The anticipation discount of a base; nothing for any other operation.
    pub(super) fn discount(&self, base: Cents) -> Cents {
        match *self {
            Self::CompoundAnticipation { rate, months } => compound_discount(base, rate, months),
            Self::SimpleAnticipation { rate, months } => simple_discount(base, rate, months),
            _ => Cents::ZERO,
        }
    }
}

impl Line {
    /// Recomputes the line; none when its operation is impossible.
    #[must_use]
    pub fn recomputed(&self) -> Option<Cents> {
        let base = self.base;
        Some(match self.operation {
            Operation::Given => base,
            Operation::Percent { rate } => rate.of(base, self.rounding),
            Operation::Daily { rate, days } => rate.of_days(base, days, self.rounding),
            Operation::Index { base_index, index } => {
                index_correction(base, base_index, index).ok()?
            }
            Operation::CompoundAnticipation { .. } | Operation::SimpleAnticipation { .. } => {
                self.operation.discount(base)
            }
            Operation::AtMost { limit } => base.min(limit),
            Operation::Minus { subtracted } => base - subtracted,
            Operation::Share { of, over } => share(of, base, over)?,
            Operation::Times { count } => Cents::new(base.get().checked_mul(i64::from(count))?),
            Operation::Price {
                rate,
                payments,
                advance,
            } => payment(base, rate, payments, advance).ok()?,
            Operation::PriceTotal {
                rate,
                payments,
                advance,
            } => total(base, rate, payments, advance).ok()?,
        })
    }
}

/// Sums of lines by installment and component.
struct Sums(HashMap<(Option<Key>, Component), Cents>);

impl Sums {
    /// Adds the lines up, each checked by itself first.
    fn of(lines: &[Line]) -> Result<Self, String> {
        let mut sums: HashMap<_, Cents> = HashMap::new();
        for line in lines {
            if line.recomputed() != Some(line.result) {
                return Err(format!("a line does not recompute: {line:?}"));
            }
            *sums.entry((line.of, line.component)).or_default() += line.result;
        }
        Ok(Self(sums))
    }

    fn expect(&self, of: Option<Key>, component: Component, shown: Cents) -> Result<(), String> {
        let sum = self.0.get(&(of, component)).copied().unwrap_or_default();
        if sum == shown {
            return Ok(());
        }
        Err(format!(
            "{component:?} of {of:?} shows {shown} but its lines sum to {sum}"
        ))
    }
}

fn equal(what: &str, shown: Cents, sum: Cents) -> Result<(), String> {
    if shown == sum {
        return Ok(());
    }
    Err(format!("{what} shows {shown} but adds up to {sum}"))
}

/// Proves a quote.
pub fn verify(quote: &Quote) -> Result<(), String> {
    let sums = Sums::of(&quote.explanation)?;
    let rows = &quote.amounts.rows;
    for row in rows {
        for (component, shown) in row.figures.parts() {
            sums.expect(Some(row.key), component, shown)?;
        }
        derived(&row.figures)?;
    }
    let totals = &quote.amounts.totals;
    derived(totals)?;
    for (index, (component, shown)) in totals.parts().into_iter().enumerate() {
        let sum: i64 = rows
            .iter()
            .map(|row| row.figures.parts()[index].1.get())
            .sum();
        equal(&format!("total {component:?}"), shown, Cents::new(sum))?;
    }
    let row_totals: i64 = rows.iter().map(|row| row.figures.total.get()).sum();
    equal("total", totals.total, Cents::new(row_totals))
}

fn derived(figures: &Figures) -> Result<(), String> {
    let d = &figures.discounts;
    equal(
        "updated",
        figures.updated,
        figures.original + figures.correction + figures.fine + figures.interest,
    )?;
    equal("gross", figures.gross, figures.updated + figures.fee)?;
    let discount = d.principal + d.fine + d.interest + d.fee + figures.anticipation;
    equal("discount", figures.discount, discount)?;
    equal("total", figures.total, figures.gross - figures.discount)?;
    let minimum = figures.gross - figures.anticipation - figures.maximum_discount;
    equal("minimum total", figures.minimum_total, minimum)
}

/// Proves a plan.
pub fn verify_plan(plan: &Plan) -> Result<(), String> {
    let sums = Sums::of(&plan.explanation)?;
    let sum = |part: fn(&super::PlanInstallment) -> Cents| {
        Cents::new(plan.installments.iter().map(|i| part(i).get()).sum())
    };
    let amounts = sum(|installment| installment.amount);
    sums.expect(None, Component::Installments, amounts)?;
    sums.expect(None, Component::DownPayment, plan.down_payment)?;
    equal("plan's total", plan.total, plan.down_payment + amounts)?;
    equal("financed", plan.financed, plan.debt - plan.down_payment)?;
    equal(
        "principal",
        plan.financed,
        sum(|installment| installment.principal),
    )?;
    equal(
        "interest",
        plan.interest,
        sum(|installment| installment.interest),
    )?;
    let parts = plan
        .installments
        .iter()
        .all(|i| i.principal + i.interest == i.amount);
    parts
        .then_some(())
        .ok_or_else(|| "an installment is not principal + interest".to_owned())
}

/// Proves an imputation.
pub fn verify_imputation(imputation: &Imputation) -> Result<(), String> {
    let sums = Sums::of(&imputation.explanation)?;
    for row in &imputation.rows {
        let (of, paid) = (Some(row.key), &row.paid);
        sums.expect(of, Component::PaidFee, paid.fee)?;
        sums.expect(of, Component::PaidFine, paid.fine)?;
        sums.expect(of, Component::PaidInterest, paid.interest)?;
        sums.expect(of, Component::PaidPrincipal, paid.principal)?;
        equal(
            "cash of a row",
            row.cash,
            paid.fee + paid.fine + paid.interest + paid.principal,
        )?;
        equal(
            "principal left",
            row.principal_left,
            row.principal_before - paid.principal,
        )?;
    }
    let cash: i64 = imputation.rows.iter().map(|row| row.cash.get()).sum();
    equal(
        "cash",
        imputation.cash,
        Cents::new(cash) + imputation.excess,
    )
}
