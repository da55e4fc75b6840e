//! Brings the rows of bulk answers into the portfolio.
//!
//! An answer is read to its end; then its bills are compared and committed in the order of their ids, while there is time. After
//! that, another invocation reads the answer again and continues after the last finished bill.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt;

use super::breaker::{Grants, InQuestion};
use super::kept::MAX_KEPT;
use super::{
    BillSync, Extract, FlowError, KeptRows, ObservedRow, ReadRequest, Reading, Requests, Window,
};
use crate::calendar::Date;
use crate::ids::{BillId, CreditorId};
use crate::portfolio::{Coverage, Scope};
use crate::sienge::{ExtractHistoryWindow, IncomeSelection, IncomeWindow};

/// Rows, and bills, per comparison: what may need a read of the whole bill fits into one or two bulk calls.
const ROWS_AT_ONCE: usize = 2_000;
const BILLS_AT_ONCE: usize = 100;
/// A batch of bills starts only with this much time left.
const BATCH_TIME: Duration = Duration::from_secs(5);
/// The same while bills wait for a read of the whole bill, which needs time, too.
const LOOK_TIME: Duration = Duration::from_secs(15);

/// Progress within the rows of an answer.
pub struct Passed {
    /// Bills up to this one are done.
    pub after: Option<BillId>,
    /// What a reconciliation would remove according to the rows: nothing was removed yet.
    pub in_question: BTreeMap<BillId, InQuestion>,
    /// The same for bills that were read whole.
    pub of_whole: BTreeMap<BillId, InQuestion>,
}

impl Passed {
    /// Nothing done yet after this bill.
    pub const fn after(after: Option<BillId>) -> Self {
        Self {
            after,
            in_question: BTreeMap::new(),
            of_whole: BTreeMap::new(),
        }
    }
}

impl BillSync {
    /// Reads the customer extract of a window, or of what changed since a day.
    pub async fn read_extract(
        &self,
        creditor: CreditorId,
        window: Window,
        changed_since: Option<Date>,
    ) -> Result<Extract, FlowError> {
        let mut extract = Extract::default();
        let due = ExtractHistoryWindow {
            due_from: window.from,
            due_to: window.to,
            company: Some(creditor),
            customer: None,
            bill: None,
            changed_since,
        };
        let mut rows = self.erp.extract(&due);
        while let Some(row) = rows.next().await {
            let row = row?;
            extract
                .boletos
                .entry(row.bill)
                .or_default()
                .extend(row.boletos);
            if let Some(on) = row.revoked_on {
                extract.revoked.insert(row.bill, on);
            }
        }
        Ok(extract)
    }

    /// Reads income rows to their end and keeps those to compare, of bills after `after`. `wanted` sees every readable row,
    /// with whether the settings leave it out, and decides. An answer that breaks off is an error without effect.
    pub async fn read_income(
        &self,
        creditor: CreditorId,
        query: &IncomeWindow,
        after: Option<BillId>,
        mut wanted: impl FnMut(&ObservedRow, bool) -> bool + Send,
    ) -> Result<KeptRows, FlowError> {
        let policy = self.policy(Some(creditor));
        let mut kept = KeptRows::after(after);
        let mut astray = None;
        let mut rows = self.erp.income(query);
        while let Some(row) = rows.next().await {
            kept.counts.rows_read += 1;
            match row? {
                Ok(row) => {
                    let left_out = policy.leaves_out(&row.1, Some(&row.2));
                    if let Some(why) = left_out {
                        kept.counts.leave_out(why);
                    }
                    if wanted(&row, left_out.is_some()) && left_out.is_none() {
                        kept.keep(row, MAX_KEPT);
                    }
                }
                // One unreadable row must not stop the others: its installment stays as it is, with a critique.
                Err(row) => {
                    let left_out = row
                        .header
                        .as_ref()
                        .ok()
                        .and_then(|header| policy.leaves_out(header, None));
                    match (row.bill, row.installment()) {
                        (Some(bill), Some(id)) => kept.unread.extend([(bill, id)]),
                        (Some(bill), None) => kept.in_part.extend([bill]),
                        (None, _) => astray = Some(row.why),
                    }
                    if let Some(why) = left_out {
                        kept.counts.leave_out(why);
                    } else {
                        kept.counts.miss(&row);
                        if let Some(bill) = row.bill {
                            kept.keep_odd(bill, row, MAX_KEPT);
                        }
                    }
                }
            }
        }
        if let Some(why) = astray {
            let text = format!(
                "Há linhas do Sienge que não se sabe de que título são ({why}); não entram na carteira. Confira os títulos do credor no Sienge."
            );
            self.criticise(creditor, text).await?;
        }
        Ok(kept)
    }

