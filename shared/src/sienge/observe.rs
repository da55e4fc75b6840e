//! Observing bills: what Sienge says about each of them now, whichever source is cheaper.
//!
//! Guarantees: each bill asked for is answered exactly once; a bill that Sienge does not have is an observation that says
//! so; a bill whose rows are unreadable is an error of that bill alone.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};

use super::bulk_income::BILLS_PER_CALL;
use super::choice::{Look, Plan, Source, choose_other, choose_source};
use super::client::Client;
use super::error::SiengeError;
use super::facts::{customer_of, group, income_facts, rest_facts, unknown_bill};
use super::ports::{Lane, Remaining};
use crate::portfolio::{BillId, Coverage, Observation, ObservedBill, ObservedInstallment};

/// Bills read at the same time by REST.
const REST_AT_ONCE: usize = 4;
/// Times a bulk answer that broke after its first row is asked for again.
const RESTARTS: u32 = 2;
/// Bills whose source is remembered for a confirmation.
const REMEMBERED_BILLS: usize = 50_000;

/// What came of looking at one bill.
pub type Seen = (BillId, Result<Observation, SiengeError>);

type Facts = (ObservedBill, ObservedInstallment);

impl Client {
    /// What Sienge says now about the bills, in the order of their ids; fails when one of them is unreadable.
    pub async fn observe(&self, looks: &[Look]) -> Result<Vec<Observation>, SiengeError> {
        self.observe_each(looks).await?.into_iter().map(|(_, seen)| seen).collect()
    }

    /// Like [`Client::observe`], but a bill that is unreadable fails alone.
    pub async fn observe_each(&self, looks: &[Look]) -> Result<Vec<Seen>, SiengeError> {
        let looks = distinct(looks);
        if looks.is_empty() {
            return Ok(Vec::new());
        }
        let plan = choose_source(&looks, self.quota_left().await?);
        self.carry_out(plan).await
    }

    /// A second, independent look at the bills: asks the source that [`Client::observe`] did not ask, where its quota allows.
    pub async fn confirm(&self, looks: &[Look]) -> Result<Vec<Observation>, SiengeError> {
        self.confirm_each(looks).await?.into_iter().map(|(_, seen)| seen).collect()
    }

    /// Like [`Client::confirm`], but a bill that is unreadable fails alone.
    pub async fn confirm_each(&self, looks: &[Look]) -> Result<Vec<Seen>, SiengeError> {
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

    async fn carry_out(&self, plan: Plan) -> Result<Vec<Seen>, SiengeError> {
        let mut seen: BTreeMap<BillId, Result<Observation, SiengeError>> = BTreeMap::new();
        let mut bulk: Vec<BillId> = plan.bulk.iter().map(|look| look.bill).collect();
        let mut by_rest = stream::iter(plan.rest)
            .map(|look| async move { (look.bill, self.observe_by_rest(look.bill).await) })
            .buffer_unordered(REST_AT_ONCE);
        while let Some((bill, outcome)) = by_rest.next().await {
            match outcome {
                Ok(observation) => {
                    self.remember(bill, Source::Rest);
                    seen.insert(bill, Ok(observation));
                }
                // Incomplete or contradictory: the other source tells the whole bill in one answer.
                Err(error) if error.bill().is_some() || only_this_source(&error) => bulk.push(bill),
                Err(error) => return Err(error),
            }
        }
        for chunk in bulk.chunks(BILLS_PER_CALL) {
            for (bill, outcome) in self.observe_in_bulk(chunk).await? {
                self.remember(bill, Source::Bulk);
                seen.insert(bill, outcome);
            }
        }
        Ok(seen.into_iter().collect())
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
    async fn observe_in_bulk(&self, bills: &[BillId]) -> Result<Vec<Seen>, SiengeError> {
        let mut restarts = 0;
        let mut facts = loop {
            match self.bulk_facts(bills).await {
                Err(error) if error.is_transient() && !error.is_quota() && restarts < RESTARTS => restarts += 1,
                other => break other?,
            }
        };
        Ok(bills
            .iter()
            .map(|bill| {
                let outcome = match facts.remove(bill) {
                    None => Ok(unknown_bill(*bill)),
                    Some(Err(error)) => Err(error),
                    Some(Ok(rows)) => {
                        let rows = rows.into_iter().map(|(header, installment)| (*bill, header, installment));
                        let whole = group(rows, Coverage::WholeOnce).into_iter().next();
                        Ok(whole.unwrap_or_else(|| unknown_bill(*bill)))
                    }
                };
                (*bill, outcome)
            })
            .collect())
    }

    async fn bulk_facts(&self, bills: &[BillId]) -> Result<BTreeMap<BillId, Result<Vec<Facts>, SiengeError>>, SiengeError> {
        let mut facts: BTreeMap<BillId, Result<Vec<Facts>, SiengeError>> = BTreeMap::new();
        let mut rows = self.income_by_bills(bills);
        while let Some(row) = rows.next().await {
            match income_facts(row?) {
                Ok((bill, header, installment)) => {
                    if let Ok(rows) = facts.entry(bill).or_insert_with(|| Ok(Vec::new())) {
                        rows.push((header, installment));
                    }
                }
                Err(error) => match error.bill() {
                    Some(bill) => {
                        facts.insert(bill, Err(error));
                    }
                    None => return Err(error),
                },
            }
        }
        Ok(facts)
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
