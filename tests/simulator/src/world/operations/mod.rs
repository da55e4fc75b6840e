//! What can happen in the world, as plain functions: `plan` says what an operation would change
//! and which events the ERP would fire, `commit` makes it so. Nothing is half done: a refused
//! operation changes nothing.

mod bills;
mod fields;
mod installments;
mod people;
mod receipts;
mod remakes;
mod terms;

use jiff::civil::Date;
use serde_json::Value;

pub use fields::Fields;

use super::{Bill, Customer, World};

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

/// An event the ERP tells its hooks.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its name, such as `RECEIPT_PROCESSED`.
    pub name: &'static str,
    /// Its body.
    pub body: Value,
}

/// What an operation changes: the new versions of the records, not yet in the world.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Changed and new records only (companies and enterprises are all there).
    pub records: World,
    /// Bills that go.
    pub dropped: Vec<u32>,
    /// Installments that changed or are new: bill and installment id.
    pub changed: Vec<(u32, u32)>,
    /// Installments that are gone.
    pub removed: Vec<(u32, u32)>,
    /// What the ERP tells its hooks.
    pub events: Vec<Event>,
}

impl Draft {
    fn new(world: &World) -> Self {
        Self {
            records: world.scratch(),
            dropped: Vec::new(),
            changed: Vec::new(),
            removed: Vec::new(),
            events: Vec::new(),
        }
    }

    fn tell(&mut self, name: &'static str, body: Value) {
        self.events.push(Event { name, body });
    }
}

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
        _ => return Err(format!("unknown operation {name:?}; known: {}", NAMES.join(", "))),
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

/// The bill named by `billId` or `salesContractId`, to change.
fn bill_of(world: &World, fields: &Fields) -> Result<Bill, String> {
    let id = match (fields.id("billId")?, fields.id("salesContractId")?) {
        (Some(bill), _) => bill,
        (None, Some(contract)) => *world
            .contracts
            .get(&contract)
            .ok_or_else(|| format!("there is no sales contract {contract}"))?,
        (None, None) => return Err("billId is missing".to_owned()),
    };
    world.bills.get(&id).cloned().ok_or_else(|| format!("there is no bill {id}"))
}

/// The installments named by `installmentId` or `installmentIds`; at least one, all existing.
fn installments_of(bill: &Bill, fields: &Fields) -> Result<Vec<u32>, String> {
    let ids = match fields.id("installmentId")? {
        Some(id) => vec![id],
        None => fields.ids("installmentIds")?,
    };
    if ids.is_empty() {
        return Err("installmentId or installmentIds is missing".to_owned());
    }
    for id in &ids {
        if bill.installment(*id).is_none() {
            return Err(format!("bill {} has no installment {id}", bill.id));
        }
    }
    Ok(ids)
}

fn customer_of(world: &World, id: u32) -> Result<&Customer, String> {
    world.customers.get(&id).ok_or_else(|| format!("there is no customer {id}"))
}

fn date_or_today(fields: &Fields, world: &World) -> Result<Date, String> {
    Ok(fields.date("date")?.unwrap_or(world.today))
}
