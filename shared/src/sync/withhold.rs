//! Removals that an invocation leaves to the creditor's reconciliation, because they exceed the circuit breaker's limit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use super::breaker::{FEW_REMOVALS, Grants, InQuestion, Tally, must_ask};
use super::{BillSync, FlowError};
use crate::ids::{BillId, CreditorId};
use crate::portfolio::Critique;
use crate::settings::CreditorSettings;
use crate::store::CritiqueNote;

impl BillSync {
    /// The bills in question that stay as they are: together with this invocation's earlier removals they exceed the limit. Each
    /// gets a critique.
    pub(super) async fn withhold(
        &self,
        in_question: &BTreeMap<BillId, InQuestion>,
    ) -> Result<BTreeSet<BillId>, FlowError> {
        let mut withheld = BTreeSet::new();
        for (creditor, bills) in by_creditor(in_question.iter()) {
            let more: u64 = bills.values().map(|of_bill| of_bill.installments).sum();
            let removals = self.tally(creditor).taken + more;
            // Counting the open installments reads the creditor's whole index.
            if removals < FEW_REMOVALS
                || !must_ask(
                    removals,
                    self.held_open(creditor).await?,
                    self.removal_share(creditor),
                )
            {
                continue;
            }
            self.criticise_withheld(creditor, &bills).await?;
            withheld.extend(bills.into_keys());
        }
        Ok(withheld)
    }

    /// The bills in question that stay as they are because a reconciliation did not count on them. Each gets a critique, and the
    /// next reconciliation counts it.
    pub(super) async fn withhold_uncounted(
        &self,
        in_question: &BTreeMap<BillId, InQuestion>,
        grants: &mut Grants,
    ) -> Result<BTreeSet<BillId>, FlowError> {
        let refused = in_question
            .iter()
            .filter(|(bill, of_bill)| !grants.take(**bill, of_bill.installments));
        let mut withheld = BTreeSet::new();
        for (creditor, bills) in by_creditor(refused) {
            self.criticise_withheld(creditor, &bills).await?;
            withheld.extend(bills.into_keys());
        }
        Ok(withheld)
    }

    async fn criticise_withheld(
        &self,
        creditor: CreditorId,
        bills: &BTreeMap<BillId, InQuestion>,
    ) -> Result<(), FlowError> {
        tracing::warn!(tenant = %self.tenant, %creditor, bills = bills.len(), "too much would be removed; left until a reconciliation is confirmed");
        let critiques = bills
            .iter()
            .map(|(bill, of_bill)| Critique::RemovalsWaitForConfirmation {
                bill: *bill,
                installments: of_bill.installments,
            });
        let critiques: Vec<Critique> = critiques.collect();
        self.report.with(|report| {
            for critique in &critiques {
                report.criticise(critique.text());
            }
        });
        let notes: Vec<CritiqueNote> = critiques.iter().map(CritiqueNote::from).collect();
        self.portfolio.criticise(Some(creditor), &notes).await?;
        Ok(())
    }

    /// Counts what is removed if a second read confirms it.
    pub(super) fn note_removals<'a>(&self, in_question: impl Iterator<Item = &'a InQuestion>) {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        for of_bill in in_question {
            tallies.entry(of_bill.creditor).or_default().taken += of_bill.installments;
        }
    }

    /// The share of a creditor's open installments that may be removed without a confirmation.
    #[must_use]
    pub fn removal_share(&self, creditor: CreditorId) -> u8 {
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
        let open = self.portfolio.count_open(creditor).await?;
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.entry(creditor).or_default().held_open = Some(open);
        Ok(open)
    }

    fn tally(&self, creditor: CreditorId) -> Tally {
        let tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.get(&creditor).copied().unwrap_or_default()
    }
}

fn by_creditor<'a>(
    in_question: impl Iterator<Item = (&'a BillId, &'a InQuestion)>,
) -> BTreeMap<CreditorId, BTreeMap<BillId, InQuestion>> {
    let mut bills: BTreeMap<CreditorId, BTreeMap<BillId, InQuestion>> = BTreeMap::new();
    for (bill, of_bill) in in_question {
        let of_creditor = bills.entry(of_bill.creditor).or_default();
        of_creditor.insert(*bill, *of_bill);
    }
    bills
}
