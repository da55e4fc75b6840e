//! Inbound webhooks: who may send, what they are called, and where they point.
//!
//! A webhook's body is only a hint of where to look; nothing in it is ever taken as the truth about a debt.

mod authorization;
mod sienge;

pub use authorization::{authorized, credential};
pub use sienge::{Event, Hints, Receiver, Unreadable, dedup_key, read_hints};
