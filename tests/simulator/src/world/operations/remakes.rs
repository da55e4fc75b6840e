//! Remade installments (reparcelamento): made and undone.

use std::borrow::Cow;

use jiff::civil::Date;
use serde_json::{Value, json};

use super::super::draw::months_later;
use super::super::generate_bill::{fresh, touch_contract};
use super::super::tables::{REMADE, condition_type, indexer_name};
use super::super::{Remake, World};
use super::fields::objects;
use super::lookup::{bill_of, date_or_today, installments_of};
use super::{Draft, Fields};
use crate::money::Cents;

/// `remake`: open installments are closed by a receipt of type Reparcelamento and new ones take
/// their place under higher ids, one condition or several; `undo` takes the bill's last remake
/// back, or that of a `date`.
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
        "conditions",
        "type",
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
    let kind = fields.text("type")?.unwrap_or(REMADE);
    if !kind.starts_with(REMADE) {
        return Err(format!("type must begin with {REMADE}"));
    }
    let mut remade_value = Cents::ZERO;
    for id in &ids {
        let Some(row) = bill.installment_mut(*id) else {
            continue;
        };
        if !row.open() {
            return Err(format!("installment {bill_id}/{id} has nothing open"));
        }
        let balance = row.balance;
        remade_value += balance;
        row.settle(Cow::Owned(kind.to_owned()), date, balance, balance);
        row.boleto = None;
        row.modified = world.today;
        draft.changed.push((bill_id, *id));
        draft.tell(
            "RECEIVABLE_INSTALLMENT_UPDATED",
            json!({"receivableBillId": bill_id, "installmentId": id}),
        );
    }
    let conditions = match objects(&fields, "conditions")? {
        given if given.is_empty() => vec![Condition::read(&fields, remade_value, date)?],
        given => given
            .into_iter()
            .map(|one| Condition::read(&Fields::new(one, CONDITION)?, remade_value, date))
            .collect::<Result<_, _>>()?,
    };
    let mut generated = Vec::new();
    let mut generated_value = Cents::ZERO;
    for condition in conditions {
        for (index, own) in (0..).zip(condition.amounts()) {
            let ordinal = (index + 1, condition.count);
            let mut row = fresh(
                condition.code,
                ordinal,
                months_later(condition.first, index),
                condition.base,
                own,
            );
            row.indexer = condition.indexer;
            row.modified = world.today;
            generated_value += own;
            let id = bill.append(row);
            generated.push(id);
            draft.changed.push((bill_id, id));
            draft.tell(
                "RECEIVABLE_INSTALLMENT_CREATED",
                json!({"receivableBillId": bill_id, "installmentId": id}),
            );
        }
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

const CONDITION: &[&str] = &[
    "count",
    "value",
    "firstDueDate",
    "conditionTypeId",
    "indexerId",
    "baseDate",
    "ratePercent",
];

/// What a remake generates.
struct Condition {
    code: &'static str,
    count: u32,
    value: Cents,
    first: Date,
    indexer: u32,
    base: Date,
    /// Price at this percentage a month.
    rate: Option<f64>,
}

impl Condition {
    fn read(fields: &Fields, remade_value: Cents, date: Date) -> Result<Self, String> {
        let count = fields.id("count")?.unwrap_or(3);
        if !(1..=600).contains(&count) {
            return Err("count must be from 1 to 600".to_owned());
        }
        let code = fields.text("conditionTypeId")?.unwrap_or("PM");
        let code = condition_type(code)
            .ok_or_else(|| format!("there is no condition type {code:?}"))?
            .id;
        let value = fields.money("value")?.unwrap_or(remade_value);
        if value.0 < i64::from(count) {
            return Err("value is too small for so many installments".to_owned());
        }
        let indexer = fields.id("indexerId")?.unwrap_or(1);
        indexer_name(indexer).ok_or_else(|| format!("there is no indexer {indexer}"))?;
        Ok(Self {
            code,
            count,
            value,
            first: fields
                .date("firstDueDate")?
                .unwrap_or_else(|| months_later(date, 1)),
            indexer,
            base: fields.date("baseDate")?.unwrap_or(date),
            rate: fields
                .value("ratePercent")
                .and_then(Value::as_f64)
                .filter(|rate| *rate > 0.0),
        })
    }

    /// The installments' amounts; the residue of the division goes on the first. A double serves
    /// for the interest of a made-up ERP.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
    fn amounts(&self) -> Vec<Cents> {
        let count = i64::from(self.count);
        let total = self.rate.map_or(self.value, |rate| {
            let i = rate / 100.0;
            let one = self.value.0 as f64 * i / (1.0 - (1.0 + i).powf(-f64::from(self.count)));
            Cents((one * f64::from(self.count)).round() as i64)
        });
        let share = Cents(total.0 / count);
        let first = total - Cents(share.0 * (count - 1));
        std::iter::once(first)
            .chain(std::iter::repeat_n(share, self.count as usize - 1))
            .collect()
    }
}

fn undo(world: &World, fields: &Fields, draft: &mut Draft) -> Result<(), String> {
    let mut bill = bill_of(world, fields)?;
    let bill_id = bill.id;
    let day = fields.date("date")?;
    let position = bill
        .remakes
        .iter()
        .rposition(|remake| day.is_none_or(|day| remake.date == day));
    let position = position.ok_or_else(|| format!("bill {bill_id} has no remake to undo"))?;
    let last = bill.remakes.remove(position);
    for id in &last.generated {
        if bill
            .installment(*id)
            .is_some_and(|row| !row.receipts.is_empty())
        {
            return Err(format!(
                "installment {bill_id}/{id} has receipts; reverse them first"
            ));
        }
        draft.removed.push((bill_id, *id));
        draft.tell(
            "RECEIVABLE_INSTALLMENT_REMOVED",
            json!({"receivableBillId": bill_id, "installmentId": id}),
        );
    }
    bill.installments
        .retain(|row| !last.generated.contains(&row.id));
    for id in &last.remade {
        let Some(row) = bill.installment_mut(*id) else {
            continue;
        };
        if let Some(position) = row
            .receipts
            .iter()
            .rposition(|receipt| receipt.kind.starts_with(REMADE))
        {
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
