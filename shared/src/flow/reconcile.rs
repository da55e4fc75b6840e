//! The reconciliation ("batimento"): everything Sienge has of a creditor against everything we hold.
//!
//! Windows of due dates are streamed against the open-installments index; only rows whose content differs are compared with
//! their bill. What is held and was not in its window's answer is removed in a stage of its own, after a second read of its bill,
//! and only when it is no more than the creditor's removal share; otherwise the run stops and asks. A checkpoint after every
//! window, and within one when the time ends, makes the run resumable; nothing a repeated window does is done twice.
//!
//! A contract opens with all its installments at once. In the one window that covers everything they are all there. A first load whose
//! answer is too large for that reads windows of days of issue, each bill whole in one of them; other windows leave a bill that is not held
//! to a read of its own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use futures::StreamExt;
use serde::{Deserialize, Serialize};

use super::history::{named, tell_finished};
use super::records::AllRecords;
use super::run::{Guard, Run, STEP_TIME, cut_first};
use super::{FlowError, Report, RunStatus, Session, Summary, Task, TaskName};
use crate::calendar::Timestamp;
use crate::ids::{BillId, CreditorId, CustomerId, DocumentType, InstallmentId};
use crate::portfolio::{
    ContractKey, Coverage, Fingerprint, ObservedBill, ObservedInstallment, Scope,
};
use crate::sienge::{IncomeSelection, IncomeWindow};
use crate::sync::{
    Extract, KeptRows, MONTH, Passed, Reading, Row, Window, all, due_in, everything, must_ask,
    whole,
};
use crate::telemetry::{self, Metric};

/// Bills kept in one chunk, and read again in one step of the removal stage.
const REMOVALS_AT_ONCE: usize = 100;
/// Up to this many held open installments are read in one window: two bulk calls in all, and memory of a few megabytes.
const ONE_WINDOW: u64 = 50_000;

/// Where a run stands. The checkpoint is written after each step; a step that is repeated changes nothing that it already did.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Progress {
    run: String,
    started_at: Timestamp,
    stage: Stage,
    windows: Vec<Window>,
    /// The windows are of days of issue, not of due dates.
    #[serde(default)]
    by_issue: bool,
    held_open: u64,
    missing: u64,
    /// Held open installments that came, and that the settings leave out by now.
    #[serde(default)]
    left_out: u64,
    /// Chunks of bills with missing installments: written, and read again already.
    chunks: u32,
    chunks_done: u32,
    #[serde(default)]
    records: AllRecords,
    report: Report,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Stage {
    Windows,
    AwaitsConfirmation,
    Removals,
    Records,
}

/// One held open installment while its window is read: 33 bytes, so that a window of a million fits.
struct HeldOpen {
    /// As it is held; once it was told, as it was told first.
    contract: u64,
    fingerprint: Fingerprint,
    boleto: bool,
    /// Told with something open, or with receipts.
    seen: bool,
    /// Told with nothing open and no receipt.
    emptied: bool,
    /// Told, and left out by the settings.
    left_out: bool,
}

/// What a row says of a held installment.
#[derive(Debug, PartialEq, Eq)]
enum Word {
    /// What is held, or what it said before; or nothing open and no receipt, which is as good as absent until a second read says so too.
    Nothing,
    /// Something else than is held.
    Differs,
    /// Something else than it said before.
    Contradicts,
}

impl HeldOpen {
    /// Takes a row in, with what the extract says of its boleto. The rows of one installment may come in any order.
    fn hear(
        &mut self,
        header: &ObservedBill,
        row: &ObservedInstallment,
        boleto: Option<bool>,
    ) -> Word {
        if row.balance.is_zero() && row.receipts.is_empty() {
            self.emptied = true;
            return if self.seen {
                Word::Contradicts
            } else {
                Word::Nothing
            };
        }
        let (contract, fingerprint) = (
            contract_hash(&header.document_type, header.customer),
            row.fingerprint(),
        );
        let differs = self.contract != contract || self.fingerprint != fingerprint;
        let again = self.seen;
        (self.contract, self.fingerprint, self.seen) = (contract, fingerprint, true);
        if self.emptied || (again && differs) {
            Word::Contradicts
        } else if differs || boleto.is_some_and(|boleto| boleto != self.boleto) {
            Word::Differs
        } else {
            Word::Nothing
        }
    }
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
        windows
            .saturating_add(self.chunks.saturating_sub(self.chunks_done))
            .saturating_add(self.records.steps_left())
    }
}

