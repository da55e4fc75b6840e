//! From Sienge's rows to the portfolio's facts. Pure.
//!
//! Guarantees: the same facts give the same [`crate::portfolio::Fingerprint`] from either source; an installment without
//! an amount, a date or a settlement type is reported as unreadable, with the field's name, never as a zero; it does not hide others.

use std::collections::{BTreeMap, BTreeSet};

use super::bulk_income::{IncomeReceipt, IncomeRow};
use super::customer_statement::{StatementBill, StatementInstallment, StatementReceipt};
use super::error::SiengeError;
use super::receivable_bills::{self, BillInstallment, ReceivableBill};
use crate::ids::{BillId, CreditorId, CustomerId, DocumentType, EnterpriseId, InstallmentId};
use crate::money::Cents;
use crate::portfolio::{
    Coverage, Observation, ObservedBill, ObservedInstallment, Oddity, Receipt, SettlementClass,
    SettlementKind, UnreadInstallment,
};

/// The origin of bills that come from a sales contract.
const COMMERCIAL: &str = "CO";

/// A row that could not be read in full: what is still known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OddRow {
    /// Its bill, if it names one.
    pub bill: Option<BillId>,
    /// Its bill's facts, or why they could not be read.
    pub header: Result<ObservedBill, Oddity>,
    /// Its installment.
    pub shown: Shown,
    /// What is wrong with it.
    pub why: Oddity,
}

/// The installment of an odd row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// Readable: the bill's own facts are not.
    Read(ObservedInstallment),
    /// Only its id is known, and whether it has nothing open.
    Unread(InstallmentId, bool),
    /// Not even its id is known.
    Unnamed,
}

impl OddRow {
    /// The installment it names.
    #[must_use]
    pub fn installment(&self) -> Option<InstallmentId> {
        match &self.shown {
            Shown::Read(row) => Some(row.id),
            Shown::Unread(id, _) => Some(*id),
            Shown::Unnamed => None,
        }
    }

    /// Whether its installment has nothing open: then nobody needs to act.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        match &self.shown {
            Shown::Read(row) => row.balance.is_zero(),
            Shown::Unread(_, settled) => *settled,
            Shown::Unnamed => false,
        }
    }
}

/// A required value, or the name of the missing field.
fn need<T>(value: Option<T>, field: &'static str) -> Result<T, Oddity> {
    value.ok_or(Oddity::Field(field))
}

/// What one row of bulk income says: its bill and its installment.
#[allow(
    clippy::result_large_err,
    reason = "an odd row is rare and soon looked at"
)]
pub fn income_facts(row: IncomeRow) -> Result<(BillId, ObservedBill, ObservedInstallment), OddRow> {
    let bill = row.bill_id.map(BillId);
    let header = income_header(&row);
    let installment = income_installment(row);
    match (bill, header, installment) {
        (Some(bill), Ok(header), Ok(installment)) => Ok((bill, header, installment)),
        (bill, header, Err((shown, why))) => Err(OddRow {
            bill,
            header,
            shown,
            why,
        }),
        (bill, header, Ok(installment)) => Err(OddRow {
            bill,
            why: header
                .as_ref()
                .err()
                .copied()
                .unwrap_or(Oddity::Field("billId")),
            header,
            shown: Shown::Read(installment),
        }),
    }
}

fn income_header(row: &IncomeRow) -> Result<ObservedBill, Oddity> {
    let cost_center = row
        .receipts_categories
        .iter()
        .find_map(|category| category.cost_center_id);
    // A commercial bill has an enterprise: a row without one just leaves it out.
    let enterprise = match &row.origin_id {
        Some(origin) if origin.eq_ignore_ascii_case(COMMERCIAL) => {
            cost_center.map(|id| Some(EnterpriseId(id)))
        }
        Some(_) => Some(None),
        None => None,
    };
    Ok(ObservedBill {
        creditor: CreditorId(need(row.company_id, "companyId")?),
        customer: CustomerId(need(row.client_id, "clientId")?),
        document_type: DocumentType::from(need(
            row.document_identification_id.clone(),
            "documentIdentificationId",
        )?),
        number: row.document_number.clone(),
        enterprise,
        unit: row.main_unit.clone(),
        sales_contract: None,
        issued_on: row.issue_date,
        cancelled_on: None,
    })
}

