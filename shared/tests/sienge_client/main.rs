//! The Sienge client against a loopback server that answers what each test scripts. All data is invented.
#![allow(clippy::unwrap_used, missing_docs)]

mod boletos;
mod bulk;
mod debit_balance;
mod lists;
mod observe;
mod privacy;
mod remakes;
mod server;
mod shapes;
mod transport;
