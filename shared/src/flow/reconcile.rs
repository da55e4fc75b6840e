//! The reconciliation ("batimento"): everything Sienge has for a creditor against everything we hold.
//!
//! Windows of due dates are streamed against the open-installments index; only rows whose content differs are compared with
//! their bill. What is held but missing from its window's answer is removed in a stage of its own, after a second read of its bill,
//! and only within the creditor's removal share; otherwise the run stops and asks. A checkpoint after every
//! window, and within one when the time runs out, makes the run resumable; repeating a window has no second effect.
//!
//! A contract opens with all its installments at once. A single window that covers everything contains them all. A first load whose
//! answer is too large for that reads windows of issue dates, so that each bill is whole in one of them; in other windows a bill that is not held
//! is read separately.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::all_records::AllRecords;
use super::due_window::{Unseen, WindowRead, read_window};
use super::run::{Run, Stepped, cut_first};
use super::run_context::{Current, RunContext};
use super::{FlowError, Report, RunStatus, Task, TaskName};
use crate::calendar::Timestamp;
use crate::ids::BillId;
use crate::portfolio::Coverage;
use crate::store::CountedRemovals;
use crate::sync::{Grants, MONTH, Passed, Window, all, everything, must_ask, whole};
use crate::telemetry::{self, Metric};

/// Bills stored in one chunk, and read again in one step of the removal stage.
const REMOVALS_AT_ONCE: usize = 100;
/// Up to this many open installments are read in one window: two bulk calls in total, and a few megabytes of memory.
const ONE_WINDOW: u64 = 50_000;

/// The reconciliation of one creditor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Reconciliation {
    stage: Stage,
    windows: Vec<Window>,
    /// Whether the windows are issue dates instead of due dates.
    by_issue: bool,
    held_open: u64,
    missing: u64,
    /// Open installments that Sienge shows and the settings now leave out.
    left_out: u64,
    /// Removals of the last stage beyond what was counted.
    beyond: u64,
    /// Chunks of bills for the last stage: written, and those of its steps that are done.
    chunks: u32,
    chunks_done: u32,
    /// The last stage is done up to this bill.
    removed_up_to: Option<BillId>,
    /// What was counted of the bills of the last stage: loaded once an invocation, and in a dry run never stored.
    #[serde(skip)]
    counted: Option<Arc<CountedBills>>,
    records: AllRecords,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Stage {
    Windows,
    Decision,
    AwaitsConfirmation,
    Removals,
    Finish,
    Records,
}

impl Run for Reconciliation {
    const TASK: TaskName = TaskName::Reconcile;

    async fn begin(context: &RunContext<'_>, _task: &Task) -> Result<Self, FlowError> {
        let portfolio = context.sync.portfolio();
        let open = portfolio.count_open(context.creditor).await?;
        let windows = if open > ONE_WINDOW {
            all(context.sync.today)
        } else {
            vec![everything()]
        };
        Ok(Self {
            stage: Stage::Windows,
            windows,
            by_issue: false,
            held_open: 0,
            missing: 0,
            left_out: 0,
            beyond: 0,
            chunks: 0,
            chunks_done: 0,
            removed_up_to: None,
            counted: None,
            records: AllRecords::default(),
        })
    }

    /// A killed run continues; one that waits for a confirmation, or began on another day, gives way to a new one.
    fn continues(&mut self, task: &Task, started_at: Timestamp, now: Timestamp) -> bool {
        let recent = now.duration_since(started_at) < jiff::SignedDuration::from_hours(24);
        if self.stage == Stage::AwaitsConfirmation {
            if task.confirm.is_some() {
                self.stage = Stage::Removals;
            }
            // Resumed by its id, it asks for the confirmation: it may have died before it did.
            return task.confirm.is_some() || task.run.is_some();
        }
        task.confirm.is_none() && (task.run.is_some() || recent)
    }

    fn steps_left(&self) -> u32 {
        let windows = u32::try_from(self.windows.len()).unwrap_or(u32::MAX);
        windows
            .saturating_add(self.chunks.saturating_sub(self.chunks_done))
            .saturating_add(self.records.steps_left())
    }

