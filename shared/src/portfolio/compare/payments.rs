//! What the receipts of one installment say compared with those we knew: payments that came, payments that were taken back.
//!
//! Receipts are a multiset by [`Receipt::identity`]. A payment and the `Estorno` that takes it back (same net amount) annihilate
//! each other, so what is effective is a function of the receipts alone: telling the difference of two such sets can neither
//! count a payment twice nor lose one, whether Sienge removes a reversed receipt, writes an `Estorno` beside it, or both.

use std::collections::BTreeMap;

use crate::calendar::Date;
use crate::money::Cents;
use crate::portfolio::{Receipt, SettlementKind};

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

/// What changed among the effective payments, by date.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Flow {
    pub reversed: Vec<Moved>,
    pub paid: Vec<Moved>,
}

type Identity<'a> = (Date, &'a SettlementKind, Cents);

/// The difference between the payments effective before and after.
pub(super) fn flow(before: &[Receipt], after: &[Receipt]) -> Flow {
    let (before, after) = (effective(before), effective(after));
    Flow {
        reversed: minus(&before, &after),
        paid: minus(&after, &before),
    }
}

/// Whether both hold the same receipts, in any order.
pub(super) fn same(one: &[Receipt], other: &[Receipt]) -> bool {
    counted(one.iter()) == counted(other.iter())
}

/// Whether `after` has more receipts of a kind than `before`.
pub(super) fn gained(kind: &SettlementKind, before: &[Receipt], after: &[Receipt]) -> bool {
    let count = |receipts: &[Receipt]| receipts.iter().filter(|receipt| receipt.kind == *kind).count();
    count(after) > count(before)
}

/// Payments no `Estorno` takes back, by identity. An `Estorno` takes back the last payment of its amount not after it; one
/// without such a payment says nothing (Sienge removed the receipt it took back).
pub(in crate::portfolio) fn effective(receipts: &[Receipt]) -> Vec<&Receipt> {
    let mut payments: Vec<&Receipt> = receipts.iter().filter(|receipt| is_payment(receipt)).collect();
    payments.sort_by(|one, other| one.identity().cmp(&other.identity()));
    let mut reversals: Vec<&Receipt> = receipts.iter().filter(|receipt| is_reversal(receipt)).collect();
    reversals.sort_by(|one, other| one.identity().cmp(&other.identity()));
    for reversal in reversals {
        let taken = payments
            .iter()
            .rposition(|payment| payment.net == reversal.net.abs() && payment.paid_on <= reversal.paid_on);
        if let Some(index) = taken {
            payments.remove(index);
        }
    }
    payments
}

fn is_reversal(receipt: &Receipt) -> bool {
    receipt.kind == SettlementKind::Reversal || (receipt.kind.is_payment() && receipt.net < Cents::ZERO)
}

fn is_payment(receipt: &Receipt) -> bool {
    receipt.kind.is_payment() && !is_reversal(receipt)
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

fn weight(receipt: &Receipt) -> Cents {
    if receipt.gross > Cents::ZERO { receipt.gross } else { receipt.net }
}
