//! `customer-extract-history`: bills with their installments and receipts.

use jiff::civil::Date;
use serde::Serialize;

use super::{Manner, Rows};
use crate::api::{ApiError, Query};
use crate::money::Cents;
use crate::world::documents::formatted;
use crate::world::tables::{CANCELLED, REMADE, RESCINDED, condition_type};
use crate::world::{Bill, Installment, Receipt, World};

/// Which bills and installments are asked for.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Only these bills.
    pub bills: Option<Vec<u32>>,
    due: (Date, Date),
    correction: Date,
    company: Option<u32>,
    customer: Option<u32>,
    center: Option<u32>,
    unit: Option<String>,
    documents: Vec<String>,
    bearer: Option<u32>,
    terms: Vec<String>,
    not_terms: Vec<String>,
    hidden: Vec<&'static str>,
    changed_since: Option<Date>,
}

impl Filter {
    /// `GET /customer-extract-history`.
    pub fn read(query: &Query, today: Date) -> Result<Self, ApiError> {
        let texts = |name: &str| query.list(name).into_iter().map(str::to_owned).collect();
        let mut hidden = Vec::new();
        let switches = [
            ("includeRemadeInstallments", REMADE),
            ("includeRenegotiatedDischarge", REMADE),
            ("includeCanceledInstallments", CANCELLED),
            ("includeRevokedInstallments", RESCINDED),
        ];
        for (name, kind) in switches {
            if query.flag(name)? == Some(false) {
                hidden.push(kind);
            }
        }
        Ok(Self {
            bills: query.id("billReceivableId")?.map(|id| vec![id]),
            due: (
                query.required_date("startDueDate")?,
                query.required_date("endDueDate")?,
            ),
            correction: query.date("correctionDate")?.unwrap_or(today),
            company: query.id("companyId")?,
            customer: query.id("customerId")?,
            center: query.id("costCenterId")?,
            unit: query.text("unitNumber").map(str::to_owned),
            documents: texts("documentsId"),
            bearer: query.id("bearersId")?,
            terms: texts("paymentTermsId"),
            not_terms: texts("paymentTermsIdNotIn"),
            hidden,
            changed_since: query.date("changeStartDate")?,
        })
    }

    fn wants_bill(&self, world: &World, bill: &Bill) -> bool {
        let unit = bill
            .contract
            .as_ref()
            .and_then(|contract| world.units.get(&contract.unit));
        self.company.is_none_or(|id| id == bill.company)
            && self.customer.is_none_or(|id| id == bill.customer)
            && self.center.is_none_or(|id| bill.enterprise() == Some(id))
            && self
                .unit
                .as_ref()
                .is_none_or(|name| unit.is_some_and(|unit| unit.name == *name))
            && (self.documents.is_empty()
                || self.documents.iter().any(|code| *code == bill.document))
            && self
                .changed_since
                .is_none_or(|since| bill.touched() >= since)
    }

    fn wants(&self, row: &Installment) -> bool {
        row.due >= self.due.0
            && row.due <= self.due.1
            && self.bearer.is_none_or(|id| id == row.carrier)
            && (self.terms.is_empty() || self.terms.iter().any(|code| code == row.condition))
            && !self.not_terms.iter().any(|code| code == row.condition)
            && !self.hidden.iter().any(|kind| row.closed_by(kind))
    }

    /// Writes a bill, when any of its installments is wanted.
    pub fn write(&self, world: &World, bill: &Bill, manner: &Manner, rows: &mut Rows) {
        if !self.wants_bill(world, bill) {
            return;
        }
        let kept = |row: &&Installment| self.wants(row) && manner.keeps(bill.id, row.id);
        let installments: Vec<Line> = bill
            .installments
            .iter()
            .filter(kept)
            .map(|row| line(bill, row, self.correction))
            .collect();
        if installments.is_empty() {
            return;
        }
        rows.push(
            &extract_row(world, bill, installments, self.correction),
            manner.shapes,
            |_| (),
        );
    }
}

#[derive(Serialize)]
struct Named<'a> {
    id: u32,
    name: &'a str,
}

