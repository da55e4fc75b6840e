//! Keys of the portfolio: a bill and everything under it, customers and the catalogue, and the indexes.

use super::{ItemKey, escaped, shard, unescaped};
use crate::calendar::Date;
use crate::ids::{
    BillId, CreditorId, CustomerId, DocumentType, EnterpriseId, InstallmentId, TenantId, UnitId,
};
use crate::portfolio::{ContractKey, TimelineEvent};

/// Shards of the open-installments index of one creditor.
pub const OPEN_SHARDS: u8 = 8;

// --- a bill's partition ---------------------------------------------------------------------------------

/// Sort keys of one bill, from the first that [`crate::store::Store::load_bill`] reads to the last. The sales contract and the
/// timeline sort after them, so that one query reads the held state and nothing else. (`$` follows `#` in ASCII.)
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
    let sk = format!(
        "{CONTRACT_PREFIX}{}#{}",
        escaped(key.document_type.as_str()),
        key.customer
    );
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

// --- indexes --------------------------------------------------------------------------------------------

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

/// Hash of `by_document` for customers known by id only: no document is spelled like this.
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

/// Range of `open_installments`; all ids can be parsed back from it.
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

/// Hash of `outbox` for the events of a tenant.
#[must_use]
pub fn outbox(tenant: &TenantId) -> String {
    format!("tenant#{tenant}#outbox")
}

// --- catalogue ------------------------------------------------------------------------------------------

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
            assert_eq!(
                parse_open_key(&text),
                Some((date(2026, 11, 30), contract, InstallmentId(151)))
            );
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
        assert!(within(
            &installment(&tenant(), &contract_key("CT"), InstallmentId(999_999)).sk
        ));
        assert!(within(
            &installment(&tenant(), &contract_key(""), InstallmentId(1)).sk
        ));
        assert!(within(
            &installment(&tenant(), &contract, InstallmentId(1)).sk
        ));
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
}
