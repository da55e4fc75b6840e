//! The observation as the comparison reads it: each installment once.

use std::collections::BTreeMap;

use crate::calendar::Date;
use crate::ids::{BillId, InstallmentId};
use crate::portfolio::{
    Coverage, Installment, Observation, ObservedBill, ObservedInstallment, Oddity, OpeningSnapshot,
    Policy, SettlementClasses, UnreadInstallment,
};

use super::payments;

/// An observation by installment.
pub(super) struct View<'a> {
    pub bill: BillId,
    pub header: Option<&'a ObservedBill>,
    pub installments: BTreeMap<InstallmentId, &'a ObservedInstallment>,
    pub unread: &'a BTreeMap<InstallmentId, UnreadInstallment>,
    pub gap: Option<Oddity>,
    pub boletos: &'a BTreeMap<InstallmentId, bool>,
    pub coverage: Coverage,
}

impl<'a> View<'a> {
    /// When an installment occurs twice, the last row wins.
    pub fn of(seen: &'a Observation) -> Self {
        Self {
            bill: seen.bill,
            header: seen.header.as_ref(),
            installments: seen.installments.iter().map(|row| (row.id, row)).collect(),
            unread: &seen.unread,
            gap: seen.gap,
            boletos: &seen.boletos,
            coverage: seen.coverage,
        }
    }

    /// Whether nothing at all is shown of it.
    pub fn is_empty(&self) -> bool {
        self.installments.is_empty() && self.unread.is_empty()
    }

    /// Whether it shows the installment, readable or not.
    pub fn shows(&self, id: InstallmentId) -> bool {
        self.installments.contains_key(&id) || self.unread.contains_key(&id)
    }

    /// Whether everything Sienge has of the bill was read.
    pub fn is_whole(&self) -> bool {
        self.coverage.is_whole()
    }

    /// Whether a contract that it opens has all its open installments.
    pub fn may_open(&self) -> bool {
        self.coverage != Coverage::Rows
    }

    /// Whether this view alone would remove a held open installment: a read of the whole bill does not show it, or shows it
    /// with nothing open and no new receipt to explain why. Only a second read confirms that.
    pub fn leaves_in_question(&self, held: &Installment, classes: &SettlementClasses) -> bool {
        if !held.is_open() || self.coverage == Coverage::WholeConfirmed {
            return false;
        }
        match self.installments.get(&held.id) {
            None => self.coverage == Coverage::WholeOnce && !self.shows(held.id),
            Some(row) => {
                row.balance.is_zero() && !payments::explain(&held.receipts, &row.receipts, classes)
            }
        }
    }

    /// The snapshot of a contract that this view opens.
    pub fn opened(&self, on: Date) -> Option<OpeningSnapshot> {
        let (last, _) = self.installments.last_key_value()?;
        Some(OpeningSnapshot { on, last: *last })
    }

    /// Whether it shows an open installment that the settings do not leave out.
    pub fn shows_something_to_collect(&self, policy: &Policy<'_>) -> bool {
        self.installments
            .values()
            .any(|row| !row.balance.is_zero() && !policy.ignores_installment(row))
    }
}
