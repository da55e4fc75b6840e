//! The limits of an integrated agreement, exactly as in 7.3.2, and the order for Sienge that follows from them.

use std::collections::BTreeMap;

use super::Agreement;
use super::error::DraftError;
use crate::calculation::{Periodicity, PlanInterest, RetroactiveBases};
use crate::calendar::Date;
use crate::ids::{AgreementId, BillId, InstallmentId};
use crate::money::{Cents, Rate};
use crate::portfolio::HeldBill;

/// "Tipo de condição (PM) - Parcelas Mensais": the only condition a remake is made with.
pub const REMAKE_CONDITION: &str = "PM";

/// One remake to request from Sienge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemakeOrder {
    /// The bill.
    pub bill: BillId,
    /// Date of the remake.
    pub remade_on: Date,
    /// "Correct up to": the date of the values.
    pub calculated_on: Date,
    /// The installments to remake.
    pub installments: Vec<InstallmentId>,
    /// What to generate: the down payment, where there is one, and the installments.
    pub conditions: Vec<RemakeCondition>,
    /// The bill's own indexer.
    pub indexer: i32,
    /// Base date of the indexer.
    pub base_date: Date,
    /// Names the agreement in Sienge.
    pub description: String,
}

/// One payment condition, of type [`REMAKE_CONDITION`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemakeCondition {
    /// The principal; Price adds its interest to it.
    pub value: Cents,
    /// Number of installments.
    pub installments: usize,
    /// First due date.
    pub first_due: Date,
    /// Price at this rate; none without interest.
    pub price: Option<Rate>,
}

/// "Data base indexador é o mês anterior (exceto indexadores configurados com data base retroativa)": the first day of that month.
#[must_use]
pub fn indexer_base(bases: &RetroactiveBases, indexer: i32, on: Date) -> Date {
    bases.base_month(indexer, on)
}

/// Checks an agreement against the limits; returns the bill it remakes.
pub fn check_integrated(
    agreement: &Agreement,
    bills: &BTreeMap<BillId, HeldBill>,
) -> Result<BillId, DraftError> {
    let of = agreement.bills();
    let (Some(bill), 1) = (of.first().copied(), of.len()) else {
        return Err(DraftError::SeveralBills);
    };
    if let Some(other) = living_remake(agreement, bills.get(&bill)) {
        let agreement = other.clone();
        return Err(DraftError::AnotherRemake { bill, agreement });
    }
    if agreement.periodicity != Periodicity::Monthly {
        return Err(DraftError::NotMonthly);
    }
    if let Some(row) = agreement.rows.iter().find(|row| row.amount <= Cents::ZERO) {
        return Err(DraftError::RowWithoutValue { number: row.number });
    }
    let mut days = agreement
        .rows
        .iter()
        .filter(|row| !row.down_payment)
        .map(|row| row.due_on);
    let first = days.next();
    let monthly = first.is_some_and(|first| {
        (1..).zip(days).all(|(months, due)| {
            let month = first
                .first_of_month()
                .saturating_add(jiff::Span::new().months(months));
            due == month
                .saturating_add(jiff::Span::new().days(first.day().min(month.days_in_month()) - 1))
        })
    });
    if !monthly {
        return Err(DraftError::OwnDueDates);
    }
    Ok(bill)
}

fn living_remake<'a>(agreement: &Agreement, held: Option<&'a HeldBill>) -> Option<&'a AgreementId> {
    held.and_then(|held| held.claims.integrated())
        .filter(|other| **other != agreement.id)
}

/// The order for Sienge; none for an agreement that is not integrated.
#[must_use]
pub fn remake_order(agreement: &Agreement) -> Option<RemakeOrder> {
    let remake = agreement.remake.as_ref()?;
    let price = (agreement.interest == PlanInterest::Price && !agreement.rate.is_zero())
        .then_some(agreement.rate);
    let (down, installments): (Vec<_>, Vec<_>) =
        agreement.rows.iter().partition(|row| row.down_payment);
    let down = down.first().map(|row| RemakeCondition {
        value: row.amount,
        installments: 1,
        first_due: row.due_on,
        price: None,
    });
    // For a Price plan Sienge gets the financed amount and computes the interest itself.
    let value = installments.iter().fold(Cents::ZERO, |sum, row| {
        sum + if price.is_some() {
            row.principal
        } else {
            row.amount
        }
    });
    let rest = installments.first().map(|row| RemakeCondition {
        value,
        installments: installments.len(),
        first_due: row.due_on,
        price,
    });
    Some(RemakeOrder {
        bill: remake.bill,
        remade_on: remake.remade_on,
        calculated_on: agreement.quoted_on,
        installments: agreement.originals_of(remake.bill).into_iter().collect(),
        conditions: down.into_iter().chain(rest).collect(),
        indexer: remake.indexer,
        base_date: remake.base_date,
        description: format!("Acordo {}", agreement.id),
    })
}
