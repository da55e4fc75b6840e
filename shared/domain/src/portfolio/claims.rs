//! Which installments of a bill belong to living agreements. Stored beside the bill, so that loading it brings them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::calendar::Date;
use crate::ids::{AgreementId, InstallmentId};

/// The claims on one bill.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Claims {
    /// Grows by one with every write; zero when never written. Every write is conditional on it: of two agreements that want the same
    /// installment at once, one finds the other's claim.
    pub version: u64,
    /// The claims of living agreements.
    pub live: Vec<Claim>,
}

/// What one agreement claims on a bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// The agreement.
    pub agreement: AgreementId,
    /// Date of the remake, for an integrated agreement: a receipt "Reparcelamento" of this date on all its installments is ours.
    pub remade_on: Option<Date>,
    /// The original installments.
    pub installments: BTreeSet<InstallmentId>,
    /// The installments that Sienge generated for it.
    pub generated: BTreeSet<InstallmentId>,
}

impl Claim {
    /// Whether it holds an installment.
    #[must_use]
    pub fn holds(&self, installment: InstallmentId) -> bool {
        self.installments.contains(&installment) || self.generated.contains(&installment)
    }
}

impl Claims {
    /// Who claims an installment.
    #[must_use]
    pub fn owner(&self, installment: InstallmentId) -> Option<&AgreementId> {
        self.live
            .iter()
            .find(|claim| claim.holds(installment))
            .map(|claim| &claim.agreement)
    }

    /// The integrated agreement that lives on the bill.
    #[must_use]
    pub fn integrated(&self) -> Option<&AgreementId> {
        self.live
            .iter()
            .find(|claim| claim.remade_on.is_some())
            .map(|claim| &claim.agreement)
    }
}
