//! Customers, newest registration first.

use serde_json::{Value, json};

use super::{ApiError, Context, page};
use crate::world::{Address, Customer, Person, Phone, Spouse};

/// `GET /customers`.
pub fn list(context: &Context) -> Result<Value, ApiError> {
    let query = context.query;
    for name in [
        "createdAfter",
        "createdBefore",
        "modifiedAfter",
        "modifiedBefore",
    ] {
        query.date(name)?;
    }
    let only_active = query.flag("onlyActive")?.unwrap_or(false);
    let enterprise = query.id("enterpriseId")?;
    let rows = context.world.customers.values().rev().filter(|row| {
        let document = match &row.person {
            Person::Natural { cpf, .. } => {
                query.text("cpf").is_none_or(|wanted| wanted == cpf) && query.text("cnpj").is_none()
            }
            Person::Legal { cnpj, .. } => {
                query
                    .text("cnpj")
                    .is_none_or(|wanted| wanted.to_uppercase() == *cnpj)
                    && query.text("cpf").is_none()
            }
        };
        document
            && (row.active || !only_active)
            && query.text("internationalId").is_none()
            && enterprise.is_none_or(|id| {
                context
                    .world
                    .bills_of(row.id)
                    .any(|bill| bill.enterprise() == Some(id))
            })
            && query
                .between(row.created, "createdAfter", "createdBefore")
                .unwrap_or(true)
            && query
                .between(row.modified, "modifiedAfter", "modifiedBefore")
                .unwrap_or(true)
    });
    page(
        context,
        rows,
        |row| (row.id, 0),
        |row| customer_json(context, row),
    )
}

/// `GET /customers/{id}`. The documents list no 404; production answers one.
pub fn one(context: &Context, id: u32) -> Result<Value, ApiError> {
    let missing = || {
        if context.documented() {
            ApiError::parameter("id", "cliente não encontrado")
        } else {
            ApiError::status(404)
        }
    };
    let row = context
        .world
        .customers
        .get(&id)
        .filter(|row| context.keeps(row.id, 0))
        .ok_or_else(missing)?;
    Ok(customer_json(context, row))
}

/// Unset values come as null here and as an empty text there, as recorded in production.
fn customer_json(context: &Context, row: &Customer) -> Value {
    let documented = context.documented();
    let mut answer = json!({
        "id": row.id,
        "foreigner": "N",
        "internationalId": null,
        "createdAt": row.created.to_string(),
        "modifiedAt": row.modified.to_string(),
        "modifiedAtDateTime": format!("{} 10:30:45.123", row.modified),
        "name": row.name,
        "socialName": null,
        "email": row.email.as_deref().unwrap_or(""),
        "clientType": "Cliente",
        "subTypes": [],
        "activityId": null,
        "activityDescription": null,
        "cpf": null,
        "cnpj": null,
        "phones": row.phones.iter().map(|phone| phone_json(documented, phone)).collect::<Vec<_>>(),
        "addresses": row.addresses.iter().map(|address| address_json(documented, address)).collect::<Vec<_>>(),
        "agents": [],
        "spouse": null,
        "familyIncome": [],
    });
    match &row.person {
        Person::Natural {
            cpf,
            female,
            birth,
            profession,
            spouse,
        } => {
            answer["personType"] = json!(if documented { "F" } else { "Física" });
            answer["cpf"] = json!(cpf);
            answer["sex"] = json!(if *female { "Feminino" } else { "Masculino" });
            answer["birthDate"] = json!(birth.to_string());
            answer["birthPlace"] = json!("");
            answer["nationality"] = json!("Brasileira");
            answer["profession"] = json!(profession);
            answer["civilStatus"] = json!(if spouse.is_some() {
                "Casado(a)"
            } else {
                "Solteiro(a)"
            });
            answer["mailingAddress"] = json!("R");
            answer["fatherName"] = json!("");
            answer["motherName"] = json!(null);
            answer["numberIdentityCard"] = json!(null);
            answer["spouse"] = spouse
                .as_ref()
                .map_or(Value::Null, |spouse| spouse_json(spouse));
        }
        Person::Legal { cnpj, fantasy } => {
            answer["personType"] = json!(if documented { "J" } else { "Jurídica" });
            answer["cnpj"] = json!(cnpj);
            answer["fantasyName"] = json!(fantasy);
            answer["contactName"] = json!("");
            answer["stateRegistrationNumber"] = json!(null);
            answer["cityRegistrationNumber"] = json!("");
            answer["mailingAddress"] = json!("C");
        }
    }
    answer
}

fn phone_json(documented: bool, phone: &Phone) -> Value {
    let word = match (documented, phone.kind.as_str()) {
        (true, code) => code,
        (false, "CE") => "Celular",
        (false, "CO") => "Comercial",
        (false, _) => "Residencial",
    };
    json!({"number": phone.number, "main": phone.main, "type": word, "note": phone.note, "idd": ""})
}

fn address_json(documented: bool, address: &Address) -> Value {
    let word = match (documented, address.kind.as_str()) {
        (true, code) => code,
        (false, "R") => "Residencial",
        (false, _) => "Comercial",
    };
    json!({
        "type": word,
        "streetName": address.street,
        "number": address.number,
        "complement": address.complement,
        "neighborhood": address.district,
        "cityId": address.city_id,
        "city": address.city,
        "state": address.state,
        "zipCode": address.zip,
        "mail": address.kind == "R",
    })
}

fn spouse_json(spouse: &Spouse) -> Value {
    json!({
        "name": spouse.name,
        "cpf": spouse.cpf,
        "email": spouse.email.as_deref().unwrap_or(""),
        "sex": if spouse.female { "F" } else { "M" },
        "foreigner": "N",
        "internationalId": null,
        "civilStatus": "Casado(a)",
        "birthDate": null,
        "profession": "",
        "cellphoneNumber": spouse.mobile,
        "businessPhone": null,
    })
}
