//! The inbox queue: one small message per stored webhook; the payload stays in the journal.

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use serde::{Deserialize, Serialize};

use crate::portfolio::TenantId;

/// SQS takes at most ten messages a call.
const BATCH: usize = 10;

/// Points at a stored webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxMessage {
    /// Whose it is.
    pub tenant: TenantId,
    /// The journal key.
    pub key: String,
}

/// The queue did not take a message. The webhook is stored, so the payments sweep sends it again.
#[derive(Debug, thiserror::Error)]
#[error("the inbox queue did not take the message: {0}")]
pub struct InboxError(pub String);

/// Sends messages to the inbox.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// Sends one message.
    async fn send(&self, message: &InboxMessage) -> Result<(), InboxError>;
    /// Sends many and says how many were taken; those not taken stay pending in the journal.
    async fn send_many(&self, messages: &[InboxMessage]) -> Result<usize, InboxError>;
}

/// The queue on SQS.
#[derive(Debug, Clone)]
pub struct SqsInbox {
    client: Client,
    queue_url: String,
}

impl SqsInbox {
    /// The queue at an address.
    #[must_use]
    pub fn new(client: Client, queue_url: String) -> Self {
        Self { client, queue_url }
    }
}

fn body(message: &InboxMessage) -> Result<String, InboxError> {
    serde_json::to_string(message).map_err(|error| InboxError(error.to_string()))
}

#[async_trait]
impl Inbox for SqsInbox {
    async fn send(&self, message: &InboxMessage) -> Result<(), InboxError> {
        let send = self.client.send_message().queue_url(&self.queue_url).message_body(body(message)?);
        send.send().await.map(drop).map_err(|error| InboxError(super::reason(&error)))
    }

    async fn send_many(&self, messages: &[InboxMessage]) -> Result<usize, InboxError> {
        let mut taken = 0;
        for batch in messages.chunks(BATCH) {
            let mut request = self.client.send_message_batch().queue_url(&self.queue_url);
            for (index, message) in batch.iter().enumerate() {
                let entry = SendMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .message_body(body(message)?);
                request = request.entries(entry.build().map_err(|error| InboxError(error.to_string()))?);
            }
            let answer = request.send().await.map_err(|error| InboxError(super::reason(&error)))?;
            taken += answer.successful().len();
        }
        Ok(taken)
    }
}
