//! The bootstrap of `webhook`: wires the adapters and nothing else.

use std::sync::Arc;
use std::time::Duration;

use lambda_http::lambda_runtime::run;
use lambda_http::{Error, LambdaEvent, service_fn};
use ponte::aws::{self, SecretsManager, SqsInbox};
use ponte::store::{self, Store, Tables};
use serde_json::value::RawValue;
use webhook::{Webhook, http};

/// Sienge waits 2.5 seconds for the answer; every AWS call together with its retries must fit well within.
const AWS_CALL: Duration = Duration::from_secs(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    ponte::telemetry::init();
    let config = aws::config(AWS_CALL)?;
    let webhook = Webhook::new(
        Store::new(store::client(&config, AWS_CALL), Tables::from_env()?),
        Arc::new(SqsInbox::new(
            aws_sdk_sqs::Client::new(&config),
            aws::variable("INBOX_QUEUE_URL")?,
        )),
        Arc::new(SecretsManager::new(
            aws_sdk_secretsmanager::Client::new(&config),
            aws::variable("TENANT_SECRET_PREFIX")?,
        )),
    );
    // Without TLS, as on the local stack, there is nothing to gain.
    if config
        .endpoint_url()
        .is_none_or(|url| url.starts_with("https"))
    {
        webhook.connect().await;
    }
    let webhook = &webhook;
    run(service_fn(
        move |event: LambdaEvent<Box<RawValue>>| async move {
            http::invoke(webhook, &event.payload).await
        },
    ))
    .await
}
