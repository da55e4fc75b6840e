//! Key builders: the only place where keys are spelled.
//!
//! Parts of a key are joined with `#`. Ids are numbers, dates or [`TenantId`](crate::ids::TenantId)s, which contain no `#`; every other text is
//! escaped ([`escaped`]), so that two different things never share a key and a key can be parsed back.

mod agreements;
mod audit;
mod control;
mod journal;
mod portfolio;

use crate::calendar::Timestamp;

pub use agreements::*;
pub use audit::*;
pub use control::*;
pub use journal::*;
pub use portfolio::*;

/// Names of the global secondary indexes.
pub mod index {
    /// Customers by CPF or CNPJ.
    pub const BY_DOCUMENT: &str = "by_document";
    /// Contracts by customer.
    pub const BY_CUSTOMER: &str = "by_customer";
    /// Open installments of a creditor by due date.
    pub const OPEN_INSTALLMENTS: &str = "open_installments";
    /// Timeline events not published yet.
    pub const OUTBOX: &str = "outbox";
    /// Journal items of a tenant by kind and business day.
    pub const BY_DAY: &str = "by_day";
    /// Journal items of a bill.
    pub const BY_BILL: &str = "by_bill";
    /// Webhooks waiting to be processed or matched.
    pub const PENDING: &str = "pending";
    /// Audit lines by who acted.
    pub const BY_ACTOR: &str = "by_actor";
    /// Audit lines by what was acted on.
    pub const BY_OBJECT: &str = "by_object";
}

/// Names of the key attributes.
pub mod attribute {
    /// Partition key of every table.
    pub const PK: &str = "pk";
    /// Sort key of every table.
    pub const SK: &str = "sk";
    /// Hash of `by_document`.
    pub const DOCUMENT_KEY: &str = "document_key";
    /// Hash of `by_customer`.
    pub const CUSTOMER_KEY: &str = "customer_key";
    /// Hash of `open_installments`.
    pub const OPEN_SHARD: &str = "open_shard";
    /// Range of `open_installments`.
    pub const OPEN_KEY: &str = "open_key";
    /// Hash of `outbox`.
    pub const OUTBOX_SHARD: &str = "outbox_shard";
    /// Range of `outbox`.
    pub const OUTBOX_AT: &str = "outbox_at";
    /// Hash of `by_day`.
    pub const DAY_KEY: &str = "day_key";
    /// Hash of `by_bill`.
    pub const BILL_KEY: &str = "bill_key";
    /// Hash of `pending`.
    pub const PENDING_SHARD: &str = "pending_shard";
    /// Hash of `by_actor`.
    pub const ACTOR_KEY: &str = "actor_key";
    /// Hash of `by_object`.
    pub const OBJECT_KEY: &str = "object_key";
    /// Range of the journal's indexes: an instant as [`super::instant`] writes it.
    pub const AT: &str = "at";
    /// When DynamoDB may delete the item, in seconds since 1970.
    pub const EXPIRES_AT: &str = "expires_at";
}

/// A primary key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemKey {
    /// Partition.
    pub pk: String,
    /// Place in the partition.
    pub sk: String,
}

impl ItemKey {
    fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self {
            pk: pk.into(),
            sk: sk.into(),
        }
    }
}

/// An instant as text that sorts by time: UTC with milliseconds.
#[must_use]
pub fn instant(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// A text in a form that is safe in a key: `%` and `#` become `%25` and `%23`.
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('#', "%23")
}

fn unescaped(text: &str) -> String {
    text.replace("%23", "#").replace("%25", "%")
}

/// Spreads ids evenly over `count` shards, consecutive ones too.
fn shard(id: i64, count: u8) -> u8 {
    let mixed = id.cast_unsigned().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    u8::try_from(mixed % u64::from(count)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_bills_spread_over_all_shards() {
        let mut seen = [0; OPEN_SHARDS as usize];
        for bill in 0..8000 {
            seen[usize::from(shard(bill, OPEN_SHARDS))] += 1;
        }
        assert!(
            seen.iter().all(|count| (800..1200).contains(count)),
            "{seen:?}"
        );
    }

    #[test]
    fn instants_sort_as_text() {
        let early: Timestamp = "2026-11-22T08:03:00Z".parse().unwrap();
        let late: Timestamp = "2026-11-22T08:03:00.0999Z".parse().unwrap();
        assert_eq!(instant(early), "2026-11-22T08:03:00.000Z");
        assert!(instant(early) < instant(late));
    }
}
