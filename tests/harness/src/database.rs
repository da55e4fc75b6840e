//! An in-memory DynamoDB for one test, reached through the real SDK over HTTP, with a small proxy in front that counts the
//! calls and can break them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use ponte::calendar::Timestamp;
use ponte::ids::TenantId;
use ponte::store::{Store, Tables, client};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::crash::Effects;
use crate::{permissions, tables};

/// What the proxy does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    Pass,
    /// It never reaches the database.
    Lose,
    /// The database does it, the answer is lost.
    LoseAnswer,
    /// Only the first so many of a batch's items reach the database; the others come back unprocessed.
    Process(usize),
}

/// A task's patience with the database.
const PATIENCE: Duration = Duration::from_secs(20);

type Plan = Box<dyn FnMut(&str, usize) -> Fault + Send>;

#[derive(Default)]
struct Watch {
    calls: BTreeMap<String, usize>,
    units: BTreeMap<String, f64>,
    writes: BTreeMap<String, usize>,
    plan: Option<Plan>,
    denied: Vec<String>,
}

/// One test's database.
pub struct Database {
    /// The store, on the SDK's ordinary client.
    pub store: Store,
    /// The SDK's configuration, for clients of a test's own.
    pub config: SdkConfig,
    engine: dynoxide::Database,
    upstream: SocketAddr,
    watch: Arc<Mutex<Watch>>,
}

impl Database {
    /// Starts one with the template's tables.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = listener.local_addr().unwrap();
        let engine = dynoxide::Database::memory().unwrap();
        tables::create(&engine);
        tokio::spawn(dynoxide::server::serve_on(listener, engine.clone()));
        let watch = Arc::new(Mutex::new(Watch::default()));
        let config = listen(upstream, Caller::default(), &watch).await;
        let store = Store::new(client(&config, PATIENCE), tables());
        *watch.lock().unwrap() = Watch::default();
        Self {
            store,
            config,
            engine,
            upstream,
            watch,
        }
    }

    /// Writes everything stored into a file.
    pub fn save(&self, file: &Path) {
        self.engine.vacuum_into(file.to_str().unwrap()).unwrap();
    }

    /// What is stored is again what it was when it was saved.
    pub fn restore(&self, file: &Path) {
        self.engine.restore_from(file.to_str().unwrap()).unwrap();
    }

    /// The store as a function reaches it: what its role in `template.yaml` does not allow is denied.
    pub async fn store_of(&self, function: &'static str) -> Store {
        let config = listen(self.upstream, Caller::function(function), &self.watch).await;
        Store::new(client(&config, PATIENCE), tables())
    }

    /// As [`Database::store_of`], with a client that gives up at the first failure, so that a lost call is a crash at that point.
    pub async fn fragile_store_of(&self, function: &'static str) -> Store {
        fragile(&listen(self.upstream, Caller::function(function), &self.watch).await)
    }

    /// As [`Database::fragile_store_of`], each call an effect of one invocation.
    pub async fn watched_store_of(&self, function: &'static str, effects: Arc<Effects>) -> Store {
        let caller = Caller {
            effects: Some(effects),
            ..Caller::function(function)
        };
        fragile(&listen(self.upstream, caller, &self.watch).await)
    }

    /// A store without the proxy: quick, and nothing of it is counted.
    pub fn direct_store(&self) -> Store {
        let config = self
            .config
            .to_builder()
            .endpoint_url(format!("http://{}", self.upstream))
            .build();
        Store::new(client(&config, PATIENCE), tables())
    }

    /// What a function was not allowed to do and tried.
    pub fn denied(&self) -> Vec<String> {
        self.watch.lock().unwrap().denied.clone()
    }

    /// A store whose client gives up at the first failure, so that a lost call is a crash at that point.
    pub fn fragile_store(&self) -> Store {
        fragile(&self.config)
    }

    /// The SDK's own client, to put and read items as they are.
    pub fn raw(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config)
    }

    /// From now on, `plan` decides about every call: it is given the operation and its number (from 1, for each operation).
    pub fn faults(&self, plan: impl FnMut(&str, usize) -> Fault + Send + 'static) {
        let mut watch = self.watch.lock().unwrap();
        watch.calls.clear();
        watch.plan = Some(Box::new(plan));
    }

    /// No faults any more.
    pub fn no_faults(&self) {
        self.watch.lock().unwrap().plan = None;
    }

    /// Calls since the last time this was asked, by operation.
    pub fn calls(&self) -> BTreeMap<String, usize> {
        std::mem::take(&mut self.watch.lock().unwrap().calls)
    }

    /// Writing calls since the last time this was asked, by table.
    pub fn writes(&self) -> BTreeMap<String, usize> {
        std::mem::take(&mut self.watch.lock().unwrap().writes)
    }

    /// Capacity units consumed since the last time this was asked, by operation, indexes included.
    pub fn units(&self) -> BTreeMap<String, f64> {
        std::mem::take(&mut self.watch.lock().unwrap().units)
    }

    /// All items of a table.
    pub async fn items(
        &self,
        table: &str,
    ) -> Vec<std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>> {
        let raw = self.raw();
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let page = raw
                .scan()
                .table_name(table)
                .set_exclusive_start_key(start)
                .send()
                .await
                .unwrap();
            items.extend(page.items.unwrap_or_default());
            match page.last_evaluated_key {
                Some(next) => start = Some(next),
                None => return items,
            }
        }
    }
}

