//! The redundancy ("redundância de pagamentos"): once a day what was paid and what changed since the last success, over bulk data, so
//! that nothing depends on webhooks alone.
//!
//! Both are read window by window, with a checkpoint after each: what an invocation has no time for, the next one does.

use serde::{Deserialize, Serialize};

use super::import::first_day;
use super::run::{Guard, Run, STEP_TIME, cut_first};
use super::{FlowError, Report, RunStatus, Session, Summary, Task, TaskName};
use crate::calendar::{Date, Timestamp};
use crate::ids::CreditorId;
use crate::portfolio::{Coverage, Scope};
use crate::sienge::{IncomeSelection, IncomeWindow};
use crate::sync::{DAY, Extract, MONTH, Passed, Reading, Window, due_in, everything};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Progress {
    run: String,
    started_at: Timestamp,
    since: Date,
    /// The first day was asked for: the run says nothing about what changed before it.
    asked: bool,
    /// Days whose payments are still to be read.
    paid: Vec<Window>,
    /// Due dates whose changed installments are still to be read.
    changed: Vec<Window>,
    report: Report,
}

impl Run for Progress {
    fn id(&self) -> &str {
        &self.run
    }
    fn started_at(&self) -> Timestamp {
        self.started_at
    }
    fn report(&self) -> &Report {
        &self.report
    }
    fn steps_left(&self) -> u32 {
        u32::try_from(self.paid.len() + self.changed.len()).unwrap_or(u32::MAX)
    }
    fn was_asked(&self) -> bool {
        self.asked
    }
}

/// The daily redundancy of one creditor: payments by date, and everything changed since the last success.
pub async fn redundancy(
    session: &Session,
    task: &Task,
    creditor: CreditorId,
) -> Result<Summary, FlowError> {
    session.creditor(creditor)?;
    let Some(mut guard) = Guard::take(session, creditor, TaskName::Payments).await? else {
        return Ok(Guard::busy(session, creditor, TaskName::Payments));
    };
    let wanted = |saved: &Progress| task.from.is_none_or(|from| from == saved.since);
    let start = guard.start(task.run.as_deref(), wanted, async || {
        begin(session, task, creditor).await
    });
    let mut progress = match start.await {
        Ok(Some(progress)) => progress,
        Ok(None) => return guard.nothing_to_resume().await,
        Err(error) => {
            guard.release().await?;
            return Err(error);
        }
    };
    let result = work(session, creditor, &mut progress, &mut guard).await;
    let finished = matches!(result, Ok(RunStatus::Finished)) && progress.report.is_complete();
    if finished && !progress.asked && !session.dry_run {
        let store = &session.adapters.store;
        store
            .advance_cursor(
                &session.tenant,
                Some(creditor),
                TaskName::Payments.as_str(),
                progress.started_at,
            )
            .await?;
    }
    guard
        .close(&progress, result, |state| text(&progress, state))
        .await
}

async fn begin(
    session: &Session,
    task: &Task,
    creditor: CreditorId,
) -> Result<Progress, FlowError> {
    let since = first_day(session, task, creditor, TaskName::Payments).await?;
    let started_at = session.now();
    Ok(Progress {
        run: crate::store::new_run_id(started_at),
        started_at,
        since,
        asked: task.from.is_some(),
        paid: vec![Window::new(since, session.today)],
        changed: vec![everything()],
        report: Report::default(),
    })
}

/// Works until done or out of time.
async fn work(
    session: &Session,
    creditor: CreditorId,
    progress: &mut Progress,
    guard: &mut Guard<'_>,
) -> Result<RunStatus, FlowError> {
    while progress.steps_left() > 0 {
        if session.time_left() < STEP_TIME {
            return Ok(RunStatus::Continues);
        }
        let before = (progress.paid.clone(), progress.changed.clone());
        let stepped = step_window(session, creditor, progress).await;
        progress.report.add(session.sync.report.take());
        if stepped.is_ok() || before != (progress.paid.clone(), progress.changed.clone()) {
            guard.save(progress).await?;
        }
        stepped?;
    }
    Ok(RunStatus::Finished)
}

/// Reads one window, the payments' first, and brings it up to date as far as the time goes; one whose answer is too large or too slow to be
/// read is cut instead.
async fn step_window(
    session: &Session,
    creditor: CreditorId,
    progress: &mut Progress,
) -> Result<(), FlowError> {
    let (windows, smallest, by, changed_since) = if progress.paid.is_empty() {
        (
            &mut progress.changed,
            MONTH,
            IncomeSelection::Due,
            Some(progress.since),
        )
    } else {
        (&mut progress.paid, DAY, IncomeSelection::Payment, None)
    };
    let Some(window) = windows.first_mut() else {
        return Ok(());
    };
    let query = IncomeWindow {
        by,
        changed_since,
        ..due_in(creditor, *window)
    };
    let mut view = Reading::begin(Scope::Daily, session.now());
    let mut rows = match session
        .sync
        .read_income(creditor, &query, window.after, |_, _| true)
        .await
    {
        Ok(rows) => rows,
        Err(error) => return cut_first(session, creditor, windows, smallest, error),
    };
    let (told, mut passed) = (std::mem::take(&mut rows.told), Passed::after(window.after));
    let settled = session
        .sync
        .sync_rows(
            &mut view,
            rows,
            &Extract::default(),
            Coverage::Rows,
            &mut passed,
        )
        .await;
    window.after = passed.after;
    if settled? {
        session.sync.report.with(|report| report.add(told));
        windows.remove(0);
    }
    Ok(())
}

fn text(progress: &Progress, state: RunStatus) -> String {
    let since = crate::calendar::brazilian(progress.since);
    let what = state.word();
    format!(
        "Redundância de pagamentos {what}: pagamentos e alterações desde {since}, {} parcelas lidas. {}",
        progress.report.rows_read,
        progress.report.text()
    )
}