#[derive(Serialize)]
struct Client<'a> {
    id: u32,
    name: &'a str,
    document: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    bill_receivable_id: u32,
    company: Named<'a>,
    cost_center: Option<Named<'a>>,
    customer: Client<'a>,
    emission_date: Date,
    last_renegotiation_date: Option<Date>,
    correction_date: Date,
    document: String,
    private_area: Option<Cents>,
    oldest_installment_date: Option<Date>,
    revoked_bill_receivable_date: Option<Date>,
    units: Vec<Named<'a>>,
    installments: Vec<Line<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    id: u32,
    annual_correction: bool,
    sent_to_scriptural_charge: bool,
    payment_terms: Term<'a>,
    base_date: Date,
    original_value: Cents,
    due_date: Date,
    indexer_id: u32,
    calculation_date: Date,
    current_balance: Cents,
    current_balance_with_addition: Cents,
    generated_billet: bool,
    installment_situation: &'a str,
    receipts: Vec<Paid<'a>>,
    installment_number: String,
}

#[derive(Serialize)]
struct Term<'a> {
    id: &'a str,
    descrition: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Paid<'a> {
    days: i64,
    date: Date,
    value: Cents,
    extra: Cents,
    discount: Cents,
    net_receipt: Cents,
    #[serde(rename = "type")]
    kind: &'a str,
}

fn extract_row<'a>(
    world: &'a World,
    bill: &'a Bill,
    installments: Vec<Line<'a>>,
    on: Date,
) -> Row<'a> {
    let unit = bill
        .contract
        .as_ref()
        .and_then(|contract| world.units.get(&contract.unit));
    let customer = world.customers.get(&bill.customer);
    let work = bill.enterprise().and_then(|id| world.enterprises.get(&id));
    Row {
        bill_receivable_id: bill.id,
        company: Named {
            id: bill.company,
            name: world
                .companies
                .get(&bill.company)
                .map_or("", |company| &company.name),
        },
        cost_center: work.map(|work| Named {
            id: work.id,
            name: &work.name,
        }),
        customer: Client {
            id: bill.customer,
            name: customer.map_or("", |customer| &customer.name),
            document: customer
                .map(|customer| formatted(customer.document()))
                .unwrap_or_default(),
        },
        emission_date: bill.issued,
        last_renegotiation_date: bill.remakes.last().map(|remake| remake.date),
        correction_date: on,
        document: format!("{}.{}", bill.document, bill.number),
        private_area: unit.map(|unit| Cents(i64::from(unit.area))),
        oldest_installment_date: bill
            .installments
            .iter()
            .filter(|row| row.open())
            .map(|row| row.due)
            .min(),
        revoked_bill_receivable_date: bill
            .cancelled
            .as_ref()
            .map(|cancellation| cancellation.date),
        units: unit
            .into_iter()
            .map(|unit| Named {
                id: unit.id,
                name: &unit.name,
            })
            .collect(),
        installments,
    }
}

fn line<'a>(bill: &Bill, row: &'a Installment, on: Date) -> Line<'a> {
    let corrected = row.corrected(on);
    Line {
        id: row.id,
        annual_correction: false,
        sent_to_scriptural_charge: row.boleto.is_some(),
        payment_terms: Term {
            id: row.condition,
            descrition: condition_type(row.condition).map(|condition| condition.description),
        },
        base_date: row.base,
        original_value: row.original,
        due_date: row.due,
        indexer_id: row.indexer,
        calculation_date: on,
        current_balance: corrected,
        current_balance_with_addition: corrected + row.charges(on, &bill.late).total(),
        generated_billet: row.boleto.is_some(),
        installment_situation: row.situation(),
        receipts: row
            .receipts
            .iter()
            .map(|receipt| paid(row, receipt))
            .collect(),
        installment_number: row.number(),
    }
}

fn paid<'a>(row: &Installment, receipt: &'a Receipt) -> Paid<'a> {
    Paid {
        days: row.days_late(receipt.date),
        date: receipt.date,
        value: receipt.gross,
        extra: receipt.extra(),
        discount: receipt.discount,
        net_receipt: receipt.net(),
        kind: &receipt.kind,
    }
}
