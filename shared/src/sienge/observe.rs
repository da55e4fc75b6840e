//! Observing bills: what Sienge says about each of them now, whichever source is cheaper.
//!
//! Guarantees: each bill asked for is answered exactly once; a bill that Sienge does not have is an observation that says
//! so; what of a bill could not be read from one source is completed from the other, and what neither tells is named in the observation.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};

use super::bulk_income::BILLS_PER_CALL;
use super::choice::{Look, Plan, Source, choose_other, choose_source};
use super::client::Client;
use super::error::SiengeError;
use super::facts::{customer_of, group, income_facts, rest_facts, unknown_bill};
use super::ports::{Lane, Remaining};
use crate::portfolio::{BillId, Coverage, Observation};

/// Bills read at the same time by REST.
const REST_AT_ONCE: usize = 4;
/// Times a bulk answer that broke after its first row is asked for again.
const RESTARTS: u32 = 2;
/// Bills whose source is remembered for a confirmation.
const REMEMBERED_BILLS: usize = 50_000;

impl Client {
    /// What Sienge says now about the bills, in the order of their ids.
    pub async fn observe(&self, looks: &[Look]) -> Result<Vec<Observation>, SiengeError> {
        let looks = distinct(looks);
        if looks.is_empty() {
            return Ok(Vec::new());
        }
        let plan = choose_source(&looks, self.quota_left().await?);
        self.carry_out(plan).await
    }

    /// A second, independent look at the bills: asks the source that [`Client::observe`] did not ask, where its quota allows.
    pub async fn confirm(&self, looks: &[Look]) -> Result<Vec<Observation>, SiengeError> {
        let looks = distinct(looks);
        if looks.is_empty() {
            return Ok(Vec::new());
        }
        let remaining = self.quota_left().await?;
        let looks: Vec<(Look, Option<Source>)> = {
            let told_by = self.inner.told_by.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            looks.into_iter().map(|look| (look, told_by.get(&look.bill).copied())).collect()
        };
        self.carry_out(choose_other(&looks, remaining)).await
    }

    async fn quota_left(&self) -> Result<Remaining, SiengeError> {
        self.inner
            .quota
            .remaining()
            .await
            .map_err(|refusal| SiengeError::refused(refusal, Lane::Rest))
    }

    async fn carry_out(&self, plan: Plan) -> Result<Vec<Observation>, SiengeError> {
        let mut seen: BTreeMap<BillId, Observation> = BTreeMap::new();
        let mut in_part: BTreeMap<BillId, Observation> = BTreeMap::new();
        let mut bulk: Vec<BillId> = plan.bulk.iter().map(|look| look.bill).collect();
        let mut by_rest = stream::iter(plan.rest)
            .map(|look| async move { (look.bill, self.observe_by_rest(look.bill).await) })
            .buffer_unordered(REST_AT_ONCE);
        while let Some((bill, outcome)) = by_rest.next().await {
            match outcome {
                Ok(observation) if observation.wants_completion() => {
                    in_part.insert(bill, observation);
                    bulk.push(bill);
                }
                Ok(observation) => {
                    self.remember(bill, Source::Rest);
                    seen.insert(bill, observation);
                }
                // Incomplete or contradictory: the other source tells the whole bill in one answer.
                Err(error) if error.bill().is_some() || only_this_source(&error) => bulk.push(bill),
                Err(error) => return Err(error),
            }
        }
        for chunk in bulk.chunks(BILLS_PER_CALL) {
            let in_bulk = match self.observe_in_bulk(chunk).await {
                Ok(in_bulk) => in_bulk,
                // What was read in part will do when there is no more to be had.
                Err(error) if chunk.iter().all(|bill| in_part.contains_key(bill)) => {
                    tracing::warn!(%error, bills = chunk.len(), "bills read in part could not be completed from the other source");
                    BTreeMap::new()
                }
                Err(error) => return Err(error),
            };
            for bill in chunk {
                let whole = in_bulk.get(bill).cloned();
                let source = if whole.is_some() { Source::Bulk } else { Source::Rest };
                self.remember(*bill, source);
                let found = match (in_part.remove(bill), whole) {
                    (Some(part), Some(whole)) => part.completed_by(whole),
                    (Some(part), None) => part,
                    (None, whole) => whole.unwrap_or_else(|| unknown_bill(*bill)),
                };
                seen.insert(*bill, found);
            }
        }
        Ok(seen.into_values().collect())
    }

