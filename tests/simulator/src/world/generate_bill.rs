//! The recipe of one bill: its plan of payments, who paid what, and what happened to it.

use std::borrow::Cow;

use fastrand::Rng;
use jiff::civil::Date;

use super::draw::{add_unit, back, loose_document, months_later, pick};
use super::tables::{ADVANCE, CARRIERS, RECEIPT_TYPES, RECEIVED, REMADE, RESCINDED};
use super::{Bill, Cancellation, Contract, Installment, Remake, Situation, World};
use crate::money::{Cents, Charges, LateTerms};

/// A bill to be made.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// With a contract or by hand.
    pub kind: Kind,
    /// Installments, exactly.
    pub size: u32,
    /// Issued on.
    pub issued: Date,
}

/// Where a bill comes from.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// From a sales contract.
    Contract,
    /// Entered by hand.
    Loose,
}

/// An installment as it is created: open, untouched.
pub fn fresh(
    condition: &'static str,
    ordinal: (u32, u32),
    due: Date,
    base: Date,
    value: Cents,
) -> Installment {
    Installment {
        id: 0,
        condition,
        ordinal,
        due,
        base,
        indexer: 1,
        carrier: 1,
        original: value,
        balance: value,
        boleto: None,
        listed: false,
        modified: base,
        receipts: Vec::new(),
    }
}

fn blank(world: &mut World, order: &Order, customer: u32, company: u32) -> Bill {
    let id = world.next.bill;
    world.next.bill += 1;
    let size = usize::try_from(order.size).unwrap_or(0);
    Bill {
        id,
        company,
        customer,
        document: Cow::Borrowed("CT"),
        number: String::new(),
        issued: order.issued,
        note: None,
        situation: Situation::Normal,
        contract: None,
        cancelled: None,
        modified: order.issued,
        installments: Vec::with_capacity(size),
        last_installment: 0,
        remakes: Vec::new(),
        assignments: Vec::new(),
        late: LateTerms::USUAL,
    }
}

/// The bill of a new sales contract, with its unit.
pub fn contract_bill(
    world: &mut World,
    rng: &mut Rng,
    order: &Order,
    customer: u32,
    enterprise: u32,
) -> Bill {
    let company = world
        .enterprises
        .get(&enterprise)
        .map_or(1, |row| row.company);
    let mut bill = blank(world, order, customer, company);
    let id = world.next.contract;
    world.next.contract += 1;
    let unit = add_unit(world, rng, enterprise, Some(id));
    let number = format!("{enterprise}-{}", id - 5_000_000);
    bill.number.clone_from(&number);
    bill.contract = Some(Contract {
        id,
        enterprise,
        unit,
        number,
        modified: order.issued,
    });
    let remade = if order.size >= 30 && rng.u32(0..100) < 10 {
        rng.u32(4..=9)
    } else {
        0
    };
    lay_out(&mut bill, rng, order.size - remade);
    let late = late_count(rng);
    pay(&mut bill, rng, world.today, late);
    if remade > 0 {
        remake(&mut bill, rng, world.today, remade);
    }
    if rng.u32(0..100) < 4 {
        rescind(&mut bill, world.today, rng.i64(1..300));
    }
    dress(&mut bill, world, rng);
    bill
}

/// A bill entered by hand, without enterprise.
pub fn loose_bill(world: &mut World, rng: &mut Rng, order: &Order, customer: u32) -> Bill {
    let company = rng.u32(1..=u32::try_from(world.companies.len()).unwrap_or(1).max(1));
    let mut bill = blank(world, order, customer, company);
    (bill.document, bill.number) = loose_document(rng);
    for index in 0..order.size {
        let due = months_later(order.issued, index + 1);
        let value = Cents(rng.i64(5_000..300_000));
        bill.append(fresh(
            "PM",
            (index + 1, order.size),
            due,
            order.issued,
            value,
        ));
    }
    let late = late_count(rng);
    pay(&mut bill, rng, world.today, late);
    dress(&mut bill, world, rng);
    bill
}

