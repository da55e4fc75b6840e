//! `payments`: every ten minutes (`{}`) the sweep; once a day (`{"redundancy": true}`) the bulk redundancy,
//! which also takes `"tenant"`, `"creditor"`, `"from"` and `"dryRun"`. Operators also move the dead letters back (`{"redrive": true}`),
//! process one webhook again (`{"tenant": "617", "webhook": "<x-sienge-id>"}`) and erase a customer (`{"tenant": "617", "eraseCustomer": 41}`),
//! both also with `"dryRun": true`.

use ponte::flow::{
    Adapters, Command, CommandAnswer, FlowError, Function, Invoker, SweepLimits, TaskName, answer,
    erase_customer, redrive, redundancy, reprocess, run_task, sweep,
};
use serde_json::Value;
use tokio::time::Instant;

/// Answers one event with a summary an operator can read.
pub async fn handle(
    adapters: &Adapters,
    event: Value,
    by: &Invoker,
    deadline: Instant,
) -> Result<CommandAnswer, FlowError> {
    let work = async |command| Box::pin(carry_out(adapters, command, deadline)).await;
    answer(adapters, Function::Payments, event, by, work).await
}

async fn carry_out(
    adapters: &Adapters,
    command: Command,
    deadline: Instant,
) -> Result<CommandAnswer, FlowError> {
    let summary = match command {
        Command::Sweep => sweep(adapters, &SweepLimits::default(), deadline).await?,
        Command::Redrive => redrive(adapters, deadline).await?,
        Command::Reprocess {
            tenant,
            webhook,
            dry_run,
        } => reprocess(adapters, &tenant, &webhook, dry_run, deadline).await?,
        Command::EraseCustomer {
            tenant,
            customer,
            dry_run,
        } => erase_customer(adapters, &tenant, customer, dry_run).await?,
        Command::Run(task) => {
            let run = run_task(
                adapters,
                TaskName::Payments,
                task,
                deadline,
                |session, task, creditor| Box::pin(redundancy(session, task, creditor)),
            );
            return Box::pin(run).await;
        }
        Command::Call(_) => return Err(Command::not_of(Function::Payments).into()),
    };
    Ok(summary.into())
}
