//! `defaulters-receivable-bills`: bills with late installments, and who was sent to SPC/Serasa.

use jiff::civil::Date;
use serde::Serialize;

use super::{Manner, Rows};
use crate::api::{ApiError, Query};
use crate::money::Cents;
use crate::world::{Bill, Installment, Situation, World};

/// Which bills are asked for.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Only this bill.
    pub bills: Option<Vec<u32>>,
    company: u32,
    centers: Vec<u32>,
    limit: Date,
    on: Date,
    correction: Date,
    customer: Option<u32>,
    documents: Vec<String>,
    bearer: Option<u32>,
    situations: Vec<Situation>,
    residues: bool,
    partials: bool,
}

impl Filter {
    /// `GET /defaulters-receivable-bills`. Without any situation flag all situations come.
    pub fn read(query: &Query, today: Date) -> Result<Self, ApiError> {
        let flags = [
            ("normalReceivableBills", Situation::Normal),
            ("inBillingReceivableBills", Situation::InBilling),
            ("defaultersReceivableBills", Situation::Defaulting),
            ("showOnlyDefaulters", Situation::Defaulting),
            ("underJudgmentReceivableBills", Situation::SubJudice),
            ("includeUnderJudgment", Situation::SubJudice),
        ];
        let mut situations = Vec::new();
        for (name, situation) in flags {
            if query.flag(name)? == Some(true) {
                situations.push(situation);
            }
        }
        let on = query.date("positionDate")?.unwrap_or(today);
        Ok(Self {
            bills: query.id("receivableBillId")?.map(|id| vec![id]),
            company: query.required_id("companyId")?,
            centers: query.ids("enterpriseId")?,
            limit: query.date("dueDateLimit")?.unwrap_or(on),
            on,
            correction: query.date("correctionDate")?.unwrap_or(on),
            customer: query.id("customerId")?,
            documents: query
                .list("documentsId")
                .into_iter()
                .map(str::to_owned)
                .collect(),
            bearer: query.id("bearerId")?,
            situations,
            residues: query.flag("includeResidueInstallment")?.unwrap_or(true),
            partials: query
                .flag("includePartiallyPaidInstallments")?
                .unwrap_or(true),
        })
    }

    fn wants_bill(&self, bill: &Bill) -> bool {
        bill.company == self.company
            && (self.centers.is_empty()
                || bill
                    .enterprise()
                    .is_some_and(|id| self.centers.contains(&id)))
            && self.customer.is_none_or(|id| id == bill.customer)
            && (self.documents.is_empty()
                || self.documents.iter().any(|code| *code == bill.document))
            && (self.situations.is_empty() || self.situations.contains(&bill.situation))
    }

    fn wants(&self, row: &Installment) -> bool {
        row.open()
            && row.due < self.on
            && row.due <= self.limit
            && self.bearer.is_none_or(|id| id == row.carrier)
            && (self.residues || row.condition != "RE")
            && (self.partials || row.receipts.is_empty())
    }

    /// Writes a bill, when anything in it is late.
    pub fn write(&self, world: &World, bill: &Bill, manner: &Manner, rows: &mut Rows) {
        if !self.wants_bill(bill) {
            return;
        }
        let kept = |row: &&Installment| self.wants(row) && manner.keeps(bill.id, row.id);
        let late: Vec<Late> = bill
            .installments
            .iter()
            .filter(kept)
            .map(|row| self.late(bill, row))
            .collect();
        if late.is_empty() {
            return;
        }
        let unit = bill
            .contract
            .as_ref()
            .and_then(|contract| world.units.get(&contract.unit));
        let row = Row {
            company_id: bill.company,
            client_id: bill.customer,
            client_name: world
                .customers
                .get(&bill.customer)
                .map_or("", |customer| &customer.name),
            receivable_bill_id: bill.id,
            issue_date: bill.issued,
            document_number: format!("{}.{}", bill.document, bill.number),
            cost_centers_id: bill.enterprise().into_iter().collect(),
            units: unit.map_or("", |unit| &unit.name),
            receivable_bill_value: bill.value(),
            defaulter_installments: late,
            defaulter_judicial_activities: [],
        };
        rows.push(&row, manner.shapes, |_| ());
    }

    fn late(&self, bill: &Bill, row: &Installment) -> Late {
        let corrected = row.corrected(self.correction);
        let charges = row.charges(self.on, &bill.late);
        Late {
            installment_id: row.id,
            condition_type: row.condition,
            due_date: row.due,
            days_of_delay: row.days_late(self.on),
            corrected_value_without_additions: corrected,
            pro_rata: charges.pro_rata,
            interest: charges.interest,
            fine: charges.fine,
            total_additions: charges.total(),
            corrected_value_with_additions: corrected + charges.total(),
            installment_number: row.number(),
            sent_to_spc: if row.listed { "S" } else { "N" },
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    company_id: u32,
    client_id: u32,
    client_name: &'a str,
    receivable_bill_id: u32,
    issue_date: Date,
    document_number: String,
    cost_centers_id: Vec<u32>,
    units: &'a str,
    receivable_bill_value: Cents,
    defaulter_installments: Vec<Late>,
    defaulter_judicial_activities: [u8; 0],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Late {
    installment_id: u32,
    condition_type: &'static str,
    due_date: Date,
    days_of_delay: i64,
    corrected_value_without_additions: Cents,
    pro_rata: Cents,
    interest: Cents,
    fine: Cents,
    total_additions: Cents,
    corrected_value_with_additions: Cents,
    installment_number: String,
    #[serde(rename = "installmentSentToSPCSerasa")]
    sent_to_spc: &'static str,
}
