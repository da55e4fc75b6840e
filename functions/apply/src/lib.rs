//! `apply`: batches from the inbox queue, answered with the messages that failed.
//!
//! Bodies are decoded one by one: an unreadable one fails alone, goes to the dead-letter queue after its deliveries,
//! and delays nothing.

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use ponte::aws::InboxMessage;
use ponte::flow::{Adapters, Delivered, Refusal, apply_webhooks};
use ponte::store::JournalKey;
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

/// What the function answers.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Reply {
    /// To the queue: the messages that failed.
    Batch(SqsBatchResponse),
    /// To an operator: nothing was done.
    Refused(Refusal),
}

/// Answers any event. An unreadable batch is an error, so that the queue keeps it.
pub async fn answer(
    adapters: &Adapters,
    event: Value,
    deadline: Instant,
) -> Result<Reply, &'static str> {
    if event.get("Records").is_none() {
        let refusal = Refusal::new(
            "evento inválido: falta \"Records\", as mensagens da fila de entrada, que a função apply recebe sozinha. \
             Para processar um webhook de novo, invoque a função payments. Exemplo: {\"tenant\": \"617\", \"webhook\": \"0b0c6c1e-2f57-4c1a-9f0e-000000000001\"}",
        );
        tracing::warn!(
            function = "apply",
            "command refused, nothing was done: {refusal}"
        );
        return Ok(Reply::Refused(refusal));
    }
    let batch = serde_json::from_value(event).map_err(|_| "lote da fila de entrada ilegível")?;
    Ok(Reply::Batch(handle(adapters, batch, deadline).await))
}

/// Applies a batch. The answer names the failed messages, so that the queue delivers only these again.
pub async fn handle(adapters: &Adapters, event: SqsEvent, deadline: Instant) -> SqsBatchResponse {
    let mut batch = Vec::with_capacity(event.records.len());
    let mut failed = Vec::new();
    for message in event.records {
        let message_id = message.message_id.clone().unwrap_or_default();
        match decode(&message) {
            Ok(decoded) => batch.push(Delivered {
                message_id,
                message: decoded,
                deliveries: deliveries(&message),
            }),
            Err(error) => {
                tracing::error!(message_id, %error, "inbox message unreadable; it will go to the dead-letter queue");
                failed.push(message_id);
            }
        }
    }
    failed.extend(apply_webhooks(adapters, batch, deadline).await);
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failed
        .into_iter()
        .map(|id| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            failure
        })
        .collect();
    response
}

fn decode(message: &SqsMessage) -> Result<InboxMessage, String> {
    let decoded: InboxMessage = serde_json::from_str(message.body.as_deref().unwrap_or_default())
        .map_err(|error| error.to_string())?;
    if JournalKey(decoded.key.clone()).tenant().as_ref() != Some(&decoded.tenant) {
        return Err("its key is no webhook of its tenant".to_owned());
    }
    Ok(decoded)
}

fn deliveries(message: &SqsMessage) -> u32 {
    message
        .attributes
        .get("ApproximateReceiveCount")
        .and_then(|count| count.parse().ok())
        .unwrap_or(1)
}
