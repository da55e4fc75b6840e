//! The daily load ("carga diária"): what changed in Sienge since the last success.
//!
//! Sienge filters by day, so the day before the last success is read again; comparing again changes nothing. A creditor's
//! first import is a reconciliation until one succeeds. A killed run begins at its last finished step, with the same first day.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::freshness::whole;
use super::history::tell_finished;
use super::rows::{Extract, Passed, due_in};
use super::run::{Guard, Run, STEP_TIME, cut_first};
use super::windows::Window;
use super::{FlowError, Report, RunState, Session, Summary, Task, TaskName, View, reconcile, windows};
use crate::calendar::{Date, Timestamp, business_date};
use crate::portfolio::{BillId, Coverage, CreditorId, InstallmentId, Observation, Scope};
use crate::sienge::IncomeWindow;
use crate::store::JournalKey;

/// Bills read whole at once: one bulk call's.
const WHOLE_AT_ONCE: usize = 100;
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
    vec![windows::everything()]
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
pub async fn import(session: &Session, task: &Task, creditor: CreditorId) -> Result<Summary, FlowError> {
    session.creditor(creditor)?;
    if !session.shop.store.first_reconciliation_done(&session.tenant, creditor).await? {
        let mut summary = reconcile(session, &Task { run: None, ..task.clone() }, creditor).await?;
        summary.text = format!("Primeira carga do credor, executada como batimento. {}", summary.text);
        return Ok(summary);
    }
    let Some(mut guard) = Guard::take(session, creditor, TaskName::Import).await? else {
        return Ok(Guard::busy(session, creditor, TaskName::Import));
    };
    let wanted = |saved: &Progress| task.from.is_none_or(|from| from == saved.since);
    let start = guard.start(task.run.as_deref(), wanted, async || begin(session, task, creditor).await);
    let mut progress = match start.await {
        Ok(Some(progress)) => progress,
        Ok(None) => return guard.nothing_to_resume().await,
        Err(error) => {
            guard.release().await?;
            return Err(error);
        }
    };
    let mut result = work(session, creditor, &mut progress, &mut guard).await;
    if matches!(result, Ok(RunState::Finished)) && !session.dry_run {
        result = finished(session, creditor, &progress).await.map(|()| RunState::Finished);
    }
    guard.close(&progress, result, |state| text(&progress, state)).await
}

/// The bus hears of it, and the cursor moves unless bills failed or rows could not be read: then the next run reads from the same day again.
async fn finished(session: &Session, creditor: CreditorId, progress: &Progress) -> Result<(), FlowError> {
    tell_finished(session, creditor, "import.finished", &progress.run, &progress.report).await?;
    if !progress.asked && progress.report.is_complete() {
        let store = &session.shop.store;
        store
            .advance_cursor(&session.tenant, Some(creditor), TaskName::Import.as_str(), progress.started_at)
            .await?;
    }
    Ok(())
}

