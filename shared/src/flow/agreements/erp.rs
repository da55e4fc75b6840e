//! The remake in Sienge, which is not idempotent: the intention is stored first, and after an error the remake is looked up in Sienge.

use std::time::Duration;

use super::AgreementError;
use super::book::GRACE;
use crate::agreement::{Agreement, AgreementAction, AgreementState, check_held, remake_order};
use crate::calendar::brazilian;
use crate::flow::Session;
use crate::portfolio::Scope;
use crate::sienge::{Remedy, SiengeError};
use crate::sync::{SyncOutcome, whole};

/// A bill is read only with this much time left.
const READING: Duration = Duration::from_secs(20);
/// Attempts at a remake before it is given up.
pub const MAX_ATTEMPTS: u32 = 3;

impl Session {
    /// Requests the remake of an agreement whose intention is stored, and applies the action that follows from the answer. After an
    /// unclear answer the agreement stays as it is.
    pub(super) async fn ask_erp(&self, agreement: Agreement) -> Result<Agreement, AgreementError> {
        let Some(order) = remake_order(&agreement) else {
            return Ok(agreement);
        };
        let (id, bill) = (&agreement.id, order.bill);
        let action = match self.sienge.remake(&order).await {
            Ok(generated) if generated.len() == agreement.rows.len() => {
                Some(AgreementAction::ErpDone { generated })
            }
            // Done, but the answer does not list everything.
            Ok(_) => self.agreements.found(&agreement).await,
            Err(error) if error.stops_every_call() => {
                tracing::warn!(tenant = %self.tenant, agreement = %id, %bill, %error, "remake not sent; the payments sweep will send it");
                Some(AgreementAction::ErpNotSent)
            }
            Err(error) => {
                tracing::warn!(tenant = %self.tenant, agreement = %id, %bill, %error, "unclear answer to a remake; looking it up");
                match self.agreements.find_remake(&agreement).await {
                    Ok(Some(generated)) => Some(AgreementAction::ErpDone { generated }),
                    Ok(None) if refuses(&error) => Some(AgreementAction::ErpRefused {
                        reason: error.to_string(),
                    }),
                    Ok(None) => None,
                    Err(error) => {
                        tracing::warn!(tenant = %self.tenant, agreement = %id, %bill, %error, "remake not looked up; the payments sweep will look it up");
                        None
                    }
                }
            }
        };
        match action {
            Some(action) => self.conclude(agreement, action).await,
            None => Ok(agreement),
        }
    }

    /// Settles an intention whose attempt must be over: confirm what Sienge has, try again, or give up.
    pub(super) async fn resume_erp(
        &self,
        agreement: Agreement,
    ) -> Result<Agreement, AgreementError> {
        let AgreementState::AwaitingErp { sent_at, attempts } = agreement.state else {
            return Ok(agreement);
        };
        if self.now().duration_since(sent_at) < GRACE {
            return Ok(agreement);
        }
        if let Some(generated) = self.agreements.find_remake(&agreement).await? {
            return self
                .conclude(agreement, AgreementAction::ErpDone { generated })
                .await;
        }
        if attempts >= MAX_ATTEMPTS {
            let reason = format!("O Sienge não gravou o reparcelamento em {attempts} tentativas");
            return self
                .conclude(agreement, AgreementAction::ErpRefused { reason })
                .await;
        }
        if let Some(remake) = agreement
            .remake
            .as_ref()
            .filter(|remake| self.today > remake.remade_on)
        {
            // Both the figures and the date of the remake are of that day.
            let day = brazilian(remake.remade_on);
            let reason = format!(
                "O Sienge não gravou o reparcelamento em {day}, e a simulação é desse dia; simule de novo"
            );
            return self
                .conclude(agreement, AgreementAction::ErpRefused { reason })
                .await;
        }
        let bills = self.agreements.bills_of(agreement.bills()).await?;
        if let Err(error) = check_held(&agreement, &bills) {
            let reason = error.to_string();
            return self
                .conclude(agreement, AgreementAction::ErpRefused { reason })
                .await;
        }
        // Stored before the call, and conditionally: of two concurrent sweeps only one sends.
        let again = AgreementAction::ErpAgain {
            sent_at: self.now(),
        };
        let agreement = self.agreements.apply_action(&agreement, &again).await?;
        self.ask_erp(agreement).await
    }

    /// Applies the action, then reads the bill if it has a remake now.
    async fn conclude(
        &self,
        agreement: Agreement,
        action: AgreementAction,
    ) -> Result<Agreement, AgreementError> {
        let concluded = self.concluded(agreement, action).await?;
        if concluded.state == AgreementState::Active {
            return self.read_remade(concluded).await;
        }
        Ok(concluded)
    }

    /// Reads a bill that a remake changed: its webhook may never come, and the generated installments may be paid before it does. If Sienge does not answer,
    /// the sweep reads it. Returns the agreement after the read.
    pub(super) async fn read_remade(
        &self,
        agreement: Agreement,
    ) -> Result<Agreement, AgreementError> {
        if self.time_left() < READING {
            return Ok(agreement);
        }
        let (id, bills) = (&agreement.id, agreement.bills());
        match self.sync.sync_bills(Scope::Webhook, &whole(&bills)).await {
            Ok(outcomes)
                if outcomes
                    .values()
                    .all(|synced| *synced == SyncOutcome::InSync) => {}
            Ok(outcomes) => {
                tracing::warn!(tenant = %self.tenant, agreement = %id, ?outcomes, "bill not read after its remake; the sweep will read it");
            }
            Err(error) => {
                tracing::warn!(tenant = %self.tenant, agreement = %id, %error, "bill not read after its remake; the sweep will read it");
            }
        }
        self.agreement(id).await
    }

    /// Applies the action; if the agreement was changed concurrently, that change stands.
    async fn concluded(
        &self,
        agreement: Agreement,
        action: AgreementAction,
    ) -> Result<Agreement, AgreementError> {
        match self.agreements.apply_action(&agreement, &action).await {
            Err(AgreementError::NotAllowed(_)) => self.agreement(&agreement.id).await,
            Err(error) if error.is_conflict() => {
                let stored = self.agreement(&agreement.id).await?;
                if !matches!(stored.state, AgreementState::AwaitingErp { .. }) {
                    return Ok(stored);
                }
                self.agreements.apply_action(&stored, &action).await
            }
            other => other,
        }
    }
}

/// Whether Sienge understood and refused; only believed when the remake does not exist.
fn refuses(error: &SiengeError) -> bool {
    error.remedy() != Remedy::RetryLater
}
