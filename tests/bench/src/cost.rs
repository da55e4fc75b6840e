//! What it costs: requests, units and log bytes counted on the real binaries, times the list prices of `prices.json`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::process::Process;
use crate::stack::{Stack, Used};
use crate::table::{Table, grouped};
use crate::{Options, warm};

const TIME: Duration = Duration::from_mins(15);
const CONTRACTS: u32 = 500;
const INSTALLMENTS: u32 = CONTRACTS * 120 * 20 / 19;
/// Webhooks applied one by one, and in full batches.
const ALONE: usize = 30;
const FULL_BATCH: usize = 100;
const FULL_BATCHES: usize = 2;
const WEBHOOK_LIMIT_USD: f64 = 3.0;

#[derive(Deserialize)]
struct Prices {
    region: String,
    date: String,
    note: String,
    prices: BTreeMap<String, Price>,
    assumptions: BTreeMap<String, Assumption>,
}

#[derive(Deserialize)]
struct Price {
    usd: f64,
    page: String,
}

#[derive(Deserialize)]
struct Assumption {
    value: f64,
    why: String,
}

/// What something uses, each time.
#[derive(Debug, Clone, Copy, Default)]
struct Usage {
    api: f64,
    invocations: f64,
    gb_seconds: f64,
    write_units: f64,
    read_units: f64,
    queue: f64,
    events: f64,
    log_bytes: f64,
}

impl Usage {
    fn times(self, factor: f64) -> Self {
        Self {
            api: self.api * factor,
            invocations: self.invocations * factor,
            gb_seconds: self.gb_seconds * factor,
            write_units: self.write_units * factor,
            read_units: self.read_units * factor,
            queue: self.queue * factor,
            events: self.events * factor,
            log_bytes: self.log_bytes * factor,
        }
    }
}

impl Prices {
    fn price(&self, name: &str) -> f64 {
        self.prices[name].usd
    }

    fn assume(&self, name: &str) -> f64 {
        self.assumptions[name].value
    }

    /// Each part of the cost in dollars, by service.
    fn lines(&self, usage: Usage) -> Vec<(&'static str, f64)> {
        let million = 1e6;
        let lines = [
            (
                "HTTP API requests",
                usage.api / million * self.price("httpApiPerMillionRequests"),
            ),
            (
                "Lambda requests",
                usage.invocations / million * self.price("lambdaPerMillionRequests"),
            ),
            (
                "Lambda duration",
                usage.gb_seconds * self.price("lambdaArmPerGbSecond"),
            ),
            (
                "DynamoDB write units",
                usage.write_units / million * self.price("dynamoDbPerMillionWriteUnits"),
            ),
            (
                "DynamoDB read units",
                usage.read_units / million * self.price("dynamoDbPerMillionReadUnits"),
            ),
            (
                "SQS requests",
                usage.queue / million * self.price("sqsPerMillionRequests"),
            ),
            (
                "EventBridge events",
                usage.events / million * self.price("eventBridgePerMillionEvents"),
            ),
            (
                "CloudWatch Logs",
                usage.log_bytes / 1e9 * self.price("logsPerGb"),
            ),
        ];
        lines.to_vec()
    }

    fn total(&self, usage: Usage) -> f64 {
        self.lines(usage).iter().map(|line| line.1).sum()
    }
}

/// Everything counted.
struct Counted {
    accept: Usage,
    apply_alone: Usage,
    apply_batched: Usage,
    sweep: Usage,
    first: Usage,
    daily: Usage,
    batimento: Usage,
    portfolio_bytes: f64,
    alarms: f64,
}

/// Measures, adds the rows and returns the page.
pub async fn measure(options: &Options, table: &mut Table) -> Result<String, String> {
    let text = std::fs::read_to_string(options.root.join("tests/bench/prices.json"))
        .map_err(|error| error.to_string())?;
    let prices: Prices = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let counted = count(options, &prices).await?;
    let million = 1e6;
    // Requests, units and duration are what a webhook cannot do without; how much is logged is a choice.
    let logs = counted.accept.log_bytes * million / 1e9 * prices.price("logsPerGb");
    let accept = prices.total(counted.accept.times(million)) - logs;
    table.row(
        "cost of a million webhooks received (API, function, journal, queue)",
        format!("${accept:.2}, and ${logs:.2} for their log lines"),
        "at most $3.00",
        accept <= WEBHOOK_LIMIT_USD,
    );
    let (alone, batched) = (
        prices.total(counted.apply_alone.times(million)),
        prices.total(counted.apply_batched.times(million)),
    );
    table.report(
        "applying a million payments to the portfolio, on top",
        format!("${batched:.2} in full batches, ${alone:.2} one by one"),
    );
    for contracts in [10_000.0, 100_000.0] {
        let (lines, fixed) = month(&prices, &counted, contracts);
        let total: f64 = lines.iter().map(|line| line.1).sum::<f64>()
            + fixed.iter().map(|line| line.1).sum::<f64>();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count"
        )]
        table.report(
            &format!("cost of a month, {} contracts", grouped(contracts as u64)),
            format!("${total:.2}"),
        );
    }
    Ok(page(&prices, &counted))
}

