//! Sienge of a simulation: the simulator's own world in process, the operations of its people, and what its sources say.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use jiff::ToSpan;
use jiff::civil::Date;
use ponte::ids::{BillId, CreditorId, CustomerId, EnterpriseId, InstallmentId, SalesContractId};
use ponte::intake::{self, EventHeader, Hints, Receiver};
use ponte::portfolio::{
    Coverage, Observation, ObservedBill, ObservedInstallment, Receipt, SettlementKind,
};
use ponte::sienge::{BillBoletos, Source};
use serde_json::{Value, json};
use sienge_simulator::money::{Cents, Dusty};
use sienge_simulator::world::{self, Plan, World, operations};

use super::news::News;

/// The truth.
pub struct Sienge {
    /// The world as it is.
    pub world: World,
    /// How many operations there were.
    pub operations: u64,
    /// Each bill as it was from an operation on; `None` where it is gone.
    past: BTreeMap<u32, Vec<(u64, Option<world::Bill>)>>,
}

impl Sienge {
    /// A small world.
    pub fn born(rng: &mut Rng, today: Date) -> Self {
        let plan = Plan {
            seed: rng.u64(..),
            installments: rng.u32(15..70),
            contracts: Some(rng.u32(3..9)),
            today,
        };
        let world = world::generate(&plan);
        let past = world
            .bills
            .iter()
            .map(|(id, bill)| (*id, vec![(0, Some(bill.clone()))]))
            .collect();
        Self {
            world,
            operations: 0,
            past,
        }
    }

    /// The bills of some companies.
    pub fn bills(&self, companies: &[i64]) -> Vec<BillId> {
        let bills = self
            .world
            .bills
            .values()
            .filter(|bill| companies.contains(&i64::from(bill.company)));
        bills.map(|bill| BillId(i64::from(bill.id))).collect()
    }

    /// The bill of a sales contract.
    pub fn bill_of(&self, contract: SalesContractId) -> Option<BillId> {
        let contract = u32::try_from(contract.0).ok()?;
        self.world
            .contracts
            .get(&contract)
            .map(|bill| BillId(i64::from(*bill)))
    }

    /// Somebody does something; `None` when it is not possible.
    pub fn plan(&self, rng: &mut Rng) -> Option<operations::Draft> {
        let (name, body) = operation(&self.world, rng)?;
        operations::plan(&self.world, name, &body).ok()
    }

    /// It is done.
    pub fn commit(&mut self, draft: operations::Draft) {
        let touched: Vec<u32> = draft
            .records
            .bills
            .keys()
            .chain(&draft.dropped)
            .copied()
            .collect();
        operations::commit(&mut self.world, draft);
        self.operations += 1;
        for id in touched {
            let bill = self.world.bills.get(&id).cloned();
            self.past
                .entry(id)
                .or_default()
                .push((self.operations, bill));
        }
    }

    /// Whether a receipt of an installment was ever reversed or removed.
    pub fn took_back(&self, bill: BillId, installment: InstallmentId) -> bool {
        let rows: Vec<&world::Installment> = self
            .since(bill, 0)
            .iter()
            .filter_map(|(_, bill)| {
                bill.as_ref()?
                    .installments
                    .iter()
                    .find(|row| id_of(row) == installment)
            })
            .collect();
        let reversal =
            |receipt: &world::Receipt| SettlementKind::from(receipt.kind.as_ref()).is_reversal();
        let is_in = |receipt: &world::Receipt, row: &world::Installment| {
            let mut receipts = row.receipts.iter();
            receipts.any(|other| {
                (other.sequence, other.date, other.net())
                    == (receipt.sequence, receipt.date, receipt.net())
            })
        };
        let removed = |pair: &[&world::Installment]| {
            pair[0]
                .receipts
                .iter()
                .any(|receipt| !is_in(receipt, pair[1]))
        };
        rows.iter().any(|row| row.receipts.iter().any(reversal)) || rows.windows(2).any(removed)
    }

    /// A bill as it was after so many operations, and ever since.
    pub fn since(&self, bill: BillId, operation: u64) -> &[(u64, Option<world::Bill>)] {
        let versions = u32::try_from(bill.0).ok().and_then(|id| self.past.get(&id));
        let versions = versions.map_or(&[][..], Vec::as_slice);
        &versions[versions
            .partition_point(|(number, _)| *number <= operation)
            .saturating_sub(1)..]
    }

