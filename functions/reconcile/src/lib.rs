//! `reconcile`: the reconciliation ("batimento"). `{"tenant", "creditor", "dryRun", "confirm"}`, all optional.

use ponte::flow::{Adapters, CommandAnswer, FlowError, Invoker, TaskName, reconcile, run_command};
use serde_json::Value;
use tokio::time::Instant;

/// Answers one event with a summary an operator can read.
pub async fn handle(
    adapters: &Adapters,
    event: Value,
    by: &Invoker,
    deadline: Instant,
) -> Result<CommandAnswer, FlowError> {
    run_command(
        adapters,
        TaskName::Reconcile,
        event,
        by,
        deadline,
        |session, task, creditor| Box::pin(reconcile(session, task, creditor)),
    )
    .await
}
