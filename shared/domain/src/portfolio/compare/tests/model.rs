//! A small model of Sienge: one bill, the operations of its people, and a ledger of the payments that count.

use crate::ids::{CustomerId, InstallmentId};
use std::collections::BTreeMap;

use jiff::ToSpan;
use proptest::prelude::*;

use super::support::*;
use crate::money::Cents;
use crate::portfolio::*;

/// What receipts in part are called; one of them moves no money and is not told.
const KINDS: [&str; 6] = [
    "Recebimento",
    "Adiantamento",
    "Por Bens",
    "Dação",
    "Bonificac\u{327}a\u{303}o",
    BOOKKEEPING,
];
const BOOKKEEPING: &str = "Repactuação - Título 9";

/// What somebody does in Sienge. Numbers pick among what is possible then.
#[derive(Debug, Clone)]
pub enum Operation {
    Receive {
        pick: usize,
        percent: i64,
        kind: usize,
        days_ago: i32,
    },
    ReceiveTwins {
        pick: usize,
    },
    Total {
        pick: usize,
        percent_of_value: i64,
    },
    Reverse {
        pick: usize,
        style: usize,
    },
    Change {
        pick: usize,
        what: usize,
    },
    Boleto {
        pick: usize,
    },
    Add {
        amount: i64,
    },
    Remove {
        pick: usize,
    },
    ZeroWithoutReceipt {
        pick: usize,
    },
    Rescind,
    Assign {
        customer: i64,
    },
    ChangeType {
        other: bool,
    },
    Remake {
        pick: usize,
        count: usize,
        generates: usize,
    },
    UndoRemake,
}

pub fn operation() -> impl Strategy<Value = Operation> {
    let pick = || 0..12_usize;
    prop_oneof![
        4 => (pick(), 1..100_i64, 0..KINDS.len(), 0..9_i32)
            .prop_map(|(pick, percent, kind, days_ago)| Operation::Receive { pick, percent, kind, days_ago }),
        1 => pick().prop_map(|pick| Operation::ReceiveTwins { pick }),
        3 => (pick(), 70..=110_i64).prop_map(|(pick, percent_of_value)| Operation::Total { pick, percent_of_value }),
        3 => (pick(), 0..3_usize).prop_map(|(pick, style)| Operation::Reverse { pick, style }),
        2 => (pick(), 0..4_usize).prop_map(|(pick, what)| Operation::Change { pick, what }),
        1 => pick().prop_map(|pick| Operation::Boleto { pick }),
        2 => (1..5000_i64).prop_map(|amount| Operation::Add { amount }),
        1 => pick().prop_map(|pick| Operation::Remove { pick }),
        1 => pick().prop_map(|pick| Operation::ZeroWithoutReceipt { pick }),
        1 => Just(Operation::Rescind),
        2 => (10..13_i64).prop_map(|customer| Operation::Assign { customer }),
        1 => any::<bool>().prop_map(|other| Operation::ChangeType { other }),
        2 => (pick(), 1..4_usize, 0..4_usize).prop_map(|(pick, count, generates)| Operation::Remake { pick, count, generates }),
        1 => Just(Operation::UndoRemake),
    ]
}

/// A payment that counts.
#[derive(Debug, Clone)]
struct Entry {
    receipt: Receipt,
    amortised: Cents,
    twin: bool,
}

#[derive(Debug, Clone)]
struct Remake {
    originals: Vec<(i64, Cents)>,
    generated: Vec<i64>,
}

/// Sienge and what only the model knows of it.
#[derive(Debug, Clone)]
pub struct World {
    pub sienge: Sienge,
    pub day: crate::calendar::Date,
    ledger: BTreeMap<i64, Vec<Entry>>,
    remakes: Vec<Remake>,
    next_id: i64,
    cents: i64,
}

impl World {
    pub fn new(count: i64) -> Self {
        Self {
            sienge: Sienge::with(count),
            day: today(),
            ledger: BTreeMap::new(),
            remakes: Vec::new(),
            next_id: count + 1,
            cents: 0,
        }
    }

    /// Net amount of the payments of an installment that count now.
    pub fn paid(&self, id: i64) -> Cents {
        Cents::sum(
            self.ledger
                .get(&id)
                .into_iter()
                .flatten()
                .map(|entry| entry.receipt.net),
        )
        .unwrap()
    }

    pub fn key(&self) -> ContractKey {
        ContractKey {
            bill: BILL,
            document_type: self.sienge.header.document_type.clone(),
            customer: self.sienge.header.customer,
        }
    }

    /// Open in Sienge, with the fingerprint.
    pub fn open(&self) -> BTreeMap<i64, Fingerprint> {
        let rows = self.sienge.rows.iter();
        rows.filter(|(_, row)| !row.balance.is_zero())
            .map(|(id, row)| (*id, row.fingerprint()))
            .collect()
    }

