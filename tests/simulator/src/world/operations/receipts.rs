//! Receipts come and go.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::super::World;
use super::super::tables::{ADVANCE, RECEIVED, REVERSED};
use super::lookup::{bill_of, date_or_today, installments_of};
use super::{Draft, Fields};
use crate::money::Cents;

/// `receive`: a receipt of a type on one installment (partial, total, or a total with a smaller
/// value) or on several in full.
pub fn receive(world: &World, body: &Value, draft: &mut Draft) -> Result<(), String> {
    let known = [
        "billId",
        "salesContractId",
        "installmentId",
        "installmentIds",
        "value",
        "type",
        "total",
        "interest",
        "fine",
        "discount",
    ];
    let fields = Fields::new(body, &known)?;
    let mut bill = bill_of(world, &fields)?;
    let ids = installments_of(&bill, &fields)?;
    let kind = fields.text("type")?.unwrap_or(RECEIVED);
    if kind.trim().is_empty() || kind.starts_with(REVERSED) {
        return Err(
            "type must name a receipt type; use /_control/reverse for an Estorno".to_owned(),
        );
    }
    let date = date_or_today(&fields, world)?;
    let value = fields.money("value")?;
    if value.is_some() && ids.len() > 1 {
        return Err("value goes with a single installmentId".to_owned());
    }
    let total = fields.flag("total")?;
    let bill_id = bill.id;
    for id in ids {
        let Some(row) = bill.installment_mut(id) else {
            continue;
        };
        if !row.open() {
            return Err(format!("installment {bill_id}/{id} has nothing open"));
        }
        let gross = value.unwrap_or(row.balance);
        if gross < Cents::ZERO || (gross == Cents::ZERO && !total) {
            return Err("value must be positive".to_owned());
        }
        if gross > row.balance {
            return Err(format!(
                "value {} is more than the balance {}",
                gross.text(),
                row.balance.text()
            ));
        }
        let amortised = if total { row.balance } else { gross };
        let receipt = row.settle(Cow::Owned(kind.to_owned()), date, amortised, gross);
        receipt.interest = fields.money("interest")?.unwrap_or_default();
        receipt.fine = fields.money("fine")?.unwrap_or_default();
        receipt.discount = fields.money("discount")?.unwrap_or_default();
        row.modified = world.today;
        draft.changed.push((bill_id, id));
        // The ERP tells of these two types only.
        if kind == RECEIVED || kind == ADVANCE {
            draft.tell(
                "RECEIPT_PROCESSED",
                json!({"billId": bill_id, "installmentId": id}),
            );
        }
    }
    draft.records.put_bill(bill);
    Ok(())
}

/// `reverse`: a receipt is undone and its balance opens again.
pub fn reverse(world: &World, body: &Value, draft: &mut Draft) -> Result<(), String> {
    let known = [
        "billId",
        "salesContractId",
        "installmentId",
        "sequence",
        "mode",
        "type",
        "notify",
    ];
    let fields = Fields::new(body, &known)?;
    let mut bill = bill_of(world, &fields)?;
    let ids = installments_of(&bill, &fields)?;
    let date = date_or_today(&fields, world)?;
    let leave = match fields.text("mode")? {
        None | Some("remove") => false,
        Some("receipt") => true,
        Some(_) => return Err("mode must be \"remove\" or \"receipt\"".to_owned()),
    };
    let kind = fields.text("type")?.unwrap_or(REVERSED);
    if !kind.starts_with(REVERSED) {
        return Err(format!("type must begin with {REVERSED}"));
    }
    let sequence = fields.id("sequence")?;
    let bill_id = bill.id;
    for id in ids {
        let Some(row) = bill.installment_mut(id) else {
            continue;
        };
        let undone: Vec<u32> = row
            .receipts
            .iter()
            .filter(|receipt| receipt.kind.starts_with(REVERSED))
            .filter_map(|reversal| {
                row.receipts
                    .iter()
                    .filter(|r| {
                        r.amortised == -reversal.amortised && r.sequence < reversal.sequence
                    })
                    .map(|r| r.sequence)
                    .next_back()
            })
            .collect();
        let position = row
            .receipts
            .iter()
            .rposition(|receipt| {
                !receipt.kind.starts_with(REVERSED)
                    && !undone.contains(&receipt.sequence)
                    && sequence.is_none_or(|wanted| wanted == receipt.sequence)
            })
            .ok_or_else(|| format!("installment {bill_id}/{id} has no such receipt to reverse"))?;
        if leave {
            let receipt = row.receipts[position].clone();
            let reversal = row.settle(
                Cow::Owned(kind.to_owned()),
                date,
                -receipt.amortised,
                -receipt.gross,
            );
            reversal.interest = -receipt.interest;
            reversal.fine = -receipt.fine;
            reversal.discount = -receipt.discount;
        } else {
            let receipt = row.receipts.remove(position);
            row.balance += receipt.amortised;
        }
        row.modified = world.today;
        draft.changed.push((bill_id, id));
        if fields.flag("notify")? {
            draft.tell(
                "RECEIVABLE_INSTALLMENT_UPDATED",
                json!({"receivableBillId": bill_id, "installmentId": id}),
            );
        }
    }
    draft.records.put_bill(bill);
    Ok(())
}