fn income_installment(row: IncomeRow) -> Result<ObservedInstallment, (Shown, Oddity)> {
    let id = need(row.installment_id.map(InstallmentId), "installmentId")
        .map_err(|why| (Shown::Unnamed, why))?;
    let settled = row.balance_amount.is_some_and(Cents::is_zero);
    let read = || {
        Ok(ObservedInstallment {
            id,
            label: row.installment_number,
            due_on: need(row.due_date, "dueDate")?,
            condition: need(row.payment_term.and_then(|term| term.id), "paymentTerm.id")?,
            original: need(row.original_amount, "originalAmount")?,
            balance: need(row.balance_amount, "balanceAmount")?,
            receipts: row
                .receipts
                .into_iter()
                .map(income_receipt)
                .collect::<Result<_, _>>()?,
        })
    };
    read().map_err(|why| (Shown::Unread(id, settled), why))
}

fn income_receipt(receipt: IncomeReceipt) -> Result<Receipt, Oddity> {
    let kind = kind_of(receipt.operation_type_name, "receipts.operationTypeName")?;
    let (net, gross) = amounts(&kind, receipt.net_amount, receipt.gross_amount);
    Ok(Receipt {
        paid_on: need(receipt.payment_date, "receipts.paymentDate")?,
        net: need(net, "receipts.netAmount")?,
        gross: need(gross, "receipts.grossAmount")?,
        kind,
    })
}

/// A settlement type. A name without a letter or a digit (`-`) is not one: nobody could classify it.
fn kind_of(name: Option<String>, field: &'static str) -> Result<SettlementKind, Oddity> {
    let kind = SettlementKind::from(need(name, field)?);
    need(Some(kind).filter(|kind| !kind.id().is_empty()), field)
}

/// Net and gross, one derived from the other only where that adds nothing to what Sienge said: the gross amount is informative, and without
/// money there is nothing to deduct from it.
fn amounts(
    kind: &SettlementKind,
    net: Option<Cents>,
    gross: Option<Cents>,
) -> (Option<Cents>, Option<Cents>) {
    let moves_no_money = !kind.is_reversal()
        && kind
            .class()
            .is_some_and(|class| class != SettlementClass::Pays);
    (net.or(gross.filter(|_| moves_no_money)), gross.or(net))
}

/// What was read of one bill, row by row.
#[derive(Default)]
struct Gathered {
    header: Option<ObservedBill>,
    installments: BTreeMap<InstallmentId, ObservedInstallment>,
    unread: BTreeMap<InstallmentId, UnreadInstallment>,
    header_gap: Option<Oddity>,
    gap: Option<Oddity>,
}

impl Gathered {
    /// An installment that occurs twice with equal values counts once; with different values it is unreadable.
    fn read(&mut self, row: ObservedInstallment) {
        let contradicts = |stated: &ObservedInstallment| stated.fingerprint() != row.fingerprint();
        if self.installments.get(&row.id).is_some_and(contradicts) {
            self.miss(row.id, Oddity::Contradictory, false);
        } else if !self.unread.contains_key(&row.id) {
            self.installments.insert(row.id, row);
        }
    }

    fn miss(&mut self, id: InstallmentId, why: Oddity, settled: bool) {
        let was_open = self
            .installments
            .remove(&id)
            .is_some_and(|row| !row.balance.is_zero());
        let settled = settled && !was_open;
        let unread = self
            .unread
            .entry(id)
            .or_insert(UnreadInstallment { why, settled });
        unread.settled &= settled;
    }

    fn odd(&mut self, row: OddRow) {
        match row.header {
            Ok(header) => ObservedBill::gather(&mut self.header, header),
            Err(why) => self.header_gap = self.header_gap.or(Some(why)),
        }
        match row.shown {
            Shown::Read(installment) => self.read(installment),
            Shown::Unread(id, settled) => self.miss(id, row.why, settled),
            Shown::Unnamed => self.gap = self.gap.or(Some(row.why)),
        }
    }