/// Reconciles one creditor, from the checkpoint of an earlier invocation if there is one.
pub async fn reconcile(
    session: &Session,
    task: &Task,
    creditor: CreditorId,
) -> Result<Summary, FlowError> {
    session.creditor(creditor)?;
    let Some(mut guard) = Guard::take(session, creditor, TaskName::Reconcile).await? else {
        return Ok(Guard::busy(session, creditor, TaskName::Reconcile));
    };
    let mut progress = match start(session, task, creditor, &mut guard).await {
        Ok(Some(progress)) => progress,
        Ok(None) if task.confirm.is_none() => return guard.nothing_to_resume().await,
        Ok(None) => {
            guard.release().await?;
            let text =
                "Não há batimento aguardando confirmação com este número de execução.".to_owned();
            return Ok(named(
                session,
                creditor,
                Summary::new(
                    TaskName::Reconcile,
                    RunStatus::Failed,
                    text,
                    Report::default(),
                ),
            ));
        }
        Err(error) => {
            guard.release().await?;
            return Err(error);
        }
    };
    let result = work(session, creditor, &mut progress, &mut guard).await;
    let asks = matches!(result, Ok(RunStatus::AwaitsConfirmation)) && !session.dry_run;
    let next_event = asks.then(|| serde_json::json!({ "tenant": session.tenant.as_str(), "creditor": creditor, "confirm": progress.run }));
    let summary = guard
        .close(&progress, result, |state| text(&progress, state))
        .await?;
    Ok(Summary {
        next_event,
        ..summary
    })
}

/// Where to go on, with the checkpoint written; `None` when what should be resumed or confirmed is not there.
async fn start(
    session: &Session,
    task: &Task,
    creditor: CreditorId,
    guard: &mut Guard<'_>,
) -> Result<Option<Progress>, FlowError> {
    // A run that was killed goes on; one that waits for a confirmation gives way to a new one, and so does one of another day.
    let wanted = |saved: &Progress| match saved.stage {
        // Resumed by its id it asks: it may have died before it could.
        Stage::AwaitsConfirmation => task.confirm.is_some() || task.run.is_some(),
        _ => task.confirm.is_none() && (task.run.is_some() || recent(session, saved)),
    };
    let asked_for = task.confirm.as_deref().or(task.run.as_deref());
    let progress = match guard.resume(asked_for, wanted).await? {
        Some(progress) if task.confirm.is_some() => Progress {
            stage: Stage::Removals,
            ..progress
        },
        Some(progress) => progress,
        None if asked_for.is_some() => return Ok(None),
        None => begin(session, creditor).await?,
    };
    guard.begin(&progress).await?;
    Ok(Some(progress))
}

fn recent(session: &Session, progress: &Progress) -> bool {
    session.now().duration_since(progress.started_at) < jiff::SignedDuration::from_hours(24)
}

/// The installments are reconciled: the bus hears of it and the cursor moves, both of which may be repeated. The other records follow.
async fn finished(
    session: &Session,
    creditor: CreditorId,
    progress: &Progress,
) -> Result<(), FlowError> {
    tell_finished(
        session,
        creditor,
        "reconciliation.finished",
        &progress.run,
        &progress.report,
    )
    .await?;
    let store = &session.adapters.store;
    if store
        .first_reconciliation_done(&session.tenant, creditor)
        .await?
    {
        let different = progress.report.installments_changed();
        telemetry::count(
            Metric::MirrorDifferences,
            different,
            Some(&session.tenant),
            session.now(),
        );
    }
    store
        .advance_cursor(
            &session.tenant,
            Some(creditor),
            TaskName::Reconcile.as_str(),
            progress.started_at,
        )
        .await?;
    Ok(())
}

async fn begin(session: &Session, creditor: CreditorId) -> Result<Progress, FlowError> {
    let started_at = session.now();
    let open = session
        .adapters
        .store
        .count_open(&session.tenant, creditor)
        .await?;
    let windows = if open > ONE_WINDOW {
        all(session.today)
    } else {
        vec![everything()]
    };
    Ok(Progress {
        run: crate::store::new_run_id(started_at),
        started_at,
        stage: Stage::Windows,
        windows,
        by_issue: false,
        held_open: 0,
        missing: 0,
        left_out: 0,
        chunks: 0,
        chunks_done: 0,
        records: AllRecords::default(),
        report: Report::default(),
    })
}

