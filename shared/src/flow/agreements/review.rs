//! What the state of a bill means for its agreements.

use super::AgreementError;
use super::book::Agreements;
use crate::agreement::{Agreement, AgreementAction, StateName, holds_remake, review};
use crate::flow::FlowError;
use crate::ids::{AgreementId, BillId};
use crate::portfolio::{Breaking, Change, HeldBill};

/// Most actions that one read can call for, including conflicts: the payments of 180 rows, settlement, a break.
const MAX_STEPS: usize = 20;

impl Agreements {
    /// Reviews the agreements that claim installments of a bill which was just made equal to Sienge. True when one broke and its installments are
    /// still collected, because not the whole bill was read: a read of the whole bill returns them.
    pub(in crate::flow) async fn review_bill(
        &self,
        bill: BillId,
        held: &HeldBill,
        changes: &[Change],
    ) -> Result<bool, FlowError> {
        let mut after = held.clone();
        after.apply(changes);
        let mut left_behind = false;
        for claim in &held.claims.live {
            left_behind |= self
                .review_one(&claim.agreement, bill, &after)
                .await
                .map_err(only_flow)?;
        }
        Ok(left_behind)
    }

    /// Applies every action that the bill calls for; returns the same as [`Agreements::review_bill`].
    pub(super) async fn review_one(
        &self,
        id: &AgreementId,
        bill: BillId,
        held: &HeldBill,
    ) -> Result<bool, AgreementError> {
        let mut fresh: Option<HeldBill> = None;
        for _ in 0..MAX_STEPS {
            let Some(agreement) = self.adapters.store.agreement(&self.tenant, id).await? else {
                return Ok(false);
            };
            let now = fresh.as_ref().unwrap_or(held);
            // A lapse does not follow from a read: only the sweep declares it, after asking Sienge.
            let action = self
                .next_step(&agreement, bill, now)
                .filter(|action| !is_lapse(action));
            let Some(action) = action else {
                return Ok(
                    agreement.state.name() == StateName::Broken && holds_remake(&agreement, now)
                );
            };
            if fresh.is_none() {
                // The bill may have been read again since; the action applies to the present state.
                fresh = Some(self.adapters.store.load_bill(&self.tenant, bill).await?);
                continue;
            }
            let gone = AgreementAction::Break {
                how: Breaking::ErpGone,
            };
            if action == gone && self.find_remake(&agreement).await?.is_some() {
                // Sienge has it; the next read shows it.
                return Ok(false);
            }
            match self.take(&agreement, &action).await {
                Ok(after) => {
                    let state = after.state.name().as_str();
                    tracing::info!(tenant = %self.tenant, agreement = %id, %bill, state, "agreement reviewed");
                }
                Err(error) if error.is_conflict() => fresh = None,
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    fn next_step(
        &self,
        agreement: &Agreement,
        bill: BillId,
        held: &HeldBill,
    ) -> Option<AgreementAction> {
        let settings = self.agreement_settings(agreement.creditor);
        let classes = &self.settings.settlement_classes;
        review(
            agreement,
            bill,
            held,
            &settings,
            classes,
            &self.holidays(agreement.creditor),
            self.today,
        )
    }

    /// The break that a lapsed term calls for, when the bills call for nothing else.
    pub(super) async fn lapse_of(
        &self,
        agreement: &Agreement,
    ) -> Result<Option<AgreementAction>, AgreementError> {
        let bills = self.bills_of(agreement.bills()).await?;
        let settled = bills.values().all(|held| held.pending_events.is_empty());
        let mut actions = bills
            .iter()
            .map(|(bill, held)| self.next_step(agreement, *bill, held));
        let lapse = actions.next().flatten().filter(is_lapse);
        Ok(lapse.filter(|lapse| settled && actions.all(|action| action.as_ref() == Some(lapse))))
    }
}

/// Whether it is a lapsed term, by our data.
const fn is_lapse(action: &AgreementAction) -> bool {
    matches!(
        action,
        AgreementAction::Break {
            how: Breaking::Lapsed { .. }
        }
    )
}

/// A review is not a command: nobody waits for a refusal.
fn only_flow(error: AgreementError) -> FlowError {
    match error {
        AgreementError::Flow(error) => error,
        other => FlowError::Stopped(other.to_string()),
    }
}
