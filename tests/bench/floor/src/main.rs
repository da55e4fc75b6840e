//! The floor under `webhook`: takes an event and, without reading it, makes the same two AWS calls with content of the same size.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde::de::IgnoredAny;

struct Floor {
    database: aws_sdk_dynamodb::Client,
    queue: aws_sdk_sqs::Client,
    table: String,
    queue_url: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config: SdkConfig = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .load()
        .await;
    let floor = Floor {
        database: aws_sdk_dynamodb::Client::new(&config),
        queue: aws_sdk_sqs::Client::new(&config),
        table: std::env::var("JOURNAL_TABLE")?,
        queue_url: std::env::var("INBOX_QUEUE_URL")?,
    };
    let floor = &floor;
    run(service_fn(
        move |event: LambdaEvent<IgnoredAny>| async move {
            floor.put_and_send(&event.context.request_id).await
        },
    ))
    .await
}

impl Floor {
    async fn put_and_send(&self, id: &str) -> Result<&'static str, Error> {
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)?
            .as_millis()
            .to_string();
        let key = format!("tenant#617#webhook#{id}");
        let put = self
            .database
            .put_item()
            .table_name(&self.table)
            .condition_expression("attribute_not_exists(pk)")
            .item("pk", text(&key))
            .item("sk", text("head"))
            .item("kind", text("webhook"))
            .item("state", text("pending"))
            .item("at", text(&now))
            .item("listed_day", text("tenant#617#day#2026-11-20#webhook"))
            .item("listed_bill", text("tenant#617#bill#10001"))
            .item("pending_shard", text("tenant#617#pending"))
            .item("summary", text("SiengePagamentos: RECEIPT_PROCESSED"))
            .item("receiver", text("SiengePagamentos"))
            .item("event", text("RECEIPT_PROCESSED"))
            .item("webhook_id", text(id))
            .item(
                "headers",
                AttributeValue::M(
                    [(
                        "x-sienge-hook-id".to_owned(),
                        text("5f0c1a2e-0000-4000-8000-000000000001"),
                    )]
                    .into(),
                ),
            )
            .item("bill", AttributeValue::N("10001".to_owned()))
            .item("body_bytes", AttributeValue::N("39".to_owned()))
            .item("body_encoding", text("plain"))
            .item(
                "body_hash",
                text("0000000000000000000000000000000000000000000"),
            )
            .item(
                "body",
                AttributeValue::B(Blob::new(br#"{"billId": 10001, "installmentId": 29}"#)),
            );
        put.send().await?;
        let message = format!(r#"{{"tenant":"617","key":"{key}"}}"#);
        self.queue
            .send_message()
            .queue_url(&self.queue_url)
            .message_body(message)
            .send()
            .await?;
        Ok("ok")
    }
}