    fn observation(self, bill: BillId, coverage: Coverage) -> Observation {
        // A bill without its own facts is not complete.
        let gap = self
            .gap
            .or(self.header_gap.filter(|_| self.header.is_none()));
        Observation {
            bill,
            header: self.header,
            installments: self.installments.into_values().collect(),
            unread: self.unread,
            coverage: if gap.is_some() {
                coverage.with_gaps()
            } else {
                coverage
            },
            gap,
            boletos: BTreeMap::new(),
        }
    }
}

/// Groups rows by bill, in the order of the bills' ids. Odd rows do not hide others of their bill; rows without a bill are left out. A bill has no
/// enterprise when all its rows were read and none names one.
#[must_use]
pub fn group(
    rows: impl IntoIterator<Item = (BillId, ObservedBill, ObservedInstallment)>,
    odd: impl IntoIterator<Item = OddRow>,
    coverage: Coverage,
) -> Vec<Observation> {
    let mut bills: BTreeMap<BillId, Gathered> = BTreeMap::new();
    for (bill, header, installment) in rows {
        let gathered = bills.entry(bill).or_default();
        ObservedBill::gather(&mut gathered.header, header);
        gathered.read(installment);
    }
    for row in odd {
        if let Some(bill) = row.bill {
            bills.entry(bill).or_default().odd(row);
        }
    }
    let observation = |(bill, gathered): (BillId, Gathered)| {
        let mut seen = gathered.observation(bill, coverage);
        if let Some(header) = seen.header.as_mut().filter(|_| seen.coverage.is_whole()) {
            header.enterprise.get_or_insert(None);
        }
        seen
    };
    bills.into_iter().map(observation).collect()
}

/// The observation of a bill that Sienge does not have.
pub(super) fn unknown_bill(bill: BillId) -> Observation {
    Observation::empty(bill, Coverage::WholeOnce)
}

/// The customer whose statement is needed.
pub(super) fn customer_of(
    bill: BillId,
    header: &ReceivableBill,
) -> Result<CustomerId, SiengeError> {
    header
        .customer_id
        .map(CustomerId)
        .ok_or(SiengeError::MissingField {
            resource: receivable_bills::RESOURCE,
            field: "customerId",
            bill: Some(bill),
            installment: None,
        })
}

/// Combines the three REST reads of a bill. They happen one after the other: when they contradict each
/// other, the bill changed in between (or one is incomplete) and the result is [`SiengeError::Inconsistent`].
pub fn rest_facts(
    bill: BillId,
    header: ReceivableBill,
    list: Vec<BillInstallment>,
    statement: Vec<StatementBill>,
) -> Result<Observation, SiengeError> {
    let mut gathered = Gathered::default();
    match rest_header(header) {
        Ok(header) => gathered.header = Some(header),
        Err(why) => gathered.header_gap = Some(why),
    }
    let mut listed: BTreeMap<InstallmentId, BillInstallment> = BTreeMap::new();
    for row in list {
        match row.installment_id.map(InstallmentId) {
            None => gathered.gap = Some(Oddity::Field("installmentId")),
            Some(id) => match listed.get(&id) {
                Some(stated) if !stated.is_like(&row) => {
                    gathered.miss(id, Oddity::Contradictory, false);
                }
                _ => drop(listed.insert(id, row)),
            },
        }
    }
    let mut boletos = BTreeMap::new();
    let mut shown = BTreeSet::new();
    let stated = statement
        .into_iter()
        .filter(|stated| stated.bill_receivable_id == Some(bill.0))
        .flat_map(|stated| stated.installments);
    for row in stated {
        let Some(id) = row.installment_id.map(InstallmentId) else {
            gathered.gap = Some(Oddity::Field("installmentId"));
            continue;
        };
        let seen = listed.get(&id);
        let boleto = seen
            .and_then(|seen| seen.generated_ticket)
            .or(row.generated_billet);
        boletos.extend(boleto.map(|boleto| (id, boleto)));
        shown.insert(id);
        match rest_installment(id, row, seen) {
            Ok(installment) => gathered.read(installment),
            Err(Odd::Contradicts) => return Err(SiengeError::Inconsistent { bill }),
            Err(Odd::Unread { why, settled }) => gathered.miss(id, why, settled),
        }
    }
    // The statement lacks what the list shows: unless that is the row without an id, one of the two is outdated.
    for id in listed.into_keys().filter(|id| !shown.contains(id)) {
        match gathered.gap {
            Some(why) => gathered.miss(id, why, false),
            None => return Err(SiengeError::Inconsistent { bill }),
        }
    }
    Ok(Observation {
        boletos,
        ..gathered.observation(bill, Coverage::WholeOnce)
    })
}

