//! One tenant's leaked key, and what another tenant notices of it: quotes of twenty contracts, 105 a second, against ten executions of `api`, which both tenants share;
//! Sienge takes a third of a second for each answer. The other tenant sends webhooks and reads its runs all the while, first without the key's calls and then
//! with them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::{join_all, try_join, try_join_all};
use ponte::calendar::Timestamp;
use ponte::ids::{CreditorId, TenantId};
use ponte::settings::CreditorSettings;
use ponte::store::Role;
use serde_json::{Value, json};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, sleep_until};

use crate::Options;
use crate::process::Process;
use crate::stack::{CREDITOR, Stack};
use crate::table::{Table, quantile};
use crate::warm::event;

const CONTRACTS: u32 = 60;
const BILLS_OF_A_QUOTE: usize = 20;
const EXECUTIONS: usize = 10;
const PHASE: Duration = Duration::from_secs(30);
const QUOTES_A_SECOND: u32 = 105;
const WEBHOOKS_A_SECOND: u32 = 20;
/// Within what one key may call.
const READS_A_SECOND: u32 = 5;
const TIME: Duration = Duration::from_secs(29);
const FIRST_IMPORT: Duration = Duration::from_mins(15);
const WITHIN: f64 = 1.2;
const LEAKED: &str = "ponte.617.00000000000000aa.chave-inventada-que-vazou";
const OTHERS: &str = "ponte.618.00000000000000bb.chave-inventada-da-outra-assessoria";

/// Executions of a function: each serves one call at a time, and a call waits for a free one.
struct Pool {
    free: Mutex<Vec<Process>>,
    permits: Semaphore,
}

/// What the other tenant saw in a phase, in milliseconds; what the key's calls were answered.
struct Phase {
    webhooks: Vec<f64>,
    reads: Vec<f64>,
    refused_of_others: u64,
    admitted: u64,
    refused: u64,
}

impl Pool {
    async fn start(stack: &Stack, options: &Options, name: &str) -> Result<Self, String> {
        let processes = (0..EXECUTIONS).map(|_| stack.function(options, name));
        Ok(Self {
            free: Mutex::new(try_join_all(processes).await?),
            permits: Semaphore::new(EXECUTIONS),
        })
    }

    /// The status of the answer, and how long it took with the wait for an execution.
    async fn call(&self, event: Vec<u8>) -> Result<(u64, f64), String> {
        let began = Instant::now();
        let permit = self.permits.acquire().await;
        let _permit = permit.map_err(|error| error.to_string())?;
        let process = self.free.lock().await.pop().ok_or("no execution is free")?;
        let answer = process.runtime.invoke(event, TIME).await;
        self.free.lock().await.push(process);
        let answer: Value = serde_json::from_slice(&answer?).map_err(|error| error.to_string())?;
        let status = answer["statusCode"].as_u64().unwrap_or_default();
        if ![200, 429].contains(&status) {
            return Err(format!("a call was answered {answer}"));
        }
        Ok((status, began.elapsed().as_secs_f64() * 1e3))
    }
}

/// Measures and adds the rows.
pub async fn measure(options: &Options, table: &mut Table) -> Result<(), String> {
    let stack = Stack::start(CONTRACTS * 40, Some(CONTRACTS)).await?;
    stack.only_contracts();
    let quote = contracts(&stack)?;
    let import = stack.function(options, "import").await?;
    stack.run(&import, FIRST_IMPORT).await?;
    import.stop().await;
    register(&stack).await?;
    let client = reqwest::Client::new();
    let faults = json!([{"kind": "slow", "route": "v1/", "seconds": 0.3}]);
    let slow = client.put(format!("{}/_control/faults", stack.sienge.base_url));
    slow.body(faults.to_string())
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .map_err(|error| error.to_string())?;

    let webhook = Pool::start(&stack, options, "webhook").await?;
    let api = Pool::start(&stack, options, "api").await?;
    // Cold executions are not what is measured.
    phase(&webhook, &api, None, Duration::from_secs(5), "warm").await?;
    let quiet = phase(&webhook, &api, None, PHASE, "quiet").await?;
    let loud = phase(&webhook, &api, Some(&quote), PHASE, "loud").await?;

    let p99 = |times: &[f64]| quantile(times, 0.99);
    for (what, quiet, loud) in [
        ("webhooks", &quiet.webhooks, &loud.webhooks),
        ("calls of the API", &quiet.reads, &loud.reads),
    ] {
        let (quiet, loud) = (p99(quiet), p99(loud));
        table.row(
            &format!(
                "hostile key, {QUOTES_A_SECOND} quotes a second: p99 of another tenant's {what}"
            ),
            format!("{loud:.1} ms, {:.2}x the quiet {quiet:.1} ms", loud / quiet),
            "at most 1.2x",
            loud <= quiet * WITHIN,
        );
    }
    let refused = quiet.refused_of_others + loud.refused_of_others;
    table.row(
        "the same: calls and webhooks of the other tenant that were refused",
        refused.to_string(),
        "0",
        refused == 0,
    );
    table.report(
        "the same: the key's own calls",
        format!("{} answered, {} refused", loud.admitted, loud.refused),
    );
    if refused > 0 {
        return Err(format!("{refused} calls of another tenant were refused"));
    }
    Ok(())
}

