//! The portfolio and the one pure comparison that keeps it equal to Sienge.
//!
//! Nothing here performs I/O or reads a clock. [`compare()`] takes what Sienge says now ([`Observation`]), what we hold
//! ([`HeldBill`]), why the bill was read ([`Scope`]) and what the settings allow ([`Policy`]), and returns what must change ([`Outcome`]).

mod change;
mod claims;
mod compare;
mod contract;
mod critique;
mod customer;
mod held;
mod installment;
mod observation;
mod policy;
mod receipt;
mod settlement;
mod timeline;

pub use change::{Action, Change};
pub use claims::{Claim, Claims};
pub use compare::{Next, Outcome, apply, compare, return_installments};
pub use contract::{Contract, ContractKey, ContractState, OpeningSnapshot};
pub use critique::Critique;
pub use customer::{
    Address, CreditBureauRecord, Customer, Document, Enterprise, Phone, SalesContract, Spouse, Unit,
};
pub use held::HeldBill;
pub use installment::{Fingerprint, Installment, InstallmentState, ReturnReason};
pub use observation::{
    Coverage, Observation, ObservedBill, ObservedInstallment, Oddity, UnreadInstallment,
};
pub use policy::{CreditorPolicy, LeftOut, Policy, Scope};
pub use receipt::{Receipt, effective_receipts, standing_receipts};
pub use settlement::{KindName, SettlementClass, SettlementClasses, SettlementKind};
pub use timeline::{AgreementChange, AgreementEvent, Breaking, EventKind, TimelineEvent};
