//! The runs of one creditor.

use super::import::Import;
use super::reconcile::Reconciliation;
use super::redundancy::Redundancy;
use super::run::drive;
use super::run_context::RunContext;
use super::{FlowError, Summary, Task, TaskName};
use crate::calendar::brazilian;

/// Imports what changed. A creditor's first import is a reconciliation until one succeeds.
pub async fn import(context: &RunContext<'_>, task: &Task) -> Result<Summary, FlowError> {
    if context.last_success(TaskName::Reconcile).await?.is_some() {
        return drive::<Import>(context, task).await;
    }
    let from = task.from;
    let task = Task {
        run: None,
        from: None,
        ..task.clone()
    };
    let ignored = from.map_or_else(String::new, |from| {
        format!(
            ", que lê tudo, e não só o que mudou desde {}",
            brazilian(from)
        )
    });
    let mut summary = reconcile(context, &task).await?;
    summary.text = format!(
        "Primeira carga do credor, executada como batimento{ignored}. {}",
        summary.text
    );
    Ok(summary)
}

/// Reconciles everything, continuing from the checkpoint of an earlier invocation if there is one.
pub async fn reconcile(context: &RunContext<'_>, task: &Task) -> Result<Summary, FlowError> {
    drive::<Reconciliation>(context, task).await
}

/// Reads payments by date, and everything changed since the last success.
pub async fn redundancy(context: &RunContext<'_>, task: &Task) -> Result<Summary, FlowError> {
    drive::<Redundancy>(context, task).await
}
