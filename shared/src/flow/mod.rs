//! The runs of the functions, over the adapters: what to look at, in which order, until when.
//!
//! Each only decides what to look at; [`crate::sync`] makes the portfolio equal to it.

mod adapters;
mod agreements;
mod apply;
pub mod boletos;
mod erase;
mod erp;
mod fan_out;
mod history;
mod import;
mod invocation;
mod opening;
mod outbox;
mod portfolio;
pub mod quotes;
mod reconcile;
mod records;
mod redundancy;
mod repair;
mod run;
mod session;
mod summary;
mod sweep;
mod task;

pub use crate::sync::{FlowError, Report, SyncOutcome};
pub use adapters::Adapters;
pub use agreements::{AgreementError, MAX_ATTEMPTS};
pub use apply::{Delivered, MAX_DELIVERIES, apply_webhooks};
pub use erase::erase_customer;
pub use fan_out::fan_out;
pub use import::import;
pub use invocation::{read_command, run_event, run_task};
pub use opening::{OpenError, Opened};
pub use reconcile::reconcile;
pub use redundancy::redundancy;
pub use repair::{redrive, reprocess};
pub use session::{Session, deadline};
pub use summary::{RunStatus, Summary};
pub use sweep::sweep;
pub use task::{Command, InvalidCommand, TASK_REQUESTED, Task, TaskName};
