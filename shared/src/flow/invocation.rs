//! One invocation of a function: read the event, decide whether it is for one creditor or for everybody, answer a summary.

use futures::future::LocalBoxFuture;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::fan_out::creditors_of;
use super::{
    Adapters, Command, FlowError, Report, RunStatus, Session, Summary, Task, TaskName, fan_out,
};
use crate::calendar::business_date;
use crate::ids::CreditorId;

/// What an event asks a function for.
pub fn read_command(
    adapters: &Adapters,
    function: TaskName,
    event: Value,
) -> Result<Command, FlowError> {
    let today = business_date((adapters.clock)());
    Command::read(function, event, today)
        .map_err(|error| FlowError::NotConfigured(error.to_string()))
}

/// Runs the task of an event of a function that has no other commands.
pub async fn run_event<F>(
    adapters: &Adapters,
    name: TaskName,
    event: Value,
    deadline: Instant,
    each: F,
) -> Result<Value, FlowError>
where
    F: for<'a> Fn(
        &'a Session,
        &'a Task,
        CreditorId,
    ) -> LocalBoxFuture<'a, Result<Summary, FlowError>>,
{
    match read_command(adapters, name, event)? {
        Command::Run(task) => Box::pin(run_task(adapters, name, task, deadline, each)).await,
        other => Err(FlowError::NotConfigured(format!(
            "{other:?} is no command of {}",
            name.as_str()
        ))),
    }
}

/// Runs a task: for one creditor here and now, for everybody by asking for one invocation per creditor. A dry run of a tenant
/// answers for all its creditors at once.
pub async fn run_task<F>(
    adapters: &Adapters,
    name: TaskName,
    task: Task,
    deadline: Instant,
    each: F,
) -> Result<Value, FlowError>
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
        return Ok(json!(fan_out(adapters, name, &task).await?));
    };
    let session = Session::open(adapters, &tenant, task.dry_run, deadline).await?;
    let mut summaries = Vec::new();
    for creditor in creditors_of(&session, &task) {
        let summary = match each(&session, &task, creditor).await {
            Ok(summary) => summary,
            // Asked for alone, it fails: nothing was begun, and an asynchronous invocation is tried again.
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
        json!(summaries.remove(0))
    } else {
        json!(summaries)
    })
}
