//! The driver of one creditor's long runs: one at a time, step by step, with a checkpoint after each and a continuation when the time
//! runs out. A run is a list of steps ([`Run`]); everything else is here, except the task history in `history`.

use std::time::Duration;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::history::{expected_end, named, record, standing};
use super::run_context::{Current, RunContext};
use super::run_ports::RunStore;
use super::{FlowError, Refusal, Report, RunStatus, Summary, Task, TaskName};
use crate::calendar::{Timestamp, business_date};
use crate::ids::{BillId, CreditorId, TenantId};
use crate::sienge::SiengeError;
use crate::store::{Acquired, Checkpoint, CritiqueNote, Lease, StoreError, new_run_id};
use crate::sync::Window;
use crate::telemetry::{self, Metric};

/// How long a run owns its creditor without renewal: longer than any invocation.
const LEASE: Duration = Duration::from_mins(16);

/// A step that reads starts only with this much time left; otherwise a new invocation continues.
const STEP_TIME: Duration = Duration::from_secs(30);

/// How often the sweep resumes a failing run: with a sweep every ten minutes, for an hour.
const MAX_FAILURES: u32 = 6;

/// What comes after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stepped {
    /// Another step.
    Next,
    /// The run is finished.
    Finished,
    /// An operator's confirmation.
    AwaitsConfirmation,
}

/// A run: its progress and its steps. It is its own checkpoint, and repeating a step has no second effect.
pub(super) trait Run:
    Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync
{
    /// Its task.
    const TASK: TaskName;

    /// The state of a new run.
    async fn begin(context: &RunContext<'_>, task: &Task) -> Result<Self, FlowError>;

    /// Whether a task continues this run, started at `started_at`, instead of beginning a new one.
    fn continues(&mut self, task: &Task, started_at: Timestamp, now: Timestamp) -> bool;

    /// Whether this very run was requested: no other run reads the same.
    fn was_asked_for(&self) -> bool {
        false
    }

    /// Remaining steps, as far as known.
    fn steps_left(&self) -> u32;

    /// Whether the next step reads Sienge: then it starts only with enough time.
    fn reads_next(&self) -> bool {
        true
    }

    /// After an error in a step: the last bill of it that is done.
    fn done_of_step(&self) -> Option<BillId> {
        None
    }

    /// Executes one step.
    async fn step(
        &mut self,
        context: &RunContext<'_>,
        current: &Current<'_>,
    ) -> Result<Stepped, FlowError>;

    /// The text for operators, in Portuguese.
    fn text(&self, state: RunStatus, report: &Report) -> String;
}

/// A checkpoint: the run's own state, and what the driver and the sweep need of every run.
#[derive(Serialize, Deserialize)]
struct Saved<R> {
    run: String,
    started_at: Timestamp,
    /// Whether it waits for an operator.
    waits: bool,
    /// Failed invocations since the last good one.
    failures: u32,
    /// Steps done.
    steps: u32,
    report: Report,
    progress: R,
}

/// Runs a task of a creditor, continuing where an earlier invocation stopped.
pub(super) async fn drive<R: Run>(
    context: &RunContext<'_>,
    task: &Task,
) -> Result<Summary, FlowError> {
    let Some(mut driver) = Driver::take(context, R::TASK).await? else {
        let text = "Já há uma execução desta tarefa para este credor; aguarde o término.";
        return Ok(driver_says(
            context,
            R::TASK,
            RunStatus::AlreadyRunning,
            text,
        ));
    };
    match driver.start::<R>(task).await {
        Ok(Some(mut saved)) => {
            let result = driver.work(&mut saved).await;
            driver.close(task, saved, result).await
        }
        Ok(None) => {
            driver.release().await?;
            if let Some(run) = &task.confirm {
                return Err(
                    Refusal::nothing_to_confirm(context.tenant(), context.creditor, run).into(),
                );
            }
            // A request to resume may be delivered twice.
            let text = "A execução a retomar já terminou.";
            Ok(driver_says(context, R::TASK, RunStatus::Finished, text))
        }
        Err(error) => {
            driver.release().await?;
            Err(error)
        }
    }
}

/// The answer when nothing ran.
fn driver_says(context: &RunContext<'_>, task: TaskName, state: RunStatus, text: &str) -> Summary {
    let summary = Summary::new(task, state, text.to_owned(), Report::default());
    named(context, summary)
}

/// The lease on one task of one creditor. A dry run has no lease and writes no checkpoint.
struct Driver<'a> {
    context: &'a RunContext<'a>,
    task: TaskName,
    lease: Option<Lease>,
    /// Version of the saved checkpoint.
    version: u64,
    /// Whether this invocation finished a step.
    moved: bool,
}

