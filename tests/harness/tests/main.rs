//! The five functions against the simulator, in one process.

#![recursion_limit = "256"]
#![allow(clippy::unwrap_used)]

mod bus;
mod customers;
mod events;
mod main_job;
mod permissions;
mod poison;
mod quotas;
mod rules;
mod runs;
mod safety;
mod unmatched;
#[path = "webhook.rs"]
mod webhook_answers;
