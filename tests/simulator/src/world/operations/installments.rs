//! Installments appear, change, get a boleto and go.

use fastrand::Rng;
use serde_json::{Value, json};

use super::super::draw::months_later;
use super::super::generate::add_customer;
use super::super::generate_bill::{Kind, Order, contract_bill, fresh, loose_bill, touch_contract};
use super::super::tables::RECEIVED;
use super::super::{Bill, Installment, Situation, World, tables};
use super::fields::objects;
use super::lookup::{bill_of, customer_of, date_or_today, installments_of};
use super::{Draft, Fields};
use crate::money::Cents;

fn installment_event(draft: &mut Draft, name: &'static str, bill: u32, id: u32) {
    draft.tell(name, json!({"receivableBillId": bill, "installmentId": id}));
}

/// `change`: due date, value, condition type, indexer or SPC listing of installments; collection
/// situation of the bill.
pub fn change(world: &World, body: &Value, draft: &mut Draft) -> Result<(), String> {
    let known = [
        "billId",
        "salesContractId",
        "installmentId",
        "installmentIds",
        "dueDate",
        "value",
        "settled",
        "conditionTypeId",
        "indexerId",
        "listed",
        "situation",
        "note",
    ];
    let fields = Fields::new(body, &known)?;
    let mut bill = bill_of(world, &fields)?;
    let bill_id = bill.id;
    if let Some(name) = fields.text("situation")? {
        let situation = Situation::named(name)
            .ok_or("situation must be normal, inBilling, defaulting or subjudice")?;
        bill.situation = situation;
        bill.modified = world.today;
        let body = json!({"receivableBillId": [bill_id], "situation": situation_word(situation)});
        draft.tell("UPDATE_RECEIVABLE_BILL_SITUATION", body);
    }
    if let Some(note) = fields.text("note")? {
        bill.note = Some(note.to_owned());
        bill.modified = world.today;
    }
    let wanted = [
        "dueDate",
        "value",
        "settled",
        "conditionTypeId",
        "indexerId",
        "listed",
    ];
    if wanted.iter().any(|key| fields.has(key)) {
        for id in installments_of(&bill, &fields)? {
            let Some(row) = bill.installment_mut(id) else {
                continue;
            };
            change_row(row, &fields)?;
            row.modified = world.today;
            draft.changed.push((bill_id, id));
            installment_event(draft, "RECEIVABLE_INSTALLMENT_UPDATED", bill_id, id);
        }
    } else if draft.events.is_empty() && !fields.has("note") {
        return Err("nothing to change: give dueDate, value, conditionTypeId, indexerId, listed, situation or note".into());
    }
    draft.records.put_bill(bill);
    Ok(())
}

fn change_row(row: &mut Installment, fields: &Fields) -> Result<(), String> {
    // Nothing is open any more, and no receipt says why.
    if fields.flag("settled")? {
        row.balance = Cents::ZERO;
    }
    if let Some(due) = fields.date("dueDate")? {
        row.due = due;
        // A new due date makes the registered boleto void.
        row.boleto = None;
    }
    if let Some(value) = fields.money("value")? {
        let amortised: Cents = row.receipts.iter().map(|receipt| receipt.amortised).sum();
        if value < amortised || value <= Cents::ZERO {
            return Err(format!(
                "value must be positive and at least the {} already received",
                amortised.text()
            ));
        }
        row.original = value;
        row.balance = value - amortised;
    }
    if let Some(code) = fields.text("conditionTypeId")? {
        row.condition = condition(code)?;
    }
    if let Some(indexer) = fields.id("indexerId")? {
        tables::indexer_name(indexer).ok_or_else(|| format!("there is no indexer {indexer}"))?;
        row.indexer = indexer;
    }
    if fields.has("listed") {
        row.listed = fields.flag("listed")?;
    }
    Ok(())
}

fn condition(code: &str) -> Result<&'static str, String> {
    tables::condition_type(code)
        .map(|row| row.id)
        .ok_or_else(|| format!("there is no condition type {code:?}"))
}

fn situation_word(situation: Situation) -> &'static str {
    match situation {
        Situation::Normal => "Normal",
        Situation::InBilling => "Em cobrança",
        Situation::Defaulting => "Inadimplente",
        Situation::SubJudice => "Sub judice",
    }
}

