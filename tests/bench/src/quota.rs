//! Sienge's quota, shared by eight processes: seven batches with more work than any minute allows, and one that people wait for. Sienge
//! counts (the simulator, which refuses what is above its limits in any sliding minute); a refused call ends the run.

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::TryStreamExt;
use harness::database::Database;
use ponte::aws::{self, variable};
use ponte::calendar::Timestamp;
use ponte::ids::{BillId, CreditorId};
use ponte::settings::Package;
use ponte::sienge::{
    CallLog, CallRecord, Client, ClientConfig, Credentials, Priority, Secret, SiengeError,
    Timeouts, http_client,
};
use ponte::store::{SharedQuota, Store, Tables, client};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sienge_simulator::{Options as World, Running};
use tokio::process::Command;

use crate::table::{Table, median};

/// The first word of a calling process's command line.
pub const CALLER: &str = "quota-caller";

const BATCHES: usize = 7;
/// Two minutes after the first one, which begins with an untouched quota.
const MINUTES: u32 = 3;
const MINUTE: Duration = Duration::from_mins(1);
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two calls of somebody who works with the ERP.
const PERSON_EVERY: Duration = Duration::from_secs(3);
const LIMITS: [(&str, u64); 2] = [("rest", 200), ("bulk", 20)];
const USED_SHARE: f64 = 0.95;
/// Half of what a person calls who never waits; whoever waits for the minute to turn calls a few times.
const PERSON_AT_LEAST: u64 = 30;

/// What a calling process prints.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Called {
    calls: u64,
    /// From wanting a call to its answer, each.
    waited_ms: Vec<f64>,
}

struct NotWritten;

#[async_trait]
impl CallLog for NotWritten {
    async fn record(&self, _: CallRecord) {}
}

/// Measures and adds the rows.
pub async fn measure(table: &mut Table) -> Result<(), String> {
    let database = Database::start().await;
    let world = World {
        installments: 100,
        quotas: true,
        ..World::default()
    };
    let sienge = sienge_simulator::start(world)
        .await
        .map_err(|error| error.to_string())?;
    let address = database.config.endpoint_url().unwrap_or_default();
    let priorities = std::iter::repeat_n("batch", BATCHES).chain(["interactive"]);
    let callers: Vec<_> = priorities
        .map(|priority| start(priority, address, &sienge.api("obra")))
        .collect::<Result<_, _>>()?;
    let began = Instant::now();
    let mut minutes: Vec<[u64; 2]> = Vec::new();
    for minute in 1..=MINUTES {
        tokio::time::sleep((MINUTE * minute).saturating_sub(began.elapsed())).await;
        minutes.push(calls(&sienge, "calls").await?);
    }
    let mut called = Vec::new();
    for caller in callers {
        let output = caller
            .wait_with_output()
            .await
            .map_err(|error| error.to_string())?;
        called.push(
            serde_json::from_slice::<Called>(&output.stdout)
                .map_err(|error| format!("a caller failed: {error}"))?,
        );
    }
    let (refused, most) = (
        calls(&sienge, "refused").await?,
        calls(&sienge, "maxPerMinute").await?,
    );
    let mut least_share: f64 = 1.0;
    for (index, (lane, limit)) in LIMITS.into_iter().enumerate() {
        let each: Vec<u64> = minutes
            .windows(2)
            .map(|pair| pair[1][index] - pair[0][index])
            .collect();
        #[expect(clippy::cast_precision_loss, reason = "hundreds")]
        let share = each.iter().min().copied().unwrap_or_default() as f64 / limit as f64;
        least_share = least_share.min(share);
        let most = most[index];
        table.row(
            &format!("quota, 8 processes: {lane} calls in any sliding minute, as Sienge counts"),
            format!("at most {most}, {} refused", refused[index]),
            &format!("at most {limit}"),
            most <= limit && refused[index] == 0,
        );
        table.row(
            &format!("quota, 8 processes: {lane} calls in the minutes after the first"),
            format!(
                "{each:?}: {:.0}% of the quota in the least of them",
                share * 100.0
            ),
            "at least 95%",
            share >= USED_SHARE,
        );
    }
    if let Some(person) = called.last() {
        let longest = person.waited_ms.iter().copied().fold(0.0, f64::max);
        let batch = called[..BATCHES]
            .iter()
            .flat_map(|called| &called.waited_ms)
            .copied()
            .collect::<Vec<_>>();
        table.report(
            "quota, 8 processes: what a person waits for one REST call while seven batches take the rest",
            format!(
                "{:.1} s in the middle, {:.1} s at most, of {} calls; a batch: {:.1} s in the middle",
                median(&person.waited_ms) / 1e3,
                longest / 1e3,
                person.calls,
                median(&batch) / 1e3
            ),
        );
    }
    if refused != [0, 0] {
        return Err(format!("Sienge refused {refused:?} calls"));
    }
    if least_share < USED_SHARE {
        return Err(format!(
            "the batches left work undone: {:.0}% of a minute's quota used",
            least_share * 100.0
        ));
    }
    let served = called.last().map_or(0, |person| person.calls);
    if served < PERSON_AT_LEAST {
        return Err(format!(
            "a person was served {served} times beside the batches"
        ));
    }
    Ok(())
}

