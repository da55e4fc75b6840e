//! The present debit balance (saldo devedor presente): what Sienge charges for each installment on a date.

use jiff::civil::Date;
use serde::Deserialize;

use super::call::SiengeCall;
use super::client::Client;
use super::error::SiengeError;
use super::lenient::{amount, date, id, list, text};
use crate::ids::BillId;
use crate::money::Cents;
use crate::portfolio::Document;

/// A bill's present balance: three lists of one shape; the list an installment is in says whether it is owed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DebitBalance {
    /// Bill.
    #[serde(deserialize_with = "id")]
    pub bill_receivable_id: Option<i64>,
    /// Document type (`CT`).
    #[serde(deserialize_with = "text")]
    pub document_id: Option<String>,
    /// Settled.
    #[serde(deserialize_with = "list")]
    pub paid_installments: Vec<DebitInstallment>,
    /// Late ("não pagas").
    #[serde(deserialize_with = "list")]
    pub due_installments: Vec<DebitInstallment>,
    /// To fall due ("a pagar").
    #[serde(deserialize_with = "list")]
    pub payable_installments: Vec<DebitInstallment>,
}

/// An installment's present balance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DebitInstallment {
    /// Id within the bill.
    #[serde(deserialize_with = "id")]
    pub installment_id: Option<i64>,
    /// Number as shown (`2/120`).
    #[serde(deserialize_with = "text")]
    pub installment_number: Option<String>,
    /// Due date, where the tenant's version returns it.
    #[serde(deserialize_with = "date")]
    pub due_date: Option<Date>,
    /// Condition type (`PM`).
    #[serde(deserialize_with = "text")]
    pub condition_type: Option<String>,
    /// Its indexer.
    #[serde(deserialize_with = "id")]
    pub indexer_code: Option<i64>,
    /// Original value.
    #[serde(deserialize_with = "amount")]
    pub original_value: Option<Cents>,
    /// Corrected value.
    #[serde(deserialize_with = "amount")]
    pub adjusted_value: Option<Cents>,
    /// Late charges in money.
    #[serde(deserialize_with = "amount")]
    pub additional_value: Option<Cents>,
    /// Present value.
    #[serde(deserialize_with = "amount")]
    pub current_balance: Option<Cents>,
}

impl DebitBalance {
    /// The owed installments, late ones first.
    pub fn owed(&self) -> impl Iterator<Item = &DebitInstallment> {
        self.due_installments
            .iter()
            .chain(&self.payable_installments)
    }
}

pub(super) const RESOURCE: &str = "current-debit-balance";

impl Client {
    /// A bill's present balance on a date; none when Sienge does not know the document, or no such bill under it.
    ///
    /// `document` is a CPF (11 digits) or a CNPJ (14 digits or letters); `correct_annual` is "corrigir parcela anual" (6.1.2).
    pub async fn current_debit_balance(
        &self,
        document: &Document,
        bill: BillId,
        on: Date,
        correct_annual: bool,
    ) -> Result<Option<DebitBalance>, SiengeError> {
        let parameter = if document.as_str().len() == 11 {
            "cpf"
        } else {
            "cnpj"
        };
        let call = SiengeCall::rest("ConsultarSaldoDevedorPresente", RESOURCE, RESOURCE)
            .with(parameter, document.as_str())
            .with("numberTitle", bill)
            .with("correctionDate", on)
            .with(
                "correctAnnualInstallment",
                if correct_annual { "S" } else { "N" },
            )
            .about(bill);
        let balances: Vec<DebitBalance> = self.fetch_all(&call).await?;
        Ok(balances
            .into_iter()
            .find(|balance| balance.bill_receivable_id == Some(bill.0)))
    }
}
