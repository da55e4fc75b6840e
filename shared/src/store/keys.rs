//! Key builders: the only place that knows how a key is spelled.
//!
//! Parts of a key are joined with `#`. Ids are numbers, dates or [`TenantId`]s, which hold no `#`; every other text is
//! escaped ([`escaped`]), so that two different things never share a key and a key can be read back.

use crate::calendar::{Date, Timestamp};
use crate::portfolio::{
    AgreementId, BillId, ContractKey, CreditorId, CustomerId, DocumentType, EnterpriseId, InstallmentId, StateName, TenantId,
    TimelineEvent, UnitId,
};
use crate::sienge::Lane;

/// Shards of the open-installments index of one creditor.
pub const OPEN_SHARDS: u8 = 8;
/// Shards of the outbox index, all tenants together.
pub const OUTBOX_SHARDS: u8 = 4;
/// Shards of the pending index, all tenants together.
pub const PENDING_SHARDS: u8 = 4;

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

/// A text in a form that can stand in a key: `%` and `#` become `%25` and `%23`.
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

fn text_shard(text: &str, count: u8) -> u8 {
    let sum = text
        .bytes()
        .fold(0_i64, |sum, byte| sum.wrapping_mul(31).wrapping_add(i64::from(byte)));
    shard(sum, count)
}

// --- portfolio: a bill's partition ---------------------------------------------------------------------------------

/// Sort keys of one bill, from the first that [`super::Store::load_bill`] reads to the last. The sales contract and the
/// timeline sort behind them, so that one query reads the held state and nothing else. (`$` follows `#` in ASCII.)
pub const BILL_STATE_RANGE: (&str, &str) = ("bill", "installment$");

/// Sort key of a bill's head.
pub const BILL_HEAD: &str = "bill";
/// Sort key of the claims of agreements on a bill; within [`BILL_STATE_RANGE`].
pub const CLAIMS: &str = "claims";
/// Prefix of the sort keys under which a bill names its agreements.
pub const AGREEMENT_PREFIX: &str = "agreement#";
/// Prefix of contracts' sort keys.
pub const CONTRACT_PREFIX: &str = "contract#";
/// Prefix of installments' sort keys.
pub const INSTALLMENT_PREFIX: &str = "installment#";
/// Prefix of timeline events' sort keys.
pub const TIMELINE_PREFIX: &str = "timeline#";

/// Partition of a bill and everything under it.
#[must_use]
pub fn bill_partition(tenant: &TenantId, bill: BillId) -> String {
    format!("tenant#{tenant}#bill#{bill}")
}

/// Reads [`bill_partition`].
#[must_use]
pub fn parse_bill_partition(pk: &str) -> Option<(TenantId, BillId)> {
    let (tenant, bill) = pk.strip_prefix("tenant#")?.split_once("#bill#")?;
    Some((TenantId::parse(tenant).ok()?, BillId(bill.parse().ok()?)))
}

/// A bill's head: version, creditor, pending events.
#[must_use]
pub fn bill_head(tenant: &TenantId, bill: BillId) -> ItemKey {
    ItemKey::new(bill_partition(tenant, bill), BILL_HEAD)
}

/// A contract.
#[must_use]
pub fn contract(tenant: &TenantId, key: &ContractKey) -> ItemKey {
    let sk = format!("{CONTRACT_PREFIX}{}#{}", escaped(key.document_type.as_str()), key.customer);
    ItemKey::new(bill_partition(tenant, key.bill), sk)
}

/// An installment; the id is padded so that a console lists them in order.
#[must_use]
pub fn installment(tenant: &TenantId, contract: &ContractKey, id: InstallmentId) -> ItemKey {
    let sk = format!(
        "{INSTALLMENT_PREFIX}{}#{}#{:06}",
        escaped(contract.document_type.as_str()),
        contract.customer,
        id.0
    );
    ItemKey::new(bill_partition(tenant, contract.bill), sk)
}

