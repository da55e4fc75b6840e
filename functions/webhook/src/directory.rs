//! Which tenants exist, remembered for a minute so that a warm function costs one put and one message per webhook.

use std::time::Duration;

use ponte::cache::Cache;
use ponte::ids::TenantId;
use ponte::store::{Store, StoreError};

/// How long an answer is remembered.
const FRESH: Duration = Duration::from_mins(1);
/// How many are remembered; only tenants that have a secret are asked for.
const MAX_REMEMBERED: usize = 10_000;

pub(crate) struct Directory {
    active: Cache<TenantId, bool>,
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            active: Cache::new(MAX_REMEMBERED),
        }
    }
}

impl Directory {
    /// Whether the tenant exists and is active.
    pub(crate) async fn knows(&self, store: &Store, tenant: &TenantId) -> Result<bool, StoreError> {
        if let Some(active) = self.active.get(tenant, FRESH) {
            return Ok(active);
        }
        let active = store
            .tenant_settings(tenant)
            .await?
            .is_some_and(|settings| settings.active);
        self.active.put(tenant.clone(), active);
        Ok(active)
    }
}
