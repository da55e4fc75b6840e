//! What a comparison changes.

use super::{Contract, Installment};

/// One item to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A contract's new state.
    Contract(Contract),
    /// An installment's new state, and what was done to it (for counts and domain events).
    Installment(Action, Installment),
}

/// What was done to an installment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// New in the portfolio.
    Included,
    /// Value, due date, condition type, number or boleto changed.
    Updated,
    /// A receipt arrived; the installment stays open.
    PaidInPart,
    /// One or more receipts settled it.
    Settled,
    /// Returned to the creditor.
    Returned,
    /// Open again after a return or a settlement.
    Reopened,
    /// A receipt was reversed.
    Reversed,
    /// Carried into a new negotiation of its contract.
    Renegotiated,
}
