//! The reconciliation ("batimento"): everything Sienge has of a creditor against everything we hold.
//!
//! Windows of due dates are streamed against the open-installments index; only rows whose content differs are compared with
//! their bill. What is held and was not in its window's answer is removed in a stage of its own, after a second read of its bill,
//! and only when it is no more than the creditor's removal share; otherwise the run stops and asks. A checkpoint after every
//! window makes the run resumable; nothing a repeated window does is done twice.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use futures::StreamExt;
use serde::{Deserialize, Serialize};

use super::breaker::must_ask;
use super::freshness::whole;
use super::history::{named, tell_finished};
use super::records::AllRecords;
use super::rows::{Row, due_in};
use super::run::{Guard, Run, STEP_TIME, cut_first};
use super::windows::{self, Window};
use super::{FlowError, Report, RunState, Session, Summary, Task, TaskName, View};
use crate::calendar::Timestamp;
use crate::portfolio::{BillId, ContractKey, CreditorId, CustomerId, DocumentType, Fingerprint, InstallmentId, Scope};
use crate::telemetry::{self, Metric};

/// Bills read again at once in the removal stage.
const REMOVALS_AT_ONCE: usize = 100;
/// Bills kept in one chunk: one step of the removal stage.
const REMOVALS_IN_A_CHUNK: usize = 500;
/// Up to this many held open installments are read in one window: two bulk calls in all, and memory of a few megabytes.
const ONE_WINDOW: u64 = 50_000;

/// Where a run stands. The checkpoint is written after each step; a step that is repeated changes nothing that it already did.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Progress {
    run: String,
    started_at: Timestamp,
    stage: Stage,
    windows: Vec<Window>,
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
    contract: u64,
    fingerprint: Fingerprint,
    boleto: bool,
    seen: bool,
    /// Told, and left out by the settings.
    left_out: bool,
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
pub async fn reconcile(session: &Session, task: &Task, creditor: CreditorId) -> Result<Summary, FlowError> {
    session.creditor(creditor)?;
    let Some(mut guard) = Guard::take(session, creditor, TaskName::Reconcile).await? else {
        return Ok(Guard::busy(session, creditor, TaskName::Reconcile));
    };
    let mut progress = match start(session, task, creditor, &mut guard).await {
        Ok(Some(progress)) => progress,
        Ok(None) if task.confirm.is_none() => return guard.nothing_to_resume().await,
        Ok(None) => {
            guard.release().await?;
            let text = "Não há batimento aguardando confirmação com este número de execução.".to_owned();
            return Ok(named(
                session,
                creditor,
                Summary::new(TaskName::Reconcile, RunState::Failed, text, Report::default()),
            ));
        }
        Err(error) => {
            guard.release().await?;
            return Err(error);
        }
    };
    let result = work(session, creditor, &mut progress, &mut guard).await;
    let asks = matches!(result, Ok(RunState::AwaitsConfirmation)) && !session.dry_run;
    let next_event = asks.then(|| serde_json::json!({ "tenant": session.tenant.as_str(), "creditor": creditor, "confirm": progress.run }));
    let summary = guard.close(&progress, result, |state| text(&progress, state)).await?;
    Ok(Summary { next_event, ..summary })
}

