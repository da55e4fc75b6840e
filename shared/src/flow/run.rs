//! What every long run of one creditor has in common: one at a time, a checkpoint, a continuation. What it leaves for people is `history`.

use std::time::Duration;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use super::history::{expected_end, named, record, standing};
use super::{Adapters, FlowError, Report, RunStatus, Session, Summary, Task, TaskName};
use crate::calendar::{Timestamp, business_date};
use crate::ids::{CreditorId, TenantId};
use crate::sienge::SiengeError;
use crate::store::{Acquired, CritiqueNote, Lease, StoreError};
use crate::sync::Window;
use crate::telemetry::{self, Metric};

/// How long a run owns its creditor without a sign of life: longer than any invocation.
const LEASE: Duration = Duration::from_mins(16);

/// A step is begun only with this much time left; otherwise a new invocation goes on.
pub(super) const STEP_TIME: Duration = Duration::from_secs(30);

/// A run that fails is resumed by the sweep this often: with a sweep every ten minutes, for an hour.
const MAX_FAILURES: u32 = 6;

/// Where a run stands; written as the checkpoint after every step.
pub(super) trait Run: Serialize + DeserializeOwned + Send + Sync {
    /// The run's id.
    fn id(&self) -> &str;
    /// When it began.
    fn started_at(&self) -> Timestamp;
    /// What it did so far.
    fn report(&self) -> &Report;
    /// Steps it has to do still, as far as it knows.
    fn steps_left(&self) -> u32;
    /// Whether somebody asked for just this one: no other run reads the same.
    fn was_asked(&self) -> bool {
        false
    }
}

/// The right to run one task for one creditor. A dry run has no lease and writes no checkpoint.
pub(super) struct Guard<'a> {
    session: &'a Session,
    creditor: CreditorId,
    task: TaskName,
    lease: Option<Lease>,
    /// Version of the saved checkpoint.
    version: u64,
    /// Invocations of this run that failed in a row.
    failures: u32,
    /// Steps of this run that are done, earlier invocations' included.
    steps: u32,
    /// Whether this invocation finished a step.
    moved: bool,
}

impl<'a> Guard<'a> {
    /// Takes the right, or `None` when another run has it.
    pub(super) async fn take(
        session: &'a Session,
        creditor: CreditorId,
        task: TaskName,
    ) -> Result<Option<Self>, FlowError> {
        let mut lease = None;
        if !session.dry_run {
            let owner = format!("{:016x}", fastrand::u64(..));
            let acquired = session
                .adapters
                .store
                .acquire_lease(
                    &session.tenant,
                    Some(creditor),
                    task.as_str(),
                    &owner,
                    LEASE,
                    session.now(),
                )
                .await?;
            match acquired {
                Acquired::Yes(granted) => lease = Some(granted),
                Acquired::Held { .. } => return Ok(None),
            }
        }
        Ok(Some(Self {
            session,
            creditor,
            task,
            lease,
            version: 0,
            failures: 0,
            steps: 0,
            moved: false,
        }))
    }

    /// The answer when another run has the right.
    pub(super) fn busy(session: &Session, creditor: CreditorId, task: TaskName) -> Summary {
        let text =
            "Já há uma execução desta tarefa para este credor; aguarde o término.".to_owned();
        named(
            session,
            creditor,
            Summary::new(task, RunStatus::AlreadyRunning, text, Report::default()),
        )
    }

