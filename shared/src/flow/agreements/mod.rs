//! Agreements: saved, confirmed, broken, cancelled, made in Sienge and watched.
//!
//! Every step is [`transition`] over the agreement as stored, written with its claims and events in one transaction that is conditional on what was
//! read; so each may be repeated, and of two at once one begins again. `docs/agreements.md` says what happens when a process dies between two of
//! them.

mod commands;
mod erp;
mod error;
mod process_due;
mod save;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;

pub use erp::MAX_ATTEMPTS;
pub use error::AgreementError;
pub use process_due::sweep;

use super::outbox::publish;
use super::{Adapters, FlowError, Session};
use crate::agreement::{
    Agreement, AgreementSettings, AgreementState, Step, Transition, transition,
};
use crate::calendar::{self, Date, HolidayRules, Timestamp};
use crate::ids::{AgreementId, BillId, CreditorId, TenantId};
use crate::portfolio::{Claims, HeldBill};
use crate::settings::{CreditorSettings, TenantSettings};
use crate::sienge::Client;
use crate::store::{AgreementWrite, StoreError};

/// How often a write that met another one is computed again.
const MAX_CONFLICTS: usize = 6;
/// How long the sweep leaves an agreement that is being paid alone: it does what the reviews after reads of its bills left undone.
const DAILY: SignedDuration = SignedDuration::from_hours(24);
/// Until an agreement that could not be seen to is tried again.
const HOURLY: SignedDuration = SignedDuration::from_hours(1);

/// When the sweep must look at an agreement next.
fn due(agreement: &Agreement, now: Timestamp) -> Option<Timestamp> {
    match agreement.state {
        AgreementState::Proposed { expires_on } => Some(calendar::begins(
            expires_on.tomorrow().unwrap_or(expires_on),
        )),
        AgreementState::AwaitingErp { sent_at, .. } => Some(later(sent_at, erp::GRACE)),
        // Its bill was read at once, unless somebody died.
        AgreementState::Active if agreement.is_just_remade(calendar::business_date(now)) => {
            Some(later(now, erp::GRACE))
        }
        AgreementState::Active => Some(later(now, DAILY)),
        _ => None,
    }
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// One tenant's agreements, as far as they need no read of bills.
pub(super) struct Agreements {
    pub(super) tenant: TenantId,
    pub(super) settings: Arc<TenantSettings>,
    pub(super) creditors: Arc<BTreeMap<CreditorId, CreditorSettings>>,
    pub(super) adapters: Adapters,
    pub(super) sienge: Client,
    pub(super) today: Date,
}

impl Agreements {
    fn now(&self) -> Timestamp {
        (self.adapters.clock)()
    }

    /// An agreement.
    async fn agreement(&self, id: &AgreementId) -> Result<Agreement, AgreementError> {
        let found = self.adapters.store.agreement(&self.tenant, id).await?;
        found.ok_or_else(|| AgreementError::Unknown(id.clone()))
    }

    fn agreement_settings(&self, creditor: CreditorId) -> AgreementSettings {
        let creditor = self.creditors.get(&creditor);
        creditor
            .map(|creditor| creditor.agreements.clone())
            .unwrap_or_default()
    }

    fn holidays(&self, creditor: CreditorId) -> HolidayRules {
        let creditor = self.creditors.get(&creditor);
        creditor
            .map(|creditor| creditor.calculation.holidays.clone())
            .unwrap_or_default()
    }

    async fn bills_of(
        &self,
        bills: impl IntoIterator<Item = BillId>,
    ) -> Result<BTreeMap<BillId, HeldBill>, StoreError> {
        let bills: Vec<BillId> = bills.into_iter().collect();
        let loaded = self.adapters.store.load_bills(&self.tenant, &bills).await;
        loaded
            .into_iter()
            .map(|(bill, held)| Ok((bill, held?)))
            .collect()
    }

    /// A bill of which no commit is under way: what it shows is all that was seen.
    async fn whole_bill(&self, bill: BillId) -> Result<HeldBill, AgreementError> {
        let held = self.adapters.store.load_bill(&self.tenant, bill).await?;
        if held.pending_events.is_empty() {
            return Ok(held);
        }
        let text = format!("o contrato {bill} está sendo atualizado; tente de novo em instantes");
        Err(FlowError::Stopped(text).into())
    }

    /// Writes a transition, then publishes what it tells. A publication that fails is no loss: the events are in the outbox.
    async fn write_agreement(
        &self,
        step: &Transition,
        claims: &BTreeMap<BillId, Claims>,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let write = AgreementWrite {
            agreement: &step.agreement,
            claims,
            events: &step.events,
            due_at: due(&step.agreement, now).or_else(|| {
                self.returns_originals(&step.agreement)
                    .then(|| later(now, erp::GRACE))
            }),
            now,
        };
        self.adapters.store.save_agreement(&write).await?;
        let Adapters { store, bus, .. } = &self.adapters;
        publish(store, &**bus, &self.tenant, &step.events).await;
        Ok(())
    }

    /// Takes a step from the agreement as it was read. [`StoreError::Conflict`]: it is not so any more.
    async fn step_from(
        &self,
        agreement: &Agreement,
        step: &Step,
    ) -> Result<Agreement, AgreementError> {
        let settings = self.agreement_settings(agreement.creditor);
        let moved = transition(agreement, step, &settings, self.today)?;
        let claims = self
            .adapters
            .store
            .claims(&self.tenant, agreement.bills())
            .await?;
        self.write_agreement(&moved, &claims).await?;
        Ok(moved.agreement)
    }
}

impl Session {
    /// An agreement.
    pub async fn agreement(&self, id: &AgreementId) -> Result<Agreement, AgreementError> {
        self.agreements.agreement(id).await
    }
}
