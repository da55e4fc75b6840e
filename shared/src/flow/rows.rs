//! Bulk rows on their way to the comparison: filtered by the settings, joined with what the extract says, in batches of bounded size.

use std::collections::{BTreeSet, HashMap};

use futures::StreamExt;

use super::windows::Window;
use super::{FlowError, Report, Session, View};
use crate::calendar::Date;
use crate::portfolio::{BillId, Coverage, CreditorId, InstallmentId, Observation, ObservedBill, ObservedInstallment};
use crate::sienge::{ExtractHistoryWindow, IncomeSelection, IncomeWindow, group, income_facts};

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
    /// Bills with a row that could not be read.
    pub unreadable: BTreeSet<BillId>,
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
            let told = row?.boletos()?;
            extract
                .boletos
                .extend(told.boletos.into_iter().map(|(id, generated)| ((told.bill, id), generated)));
            if let Some(on) = told.revoked_on {
                extract.revoked.insert(told.bill, on);
            }
        }
        Ok(extract)
    }

    /// Streams income rows through `wanted` into the comparison. `wanted` sees every row the settings do not ignore and says
    /// whether it must be compared. An answer that breaks off is an error, after the rows before it took effect.
    pub(super) async fn pass_income(
        &self,
        view: &mut View,
        creditor: CreditorId,
        query: &IncomeWindow,
        extract: &Extract,
        mut wanted: impl FnMut(&Row) -> bool + Send,
        report: &mut Report,
    ) -> Result<Passed, FlowError> {
        let rules = self.rules(Some(creditor));
        let mut passed = Passed::default();
        let mut batch: Vec<Row> = Vec::new();
        let mut rows = self.sienge.income(query);
        while let Some(row) = rows.next().await {
            report.rows_read += 1;
            let row = match income_facts(row?) {
                Ok(row) => row,
                // One unreadable row must not keep the others waiting; its bill is left as it is and told to the operator.
                Err(error) => {
                    let Some(bill) = error.bill() else { return Err(error.into()) };
                    tracing::error!(tenant = %self.tenant, %bill, %error, "income row unreadable; its bill is left as it is");
                    report.fail(bill, error.to_string());
                    passed.unreadable.insert(bill);
                    continue;
                }
            };
            if rules.ignores_bill(&row.1) || rules.ignores_installment(&row.2) {
                continue;
            }
            if wanted(&row) {
                batch.push(row);
            }
            if batch.len() >= BATCH {
                passed
                    .look_again
                    .extend(self.settle(view, observations(&mut batch, extract), report).await?);
            }
        }
        passed
            .look_again
            .extend(self.settle(view, observations(&mut batch, extract), report).await?);
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

fn observations(batch: &mut Vec<Row>, extract: &Extract) -> Vec<Observation> {
    let mut seen = group(std::mem::take(batch), Coverage::Rows);
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
