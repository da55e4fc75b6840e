//! The AWS ports besides DynamoDB, each a tiny trait with its real implementation: the inbox queue, the event bus, the tenants' secrets.

mod bus;
mod inbox;
mod secrets;

pub use bus::{Bus, BusError, BusEvent, EventBridgeBus};
pub use inbox::{Inbox, InboxError, InboxMessage, SqsInbox};
pub use secrets::{SecretError, Secrets, SecretsManager, TenantSecret};

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};

/// The SDK's configuration with time-outs: `operation` bounds a whole call with its retries.
pub async fn config(operation: Duration) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(operation.mul_f32(0.6))
        .operation_timeout(operation)
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts)
        .load()
        .await
}

/// A variable of the function's environment; the error names it.
pub fn variable(name: &str) -> Result<String, String> {
    std::env::var(name)
        .ok()
        .filter(|value| !value.is_empty())
        .ok_or_else(|| format!("the environment variable {name} is not set"))
}

/// Why AWS refused, in its own code. Never the answer itself: a secret's answer is the secret.
fn reason<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    let code = error.as_service_error().and_then(|service| service.code());
    let kind = match error {
        SdkError::TimeoutError(_) => "no answer in time",
        SdkError::DispatchFailure(_) => "no connection",
        SdkError::ResponseError(_) => "an unreadable answer",
        _ => "refused without a reason",
    };
    code.unwrap_or(kind).to_owned()
}
