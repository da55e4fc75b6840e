//! Receivable bills (títulos a receber) and their installments.

use jiff::civil::Date;
use serde::Deserialize;

use super::call::SiengeCall;
use super::client::Client;
use super::error::SiengeError;
use super::lenient::{amount, balance, date, flag, id, text};
use super::pages::Rows;
use crate::ids::{BillId, CreditorId, CustomerId};
use crate::money::Cents;

/// A receivable bill.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ReceivableBill {
    /// Id.
    #[serde(deserialize_with = "id")]
    pub receivable_bill_id: Option<i64>,
    /// Customer.
    #[serde(deserialize_with = "id")]
    pub customer_id: Option<i64>,
    /// Company.
    #[serde(deserialize_with = "id")]
    pub company_id: Option<i64>,
    /// Document type (`CT`).
    #[serde(deserialize_with = "text")]
    pub document_id: Option<String>,
    /// Document number.
    #[serde(deserialize_with = "text")]
    pub document_number: Option<String>,
    /// Issue date.
    #[serde(deserialize_with = "date")]
    pub issue_date: Option<Date>,
    /// Value.
    #[serde(deserialize_with = "amount")]
    pub receivable_bill_value: Option<Cents>,
    /// Day it was settled; only in the list.
    #[serde(deserialize_with = "date")]
    pub pay_off_date: Option<Date>,
    /// Unit's name (newer versions).
    #[serde(deserialize_with = "text")]
    pub unity_name: Option<String>,
    /// Situation: defaulting.
    #[serde(deserialize_with = "flag")]
    pub defaulting: Option<bool>,
    /// Situation: sub judice.
    #[serde(deserialize_with = "flag")]
    pub subjudice: Option<bool>,
    /// Situation: normal; only from [`Client::receivable_bill`].
    #[serde(deserialize_with = "flag")]
    pub normal: Option<bool>,
    /// Situation: in collection; only from [`Client::receivable_bill`].
    #[serde(deserialize_with = "flag")]
    pub in_billing: Option<bool>,
}

/// An installment in the bill's list: no original value, no receipts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct BillInstallment {
    /// Bill.
    #[serde(deserialize_with = "id")]
    pub receivable_bill_id: Option<i64>,
    /// Id within the bill.
    #[serde(deserialize_with = "id")]
    pub installment_id: Option<i64>,
    /// Condition type (`PM`), as production and the examples spell the key; see [`BillInstallment::condition`].
    #[serde(deserialize_with = "text")]
    pub condition_type_id: Option<String>,
    /// The same, as the documented schema spells the key.
    #[serde(deserialize_with = "text")]
    pub condition_type: Option<String>,
    /// Due date.
    #[serde(deserialize_with = "date")]
    pub due_date: Option<Date>,
    /// Open balance in original money.
    #[serde(deserialize_with = "balance")]
    pub balance_due: Option<Cents>,
    /// A boleto was generated.
    #[serde(deserialize_with = "flag")]
    pub generated_ticket: Option<bool>,
}

impl BillInstallment {
    /// Whether both have the same values.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.due_date == other.due_date
            && self.balance_due == other.balance_due
            && self.condition() == other.condition()
    }

    /// Condition type (`PM`), whichever key it came under.
    #[must_use]
    pub fn condition(&self) -> Option<&str> {
        self.condition_type_id
            .as_deref()
            .or(self.condition_type.as_deref())
    }
}

pub(super) const RESOURCE: &str = "accounts-receivable/receivable-bills";

impl Client {
    /// A customer's bills. It is not documented whether `paid_off: None` leaves settled ones out: request both.
    pub fn receivable_bills(
        &self,
        customer: CustomerId,
        company: Option<CreditorId>,
        paid_off: Option<bool>,
    ) -> Rows<ReceivableBill> {
        self.rows(
            SiengeCall::rest("ConsultarTitulos", RESOURCE, RESOURCE)
                .with("customerId", customer)
                .with_some("companyId", company)
                .with_some("paidOff", paid_off),
        )
    }

    /// One bill.
    pub async fn receivable_bill(
        &self,
        bill: BillId,
    ) -> Result<Option<ReceivableBill>, SiengeError> {
        self.fetch_one(
            &SiengeCall::rest("ConsultarTitulo", RESOURCE, format!("{RESOURCE}/{bill}"))
                .about(bill),
        )
        .await
    }

    /// A bill's installments.
    pub fn bill_installments(&self, bill: BillId) -> Rows<BillInstallment> {
        self.rows(
            SiengeCall::rest(
                "ConsultarParcelas",
                RESOURCE,
                format!("{RESOURCE}/{bill}/installments"),
            )
            .about(bill),
        )
    }
}
