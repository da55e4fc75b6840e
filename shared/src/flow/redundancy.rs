//! The redundancy ("redundância de pagamentos"): once a day, what was paid and what changed since the last success, from bulk data, so
//! that nothing depends on webhooks alone.
//!
//! Both are read window by window, with a checkpoint after each: the next invocation does what one has no time for.

use serde::{Deserialize, Serialize};

use super::changes::{continues_from, first_day};
use super::run::{Run, Stepped, cut_first};
use super::run_context::{Current, RunContext};
use super::{FlowError, Report, RunStatus, Task, TaskName};
use crate::calendar::{Date, Timestamp, brazilian};
use crate::ids::BillId;
use crate::portfolio::{Coverage, Scope};
use crate::sienge::{IncomeSelection, IncomeWindow};
use crate::sync::{DAY, Extract, MONTH, Passed, Reading, Window, due_in, everything};

/// The daily redundancy of one creditor: payments by date, and everything changed since the last success.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Redundancy {
    since: Date,
    /// Whether the first day was requested: then the run says nothing about earlier changes.
    asked: bool,
    /// Windows of days whose payments are still to be read.
    paid: Vec<Window>,
    /// Windows of due dates whose changed installments are still to be read.
    changed: Vec<Window>,
}

impl Run for Redundancy {
    const TASK: TaskName = TaskName::Payments;

    async fn begin(context: &RunContext<'_>, task: &Task) -> Result<Self, FlowError> {
        let since = first_day(context, task, Self::TASK).await?;
        Ok(Self {
            since,
            asked: task.from.is_some(),
            paid: vec![Window::new(since, context.sync.today)],
            changed: vec![everything()],
        })
    }

    fn continues(&mut self, task: &Task, _started_at: Timestamp, _now: Timestamp) -> bool {
        continues_from(task, self.since)
    }

    fn was_asked_for(&self) -> bool {
        self.asked
    }

    fn steps_left(&self) -> u32 {
        u32::try_from(self.paid.len() + self.changed.len()).unwrap_or(u32::MAX)
    }

    fn reads_next(&self) -> bool {
        self.steps_left() > 0
    }

    fn done_of_step(&self) -> Option<BillId> {
        self.paid.first().or(self.changed.first())?.after
    }

    async fn step(
        &mut self,
        context: &RunContext<'_>,
        current: &Current<'_>,
    ) -> Result<Stepped, FlowError> {
        if self.steps_left() > 0 {
            self.read_window(context).await?;
            return Ok(Stepped::Next);
        }
        if current.report.is_complete() && !self.asked && !context.dry_run {
            current.succeeded(context, Self::TASK).await?;
        }
        Ok(Stepped::Finished)
    }

    fn text(&self, state: RunStatus, report: &Report) -> String {
        format!(
            "Redundância de pagamentos {}: pagamentos e alterações desde {}, {} parcelas lidas. {}",
            state.word(),
            brazilian(self.since),
            report.rows_read,
            report.text()
        )
    }
}

impl Redundancy {
    /// Reads one window, payments first, and brings it up to date while there is time; if its answer is too large or too slow,
    /// the window is cut instead.
    async fn read_window(&mut self, context: &RunContext<'_>) -> Result<(), FlowError> {
        let (windows, smallest, by, changed_since) = if self.paid.is_empty() {
            let changed = Some(self.since);
            (&mut self.changed, MONTH, IncomeSelection::Due, changed)
        } else {
            (&mut self.paid, DAY, IncomeSelection::Payment, None)
        };
        let Some(window) = windows.first_mut() else {
            return Ok(());
        };
        let query = IncomeWindow {
            by,
            changed_since,
            ..due_in(context.creditor, *window)
        };
        let sync = context.sync;
        let mut reading = Reading::begin(Scope::Daily, sync.now());
        let read = sync.read_income(context.creditor, &query, window.after, |_, _| true);
        let mut rows = match read.await {
            Ok(rows) => rows,
            Err(error) => return cut_first(context, windows, smallest, error),
        };
        let (counts, mut passed) = (
            std::mem::take(&mut rows.counts),
            Passed::after(window.after),
        );
        let extract = Extract::default();
        let synced = sync
            .sync_rows(&mut reading, rows, &extract, Coverage::Rows, &mut passed)
            .await;
        window.after = passed.after;
        if synced? {
            sync.report.with(|report| report.add(counts));
            windows.remove(0);
        }
        Ok(())
    }
}