#[expect(clippy::cast_precision_loss, reason = "small counts")]
async fn count(options: &Options, prices: &Prices) -> Result<Counted, String> {
    let stack = Stack::start(INSTALLMENTS, Some(CONTRACTS)).await?;
    let gb = prices.assume("memoryGb");
    let own_lines = prices.assume("systemLogBytesPerInvocation");
    let task = |used: &Used, process: &Process, invocations: usize| Usage {
        invocations: invocations as f64,
        gb_seconds: f64::from(INSTALLMENTS) / prices.assume("taskRowsPerSecond") * gb,
        write_units: used.write_units,
        read_units: used.read_units,
        events: stack.stand_in.published() as f64 + invocations as f64,
        log_bytes: process.log_bytes() as f64 + own_lines * invocations as f64,
        ..Usage::default()
    };
    // The first import fills the portfolio, the second learns who is in the credit bureau; the others find all as it is.
    let (mut runs, mut portfolio_bytes) = (Vec::new(), 0.0);
    stack.used();
    for name in ["import", "import", "import", "reconcile"] {
        let process = stack.function(options, name).await?;
        stack.stand_in.calls();
        stack.stand_in.published();
        let (_, invocations) = stack.run(&process, TIME).await?;
        runs.push(task(&stack.used(), &process, invocations).times(1.0 / f64::from(CONTRACTS)));
        process.stop().await;
        if portfolio_bytes == 0.0 {
            portfolio_bytes = stack.portfolio_bytes().await / f64::from(CONTRACTS);
        }
    }
    let webhooks = payments(&stack, ALONE + FULL_BATCH * FULL_BATCHES)?;
    let webhook = stack.function(options, "webhook").await?;
    stack.used();
    stack.stand_in.messages();
    for (number, body) in webhooks.iter().enumerate() {
        let answer = webhook
            .runtime
            .invoke(warm::event_with(&format!("cost-{number}"), body), TIME)
            .await?;
        let answer: Value = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
        if answer["statusCode"] != 200 {
            return Err(format!("a webhook was answered {answer}"));
        }
    }
    let used = stack.used();
    let each = 1.0 / webhooks.len() as f64;
    // One item read at the start, tenant and secret every few minutes: as good as nothing in a warm function, but counted.
    let accept = Usage {
        api: 1.0,
        invocations: 1.0,
        gb_seconds: prices.assume("webhookMilliseconds") / 1e3 * prices.assume("webhookMemoryGb"),
        write_units: used.write_units * each,
        read_units: used.read_units * each,
        queue: 1.0,
        log_bytes: webhook.log_bytes() as f64 * each + own_lines + prices.assume("accessLogBytes"),
        ..Usage::default()
    };
    webhook.stop().await;
    let messages = stack.stand_in.messages();
    let apply = stack.function(options, "apply").await?;
    let (alone, batched) = messages.split_at(ALONE);
    let apply_alone = applied(&stack, &apply, alone, 1, prices, "applyMillisecondsAlone").await?;
    let apply_batched = applied(
        &stack,
        &apply,
        batched,
        FULL_BATCH,
        prices,
        "applyMillisecondsOfAFullBatch",
    )
    .await?;
    apply.stop().await;
    let payments = stack.function(options, "payments").await?;
    payments.runtime.ask(&json!({}), TIME).await?;
    let before = payments.log_bytes();
    stack.used();
    payments.runtime.ask(&json!({}), TIME).await?;
    let used = stack.used();
    let sweep = Usage {
        invocations: 1.0,
        gb_seconds: prices.assume("sweepMilliseconds") / 1e3 * gb,
        write_units: used.write_units,
        read_units: used.read_units,
        log_bytes: (payments.log_bytes() - before) as f64 + own_lines,
        ..Usage::default()
    };
    payments.stop().await;
    Ok(Counted {
        accept,
        apply_alone,
        apply_batched,
        sweep,
        first: runs[0],
        daily: runs[2],
        batimento: runs[3],
        portfolio_bytes,
        alarms: std::fs::read_to_string(options.root.join("template.yaml"))
            .map_err(|error| error.to_string())?
            .matches("Type: AWS::CloudWatch::Alarm")
            .count() as f64,
    })
}

