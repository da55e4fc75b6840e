//! Operators' commands on agreements: confirm a proposal, break, cancel.

use super::AgreementError;
use super::book::MAX_CONFLICTS;
use super::save::claims_of;
use crate::agreement::{
    Agreement, AgreementAction, AgreementKind, AgreementState, StateName, check_held,
    check_integrated, indexer_base, transition,
};
use crate::flow::Session;
use crate::ids::AgreementId;
use crate::portfolio::Breaking;
use crate::store::StoreError;

/// Longest reason, in characters.
const MAX_REASON: usize = 500;

impl Session {
    /// Confirms a proposal: from then on it claims its installments, and an integrated one is made in Sienge (see [`Session::save_agreement`]). Confirming
    /// again returns the agreement as it is.
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
            let action = AgreementAction::Confirm {
                sent_at: self.now(),
                base_date,
            };
            let settings = self.agreements.agreement_settings(agreement.creditor);
            let confirmed = transition(&agreement, &action, &settings, self.today)?;
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

    /// Breaks a non-integrated agreement (or a proposal, where the creditor allows it). Breaking again returns the broken one.
    pub async fn break_agreement(
        &self,
        id: &AgreementId,
        reason: &str,
    ) -> Result<Agreement, AgreementError> {
        let how = Breaking::Command {
            reason: said(reason)?,
        };
        self.agreements
            .command(id, &AgreementAction::Break { how }, StateName::Broken)
            .await
    }

    /// Cancels a proposal, or a non-integrated agreement without payments. Cancelling again returns the cancelled one.
    pub async fn cancel_agreement(
        &self,
        id: &AgreementId,
        reason: &str,
    ) -> Result<Agreement, AgreementError> {
        let reason = said(reason)?;
        self.agreements
            .command(
                id,
                &AgreementAction::Cancel { reason },
                StateName::Cancelled,
            )
            .await
    }
}

impl Session {
    /// An agreement.
    pub async fn agreement(&self, id: &AgreementId) -> Result<Agreement, AgreementError> {
        self.agreements.agreement(id).await
    }
}

fn said(reason: &str) -> Result<String, AgreementError> {
    let reason = reason.trim();
    if (1..=MAX_REASON).contains(&reason.chars().count()) {
        return Ok(reason.to_owned());
    }
    Err(AgreementError::ReasonUnfit { most: MAX_REASON })
}
