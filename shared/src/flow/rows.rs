//! Bulk rows on their way to the comparison: filtered by the settings, joined with what the extract says, in batches of bounded size.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures::StreamExt;

use super::breaker::InQuestion;
use super::mirror::Unsettled;
use super::windows::Window;
use super::{FlowError, Report, Session, View};
use crate::calendar::Date;
use crate::portfolio::{BillId, Coverage, CreditorId, InstallmentId, Observation, ObservedBill, ObservedInstallment};
use crate::sienge::{ExtractHistoryWindow, IncomeSelection, IncomeWindow, OddRow, group, income_facts};

/// Rows compared in one go; bounds the memory whatever the answer's size.
const BATCH: usize = 2_000;

/// What the extract says and the income rows do not.
#[derive(Default)]
pub(super) struct Extract {
    /// Whether a boleto was generated.
    pub boletos: HashMap<(BillId, InstallmentId), bool>,
    /// Bills of rescinded contracts, with the date.
    pub revoked: HashMap<BillId, Date>,
}

/// One income row, mapped.
pub(super) type Row = (BillId, ObservedBill, ObservedInstallment);

/// What a pass over the rows left to do.
#[derive(Default)]
pub(super) struct Passed {
    /// Bills that need a whole read.
    pub look_again: BTreeSet<BillId>,
    /// Installments whose row could not be read: they are there.
    pub unread: BTreeSet<(BillId, InstallmentId)>,
    /// Bills with a row that names no installment: any of theirs may be there.
    pub in_part: BTreeSet<BillId>,
    /// Bills with rows that are settled without a receipt.
    pub in_question: BTreeMap<BillId, InQuestion>,
}

impl Passed {
    /// Adds what settling some rows left to do; the rows of a bill may come in several batches.
    pub(super) fn note(&mut self, unsettled: Unsettled) {
        self.look_again.extend(unsettled.look_again);
        for (bill, more) in unsettled.in_question {
            let of_bill = self.in_question.entry(bill).or_insert(InQuestion { installments: 0, ..more });
            of_bill.installments += more.installments;
        }
    }
}

impl Session {
    /// Reads the customer extract of a window, or of what changed since a day.
    pub(super) async fn read_extract(
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
        let mut rows = self.sienge.extract_history(&due);
        while let Some(row) = rows.next().await {
            // One that names no bill says nothing of any boleto.
            let Ok(told) = row?.boletos() else { continue };
            extract
                .boletos
                .extend(told.boletos.into_iter().map(|(id, generated)| ((told.bill, id), generated)));
            if let Some(on) = told.revoked_on {
                extract.revoked.insert(told.bill, on);
            }
        }
        Ok(extract)
    }

    /// Streams income rows through `wanted` into the comparison. `wanted` sees every row that could be read, with whether the settings
    /// leave it out, and says whether it must be compared. What is left out is counted. An answer that breaks off is an error, after the rows before it took effect.
    pub(super) async fn pass_income(
        &self,
        view: &mut View,
        creditor: CreditorId,
        query: &IncomeWindow,
        extract: &Extract,
        mut wanted: impl FnMut(&Row, bool) -> bool + Send,
        report: &mut Report,
    ) -> Result<Passed, FlowError> {
        let rules = self.rules(Some(creditor));
        let mut passed = Passed::default();
        let mut batch: Vec<Row> = Vec::new();
        let mut odd: Vec<OddRow> = Vec::new();
        let mut astray = None;
        let mut rows = self.sienge.income(query);
        while let Some(row) = rows.next().await {
            report.rows_read += 1;
            match income_facts(row?) {
                Ok(row) => {
                    let left_out = rules.leaves_out(&row.1, Some(&row.2));
                    if let Some(why) = left_out {
                        report.leave_out(why);
                    }
                    if wanted(&row, left_out.is_some()) && left_out.is_none() {
                        batch.push(row);
                    }
                }
                // One unreadable row must not keep the others waiting: what it is about is left as it is and told to the operator.
                Err(row) => {
                    let left_out = row.header.as_ref().ok().and_then(|header| rules.leaves_out(header, None));
                    match (row.bill, row.installment()) {
                        (Some(bill), Some(id)) => passed.unread.extend([(bill, id)]),
                        (Some(bill), None) => passed.in_part.extend([bill]),
                        (None, _) => astray = Some(row.why),
                    }
                    if let Some(why) = left_out {
                        report.leave_out(why);
                    } else {
                        report.miss(&row);
                        odd.push(row);
                    }
                }
            }
            if batch.len() + odd.len() >= BATCH {
                let seen = observations(&mut batch, &mut odd, extract);
                passed.note(self.settle_counting(view, seen, report).await?);
            }
        }
        let seen = observations(&mut batch, &mut odd, extract);
        passed.note(self.settle_counting(view, seen, report).await?);
        if let Some(why) = astray {
            let text = format!(
                "Há linhas do Sienge que não se sabe de que título são ({why}); não entram na carteira. Confira os títulos do credor no Sienge."
            );
            self.criticise(creditor, text, report).await?;
        }
        Ok(passed)
    }
}

/// What is due in a window.
pub(super) fn due_in(creditor: CreditorId, window: Window) -> IncomeWindow {
    IncomeWindow {
        company: Some(creditor),
        from: window.from,
        to: window.to,
        by: IncomeSelection::Due,
        changed_since: None,
    }
}

fn observations(batch: &mut Vec<Row>, odd: &mut Vec<OddRow>, extract: &Extract) -> Vec<Observation> {
    let mut seen = group(std::mem::take(batch), std::mem::take(odd), Coverage::Rows);
    for observation in &mut seen {
        let bill = observation.bill;
        let told = observation
            .installments
            .iter()
            .filter_map(|row| Some((row.id, *extract.boletos.get(&(bill, row.id))?)));
        observation.boletos = told.collect();
        if let (Some(header), Some(on)) = (&mut observation.header, extract.revoked.get(&bill)) {
            header.cancelled_on = Some(*on);
        }
    }
    seen
}