async fn begin(session: &Session, task: &Task, creditor: CreditorId) -> Result<Progress, FlowError> {
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
pub(super) async fn first_day(session: &Session, task: &Task, creditor: CreditorId, name: TaskName) -> Result<Date, FlowError> {
    if let Some(from) = task.from {
        return Ok(from);
    }
    let store = &session.shop.store;
    let own = store.cursor(&session.tenant, Some(creditor), name.as_str()).await?;
    let reconciled = store.cursor(&session.tenant, Some(creditor), TaskName::Reconcile.as_str()).await?;
    let last = own.into_iter().chain(reconciled).map(|cursor| cursor.last_success).max();
    let day = last.map_or(session.today, business_date);
    Ok(day.yesterday().unwrap_or(day))
}

async fn work(session: &Session, creditor: CreditorId, progress: &mut Progress, guard: &mut Guard<'_>) -> Result<RunState, FlowError> {
    while progress.step != Step::Done {
        if session.time_left() < STEP_TIME {
            return Ok(RunState::Continues);
        }
        let mut report = Report::default();
        let next = step(session, creditor, progress, &mut report).await;
        progress.report.add(if next.is_ok() { report } else { report.repeated() });
        progress.step = next?;
        guard.save(progress).await?;
    }
    Ok(RunState::Finished)
}

/// Takes a step; answers the next one.
async fn step(session: &Session, creditor: CreditorId, progress: &mut Progress, report: &mut Report) -> Result<Step, FlowError> {
    Ok(match progress.step {
        Step::Records => {
            let cancelled = session.read_changed_records(creditor, progress.since, report).await?;
            look_whole(session, &cancelled, report).await?;
            Step::Installments
        }
        Step::Installments => {
            step_window(session, creditor, progress, report).await?;
            if progress.windows.is_empty() {
                Step::CreditBureau
            } else {
                Step::Installments
            }
        }
        Step::CreditBureau => {
            session.read_credit_bureau(creditor, report).await?;
            Step::Unmatched
        }
        Step::Unmatched => {
            unmatched(session, report).await?;
            Step::Done
        }
        Step::Done => Step::Done,
    })
}

/// Reads one window; one whose answer is too large or too slow to be read is cut instead.
async fn step_window(session: &Session, creditor: CreditorId, progress: &mut Progress, report: &mut Report) -> Result<(), FlowError> {
    let Some(window) = progress.windows.first() else {
        return Ok(());
    };
    match installments(session, creditor, *window, progress.since, report).await {
        Ok(passed) => {
            look_again(session, passed, report).await?;
            progress.windows.remove(0);
            Ok(())
        }
        Err(error) => {
            *report = std::mem::take(report).repeated();
            cut_first(session, creditor, &mut progress.windows, windows::MONTH, error)
        }
    }
}

/// Compares what changed in a window; answers what it left to do.
async fn installments(
    session: &Session,
    creditor: CreditorId,
    window: Window,
    since: Date,
    report: &mut Report,
) -> Result<Passed, FlowError> {
    let mut view = View::begin(Scope::Daily, session.now());
    let extract = session.read_extract(creditor, window, Some(since)).await?;
    let query = IncomeWindow {
        changed_since: Some(since),
        ..due_in(creditor, window)
    };
    let mut told: BTreeSet<(BillId, InstallmentId)> = BTreeSet::new();
    let mut passed = session
        .pass_income(
            &mut view,
            creditor,
            &query,
            &extract,
            |(bill, _, installment), left_out| {
                told.extend(Some((*bill, installment.id)).filter(|_| !left_out));
                true
            },
            report,
        )
        .await?;
    let boletos = boletos_alone(&extract, &told);
    passed.note(session.settle_counting(&mut view, boletos, report).await?);
    Ok(passed)
}

/// Boletos of installments that no income row told.
fn boletos_alone(extract: &Extract, told: &BTreeSet<(BillId, InstallmentId)>) -> Vec<Observation> {
    let mut by_bill: std::collections::BTreeMap<BillId, Observation> = std::collections::BTreeMap::new();
    for ((bill, installment), generated) in extract.boletos.iter().filter(|(key, _)| !told.contains(key)) {
        let observation = by_bill.entry(*bill).or_insert_with(|| Observation {
            bill: *bill,
            header: None,
            installments: Vec::new(),
            unread: std::collections::BTreeMap::new(),
            gap: None,
            boletos: std::collections::BTreeMap::new(),
            coverage: Coverage::Rows,
        });
        observation.boletos.insert(*installment, *generated);
    }
    by_bill.into_values().collect()
}

/// Reads what a pass over the rows left to do. Where it would take away more than goes unasked, none of that is even begun.
pub(super) async fn look_again(session: &Session, mut passed: Passed, report: &mut Report) -> Result<(), FlowError> {
    let withheld = session.withhold(&passed.in_question, report).await?;
    passed.look_again.extend(passed.in_question.into_keys());
    passed.look_again.retain(|bill| !withheld.contains(bill));
    look_whole(session, &passed.look_again, report).await
}

/// Reads bills whole; those that fail are in the report and are found by the next run or reconciliation.
pub(super) async fn look_whole(session: &Session, bills: &BTreeSet<BillId>, report: &mut Report) -> Result<(), FlowError> {
    let bills: Vec<BillId> = bills.iter().copied().collect();
    for part in bills.chunks(WHOLE_AT_ONCE) {
        session.look(Scope::Daily, &whole(part), report).await?;
    }
    Ok(())
}

/// Webhooks whose contract was not found are looked at again: the contract may be here by now.
async fn unmatched(session: &Session, report: &mut Report) -> Result<(), FlowError> {
    let store = &session.shop.store;
    let waiting = store.unmatched(&session.tenant, UNMATCHED_AT_ONCE).await?;
    let keys: Vec<JournalKey> = waiting.into_iter().map(|webhook| webhook.key).collect();
    let webhooks: Vec<_> = store.load_webhooks(&keys).await?.into_iter().filter_map(Result::ok).collect();
    if webhooks.is_empty() {
        return Ok(());
    }
    let fates = session.process(&webhooks, false, report).await?;
    if session.dry_run {
        return Ok(());
    }
    super::apply::finish(&session.shop, &fates).await
}

fn text(progress: &Progress, state: RunState) -> String {
    let since = crate::calendar::brazilian(progress.since);
    let what = state.word();
    format!(
        "Carga diária {what}: alterações desde {since}, {} parcelas lidas. {}",
        progress.report.rows_read,
        progress.report.text()
    )
}
