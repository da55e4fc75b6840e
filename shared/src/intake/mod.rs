//! Inbound webhooks: who may send, what they are called, and where they point.
//!
//! A webhook's body is only a hint of what to read; nothing in it is ever taken as the truth about a debt.

mod authorization;
mod body;
mod event;
mod sienge;
mod unreadable;

pub use authorization::{authorized, credential};
pub use event::{EventHeader, OTHER, SiengeEvent};
pub use sienge::{EventId, Hints, Receiver, event_id, read, stored_id};
pub use unreadable::Unreadable;
