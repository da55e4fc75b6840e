//! Watching agreements: after every look at one of their bills, and by the sweep when something is due.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::{AgreementError, DAILY, is_conflict, later};
use crate::calendar::Timestamp;
use crate::flow::{FlowError, Session, Shop};
use crate::portfolio::{
    Agreement, AgreementId, AgreementState, BillId, Breaking, Change, HeldBill, StateName, Step, TenantId, holds_remake, review,
};

/// Agreements seen to in one sweep.
const AT_ONCE: usize = 1_000;
/// Steps that one look can call for, conflicts included: the payments of 180 rows, settlement, a break.
const MAX_STEPS: usize = 20;
/// An agreement is begun only with this much time left.
const ONE: Duration = Duration::from_secs(20);

impl Session {
    /// Reviews the agreements that hold installments of a bill which was just made equal to Sienge. True when one broke of which installments are
    /// still collected, because not the whole bill was read: a whole look returns them.
    pub(in crate::flow) async fn review_agreements(&self, bill: BillId, held: &HeldBill, changes: &[Change]) -> Result<bool, FlowError> {
        let mut after = held.clone();
        after.apply(changes);
        let mut left_behind = false;
        for claim in &held.claims.live {
            left_behind |= self.review_one(&claim.agreement, bill, &after).await.map_err(only_flow)?;
        }
        Ok(left_behind)
    }

    /// Takes every step that the bill as held calls for; answers as [`Session::review_agreements`].
    async fn review_one(&self, id: &AgreementId, bill: BillId, held: &HeldBill) -> Result<bool, AgreementError> {
        let mut fresh: Option<HeldBill> = None;
        for _ in 0..MAX_STEPS {
            let Some(agreement) = self.shop.store.agreement(&self.tenant, id).await? else {
                return Ok(false);
            };
            let now = fresh.as_ref().unwrap_or(held);
            let Some(step) = self.next_step(&agreement, bill, now) else {
                return Ok(agreement.state.name() == StateName::Broken && holds_remake(&agreement, now));
            };
            if fresh.is_none() {
                // Somebody may have looked at the bill since; a step is taken on what is held now.
                fresh = Some(self.shop.store.load_bill(&self.tenant, bill).await?);
                continue;
            }
            let gone = Step::Break { how: Breaking::ErpGone };
            if step == gone && self.find_remake(&agreement).await?.is_some() {
                // Sienge has it; the next look shows it.
                return Ok(false);
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
        Ok(false)
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
        }
        agreement = self.agreement(id).await?;
        if agreement.state == AgreementState::Active {
            let due = later(self.now(), DAILY);
            self.shop.store.put_off_agreement(&agreement, due).await?;
        }
        Ok(())
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
