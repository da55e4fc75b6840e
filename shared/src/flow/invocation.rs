//! One invocation of a function: reads the event, decides whether it is for one creditor or for everybody, and answers with a summary.

use futures::future::LocalBoxFuture;
use serde_json::Value;
use tokio::time::Instant;

use super::audit::audited;
use super::command::is_of_the_bus;
use super::fan_out::creditors_of;
use super::{
    Adapters, Command, CommandAnswer, FlowError, Function, Invoker, Refusal, Report, RunStatus,
    Session, Summary, Task, TaskName, fan_out,
};
use crate::calendar::business_date;
use crate::ids::{CreditorId, TenantId};
use crate::telemetry::{self, Metric};

/// Reads the event of a function and carries out its command. A refusal is an answer, with a warning in the log; an error is
/// a technical failure, so that the caller tries again.
pub async fn answer(
    adapters: &Adapters,
    function: Function,
    event: Value,
    by: &Invoker,
    work: impl AsyncFnOnce(Command) -> Result<CommandAnswer, FlowError>,
) -> Result<CommandAnswer, FlowError> {
    let now = (adapters.clock)();
    let of_the_bus = is_of_the_bus(&event);
    let done = match Command::read(function, event, business_date(now)) {
        // What comes through the bus is a run that somebody asked for here, or a schedule.
        Ok(command) if of_the_bus => work(command).await,
        Ok(command) => audited(adapters, function, command, by, work).await,
        Err(refusal) => Err(refusal.into()),
    };
    let refusal = match done {
        Err(FlowError::Refused(refusal)) => refusal,
        other => return other,
    };
    let function = function.as_str();
    if of_the_bus {
        // Nobody reads the answer and nothing repeats the event, so the metric raises an alarm.
        telemetry::count(Metric::RunNeedsAttention, 1, None, now);
        tracing::warn!(
            function,
            "task from the bus refused, nothing was done; correct the fault and send it to the function again: {refusal}"
        );
    } else {
        tracing::warn!(function, "command refused, nothing was done: {refusal}");
    }
    Ok(CommandAnswer::Refused(refusal))
}

/// Answers an event of a function whose only command is its task.
pub async fn run_command<F>(
    adapters: &Adapters,
    name: TaskName,
    event: Value,
    by: &Invoker,
    deadline: Instant,
    each: F,
) -> Result<CommandAnswer, FlowError>
where
    F: for<'a> Fn(
        &'a Session,
        &'a Task,
        CreditorId,
    ) -> LocalBoxFuture<'a, Result<Summary, FlowError>>,
{
    let function = Function::from(name);
    answer(
        adapters,
        function,
        event,
        by,
        async |command| match command {
            Command::Run(task) => Box::pin(run_task(adapters, name, task, deadline, each)).await,
            _ => Err(Command::not_of(function).into()),
        },
    )
    .await
}

/// Opens the session of the tenant in a command, which is refused as `unknown` when there is no such tenant.
pub(super) async fn open(
    adapters: &Adapters,
    tenant: &TenantId,
    dry_run: bool,
    deadline: Instant,
    unknown: impl FnOnce() -> Refusal,
) -> Result<Session, FlowError> {
    match Session::open(adapters, tenant, dry_run, deadline).await {
        Err(FlowError::NotConfigured(_)) => Err(unknown().into()),
        other => other,
    }
}

/// Runs a task: for one creditor here and now, for everybody by requesting one invocation per creditor. A dry run of a tenant
/// answers for all its creditors at once.
pub async fn run_task<F>(
    adapters: &Adapters,
    name: TaskName,
    task: Task,
    deadline: Instant,
    each: F,
) -> Result<CommandAnswer, FlowError>
where
    F: for<'a> Fn(
        &'a Session,
        &'a Task,
        CreditorId,
    ) -> LocalBoxFuture<'a, Result<Summary, FlowError>>,
{
    let Some(tenant) = task
        .tenant
        .clone()
        .filter(|_| task.creditor.is_some() || task.dry_run)
    else {
        return Ok(fan_out(adapters, name, &task).await?.into());
    };
    let unknown = || Function::from(name).unknown_tenant(&tenant);
    let session = open(adapters, &tenant, task.dry_run, deadline, unknown).await?;
    if let Some(refusal) = unknown_creditor(&session, &task) {
        session.close().await;
        return Err(refusal.into());
    }
    let mut summaries = Vec::new();
    for creditor in creditors_of(&session, &task) {
        let summary = match each(&session, &task, creditor).await {
            Ok(summary) => summary,
            // For a single creditor it fails: nothing was begun, and an asynchronous invocation is retried.
            Err(error) if task.creditor.is_some() => {
                session.close().await;
                return Err(error);
            }
            Err(error) => {
                tracing::error!(%tenant, %creditor, task = name.as_str(), %error, "run failed");
                let text = format!("Execução interrompida: {error}");
                let summary = Summary::new(name, RunStatus::Failed, text, Report::default());
                Summary {
                    tenant: Some(tenant.clone()),
                    creditor: Some(creditor),
                    dry_run: task.dry_run,
                    ..summary
                }
            }
        };
        tracing::info!(%tenant, %creditor, task = name.as_str(), state = ?summary.state, "{}", summary.text);
        summaries.push(summary);
    }
    session.close().await;
    Ok(if summaries.len() == 1 {
        summaries.remove(0).into()
    } else {
        CommandAnswer::Each(summaries)
    })
}

/// The refusal of a task whose creditor the tenant does not have.
fn unknown_creditor(session: &Session, task: &Task) -> Option<Refusal> {
    let known = &session.creditors;
    match task.creditor {
        Some(creditor) if !known.contains_key(&creditor) => Some(Refusal::unknown_creditor(
            &session.tenant,
            creditor,
            known.keys().copied(),
            |known| task.as_command_for(&session.tenant, known),
        )),
        None if known.is_empty() => Some(Refusal::no_creditor(&session.tenant)),
        _ => None,
    }
}
