//! What a run did: counts, and a Portuguese text.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::ids::BillId;
use crate::portfolio::{Action, Change, ContractState, EventKind, LeftOut, Outcome};
use crate::sienge::OddRow;

/// Most critiques and failures listed in a report; all critiques are in the journal.
const MAX_LISTED: usize = 50;

/// Counts of one run or batch. Checkpoints and answers leave out the zeros; when read, absent counts are zero.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Report {
    /// Bills compared.
    #[serde(skip_serializing_if = "is_zero")]
    pub bills_compared: u64,
    /// Bills not read, because the portfolio contains a read that began after their news arrived.
    #[serde(skip_serializing_if = "is_zero")]
    pub bills_known: u64,
    /// Rows read from bulk answers.
    #[serde(skip_serializing_if = "is_zero")]
    pub rows_read: u64,
    /// Rows that the settings leave out: company, document type or condition type on an ignore list.
    #[serde(skip_serializing_if = "is_zero")]
    pub rows_ignored: u64,
    /// Rows of another company than the one asked for.
    #[serde(skip_serializing_if = "is_zero")]
    pub rows_of_others: u64,
    /// Unreadable rows of installments that are open, or may be; each is criticised where it matters.
    #[serde(skip_serializing_if = "is_zero")]
    pub rows_unread: u64,
    /// Unreadable rows of installments with nothing open.
    #[serde(skip_serializing_if = "is_zero")]
    pub rows_unread_settled: u64,
    /// Rows without a bill.
    #[serde(skip_serializing_if = "is_zero")]
    pub rows_astray: u64,
    /// Contracts opened.
    #[serde(skip_serializing_if = "is_zero")]
    pub contracts_opened: u64,
    /// Contracts finished.
    #[serde(skip_serializing_if = "is_zero")]
    pub contracts_finished: u64,
    /// Contracts cancelled.
    #[serde(skip_serializing_if = "is_zero")]
    pub contracts_cancelled: u64,
    /// Contracts whose rights were assigned to another customer.
    #[serde(skip_serializing_if = "is_zero")]
    pub contracts_assigned: u64,
    /// Contracts followed by one of another document type.
    #[serde(skip_serializing_if = "is_zero")]
    pub contracts_retyped: u64,
    /// Installments included.
    #[serde(skip_serializing_if = "is_zero")]
    pub included: u64,
    /// Installments updated.
    #[serde(skip_serializing_if = "is_zero")]
    pub updated: u64,
    /// Partial payments.
    #[serde(skip_serializing_if = "is_zero")]
    pub paid_in_part: u64,
    /// Installments settled.
    #[serde(skip_serializing_if = "is_zero")]
    pub settled: u64,
    /// Installments returned.
    #[serde(skip_serializing_if = "is_zero")]
    pub returned: u64,
    /// Installments reopened.
    #[serde(skip_serializing_if = "is_zero")]
    pub reopened: u64,
    /// Payments reversed.
    #[serde(skip_serializing_if = "is_zero")]
    pub reversed: u64,
    /// Installments carried into a renegotiation.
    #[serde(skip_serializing_if = "is_zero")]
    pub renegotiated: u64,
    /// Timeline events written.
    #[serde(skip_serializing_if = "is_zero")]
    pub events: u64,
    /// Customers, enterprises, units and sales contracts whose record changed.
    #[serde(skip_serializing_if = "is_zero")]
    pub records_changed: u64,
    /// Critiques, in Portuguese.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub critiques: Vec<String>,
    /// Critiques beyond those listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_critiques: u64,
    /// Bills that failed, with the reason; they will be tried again.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub failures: BTreeMap<BillId, String>,
    /// Failures beyond those listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_failures: u64,
    /// All bills that failed in this invocation.
    #[serde(skip)]
    pub failed: BTreeSet<BillId>,
}

/// What is done and not reported yet, collected from all parts of one invocation.
#[derive(Debug, Clone, Default)]
pub struct RunningReport(Arc<Mutex<Report>>);

