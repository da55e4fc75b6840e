//! The late-charge terms of a bill.

use serde_json::Value;

use super::super::World;
use super::super::generate_bill::touch_contract;
use super::lookup::bill_of;
use super::{Draft, Fields};
use crate::money::{Cents, LateTerms};

/// `terms`: fine, interest a month and pro-rata index a month in percent; what is left out is 0, and nothing at all means a bill
/// without late-charge settings.
pub fn terms(world: &World, body: &Value, draft: &mut Draft) -> Result<(), String> {
    let fields = Fields::new(
        body,
        &["billId", "salesContractId", "fine", "interest", "proRata"],
    )?;
    let mut bill = bill_of(world, &fields)?;
    let percent = |name: &str| match fields.money(name)?.unwrap_or_default() {
        rate if (Cents::ZERO..=Cents(10_000)).contains(&rate) => Ok(rate),
        _ => Err(format!("{name} must be a percentage from 0 to 100")),
    };
    bill.late = LateTerms {
        fine: percent("fine")?,
        interest: percent("interest")?,
        pro_rata: percent("proRata")?,
    };
    bill.modified = world.today;
    touch_contract(&mut bill, world.today);
    draft.records.put_bill(bill);
    Ok(())
}
