//! Sales contracts (contratos de venda) of the commercial module.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::call::SiengeCall;
use super::client::Client;
use super::error::SiengeError;
use super::lenient::{Personal, amount, date, flag, id, list, number, personal, text, whole};
use super::pages::Rows;
use crate::ids::{CreditorId, CustomerId, EnterpriseId, SalesContractId};
use crate::money::Cents;
use crate::text::folded;

/// A sales contract.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SalesContract {
    /// Id.
    #[serde(deserialize_with = "id")]
    pub id: Option<i64>,
    /// Company.
    #[serde(deserialize_with = "id")]
    pub company_id: Option<i64>,
    /// Enterprise (its cost centre).
    #[serde(deserialize_with = "id")]
    pub enterprise_id: Option<i64>,
    /// Enterprise's name.
    #[serde(deserialize_with = "text")]
    pub enterprise_name: Option<String>,
    /// The receivable bill it produced.
    #[serde(deserialize_with = "id")]
    pub receivable_bill_id: Option<i64>,
    /// Number.
    #[serde(deserialize_with = "text")]
    pub number: Option<String>,
    /// Situation, in words or digits; see [`SalesContract::is_cancelled`].
    #[serde(deserialize_with = "text")]
    pub situation: Option<String>,
    /// Date of the contract.
    #[serde(deserialize_with = "date")]
    pub contract_date: Option<Date>,
    /// Issue date.
    #[serde(deserialize_with = "date")]
    pub issue_date: Option<Date>,
    /// Date of the cancellation (distrato).
    #[serde(deserialize_with = "date")]
    pub cancellation_date: Option<Date>,
    /// Value.
    #[serde(deserialize_with = "amount")]
    pub value: Option<Cents>,
    /// Fine rate, percent.
    #[serde(deserialize_with = "number")]
    pub fine_rate: Option<Decimal>,
    /// Interest, percent.
    #[serde(deserialize_with = "number")]
    pub interest_percentage: Option<Decimal>,
    /// Pro-rata indexer of late charges.
    #[serde(deserialize_with = "id")]
    pub pro_rata_indexer: Option<i64>,
    /// Some installments were remade.
    #[serde(deserialize_with = "flag")]
    pub contains_remade_installments: Option<bool>,
    /// Last change, where the tenant's version returns it.
    #[serde(deserialize_with = "date")]
    pub last_update_date: Option<Date>,
    /// Customers.
    #[serde(deserialize_with = "list")]
    pub sales_contract_customers: Vec<ContractCustomer>,
    /// Units.
    #[serde(deserialize_with = "list")]
    pub sales_contract_units: Vec<ContractUnit>,
    /// Payment conditions.
    #[serde(deserialize_with = "list")]
    pub payment_conditions: Vec<PaymentCondition>,
}

impl SalesContract {
    /// Whether it was cancelled: by its date, or by its situation in words or digits.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        let situation = folded(self.situation.as_deref().unwrap_or_default());
        self.cancellation_date.is_some() || situation == "3" || situation.starts_with("cancel")
    }

    /// The main customer, or the only one.
    #[must_use]
    pub fn main_customer(&self) -> Option<CustomerId> {
        self.main_party()?.id.map(CustomerId)
    }

    /// The share of the main customer, percent.
    #[must_use]
    pub fn main_participation(&self) -> Option<Decimal> {
        self.main_party()?.participation_percentage
    }

    fn main_party(&self) -> Option<&ContractCustomer> {
        let customers = &self.sales_contract_customers;
        customers
            .iter()
            .find(|customer| customer.main == Some(true))
            .or(customers.first())
    }

    /// The main unit's name, or the only one's.
    #[must_use]
    pub fn main_unit(&self) -> Option<&str> {
        let units = &self.sales_contract_units;
        let main = units
            .iter()
            .find(|unit| unit.main == Some(true))
            .or(units.first());
        main?.name.as_deref()
    }
}