impl RunningReport {
    /// Changes it.
    pub fn with(&self, add: impl FnOnce(&mut Report)) {
        add(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Notes a bill that failed.
    pub fn fail(&self, bill: BillId, why: String) {
        self.with(|report| report.fail(bill, why));
    }

    /// Takes what was done since the last call.
    #[must_use]
    pub fn take(&self) -> Report {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Report {
    /// Counts a committed (or, in a dry run, a computed) outcome.
    pub fn count(&mut self, outcome: &Outcome) {
        for change in &outcome.changes {
            match change {
                Change::Installment(action, _) => *self.counter(*action) += 1,
                Change::Contract(contract) => {
                    if matches!(contract.state, ContractState::Assigned { .. }) {
                        let left = if contract.is_retyped() {
                            &mut self.contracts_retyped
                        } else {
                            &mut self.contracts_assigned
                        };
                        *left += 1;
                    }
                }
            }
        }
        for event in &outcome.events {
            match event.kind {
                EventKind::ContractOpened => self.contracts_opened += 1,
                EventKind::ContractFinished => self.contracts_finished += 1,
                EventKind::ContractCancelled => self.contracts_cancelled += 1,
                _ => {}
            }
        }
        self.events += outcome.events.len() as u64;
    }

    /// Adds another report's counts to this one.
    pub fn add(&mut self, other: Self) {
        self.bills_compared += other.bills_compared;
        self.bills_known += other.bills_known;
        self.rows_read += other.rows_read;
        self.rows_ignored += other.rows_ignored;
        self.rows_of_others += other.rows_of_others;
        self.rows_unread += other.rows_unread;
        self.rows_unread_settled += other.rows_unread_settled;
        self.rows_astray += other.rows_astray;
        self.contracts_opened += other.contracts_opened;
        self.contracts_finished += other.contracts_finished;
        self.contracts_cancelled += other.contracts_cancelled;
        self.contracts_assigned += other.contracts_assigned;
        self.contracts_retyped += other.contracts_retyped;
        self.included += other.included;
        self.updated += other.updated;
        self.paid_in_part += other.paid_in_part;
        self.settled += other.settled;
        self.returned += other.returned;
        self.reopened += other.reopened;
        self.reversed += other.reversed;
        self.renegotiated += other.renegotiated;
        self.events += other.events;
        self.records_changed += other.records_changed;
        self.more_critiques += other.more_critiques;
        self.more_failures += other.more_failures;
        for critique in other.critiques {
            self.criticise(critique);
        }
        for (bill, why) in other.failures {
            self.fail(bill, why);
        }
        self.failed.extend(other.failed);
    }

    /// What counts of a step that is repeated after the bills up to `done`: what it changed, and which of those bills failed. Its
    /// repetition counts the rows read, the comparisons and the other failures.
    #[must_use]
    pub fn repeated(mut self, done: Option<BillId>) -> Self {
        self.failures
            .retain(|bill, _| done.is_some_and(|done| *bill <= done));
        Self {
            rows_read: 0,
            rows_ignored: 0,
            rows_of_others: 0,
            rows_unread: 0,
            rows_unread_settled: 0,
            rows_astray: 0,
            bills_compared: 0,
            bills_known: 0,
            more_critiques: 0,
            // Any of them may belong to a finished bill.
            more_failures: self.more_failures * u64::from(done.is_some()),
            ..self
        }
    }

    /// Counts a row that the settings leave out.
    pub fn leave_out(&mut self, why: LeftOut) {
        match why {
            LeftOut::BySettings => self.rows_ignored += 1,
            LeftOut::OtherCompany => self.rows_of_others += 1,
        }
    }

    /// Counts an unreadable row.
    pub fn miss(&mut self, row: &OddRow) {
        if row.bill.is_none() {
            self.rows_astray += 1;
        } else if row.is_settled() {
            self.rows_unread_settled += 1;
        } else {
            self.rows_unread += 1;
        }
    }

    /// Whether everything that may be open was read and is in the portfolio.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failures.is_empty()
            && self.more_failures == 0
            && self.rows_unread == 0
            && self.rows_astray == 0
    }

    /// Notes a critique, once.
    pub fn criticise(&mut self, text: String) {
        if self.critiques.contains(&text) {
            return;
        }
        if self.critiques.len() < MAX_LISTED {
            self.critiques.push(text);
        } else {
            self.more_critiques += 1;
        }
    }

    /// Notes a bill that failed.
    pub fn fail(&mut self, bill: BillId, why: String) {
        self.failed.insert(bill);
        if self.failures.len() < MAX_LISTED || self.failures.contains_key(&bill) {
            self.failures.insert(bill, why);
        } else {
            self.more_failures += 1;
        }
    }

    /// Changes of installments, all kinds together.
    #[must_use]
    pub fn installments_changed(&self) -> u64 {
        self.included
            + self.updated
            + self.paid_in_part
            + self.settled
            + self.returned
            + self.reopened
            + self.reversed
            + self.renegotiated
    }

    /// The nonzero counts by name, for the task history.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, i64> {
        let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(self) else {
            return BTreeMap::new();
        };
        fields
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_i64()?)))
            .collect()
    }

    /// Whether there is nothing to report.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether nothing in the portfolio had to change.
    #[must_use]
    pub fn unchanged(&self) -> bool {
        self.installments_changed() == 0
            && self.contracts_opened
                + self.contracts_finished
                + self.contracts_cancelled
                + self.contracts_assigned
                + self.contracts_retyped
                == 0
    }

    /// One or two Portuguese sentences for the operator.
    #[must_use]
    pub fn text(&self) -> String {
        let parts: Vec<String> = [
            (self.contracts_opened, "contrato(s) incluído(s)"),
            (self.contracts_cancelled, "contrato(s) cancelado(s)"),
            (
                self.contracts_assigned,
                "contrato(s) com troca de titularidade",
            ),
            (self.contracts_retyped, "contrato(s) com troca de tipo"),
            (self.contracts_finished, "contrato(s) finalizado(s)"),
            (self.included, "parcela(s) incluída(s)"),
            (self.updated, "parcela(s) atualizada(s)"),
            (self.settled, "parcela(s) quitada(s)"),
            (self.paid_in_part, "pagamento(s) parcial(is)"),
            (self.returned, "parcela(s) devolvida(s)"),
            (self.reopened, "parcela(s) reaberta(s)"),
            (self.reversed, "pagamento(s) estornado(s)"),
            (self.renegotiated, "parcela(s) em nova negociação"),
        ]
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
        let mut text = if parts.is_empty() {
            "Nada a alterar na carteira.".to_owned()
        } else {
            format!("{}.", parts.join(", "))
        };
        let left_out: Vec<String> = [
            (self.rows_ignored, "pela configuração"),
            (self.rows_of_others, "por serem de outra empresa"),
            (self.rows_unread, "por ilegíveis"),
            (self.rows_unread_settled, "por ilegíveis, já quitadas"),
            (self.rows_astray, "por não dizerem o título"),
        ]
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, why)| format!("{count} {why}"))
        .collect();
        if !left_out.is_empty() {
            text.push_str(&[" Linhas deixadas de fora: ", &left_out.join(", "), "."].concat());
        }
        let critiques = self.critiques.len() as u64 + self.more_critiques;
        if critiques > 0 {
            text.push_str(&[" ", &critiques.to_string(), " crítica(s)."].concat());
        }
        let failures = self.failures.len() as u64 + self.more_failures;
        if failures > 0 {
            text.push_str(
                &[
                    " ",
                    &failures.to_string(),
                    " contrato(s) com falha, que serão tentados de novo.",
                ]
                .concat(),
            );
        }
        text
    }

    fn counter(&mut self, action: Action) -> &mut u64 {
        match action {
            Action::Included => &mut self.included,
            Action::Updated => &mut self.updated,
            Action::PaidInPart => &mut self.paid_in_part,
            Action::Settled => &mut self.settled,
            Action::Returned => &mut self.returned,
            Action::Reopened => &mut self.reopened,
            Action::Reversed => &mut self.reversed,
            Action::Renegotiated => &mut self.renegotiated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::InstallmentId;
    use crate::portfolio::{Critique, Oddity};
    use crate::sienge::Shown;

    #[test]
    fn an_empty_report_says_that_nothing_had_to_change() {
        assert_eq!(Report::default().text(), "Nada a alterar na carteira.");
        assert!(Report::default().unchanged());
    }

    #[test]
    fn what_is_zero_is_not_written_down_and_reads_back_as_zero() {
        let report = Report {
            settled: 2,
            more_failures: 1,
            critiques: vec!["x".to_owned()],
            ..Report::default()
        };
        let written = serde_json::to_string(&report).unwrap();
        assert_eq!(
            written,
            r#"{"settled":2,"critiques":["x"],"moreFailures":1}"#
        );
        assert_eq!(serde_json::from_str::<Report>(&written).unwrap(), report);
        assert_eq!(report.counts().len(), 2);
        // As older checkpoints stored it.
        let whole =
            r#"{"settled":2,"returned":0,"critiques":["x"],"failures":{},"moreFailures":1}"#;
        assert_eq!(serde_json::from_str::<Report>(whole).unwrap(), report);
    }

    #[test]
    fn a_report_names_only_what_happened() {
        let report = Report {
            settled: 2,
            returned: 1,
            more_failures: 3,
            ..Report::default()
        };
        assert_eq!(
            report.text(),
            "2 parcela(s) quitada(s), 1 parcela(s) devolvida(s). 3 contrato(s) com falha, que serão tentados de novo."
        );
        assert!(!report.unchanged());
    }

    #[test]
    fn rows_left_out_are_counted_by_reason() {
        let mut report = Report::default();
        let odd = |bill: Option<i64>, settled: bool| OddRow {
            bill: bill.map(BillId),
            header: Err(Oddity::Field("companyId")),
            shown: Shown::Unread(InstallmentId(1), settled),
            why: Oddity::Field("dueDate"),
        };
        report.leave_out(LeftOut::BySettings);
        report.leave_out(LeftOut::OtherCompany);
        report.miss(&odd(Some(1), true));
        assert!(report.is_complete(), "nothing that is open is missing");
        report.miss(&odd(Some(1), false));
        report.miss(&odd(None, true));
        assert!(!report.is_complete());
        assert_eq!(
            report.text(),
            "Nada a alterar na carteira. Linhas deixadas de fora: 1 pela configuração, 1 por serem de outra empresa, 1 por ilegíveis, \
             1 por ilegíveis, já quitadas, 1 por não dizerem o título."
        );
        assert_eq!(report.counts()["rowsAstray"], 1);
    }

    #[test]
    fn a_step_that_is_taken_again_forgets_the_failures_that_its_repetition_tells_and_no_others() {
        let failed = |bills: std::ops::RangeInclusive<i64>| {
            let mut report = Report::default();
            bills.for_each(|bill| report.fail(BillId(bill), "recusado".to_owned()));
            report
        };
        let left = |report: Report, done: Option<i64>| report.repeated(done.map(BillId));
        assert_eq!(
            left(failed(37..=38), Some(37))
                .failures
                .into_keys()
                .collect::<Vec<_>>(),
            [BillId(37)]
        );
        assert!(left(failed(37..=37), None).is_complete());
        assert!(left(failed(37..=37), Some(36)).is_complete());
        let many = left(failed(1..=60), Some(60));
        assert_eq!((many.failures.len(), many.more_failures), (50, 10));
        assert!(
            !left(failed(1..=60), Some(0)).is_complete(),
            "those not listed may be of bills that are done"
        );
    }

    #[test]
    fn the_same_critique_is_listed_once() {
        let mut report = Report::default();
        let critique = Critique::AssignmentWaitsForReconciliation { bill: BillId(1) };
        report.criticise(critique.text());
        report.criticise(critique.text());
        assert_eq!(report.critiques.len(), 1);
    }
}
