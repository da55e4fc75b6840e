//! Death at any effect: everything an invocation does to the world outside (a call to DynamoDB or to Sienge, a message, an
//! event, a secret read) is counted in one sequence, and the invocation is struck at one of them, chosen by number.
//!
//! A death is a real one: the invocation's future is dropped where it stands, and its connections lead nowhere from then on.
//! What it had under way at that moment is carried out, as the other side would.

mod effects;
mod ports;
mod wire;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use ponte::aws::BusEvent;
use ponte::flow::Adapters;
use sienge_simulator::world::World;
use tokio::time::Instant;
use webhook::Webhook;

use crate::Rig;
use crate::fakes::Queued;
use crate::rig::{PLENTY, ahead, delivery, set_ahead};

pub use effects::{Blow, Effect, Effects};
pub use ports::Ports;
pub use wire::Wire;

impl Rig {
    /// The adapters of one cold invocation of a function, all its effects counted.
    pub async fn watched_adapters(
        &self,
        function: &'static str,
        effects: &Arc<Effects>,
    ) -> Adapters {
        let ports = self.ports(effects);
        Adapters {
            store: self
                .database
                .watched_store_of(function, Arc::clone(effects))
                .await,
            inbox: Arc::clone(&ports) as _,
            bus: Arc::clone(&ports) as _,
            secrets: ports,
            ..self.adapters.clone()
        }
    }

    /// One delivery of everything in the queue to a cold `apply`, all its effects counted. Answers how many failed, or nothing when it died.
    pub async fn apply_watched(&self, effects: &Arc<Effects>) -> Option<usize> {
        self.fresh_minute().await;
        let adapters = self.watched_adapters("apply", effects).await;
        let batch = self.inbox.take();
        let invocation = apply::handle(&adapters, delivery(&batch), Instant::now() + PLENTY);
        let answer = effects.run(Box::pin(invocation)).await;
        let died = answer.is_none();
        let failed = self.put_back(batch, answer);
        Some(failed).filter(|_| !died)
    }

    /// A cold `webhook`, all its effects counted.
    pub async fn watched_webhook(&self, effects: &Arc<Effects>) -> Webhook {
        let store = self
            .database
            .watched_store_of("webhook", Arc::clone(effects))
            .await;
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
        let name = format!(
            "ponte-{}-{}.db",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
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
        self.sienge
            .with_world(|world| world.clone_from(&saved.world));
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