    fn reads_next(&self) -> bool {
        match self.stage {
            Stage::Windows | Stage::Removals => true,
            Stage::Records => self.records != AllRecords::Done,
            Stage::Decision | Stage::AwaitsConfirmation | Stage::Finish => false,
        }
    }

    fn done_of_step(&self) -> Option<BillId> {
        self.windows.first()?.after
    }

    async fn step(
        &mut self,
        context: &RunContext<'_>,
        current: &Current<'_>,
    ) -> Result<Stepped, FlowError> {
        match self.stage {
            Stage::Windows => {
                self.read_first_window(context, current).await?;
                if self.windows.is_empty() {
                    self.stage = Stage::Decision;
                }
            }
            Stage::Decision if self.must_ask(context) => self.stage = Stage::AwaitsConfirmation,
            Stage::Decision => self.stage = Stage::Removals,
            Stage::AwaitsConfirmation => return Ok(Stepped::AwaitsConfirmation),
            Stage::Removals => self.remove(context, current).await?,
            Stage::Finish => {
                if !context.dry_run {
                    let (store, tenant) = (context.store, context.tenant());
                    store.clear_removals(tenant, current.id).await?;
                    finish(context, current).await?;
                }
                self.stage = Stage::Records;
            }
            Stage::Records if context.dry_run || self.records == AllRecords::Done => {
                return Ok(Stepped::Finished);
            }
            Stage::Records => {
                let records = context.records;
                self.records = records.all(context.creditor, self.records).await?;
            }
        }
        Ok(Stepped::Next)
    }

    fn text(&self, state: RunStatus, report: &Report) -> String {
        match state {
            RunStatus::AwaitsConfirmation => {
                let (held, missing, left_out) = (self.held_open, self.missing, self.left_out);
                let what = match (missing, left_out) {
                    (_, 0) => format!(
                        "{missing} de {held} parcelas em aberto não vieram do Sienge, ou vieram sem saldo e sem baixa"
                    ),
                    (0, _) => format!(
                        "{left_out} de {held} parcelas em aberto ficam de fora pela configuração (empresas, tipos de contrato ou condições a ignorar)"
                    ),
                    _ => format!(
                        "de {held} parcelas em aberto, {missing} não vieram do Sienge ou vieram sem saldo e sem baixa, e {left_out} ficam de fora pela configuração (empresas, tipos de contrato ou condições a ignorar)"
                    ),
                };
                let check = if left_out == 0 {
                    "Confira no Sienge"
                } else {
                    "Confira no Sienge e na configuração da assessoria"
                };
                format!(
                    "Batimento parado: {what}, acima do limite do credor. {check}; se estiver certo, invoque reconcile com o evento em proximoPasso: elas são devolvidas."
                )
            }
            RunStatus::Continues => format!(
                "Batimento em andamento: {} período(s) de vencimento por ler. {}",
                self.windows.len(),
                report.text()
            ),
            _ => format!(
                "Batimento concluído: {} parcelas lidas. {}",
                report.rows_read,
                report.text()
            ),
        }
    }
}