/// A timeline event of a bill.
#[must_use]
pub fn timeline_event(tenant: &TenantId, event: &TimelineEvent) -> ItemKey {
    let sk = format!("{TIMELINE_PREFIX}{}#{}", event.on, escaped(&event.id));
    ItemKey::new(bill_partition(tenant, event.contract.bill), sk)
}

/// The sales contract behind a bill.
#[must_use]
pub fn sales_contract(tenant: &TenantId, bill: BillId) -> ItemKey {
    ItemKey::new(bill_partition(tenant, bill), "sales-contract")
}

/// The credit-bureau state of a bill.
#[must_use]
pub fn credit_bureau(tenant: &TenantId, bill: BillId) -> ItemKey {
    ItemKey::new(bill_partition(tenant, bill), "spc")
}

// --- portfolio: agreements -----------------------------------------------------------------------------------------

/// Shards of the agreements that something is due of, all tenants together.
pub const DUE_SHARDS: u8 = 4;

/// An agreement.
#[must_use]
pub fn agreement(tenant: &TenantId, id: &AgreementId) -> ItemKey {
    ItemKey::new(format!("tenant#{tenant}#agreement#{id}"), "agreement")
}

/// Reads [`agreement`]'s partition.
#[must_use]
pub fn parse_agreement_partition(pk: &str) -> Option<(TenantId, AgreementId)> {
    let (tenant, id) = pk.strip_prefix("tenant#")?.split_once("#agreement#")?;
    Some((TenantId::parse(tenant).ok()?, AgreementId::parse(id).ok()?))
}

/// The claims of agreements on a bill.
#[must_use]
pub fn claims(tenant: &TenantId, bill: BillId) -> ItemKey {
    ItemKey::new(bill_partition(tenant, bill), CLAIMS)
}

/// A bill's mention of an agreement, by the day of its saving.
#[must_use]
pub fn bill_agreement(tenant: &TenantId, bill: BillId, created_on: Date, id: &AgreementId) -> ItemKey {
    ItemKey::new(bill_partition(tenant, bill), format!("{AGREEMENT_PREFIX}{created_on}#{id}"))
}

/// Reads the agreement out of [`bill_agreement`]'s sort key.
#[must_use]
pub fn parse_bill_agreement(sk: &str) -> Option<AgreementId> {
    let (_, id) = sk.strip_prefix(AGREEMENT_PREFIX)?.split_once('#')?;
    AgreementId::parse(id).ok()
}

/// Hash of `outbox` for agreements that something is due of: a sparse list by instant, like that of the events.
#[must_use]
pub fn due_shard(shard: u8) -> String {
    format!("agreements-due#{shard}")
}

/// Hash of `outbox` for one agreement.
#[must_use]
pub fn due_shard_of(id: &AgreementId) -> String {
    due_shard(text_shard(id.as_str(), DUE_SHARDS))
}

/// Hash of `by_customer` for the agreements of a customer.
#[must_use]
pub fn customer_agreements(tenant: &TenantId, customer: CustomerId) -> String {
    format!("tenant#{tenant}#agreements#customer#{customer}")
}

/// Hash of `open_installments` for the agreements of a creditor.
#[must_use]
pub fn creditor_agreements(tenant: &TenantId, creditor: CreditorId) -> String {
    format!("tenant#{tenant}#agreements#creditor#{creditor}")
}

/// Range of `open_installments` for an agreement: by state, then by day.
#[must_use]
pub fn agreement_place(state: StateName, created_on: Date, id: &AgreementId) -> String {
    format!("{}#{created_on}#{id}", state.as_str())
}

// --- portfolio: indexes --------------------------------------------------------------------------------------------

/// Hash of `by_customer`.
#[must_use]
pub fn customer_index(tenant: &TenantId, customer: CustomerId) -> String {
    format!("tenant#{tenant}#customer#{customer}")
}

/// Hash of `by_document`; `document` is upper-cased and without punctuation.
#[must_use]
pub fn document_index(tenant: &TenantId, document: &str) -> String {
    format!("tenant#{tenant}#document#{}", escaped(document))
}

