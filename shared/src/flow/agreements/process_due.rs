//! Watching agreements: after every read of one of their bills, and by the sweep when something is due.

use std::time::Duration;

use futures::{StreamExt, stream};
use jiff::SignedDuration;
use tokio::time::Instant;

use super::AgreementError;
use super::book::{DAILY, HOURLY, later};
use crate::agreement::{Agreement, AgreementState, StateName, remake_is_unread, unclassified};
use crate::calendar::Timestamp;
use crate::flow::{Adapters, FlowError, Session};
use crate::ids::{AgreementId, TenantId};
use crate::portfolio::Scope;
use crate::store::CritiqueNote;
use crate::sync::{SyncOutcome, whole};

/// Agreements put off at once.
const PUT_OFF_AT_ONCE: usize = 16;
/// An agreement is started only with this much time left.
const ONE: Duration = Duration::from_secs(20);
/// A tenant's minimum time: [`ONE`], plus what a session reserves for closing.
const LEAST: Duration = Duration::from_secs(30);

impl Session {
    /// Breaks an agreement whose term has lapsed in our data, unless Sienge shows a payment on any of its bills: a webhook may be late, and a break is
    /// final. If a bill cannot be read, the agreement stays as it is.
    async fn lapse(&self, agreement: Agreement) -> Result<Agreement, AgreementError> {
        let bills = agreement.bills();
        let reads = whole(&bills);
        let outcomes = self.sync.sync_bills(Scope::Webhook, &reads).await?;
        if let Some((bill, synced)) = outcomes
            .iter()
            .find(|(_, synced)| **synced != SyncOutcome::InSync)
        {
            return Err(FlowError::Stopped(format!(
                "contrato {bill} não conferido no Sienge antes da quebra: {synced:?}"
            ))
            .into());
        }
        for bill in bills {
            // What this read showed, and what an earlier one left undone.
            let held = self.agreements.whole_bill(bill).await?;
            self.agreements
                .review_one(&agreement.id, bill, &held)
                .await?;
        }
        let agreement = self.agreement(&agreement.id).await?;
        match self.agreements.lapse_of(&agreement).await? {
            Some(action) => self.agreements.take(&agreement, &action).await,
            None => Ok(agreement),
        }
    }

    /// Processes an agreement for which something is due.
    async fn process_due(&self, id: &AgreementId) -> Result<(), AgreementError> {
        let Some(mut agreement) = self.adapters.store.agreement(&self.tenant, id).await? else {
            return Ok(());
        };
        match agreement.state.name() {
            StateName::AwaitingErp => return self.resume_erp(agreement).await.map(drop),
            StateName::Broken if self.agreements.returns_originals(&agreement) => {
                return self.agreements.return_originals(&agreement).await;
            }
            name if name.is_final() => {
                return Ok(self.adapters.store.agreement_is_done(&agreement).await?);
            }
            _ => {}
        }
        let (mut unread, mut critiques) = (false, Vec::new());
        for bill in agreement.bills() {
            let held = self.agreements.whole_bill(bill).await?;
            self.agreements.review_one(id, bill, &held).await?;
            unread |= remake_is_unread(&agreement, &held);
            critiques.extend(unclassified(
                &agreement,
                bill,
                &held,
                &self.settings.settlement_classes,
            ));
        }
        if !critiques.is_empty() {
            // Criticised every day: nothing else reports a waiting agreement.
            let notes: Vec<CritiqueNote> = critiques.iter().map(CritiqueNote::from).collect();
            let (store, creditor) = (&self.adapters.store, Some(agreement.creditor));
            store
                .record_critiques(&self.tenant, creditor, &notes, self.now())
                .await?;
        }
        agreement = self.agreement(id).await?;
        if unread && agreement.state == AgreementState::Active {
            agreement = self.read_remade(agreement).await?;
        }
        let is_late = agreement
            .next_row()
            .is_some_and(|row| row.due_on < self.today);
        if is_late && self.agreements.lapse_of(&agreement).await?.is_some() {
            agreement = Box::pin(self.lapse(agreement)).await?;
        }
        if agreement.state == AgreementState::Active {
            let due = later(self.now(), DAILY);
            self.adapters
                .store
                .put_off_agreement(&agreement, due)
                .await?;
        }
        Ok(())
    }
}

/// Processes a tenant's due agreements, at most so many, until an instant: intentions without a known outcome, proposals past their last day, and
/// once a day everything being paid. Returns how many were processed.
pub async fn sweep(
    adapters: &Adapters,
    tenant: &TenantId,
    most: usize,
    now: Timestamp,
    until: Instant,
    deadline: Instant,
) -> Result<usize, FlowError> {
    let due = adapters.store.due_agreements(tenant, now, most).await?;
    if due.is_empty() {
        return Ok(0);
    }
    // At least one agreement. The session ends with the tenant's share, too: a Sienge that does not answer leaves nothing undone of others.
    let end = deadline.min(until.max(Instant::now() + LEAST));
    let session = match Session::open(adapters, tenant, false, end).await {
        Ok(session) => session,
        Err(error) => {
            tracing::error!(%tenant, %error, agreements = due.len(), "agreements of a tenant not processed; put off");
            let wait = if error.is_lasting() { DAILY } else { HOURLY };
            stream::iter(&due)
                .for_each_concurrent(PUT_OFF_AT_ONCE, async |id| {
                    put_off(adapters, tenant, id, now, wait).await;
                })
                .await;
            return Ok(0);
        }
    };
    let mut processed = 0;
    for (tried, id) in due.iter().enumerate() {
        if session.time_left() < ONE || (tried > 0 && Instant::now() > until) {
            break;
        }
        match session.process_due(id).await {
            Ok(()) => processed += 1,
            Err(error) => {
                tracing::error!(%tenant, agreement = %id, %error, "agreement not processed; put off");
                put_off(adapters, tenant, id, now, HOURLY).await;
            }
        }
    }
    session.close().await;
    Ok(processed)
}

/// Puts off an agreement that cannot be processed, so that it does not block the others: the oldest come first.
async fn put_off(
    adapters: &Adapters,
    tenant: &TenantId,
    id: &AgreementId,
    now: Timestamp,
    wait: SignedDuration,
) {
    let until = later(now, wait);
    if let Err(error) = adapters.store.put_off_due(tenant, id, now, until).await {
        tracing::warn!(%tenant, agreement = %id, %error, "agreement not put off");
    }
}