impl<'a> Driver<'a> {
    /// Takes the lease, or `None` when another run holds it.
    async fn take(context: &'a RunContext<'a>, task: TaskName) -> Result<Option<Self>, FlowError> {
        let mut lease = None;
        if !context.dry_run {
            let owner = format!("{:016x}", fastrand::u64(..));
            let (tenant, creditor, now) = (context.tenant(), context.creditor, context.now());
            match context
                .store
                .acquire(tenant, creditor, task, &owner, LEASE, now)
                .await?
            {
                Acquired::Yes(granted) => lease = Some(granted),
                Acquired::Held { .. } => return Ok(None),
            }
        }
        Ok(Some(Self {
            context,
            task,
            lease,
            version: 0,
            moved: false,
        }))
    }

    /// The run to continue, or a new one with its checkpoint written, so that an invocation that dies in its first step leaves
    /// something to resume. `None` when the requested run does not exist.
    async fn start<R: Run>(&mut self, task: &Task) -> Result<Option<Saved<R>>, FlowError> {
        let asked_for = task.confirm.as_deref().or(task.run.as_deref());
        let saved = match self.resume::<R>(task, asked_for).await? {
            Some(saved) => saved,
            None if asked_for.is_some() => return Ok(None),
            None => {
                let started_at = self.context.now();
                Saved {
                    run: new_run_id(started_at),
                    started_at,
                    waits: false,
                    failures: 0,
                    steps: 0,
                    report: Report::default(),
                    progress: R::begin(self.context, task).await?,
                }
            }
        };
        self.write(&saved).await?;
        self.note_standing(&saved).await?;
        Ok(Some(saved))
    }

