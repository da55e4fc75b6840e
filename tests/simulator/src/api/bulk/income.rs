//! `income` and `income/by-bills`: receivable installments with their receipts, settled ones too.

use jiff::civil::Date;
use serde::Serialize;
use serde_json::Value;

use super::{Manner, Rows};
use crate::api::{ApiError, Query, Shapes};
use crate::money::{Cents, Dusty};
use crate::world::tables::{condition_type, document_name, indexer_name, operation_type};
use crate::world::{Bill, Installment, Receipt, Situation, World};

/// Which installments are asked for.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Only these bills, ascending.
    pub bills: Option<Vec<u32>>,
    period: Option<(Date, Date, Selection)>,
    correction: Date,
    company: Option<u32>,
    centers: Vec<u32>,
    changed_since: Option<Date>,
    origins: Vec<String>,
    bearers: Vec<u32>,
    not_bearers: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
enum Selection {
    Issue,
    Due,
    Payment,
    Competence,
}

impl Filter {
    /// `GET /income`.
    pub fn by_period(query: &Query, today: Date) -> Result<Self, ApiError> {
        let start = query.required_date("startDate")?;
        let end = query.required_date("endDate")?;
        let selection = match query.text("selectionType") {
            Some("I") => Selection::Issue,
            Some("D") => Selection::Due,
            Some("P") => Selection::Payment,
            Some("B") => Selection::Competence,
            _ => {
                return Err(ApiError::parameter(
                    "selectionType",
                    "deve ser I, D, P ou B",
                ));
            }
        };
        if end < start {
            return Err(ApiError::parameter(
                "endDate",
                "deve ser maior ou igual a startDate",
            ));
        }
        Ok(Self {
            bills: None,
            period: Some((start, end, selection)),
            correction: query.date("correctionDate")?.unwrap_or(today),
            company: query.id("companyId")?,
            centers: query.ids("costCentersId")?,
            changed_since: query.date("changeStartDate")?,
            origins: query
                .list("originsIds")
                .into_iter()
                .map(str::to_owned)
                .collect(),
            bearers: query.ids("bearersIdIn")?,
            not_bearers: query.ids("bearersIdNotIn")?,
        })
    }

    /// `GET /income/by-bills`.
    pub fn by_bills(query: &Query, today: Date) -> Result<Self, ApiError> {
        let mut bills = query.ids("billsIds")?;
        if bills.is_empty() {
            return Err(ApiError::parameter("billsIds", "parâmetro obrigatório"));
        }
        bills.sort_unstable();
        bills.dedup();
        Ok(Self {
            bills: Some(bills),
            period: None,
            correction: query.date("correctionDate")?.unwrap_or(today),
            company: None,
            centers: Vec::new(),
            changed_since: None,
            origins: Vec::new(),
            bearers: Vec::new(),
            not_bearers: Vec::new(),
        })
    }

    fn wants_bill(&self, bill: &Bill) -> bool {
        self.company.is_none_or(|id| id == bill.company)
            && (self.centers.is_empty()
                || bill
                    .enterprise()
                    .is_some_and(|id| self.centers.contains(&id)))
            && (self.origins.is_empty()
                || self.origins.iter().any(|origin| origin == bill.origin()))
            && match self.period {
                Some((start, end, Selection::Issue | Selection::Competence)) => {
                    bill.issued >= start && bill.issued <= end
                }
                _ => true,
            }
    }

    fn wants(&self, bill: &Bill, row: &Installment) -> bool {
        let within = |day: Date, start: Date, end: Date| day >= start && day <= end;
        let period = match self.period {
            Some((start, end, Selection::Due)) => within(row.due, start, end),
            Some((start, end, Selection::Payment)) => row
                .receipts
                .iter()
                .any(|receipt| within(receipt.date, start, end)),
            _ => true,
        };
        period
            && self
                .changed_since
                .is_none_or(|since| bill.modified >= since || row.modified >= since)
            && (self.bearers.is_empty() || self.bearers.contains(&row.carrier))
            && !self.not_bearers.contains(&row.carrier)
    }

    /// Whether an installment is asked for.
    pub fn wants_row(&self, bill: &Bill, row: &Installment) -> bool {
        self.wants_bill(bill) && self.wants(bill, row)
    }