/// The other tenant, with a Sienge and a quota of its own, and both keys.
async fn register(stack: &Stack) -> Result<(), String> {
    let store = &stack.database.store;
    let other = TenantId::parse("618")?;
    let settings = json!({"siengeBaseUrl": stack.sienge.api("vizinha"), "subdomain": "vizinha"});
    let settings = serde_json::from_value(settings).map_err(|error| error.to_string())?;
    let own = json!({"siengeBaseUrl": stack.sienge.api("obra"), "subdomain": "obra", "package": "infinity"});
    let own = serde_json::from_value(own).map_err(|error| error.to_string())?;
    let tier = json!({"fromDays": -9999, "toDays": 9999, "charges": {"fine": "2", "interest": "1", "fee": "10"},
        "maximumDiscounts": {"principal": "10", "interest": "10"}});
    let campaign = json!({"id": "padrao", "name": "Padrão", "creditor": CREDITOR, "validFrom": "2026-01-01", "active": true, "tiers": [tier], "planTiers": []});
    let campaign = serde_json::from_value(campaign).map_err(|error| error.to_string())?;
    let (leaking, creditor) = (TenantId::parse("617")?, CreditorId(CREDITOR.into()));
    let until = Timestamp::MAX;
    let stored = async {
        store.put_tenant(&other, &settings).await?;
        let registered = CreditorSettings::new(creditor);
        store.put_creditor(&other, &registered).await?;
        // The leaked key meets the limits of a tenant that sets none.
        store.put_tenant(&leaking, &own).await?;
        store
            .put_campaigns(&leaking, creditor, 0, &[campaign])
            .await?;
        store.put_api_key(LEAKED, Role::Reader, &[], until).await?;
        store.put_api_key(OTHERS, Role::Reader, &[], until).await
    };
    stored.await.map_err(|error| error.to_string())
}

/// Contracts of one customer, made in Sienge; a quote of them all.
fn contracts(stack: &Stack) -> Result<Value, String> {
    let (enterprise, customer, before) = stack.sienge.with_world(|world| {
        let bills: BTreeSet<u32> = world.bills.keys().copied().collect();
        let first = |ids: Option<&u32>| ids.copied().unwrap_or_default();
        let (enterprises, customers) = (world.enterprises.keys(), world.customers.keys());
        (first(enterprises.min()), first(customers.min()), bills)
    });
    for _ in 0..BILLS_OF_A_QUOTE {
        let contract = json!({"installments": 4, "value": "1000.00", "enterpriseId": enterprise, "customerId": customer});
        let add = json!({"contract": contract, "silent": true});
        stack.sienge.operate("add", &add)?;
    }
    let bills: Vec<Value> = stack.sienge.with_world(|world| {
        let new = world.bills.keys().filter(|bill| !before.contains(bill));
        new.map(|bill| json!({ "bill": bill })).collect()
    });
    Ok(json!({ "bills": bills }))
}

async fn phase(
    webhook: &Pool,
    api: &Pool,
    quote: Option<&Value>,
    length: Duration,
    name: &str,
) -> Result<Phase, String> {
    let refused_of_others = AtomicU64::new(0);
    let count = |called: (u64, f64)| {
        refused_of_others.fetch_add(u64::from(called.0 != 200), Ordering::Relaxed);
        called.1
    };
    let webhooks = at_a_rate(webhook, WEBHOOKS_A_SECOND, length, |number| {
        let mut event: Value =
            serde_json::from_slice(&event(&format!("{name}-{number}"))).unwrap_or_default();
        event["rawQueryString"] = json!("IdAssessoria=618");
        event["queryStringParameters"] = json!({"IdAssessoria": "618"});
        event.to_string().into_bytes()
    });
    let reads = at_a_rate(api, READS_A_SECOND, length, |_| {
        request(OTHERS, "GET", "/v1/runs", &Value::Null)
    });
    let quotes = async {
        match quote {
            None => Ok(Vec::new()),
            Some(quote) => {
                let event = |_| request(LEAKED, "POST", "/v1/quotes", quote);
                at_a_rate(api, QUOTES_A_SECOND, length, event).await
            }
        }
    };
    let ((webhooks, reads), quotes) = try_join(try_join(webhooks, reads), quotes).await?;
    let answered = |status: u64| quotes.iter().filter(|called| called.0 == status).count() as u64;
    let (admitted, refused) = (answered(200), answered(429));
    Ok(Phase {
        webhooks: webhooks.into_iter().map(count).collect(),
        reads: reads.into_iter().map(count).collect(),
        refused_of_others: refused_of_others.load(Ordering::Relaxed),
        admitted,
        refused,
    })
}

/// Calls that come whatever becomes of the earlier ones.
async fn at_a_rate(
    pool: &Pool,
    rate: u32,
    length: Duration,
    event: impl Fn(u32) -> Vec<u8>,
) -> Result<Vec<(u64, f64)>, String> {
    let began = Instant::now();
    let calls = rate * u32::try_from(length.as_secs()).unwrap_or(u32::MAX);
    let calls = (0..calls).map(|number| {
        let event = event(number);
        async move {
            sleep_until(began + Duration::from_secs(1) * number / rate).await;
            pool.call(event).await
        }
    });
    join_all(calls).await.into_iter().collect()
}

/// A call as API Gateway hands it over.
fn request(key: &str, method: &str, path: &str, body: &Value) -> Vec<u8> {
    let headers = json!({"authorization": format!("Bearer {key}")});
    harness::rig::request(&headers, method, path, body)
        .to_string()
        .into_bytes()
}
