//! Keys of agreements: their own items, their mention under a bill, and the lists by which they are found.

use super::{AGREEMENT_PREFIX, CLAIMS, ItemKey, bill_partition};
use crate::agreement::StateName;
use crate::calendar::Date;
use crate::ids::{AgreementId, BillId, CreditorId, CustomerId, TenantId};

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

/// A bill's mention of an agreement, by the day it was saved.
#[must_use]
pub fn bill_agreement(
    tenant: &TenantId,
    bill: BillId,
    created_on: Date,
    id: &AgreementId,
) -> ItemKey {
    ItemKey::new(
        bill_partition(tenant, bill),
        format!("{AGREEMENT_PREFIX}{created_on}#{id}"),
    )
}

/// Reads the agreement out of [`bill_agreement`]'s sort key.
#[must_use]
pub fn parse_bill_agreement(sk: &str) -> Option<AgreementId> {
    let (_, id) = sk.strip_prefix(AGREEMENT_PREFIX)?.split_once('#')?;
    AgreementId::parse(id).ok()
}

/// Hash of `outbox` for the due agreements of a tenant: a sparse list by instant, like that of the events.
#[must_use]
pub fn due_agreements(tenant: &TenantId) -> String {
    format!("tenant#{tenant}#agreements-due")
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
