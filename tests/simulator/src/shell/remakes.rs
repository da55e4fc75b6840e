//! `POST` and `DELETE /v1/remade-installments`: what the ERP's screen does, asked for over the API. Both are the operation
//! `remake`, so they fire its webhooks and are kept in the state file.
//!
//! What is asked twice is done once: the installments of a remake have nothing open any more.

use serde_json::{Value, json};

use super::shared::Shared;
use crate::api::{ApiError, Query, Shapes};

/// Answers a call that changes remakes.
pub fn answer(
    shared: &Shared,
    method: &str,
    query: &Query,
    body: &[u8],
) -> Result<Value, ApiError> {
    match method {
        "POST" => make(shared, body),
        "DELETE" => {
            let bill = query.required_id("billReceivableId")?;
            let date = query.required_date("remadeDate")?;
            query.flag("validateGeneratedCollection")?;
            undo(
                shared,
                bill,
                date,
                query.flag("validateGeneratedCollection")?.unwrap_or(true),
            )
        }
        _ => Err(ApiError::status(404)),
    }
}

fn make(shared: &Shared, body: &[u8]) -> Result<Value, ApiError> {
    let body: Value =
        serde_json::from_slice(body).map_err(|_| ApiError::parameter("body", "JSON inválido"))?;
    let bill = number(&body, "billReceivableId")?;
    let ids = body["installments"]
        .as_str()
        .unwrap_or("")
        .split('/')
        .map(str::trim);
    let ids: Result<Vec<u32>, _> = ids.map(str::parse).collect();
    let ids = ids.map_err(|_| ApiError::parameter("installments", "deve ser como 1/2/3"))?;
    if body["operationType"] != "R" {
        return Err(ApiError::parameter("operationType", "deve ser R"));
    }
    if !["R", "F", "A"].contains(&body["remadeType"].as_str().unwrap_or("R")) {
        return Err(ApiError::parameter("remadeType", "deve ser R, F ou A"));
    }
    let conditions = body["paymentConditions"]
        .as_array()
        .filter(|list| !list.is_empty());
    let conditions = conditions
        .ok_or_else(|| ApiError::parameter("paymentConditions", "parâmetro obrigatório"))?;
    let conditions: Result<Vec<Value>, ApiError> = conditions.iter().map(condition).collect();
    let operation = json!({
        "billId": bill,
        "installmentIds": ids,
        "date": body["remadeDate"],
        "conditions": conditions?,
    });
    there(shared, bill)?;
    // The ERP's business rules: nothing open, a bad value, an unknown indexer.
    shared
        .operate("remake", &operation)
        .map_err(|_| ApiError::status(422))?;
    let mut core = shared
        .core
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let bill = core.world().bills.get(&bill).ok_or(ApiError::status(404))?;
    let remake = bill.remakes.last().ok_or(ApiError::status(500))?;
    let generated = remake
        .generated
        .iter()
        .filter_map(|id| bill.installment(*id))
        .map(|row| {
            json!({
                "installmentId": row.id,
                "builtInterestValue": 0,
                "originalValue": row.original,
                "originalDebitBalance": row.balance,
                "amortizationValue": row.original,
                "dueDate": row.due.to_string(),
                "baseDate": row.base.to_string(),
                "conditionType": row.condition,
                "indexerCode": row.indexer,
            })
        });
    let generated: Vec<Value> = generated.collect();
    // The document shows one object, although several are generated.
    Ok(match shared.options.shapes {
        Shapes::Documented => generated.into_iter().next().unwrap_or(Value::Null),
        Shapes::Production => Value::Array(generated),
    })
}

fn condition(given: &Value) -> Result<Value, ApiError> {
    let rate = match given["interestType"].as_str().unwrap_or("N") {
        "N" => Value::Null,
        "P" => given["interestPercentage"].clone(),
        _ => {
            return Err(ApiError::parameter(
                "interestType",
                "só N e P são simulados",
            ));
        }
    };
    Ok(json!({
        "count": given["installmentsNumber"],
        "value": given["totalValue"],
        "firstDueDate": given["firstPayment"],
        "conditionTypeId": given["conditionTypeId"],
        "indexerId": given["indexerId"],
        "baseDate": given["baseDate"],
        "ratePercent": rate,
    }))
}

fn undo(
    shared: &Shared,
    bill: u32,
    date: jiff::civil::Date,
    validate: bool,
) -> Result<Value, ApiError> {
    there(shared, bill)?;
    let mut core = shared
        .core
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let held = core.world().bills.get(&bill).ok_or(ApiError::status(404))?;
    let remake = held
        .remakes
        .iter()
        .rfind(|remake| remake.date == date)
        .ok_or(ApiError::status(404))?;
    let boleto = |id: &u32| {
        held.installment(*id)
            .is_some_and(|row| row.boleto.is_some())
    };
    if validate && remake.generated.iter().any(boleto) {
        return Err(ApiError::status(422));
    }
    drop(core);
    let operation = json!({"billId": bill, "undo": true, "date": date.to_string()});
    shared
        .operate("remake", &operation)
        .map_err(|_| ApiError::status(422))?;
    Ok(Value::Null)
}

fn there(shared: &Shared, bill: u32) -> Result<(), ApiError> {
    let mut core = shared
        .core
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let known = core.world().bills.contains_key(&bill);
    if known {
        Ok(())
    } else {
        Err(ApiError::status(404))
    }
}

fn number(body: &Value, name: &str) -> Result<u32, ApiError> {
    let number = body[name]
        .as_u64()
        .and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| ApiError::parameter(name, "parâmetro obrigatório"))
}
