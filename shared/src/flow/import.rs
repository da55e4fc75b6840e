//! The daily load ("carga diária"): what changed in Sienge since the last success.
//!
//! Sienge filters by day, so the day before the last success is read again; comparing again changes nothing. A creditor's
//! first import is a reconciliation until one succeeds. A killed run begins at its last finished step, with the same first day.

use serde::{Deserialize, Serialize};

use super::history::tell_finished;
use super::run::{Guard, Run, STEP_TIME, cut_first};
use super::{FlowError, Report, RunStatus, Session, Summary, Task, TaskName, reconcile};
use crate::calendar::{Date, Timestamp, business_date};
use crate::ids::CreditorId;
use crate::portfolio::{Coverage, Scope};
use crate::sienge::IncomeWindow;
use crate::store::JournalKey;
use crate::sync::{Extract, KeptRows, MONTH, Passed, Reading, Window, due_in, everything, whole};

/// Unmatched webhooks looked at again in one run.
const UNMATCHED_AT_ONCE: usize = 500;

/// The steps, in order; each may be repeated at will.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Step {
    Records,
    Installments,
    CreditBureau,
    Unmatched,
    Done,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Progress {
    run: String,
    started_at: Timestamp,
    since: Date,
    /// The first day was asked for: the run says nothing about what changed before it.
    asked: bool,
    step: Step,
    /// Due dates whose changed installments are still to be read.
    #[serde(default = "one_window")]
    windows: Vec<Window>,
    report: Report,
}

fn one_window() -> Vec<Window> {
    vec![everything()]
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
        let windows = u32::try_from(self.windows.len()).unwrap_or(u32::MAX);
        let others = match self.step {
            Step::Records => 3,
            Step::Installments | Step::CreditBureau => 2,
            Step::Unmatched => 1,
            Step::Done => 0,
        };
        windows.saturating_add(others)
    }
    fn was_asked(&self) -> bool {
        self.asked
    }
}

