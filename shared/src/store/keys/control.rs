//! Keys of the control table: tenants, settings, API keys, idempotency records, and the state of runs.

use super::{ItemKey, escaped};
use crate::ids::{CreditorId, TenantId};
use crate::sienge::Lane;
use crate::store::packing;

/// Partition of the list of tenants.
pub const TENANTS: &str = "tenants";
/// Prefix of creditors' sort keys.
pub const CREDITOR_PREFIX: &str = "creditor#";

/// An item that is never written.
#[must_use]
pub fn absent() -> ItemKey {
    ItemKey::new("absent", "absent")
}

/// Partition of a tenant's settings, creditors, cursors and leases.
#[must_use]
pub fn tenant_partition(tenant: &TenantId) -> String {
    format!("tenant#{tenant}")
}

/// A tenant's settings.
#[must_use]
pub fn tenant_settings(tenant: &TenantId) -> ItemKey {
    ItemKey::new(tenant_partition(tenant), "settings")
}

/// A tenant's place in the list of tenants.
#[must_use]
pub fn listed_tenant(tenant: &TenantId) -> ItemKey {
    ItemKey::new(TENANTS, tenant.as_str())
}

/// A creditor's settings.
#[must_use]
pub fn creditor(tenant: &TenantId, creditor: CreditorId) -> ItemKey {
    ItemKey::new(
        tenant_partition(tenant),
        format!("{CREDITOR_PREFIX}{:010}", creditor.0),
    )
}

/// A creditor's campaigns.
#[must_use]
pub fn campaigns(tenant: &TenantId, creditor: CreditorId) -> ItemKey {
    ItemKey::new(
        tenant_partition(tenant),
        format!("campaigns#{:010}", creditor.0),
    )
}

/// An API key by its id.
#[must_use]
pub fn api_key(tenant: &TenantId, id: &str) -> ItemKey {
    ItemKey::new(tenant_partition(tenant), format!("api-key#{}", escaped(id)))
}

/// The record of a caller's `Idempotency-Key`. A key that is too long, or has odd characters, is replaced by its hash.
#[must_use]
pub fn idempotency(tenant: &TenantId, key: &str) -> ItemKey {
    let plain = (1..=128).contains(&key.len())
        && key
            .bytes()
            .all(|b| b.is_ascii_graphic() && b != b'#' && b != b'%');
    let name = if plain {
        key.to_owned()
    } else {
        format!("%{}", packing::digest(key.as_bytes()))
    };
    ItemKey::new(format!("tenant#{tenant}#idempotency#{name}"), "head")
}

/// `7` for a creditor, `all` for a task of the whole tenant.
fn whose(creditor: Option<CreditorId>) -> String {
    creditor.map_or_else(|| "all".to_owned(), |id| id.to_string())
}

/// The last success of a task.
#[must_use]
pub fn cursor(tenant: &TenantId, creditor: Option<CreditorId>, task: &str) -> ItemKey {
    ItemKey::new(
        tenant_partition(tenant),
        format!("cursor#{}#{}", whose(creditor), escaped(task)),
    )
}

/// A task's lease.
#[must_use]
pub fn lease(tenant: &TenantId, creditor: Option<CreditorId>, task: &str) -> ItemKey {
    ItemKey::new(
        tenant_partition(tenant),
        format!("lease#{}#{}", whose(creditor), escaped(task)),
    )
}

/// Partition of a task's checkpoint and its parts.
#[must_use]
pub fn checkpoint(tenant: &TenantId, creditor: Option<CreditorId>, task: &str) -> String {
    format!(
        "tenant#{tenant}#checkpoint#{}#{}",
        whose(creditor),
        escaped(task)
    )
}

/// Sort key of a checkpoint's head.
pub const CHECKPOINT_HEAD: &str = "head";

/// Sort key of one part of a checkpoint; `nonce` keeps two writers' parts apart.
#[must_use]
pub fn checkpoint_part(nonce: &str, number: usize) -> String {
    format!("part#{nonce}#{number:04}")
}

/// Partition of the removals that a run stores.
#[must_use]
pub fn removals(tenant: &TenantId, run: &str) -> String {
    format!("tenant#{tenant}#removals#{}", escaped(run))
}

/// One chunk of them.
#[must_use]
pub fn removal_chunk(tenant: &TenantId, run: &str, number: u32) -> ItemKey {
    ItemKey::new(removals(tenant, run), format!("chunk#{number:06}"))
}

/// The quota of one lane of a subdomain.
#[must_use]
pub fn quota(subdomain: &str, lane: Lane) -> ItemKey {
    let lane = match lane {
        Lane::Rest => "rest",
        Lane::Bulk => "bulk",
    };
    ItemKey::new(format!("quota#{}", escaped(subdomain)), lane)
}

/// Whether a subdomain's Sienge answers.
#[must_use]
pub fn silence(subdomain: &str) -> ItemKey {
    ItemKey::new(format!("quota#{}", escaped(subdomain)), "silence")
}

/// The buckets of a tenant's callers at a function's door.
#[must_use]
pub fn buckets(tenant: &TenantId, door: &str) -> ItemKey {
    ItemKey::new(format!("buckets#{tenant}"), door)
}
