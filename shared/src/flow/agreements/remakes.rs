//! Whether Sienge has the remake of an agreement.

use super::book::Agreements;
use crate::agreement::{Agreement, AgreementAction};
use crate::ids::InstallmentId;
use crate::sienge::{RemadeFilter, RemadeInstallments, SiengeError};

impl Agreements {
    pub(super) async fn found(&self, agreement: &Agreement) -> Option<AgreementAction> {
        let found = self.find_remake(agreement).await;
        let found =
            found.inspect_err(|error| tracing::warn!(tenant = %self.tenant, agreement = %agreement.id, %error, "remake not looked up"));
        found
            .ok()
            .flatten()
            .map(|generated| AgreementAction::ErpDone { generated })
    }

    /// What the agreement's remake generated, if Sienge has it.
    pub(super) async fn find_remake(
        &self,
        agreement: &Agreement,
    ) -> Result<Option<Vec<InstallmentId>>, SiengeError> {
        let Some(remake) = &agreement.remake else {
            return Ok(None);
        };
        let filter = RemadeFilter {
            bill: Some(remake.bill),
            ..RemadeFilter::default()
        };
        let rows = self.sienge.remade_installments(&filter).await?;
        Ok(rows
            .iter()
            .find(|row| is_of(row, agreement))
            .map(RemadeInstallments::generated))
    }
}

/// Whether a remake is the agreement's: its bill, its day, and exactly its installments. There cannot be a second one of the same installments on the
/// same day, because none of them is open after the first.
fn is_of(row: &RemadeInstallments, agreement: &Agreement) -> bool {
    let Some(remake) = &agreement.remake else {
        return false;
    };
    row.receivable_bill_id == Some(remake.bill.0)
        && row.remade_date == Some(remake.remade_on)
        && row
            .remade()
            .into_iter()
            .collect::<std::collections::BTreeSet<_>>()
            == agreement.originals_of(remake.bill)
        && !row.generated().is_empty()
}
