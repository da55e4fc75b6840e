//! Bulk defaulters: late installments and whether they were sent to SPC/Serasa.

use jiff::civil::Date;
use serde::Deserialize;

use super::call::SiengeCall;
use super::client::Client;
use super::lenient::{amount, date, flag, id, ids, list, text, whole};
use super::pages::Rows;
use crate::ids::CreditorId;
use crate::money::Cents;

/// A bill with late installments; the customer's name is not read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DefaulterRow {
    /// Company.
    #[serde(deserialize_with = "id")]
    pub company_id: Option<i64>,
    /// Customer.
    #[serde(deserialize_with = "id")]
    pub client_id: Option<i64>,
    /// Bill.
    #[serde(deserialize_with = "id")]
    pub receivable_bill_id: Option<i64>,
    /// Issue date.
    #[serde(deserialize_with = "date")]
    pub issue_date: Option<Date>,
    /// Type and number (`CT.12345`).
    #[serde(deserialize_with = "text")]
    pub document_number: Option<String>,
    /// Cost centres, the largest share first.
    #[serde(deserialize_with = "ids")]
    pub cost_centers_id: Vec<i64>,
    /// Late installments.
    #[serde(deserialize_with = "list")]
    pub defaulter_installments: Vec<DefaulterInstallment>,
}

/// A late installment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DefaulterInstallment {
    /// Id within the bill.
    #[serde(deserialize_with = "id")]
    pub installment_id: Option<i64>,
    /// Condition type.
    #[serde(deserialize_with = "text")]
    pub condition_type: Option<String>,
    /// Due date.
    #[serde(deserialize_with = "date")]
    pub due_date: Option<Date>,
    /// Days late.
    #[serde(deserialize_with = "whole")]
    pub days_of_delay: Option<i64>,
    /// Corrected value without late charges.
    #[serde(deserialize_with = "amount")]
    pub corrected_value_without_additions: Option<Cents>,
    /// Late charges.
    #[serde(deserialize_with = "amount")]
    pub total_additions: Option<Cents>,
    /// Corrected value with late charges.
    #[serde(deserialize_with = "amount")]
    pub corrected_value_with_additions: Option<Cents>,
    /// Number as shown.
    #[serde(deserialize_with = "text")]
    pub installment_number: Option<String>,
    /// Sent to SPC/Serasa.
    #[serde(rename = "installmentSentToSPCSerasa", deserialize_with = "flag")]
    pub sent_to_spc_serasa: Option<bool>,
}

impl Client {
    /// The defaulters of a company, including those sent to SPC/Serasa.
    pub fn defaulters(&self, company: CreditorId, due_until: Option<Date>) -> Rows<DefaulterRow> {
        self.bulk_rows(
            SiengeCall::bulk(
                "ConsultarInadimplentes",
                "bulk-data/defaulters-receivable-bills",
                "defaulters-receivable-bills",
            )
            .with("companyId", company)
            .with_some("dueDateLimit", due_until)
            .with("includePartiallyPaidInstallments", true)
            .with("includeResidueInstallment", true)
            .with("showSentToSPCSerasa", true),
        )
    }
}