/// Works until done, out of time or stopped. A dry run keeps what is missing in memory.
async fn work(
    session: &Session,
    creditor: CreditorId,
    progress: &mut Progress,
    guard: &mut Guard<'_>,
) -> Result<RunStatus, FlowError> {
    let mut missing_in_memory = BTreeSet::new();
    while let Some(window) = progress
        .windows
        .first()
        .copied()
        .filter(|_| progress.stage == Stage::Windows)
    {
        if session.time_left() < STEP_TIME {
            return Ok(RunStatus::Continues);
        }
        let stepped =
            step_window(session, creditor, progress, window, &mut missing_in_memory).await;
        if stepped.is_ok() || progress.windows.first() != Some(&window) {
            guard.save(progress).await?;
        }
        stepped?;
    }
    if progress.stage == Stage::Windows {
        progress.stage = if stops(session, creditor, progress)? {
            Stage::AwaitsConfirmation
        } else {
            Stage::Removals
        };
        guard.save(progress).await?;
    }
    if progress.stage == Stage::AwaitsConfirmation {
        return Ok(RunStatus::AwaitsConfirmation);
    }
    if progress.stage == Stage::Removals {
        if !remove(session, progress, guard, missing_in_memory).await? {
            return Ok(RunStatus::Continues);
        }
        if !session.dry_run {
            finished(session, creditor, progress).await?;
        }
        progress.stage = Stage::Records;
        guard.save(progress).await?;
    }
    while progress.records != AllRecords::Done && !session.dry_run {
        if session.time_left() < STEP_TIME {
            return Ok(RunStatus::Continues);
        }
        let read = session
            .records
            .read_all_records(creditor, progress.records)
            .await;
        progress.report.add(session.sync.report.take());
        progress.records = read?;
        guard.save(progress).await?;
    }
    Ok(RunStatus::Finished)
}

/// Reads one window and brings it up to date as far as the time goes; an answer too large or too slow to be read is cut instead.
async fn step_window(
    session: &Session,
    creditor: CreditorId,
    progress: &mut Progress,
    window: Window,
    missing_in_memory: &mut BTreeSet<BillId>,
) -> Result<(), FlowError> {
    let read = match read_window(session, creditor, window, progress.by_issue).await {
        Ok(read) => read,
        Err(error) => {
            cut_first(session, creditor, &mut progress.windows, MONTH, error)?;
            let store = &session.adapters.store;
            if window.is_everything()
                && !store
                    .first_reconciliation_done(&session.tenant, creditor)
                    .await?
            {
                progress.by_issue = true;
            }
            return Ok(());
        }
    };
    let WindowRead {
        mut view,
        extract,
        mut rows,
        held,
        unseen,
        told_twice,
    } = read;
    let (told, mut passed) = (std::mem::take(&mut rows.told), Passed::after(window.after));
    let coverage = if progress.by_issue || window.is_everything() {
        Coverage::AllNew
    } else {
        Coverage::Rows
    };
    let sync = &session.sync;
    let mut settled = sync
        .sync_rows(&mut view, rows, &extract, coverage, &mut passed)
        .await;
    if matches!(settled, Ok(true)) {
        match sync.count_in_parts(whole(&told_twice)).await {
            Ok(more) => passed.of_whole.extend(more),
            Err(error) => settled = Err(error),
        }
    }
    let (all_done, report) = (matches!(settled, Ok(true)), sync.report.take());
    let Gone {
        bills: gone,
        missing,
        left_out,
    } = gone(&report, &passed, unseen, window.after, all_done);
    progress.report.add(report);
    if session.dry_run {
        missing_in_memory.extend(gone);
    } else {
        progress.chunks = keep_missing(session, progress, &gone).await?;
    }
    progress.missing += missing;
    progress.left_out += left_out;
    progress.windows[0].after = passed.after;
    if !settled? {
        return Ok(());
    }
    tracing::info!(tenant = %session.tenant, %creditor, from = %window.from, to = %window.to, rows = told.rows_read, missing, left_out, "window reconciled");
    progress.report.add(told);
    progress.held_open += held;
    progress.windows.remove(0);
    if progress.by_issue && progress.windows.is_empty() {
        // What the extract tells, and what is held and not there, belongs to due dates.
        progress.by_issue = false;
        progress.windows = all(session.today);
    }
    Ok(())
}