/// Hash of `by_document` for customers of whom only the id is known: no document is spelled like this.
#[must_use]
pub fn unread_customers(tenant: &TenantId) -> String {
    format!("tenant#{tenant}#unread")
}

/// Hash of `open_installments` for one shard.
#[must_use]
pub fn open_shard(tenant: &TenantId, creditor: CreditorId, shard: u8) -> String {
    format!("tenant#{tenant}#open#{creditor}#{shard}")
}

/// Hash of `open_installments` for a bill.
#[must_use]
pub fn open_shard_of(tenant: &TenantId, creditor: CreditorId, bill: BillId) -> String {
    open_shard(tenant, creditor, shard(bill.0, OPEN_SHARDS))
}

/// Range of `open_installments`; all ids can be read back from it.
#[must_use]
pub fn open_key(due_on: Date, contract: &ContractKey, id: InstallmentId) -> String {
    format!(
        "{due_on}#{}#{}#{}#{id}",
        contract.bill,
        escaped(contract.document_type.as_str()),
        contract.customer
    )
}

/// Reads [`open_key`].
#[must_use]
pub fn parse_open_key(text: &str) -> Option<(Date, ContractKey, InstallmentId)> {
    let mut parts = text.split('#');
    let due_on = parts.next()?.parse().ok()?;
    let bill = BillId(parts.next()?.parse().ok()?);
    let document_type = DocumentType::from(unescaped(parts.next()?));
    let customer = CustomerId(parts.next()?.parse().ok()?);
    let id = InstallmentId(parts.next()?.parse().ok()?);
    let contract = ContractKey {
        bill,
        document_type,
        customer,
    };
    parts.next().is_none().then_some((due_on, contract, id))
}

/// Bounds of a range of due dates in `open_installments`, both ends included; an open end reaches everything.
#[must_use]
pub fn open_range(from: Option<Date>, to: Option<Date>) -> (String, String) {
    let low = from.map_or_else(|| "0".to_owned(), |date| date.to_string());
    let high = to.map_or_else(|| "~".to_owned(), |date| format!("{date}#~"));
    (low, high)
}

/// Hash of `outbox` for one shard.
#[must_use]
pub fn outbox_shard(shard: u8) -> String {
    format!("outbox#{shard}")
}

/// Hash of `outbox` for an event of a bill.
#[must_use]
pub fn outbox_shard_of(bill: BillId) -> String {
    outbox_shard(shard(bill.0, OUTBOX_SHARDS))
}

// --- portfolio: catalogue ------------------------------------------------------------------------------------------

/// A customer.
#[must_use]
pub fn customer(tenant: &TenantId, customer: CustomerId) -> ItemKey {
    ItemKey::new(customer_index(tenant, customer), "customer")
}

/// Reads the customer out of [`customer`]'s partition.
#[must_use]
pub fn parse_customer_partition(pk: &str) -> Option<CustomerId> {
    let (_, id) = pk.rsplit_once("#customer#")?;
    Some(CustomerId(id.parse().ok()?))
}

/// Partition of a tenant's enterprises (some hundreds at most).
#[must_use]
pub fn enterprises(tenant: &TenantId) -> String {
    format!("tenant#{tenant}#enterprises")
}

/// An enterprise.
#[must_use]
pub fn enterprise(tenant: &TenantId, id: EnterpriseId) -> ItemKey {
    ItemKey::new(enterprises(tenant), format!("enterprise#{:010}", id.0))
}

/// Partition of the units of one enterprise.
#[must_use]
pub fn units(tenant: &TenantId, enterprise: EnterpriseId) -> String {
    format!("tenant#{tenant}#enterprise#{enterprise}#units")
}

/// A unit.
#[must_use]
pub fn unit(tenant: &TenantId, enterprise: EnterpriseId, id: UnitId) -> ItemKey {
    ItemKey::new(units(tenant, enterprise), format!("unit#{:010}", id.0))
}

// --- journal -------------------------------------------------------------------------------------------------------

/// Sort key of a journal item's head.
pub const JOURNAL_HEAD: &str = "head";

