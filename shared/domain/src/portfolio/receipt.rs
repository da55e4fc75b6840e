//! Receipts (baixas): what Sienge books against an installment.

use serde::{Deserialize, Serialize};

use super::{SettlementClasses, SettlementKind};
use crate::calendar::Date;
use crate::money::Cents;

/// One receipt of an installment.
///
/// Sienge's sources share no id for a receipt. Its identity is what all of them agree on: the date, the type and the
/// net amount; receipts equal in all three are counted (receipts form a multiset), so none counts twice
/// and none is lost. The gross amount and the additions are informative.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// Day of the payment.
    pub paid_on: Date,
    /// The settlement type.
    pub kind: SettlementKind,
    /// Net amount received, in reais.
    pub net: Cents,
    /// Gross amount of the receipt, in reais.
    pub gross: Cents,
}

impl Receipt {
    /// What identifies the receipt among those of its installment.
    #[must_use]
    pub fn identity(&self) -> (Date, &SettlementKind, Cents) {
        (self.paid_on, &self.kind, self.net)
    }
}

/// Receipts to report (payments, write-offs, and those of unclassified types) that no `Estorno` reverses, by identity.
pub fn effective_receipts<'a>(
    receipts: &'a [Receipt],
    classes: &SettlementClasses,
) -> Vec<&'a Receipt> {
    let mut reported = standing_receipts(receipts, classes);
    reported.retain(|receipt| classes.is_reported(&receipt.kind));
    reported.sort_by(|one, other| one.identity().cmp(&other.identity()));
    reported
}

/// Receipts that no `Estorno` reverses. An `Estorno` reverses the last receipt of its amount up to its own date; if it names a
/// type, only a receipt of that type; without such a receipt it has no effect (Sienge removed the receipt it reversed).
pub fn standing_receipts<'a>(
    receipts: &'a [Receipt],
    classes: &SettlementClasses,
) -> Vec<&'a Receipt> {
    let (mut reversals, mut standing): (Vec<&Receipt>, Vec<&Receipt>) = receipts
        .iter()
        .partition(|receipt| reverses(receipt, classes));
    // Within a day, reported receipts before the others: those are what people reverse.
    standing.sort_by_key(|receipt| {
        (
            receipt.paid_on,
            classes.is_reported(&receipt.kind),
            &receipt.kind,
            receipt.net,
        )
    });
    reversals.sort_by(|one, other| one.identity().cmp(&other.identity()));
    for reversal in reversals {
        let fits = |receipt: &Receipt| {
            receipt.net == reversal.net.abs() && receipt.paid_on <= reversal.paid_on
        };
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
                    // "Estorno de Recebimento" is used for any receipt, and an unknown name may mean anything.
                    let any = !reversal.kind.is_reversal()
                        || *kind == SettlementKind::Receipt
                        || classes.of(kind).is_none();
                    let reported = |receipt: &&Receipt| {
                        any && fits(receipt) && classes.is_reported(&receipt.kind)
                    };
                    standing.iter().rposition(reported)
                }),
        };
        if let Some(index) = taken {
            standing.remove(index);
        }
    }
    standing
}

/// Whether it reverses a receipt: an `Estorno`, or a negative amount of a reported type.
fn reverses(receipt: &Receipt, classes: &SettlementClasses) -> bool {
    receipt.kind.is_reversal() || (classes.is_reported(&receipt.kind) && receipt.net < Cents::ZERO)
}
