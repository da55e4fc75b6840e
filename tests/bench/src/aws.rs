//! The AWS services besides DynamoDB, and DynamoDB's canned answers: a stand-in that costs next to nothing itself.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::http::{Answer, Request, Service, serve};

/// The token that the tenant's secret knows.
pub const TOKEN: &str = "dXN1YXJpbzpzZW5oYQ==";

/// A stand-in at an address.
pub struct StandIn {
    /// Where.
    pub address: SocketAddr,
    counter: Arc<Counter>,
}

#[derive(Default)]
struct Counter {
    calls: Mutex<BTreeMap<String, u64>>,
    messages: Mutex<Vec<String>>,
    events: Mutex<Vec<Value>>,
    published: AtomicU64,
}

impl StandIn {
    /// Starts one.
    pub async fn start() -> std::io::Result<Self> {
        let counter = Arc::new(Counter::default());
        let address = serve(Arc::clone(&counter)).await?;
        Ok(Self { address, counter })
    }

    /// Calls since the last time this was asked, by operation.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.counter.calls.lock().unwrap())
    }

    /// Bodies of the messages queued since the last time this was asked.
    pub fn messages(&self) -> Vec<String> {
        std::mem::take(&mut self.counter.messages.lock().unwrap())
    }

    /// Events published since the last time this was asked: `DetailType` and `Detail`.
    pub fn events(&self) -> Vec<Value> {
        std::mem::take(&mut self.counter.events.lock().unwrap())
    }

    /// How many events were published since the last time this was asked.
    pub fn published(&self) -> u64 {
        self.counter.published.swap(0, Ordering::Relaxed)
    }

    /// The environment of a function that reaches everything here, DynamoDB elsewhere if told so.
    pub fn environment(&self, database: Option<&str>) -> Vec<(String, String)> {
        let here = format!("http://{}", self.address);
        let pairs: [(&str, &str); 12] = [
            ("AWS_ENDPOINT_URL", here.as_str()),
            ("AWS_ENDPOINT_URL_DYNAMODB", database.unwrap_or(&here)),
            ("PORTFOLIO_TABLE", "portfolio"),
            ("JOURNAL_TABLE", "journal"),
            ("CONTROL_TABLE", "control"),
            ("AUDIT_TABLE", "audit"),
            ("AUDIT_RETENTION_DAYS", "1825"),
            ("INBOX_QUEUE_URL", &format!("{here}/000000000000/inbox")),
            ("EVENT_BUS_NAME", "bus"),
            ("JWT_TENANT_CLAIM", "tenant"),
            ("JWT_ROLE_CLAIM", "role"),
            ("TENANT_SECRET_PREFIX", "ponte/tenant/"),
        ];
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }
}

impl Service for Counter {
    async fn answer(&self, request: Request) -> Answer {
        let operation = request
            .header("x-amz-target")
            .and_then(|target| target.split('.').next_back());
        let operation = operation.unwrap_or_default().to_owned();
        let answer = match operation.as_str() {
            "SendMessage" => {
                let sent: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                let body = sent["MessageBody"].as_str().unwrap_or_default().to_owned();
                self.messages.lock().unwrap().push(body);
                json!({"MessageId": "1", "MD5OfMessageBody": "d41d8cd98f00b204e9800998ecf8427e"})
            }
            "GetSecretValue" => {
                let secret = json!({"siengeUser": "demo", "siengePassword": "demo", "webhookTokens": [TOKEN]});
                json!({"Name": "secret", "SecretString": secret.to_string()})
            }
            "PutEvents" => {
                let sent: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                let entries = sent["Entries"].as_array().cloned().unwrap_or_default();
                let ids: Vec<Value> = entries.iter().map(|_| json!({"EventId": "1"})).collect();
                self.published
                    .fetch_add(entries.len() as u64, Ordering::Relaxed);
                self.events.lock().unwrap().extend(entries);
                json!({"FailedEntryCount": 0, "Entries": ids})
            }
            // A tenant's settings: the only item that the webhook reads.
            "GetItem" => {
                let text = |text: &str| json!({"S": text});
                let settings = json!({"siengeBaseUrl": text("http://127.0.0.1:9/obra"), "subdomain": text("obra")});
                json!({"Item": {"pk": text("tenant#617"), "sk": text("settings"), "settings": {"M": settings}}})
            }
            _ => json!({}),
        };
        *self.calls.lock().unwrap().entry(operation).or_default() += 1;
        Answer::new(200, answer.to_string())
    }
}
