//! From Sienge's rows to the portfolio's facts. Pure.
//!
//! Guarantees: the same facts give the same [`crate::portfolio::Fingerprint`] whichever source told them; a row that lacks
//! an amount, a date, an id or a settlement type is an error that names it, never a zero.

use std::collections::BTreeMap;

use super::bulk_income::{self, IncomeReceipt, IncomeRow};
use super::customer_statement::{self, StatementBill, StatementInstallment, StatementReceipt};
use super::error::SiengeError;
use super::receivable_bills::{self, BillInstallment, ReceivableBill};
use crate::calendar::Date;
use crate::money::Cents;
use crate::portfolio::{
    BillId, Coverage, CreditorId, CustomerId, DocumentType, EnterpriseId, InstallmentId, Observation, ObservedBill, ObservedInstallment,
    Receipt, SettlementKind,
};

/// The origin of bills that come from a sales contract.
const COMMERCIAL: &str = "CO";

/// What is being read, for the errors.
#[derive(Clone, Copy)]
struct Place {
    resource: &'static str,
    bill: Option<BillId>,
    installment: Option<InstallmentId>,
}

impl Place {
    fn need<T>(self, value: Option<T>, field: &'static str) -> Result<T, SiengeError> {
        value.ok_or(SiengeError::MissingField {
            resource: self.resource,
            field,
            bill: self.bill,
            installment: self.installment,
        })
    }
}

/// What one row of bulk income says: its bill and its installment.
pub fn income_facts(row: IncomeRow) -> Result<(BillId, ObservedBill, ObservedInstallment), SiengeError> {
    let mut place = Place {
        resource: bulk_income::RESOURCE,
        bill: None,
        installment: None,
    };
    let bill = BillId(place.need(row.bill_id, "billId")?);
    place.bill = Some(bill);
    let id = InstallmentId(place.need(row.installment_id, "installmentId")?);
    place.installment = Some(id);
    let cost_center = row.receipts_categories.iter().find_map(|category| category.cost_center_id);
    let enterprise = row.origin_id.as_deref().map(|origin| {
        let commercial = origin.eq_ignore_ascii_case(COMMERCIAL);
        cost_center.filter(|_| commercial).map(EnterpriseId)
    });
    let header = ObservedBill {
        creditor: CreditorId(place.need(row.company_id, "companyId")?),
        customer: CustomerId(place.need(row.client_id, "clientId")?),
        document_type: DocumentType::from(place.need(row.document_identification_id, "documentIdentificationId")?),
        number: row.document_number,
        enterprise,
        unit: row.main_unit,
        sales_contract: None,
        issued_on: row.issue_date,
        cancelled_on: None,
    };
    let receipts = row.receipts.into_iter().map(|receipt| income_receipt(place, receipt));
    let installment = ObservedInstallment {
        id,
        label: row.installment_number,
        due_on: place.need(row.due_date, "dueDate")?,
        condition: place.need(row.payment_term.and_then(|term| term.id), "paymentTerm.id")?,
        original: place.need(row.original_amount, "originalAmount")?,
        balance: place.need(row.balance_amount, "balanceAmount")?,
        receipts: receipts.collect::<Result<_, _>>()?,
    };
    Ok((bill, header, installment))
}

fn income_receipt(place: Place, receipt: IncomeReceipt) -> Result<Receipt, SiengeError> {
    Ok(Receipt {
        paid_on: place.need(receipt.payment_date, "receipts.paymentDate")?,
        kind: SettlementKind::from(place.need(receipt.operation_type_name, "receipts.operationTypeName")?),
        net: place.need(receipt.net_amount, "receipts.netAmount")?,
        gross: place.need(receipt.gross_amount, "receipts.grossAmount")?,
    })
}

/// Gathers rows by bill, in the order of the bills' ids; a row that comes twice replaces the earlier one.
#[must_use]
pub fn group(rows: impl IntoIterator<Item = (BillId, ObservedBill, ObservedInstallment)>, coverage: Coverage) -> Vec<Observation> {
    let mut bills: BTreeMap<BillId, (ObservedBill, BTreeMap<InstallmentId, ObservedInstallment>)> = BTreeMap::new();
    for (bill, header, installment) in rows {
        let (held, installments) = bills.entry(bill).or_insert_with(|| (header.clone(), BTreeMap::new()));
        *held = header;
        installments.insert(installment.id, installment);
    }
    bills
        .into_iter()
        .map(|(bill, (header, installments))| Observation {
            bill,
            header: Some(header),
            installments: installments.into_values().collect(),
            boletos: BTreeMap::new(),
            coverage,
        })
        .collect()
}

/// The observation of a bill that Sienge does not have.
pub(super) fn unknown_bill(bill: BillId) -> Observation {
    Observation {
        bill,
        header: None,
        installments: Vec::new(),
        boletos: BTreeMap::new(),
        coverage: Coverage::WholeOnce,
    }
}

