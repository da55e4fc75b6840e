//! The portfolio and the one pure comparison that keeps it equal to Sienge.
//!
//! Nothing here performs I/O or reads a clock. [`compare()`] takes what Sienge says now ([`Observation`]), what we hold
//! ([`HeldBill`]), why we looked ([`Scope`]) and the settings ([`Rules`]), and returns what must change ([`Outcome`]).

mod agreement;
mod compare;
mod contract;
mod customer;
mod ids;
mod installment;
mod observation;
mod receipt;
mod rules;
mod settlement;
mod timeline;

pub use agreement::{
    AgreedAmounts, AgreedDebt, AgreedRemake, AgreedRow, Agreement, AgreementEvent, AgreementId, AgreementKind, AgreementSettings,
    AgreementState, AgreementTold, Breaking, Claim, Claims, DraftError, Generated, MAX_BILLS, MAX_INSTALLMENTS, NewAgreement, NotAllowed,
    Parties, REMAKE_CONDITION, RemakeCondition, RemakeOrder, Start, StateName, Step, Transition, check_held, check_integrated, draft,
    holds_remake, indexer_base, recuperador_payload, remake_is_unread, remake_order, review, transition, unclassified,
};
use compare::effective;
pub use compare::{Action, Change, Outcome, apply, compare, return_installments};
pub use contract::{Contract, ContractKey, ContractState, HeldBill, Opened};
pub use customer::{Address, CreditBureauRecord, Customer, Document, Enterprise, Phone, SalesContract, Spouse, Unit};
pub use ids::{BillId, CreditorId, CustomerId, DocumentType, EnterpriseId, InstallmentId, LARGEST_ID, SalesContractId, TenantId, UnitId};
pub use installment::{Fingerprint, Installment, InstallmentState, Motive};
pub use observation::{Coverage, Observation, ObservedBill, ObservedInstallment, Oddity, Unread};
pub use receipt::Receipt;
pub use rules::{Critique, LeftOut, Rules, Scope};
pub use settlement::{KindName, SettlementClass, SettlementClasses, SettlementKind};
pub use timeline::{EventKind, TimelineEvent};
