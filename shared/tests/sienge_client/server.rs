//! A tiny HTTP server whose answers a closure scripts, and fakes of the client's ports.

use std::fmt::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use ponte::sienge::{
    CallLog, CallRecord, Client, ClientConfig, CredentialSource, Credentials, Lane, Priority,
    Quota, QuotaRefusal, Remaining, Retry, Secret, Timeouts, http_client,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server saw.
#[derive(Debug, Clone)]
pub struct Request {
    pub verb: String,
    /// Path and query, after `/x/public/api`.
    pub target: String,
    pub head: String,
    pub body: String,
}

impl Request {
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    pub fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.target.split_once('?')?;
        query.split('&').find_map(|pair| {
            pair.strip_prefix(name)?
                .strip_prefix('=')
                .map(str::to_owned)
        })
    }
}

/// What the server does.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// Promise this length instead of ending the body by closing.
    length: Option<usize>,
    /// Say nothing for so long first.
    hang: Duration,
    /// Pause in the middle of the body.
    pause: Duration,
}

impl Reply {
    pub fn status(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self {
            status,
            headers: Vec::new(),
            length: Some(body.len()),
            body,
            hang: Duration::ZERO,
            pause: Duration::ZERO,
        }
    }

    pub fn json(body: impl Into<Vec<u8>>) -> Self {
        Self::status(200, body)
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Only the first bytes come, then the connection is closed; the length was not promised.
    pub fn cut_at(mut self, bytes: usize) -> Self {
        self.body.truncate(bytes);
        self.length = None;
        self
    }

    /// Only the first bytes come although all were promised.
    pub fn broken_at(mut self, bytes: usize) -> Self {
        self.length = Some(self.body.len());
        self.body.truncate(bytes);
        self
    }

    pub fn after(mut self, hang: Duration) -> Self {
        self.hang = hang;
        self
    }

    pub fn pausing(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }
}

/// The error body Sienge documents.
pub fn refusal(status: u16) -> Reply {
    let body = format!(
        r#"{{"status":{status},"developerMessage":"Fulana de Tal 52998224725","clientMessage":"x"}}"#
    );
    Reply::status(status, body)
}

type Script = dyn Fn(usize, &Request) -> Reply + Send + Sync;

pub struct Server {
    pub base: String,
    pub seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Starts; the script gets the number of the request (from 0) and the request.
    pub async fn start(script: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/x/public/api", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let script: Arc<Script> = Arc::new(script);
        let requests = seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, script.clone(), requests.clone()));
            }
        });
        Self { base, seen }
    }

    pub fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

