//! What a look at a bill means for an agreement on it.

use std::collections::BTreeMap;

use jiff::Span;

use super::payments::{is_untold, received};
use super::{Agreement, AgreementKind, AgreementSettings, AgreementState, Breaking, Step};
use crate::calendar::{Date, HolidayRules};
use crate::money::Cents;
use crate::portfolio::{BillId, HeldBill, Installment, InstallmentId, InstallmentState, Motive};

type Received = BTreeMap<InstallmentId, BTreeMap<Date, Cents>>;

/// The next step that a bill as held calls for; `None` when nothing follows. Take it and review again until nothing does.
///
/// The bill must be whole: no look at it still to be confirmed. [`Breaking::ErpGone`] is a suspicion: an original is open although it was remade,
/// which is also so until a look has shown the remake. Who takes the step asks Sienge for the remake first.
#[must_use]
pub fn review(
    agreement: &Agreement,
    bill: BillId,
    held: &HeldBill,
    settings: &AgreementSettings,
    holidays: &HolidayRules,
    today: Date,
) -> Option<Step> {
    match &agreement.state {
        AgreementState::Proposed { expires_on } if today > *expires_on => return Some(Step::Expire),
        AgreementState::Active => {}
        _ => return None,
    }
    if !agreement.bills().contains(&bill) {
        return None;
    }
    let tracked = tracked(agreement, bill);
    let last = |id: &InstallmentId| last_known(held, *id);
    let paid: BTreeMap<InstallmentId, Date> = tracked.keys().filter_map(|id| Some((*id, paid_on(last(id)?)?))).collect();
    let known: BTreeMap<InstallmentId, Date> = tracked.iter().filter_map(|(id, day)| Some((*id, (*day)?))).collect();
    let integrated = agreement.kind == AgreementKind::Integrated;
    let debts = agreement.debts.iter().filter(|debt| debt.contract.bill == bill && !integrated);
    let noted: Received = debts.clone().map(|debt| (debt.installment, debt.received.clone())).collect();
    let received: Received = debts
        .map(|debt| {
            let row = last(&debt.installment);
            (debt.installment, row.map(|row| received(row, debt.paid_before)).unwrap_or_default())
        })
        .collect();
    if paid != known || received != noted || is_untold(agreement) {
        return Some(Step::Seen { bill, paid, received });
    }
    if integrated && agreement.originals_of(bill).iter().filter_map(last).any(Installment::is_open) {
        return Some(Step::Break { how: Breaking::ErpGone });
    }
    let rows: Vec<&Installment> = tracked.keys().filter_map(last).collect();
    let ended = rows.iter().any(|row| !row.is_open() && paid_on(row).is_none());
    // Of a remake, one installment returned alone may be another's doing; it has ended when none is open any more.
    if ended && (!integrated || rows.iter().all(|row| !row.is_open())) {
        let how = Breaking::EndedInErp;
        return Some(Step::Break { how });
    }
    lapsed(agreement, settings, holidays, today).map(|due_on| Step::Break {
        how: Breaking::Lapsed { due_on },
    })
}

/// The due date that passed unpaid, of a non-integrated agreement: its day (or the next business day) and the days a payment takes to arrive.
fn lapsed(agreement: &Agreement, settings: &AgreementSettings, holidays: &HolidayRules, today: Date) -> Option<Date> {
    if agreement.kind == AgreementKind::Integrated {
        return None;
    }
    let due_on = agreement.next_row()?.due_on;
    let last = holidays
        .next_business_day(due_on)
        .saturating_add(Span::new().days(i64::from(settings.lapse_days)));
    (today > last).then_some(due_on)
}

/// What is to be paid on a bill, with the payments noted so far: the generated installments, or the originals.
fn tracked(agreement: &Agreement, bill: BillId) -> BTreeMap<InstallmentId, Option<Date>> {
    match &agreement.remake {
        Some(remake) if agreement.kind == AgreementKind::Integrated => {
            remake.generated.iter().map(|one| (one.installment, one.paid_on)).collect()
        }
        _ => {
            let debts = agreement.debts.iter().filter(|debt| debt.contract.bill == bill);
            debts.map(|debt| (debt.installment, debt.paid_on)).collect()
        }
    }
}

/// An installment on the contract that tells of it last: the open one, else the one that was written last.
fn last_known(held: &HeldBill, id: InstallmentId) -> Option<&Installment> {
    let rows = held.installments.values().filter(|row| row.id == id);
    rows.max_by_key(|row| (row.is_open(), row.revision))
}

/// The day of the payment that settled an installment.
fn paid_on(row: &Installment) -> Option<Date> {
    let InstallmentState::Closed {
        motive: Motive::Receipt,
        on,
    } = row.state
    else {
        return None;
    };
    let payments = row.receipts.iter().filter(|receipt| receipt.kind.is_payment());
    Some(payments.map(|receipt| receipt.paid_on).max().unwrap_or(on))
}

/// Whether the bill as held still collects an installment of the agreement's remake: after a break, a whole look returns it.
#[must_use]
pub fn holds_remake(agreement: &Agreement, held: &HeldBill) -> bool {
    let generated = agreement.remake.iter().flat_map(|remake| &remake.generated);
    generated
        .filter_map(|one| last_known(held, one.installment))
        .any(Installment::is_open)
}