fn start(priority: &str, database: &str, sienge: &str) -> Result<tokio::process::Child, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    Command::new(program)
        .args([CALLER, priority])
        .env_clear()
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_ENDPOINT_URL", database)
        .env("SIENGE", sienge)
        .env("PORTFOLIO_TABLE", "portfolio")
        .env("JOURNAL_TABLE", "journal")
        .env("CONTROL_TABLE", "control")
        .env("AUDIT_TABLE", "audit")
        .env("AUDIT_RETENTION_DAYS", "1825")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| error.to_string())
}

/// One number of both lanes, from the server's own account.
async fn calls(sienge: &Running, number: &str) -> Result<[u64; 2], String> {
    let read = async {
        reqwest::get(format!("{}/_control/calls", sienge.base_url))
            .await?
            .bytes()
            .await
    };
    let report: Value = serde_json::from_slice(&read.await.map_err(|error| error.to_string())?)
        .map_err(|error| error.to_string())?;
    let lanes = report["subdomains"].as_array().cloned().unwrap_or_default();
    Ok(LIMITS.map(|(lane, _)| {
        let found = lanes.iter().find(|found| found["kind"] == lane);
        found
            .and_then(|found| found[number].as_u64())
            .unwrap_or_default()
    }))
}

/// A calling process: calls as often as it may until its time is over, and prints how that went.
pub async fn call(priority: &str) -> Result<(), String> {
    let store = Store::new(
        client(&aws::config(PATIENCE)?, PATIENCE),
        Tables::from_env()?,
    );
    let quota = SharedQuota::new(store, "obra", Package::Infinity, Arc::new(Timestamp::now));
    let credentials = Credentials::new("demo", &Secret::new("demo"));
    let credentials = credentials.map_err(|error| error.to_string())?;
    let config = ClientConfig::new(variable("SIENGE")?, Arc::new(credentials));
    let http = http_client(Timeouts::default()).map_err(|error| error.to_string())?;
    let end = tokio::time::Instant::now() + MINUTE * MINUTES;
    let sienge = Client::new(http, &config, Arc::new(quota), Arc::new(NotWritten))
        .map_err(|error| error.to_string())?;
    let mut called = Called::default();
    if priority == "batch" {
        let sienge = sienge.with_priority(Priority::Batch).with_deadline(end);
        let (rest, bulk) = tokio::join!(
            repeat(end, Duration::ZERO, || async {
                sienge.company(CreditorId(1)).await.map(drop)
            }),
            repeat(end, Duration::ZERO, || async {
                sienge
                    .income_by_bills(&[BillId(10_001)])
                    .try_collect::<Vec<_>>()
                    .await
                    .map(drop)
            })
        );
        called.calls = rest.calls + bulk.calls;
        called.waited_ms = rest.waited_ms;
    } else {
        let sienge = sienge.with_deadline(end);
        called = repeat(end, PERSON_EVERY, || async {
            // Each time another request, with the patience of one.
            let sienge = sienge.clone().with_priority(Priority::Interactive);
            sienge.company(CreditorId(1)).await.map(drop)
        })
        .await;
    }
    println!(
        "{}",
        serde_json::to_string(&called).map_err(|error| error.to_string())?
    );
    Ok(())
}

async fn repeat<F: Future<Output = Result<(), SiengeError>>>(
    end: tokio::time::Instant,
    pause: Duration,
    call: impl Fn() -> F,
) -> Called {
    let mut called = Called::default();
    while tokio::time::Instant::now() < end {
        let began = Instant::now();
        match call().await {
            Ok(()) => {
                called.calls += 1;
                called.waited_ms.push(began.elapsed().as_secs_f64() * 1e3);
            }
            // What ends at the deadline is no call; whatever else fails is counted by the server.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
        tokio::time::sleep(pause).await;
    }
    called
}