/// Who calls: a function, or the tests themselves.
#[derive(Clone, Default)]
struct Caller {
    function: Option<&'static str>,
    effects: Option<Arc<Effects>>,
}

impl Caller {
    fn function(name: &'static str) -> Self {
        Self {
            function: Some(name),
            effects: None,
        }
    }
}

/// Listens for a caller; returns the configuration that leads there.
async fn listen(upstream: SocketAddr, caller: Caller, watch: &Arc<Mutex<Watch>>) -> SdkConfig {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let watch = Arc::clone(watch);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(proxy(
                connection,
                upstream,
                caller.clone(),
                Arc::clone(&watch),
            ));
        }
    });
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("sa-east-1"))
        .endpoint_url(format!("http://{address}"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "test", "test", None, None, "test",
        )))
        .build()
}

fn fragile(config: &SdkConfig) -> Store {
    let config =
        aws_sdk_dynamodb::config::Builder::from(config).retry_config(RetryConfig::disabled());
    Store::new(
        aws_sdk_dynamodb::Client::from_conf(config.build()),
        tables(),
    )
}

fn tables() -> Tables {
    Tables {
        portfolio: "portfolio".to_owned(),
        journal: "journal".to_owned(),
        control: "control".to_owned(),
        audit: "audit".to_owned(),
        audit_days: 1_825,
    }
}

/// The tenant of all tests.
pub fn tenant() -> TenantId {
    TenantId::parse("617").unwrap()
}

/// An instant.
pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

async fn proxy(
    mut client: TcpStream,
    upstream: SocketAddr,
    caller: Caller,
    watch: Arc<Mutex<Watch>>,
) {
    let Caller { function, effects } = caller;
    let Ok(mut server) = TcpStream::connect(upstream).await else {
        return;
    };
    // Messages are written whole; waiting for more of them would only slow the tests down.
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    while let Some((head, body)) = message(&mut client).await {
        let operation = header(&head, "x-amz-target")
            .and_then(|target| target.split('.').nth(1).map(str::to_owned));
        let operation = operation.unwrap_or_default();
        if let Some(refusal) = function
            .and_then(|function| refuse(function, &operation, &body, &mut watch.lock().unwrap()))
        {
            let head = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/x-amz-json-1.0";
            if client
                .write_all(&with_length(head, refusal.to_string().as_bytes()))
                .await
                .is_err()
            {
                return;
            }
            continue;
        }
        let effect = effects.as_ref().map(|effects| effects.begin(&operation));
        if effect.as_ref().is_some_and(|effect| !effect.happens()) {
            return;
        }
        let fault = {
            let mut watch = watch.lock().unwrap();
            let count = watch.calls.entry(operation.clone()).or_default();
            *count += 1;
            let count = *count;
            watch
                .plan
                .as_mut()
                .map_or(Fault::Pass, |plan| plan(&operation, count))
        };
        if fault == Fault::Process(0) {
            let (_, all) = cut(&body, &operation, 0);
            let answer = all.map_or(Value::Null, |(name, left)| {
                Value::Object([(name.to_owned(), left)].into_iter().collect())
            });
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0";
            if client
                .write_all(&with_length(head, answer.to_string().as_bytes()))
                .await
                .is_err()
            {
                return;
            }
            continue;
        }
        let (body, held_back) = match fault {
            Fault::Lose => return,
            Fault::Process(count) => cut(&body, &operation, count),
            Fault::Pass | Fault::LoseAnswer => (body, None),
        };
        note_writes(&mut watch.lock().unwrap().writes, &operation, &body);
        let body = measured(&operation, &body);
        if server.write_all(&with_length(&head, &body)).await.is_err() {
            return;
        }
        let Some((answer_head, answer)) = message(&mut server).await else {
            return;
        };
        if fault == Fault::LoseAnswer || effect.as_ref().is_some_and(|effect| !effect.is_answered())
        {
            return;
        }
        drop(effect);
        *watch.lock().unwrap().units.entry(operation).or_default() += consumed(&answer);
        let answer = held_back.map_or(answer.clone(), |(name, left)| {
            let mut json: Value = serde_json::from_slice(&answer).unwrap();
            json[name] = left;
            serde_json::to_vec(&json).unwrap()
        });
        if client
            .write_all(&with_length(&answer_head, &answer))
            .await
            .is_err()
        {
            return;
        }
    }
}