    /// The checkpoint of an unfinished run, if the task continues it. With a run's id, only that run; without, a run of an earlier
    /// day that the sweep has given up is not continued: a new run reads what it left, and what came since.
    async fn resume<R: Run>(
        &mut self,
        task: &Task,
        asked_for: Option<&str>,
    ) -> Result<Option<Saved<R>>, FlowError> {
        if self.lease.is_none() {
            return Ok(None);
        }
        let context = self.context;
        let (tenant, creditor) = (context.tenant(), context.creditor);
        let found = context
            .store
            .checkpoint(tenant, creditor, self.task)
            .await
            .and_then(read::<R>);
        let (version, mut saved) = match found {
            Ok(None) => return Ok(None),
            Ok(Some(found)) => found,
            Err(error @ StoreError::Unreadable { .. }) => {
                context
                    .store
                    .clear_checkpoint(tenant, creditor, self.task)
                    .await?;
                tracing::warn!(%tenant, %creditor, %error, "checkpoint of another version ignored; the run begins anew");
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        self.version = version;
        let of_today = business_date(saved.started_at) == context.sync.today;
        // A run that was requested gets another chance.
        let allowed_failures = MAX_FAILURES + u32::from(saved.progress.was_asked_for());
        let is_it = asked_for.map_or(of_today || saved.failures < allowed_failures, |run| {
            saved.run == run
        });
        let continues = is_it
            && saved
                .progress
                .continues(task, saved.started_at, context.now());
        saved.waits = false;
        Ok(Some(saved).filter(|_| continues))
    }

    /// Executes steps until there are none left, the time is up, or one fails.
    async fn work<R: Run>(&mut self, saved: &mut Saved<R>) -> Result<RunStatus, FlowError> {
        let context = self.context;
        loop {
            if saved.progress.reads_next() && context.sync.time_left() < STEP_TIME {
                return Ok(RunStatus::Continues);
            }
            let before = saved.progress.clone();
            let current = Current {
                id: &saved.run,
                started_at: saved.started_at,
                report: &saved.report,
            };
            let stepped = saved.progress.step(context, &current).await;
            let done = context.sync.report.take();
            saved.report.add(if stepped.is_ok() {
                done
            } else {
                done.repeated(saved.progress.done_of_step())
            });
            // A failed step may be partly done.
            if matches!(stepped, Ok(Stepped::Next)) || saved.progress != before {
                self.save(saved).await?;
            }
            match stepped? {
                Stepped::Next => {}
                Stepped::Finished => return Ok(RunStatus::Finished),
                Stepped::AwaitsConfirmation => return Ok(RunStatus::AwaitsConfirmation),
            }
        }
    }

    /// Writes the checkpoint after a step, and renews the lease.
    async fn save<R: Run>(&mut self, saved: &mut Saved<R>) -> Result<(), FlowError> {
        saved.failures = 0;
        saved.steps += 1;
        self.moved = true;
        self.write(saved).await?;
        self.note_standing(saved).await
    }

    /// Writes the run's progress into the task history, for whoever waits for it.
    async fn note_standing<R: Run>(&self, saved: &Saved<R>) -> Result<(), FlowError> {
        if self.lease.is_none() {
            return Ok(());
        }
        let (done, left) = (saved.steps, saved.progress.steps_left());
        let end = expected_end(done, left, saved.started_at, self.context.now());
        let summary = self.summary(saved, RunStatus::Continues, standing(done, left));
        record(self.context, &summary, saved.started_at, end).await
    }

    fn summary<R>(&self, saved: &Saved<R>, state: RunStatus, text: String) -> Summary {
        let summary = Summary {
            run: Some(saved.run.clone()),
            ..Summary::new(self.task, state, text, saved.report.clone())
        };
        named(self.context, summary)
    }

    async fn write<R: Run>(&mut self, saved: &Saved<R>) -> Result<(), FlowError> {
        let context = self.context;
        let Some(lease) = &mut self.lease else {
            return Ok(());
        };
        let now = context.now();
        context.store.renew(lease, LEASE, now).await?;
        let content = serde_json::to_value(saved)
            .map_err(|error| StoreError::unreadable("a checkpoint", error))?;
        let (tenant, creditor, version) = (context.tenant(), context.creditor, self.version);
        self.version = context
            .store
            .save_checkpoint(tenant, creditor, self.task, version, &content, now)
            .await?;
        Ok(())
    }

    /// Releases the lease.
    async fn release(&mut self) -> Result<(), FlowError> {
        if let Some(lease) = self.lease.take() {
            self.context.store.release(lease).await?;
        }
        Ok(())
    }

    /// Records how the invocation ended, requests the next one if there is more to do, and releases the lease.
    async fn close<R: Run>(
        mut self,
        asked: &Task,
        mut saved: Saved<R>,
        result: Result<RunStatus, FlowError>,
    ) -> Result<Summary, FlowError> {
        let (context, task) = (self.context, self.task);
        let (tenant, creditor) = (context.tenant(), context.creditor);
        let result = self.in_view_of_time(&mut saved, result);
        // No call got through, and the next would not either: another invocation at once would only be refused again, perhaps for hours.
        let waits_for_quota = matches!(&result, Err(FlowError::Sienge(error)) if error.is_refused_for_now() || matches!(error, SiengeError::DayIsOver { .. }));
        let (state, text) = match &result {
            Ok(state) => (*state, saved.progress.text(*state, &saved.report)),
            Err(error) => {
                tracing::error!(%tenant, %creditor, task = task.as_str(), run = saved.run, %error, "run failed; running it again resumes it");
                let next = self.next_step(&saved, waits_for_quota);
                (
                    RunStatus::Failed,
                    format!("Execução interrompida: {error}. Nada se perdeu: {next}."),
                )
            }
        };
        let mut summary = self.summary(&saved, state, text);
        if self.lease.is_none() {
            return Ok(rehearsed(summary, asked, context));
        }
        match state {
            RunStatus::AwaitsConfirmation => {
                saved.waits = true;
                self.write(&saved).await?;
                summary.next_event = Some(json!({
                    "tenant": tenant.as_str(), "creditor": creditor, "confirm": saved.run,
                }));
            }
            RunStatus::Failed => {
                // Until the quota is back no call can be made, and trying costs next to nothing: the sweep keeps trying.
                saved.failures = if waits_for_quota {
                    saved.failures.min(MAX_FAILURES - 1)
                } else {
                    saved.failures + 1
                };
                self.write(&saved).await?;
            }
            RunStatus::Continues => self.write(&saved).await?,
            RunStatus::Finished
            | RunStatus::AlreadyRunning
            | RunStatus::Requested
            | RunStatus::Incomplete
            | RunStatus::WouldAsk => {}
        }
        if matches!(state, RunStatus::Failed | RunStatus::AwaitsConfirmation) {
            let (task, run, text) = (task.as_str(), &saved.run, &summary.text);
            let note = CritiqueNote {
                bill: None,
                text: format!("Credor {creditor}, {task}, execução {run}: {text}"),
            };
            let portfolio = context.sync.portfolio();
            portfolio.criticise(Some(creditor), &[note]).await?;
        }
        record(context, &summary, saved.started_at, None).await?;
        if state == RunStatus::Finished {
            // After the history, so that no ended run looks like a running one.
            context
                .store
                .clear_checkpoint(tenant, creditor, task)
                .await?;
        }
        self.release().await?;
        if state == RunStatus::Continues {
            let next = Task::continuation(task, tenant, creditor, saved.run);
            // If it is not accepted, the sweep finds the checkpoint without an owner and requests it again.
            context.bus.publish(&[next.request()]).await?;
        }
        if let Some(metric) = metric_of(state, task) {
            telemetry::count(metric, 1, Some(tenant), context.now());
        }
        Ok(summary)
    }

    /// The result of running out of time within a step: the next invocation repeats the step.
    fn in_view_of_time<R>(
        &self,
        saved: &mut Saved<R>,
        result: Result<RunStatus, FlowError>,
    ) -> Result<RunStatus, FlowError> {
        match result {
            Err(FlowError::Sienge(error)) if self.moved && error.is_refused_for_now() => {
                Ok(RunStatus::Continues)
            }
            Err(FlowError::Sienge(error @ SiengeError::Deadline { .. }))
                if self.moved || saved.failures + 1 < MAX_FAILURES =>
            {
                tracing::info!(tenant = %self.context.tenant(), creditor = %self.context.creditor, task = self.task.as_str(), %error, "out of time within a step; it will be repeated");
                // Without a finished step it counts as a failure: a step longer than an invocation must not be repeated forever.
                saved.failures += u32::from(!self.moved);
                Ok(RunStatus::Continues)
            }
            Ok(RunStatus::Continues) if !self.moved && saved.failures + 1 >= MAX_FAILURES => {
                Err(FlowError::Stopped(
                    "o tempo da função não basta para um passo: aumente o tempo limite dela"
                        .to_owned(),
                ))
            }
            Ok(RunStatus::Continues) if !self.moved => {
                // Nor must an invocation too short for any step request the next one forever.
                saved.failures += 1;
                Ok(RunStatus::Continues)
            }
            other => other,
        }
    }

    /// What happens next to a failed run, in Portuguese.
    fn next_step<R>(&self, saved: &Saved<R>, waits_for_quota: bool) -> &'static str {
        if self.lease.is_none() {
            "invoque de novo"
        } else if waits_for_quota {
            "a varredura retoma do último ponto quando a cota voltar"
        } else if saved.failures + 1 < MAX_FAILURES {
            "a varredura retoma do último ponto em até 10 minutos"
        } else if business_date(saved.started_at) == self.context.sync.today {
            "invoque de novo hoje para retomar do último ponto"
        } else {
            "invoque de novo; uma nova execução lê também o que faltou"
        }
    }
}

/// The metric for an invocation that ended in this state; none when the run continues.
const fn metric_of(state: RunStatus, task: TaskName) -> Option<Metric> {
    match state {
        RunStatus::Finished => Some(match task {
            TaskName::Import => Metric::ImportFinished,
            TaskName::Payments => Metric::RedundancyFinished,
            TaskName::Reconcile => Metric::ReconciliationFinished,
        }),
        RunStatus::AwaitsConfirmation | RunStatus::Failed => Some(Metric::RunNeedsAttention),
        RunStatus::Continues
        | RunStatus::Incomplete
        | RunStatus::WouldAsk
        | RunStatus::AlreadyRunning
        | RunStatus::Requested => None,
    }
}

/// The answer to a dry run, which nothing continues and nobody confirms: its next event is the run itself.
fn rehearsed(summary: Summary, asked: &Task, context: &RunContext<'_>) -> Summary {
    let (state, more) = match summary.state {
        RunStatus::Continues => (
            RunStatus::Incomplete,
            " O tempo da função acabou, e uma simulação não continua: os números são só do que foi lido. A execução em proximoPasso, sem dryRun, vai até o fim.",
        ),
        RunStatus::AwaitsConfirmation => (
            RunStatus::WouldAsk,
            " Isto é uma simulação: a execução em proximoPasso para e pede a confirmação, e só com ela as devolve.",
        ),
        // It changed nothing, and would fail again.
        RunStatus::Failed => return summary,
        other => (other, ""),
    };
    let run = Task {
        dry_run: false,
        ..asked.clone()
    };
    Summary {
        state,
        text: summary.text.clone() + more,
        next_event: Some(run.as_command_for(context.tenant(), context.creditor)),
        ..summary
    }
}

/// Cuts the first window, if it is longer than the smallest and its answer was too large. Any other error
/// is returned.
pub(super) fn cut_first(
    context: &RunContext<'_>,
    windows: &mut Vec<Window>,
    smallest: u32,
    error: FlowError,
) -> Result<(), FlowError> {
    let too_large = matches!(
        error,
        FlowError::Sienge(SiengeError::Timeout { .. } | SiengeError::Deadline { .. })
    );
    let first = windows.first().filter(|_| too_large);
    let Some((window, parts)) =
        first.and_then(|window| Some((*window, window.cut(context.sync.today, smallest)?)))
    else {
        return Err(error);
    };
    tracing::warn!(tenant = %context.sync.tenant, creditor = %context.creditor, from = %window.from, to = %window.to, %error, "window cut");
    windows.splice(0..1, parts);
    Ok(())
}

/// Reads a checkpoint and its version.
fn read<R: DeserializeOwned>(
    found: Option<Checkpoint<Value>>,
) -> Result<Option<(u64, Saved<R>)>, StoreError> {
    let Some(Checkpoint { version, content }) = found else {
        return Ok(None);
    };
    let saved = serde_json::from_value(content)
        .map_err(|error| StoreError::unreadable("a checkpoint", error))?;
    Ok(Some((version, saved)))
}

/// The run that left a checkpoint and has no living invocation; `None` when there is none, when it waits
/// for an operator, or when it failed so often that it is left to the next schedule or an operator.
pub(super) async fn orphan(
    store: &dyn RunStore,
    tenant: &TenantId,
    creditor: CreditorId,
    task: TaskName,
    now: Timestamp,
) -> Result<Option<String>, FlowError> {
    let found = store.checkpoint(tenant, creditor, task).await;
    let saved = match found.and_then(read::<IgnoredAny>) {
        Ok(Some((_, saved))) if !saved.waits && saved.failures < MAX_FAILURES => saved,
        Ok(_) | Err(StoreError::Unreadable { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let moment = Duration::from_secs(1);
    let acquired = store
        .acquire(tenant, creditor, task, "sweep", moment, now)
        .await?;
    let Acquired::Yes(lease) = acquired else {
        return Ok(None);
    };
    store.release(lease).await?;
    Ok(Some(saved.run))
}
