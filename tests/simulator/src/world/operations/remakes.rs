//! Remade installments (reparcelamento): made and undone.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::super::generate::months_later;
use super::super::generate_bill::{fresh, touch_contract};
use super::super::tables::{REMADE, condition_type};
use super::super::{Remake, World};
use super::{Draft, Fields, bill_of, date_or_today, installments_of};
use crate::money::Cents;

/// `remake`: open installments are closed by a receipt of type Reparcelamento and new ones take
/// their place under higher ids; `undo` takes the bill's last remake back.
pub fn remake(world: &World, body: &Value, draft: &mut Draft) -> Result<(), String> {
    let known = [
        "billId",
        "salesContractId",
        "installmentId",
        "installmentIds",
        "count",
        "value",
        "firstDueDate",
        "conditionTypeId",
        "undo",
    ];
    let fields = Fields::new(body, &known)?;
    if fields.flag("undo")? {
        return undo(world, &fields, draft);
    }
    let mut bill = bill_of(world, &fields)?;
    let bill_id = bill.id;
    let ids = installments_of(&bill, &fields)?;
    let date = date_or_today(&fields, world)?;
    let count = fields.id("count")?.unwrap_or(3);
    if !(1..=600).contains(&count) {
        return Err("count must be from 1 to 600".to_owned());
    }
    let code = fields.text("conditionTypeId")?.unwrap_or("PM");
    let condition = condition_type(code)
        .ok_or_else(|| format!("there is no condition type {code:?}"))?
        .id;
    let mut remade_value = Cents::ZERO;
    for id in &ids {
        let Some(row) = bill.installment_mut(*id) else { continue };
        if !row.open() {
            return Err(format!("installment {bill_id}/{id} has nothing open"));
        }
        let balance = row.balance;
        remade_value += balance;
        row.settle(Cow::Borrowed(REMADE), date, balance, balance);
        row.boleto = None;
        row.modified = world.today;
        draft.changed.push((bill_id, *id));
        draft.tell(
            "RECEIVABLE_INSTALLMENT_UPDATED",
            json!({"receivableBillId": bill_id, "installmentId": id}),
        );
    }
    let generated_value = fields.money("value")?.unwrap_or(remade_value);
    if generated_value.0 < i64::from(count) {
        return Err("value is too small for so many installments".to_owned());
    }
    let first = fields.date("firstDueDate")?.unwrap_or_else(|| months_later(date, 1));
    let share = Cents(generated_value.0 / i64::from(count));
    let mut generated = Vec::new();
    for index in 0..count {
        // The residue of the division goes on the first.
        let own = if index == 0 {
            generated_value - Cents(share.0 * i64::from(count - 1))
        } else {
            share
        };
        let mut row = fresh(condition, (index + 1, count), months_later(first, index), date, own);
        row.modified = world.today;
        let id = bill.append(row);
        generated.push(id);
        draft.changed.push((bill_id, id));
        draft.tell(
            "RECEIVABLE_INSTALLMENT_CREATED",
            json!({"receivableBillId": bill_id, "installmentId": id}),
        );
    }
    bill.remakes.push(Remake {
        date,
        remade: ids,
        remade_value,
        generated,
        generated_value,
    });
    bill.modified = world.today;
    touch_contract(&mut bill, world.today);
    draft.records.put_bill(bill);
    Ok(())
}

fn undo(world: &World, fields: &Fields, draft: &mut Draft) -> Result<(), String> {
    let mut bill = bill_of(world, fields)?;
    let bill_id = bill.id;
    let last = bill.remakes.pop().ok_or_else(|| format!("bill {bill_id} has no remake to undo"))?;
    for id in &last.generated {
        if bill.installment(*id).is_some_and(|row| !row.receipts.is_empty()) {
            return Err(format!("installment {bill_id}/{id} has receipts; reverse them first"));
        }
        draft.removed.push((bill_id, *id));
        draft.tell(
            "RECEIVABLE_INSTALLMENT_REMOVED",
            json!({"receivableBillId": bill_id, "installmentId": id}),
        );
    }
    bill.installments.retain(|row| !last.generated.contains(&row.id));
    for id in &last.remade {
        let Some(row) = bill.installment_mut(*id) else { continue };
        if let Some(position) = row.receipts.iter().rposition(|receipt| receipt.kind == REMADE) {
            let receipt = row.receipts.remove(position);
            row.balance += receipt.amortised;
        }
        row.modified = world.today;
        draft.changed.push((bill_id, *id));
        draft.tell(
            "RECEIVABLE_INSTALLMENT_UPDATED",
            json!({"receivableBillId": bill_id, "installmentId": id}),
        );
    }
    bill.modified = world.today;
    touch_contract(&mut bill, world.today);
    draft.records.put_bill(bill);
    Ok(())
}
