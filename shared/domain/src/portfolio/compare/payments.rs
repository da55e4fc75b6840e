//! The receipts of one installment against those we knew: new payments and write-offs, and reversed ones.
//!
//! Receipts are a multiset by [`Receipt::identity`]. A receipt and the `Estorno` that takes it back (same net amount) cancel
//! out, so the effective receipts are a function of the receipts alone: the difference of two such sets neither
//! counts a payment twice nor loses one, whether Sienge removes a reversed receipt, writes an `Estorno` beside it, or both.

use std::collections::BTreeMap;

use crate::calendar::Date;
use crate::money::Cents;
use crate::portfolio::{
    ObservedInstallment, Receipt, SettlementClasses, SettlementKind, effective_receipts,
    standing_receipts,
};

/// One receipt that is new or was reversed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moved {
    pub receipt: Receipt,
    /// Its index among equal receipts in the same comparison, from zero.
    pub ordinal: usize,
}

/// A receipt with what it amortised and the balance after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PaymentStep {
    pub moved: Moved,
    pub amortised: Cents,
    pub balance: Cents,
}

/// What changed among the effective receipts, by date.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Flow {
    pub reversed: Vec<Moved>,
    pub paid: Vec<Moved>,
}

type Identity<'a> = (Date, &'a SettlementKind, Cents);

/// The difference between the receipts effective before and after.
pub(super) fn flow(before: &[Receipt], after: &[Receipt], classes: &SettlementClasses) -> Flow {
    let (before, after) = (
        effective_receipts(before, classes),
        effective_receipts(after, classes),
    );
    Flow {
        reversed: minus(&before, &after),
        paid: minus(&after, &before),
    }
}

/// Whether both hold the same receipts, in any order.
pub(super) fn same(one: &[Receipt], other: &[Receipt]) -> bool {
    counted(one.iter()) == counted(other.iter())
}

/// Whether the receipts explain a new settlement: one stands that did not before.
pub(super) fn explain(before: &[Receipt], after: &[Receipt], classes: &SettlementClasses) -> bool {
    !minus(
        &standing_receipts(after, classes),
        &standing_receipts(before, classes),
    )
    .is_empty()
}

/// Whether more receipts of a kind stand in `after` than in `before`.
pub(super) fn gained(
    kind: &SettlementKind,
    before: &[Receipt],
    after: &[Receipt],
    classes: &SettlementClasses,
) -> bool {
    let count = |receipts| {
        standing_receipts(receipts, classes)
            .iter()
            .filter(|receipt| receipt.kind == *kind)
            .count()
    };
    count(after) > count(before)
}

/// What new bookkeeping receipts took from the balance.
pub(super) fn moved_elsewhere(
    before: &[Receipt],
    after: &[Receipt],
    classes: &SettlementClasses,
) -> Cents {
    let sum = |receipts| {
        let standing = standing_receipts(receipts, classes).into_iter();
        let bookkeeping = standing.filter(|receipt| !classes.is_reported(&receipt.kind));
        bookkeeping.fold(Cents::ZERO, |sum, receipt| sum + weight(receipt))
    };
    sum(after) - sum(before)
}

/// The balance of a row before its news: all of it, where it has no history.
pub(super) fn before(
    history: &[Receipt],
    flow: &Flow,
    row: &ObservedInstallment,
    classes: &SettlementClasses,
) -> Cents {
    if history.is_empty() {
        return row.original;
    }
    let news = flow
        .paid
        .iter()
        .fold(Cents::ZERO, |sum, moved| sum + weight(&moved.receipt));
    (row.balance + news + moved_elsewhere(history, &row.receipts, classes)).min(row.original)
}

/// The receipt that brought the balance to zero: the last one standing, or the largest of that day.
pub(super) fn closing<'a>(
    receipts: &'a [Receipt],
    classes: &SettlementClasses,
) -> Option<&'a Receipt> {
    let standing = standing_receipts(receipts, classes).into_iter();
    standing.max_by_key(|receipt| (receipt.paid_on, weight(receipt)))
}

fn counted<'a>(receipts: impl Iterator<Item = &'a Receipt>) -> BTreeMap<Identity<'a>, usize> {
    let mut counts = BTreeMap::new();
    for receipt in receipts {
        *counts.entry(receipt.identity()).or_insert(0) += 1;
    }
    counts
}

/// The members of a sorted multiset that another lacks.
fn minus(all: &[&Receipt], known: &[&Receipt]) -> Vec<Moved> {
    let mut left = counted(known.iter().copied());
    let mut ordinals: BTreeMap<Identity<'_>, usize> = BTreeMap::new();
    let mut beyond = Vec::new();
    for receipt in all {
        match left.get_mut(&receipt.identity()) {
            Some(count) if *count > 0 => *count -= 1,
            _ => {
                let next = ordinals.entry(receipt.identity()).or_insert(0);
                beyond.push(Moved {
                    receipt: (*receipt).clone(),
                    ordinal: *next,
                });
                *next += 1;
            }
        }
    }
    beyond
}

/// The balance after each reversal and each payment, from the balance held to the balance observed.
///
/// Sienge gives only the last balance. Those between follow from the gross amounts and stay within the range up to the last one, so
/// the amounts amortised sum to the whole reduction. `explained` is false when something else (a remake, a rescission) took the
/// balance away: then the payments amortise only what they paid.
pub(super) fn walk(
    flow: Flow,
    before: Cents,
    observed: Cents,
    explained: bool,
) -> (Vec<PaymentStep>, Vec<PaymentStep>) {
    let mut balance = before;
    let (reversals, payments) = (flow.reversed.len(), flow.paid.len());
    let mut reversed = Vec::with_capacity(reversals);
    for (index, moved) in flow.reversed.into_iter().enumerate() {
        let last = explained && payments == 0 && index + 1 == reversals;
        let next = if last {
            observed
        } else {
            (balance + weight(&moved.receipt)).min(Cents::MAX)
        };
        reversed.push(PaymentStep {
            moved,
            amortised: balance - next,
            balance: next,
        });
        balance = next;
    }
    let floor = if explained { observed } else { Cents::ZERO };
    balance = balance.max(floor);
    let mut paid = Vec::with_capacity(payments);
    for (index, moved) in flow.paid.into_iter().enumerate() {
        let last = explained && index + 1 == payments;
        let next = if last {
            observed
        } else {
            (balance - weight(&moved.receipt)).max(floor)
        };
        paid.push(PaymentStep {
            moved,
            amortised: balance - next,
            balance: next,
        });
        balance = next;
    }
    (reversed, paid)
}

/// What a receipt took from the balance, as far as it is stated.
pub(super) fn weight(receipt: &Receipt) -> Cents {
    if receipt.gross > Cents::ZERO {
        receipt.gross
    } else {
        receipt.net
    }
}
