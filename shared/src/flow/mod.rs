//! Observe, compare, commit: the runs of the functions, over the adapters.
//!
//! Each run only decides what to look at. [`Session::sync_bills`] reads bills and [`Session::sync_seen`] makes the portfolio equal to
//! what was read; both may be repeated at any time, because comparing again yields only what is still missing.

mod adapters;
mod agreements;
mod apply;
pub mod boletos;
mod breaker;
mod command;
mod erase;
mod error;
mod fan_out;
mod history;
mod import;
mod invocation;
mod opening;
pub mod quotes;
mod reading;
mod reconcile;
mod records;
mod redundancy;
mod refusal;
mod repair;
mod report;
mod rows;
mod run;
mod session;
mod summary;
mod sweep;
mod sync;
mod task;
mod windows;
mod withhold;

pub use adapters::Adapters;
pub use agreements::{AgreementError, MAX_ATTEMPTS};
pub use apply::{Delivered, MAX_DELIVERIES, apply_webhooks};
pub use breaker::must_ask;
pub use command::{ApiCall, Command, Function};
pub use erase::erase_customer;
pub use error::FlowError;
pub use fan_out::fan_out;
pub use import::import;
pub use invocation::{Answer, answer, run_command, run_task};
pub use opening::{OpenError, Opened};
pub use reading::{ReadRequest, Reading};
pub use reconcile::reconcile;
pub use redundancy::redundancy;
pub use refusal::Refusal;
pub use repair::{redrive, reprocess};
pub use report::Report;
pub use session::{Session, deadline};
pub use summary::{RunStatus, Summary};
pub use sweep::sweep;
pub use sync::SyncOutcome;
pub use task::{TASK_REQUESTED, Task, TaskName};
