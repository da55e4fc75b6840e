//! What operators do to agreements: confirm a proposal, break, cancel.

use std::collections::BTreeSet;

use super::save::claims_of;
use super::{AgreementError, Agreements, MAX_CONFLICTS};
use crate::agreement::{
    Agreement, AgreementKind, AgreementState, StateName, Step, check_held, check_integrated,
    indexer_base, transition,
};
use crate::flow::Session;
use crate::flow::outbox::publish;
use crate::ids::{AgreementId, InstallmentId};
use crate::portfolio::{Breaking, ReturnReason, return_installments};
use crate::store::{Stamp, StoreError};

/// Longest reason, in characters.
const MAX_REASON: usize = 500;

impl Session {
    /// Confirms a proposal: from then on it holds its installments, and an integrated one is made in Sienge (see [`Session::save_agreement`]). Confirming
    /// again answers the agreement as it stands.
    pub async fn confirm_agreement(&self, id: &AgreementId) -> Result<Agreement, AgreementError> {
        for _ in 0..MAX_CONFLICTS {
            let agreement = self.agreement(id).await?;
            if agreement.state.name().claims() {
                return Ok(agreement);
            }
            if let AgreementState::Proposed { expires_on } = agreement.state
                && self.today > expires_on
            {
                return Err(AgreementError::ProposalExpired {
                    id: id.clone(),
                    expired_on: expires_on,
                });
            }
            let bases = &self.settings.retroactive_index_bases;
            let base_date = agreement
                .remake
                .as_ref()
                .map(|remake| indexer_base(bases, remake.indexer, self.today));
            let step = Step::Confirm {
                sent_at: self.now(),
                base_date,
            };
            let settings = self.agreements.agreement_settings(agreement.creditor);
            let confirmed = transition(&agreement, &step, &settings, self.today)?;
            let bills = self.agreements.bills_of(agreement.bills()).await?;
            check_held(&agreement, &bills)?;
            if agreement.kind == AgreementKind::Integrated {
                check_integrated(&agreement, &bills)?;
            }
            match self
                .agreements
                .write_agreement(&confirmed, &claims_of(&bills))
                .await
            {
                Ok(()) => return self.go_on(confirmed.agreement).await,
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Breaks a non-integrated agreement (or a proposal, where the creditor allows it). Breaking again answers the broken one.
    pub async fn break_agreement(
        &self,
        id: &AgreementId,
        reason: &str,
    ) -> Result<Agreement, AgreementError> {
        let how = Breaking::Command {
            reason: said(reason)?,
        };
        self.agreements
            .command(id, &Step::Break { how }, StateName::Broken)
            .await
    }

    /// Cancels a proposal, or a non-integrated agreement without payments. Cancelling again answers the cancelled one.
    pub async fn cancel_agreement(
        &self,
        id: &AgreementId,
        reason: &str,
    ) -> Result<Agreement, AgreementError> {
        let reason = said(reason)?;
        self.agreements
            .command(id, &Step::Cancel { reason }, StateName::Cancelled)
            .await
    }
}

impl Agreements {
    async fn command(
        &self,
        id: &AgreementId,
        step: &Step,
        target: StateName,
    ) -> Result<Agreement, AgreementError> {
        for _ in 0..MAX_CONFLICTS {
            let agreement = self.agreement(id).await?;
            if agreement.state.name() == target {
                return Ok(agreement);
            }
            match self.take(&agreement, step).await {
                Err(error) if error.is_conflict() => {}
                other => return other,
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Takes a step; after a break, the originals are returned where the creditor wants that. What fails or dies after the break is done by the sweep.
    pub(super) async fn take(
        &self,
        agreement: &Agreement,
        step: &Step,
    ) -> Result<Agreement, AgreementError> {
        let after = self.step_from(agreement, step).await?;
        if self.returns_originals(&after)
            && let Err(error) = self.return_originals(&after).await
        {
            tracing::warn!(tenant = %self.tenant, agreement = %after.id, %error, "originals of a broken agreement not returned; the payments sweep does");
        }
        Ok(after)
    }

    /// Whether the originals of an agreement go back to the creditor: it was in collection, and is broken.
    pub(super) fn returns_originals(&self, agreement: &Agreement) -> bool {
        matches!(agreement.state, AgreementState::Broken { .. })
            && agreement.kind == AgreementKind::NonIntegrated
            && agreement.confirmed_on.is_some()
            && self
                .agreement_settings(agreement.creditor)
                .return_originals_on_break
    }

    /// Returns what is open of a broken agreement's originals and in no other agreement; then nothing is due of it any more.
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

fn said(reason: &str) -> Result<String, AgreementError> {
    let reason = reason.trim();
    if (1..=MAX_REASON).contains(&reason.chars().count()) {
        return Ok(reason.to_owned());
    }
    Err(AgreementError::ReasonUnfit { most: MAX_REASON })
}
