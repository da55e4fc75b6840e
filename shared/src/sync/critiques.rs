//! Critiques for operators about bills that need attention.

use std::sync::atomic::Ordering;

use super::{BillSync, FlowError};
use crate::ids::CreditorId;
use crate::portfolio::Outcome;
use crate::store::CritiqueNote;

/// Most critiques of bills written in one invocation: enough to show what is wrong everywhere.
const MAX_CRITIQUES: usize = 500;

impl BillSync {
    /// Writes a critique that does not concern a single bill.
    pub(super) async fn criticise(
        &self,
        creditor: CreditorId,
        text: String,
    ) -> Result<(), FlowError> {
        self.report.with(|report| report.criticise(text.clone()));
        let note = CritiqueNote { bill: None, text };
        self.portfolio.criticise(Some(creditor), &[note]).await?;
        Ok(())
    }

    /// Writes the critiques of a comparison.
    pub(super) async fn note_critiques(
        &self,
        outcome: &Outcome,
        creditor: Option<CreditorId>,
    ) -> Result<(), FlowError> {
        if outcome.critiques.is_empty() {
            return Ok(());
        }
        self.report.with(|report| {
            for critique in &outcome.critiques {
                report.criticise(critique.text());
            }
        });
        let written = self
            .critiques
            .fetch_add(outcome.critiques.len(), Ordering::Relaxed);
        let notes: Vec<CritiqueNote> = if written < MAX_CRITIQUES {
            outcome.critiques.iter().map(CritiqueNote::from).collect()
        } else if written >= 2 * MAX_CRITIQUES {
            return Ok(());
        } else {
            tracing::warn!(tenant = %self.tenant, critiques = outcome.critiques.len(), "more critiques than are stored");
            let text = format!(
                "Há mais de {MAX_CRITIQUES} críticas em uma execução; as demais não estão listadas. O resumo da execução diz quantas são."
            );
            vec![CritiqueNote { bill: None, text }]
        };
        self.portfolio.criticise(creditor, &notes).await?;
        Ok(())
    }
}
