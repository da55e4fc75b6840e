//! The AWS ports besides DynamoDB, each a small trait with its real implementation: the inbox queue, the event bus, the tenants' secrets.

mod bus;
mod inbox;
mod secrets;

pub use bus::{Bus, BusError, BusEvent, EventBridgeBus};
pub use inbox::{Inbox, InboxError, InboxMessage, Requeue, SqsInbox};
pub use secrets::{SecretError, Secrets, SecretsManager, TenantSecret};

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::SharedCredentialsProvider;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

/// The SDK's configuration with time-outs: `operation` bounds a whole call with its retries.
///
/// Region, credentials and endpoints (`AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_SQS`, ...) come only from the environment, where Lambda puts them: the default chain also searches profiles and metadata services, and would be a large part of a small function's binary.
pub fn config(operation: Duration) -> Result<SdkConfig, String> {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(operation.mul_f32(0.6))
        .operation_timeout(operation)
        .build();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(variable("AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(
            EnvironmentVariableCredentialsProvider::new(),
        ))
        .service_config(Environment)
        // Every call has its time-outs and no answer is large: stalled-stream protection would only cost.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(timeouts);
    config.set_endpoint_url(variable("AWS_ENDPOINT_URL").ok());
    Ok(config.build())
}

/// The settings of a single service, under AWS's variable names: `AWS_ENDPOINT_URL_SECRETS_MANAGER`.
#[derive(Debug)]
struct Environment;

impl LoadServiceConfig for Environment {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace(' ', "_");
        variable(&format!("{}_{service}", key.env())).ok()
    }
}

/// A variable of the function's environment; the error names it.
pub fn variable(name: &str) -> Result<String, String> {
    std::env::var(name)
        .ok()
        .filter(|value| !value.is_empty())
        .ok_or_else(|| format!("the environment variable {name} is not set"))
}

/// Why AWS refused, as its error code. Never the answer itself: a secret's answer is the secret.
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
