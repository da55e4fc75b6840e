//! Which tenants exist and how many webhooks each may send, cached for a minute so that a warm function needs one put and one message per webhook.

use std::time::Duration;

use ponte::cache::Cache;
use ponte::ids::TenantId;
use ponte::settings::CallerLimits;
use ponte::store::{Store, StoreError};

/// How long an answer is cached.
const FRESH: Duration = Duration::from_mins(1);
/// How many are cached; only tenants with a secret are looked up.
const MAX_REMEMBERED: usize = 10_000;

pub(crate) struct Directory {
    active: Cache<TenantId, Option<CallerLimits>>,
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            active: Cache::new(MAX_REMEMBERED),
        }
    }
}

impl Directory {
    /// The limits of the tenant, if it exists and is active.
    pub(crate) async fn knows(
        &self,
        store: &Store,
        tenant: &TenantId,
    ) -> Result<Option<CallerLimits>, StoreError> {
        if let Some(active) = self.active.get(tenant, FRESH) {
            return Ok(active);
        }
        let active = store
            .tenant_settings(tenant)
            .await?
            .filter(|settings| settings.active)
            .map(|settings| settings.limits);
        self.active.put(tenant.clone(), active);
        Ok(active)
    }
}