    /// Writes a bill's installments, or one of them.
    pub fn write(
        &self,
        world: &World,
        bill: &Bill,
        installment: Option<u32>,
        manner: &Manner,
        rows: &mut Rows,
    ) {
        let documented = manner.shapes == Shapes::Documented;
        let all = bill.installments.iter();
        for row in all.filter(|row| installment.is_none_or(|id| id == row.id)) {
            if !self.wants_row(bill, row) || !manner.keeps(bill.id, row.id) {
                continue;
            }
            let answer = income_row(world, bill, row, self.correction, documented);
            rows.push(&answer, manner.shapes, documented_names);
        }
    }
}

/// Production misspells the description of the payment term and adds the credit date.
fn documented_names(row: &mut Value) {
    if let Some(term) = row.get_mut("paymentTerm").and_then(Value::as_object_mut)
        && let Some(text) = term.remove("descrition")
    {
        term.insert("description".to_owned(), text);
    }
    for receipt in row
        .get_mut("receipts")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if let Some(receipt) = receipt.as_object_mut() {
            receipt.remove("creditDate");
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    company_id: u32,
    company_name: &'a str,
    business_area_id: Option<u32>,
    business_area_name: &'a str,
    project_id: Option<u32>,
    project_name: &'a str,
    group_company_id: Option<u32>,
    group_company_name: Option<&'a str>,
    holding_id: Option<u32>,
    holding_name: Option<&'a str>,
    subsidiary_id: Option<u32>,
    subsidiary_name: Option<&'a str>,
    business_type_id: Option<u32>,
    business_type_name: Option<&'a str>,
    client_id: u32,
    client_name: &'a str,
    bill_id: u32,
    installment_id: u32,
    document_identification_id: &'a str,
    document_identification_name: &'a str,
    document_number: &'a str,
    document_forecast: &'a str,
    origin_id: &'a str,
    original_amount: Dusty,
    discount_amount: Cents,
    tax_amount: Cents,
    indexer_id: u32,
    indexer_name: Option<&'a str>,
    due_date: Date,
    issue_date: Date,
    bill_date: Date,
    installment_base_date: Date,
    balance_amount: Dusty,
    corrected_balance_amount: Cents,
    periodicity_type: &'a str,
    embedded_interest_amount: Cents,
    interest_type: &'a str,
    interest_rate: Cents,
    correction_type: &'a str,
    interest_base_date: Option<Date>,
    defaulter_situation: &'a str,
    sub_judicie: &'a str,
    main_unit: Option<&'a str>,
    installment_number: String,
    payment_term: Term<'a>,
    receipts_categories: Vec<Category<'a>>,
    receipts: Vec<ReceiptRow<'a>>,
    bearer_id: u32,
}

#[derive(Serialize)]
struct Term<'a> {
    id: &'a str,
    descrition: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Category<'a> {
    business_type_id: Option<u32>,
    business_type_name: Option<&'a str>,
    business_area_id: Option<u32>,
    business_area_name: Option<&'a str>,
    cost_center_id: u32,
    cost_center_name: &'a str,
    financial_category_id: &'a str,
    financial_category_name: &'a str,
    financial_category_reducer: &'a str,
    financial_category_type: &'a str,
    financial_category_rate: Cents,
    project_id: Option<u32>,
    project_name: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReceiptRow<'a> {
    operation_type_id: u32,
    operation_type_name: &'a str,
    gross_amount: Dusty,
    monetary_correction_amount: Cents,
    interest_amount: Cents,
    fine_amount: Cents,
    discount_amount: Cents,
    tax_amount: Cents,
    net_amount: Dusty,
    addition_amount: Cents,
    insurance_amount: Cents,
    due_adm_amount: Cents,
    calculation_date: Date,
    payment_date: Date,
    credit_date: Date,
    account_company_id: u32,
    account_number: &'a str,
    account_type: Option<&'a str>,
    sequencial_number: u32,
    indexer_id: u32,
    embedded_interest_amount: Cents,
    pro_rata: Cents,
    bank_movements: [u8; 0],
}

