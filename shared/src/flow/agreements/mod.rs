//! Agreements: saved, confirmed, broken, cancelled, made in Sienge and watched.
//!
//! Every step is [`transition`] over the agreement as stored, written with its claims and events in one transaction that is conditional on what was
//! read; so each may be repeated, and of two at once one begins again. `docs/agreements.md` says what happens when a process dies between two of
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
