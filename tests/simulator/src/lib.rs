//! The simulator.
#![recursion_limit = "256"]
pub mod api;
pub mod money;
mod options;
pub mod shell;
pub mod world;

pub use options::{Options, USAGE};
pub use shell::{Running, start};
