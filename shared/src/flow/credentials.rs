//! Who a tenant is at Sienge, by its secret.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::OnceCell;

use super::FlowError;
use crate::aws::{Secrets, TenantSecret};
use crate::ids::TenantId;
use crate::sienge::{CredentialSource, Credentials, Secret, SiengeError};

/// The credentials in a tenant's secret. What is in memory may be older than a password that was just corrected: when Sienge refuses it, the
/// secret is read again, once in an invocation, and by [`Secrets`] no more often than it allows for the tenant.
pub(super) struct SecretCredentials {
    tenant: TenantId,
    secrets: Arc<dyn Secrets>,
    remembered: Credentials,
    read_again: OnceCell<Credentials>,
}

impl SecretCredentials {
    pub async fn of(tenant: &TenantId, secrets: &Arc<dyn Secrets>) -> Result<Self, FlowError> {
        let secret = secrets.get(tenant).await?;
        Ok(Self {
            tenant: tenant.clone(),
            secrets: Arc::clone(secrets),
            remembered: credentials(&secret)?,
            read_again: OnceCell::new(),
        })
    }

    async fn read_again(&self) -> Result<Credentials, FlowError> {
        let secret = self.secrets.refresh(&self.tenant).await?;
        Ok(credentials(&secret)?)
    }
}

#[async_trait]
impl CredentialSource for SecretCredentials {
    fn current(&self) -> Credentials {
        self.read_again.get().unwrap_or(&self.remembered).clone()
    }

    async fn refreshed(&self) -> Credentials {
        let read_again = async || match self.read_again().await {
            Ok(credentials) => credentials,
            Err(error) => {
                tracing::warn!(tenant = %self.tenant, %error, "Sienge refused the password, and the secret could not be read again");
                self.remembered.clone()
            }
        };
        self.read_again.get_or_init(read_again).await.clone()
    }
}

fn credentials(secret: &TenantSecret) -> Result<Credentials, SiengeError> {
    let password = Secret::new(secret.sienge_password.as_str());
    Credentials::new(&secret.sienge_user, &password)
}
