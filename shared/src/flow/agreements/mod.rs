//! Agreements: saved, confirmed, broken, cancelled, made in Sienge and watched.
//!
//! Every step is [`transition`] over the agreement as stored, written with its claims and events in one transaction that is conditional on what was
//! read; so each may be repeated, and of two at once one begins again. `docs/agreements.md` says what happens when a process dies between two of
//! them.

mod commands;
mod erp;
mod save;
mod tend;

use std::collections::BTreeMap;

use jiff::SignedDuration;

pub use erp::MAX_ATTEMPTS;
pub use tend::sweep;

use super::{FlowError, Session};
use crate::agreement::{Agreement, AgreementSettings, AgreementState, DraftError, NotAllowed, Step, Transition, transition};
use crate::calendar::{self, Date, HolidayRules, Timestamp, brazilian};
use crate::ids::{AgreementId, BillId, CreditorId};
use crate::portfolio::{Claims, HeldBill};
use crate::sienge::SiengeError;
use crate::store::{AgreementWrite, StoreError};

/// How often a write that met another one is computed again.
const MAX_CONFLICTS: usize = 6;
/// Between two looks of the sweep at an agreement that is being paid: what the reviews after looks at its bills left undone.
const DAILY: SignedDuration = SignedDuration::from_hours(24);
/// Until an agreement that could not be seen to is tried again.
const HOURLY: SignedDuration = SignedDuration::from_hours(1);

/// Why nothing was done to an agreement: the rule that was broken, and the values that broke it. The texts are Portuguese and say what is right.
#[derive(Debug, thiserror::Error)]
pub enum AgreementError {
    /// There is no such agreement.
    #[error("acordo {0} não encontrado")]
    Unknown(AgreementId),
    /// Another request made the agreement of this id.
    #[error("o acordo {0} já foi salvo por outro pedido")]
    OtherRequest(AgreementId),
    /// The creditor is not the tenant's.
    #[error("credor {0} não cadastrado nesta assessoria")]
    UnknownCreditor(CreditorId),
    /// What is asked for, or what is there now, does not make an agreement.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// Sienge does not tell the indexer of the installments.
    #[error("o Sienge não informou o indexador do contrato; tente de novo ou salve um acordo não integrado")]
    IndexerNotTold,
    /// The installments have more than one indexer.
    #[error("as parcelas têm indexadores diferentes no Sienge; selecione parcelas de um só indexador")]
    SeveralIndexers,
    /// The proposal's last day passed.
    #[error("a proposta {id} expirou em {}; simule de novo", brazilian(*.expired_on))]
    ProposalExpired {
        /// The proposal.
        id: AgreementId,
        /// Its last day.
        expired_on: Date,
    },
    /// The reason given is empty or too long.
    #[error("informe o motivo, com até {most} caracteres")]
    ReasonUnfit {
        /// How many characters it may have.
        most: usize,
    },
    /// The agreement's state does not allow it.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// The database, Sienge or the configuration.
    #[error(transparent)]
    Flow(#[from] FlowError),
}

impl From<StoreError> for AgreementError {
    fn from(error: StoreError) -> Self {
        Self::Flow(error.into())
    }
}

impl From<SiengeError> for AgreementError {
    fn from(error: SiengeError) -> Self {
        Self::Flow(error.into())
    }
}

/// When the sweep must look at an agreement next.
fn due(agreement: &Agreement, now: Timestamp) -> Option<Timestamp> {
    match agreement.state {
        AgreementState::Proposed { expires_on } => Some(calendar::begins(expires_on.tomorrow().unwrap_or(expires_on))),
        AgreementState::AwaitingErp { sent_at, .. } => Some(later(sent_at, erp::GRACE)),
        // Its bill was read at once, unless somebody died.
        AgreementState::Active if agreement.is_just_remade(calendar::business_date(now)) => Some(later(now, erp::GRACE)),
        AgreementState::Active => Some(later(now, DAILY)),
        _ => None,
    }
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

impl Session {
    /// An agreement.
    pub async fn agreement(&self, id: &AgreementId) -> Result<Agreement, AgreementError> {
        let found = self.shop.store.agreement(&self.tenant, id).await?;
        found.ok_or_else(|| AgreementError::Unknown(id.clone()))
    }

    fn agreement_settings(&self, creditor: CreditorId) -> AgreementSettings {
        let creditor = self.creditors.get(&creditor);
        creditor.map(|creditor| creditor.agreements.clone()).unwrap_or_default()
    }

    fn holidays(&self, creditor: CreditorId) -> HolidayRules {
        let creditor = self.creditors.get(&creditor);
        creditor.map(|creditor| creditor.calculation.holidays.clone()).unwrap_or_default()
    }

    async fn bills_of(&self, bills: impl IntoIterator<Item = BillId>) -> Result<BTreeMap<BillId, HeldBill>, StoreError> {
        let bills: Vec<BillId> = bills.into_iter().collect();
        let loaded = self.shop.store.load_bills(&self.tenant, &bills).await;
        loaded.into_iter().map(|(bill, held)| Ok((bill, held?))).collect()
    }

    /// A bill of which no commit is under way: what it shows is all that was seen.
    async fn whole_bill(&self, bill: BillId) -> Result<HeldBill, AgreementError> {
        let held = self.shop.store.load_bill(&self.tenant, bill).await?;
        if held.pending_events.is_empty() {
            return Ok(held);
        }
        let text = format!("o contrato {bill} está sendo atualizado; tente de novo em instantes");
        Err(FlowError::Stopped(text).into())
    }

    /// Writes a transition, then publishes what it tells. A publication that fails is no loss: the events are in the outbox.
    async fn write_agreement(&self, step: &Transition, claims: &BTreeMap<BillId, Claims>) -> Result<(), StoreError> {
        let now = self.now();
        let write = AgreementWrite {
            agreement: &step.agreement,
            claims,
            events: &step.events,
            due_at: due(&step.agreement, now).or_else(|| self.returns_originals(&step.agreement).then(|| later(now, erp::GRACE))),
            now,
        };
        self.shop.store.save_agreement(&write).await?;
        super::mirror::publish(&self.shop, &self.tenant, &step.events).await;
        Ok(())
    }

    /// Takes a step from the agreement as it was read. [`StoreError::Conflict`]: it is not so any more.
    async fn step_from(&self, agreement: &Agreement, step: &Step) -> Result<Agreement, AgreementError> {
        let settings = self.agreement_settings(agreement.creditor);
        let moved = transition(agreement, step, &settings, self.today)?;
        let claims = self.shop.store.claims(&self.tenant, agreement.bills()).await?;
        self.write_agreement(&moved, &claims).await?;
        Ok(moved.agreement)
    }
}

fn is_conflict(error: &AgreementError) -> bool {
    matches!(error, AgreementError::Flow(FlowError::Store(StoreError::Conflict)))
}
