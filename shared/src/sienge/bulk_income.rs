//! Bulk income: receivable installments with their receipts, by period or by bill.

use futures::{StreamExt, stream};
use jiff::civil::Date;
use serde::Deserialize;

use super::call::SiengeCall;
use super::choice::BILLS_PER_CALL;
use super::client::Client;
use super::lenient::{amount, balance, date, flag, id, list, object, original, text, whole};
use super::pages::Rows;
use crate::ids::{BillId, CreditorId};
use crate::money::Cents;

/// One installment; the customer's name is not read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct IncomeRow {
    /// Company.
    #[serde(deserialize_with = "id")]
    pub company_id: Option<i64>,
    /// Customer.
    #[serde(deserialize_with = "id")]
    pub client_id: Option<i64>,
    /// Bill.
    #[serde(deserialize_with = "id")]
    pub bill_id: Option<i64>,
    /// Installment within the bill.
    #[serde(deserialize_with = "id")]
    pub installment_id: Option<i64>,
    /// Document type (`CT`).
    #[serde(deserialize_with = "text")]
    pub document_identification_id: Option<String>,
    /// Document number.
    #[serde(deserialize_with = "text")]
    pub document_number: Option<String>,
    /// Origin: `CO` commercial, `CR` receivables, `LO` rental, ...
    #[serde(deserialize_with = "text")]
    pub origin_id: Option<String>,
    /// Original value.
    #[serde(deserialize_with = "original")]
    pub original_amount: Option<Cents>,
    /// Open balance in original money.
    #[serde(deserialize_with = "balance")]
    pub balance_amount: Option<Cents>,
    /// Corrected balance.
    #[serde(deserialize_with = "balance")]
    pub corrected_balance_amount: Option<Cents>,
    /// Indexer.
    #[serde(deserialize_with = "id")]
    pub indexer_id: Option<i64>,
    /// Due date.
    #[serde(deserialize_with = "date")]
    pub due_date: Option<Date>,
    /// Issue date.
    #[serde(deserialize_with = "date")]
    pub issue_date: Option<Date>,
    /// Sub judice.
    #[serde(deserialize_with = "flag")]
    pub sub_judicie: Option<bool>,
    /// Main unit's name.
    #[serde(deserialize_with = "text")]
    pub main_unit: Option<String>,
    /// Number as shown (`2/120`).
    #[serde(deserialize_with = "text")]
    pub installment_number: Option<String>,
    /// Condition type.
    #[serde(deserialize_with = "object")]
    pub payment_term: Option<PaymentTerm>,
    /// Appropriations; the first names the cost centre.
    #[serde(deserialize_with = "list")]
    pub receipts_categories: Vec<ReceiptCategory>,
    /// Receipts.
    #[serde(deserialize_with = "list")]
    pub receipts: Vec<IncomeReceipt>,
}

/// A condition type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PaymentTerm {
    /// Code (`PM`).
    #[serde(deserialize_with = "text")]
    pub id: Option<String>,
}

/// An appropriation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ReceiptCategory {
    /// Cost centre.
    #[serde(deserialize_with = "id")]
    pub cost_center_id: Option<i64>,
    /// Its name.
    #[serde(deserialize_with = "text")]
    pub cost_center_name: Option<String>,
}

/// A receipt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct IncomeReceipt {
    /// Settlement type's number, undocumented.
    #[serde(deserialize_with = "id")]
    pub operation_type_id: Option<i64>,
    /// Settlement type, in words.
    #[serde(deserialize_with = "text")]
    pub operation_type_name: Option<String>,
    /// Gross amount.
    #[serde(deserialize_with = "amount")]
    pub gross_amount: Option<Cents>,
    /// Net amount.
    #[serde(deserialize_with = "amount")]
    pub net_amount: Option<Cents>,
    /// Day of the payment.
    #[serde(deserialize_with = "date")]
    pub payment_date: Option<Date>,
    /// Sequence within the installment.
    #[serde(rename = "sequencialNumber", deserialize_with = "whole")]
    pub sequential_number: Option<i64>,
}

/// Which date the period of [`IncomeWindow`] refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncomeSelection {
    /// The bill's issue date.
    Issue,
    /// The installment's due date.
    Due,
    /// The payment's date.
    Payment,
    /// Competence.
    Competence,
}

impl IncomeSelection {
    fn code(self) -> &'static str {
        match self {
            Self::Issue => "I",
            Self::Due => "D",
            Self::Payment => "P",
            Self::Competence => "B",
        }
    }
}

/// Which installments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IncomeWindow {
    /// First day.
    pub from: Date,
    /// Last day.
    pub to: Date,
    /// Which date they refer to.
    pub by: IncomeSelection,
    /// Of one company.
    pub company: Option<CreditorId>,
    /// Only what changed from this day on (day resolution: overlap a day).
    pub changed_since: Option<Date>,
}

pub(super) const RESOURCE: &str = "bulk-data/income";

pub(super) fn income_call(window: &IncomeWindow) -> SiengeCall {
    SiengeCall::bulk("ConsultarParcelasPeriodo", RESOURCE, "income")
        .with("startDate", window.from)
        .with("endDate", window.to)
        .with("selectionType", window.by.code())
        .with_some("companyId", window.company)
        .with_some("changeStartDate", window.changed_since)
}

/// Requests every installment of some bills.
pub(super) fn bills_call(bills: &[BillId]) -> SiengeCall {
    let only = if let [bill] = bills {
        Some(*bill)
    } else {
        None
    };
    SiengeCall::bulk("ConsultarParcelasTitulos", RESOURCE, "income/by-bills")
        .with_list("billsIds", bills)
        .about(only)
}

impl Client {
    /// The installments of a period, in no particular order. The first `Err` ends the stream; then request the window again.
    pub fn income(&self, window: &IncomeWindow) -> Rows<IncomeRow> {
        self.bulk_rows(income_call(window))
    }

    /// Every installment of the bills, in sequential calls of [`BILLS_PER_CALL`]. Bills that Sienge
    /// does not know yield no row. The first `Err` ends the stream.
    pub fn income_by_bills(&self, bills: &[BillId]) -> Rows<IncomeRow> {
        let calls: Vec<SiengeCall> = bills.chunks(BILLS_PER_CALL).map(bills_call).collect();
        let waiting = (self.clone(), calls.into_iter(), None::<Rows<IncomeRow>>);
        stream::unfold(waiting, |(client, mut calls, mut current)| async move {
            loop {
                if let Some(rows) = &mut current
                    && let Some(row) = rows.next().await
                {
                    if row.is_err() {
                        // The rest is not requested.
                        calls = Vec::new().into_iter();
                    }
                    return Some((row, (client, calls, current)));
                }
                current = Some(client.bulk_rows(calls.next()?));
            }
        })
        .boxed()
    }
}