    /// What Sienge tells about an operation, read as the webhook function reads it: at an address of its own, where the event's name may be
    /// any, or at the general one.
    pub fn news(
        draft: &operations::Draft,
        operation: u64,
        mut other_name: impl FnMut(&str) -> Option<String>,
    ) -> Vec<News> {
        let told = draft.events.iter().filter_map(|event| {
            let body = event.body.to_string();
            let renamed =
                address_of(event.name).and_then(|address| Some((address, other_name(event.name)?)));
            let (address, name) = match renamed {
                Some((address, name)) => (address, name),
                None => (GENERAL, event.name.to_owned()),
            };
            let receiver = Receiver::find(address)?;
            let event = EventHeader::read(Some(&name));
            let (_, hints) = intake::read(receiver, &event, body.as_bytes()).ok()?;
            assert!(
                address == GENERAL || hints != Hints::default(),
                "{name} at {address} points nowhere: {body}"
            );
            Some(News {
                receiver,
                event,
                body,
                number: None,
                hints,
                operation,
            })
        });
        told.filter(|news| !news.hints.bills.is_empty() || !news.hints.sales_contracts.is_empty())
            .collect()
    }

    /// News of a bill that Sienge refuses whatever it is asked for, beside others.
    pub(super) fn refused(number: u64) -> News {
        let body = format!("{{\"billId\": {REFUSED}, \"installmentId\": 1}}");
        let event = EventHeader::read(Some("RECEIPT_PROCESSED"));
        let receiver = Receiver::Sienge;
        let (_, hints) = intake::read(receiver, &event, body.as_bytes()).unwrap();
        News {
            receiver,
            event,
            body,
            number: Some(number),
            hints,
            operation: 0,
        }
    }

    /// One whole read of a bill.
    pub fn says(&self, bill: BillId, source: Source) -> Observation {
        let found = u32::try_from(bill.0)
            .ok()
            .and_then(|id| self.world.bills.get(&id));
        let mut seen = Observation::empty(bill, Coverage::WholeOnce);
        let Some(found) = found else { return seen };
        // The bulk read has no row that could name an empty bill.
        if source == Source::Bulk && found.installments.is_empty() {
            return seen;
        }
        let mut header = self.header(found);
        if source == Source::Rest {
            header.enterprise = None;
            header.unit = None;
            seen.boletos = found
                .installments
                .iter()
                .map(|row| (id_of(row), row.boleto.is_some()))
                .collect();
        }
        seen.header = Some(header);
        seen.installments = found.installments.iter().map(row_of).collect();
        seen
    }

    /// The rows of a creditor that a bulk read streams, of those that are wanted.
    pub fn rows(
        &self,
        creditor: CreditorId,
        wanted: impl Fn(&world::Bill, &world::Installment) -> bool,
    ) -> Vec<(BillId, ObservedBill, ObservedInstallment)> {
        let bills = self
            .world
            .bills
            .values()
            .filter(|bill| i64::from(bill.company) == creditor.0);
        let rows = bills.flat_map(|bill| bill.installments.iter().map(move |row| (bill, row)));
        rows.filter(|(bill, row)| wanted(bill, row))
            .map(|(bill, row)| (BillId(i64::from(bill.id)), self.header(bill), row_of(row)))
            .collect()
    }

    /// What the extract tells of the bills of a creditor with installments that are wanted: boletos, and rescissions.
    pub fn extract(
        &self,
        creditor: CreditorId,
        wanted: impl Fn(&world::Bill, &world::Installment) -> bool,
    ) -> Vec<BillBoletos> {
        let bills = self
            .world
            .bills
            .values()
            .filter(|bill| i64::from(bill.company) == creditor.0);
        let told = bills.map(|bill| {
            let rows = bill.installments.iter().filter(|row| wanted(bill, row));
            let cancelled = bill.cancelled.as_ref();
            BillBoletos {
                bill: BillId(i64::from(bill.id)),
                customer: None,
                boletos: rows.map(|row| (id_of(row), row.boleto.is_some())).collect(),
                revoked_on: cancelled
                    .filter(|_| bill.contract.is_some())
                    .map(|cancelled| cancelled.date),
            }
        });
        told.filter(|told| !told.boletos.is_empty()).collect()
    }

