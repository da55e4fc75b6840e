//! A bank's return file: in a minute 10,000 payments are made and told by as many webhooks, in any order, and applied meanwhile. How few reads
//! of Sienge they take, within its quotas, and when the last of them is in the portfolio.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use futures::future::{try_join, try_join_all};
use harness::database::tenant;
use ponte::flow::MAX_DELIVERIES;
use ponte::ids::{BillId, InstallmentId};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};

use crate::Options;
use crate::process::Process;
use crate::stack::Stack;
use crate::table::{Table, grouped};
use crate::warm::event_with;

const CONTRACTS: u32 = 1_000;
const INSTALLMENTS_OF_A_CONTRACT: u32 = 40;
const PAYMENTS: u32 = 10_000;
const TOLD_IN: Duration = Duration::from_mins(1);
const CLIENTS: usize = 16;
/// As in template.yaml: messages of a batch, and batches under way at the same time.
const BATCH: usize = 100;
const AT_ONCE: usize = 5;
const WINDOW: Duration = Duration::from_secs(1);
const TIME: Duration = Duration::from_mins(1);
const FIRST_IMPORT: Duration = Duration::from_mins(15);

/// Measures and adds the rows.
pub async fn measure(options: &Options, table: &mut Table) -> Result<(), String> {
    let stack = Stack::start(
        CONTRACTS * INSTALLMENTS_OF_A_CONTRACT * 20 / 19,
        Some(CONTRACTS),
    )
    .await?;
    stack.only_contracts();
    let import = stack.function(options, "import").await?;
    stack.run(&import, FIRST_IMPORT).await?;
    import.stop().await;
    let payments = payments(&stack)?;
    stack.sienge_calls().await?;
    stack.stand_in.messages();

    let began = Instant::now();
    let flood = Flood::default();
    let processes = try_join_all((0..AT_ONCE).map(|_| stack.function(options, "apply"))).await?;
    let told = async {
        tell(&stack, options, &payments, began).await?;
        flood.told.store(true, Ordering::Relaxed);
        Ok(began.elapsed().as_secs_f64())
    };
    let applied = try_join_all(processes.iter().map(|process| flood.apply(&stack, process)));
    let (told, _) = try_join(told, applied).await?;
    let applied = began.elapsed().as_secs_f64();
    for process in processes {
        process.stop().await;
    }

    let open = still_open(&stack, &payments).await?;
    let calls = stack.sienge_calls().await?;
    table.report(
        &format!(
            "flood: {} payments of {} contracts, made and told in a minute: reads of Sienge",
            grouped(PAYMENTS.into()),
            grouped(CONTRACTS.into())
        ),
        format!(
            "{} bulk and {} REST calls in {} batches",
            calls.bulk,
            calls.rest,
            flood.invocations.load(Ordering::Relaxed)
        ),
    );
    table.report(
        "flood: until all were told, and until all were in the portfolio, within Sienge's quota of the minute",
        format!("{told:.0} s, {applied:.0} s"),
    );
    if open > 0 {
        return Err(format!(
            "{open} of the payments told are not in the portfolio"
        ));
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
        open.extend(
            held.installments()
                .filter(|one| one.is_open())
                .map(|one| (bill, one.id)),
        );
    }
    let told = paid
        .iter()
        .map(|(bill, installment)| (BillId((*bill).into()), InstallmentId((*installment).into())));
    Ok(told.filter(|told| open.contains(told)).count())
}

/// So many open installments, in any order.
fn payments(stack: &Stack) -> Result<Vec<(u32, u32)>, String> {
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
    open.truncate(PAYMENTS as usize);
    if open.len() < PAYMENTS as usize {
        return Err(format!("only {} installments are open", open.len()));
    }
    Ok(open)
}

/// Makes each payment in Sienge at its moment of the minute, and delivers its webhook.
async fn tell(
    stack: &Stack,
    options: &Options,
    payments: &[(u32, u32)],
    began: Instant,
) -> Result<(), String> {
    let processes = try_join_all((0..CLIENTS).map(|_| stack.function(options, "webhook"))).await?;
    let next = &AtomicU32::new(0);
    let clients = processes.iter().map(|process| async move {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some((bill, installment)) = payments.get(index as usize) else {
                return Ok::<_, String>(());
            };
            sleep_until(began + TOLD_IN * index / PAYMENTS).await;
            let body = json!({"billId": bill, "installmentId": installment});
            stack.sienge.operate("receive", &body)?;
            let event = event_with(&format!("flood-{bill}-{installment}"), &body);
            let answer = process.runtime.invoke(event, TIME).await?;
            let answer: Value =
                serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
            if answer["statusCode"] != 200 {
                return Err(format!("a webhook was answered {answer}"));
            }
        }
    });
    try_join_all(clients).await?;
    for process in processes {
        process.stop().await;
    }
    Ok(())
}

/// The queue, and who empties it.
#[derive(Default)]
struct Flood {
    /// Bodies with the number of their next delivery.
    queue: Mutex<Vec<(String, u32)>>,
    /// Nothing more is told.
    told: AtomicBool,
    invocations: AtomicU64,
}

impl Flood {
    /// What the queue has, up to a batch.
    fn take(&self, stack: &Stack) -> Vec<(String, u32)> {
        let mut queue = self.queue.lock().unwrap();
        queue.extend(stack.stand_in.messages().into_iter().map(|body| (body, 1)));
        let some = queue.len().min(BATCH);
        queue.drain(..some).collect()
    }

    /// Applies batches until everything is told and the queue is empty; what failed goes to its end, as it comes again on SQS. A message that
    /// would be a dead letter ends the run.
    async fn apply(&self, stack: &Stack, process: &Process) -> Result<(), String> {
        loop {
            let told = self.told.load(Ordering::Relaxed);
            let batch = self.take(stack);
            if batch.is_empty() && told {
                return Ok(());
            }
            if batch.is_empty() {
                sleep(WINDOW).await;
                continue;
            }
            self.invocations.fetch_add(1, Ordering::Relaxed);
            let records = batch.iter().enumerate().map(|(index, (body, delivery))| {
                json!({"messageId": index.to_string(), "body": body, "attributes": {"ApproximateReceiveCount": delivery.to_string()}})
            });
            let answer = process
                .runtime
                .ask(&json!({"Records": records.collect::<Vec<_>>()}), TIME)
                .await?;
            let failed = answer["batchItemFailures"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let failed = failed
                .iter()
                .filter_map(|failure| failure["itemIdentifier"].as_str()?.parse::<usize>().ok());
            let mut queue = self.queue.lock().unwrap();
            for (body, delivery) in failed.map(|index| batch[index].clone()) {
                if delivery == MAX_DELIVERIES {
                    return Err(format!("a message failed {MAX_DELIVERIES} times: {body}"));
                }
                queue.push((body, delivery + 1));
            }
        }
    }
}