/// The answer to a call that the function's role does not allow.
fn refuse(
    function: &'static str,
    operation: &str,
    body: &[u8],
    watch: &mut Watch,
) -> Option<Value> {
    let needed = permissions::needed(operation, body);
    let allowed = permissions::of_function(function);
    let missing: Vec<String> = needed
        .difference(allowed)
        .filter(|needed| !permissions::allows_by_key(allowed, needed, body))
        .map(|(action, table)| format!("{action} on {table}"))
        .collect();
    if missing.is_empty() {
        return None;
    }
    let why = format!(
        "{function} is not authorized to perform {}",
        missing.join(", ")
    );
    watch.denied.push(why.clone());
    Some(json!({"__type": "com.amazon.coral.service#AccessDeniedException", "message": why}))
}

/// Counts a writing call at every table it names.
fn note_writes(writes: &mut BTreeMap<String, usize>, operation: &str, body: &[u8]) {
    let json: Value = serde_json::from_slice(body).unwrap();
    let mut tables = BTreeSet::new();
    match operation {
        "PutItem" | "UpdateItem" | "DeleteItem" => tables.extend(json["TableName"].as_str()),
        "BatchWriteItem" => tables.extend(
            json["RequestItems"]
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str),
        ),
        "TransactWriteItems" => {
            let items = json["TransactItems"].as_array().unwrap();
            let changes = items
                .iter()
                .flat_map(|item| item.as_object().unwrap().values());
            tables.extend(changes.filter_map(|change| change["TableName"].as_str()));
        }
        _ => {}
    }
    for table in tables {
        *writes.entry(table.to_owned()).or_default() += 1;
    }
}

/// The request, asking what it costs.
fn measured(operation: &str, body: &[u8]) -> Vec<u8> {
    let mut json: Value = serde_json::from_slice(body).unwrap();
    if !operation.ends_with("Table") && !operation.ends_with("TimeToLive") {
        json["ReturnConsumedCapacity"] = Value::from("TOTAL");
    }
    serde_json::to_vec(&json).unwrap()
}

fn consumed(answer: &[u8]) -> f64 {
    let json: Value = serde_json::from_slice(answer).unwrap_or_default();
    match &json["ConsumedCapacity"] {
        Value::Array(tables) => tables
            .iter()
            .filter_map(|table| table["CapacityUnits"].as_f64())
            .sum(),
        table => table["CapacityUnits"].as_f64().unwrap_or(0.0),
    }
}

/// Keeps the first `count` items of a batch request; the others as the answer must name them.
fn cut(body: &[u8], operation: &str, count: usize) -> (Vec<u8>, Option<(&'static str, Value)>) {
    let mut json: Value = serde_json::from_slice(body).unwrap();
    let mut left = json["RequestItems"].clone();
    let tables: Vec<String> = left.as_object().unwrap().keys().cloned().collect();
    let mut anything_left = false;
    for table in &tables {
        let (list, rest) = match operation {
            "BatchWriteItem" => (&mut json["RequestItems"][table], &mut left[table]),
            "BatchGetItem" => (
                &mut json["RequestItems"][table]["Keys"],
                &mut left[table]["Keys"],
            ),
            other => panic!("{other} is no batch"),
        };
        let all = list.as_array().unwrap().clone();
        let (now, later) = all.split_at(count.min(all.len()));
        anything_left |= !later.is_empty();
        *list = Value::Array(now.to_vec());
        *rest = Value::Array(later.to_vec());
    }
    let name = if operation == "BatchWriteItem" {
        "UnprocessedItems"
    } else {
        "UnprocessedKeys"
    };
    (
        serde_json::to_vec(&json).unwrap(),
        anything_left.then_some((name, left)),
    )
}

/// One HTTP message with a content length; `None` when the connection ends.
async fn message(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        let mut buffer = vec![0; 64 * 1024];
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let length: usize = header(&head, "content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = bytes[end + 4..].to_vec();
    while body.len() < length {
        let mut buffer = vec![0; (length - body.len()).min(256 * 1024)];
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => body.extend_from_slice(&buffer[..count]),
        }
    }
    Some((head, body))
}

fn header(head: &str, name: &str) -> Option<String> {
    head.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().to_owned())
    })
}

/// The message with its length corrected, and without the checksum of a body that may have been changed.
fn with_length(head: &str, body: &[u8]) -> Vec<u8> {
    let kept = head.lines().filter(|line| {
        let name = line.split(':').next().unwrap_or_default();
        !name.eq_ignore_ascii_case("content-length") && !name.eq_ignore_ascii_case("x-amz-crc32")
    });
    let text: String = kept.flat_map(|line| [line, "\r\n"]).collect();
    let length = format!("content-length: {}\r\n\r\n", body.len());
    [text.as_bytes(), length.as_bytes(), body].concat()
}