impl Reconciliation {
    /// Reads a window and brings it up to date while there is time; if its answer is too large or too slow, the window is cut instead.
    async fn read_first_window(
        &mut self,
        context: &RunContext<'_>,
        current: &Current<'_>,
    ) -> Result<(), FlowError> {
        let Some(window) = self.windows.first().copied() else {
            return Ok(());
        };
        let WindowRead {
            mut reading,
            extract,
            mut rows,
            held,
            unseen,
            contradicted,
        } = match read_window(context, window, self.by_issue).await {
            Ok(read) => read,
            Err(error) => return self.cut_window(context, window, error).await,
        };
        let (counts, mut passed) = (
            std::mem::take(&mut rows.counts),
            Passed::after(window.after),
        );
        let coverage = if self.by_issue || window.is_everything() {
            Coverage::AllNew
        } else {
            Coverage::Rows
        };
        let sync = context.sync;
        let mut synced = sync
            .sync_rows(&mut reading, rows, &extract, coverage, &mut passed)
            .await;
        if matches!(synced, Ok(true)) {
            match sync.count_in_parts(whole(&contradicted)).await {
                Ok(more) => passed.of_whole.extend(more),
                Err(error) => synced = Err(error),
            }
        }
        let (all_done, report) = (matches!(synced, Ok(true)), sync.report.take());
        let counted = count(&report, &passed, unseen, window.after, all_done);
        sync.report.with(|all| all.add(report));
        self.keep_counted(context, current, &counted).await?;
        let missing: u64 = counted.iter().map(|bill| bill.missing).sum();
        let left_out: u64 = counted.iter().map(|bill| bill.left_out).sum();
        self.missing += missing;
        self.left_out += left_out;
        self.windows[0].after = passed.after;
        if !synced? {
            return Ok(());
        }
        tracing::info!(tenant = %context.tenant(), creditor = %context.creditor, from = %window.from, to = %window.to, rows = counts.rows_read, missing, left_out, "window reconciled");
        sync.report.with(|report| report.add(counts));
        self.held_open += held;
        self.windows.remove(0);
        if self.by_issue && self.windows.is_empty() {
            // The extract, and installments that are missing, are found by due date.
            self.by_issue = false;
            self.windows = all(sync.today);
        }
        Ok(())
    }

    /// Cuts a window that could not be read. A first load then reads whole bills, by issue date.
    async fn cut_window(
        &mut self,
        context: &RunContext<'_>,
        window: Window,
        error: FlowError,
    ) -> Result<(), FlowError> {
        cut_first(context, &mut self.windows, MONTH, error)?;
        let is_first_load = context.last_success(Self::TASK).await?.is_none();
        self.by_issue |= window.is_everything() && is_first_load;
        Ok(())
    }

    /// Stores what was counted for the removal stage. A repeated window writes the same chunks.
    async fn keep_counted(
        &mut self,
        context: &RunContext<'_>,
        current: &Current<'_>,
        counted: &[CountedRemovals],
    ) -> Result<(), FlowError> {
        if context.dry_run {
            let all = self.counted.get_or_insert_default();
            Arc::make_mut(all).add(counted);
            return Ok(());
        }
        let mut chunks = self.chunks;
        for chunk in counted.chunks(REMOVALS_AT_ONCE) {
            let (tenant, now) = (context.tenant(), context.now());
            context
                .store
                .put_removals(tenant, current.id, chunks, chunk, now)
                .await?;
            chunks += 1;
        }
        self.chunks = chunks;
        Ok(())
    }

    /// The circuit breaker: whether so much would be removed that an operator must confirm it.
    fn must_ask(&self, context: &RunContext<'_>) -> bool {
        let share = context.sync.removal_share(context.creditor);
        must_ask(self.missing + self.left_out, self.held_open, share)
    }

    /// What was counted, all windows together.
    async fn load_counted(
        &mut self,
        context: &RunContext<'_>,
        current: &Current<'_>,
    ) -> Result<Arc<CountedBills>, FlowError> {
        if let Some(counted) = &self.counted {
            return Ok(Arc::clone(counted));
        }
        let mut all = CountedBills::default();
        for chunk in 0..self.chunks {
            let (store, tenant) = (context.store, context.tenant());
            let Some(counted) = store.removals(tenant, current.id, chunk).await? else {
                return Err(FlowError::Stopped(
                    "a lista de parcelas a devolver expirou; execute um novo batimento".to_owned(),
                ));
            };
            all.add(&counted);
        }
        let all = Arc::new(all);
        self.counted = Some(Arc::clone(&all));
        Ok(all)
    }

