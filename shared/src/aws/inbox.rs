//! The inbox queue: one small message per stored webhook; the payload stays in the journal.

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use serde::{Deserialize, Serialize};

use crate::ids::TenantId;

/// SQS takes at most ten messages a call.
const BATCH: usize = 10;
/// Longest delay of a message in SQS.
const LONGEST_DELAY_SECONDS: i32 = 900;

/// Points at a stored webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxMessage {
    /// Whose it is.
    pub tenant: TenantId,
    /// The journal key.
    pub key: String,
}

/// The queue did not accept a message. The webhook is stored, so the payments sweep sends it again.
#[derive(Debug, thiserror::Error)]
#[error("the inbox queue did not accept the message: {0}")]
pub struct InboxError(pub String);

/// Sends one message: all that receiving a webhook needs, without more of the SDK.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// Opens the connection, so that the first message need not wait for it. A failure is left to that message.
    async fn connect(&self) {}
    /// Sends one message.
    async fn send(&self, message: &InboxMessage) -> Result<(), InboxError>;
}

/// Puts messages back into the inbox.
#[async_trait]
pub trait Requeue: Send + Sync {
    /// Sends many and returns how many were accepted; the others stay pending in the journal.
    async fn send_many(&self, messages: &[InboxMessage]) -> Result<usize, InboxError>;
    /// Moves a few messages from the dead-letter queue back, each deleted there after it was accepted here; 0 when there is none. After
    /// `moved` others, each is delivered a second later than the one before, so that messages that failed together are not batched again.
    async fn redrive(&self, moved: usize) -> Result<usize, InboxError>;
}

/// The queue on SQS.
#[derive(Debug, Clone)]
pub struct SqsInbox {
    client: Client,
    queue_url: String,
    dead_letters_url: Option<String>,
}

impl SqsInbox {
    /// The queue at an address.
    #[must_use]
    pub fn new(client: Client, queue_url: String) -> Self {
        Self {
            client,
            queue_url,
            dead_letters_url: None,
        }
    }

    /// With its dead-letter queue, for moving messages back.
    #[must_use]
    pub fn with_dead_letters(self, dead_letters_url: Option<String>) -> Self {
        Self {
            dead_letters_url,
            ..self
        }
    }

    async fn send_bodies(&self, bodies: Vec<String>) -> Result<usize, InboxError> {
        let mut request = self.client.send_message_batch().queue_url(&self.queue_url);
        for (index, body) in bodies.into_iter().enumerate() {
            let entry = SendMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .set_message_group_id(group(&body))
                .message_body(body);
            request = request.entries(
                entry
                    .build()
                    .map_err(|error| InboxError(error.to_string()))?,
            );
        }
        let answer = request
            .send()
            .await
            .map_err(|error| InboxError(super::reason(&error)))?;
        Ok(answer.successful().len())
    }
}

/// A fair queue serves the groups (here the tenants) in turn, so that a flood from one does not delay the others.
fn group(body: &str) -> Option<String> {
    let message: InboxMessage = serde_json::from_str(body).ok()?;
    Some(message.tenant.as_str().to_owned())
}

fn body(message: &InboxMessage) -> Result<String, InboxError> {
    serde_json::to_string(message).map_err(|error| InboxError(error.to_string()))
}

#[async_trait]
impl Inbox for SqsInbox {
    async fn connect(&self) {
        let answer = self
            .client
            .get_queue_attributes()
            .queue_url(&self.queue_url)
            .send()
            .await;
        if let Err(error) = answer {
            tracing::warn!(
                reason = super::reason(&error),
                "the queue did not answer at the start"
            );
        }
    }

    async fn send(&self, message: &InboxMessage) -> Result<(), InboxError> {
        let body = body(message)?;
        let send = self.client.send_message().queue_url(&self.queue_url);
        let send = send.set_message_group_id(group(&body)).message_body(body);
        send.send()
            .await
            .map(drop)
            .map_err(|error| InboxError(super::reason(&error)))
    }
}

#[async_trait]
impl Requeue for SqsInbox {
    async fn send_many(&self, messages: &[InboxMessage]) -> Result<usize, InboxError> {
        let mut taken = 0;
        for batch in messages.chunks(BATCH) {
            let bodies = batch.iter().map(body).collect::<Result<_, _>>()?;
            taken += self.send_bodies(bodies).await?;
        }
        Ok(taken)
    }

    async fn redrive(&self, moved: usize) -> Result<usize, InboxError> {
        let dead = self.dead_letters_url.as_deref();
        let dead = dead.ok_or_else(|| {
            InboxError("the function does not know the dead-letter queue".to_owned())
        })?;
        let receive = self
            .client
            .receive_message()
            .queue_url(dead)
            .max_number_of_messages(10)
            .wait_time_seconds(1);
        let answer = receive
            .send()
            .await
            .map_err(|error| InboxError(super::reason(&error)))?;
        let mut taken = 0;
        let mut refused = None;
        for message in answer.messages() {
            let body = message.body().unwrap_or_default();
            let delay = i32::try_from(moved + taken)
                .unwrap_or(LONGEST_DELAY_SECONDS)
                .min(LONGEST_DELAY_SECONDS);
            let send = self
                .client
                .send_message()
                .queue_url(&self.queue_url)
                .delay_seconds(delay);
            let send = send.set_message_group_id(group(body)).message_body(body);
            // If one fails the others still go back; one that could not be deleted goes back twice.
            if let Err(error) = send.send().await {
                refused = Some(InboxError(super::reason(&error)));
                continue;
            }
            let delete = self.client.delete_message().queue_url(dead);
            let delete = delete.set_receipt_handle(message.receipt_handle().map(str::to_owned));
            if let Err(error) = delete.send().await {
                refused = Some(InboxError(super::reason(&error)));
                continue;
            }
            taken += 1;
        }
        match refused {
            Some(error) if taken == 0 => Err(error),
            _ => Ok(taken),
        }
    }
}