    /// One operation, a day later; one that is not possible now does nothing.
    pub fn perform(&mut self, operation: &Operation) {
        self.day = self.day.saturating_add(1.days());
        match *operation {
            Operation::Receive {
                pick,
                percent,
                kind,
                days_ago,
            } => {
                let Some(id) = self.pick_open(pick) else {
                    return;
                };
                let kind = KINDS[kind];
                let balance = self.sienge.row(id).balance;
                let amortised = share(balance, percent);
                let on = self.day.saturating_sub(days_ago.days());
                let net = self.unique(amortised);
                if kind == BOOKKEEPING {
                    let balance = balance - amortised;
                    self.sienge.receive_on(id, kind, net, balance, on);
                } else {
                    self.pay(id, kind, net, amortised, on, false);
                }
            }
            Operation::ReceiveTwins { pick } => {
                let Some(id) = self.pick_open(pick) else {
                    return;
                };
                let half = share(self.sienge.row(id).balance, 50);
                self.pay(id, "Recebimento", Cents::new(7_700), half, self.day, true);
                let rest = self.sienge.row(id).balance;
                self.pay(
                    id,
                    "Recebimento",
                    Cents::new(7_700),
                    rest.min(half),
                    self.day,
                    true,
                );
            }
            Operation::Total {
                pick,
                percent_of_value,
            } => {
                let Some(id) = self.pick_open(pick) else {
                    return;
                };
                let balance = self.sienge.row(id).balance;
                let net = self.unique(share(balance, percent_of_value));
                self.pay(id, "Recebimento", net, balance, self.day, false);
            }
            Operation::Reverse { pick, style } => self.reverse(pick, style),
            Operation::Change { pick, what } => self.change(pick, what),
            Operation::Boleto { pick } => {
                let Some(id) = self.pick_open(pick) else {
                    return;
                };
                self.sienge.boletos.insert(InstallmentId(id), true);
            }
            Operation::Add { amount } => {
                self.generate(Cents::new(100 * amount));
            }
            Operation::Remove { pick } => {
                let Some(id) = self.pick_open(pick) else {
                    return;
                };
                if !self
                    .remakes
                    .iter()
                    .any(|remake| remake.generated.contains(&id))
                {
                    self.sienge.rows.remove(&id);
                    self.ledger.remove(&id);
                }
            }
            Operation::ZeroWithoutReceipt { pick } => {
                let Some(id) = self.pick_open(pick) else {
                    return;
                };
                self.sienge.row(id).balance = Cents::ZERO;
            }
            Operation::Rescind => self.rescind(),
            Operation::Assign { customer } => self.sienge.header.customer = CustomerId(customer),
            Operation::ChangeType { other } => {
                self.sienge.header.document_type = if other { "FAT" } else { "CT" }.into();
            }
            Operation::Remake {
                pick,
                count,
                generates,
            } => self.remake(pick, count, generates),
            Operation::UndoRemake => self.undo_remake(),
        }
    }

    fn open_ids(&self) -> Vec<i64> {
        self.open().into_keys().collect()
    }

    fn pick_open(&self, pick: usize) -> Option<i64> {
        let ids = self.open_ids();
        (!ids.is_empty()).then(|| ids[pick % ids.len()])
    }

    /// No two ordinary receipts have the same amount, so that an `Estorno` written instead of its receipt is never ambiguous.
    fn unique(&mut self, net: Cents) -> Cents {
        self.cents += 1;
        net + Cents::new(100_001 * self.cents)
    }

    fn pay(
        &mut self,
        id: i64,
        kind: &str,
        net: Cents,
        amortised: Cents,
        on: crate::calendar::Date,
        twin: bool,
    ) {
        let receipt = receipt(kind, net, on);
        let row = self.sienge.row(id);
        row.balance = row.balance - amortised;
        row.receipts.push(receipt.clone());
        self.ledger.entry(id).or_default().push(Entry {
            receipt,
            amortised,
            twin,
        });
    }

    fn reverse(&mut self, pick: usize, style: usize) {
        let ids: Vec<i64> = self
            .ledger
            .iter()
            .filter(|(id, entries)| !entries.is_empty() && !self.is_ended(**id))
            .map(|(id, _)| *id)
            .collect();
        if ids.is_empty() {
            return;
        }
        let id = ids[pick % ids.len()];
        let entries = self.ledger.get_mut(&id).unwrap();
        let entry = entries.remove(pick % entries.len());
        let day = self.day;
        let row = self.sienge.row(id);
        row.balance += entry.amortised;
        let style = if entry.twin { style % 2 } else { style };
        if style != 1 {
            let index = row
                .receipts
                .iter()
                .position(|receipt| *receipt == entry.receipt)
                .unwrap();
            row.receipts.remove(index);
        }
        if style != 0 {
            row.receipts
                .push(receipt("Estorno", entry.receipt.net, day));
        }
    }

