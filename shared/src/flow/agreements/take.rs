//! Applying actions, and the consequences of a break.

use std::collections::BTreeSet;

use super::AgreementError;
use super::book::{Agreements, MAX_CONFLICTS};
use crate::agreement::{Agreement, AgreementAction, AgreementKind, AgreementState, StateName};
use crate::flow::outbox::publish;
use crate::ids::{AgreementId, InstallmentId};
use crate::portfolio::{ReturnReason, return_installments};
use crate::store::{Stamp, StoreError};

impl Agreements {
    pub(super) async fn command(
        &self,
        id: &AgreementId,
        action: &AgreementAction,
        target: StateName,
    ) -> Result<Agreement, AgreementError> {
        for _ in 0..MAX_CONFLICTS {
            let agreement = self.agreement(id).await?;
            if agreement.state.name() == target {
                return Ok(agreement);
            }
            match self.take(&agreement, action).await {
                Err(error) if error.is_conflict() => {}
                other => return other,
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Applies an action; after a break, the originals are returned where the creditor wants that. If that fails after the break, the sweep does it.
    pub(super) async fn take(
        &self,
        agreement: &Agreement,
        action: &AgreementAction,
    ) -> Result<Agreement, AgreementError> {
        let after = self.apply_action(agreement, action).await?;
        if self.returns_originals(&after)
            && let Err(error) = self.return_originals(&after).await
        {
            tracing::warn!(tenant = %self.tenant, agreement = %after.id, %error, "originals of a broken agreement not returned; the payments sweep will return them");
        }
        Ok(after)
    }

    /// Whether the originals of an agreement go back to the creditor: it was in collection and is broken.
    pub(super) fn returns_originals(&self, agreement: &Agreement) -> bool {
        matches!(agreement.state, AgreementState::Broken { .. })
            && agreement.kind == AgreementKind::NonIntegrated
            && agreement.confirmed_on.is_some()
            && self
                .agreement_settings(agreement.creditor)
                .return_originals_on_break
    }

    /// Returns a broken agreement's open originals, except those in another agreement; then nothing is due for it.
    pub(super) async fn return_originals(
        &self,
        agreement: &Agreement,
    ) -> Result<(), AgreementError> {
        for (contract, ids) in agreement.originals() {
            let held = self.whole_bill(contract.bill).await?;
            let ids: BTreeSet<InstallmentId> = ids
                .into_iter()
                .filter(|id| held.claims.owner(*id).is_none())
                .collect();
            let outcome = return_installments(
                &held,
                contract,
                &ids,
                ReturnReason::BrokenAgreement,
                self.today,
            );
            let stamp = Stamp {
                at: self.now(),
                read_at: None,
            };
            let store = &self.adapters.store;
            let committed = store
                .commit(
                    &self.tenant,
                    contract.bill,
                    agreement.creditor,
                    &held,
                    &outcome,
                    stamp,
                )
                .await?;
            publish(store, &*self.adapters.bus, &self.tenant, &committed.events).await;
        }
        Ok(self.adapters.store.agreement_is_done(agreement).await?)
    }
}
