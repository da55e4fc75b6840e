//! What an operation names, found in the world.

use jiff::civil::Date;

use super::Fields;
use crate::world::{Bill, Customer, World};

/// The bill named by `billId` or `salesContractId`, to change.
pub(super) fn bill_of(world: &World, fields: &Fields) -> Result<Bill, String> {
    let id = match (fields.id("billId")?, fields.id("salesContractId")?) {
        (Some(bill), _) => bill,
        (None, Some(contract)) => *world
            .contracts
            .get(&contract)
            .ok_or_else(|| format!("there is no sales contract {contract}"))?,
        (None, None) => return Err("billId is missing".to_owned()),
    };
    world
        .bills
        .get(&id)
        .cloned()
        .ok_or_else(|| format!("there is no bill {id}"))
}

/// The installments named by `installmentId` or `installmentIds`; at least one, all existing.
pub(super) fn installments_of(bill: &Bill, fields: &Fields) -> Result<Vec<u32>, String> {
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

pub(super) fn customer_of(world: &World, id: u32) -> Result<&Customer, String> {
    world
        .customers
        .get(&id)
        .ok_or_else(|| format!("there is no customer {id}"))
}

pub(super) fn date_or_today(fields: &Fields, world: &World) -> Result<Date, String> {
    Ok(fields.date("date")?.unwrap_or(world.today))
}
