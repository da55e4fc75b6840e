//! What a fresh state of a bill means for an agreement on it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Span;

use super::payments::{has_unreported_payments, received, sum};
use super::{
    AgreedDebt, Agreement, AgreementAction, AgreementKind, AgreementSettings, AgreementState,
};
use crate::calendar::{Date, HolidayRules};
use crate::ids::{BillId, InstallmentId};
use crate::money::Cents;
use crate::portfolio::{
    Breaking, Critique, HeldBill, Installment, InstallmentState, Receipt, SettlementClasses,
    SettlementKind, effective_receipts,
};

type Received = BTreeMap<InstallmentId, BTreeMap<Date, Cents>>;

/// The next action that the bill calls for; `None` when there is none. Apply it and review again until there is none.
///
/// The bill must be complete, with nothing left to confirm. [`Breaking::ErpGone`] is only a suspicion: an original is open although it was remade,
/// which is also the case until a read shows the remake. Whoever applies the action asks Sienge for the remake first.
#[must_use]
pub fn review(
    agreement: &Agreement,
    bill: BillId,
    held: &HeldBill,
    settings: &AgreementSettings,
    classes: &SettlementClasses,
    holidays: &HolidayRules,
    today: Date,
) -> Option<AgreementAction> {
    match &agreement.state {
        AgreementState::Proposed { expires_on } if today > *expires_on => {
            return Some(AgreementAction::Expire);
        }
        AgreementState::Active => {}
        _ => return None,
    }
    if !agreement.bills().contains(&bill) {
        return None;
    }
    let tracked = tracked(agreement, bill);
    let last = |id: &InstallmentId| last_known(held, *id);
    let known: BTreeMap<InstallmentId, Date> = tracked
        .iter()
        .filter_map(|(id, day)| Some((*id, (*day)?)))
        .collect();
    let integrated = agreement.kind == AgreementKind::Integrated;
    let debts = agreement
        .debts
        .iter()
        .filter(|debt| debt.contract.bill == bill && !integrated);
    let noted: Received = debts
        .clone()
        .map(|debt| (debt.installment, debt.received.clone()))
        .collect();
    let received: Received = debts
        .map(|debt| {
            let row = last(&debt.installment);
            let received = row.map(|row| received(row, debt.paid_before, classes));
            (debt.installment, received.unwrap_or_default())
        })
        .collect();
    let reading = PaymentReview {
        agreement,
        bill,
        received: &received,
        classes,
    };
    let rows: Vec<&Installment> = tracked.keys().filter_map(last).collect();
    let ends: Vec<(InstallmentId, End)> = rows
        .iter()
        .map(|row| (row.id, reading.end_of(row)))
        .collect();
    let paid: BTreeMap<InstallmentId, Date> = ends
        .iter()
        .filter_map(|(id, end)| match end {
            End::Paid(on) => Some((*id, *on)),
            _ => None,
        })
        .collect();
    if paid != known || received != noted || has_unreported_payments(agreement) {
        return Some(AgreementAction::Seen {
            bill,
            paid,
            received,
        });
    }
    if integrated
        && agreement
            .originals_of(bill)
            .iter()
            .filter_map(last)
            .any(Installment::is_open)
    {
        return Some(AgreementAction::Break {
            how: Breaking::ErpGone,
        });
    }
    let any = |wanted: End| ends.iter().any(|(_, end)| *end == wanted);
    // One returned installment of a remake may have another cause; the remake has ended when all are known and none is open.
    let all_ended = rows.len() == tracked.len() && !any(End::Open) && !any(End::Undecided);
    if any(End::Unpaid) && (!integrated || all_ended) {
        let how = Breaking::EndedInErp;
        return Some(AgreementAction::Break { how });
    }
    if any(End::Undecided) {
        return None;
    }
    lapsed(agreement, settings, holidays, today).map(|due_on| AgreementAction::Break {
        how: Breaking::Lapsed { due_on },
    })
}

/// The due date that lapsed unpaid, for a non-integrated agreement: the day itself (or the next one on which banks attend) plus the days a payment takes to arrive.
fn lapsed(
    agreement: &Agreement,
    settings: &AgreementSettings,
    holidays: &HolidayRules,
    today: Date,
) -> Option<Date> {
    if agreement.kind == AgreementKind::Integrated {
        return None;
    }
    let due_on = agreement.next_row()?.due_on;
    let last = holidays
        .next_attended_day(due_on)
        .saturating_add(Span::new().days(i64::from(settings.lapse_days)));
    (today > last).then_some(due_on)
}

/// What remains to be paid on a bill, with the payments noted so far: the generated installments, or the originals.
fn tracked(agreement: &Agreement, bill: BillId) -> BTreeMap<InstallmentId, Option<Date>> {
    match &agreement.remake {
        Some(remake) if agreement.kind == AgreementKind::Integrated => remake
            .generated
            .iter()
            .map(|one| (one.installment, one.paid_on))
            .collect(),
        _ => {
            let debts = agreement
                .debts
                .iter()
                .filter(|debt| debt.contract.bill == bill);
            debts.map(|debt| (debt.installment, debt.paid_on)).collect()
        }
    }
}

/// An installment in its latest state: on the contract where it is open, else on the one written last.
fn last_known(held: &HeldBill, id: InstallmentId) -> Option<&Installment> {
    held.installments_with_id(id)
        .max_by_key(|row| (row.is_open(), row.revision))
}