/// Pays an installment of so many contracts in Sienge; the bodies of the webhooks that tell it.
fn payments(stack: &Stack, count: usize) -> Result<Vec<Value>, String> {
    let open = stack.sienge.with_world(|world| {
        let bills = world
            .bills
            .values()
            .filter(|bill| bill.contract.is_some() && bill.cancelled.is_none());
        let row = |bill: &sienge_simulator::world::Bill| {
            let open = bill
                .installments
                .iter()
                .find(|row| row.open() && row.receipts.is_empty());
            open.map(|row| (bill.id, row.id))
        };
        bills.filter_map(row).take(count).collect::<Vec<_>>()
    });
    if open.len() < count {
        return Err(format!(
            "only {} contracts have something to pay",
            open.len()
        ));
    }
    let pay = |(bill, installment): (u32, u32)| -> Result<Value, String> {
        let change = json!({"billId": bill, "installmentId": installment});
        let told = stack.sienge.operate("receive", &change)?;
        Ok(told["events"][0]["body"].clone())
    };
    open.into_iter().map(pay).collect()
}

/// Hands messages to `apply` in batches; what each message cost.
#[expect(clippy::cast_precision_loss, reason = "small counts")]
async fn applied(
    stack: &Stack,
    apply: &Process,
    messages: &[String],
    batch: usize,
    prices: &Prices,
    time: &str,
) -> Result<Usage, String> {
    stack.used();
    stack.stand_in.published();
    let before = apply.log_bytes();
    let mut batches = 0.0;
    for batch in messages.chunks(batch) {
        let records: Vec<Value> = batch
            .iter()
            .enumerate()
            .map(|(index, body)| json!({"messageId": index.to_string(), "body": body, "attributes": {"ApproximateReceiveCount": "1"}}))
            .collect();
        let answer = apply
            .runtime
            .ask(&json!({"Records": records}), TIME)
            .await?;
        if answer["batchItemFailures"]
            .as_array()
            .is_none_or(|failures| !failures.is_empty())
        {
            return Err(format!("messages failed: {answer}"));
        }
        batches += 1.0;
    }
    let used = stack.used();
    if used.portfolio_writes == 0 {
        return Err("nothing was applied".to_owned());
    }
    // A receive call brings ten messages at most, and a delete call takes ten away.
    let receives = messages.chunks(batch.min(10)).len() as f64;
    let total = Usage {
        invocations: batches,
        gb_seconds: batches * prices.assume(time) / 1e3 * prices.assume("memoryGb"),
        write_units: used.write_units,
        read_units: used.read_units,
        queue: 2.0 * receives,
        events: stack.stand_in.published() as f64,
        log_bytes: (apply.log_bytes() - before) as f64
            + batches * prices.assume("systemLogBytesPerInvocation"),
        ..Usage::default()
    };
    Ok(total.times(1.0 / messages.len() as f64))
}

/// The lines of a month: what grows with the contracts, and what does not.
fn month(
    prices: &Prices,
    counted: &Counted,
    contracts: f64,
) -> (Vec<(String, f64)>, Vec<(String, f64)>) {
    let webhooks = contracts * prices.assume("webhooksPerContractAndMonth");
    let days = prices.assume("daysPerMonth");
    let gigabytes = counted.portfolio_bytes * contracts / 1e9;
    let stored = gigabytes
        * (prices.price("dynamoDbPerGbMonth") + prices.price("dynamoDbRecoveryPerGbMonth"));
    let growing = vec![
        (
            "webhooks received".to_owned(),
            prices.total(counted.accept.times(webhooks)),
        ),
        (
            "webhooks applied, half of them one by one".to_owned(),
            prices.total(counted.apply_alone.times(webhooks / 2.0))
                + prices.total(counted.apply_batched.times(webhooks / 2.0)),
        ),
        (
            "daily loads".to_owned(),
            prices.total(counted.daily.times(contracts * days)),
        ),
        (
            "batimentos".to_owned(),
            prices.total(
                counted
                    .batimento
                    .times(contracts * prices.assume("batimentosPerMonth")),
            ),
        ),
        (
            format!("portfolio stored, {gigabytes:.1} GB with recovery"),
            stored,
        ),
    ];
    let sweeps = days * 24.0 * 6.0;
    let metrics = 2.0 * prices.assume("metricsOfATenant") * prices.price("metricPerMonth");
    let fixed = vec![
        (
            "sweeps".to_owned(),
            prices.total(counted.sweep.times(sweeps)),
        ),
        (
            "polling the empty queue".to_owned(),
            prices.assume("queuePollsPerMonth") / 1e6 * prices.price("sqsPerMillionRequests"),
        ),
        ("metrics".to_owned(), metrics),
        (
            format!("{:.0} alarms", counted.alarms),
            counted.alarms * prices.price("alarmPerMonth"),
        ),
        (
            "the tenant's secret".to_owned(),
            prices.price("secretPerMonth"),
        ),
    ];
    (growing, fixed)
}

