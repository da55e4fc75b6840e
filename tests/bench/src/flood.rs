//! A bank's return file: 10,000 payments, told all at once by as many webhooks in any order. How few reads of Sienge they take, within its
//! quotas, and when the last of them is in the portfolio.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use harness::database::tenant;
use ponte::flow::MAX_DELIVERIES;
use ponte::portfolio::{BillId, InstallmentId};
use serde_json::{Value, json};

use crate::Options;
use crate::process::Process;
use crate::stack::Stack;
use crate::table::{Table, grouped};
use crate::warm::event_with;

const CONTRACTS: u32 = 1_000;
const INSTALLMENTS_OF_A_CONTRACT: u32 = 40;
const PAYMENTS: usize = 10_000;
const CLIENTS: usize = 16;
/// As in template.yaml: messages of a batch, and batches under way at the same time.
const BATCH: usize = 100;
const AT_ONCE: usize = 5;
const TIME: Duration = Duration::from_mins(1);
const FIRST_IMPORT: Duration = Duration::from_mins(15);

/// Measures and adds the rows.
pub async fn measure(options: &Options, table: &mut Table) -> Result<(), String> {
    let stack = Stack::start(CONTRACTS * INSTALLMENTS_OF_A_CONTRACT * 20 / 19, Some(CONTRACTS)).await?;
    stack.only_contracts();
    let import = stack.function(options, "import").await?;
    stack.run(&import, FIRST_IMPORT).await?;
    import.stop().await;
    let paid = pay(&stack)?;
    stack.sienge_calls().await?;
    stack.stand_in.messages();

    let began = Instant::now();
    receive(&stack, options, &paid).await?;
    let received = began.elapsed().as_secs_f64();
    let queue = Mutex::new(stack.stand_in.messages().into_iter().map(|body| (body, 1)).collect());
    let invocations = &AtomicU64::new(0);
    let processes = try_join_all((0..AT_ONCE).map(|_| stack.function(options, "apply"))).await?;
    try_join_all(processes.iter().map(|process| apply(process, &queue, invocations))).await?;
    let applied = began.elapsed().as_secs_f64();
    for process in processes {
        process.stop().await;
    }

    let open = still_open(&stack, &paid).await?;
    let calls = stack.sienge_calls().await?;
    table.report(
        &format!(
            "flood: {} payments of {} contracts told at once: reads of Sienge",
            grouped(PAYMENTS as u64),
            grouped(CONTRACTS.into())
        ),
        format!(
            "{} bulk and {} REST calls in {} batches",
            calls.bulk,
            calls.rest,
            invocations.load(Ordering::Relaxed)
        ),
    );
    table.report(
        "flood: until all were received, and until all were in the portfolio, within Sienge's quota of the minute",
        format!("{received:.0} s, {applied:.0} s"),
    );
    if open > 0 {
        return Err(format!("{open} of the payments told are not in the portfolio"));
    }
    Ok(())
}

/// How many of these installments are open in the portfolio.
async fn still_open(stack: &Stack, paid: &[(u32, u32)]) -> Result<usize, String> {
    let bills: Vec<BillId> = paid
        .iter()
        .map(|(bill, _)| BillId((*bill).into()))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let held = stack.database.store.load_bills(&tenant(), &bills).await;
    let mut open = BTreeSet::new();
    for (bill, held) in held {
        let held = held.map_err(|error| error.to_string())?;
        open.extend(held.installments.values().filter(|one| one.is_open()).map(|one| (bill, one.id)));
    }
    let told = paid
        .iter()
        .map(|(bill, installment)| (BillId((*bill).into()), InstallmentId((*installment).into())));
    Ok(told.filter(|told| open.contains(told)).count())
}

/// Pays so many open installments in Sienge, in any order.
fn pay(stack: &Stack) -> Result<Vec<(u32, u32)>, String> {
    let mut open: Vec<(u32, u32)> = stack.sienge.with_world(|world| {
        let bills = world.bills.values().filter(|bill| bill.cancelled.is_none());
        let rows = bills.flat_map(|bill| {
            bill.installments
                .iter()
                .filter(|row| row.open() && row.receipts.is_empty())
                .map(|row| (bill.id, row.id))
        });
        rows.collect()
    });
    fastrand::Rng::with_seed(617).shuffle(&mut open);
    open.truncate(PAYMENTS);
    if open.len() < PAYMENTS {
        return Err(format!("only {} installments are open", open.len()));
    }
    for (bill, installment) in &open {
        stack
            .sienge
            .operate("receive", &json!({"billId": bill, "installmentId": installment}))?;
    }
    Ok(open)
}

async fn receive(stack: &Stack, options: &Options, paid: &[(u32, u32)]) -> Result<(), String> {
    let processes = try_join_all((0..CLIENTS).map(|_| stack.function(options, "webhook"))).await?;
    let next = &std::sync::atomic::AtomicUsize::new(0);
    let clients = processes.iter().map(|process| async move {
        while let Some((bill, installment)) = paid.get(next.fetch_add(1, Ordering::Relaxed)) {
            let body = json!({"billId": bill, "installmentId": installment});
            let event = event_with(&format!("flood-{bill}-{installment}"), &body);
            let answer = process.runtime.invoke(event, TIME).await?;
            let answer: Value = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
            if answer["statusCode"] != 200 {
                return Err(format!("a webhook was answered {answer}"));
            }
        }
        Ok::<_, String>(())
    });
    try_join_all(clients).await?;
    for process in processes {
        process.stop().await;
    }
    Ok(())
}

/// Bodies with the number of their next delivery.
type Queue = Vec<(String, u32)>;

/// Takes batches until the queue is empty; what failed goes to its end, as it comes again on SQS. A message that would be a dead letter ends the run.
async fn apply(process: &Process, queue: &Mutex<Queue>, invocations: &AtomicU64) -> Result<(), String> {
    loop {
        let batch: Queue = {
            let mut queue = queue.lock().unwrap();
            let some = queue.len().min(BATCH);
            queue.drain(..some).collect()
        };
        if batch.is_empty() {
            return Ok(());
        }
        invocations.fetch_add(1, Ordering::Relaxed);
        let records = batch.iter().enumerate().map(|(index, (body, delivery))| {
            json!({"messageId": index.to_string(), "body": body, "attributes": {"ApproximateReceiveCount": delivery.to_string()}})
        });
        let answer = process.runtime.ask(&json!({"Records": records.collect::<Vec<_>>()}), TIME).await?;
        let failed = answer["batchItemFailures"].as_array().cloned().unwrap_or_default();
        let failed = failed
            .iter()
            .filter_map(|failure| failure["itemIdentifier"].as_str()?.parse::<usize>().ok());
        let mut queue = queue.lock().unwrap();
        for (body, delivery) in failed.map(|index| batch[index].clone()) {
            if delivery == MAX_DELIVERIES {
                return Err(format!("a message failed {MAX_DELIVERIES} times: {body}"));
            }
            queue.push((body, delivery + 1));
        }
    }
}