    /// Remade or rescinded: its payments stay.
    fn is_ended(&self, id: i64) -> bool {
        let ends = |receipt: &Receipt| {
            matches!(
                receipt.kind,
                SettlementKind::Remade | SettlementKind::Rescission
            )
        };
        self.sienge
            .rows
            .get(&id)
            .is_none_or(|row| row.receipts.iter().any(ends))
    }

    fn change(&mut self, pick: usize, what: usize) {
        let Some(id) = self.pick_open(pick) else {
            return;
        };
        let day = self.day;
        let row = self.sienge.row(id);
        match what {
            0 => row.due_on = day,
            1 => {
                row.original += Cents::new(1_000);
                row.balance += Cents::new(1_000);
            }
            2 => row.condition = "PI".into(),
            _ => row.label = Some(format!("{id}/{day}")),
        }
    }

    fn generate(&mut self, amount: Cents) -> i64 {
        let id = self.next_id;
        self.next_id += 1;
        self.sienge.add(id, amount);
        id
    }

    fn rescind(&mut self) {
        self.sienge.header.cancelled_on = Some(self.day);
        for id in self.open_ids() {
            let balance = self.sienge.row(id).balance;
            self.sienge
                .receive_on(id, "Distrato", balance, Cents::ZERO, self.day);
        }
    }

    fn remake(&mut self, pick: usize, count: usize, generates: usize) {
        let ids = self.open_ids();
        let originals: Vec<(i64, Cents)> = ids
            .iter()
            .cycle()
            .skip(pick)
            .take(count.min(ids.len()))
            .map(|id| (*id, self.sienge.rows[id].balance))
            .collect();
        if originals.is_empty() {
            return;
        }
        for (id, balance) in &originals {
            self.sienge
                .receive_on(*id, "Reparcelamento", *balance, Cents::ZERO, self.day);
        }
        let generated = (0..generates)
            .map(|_| self.generate(Cents::new(33_300)))
            .collect();
        self.remakes.push(Remake {
            originals,
            generated,
        });
    }

    /// Sienge undoes the last remake only while nothing happened to what it generated.
    fn undo_remake(&mut self) {
        let Some(remake) = self.remakes.last().cloned() else {
            return;
        };
        let untouched = |id: &i64| {
            self.sienge
                .rows
                .get(id)
                .is_some_and(|row| row.receipts.is_empty() && row.balance == row.original)
        };
        if !remake.generated.iter().all(untouched) {
            return;
        }
        self.remakes.pop();
        for id in &remake.generated {
            self.sienge.rows.remove(id);
        }
        for (id, balance) in remake.originals {
            let row = self.sienge.row(id);
            row.receipts
                .retain(|receipt| receipt.kind != SettlementKind::Remade);
            row.balance = balance;
        }
    }
}

/// A look at Sienge: what decided it, how much it sees, how old it is by the time it is compared.
#[derive(Debug, Clone)]
pub struct Look {
    pub scope: Scope,
    pub coverage: Coverage,
    /// Rows seen by a partial look, as bits.
    pub rows: u16,
    pub with_header: bool,
    /// How many operations ago.
    pub age: usize,
    /// Whether it reads again when asked to, as the functions do unless they die.
    pub follows: bool,
}

pub fn look() -> impl Strategy<Value = Look> {
    let scope = prop_oneof![
        4 => Just(Scope::Webhook),
        2 => Just(Scope::Daily),
        1 => Just(Scope::Sync),
        2 => Just(Scope::Reconciliation),
        1 => Just(Scope::Counting)
    ];
    let coverage = prop_oneof![
        3 => Just(Coverage::Rows),
        1 => Just(Coverage::AllNew),
        2 => Just(Coverage::WholeOnce),
        1 => Just(Coverage::WholeConfirmed)
    ];
    (
        scope,
        coverage,
        any::<u16>(),
        prop::bool::weighted(0.8),
        0..3_usize,
        prop::bool::weighted(0.7),
    )
        .prop_map(|(scope, coverage, rows, with_header, age, follows)| Look {
            scope,
            coverage,
            rows,
            with_header,
            age: age.saturating_sub(1),
            follows,
        })
}

impl Look {
    pub fn at(&self, world: &World) -> Observation {
        let mut seen = world.sienge.says(self.coverage);
        if !self.with_header {
            seen.header = None;
        }
        if !self.coverage.is_whole() {
            let (rows, all_new) = (self.rows, self.coverage == Coverage::AllNew);
            seen.installments.retain(|row| {
                rows & (1 << (row.id.0 % 16)) != 0 || (all_new && !row.balance.is_zero())
            });
            seen.boletos.retain(|id, _| rows & (1 << (id.0 % 16)) != 0);
        }
        seen
    }
}

fn share(amount: Cents, percent: i64) -> Cents {
    Cents::new(amount.get() * percent / 100)
}
