//! The customer's financial statement (extrato do cliente).

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::call::SiengeCall;
use super::client::Client;
use super::error::SiengeError;
use super::lenient::{amount, balance, date, flag, id, list, number, original, text};
use crate::ids::{BillId, CustomerId};
use crate::money::Cents;

/// A bill in the statement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct StatementBill {
    /// Bill.
    #[serde(deserialize_with = "id")]
    pub bill_receivable_id: Option<i64>,
    /// Document number.
    #[serde(deserialize_with = "text")]
    pub document_id: Option<String>,
    /// Document type (`CT`).
    #[serde(deserialize_with = "text")]
    pub document_code: Option<String>,
    /// Fine, percent.
    #[serde(deserialize_with = "number")]
    pub fine_percent: Option<Decimal>,
    /// Interest, percent.
    #[serde(deserialize_with = "number")]
    pub interest_percent: Option<Decimal>,
    /// Sub judice.
    #[serde(deserialize_with = "flag")]
    pub sub_judice: Option<bool>,
    /// Installments.
    #[serde(deserialize_with = "list")]
    pub installments: Vec<StatementInstallment>,
}

/// An installment in the statement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct StatementInstallment {
    /// Id within the bill.
    #[serde(deserialize_with = "id")]
    pub installment_id: Option<i64>,
    /// Number as shown (`2/120`).
    #[serde(deserialize_with = "text")]
    pub installment_number: Option<String>,
    /// Due date.
    #[serde(deserialize_with = "date")]
    pub due_date: Option<Date>,
    /// Condition type (`PM`).
    #[serde(deserialize_with = "text")]
    pub condition_type: Option<String>,
    /// Original value.
    #[serde(deserialize_with = "original")]
    pub original_value: Option<Cents>,
    /// Corrected balance.
    #[serde(deserialize_with = "balance")]
    pub current_balance: Option<Cents>,
    /// A boleto was generated.
    #[serde(deserialize_with = "flag")]
    pub generated_billet: Option<bool>,
    /// Receipts.
    #[serde(deserialize_with = "list")]
    pub receipts: Vec<StatementReceipt>,
}

/// A receipt in the statement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct StatementReceipt {
    /// Day of the payment.
    #[serde(deserialize_with = "date")]
    pub receipt_date: Option<Date>,
    /// Gross value.
    #[serde(deserialize_with = "amount")]
    pub receipt_value: Option<Cents>,
    /// Net value.
    #[serde(deserialize_with = "amount")]
    pub net_receipt_value: Option<Cents>,
    /// Settlement type, in words.
    #[serde(deserialize_with = "text")]
    pub receipt_type: Option<String>,
}

/// `results[]`: the bills are an array in production, one object in the documentation.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Statement {
    #[serde(deserialize_with = "list")]
    bills_receivable: Vec<StatementBill>,
}

pub(super) const RESOURCE: &str = "customer-financial-statements";

impl Client {
    /// A customer's statement, of one bill or of all; bills under judgement are included.
    pub async fn customer_statement(
        &self,
        customer: CustomerId,
        bill: Option<BillId>,
    ) -> Result<Vec<StatementBill>, SiengeError> {
        let call = SiengeCall::rest("ConsultarExtratoCliente", RESOURCE, RESOURCE)
            .with("customerId", customer)
            .with_some("billReceivableId", bill)
            .with("includeSubJudice", true)
            .about(bill);
        let statements: Vec<Statement> = self.fetch_all(&call).await?;
        Ok(statements
            .into_iter()
            .flat_map(|statement| statement.bills_receivable)
            .collect())
    }
}
