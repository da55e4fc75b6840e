//! Webhooks from 16 clients at once, each served by a process of its own as on Lambda, into the embedded DynamoDB and a
//! counting queue; then every id is looked for.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use serde_json::Value;

use crate::Options;
use crate::stack::Stack;
use crate::table::{Table, grouped, quantile};
use crate::warm::event;

const CLIENTS: usize = 16;
const TIME: Duration = Duration::from_secs(5);

/// Measures and adds the rows.
pub async fn measure(options: &Options, table: &mut Table) -> Result<(), String> {
    let stack = Stack::start(10, None).await?;
    let processes = try_join_all((0..CLIENTS).map(|_| stack.function(options, "webhook"))).await?;
    let next = &AtomicUsize::new(0);
    let began = Instant::now();
    let clients = processes.iter().map(|process| async move {
        let mut times = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= options.webhooks {
                return Ok::<_, String>(times);
            }
            let began = Instant::now();
            let answer = process
                .runtime
                .invoke(event(&format!("id-{number}")), TIME)
                .await?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
            let answer: Value =
                serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
            if answer["statusCode"] != 200 {
                return Err(format!("webhook id-{number} was answered {answer}"));
            }
        }
    });
    let times: Vec<f64> = try_join_all(clients).await?.into_iter().flatten().collect();
    let seconds = began.elapsed().as_secs_f64();
    for process in processes {
        process.stop().await;
    }
    let wanted: BTreeSet<String> = (0..options.webhooks)
        .map(|number| format!("tenant#617#webhook#id-{number}"))
        .collect();
    let items = stack.database.items("journal").await;
    let stored: BTreeSet<String> = items
        .iter()
        .map(|item| item["pk"].as_s().unwrap().clone())
        .collect();
    let queued = stack.stand_in.messages().into_iter().map(|message| {
        let message: Value = serde_json::from_str(&message).unwrap_or_default();
        message["key"].as_str().unwrap_or_default().to_owned()
    });
    let queued: Vec<String> = queued.collect();
    let once = queued.len() == wanted.len();
    let queued: BTreeSet<String> = queued.into_iter().collect();
    let lost = wanted
        .iter()
        .filter(|id| !stored.contains(*id) || !queued.contains(*id))
        .count();
    let percentile = |share| quantile(&times, share);
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let rate = times.len() as f64 / seconds;
    table.report(
        &format!(
            "webhook throughput, {CLIENTS} clients, {} webhooks",
            grouped(times.len() as u64)
        ),
        format!(
            "{rate:.0} a second; p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms",
            percentile(0.5),
            percentile(0.95),
            percentile(0.99)
        ),
    );
    table.row(
        "webhooks lost of these (every id looked for in journal and queue)",
        format!(
            "{lost} lost, {}",
            if once {
                "each queued once"
            } else {
                "some queued more than once"
            }
        ),
        "0",
        lost == 0 && once,
    );
    if lost > 0 {
        return Err(format!("{lost} webhooks were answered 200 and lost"));
    }
    Ok(())
}