#[allow(clippy::too_many_lines, reason = "a table")]
fn page(prices: &Prices, counted: &Counted) -> String {
    let mut page = String::from("# What it costs\n\n");
    let _ = writeln!(
        page,
        "Written by `make bench ARGS=--write`. Requests, read and write units, messages, events and log bytes are counted on the real binaries with {CONTRACTS} contracts of 120\n\
         installments; prices and assumptions are those of `tests/bench/prices.json` ({}, {}). {}\n",
        prices.region, prices.date, prices.note
    );
    page += "## A million webhooks\n\nEach a payment of a contract of its own, so nothing is shared between them.\n\n";
    page += "| | received | applied in full batches | applied one by one |\n|---|---|---|---|\n";
    let million = 1e6;
    let columns = [counted.accept, counted.apply_batched, counted.apply_alone];
    let all: Vec<Vec<(&str, f64)>> = columns
        .iter()
        .map(|usage| prices.lines(usage.times(million)))
        .collect();
    for (index, (name, _)) in all[0].iter().enumerate() {
        let cells: Vec<String> = all
            .iter()
            .map(|lines| format!("${:.2}", lines[index].1))
            .collect();
        let _ = writeln!(page, "| {name} | {} |", cells.join(" | "));
    }
    let totals: Vec<String> = columns
        .iter()
        .map(|usage| format!("**${:.2}**", prices.total(usage.times(million))))
        .collect();
    let _ = writeln!(page, "| **total** | {} |\n", totals.join(" | "));
    page += "Counted for each webhook:\n\n| | write units | read units | SQS requests | events | log bytes | invocations | GB-seconds |\n|---|---|---|---|---|---|---|---|\n";
    for (name, usage) in [
        ("received", counted.accept),
        ("applied in full batches", counted.apply_batched),
        ("applied one by one", counted.apply_alone),
    ] {
        let _ = writeln!(
            page,
            "| {name} | {:.2} | {:.2} | {:.2} | {:.2} | {:.0} | {:.2} | {:.4} |",
            usage.write_units,
            usage.read_units,
            usage.queue,
            usage.events,
            usage.log_bytes,
            usage.invocations,
            usage.gb_seconds
        );
    }
    page += "\nEach cell above is its count times 1,000,000 times its price: for example write units of a webhook received, ";
    let _ = writeln!(
        page,
        "{:.2} × 1,000,000 × ${} / 1,000,000 = ${:.2}.\n",
        counted.accept.write_units,
        prices.price("dynamoDbPerMillionWriteUnits"),
        counted.accept.write_units * prices.price("dynamoDbPerMillionWriteUnits")
    );
    page += "## A month\n\nOne tenant and creditor.\n\n| | 10,000 contracts | 100,000 contracts |\n|---|---|---|\n";
    let (small, large) = (
        month(prices, counted, 10_000.0),
        month(prices, counted, 100_000.0),
    );
    for (a, b) in small
        .0
        .iter()
        .chain(&small.1)
        .zip(large.0.iter().chain(&large.1))
    {
        let name = if a.0 == b.0 {
            a.0.clone()
        } else {
            format!("{} / {}", a.0, b.0)
        };
        let _ = writeln!(page, "| {name} | ${:.2} | ${:.2} |", a.1, b.1);
    }
    let total = |month: &(Vec<(String, f64)>, Vec<(String, f64)>)| {
        month
            .0
            .iter()
            .chain(&month.1)
            .map(|line| line.1)
            .sum::<f64>()
    };
    let _ = writeln!(
        page,
        "| **total** | **${:.2}** | **${:.2}** |\n",
        total(&small),
        total(&large)
    );
    page += "Counted for each contract and run:\n\n| | write units | read units | events | log bytes |\n|---|---|---|---|---|\n";
    for (name, usage) in [
        ("first import", counted.first),
        ("unchanged daily load", counted.daily),
        ("unchanged batimento", counted.batimento),
    ] {
        let _ = writeln!(
            page,
            "| {name} | {:.2} | {:.2} | {:.3} | {:.0} |",
            usage.write_units, usage.read_units, usage.events, usage.log_bytes
        );
    }
    let _ = writeln!(
        page,
        "\nThe first import of 10,000 contracts costs ${:.2}, once. A sweep that finds nothing costs {:.1} read units.\n",
        prices.total(counted.first.times(10_000.0)),
        counted.sweep.read_units
    );
    page += "## Prices\n\n| price | US$ | page |\n|---|---|---|\n";
    for (name, price) in &prices.prices {
        let _ = writeln!(page, "| {name} | {} | {} |", price.usd, price.page);
    }
    page += "\n## Assumptions\n\n| | value | why |\n|---|---|---|\n";
    for (name, assumption) in &prices.assumptions {
        let _ = writeln!(
            page,
            "| {name} | {} | {} |",
            assumption.value, assumption.why
        );
    }
    page
}
