//! Payment plans: cash or installments, with or without Price interest, also from what a debtor can pay a month.
//!
//! An installment is rounded half-up, the plan's total is rounded once, and the difference goes on the first installment (or the last).
//! The down payment earns no interest; the installments sum to the plan's total to the cent.

mod dates;
mod inverse;
mod price;
mod request;
mod terms;

use schemars::JsonSchema;
use serde::Serialize;

pub use inverse::smallest_plan;
pub(super) use price::{payment, total};
pub use request::{Periodicity, PlanInterest, PlanRequest};

use super::{
    Amounts, Component, Error, Explain, ExplanationStep, Line, MAX_PLAN, Operation, Payment, Quote,
    Request, Residue, quote,
};
use crate::calendar::Date;
use crate::money::{Cents, Rate, Rounding};

/// Largest amount a plan finances, a hundred thousand million reais, so that no power or product leaves the decimals.
const MAX_FINANCED: Cents = Cents::new(10_000_000_000_000);

/// One installment of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanInstallment {
    /// From 1.
    pub number: u16,
    /// Due date.
    pub due_on: Date,
    /// What is paid.
    pub amount: Cents,
    /// How much of it pays the debt off.
    pub principal: Cents,
    /// How much of it is the plan's interest.
    pub interest: Cents,
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The quote's total.
    pub debt: Cents,
    /// Down payment.
    pub down_payment: Cents,
    /// What the installments pay: debt - down payment.
    pub financed: Cents,
    /// Rate a period; zero without interest.
    pub rate: Rate,
    /// Interest of the whole plan.
    pub interest: Cents,
    /// Down payment + installments.
    pub total: Cents,
    /// The installments.
    pub installments: Vec<PlanInstallment>,
    /// Every step, in order.
    pub explanation: Vec<Line>,
}

/// A plan with the quote it pays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// What is owed.
    pub quote: Quote,
    /// How it is paid.
    pub plan: Plan,
}

/// Quotes for the plan's number of installments (with its maximum discounts, not those for cash) and plans the payment.
pub fn plan(request: &Request<'_>, asked: &PlanRequest) -> Result<Planned, Error> {
    let request = paid_by(request, asked.installments);
    let quote = quote(&request)?;
    let plan = plan_for(&request, &quote.amounts, asked)?;
    Ok(Planned { quote, plan })
}

/// The request with the payment a number of installments means.
fn paid_by<'a>(request: &Request<'a>, installments: u16) -> Request<'a> {
    let payment = if installments == 1 {
        Payment::Cash
    } else {
        Payment::Plan { installments }
    };
    Request {
        payment,
        ..*request
    }
}

/// The plan alone; the request's payment already says how many installments.
fn plan_for(request: &Request<'_>, amounts: &Amounts, asked: &PlanRequest) -> Result<Plan, Error> {
    terms::check_first_due(request, asked)?;
    let debt = amounts.totals.total;
    let rate = terms::rate(request, amounts, asked)?;
    let financed = debt - asked.down_payment;
    if financed > MAX_FINANCED {
        return Err(Error::TooLarge);
    }
    let count = asked.installments;
    let advance = asked.first_due == request.on;
    let value = payment(financed, rate, count, advance)?;
    let total = total(financed, rate, count, advance)?;
    let all = Cents::new(value.get().saturating_mul(i64::from(count)));
    let residue = total - all;
    let odd = value + residue;
    if value < Cents::new(1) || odd < Cents::new(1) {
        return Err(Error::Invalid {
            field: "parcelas",
            reason: format!("R$ {} é pouco para {count} parcelas", financed.brazilian()),
            hint: "informe menos parcelas".to_owned(),
        });
    }
    let odd_at = match request.settings.rounding.residue {
        Residue::First => 1,
        Residue::Last => count,
    };
    let amount = |number| if number == odd_at { odd } else { value };
    let dates = dates::due_dates(asked, &request.settings.holidays)?;
    let principals = price::principals(financed, total, rate, count, advance, amount)?;
    let installments =
        (1..=count)
            .zip(dates)
            .zip(principals)
            .map(|((number, due_on), principal)| PlanInstallment {
                number,
                due_on,
                amount: amount(number),
                principal,
                interest: amount(number) - principal,
            });
    let mut plan = Plan {
        debt,
        down_payment: asked.down_payment,
        financed,
        rate,
        interest: total - financed,
        total: asked.down_payment + total,
        installments: installments.collect(),
        explanation: Vec::new(),
    };
    plan.explanation = explain(&plan, value, total, advance);
    Ok(plan)
}

fn explain(plan: &Plan, value: Cents, total: Cents, advance: bool) -> Vec<Line> {
    let mut lines = Vec::new();
    let (rate, payments) = (
        plan.rate,
        u16::try_from(plan.installments.len()).unwrap_or(MAX_PLAN),
    );
    let line = |component, step, base, operation, result| Line {
        of: None,
        component,
        step,
        base,
        operation,
        rounding: Rounding::HalfUp,
        result,
    };
    if !plan.down_payment.is_zero() {
        lines.line(Line::given(
            None,
            Component::DownPayment,
            ExplanationStep::DownPayment,
            plan.down_payment,
        ));
        lines.line(Line::minus(
            None,
            Component::Working,
            ExplanationStep::Financed,
            plan.debt,
            plan.down_payment,
        ));
    }
    let one = Operation::Price {
        rate,
        payments,
        advance,
    };
    lines.line(line(
        Component::Working,
        ExplanationStep::InstallmentValue,
        plan.financed,
        one,
        value,
    ));
    let all = Operation::PriceTotal {
        rate,
        payments,
        advance,
    };
    lines.line(line(
        Component::Working,
        ExplanationStep::PlanTotal,
        plan.financed,
        all,
        total,
    ));
    let count = Operation::Times { count: payments };
    let sum = Cents::new(value.get().saturating_mul(i64::from(payments)));
    lines.line(line(
        Component::Installments,
        ExplanationStep::Installments,
        value,
        count,
        sum,
    ));
    if sum != total {
        lines.line(Line::minus(
            None,
            Component::Installments,
            ExplanationStep::PlanResidue,
            total,
            sum,
        ));
    }
    lines
}