fn rest_header(header: ReceivableBill) -> Result<ObservedBill, Oddity> {
    Ok(ObservedBill {
        creditor: CreditorId(need(header.company_id, "companyId")?),
        customer: CustomerId(need(header.customer_id, "customerId")?),
        document_type: DocumentType::from(need(header.document_id, "documentId")?),
        number: header.document_number,
        enterprise: None,
        unit: None,
        sales_contract: None,
        issued_on: header.issue_date,
        cancelled_on: None,
    })
}

/// Why an installment could not be read from the list and the statement.
enum Odd {
    /// They contradict each other.
    Contradicts,
    /// Neither has a required field.
    Unread { why: Oddity, settled: bool },
}

fn rest_installment(
    id: InstallmentId,
    stated: StatementInstallment,
    seen: Option<&BillInstallment>,
) -> Result<ObservedInstallment, Odd> {
    let listed_on = seen.and_then(|seen| seen.due_date);
    if listed_on.is_some_and(|listed| stated.due_date.is_some_and(|stated| stated != listed)) {
        return Err(Odd::Contradicts);
    }
    let balance = rest_balance(&stated, seen)?;
    let condition = seen.and_then(BillInstallment::condition).map(str::to_owned);
    let read = || {
        Ok(ObservedInstallment {
            id,
            label: stated.installment_number,
            due_on: need(stated.due_date.or(listed_on), "dueDate")?,
            condition: need(condition.or(stated.condition_type), "conditionType")?,
            original: need(stated.original_value, "originalValue")?,
            balance,
            receipts: stated
                .receipts
                .into_iter()
                .map(rest_receipt)
                .collect::<Result<_, _>>()?,
        })
    };
    let settled = balance.is_zero();
    read().map_err(|why| Odd::Unread { why, settled })
}

/// The open balance in original money. It comes from the list; an installment missing there is settled only if the
/// statement shows a corrected balance of zero. The two must agree on whether anything is open.
fn rest_balance(
    stated: &StatementInstallment,
    seen: Option<&BillInstallment>,
) -> Result<Cents, Odd> {
    let unread = |field| Odd::Unread {
        why: Oddity::Field(field),
        settled: false,
    };
    match (seen.map(|seen| seen.balance_due), stated.current_balance) {
        (Some(Some(balance)), Some(corrected)) if balance.is_zero() == corrected.is_zero() => {
            Ok(balance)
        }
        (Some(Some(balance)), None) => Ok(balance),
        (_, Some(corrected))
            if corrected.is_zero() && seen.is_none_or(|seen| seen.balance_due.is_none()) =>
        {
            Ok(corrected)
        }
        (Some(None), _) => Err(unread("balanceDue")),
        (None, None) => Err(unread("currentBalance")),
        _ => Err(Odd::Contradicts),
    }
}

fn rest_receipt(receipt: StatementReceipt) -> Result<Receipt, Oddity> {
    let kind = kind_of(receipt.receipt_type, "receipts.receiptType")?;
    let (net, gross) = amounts(&kind, receipt.net_receipt_value, receipt.receipt_value);
    Ok(Receipt {
        paid_on: need(receipt.receipt_date, "receipts.receiptDate")?,
        net: need(net, "receipts.netReceiptValue")?,
        gross: need(gross, "receipts.receiptValue")?,
        kind,
    })
}