/// How an installment that was to be paid ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    Paid(Date),
    /// Closed without payment: written off, replaced, rescinded, remade, returned.
    Unpaid,
    /// Settled by an unclassified type.
    Undecided,
}

struct PaymentReview<'a> {
    agreement: &'a Agreement,
    bill: BillId,
    /// What was paid on each original since the agreement, as the bill shows it now.
    received: &'a Received,
    classes: &'a SettlementClasses,
}

impl PaymentReview<'_> {
    /// It is paid when money settled it. Where something else contributed, the money must be [`Self::is_enough`].
    fn end_of(&self, row: &Installment) -> End {
        let InstallmentState::Closed { on, .. } = row.state else {
            return End::Open;
        };
        if !row.is_settled() {
            return End::Unpaid;
        }
        let effective = effective_receipts(&row.receipts, self.classes);
        let pays = |receipt: &&&Receipt| self.classes.pays(&receipt.kind);
        let last = effective
            .iter()
            .filter(pays)
            .map(|receipt| receipt.paid_on)
            .max()
            .unwrap_or(on);
        let since = |receipt: &&&Receipt| receipt.paid_on >= self.agreement.created_on;
        let (money, others): (Vec<&&Receipt>, Vec<&&Receipt>) =
            effective.iter().filter(since).partition(pays);
        let (came, received) = (!money.is_empty(), self.money_of(row));
        if (came || !received.is_zero())
            && (others.is_empty() || self.is_enough(row, received, &others))
        {
            End::Paid(last)
        } else if effective
            .iter()
            .any(|receipt| self.classes.of(&receipt.kind).is_none())
        {
            End::Undecided
        } else {
            End::Unpaid
        }
    }

    /// The money received for an installment.
    fn money_of(&self, row: &Installment) -> Cents {
        match self.received.get(&row.id) {
            Some(received) => sum(received),
            None => sum(&received(row, Cents::ZERO, self.classes)),
        }
    }

    /// Whether the money is all that was due, given `others`, settlements that brought none. For an installment of the agreement itself the
    /// creditor decided so by closing it and writing the rest off. On an original a write-off may cover a discount or a debt nobody will pay, so
    /// the money must reach what was agreed for it, or for all of them. The agency's fee is not paid in Sienge.
    fn is_enough(&self, row: &Installment, money: Cents, others: &[&&Receipt]) -> bool {
        if self.agreement.kind == AgreementKind::Integrated {
            return money >= row.original
                || others
                    .iter()
                    .all(|other| self.classes.of(&other.kind).is_some());
        }
        let value =
            |debt: &AgreedDebt| debt.amounts.total - debt.amounts.fee + debt.amounts.fee_discount;
        let debts = &self.agreement.debts;
        let is_of =
            |debt: &&AgreedDebt| debt.contract.bill == self.bill && debt.installment == row.id;
        let all = |of: &dyn Fn(&AgreedDebt) -> Cents| {
            debts.iter().fold(Cents::ZERO, |sum, debt| sum + of(debt))
        };
        let came = |debt: &AgreedDebt| match self.received.get(&debt.installment) {
            Some(received) if debt.contract.bill == self.bill => sum(received),
            _ => sum(&debt.received),
        };
        debts
            .iter()
            .find(is_of)
            .is_some_and(|debt| money >= value(debt))
            || all(&came) >= all(&value)
    }
}

/// Whether the bill still collects an installment of the agreement's remake: after a break, a read of the whole bill returns it.
#[must_use]
pub fn holds_remake(agreement: &Agreement, held: &HeldBill) -> bool {
    let generated = agreement.remake.iter().flat_map(|remake| &remake.generated);
    generated
        .filter_map(|one| last_known(held, one.installment))
        .any(Installment::is_open)
}

/// What keeps an active agreement waiting: settlements of unclassified types on the installments that pay it.
#[must_use]
pub fn unclassified(
    agreement: &Agreement,
    bill: BillId,
    held: &HeldBill,
    classes: &SettlementClasses,
) -> Vec<Critique> {
    if agreement.state != AgreementState::Active {
        return Vec::new();
    }
    let tracked = tracked(agreement, bill);
    let rows = tracked
        .keys()
        .filter_map(|id| last_known(held, *id))
        .filter(|row| row.is_settled());
    let kinds = rows
        .flat_map(|row| effective_receipts(&row.receipts, classes))
        .map(|receipt| &receipt.kind);
    let unknown: BTreeSet<&SettlementKind> =
        kinds.filter(|kind| classes.of(kind).is_none()).collect();
    let critique = |settlement: &SettlementKind| Critique::SettlementNotClassified {
        bill,
        settlement: settlement.clone(),
    };
    unknown.into_iter().map(critique).collect()
}

/// Whether no read has shown the remake yet: an original is still open, or a generated installment is not held.
#[must_use]
pub fn remake_is_unread(agreement: &Agreement, held: &HeldBill) -> bool {
    let Some(remake) = agreement
        .remake
        .as_ref()
        .filter(|_| agreement.state == AgreementState::Active)
    else {
        return false;
    };
    let originals = agreement.originals_of(remake.bill);
    originals
        .iter()
        .filter_map(|id| last_known(held, *id))
        .any(Installment::is_open)
        || remake
            .generated
            .iter()
            .any(|one| last_known(held, one.installment).is_none())
}
