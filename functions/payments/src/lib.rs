//! `payments`: every ten minutes (`{}`) the sweep of what is stuck; once a day (`{"redundancy": true}`) the bulk redundancy,
//! which also takes `"tenant"`, `"creditor"`, `"from"` and `"dryRun"`. Operators also move the dead letters back (`{"redrive": true}`)
//! process one webhook again (`{"tenant": "617", "webhook": "<x-sienge-id>"}`) and erase a customer (`{"tenant": "617", "eraseCustomer": 41}`).

use ponte::flow::{FlowError, Shop, Task, TaskName, erase_customer, redrive, redundancy, reprocess, run_task, sweep};
use serde_json::{Value, json};
use tokio::time::Instant;

/// Answers one event with a summary an operator can read.
pub async fn handle(shop: &Shop, event: Value, deadline: Instant) -> Result<Value, FlowError> {
    match Task::read(event.clone()) {
        Ok(Task {
            tenant: Some(tenant),
            webhook: Some(id),
            ..
        }) => Ok(json!(reprocess(shop, &tenant, &id, deadline).await?)),
        Ok(Task {
            tenant: Some(tenant),
            erase_customer: Some(customer),
            ..
        }) => Ok(json!(erase_customer(shop, &tenant, customer).await?)),
        Ok(task) if task.redrive => Ok(json!(redrive(shop, deadline).await?)),
        Ok(task) if !task.redundancy => {
            if task != Task::default() {
                return Err(FlowError::NotConfigured(
                    "a varredura não tem parâmetros; para a redundância envie \"redundancy\": true".to_owned(),
                ));
            }
            Ok(json!(sweep(shop, deadline).await?))
        }
        _ => {
            run_task(shop, TaskName::Payments, event, deadline, |session, task, creditor| {
                Box::pin(redundancy(session, task, creditor))
            })
            .await
        }
    }
}
