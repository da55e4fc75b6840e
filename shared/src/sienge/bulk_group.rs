//! A group of bills, read in bulk. A group that Sienge refuses, or does not answer in time, is read in halves until the bill that causes it
//! stands alone.
//!
//! Guarantees: each bill gets an answer; a bill that Sienge refuses, or does not answer for, fails alone, and the others of its group are read. The
//! number of calls is bounded; when they, the quota or the time run out, what was read so far is kept. A group whose answer would take
//! too much memory is read in halves, too.

use std::collections::{BTreeMap, VecDeque};

use futures::StreamExt;

use super::bulk_income::{IncomeRow, bills_call};
use super::client::Client;
use super::error::SiengeError;
use super::facts::{group, income_facts, unknown_bill};
use crate::ids::BillId;
use crate::portfolio::{Coverage, Observation};

/// The result for one bill.
type Seen = (BillId, Result<Observation, SiengeError>);

/// How often a bulk answer that broke off after its first row is requested again.
const RESTARTS: u32 = 2;
/// Most calls for the parts of a refused group: enough to find three refused bills among a hundred.
const PART_CALLS: usize = 40;
/// After this many calls without an answer, Sienge fails whatever the request.
const FRUITLESS_CALLS: usize = 6;
/// The same for a group that is not found, which is mostly true.
const FRUITLESS_SEARCHES: usize = 2;

impl Client {
    /// Up to [`super::BILLS_PER_CALL`] bills.
    pub(super) async fn observe_in_bulk(&self, bills: &[BillId]) -> Result<Vec<Seen>, SiengeError> {
        let mut restarts = 0;
        let refusal = loop {
            match self.read_group(bills).await {
                Ok(seen) => return Ok(seen),
                Err(error)
                    if is_broken(&error)
                        && !(bills.len() > 1 && is_late(&error))
                        && restarts < RESTARTS =>
                {
                    restarts += 1;
                }
                Err(error) => break error,
            }
        };
        match bills {
            _ if !refusal.is_of_some_bill() => Err(refusal),
            [bill] => Ok(vec![alone(*bill, refusal, false)]),
            _ => self.read_apart(bills, refusal).await,
        }
    }

    /// Reads a refused group in parts.
    async fn read_apart(
        &self,
        bills: &[BillId],
        refusal: SiengeError,
    ) -> Result<Vec<Seen>, SiengeError> {
        tracing::warn!(bills = bills.len(), error = %refusal, "a group of bills was refused; reading it in parts");
        let once = self.without_repeats();
        let is_missing = matches!(refusal, SiengeError::NotFound { .. });
        let patience = match &refusal {
            SiengeError::NotFound { .. } => FRUITLESS_SEARCHES,
            refusal if refusal.is_transient() || is_too_much(refusal) => FRUITLESS_CALLS,
            // Bills refused for themselves are isolated, however many there are.
            _ => PART_CALLS,
        };
        let mut parts = GroupParts::of(bills);
        let mut seen = Vec::new();
        let mut refused = Vec::new();
        let mut calls = 0;
        let mut answered = false;
        let mut stopped = None;
        while let Some(part) = parts.next() {
            if calls == PART_CALLS || (!answered && calls >= patience) {
                parts.0.push_front(part);
                break;
            }
            calls += 1;
            match once.read_group(part).await {
                Ok(answers) => {
                    answered = true;
                    seen.extend(answers);
                }
                // In a group refused for another reason, "not found" is true.
                Err(SiengeError::NotFound { .. }) if !is_missing => {
                    answered = true;
                    seen.extend(part.iter().map(|bill| (*bill, Ok(unknown_bill(*bill)))));
                }
                Err(error) if !error.is_of_some_bill() => {
                    parts.0.push_front(part);
                    stopped = Some(error);
                    break;
                }
                Err(error) => match part {
                    [bill] => refused.push((*bill, error)),
                    _ => parts.halve(part),
                },
            }
        }
        let left: Vec<BillId> = parts.0.into_iter().flatten().copied().collect();
        if seen.is_empty() && refused.is_empty() {
            match stopped {
                Some(error) => return Err(error),
                None if is_missing => {
                    return Ok(bills
                        .iter()
                        .map(|bill| (*bill, Ok(unknown_bill(*bill))))
                        .collect());
                }
                // Every part is refused because Sienge is in trouble, not because of the request.
                None if refusal.is_transient() || is_too_much(&refusal) => return Err(refusal),
                None => {}
            }
        }
        seen.extend(
            refused
                .into_iter()
                .map(|(bill, error)| alone(bill, error, answered)),
        );
        seen.extend(left.into_iter().map(|bill| match &stopped {
            Some(error) => (bill, Err(error.clone())),
            None if is_missing && !answered => (bill, Ok(unknown_bill(bill))),
            None => (bill, Err(SiengeError::NotIsolated { bill })),
        }));
        Ok(seen)
    }