async fn answer(
    mut stream: TcpStream,
    script: Arc<Script>,
    seen: Arc<Mutex<Vec<Request>>>,
) -> Option<()> {
    let mut read = Vec::new();
    let end = loop {
        let mut block = [0; 4096];
        let count = stream
            .read(&mut block)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        read.extend_from_slice(&block[..count]);
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8_lossy(&read[..end]).into_owned();
    let length: usize = head
        .lines()
        .find_map(|line| {
            line.to_lowercase()
                .strip_prefix("content-length:")
                .map(|value| value.trim().parse().unwrap())
        })
        .unwrap_or(0);
    while read.len() < end + length {
        let mut block = [0; 4096];
        let count = stream
            .read(&mut block)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        read.extend_from_slice(&block[..count]);
    }
    let mut first = head.lines().next()?.split(' ');
    let request = Request {
        verb: first.next()?.to_owned(),
        target: first.next()?.strip_prefix("/x/public/api")?.to_owned(),
        head: head.clone(),
        body: String::from_utf8_lossy(&read[end..]).into_owned(),
    };
    let number = {
        let mut seen = seen.lock().unwrap();
        seen.push(request.clone());
        seen.len() - 1
    };
    let reply = script(number, &request);
    tokio::time::sleep(reply.hang).await;
    let mut out = format!("HTTP/1.1 {} X\r\nconnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        write!(out, "{name}: {value}\r\n").ok()?;
    }
    if let Some(length) = reply.length {
        write!(out, "content-length: {length}\r\n").ok()?;
    }
    out.push_str("\r\n");
    stream.write_all(out.as_bytes()).await.ok()?;
    let middle = if reply.pause.is_zero() {
        reply.body.len()
    } else {
        reply.body.len() / 2
    };
    stream.write_all(&reply.body[..middle]).await.ok()?;
    stream.flush().await.ok()?;
    tokio::time::sleep(reply.pause).await;
    stream.write_all(&reply.body[middle..]).await.ok()?;
    stream.shutdown().await.ok()
}

/// A quota that grants everything unless told otherwise, and counts.
#[derive(Debug)]
pub struct FakeQuota {
    pub granted: AtomicU32,
    pub refusals: Mutex<Vec<QuotaRefusal>>,
    pub backed_off: Mutex<Vec<(Lane, Duration)>>,
    /// Whether Sienge answered, by call.
    pub answers: Mutex<Vec<bool>>,
    pub priorities: Mutex<Vec<Priority>>,
    pub remaining: Mutex<Remaining>,
}

impl Default for FakeQuota {
    fn default() -> Self {
        Self {
            granted: AtomicU32::new(0),
            refusals: Mutex::default(),
            backed_off: Mutex::default(),
            answers: Mutex::default(),
            priorities: Mutex::default(),
            remaining: Mutex::new(Remaining {
                rest_minute: 200,
                bulk_minute: 20,
                rest_day: 75_000,
                bulk_day: 28_800,
            }),
        }
    }
}

#[async_trait]
impl Quota for FakeQuota {
    async fn acquire(&self, _lane: Lane, priority: Priority) -> Result<(), QuotaRefusal> {
        self.priorities.lock().unwrap().push(priority);
        if let Some(refusal) = self.refusals.lock().unwrap().pop() {
            return Err(refusal);
        }
        self.granted.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn back_off(&self, lane: Lane, wait: Duration) {
        self.backed_off.lock().unwrap().push((lane, wait));
    }

    async fn answered(&self) {
        self.answers.lock().unwrap().push(true);
    }

    async fn unanswered(&self) {
        self.answers.lock().unwrap().push(false);
    }

    async fn remaining(&self) -> Result<Remaining, QuotaRefusal> {
        Ok(*self.remaining.lock().unwrap())
    }
}

#[derive(Debug, Default)]
pub struct FakeLog(pub Mutex<Vec<CallRecord>>);

#[async_trait]
impl CallLog for FakeLog {
    async fn record(&self, call: CallRecord) {
        self.0.lock().unwrap().push(call);
    }
}

/// The robot's, with a password.
pub fn credentials(password: &str) -> Credentials {
    Credentials::new("robo-da-api", &Secret::new(password)).unwrap()
}

/// A server, a client of it, and the fakes behind the client.
pub struct Stage {
    pub server: Server,
    pub client: Client,
    pub quota: Arc<FakeQuota>,
    pub log: Arc<FakeLog>,
}

impl Stage {
    pub async fn with(script: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::impatient(4, script).await
    }

    /// With a number of attempts.
    pub async fn impatient(
        attempts: u32,
        script: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let server = Server::start(script).await;
        let mut config = ClientConfig::new(&server.base, Arc::new(credentials("s3nha-secreta")));
        config.timeouts = Timeouts {
            read: Duration::from_millis(300),
            read_bulk: Duration::from_millis(300),
            ..Timeouts::default()
        };
        config.retry = Retry {
            attempts,
            base: Duration::from_millis(4),
            cap: Duration::from_millis(16),
            rate_limit_wait: Duration::from_millis(30),
        };
        let quota = Arc::new(FakeQuota::default());
        let log = Arc::new(FakeLog::default());
        let http = http_client(config.timeouts).unwrap();
        let client = Client::new(http, &config, quota.clone(), log.clone()).unwrap();
        Self {
            server,
            client,
            quota,
            log,
        }
    }

    /// A client of the same server, with its credentials from elsewhere.
    pub fn client_of(&self, source: Arc<dyn CredentialSource>) -> Client {
        let mut config = ClientConfig::new(&self.server.base, source);
        config.retry.attempts = 4;
        let http = http_client(config.timeouts).unwrap();
        Client::new(http, &config, self.quota.clone(), self.log.clone()).unwrap()
    }

    pub fn granted(&self) -> u32 {
        self.quota.granted.load(Ordering::SeqCst)
    }

    pub fn records(&self) -> Vec<CallRecord> {
        self.log.0.lock().unwrap().clone()
    }
}

/// Until it holds, however long a busy machine takes.
pub async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
