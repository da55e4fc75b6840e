//! The adapters of a function, wired once per process from its environment.

use std::sync::Arc;
use std::time::Duration;

use super::FlowError;
use crate::aws::{self, Bus, EventBridgeBus, Requeue, Secrets, SecretsManager, SqsInbox};
use crate::calendar::Timestamp;
use crate::sienge::{Timeouts, http_client};
use crate::store::{self, Store, Tables};

/// Time for one AWS call, including its retries.
const AWS_CALL: Duration = Duration::from_secs(10);

/// The adapters.
#[derive(Clone)]
pub struct Adapters {
    /// DynamoDB.
    pub store: Store,
    /// The tenants' secrets.
    pub secrets: Arc<dyn Secrets>,
    /// The event bus.
    pub bus: Arc<dyn Bus>,
    /// Puts messages back into the inbox queue.
    pub inbox: Arc<dyn Requeue>,
    /// HTTP for Sienge, with its connection pool.
    pub http: reqwest::Client,
    /// Time-outs for Sienge.
    pub timeouts: Timeouts,
    /// The clock.
    pub clock: fn() -> Timestamp,
}

impl Adapters {
    /// Wires the real adapters. A missing variable is an error that names it.
    pub fn from_env() -> Result<Self, FlowError> {
        let config = aws::config(AWS_CALL).map_err(FlowError::NotConfigured)?;
        let variable = |name| aws::variable(name).map_err(FlowError::NotConfigured);
        let inbox = SqsInbox::new(
            aws_sdk_sqs::Client::new(&config),
            variable("INBOX_QUEUE_URL")?,
        )
        // Only the function that moves dead letters back has their queue's address.
        .with_dead_letters(aws::variable("INBOX_DEAD_LETTERS_URL").ok());
        let bus = EventBridgeBus::new(
            aws_sdk_eventbridge::Client::new(&config),
            variable("EVENT_BUS_NAME")?,
        );
        let secrets = SecretsManager::new(
            aws_sdk_secretsmanager::Client::new(&config),
            variable("TENANT_SECRET_PREFIX")?,
        );
        let tables = Tables::from_env().map_err(FlowError::NotConfigured)?;
        let timeouts = Timeouts::default();
        Ok(Self {
            store: Store::new(store::client(&config, AWS_CALL), tables),
            secrets: Arc::new(secrets),
            bus: Arc::new(bus),
            inbox: Arc::new(inbox),
            http: http_client(timeouts)?,
            timeouts,
            clock: Timestamp::now,
        })
    }

    /// The same with other time-outs for Sienge.
    pub fn with_timeouts(self, timeouts: Timeouts) -> Result<Self, FlowError> {
        Ok(Self {
            http: http_client(timeouts)?,
            timeouts,
            ..self
        })
    }
}
