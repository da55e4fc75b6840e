//! A quote: what the selected installments cost on a date, row by row and in total.
//!
//! [`quote`] keeps the explanation, [`quote_with`] hands it to any sink; both use the same arithmetic. The rows come out by due date, bill and
//! installment, so the order of the selection changes nothing.

use schemars::JsonSchema;
use serde::Serialize;

use super::late::{check_date, days_between};
use super::row::{Work, calculate};
use super::{Debt, Error, Explain, Figures, Key, Line, Warning, discount, fee};
use crate::calculation::{Payment, QuoteRow, Request};
use crate::calendar::Date;

/// Most installments of one quote.
pub const MAX_ROWS: usize = 5_000;

/// Farthest date of a calculation, in days from the business date.
pub const MAX_AHEAD_DAYS: i32 = 366;

/// Rows, totals and warnings, without the explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Amounts {
    /// Date of the calculation.
    pub on: Date,
    /// How it will be paid.
    pub payment: Payment,
    /// By due date, bill and installment.
    pub rows: Vec<QuoteRow>,
    /// Sums of the rows.
    pub totals: Figures,
    /// What the operator should know.
    pub warnings: Vec<Warning>,
}

/// A quote with its explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Quote {
    /// Rows, totals and warnings.
    #[serde(flatten)]
    pub amounts: Amounts,
    /// Every step, in order.
    pub explanation: Vec<Line>,
}

impl Quote {
    /// The steps of one installment.
    pub fn lines_of(&self, key: Key) -> impl Iterator<Item = &Line> {
        self.explanation
            .iter()
            .filter(move |line| line.of == Some(key))
    }
}

/// Quotes and explains.
pub fn quote(request: &Request<'_>) -> Result<Quote, Error> {
    let mut explanation = Vec::with_capacity(request.debts.len().min(MAX_ROWS) * 6);
    let amounts = quote_with(request, &mut explanation)?;
    Ok(Quote {
        amounts,
        explanation,
    })
}

/// Quotes, handing each step to a sink; [`super::Silent`] for bulk use.
pub fn quote_with<E: Explain>(request: &Request<'_>, sink: &mut E) -> Result<Amounts, Error> {
    let debts = ordered(request)?;
    let mut warnings = Vec::new();
    let mut works: Vec<Work<'_>> = Vec::with_capacity(debts.len());
    for debt in debts {
        works.push(calculate(request, debt, &mut warnings, sink)?);
    }
    fee::charge(&mut works, request.settings.rounding, sink)?;
    if request.settings.fees.is_none() && works.iter().any(|work| !work.row.figures.fee.is_zero()) {
        warnings.push(Warning::FeesWithoutSwitch);
    }
    discount::grant(&mut works, &request.discounts, sink)?;
    let mut rows = Vec::with_capacity(works.len());
    for work in works {
        rows.push(work.close(sink)?);
    }
    let totals = Figures::total_of(rows.iter().map(|row| &row.figures))?;
    Ok(Amounts {
        on: request.on,
        payment: request.payment,
        rows,
        totals,
        warnings,
    })
}

/// Checks the request's bounds and sorts the installments.
fn ordered<'a>(request: &Request<'a>) -> Result<Vec<&'a Debt>, Error> {
    check_date("data de hoje", request.business_date)?;
    check_date("data do cálculo", request.on)?;
    if request.on < request.business_date {
        return Err(Error::DateInThePast {
            field: "data do cálculo",
            given: request.on,
            earliest: request.business_date,
        });
    }
    if days_between(request.business_date, request.on) > MAX_AHEAD_DAYS {
        return Err(Error::DateOutOfRange {
            field: "data do cálculo",
            given: request.on,
            earliest: request.business_date,
            latest: request
                .business_date
                .saturating_add(jiff::Span::new().days(MAX_AHEAD_DAYS)),
        });
    }
    if request.debts.is_empty() {
        return Err(Error::NothingSelected);
    }
    if request.debts.len() > MAX_ROWS {
        return Err(Error::TooMany {
            count: request.debts.len(),
            maximum: MAX_ROWS,
        });
    }
    for debt in request.debts {
        debt.check(request.on)?;
    }
    let mut debts: Vec<&Debt> = request.debts.iter().collect();
    debts.sort_unstable_by_key(|debt| debt.key());
    if let Some(pair) = debts.windows(2).find(|pair| pair[0].key() == pair[1].key()) {
        return Err(Error::Repeated {
            bill: pair[0].bill.0,
            installment: pair[0].installment.0,
        });
    }
    // Stable: within one due date the order by bill and installment remains.
    debts.sort_by_key(|debt| debt.due_on);
    Ok(debts)
}
