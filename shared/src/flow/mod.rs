//! The work of the functions, over the adapters: what to read, in which order, until when.
//!
//! Each use case only decides what to read; [`crate::sync`] makes the portfolio equal to it.

mod adapters;
mod agreements;
mod all_records;
mod apply;
pub mod boletos;
mod changes;
mod command;
mod credentials;
mod due_window;
mod erase;
mod erp;
mod fan_out;
mod history;
mod import;
mod invocation;
mod opening;
pub mod outbox;
mod portfolio;
pub mod quotes;
mod reconcile;
mod records;
mod redundancy;
mod repair;
mod run;
mod run_context;
mod run_ports;
pub mod runs;
mod session;
pub mod stuck;
mod summary;
mod sweep;
mod task;
mod tenant_batch;
mod turns;

pub use crate::refusal::Refusal;
pub use crate::sync::{FlowError, Report, SyncOutcome};
pub use adapters::Adapters;
pub use agreements::{AgreementError, MAX_ATTEMPTS};
pub use all_records::AllRecords;
pub use apply::apply_webhooks;
pub use command::{ApiCall, Command, Function};
pub use erase::erase_customer;
pub use fan_out::fan_out;
pub use invocation::{CommandAnswer, answer, run_command, run_task};
pub use opening::{OpenError, OpenedBill};
pub use repair::{redrive, reprocess};
pub use run_context::RunContext;
pub use run_ports::{Journal, Outbox, RunRecords, RunStore};
pub use session::{Session, deadline, import, reconcile, redundancy};
pub use summary::{RunStatus, Summary};
pub use sweep::{SweepLimits, sweep};
pub use task::{TASK_REQUESTED, Task, TaskName};
pub use tenant_batch::{Delivered, MAX_DELIVERIES, TenantBatch};