    /// One bill by three REST reads. The list comes before the statement: a payment between them then shows as a receipt
    /// whose balance is still old, which the payment's own webhook corrects, and never as a settlement without a receipt.
    pub async fn observe_by_rest(&self, bill: BillId) -> Result<Observation, SiengeError> {
        let Some(header) = self.receivable_bill(bill).await? else {
            return Ok(unknown_bill(bill));
        };
        let customer = customer_of(bill, &header)?;
        let list = self.bill_installments(bill).try_collect().await?;
        let statement = self.customer_statement(customer, Some(bill)).await?;
        rest_facts(bill, header, list, statement)
    }

    /// Up to [`BILLS_PER_CALL`] bills by one bulk read.
    async fn observe_in_bulk(&self, bills: &[BillId]) -> Result<BTreeMap<BillId, Observation>, SiengeError> {
        let mut restarts = 0;
        loop {
            match self.bulk_facts(bills).await {
                Err(error) if error.is_transient() && !error.is_quota() && restarts < RESTARTS => restarts += 1,
                other => return other,
            }
        }
    }

    async fn bulk_facts(&self, bills: &[BillId]) -> Result<BTreeMap<BillId, Observation>, SiengeError> {
        let (mut read, mut odd) = (Vec::new(), Vec::new());
        let mut rows = self.income_by_bills(bills);
        while let Some(row) = rows.next().await {
            match income_facts(row?) {
                Ok(row) => read.push(row),
                Err(row) => {
                    tracing::warn!(bill = row.bill.map(|bill| bill.0), installment = row.installment().map(|id| id.0), why = %row.why, "income row unreadable");
                    odd.push(row);
                }
            }
        }
        // A row that names no bill is of one that was asked for: none of them is told whole then.
        let astray = odd.iter().find(|row| row.bill.is_none()).map(|row| row.why);
        let seen = group(read, odd, if astray.is_some() { Coverage::Rows } else { Coverage::WholeOnce });
        let mut seen: BTreeMap<BillId, Observation> = seen.into_iter().map(|seen| (seen.bill, seen)).collect();
        for bill in bills {
            let seen = seen.entry(*bill).or_insert_with(|| unknown_bill(*bill));
            if astray.is_some() {
                seen.coverage = Coverage::Rows;
                seen.gap = seen.gap.or(astray.filter(|_| bills.len() == 1));
            }
        }
        Ok(seen)
    }

    fn remember(&self, bill: BillId, source: Source) {
        let mut told_by = self.inner.told_by.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if told_by.len() >= REMEMBERED_BILLS {
            told_by.clear();
        }
        told_by.insert(bill, source);
    }
}

/// REST fails where the bulk read may still answer: a server error on one resource, a resource not released, an odd shape.
fn only_this_source(error: &SiengeError) -> bool {
    matches!(
        error,
        SiengeError::Server { .. } | SiengeError::Permission { .. } | SiengeError::Shape { .. }
    )
}

/// Each bill once; the first mention counts, wishes for boletos add up.
fn distinct(looks: &[Look]) -> Vec<Look> {
    let wanting: BTreeSet<BillId> = looks.iter().filter(|look| look.boleto).map(|look| look.bill).collect();
    let mut bills: BTreeMap<BillId, Look> = BTreeMap::new();
    for look in looks {
        let held = bills.entry(look.bill).or_insert(*look);
        held.customer = held.customer.or(look.customer);
        held.boleto = wanting.contains(&look.bill);
    }
    bills.into_values().collect()
}
