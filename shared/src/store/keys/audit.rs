//! Keys of the audit table: lines by tenant, by actor and by object, and how the acts ended.

use super::{ItemKey, escaped, instant};
use crate::calendar::Timestamp;
use crate::ids::TenantId;

/// Where everything of a tenant begins; what concerns all tenants has a place of its own.
fn whose(tenant: Option<&TenantId>) -> String {
    tenant.map_or_else(|| "stack".to_owned(), |tenant| format!("tenant#{tenant}"))
}

/// The id of one act. Ids sort by time; `nonce` makes them unique.
#[must_use]
pub fn audit_act(at: Timestamp, nonce: u64) -> String {
    format!("{}-{nonce:016x}", instant(at))
}

/// The act of a line's id.
#[must_use]
pub fn act_of_audit_line(line: &str) -> &str {
    line.rsplit_once('-').map_or(line, |(act, _)| act)
}

/// Partition of a tenant's audit lines.
#[must_use]
pub fn audit(tenant: Option<&TenantId>) -> String {
    whose(tenant)
}

/// One line of an act, which has one for each object.
#[must_use]
pub fn audit_line(tenant: Option<&TenantId>, act: &str, number: usize) -> ItemKey {
    ItemKey::new(whose(tenant), format!("{act}-{number:03}"))
}

/// How an act ended.
#[must_use]
pub fn audit_outcome(tenant: Option<&TenantId>, act: &str) -> ItemKey {
    ItemKey::new(format!("{}#outcomes", whose(tenant)), act)
}

/// Hash of `by_actor`.
#[must_use]
pub fn audit_actor_index(tenant: Option<&TenantId>, actor: &str) -> String {
    format!("{}#actor#{}", whose(tenant), escaped(actor))
}

/// Hash of `by_object`.
#[must_use]
pub fn audit_object_index(tenant: Option<&TenantId>, object: &str) -> String {
    format!("{}#object#{}", whose(tenant), escaped(object))
}
