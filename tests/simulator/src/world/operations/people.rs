//! Customers and enterprises are registered and changed.

use fastrand::Rng;
use serde_json::{Value, json};

use super::super::generate::{add_customer, add_enterprise};
use super::super::{Address, Phone, World};
use super::fields::objects;
use super::lookup::customer_of;
use super::{Draft, Fields};

/// `customer`: without `customerId` a new one is registered; with it its data change.
pub fn customer(world: &World, body: &Value, draft: &mut Draft) -> Result<(), String> {
    let known = [
        "customerId",
        "name",
        "email",
        "phones",
        "addresses",
        "active",
    ];
    let fields = Fields::new(body, &known)?;
    let (mut customer, created) = if let Some(id) = fields.id("customerId")? {
        (customer_of(world, id)?.clone(), false)
    } else {
        let mut rng = Rng::with_seed(u64::from(draft.records.next.customer));
        let id = add_customer(&mut draft.records, &mut rng, world.today);
        (customer_of(&draft.records, id)?.clone(), true)
    };
    if let Some(name) = fields.text("name")? {
        name.clone_into(&mut customer.name);
    }
    if let Some(email) = fields.text("email")? {
        customer.email = (!email.is_empty()).then(|| email.to_owned());
    }
    if fields.has("phones") {
        customer.phones = objects(&fields, "phones")?
            .into_iter()
            .map(phone)
            .collect::<Result<_, _>>()?;
    }
    for row in objects(&fields, "addresses")? {
        let new = address(row)?;
        customer.addresses.retain(|old| old.kind != new.kind);
        customer.addresses.push(new);
    }
    let id = customer.id;
    let told = json!({"customerId": id});
    if created {
        draft.tell("CUSTOMER_CREATED", told.clone());
    } else {
        draft.tell("CUSTOMER_UPDATED", told.clone());
    }
    if fields.has("active") && fields.flag("active")? != customer.active {
        customer.active = !customer.active;
        draft.tell(
            if customer.active {
                "CUSTOMER_ENABLED"
            } else {
                "CUSTOMER_DISABLED"
            },
            told,
        );
    }
    customer.modified = world.today;
    draft.records.customers.insert(id, customer);
    Ok(())
}

fn phone(row: &Value) -> Result<Phone, String> {
    let fields = Fields::new(row, &["number", "type", "main", "note"])?;
    let kind = fields.text("type")?.unwrap_or("CE");
    if !["CE", "CO", "RE"].contains(&kind) {
        return Err("a phone's type must be CE, CO or RE".to_owned());
    }
    Ok(Phone {
        number: fields
            .text("number")?
            .ok_or("a phone's number is missing")?
            .to_owned(),
        kind: kind.to_owned(),
        main: fields.flag("main")?,
        note: fields.text("note")?.map(str::to_owned),
    })
}

fn address(row: &Value) -> Result<Address, String> {
    let known = [
        "type",
        "streetName",
        "number",
        "complement",
        "neighborhood",
        "cityId",
        "city",
        "state",
        "zipCode",
    ];
    let fields = Fields::new(row, &known)?;
    let kind = fields.text("type")?.unwrap_or("R");
    if !["R", "C"].contains(&kind) {
        return Err("an address's type must be R or C".to_owned());
    }
    let text = |key| {
        fields
            .text(key)
            .map(|value| value.unwrap_or_default().to_owned())
    };
    Ok(Address {
        kind: kind.to_owned(),
        street: text("streetName")?,
        number: text("number")?,
        complement: fields.text("complement")?.map(str::to_owned),
        district: text("neighborhood")?,
        city_id: fields.id("cityId")?.unwrap_or(4_204_202),
        city: text("city")?,
        state: text("state")?,
        zip: text("zipCode")?,
    })
}

/// `enterprise`: a new enterprise with its cost centre.
pub fn enterprise(world: &World, body: &Value, draft: &mut Draft) -> Result<(), String> {
    let fields = Fields::new(body, &["companyId", "name"])?;
    let company = fields.id("companyId")?.unwrap_or(1);
    if !world.companies.contains_key(&company) {
        return Err(format!("there is no company {company}"));
    }
    let name = fields
        .text("name")?
        .unwrap_or("Residencial Novo")
        .to_owned();
    let mut rng = Rng::with_seed(u64::from(draft.records.next.enterprise));
    let id = add_enterprise(&mut draft.records, &mut rng, company, name, world.today);
    draft.tell("COST_CENTER_CREATED", json!({"costCenterId": id}));
    Ok(())
}
