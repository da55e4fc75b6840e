//! Which tenants exist, remembered for a minute so that a warm function costs one put and one message per webhook.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use ponte::ids::TenantId;
use ponte::store::{Store, StoreError};
use tokio::sync::Mutex;

/// How long an answer is remembered.
const FRESH: Duration = Duration::from_mins(1);
/// How many are remembered: a flood of invented ids must not fill the memory.
const MAX_REMEMBERED: usize = 10_000;

#[derive(Default)]
pub(crate) struct Directory {
    known: Mutex<HashMap<TenantId, (Instant, bool)>>,
}

impl Directory {
    /// Whether the tenant exists and is active.
    pub(crate) async fn knows(&self, store: &Store, tenant: &TenantId) -> Result<bool, StoreError> {
        if let Some((read_at, active)) = self.known.lock().await.get(tenant)
            && read_at.elapsed() < FRESH
        {
            return Ok(*active);
        }
        let active = store.tenant_settings(tenant).await?.is_some_and(|settings| settings.active);
        let mut known = self.known.lock().await;
        if known.len() >= MAX_REMEMBERED {
            known.clear();
        }
        known.insert(tenant.clone(), (Instant::now(), active));
        Ok(active)
    }
}
