//! Payment plans: cash or installments, with or without Price interest, and what a debtor can pay a month turned into a plan.
//!
//! An installment is rounded half-up, the plan's total is rounded once, and the difference goes on the first installment (or the last).
//! The down payment earns no interest; the installments sum to the plan's total to the cent.

mod dates;
mod inverse;
mod price;

use serde::{Deserialize, Serialize};

pub use inverse::smallest_plan;
pub(super) use price::{payment, total};

use super::late::{check_date, days_between};
use super::row::no_plan_tier;
use super::{
    Amounts, Cents, Component, Error, Explain, Line, MAX_AHEAD_DAYS, MAX_PLAN, Operation, Payment, PlanTier, Portion, Quote, Rate, Request,
    Residue, Rounding, Step, quote,
};
use crate::calendar::Date;

/// Largest amount a plan finances, a hundred thousand million reais, so that no power or product leaves the decimals.
const MAX_FINANCED: Cents = Cents::new(10_000_000_000_000);

/// A plan asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanRequest {
    /// Number of installments, the down payment not counted; 1 is cash.
    pub installments: u16,
    /// None or Price at the campaign's rate.
    #[serde(default)]
    pub interest: PlanInterest,
    /// Down payment (entrada).
    #[serde(default)]
    pub down_payment: Cents,
    /// First due date. On the date of the calculation itself, the first payment is made at once and bears no interest.
    pub first_due: Date,
    /// Periodicity.
    #[serde(default)]
    pub periodicity: Periodicity,
    /// Due day of a monthly plan where it is not the first date's: 31 with a first date of 28 February.
    #[serde(default)]
    pub due_day: Option<i8>,
    /// Whether due dates move to the next business day.
    #[serde(default)]
    pub business_days_only: bool,
}

/// Contract interest of a plan (7.3.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PlanInterest {
    /// "Nenhum".
    #[default]
    None,
    /// "Price", at the tier's rate.
    Price,
}

/// Time between installments; the letters are Recuperador's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Periodicity {
    /// The same day each month; the last day of a shorter month.
    #[default]
    #[serde(rename = "M")]
    Monthly,
    /// Every fifteen days.
    #[serde(rename = "Q")]
    Fortnightly,
    /// Every seven days.
    #[serde(rename = "S")]
    Weekly,
}

/// One installment of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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

/// Quotes for the plan's number of installments (its maximum discounts hold, not the cash ones) and plans the payment.
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
    Request { payment, ..*request }
}

/// The plan alone; the request's payment already says how many installments.
fn plan_for(request: &Request<'_>, amounts: &Amounts, asked: &PlanRequest) -> Result<Plan, Error> {
    check_first_due(request, asked)?;
    let debt = amounts.totals.total;
    let rate = terms(request, amounts, asked)?;
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
    let installments = (1..=count)
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
    let (rate, payments) = (plan.rate, u16::try_from(plan.installments.len()).unwrap_or(MAX_PLAN));
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
        lines.line(Line::given(None, Component::DownPayment, Step::DownPayment, plan.down_payment));
        lines.line(Line::minus(None, Component::Working, Step::Financed, plan.debt, plan.down_payment));
    }
    let one = Operation::Price { rate, payments, advance };
    lines.line(line(Component::Working, Step::InstallmentValue, plan.financed, one, value));
    let all = Operation::PriceTotal { rate, payments, advance };
    lines.line(line(Component::Working, Step::PlanTotal, plan.financed, all, total));
    let count = Operation::Times { count: payments };
    let sum = Cents::new(value.get().saturating_mul(i64::from(payments)));
    lines.line(line(Component::Installments, Step::Installments, value, count, sum));
    if sum != total {
        lines.line(Line::minus(None, Component::Installments, Step::PlanResidue, total, sum));
    }
    lines
}

fn check_first_due(request: &Request<'_>, asked: &PlanRequest) -> Result<(), Error> {
    check_date("primeiro vencimento", asked.first_due)?;
    let (given, earliest) = (asked.first_due, request.on);
    if given < earliest {
        return Err(Error::DateInThePast {
            field: "primeiro vencimento",
            given,
            earliest,
        });
    }
    if days_between(earliest, given) > MAX_AHEAD_DAYS {
        return Err(Error::DateOutOfRange {
            field: "primeiro vencimento",
            given,
            earliest,
            latest: earliest.saturating_add(jiff::Span::new().days(MAX_AHEAD_DAYS)),
        });
    }
    Ok(())
}

/// Checks the plan against its tier and gives the rate a period.
fn terms(request: &Request<'_>, amounts: &Amounts, asked: &PlanRequest) -> Result<Rate, Error> {
    let count = asked.installments;
    if !(1..=MAX_PLAN).contains(&count) {
        return Err(Error::Invalid {
            field: "parcelas",
            reason: format!("{count} parcelas não são aceitas"),
            hint: format!("informe de 1 a {MAX_PLAN}"),
        });
    }
    if count == 1 {
        if !asked.down_payment.is_zero() {
            return Err(refused_down_payment("pagamento à vista não tem entrada", "informe zero"));
        }
        return Ok(Rate::ZERO);
    }
    let tier = oldest_tier(request, amounts, count)?;
    check_down_payment(tier, amounts.totals.total, asked.down_payment)?;
    match asked.interest {
        PlanInterest::None => Ok(Rate::ZERO),
        PlanInterest::Price => tier.interest.ok_or_else(|| Error::MissingRate {
            setting: format!(
                "campanha {}, faixa parcelada de {} a {} parcelas, taxa (interest)",
                request.campaign.name, tier.from_installments, tier.to_installments
            ),
        }),
    }
}

/// The plan tier of the oldest installment: one plan has one rate.
fn oldest_tier<'a>(request: &Request<'a>, amounts: &Amounts, count: u16) -> Result<&'a PlanTier, Error> {
    let row = amounts.rows.first().ok_or(Error::NothingSelected)?;
    let debt = request
        .debts
        .iter()
        .find(|debt| debt.key() == row.key)
        .ok_or(Error::NothingSelected)?;
    request
        .campaign
        .plan_tier(debt, row.days_late, count)
        .ok_or_else(|| no_plan_tier(request, row.days_late, count))
}

fn check_down_payment(tier: &PlanTier, debt: Cents, down: Cents) -> Result<(), Error> {
    let minimum = match tier.down_payment.minimum {
        Portion::Percent(rate) => rate.of(debt, Rounding::HalfUp),
        Portion::Amount(amount) => amount,
    };
    if down.is_negative() {
        return Err(refused_down_payment("valor negativo", "informe zero ou mais"));
    }
    if !tier.down_payment.allowed && !down.is_zero() {
        return Err(refused_down_payment("a faixa da campanha não permite entrada", "informe zero"));
    }
    if down < minimum {
        let reason = format!("R$ {} é menos que o mínimo da campanha", down.brazilian());
        return Err(refused_down_payment(
            &reason,
            &format!("informe ao menos R$ {}", minimum.brazilian()),
        ));
    }
    if down >= debt {
        let reason = format!("R$ {} não deixa nada a parcelar", down.brazilian());
        return Err(refused_down_payment(&reason, &format!("informe menos que R$ {}", debt.brazilian())));
    }
    Ok(())
}

fn refused_down_payment(reason: &str, hint: &str) -> Error {
    Error::DownPayment {
        reason: reason.to_owned(),
        hint: hint.to_owned(),
    }
}
