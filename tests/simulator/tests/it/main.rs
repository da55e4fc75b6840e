//! The simulator's behaviour, seen through HTTP as a client sees it.
#![allow(clippy::unwrap_used)] // a test that cannot go on says so by panicking

mod bulk;
mod coherence;
mod contract;
mod debit_balance;
mod faults;
mod lists;
mod operations;
mod payment_slips;
mod quotas;
mod restart;
mod support;
mod webhooks;
