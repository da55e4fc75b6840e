//! Receivable bills, their installments and remakes.

use serde_json::{Value, json};

use super::{ApiError, Context, everything, page};
use crate::world::{Bill, Situation};

fn bill_json(context: &Context, bill: &Bill) -> Value {
    let unit = bill
        .contract
        .as_ref()
        .and_then(|contract| context.world.units.get(&contract.unit));
    json!({
        "customerId": bill.customer,
        "receivableBillId": bill.id,
        "documentId": bill.document,
        "documentNumber": bill.number,
        "issueDate": bill.issued.to_string(),
        "receivableBillValue": bill.value(),
        "companyId": bill.company,
        "defaulting": bill.situation == Situation::Defaulting,
        "subjudice": bill.situation == Situation::SubJudice,
        "note": bill.note.as_deref().unwrap_or(""),
        "unityName": unit.map(|unit| unit.name.as_str()),
    })
}

/// `GET /accounts-receivable/receivable-bills`: `paidOff=true` gives only settled bills; without
/// it all of the customer's bills come.
pub fn bills(context: &Context) -> Result<Value, ApiError> {
    let query = context.query;
    let customer = query.required_id("customerId")?;
    let company = query.id("companyId")?;
    let center = query.id("costCenterId")?;
    let only_paid = query.flag("paidOff")?.unwrap_or(false);
    let rows: Vec<&Bill> = context
        .world
        .bills_of(customer)
        .filter(|bill| {
            company.is_none_or(|id| id == bill.company)
                && center.is_none_or(|id| bill.enterprise() == Some(id))
                && (!only_paid || bill.paid_off().is_some())
        })
        .collect();
    if rows.is_empty() && context.documented() {
        return Err(ApiError::status(404));
    }
    page(
        context,
        rows.into_iter(),
        |bill| (bill.id, 0),
        |bill| {
            let mut answer = bill_json(context, bill);
            answer["payOffDate"] = json!(bill.paid_off().map(|day| day.to_string()));
            answer
        },
    )
}

/// `GET /accounts-receivable/receivable-bills/{id}`.
pub fn bill(context: &Context, id: u32) -> Result<Value, ApiError> {
    let bill = context
        .world
        .bills
        .get(&id)
        .filter(|_| context.keeps(id, 0))
        .ok_or(ApiError::status(404))?;
    let mut answer = bill_json(context, bill);
    answer["normal"] = json!(bill.situation == Situation::Normal);
    answer["inBilling"] = json!(bill.situation == Situation::InBilling);
    Ok(answer)
}

/// `GET /accounts-receivable/receivable-bills/{id}/installments`. The newest document calls the
/// condition `conditionType`, production `conditionTypeId`.
pub fn installments(context: &Context, id: u32) -> Result<Value, ApiError> {
    let bill = context.world.bills.get(&id).ok_or(ApiError::status(404))?;
    let wanted = context.query.ids("carrierIdIn")?;
    let unwanted = context.query.ids("carrierIdNotIn")?;
    let rows = bill.installments.iter().filter(|row| {
        (wanted.is_empty() || wanted.contains(&row.carrier)) && !unwanted.contains(&row.carrier)
    });
    page(
        context,
        rows,
        |row| (id, row.id),
        |row| {
            let mut answer = json!({
                "receivableBillId": id,
                "installmentId": row.id,
                "carrierId": row.carrier,
                "dueDate": row.due.to_string(),
                "balanceDue": row.dusty(row.balance),
                "generatedTicket": row.boleto.is_some(),
            });
            let key = if context.documented() {
                "conditionType"
            } else {
                "conditionTypeId"
            };
            answer[key] = json!(row.condition);
            answer
        },
    )
}

/// `GET /remade-installments`: all rows at once, whatever the limit.
pub fn remade(context: &Context) -> Result<Value, ApiError> {
    let query = context.query;
    let wanted = query.id("billReceivableId")?;
    let company = query.id("companyId")?;
    let center = query.id("costCenterId")?;
    let customer = query.id("customerId")?;
    query.date("dueDateStart")?;
    query.date("dueDateEnd")?;
    let listed = |ids: &[u32]| {
        ids.iter()
            .map(u32::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let mut results = Vec::new();
    let bills: Box<dyn Iterator<Item = &Bill>> = match wanted {
        Some(id) => Box::new(context.world.bills.get(&id).into_iter()),
        None => Box::new(context.world.bills.values()),
    };
    for bill in bills {
        if company.is_some_and(|id| id != bill.company)
            || center.is_some_and(|id| bill.enterprise() != Some(id))
            || customer.is_some_and(|id| id != bill.customer)
            || !context.keeps(bill.id, 0)
        {
            continue;
        }
        let name = context
            .world
            .customers
            .get(&bill.customer)
            .map(|row| row.name.as_str());
        for remake in &bill.remakes {
            let touches = |id: &u32| {
                let day = bill.installment(*id).map(|row| row.due);
                day.is_some_and(|day| {
                    query
                        .between(day, "dueDateStart", "dueDateEnd")
                        .unwrap_or(true)
                })
            };
            if !remake.remade.iter().chain(&remake.generated).any(touches) {
                continue;
            }
            results.push(json!({
                "receivableBillId": bill.id,
                "remadeDate": remake.date.to_string(),
                "customerDescription": name,
                "remadeInstallmentsDescription": listed(&remake.remade),
                "remadeValue": remake.remade_value,
                "generatedInstallmentsDescription": listed(&remake.generated),
                "generatedValue": remake.generated_value,
            }));
        }
    }
    Ok(everything(&results))
}