    /// The checkpoint of an unfinished run, if it is wanted. With `run`, only that one's; without, one of an earlier day that the sweep has
    /// given up is not gone on with: what it did not read, a new one reads with what came since.
    pub(super) async fn resume<R: Run>(
        &mut self,
        run: Option<&str>,
        wanted: impl FnOnce(&R) -> bool,
    ) -> Result<Option<R>, FlowError> {
        if self.lease.is_none() {
            return Ok(None);
        }
        let session = self.session;
        let saved = session
            .adapters
            .store
            .load_checkpoint::<Saved<R>>(&session.tenant, Some(self.creditor), self.task.as_str())
            .await;
        match saved {
            Ok(None) => Ok(None),
            Ok(Some(saved)) => {
                self.version = saved.version;
                let Saved {
                    run: id,
                    failures,
                    steps,
                    progress,
                    ..
                } = saved.content;
                let of_today = business_date(progress.started_at()) == session.today;
                // One that was asked for has another chance.
                let patience = MAX_FAILURES + u32::from(progress.was_asked());
                let goes_on = run.map_or(of_today || failures < patience, |run| id == run);
                if !goes_on || !wanted(&progress) {
                    return Ok(None);
                }
                (self.failures, self.steps) = (failures, steps);
                Ok(Some(progress))
            }
            Err(error @ StoreError::Unreadable { .. }) => {
                session
                    .adapters
                    .store
                    .clear_checkpoint(&session.tenant, Some(self.creditor), self.task.as_str())
                    .await?;
                tracing::warn!(tenant = %session.tenant, creditor = %self.creditor, %error, "checkpoint of another version ignored; the run begins anew");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Where a run goes on, or where it begins, with the checkpoint written; `None` when the one asked for is over.
    pub(super) async fn start<R: Run>(
        &mut self,
        run: Option<&str>,
        wanted: impl FnOnce(&R) -> bool,
        begin: impl AsyncFnOnce() -> Result<R, FlowError>,
    ) -> Result<Option<R>, FlowError> {
        let progress = match self.resume(run, wanted).await? {
            Some(progress) => progress,
            None if run.is_some() => return Ok(None),
            None => begin().await?,
        };
        self.begin(&progress).await?;
        Ok(Some(progress))
    }

    /// Writes the checkpoint after a step, and keeps the right.
    pub(super) async fn save<R: Run>(&mut self, progress: &R) -> Result<(), FlowError> {
        self.failures = 0;
        self.steps += 1;
        self.moved = true;
        self.write(progress, false).await?;
        self.tell(progress).await
    }

    /// Writes the checkpoint before the first step, so that an invocation that dies in it leaves something to resume.
    pub(super) async fn begin<R: Run>(&mut self, progress: &R) -> Result<(), FlowError> {
        self.write(progress, false).await?;
        self.tell(progress).await
    }

    /// Writes into the task history how far the run is, for whoever waits for it.
    async fn tell<R: Run>(&self, progress: &R) -> Result<(), FlowError> {
        if self.lease.is_none() {
            return Ok(());
        }
        let (done, left) = (self.steps, progress.steps_left());
        let end = expected_end(done, left, progress.started_at(), self.session.now());
        let text = standing(done, left);
        let summary = Summary {
            run: Some(progress.id().to_owned()),
            ..Summary::new(
                self.task,
                RunStatus::Continues,
                text,
                progress.report().clone(),
            )
        };
        record(
            self.session,
            &named(self.session, self.creditor, summary),
            progress.started_at(),
            end,
        )
        .await
    }

    async fn write<R: Run>(&mut self, progress: &R, waits: bool) -> Result<(), FlowError> {
        let session = self.session;
        let Some(lease) = &mut self.lease else {
            return Ok(());
        };
        session
            .adapters
            .store
            .renew_lease(lease, LEASE, session.now())
            .await?;
        let (tenant, task) = (&session.tenant, self.task.as_str());
        let saved = Saved {
            run: progress.id().to_owned(),
            waits,
            failures: self.failures,
            steps: self.steps,
            progress,
        };
        self.version = session
            .adapters
            .store
            .save_checkpoint(
                tenant,
                Some(self.creditor),
                task,
                self.version,
                &saved,
                session.now(),
            )
            .await?;
        Ok(())
    }

    /// Gives the right back and answers that the run to resume is over: requests to resume may come twice.
    pub(super) async fn nothing_to_resume(self) -> Result<Summary, FlowError> {
        let (session, creditor, task) = (self.session, self.creditor, self.task);
        self.release().await?;
        let text = "A execução a retomar já terminou.".to_owned();
        Ok(named(
            session,
            creditor,
            Summary::new(task, RunStatus::Finished, text, Report::default()),
        ))
    }

    /// Gives the right back; nothing was run.
    pub(super) async fn release(self) -> Result<(), FlowError> {
        if let Some(lease) = self.lease {
            self.session.adapters.store.release_lease(lease).await?;
        }
        Ok(())
    }

    /// Writes down how the invocation ended, asks for the next one where there is more to do, and gives the right back.
    pub(super) async fn close<R: Run>(
        mut self,
        progress: &R,
        result: Result<RunStatus, FlowError>,
        text: impl Fn(RunStatus) -> String,
    ) -> Result<Summary, FlowError> {
        let (session, creditor, task) = (self.session, self.creditor, self.task);
        let result = self.in_view_of_time(result);
        // Nothing got through, neither will the next call: asking again at once would only be refused again, for hours perhaps.
        let waits_for_quota = matches!(&result, Err(FlowError::Sienge(error)) if error.is_refused_for_now() || matches!(error, SiengeError::DayIsOver { .. }));
        let (state, text) = match &result {
            Ok(state) => (*state, text(*state)),
            Err(error) => {
                tracing::error!(tenant = %session.tenant, %creditor, task = task.as_str(), run = progress.id(), %error, "run failed; running it again resumes it");
                let next = self.next_step(progress.started_at(), waits_for_quota);
                (
                    RunStatus::Failed,
                    format!("Execução interrompida: {error}. Nada se perdeu: {next}."),
                )
            }
        };
        let summary = Summary {
            run: Some(progress.id().to_owned()),
            ..Summary::new(task, state, text, progress.report().clone())
        };
        let summary = named(session, creditor, summary);
        if self.lease.is_none() {
            return Ok(summary);
        }
        let store = &session.adapters.store;
        match state {
            RunStatus::AwaitsConfirmation => self.write(progress, true).await?,
            RunStatus::Failed => {
                // Until the quota is back nothing can be called, and trying costs next to nothing: the sweep goes on trying.
                self.failures = if waits_for_quota {
                    self.failures.min(MAX_FAILURES - 1)
                } else {
                    self.failures + 1
                };
                self.write(progress, false).await?;
            }
            RunStatus::Continues => self.write(progress, false).await?,
            RunStatus::Finished | RunStatus::AlreadyRunning | RunStatus::Requested => {}
        }
        if matches!(state, RunStatus::Failed | RunStatus::AwaitsConfirmation) {
            let note = CritiqueNote {
                bill: None,
                text: format!(
                    "Credor {creditor}, {}, execução {}: {}",
                    task.as_str(),
                    progress.id(),
                    summary.text
                ),
            };
            store
                .record_critiques(&session.tenant, Some(creditor), &[note], session.now())
                .await?;
        }
        record(session, &summary, progress.started_at(), None).await?;
        if state == RunStatus::Finished {
            // After the history, so that no run that has ended reads like one that goes on.
            store
                .clear_checkpoint(&session.tenant, Some(creditor), task.as_str())
                .await?;
        }
        self.release().await?;
        if state == RunStatus::Continues {
            let next =
                Task::continuation(task, &session.tenant, creditor, progress.id().to_owned());
            // Not taken: the sweep finds the checkpoint without an owner and asks again.
            session.adapters.bus.publish(&[next.request()]).await?;
        }
        if let Some(metric) = metric_of(state, task) {
            telemetry::count(metric, 1, Some(&session.tenant), session.now());
        }
        Ok(summary)
    }

    /// How a run stands that came out of time in the middle of a step: the next invocation repeats the step.
    fn in_view_of_time(
        &mut self,
        result: Result<RunStatus, FlowError>,
    ) -> Result<RunStatus, FlowError> {
        match result {
            Err(FlowError::Sienge(error)) if self.moved && error.is_refused_for_now() => {
                Ok(RunStatus::Continues)
            }
            Err(FlowError::Sienge(error @ SiengeError::Deadline { .. }))
                if self.moved || self.failures + 1 < MAX_FAILURES =>
            {
                tracing::info!(tenant = %self.session.tenant, creditor = %self.creditor, task = self.task.as_str(), %error, "out of time in a step; it is repeated");
                // Without a finished step it counts as a failure: a step longer than an invocation must not be repeated for ever.
                self.failures += u32::from(!self.moved);
                Ok(RunStatus::Continues)
            }
            Ok(RunStatus::Continues) if !self.moved && self.failures + 1 >= MAX_FAILURES => {
                Err(FlowError::Stopped(
                    "o tempo da função não basta para um passo: aumente o tempo limite dela"
                        .to_owned(),
                ))
            }
            Ok(RunStatus::Continues) if !self.moved => {
                // Nor must an invocation too short for any step ask for the next one for ever.
                self.failures += 1;
                Ok(RunStatus::Continues)
            }
            other => other,
        }
    }

    /// What becomes of a run that failed, in Portuguese.
    fn next_step(&self, started_at: Timestamp, waits_for_quota: bool) -> &'static str {
        if self.lease.is_none() {
            "invoque de novo"
        } else if waits_for_quota {
            "a varredura retoma do último ponto quando a cota voltar"
        } else if self.failures + 1 < MAX_FAILURES {
            "a varredura retoma do último ponto em até 10 minutos"
        } else if business_date(started_at) == self.session.today {
            "invoque de novo hoje para retomar do último ponto"
        } else {
            "invoque de novo; uma nova execução lê também o que faltou"
        }
    }
}

/// What counts an invocation that ended so; nothing counts one that goes on.
const fn metric_of(state: RunStatus, task: TaskName) -> Option<Metric> {
    match (state, task) {
        (RunStatus::Continues, _) => None,
        (RunStatus::Finished, TaskName::Import) => Some(Metric::ImportFinished),
        (RunStatus::Finished, TaskName::Payments) => Some(Metric::RedundancyFinished),
        (RunStatus::Finished, TaskName::Reconcile) => Some(Metric::ReconciliationFinished),
        _ => Some(Metric::RunNeedsAttention),
    }
}

/// Cuts the first of the windows, where it has more days than the smallest and could not be read for its answer's size. Any other error
/// is given back.
pub(super) fn cut_first(
    session: &Session,
    creditor: CreditorId,
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
        first.and_then(|window| Some((*window, window.cut(session.today, smallest)?)))
    else {
        return Err(error);
    };
    tracing::warn!(tenant = %session.tenant, %creditor, from = %window.from, to = %window.to, %error, "window cut");
    windows.splice(0..1, parts);
    Ok(())
}

/// A checkpoint: the run's own progress, and what the sweep must know of every run.
#[derive(Serialize, Deserialize)]
struct Saved<R> {
    run: String,
    /// Waits for an operator.
    waits: bool,
    /// Invocations that failed since one went well.
    failures: u32,
    /// Steps done.
    #[serde(default)]
    steps: u32,
    progress: R,
}

/// The run that left a checkpoint and has no living invocation; `None` when there is none, when it waits
/// for an operator, or when it failed so often that the next schedule or an operator must see to it.
pub(super) async fn orphan(
    adapters: &Adapters,
    tenant: &TenantId,
    creditor: CreditorId,
    task: TaskName,
) -> Result<Option<String>, FlowError> {
    let saved = match adapters
        .store
        .load_checkpoint::<Saved<IgnoredAny>>(tenant, Some(creditor), task.as_str())
        .await
    {
        Ok(Some(saved)) if !saved.content.waits && saved.content.failures < MAX_FAILURES => {
            saved.content
        }
        Ok(_) | Err(StoreError::Unreadable { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let acquired = adapters
        .store
        .acquire_lease(
            tenant,
            Some(creditor),
            task.as_str(),
            "sweep",
            Duration::from_secs(1),
            (adapters.clock)(),
        )
        .await?;
    let Acquired::Yes(lease) = acquired else {
        return Ok(None);
    };
    adapters.store.release_lease(lease).await?;
    Ok(Some(saved.run))
}
