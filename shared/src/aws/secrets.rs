//! The tenants' secrets, cached for minutes so that a warm function does not read them on every event. A missing secret is
//! cached for seconds.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use serde::Deserialize;

use crate::cache::Cache;
use crate::ids::TenantId;

/// How long a cached secret is used.
const FRESH: Duration = Duration::from_mins(5);
/// A wrong token makes us read the secret again (it may just have been rotated), but not more often than this.
const REFRESH_AT_MOST_EVERY: Duration = Duration::from_secs(15);
/// Most cached secrets.
const MAX_CACHED: usize = 1_000;
/// Most cached ids without a secret. They have a cache of their own, so that a flood of invented ids does not evict any tenant's secret. They
/// are kept as long as a secret after a wrong token, so that timing does not reveal whether an id exists.
const MAX_MISSING: usize = 10_000;

/// One tenant's secret.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantSecret {
    /// The Sienge API user.
    #[serde(default)]
    pub sienge_user: String,
    /// Its password.
    #[serde(default)]
    pub sienge_password: String,
    /// The tokens a webhook may carry; two while one is rotated.
    #[serde(default)]
    pub webhook_tokens: Vec<String>,
}

impl fmt::Debug for TenantSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TenantSecret(..)")
    }
}

/// Why a secret could not be read; reveals nothing of its content.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// There is no such secret.
    #[error("the tenant has no secret: create it with the tenant command")]
    Missing,
    /// It is not the JSON expected.
    #[error(
        "the tenant's secret is not readable: it must be JSON with siengeUser, siengePassword and webhookTokens"
    )]
    Unreadable,
    /// Secrets Manager did not answer.
    #[error("Secrets Manager did not answer: {0}")]
    Unavailable(String),
}

/// Reads tenants' secrets.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// Opens the connection, so that the first secret need not wait for it. A failure is left to that secret.
    async fn connect(&self) {}
    /// The tenant's secret, at most [`FRESH`] old.
    async fn get(&self, tenant: &TenantId) -> Result<Arc<TenantSecret>, SecretError>;
    /// The secret, read again because the cached one did not match; limited in frequency.
    async fn refresh(&self, tenant: &TenantId) -> Result<Arc<TenantSecret>, SecretError>;
}

/// Secrets Manager, with a cache.
#[derive(Debug)]
pub struct SecretsManager {
    client: Client,
    prefix: String,
    cache: Cache<TenantId, Arc<TenantSecret>>,
    missing: Cache<TenantId, ()>,
}

impl SecretsManager {
    /// Reads secrets named `prefix` + tenant.
    #[must_use]
    pub fn new(client: Client, prefix: String) -> Self {
        Self {
            client,
            prefix,
            cache: Cache::new(MAX_CACHED),
            missing: Cache::new(MAX_MISSING),
        }
    }

    async fn younger_than(
        &self,
        tenant: &TenantId,
        age: Duration,
    ) -> Result<Arc<TenantSecret>, SecretError> {
        if let Some(secret) = self.cache.get(tenant, age) {
            return Ok(secret);
        }
        if self.missing.get(tenant, REFRESH_AT_MOST_EVERY).is_some() {
            return Err(SecretError::Missing);
        }
        let answer = self
            .client
            .get_secret_value()
            .secret_id(format!("{}{tenant}", self.prefix))
            .send()
            .await
            .map_err(|error| match error.as_service_error() {
                Some(GetSecretValueError::ResourceNotFoundException(_)) => {
                    self.missing.put(tenant.clone(), ());
                    SecretError::Missing
                }
                _ => SecretError::Unavailable(super::reason(&error)),
            })?;
        let secret: TenantSecret = answer
            .secret_string()
            .and_then(|text| serde_json::from_str(text).ok())
            .ok_or(SecretError::Unreadable)?;
        let secret = Arc::new(secret);
        self.cache.put(tenant.clone(), Arc::clone(&secret));
        Ok(secret)
    }
}

#[async_trait]
impl Secrets for SecretsManager {
    async fn connect(&self) {
        // The prefix alone names no secret: "not found" is answered over an open connection, too.
        let _ = self
            .client
            .get_secret_value()
            .secret_id(&self.prefix)
            .send()
            .await;
    }

    async fn get(&self, tenant: &TenantId) -> Result<Arc<TenantSecret>, SecretError> {
        self.younger_than(tenant, FRESH).await
    }

    async fn refresh(&self, tenant: &TenantId) -> Result<Arc<TenantSecret>, SecretError> {
        self.younger_than(tenant, REFRESH_AT_MOST_EVERY).await
    }
}
