//! The Sienge client: one file per resource over one transport.
//!
//! - [`Client`] calls within the shared [`Quota`], repeats what may be repeated, and writes every call to the [`CallLog`].
//! - Lists and bulk answers are streams of rows ([`Rows`]) whose first error is their last item.
//! - [`Client::observe_each`] turns either source into the same [`crate::portfolio::Observation`].

mod async_bulk;
mod bulk;
mod bulk_group;
mod bulk_income;
mod call;
mod choice;
mod client;
mod companies;
mod cost_centers;
mod credentials;
mod current_debit_balance;
mod customer_statement;
mod customers;
mod defaulters;
mod document_identifications;
mod due_date;
mod elements;
mod enterprises;
mod error;
mod error_body;
mod extract_history;
mod facts;
mod hooks;
mod indexers;
mod lenient;
mod note;
mod observe;
mod pages;
mod payment_condition_types;
mod payment_slips;
mod ports;
mod receivable_bills;
mod remade_installments;
mod sales_contracts;
mod split;
mod transport;
mod units;

pub use async_bulk::{AsyncJob, AsyncStatus};
pub use bulk_income::{
    IncomeReceipt, IncomeRow, IncomeSelection, IncomeWindow, PaymentTerm, ReceiptCategory,
};
pub use choice::{BILLS_PER_CALL, BillRead, ReadPlan, Source, choose_other, choose_source};
pub use client::{Client, ClientConfig, Retry, Timeouts, http_client};
pub use companies::Company;
pub use cost_centers::CostCenter;
pub use credentials::{CredentialSource, Credentials, Secret};
pub use current_debit_balance::{DebitBalance, DebitInstallment};
pub use customer_statement::{StatementBill, StatementInstallment, StatementReceipt};
pub use customers::{Address, Customer, CustomerFilter, Phone, Spouse};
pub use defaulters::{DefaulterInstallment, DefaulterRow};
pub use document_identifications::DocumentIdentification;
pub use due_date::DueDateChange;
pub use enterprises::Enterprise;
pub use error::{Remedy, SiengeError};
pub use extract_history::{
    BillBoletos, ExtractHistoryInstallment, ExtractHistoryRow, ExtractHistoryWindow, Reference,
};
pub use facts::{OddRow, Shown, group, income_facts, rest_facts};
pub use hooks::Hook;
pub use indexers::{Indexer, IndexerValue};
pub use lenient::Personal;
pub use observe::BillAnswer;
pub use pages::Rows;
pub use payment_condition_types::PaymentConditionType;
pub use payment_slips::{PaymentSlip, SlipAnswer, SlipEmail};
pub use ports::{CallLog, CallRecord, Lane, Priority, Quota, QuotaRefusal, Remaining};
pub use receivable_bills::{BillInstallment, ReceivableBill};
pub use remade_installments::{RemadeFilter, RemadeInstallments};
pub use sales_contracts::{
    ContractCustomer, ContractUnit, PaymentCondition, SalesContract, SalesContractFilter,
};
pub use split::{ROW_LIMIT_BYTES, RowSplitter, SplitError};
pub use units::Unit;