fn income_row<'a>(
    world: &'a World,
    bill: &'a Bill,
    row: &'a Installment,
    on: Date,
    documented: bool,
) -> Row<'a> {
    let unit = bill
        .contract
        .as_ref()
        .and_then(|contract| world.units.get(&contract.unit));
    let enterprise = bill.enterprise().and_then(|id| world.enterprises.get(&id));
    let dusty = |amount| row.dusty(amount);
    let defaulting = matches!(bill.situation, Situation::Defaulting | Situation::SubJudice);
    Row {
        company_id: bill.company,
        company_name: world
            .companies
            .get(&bill.company)
            .map_or("", |company| &company.name),
        business_area_id: None,
        business_area_name: "",
        project_id: None,
        project_name: "",
        group_company_id: None,
        group_company_name: None,
        holding_id: None,
        holding_name: None,
        subsidiary_id: None,
        subsidiary_name: None,
        business_type_id: None,
        business_type_name: None,
        client_id: bill.customer,
        client_name: world
            .customers
            .get(&bill.customer)
            .map_or("", |customer| &customer.name),
        bill_id: bill.id,
        installment_id: row.id,
        document_identification_id: &bill.document,
        document_identification_name: document_name(&bill.document).unwrap_or(""),
        document_number: &bill.number,
        document_forecast: "N",
        origin_id: bill.origin(),
        original_amount: dusty(row.original),
        discount_amount: Cents::ZERO,
        tax_amount: Cents::ZERO,
        indexer_id: row.indexer,
        indexer_name: indexer_name(row.indexer),
        due_date: row.due,
        issue_date: bill.issued,
        bill_date: bill.issued,
        installment_base_date: row.base,
        balance_amount: dusty(row.balance),
        corrected_balance_amount: row.corrected(on),
        periodicity_type: "M",
        embedded_interest_amount: Cents::ZERO,
        interest_type: "N",
        interest_rate: Cents::ZERO,
        correction_type: "M",
        interest_base_date: None,
        defaulter_situation: match (documented, defaulting) {
            (false, true) => "S",
            (false, false) => "N",
            (true, true) => "Inadimplente",
            (true, false) => "Em dia",
        },
        sub_judicie: if bill.situation == Situation::SubJudice {
            "S"
        } else {
            "N"
        },
        main_unit: unit.map(|unit| unit.name.as_str()),
        installment_number: row.number(),
        payment_term: Term {
            id: row.condition,
            descrition: condition_type(row.condition).map(|condition| condition.description),
        },
        receipts_categories: enterprise
            .into_iter()
            .map(|work| category(work.id, &work.name))
            .collect(),
        receipts: row
            .receipts
            .iter()
            .map(|receipt| receipt_row(bill, row, receipt))
            .collect(),
        bearer_id: row.carrier,
    }
}

fn category(id: u32, name: &str) -> Category<'_> {
    Category {
        business_type_id: None,
        business_type_name: None,
        business_area_id: None,
        business_area_name: None,
        cost_center_id: id,
        cost_center_name: name,
        financial_category_id: "10101",
        financial_category_name: "Receita de Vendas",
        financial_category_reducer: "N",
        financial_category_type: "R",
        financial_category_rate: Cents(10_000),
        project_id: None,
        project_name: None,
    }
}

fn receipt_row<'a>(bill: &Bill, row: &Installment, receipt: &'a Receipt) -> ReceiptRow<'a> {
    ReceiptRow {
        operation_type_id: operation_type(&receipt.kind),
        operation_type_name: &receipt.kind,
        gross_amount: receipt.dusty(receipt.gross),
        monetary_correction_amount: Cents::ZERO,
        interest_amount: receipt.interest,
        fine_amount: receipt.fine,
        discount_amount: receipt.discount,
        tax_amount: Cents::ZERO,
        net_amount: receipt.dusty(receipt.net()),
        addition_amount: Cents::ZERO,
        insurance_amount: Cents::ZERO,
        due_adm_amount: Cents::ZERO,
        calculation_date: receipt.date,
        payment_date: receipt.date,
        credit_date: receipt.date,
        account_company_id: bill.company,
        account_number: "",
        account_type: None,
        sequencial_number: receipt.sequence,
        indexer_id: row.indexer,
        embedded_interest_amount: Cents::ZERO,
        pro_rata: Cents::ZERO,
        bank_movements: [],
    }
}
