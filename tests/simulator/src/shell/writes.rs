//! Calls of the API that change something or have something sent.

use std::sync::{Arc, PoisonError};

use axum::http::StatusCode;
use serde_json::Value;

use super::shared::Shared;
use crate::api::{ApiError, payment_slips};

/// Answers a call that is neither a GET nor about hooks: its status, without a body.
pub fn answer(
    shared: &Arc<Shared>,
    method: &str,
    path: &[&str],
    body: &[u8],
) -> Result<StatusCode, ApiError> {
    let read = || {
        serde_json::from_slice::<Value>(body)
            .map_err(|_| ApiError::parameter("body", "JSON inválido"))
    };
    match (method, path) {
        ("POST", ["payment-slip-notification"]) => {
            let body = read()?;
            let email = payment_slips::email(
                shared
                    .core
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .world(),
                &body,
            )?;
            shared
                .emails
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(email);
            Ok(StatusCode::CREATED)
        }
        (
            "PATCH",
            [
                "accounts-receivable",
                "receivable-bills",
                bill,
                "installments",
                installment,
                "change-due-date",
            ],
        ) => {
            let (bill, installment) = (number(bill)?, number(installment)?);
            let body = read()?;
            let change = {
                let mut core = shared.core.lock().unwrap_or_else(PoisonError::into_inner);
                payment_slips::new_due_date(core.world(), bill, installment, &body)?
            };
            shared
                .operate("change", &change)
                .map_err(|_| ApiError::status(422))?;
            Ok(StatusCode::NO_CONTENT)
        }
        _ => Err(ApiError::status(404)),
    }
}

fn number(text: &str) -> Result<u32, ApiError> {
    text.parse()
        .map_err(|_| ApiError::parameter("id", "deve ser um número"))
}
