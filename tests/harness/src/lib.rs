//! The functions run in one process, for tests: an embedded DynamoDB reached through the real SDK, the Sienge simulator, and
//! the queue, the bus and the secrets in memory. Everything can be made to fail on demand.

#![recursion_limit = "256"]
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    clippy::needless_pass_by_value,
    reason = "only tests use it: a failure is to be seen where it happens"
)]

pub mod agreements;
mod answers;
pub mod crash;
pub mod database;
pub mod fakes;
pub mod permissions;
pub mod rig;
mod tables;
mod template;
pub mod tenants;

pub use answers::{count, refused};
pub use fakes::{MemoryBus, MemoryInbox, MemorySecrets};
pub use rig::{Rig, World};
