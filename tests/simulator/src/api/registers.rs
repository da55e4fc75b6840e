//! Companies, cost centres, enterprises, units and the small tables.

use serde_json::{Value, json};

use super::{ApiError, Context, page};
use crate::money::Cents;
use crate::world::documents::formatted;
use crate::world::tables::{CARRIERS, CONDITIONS, INDEXERS, document_name};
use crate::world::{Company, Enterprise, Unit};

fn company_json(row: &Company) -> Value {
    json!({"id": row.id, "name": row.name, "tradeName": row.trade_name, "cnpj": formatted(&row.cnpj)})
}

/// `GET /companies`: by id, ascending.
pub fn companies(context: &Context) -> Result<Value, ApiError> {
    page(
        context,
        context.world.companies.values(),
        |row| (row.id, 0),
        |row| company_json(row),
    )
}

/// `GET /companies/{id}`.
pub fn company(context: &Context, id: u32) -> Result<Value, ApiError> {
    context
        .world
        .companies
        .get(&id)
        .map(company_json)
        .ok_or(ApiError::status(404))
}

/// Production leaves stray tabs in names and an empty text where there is no CNPJ.
fn cost_center_json(context: &Context, row: &Enterprise) -> Value {
    let name = if context.documented() || !row.id.is_multiple_of(4) {
        row.name.clone()
    } else {
        format!("{}\t", row.name)
    };
    let cnpj = row.cnpj.as_deref().map(formatted).unwrap_or_default();
    json!({"id": row.id, "name": name, "idCompany": row.company, "cnpj": cnpj})
}

/// `GET /cost-centers`: documented ascending, recorded descending.
pub fn cost_centers(context: &Context) -> Result<Value, ApiError> {
    let mut rows: Vec<&Enterprise> = context.world.enterprises.values().collect();
    if !context.documented() {
        rows.reverse();
    }
    page(
        context,
        rows.into_iter(),
        |row| (row.id, 0),
        |row| cost_center_json(context, row),
    )
}

/// `GET /cost-centers/{id}`.
pub fn cost_center(context: &Context, id: u32) -> Result<Value, ApiError> {
    let row = context
        .world
        .enterprises
        .get(&id)
        .ok_or(ApiError::status(404))?;
    let mut answer = cost_center_json(context, row);
    answer["buildingSectors"] = json!([]);
    Ok(answer)
}

fn enterprise_json(context: &Context, row: &Enterprise) -> Value {
    let company = context.world.companies.get(&row.company);
    json!({
        "id": row.id,
        "name": row.name,
        "commercialName": row.name,
        "enterpriseObservation": "",
        "cnpj": row.cnpj.as_deref().map(formatted),
        "type": "1",
        "adress": "Avenida Central, 100",
        "creationDate": row.created.to_string(),
        "modificationDate": row.created.to_string(),
        "createdBy": "CADASTRO",
        "modifiedBy": null,
        "companyId": row.company,
        "companyName": company.map(|company| company.name.as_str()),
        "costDatabaseId": null,
        "costDatabaseDescription": null,
        "buildingTypeId": 1,
        "buildingTypeDescription": "Edificação",
    })
}

/// `GET /enterprises`.
pub fn enterprises(context: &Context) -> Result<Value, ApiError> {
    let company = context.query.id("companyId")?;
    let kind = context.query.id("type")?;
    let rows = context.world.enterprises.values().filter(|row| {
        company.is_none_or(|wanted| wanted == row.company) && kind.is_none_or(|wanted| wanted == 1)
    });
    page(
        context,
        rows,
        |row| (row.id, 0),
        |row| enterprise_json(context, row),
    )
}

/// `GET /enterprises/{id}`.
pub fn enterprise(context: &Context, id: u32) -> Result<Value, ApiError> {
    let row = context
        .world
        .enterprises
        .get(&id)
        .ok_or(ApiError::status(404))?;
    let mut answer = enterprise_json(context, row);
    answer["addressDetails"] = json!({
        "streetName": "Avenida Central", "number": "100", "complement": "", "neighborhood": "Centro",
        "city": "Chapecó", "state": "SC", "zipCode": "89800000",
    });
    answer["buildingStatus"] = json!("IN_PROGRESS");
    answer["buildingCostEstimationStatus"] = json!("CLOSED");
    answer["buildingAppropriationLevel"] = json!("1");
    answer["buildingEnabledForIntegration"] = json!(true);
    answer["costCenterStatus"] = json!(null);
    answer["associatedCostCenters"] = json!([]);
    Ok(answer)
}

