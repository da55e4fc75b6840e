//! The one comparison.

use super::{Contract, Critique, HeldBill, Installment, InstallmentId, Observation, Rules, Scope, TimelineEvent};
use crate::calendar::Date;

/// What must change so that we hold what Sienge says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Changes, in the order to commit them.
    pub changes: Vec<Change>,
    /// Timeline events to tell with them.
    pub events: Vec<TimelineEvent>,
    /// What an operator should know.
    pub critiques: Vec<Critique>,
    /// Held open installments that one whole read did not show: read the bill again, mark the observation
    /// [`super::Coverage::WholeConfirmed`] when they are still absent, and compare again. Nothing was changed about them.
    pub to_confirm: Vec<InstallmentId>,
    /// The view was partial ([`super::Coverage::Rows`]) and shows something that concerns the whole bill (a remake, a rescission, an
    /// assignment, a change set that a crash interrupted): read the whole bill and compare again. Nothing was changed.
    pub needs_whole: bool,
}

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
    /// A receipt came, the installment stays open.
    PaidInPart,
    /// A receipt (or more) settled it.
    Settled,
    /// Returned to the creditor.
    Returned,
    /// Returned or settled before, open again.
    Reopened,
    /// A receipt was taken back.
    Reversed,
    /// Carried into a new negotiation of its contract.
    Renegotiated,
}

/// Compares what Sienge says with what we hold.
pub fn compare(_held: &HeldBill, _seen: &Observation, _scope: Scope, _rules: &Rules<'_>, _today: Date) -> Outcome {
    Outcome::default()
}

/// Applies an outcome to the held state, as committing it does (the version grows by one when something is written).
pub fn apply(_held: &mut HeldBill, _outcome: &Outcome) {}