/// Down payment, keys, intermediate ones and the monthly rest.
fn lay_out(bill: &mut Bill, rng: &mut Rng, size: u32) {
    let base = bill.issued;
    let monthly = Cents(rng.i64(40_000..400_000));
    let indexer = pick(rng, &[1, 2, 2, 3, 4]);
    let down = u32::from(size >= 3);
    let keys = u32::from(size >= 12);
    let residues = u32::from(indexer != 1 && size >= 24 && rng.u32(0..100) < 15);
    let middle = if size >= 24 { (size / 30).min(8) } else { 0 };
    let months = size - down - keys - middle - residues;
    let day = pick(rng, &[5_i8, 10, 15, 20, 25, 30]);
    let first = base
        .with()
        .day(day.min(base.days_in_month()))
        .build()
        .unwrap_or(base);
    let due = |months: u32| {
        let date = months_later(first, months);
        // The contract's own due day comes back in the longer months.
        date.with()
            .day(day.min(date.days_in_month()))
            .build()
            .unwrap_or(date)
    };
    let mut rows = Vec::new();
    for index in 0..down {
        rows.push(fresh(
            "AT",
            (index + 1, down),
            base,
            base,
            Cents(monthly.0 * 8),
        ));
    }
    for index in 0..months {
        rows.push(fresh(
            "PM",
            (index + 1, months),
            due(index + 1),
            base,
            monthly,
        ));
    }
    for index in 0..middle {
        rows.push(fresh(
            "PI",
            (index + 1, middle),
            due((index + 1) * 6),
            base,
            Cents(monthly.0 * 3),
        ));
    }
    for index in 0..keys {
        rows.push(fresh(
            "CH",
            (index + 1, keys),
            due(months / 2 + 1),
            base,
            Cents(monthly.0 * 12),
        ));
    }
    for index in 0..residues {
        let value = Cents(rng.i64(1_000..monthly.0 / 2));
        rows.push(fresh("RE", (index + 1, residues), due(14), base, value));
    }
    for mut row in rows {
        row.indexer = indexer;
        bill.append(row);
    }
}

/// Most pay on time; some leave a few late, a few leave many.
fn late_count(rng: &mut Rng) -> usize {
    match rng.u32(0..100) {
        0..55 => 0,
        55..85 => rng.usize(1..=3),
        _ => rng.usize(4..=12),
    }
}

fn pay(bill: &mut Bill, rng: &mut Rng, today: Date, late: usize) {
    let mut due: Vec<(Date, u32)> = bill
        .installments
        .iter()
        .filter(|row| row.due < today)
        .map(|row| (row.due, row.id))
        .collect();
    due.sort_unstable();
    let paid = due.len().saturating_sub(late);
    for (date, id) in &due[..paid] {
        let Some(row) = bill.installment_mut(*id) else {
            continue;
        };
        let delay = pick(rng, &[-3_i64, -1, 0, 0, 0, 1, 4, 18]);
        receive_all(row, rng, back(*date, -delay).min(today));
    }
    // Now and then the oldest late one has a partial receipt.
    if let Some((_, id)) = due.get(paid)
        && rng.u32(0..100) < 30
        && let Some(row) = bill.installment_mut(*id)
    {
        let part = row.balance.portion(rng.i64(20..80), 100);
        let date = back(today, rng.i64(0..20)).max(row.due);
        row.settle(Cow::Borrowed(RECEIVED), date, part, part);
        row.modified = date;
    }
}

fn receive_all(row: &mut Installment, rng: &mut Rng, date: Date) {
    let balance = row.balance;
    let kind = match rng.u32(0..100) {
        0..90 => RECEIVED,
        90..95 => ADVANCE,
        // One of the rarer settlement types; a reversal never settles anything.
        _ => loop {
            let (id, name) = pick(rng, RECEIPT_TYPES);
            if id <= 12 && id != 6 {
                break name;
            }
        },
    };
    match rng.u32(0..100) {
        // Paid in two parts.
        0..6 => {
            let part = balance.portion(rng.i64(10..90), 100);
            row.settle(Cow::Borrowed(kind), date, part, part);
            row.settle(Cow::Borrowed(kind), date, balance - part, balance - part);
        }
        // A total below the value, which settles all the same.
        6..9 => {
            row.settle(
                Cow::Borrowed(kind),
                date,
                balance,
                balance.portion(rng.i64(85..99), 100),
            );
        }
        _ => {
            let charges = Charges::late(balance, row.days_late(date), &LateTerms::USUAL);
            let receipt = row.settle(Cow::Borrowed(kind), date, balance, balance);
            receipt.interest = charges.interest;
            receipt.fine = charges.fine;
        }
    }
    row.modified = date;
}

