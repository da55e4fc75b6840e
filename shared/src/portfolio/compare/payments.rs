//! What the receipts of one installment say compared with those we knew: payments and write-offs that came, and that were taken back.
//!
//! Receipts are a multiset by [`Receipt::identity`]. A receipt and the `Estorno` that takes it back (same net amount) annihilate
//! each other, so what is effective is a function of the receipts alone: telling the difference of two such sets can neither
//! count a payment twice nor lose one, whether Sienge removes a reversed receipt, writes an `Estorno` beside it, or both.

use std::collections::BTreeMap;

use crate::calendar::Date;
use crate::money::Cents;
use crate::portfolio::{ObservedInstallment, Receipt, SettlementClasses, SettlementKind};

/// One receipt that came or was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moved {
    pub receipt: Receipt,
    /// Which of several alike in the same comparison, from zero.
    pub ordinal: usize,
}

/// A receipt with the balances around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
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
    let (before, after) = (effective(before, classes), effective(after, classes));
    Flow {
        reversed: minus(&before, &after),
        paid: minus(&after, &before),
    }
}

/// Whether both hold the same receipts, in any order.
pub(super) fn same(one: &[Receipt], other: &[Receipt]) -> bool {
    counted(one.iter()) == counted(other.iter())
}

/// Whether the receipts say why an installment was settled since: one stands that did not before.
pub(super) fn explain(before: &[Receipt], after: &[Receipt], classes: &SettlementClasses) -> bool {
    !minus(&standing(after, classes), &standing(before, classes)).is_empty()
}

/// Whether more receipts of a kind stand in `after` than in `before`.
pub(super) fn gained(kind: &SettlementKind, before: &[Receipt], after: &[Receipt], classes: &SettlementClasses) -> bool {
    let count = |receipts| standing(receipts, classes).iter().filter(|receipt| receipt.kind == *kind).count();
    count(after) > count(before)
}

/// What bookkeeping receipts took from the balance since.
pub(super) fn moved_elsewhere(before: &[Receipt], after: &[Receipt], classes: &SettlementClasses) -> Cents {
    let sum = |receipts| {
        let standing = standing(receipts, classes).into_iter();
        let bookkeeping = standing.filter(|receipt| !classes.is_told(&receipt.kind));
        bookkeeping.fold(Cents::ZERO, |sum, receipt| sum + weight(receipt))
    };
    sum(after) - sum(before)
}

/// The balance of a row before what is news of it: everything, where it has no history.
pub(super) fn before(history: &[Receipt], flow: &Flow, row: &ObservedInstallment, classes: &SettlementClasses) -> Cents {
    if history.is_empty() {
        return row.original;
    }
    let news = flow.paid.iter().fold(Cents::ZERO, |sum, moved| sum + weight(&moved.receipt));
    (row.balance + news + moved_elsewhere(history, &row.receipts, classes)).min(row.original)
}

/// The receipt that brought the balance to zero: the last one that stands, of one day the largest.
pub(super) fn closing<'a>(receipts: &'a [Receipt], classes: &SettlementClasses) -> Option<&'a Receipt> {
    let standing = standing(receipts, classes).into_iter();
    standing.max_by_key(|receipt| (receipt.paid_on, weight(receipt)))
}

/// Receipts that are told (payments, write-offs, and those of a type nobody classified) and that no `Estorno` takes back, by identity.
pub(in crate::portfolio) fn effective<'a>(receipts: &'a [Receipt], classes: &SettlementClasses) -> Vec<&'a Receipt> {
    let mut told = standing(receipts, classes);
    told.retain(|receipt| classes.is_told(&receipt.kind));
    told.sort_by(|one, other| one.identity().cmp(&other.identity()));
    told
}

/// Receipts no `Estorno` takes back. An `Estorno` takes back the last receipt of its amount not after it; one that names what it takes
/// back takes only that; one without such a receipt says nothing (Sienge removed the receipt it took back).
pub(super) fn standing<'a>(receipts: &'a [Receipt], classes: &SettlementClasses) -> Vec<&'a Receipt> {
    let (mut reversals, mut standing): (Vec<&Receipt>, Vec<&Receipt>) = receipts.iter().partition(|receipt| reverses(receipt, classes));
    // Of one day, what is told before what is not: it is what people reverse.
    standing.sort_by_key(|receipt| (receipt.paid_on, classes.is_told(&receipt.kind), &receipt.kind, receipt.net));
    reversals.sort_by(|one, other| one.identity().cmp(&other.identity()));
    for reversal in reversals {
        let fits = |receipt: &Receipt| receipt.net == reversal.net.abs() && receipt.paid_on <= reversal.paid_on;
        let named = if reversal.kind.is_reversal() {
            reversal.kind.takes_back()
        } else {
            Some(reversal.kind.clone())
        };
        let taken = match &named {
            None => standing.iter().rposition(|receipt| fits(receipt)),
            Some(kind) => standing
                .iter()
                .rposition(|receipt| fits(receipt) && receipt.kind == *kind)
                .or_else(|| {
                    // "Estorno de Recebimento" is said of any receipt, and a name nobody knows may say anything.
                    let any = !reversal.kind.is_reversal() || *kind == SettlementKind::Receipt || classes.of(kind).is_none();
                    let told = |receipt: &&Receipt| any && fits(receipt) && classes.is_told(&receipt.kind);
                    standing.iter().rposition(told)
                }),
        };
        if let Some(index) = taken {
            standing.remove(index);
        }
    }
    standing
}

/// Whether it takes a receipt back: an `Estorno`, or a negative amount of what is told.
fn reverses(receipt: &Receipt, classes: &SettlementClasses) -> bool {
    receipt.kind.is_reversal() || (classes.is_told(&receipt.kind) && receipt.net < Cents::ZERO)
}

fn counted<'a>(receipts: impl Iterator<Item = &'a Receipt>) -> BTreeMap<Identity<'a>, usize> {
    let mut counts = BTreeMap::new();
    for receipt in receipts {
        *counts.entry(receipt.identity()).or_insert(0) += 1;
    }
    counts
}

/// The members of a sorted multiset beyond those of another.
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
/// Sienge gives only the last balance. Those between follow from the gross amounts and never leave the way to the last one, so
/// the amounts amortised sum to the whole reduction. `explained` is false when something else (a remake, a rescission) took the
/// balance away: then the payments amortise only what they paid.
pub(super) fn walk(flow: Flow, before: Cents, observed: Cents, explained: bool) -> (Vec<Step>, Vec<Step>) {
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
        reversed.push(Step {
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
        paid.push(Step {
            moved,
            amortised: balance - next,
            balance: next,
        });
        balance = next;
    }
    (reversed, paid)
}

/// What a receipt took from the balance, as far as it says.
pub(super) fn weight(receipt: &Receipt) -> Cents {
    if receipt.gross > Cents::ZERO { receipt.gross } else { receipt.net }
}