    /// One call for a group.
    async fn read_group(&self, bills: &[BillId]) -> Result<Vec<Seen>, SiengeError> {
        let mut call = bills_call(bills);
        call.empty_on_404 = bills.len() == 1;
        call.divisible = bills.len() > 1;
        call.held = true;
        let (mut read, mut odd) = (Vec::new(), Vec::new());
        let mut rows = self.bulk_rows::<IncomeRow>(call);
        while let Some(row) = rows.next().await {
            match income_facts(row?) {
                Ok(row) => read.push(row),
                Err(row) => {
                    tracing::warn!(bill = row.bill.map(|bill| bill.0), installment = row.installment().map(|id| id.0), why = %row.why, "income row unreadable");
                    odd.push(row);
                }
            }
        }
        // A row without a bill belongs to one of those requested: then none of them is complete.
        let astray = odd.iter().find(|row| row.bill.is_none()).map(|row| row.why);
        let seen = group(
            read,
            odd,
            if astray.is_some() {
                Coverage::AllNew
            } else {
                Coverage::WholeOnce
            },
        );
        let mut seen: BTreeMap<BillId, Observation> =
            seen.into_iter().map(|seen| (seen.bill, seen)).collect();
        let answers = bills.iter().map(|bill| {
            let mut seen = seen.remove(bill).unwrap_or_else(|| unknown_bill(*bill));
            if astray.is_some() {
                seen.coverage = Coverage::AllNew;
                seen.gap = seen.gap.or(astray.filter(|_| bills.len() == 1));
            }
            (*bill, Ok(seen))
        });
        Ok(answers.collect())
    }
}

/// The parts of a group still to be read, the largest first.
struct GroupParts<'a>(VecDeque<&'a [BillId]>);

impl<'a> GroupParts<'a> {
    fn of(bills: &'a [BillId]) -> Self {
        let mut parts = Self(VecDeque::new());
        parts.halve(bills);
        parts
    }

    fn halve(&mut self, part: &'a [BillId]) {
        let (one, other) = part.split_at(part.len() / 2);
        self.0.extend([one, other]);
    }

    fn next(&mut self) -> Option<&'a [BillId]> {
        self.0.pop_front()
    }
}

fn is_late(error: &SiengeError) -> bool {
    matches!(error, SiengeError::Timeout { .. })
}

/// Whether an answer takes too much memory: one for fewer bills may fit.
fn is_too_much(error: &SiengeError) -> bool {
    matches!(
        error,
        SiengeError::TooLarge { .. } | SiengeError::TooMany { .. }
    )
}

/// Whether an answer broke off, so that another may be complete.
fn is_broken(error: &SiengeError) -> bool {
    matches!(
        error,
        SiengeError::Truncated { .. }
            | SiengeError::NotJson { .. }
            | SiengeError::BulkFailed { .. }
            | SiengeError::Timeout { .. }
            | SiengeError::Connection { .. }
    )
}

/// What a refusal means for a bill requested alone; `others_answered`: Sienge works.
fn alone(bill: BillId, error: SiengeError, others_answered: bool) -> Seen {
    let outcome = match error {
        SiengeError::NotFound { .. } => Ok(unknown_bill(bill)),
        SiengeError::BadRequest { status, .. } => Err(SiengeError::BillRefused { bill, status }),
        SiengeError::Server { status, .. } if others_answered => {
            Err(SiengeError::BillRefused { bill, status })
        }
        error => Err(error),
    };
    (bill, outcome)
}
