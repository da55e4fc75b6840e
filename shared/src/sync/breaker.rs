//! The circuit breaker: too much is never taken away unasked, whichever run would do it.
//!
//! What would be taken away is what the comparison leaves to a second read ([`crate::portfolio::Outcome::in_question`]): installments that
//! are gone, or settled without a receipt. A reconciliation counts all of it before it removes any, and asks. Every other run leaves what is
//! in question as it is, tells the operator, and the creditor's reconciliation asks.

use crate::ids::CreditorId;
use crate::portfolio::{HeldBill, Outcome};

/// Fewer removals than this are never worth stopping for.
pub(super) const FEW_REMOVALS: u64 = 3;

/// Whether so many removals, of so many installments held open, are more than go unasked under a creditor's share.
#[must_use]
pub fn must_ask(removals: u64, held_open: u64, share_percent: u8) -> bool {
    removals >= FEW_REMOVALS
        && removals.saturating_mul(100) > held_open.saturating_mul(u64::from(share_percent))
}

/// How many installments of a bill would be taken away, and who holds them.
#[derive(Debug, Clone, Copy)]
pub struct InQuestion {
    /// The creditor.
    pub creditor: CreditorId,
    /// The installments.
    pub installments: u64,
}

impl InQuestion {
    /// What an outcome leaves to a second read; nothing when it leaves nothing.
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

/// What an invocation knows of one creditor.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    /// Installments held open when it was first asked.
    pub(super) held_open: Option<u64>,
    /// Those in question that it went on to remove.
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