/// A webhook's partition. An id too long for a key, or with odd characters, is replaced by its hash.
#[must_use]
pub fn webhook(tenant: &TenantId, id: &str) -> String {
    let plain = id.len() <= 128 && id.bytes().all(|b| b.is_ascii_graphic() && b != b'#' && b != b'%');
    if plain && !id.is_empty() {
        format!("tenant#{tenant}#webhook#{id}")
    } else {
        format!("tenant#{tenant}#webhook#%{}", super::packing::digest(id.as_bytes()))
    }
}

/// The tenant of a journal partition.
#[must_use]
pub fn tenant_of_journal(pk: &str) -> Option<TenantId> {
    let (tenant, _) = pk.strip_prefix("tenant#")?.split_once('#')?;
    TenantId::parse(tenant).ok()
}

/// Sort key of one part of a large payload. The content's hash is in it, so that two deliveries with one id and
/// different bodies never mix their parts.
#[must_use]
pub fn payload_part(hash: &str, number: usize) -> String {
    format!("part#{hash}#{number:04}")
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

/// A critique: one a day for each content.
#[must_use]
pub fn critique(tenant: &TenantId, day: Date, hash: &str) -> ItemKey {
    ItemKey::new(format!("tenant#{tenant}#critique#{day}#{hash}"), JOURNAL_HEAD)
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

/// Hash of `by_bill` for webhooks that were given up and name no bill.
#[must_use]
pub fn no_bill_index(tenant: &TenantId) -> String {
    format!("tenant#{tenant}#bill#none")
}

/// Hash of `pending` for one shard.
#[must_use]
pub fn pending_shard(shard: u8) -> String {
    format!("pending#{shard}")
}

/// Hash of `pending` for a webhook waiting to be processed.
#[must_use]
pub fn pending_shard_of(webhook: &str) -> String {
    pending_shard(text_shard(webhook, PENDING_SHARDS))
}

/// Hash of `pending` for the webhooks of a tenant that matched nothing yet.
#[must_use]
pub fn unmatched_shard(tenant: &TenantId) -> String {
    format!("tenant#{tenant}#unmatched")
}

// --- control -------------------------------------------------------------------------------------------------------

/// Partition of the list of tenants.
pub const TENANTS: &str = "tenants";
/// Prefix of creditors' sort keys.
pub const CREDITOR_PREFIX: &str = "creditor#";

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
    ItemKey::new(tenant_partition(tenant), format!("{CREDITOR_PREFIX}{:010}", creditor.0))
}

/// A creditor's campaigns.
#[must_use]
pub fn campaigns(tenant: &TenantId, creditor: CreditorId) -> ItemKey {
    ItemKey::new(tenant_partition(tenant), format!("campaigns#{:010}", creditor.0))
}

/// An API key by its id.
#[must_use]
pub fn api_key(tenant: &TenantId, id: &str) -> ItemKey {
    ItemKey::new(tenant_partition(tenant), format!("api-key#{}", escaped(id)))
}

/// What a caller's `Idempotency-Key` stands for. One too long for a key, or with odd characters, is replaced by its hash.
#[must_use]
pub fn idempotency(tenant: &TenantId, key: &str) -> ItemKey {
    let plain = (1..=128).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic() && b != b'#' && b != b'%');
    let name = if plain {
        key.to_owned()
    } else {
        format!("%{}", super::packing::digest(key.as_bytes()))
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
    ItemKey::new(tenant_partition(tenant), format!("cursor#{}#{}", whose(creditor), escaped(task)))
}

/// A task's lease.
#[must_use]
pub fn lease(tenant: &TenantId, creditor: Option<CreditorId>, task: &str) -> ItemKey {
    ItemKey::new(tenant_partition(tenant), format!("lease#{}#{}", whose(creditor), escaped(task)))
}

/// Partition of a task's checkpoint and its parts.
#[must_use]
pub fn checkpoint(tenant: &TenantId, creditor: Option<CreditorId>, task: &str) -> String {
    format!("tenant#{tenant}#checkpoint#{}#{}", whose(creditor), escaped(task))
}

/// Sort key of a checkpoint's head.
pub const CHECKPOINT_HEAD: &str = "head";

/// Sort key of one part of a checkpoint; `nonce` keeps two writers' parts apart.
#[must_use]
pub fn checkpoint_part(nonce: &str, number: usize) -> String {
    format!("part#{nonce}#{number:04}")
}

/// Partition of the removals that wait in a run.
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

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn tenant() -> TenantId {
        TenantId::parse("617").unwrap()
    }

    fn contract_key(document_type: &str) -> ContractKey {
        ContractKey {
            bill: BillId(295),
            document_type: DocumentType::from(document_type),
            customer: CustomerId(41),
        }
    }

    #[test]
    fn an_open_key_is_read_back_whatever_the_document_type_holds() {
        for document_type in ["CT", "", "A#B", "%23", "ÇÃ 1"] {
            let contract = contract_key(document_type);
            let text = open_key(date(2026, 11, 30), &contract, InstallmentId(151));
            assert_eq!(parse_open_key(&text), Some((date(2026, 11, 30), contract, InstallmentId(151))));
        }
        assert_eq!(parse_open_key("2026-11-30#295#CT#41"), None);
        assert_eq!(parse_open_key("2026-11-30#295#CT#41#1#2"), None);
    }

    #[test]
    fn a_range_of_due_dates_holds_both_its_ends() {
        let (low, high) = open_range(Some(date(2026, 11, 1)), Some(date(2026, 11, 30)));
        let key = |day| open_key(day, &contract_key("CT"), InstallmentId(9));
        for day in [date(2026, 11, 1), date(2026, 11, 30)] {
            assert!(low <= key(day) && key(day) <= high);
        }
        for day in [date(2026, 10, 31), date(2026, 12, 1)] {
            assert!(!(low <= key(day) && key(day) <= high));
        }
        let (low, high) = open_range(None, None);
        assert!(low <= key(date(1, 1, 1)) && key(date(9999, 12, 31)) <= high);
    }

    #[test]
    fn the_state_of_a_bill_is_one_range_that_leaves_the_rest_out() {
        let (low, high) = BILL_STATE_RANGE;
        let within = |sk: &str| (low..=high).contains(&sk);
        let contract = contract_key("ÇT");
        assert!(within(BILL_HEAD));
        assert!(within(&super::contract(&tenant(), &contract).sk));
        assert!(within(&installment(&tenant(), &contract_key("CT"), InstallmentId(999_999)).sk));
        assert!(within(&installment(&tenant(), &contract_key(""), InstallmentId(1)).sk));
        assert!(within(&installment(&tenant(), &contract, InstallmentId(1)).sk));
        assert!(!within(&sales_contract(&tenant(), BillId(1)).sk));
        assert!(!within("timeline#2026-11-01#x"));
        assert!(within(CLAIMS), "claims come with the bill");
        assert!(!within(&format!("{AGREEMENT_PREFIX}2026-11-01#x")));
    }

    #[test]
    fn a_bill_partition_is_read_back() {
        assert_eq!(
            parse_bill_partition(&bill_partition(&tenant(), BillId(295))),
            Some((tenant(), BillId(295)))
        );
        assert_eq!(parse_bill_partition("tenant#617#customer#1"), None);
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

    #[test]
    fn consecutive_bills_spread_over_all_shards() {
        let mut seen = [0; OPEN_SHARDS as usize];
        for bill in 0..8000 {
            seen[usize::from(shard(bill, OPEN_SHARDS))] += 1;
        }
        assert!(seen.iter().all(|count| (800..1200).contains(count)), "{seen:?}");
    }

    #[test]
    fn instants_sort_as_text() {
        let early: Timestamp = "2026-11-22T08:03:00Z".parse().unwrap();
        let late: Timestamp = "2026-11-22T08:03:00.0999Z".parse().unwrap();
        assert_eq!(instant(early), "2026-11-22T08:03:00.000Z");
        assert!(instant(early) < instant(late));
    }
}