/// Closes the late monthly ones (or the next ones) and creates `count` new ones in their place.
fn remake(bill: &mut Bill, rng: &mut Rng, today: Date, count: u32) {
    let date = back(today, rng.i64(1..60)).max(bill.issued);
    let open: Vec<u32> = bill
        .installments
        .iter()
        .filter(|row| row.condition == "PM" && row.open() && row.receipts.is_empty())
        .map(|row| row.id)
        .take(usize::try_from(count).unwrap_or(0))
        .collect();
    let mut value: Cents = open
        .iter()
        .filter_map(|id| bill.installment(*id))
        .map(|row| row.balance)
        .sum();
    if open.is_empty() {
        // Everything was paid: what is new is an addendum instead.
        value = Cents(i64::from(count) * 50_000);
    }
    for id in &open {
        if let Some(row) = bill.installment_mut(*id) {
            let balance = row.balance;
            row.settle(Cow::Borrowed(REMADE), date, balance, balance);
            row.modified = date;
        }
    }
    let share = Cents(value.0 / i64::from(count.max(1)));
    let mut generated = Vec::new();
    for index in 0..count {
        // The residue of the division goes on the first.
        let own = if index == 0 {
            value - Cents(share.0 * i64::from(count - 1))
        } else {
            share
        };
        let row = fresh(
            "PM",
            (index + 1, count),
            months_later(date, index + 1),
            date,
            own,
        );
        generated.push(bill.append(row));
    }
    if !open.is_empty() {
        bill.remakes.push(Remake {
            date,
            remade: open,
            remade_value: value,
            generated,
            generated_value: value,
        });
    }
    bill.modified = date;
    touch_contract(bill, date);
}

fn rescind(bill: &mut Bill, today: Date, days: i64) {
    let date = back(today, days).max(bill.modified);
    for row in &mut bill.installments {
        if row.open() {
            let balance = row.balance;
            row.settle(Cow::Borrowed(RESCINDED), date, balance, balance);
            row.modified = date;
        }
    }
    bill.cancelled = Some(Cancellation {
        date,
        reason: "Desistência do cliente".to_owned(),
    });
    bill.modified = date;
    touch_contract(bill, date);
}

/// Marks the sales contract as changed.
pub fn touch_contract(bill: &mut Bill, date: Date) {
    if let Some(contract) = &mut bill.contract {
        contract.modified = date;
    }
}

/// Boletos, carriers, listing and the collection situation.
fn dress(bill: &mut Bill, world: &mut World, rng: &mut Rng) {
    let carrier = pick(rng, CARRIERS).0;
    let today = world.today;
    let boletos = rng.usize(0..4);
    let mut given = 0;
    let mut late = 0;
    let listed = rng.u32(0..100) < 20;
    for row in &mut bill.installments {
        row.carrier = carrier;
        if !row.open() {
            continue;
        }
        if row.due < today {
            late += 1;
            row.listed = listed && row.days_late(today) > 60;
        }
        if given < boletos {
            given += 1;
            row.boleto = Some(world.next.bank_number);
            world.next.bank_number += 1;
        }
    }
    bill.situation = match (late, rng.u32(0..100)) {
        (4.., 0..25) => Situation::SubJudice,
        (4.., _) => Situation::Defaulting,
        (2..4, _) => Situation::InBilling,
        _ => Situation::Normal,
    };
    if rng.u32(0..100) < 10 {
        bill.note = Some("Conferido pelo comercial".to_owned());
    }
}