fn unit_json(context: &Context, row: &Unit) -> Value {
    let bill = row.contract.and_then(|id| context.world.contract_bill(id));
    // A cancelled contract gives its unit back.
    let sold = bill.filter(|bill| bill.cancelled.is_none());
    let contract = sold.and_then(|bill| bill.contract.as_ref());
    json!({
        "id": row.id,
        "enterpriseId": row.enterprise,
        "contractId": contract.map(|contract| contract.id),
        "indexerId": 1,
        "name": row.name,
        "propertyType": "Apartamento",
        "note": "",
        "commercialStock": if sold.is_some() { "V" } else { "D" },
        "latitude": null,
        "longitude": null,
        "legalRegistrationNumber": "",
        "deliveryDate": null,
        "privateArea": Cents(i64::from(row.area)),
        "commonArea": Cents(i64::from(row.area / 4)),
        "terrainArea": Cents::ZERO,
        "nonProportionalCommonArea": Cents::ZERO,
        "idealFraction": Cents(1),
        "idealFractionSquareMeter": Cents::ZERO,
        "generalSaleValueFraction": Cents::ZERO,
        "indexedQuantity": Cents(i64::from(row.area) * 500),
        "prizedCompliance": Cents::ZERO,
        "terrainValue": Cents::ZERO,
        "floor": "",
        "contractNumber": contract.map(|contract| contract.number.as_str()),
        "usableArea": Cents(i64::from(row.area)),
        "iptuValue": Cents::ZERO,
        "realEstateRegistration": null,
        "childUnits": [],
        "groupings": [],
        "specialValues": [],
        "links": [{"rel": "self", "href": format!("/units/{}", row.id)}],
    })
}

/// `GET /units`: by id, descending.
pub fn units(context: &Context) -> Result<Value, ApiError> {
    let enterprise = context.query.id("enterpriseId")?;
    let name = context.query.text("name");
    let stock = context.query.text("commercialStock");
    let rows = context.world.units.values().rev().filter(|row| {
        enterprise.is_none_or(|wanted| wanted == row.enterprise)
            && name.is_none_or(|wanted| wanted == row.name)
            && stock.is_none_or(|wanted| unit_json(context, row)["commercialStock"] == wanted)
    });
    page(
        context,
        rows,
        |row| (row.id, 0),
        |row| unit_json(context, row),
    )
}

/// `GET /units/{id}`.
pub fn unit(context: &Context, id: u32) -> Result<Value, ApiError> {
    let row = context.world.units.get(&id).ok_or(ApiError::status(404))?;
    Ok(unit_json(context, row))
}

/// `GET /payment-condition-types`.
pub fn condition_types(context: &Context) -> Result<Value, ApiError> {
    let rows = CONDITIONS.iter().filter(|row| {
        context
            .query
            .text("filter")
            .is_none_or(|text| row.description.contains(text) || row.id == text)
    });
    page(
        context,
        rows,
        |_| (0, 0),
        |row| {
            json!({
                "id": row.id, "description": row.description, "finalityType": row.finality, "interval": row.interval,
                "intervalType": "M", "everMonthly": if row.interval == 1 { "S" } else { "N" }, "installmentsNumber": 1,
            })
        },
    )
}

/// `GET /document-identifications/{id}`.
pub fn document(id: &str) -> Result<Value, ApiError> {
    let name = document_name(id).ok_or(ApiError::status(404))?;
    Ok(json!({"id": id, "name": name}))
}

/// `GET /indexers`: only the last value of each.
pub fn indexers(context: &Context) -> Result<Value, ApiError> {
    let month = context.world.today.first_of_month();
    page(
        context,
        INDEXERS.iter(),
        |row| (row.0, 0),
        |(id, name, months, value, rate)| {
            let last = json!({"date": month.to_string(), "value": Cents(*value), "percentage": Cents(*rate)});
            json!({"id": id, "name": name, "revenueRetroactivity": months, "lastValue": last})
        },
    )
}

/// `GET /bearers-receivable`.
pub fn bearers(context: &Context) -> Result<Value, ApiError> {
    page(
        context,
        CARRIERS.iter(),
        |row| (row.0, 0),
        |(id, name)| json!({"bearerId": id, "bearerName": name, "bearerWallet": "N", "bearerInCharge": "S", "bearerDebtWorkout": "N"}),
    )
}
