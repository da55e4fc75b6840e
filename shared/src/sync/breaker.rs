//! The circuit breaker: no run removes too much without a confirmation.
//!
//! It counts what the comparison leaves to a second read ([`crate::portfolio::Outcome::in_question`]): installments that
//! are gone, or settled without a receipt. A reconciliation counts all of them before it removes any, and asks. Every other run leaves the
//! installments in question as they are and criticises them; the creditor's reconciliation asks.

use crate::ids::CreditorId;
use crate::portfolio::{HeldBill, Outcome};

/// Fewer removals than this never stop a run.
pub(super) const FEW_REMOVALS: u64 = 3;

/// Whether these removals, out of the open installments, exceed the creditor's share and need a confirmation.
#[must_use]
pub fn must_ask(removals: u64, held_open: u64, share_percent: u8) -> bool {
    removals >= FEW_REMOVALS
        && removals.saturating_mul(100) > held_open.saturating_mul(u64::from(share_percent))
}

/// The installments of a bill that would be removed, and their creditor.
#[derive(Debug, Clone, Copy)]
pub struct InQuestion {
    /// The creditor.
    pub creditor: CreditorId,
    /// How many installments.
    pub installments: u64,
}

impl InQuestion {
    /// What an outcome leaves to a second read, if anything.
    pub(super) fn of(held: &HeldBill, outcome: &Outcome) -> Option<Self> {
        let first = outcome.in_question().first()?;
        let row = held
            .installments_with_id(*first)
            .find(|row| row.is_open())?;
        Some(Self {
            creditor: row.creditor,
            installments: outcome.in_question().len() as u64,
        })
    }
}

/// The counts of one creditor in an invocation.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    /// Open installments when they were first counted.
    pub(super) held_open: Option<u64>,
    /// Installments in question that were allowed to go.
    pub(super) taken: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_or_more_above_the_share_are_asked_about() {
        for (removals, held_open, share, asks) in [
            (2, 2, 20, false),
            (3, 3, 20, true),
            (3, 15, 20, false),
            (4, 19, 20, true),
            (20, 101, 20, false),
            (21, 101, 20, true),
            (3, 0, 20, true),
            (101, 101, 100, false),
            (3, 1_000_000, 0, true),
        ] {
            assert_eq!(
                must_ask(removals, held_open, share),
                asks,
                "{removals} of {held_open}, {share}%"
            );
        }
    }
}
