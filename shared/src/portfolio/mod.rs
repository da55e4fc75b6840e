//! The portfolio and the one pure comparison that keeps it equal to Sienge.
//!
//! Nothing here performs I/O or reads a clock. [`compare()`] takes what Sienge says now ([`Observation`]), what we hold
//! ([`HeldBill`]), why we looked ([`Scope`]) and the settings ([`Rules`]), and returns what must change ([`Outcome`]).

mod compare;
mod contract;
mod customer;
mod ids;
mod installment;
mod observation;
mod receipt;
mod rules;
mod timeline;

pub use compare::{Action, Change, Outcome, apply, compare};
pub use contract::{Contract, ContractKey, ContractState, HeldBill};
pub use customer::{Address, CreditBureauRecord, Customer, Document, Enterprise, Phone, SalesContract, Spouse, Unit};
pub use ids::{BillId, CreditorId, CustomerId, DocumentType, EnterpriseId, InstallmentId, SalesContractId, TenantId, UnitId};
pub use installment::{Fingerprint, Installment, InstallmentState, Motive};
pub use observation::{Coverage, Observation, ObservedBill, ObservedInstallment};
pub use receipt::{Receipt, SettlementKind};
pub use rules::{Critique, Rules, Scope};
pub use timeline::{EventKind, TimelineEvent};
