//! Receipts (baixas): what Sienge wrote against an installment.

use serde::{Deserialize, Serialize};

use super::SettlementKind;
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
