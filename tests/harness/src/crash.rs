//! Death at any effect: everything an invocation does to the world outside (a call to DynamoDB or to Sienge, a message, an
//! event, a secret read) is counted in one sequence, and the invocation is struck at one of them, chosen by number.
//!
//! A death is a real one: the invocation's future is dropped where it stands, and its connections lead nowhere from then on.
//! What it had under way at that moment is carried out, as the other side would.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::SignedDuration;
use ponte::aws::{Bus, BusError, BusEvent, Inbox, InboxError, InboxMessage, Requeue, SecretError, Secrets, TenantSecret};
use ponte::flow::Shop;
use ponte::portfolio::TenantId;
use sienge_simulator::world::World;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use webhook::Webhook;

use crate::fakes::{MESSAGES_PER_CALL, Queued};
use crate::rig::{ahead, set_ahead};
use crate::{MemoryBus, MemoryInbox, MemorySecrets, Rig};

/// How an invocation is struck at an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// It dies before the effect happens.
    DiesBefore,
    /// It dies after the effect happened, before it sees the answer.
    DiesAfter,
    /// The effect fails without having happened; the invocation goes on.
    FailsBefore,
    /// The effect happens and its answer is lost; the invocation goes on.
    FailsAfter,
}

/// What becomes of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Happens,
    IsLost,
    LosesItsAnswer,
}

/// The effects of one invocation.
#[derive(Debug)]
pub struct Effects {
    at: usize,
    blow: Blow,
    state: Mutex<State>,
    died: Notify,
    settled: Notify,
}

#[derive(Debug, Default)]
struct State {
    names: Vec<String>,
    under_way: usize,
    dead: bool,
}

/// An effect while it happens.
pub struct Effect<'a> {
    effects: &'a Effects,
    verdict: Verdict,
    fatal: bool,
}

impl Effects {
    /// Strikes at the effect of this number, from 1.
    #[must_use]
    pub fn struck(at: usize, blow: Blow) -> Arc<Self> {
        Arc::new(Self {
            at,
            blow,
            state: Mutex::default(),
            died: Notify::new(),
            settled: Notify::new(),
        })
    }

    /// Only counts.
    #[must_use]
    pub fn counted() -> Arc<Self> {
        Self::struck(usize::MAX, Blow::DiesBefore)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The names of the effects so far.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.state().names.clone()
    }

    /// Whether the blow fell.
    #[must_use]
    pub fn fell(&self) -> bool {
        self.state().names.len() >= self.at
    }

    /// Runs an invocation to its end, or to its death.
    pub async fn run<T>(&self, invocation: impl Future<Output = T>) -> Option<T> {
        let answer = tokio::select! {
            biased;
            () = self.died.notified() => None,
            answer = invocation => Some(answer),
        };
        // Whatever its connections still hold does not reach anybody any more, and what it said after its death nobody heard.
        let died = std::mem::replace(&mut self.state().dead, true);
        while self.state().under_way > 0 {
            self.settled.notified().await;
        }
        answer.filter(|_| !died)
    }

    /// Begins an effect; it ends when the value returned is dropped.
    pub(crate) fn begin(&self, name: &str) -> Effect<'_> {
        let mut state = self.state();
        let (mut verdict, mut fatal) = (Verdict::IsLost, false);
        if !state.dead {
            state.names.push(name.to_owned());
            let struck = state.names.len() == self.at;
            (verdict, fatal) = match self.blow {
                _ if !struck => (Verdict::Happens, false),
                Blow::DiesBefore => (Verdict::IsLost, true),
                Blow::DiesAfter => (Verdict::LosesItsAnswer, true),
                Blow::FailsBefore => (Verdict::IsLost, false),
                Blow::FailsAfter => (Verdict::LosesItsAnswer, false),
            };
        }
        state.under_way += 1;
        Effect {
            effects: self,
            verdict,
            fatal,
        }
    }
}

impl Effect<'_> {
    /// Whether it reaches the other side.
    pub(crate) fn happens(&self) -> bool {
        self.verdict != Verdict::IsLost
    }

    /// Whether its answer comes back.
    pub(crate) fn is_answered(&self) -> bool {
        self.verdict == Verdict::Happens
    }
}

impl Drop for Effect<'_> {
    fn drop(&mut self) {
        let mut state = self.effects.state();
        state.under_way -= 1;
        state.dead |= self.fatal;
        drop(state);
        if self.fatal {
            self.effects.died.notify_one();
        }
        self.effects.settled.notify_one();
    }
}

