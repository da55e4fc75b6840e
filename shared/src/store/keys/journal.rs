//! Keys of the journal: webhooks, calls to Sienge, runs, critiques, and its indexes.

use super::{ItemKey, escaped, instant};
use crate::calendar::{Date, Timestamp};
use crate::ids::{BillId, TenantId};
use crate::store::packing;

/// Sort key of a journal item's head.
pub const JOURNAL_HEAD: &str = "head";

/// A webhook's partition. An id that is too long, or has odd characters, is replaced by its hash.
#[must_use]
pub fn webhook(tenant: &TenantId, id: &str) -> String {
    let plain = id.len() <= 128
        && id
            .bytes()
            .all(|b| b.is_ascii_graphic() && b != b'#' && b != b'%');
    if plain && !id.is_empty() {
        format!("tenant#{tenant}#webhook#{id}")
    } else {
        format!(
            "tenant#{tenant}#webhook#%{}",
            packing::digest(id.as_bytes())
        )
    }
}

/// The tenant of a journal partition.
#[must_use]
pub fn tenant_of_journal(pk: &str) -> Option<TenantId> {
    let (tenant, _) = pk.strip_prefix("tenant#")?.split_once('#')?;
    TenantId::parse(tenant).ok()
}

/// Partition of one call to Sienge; `nonce` makes it unique.
#[must_use]
pub fn call(tenant: &TenantId, at: Timestamp, nonce: u64) -> String {
    format!("tenant#{tenant}#call#{}#{nonce:016x}", instant(at))
}

/// Partition of the runs of one task.
#[must_use]
pub fn runs(tenant: &TenantId, task: &str) -> String {
    format!("tenant#{tenant}#runs#{}", escaped(task))
}

/// One run. Its id begins with the instant it started, so the newest is last.
#[must_use]
pub fn run(tenant: &TenantId, task: &str, id: &str) -> ItemKey {
    ItemKey::new(runs(tenant, task), escaped(id))
}

/// A critique: one per day and content.
#[must_use]
pub fn critique(tenant: &TenantId, day: Date, hash: &str) -> ItemKey {
    ItemKey::new(
        format!("tenant#{tenant}#critique#{day}#{hash}"),
        JOURNAL_HEAD,
    )
}

/// Hash of `by_day`: one kind of journal item of one business day.
#[must_use]
pub fn day_index(tenant: &TenantId, day: Date, kind: &str) -> String {
    format!("tenant#{tenant}#day#{day}#{kind}")
}

/// Hash of `by_bill`.
#[must_use]
pub fn bill_index(tenant: &TenantId, bill: BillId) -> String {
    format!("tenant#{tenant}#bill#{bill}")
}

/// Hash of `by_bill` for webhooks that were given up without a bill.
#[must_use]
pub fn no_bill_index(tenant: &TenantId) -> String {
    format!("tenant#{tenant}#bill#none")
}

/// Hash of `pending` for the webhooks of a tenant waiting to be processed.
#[must_use]
pub fn pending(tenant: &TenantId) -> String {
    format!("tenant#{tenant}#pending")
}

/// Hash of `pending` for the webhooks of a tenant that matched nothing yet.
#[must_use]
pub fn unmatched(tenant: &TenantId) -> String {
    format!("tenant#{tenant}#unmatched")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant() -> TenantId {
        TenantId::parse("617").unwrap()
    }

    #[test]
    fn a_strange_webhook_id_still_makes_a_short_key() {
        let long = "x".repeat(5000);
        for id in ["", "a#b", "tab\there", long.as_str()] {
            let key = webhook(&tenant(), id);
            assert!(key.len() < 200);
            assert_eq!(tenant_of_journal(&key), Some(tenant()));
        }
        assert_ne!(webhook(&tenant(), "a#b"), webhook(&tenant(), "a#c"));
    }
}
