//! The portfolio against the simulator's world, installment by installment.
//!
//! Equal means: what is open in Sienge is open here under the same customer, and only that; and of every installment held
//! here that Sienge still has, due date, condition, original value, balance and receipts are the same, and the boleto too while it
//! is open. What was settled before it could be imported is not missed.

use std::collections::{BTreeMap, BTreeSet};

use ponte::ids::{BillId, CustomerId, InstallmentId};
use ponte::portfolio::{
    ContractKey, ContractState, HeldBill, Installment, SettlementClasses, SettlementKind,
};
use sienge_simulator::world;

/// What both sides say of one installment, in the same words.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Facts {
    open: bool,
    due: String,
    condition: String,
    original: String,
    balance: String,
    boleto: Option<bool>,
    receipts: Vec<(String, String, String)>,
}

/// Where both sides differ, a line each. `wanted` says which of the world's installments belong into the portfolio.
pub fn differences(
    world: &world::World,
    held: &BTreeMap<BillId, HeldBill>,
    wanted: impl Fn(&world::Bill, &world::Installment) -> bool,
) -> Vec<String> {
    let mut lines = Vec::new();
    let mut told = BTreeSet::new();
    for bill in world.bills.values() {
        for row in bill.installments.iter().filter(|row| wanted(bill, row)) {
            let id = BillId(i64::from(bill.id));
            told.insert((key_of(bill), i64::from(row.id)));
            let name = format!("bill {} installment {}", bill.id, row.id);
            match held.get(&id).and_then(|held| find(held, row, bill)) {
                None if row.open() => lines.push(format!("{name}: open in Sienge, not held")),
                None => {}
                Some(mine) => {
                    let (there, here) = (of_sienge(row), of_portfolio(mine));
                    if there != here {
                        lines.push(format!("{name}: Sienge {there:?}, portfolio {here:?}"));
                    }
                }
            }
        }
    }
    for mine in held.values().flat_map(HeldBill::installments) {
        let key = (mine.contract.clone(), mine.id.0);
        if mine.is_open() && !told.contains(&key) {
            lines.push(format!(
                "bill {} installment {}: open in the portfolio, not in Sienge",
                mine.contract.bill, mine.id
            ));
        }
    }
    lines
}

/// Installments that came paid since their contract was opened, and are not held. What a batimento alone sees is not among them, nor
/// what was told on the contract that the bill has left.
pub fn missed(world: &world::World, held: &BTreeMap<BillId, HeldBill>) -> Vec<String> {
    let told = |receipt: &world::Receipt| {
        SettlementClasses::default().is_reported(&SettlementKind::from(receipt.kind.as_ref()))
    };
    let reversed = |row: &world::Installment| {
        row.receipts
            .iter()
            .any(|receipt| SettlementKind::from(receipt.kind.as_ref()).is_reversal())
    };
    let mut lines = Vec::new();
    for bill in world.bills.values() {
        let Some(mine) = held.get(&BillId(i64::from(bill.id))) else {
            continue;
        };
        let of_bill = mine.contract(&key_of(bill));
        let Some(opened) = of_bill.and_then(|contract| contract.opened) else {
            continue;
        };
        let is_news = |receipt: &world::Receipt| receipt.date >= opened.on && told(receipt);
        let came = bill
            .installments
            .iter()
            .filter(|row| i64::from(row.id) > opened.last.0);
        for row in
            came.filter(|row| !row.open() && row.receipts.iter().any(is_news) && !reversed(row))
        {
            let mut held = mine.installments_with_id(InstallmentId(i64::from(row.id)));
            let told_before = held.any(|held| held.receipts.len() == row.receipts.len());
            if find(mine, row, bill).is_none() && !told_before {
                lines.push(format!(
                    "bill {} installment {}: paid since its contract was opened, not held",
                    bill.id, row.id
                ));
            }
        }
    }
    lines
}

/// Whether an installment is held as Sienge has it, its boleto apart.
pub fn knows(held: &HeldBill, bill: &world::Bill, row: &world::Installment) -> bool {
    let but_boleto = |facts: Facts| Facts {
        boleto: None,
        ..facts
    };
    let contract = held.contract(&key_of(bill));
    let left =
        contract.is_none_or(|contract| matches!(contract.state, ContractState::Assigned { .. }));
    match find(held, row, bill) {
        // What was assigned, to somebody new or back, comes with a batimento.
        _ if left => true,
        None => !row.open(),
        Some(mine) => but_boleto(of_sienge(row)) == but_boleto(of_portfolio(mine)),
    }
}

fn find<'a>(
    held: &'a HeldBill,
    row: &world::Installment,
    bill: &world::Bill,
) -> Option<&'a Installment> {
    held.installment(&key_of(bill), InstallmentId(i64::from(row.id)))
}

/// The contract that Sienge names for a bill.
pub fn key_of(bill: &world::Bill) -> ContractKey {
    ContractKey {
        bill: BillId(i64::from(bill.id)),
        document_type: bill.document.as_ref().into(),
        customer: CustomerId(i64::from(bill.customer)),
    }
}

fn of_sienge(row: &world::Installment) -> Facts {
    let receipts = row.receipts.iter().map(|receipt| {
        let kind = SettlementKind::from(receipt.kind.as_ref());
        (
            receipt.date.to_string(),
            kind.to_string(),
            receipt.net().text(),
        )
    });
    Facts {
        open: row.open(),
        due: row.due.to_string(),
        condition: row.condition.to_owned(),
        original: row.original.text(),
        balance: row.balance.text(),
        boleto: row.open().then_some(row.boleto.is_some()),
        receipts: sorted(receipts.collect()),
    }
}

fn of_portfolio(mine: &Installment) -> Facts {
    let receipts = mine.receipts.iter().map(|receipt| {
        (
            receipt.paid_on.to_string(),
            receipt.kind.to_string(),
            receipt.net.to_string(),
        )
    });
    Facts {
        open: mine.is_open(),
        due: mine.due_on.to_string(),
        condition: mine.condition.clone(),
        original: mine.original.to_string(),
        balance: mine.balance.to_string(),
        boleto: mine.is_open().then_some(mine.boleto),
        receipts: sorted(receipts.collect()),
    }
}

fn sorted<T: Ord>(mut rows: Vec<T>) -> Vec<T> {
    rows.sort_unstable();
    rows
}
