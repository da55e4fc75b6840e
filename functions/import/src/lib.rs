//! `import`: the daily load ("carga diária"). `{"tenant", "creditor", "from", "dryRun"}`, all optional.

use ponte::flow::{Adapters, CommandAnswer, FlowError, Invoker, TaskName, import, run_command};
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
        TaskName::Import,
        event,
        by,
        deadline,
        |session, task, creditor| Box::pin(import(session, task, creditor)),
    )
    .await
}
