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
    /// When the newest committed read of the whole bill began: it includes all earlier news.
    pub read_at: Option<Timestamp>,
    /// Usually one contract, two after an assignment of rights.
    contracts: BTreeMap<ContractKey, HeldContract>,
    /// Events of a change set whose later slices were not committed yet: the slice that completes it writes them.
    pub pending_events: Vec<TimelineEvent>,
    /// Which of its installments belong to living agreements.
    pub claims: Claims,
}

/// What is held under a contract's key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct HeldContract {
    /// None when only installments were found: they count all the same.
    contract: Option<Contract>,
    installments: BTreeMap<InstallmentId, Installment>,
}

impl HeldBill {
    /// A bill of version 0 with these contracts and installments.
    #[must_use]
    pub fn of(
        contracts: impl IntoIterator<Item = Contract>,
        installments: impl IntoIterator<Item = Installment>,
    ) -> Self {
        let mut held = Self::default();
        for contract in contracts {
            held.put_contract(contract);
        }
        for installment in installments {
            held.put_installment(installment);
        }
        held
    }

    /// Whether a contract is held.
    #[must_use]
    pub fn has_contracts(&self) -> bool {
        self.contracts().next().is_some()
    }

    /// The contracts by key.
    pub fn contracts(&self) -> impl DoubleEndedIterator<Item = &Contract> {
        self.contracts
            .values()
            .filter_map(|held| held.contract.as_ref())
    }

    /// The contract of a key.
    #[must_use]
    pub fn contract(&self, key: &ContractKey) -> Option<&Contract> {
        self.contracts.get(key)?.contract.as_ref()
    }

    /// The installments of all contracts, by contract and id.
    pub fn installments(&self) -> impl DoubleEndedIterator<Item = &Installment> + Clone {
        self.contracts
            .values()
            .flat_map(|held| held.installments.values())
    }

    /// The installments of a contract by id.
    pub fn installments_of<'a>(
        &'a self,
        contract: &ContractKey,
    ) -> impl DoubleEndedIterator<Item = &'a Installment> + Clone + use<'a> {
        let held = self.contracts.get(contract);
        held.into_iter().flat_map(|held| held.installments.values())
    }

    /// The installments of an id by contract: after an assignment of rights two contracts have them.
    pub fn installments_with_id(
        &self,
        id: InstallmentId,
    ) -> impl DoubleEndedIterator<Item = &Installment> + Clone {
        self.contracts
            .values()
            .filter_map(move |held| held.installments.get(&id))
    }

    /// One installment of a contract.
    #[must_use]
    pub fn installment(&self, contract: &ContractKey, id: InstallmentId) -> Option<&Installment> {
        self.contracts.get(contract)?.installments.get(&id)
    }

    /// Whether an installment is held, open or not, under the customer it belongs to now.
    #[must_use]
    pub fn holds(&self, id: InstallmentId) -> bool {
        let is_left = |held: &HeldContract| {
            let contract = held.contract.as_ref();
            contract.is_some_and(|held| matches!(held.state, ContractState::Assigned { .. }))
        };
        self.contracts
            .values()
            .any(|held| held.installments.contains_key(&id) && !is_left(held))
    }

    /// Inserts or replaces a contract.
    pub fn put_contract(&mut self, contract: Contract) {
        let held = self.contracts.entry(contract.key.clone()).or_default();
        held.contract = Some(contract);
    }

    /// Inserts or replaces an installment.
    pub fn put_installment(&mut self, installment: Installment) {
        let contract = installment.contract.clone();
        let held = self.contracts.entry(contract).or_default();
        held.installments.insert(installment.id, installment);
    }

    /// The bill as it is once the changes are committed.
    pub fn apply(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Contract(contract) => self.put_contract(contract.clone()),
                Change::Installment(_, installment) => self.put_installment(installment.clone()),
            }
        }
        self.version += u64::from(!changes.is_empty());
    }

    #[cfg(test)]
    pub(crate) fn installments_mut(&mut self) -> impl Iterator<Item = &mut Installment> {
        self.contracts
            .values_mut()
            .flat_map(|held| held.installments.values_mut())
    }
}
