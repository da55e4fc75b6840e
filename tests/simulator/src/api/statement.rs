//! The customer's financial statement (extrato).

use jiff::civil::Date;
use serde_json::{Value, json};

use super::{ApiError, Context, everything};
use crate::money::Cents;
use crate::world::tables::{CANCELLED, REMADE, RESCINDED};
use crate::world::{Bill, Installment, Receipt, Situation};

/// `GET /customer-financial-statements`. Production puts all bills in one array; the documents
/// make `billsReceivable` an object, so each bill is a result of its own there.
pub fn statement(context: &Context) -> Result<Value, ApiError> {
    let query = context.query;
    let customer = query.required_id("customerId")?;
    let wanted = query.id("billReceivableId")?;
    let company = query.id("companyId")?;
    let names = query.list("unityId");
    let units = query.ids("unityCode")?;
    let sub_judice = query.flag("includeSubJudice")?.unwrap_or(true);
    let bills: Vec<Value> = context
        .world
        .bills_of(customer)
        .filter(|bill| {
            wanted.is_none_or(|id| id == bill.id) && company.is_none_or(|id| id == bill.company)
        })
        .filter(|bill| sub_judice || bill.situation != Situation::SubJudice)
        .filter(|bill| {
            let unit = bill
                .contract
                .as_ref()
                .and_then(|contract| context.world.units.get(&contract.unit));
            (names.is_empty() || unit.is_some_and(|unit| names.contains(&unit.name.as_str())))
                && (units.is_empty() || unit.is_some_and(|unit| units.contains(&unit.id)))
        })
        .map(|bill| bill_json(context, bill))
        .collect();
    let results: Vec<Value> = if context.documented() {
        bills
            .into_iter()
            .map(|bill| json!({"billsReceivable": bill}))
            .collect()
    } else if bills.is_empty() {
        Vec::new()
    } else {
        vec![json!({"billsReceivable": bills})]
    };
    Ok(everything(&results))
}

fn bill_json(context: &Context, bill: &Bill) -> Value {
    let query = context.query;
    let only = query.list("conditionIdIn");
    let except = query.list("conditionIdNotIn");
    let excluded = |name: &str| query.text(name) == Some("N");
    let rows = bill.installments.iter().filter(|row| {
        let condition = if only.is_empty() {
            !except.contains(&row.condition)
        } else {
            only.contains(&row.condition)
        };
        condition
            && !(excluded("includeRemadeInstallments") && row.closed_by(REMADE))
            && !(excluded("includeRenegotiation") && row.closed_by(REMADE))
            && !(excluded("includeCancelation")
                && (row.closed_by(RESCINDED) || row.closed_by(CANCELLED)))
            && (row.open() || !excluded("includeWriteOff"))
            && context.keeps(bill.id, row.id)
    });
    json!({
        "billReceivableId": bill.id,
        "finePercent": bill.late.fine,
        "interestPercent": bill.late.interest,
        "documentId": bill.number,
        "documentCode": bill.document,
        "subJudice": bill.situation == Situation::SubJudice,
        "installments": rows.map(|row| installment_json(context.world.today, row)).collect::<Vec<_>>(),
    })
}

fn installment_json(today: Date, row: &Installment) -> Value {
    json!({
        "installmentId": row.id,
        "dueDate": row.due.to_string(),
        "conditionType": row.condition,
        "originalValue": row.dusty(row.original),
        "currentBalance": row.dusty(row.corrected(today)),
        "interestPercent": Cents::ZERO,
        "generatedBillet": row.boleto.is_some(),
        "installmentNumber": row.number(),
        "receipts": row.receipts.iter().map(receipt_json).collect::<Vec<_>>(),
    })
}

fn receipt_json(receipt: &Receipt) -> Value {
    json!({
        "calculationDate": receipt.date.to_string(),
        "receiptDate": receipt.date.to_string(),
        "receiptValue": receipt.dusty(receipt.gross),
        "interestValue": receipt.interest,
        "additionalValue": receipt.extra(),
        "discountValue": receipt.discount,
        "administrativeFee": Cents::ZERO,
        "netReceiptValue": receipt.dusty(receipt.net()),
        "receiptType": receipt.kind,
        "insuranceAmount": Cents::ZERO,
        "mipInsuranceAmount": Cents::ZERO,
        "fixedInsuranceAmount": Cents::ZERO,
        "accountNumber": null,
        "bankMovements": [],
    })
}