/// Where to go on, with the checkpoint written; `None` when what should be resumed or confirmed is not there.
async fn start(session: &Session, task: &Task, creditor: CreditorId, guard: &mut Guard<'_>) -> Result<Option<Progress>, FlowError> {
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
async fn finished(session: &Session, creditor: CreditorId, progress: &Progress) -> Result<(), FlowError> {
    tell_finished(session, creditor, "reconciliation.finished", &progress.run, &progress.report).await?;
    let store = &session.shop.store;
    if store.first_reconciliation_done(&session.tenant, creditor).await? {
        let different = progress.report.installments_changed();
        telemetry::count(Metric::MirrorDifferences, different, Some(&session.tenant), session.now());
    }
    store
        .advance_cursor(&session.tenant, Some(creditor), TaskName::Reconcile.as_str(), progress.started_at)
        .await?;
    Ok(())
}

async fn begin(session: &Session, creditor: CreditorId) -> Result<Progress, FlowError> {
    let started_at = session.now();
    let open = session.shop.store.count_open(&session.tenant, creditor).await?;
    let windows = if open > ONE_WINDOW {
        windows::all(session.today)
    } else {
        vec![windows::everything()]
    };
    Ok(Progress {
        run: crate::store::new_run_id(started_at),
        started_at,
        stage: Stage::Windows,
        windows,
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
async fn work(session: &Session, creditor: CreditorId, progress: &mut Progress, guard: &mut Guard<'_>) -> Result<RunState, FlowError> {
    let mut missing_in_memory = BTreeSet::new();
    while let Some(window) = progress.windows.first().copied().filter(|_| progress.stage == Stage::Windows) {
        if session.time_left() < STEP_TIME {
            return Ok(RunState::Continues);
        }
        step_window(session, creditor, progress, window, &mut missing_in_memory).await?;
        guard.save(progress).await?;
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
        return Ok(RunState::AwaitsConfirmation);
    }
    if progress.stage == Stage::Removals {
        if !remove(session, progress, guard, missing_in_memory).await? {
            return Ok(RunState::Continues);
        }
        if !session.dry_run {
            finished(session, creditor, progress).await?;
        }
        progress.stage = Stage::Records;
        guard.save(progress).await?;
    }
    while progress.records != AllRecords::Done && !session.dry_run {
        if session.time_left() < STEP_TIME {
            return Ok(RunState::Continues);
        }
        progress.records = session.read_all_records(creditor, progress.records, &mut progress.report).await?;
        guard.save(progress).await?;
    }
    Ok(RunState::Finished)
}

/// Reads one window; an answer too large or too slow to be read is cut instead.
async fn step_window(
    session: &Session,
    creditor: CreditorId,
    progress: &mut Progress,
    window: Window,
    missing_in_memory: &mut BTreeSet<BillId>,
) -> Result<(), FlowError> {
    let mut report = Report::default();
    match read_window(session, creditor, window, &mut report).await {
        Ok(read) => {
            if session.dry_run {
                missing_in_memory.extend(read.bills);
            } else {
                match keep_missing(session, progress, &read.bills).await {
                    Ok(chunks) => progress.chunks = chunks,
                    Err(error) => {
                        progress.report.add(report.repeated());
                        return Err(error);
                    }
                }
            }
            progress.held_open += read.held;
            progress.missing += read.missing;
            progress.left_out += read.left_out;
            progress.windows.remove(0);
            tracing::info!(tenant = %session.tenant, %creditor, from = %window.from, to = %window.to, rows = report.rows_read, missing = read.missing, left_out = read.left_out, "window reconciled");
        }
        Err(error) => {
            progress.report.add(report.repeated());
            return cut_first(session, creditor, &mut progress.windows, windows::MONTH, error);
        }
    }
    progress.report.add(report);
    Ok(())
}

/// What a window's answer said of the open installments that we held in it.
struct WindowRead {
    held: u64,
    /// How many it did not show, or showed settled without a receipt.
    missing: u64,
    /// How many it showed that the settings leave out.
    left_out: u64,
    /// The bills of both.
    bills: BTreeSet<BillId>,
}

/// Compares one window.
async fn read_window(session: &Session, creditor: CreditorId, window: Window, report: &mut Report) -> Result<WindowRead, FlowError> {
    let mut view = View::begin(Scope::Reconciliation, session.now());
    let mut held = held_open(session, creditor, window).await?;
    let extract = session.read_extract(creditor, window, None).await?;
    // What a row says that was told before is as good as any other word of it: the bill is read whole, where the two can be seen side by side.
    let mut told_twice = BTreeSet::new();
    let differs = |row: &Row, left_out: bool| {
        let (bill, header, installment) = row;
        if left_out {
            if let Some(entry) = held.get_mut(&(*bill, installment.id)) {
                entry.left_out = true;
            }
            return false;
        }
        let boleto = extract.boletos.get(&(*bill, installment.id));
        match held.get_mut(&(*bill, installment.id)) {
            // Settled without a receipt: as good as absent until a second read says so too.
            Some(_) if installment.balance.is_zero() && installment.receipts.is_empty() => false,
            Some(entry) => {
                let differs = entry.fingerprint != installment.fingerprint()
                    || entry.contract != contract_hash(&header.document_type, header.customer)
                    || boleto.is_some_and(|boleto| *boleto != entry.boleto);
                if entry.seen && differs {
                    told_twice.insert(*bill);
                    return false;
                }
                entry.seen = true;
                differs
            }
            None => !installment.balance.is_zero(),
        }
    };
    let passed = session
        .pass_income(&mut view, creditor, &due_in(creditor, window), &extract, differs, report)
        .await?;
    let again: Vec<BillId> = passed.look_again.union(&told_twice).copied().collect();
    let mut removals: BTreeMap<BillId, u64> = BTreeMap::new();
    for (bill, of_bill) in &passed.in_question {
        removals.insert(*bill, of_bill.installments);
    }
    let mut of_whole = BTreeMap::new();
    for bills in again.chunks(REMOVALS_AT_ONCE) {
        of_whole.extend(session.look_counting(Scope::Reconciliation, &whole(bills), report).await?);
    }
    // What could not be read is there.
    let unseen = held
        .iter()
        .filter(|(key, entry)| !entry.seen && !passed.unread.contains(*key) && !passed.in_part.contains(&key.0));
    let mut left_out = 0;
    // What failed here is read again with what is not to be had any more; only that counts for the circuit breaker.
    let mut bills: BTreeSet<BillId> = report.failures.keys().copied().collect();
    for ((bill, _), entry) in unseen {
        bills.insert(*bill);
        if entry.left_out {
            left_out += 1;
        } else {
            *removals.entry(*bill).or_default() += 1;
        }
    }
    for (bill, of_bill) in of_whole {
        let counted = removals.entry(bill).or_default();
        *counted = of_bill.installments.max(*counted);
    }
    bills.extend(removals.keys());
    Ok(WindowRead {
        held: held.len() as u64,
        missing: removals.values().sum(),
        left_out,
        bills,
    })
}

async fn held_open(
    session: &Session,
    creditor: CreditorId,
    window: Window,
) -> Result<HashMap<(BillId, InstallmentId), HeldOpen>, FlowError> {
    let mut held = HashMap::new();
    let mut entries = session
        .shop
        .store
        .open_installments(&session.tenant, creditor, Some(window.from), Some(window.to));
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
    Ok(must_ask(progress.missing + progress.left_out, progress.held_open, share))
}

/// Keeps the bills of a window's missing installments for the removal stage; answers how many chunks there are. A repeated window writes the
/// same ones again.
async fn keep_missing(session: &Session, progress: &Progress, bills: &BTreeSet<BillId>) -> Result<u32, FlowError> {
    let bills: Vec<BillId> = bills.iter().copied().collect();
    let mut chunks = progress.chunks;
    for chunk in bills.chunks(REMOVALS_IN_A_CHUNK) {
        session
            .shop
            .store
            .put_removals(&session.tenant, &progress.run, chunks, chunk, session.now())
            .await?;
        chunks += 1;
    }
    Ok(chunks)
}

/// Reads the bills with missing installments again and removes what is missing still. `false` when the time ran out.
async fn remove(session: &Session, progress: &mut Progress, guard: &mut Guard<'_>, in_memory: BTreeSet<BillId>) -> Result<bool, FlowError> {
    let in_memory: Vec<BillId> = in_memory.into_iter().collect();
    remove_bills(session, &in_memory, &mut progress.report).await?;
    while progress.chunks_done < progress.chunks {
        if session.time_left() < STEP_TIME {
            return Ok(false);
        }
        let chunk = session
            .shop
            .store
            .removals(&session.tenant, &progress.run, progress.chunks_done)
            .await?;
        let Some(bills) = chunk else {
            return Err(FlowError::Stopped(
                "a lista de parcelas a devolver expirou; execute um novo batimento".to_owned(),
            ));
        };
        remove_bills(session, &bills, &mut progress.report).await?;
        progress.chunks_done += 1;
        guard.save(progress).await?;
    }
    if !session.dry_run {
        session.shop.store.clear_removals(&session.tenant, &progress.run).await?;
    }
    Ok(true)
}

async fn remove_bills(session: &Session, bills: &[BillId], report: &mut Report) -> Result<(), FlowError> {
    for part in bills.chunks(REMOVALS_AT_ONCE) {
        // A bill that can't be read keeps its installments; it is in the report, and the next reconciliation sees it again.
        session.look(Scope::Reconciliation, &whole(part), report).await?;
    }
    Ok(())
}

fn text(progress: &Progress, state: RunState) -> String {
    match state {
        RunState::AwaitsConfirmation => {
            let (held, missing, left_out) = (progress.held_open, progress.missing, progress.left_out);
            let what = match (missing, left_out) {
                (_, 0) => format!("{missing} de {held} parcelas em aberto não vieram do Sienge, ou vieram sem saldo e sem baixa"),
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
        RunState::Continues => format!(
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
