//! Remade installments (reparcelamentos), read only.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::call::Call;
use super::client::Client;
use super::error::SiengeError;
use super::lenient::{date, id, money, text};
use crate::portfolio::{BillId, CreditorId, CustomerId, InstallmentId};

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
    #[serde(deserialize_with = "money")]
    pub remade_value: Option<Decimal>,
    /// The installments that were generated; see [`RemadeInstallments::generated`].
    #[serde(deserialize_with = "text")]
    pub generated_installments_description: Option<String>,
    /// Their value.
    #[serde(deserialize_with = "money")]
    pub generated_value: Option<Decimal>,
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
        .filter_map(|number| number.parse().ok().map(InstallmentId))
        .collect()
}

/// Which remakes.
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
    /// The remakes that fit; Sienge sends them all at once.
    pub async fn remade_installments(&self, filter: &RemadeFilter) -> Result<Vec<RemadeInstallments>, SiengeError> {
        let call = Call::rest("ConsultarReparcelamento", "remade-installments", "remade-installments")
            .with_some("billReceivableId", filter.bill)
            .with_some("companyId", filter.company)
            .with_some("customerId", filter.customer)
            .with_some("dueDateStart", filter.due_from)
            .with_some("dueDateEnd", filter.due_to)
            .about(filter.bill);
        self.fetch_all(&call).await
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