/// What of a window is read again in the end.
struct Gone {
    /// Of these something was not to be had any more, or they failed.
    bills: BTreeSet<BillId>,
    /// Installments that would be taken away; the circuit breaker counts them.
    missing: u64,
    /// Installments that the settings leave out.
    left_out: u64,
}

/// What of a window's bills is read again in the end, of those that are done now and were not `before`.
fn gone(
    report: &Report,
    passed: &Passed,
    unseen: BTreeMap<BillId, Unseen>,
    before: Option<BillId>,
    all_done: bool,
) -> Gone {
    // Of the others the next invocation tells, which reads the answer again.
    let is_done = |bill: BillId| all_done || passed.after.is_some_and(|after| bill <= after);
    let is_new = |bill: BillId| is_done(bill) && before.is_none_or(|after| bill > after);
    // What failed is read again with what is not to be had any more; only that counts for the circuit breaker.
    let mut bills: BTreeSet<BillId> = report.failures.keys().copied().collect();
    let (mut removals, mut left_out) = (BTreeMap::new(), 0);
    for (bill, of_bill) in passed
        .in_question
        .iter()
        .filter(|(bill, _)| is_done(**bill))
    {
        removals.insert(*bill, of_bill.installments);
    }
    for (bill, of_bill) in unseen.into_iter().filter(|(bill, _)| is_new(*bill)) {
        bills.insert(bill);
        left_out += of_bill.left_out;
        *removals.entry(bill).or_default() += of_bill.missing;
    }
    // A bill that was read whole tells of those, too.
    for (bill, of_bill) in passed.of_whole.iter().filter(|(bill, _)| is_done(**bill)) {
        let counted = removals.entry(*bill).or_default();
        *counted = of_bill.installments.max(*counted);
    }
    bills.extend(removals.keys());
    Gone {
        missing: removals.values().sum(),
        bills,
        left_out,
    }
}

/// What was read of a window.
struct WindowRead {
    view: Reading,
    extract: Extract,
    /// Rows that differ from what is held.
    rows: KeptRows,
    /// Open installments held in it.
    held: u64,
    /// Those that the answer did not show.
    unseen: BTreeMap<BillId, Unseen>,
    /// Bills of which it told an installment twice, and not alike.
    told_twice: BTreeSet<BillId>,
}

/// Held open installments of a bill that an answer did not show.
#[derive(Default)]
struct Unseen {
    /// Not there, or settled without a receipt.
    missing: u64,
    /// There, and left out by the settings.
    left_out: u64,
}

async fn read_window(
    session: &Session,
    creditor: CreditorId,
    window: Window,
    by_issue: bool,
) -> Result<WindowRead, FlowError> {
    let view = Reading::begin(Scope::Counting, session.now());
    let (mut held, extract, by) = if by_issue {
        (HashMap::new(), Extract::default(), IncomeSelection::Issue)
    } else {
        let held = held_open(session, creditor, window).await?;
        (
            held,
            session.sync.read_extract(creditor, window, None).await?,
            IncomeSelection::Due,
        )
    };
    // Of two rows that contradict each other neither is believed: the bill is read whole, where the two can be seen side by side.
    let mut told_twice = BTreeSet::new();
    let differs = |row: &Row, left_out: bool| {
        let (bill, header, installment) = row;
        if left_out {
            if let Some(entry) = held.get_mut(&(*bill, installment.id)) {
                entry.left_out = true;
            }
            return false;
        }
        match held.get_mut(&(*bill, installment.id)) {
            Some(entry) => {
                let word = entry.hear(header, installment, extract.boleto(*bill, installment.id));
                told_twice.extend(Some(*bill).filter(|_| word == Word::Contradicts));
                word == Word::Differs
            }
            None => !installment.balance.is_zero(),
        }
    };
    let query = IncomeWindow {
        by,
        ..due_in(creditor, window)
    };
    let rows = session
        .sync
        .read_income(creditor, &query, window.after, differs)
        .await?
        .without(&told_twice);
    // What could not be read is there.
    let unseen = held.iter().filter(|(key, entry)| {
        !entry.seen && !rows.unread.contains(*key) && !rows.in_part.contains(&key.0)
    });
    let mut of_bills: BTreeMap<BillId, Unseen> = BTreeMap::new();
    for ((bill, _), entry) in unseen {
        let of_bill = of_bills.entry(*bill).or_default();
        *(if entry.left_out {
            &mut of_bill.left_out
        } else {
            &mut of_bill.missing
        }) += 1;
    }
    Ok(WindowRead {
        view,
        extract,
        rows,
        held: held.len() as u64,
        unseen: of_bills,
        told_twice,
    })
}

