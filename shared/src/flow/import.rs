//! The daily load ("carga diária"): what changed in Sienge since the last success.
//!
//! Sienge filters by day, so the day before the last success is read again; comparing again changes nothing. A creditor's
//! first import is a reconciliation until one succeeds. A killed run resumes after its last finished step, with the same first day.

use serde::{Deserialize, Serialize};

use super::changes::{continues_from, first_day};
use super::run::{Run, Stepped, cut_first};
use super::run_context::{Current, RunContext};
use super::tenant_batch::finish;
use super::{FlowError, Report, RunStatus, Task, TaskName};
use crate::calendar::{Date, Timestamp, brazilian};
use crate::ids::BillId;
use crate::portfolio::{Coverage, Scope};
use crate::sienge::IncomeWindow;
use crate::store::JournalKey;
use crate::sync::{Extract, KeptRows, MONTH, Passed, Reading, Window, due_in, everything, whole};

/// Unmatched webhooks processed again in one run.
const UNMATCHED_AT_ONCE: usize = 500;

/// The steps, in order; each may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum ImportStep {
    Records,
    Installments,
    CreditBureau,
    Unmatched,
    Finish,
}

/// The daily load of one creditor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Import {
    since: Date,
    /// Whether the first day was requested: then the run says nothing about earlier changes.
    asked: bool,
    step: ImportStep,
    /// Windows of due dates whose changed installments are still to be read.
    windows: Vec<Window>,
}

impl Run for Import {
    const TASK: TaskName = TaskName::Import;

    async fn begin(context: &RunContext<'_>, task: &Task) -> Result<Self, FlowError> {
        Ok(Self {
            since: first_day(context, task, Self::TASK).await?,
            asked: task.from.is_some(),
            step: ImportStep::Records,
            windows: vec![everything()],
        })
    }

    fn continues(&mut self, task: &Task, _started_at: Timestamp, _now: Timestamp) -> bool {
        continues_from(task, self.since)
    }

    fn was_asked_for(&self) -> bool {
        self.asked
    }

    fn steps_left(&self) -> u32 {
        let windows = u32::try_from(self.windows.len()).unwrap_or(u32::MAX);
        let others = match self.step {
            ImportStep::Records => 3,
            ImportStep::Installments | ImportStep::CreditBureau => 2,
            ImportStep::Unmatched => 1,
            ImportStep::Finish => 0,
        };
        windows.saturating_add(others)
    }

    fn reads_next(&self) -> bool {
        self.step != ImportStep::Finish
    }

    fn done_of_step(&self) -> Option<BillId> {
        self.windows.first()?.after
    }

    async fn step(
        &mut self,
        context: &RunContext<'_>,
        current: &Current<'_>,
    ) -> Result<Stepped, FlowError> {
        let (sync, creditor) = (context.sync, context.creditor);
        match self.step {
            ImportStep::Records => {
                let cancelled = context.records.changed_since(creditor, self.since).await?;
                sync.sync_in_parts(Scope::Daily, whole(&cancelled)).await?;
                self.step = ImportStep::Installments;
            }
            ImportStep::Installments => {
                self.read_window(context).await?;
                if self.windows.is_empty() {
                    self.step = ImportStep::CreditBureau;
                }
            }
            ImportStep::CreditBureau => {
                context.records.credit_bureau(creditor).await?;
                self.step = ImportStep::Unmatched;
            }
            ImportStep::Unmatched => {
                match_again(context).await?;
                self.step = ImportStep::Finish;
            }
            ImportStep::Finish => {
                self.finish(context, current).await?;
                return Ok(Stepped::Finished);
            }
        }
        Ok(Stepped::Next)
    }

    fn text(&self, state: RunStatus, report: &Report) -> String {
        format!(
            "Carga diária {}: alterações desde {}, {} parcelas lidas. {}",
            state.word(),
            brazilian(self.since),
            report.rows_read,
            report.text()
        )
    }
}

impl Import {
    /// Publishes the end, and moves the cursor unless bills failed or rows could not be read: then the next run reads from the same day
    /// again.
    async fn finish(
        &self,
        context: &RunContext<'_>,
        current: &Current<'_>,
    ) -> Result<(), FlowError> {
        if context.dry_run {
            return Ok(());
        }
        current.publish_finished(context, "import.finished").await?;
        if !self.asked && current.report.is_complete() {
            current.succeeded(context, Self::TASK).await?;
        }
        Ok(())
    }

    /// Reads one window and brings it up to date while there is time; if its answer is too large or too slow, the window is cut
    /// instead.
    async fn read_window(&mut self, context: &RunContext<'_>) -> Result<(), FlowError> {
        let Some(window) = self.windows.first_mut() else {
            return Ok(());
        };
        let sync = context.sync;
        let mut reading = Reading::begin(Scope::Daily, sync.now());
        let (extract, mut rows) = match read_changes(context, *window, self.since).await {
            Ok(read) => read,
            Err(error) => return cut_first(context, &mut self.windows, MONTH, error),
        };
        let (counts, mut passed) = (
            std::mem::take(&mut rows.counts),
            Passed::after(window.after),
        );
        let synced = sync
            .sync_rows(&mut reading, rows, &extract, Coverage::Rows, &mut passed)
            .await;
        window.after = passed.after;
        if synced? {
            sync.report.with(|report| report.add(counts));
            self.windows.remove(0);
        }
        Ok(())
    }
}

/// What changed in a window, including boletos of installments without a row.
async fn read_changes(
    context: &RunContext<'_>,
    window: Window,
    since: Date,
) -> Result<(Extract, KeptRows), FlowError> {
    let (sync, creditor) = (context.sync, context.creditor);
    let extract = sync.read_extract(creditor, window, Some(since)).await?;
    let query = IncomeWindow {
        changed_since: Some(since),
        ..due_in(creditor, window)
    };
    let rows = sync
        .read_income(creditor, &query, window.after, |_, _| true)
        .await?;
    let rows = rows.and(extract.boletos.keys().copied());
    Ok((extract, rows))
}

/// Processes unmatched webhooks again: the contract may be here by now.
async fn match_again(context: &RunContext<'_>) -> Result<(), FlowError> {
    let journal = context.journal;
    let waiting = journal
        .unmatched(context.tenant(), UNMATCHED_AT_ONCE)
        .await?;
    let keys: Vec<JournalKey> = waiting.into_iter().map(|webhook| webhook.key).collect();
    let webhooks: Vec<_> = journal
        .webhooks(&keys)
        .await?
        .into_iter()
        .filter_map(Result::ok)
        .collect();
    if webhooks.is_empty() {
        return Ok(());
    }
    let processed = context.sync.process(&webhooks, false).await?;
    if context.dry_run {
        return Ok(());
    }
    finish(journal, &processed, context.now()).await
}
