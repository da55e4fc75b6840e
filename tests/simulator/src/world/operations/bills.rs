//! A bill ends early or changes hands.

use std::borrow::Cow;

use fastrand::Rng;
use serde_json::{Value, json};

use super::super::generate::add_customer;
use super::super::generate_bill::touch_contract;
use super::super::tables::{CANCELLED, RESCINDED};
use super::super::{Assignment, Cancellation, World};
use super::lookup::{bill_of, customer_of, date_or_today};
use super::{Draft, Fields};

/// `cancel` (distrato): every open installment is closed by a receipt of type Distrato, the sales
/// contract becomes cancelled. A bill entered by hand is closed by Cancelamento, which is silent.
pub fn cancel(world: &World, body: &Value, draft: &mut Draft) -> Result<(), String> {
    let fields = Fields::new(body, &["billId", "salesContractId", "reason"])?;
    let mut bill = bill_of(world, &fields)?;
    if bill.cancelled.is_some() {
        return Err(format!("bill {} is already cancelled", bill.id));
    }
    let date = date_or_today(&fields, world)?;
    let reason = fields
        .text("reason")?
        .unwrap_or("Distrato a pedido do cliente")
        .to_owned();
    let kind = if bill.contract.is_some() {
        RESCINDED
    } else {
        CANCELLED
    };
    for row in &mut bill.installments {
        if row.open() {
            let balance = row.balance;
            row.settle(Cow::Borrowed(kind), date, balance, balance);
            row.modified = world.today;
            draft.changed.push((bill.id, row.id));
        }
    }
    bill.cancelled = Some(Cancellation { date, reason });
    bill.modified = world.today;
    touch_contract(&mut bill, world.today);
    if let Some(contract) = &bill.contract {
        draft.tell(
            "SALES_CONTRACT_CANCELED",
            json!({"salesContractId": contract.id}),
        );
    }
    draft.records.put_bill(bill);
    Ok(())
}

/// `assign` (cessão): the bill, with what was paid and what is open, goes to another customer.
pub fn assign(world: &World, body: &Value, draft: &mut Draft) -> Result<(), String> {
    let fields = Fields::new(body, &["billId", "salesContractId", "customerId"])?;
    let mut bill = bill_of(world, &fields)?;
    let date = date_or_today(&fields, world)?;
    let after = if let Some(id) = fields.id("customerId")? {
        customer_of(world, id)?.id
    } else {
        let mut rng = Rng::with_seed(u64::from(draft.records.next.customer));
        let id = add_customer(&mut draft.records, &mut rng, world.today);
        draft.tell("CUSTOMER_CREATED", json!({"customerId": id}));
        id
    };
    let before = bill.customer;
    if before == after {
        return Err(format!(
            "bill {} already belongs to customer {after}",
            bill.id
        ));
    }
    bill.assignments.push(Assignment {
        date,
        before,
        after,
    });
    bill.customer = after;
    bill.modified = world.today;
    touch_contract(&mut bill, world.today);
    let body = json!({
        "receivableBillId": bill.id,
        "dtRightAssignment": date.to_string(),
        "customersIdBefore": [before],
        "customersIdAfter": [after],
    });
    draft.tell("ASSIGNMENT_RIGHTS_AGREEMENT_UPDATED", body);
    draft
        .changed
        .extend(bill.installments.iter().map(|row| (bill.id, row.id)));
    draft.records.put_bill(bill);
    Ok(())
}

/// `move`: the bill goes to another company of the group, as it is; no event tells it.
pub fn move_to(world: &World, body: &Value, draft: &mut Draft) -> Result<(), String> {
    let fields = Fields::new(body, &["billId", "salesContractId", "companyId"])?;
    let mut bill = bill_of(world, &fields)?;
    let company = fields.id("companyId")?.ok_or("companyId is missing")?;
    if !world.companies.contains_key(&company) {
        return Err(format!("there is no company {company}"));
    }
    if bill.company == company {
        return Err(format!(
            "bill {} already belongs to company {company}",
            bill.id
        ));
    }
    bill.company = company;
    bill.modified = world.today;
    touch_contract(&mut bill, world.today);
    draft
        .changed
        .extend(bill.installments.iter().map(|row| (bill.id, row.id)));
    draft.records.put_bill(bill);
    Ok(())
}

/// Another document type, by hand in the ERP: nobody is told.
pub fn retype(world: &World, body: &Value, draft: &mut Draft) -> Result<(), String> {
    let fields = Fields::new(body, &["billId", "salesContractId", "documentId"])?;
    let mut bill = bill_of(world, &fields)?;
    let document = fields.text("documentId")?.ok_or("documentId is missing")?;
    bill.document = document.to_owned().into();
    bill.modified = world.today;
    draft
        .changed
        .extend(bill.installments.iter().map(|row| (bill.id, row.id)));
    draft.records.put_bill(bill);
    Ok(())
}
