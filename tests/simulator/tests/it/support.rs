//! A running simulator, a client, and somebody who receives webhooks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use jiff::civil::{Date, date};
use serde_json::{Value, json};
use sienge_simulator::{Options, Running, start};

/// The date all tests live on.
pub const TODAY: Date = date(2026, 11, 20);

pub struct Simulator {
    pub running: Running,
    pub client: reqwest::Client,
}

pub fn options(installments: u32) -> Options {
    Options {
        installments,
        today: Some(TODAY),
        async_delay: Duration::from_millis(1),
        ..Options::default()
    }
}

pub async fn simulator(installments: u32) -> Simulator {
    with(options(installments)).await
}

pub async fn with(options: Options) -> Simulator {
    Simulator {
        running: start(options).await.unwrap(),
        client: reqwest::Client::new(),
    }
}

impl Simulator {
    pub async fn send(&self, path: &str) -> reqwest::Response {
        let url = format!("{}/{path}", self.running.api("obra"));
        self.client
            .get(url)
            .basic_auth("demo", Some("demo"))
            .send()
            .await
            .unwrap()
    }

    pub async fn get(&self, path: &str) -> Value {
        let response = self.send(path).await;
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }

    pub async fn control(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}/_control/{path}", self.running.base_url);
        let request = self
            .client
            .request(method.parse().unwrap(), url)
            .body(body.to_string());
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    pub async fn operate(&self, name: &str, body: Value) -> Value {
        let (status, answer) = self.control("POST", name, &body).await;
        assert_eq!(status, 200, "{name} {body}: {answer}");
        answer
    }

    pub async fn refused(&self, name: &str, body: Value) -> String {
        let (status, answer) = self.control("POST", name, &body).await;
        assert_eq!(status, 400, "{name} {body}: {answer}");
        answer["error"].as_str().unwrap().to_owned()
    }

    pub async fn installments(&self, query: &str) -> Vec<Value> {
        let url = format!("{}/_control/installments?{query}", self.running.base_url);
        let text = self
            .client
            .get(url)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The world's installments, by bill and installment id.
    pub async fn world(&self) -> BTreeMap<(u64, u64), Value> {
        self.installments("")
            .await
            .into_iter()
            .map(|row| (key(&row, "billId"), row))
            .collect()
    }

    /// An open, untouched monthly installment of a sales contract that is not cancelled.
    pub async fn open_one(&self) -> (u64, u64, Value) {
        let rows = self.installments("open=true").await;
        let meant = |row: &&Value| {
            row["documentId"] == "CT"
                && row["conditionTypeId"] == "PM"
                && row["receipts"] == json!([])
        };
        let row = rows.iter().find(meant).unwrap().clone();
        (
            row["billId"].as_u64().unwrap(),
            row["installmentId"].as_u64().unwrap(),
            row,
        )
    }

    pub async fn hook(&self, url: &str, events: &[&str]) -> String {
        let address = format!("{}/v1/hooks", self.running.api("obra"));
        let body = json!({"url": url, "token": "segredo", "events": events});
        let request = self
            .client
            .post(address)
            .basic_auth("demo", Some("demo"))
            .json(&body);
        let hook: Value = request.send().await.unwrap().json().await.unwrap();
        hook["id"].as_str().unwrap().to_owned()
    }
}

pub fn key(row: &Value, bill: &str) -> (u64, u64) {
    (
        row[bill].as_u64().unwrap(),
        row["installmentId"].as_u64().unwrap(),
    )
}

/// Money, in cents, from a JSON number or text.
#[allow(clippy::cast_possible_truncation)] // amounts of a small world
pub fn cents(value: &Value) -> i64 {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    (text.parse::<f64>().unwrap() * 100.0).round() as i64
}

/// One webhook as it arrived.
#[derive(Clone, Debug)]
pub struct Arrived {
    pub headers: BTreeMap<String, String>,
    pub body: Value,
    pub at: std::time::Instant,
}

impl Arrived {
    pub fn event(&self) -> &str {
        &self.headers["x-sienge-event"]
    }

    pub fn id(&self) -> &str {
        &self.headers["x-sienge-id"]
    }
}

/// Receives webhooks; refuses as many as it is told to first.
#[derive(Clone, Default)]
pub struct Receiver {
    arrived: Arc<Mutex<Vec<Arrived>>>,
    refusals: Arc<Mutex<u32>>,
}

impl Receiver {
    pub async fn open(refusals: u32) -> (Self, String) {
        let receiver = Self::default();
        *receiver.refusals.lock().unwrap() = refusals;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/webhook", listener.local_addr().unwrap());
        let router = Router::new().fallback(receive).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, url)
    }

    pub fn all(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }

    /// Waits until so many have arrived.
    pub async fn wait(&self, count: usize) -> Vec<Arrived> {
        for _ in 0..6_000 {
            if self.all().len() >= count {
                return self.all();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!(
            "{} webhooks arrived, {count} were awaited",
            self.all().len()
        );
    }

    /// Gives what should not arrive the time to arrive.
    pub async fn settle(&self) -> Vec<Arrived> {
        tokio::time::sleep(Duration::from_millis(150)).await;
        self.all()
    }
}

async fn receive(State(receiver): State<Receiver>, request: Request) -> StatusCode {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let text = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        (name.to_string(), value.to_str().unwrap().to_owned())
    };
    receiver.arrived.lock().unwrap().push(Arrived {
        headers: parts.headers.iter().map(text).collect(),
        body: serde_json::from_slice(&body).unwrap(),
        at: std::time::Instant::now(),
    });
    let mut refusals = receiver.refusals.lock().unwrap();
    if *refusals > 0 {
        *refusals -= 1;
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    StatusCode::OK
}
