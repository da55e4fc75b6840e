//! `import`: the daily load ("carga diária"). `{"tenant", "creditor", "from", "dryRun"}`, all optional.

use ponte::flow::{FlowError, Shop, TaskName, import, run_event};
use serde_json::Value;
use tokio::time::Instant;

/// Answers one event with a summary an operator can read.
pub async fn handle(shop: &Shop, event: Value, deadline: Instant) -> Result<Value, FlowError> {
    run_event(shop, TaskName::Import, event, deadline, |session, task, creditor| {
        Box::pin(import(session, task, creditor))
    })
    .await
}
