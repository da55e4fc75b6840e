//! Bulk extract history: which installments have a boleto, and which bills were rescinded.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Deserialize;

use super::call::SiengeCall;
use super::client::Client;
use super::error::SiengeError;
use super::lenient::{balance, date, flag, id, list, object, original, text};
use super::pages::Rows;
use crate::ids::{BillId, CreditorId, CustomerId, InstallmentId};
use crate::money::Cents;

/// A bill with its installments in the window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ExtractHistoryRow {
    /// Bill.
    #[serde(deserialize_with = "id")]
    pub bill_receivable_id: Option<i64>,
    /// Company.
    #[serde(deserialize_with = "object")]
    pub company: Option<Reference>,
    /// Cost centre.
    #[serde(deserialize_with = "object")]
    pub cost_center: Option<Reference>,
    /// Customer; name and document are not read.
    #[serde(deserialize_with = "object")]
    pub customer: Option<Reference>,
    /// Type and number (`CT.1234`).
    #[serde(deserialize_with = "text")]
    pub document: Option<String>,
    /// Issue date.
    #[serde(deserialize_with = "date")]
    pub emission_date: Option<Date>,
    /// Last renegotiation.
    #[serde(deserialize_with = "date")]
    pub last_renegotiation_date: Option<Date>,
    /// Day of the rescission (distrato).
    #[serde(deserialize_with = "date")]
    pub revoked_bill_receivable_date: Option<Date>,
    /// Installments.
    #[serde(deserialize_with = "list")]
    pub installments: Vec<ExtractHistoryInstallment>,
}

/// An id; the name beside it is not read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Reference {
    /// Id.
    #[serde(deserialize_with = "id")]
    pub id: Option<i64>,
}

/// An installment of the extract history.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ExtractHistoryInstallment {
    /// Id within the bill.
    #[serde(deserialize_with = "id")]
    pub id: Option<i64>,
    /// Due date.
    #[serde(deserialize_with = "date")]
    pub due_date: Option<Date>,
    /// Original value.
    #[serde(deserialize_with = "original")]
    pub original_value: Option<Cents>,
    /// Corrected balance.
    #[serde(deserialize_with = "balance")]
    pub current_balance: Option<Cents>,
    /// A boleto was generated.
    #[serde(deserialize_with = "flag")]
    pub generated_billet: Option<bool>,
    /// `0` open, `1` partly received, `2` received.
    #[serde(deserialize_with = "text")]
    pub installment_situation: Option<String>,
}

/// A bill's boletos.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillBoletos {
    /// Bill.
    pub bill: BillId,
    /// Customer, when known.
    pub customer: Option<CustomerId>,
    /// Whether a boleto was generated, by installment, where known.
    pub boletos: BTreeMap<InstallmentId, bool>,
    /// Day of the rescission (distrato), when there was one.
    pub revoked_on: Option<Date>,
}

/// Which bills: those with installments due within the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtractHistoryWindow {
    /// First due date.
    pub due_from: Date,
    /// Last due date.
    pub due_to: Date,
    /// Of one company.
    pub company: Option<CreditorId>,
    /// Of one customer.
    pub customer: Option<CustomerId>,
    /// One bill.
    pub bill: Option<BillId>,
    /// Only what changed from this day on (day resolution: overlap a day).
    pub changed_since: Option<Date>,
}

const RESOURCE: &str = "bulk-data/customer-extract-history";

impl ExtractHistoryRow {
    /// The boletos; an error when the row names no bill.
    pub fn boletos(&self) -> Result<BillBoletos, SiengeError> {
        let bill = self.bill_receivable_id.ok_or(SiengeError::MissingField {
            resource: RESOURCE,
            field: "billReceivableId",
            bill: None,
            installment: None,
        })?;
        let boleto_of = |installment: &ExtractHistoryInstallment| {
            Some((
                InstallmentId(installment.id?),
                installment.generated_billet?,
            ))
        };
        Ok(BillBoletos {
            bill: BillId(bill),
            customer: self
                .customer
                .as_ref()
                .and_then(|customer| customer.id)
                .map(CustomerId),
            boletos: self.installments.iter().filter_map(boleto_of).collect(),
            revoked_on: self.revoked_bill_receivable_date,
        })
    }
}

impl Client {
    /// The bills of a window. The first `Err` ends the stream; then request the window again.
    pub fn extract_history(&self, window: &ExtractHistoryWindow) -> Rows<ExtractHistoryRow> {
        self.bulk_rows(
            SiengeCall::bulk(
                "ConsultarHistoricoExtrato",
                RESOURCE,
                "customer-extract-history",
            )
            .with("startDueDate", window.due_from)
            .with("endDueDate", window.due_to)
            .with_some("companyId", window.company)
            .with_some("customerId", window.customer)
            .with_some("billReceivableId", window.bill)
            .with_some("changeStartDate", window.changed_since)
            .about(window.bill),
        )
    }
}
