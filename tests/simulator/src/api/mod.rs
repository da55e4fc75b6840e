//! What the ERP answers, as plain functions of the world and the request. No socket, no clock:
//! the shell around it adds authentication, quotas and faults.

pub mod bulk;
mod context;
mod contracts;
mod customers;
mod debit_balance;
mod error;
mod odd;
mod page;
pub mod payment_slips;
mod query;
mod receivables;
mod registers;
pub mod shapes;
mod statement;

use serde_json::Value;

pub use context::{Context, Missing, Shapes};
pub use error::ApiError;
pub use odd::{Odd, Twice};
pub use page::{everything, page};
pub use query::Query;

/// Answers a REST read. `path` is what follows `/v1/`, split at the slashes.
pub fn rest(context: &Context, path: &[&str]) -> Result<Value, ApiError> {
    let answer = match path {
        ["companies"] => registers::companies(context),
        ["companies", id] => registers::company(context, number(id)?),
        ["cost-centers"] => registers::cost_centers(context),
        ["cost-centers", id] => registers::cost_center(context, number(id)?),
        ["enterprises"] => registers::enterprises(context),
        ["enterprises", id] => registers::enterprise(context, number(id)?),
        ["units"] => registers::units(context),
        ["units", id] => registers::unit(context, number(id)?),
        ["payment-condition-types"] => registers::condition_types(context),
        ["document-identifications", id] => registers::document(id),
        ["indexers"] => registers::indexers(context),
        ["bearers-receivable"] => registers::bearers(context),
        ["customers"] => customers::list(context),
        ["customers", id] => customers::one(context, number(id)?),
        ["sales-contracts"] => contracts::list(context),
        ["sales-contracts", id] => contracts::one(context, number(id)?),
        ["accounts-receivable", "receivable-bills"] => receivables::bills(context),
        ["accounts-receivable", "receivable-bills", id] => receivables::bill(context, number(id)?),
        [
            "accounts-receivable",
            "receivable-bills",
            id,
            "installments",
        ] => receivables::installments(context, number(id)?),
        ["remade-installments"] => receivables::remade(context),
        ["current-debit-balance"] => debit_balance::balance(context),
        ["customer-financial-statements"] => statement::statement(context),
        ["payment-slip-notification"] => payment_slips::payment_slip(context),
        _ => Err(ApiError::status(404)),
    }?;
    Ok(if context.documented() {
        shapes::documented(path, answer)
    } else {
        answer
    })
}

fn number(text: &str) -> Result<u32, ApiError> {
    query::int32(text)
        .ok_or_else(|| ApiError::parameter("id", "deve ser um número inteiro de 32 bits"))
}
