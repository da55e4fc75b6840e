//! What can happen in the world, as plain functions: `plan` says what an operation would change
//! and which events the ERP would fire, `commit` makes it so. Nothing is half done: a refused
//! operation changes nothing.

mod bills;
mod draft;
mod fields;
mod installments;
mod lookup;
mod people;
mod receipts;
mod remakes;
mod terms;

use serde_json::Value;

pub use draft::{Draft, Event};
pub use fields::Fields;

use super::World;

/// The names of the operations.
pub const NAMES: &[&str] = &[
    "receive",
    "reverse",
    "change",
    "add",
    "remove",
    "cancel",
    "assign",
    "move",
    "retype",
    "remake",
    "boleto",
    "customer",
    "enterprise",
    "terms",
];

/// Works out an operation without doing it. The error is a sentence for whoever asked.
pub fn plan(world: &World, name: &str, body: &Value) -> Result<Draft, String> {
    let mut draft = Draft::new(world);
    let draft_ref = &mut draft;
    match name {
        "receive" => receipts::receive(world, body, draft_ref)?,
        "reverse" => receipts::reverse(world, body, draft_ref)?,
        "change" => installments::change(world, body, draft_ref)?,
        "boleto" => installments::boleto(world, body, draft_ref)?,
        "add" => installments::add(world, body, draft_ref)?,
        "remove" => installments::remove(world, body, draft_ref)?,
        "cancel" => bills::cancel(world, body, draft_ref)?,
        "assign" => bills::assign(world, body, draft_ref)?,
        "move" => bills::move_to(world, body, draft_ref)?,
        "retype" => bills::retype(world, body, draft_ref)?,
        "remake" => remakes::remake(world, body, draft_ref)?,
        "customer" => people::customer(world, body, draft_ref)?,
        "enterprise" => people::enterprise(world, body, draft_ref)?,
        "terms" => terms::terms(world, body, draft_ref)?,
        _ => {
            return Err(format!(
                "unknown operation {name:?}; known: {}",
                NAMES.join(", ")
            ));
        }
    }
    Ok(draft)
}

/// Puts a draft into the world.
pub fn commit(world: &mut World, draft: Draft) {
    let records = draft.records;
    for id in draft.dropped {
        world.drop_bill(id);
    }
    world.enterprises.extend(records.enterprises);
    world.units.extend(records.units);
    world.customers.extend(records.customers);
    for bill in records.bills.into_values() {
        world.put_bill(bill);
    }
    world.next = records.next;
}
