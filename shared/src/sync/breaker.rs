//! The circuit breaker: no run removes too much without a confirmation.
//!
//! It counts what the comparison leaves to a second read ([`crate::portfolio::Outcome::in_question`]): installments that
//! are gone, or settled without a receipt. A reconciliation counts all of them before it removes any, and asks; it then removes no more
//! than it counted ([`Allowance`]). Every other run leaves the installments in question as they are and criticises them; the creditor's
//! reconciliation asks.

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

/// What the last stage of a reconciliation may remove: what it counted, and more only where nobody has to be asked.
///
/// Sienge moves between the count and the second reads, and a bill that failed could not be counted.
#[derive(Debug)]
pub struct Allowance {
    /// Removals that were counted, and confirmed where that was needed.
    pub counted: u64,
    /// Removals so far.
    pub taken: u64,
    /// Open installments that the settings leave out: these go, too.
    pub left_out: u64,
    /// Open installments when they were counted.
    pub held_open: u64,
    /// The creditor's share, percent.
    pub share_percent: u8,
}

impl Allowance {
    /// Takes these removals, or refuses all of them.
    #[must_use]
    pub fn take(&mut self, removals: u64) -> bool {
        let taken = self.taken + removals;
        let is_allowed = taken <= self.counted
            || !must_ask(taken + self.left_out, self.held_open, self.share_percent);
        if is_allowed {
            self.taken = taken;
        }
        is_allowed
    }
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

    #[test]
    fn a_reconciliation_removes_what_it_counted_and_no_more_without_asking() {
        let mut allowance = Allowance {
            counted: 5,
            taken: 0,
            left_out: 1,
            held_open: 10,
            share_percent: 20,
        };
        let taken: Vec<bool> = [2, 4, 3, 1].map(|more| allowance.take(more)).to_vec();
        assert_eq!(taken, [true, false, true, false], "6 of 5 are too many");
        assert_eq!(allowance.taken, 5);
        allowance.held_open = 100;
        assert!(allowance.take(1), "7 of 100 with what is left out");
    }
}
