//! How control calls print what the world holds.

use serde_json::{Value, json};

use super::hook::Told;
use crate::world::operations::Draft;
use crate::world::{Bill, Installment};

/// One line of `GET /_control/installments`.
pub fn installment(bill: &Bill, row: &Installment) -> Value {
    let receipts: Vec<Value> = row
        .receipts
        .iter()
        .map(|receipt| {
            json!({
                "sequence": receipt.sequence,
                "type": receipt.kind,
                "date": receipt.date.to_string(),
                "grossValue": receipt.gross.text(),
                "netValue": receipt.net().text(),
                "amortised": receipt.amortised.text(),
            })
        })
        .collect();
    json!({
        "companyId": bill.company,
        "enterpriseId": bill.enterprise(),
        "salesContractId": bill.contract.as_ref().map(|contract| contract.id),
        "billId": bill.id,
        "installmentId": row.id,
        "customerId": bill.customer,
        "documentId": bill.document,
        "documentNumber": bill.number,
        "dueDate": row.due.to_string(),
        "conditionTypeId": row.condition,
        "indexerId": row.indexer,
        "installmentNumber": row.number(),
        "originalValue": row.original.text(),
        "balance": row.balance.text(),
        "generatedBillet": row.boleto.is_some(),
        "listed": row.listed,
        "situation": bill.situation.name(),
        "cancelled": bill.cancelled.is_some(),
        "receipts": receipts,
    })
}

/// One line of `GET /_control/bills`.
pub fn bill(bill: &Bill) -> Value {
    json!({
        "companyId": bill.company,
        "enterpriseId": bill.enterprise(),
        "salesContractId": bill.contract.as_ref().map(|contract| contract.id),
        "billId": bill.id,
        "customerId": bill.customer,
        "documentId": bill.document,
        "documentNumber": bill.number,
        "issueDate": bill.issued.to_string(),
        "situation": bill.situation.name(),
        "cancelled": bill.cancelled.is_some(),
        "installments": bill.installments.len(),
        "openInstallments": bill.installments.iter().filter(|row| row.open()).count(),
        "remakes": bill.remakes.len(),
        "assignments": bill.assignments.len(),
    })
}

/// The answer to an operation.
pub fn applied(name: &str, draft: &Draft, events: &[Told], silent: bool) -> Value {
    let line = |(bill_id, id): &(u32, u32)| {
        let bill = draft.records.bills.get(bill_id)?;
        Some(installment(bill, bill.installment(*id)?))
    };
    let ids = |(bill, id): &(u32, u32)| json!({"billId": bill, "installmentId": id});
    let told = |event: &Told| json!({"id": event.id, "event": event.name, "body": event.body});
    json!({
        "operation": name,
        "silent": silent,
        "changed": draft.changed.iter().filter_map(line).collect::<Vec<_>>(),
        "removed": draft.removed.iter().map(ids).collect::<Vec<_>>(),
        "bills": draft.records.bills.values().map(bill).collect::<Vec<_>>(),
        "customers": draft.records.customers.keys().collect::<Vec<_>>(),
        "events": events.iter().map(told).collect::<Vec<_>>(),
    })
}
