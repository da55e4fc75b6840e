//! The circuit breaker: too much is never taken away unasked, whichever run would do it.
//!
//! What would be taken away is what the comparison leaves to a second read ([`crate::portfolio::Outcome::to_confirm`]): installments that
//! are gone, or settled without a receipt. A reconciliation counts all of it before it removes any, and asks. Every other run leaves what is
//! in question as it is, tells the operator, and the creditor's reconciliation asks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use super::{FlowError, Report, Session};
use crate::ids::{BillId, CreditorId};
use crate::portfolio::{Critique, HeldBill, Outcome};
use crate::settings::CreditorSettings;
use crate::store::CritiqueNote;

/// Fewer removals than this are never worth stopping for.
const FEW_REMOVALS: u64 = 3;

/// Whether so many removals, of so many installments held open, are more than go unasked under a creditor's share.
#[must_use]
pub fn must_ask(removals: u64, held_open: u64, share_percent: u8) -> bool {
    removals >= FEW_REMOVALS && removals.saturating_mul(100) > held_open.saturating_mul(u64::from(share_percent))
}

/// How many installments of a bill would be taken away, and who holds them.
#[derive(Debug, Clone, Copy)]
pub(super) struct InQuestion {
    pub(super) creditor: CreditorId,
    pub(super) installments: u64,
}

impl InQuestion {
    /// What an outcome leaves to a second read; nothing when it leaves nothing.
    pub(super) fn of(held: &HeldBill, outcome: &Outcome) -> Option<Self> {
        let first = outcome.to_confirm.first()?;
        let row = held.installments.values().find(|row| row.id == *first && row.is_open())?;
        Some(Self {
            creditor: row.creditor,
            installments: outcome.to_confirm.len() as u64,
        })
    }
}

/// What an invocation knows of one creditor.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    /// Installments held open when it was first asked.
    held_open: Option<u64>,
    /// Those in question that it went on to remove.
    taken: u64,
}

impl Session {
    /// The bills in question that are left as they are: with what this invocation took away before, they are more than goes unasked. The
    /// operator is told of each.
    pub(super) async fn withhold(
        &self,
        in_question: &BTreeMap<BillId, InQuestion>,
        report: &mut Report,
    ) -> Result<BTreeSet<BillId>, FlowError> {
        let mut removals: BTreeMap<CreditorId, u64> = BTreeMap::new();
        for of_bill in in_question.values() {
            *removals.entry(of_bill.creditor).or_default() += of_bill.installments;
        }
        let mut withheld = BTreeSet::new();
        for (creditor, more) in removals {
            let removals = self.tally(creditor).taken + more;
            // Counting what is held open reads the creditor's whole index.
            if removals < FEW_REMOVALS || !must_ask(removals, self.held_open(creditor).await?, self.removal_share(creditor)) {
                continue;
            }
            tracing::warn!(tenant = %self.tenant, %creditor, removals, "too much would be taken away: it is left until a reconciliation is confirmed");
            let bills = in_question.iter().filter(|(_, of_bill)| of_bill.creditor == creditor);
            let critiques: Vec<Critique> = bills
                .map(|(bill, of_bill)| Critique::RemovalsWaitForConfirmation {
                    bill: *bill,
                    installments: of_bill.installments,
                })
                .collect();
            withheld.extend(critiques.iter().map(Critique::bill));
            for critique in &critiques {
                report.criticise(critique.text());
            }
            if !self.dry_run {
                let notes: Vec<CritiqueNote> = critiques.iter().map(CritiqueNote::from).collect();
                self.shop
                    .store
                    .record_critiques(&self.tenant, Some(creditor), &notes, self.now())
                    .await?;
            }
        }
        Ok(withheld)
    }

    /// Notes what is removed if a second read says so too.
    pub(super) fn note_removals<'a>(&self, in_question: impl Iterator<Item = &'a InQuestion>) {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        for of_bill in in_question {
            tallies.entry(of_bill.creditor).or_default().taken += of_bill.installments;
        }
    }

    /// The share of a creditor's open installments that may go unasked.
    pub(super) fn removal_share(&self, creditor: CreditorId) -> u8 {
        let settings = self.creditors.get(&creditor);
        settings.map_or_else(
            || CreditorSettings::new(creditor).removal_share_percent,
            |settings| settings.removal_share_percent,
        )
    }

    async fn held_open(&self, creditor: CreditorId) -> Result<u64, FlowError> {
        if let Some(open) = self.tally(creditor).held_open {
            return Ok(open);
        }
        let open = self.shop.store.count_open(&self.tenant, creditor).await?;
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.entry(creditor).or_default().held_open = Some(open);
        Ok(open)
    }

    fn tally(&self, creditor: CreditorId) -> Tally {
        let tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.get(&creditor).copied().unwrap_or_default()
    }
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
            assert_eq!(must_ask(removals, held_open, share), asks, "{removals} of {held_open}, {share}%");
        }
    }
}
