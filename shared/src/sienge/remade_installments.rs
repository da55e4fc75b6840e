//! Remade installments (reparcelamentos).

use jiff::civil::Date;
use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::call::SiengeCall;
use super::client::Client;
use super::error::SiengeError;
use super::lenient::{amount, date, id, text};
use super::pages;
use crate::agreement::{REMAKE_CONDITION, RemakeOrder};
use crate::ids::{BillId, CreditorId, CustomerId, InstallmentId};
use crate::money::{Cents, JsonNumber, Rate};

const RESOURCE: &str = "remade-installments";

/// A remake of installments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RemadeInstallments {
    /// Bill.
    #[serde(deserialize_with = "id")]
    pub receivable_bill_id: Option<i64>,
    /// Day of the remake; with the bill, its identity.
    #[serde(deserialize_with = "date")]
    pub remade_date: Option<Date>,
    /// The installments that were remade, as Sienge writes them; see [`RemadeInstallments::remade`].
    #[serde(deserialize_with = "text")]
    pub remade_installments_description: Option<String>,
    /// Their value.
    #[serde(deserialize_with = "amount")]
    pub remade_value: Option<Cents>,
    /// The installments that were generated; see [`RemadeInstallments::generated`].
    #[serde(deserialize_with = "text")]
    pub generated_installments_description: Option<String>,
    /// Their value.
    #[serde(deserialize_with = "amount")]
    pub generated_value: Option<Cents>,
}

impl RemadeInstallments {
    /// Ids of the installments that were remade.
    #[must_use]
    pub fn remade(&self) -> Vec<InstallmentId> {
        numbers(self.remade_installments_description.as_deref())
    }

    /// Ids of the installments that were generated.
    #[must_use]
    pub fn generated(&self) -> Vec<InstallmentId> {
        numbers(self.generated_installments_description.as_deref())
    }
}

fn numbers(description: Option<&str>) -> Vec<InstallmentId> {
    description
        .unwrap_or("")
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|number| InstallmentId::read(number.parse().ok()?))
        .collect()
}

/// A filter for remakes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RemadeFilter {
    /// Of a bill.
    pub bill: Option<BillId>,
    /// Of a company.
    pub company: Option<CreditorId>,
    /// Of a customer.
    pub customer: Option<CustomerId>,
    /// Of installments due on or after.
    pub due_from: Option<Date>,
    /// Of installments due on or before.
    pub due_to: Option<Date>,
}

impl Client {
    /// The matching remakes; Sienge sends them all at once.
    pub async fn remade_installments(
        &self,
        filter: &RemadeFilter,
    ) -> Result<Vec<RemadeInstallments>, SiengeError> {
        let call = SiengeCall::rest("ConsultarReparcelamento", RESOURCE, RESOURCE)
            .with_some("billReceivableId", filter.bill)
            .with_some("companyId", filter.company)
            .with_some("customerId", filter.customer)
            .with_some("dueDateStart", filter.due_from)
            .with_some("dueDateEnd", filter.due_to)
            .about(filter.bill);
        let rows: Vec<RemadeInstallments> = self.fetch_all(&call).await?;
        // An unreadable remake may be the one searched for: so this is not an answer.
        if rows.iter().any(|row| row.receivable_bill_id.is_none()) {
            return Err(SiengeError::Shape {
                resource: RESOURCE,
                what: "reparcelamento sem título",
            });
        }
        Ok(rows)
    }

    /// Makes a remake of type "acordo" and returns the generated installments, as far as Sienge lists them (its documentation shows one object
    /// where several are generated). Never repeated after an unclear answer: store the intention first, and after any error look the remake up with
    /// [`Client::remade_installments`].
    pub async fn remake(&self, order: &RemakeOrder) -> Result<Vec<InstallmentId>, SiengeError> {
        let mut call =
            SiengeCall::rest("GravarReparcelamento", RESOURCE, RESOURCE).about(order.bill);
        call.verb = Method::POST;
        let body = serde_json::to_vec(&NewRemake::of(order));
        call.body = Some(body.map_err(|_| SiengeError::Configuration("dados do reparcelamento"))?);
        let rows: Vec<GeneratedInstallment> =
            self.fetch(&call, |json| pages::all(RESOURCE, json)).await?;
        let mut ids: Vec<InstallmentId> = rows
            .into_iter()
            .filter_map(|row| row.installment_id.map(InstallmentId))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }
}

/// An installment that a remake generated.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct GeneratedInstallment {
    #[serde(deserialize_with = "id")]
    installment_id: Option<i64>,
}

/// The body of a remake. Sienge's documentation declares no field required; every one that decides something is sent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NewRemake {
    bill_receivable_id: i64,
    remade_date: Date,
    calculation_date: Date,
    installments: String,
    built_interest_rule: &'static str,
    difference_type: &'static str,
    operation_type: &'static str,
    remade_type: &'static str,
    remade_description: String,
    confirm_last_readjustment_date_change: &'static str,
    payment_conditions: Vec<NewCondition>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NewCondition {
    condition_type_id: &'static str,
    total_value: JsonNumber,
    installments_number: usize,
    first_payment: Date,
    match_maturities: &'static str,
    indexer_id: i32,
    base_date: Date,
    interest_type: &'static str,
    interest_percentage: JsonNumber,
}

impl NewRemake {
    /// Amortised values (A), differences as interest (J), new installments (R), a financial agreement (A).
    fn of(order: &RemakeOrder) -> Self {
        let conditions = order.conditions.iter().map(|condition| NewCondition {
            condition_type_id: REMAKE_CONDITION,
            total_value: JsonNumber(condition.value.decimal()),
            installments_number: condition.installments,
            first_payment: condition.first_due,
            match_maturities: "N",
            indexer_id: order.indexer,
            base_date: order.base_date,
            interest_type: if condition.price.is_some() { "P" } else { "N" },
            interest_percentage: JsonNumber(condition.price.map(Rate::decimal).unwrap_or_default()),
        });
        Self {
            bill_receivable_id: order.bill.0,
            remade_date: order.remade_on,
            calculation_date: order.calculated_on,
            installments: order
                .installments
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("/"),
            built_interest_rule: "A",
            difference_type: "J",
            operation_type: "R",
            remade_type: "A",
            remade_description: order.description.clone(),
            confirm_last_readjustment_date_change: "N",
            payment_conditions: conditions.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installments_are_read_from_their_description() {
        assert_eq!(numbers(Some("1, 2, 3/4 ")), [1, 2, 3, 4].map(InstallmentId));
        assert!(numbers(None).is_empty());
    }
}
