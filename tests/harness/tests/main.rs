//! The functions against the simulator, in one process.

#![recursion_limit = "256"]
#![allow(clippy::unwrap_used)]

mod admission;
mod agreements;
mod api;
mod api_agreements;
mod api_contracts;
mod api_safety;
mod audit;
mod big_loads;
mod boletos;
mod bus;
mod crashes;
mod crashes_commands;
mod customers;
mod events;
mod fairness;
mod floods;
mod long_runs;
mod main_job;
mod partial;
mod permissions;
mod poison;
mod quotas;
mod races;
mod rows;
mod rules;
mod runs;
mod safety;
mod settlements;
mod stories;
mod tenants;
mod unmatched;
#[path = "webhook.rs"]
mod webhook_answers;
