//! `apply`: stored webhooks take effect, grouped so that each bill is read once however many webhooks name it.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::Instant;

use super::tenant_batch::{Delivered, TenantBatch, give_up};
use super::{Adapters, FlowError, Session};
use crate::ids::TenantId;
use crate::sienge::Timeouts;

/// Of what runs, `apply` alone has its few executions for all tenants: one that waits for a tenant's Sienge is one that the others wait for.
pub const APPLY_TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(3),
    read: Duration::from_secs(15),
    read_bulk: Duration::from_secs(25),
    total: Duration::from_mins(1),
};

/// Applies a batch and returns the ids of the messages that failed. An error of one tenant or bill fails only its own messages.
pub async fn apply_webhooks(
    adapters: &Adapters,
    batch: Vec<Delivered>,
    deadline: Instant,
) -> Vec<String> {
    let mut by_tenant: BTreeMap<TenantId, Vec<Delivered>> = BTreeMap::new();
    for delivered in batch {
        by_tenant
            .entry(delivered.message.tenant.clone())
            .or_default()
            .push(delivered);
    }
    // Concurrently, so that one tenant's slow Sienge does not use up the others' time.
    let all = by_tenant
        .into_iter()
        .map(|(tenant, messages)| apply_for(adapters, tenant, messages, deadline));
    join_all(all).await.into_iter().flatten().collect()
}

async fn apply_for(
    adapters: &Adapters,
    tenant: TenantId,
    messages: Vec<Delivered>,
    deadline: Instant,
) -> Vec<String> {
    match apply_tenant(adapters, &tenant, &messages, deadline).await {
        Ok(failed) => failed,
        Err(error) => {
            tracing::error!(%tenant, %error, messages = messages.len(), "webhooks not applied; they will be tried again");
            if error.is_lasting() {
                let messages = messages.iter().map(|delivered| (delivered, None));
                let now = (adapters.clock)();
                give_up(&adapters.store, &tenant, messages, &error.to_string(), now).await;
            }
            messages
                .into_iter()
                .map(|delivered| delivered.message_id)
                .collect()
        }
    }
}

async fn apply_tenant(
    adapters: &Adapters,
    tenant: &TenantId,
    messages: &[Delivered],
    deadline: Instant,
) -> Result<Vec<String>, FlowError> {
    let now = (adapters.clock)();
    let batch = TenantBatch::load(tenant, &adapters.store, messages, now).await?;
    if batch.is_empty() {
        return Ok(batch.into_failed());
    }
    let session = Session::open(adapters, tenant, false, deadline).await?;
    let failed = batch.apply(&session.sync).await;
    session.close().await;
    failed
}
