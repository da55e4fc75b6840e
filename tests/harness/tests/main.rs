//! The five functions against the simulator, in one process.

#![recursion_limit = "256"]

mod main_job;
