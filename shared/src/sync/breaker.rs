//! The circuit breaker: no run removes too much without a confirmation.
//!
//! It counts what the comparison leaves to a second read ([`crate::portfolio::Outcome::in_question`]): installments that
//! are gone, or settled without a receipt. A reconciliation counts all of them before it removes any, and asks; it then removes no more
//! than it counted ([`Grants`]). Every other run leaves the installments in question as they are and criticises them; the creditor's
//! reconciliation asks.

use std::collections::BTreeMap;

use crate::ids::{BillId, CreditorId};
use crate::portfolio::{HeldBill, Outcome};

/// Fewer removals than this never stop a run.
pub(super) const FEW_REMOVALS: u64 = 3;

/// Whether these removals, out of the open installments, exceed the creditor's share and need a confirmation.
#[must_use]
pub fn must_ask(removals: u64, held_open: u64, share_percent: u8) -> bool {
    removals >= FEW_REMOVALS
        && removals.saturating_mul(100) > held_open.saturating_mul(u64::from(share_percent))
}

/// What the last stage of a reconciliation may remove: of each bill what was counted, and more only where nobody has to be asked.
///
/// Sienge moves between the count and the second reads, and a bill that failed could not be counted.
#[derive(Debug, Default)]
pub struct Grants {
    /// Removals counted of each bill, and confirmed where that was needed.
    pub of_bills: BTreeMap<BillId, u64>,
    /// All that was counted, with what the settings leave out.
    pub counted: u64,
    /// Removals beyond that so far.
    pub beyond: u64,
    /// Open installments when they were counted.
    pub held_open: u64,
    /// The creditor's share, percent.
    pub share_percent: u8,
}

impl Grants {
    /// Takes a bill's removals, or refuses all of them. Taking what was counted again changes nothing.
    #[must_use]
    pub fn take(&mut self, bill: BillId, removals: u64) -> bool {
        let granted = self.of_bills.get(&bill).copied().unwrap_or_default();
        let beyond = removals.saturating_sub(granted);
        if beyond == 0 {
            return true;
        }
        let all = self.counted + self.beyond + beyond;
        if must_ask(all, self.held_open, self.share_percent) {
            return false;
        }
        self.beyond += beyond;
        true
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
    fn a_reconciliation_removes_what_it_counted_of_each_bill_and_no_more_without_asking() {
        let mut grants = Grants {
            of_bills: BTreeMap::from([(BillId(1), 2), (BillId(2), 3)]),
            counted: 5,
            held_open: 10,
            share_percent: 20,
            ..Grants::default()
        };
        let taken = [(2, 3), (1, 3), (3, 1), (1, 2), (1, 2)];
        let taken = taken.map(|(bill, removals)| grants.take(BillId(bill), removals));
        assert_eq!(taken, [true, false, false, true, true]);
        grants.held_open = 34;
        assert!(grants.take(BillId(3), 1), "6 of 34 need no question");
        assert!(!grants.take(BillId(4), 1), "7 of 34 do");
    }
}
