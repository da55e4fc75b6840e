//! News of Sienge's, on their way.

use ponte::intake::{EventHeader, Hints, Receiver};

/// What a webhook tells.
#[derive(Clone)]
pub struct News {
    /// The address that it comes to.
    pub receiver: Receiver,
    /// The event's name, as it came.
    pub event: EventHeader,
    /// As it was sent.
    pub body: String,
    /// What tells it from others, when it has a number of its own.
    pub number: Option<u64>,
    /// What it points at.
    pub hints: Hints,
    /// The operation it is of.
    pub operation: u64,
}
