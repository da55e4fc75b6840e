//! Receipts (baixas): what Sienge wrote against an installment.

use serde::{Deserialize, Serialize};

use super::{SettlementClasses, SettlementKind};
use crate::calendar::Date;
use crate::money::Cents;

/// One receipt of an installment.
///
/// Sienge's sources give a receipt no common id. Its identity is what all of them say alike: the date, the type and the
/// net amount; two receipts alike in all three are told apart by their count (receipts form a multiset), so none counts twice
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

/// Receipts that are told (payments, write-offs, and those of a type nobody classified) and that no `Estorno` takes back, by identity.
pub fn effective_receipts<'a>(
    receipts: &'a [Receipt],
    classes: &SettlementClasses,
) -> Vec<&'a Receipt> {
    let mut told = standing_receipts(receipts, classes);
    told.retain(|receipt| classes.is_told(&receipt.kind));
    told.sort_by(|one, other| one.identity().cmp(&other.identity()));
    told
}

/// Receipts no `Estorno` takes back. An `Estorno` takes back the last receipt of its amount not after it; one that names what it takes
/// back takes only that; one without such a receipt says nothing (Sienge removed the receipt it took back).
pub fn standing_receipts<'a>(
    receipts: &'a [Receipt],
    classes: &SettlementClasses,
) -> Vec<&'a Receipt> {
    let (mut reversals, mut standing): (Vec<&Receipt>, Vec<&Receipt>) = receipts
        .iter()
        .partition(|receipt| reverses(receipt, classes));
    // Of one day, what is told before what is not: it is what people reverse.
    standing.sort_by_key(|receipt| {
        (
            receipt.paid_on,
            classes.is_told(&receipt.kind),
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
                    // "Estorno de Recebimento" is said of any receipt, and a name nobody knows may say anything.
                    let any = !reversal.kind.is_reversal()
                        || *kind == SettlementKind::Receipt
                        || classes.of(kind).is_none();
                    let told =
                        |receipt: &&Receipt| any && fits(receipt) && classes.is_told(&receipt.kind);
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
