//! The present debit balance (saldo devedor presente).

use jiff::civil::Date;
use serde_json::{Value, json};

use super::{ApiError, Context, everything};
use crate::money::Cents;
use crate::world::{Bill, Customer, Installment, tables};

/// `GET /current-debit-balance`: the bills of a CPF or CNPJ. Production answers an envelope, the documents one object: the first bill.
pub fn balance(context: &Context) -> Result<Value, ApiError> {
    let query = context.query;
    let document = query.text("cpf").or_else(|| query.text("cnpj"));
    let document = document.ok_or_else(|| ApiError::parameter("cpf", "informe cpf ou cnpj"))?;
    let on = query.date("correctionDate")?.unwrap_or(context.world.today);
    let title = query.text("numberTitle");
    let centers = query.ids("costCenterIdIn")?;
    let no_centers = query.ids("costCenterIdNotIn")?;
    let customer: &Customer = context
        .world
        .customers
        .values()
        .find(|customer| customer.document() == document)
        .ok_or(ApiError::status(404))?;
    let wanted = |bill: &&Bill| {
        title.is_none_or(|title| title == bill.id.to_string() || title == bill.number)
            && (centers.is_empty() || bill.enterprise().is_some_and(|id| centers.contains(&id)))
            && bill.enterprise().is_none_or(|id| !no_centers.contains(&id))
    };
    let bills = context.world.bills_of(customer.id).filter(wanted);
    let results: Vec<Value> = bills
        .map(|bill| bill_json(context, bill, on))
        .collect::<Result<_, _>>()?;
    if context.documented() {
        return results.into_iter().next().ok_or(ApiError::status(404));
    }
    Ok(everything(&results))
}

fn bill_json(context: &Context, bill: &Bill, on: Date) -> Result<Value, ApiError> {
    let query = context.query;
    let only = query.list("conditionIdIn");
    let except = query.list("conditionIdNotIn");
    let boleto = query.flag("generatedBoleto")?;
    let (mut paid, mut due, mut payable) = (Vec::new(), Vec::new(), Vec::new());
    for row in &bill.installments {
        let condition = if only.is_empty() {
            !except.contains(&row.condition)
        } else {
            only.contains(&row.condition)
        };
        let within = query.between(row.due, "dueDateStart", "dueDateEnd")?;
        if !condition
            || !within
            || boleto.is_some_and(|wanted| wanted != row.boleto.is_some())
            || !context.keeps(bill.id, row.id)
        {
            continue;
        }
        let list = match (row.open(), row.due < on) {
            (false, _) => &mut paid,
            (true, true) => &mut due,
            (true, false) => &mut payable,
        };
        list.push(installment_json(bill, row, on));
    }
    Ok(json!({
        "billReceivableId": bill.id,
        "documentId": bill.document,
        "projectId": bill.enterprise(),
        "paidInstallments": paid,
        "dueInstallments": due,
        "payableInstallments": payable,
    }))
}

fn installment_json(bill: &Bill, row: &Installment, on: Date) -> Value {
    let corrected = row.corrected(on);
    let charges = row.charges(on, &bill.late).total();
    let index = Cents(10_000).portion(10_000 + row.correction_rate(on), 10_000);
    let mut answer = json!({
        "installmentId": row.id,
        "installmentNumber": row.number(),
        "dueDate": row.due.to_string(),
        "generatedBoleto": row.boleto.is_some(),
        "conditionType": row.condition,
        "originalValue": row.original,
        "adjustedValue": corrected,
        "monetaryCorrectionValue": corrected - row.balance,
        "additionalValue": charges,
        "latePaymentInterest": if charges > Cents::ZERO { bill.late.fine + bill.late.interest } else { Cents::ZERO },
        "currentBalance": corrected + charges,
        "indexerCode": row.indexer,
        "indexerName": tables::indexer_name(row.indexer),
        "baseDateOfCorrection": row.base.to_string(),
        "indexerValueBaseDate": Cents(10_000),
        "indexerValueCalculationDate": index,
    });
    if !row.open() {
        let receipts = row.receipts.iter().map(|receipt| {
            json!({
                "receiptId": receipt.sequence,
                "receiptDate": receipt.date.to_string(),
                "receiptValue": receipt.gross,
                "monetaryCorrectionValue": Cents::ZERO,
                "calculationDate": receipt.date.to_string(),
                "indexerValueCalculationDate": Cents(10_000),
            })
        });
        answer["receipts"] = Value::Array(receipts.collect());
    }
    answer
}