/// Imports what changed for one creditor.
pub async fn import(
    session: &Session,
    task: &Task,
    creditor: CreditorId,
) -> Result<Summary, FlowError> {
    session.creditor(creditor)?;
    if !session
        .adapters
        .store
        .first_reconciliation_done(&session.tenant, creditor)
        .await?
    {
        let mut summary = reconcile(
            session,
            &Task {
                run: None,
                ..task.clone()
            },
            creditor,
        )
        .await?;
        summary.text = format!(
            "Primeira carga do credor, executada como batimento. {}",
            summary.text
        );
        return Ok(summary);
    }
    let Some(mut guard) = Guard::take(session, creditor, TaskName::Import).await? else {
        return Ok(Guard::busy(session, creditor, TaskName::Import));
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
    let mut result = work(session, creditor, &mut progress, &mut guard).await;
    if matches!(result, Ok(RunStatus::Finished)) && !session.dry_run {
        result = finished(session, creditor, &progress)
            .await
            .map(|()| RunStatus::Finished);
    }
    guard
        .close(&progress, result, |state| text(&progress, state))
        .await
}

/// The bus hears of it, and the cursor moves unless bills failed or rows could not be read: then the next run reads from the same day again.
async fn finished(
    session: &Session,
    creditor: CreditorId,
    progress: &Progress,
) -> Result<(), FlowError> {
    tell_finished(
        session,
        creditor,
        "import.finished",
        &progress.run,
        &progress.report,
    )
    .await?;
    if !progress.asked && progress.report.is_complete() {
        let store = &session.adapters.store;
        store
            .advance_cursor(
                &session.tenant,
                Some(creditor),
                TaskName::Import.as_str(),
                progress.started_at,
            )
            .await?;
    }
    Ok(())
}

async fn begin(
    session: &Session,
    task: &Task,
    creditor: CreditorId,
) -> Result<Progress, FlowError> {
    let since = first_day(session, task, creditor, TaskName::Import).await?;
    let started_at = session.now();
    Ok(Progress {
        run: crate::store::new_run_id(started_at),
        started_at,
        since,
        asked: task.from.is_some(),
        step: Step::Records,
        windows: one_window(),
        report: Report::default(),
    })
}

/// The day from which a run reads: the one asked for, else that of the last success of its kind or of a reconciliation. The filters have
/// the resolution of a day, so the day before is read again.
pub(super) async fn first_day(
    session: &Session,
    task: &Task,
    creditor: CreditorId,
    name: TaskName,
) -> Result<Date, FlowError> {
    if let Some(from) = task.from {
        return Ok(from);
    }
    let store = &session.adapters.store;
    let own = store
        .cursor(&session.tenant, Some(creditor), name.as_str())
        .await?;
    let reconciled = store
        .cursor(
            &session.tenant,
            Some(creditor),
            TaskName::Reconcile.as_str(),
        )
        .await?;
    let last = own
        .into_iter()
        .chain(reconciled)
        .map(|cursor| cursor.last_success)
        .max();
    let day = last.map_or(session.today, business_date);
    Ok(day.yesterday().unwrap_or(day))
}

async fn work(
    session: &Session,
    creditor: CreditorId,
    progress: &mut Progress,
    guard: &mut Guard<'_>,
) -> Result<RunStatus, FlowError> {
    while progress.step != Step::Done {
        if session.time_left() < STEP_TIME {
            return Ok(RunStatus::Continues);
        }
        let window = progress.windows.first().copied();
        let next = step(session, creditor, progress).await;
        let report = session.sync.report.take();
        let done = progress.windows.first().and_then(|window| window.after);
        progress.report.add(if next.is_ok() {
            report
        } else {
            report.repeated(done)
        });
        if let Ok(next) = next {
            progress.step = next;
        }
        if next.is_ok() || progress.windows.first().copied() != window {
            guard.save(progress).await?;
        }
        next?;
    }
    Ok(RunStatus::Finished)
}

/// Takes a step; answers the next one.
async fn step(
    session: &Session,
    creditor: CreditorId,
    progress: &mut Progress,
) -> Result<Step, FlowError> {
    Ok(match progress.step {
        Step::Records => {
            let cancelled = session
                .records
                .read_changed_records(creditor, progress.since)
                .await?;
            session
                .sync
                .sync_in_parts(Scope::Daily, whole(&cancelled))
                .await?;
            Step::Installments
        }
        Step::Installments => {
            step_window(session, creditor, progress).await?;
            if progress.windows.is_empty() {
                Step::CreditBureau
            } else {
                Step::Installments
            }
        }
        Step::CreditBureau => {
            session.records.read_credit_bureau(creditor).await?;
            Step::Unmatched
        }
        Step::Unmatched => {
            unmatched(session).await?;
            Step::Done
        }
        Step::Done => Step::Done,
    })
}

/// Reads one window and brings it up to date as far as the time goes; one whose answer is too large or too slow to be read is cut instead.
async fn step_window(
    session: &Session,
    creditor: CreditorId,
    progress: &mut Progress,
) -> Result<(), FlowError> {
    let Some(window) = progress.windows.first_mut() else {
        return Ok(());
    };
    let mut view = Reading::begin(Scope::Daily, session.now());
    let (extract, mut rows) = match read_changes(session, creditor, *window, progress.since).await {
        Ok(read) => read,
        Err(error) => {
            return cut_first(session, creditor, &mut progress.windows, MONTH, error);
        }
    };
    let (told, mut passed) = (std::mem::take(&mut rows.told), Passed::after(window.after));
    let settled = session
        .sync
        .sync_rows(&mut view, rows, &extract, Coverage::Rows, &mut passed)
        .await;
    window.after = passed.after;
    if settled? {
        session.sync.report.with(|report| report.add(told));
        progress.windows.remove(0);
    }
    Ok(())
}

/// What changed in a window, boletos of installments that no row tells of among it.
async fn read_changes(
    session: &Session,
    creditor: CreditorId,
    window: Window,
    since: Date,
) -> Result<(Extract, KeptRows), FlowError> {
    let sync = &session.sync;
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

/// Webhooks whose contract was not found are looked at again: the contract may be here by now.
async fn unmatched(session: &Session) -> Result<(), FlowError> {
    let store = &session.adapters.store;
    let waiting = store.unmatched(&session.tenant, UNMATCHED_AT_ONCE).await?;
    let keys: Vec<JournalKey> = waiting.into_iter().map(|webhook| webhook.key).collect();
    let webhooks: Vec<_> = store
        .load_webhooks(&keys)
        .await?
        .into_iter()
        .filter_map(Result::ok)
        .collect();
    if webhooks.is_empty() {
        return Ok(());
    }
    let outcomes = session.sync.process(&webhooks, false).await?;
    if session.dry_run {
        return Ok(());
    }
    super::apply::finish(&session.adapters, &outcomes).await
}

fn text(progress: &Progress, state: RunStatus) -> String {
    let since = crate::calendar::brazilian(progress.since);
    let what = state.word();
    format!(
        "Carga diária {what}: alterações desde {since}, {} parcelas lidas. {}",
        progress.report.rows_read,
        progress.report.text()
    )
}