/// `boleto`: one is generated and registered (or rejected, or taken back) for installments.
pub fn boleto(world: &World, body: &Value, draft: &mut Draft) -> Result<(), String> {
    let known = [
        "billId",
        "salesContractId",
        "installmentId",
        "installmentIds",
        "status",
    ];
    let fields = Fields::new(body, &known)?;
    let mut bill = bill_of(world, &fields)?;
    let ids = installments_of(&bill, &fields)?;
    let status = fields.text("status")?.unwrap_or("CONFIRMED");
    if !["CONFIRMED", "REJECTED", "REMOVED"].contains(&status) {
        return Err("status must be CONFIRMED, REJECTED or REMOVED".to_owned());
    }
    let bill_id = bill.id;
    for id in ids {
        let Some(row) = bill.installment_mut(id) else {
            continue;
        };
        if !row.open() {
            return Err(format!("installment {bill_id}/{id} has nothing open"));
        }
        let number = draft.records.next.bank_number;
        draft.records.next.bank_number += 1;
        row.boleto = (status == "CONFIRMED").then_some(number);
        row.modified = world.today;
        draft.changed.push((bill_id, id));
        if status == "REMOVED" {
            installment_event(draft, "RECEIVABLE_INSTALLMENT_UPDATED", bill_id, id);
            continue;
        }
        let book =
            json!({"billId": bill_id, "installmentId": id, "banknumber": number.to_string()});
        draft.tell("BOOK_COLLECTION_CONFIRMED", book);
        let slip = json!({"receivableBillId": bill_id, "installmentId": id, "accountNumber": "1234-5", "status": status});
        draft.tell("PAYMENT_SLIP_REGISTERED", slip);
    }
    draft.records.put_bill(bill);
    Ok(())
}

/// `add`: installments on a bill, a whole new sales contract, or a new bill entered by hand.
pub fn add(world: &World, body: &Value, draft: &mut Draft) -> Result<(), String> {
    let known = [
        "billId",
        "salesContractId",
        "installments",
        "contract",
        "bill",
    ];
    let fields = Fields::new(body, &known)?;
    match (fields.value("contract"), fields.value("bill")) {
        (Some(contract), None) => add_contract(world, contract, draft),
        (None, Some(bill)) => add_loose(world, bill, draft),
        (None, None) => {
            let mut bill = bill_of(world, &fields)?;
            if bill.cancelled.is_some() {
                return Err(format!("bill {} is cancelled", bill.id));
            }
            append_all(world, &mut bill, &objects(&fields, "installments")?, draft)?;
            draft.records.put_bill(bill);
            Ok(())
        }
        _ => Err("give contract, bill or billId, not more than one".to_owned()),
    }
}

fn append_all(
    world: &World,
    bill: &mut Bill,
    rows: &[&Value],
    draft: &mut Draft,
) -> Result<(), String> {
    if rows.is_empty() {
        return Err("installments is missing: a list of {dueDate, value, conditionTypeId, indexerId, received, type}".to_owned());
    }
    let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    for (ordinal, row) in (1..).zip(rows) {
        let fields = Fields::new(
            row,
            &[
                "dueDate",
                "value",
                "conditionTypeId",
                "indexerId",
                "received",
                "type",
            ],
        )?;
        let due = fields.date("dueDate")?.ok_or("dueDate is missing")?;
        let value = fields
            .money("value")?
            .filter(|value| *value > Cents::ZERO)
            .ok_or("value must be positive")?;
        let code = condition(fields.text("conditionTypeId")?.unwrap_or("PM"))?;
        let mut new = fresh(code, (ordinal, count), due, world.today, value);
        new.indexer = fields.id("indexerId")?.unwrap_or(1);
        tables::indexer_name(new.indexer)
            .ok_or_else(|| format!("there is no indexer {}", new.indexer))?;
        if let Some(received) = fields.money("received")? {
            if received <= Cents::ZERO || received > value {
                return Err("received must be positive and at most the value".to_owned());
            }
            let kind = fields.text("type")?.unwrap_or(RECEIVED).to_owned();
            new.settle(kind.into(), world.today, received, received);
        }
        let id = bill.append(new);
        draft.changed.push((bill.id, id));
        installment_event(draft, "RECEIVABLE_INSTALLMENT_CREATED", bill.id, id);
    }
    Ok(())
}

fn rng_for(draft: &Draft) -> Rng {
    Rng::with_seed(
        u64::from(draft.records.next.bill) << 32 | u64::from(draft.records.next.customer),
    )
}

fn owner(world: &World, fields: &Fields, draft: &mut Draft, rng: &mut Rng) -> Result<u32, String> {
    if let Some(id) = fields.id("customerId")? {
        return customer_of(world, id).map(|customer| customer.id);
    }
    let id = add_customer(&mut draft.records, rng, world.today);
    draft.tell("CUSTOMER_CREATED", json!({"customerId": id}));
    Ok(id)
}

