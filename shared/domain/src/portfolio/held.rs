//! Everything that is held of one bill.

use std::collections::BTreeMap;

use super::{Change, Claims, Installment, TimelineEvent};
use crate::calendar::Timestamp;
use crate::ids::InstallmentId;
use crate::portfolio::{Contract, ContractKey, ContractState};

/// Everything we hold of one bill: one partition of the portfolio table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldBill {
    /// Version of the partition; zero when nothing is held. Every commit is conditional on it.
    pub version: u64,
    /// When it was last committed.
    pub changed_at: Option<Timestamp>,
    /// The newest read of the whole bill that a commit stands on began then: what Sienge had told before is in here.
    pub read_at: Option<Timestamp>,
    /// Contracts by key; usually one, two after an assignment of rights.
    pub contracts: BTreeMap<ContractKey, Contract>,
    /// Installments by contract and id.
    pub installments: BTreeMap<(ContractKey, InstallmentId), Installment>,
    /// Events of a change set whose later slices were not committed yet: they are told by the slice that completes it.
    pub pending_events: Vec<TimelineEvent>,
    /// Which of its installments belong to living agreements.
    pub claims: Claims,
}

impl HeldBill {
    /// Whether an installment is held, open or not, under the customer it belongs to now.
    #[must_use]
    pub fn holds(&self, id: InstallmentId) -> bool {
        let is_left = |key| {
            matches!(
                self.contracts.get(key).map(|contract| contract.state),
                Some(ContractState::Assigned { .. })
            )
        };
        self.installments
            .keys()
            .any(|(contract, held)| *held == id && !is_left(contract))
    }

    /// The bill as it is once the changes are committed.
    pub fn apply(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Contract(contract) => drop(
                    self.contracts
                        .insert(contract.key.clone(), contract.clone()),
                ),
                Change::Installment(_, installment) => {
                    let key = (installment.contract.clone(), installment.id);
                    self.installments.insert(key, installment.clone());
                }
            }
        }
        self.version += u64::from(!changes.is_empty());
    }
}
