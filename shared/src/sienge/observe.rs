//! Observing bills: what Sienge says about each of them now, whichever source is cheaper.
//!
//! Guarantees: each requested bill is answered exactly once; a bill that Sienge does not have yields an observation that says
//! so; what one source could not show is completed from the other, and what neither shows is named in the observation;
//! a bill that Sienge refuses, or does not answer in time, fails alone; and when no more calls get through, what
//! was read so far is kept.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};

use super::choice::{BILLS_PER_CALL, BillRead, ReadPlan, Source, choose_other, choose_source};
use super::client::Client;
use super::error::SiengeError;
use super::facts::{customer_of, rest_facts, unknown_bill};
use super::ports::{Lane, Remaining};
use crate::ids::BillId;
use crate::portfolio::Observation;

/// Bills read concurrently by REST.
const REST_AT_ONCE: usize = 4;

/// The result of reading one bill.
#[derive(Debug, Clone, PartialEq)]
pub struct BillAnswer {
    /// The bill.
    pub bill: BillId,
    /// The source that answered; for an error or a partial read, the first one asked.
    pub answered_by: Source,
    /// The observation.
    pub seen: Result<Observation, SiengeError>,
}

impl Client {
    /// What Sienge says now about the bills, in the order of their ids; a refused bill fails alone.
    pub async fn observe_each(&self, reads: &[BillRead]) -> Result<Vec<BillAnswer>, SiengeError> {
        let reads = distinct(reads);
        if reads.is_empty() {
            return Ok(Vec::new());
        }
        let plan = choose_source(&reads, self.quota_left().await?);
        self.carry_out(plan).await
    }

    /// A second, independent read of the bills, from the source that did not answer the first, where its quota allows; a refused bill
    /// fails alone.
    pub async fn confirm_each(&self, reads: &[BillRead]) -> Result<Vec<BillAnswer>, SiengeError> {
        let reads = distinct(reads);
        if reads.is_empty() {
            return Ok(Vec::new());
        }
        let remaining = self.quota_left().await?;
        self.carry_out(choose_other(&reads, remaining)).await
    }

    async fn quota_left(&self) -> Result<Remaining, SiengeError> {
        self.inner
            .quota
            .remaining()
            .await
            .map_err(|refusal| SiengeError::refused(refusal, Lane::Rest))
    }

    async fn carry_out(&self, plan: ReadPlan) -> Result<Vec<BillAnswer>, SiengeError> {
        let mut answers = Answers::default();
        let mut in_part: BTreeMap<BillId, Observation> = BTreeMap::new();
        let mut bulk: Vec<BillId> = plan.bulk.iter().map(|read| read.bill).collect();
        // Bills that REST fails on are read separately: Sienge may refuse them in bulk, too.
        let mut suspects: Vec<BillId> = Vec::new();
        let mut stopped = None;
        let asked: Vec<BillId> = plan
            .rest
            .iter()
            .chain(&plan.bulk)
            .map(|read| read.bill)
            .collect();
        let mut by_rest = stream::iter(plan.rest)
            .map(|read| async move { (read.bill, self.observe_by_rest(read.bill).await) })
            .buffer_unordered(REST_AT_ONCE);
        while let Some((bill, outcome)) = by_rest.next().await {
            match outcome {
                Ok(observation) if observation.wants_completion() => {
                    in_part.insert(bill, observation);
                    bulk.push(bill);
                }
                Ok(observation) => {
                    answers.insert(bill, Source::Rest, Ok(observation));
                }
                // Incomplete or contradictory: the other source has the whole bill in one answer.
                Err(error) if error.bill().is_some() => bulk.push(bill),
                Err(error) if only_this_source(&error) => suspects.push(bill),
                Err(error) => {
                    stopped = Some(error);
                    break;
                }
            }
        }
        drop(by_rest);
        for group in bulk
            .chunks(BILLS_PER_CALL)
            .chain(suspects.chunks(BILLS_PER_CALL))
        {
            if stopped.is_some() {
                break;
            }
            let in_bulk = match self.observe_in_bulk(group).await {
                Ok(in_bulk) => in_bulk,
                // A partial read will do when there is no more to be had.
                Err(error) if group.iter().all(|bill| in_part.contains_key(bill)) => {
                    tracing::warn!(%error, bills = group.len(), "bills read in part could not be completed from the other source");
                    Vec::new()
                }
                Err(error) => {
                    stopped = Some(error);
                    break;
                }
            };
            let mut in_bulk: BTreeMap<BillId, Result<Observation, SiengeError>> =
                in_bulk.into_iter().collect();
            for bill in group {
                let whole = in_bulk.remove(bill);
                let source = if matches!(whole, Some(Ok(_))) {
                    Source::Bulk
                } else {
                    Source::Rest
                };
                let found = match (in_part.remove(bill), whole) {
                    (Some(part), Some(Ok(whole))) => Ok(part.completed_by(whole)),
                    (Some(part), _) => Ok(part),
                    (None, Some(whole)) => whole,
                    (None, None) => Ok(unknown_bill(*bill)),
                };
                answers.insert(*bill, source, found);
            }
        }
        for (bill, part) in in_part {
            answers.insert(bill, Source::Rest, Ok(part));
        }
        match stopped {
            Some(error) if answers.0.is_empty() => return Err(error),
            // No more calls get through: what was read is kept.
            Some(error) => {
                for bill in asked {
                    if !answers.0.contains_key(&bill) {
                        answers.insert(bill, Source::Rest, Err(error.clone()));
                    }
                }
            }
            None => {}
        }
        Ok(answers.0.into_values().collect())
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
}

/// The answers so far.
#[derive(Default)]
struct Answers(BTreeMap<BillId, BillAnswer>);

impl Answers {
    fn insert(
        &mut self,
        bill: BillId,
        answered_by: Source,
        seen: Result<Observation, SiengeError>,
    ) {
        let answer = BillAnswer {
            bill,
            answered_by,
            seen,
        };
        self.0.insert(bill, answer);
    }
}

/// Whether REST fails where the bulk read may still answer: a refusal, a server error on one resource, a resource not released, an odd shape, no
/// answer.
fn only_this_source(error: &SiengeError) -> bool {
    let elsewhere = matches!(
        error,
        SiengeError::Server { .. }
            | SiengeError::Permission { .. }
            | SiengeError::Connection { .. }
    );
    elsewhere || error.is_of_some_bill()
}

/// Each bill once: the first mention counts, and boletos are read if any mention wants them.
fn distinct(reads: &[BillRead]) -> Vec<BillRead> {
    let wanting: BTreeSet<BillId> = reads
        .iter()
        .filter(|read| read.boleto)
        .map(|read| read.bill)
        .collect();
    let mut bills: BTreeMap<BillId, BillRead> = BTreeMap::new();
    for read in reads {
        let held = bills.entry(read.bill).or_insert(*read);
        held.customer = held.customer.or(read.customer);
        held.answered_by = held.answered_by.or(read.answered_by);
        held.boleto = wanting.contains(&read.bill);
    }
    bills.into_values().collect()
}
