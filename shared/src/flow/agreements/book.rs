//! One tenant's stored agreements: reading them, writing them with their claims and events, applying actions.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;

use super::AgreementError;
use crate::agreement::{
    Agreement, AgreementAction, AgreementSettings, AgreementState, Transition, transition,
};
use crate::calendar::{self, Date, HolidayRules, Timestamp};
use crate::flow::outbox::publish;
use crate::flow::{Adapters, FlowError};
use crate::ids::{AgreementId, BillId, CreditorId, TenantId};
use crate::portfolio::{Claims, HeldBill};
use crate::settings::{CreditorSettings, TenantSettings};
use crate::sienge::Client;
use crate::store::{AgreementWrite, StoreError};

/// How often a write is recomputed after a conflict.
pub(super) const MAX_CONFLICTS: usize = 6;
/// How often the sweep processes an agreement that is being paid: it does what the reviews after reads left undone.
pub(super) const DAILY: SignedDuration = SignedDuration::from_hours(24);
/// How soon an agreement that could not be processed is tried again.
pub(super) const HOURLY: SignedDuration = SignedDuration::from_hours(1);

/// How long an attempt may be in progress: longer than any invocation that sent it, and longer than Sienge takes.
pub(super) const GRACE: SignedDuration = SignedDuration::from_mins(16);

/// When the sweep must process an agreement next.
fn due(agreement: &Agreement, now: Timestamp) -> Option<Timestamp> {
    match agreement.state {
        AgreementState::Proposed { expires_on } => Some(calendar::begins(
            expires_on.tomorrow().unwrap_or(expires_on),
        )),
        AgreementState::AwaitingErp { sent_at, .. } => Some(later(sent_at, GRACE)),
        // Its bill was read at once, unless the process died.
        AgreementState::Active if agreement.is_just_remade(calendar::business_date(now)) => {
            Some(later(now, GRACE))
        }
        AgreementState::Active => Some(later(now, DAILY)),
        _ => None,
    }
}

pub(super) fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// One tenant's agreements, as far as they need no read of bills.
pub struct Agreements {
    pub(in crate::flow) tenant: TenantId,
    pub(in crate::flow) settings: Arc<TenantSettings>,
    pub(in crate::flow) creditors: Arc<BTreeMap<CreditorId, CreditorSettings>>,
    pub(in crate::flow) adapters: Adapters,
    pub(in crate::flow) sienge: Client,
    pub(in crate::flow) today: Date,
}

impl Agreements {
    pub(super) fn now(&self) -> Timestamp {
        (self.adapters.clock)()
    }

    /// An agreement.
    pub(super) async fn agreement(&self, id: &AgreementId) -> Result<Agreement, AgreementError> {
        let found = self.adapters.store.agreement(&self.tenant, id).await?;
        found.ok_or_else(|| AgreementError::Unknown(id.clone()))
    }

    pub(super) fn agreement_settings(&self, creditor: CreditorId) -> AgreementSettings {
        let creditor = self.creditors.get(&creditor);
        creditor
            .map(|creditor| creditor.agreements.clone())
            .unwrap_or_default()
    }

    pub(super) fn holidays(&self, creditor: CreditorId) -> HolidayRules {
        let creditor = self.creditors.get(&creditor);
        creditor
            .map(|creditor| creditor.calculation.holidays.clone())
            .unwrap_or_default()
    }

    pub(super) async fn bills_of(
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

    /// A bill without a commit in progress: it shows everything that was read.
    pub(super) async fn whole_bill(&self, bill: BillId) -> Result<HeldBill, AgreementError> {
        let held = self.adapters.store.load_bill(&self.tenant, bill).await?;
        if held.pending_events.is_empty() {
            return Ok(held);
        }
        let text = format!("o contrato {bill} está sendo atualizado; tente de novo em instantes");
        Err(FlowError::Stopped(text).into())
    }

    /// Writes a transition, then publishes its events. A failed publication loses nothing: the events are in the outbox.
    pub(super) async fn write_agreement(
        &self,
        made: &Transition,
        claims: &BTreeMap<BillId, Claims>,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let write = AgreementWrite {
            agreement: &made.agreement,
            claims,
            events: &made.events,
            due_at: due(&made.agreement, now).or_else(|| {
                self.returns_originals(&made.agreement)
                    .then(|| later(now, GRACE))
            }),
            now,
        };
        self.adapters.store.save_agreement(&write).await?;
        let Adapters { store, bus, .. } = &self.adapters;
        publish(store, &**bus, &self.tenant, &made.events).await;
        Ok(())
    }

    /// Applies an action to the agreement as it was read. [`StoreError::Conflict`]: it has changed since.
    pub(super) async fn apply_action(
        &self,
        agreement: &Agreement,
        action: &AgreementAction,
    ) -> Result<Agreement, AgreementError> {
        let settings = self.agreement_settings(agreement.creditor);
        let moved = transition(agreement, action, &settings, self.today)?;
        let claims = self
            .adapters
            .store
            .claims(&self.tenant, agreement.bills())
            .await?;
        self.write_agreement(&moved, &claims).await?;
        Ok(moved.agreement)
    }
}
