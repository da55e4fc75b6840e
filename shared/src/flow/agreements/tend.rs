//! Watching agreements: after every look at one of their bills, and by the sweep when something is due.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::{AgreementError, DAILY, is_conflict, later};
use crate::calendar::Timestamp;
use crate::flow::{FlowError, Session, Shop};
use crate::portfolio::{
    Agreement, AgreementId, AgreementKind, AgreementState, BillId, Breaking, Change, HeldBill, Step, TenantId, review, shows_remake,
};

/// Agreements seen to in one sweep.
const AT_ONCE: usize = 1_000;
/// Steps that one look can call for, conflicts included: payments, settlement, a break.
const MAX_STEPS: usize = 12;
/// An agreement is begun only with this much time left.
const ONE: Duration = Duration::from_secs(20);

impl Session {
    /// Reviews the agreements that hold installments of a bill which was just made equal to Sienge.
    pub(in crate::flow) async fn review_agreements(&self, bill: BillId, held: &HeldBill, changes: &[Change]) -> Result<(), FlowError> {
        let mut after = held.clone();
        after.apply(changes);
        for claim in &held.claims.live {
            self.review_one(&claim.agreement, bill, &after).await.map_err(only_flow)?;
        }
        Ok(())
    }

    /// Takes every step that the bill as held calls for.
    async fn review_one(&self, id: &AgreementId, bill: BillId, held: &HeldBill) -> Result<(), AgreementError> {
        let mut fresh: Option<HeldBill> = None;
        for _ in 0..MAX_STEPS {
            let Some(agreement) = self.shop.store.agreement(&self.tenant, id).await? else {
                return Ok(());
            };
            let Some(step) = self.next_step(&agreement, bill, fresh.as_ref().unwrap_or(held)) else {
                return Ok(());
            };
            if fresh.is_none() {
                // Somebody may have looked at the bill since; a step is taken on what is held now.
                fresh = Some(self.shop.store.load_bill(&self.tenant, bill).await?);
                continue;
            }
            match self.take(&agreement, &step).await {
                Ok(after) => {
                    let state = after.state.name().as_str();
                    tracing::info!(tenant = %self.tenant, agreement = %id, %bill, state, "agreement reviewed");
                }
                Err(error) if is_conflict(&error) => fresh = None,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn next_step(&self, agreement: &Agreement, bill: BillId, held: &HeldBill) -> Option<Step> {
        let settings = self.agreement_settings(agreement.creditor);
        review(agreement, bill, held, &settings, &self.holidays(agreement.creditor), self.today)
    }

    /// Sees to an agreement that something is due of.
    async fn tend(&self, id: &AgreementId) -> Result<(), AgreementError> {
        let Some(mut agreement) = self.shop.store.agreement(&self.tenant, id).await? else {
            return Ok(());
        };
        if matches!(agreement.state, AgreementState::AwaitingErp { .. }) {
            self.resume_erp(agreement).await?;
            return Ok(());
        }
        for bill in agreement.bills() {
            let held = self.shop.store.load_bill(&self.tenant, bill).await?;
            self.review_one(id, bill, &held).await?;
            agreement = self.agreement(id).await?;
            if self.may_be_gone(&agreement, &held) && self.find_remake(&agreement).await?.is_none() {
                let how = Breaking::ErpGone;
                agreement = self.step_from(&agreement, &Step::Break { how }).await?;
            }
        }
        if agreement.state == AgreementState::Active {
            let due = later(self.now(), DAILY);
            self.shop.store.put_off_agreement(&agreement, due).await?;
        }
        Ok(())
    }

    /// A remake of another day that no look has shown: it may have been deleted before one could.
    fn may_be_gone(&self, agreement: &Agreement, held: &HeldBill) -> bool {
        agreement.state == AgreementState::Active
            && agreement.kind == AgreementKind::Integrated
            && agreement.confirmed_on.is_none_or(|day| day < self.today)
            && !shows_remake(agreement, held)
    }
}

/// Agreements that something is due of: intentions without a known end, proposals past their day, and once a day everything being paid.
/// Answers how many were seen to, by tenant.
pub async fn sweep(shop: &Shop, now: Timestamp, deadline: Instant) -> Result<BTreeMap<TenantId, usize>, FlowError> {
    let mut due: BTreeMap<TenantId, Vec<AgreementId>> = BTreeMap::new();
    for agreement in shop.store.due_agreements(now, AT_ONCE).await? {
        due.entry(agreement.tenant).or_default().push(agreement.id);
    }
    let mut tended = BTreeMap::new();
    for (tenant, ids) in due {
        let session = match Session::open(shop, &tenant, false, deadline).await {
            Ok(session) => session,
            Err(error) => {
                tracing::error!(%tenant, %error, "agreements of a tenant not seen to; the next sweep tries again");
                continue;
            }
        };
        let mut count = 0;
        for id in ids {
            if session.time_left() < ONE {
                break;
            }
            match session.tend(&id).await {
                Ok(()) => count += 1,
                Err(error) => tracing::error!(%tenant, agreement = %id, %error, "agreement not seen to; the next sweep tries again"),
            }
        }
        session.close().await;
        tended.insert(tenant, count);
    }
    Ok(tended)
}

/// A review is no command: what the agreement does not allow is no answer to anybody.
fn only_flow(error: AgreementError) -> FlowError {
    match error {
        AgreementError::Flow(error) => error,
        other => FlowError::Stopped(other.to_string()),
    }
}