/// The queue, the bus and the secrets of one invocation, each call an effect.
pub struct Ports {
    /// Where the effects are counted.
    pub effects: Arc<Effects>,
    /// The queue.
    pub inbox: Arc<MemoryInbox>,
    /// The bus.
    pub bus: Arc<MemoryBus>,
    /// The secrets; the invocation is of a cold function, so each tenant's first read is an effect.
    pub secrets: Arc<MemorySecrets>,
    /// The secret that this process has read.
    pub read: Mutex<Option<Arc<TenantSecret>>>,
}

const NO_ANSWER: &str = "no answer";

#[async_trait]
impl Inbox for Ports {
    async fn send(&self, message: &InboxMessage) -> Result<(), InboxError> {
        let effect = self.effects.begin("SendMessage");
        if effect.happens() {
            self.inbox.send(message).await?;
        }
        if effect.is_answered() {
            Ok(())
        } else {
            Err(InboxError(NO_ANSWER.to_owned()))
        }
    }
}

#[async_trait]
impl Requeue for Ports {
    async fn send_many(&self, messages: &[InboxMessage]) -> Result<usize, InboxError> {
        for messages in messages.chunks(MESSAGES_PER_CALL) {
            let effect = self.effects.begin("SendMessageBatch");
            if effect.happens() {
                self.inbox.send_many(messages).await?;
            }
            if !effect.is_answered() {
                return Err(InboxError(NO_ANSWER.to_owned()));
            }
            drop(effect);
            tokio::task::yield_now().await;
        }
        Ok(messages.len())
    }

    async fn redrive(&self) -> Result<usize, InboxError> {
        let dead = self.reach("ReceiveMessage", || self.inbox.receive_dead()).await?;
        if dead.is_empty() {
            return Ok(0);
        }
        self.reach("SendMessageBatch", || self.inbox.revive(&dead)).await?;
        self.reach("DeleteMessageBatch", || self.inbox.delete_dead(dead.len())).await?;
        Ok(dead.len())
    }
}

impl Ports {
    /// One call to SQS that is an effect.
    async fn reach<T>(&self, name: &str, call: impl FnOnce() -> T) -> Result<T, InboxError> {
        let effect = self.effects.begin(name);
        let answer = effect.happens().then(call).filter(|_| effect.is_answered());
        drop(effect);
        tokio::task::yield_now().await;
        answer.ok_or_else(|| InboxError(NO_ANSWER.to_owned()))
    }
}

#[async_trait]
impl Bus for Ports {
    async fn publish(&self, events: &[BusEvent]) -> Result<Vec<bool>, BusError> {
        let mut taken = Vec::new();
        for events in events.chunks(MESSAGES_PER_CALL) {
            let effect = self.effects.begin("PutEvents");
            if effect.happens() {
                taken.extend(self.bus.publish(events).await?);
            }
            if !effect.is_answered() {
                return Err(BusError(NO_ANSWER.to_owned()));
            }
            drop(effect);
            tokio::task::yield_now().await;
        }
        Ok(taken)
    }
}

#[async_trait]
impl Secrets for Ports {
    async fn get(&self, tenant: &TenantId) -> Result<Arc<TenantSecret>, SecretError> {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match read {
            Some(secret) => Ok(secret),
            None => self.refresh(tenant).await,
        }
    }

    async fn refresh(&self, tenant: &TenantId) -> Result<Arc<TenantSecret>, SecretError> {
        let effect = self.effects.begin("GetSecretValue");
        if !effect.is_answered() {
            return Err(SecretError::Unavailable(NO_ANSWER.to_owned()));
        }
        let secret = self.secrets.refresh(tenant).await?;
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&secret));
        Ok(secret)
    }
}

impl Rig {
    /// The adapters of one cold invocation of a function, all its effects counted.
    pub async fn watched_shop(&self, function: &'static str, effects: &Arc<Effects>) -> Shop {
        let ports = self.ports(effects);
        Shop {
            store: self.database.watched_store_of(function, Arc::clone(effects)).await,
            inbox: Arc::clone(&ports) as _,
            bus: Arc::clone(&ports) as _,
            secrets: ports,
            ..self.shop.clone()
        }
    }

    /// A cold `webhook`, all its effects counted.
    pub async fn watched_webhook(&self, effects: &Arc<Effects>) -> Webhook {
        let store = self.database.watched_store_of("webhook", Arc::clone(effects)).await;
        let ports = self.ports(effects);
        Webhook::new(store, Arc::clone(&ports) as _, ports)
    }

