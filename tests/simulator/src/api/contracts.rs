//! Sales contracts, by id descending.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{ApiError, Context, page};
use crate::money::Cents;
use crate::world::tables::{CARRIERS, condition_type, indexer_name};
use crate::world::{Bill, Contract, Installment};

/// `GET /sales-contracts`.
pub fn list(context: &Context) -> Result<Value, ApiError> {
    let query = context.query;
    let dates = [
        "createdAfter",
        "createdBefore",
        "modifiedAfter",
        "modifiedBefore",
        "initialIssueDate",
        "finalIssueDate",
        "initialCancelDate",
        "finalCancelDate",
    ];
    for name in dates {
        query.date(name)?;
    }
    let customer = query.id("customerId")?;
    let company = query.id("companyId")?;
    let enterprise = query.id("enterpriseId")?;
    let unit = query.id("unitId")?;
    let situations = query.list("situation");
    let cancel_filter = query
        .text("initialCancelDate")
        .or(query.text("finalCancelDate"))
        .is_some();
    let name = query.text("enterpriseName");
    let rows = context
        .world
        .all_contracts()
        .rev()
        .filter(|(contract, bill)| {
            let cancelled = bill
                .cancelled
                .as_ref()
                .map(|cancellation| cancellation.date);
            let between = |day, after, before| query.between(day, after, before).unwrap_or(true);
            customer.is_none_or(|id| id == bill.customer)
                && company.is_none_or(|id| id == bill.company)
                && enterprise.is_none_or(|id| id == contract.enterprise)
                && unit.is_none_or(|id| id == contract.unit)
                && query
                    .text("number")
                    .is_none_or(|number| number == contract.number)
                && query.text("externalId").is_none()
                && name.is_none_or(|name| {
                    context
                        .world
                        .enterprises
                        .get(&contract.enterprise)
                        .is_some_and(|row| row.name == name)
                })
                && (situations.is_empty() || situations.contains(&situation(bill).0))
                && between(bill.issued, "createdAfter", "createdBefore")
                && between(bill.issued, "initialIssueDate", "finalIssueDate")
                && between(contract.modified, "modifiedAfter", "modifiedBefore")
                && (!cancel_filter
                    || cancelled
                        .is_some_and(|day| between(day, "initialCancelDate", "finalCancelDate")))
        });
    page(
        context,
        rows,
        |(contract, _)| (contract.id, 0),
        |(contract, bill)| contract_json(context, contract, bill),
    )
}

/// `GET /sales-contracts/{id}`.
pub fn one(context: &Context, id: u32) -> Result<Value, ApiError> {
    let bill = context
        .world
        .contract_bill(id)
        .filter(|_| context.keeps(id, 0));
    let (bill, contract) = bill
        .and_then(|bill| Some((bill, bill.contract.as_ref()?)))
        .ok_or(ApiError::status(404))?;
    Ok(contract_json(context, contract, bill))
}

/// The digit production answers and the word the documents show.
fn situation(bill: &Bill) -> (&'static str, &'static str) {
    if bill.cancelled.is_some() {
        ("3", "Cancelado")
    } else {
        ("2", "Emitido")
    }
}

fn contract_json(context: &Context, contract: &Contract, bill: &Bill) -> Value {
    let world = context.world;
    let company = world.companies.get(&bill.company);
    let enterprise = world.enterprises.get(&contract.enterprise);
    let unit = world.units.get(&contract.unit);
    let customer = world.customers.get(&bill.customer);
    let (digit, word) = situation(bill);
    // The documents' examples print these dates with a time.
    let date = |day: jiff::civil::Date| {
        if context.documented() {
            format!("{day}T00:00:00.000Z")
        } else {
            day.to_string()
        }
    };
    let cancelled = bill.cancelled.as_ref();
    json!({
        "id": contract.id,
        "companyId": bill.company,
        "internalCompanyId": bill.company,
        "companyName": company.map(|row| row.name.as_str()),
        "enterpriseId": contract.enterprise,
        "internalEnterpriseId": contract.enterprise,
        "enterpriseName": enterprise.map(|row| row.name.as_str()),
        "receivableBillId": bill.id,
        "cancellationPayableBillId": null,
        "contractDate": date(bill.issued),
        "issueDate": date(bill.issued),
        "accountingDate": date(bill.issued),
        "expectedDeliveryDate": null,
        "keysDeliveredAt": null,
        "number": contract.number,
        "externalId": "",
        "correctionType": "M",
        "situation": if context.documented() { word } else { digit },
        "discountType": null,
        "discountPercentage": Cents::ZERO,
        "value": bill.value(),
        "totalSellingValue": bill.value(),
        "cancellationDate": cancelled.map(|row| date(row.date)),
        "totalCancellationAmount": cancelled.map(|_| Cents::ZERO),
        "cancellationReason": cancelled.map(|row| row.reason.as_str()),
        "financialInstitutionNumber": "",
        "financialInstitutionDate": null,
        "proRataIndexer": 0,
        "interestType": "S",
        "interestPercentage": bill.late.interest,
        "fineRate": bill.late.fine,
        "lateInterestCalculationType": "D",
        "dailyLateInterestValue": Cents::ZERO,
        "containsRemadeInstallments": !bill.remakes.is_empty(),
        "specialClause": null,
        "creationDate": bill.issued.to_string(),
        "lastUpdateDate": contract.modified.to_string(),
        "salesContractCustomers": [{
            "id": bill.customer, "name": customer.map(|row| row.name.as_str()), "main": true, "spouse": false,
            "participationPercentage": Cents(10_000),
        }],
        "salesContractUnits": [{
            "id": contract.unit, "main": true, "name": unit.map(|row| row.name.as_str()),
            "participationPercentage": Cents(10_000),
        }],
        "paymentConditions": conditions(bill),
        "brokers": [],
        "linkedCommissions": {"totalCommission": Cents::ZERO, "totalCommissionAmount": Cents::ZERO},
        "links": [{"rel": "self", "href": format!("/sales-contracts/{}", contract.id)}],
    })
}

fn conditions(bill: &Bill) -> Vec<Value> {
    let mut groups: BTreeMap<&str, Vec<&Installment>> = BTreeMap::new();
    for row in &bill.installments {
        groups.entry(row.condition).or_default().push(row);
    }
    let condition = |(sequence, (code, rows)): (usize, (&str, Vec<&Installment>))| {
        let first = rows[0];
        let total: Cents = rows.iter().map(|row| row.original).sum();
        let open: Cents = rows.iter().map(|row| row.balance).sum();
        json!({
            "bearerName": CARRIERS.iter().find(|row| row.0 == first.carrier).map(|row| row.1),
            "indexerName": indexer_name(first.indexer),
            "conditionTypeId": code,
            "conditionTypeName": condition_type(code).map(|row| row.description),
            "interestType": "N",
            "matchMaturities": "N",
            "installmentsNumber": rows.len(),
            "openInstallmentsNumber": rows.iter().filter(|row| row.open()).count(),
            "bearerId": first.carrier,
            "indexerId": first.indexer,
            "monthsGracePeriod": 0,
            "firstPayment": rows.iter().map(|row| row.due).min().map(|day| day.to_string()),
            "baseDate": first.base.to_string(),
            "baseDateInterest": null,
            "totalValue": total,
            "outstandingBalance": open,
            "interestPercentage": Cents::ZERO,
            "totalValueInterest": total,
            "amountPaid": total - open,
            "sequenceId": sequence + 1,
        })
    };
    groups.into_iter().enumerate().map(condition).collect()
}