    /// Makes the portfolio equal to the kept rows, bill by bill, while there is time, and at least for one batch. Returns whether the
    /// answer is finished; `passed` holds the progress, also after an error. A reconciliation counts the removals. Every other
    /// run carries them out at the end, if the circuit breaker allows; otherwise none is begun.
    pub async fn sync_rows(
        &self,
        reading: &mut Reading,
        kept: KeptRows,
        extract: &Extract,
        coverage: Coverage,
        passed: &mut Passed,
    ) -> Result<bool, FlowError> {
        let all_had_room = kept.beyond.is_none();
        let counts = reading.scope == Scope::Counting;
        let (mut read_again, mut in_question) = (BTreeSet::new(), BTreeMap::new());
        let mut bills = kept.bills.into_iter().peekable();
        while bills.peek().is_some() {
            let (mut batch, mut rows) = (Vec::new(), 0);
            while rows < ROWS_AT_ONCE
                && batch.len() < BILLS_AT_ONCE
                && let Some((bill, kept)) = bills.next()
            {
                rows += kept.rows();
                batch.push(kept.observation(bill, extract, coverage));
            }
            let compared: Vec<BillId> = batch.iter().map(|seen| seen.bill).collect();
            let mut left_to_do = self.sync_seen(reading, batch).await?;
            read_again.append(&mut left_to_do.read_again);
            // The removals a reconciliation counts wait for its end.
            let of_rows = if counts {
                &mut passed.in_question
            } else {
                &mut in_question
            };
            of_rows.append(&mut left_to_do.in_question);
            let waits = read_again
                .first()
                .into_iter()
                .chain(in_question.keys().next())
                .min();
            passed.after = done_before(waits, &compared).or(passed.after);
            let ends = bills.peek().is_none()
                || self.time_left()
                    < if waits.is_some() {
                        LOOK_TIME
                    } else {
                        BATCH_TIME
                    };
            if ends && !counts {
                let withheld = self.withhold(&in_question).await?;
                let confirmed = std::mem::take(&mut in_question).into_keys();
                read_again.extend(confirmed.filter(|bill| !withheld.contains(bill)));
            }
            if ends || read_again.len() >= BILLS_AT_ONCE {
                let requests = std::mem::take(&mut read_again).into_iter();
                let requests = requests
                    .map(|bill| (bill, with_extract(extract, bill)))
                    .collect();
                if counts {
                    passed
                        .of_whole
                        .append(&mut self.count_in_parts(requests).await?);
                } else {
                    self.sync_in_parts(reading.scope, requests).await?;
                }
                if in_question.is_empty() {
                    passed.after = compared.last().copied();
                }
            }
            if ends {
                break;
            }
        }
        Ok(all_had_room && bills.peek().is_none())
    }

    /// Reads whole bills, one bulk call at a time; failed ones are in the report, and the next run or reconciliation finds them.
    pub async fn sync_in_parts(&self, scope: Scope, bills: Requests) -> Result<(), FlowError> {
        for part in parts(bills) {
            self.sync_bills(scope, &part).await?;
        }
        Ok(())
    }

    /// The same for the last stage of a reconciliation, which removes what it counted.
    pub async fn remove_in_parts(
        &self,
        bills: Requests,
        grants: &mut Grants,
    ) -> Result<(), FlowError> {
        for part in parts(bills) {
            self.sync_removing(&part, grants).await?;
        }
        Ok(())
    }

    /// The same for a reconciliation, which only counts removals.
    pub async fn count_in_parts(
        &self,
        bills: Requests,
    ) -> Result<BTreeMap<BillId, InQuestion>, FlowError> {
        let mut counted = BTreeMap::new();
        for part in parts(bills) {
            counted.extend(self.sync_counting(&part).await?);
        }
        Ok(counted)
    }
}

/// The last bill compared, in their order, before the first one that waits for a read of the whole bill.
fn done_before(waits: Option<&BillId>, compared: &[BillId]) -> Option<BillId> {
    let mut done = compared.iter().rev();
    done.find(|bill| waits.is_none_or(|waits| *bill < waits))
        .copied()
}

fn parts(mut bills: Requests) -> Vec<Requests> {
    let mut parts = Vec::new();
    while !bills.is_empty() {
        let next = bills.keys().nth(BILLS_AT_ONCE).copied();
        let later = next.map(|next| bills.split_off(&next)).unwrap_or_default();
        parts.push(bills);
        bills = later;
    }
    parts
}

/// A request for a whole bill, with the boletos from the extract: a bulk read has none.
fn with_extract(extract: &Extract, bill: BillId) -> ReadRequest {
    ReadRequest {
        boletos: extract.boletos.get(&bill).cloned().unwrap_or_default(),
        ..ReadRequest::default()
    }
}

/// What is due in a window.
#[must_use]
pub fn due_in(creditor: CreditorId, window: Window) -> IncomeWindow {
    IncomeWindow {
        company: Some(creditor),
        from: window.from,
        to: window.to,
        by: IncomeSelection::Due,
        changed_since: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bills_are_done_up_to_the_first_one_that_waits() {
        let compared = [3, 5, 7].map(BillId);
        for (waits, done) in [
            (None, Some(7)),
            (Some(3), None),
            (Some(7), Some(5)),
            (Some(2), None),
        ] {
            assert_eq!(
                done_before(waits.map(BillId).as_ref(), &compared),
                done.map(BillId),
                "{waits:?} waits"
            );
        }
    }
}
