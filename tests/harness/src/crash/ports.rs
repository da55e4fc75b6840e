//! The queue, the bus and the secrets, each call an effect.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use ponte::aws::{
    Bus, BusError, BusEvent, Inbox, InboxError, InboxMessage, Requeue, SecretError, Secrets,
    TenantSecret,
};
use ponte::ids::TenantId;

use super::Effects;
use crate::fakes::MESSAGES_PER_CALL;
use crate::{MemoryBus, MemoryInbox, MemorySecrets};

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

    async fn redrive(&self, _moved: usize) -> Result<usize, InboxError> {
        let dead = self
            .reach("ReceiveMessage", || self.inbox.receive_dead())
            .await?;
        for message in &dead {
            self.reach("SendMessage", || {
                self.inbox.revive(std::slice::from_ref(message));
            })
            .await?;
            self.reach("DeleteMessage", || self.inbox.delete_dead(1))
                .await?;
        }
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
        let read = self
            .read
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
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
