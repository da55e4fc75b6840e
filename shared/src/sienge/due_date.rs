//! Changing the due date of an installment.

use jiff::civil::Date;
use reqwest::Method;
use serde::Serialize;

use super::call::SiengeCall;
use super::client::Client;
use super::error::SiengeError;
use super::receivable_bills::RESOURCE;
use crate::ids::{BillId, InstallmentId};

/// The result of a due date change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DueDateChange {
    /// Changed; the installment's collection is open again, so that a new boleto can be registered.
    Done,
    /// 422: refused, as for an installment with receipts or a date before today.
    Refused,
    /// 404: Sienge does not have the bill or the installment.
    NotFound,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewDueDate {
    new_due_date: String,
}

impl Client {
    /// Changes an installment's due date, which voids its registered boleto. Not repeated after an unclear answer: read the
    /// installment first, because a second request for the same date would void the boleto registered in between.
    pub async fn change_due_date(
        &self,
        bill: BillId,
        installment: InstallmentId,
        due_on: Date,
    ) -> Result<DueDateChange, SiengeError> {
        let body = NewDueDate {
            new_due_date: due_on.to_string(),
        };
        let path = format!("{RESOURCE}/{bill}/installments/{installment}/change-due-date");
        let mut call = SiengeCall::rest("AlterarVencimentoParcela", RESOURCE, path).about(bill);
        call.verb = Method::PATCH;
        call.body = Some(
            serde_json::to_vec(&body).map_err(|_| SiengeError::Configuration("novo vencimento"))?,
        );
        match self.fetch(&call, |_| Ok(())).await {
            Ok(()) => Ok(DueDateChange::Done),
            Err(SiengeError::BadRequest { status: 422, .. }) => Ok(DueDateChange::Refused),
            Err(SiengeError::NotFound { .. }) => Ok(DueDateChange::NotFound),
            Err(error) => Err(error),
        }
    }
}