async fn held_open(
    session: &Session,
    creditor: CreditorId,
    window: Window,
) -> Result<HashMap<(BillId, InstallmentId), HeldOpen>, FlowError> {
    let mut held = HashMap::new();
    let mut entries = session.sync.portfolio().open_installments(creditor, window);
    while let Some(entry) = entries.next().await {
        let entry = entry?;
        let ContractKey {
            bill,
            document_type,
            customer,
        } = entry.key;
        let contract = contract_hash(&document_type, customer);
        held.insert(
            (bill, entry.id),
            HeldOpen {
                contract,
                fingerprint: entry.fingerprint,
                boleto: entry.boleto,
                seen: false,
                emptied: false,
                left_out: false,
            },
        );
    }
    Ok(held)
}

fn contract_hash(document_type: &DocumentType, customer: CustomerId) -> u64 {
    let mut hasher = DefaultHasher::new();
    (document_type, customer).hash(&mut hasher);
    hasher.finish()
}

/// The circuit breaker: whether too much would be removed to go on unasked.
fn stops(session: &Session, creditor: CreditorId, progress: &Progress) -> Result<bool, FlowError> {
    let share = session.creditor(creditor)?.removal_share_percent;
    Ok(must_ask(
        progress.missing + progress.left_out,
        progress.held_open,
        share,
    ))
}

/// Keeps the bills of a window's missing installments for the removal stage; answers how many chunks there are. A repeated window writes the
/// same ones again.
async fn keep_missing(
    session: &Session,
    progress: &Progress,
    bills: &BTreeSet<BillId>,
) -> Result<u32, FlowError> {
    let bills: Vec<BillId> = bills.iter().copied().collect();
    let mut chunks = progress.chunks;
    for chunk in bills.chunks(REMOVALS_AT_ONCE) {
        session
            .adapters
            .store
            .put_removals(&session.tenant, &progress.run, chunks, chunk, session.now())
            .await?;
        chunks += 1;
    }
    Ok(chunks)
}

/// Reads the bills with missing installments again and removes what is missing still. `false` when the time ran out.
async fn remove(
    session: &Session,
    progress: &mut Progress,
    guard: &mut Guard<'_>,
    in_memory: BTreeSet<BillId>,
) -> Result<bool, FlowError> {
    let in_memory: Vec<BillId> = in_memory.into_iter().collect();
    remove_bills(session, &in_memory, progress).await?;
    while progress.chunks_done < progress.chunks {
        if session.time_left() < STEP_TIME {
            return Ok(false);
        }
        let chunk = session
            .adapters
            .store
            .removals(&session.tenant, &progress.run, progress.chunks_done)
            .await?;
        let Some(bills) = chunk else {
            return Err(FlowError::Stopped(
                "a lista de parcelas a devolver expirou; execute um novo batimento".to_owned(),
            ));
        };
        remove_bills(session, &bills, progress).await?;
        progress.chunks_done += 1;
        guard.save(progress).await?;
    }
    if !session.dry_run {
        session
            .adapters
            .store
            .clear_removals(&session.tenant, &progress.run)
            .await?;
    }
    Ok(true)
}

/// Bills that can't be read keep their installments; they are in the report, and the next reconciliation sees them again.
async fn remove_bills(
    session: &Session,
    bills: &[BillId],
    progress: &mut Progress,
) -> Result<(), FlowError> {
    let sync = &session.sync;
    let removed = sync
        .sync_in_parts(Scope::Reconciliation, whole(bills))
        .await;
    progress.report.add(sync.report.take());
    removed
}

fn text(progress: &Progress, state: RunStatus) -> String {
    match state {
        RunStatus::AwaitsConfirmation => {
            let (held, missing, left_out) =
                (progress.held_open, progress.missing, progress.left_out);
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
            progress.windows.len(),
            progress.report.text()
        ),
        _ => format!(
            "Batimento concluído: {} parcelas lidas. {}",
            progress.report.rows_read,
            progress.report.text()
        ),
    }
}
