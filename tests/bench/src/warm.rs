//! CPU of the warm webhook function for each event, beside the floor program and the same handler in Python. All three stand
//! behind the same Runtime API and make the same two calls to the same stand-in, in turns.

use std::time::Duration;

use serde_json::{Value, json};

use crate::Options;
use crate::aws::{StandIn, TOKEN};
use crate::process::Process;
use crate::table::{Table, median};

const TIME: Duration = Duration::from_secs(10);
/// Events before the measurement: connections, settings and secrets.
const WARM_UP: u64 = 50;
const ROUNDS: u64 = 7;

struct Side {
    process: Process,
    events: u64,
    sent: u64,
    micros: Vec<f64>,
    millis: Vec<f64>,
}

/// Measures and adds the rows.
pub async fn measure(options: &Options, table: &mut Table) -> Result<(), String> {
    let stand_in = StandIn::start().await.map_err(|error| error.to_string())?;
    let environment = stand_in.environment(None);
    let python = options.root.join("tests/bench/handler.py");
    let python = python.to_string_lossy();
    let programs: [(_, &[&str], _); 3] = [
        (options.function("webhook"), &[], options.events),
        (options.floor(), &[], options.events),
        (options.python.clone(), &[&*python], options.events / 10),
    ];
    let mut sides = Vec::new();
    for (program, arguments, events) in programs {
        let process = Process::start(&program, arguments, &environment).await?;
        let mut side = Side {
            process,
            events: (events / ROUNDS).max(1),
            sent: 0,
            micros: Vec::new(),
            millis: Vec::new(),
        };
        side.send(WARM_UP).await?;
        sides.push(side);
    }
    stand_in.calls();
    stand_in.messages();
    for _ in 0..ROUNDS {
        for side in &mut sides {
            side.round().await?;
        }
    }
    let sent: u64 = sides.iter().map(|side| side.events * ROUNDS).sum();
    let calls = stand_in.calls();
    // A handler that skipped a call would look fast. So many of one tenant are counted at the door besides, fifty at a time.
    for operation in ["PutItem", "SendMessage"] {
        let made = calls.get(operation).copied().unwrap_or_default();
        if !(sent..=sent + sent / 20).contains(&made) {
            return Err(format!("{made} {operation} for {sent} events"));
        }
    }
    let cpu: Vec<f64> = sides.iter().map(|side| median(&side.micros)).collect();
    let wall: Vec<f64> = sides.iter().map(|side| median(&side.millis)).collect();
    let memory: Vec<f64> = sides
        .iter()
        .map(|side| side.process.peak_memory_mb())
        .collect();
    table.row(
        "`webhook`, warm: CPU per event",
        format!(
            "{:.0} µs, {:.2}x the floor's {:.0} µs",
            cpu[0],
            cpu[0] / cpu[1],
            cpu[1]
        ),
        "at most 1.2x the floor",
        cpu[0] / cpu[1] <= 1.2,
    );
    table.row(
        "the same against Python with boto3",
        format!(
            "{:.0} µs there: {:.1} times as much",
            cpu[2],
            cpu[2] / cpu[0]
        ),
        "at least 10 times",
        cpu[2] / cpu[0] >= 10.0,
    );
    table.report(
        "time per event, warm, one at a time",
        format!(
            "{:.2} ms; floor {:.2} ms; Python {:.2} ms",
            wall[0], wall[1], wall[2]
        ),
    );
    table.row(
        "`webhook`: peak memory after the events",
        format!(
            "{:.1} MB, {:.2}x the floor's {:.1} MB; Python {:.1} MB",
            memory[0],
            memory[0] / memory[1],
            memory[1],
            memory[2]
        ),
        "at most 1.2x the floor",
        memory[0] / memory[1] <= 1.2,
    );
    for side in sides {
        side.process.stop().await;
    }
    Ok(())
}

impl Side {
    async fn send(&mut self, count: u64) -> Result<(), String> {
        for _ in 0..count {
            self.sent += 1;
            let answer = self
                .process
                .runtime
                .invoke(event(&format!("warm-{}", self.sent)), TIME)
                .await?;
            let answer = String::from_utf8_lossy(&answer);
            if !(answer == "\"ok\""
                || answer.contains("\"statusCode\":200")
                || answer.contains("\"statusCode\": 200"))
            {
                return Err(format!("refused: {answer}"));
            }
        }
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "thousands of events")]
    async fn round(&mut self) -> Result<(), String> {
        let (cpu, began) = (self.process.cpu_seconds(), std::time::Instant::now());
        self.send(self.events).await?;
        let events = self.events as f64;
        self.micros
            .push((self.process.cpu_seconds() - cpu) * 1e6 / events);
        self.millis
            .push(began.elapsed().as_secs_f64() * 1e3 / events);
        Ok(())
    }
}

/// A payment's webhook as API Gateway hands it over.
pub fn event(id: &str) -> Vec<u8> {
    event_with(id, &json!({"billId": 10001, "installmentId": 29}))
}

/// The same with a body of its own.
pub fn event_with(id: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    json!({
        "version": "2.0",
        "routeKey": "POST /webhook/{receiver}",
        "rawPath": "/webhook/SiengePagamentos",
        "rawQueryString": "IdAssessoria=617",
        "headers": {
            "authorization": format!("Bearer {TOKEN}"),
            "content-type": "application/json",
            "host": "webhooks.exemplo.com.br",
            "user-agent": "sienge-hooks",
            "x-sienge-id": id,
            "x-sienge-event": "RECEIPT_PROCESSED",
            "x-sienge-hook-id": "5f0c1a2e-0000-4000-8000-000000000001",
            "x-sienge-tenant": "obra",
        },
        "queryStringParameters": {"IdAssessoria": "617"},
        "pathParameters": {"receiver": "SiengePagamentos"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "exemplo",
            "domainName": "webhooks.exemplo.com.br",
            "domainPrefix": "webhooks",
            "http": {
                "method": "POST",
                "path": "/webhook/SiengePagamentos",
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.10",
                "userAgent": "sienge-hooks",
            },
            "requestId": "pedido-1",
            "routeKey": "POST /webhook/{receiver}",
            "stage": "$default",
            "time": "20/Nov/2026:15:00:00 +0000",
            "timeEpoch": 1_795_186_800_000_u64,
        },
        "body": body,
        "isBase64Encoded": false,
    })
    .to_string()
    .into_bytes()
}
