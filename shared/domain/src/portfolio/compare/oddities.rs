//! What an operator must correct in Sienge: what could not be read, and implausible due dates.

use std::collections::BTreeMap;

use crate::calendar::Date;
use crate::ids::InstallmentId;
use crate::portfolio::{Critique, HeldBill, Policy};

use super::view::View;

/// No collected installment was due before.
const FIRST_DUE: Date = jiff::civil::date(1970, 1, 1);
/// Nothing is due more years ahead than this: the longest mortgages run for 35.
const YEARS_AHEAD: i16 = 50;

/// Criticises what could not be read and matters: an installment that is open here, or may be open and is not held; and what the
/// bill itself lacks.
pub(super) fn criticise(
    held: &HeldBill,
    view: &View<'_>,
    policy: &Policy<'_>,
    critiques: &mut Vec<Critique>,
) {
    if view.unread.is_empty() && view.gap.is_none() {
        return;
    }
    let is_ignored = view
        .header
        .is_some_and(|header| policy.ignores_bill(header));
    if is_ignored && !held.has_contracts() {
        return;
    }
    let bill = view.bill;
    let here = by_id(held);
    let mut unreadable: BTreeMap<String, Vec<InstallmentId>> = BTreeMap::new();
    for (id, unread) in view.unread {
        let matters = match here.get(id) {
            Some(is_open) => *is_open,
            None => !unread.settled && !is_ignored,
        };
        if matters {
            unreadable
                .entry(unread.why.to_string())
                .or_default()
                .push(*id);
        }
    }
    let unreadable = unreadable.into_iter();
    critiques.extend(
        unreadable.map(|(why, installments)| Critique::InstallmentsUnread {
            bill,
            installments,
            why,
        }),
    );
    if let Some(gap) = view.gap {
        let why = gap.to_string();
        critiques.push(Critique::BillUnread { bill, why });
    }
}

/// Criticises new implausible due dates of open installments.
pub(super) fn criticise_days(
    held: &HeldBill,
    view: &View<'_>,
    ignored: bool,
    policy: &Policy<'_>,
    today: Date,
    critiques: &mut Vec<Critique>,
) {
    for row in view.installments.values() {
        if ignored
            || row.balance.is_zero()
            || is_plausible(row.due_on, today)
            || policy.ignores_installment(row)
        {
            continue;
        }
        let mut known = held.installments_with_id(row.id);
        if !known.any(|known| known.due_on == row.due_on) {
            critiques.push(Critique::ImplausibleDueDate {
                bill: view.bill,
                installment: row.id,
                due_on: row.due_on,
            });
        }
    }
}

/// Whether a due date is plausible.
fn is_plausible(due_on: Date, today: Date) -> bool {
    due_on >= FIRST_DUE && due_on.year() <= today.year().saturating_add(YEARS_AHEAD)
}

/// Whether each installment held is open on a contract of the bill.
fn by_id(held: &HeldBill) -> BTreeMap<InstallmentId, bool> {
    let mut here = BTreeMap::new();
    for installment in held.installments() {
        *here.entry(installment.id).or_insert(false) |= installment.is_open();
    }
    here
}
