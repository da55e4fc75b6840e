//! The runs of one creditor.

use super::import::Import;
use super::reconcile::Reconciliation;
use super::redundancy::Redundancy;
use super::run::drive;
use super::run_context::RunContext;
use super::{FlowError, Summary, Task, TaskName};

/// Imports what changed. A creditor's first import is a reconciliation until one succeeds.
pub async fn import(context: &RunContext<'_>, task: &Task) -> Result<Summary, FlowError> {
    if context.last_success(TaskName::Reconcile).await?.is_some() {
        return drive::<Import>(context, task).await;
    }
    let task = Task {
        run: None,
        ..task.clone()
    };
    let mut summary = reconcile(context, &task).await?;
    summary.text = format!(
        "Primeira carga do credor, executada como batimento. {}",
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
