//! What the circuit breaker knows.

/// What an invocation took away of a creditor, and was about to, and how much was held open when it first asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    pub held_open: Option<u64>,
    pub taken: u64,
    pub removed: u64,
}