/// The customer the statement must be asked for.
pub(super) fn customer_of(bill: BillId, header: &ReceivableBill) -> Result<CustomerId, SiengeError> {
    let place = Place {
        resource: receivable_bills::RESOURCE,
        bill: Some(bill),
        installment: None,
    };
    place.need(header.customer_id, "customerId").map(CustomerId)
}

/// What the three REST reads of a bill say together. The reads happen one after the other: where they contradict each
/// other, the bill changed in between (or one of them is incomplete) and the answer is [`SiengeError::Inconsistent`].
pub fn rest_facts(
    bill: BillId,
    header: ReceivableBill,
    list: Vec<BillInstallment>,
    statement: Vec<StatementBill>,
) -> Result<Observation, SiengeError> {
    let place = Place {
        resource: receivable_bills::RESOURCE,
        bill: Some(bill),
        installment: None,
    };
    let customer = customer_of(bill, &header)?;
    let mut listed = BTreeMap::new();
    for row in list {
        let id = InstallmentId(place.need(row.installment_id, "installmentId")?);
        listed.insert(id, row);
    }
    let mut boletos = BTreeMap::new();
    let mut installments = BTreeMap::new();
    let told = statement
        .into_iter()
        .filter(|told| told.bill_receivable_id == Some(bill.0))
        .flat_map(|told| told.installments);
    for row in told {
        let id = InstallmentId(place.need(row.installment_id, "installmentId")?);
        let seen = listed.remove(&id);
        let boleto = seen.as_ref().and_then(|seen| seen.generated_ticket).or(row.generated_billet);
        boletos.extend(boleto.map(|boleto| (id, boleto)));
        installments.insert(id, rest_installment(bill, id, row, seen.as_ref())?);
    }
    if !listed.is_empty() {
        return Err(SiengeError::Inconsistent { bill });
    }
    Ok(Observation {
        bill,
        header: Some(ObservedBill {
            creditor: CreditorId(place.need(header.company_id, "companyId")?),
            customer,
            document_type: DocumentType::from(place.need(header.document_id, "documentId")?),
            number: header.document_number,
            enterprise: None,
            unit: None,
            sales_contract: None,
            issued_on: header.issue_date,
            cancelled_on: None,
        }),
        installments: installments.into_values().collect(),
        boletos,
        coverage: Coverage::WholeOnce,
    })
}

fn rest_installment(
    bill: BillId,
    id: InstallmentId,
    told: StatementInstallment,
    seen: Option<&BillInstallment>,
) -> Result<ObservedInstallment, SiengeError> {
    let place = Place {
        resource: customer_statement::RESOURCE,
        bill: Some(bill),
        installment: Some(id),
    };
    let balance = rest_balance(&told, seen).ok_or(SiengeError::Inconsistent { bill })?;
    let due_on = place.need(told.due_date, "dueDate")?;
    if seen
        .as_ref()
        .and_then(|seen| seen.due_date)
        .is_some_and(|date: Date| date != due_on)
    {
        return Err(SiengeError::Inconsistent { bill });
    }
    let condition = seen.and_then(BillInstallment::condition).map(str::to_owned);
    let receipts = told.receipts.into_iter().map(|receipt| rest_receipt(place, receipt));
    Ok(ObservedInstallment {
        id,
        label: told.installment_number,
        due_on,
        condition: place.need(condition.or(told.condition_type), "conditionType")?,
        original: place.need(told.original_value, "originalValue")?,
        balance,
        receipts: receipts.collect::<Result<_, _>>()?,
    })
}

/// The open balance in original money. The list tells it; an installment that the list leaves out is settled only when the
/// statement says so with a corrected balance of zero. The two must agree on whether anything is open.
fn rest_balance(told: &StatementInstallment, seen: Option<&BillInstallment>) -> Option<Cents> {
    match (seen.and_then(|seen| seen.balance_due), told.current_balance) {
        (Some(balance), Some(corrected)) if balance.is_zero() == corrected.is_zero() => Some(balance),
        (Some(balance), None) => Some(balance),
        (None, Some(corrected)) if corrected.is_zero() && seen.is_none() => Some(Cents::ZERO),
        _ => None,
    }
}

fn rest_receipt(place: Place, receipt: StatementReceipt) -> Result<Receipt, SiengeError> {
    Ok(Receipt {
        paid_on: place.need(receipt.receipt_date, "receipts.receiptDate")?,
        kind: SettlementKind::from(place.need(receipt.receipt_type, "receipts.receiptType")?),
        net: place.need(receipt.net_receipt_value, "receipts.netReceiptValue")?,
        gross: place.need(receipt.receipt_value, "receipts.receiptValue")?,
    })
}
