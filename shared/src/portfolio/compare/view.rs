//! The observation as the comparison reads it: each installment once.

use std::collections::BTreeMap;

use crate::portfolio::{BillId, Coverage, InstallmentId, Observation, ObservedBill, ObservedInstallment, Rules};

/// An observation by installment.
pub(super) struct View<'a> {
    pub bill: BillId,
    pub header: Option<&'a ObservedBill>,
    pub installments: BTreeMap<InstallmentId, &'a ObservedInstallment>,
    pub boletos: &'a BTreeMap<InstallmentId, bool>,
    pub coverage: Coverage,
}

impl<'a> View<'a> {
    /// When an installment is told twice, the row told last wins.
    pub fn of(seen: &'a Observation) -> Self {
        Self {
            bill: seen.bill,
            header: seen.header.as_ref(),
            installments: seen.installments.iter().map(|row| (row.id, row)).collect(),
            boletos: &seen.boletos,
            coverage: seen.coverage,
        }
    }

    /// Whether everything Sienge has of the bill was read.
    pub fn is_whole(&self) -> bool {
        self.coverage != Coverage::Rows
    }

    /// Whether it shows an open installment that the settings do not leave out.
    pub fn shows_something_to_collect(&self, rules: &Rules<'_>) -> bool {
        self.installments
            .values()
            .any(|row| !row.balance.is_zero() && !rules.ignores_installment(row))
    }
}