    fn ports(&self, effects: &Arc<Effects>) -> Arc<Ports> {
        Arc::new(Ports {
            effects: Arc::clone(effects),
            inbox: Arc::clone(&self.inbox),
            bus: Arc::clone(&self.bus),
            secrets: Arc::clone(&self.secrets),
            read: Mutex::default(),
        })
    }

    /// Everything as it is now, to come back to.
    #[must_use]
    pub fn save(&self) -> Saved {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("ponte-{}-{}.db", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let file = std::env::temp_dir().join(name);
        self.database.save(&file);
        let saved = Saved {
            file,
            world: self.sienge.with_world(|world| world.clone()),
            queue: self.inbox.take(),
            dead: self.inbox.take_dead(),
            events: self.bus.take(),
            ahead: ahead(),
        };
        self.put_messages(&saved);
        saved
    }

    /// Back to what was saved.
    pub fn restore(&self, saved: &Saved) {
        self.database.restore(&saved.file);
        self.sienge.with_world(|world| world.clone_from(&saved.world));
        self.inbox.take();
        self.inbox.take_dead();
        self.bus.take();
        self.put_messages(saved);
        set_ahead(saved.ahead);
    }

    fn put_messages(&self, saved: &Saved) {
        for queued in &saved.queue {
            self.inbox.put(queued.clone());
        }
        for queued in &saved.dead {
            self.inbox.bury(queued.clone());
        }
        self.bus.put(saved.events.iter().cloned());
    }
}

/// The database, Sienge, the queue, the bus and the clock at one moment.
pub struct Saved {
    file: PathBuf,
    world: World,
    queue: Vec<Queued>,
    dead: Vec<Queued>,
    events: Vec<BusEvent>,
    ahead: SignedDuration,
}

impl Drop for Saved {
    fn drop(&mut self) {
        // A file left in the temporary directory is no failure.
        let _ = std::fs::remove_file(&self.file);
    }
}

/// The way to Sienge: a proxy in front of the simulator, each request an effect of whoever is being watched.
#[derive(Debug)]
pub struct Wire {
    /// `http://127.0.0.1:PORT`.
    pub base_url: String,
    watched: Arc<Mutex<Option<Arc<Effects>>>>,
}

impl Wire {
    /// In front of a simulator.
    pub async fn before(base_url: &str) -> Self {
        let upstream = base_url.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let watched = Arc::new(Mutex::new(None::<Arc<Effects>>));
        let watching = Arc::clone(&watched);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, upstream.clone(), Arc::clone(&watching)));
            }
        });
        Self { base_url, watched }
    }

    /// From now on, requests are effects of this invocation, or of none.
    pub fn watch(&self, effects: Option<Arc<Effects>>) {
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner) = effects;
    }
}

/// One request and its answer; the connection ends with it.
async fn pass(mut client: TcpStream, upstream: String, watched: Arc<Mutex<Option<Arc<Effects>>>>) -> Option<()> {
    let request = read_request(&mut client).await?;
    // Head and body: what Sienge is sent is JSON.
    let head = String::from_utf8(request).ok()?;
    let (line, headers) = head.split_once("\r\n")?;
    let effects = watched.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let effect = effects
        .as_ref()
        .map(|effects| effects.begin(line.split(['?', '\r']).next().unwrap_or(line)));
    if effect.as_ref().is_some_and(|effect| !effect.happens()) {
        return refuse(&mut client, effect).await;
    }
    let mut server = TcpStream::connect(upstream).await.ok()?;
    server
        .write_all(format!("{line}\r\nconnection: close\r\n{headers}").as_bytes())
        .await
        .ok()?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await.ok()?;
    if effect.as_ref().is_some_and(|effect| !effect.is_answered()) {
        return refuse(&mut client, effect).await;
    }
    drop(effect);
    client.write_all(&answer).await.ok()
}

/// A request's head and as much of a body as the head promises.
async fn read_request(client: &mut TcpStream) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    loop {
        if client.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
        let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.map_or(Some(0), |text| text.trim().parse().ok())?;
        if request.len() >= end + 4 + length {
            return Some(request);
        }
    }
}

/// An answer that the client does not try again for.
async fn refuse(client: &mut TcpStream, effect: Option<Effect<'_>>) -> Option<()> {
    drop(effect);
    let refusal = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    client.write_all(refusal).await.ok()
}