fn add_contract(world: &World, body: &Value, draft: &mut Draft) -> Result<(), String> {
    let fields = Fields::new(
        body,
        &[
            "customerId",
            "enterpriseId",
            "installments",
            "value",
            "firstDueDate",
        ],
    )?;
    let mut rng = rng_for(draft);
    let enterprise = match fields.id("enterpriseId")? {
        Some(id) => id,
        None => *world
            .enterprises
            .keys()
            .next()
            .ok_or("there is no enterprise")?,
    };
    if !world.enterprises.contains_key(&enterprise) {
        return Err(format!("there is no enterprise {enterprise}"));
    }
    let size = fields.id("installments")?.unwrap_or(12);
    if !(1..=600).contains(&size) {
        return Err("installments must be from 1 to 600".to_owned());
    }
    let value = fields.money("value")?.unwrap_or(Cents(100_000));
    if value <= Cents::ZERO {
        return Err("value must be positive".to_owned());
    }
    let first = fields
        .date("firstDueDate")?
        .unwrap_or_else(|| months_later(world.today, 1));
    let customer = owner(world, &fields, draft, &mut rng)?;
    let order = Order {
        kind: Kind::Contract,
        size: 0,
        issued: world.today,
    };
    let mut bill = contract_bill(&mut draft.records, &mut rng, &order, customer, enterprise);
    bill.cancelled = None;
    for index in 0..size {
        let due = months_later(first, index);
        bill.append(fresh("PM", (index + 1, size), due, world.today, value));
    }
    bill.modified = world.today;
    touch_contract(&mut bill, world.today);
    let contract = bill.contract.as_ref().map(|contract| contract.id);
    draft.tell(
        "SALES_CONTRACT_CREATED",
        json!({"salesContractId": contract}),
    );
    draft.tell(
        "SALES_CONTRACT_ISSUED",
        json!({"salesContractId": contract}),
    );
    announce(&bill, draft);
    draft.records.put_bill(bill);
    Ok(())
}

fn add_loose(world: &World, body: &Value, draft: &mut Draft) -> Result<(), String> {
    let fields = Fields::new(
        body,
        &[
            "customerId",
            "companyId",
            "documentId",
            "documentNumber",
            "installments",
        ],
    )?;
    let mut rng = rng_for(draft);
    let customer = owner(world, &fields, draft, &mut rng)?;
    let order = Order {
        kind: Kind::Loose,
        size: 0,
        issued: world.today,
    };
    let mut bill = loose_bill(&mut draft.records, &mut rng, &order, customer);
    if let Some(company) = fields.id("companyId")? {
        if !world.companies.contains_key(&company) {
            return Err(format!("there is no company {company}"));
        }
        bill.company = company;
    }
    if let Some(document) = fields.text("documentId")? {
        tables::document_name(document)
            .ok_or_else(|| format!("there is no document {document:?}"))?;
        bill.document = document.to_owned().into();
    }
    if let Some(number) = fields.text("documentNumber")? {
        number.clone_into(&mut bill.number);
    }
    append_all(world, &mut bill, &objects(&fields, "installments")?, draft)?;
    draft.records.put_bill(bill);
    Ok(())
}

fn announce(bill: &Bill, draft: &mut Draft) {
    for row in &bill.installments {
        draft.changed.push((bill.id, row.id));
        installment_event(draft, "RECEIVABLE_INSTALLMENT_CREATED", bill.id, row.id);
    }
}

/// `remove`: installments without receipts go, or (`whole`) the bill with everything in it.
pub fn remove(world: &World, body: &Value, draft: &mut Draft) -> Result<(), String> {
    let known = [
        "billId",
        "salesContractId",
        "installmentId",
        "installmentIds",
        "whole",
    ];
    let fields = Fields::new(body, &known)?;
    let mut bill = bill_of(world, &fields)?;
    let date = date_or_today(&fields, world)?;
    let whole = fields.flag("whole")?;
    let ids = if whole {
        bill.installments.iter().map(|row| row.id).collect()
    } else {
        installments_of(&bill, &fields)?
    };
    for id in &ids {
        if !whole
            && bill
                .installment(*id)
                .is_some_and(|row| !row.receipts.is_empty())
        {
            return Err(format!(
                "installment {}/{id} has receipts; reverse them first",
                bill.id
            ));
        }
        draft.removed.push((bill.id, *id));
        installment_event(draft, "RECEIVABLE_INSTALLMENT_REMOVED", bill.id, *id);
    }
    if whole {
        if let Some(contract) = &bill.contract {
            draft.tell(
                "SALES_CONTRACT_REMOVED",
                json!({"salesContractId": contract.id}),
            );
        }
        draft.dropped.push(bill.id);
        return Ok(());
    }
    bill.installments.retain(|row| !ids.contains(&row.id));
    bill.modified = date;
    touch_contract(&mut bill, date);
    draft.records.put_bill(bill);
    Ok(())
}