    /// Bills of a creditor's sales contracts that were cancelled since a day.
    pub fn cancelled_since(&self, creditor: CreditorId, since: Date) -> BTreeSet<BillId> {
        let bills = self.world.bills.values().filter(|bill| {
            let cancelled = bill.cancelled.is_some() && bill.contract.is_some();
            i64::from(bill.company) == creditor.0 && cancelled && bill.modified >= since
        });
        bills.map(|bill| BillId(i64::from(bill.id))).collect()
    }

    fn header(&self, bill: &world::Bill) -> ObservedBill {
        let unit = bill
            .contract
            .as_ref()
            .and_then(|contract| self.world.units.get(&contract.unit));
        ObservedBill {
            creditor: CreditorId(i64::from(bill.company)),
            customer: CustomerId(i64::from(bill.customer)),
            document_type: bill.document.as_ref().into(),
            number: Some(bill.number.clone()),
            enterprise: Some(bill.enterprise().map(|id| EnterpriseId(i64::from(id)))),
            unit: unit.map(|unit| unit.name.clone()),
            sales_contract: None,
            issued_on: Some(bill.issued),
            cancelled_on: None,
        }
    }
}

/// What receipts are called: payments, write-offs, bookkeeping, a name nobody knows; composed and decomposed, with remarks.
const KINDS: [&str; 10] = [
    "Recebimento",
    "Recebimento",
    "Adiantamento",
    "Por Bens",
    "RECEBIMENTO",
    "Bonificac\u{327}a\u{303}o",
    "Substituição - Título 77",
    "Repactuação",
    "REPACTUAC\u{327}A\u{303}O\u{a0}- Título 12/3",
    "Dação em pagamento",
];
const REVERSALS: [&str; 3] = ["Estorno", "Estorno", "Estorno de Recebimento"];
const REMAKES: [&str; 2] = ["Reparcelamento", "Reparcelamento - Título 31/2"];

/// The address for all events.
const GENERAL: &str = "sienge";

/// The bill that Sienge refuses.
pub const REFUSED: i64 = i32::MAX as i64;

/// The playbook's address for an event.
#[must_use]
pub fn address_of(event: &str) -> Option<&'static str> {
    match event {
        "RECEIPT_PROCESSED" => Some("SiengePagamentos"),
        "RECEIVABLE_INSTALLMENT_CREATED" => Some("SiengeParcelaCriada"),
        "RECEIVABLE_INSTALLMENT_UPDATED" => Some("SiengeParcelaAlterada"),
        "RECEIVABLE_INSTALLMENT_REMOVED" => Some("SiengeParcelaRemovida"),
        "SALES_CONTRACT_CANCELED" => Some("SiengeContratoCancelado"),
        "BOOK_COLLECTION_CONFIRMED" => Some("SiengeBoletoCriado"),
        _ => None,
    }
}

/// A name that an event may have at its own address: one that nobody knows, or one of no use.
#[must_use]
pub fn other_name(event: &str, rng: &mut Rng) -> String {
    match rng.u8(0..4) {
        0 => "BILL_SPLIT".to_owned(),
        1 => "PAYMENT_RECEIPT_CREATED".to_owned(),
        2 => "PURCHASE_ORDER_CREATED, BILL_SPLIT".to_owned(),
        _ => format!("{event}_V2"),
    }
}