/// A customer of a contract.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ContractCustomer {
    /// Customer.
    #[serde(deserialize_with = "id")]
    pub id: Option<i64>,
    /// Name.
    #[serde(deserialize_with = "personal")]
    pub name: Option<Personal>,
    /// The main one.
    #[serde(deserialize_with = "flag")]
    pub main: Option<bool>,
    /// A spouse.
    #[serde(deserialize_with = "flag")]
    pub spouse: Option<bool>,
    /// Share, percent.
    #[serde(deserialize_with = "number")]
    pub participation_percentage: Option<Decimal>,
}

/// A unit of a contract.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ContractUnit {
    /// Unit.
    #[serde(deserialize_with = "id")]
    pub id: Option<i64>,
    /// Name.
    #[serde(deserialize_with = "text")]
    pub name: Option<String>,
    /// The main one.
    #[serde(deserialize_with = "flag")]
    pub main: Option<bool>,
}

/// A payment condition of a contract.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PaymentCondition {
    /// Condition type (`PM`, ...).
    #[serde(deserialize_with = "text")]
    pub condition_type_id: Option<String>,
    /// Indexer.
    #[serde(deserialize_with = "id")]
    pub indexer_id: Option<i64>,
    /// Installments.
    #[serde(deserialize_with = "whole")]
    pub installments_number: Option<i64>,
    /// Open installments.
    #[serde(deserialize_with = "whole")]
    pub open_installments_number: Option<i64>,
    /// First payment.
    #[serde(deserialize_with = "date")]
    pub first_payment: Option<Date>,
    /// Total.
    #[serde(deserialize_with = "amount")]
    pub total_value: Option<Cents>,
    /// Outstanding balance.
    #[serde(deserialize_with = "amount")]
    pub outstanding_balance: Option<Cents>,
}

/// A filter for contracts. Dates are inclusive and have day resolution: overlap a day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SalesContractFilter {
    /// Of a company.
    pub company: Option<CreditorId>,
    /// Of an enterprise.
    pub enterprise: Option<EnterpriseId>,
    /// Of a customer.
    pub customer: Option<CustomerId>,
    /// Situations: 0 requested, 1 authorised, 2 issued, 3 cancelled.
    pub situations: Vec<u8>,
    /// Changed on or after.
    pub modified_after: Option<Date>,
    /// Changed on or before.
    pub modified_before: Option<Date>,
    /// Cancelled on or after.
    pub cancelled_after: Option<Date>,
    /// Cancelled on or before.
    pub cancelled_before: Option<Date>,
    /// Rows to skip: those already read.
    pub skip: usize,
}

impl Client {
    /// The matching contracts, newest first.
    pub fn sales_contracts(&self, filter: &SalesContractFilter) -> Rows<SalesContract> {
        self.rows_after(
            filter.skip,
            SiengeCall::rest(
                "ConsultarContratosVenda",
                "sales-contracts",
                "sales-contracts",
            )
            .with_some("companyId", filter.company)
            .with_some("enterpriseId", filter.enterprise)
            .with_some("customerId", filter.customer)
            .with_list("situation", &filter.situations)
            .with_some("modifiedAfter", filter.modified_after)
            .with_some("modifiedBefore", filter.modified_before)
            .with_some("initialCancelDate", filter.cancelled_after)
            .with_some("finalCancelDate", filter.cancelled_before),
        )
    }

    /// One contract. Sienge documents no 404 here: a 400 means "not found" too.
    pub async fn sales_contract(
        &self,
        contract: SalesContractId,
    ) -> Result<Option<SalesContract>, SiengeError> {
        let call = SiengeCall::rest(
            "ConsultarContratoVenda",
            "sales-contracts",
            format!("sales-contracts/{contract}"),
        );
        match self.fetch_one(&call).await {
            Err(SiengeError::BadRequest { status: 400, .. }) => Ok(None),
            other => other,
        }
    }
}
