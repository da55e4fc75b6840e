//! What payments mean for the rows of an agreement, and the events they emit.

use std::collections::BTreeMap;

use super::event::emit_payment;
use super::{AgreedRow, Agreement};
use crate::calendar::Date;
use crate::ids::{BillId, InstallmentId};
use crate::money::Cents;
use crate::portfolio::{
    AgreementChange, ContractKey, Installment, SettlementClasses, TimelineEvent, effective_receipts,
};

/// Rows reported in one transition: with the claims and the settlement of [`super::MAX_BILLS`] bills they fit the 100 items of one transaction.
const ROWS_AT_ONCE: usize = 60;

/// What was paid of an installment, by day, beyond what was paid of it before. Only what brings value pays.
pub(super) fn received(
    row: &Installment,
    mut before: Cents,
    classes: &SettlementClasses,
) -> BTreeMap<Date, Cents> {
    let mut by_day = BTreeMap::new();
    let paid = effective_receipts(&row.receipts, classes).into_iter();
    for receipt in paid.filter(|receipt| classes.pays(&receipt.kind)) {
        let old = receipt.net.min(before);
        before = before - old;
        if receipt.net > old {
            *by_day.entry(receipt.paid_on).or_insert(Cents::ZERO) += receipt.net - old;
        }
    }
    by_day
}

/// Notes what is paid on a bill; returns whether an earlier payment was reversed.
pub(super) fn note(
    after: &mut Agreement,
    bill: BillId,
    paid: &BTreeMap<InstallmentId, Date>,
    received: &BTreeMap<InstallmentId, BTreeMap<Date, Cents>>,
) -> bool {
    let mut reversed = false;
    let mut settle = |installment: InstallmentId, paid_on: &mut Option<Date>| {
        let now = paid.get(&installment).copied();
        reversed |= paid_on.is_some() && now.is_none();
        *paid_on = now;
    };
    if let Some(remake) = &mut after.remake {
        for one in &mut remake.generated {
            settle(one.installment, &mut one.paid_on);
        }
        return reversed;
    }
    let mut taken_back = false;
    for debt in after
        .debts
        .iter_mut()
        .filter(|debt| debt.contract.bill == bill)
    {
        settle(debt.installment, &mut debt.paid_on);
        let now = received.get(&debt.installment).cloned().unwrap_or_default();
        taken_back |= sum(&now) < sum(&debt.received);
        debt.received = now;
    }
    reversed || taken_back
}

pub(super) fn sum(by_day: &BTreeMap<Date, Cents>) -> Cents {
    by_day
        .values()
        .fold(Cents::ZERO, |sum, amount| sum + *amount)
}

/// Whether everything is paid.
pub(super) fn all_paid(agreement: &Agreement) -> bool {
    match &agreement.remake {
        Some(remake) => {
            !remake.generated.is_empty() && remake.generated.iter().all(|one| one.paid_on.is_some())
        }
        None => agreement.debts.iter().all(|debt| debt.paid_on.is_some()),
    }
}

/// Whether a row's payment is noted and has no event yet.
pub(super) fn has_unreported_payments(agreement: &Agreement) -> bool {
    let noted = agreement.rows.iter().map(|row| row.paid_on);
    !noted.eq(paid_days(agreement))
}

/// Marks the rows that are paid now and emits an event for each new one: for the first [`ROWS_AT_ONCE`], the rest follow in the next transition.
pub(super) fn emit_paid_rows(
    before: &Agreement,
    after: &mut Agreement,
    bill: BillId,
    today: Date,
) -> Vec<TimelineEvent> {
    let mut fresh: Vec<AgreedRow> = Vec::new();
    let days = paid_days(after);
    for (row, day) in after.rows.iter_mut().zip(days) {
        let is_fresh = row.paid_on.is_none() && day.is_some();
        if !is_fresh || fresh.len() < ROWS_AT_ONCE {
            row.paid_on = day;
        }
        if is_fresh && row.paid_on.is_some() {
            fresh.push(row.clone());
        }
    }
    let of = u16::try_from(after.rows.len()).unwrap_or(u16::MAX);
    let Some(contract) = after
        .debts
        .iter()
        .map(|debt| &debt.contract)
        .find(|contract| contract.bill == bill)
    else {
        return Vec::new();
    };
    fresh
        .into_iter()
        .map(|row| {
            let paid_on = row.paid_on.unwrap_or(today);
            let change = AgreementChange::Paid {
                number: row.number,
                of,
                amount: row.amount,
                paid_on,
            };
            let index = usize::from(row.number - 1);
            emit_payment(
                after,
                change,
                contract,
                paid_by(before, after, contract, index, paid_on),
                today,
            )
        })
        .collect()
}

/// The installments whose payment paid a row: the originals paid on that day, else those this read showed as paid.
fn paid_by(
    before: &Agreement,
    after: &Agreement,
    contract: &ContractKey,
    index: usize,
    day: Date,
) -> Vec<InstallmentId> {
    if let Some(remake) = &after.remake {
        return remake
            .generated
            .get(index)
            .map(|one| one.installment)
            .into_iter()
            .collect();
    }
    let debts = before
        .debts
        .iter()
        .zip(&after.debts)
        .filter(|(_, after)| after.contract == *contract);
    let that_day = debts
        .clone()
        .filter(|(_, after)| after.paid_on == Some(day) || after.received.contains_key(&day));
    let that_day: Vec<InstallmentId> = that_day.map(|(_, debt)| debt.installment).collect();
    if !that_day.is_empty() {
        return that_day;
    }
    let fresh = debts.filter(|(before, after)| {
        before.paid_on != after.paid_on || before.received != after.received
    });
    fresh.map(|(_, debt)| debt.installment).collect()
}

/// The day each row was paid. Integrated: that of the installment generated for it. Non-integrated: what was paid on the originals pays the rows in
/// order; a settled original counts at least its agreed value, and the last one pays whatever is left.
fn paid_days(agreement: &Agreement) -> Vec<Option<Date>> {
    if let Some(remake) = &agreement.remake {
        let of = |index: usize| remake.generated.get(index).and_then(|one| one.paid_on);
        return (0..agreement.rows.len()).map(of).collect();
    }
    let mut payments: Vec<(Date, Cents)> = Vec::new();
    for debt in &agreement.debts {
        payments.extend(debt.received.iter().map(|(day, amount)| (*day, *amount)));
        let left = debt.amounts.total - sum(&debt.received);
        payments.extend(
            debt.paid_on
                .filter(|_| left > Cents::ZERO)
                .map(|day| (day, left)),
        );
    }
    payments.sort_unstable();
    if all_paid(agreement) {
        // The plan's interest and the originals' values need not be equal.
        if let Some((_, amount)) = payments.last_mut() {
            *amount = Cents::new(i64::MAX / 4);
        }
    }
    let mut needed = Cents::ZERO;
    let days = agreement.rows.iter().map(|row| {
        needed += row.amount;
        let mut reached = Cents::ZERO;
        let day = payments.iter().find(|(_, amount)| {
            reached += *amount;
            reached >= needed
        });
        day.map(|(day, _)| *day)
    });
    days.collect()
}
