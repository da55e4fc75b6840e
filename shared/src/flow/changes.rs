//! What runs that read changes have in common.

use super::run_context::RunContext;
use super::{FlowError, Task, TaskName};
use crate::calendar::{Date, business_date};

/// The first day that a run reads: the requested one, else that of the last success of its kind or of a reconciliation. The filters have
/// day resolution, so the day before is read again.
pub(super) async fn first_day(
    context: &RunContext<'_>,
    task: &Task,
    name: TaskName,
) -> Result<Date, FlowError> {
    if let Some(from) = task.from {
        return Ok(from);
    }
    let own = context.last_success(name).await?;
    let reconciled = context.last_success(TaskName::Reconcile).await?;
    let day = own
        .max(reconciled)
        .map_or(context.sync.today, business_date);
    Ok(day.yesterday().unwrap_or(day))
}

/// Whether a task continues a run that reads from a day.
pub(super) fn continues_from(task: &Task, since: Date) -> bool {
    task.from.is_none_or(|from| from == since)
}
