//! The queue, the bus and the secrets in memory. The queue keeps what failed for another delivery, as SQS does, and puts it
//! aside after the last one.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use ponte::aws::{
    Bus, BusError, BusEvent, Inbox, InboxError, InboxMessage, Requeue, SecretError, Secrets,
    TenantSecret,
};
use ponte::ids::TenantId;

/// SQS and EventBridge take, and hand out, ten entries a call.
pub(crate) const MESSAGES_PER_CALL: usize = 10;

/// A message in the queue.
#[derive(Debug, Clone)]
pub struct Queued {
    /// Its body, as SQS would hold it.
    pub body: String,
    /// How often it was delivered already.
    pub deliveries: u32,
}

/// The inbox queue.
#[derive(Debug, Default)]
pub struct MemoryInbox {
    queue: Mutex<Vec<Queued>>,
    dead: Mutex<Vec<Queued>>,
    fails: AtomicBool,
}

impl MemoryInbox {
    /// From now on it takes nothing, or takes again.
    pub fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }

    /// Messages waiting.
    pub fn len(&self) -> usize {
        self.queue.lock().unwrap().len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes all messages out.
    pub fn take(&self) -> Vec<Queued> {
        std::mem::take(&mut *self.queue.lock().unwrap())
    }

    /// Puts a message in as it is, readable or not.
    pub fn put(&self, queued: Queued) {
        self.queue.lock().unwrap().push(queued);
    }

    /// Puts a message aside for good: the dead-letter queue.
    pub fn bury(&self, queued: Queued) {
        self.dead.lock().unwrap().push(queued);
    }

    /// Messages in the dead-letter queue.
    pub fn dead(&self) -> usize {
        self.dead.lock().unwrap().len()
    }

    /// Takes all messages out of the dead-letter queue.
    pub fn take_dead(&self) -> Vec<Queued> {
        std::mem::take(&mut *self.dead.lock().unwrap())
    }

    /// The oldest dead letters, as many as one call of SQS hands out; they stay until they are deleted.
    pub(crate) fn receive_dead(&self) -> Vec<Queued> {
        self.dead
            .lock()
            .unwrap()
            .iter()
            .take(MESSAGES_PER_CALL)
            .cloned()
            .collect()
    }

    /// Puts copies of dead letters into the queue, to be delivered as if for the first time.
    pub(crate) fn revive(&self, dead: &[Queued]) {
        for message in dead {
            self.put(Queued {
                deliveries: 0,
                ..message.clone()
            });
        }
    }

    /// Deletes the oldest dead letters: those received last.
    pub(crate) fn delete_dead(&self, count: usize) {
        self.dead.lock().unwrap().drain(..count);
    }

    fn accept(&self, message: &InboxMessage) -> Result<(), InboxError> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(InboxError("out of order".to_owned()));
        }
        let body = serde_json::to_string(message).unwrap();
        self.put(Queued {
            body,
            deliveries: 0,
        });
        Ok(())
    }
}

#[async_trait]
impl Inbox for MemoryInbox {
    async fn send(&self, message: &InboxMessage) -> Result<(), InboxError> {
        self.accept(message)
    }
}

#[async_trait]
impl Requeue for MemoryInbox {
    async fn send_many(&self, messages: &[InboxMessage]) -> Result<usize, InboxError> {
        messages
            .iter()
            .try_for_each(|message| self.accept(message))?;
        Ok(messages.len())
    }

    async fn redrive(&self, _moved: usize) -> Result<usize, InboxError> {
        let dead = self.receive_dead();
        self.revive(&dead);
        self.delete_dead(dead.len());
        Ok(dead.len())
    }
}

/// What the bus does with events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BusMood {
    /// Takes them.
    #[default]
    Takes,
    /// Takes none and says so for each.
    Refuses,
    /// Does not answer.
    Fails,
}

/// The event bus.
#[derive(Debug, Default)]
pub struct MemoryBus {
    events: Mutex<Vec<BusEvent>>,
    mood: Mutex<BusMood>,
}

impl MemoryBus {
    /// How it treats what comes from now on.
    pub fn be(&self, mood: BusMood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// Takes all events out.
    pub fn take(&self) -> Vec<BusEvent> {
        std::mem::take(&mut *self.events.lock().unwrap())
    }

    /// Puts events back.
    pub fn put(&self, events: impl Iterator<Item = BusEvent>) {
        self.events.lock().unwrap().extend(events);
    }
}

#[async_trait]
impl Bus for MemoryBus {
    async fn publish(&self, events: &[BusEvent]) -> Result<Vec<bool>, BusError> {
        let mood = *self.mood.lock().unwrap();
        match mood {
            BusMood::Takes => self.events.lock().unwrap().extend_from_slice(events),
            BusMood::Refuses => {}
            BusMood::Fails => return Err(BusError("out of order".to_owned())),
        }
        Ok(vec![mood == BusMood::Takes; events.len()])
    }
}

/// The tenants' secrets, with the cache of a warm function: [`Secrets::get`] answers what was read first.
#[derive(Default)]
pub struct MemorySecrets {
    stored: Mutex<BTreeMap<TenantId, Arc<TenantSecret>>>,
    remembered: Mutex<BTreeMap<TenantId, Arc<TenantSecret>>>,
    fails: AtomicBool,
    reads: AtomicUsize,
}

impl MemorySecrets {
    /// From now on what is not remembered cannot be read, or can again.
    pub fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }

    /// Deletes a tenant's secret, as a cold function finds it.
    pub fn delete(&self, tenant: &TenantId) {
        self.stored.lock().unwrap().remove(tenant);
        self.remembered.lock().unwrap().remove(tenant);
    }

    /// How often a secret was read, and not remembered.
    pub fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }

    /// Stores a tenant's secret; a warm function goes on with the old one until it reads again.
    pub fn store(&self, tenant: &TenantId, secret: TenantSecret) {
        self.stored
            .lock()
            .unwrap()
            .insert(tenant.clone(), Arc::new(secret));
    }
}

#[async_trait]
impl Secrets for MemorySecrets {
    async fn get(&self, tenant: &TenantId) -> Result<Arc<TenantSecret>, SecretError> {
        let remembered = self.remembered.lock().unwrap().get(tenant).cloned();
        match remembered {
            Some(secret) => Ok(secret),
            None => self.refresh(tenant).await,
        }
    }

    async fn refresh(&self, tenant: &TenantId) -> Result<Arc<TenantSecret>, SecretError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        if self.fails.load(Ordering::SeqCst) {
            return Err(SecretError::Unavailable("out of order".to_owned()));
        }
        let stored = self.stored.lock().unwrap().get(tenant).cloned();
        let secret = stored.ok_or(SecretError::Missing)?;
        self.remembered
            .lock()
            .unwrap()
            .insert(tenant.clone(), Arc::clone(&secret));
        Ok(secret)
    }
}