/// Something that somebody does in Sienge, by the simulator's names. It may turn out not to be possible.
pub fn operation(world: &World, rng: &mut Rng) -> Option<(&'static str, Value)> {
    let ids: Vec<&u32> = world.bills.keys().collect();
    let bill = &world.bills[*rng.choice(&ids)?];
    let open: Vec<u32> = bill
        .installments
        .iter()
        .filter(|row| row.open())
        .map(|row| row.id)
        .collect();
    let paid: Vec<u32> = bill
        .installments
        .iter()
        .filter(|row| !row.receipts.is_empty())
        .map(|row| row.id)
        .collect();
    let one = |rng: &mut Rng, ids: &[u32]| rng.choice(ids).copied().unwrap_or_default();
    let today = world.today;
    let id = bill.id;
    let operation = match rng.u32(0..100) {
        0..22 => (
            "receive",
            json!({"billId": id, "installmentId": one(rng, &open)}),
        ),
        22..34 => {
            let row = bill.installment(one(rng, &open))?;
            let value = Cents(rng.i64(1..=row.balance.0.max(1))).text();
            let kind = KINDS[rng.usize(0..KINDS.len())];
            let body = json!({"billId": id, "installmentId": row.id, "value": value, "type": kind, "total": rng.u8(0..4) == 0, "interest": Cents(rng.i64(0..500)).text()});
            ("receive", body)
        }
        34..44 => {
            let mode = ["remove", "receipt"][rng.usize(0..2)];
            (
                "reverse",
                json!({"billId": id, "installmentId": one(rng, &paid), "mode": mode, "type": REVERSALS[rng.usize(0..REVERSALS.len())], "notify": rng.bool()}),
            )
        }
        44..52 => {
            let due = today.saturating_add(rng.i32(-30..400).days()).to_string();
            (
                "change",
                json!({"billId": id, "installmentId": one(rng, &open), "dueDate": due}),
            )
        }
        52..58 => (
            "change",
            json!({"billId": id, "installmentId": one(rng, &open), "value": Cents(rng.i64(100..900_000)).text()}),
        ),
        58..60 => (
            "change",
            json!({"billId": id, "installmentId": one(rng, &open), "conditionTypeId": "PI"}),
        ),
        60..65 => {
            let due = today.saturating_add(30.days()).to_string();
            let rows: Vec<Value> = (0..rng.u32(1..4)).map(|_| added(rng, &due)).collect();
            ("add", json!({"billId": id, "installments": rows}))
        }
        65..69 => (
            "add",
            json!({"contract": {"installments": rng.u32(1..9), "value": Cents(rng.i64(1_000..900_000)).text()}}),
        ),
        69..71 => {
            let due = today.saturating_add(rng.i32(1..90).days()).to_string();
            let body = json!({"companyId": rng.u32(1..4), "documentId": "NF", "installments": [{"dueDate": due, "value": "99.90"}]});
            ("add", json!({"bill": body}))
        }
        71..78 => (
            "remove",
            json!({"billId": id, "installmentId": one(rng, &open)}),
        ),
        78 => ("remove", json!({"billId": id, "whole": true})),
        79..83 => ("cancel", json!({"billId": id})),
        83..86 => ("assign", json!({"billId": id})),
        86 => {
            let document = if bill.document == "CT" { "FAT" } else { "CT" };
            ("retype", json!({"billId": id, "documentId": document}))
        }
        87..92 => {
            let mut chosen = open.clone();
            rng.shuffle(&mut chosen);
            chosen.truncate(rng.usize(1..4));
            (
                "remake",
                json!({"billId": id, "installmentIds": chosen, "count": rng.u32(1..4), "type": REMAKES[rng.usize(0..REMAKES.len())]}),
            )
        }
        92..95 => ("remake", json!({"billId": id, "undo": true})),
        95 => ("move", json!({"billId": id, "companyId": rng.u32(1..4)})),
        _ => (
            "boleto",
            json!({"billId": id, "installmentId": one(rng, &open)}),
        ),
    };
    Some(operation)
}

/// An installment that is added; some are paid, wholly or in part, before anybody sees them.
fn added(rng: &mut Rng, due: &str) -> Value {
    let value = rng.i64(100..100_000);
    let mut row = json!({"dueDate": due, "value": Cents(value).text()});
    if rng.bool() {
        let received = if rng.bool() {
            value
        } else {
            rng.i64(1..=value)
        };
        row["received"] = Cents(received).text().into();
        row["type"] = KINDS[rng.usize(0..KINDS.len())].into();
    }
    row
}

fn id_of(row: &world::Installment) -> InstallmentId {
    InstallmentId(i64::from(row.id))
}

/// As it is read of what the sources print.
fn read(printed: Dusty) -> ponte::money::Cents {
    let printed = json!(printed).to_string();
    ponte::money::Cents::rounded(&printed).unwrap_or_else(|| panic!("{printed} is no amount"))
}

fn row_of(row: &world::Installment) -> ObservedInstallment {
    let receipts = row.receipts.iter().map(|receipt| Receipt {
        paid_on: receipt.date,
        kind: SettlementKind::from(receipt.kind.as_ref()),
        net: read(receipt.dusty(receipt.net())),
        gross: read(receipt.dusty(receipt.gross)),
    });
    ObservedInstallment {
        id: id_of(row),
        label: Some(row.number()),
        due_on: row.due,
        condition: row.condition.to_owned(),
        original: read(row.dusty(row.original)),
        balance: read(row.dusty(row.balance)),
        receipts: receipts.collect(),
    }
}
