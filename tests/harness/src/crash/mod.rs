//! Death at any effect: everything an invocation does to the world outside (a call to DynamoDB or to Sienge, a message, an
//! event, a secret read) is counted in one sequence, and the invocation is struck at one of them, chosen by number.
//!
//! A death is a real one: the invocation's future is dropped where it stands, and its connections lead nowhere from then on.
//! What it had under way at that moment is carried out, as the other side would.

mod ports;
mod wire;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::SignedDuration;
use ponte::aws::BusEvent;
use ponte::flow::Shop;
use sienge_simulator::world::World;
use tokio::sync::Notify;
use tokio::time::Instant;
use webhook::Webhook;

use crate::Rig;
use crate::fakes::Queued;
use crate::rig::{PLENTY, ahead, delivery, set_ahead};

pub use ports::Ports;
pub use wire::Wire;

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

    /// One delivery of everything in the queue to a cold `apply`, all its effects counted. Answers how many failed, or nothing when it died.
    pub async fn apply_watched(&self, effects: &Arc<Effects>) -> Option<usize> {
        self.fresh_minute().await;
        let shop = self.watched_shop("apply", effects).await;
        let batch = self.inbox.take();
        let invocation = apply::handle(&shop, delivery(&batch), Instant::now() + PLENTY);
        let answer = effects.run(Box::pin(invocation)).await;
        let died = answer.is_none();
        let failed = self.put_back(batch, answer);
        Some(failed).filter(|_| !died)
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
