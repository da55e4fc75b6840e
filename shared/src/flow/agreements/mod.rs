//! Agreements: saving, confirming, breaking, cancelling, making them in Sienge, and watching them.
//!
//! Every step is a [`transition`] of the stored agreement, written with its claims and events in one transaction that is conditional on what was
//! read. So each step may be repeated, and of two concurrent ones, one starts over. `docs/agreements.md` says what happens when a process dies between two of
//! them.

mod book;
mod commands;
mod erp;
mod error;
mod process_due;
mod remakes;
mod review;
mod save;
mod take;

pub(super) use book::Agreements;
pub use erp::MAX_ATTEMPTS;
pub use error::AgreementError;
pub use process_due::sweep;