    /// Reads some of the counted bills again and removes what is still missing, of each no more than was counted. Bills that cannot be
    /// read keep their installments; they are in the report, and the next reconciliation finds them again.
    async fn remove(
        &mut self,
        context: &RunContext<'_>,
        current: &Current<'_>,
    ) -> Result<(), FlowError> {
        let counted = self.load_counted(context, current).await?;
        let next = counted.after(self.removed_up_to);
        let Some((last, _)) = next.last() else {
            self.stage = Stage::Finish;
            return Ok(());
        };
        let mut grants = Grants {
            of_bills: next
                .iter()
                .map(|(bill, of_bill)| (*bill, of_bill.missing + of_bill.left_out))
                .collect(),
            counted: self.missing + self.left_out,
            beyond: self.beyond,
            held_open: self.held_open,
            share_percent: context.sync.removal_share(context.creditor),
        };
        let bills: BTreeSet<BillId> = next.iter().map(|(bill, _)| *bill).collect();
        let sync = context.sync;
        sync.remove_in_parts(whole(&bills), &mut grants).await?;
        self.beyond = grants.beyond;
        self.chunks_done += 1;
        self.removed_up_to = Some(*last);
        Ok(())
    }
}

/// What was counted of each bill.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct CountedBills(BTreeMap<BillId, CountedRemovals>);

impl CountedBills {
    fn add(&mut self, counted: &[CountedRemovals]) {
        for more in counted {
            let of_bill = self.0.entry(more.bill).or_insert(CountedRemovals {
                missing: 0,
                left_out: 0,
                ..*more
            });
            of_bill.missing += more.missing;
            of_bill.left_out += more.left_out;
        }
    }

    /// The next bills.
    fn after(&self, done: Option<BillId>) -> Vec<(BillId, CountedRemovals)> {
        let first = done.map_or(Bound::Unbounded, Bound::Excluded);
        let next = self.0.range((first, Bound::Unbounded));
        next.take(REMOVALS_AT_ONCE)
            .map(|(bill, of_bill)| (*bill, *of_bill))
            .collect()
    }
}

/// After the installments: publishes the end and moves the cursor, both repeatable. The other records follow.
async fn finish(context: &RunContext<'_>, current: &Current<'_>) -> Result<(), FlowError> {
    current
        .publish_finished(context, "reconciliation.finished")
        .await?;
    if context.last_success(TaskName::Reconcile).await?.is_some() {
        telemetry::count(
            Metric::MirrorDifferences,
            current.report.installments_changed(),
            Some(context.tenant()),
            context.now(),
        );
    }
    current.succeeded(context, TaskName::Reconcile).await
}

/// What the last stage reads again, of the window's bills that were finished after `before`: those with missing installments, and, with
/// none, those that failed.
fn count(
    report: &Report,
    passed: &Passed,
    unseen: BTreeMap<BillId, Unseen>,
    before: Option<BillId>,
    all_done: bool,
) -> Vec<CountedRemovals> {
    // The next invocation, which reads the answer again, handles the others.
    let is_done = |bill: BillId| all_done || passed.after.is_some_and(|after| bill <= after);
    let is_new = |bill: BillId| is_done(bill) && before.is_none_or(|after| bill > after);
    let none = |bill| CountedRemovals {
        bill,
        missing: 0,
        left_out: 0,
    };
    let failed = report.failed.iter().filter(|bill| is_done(**bill));
    let mut counted: BTreeMap<BillId, CountedRemovals> =
        failed.map(|bill| (*bill, none(*bill))).collect();
    for (bill, of_bill) in &passed.in_question {
        if is_done(*bill) {
            let counted = counted.entry(*bill).or_insert(none(*bill));
            counted.missing = of_bill.installments;
        }
    }
    for (bill, of_bill) in unseen {
        if is_new(bill) {
            let counted = counted.entry(bill).or_insert(none(bill));
            counted.missing += of_bill.missing;
            counted.left_out = of_bill.left_out;
        }
    }
    // A read of the whole bill covers those, too.
    for (bill, of_bill) in &passed.of_whole {
        if is_done(*bill) {
            let counted = counted.entry(*bill).or_insert(none(*bill));
            counted.missing = of_bill.installments.max(counted.missing);
        }
    }
    counted.into_values().collect()
}
