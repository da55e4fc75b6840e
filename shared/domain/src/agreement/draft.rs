//! From a computed plan to an agreement: what is saved, and what must hold of its bills.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Span;

use super::error::DraftError;
use super::event::emit;
use super::limits::{check_integrated, indexer_base};
use super::payments::received;
use super::{
    AgreedAmounts, AgreedDebt, AgreedRemake, AgreedRow, Agreement, AgreementKind,
    AgreementSettings, AgreementState, Transition,
};
use crate::calculation::{Key, PlanRequest, Planned, RetroactiveBases};
use crate::calendar::{Date, Timestamp};
use crate::ids::{AgreementId, BillId, CreditorId, TenantId};
use crate::money::Cents;
use crate::portfolio::{
    AgreementChange, Contract, ContractState, HeldBill, Installment, SettlementClasses,
};

/// Most installments of one agreement: its item stays far below the store's limit.
pub const MAX_INSTALLMENTS: usize = 240;
/// Most bills of one agreement: its claims and events fit one transaction.
pub const MAX_BILLS: usize = 15;
/// Longest id of an operator.
const MAX_OPERATOR: usize = 64;
/// Longest notes, in characters.
const MAX_NOTES: usize = 2_000;

/// An agreement to be saved.
#[derive(Debug, Clone)]
pub struct NewAgreement {
    /// Its id; see [`AgreementId::of_idempotency_key`].
    pub id: AgreementId,
    /// Digest of the request as it was sent. The same id with another digest is another request.
    pub content: String,
    /// The creditor of all its bills.
    pub creditor: CreditorId,
    /// The campaign that made the quote.
    pub campaign: String,
    /// Integrated or not.
    pub kind: AgreementKind,
    /// Whether the debtor made it on the portal.
    pub via_portal: bool,
    /// Who makes it, as they say: an id of the caller's, not a name.
    pub operator: String,
    /// Who makes it, as proved: in the words of the audit.
    pub actor: String,
    /// Notes for the collectors.
    pub notes: String,
    /// Notes the debtor may read.
    pub public_notes: String,
    /// The quote and its plan.
    pub planned: Planned,
    /// The plan as requested.
    pub asked: PlanRequest,
    /// The bill's own indexer, for an integrated agreement; when it is unknown, saving asks Sienge.
    pub indexer: Option<i32>,
    /// A proposal, or an agreement at once.
    pub start: Start,
}

/// How an agreement begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// "Salvar Proposta".
    Proposal {
        /// Last day of its validity. When absent the creditor's settings decide, up to the first due date at the latest.
        expires_on: Option<Date>,
    },
    /// At once.
    Now,
}

impl NewAgreement {
    /// The installments selected.
    pub fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.planned.quote.amounts.rows.iter().map(|row| row.key)
    }
}

/// What the settings say about agreements.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// The creditor's.
    pub settings: &'a AgreementSettings,
    /// What settlement types mean to the tenant.
    pub classes: &'a SettlementClasses,
    /// The tenant's "Data Base Retroativa de Indexador".
    pub index_bases: &'a RetroactiveBases,
}

/// Makes the agreement with its events, or says why not.
pub fn draft(
    tenant: &TenantId,
    new: &NewAgreement,
    bills: &BTreeMap<BillId, HeldBill>,
    terms: Terms<'_>,
    today: Date,
    now: Timestamp,
) -> Result<Transition, DraftError> {
    let amounts = &new.planned.quote.amounts;
    check_size(new)?;
    if amounts.on < today {
        return Err(DraftError::QuotePassed {
            quoted_on: amounts.on,
        });
    }
    let debts = debts(new, bills, terms)?;
    let customer = debts.first().map(|debt| debt.contract.customer);
    let customer = customer.ok_or(DraftError::NothingSelected)?;
    if debts.iter().any(|debt| debt.contract.customer != customer) {
        return Err(DraftError::SeveralCustomers);
    }
    let mut agreement = Agreement {
        id: new.id.clone(),
        tenant: tenant.clone(),
        creditor: new.creditor,
        customer,
        kind: new.kind,
        state: AgreementState::Active,
        revision: 1,
        content: new.content.clone(),
        campaign: new.campaign.clone(),
        via_portal: new.via_portal,
        operator: new.operator.clone(),
        actor: new.actor.clone(),
        notes: new.notes.clone(),
        public_notes: new.public_notes.clone(),
        created_on: today,
        confirmed_on: None,
        quoted_on: amounts.on,
        debts,
        totals: AgreedAmounts::from(&amounts.totals),
        rows: rows(new),
        plan_interest: new.planned.plan.interest,
        total: new.planned.plan.total,
        periodicity: new.asked.periodicity,
        interest: new.asked.interest,
        rate: new.planned.plan.rate,
        remake: None,
        withdrawn: false,
    };
    check_held(&agreement, bills)?;
    if agreement.kind == AgreementKind::Integrated {
        let indexer = new.indexer.ok_or(DraftError::UnknownIndexer)?;
        let bill = check_integrated(&agreement, bills)?;
        agreement.remake = Some(AgreedRemake {
            bill,
            remade_on: today,
            indexer,
            base_date: indexer_base(terms.index_bases, indexer, today),
            generated: Vec::new(),
        });
    }
    let change = begin(&mut agreement, new.start, terms.settings, today, now)?;
    let events = emit(&agreement, &change, today);
    Ok(Transition { agreement, events })
}

fn begin(
    agreement: &mut Agreement,
    start: Start,
    settings: &AgreementSettings,
    today: Date,
    now: Timestamp,
) -> Result<AgreementChange, DraftError> {
    Ok(match start {
        Start::Proposal { expires_on } => {
            let expires_on = validity(agreement, expires_on, settings, today)?;
            agreement.state = AgreementState::Proposed { expires_on };
            AgreementChange::Proposed { expires_on }
        }
        Start::Now => super::transition::confirm(agreement, today, now),
    })
}

fn validity(
    agreement: &Agreement,
    asked: Option<Date>,
    settings: &AgreementSettings,
    today: Date,
) -> Result<Date, DraftError> {
    let first_due = agreement.rows.first().map_or(today, |row| row.due_on);
    let usual = today
        .saturating_add(Span::new().days(i64::from(settings.proposal_days)))
        .min(first_due);
    match asked {
        None => Ok(usual),
        Some(date) if (today..=first_due).contains(&date) => Ok(date),
        Some(date) => Err(DraftError::Validity {
            expires_on: date,
            first: today,
            last: first_due,
        }),
    }
}

fn check_size(new: &NewAgreement) -> Result<(), DraftError> {
    let selected = new.keys().count();
    if selected > MAX_INSTALLMENTS {
        return Err(DraftError::TooManyInstallments {
            selected,
            most: MAX_INSTALLMENTS,
        });
    }
    let bills: BTreeSet<BillId> = new.keys().map(|key| key.bill).collect();
    if bills.len() > MAX_BILLS {
        return Err(DraftError::TooManyBills {
            selected: bills.len(),
            most: MAX_BILLS,
        });
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if new.operator.len() > MAX_OPERATOR || !new.operator.chars().all(plain) {
        return Err(DraftError::OperatorNotACode { most: MAX_OPERATOR });
    }
    for (public, notes) in [(false, &new.notes), (true, &new.public_notes)] {
        if notes.chars().count() > MAX_NOTES {
            return Err(DraftError::NotesTooLong {
                public,
                most: MAX_NOTES,
            });
        }
    }
    Ok(())
}

/// The installments selected, as they are held now and with the values of the quote.
fn debts(
    new: &NewAgreement,
    bills: &BTreeMap<BillId, HeldBill>,
    terms: Terms<'_>,
) -> Result<Vec<AgreedDebt>, DraftError> {
    let rows = &new.planned.quote.amounts.rows;
    let mut debts = Vec::with_capacity(rows.len());
    for row in rows {
        let (contract, installment) = held(bills, row.key)?;
        debts.push(AgreedDebt {
            contract: contract.key.clone(),
            installment: installment.id,
            label: installment.label.clone(),
            unit: contract.unit.clone(),
            due_on: row.due_on,
            days_late: row.days_late,
            amounts: AgreedAmounts::from(&row.figures),
            paid_on: None,
            paid_before: received(installment, Cents::ZERO, terms.classes)
                .into_values()
                .fold(Cents::ZERO, |sum, paid| sum + paid),
            received: BTreeMap::new(),
        });
    }
    Ok(debts)
}

/// The payments of the plan: the down payment, due on the date of the calculation, and the installments.
fn rows(new: &NewAgreement) -> Vec<AgreedRow> {
    let plan = &new.planned.plan;
    let down = (!plan.down_payment.is_zero()).then_some((
        new.planned.quote.amounts.on,
        plan.down_payment,
        plan.down_payment,
        true,
    ));
    let installments = plan
        .installments
        .iter()
        .map(|row| (row.due_on, row.amount, row.principal, false));
    (1..)
        .zip(down.into_iter().chain(installments))
        .map(
            |(number, (due_on, amount, principal, down_payment))| AgreedRow {
                number,
                due_on,
                amount,
                principal,
                down_payment,
                paid_on: None,
            },
        )
        .collect()
}

/// An installment, with the contract that holds it now.
fn held(
    bills: &BTreeMap<BillId, HeldBill>,
    key: Key,
) -> Result<(&Contract, &Installment), DraftError> {
    let bill = bills.get(&key.bill).filter(|bill| bill.has_contracts());
    let bill = bill.ok_or(DraftError::UnknownBill(key.bill))?;
    let mut found = bill.installments_with_id(key.installment);
    let open = found.clone().find(|row| row.is_open());
    let row = open
        .or_else(|| found.next_back())
        .ok_or(DraftError::UnknownInstallment(key))?;
    let contract = bill.contract(&row.contract);
    let contract = contract.ok_or(DraftError::UnknownBill(key.bill))?;
    if matches!(contract.state, ContractState::Cancelled { .. }) {
        return Err(DraftError::CancelledContract(key.bill));
    }
    Ok((contract, row))
}

/// What must be true of the bills whenever an agreement begins to hold installments.
pub fn check_held(
    agreement: &Agreement,
    bills: &BTreeMap<BillId, HeldBill>,
) -> Result<(), DraftError> {
    for debt in &agreement.debts {
        let bill_id = debt.contract.bill;
        let key = Key {
            bill: bill_id,
            installment: debt.installment,
        };
        let (contract, row) = held(bills, key)?;
        if contract.creditor != agreement.creditor {
            return Err(DraftError::OtherCreditor {
                bill: bill_id,
                creditor: contract.creditor,
                expected: agreement.creditor,
            });
        }
        if contract.waits_for_assignment() {
            return Err(DraftError::AssignmentWaits(bill_id));
        }
        let claims = bills.get(&bill_id).map(|bill| &bill.claims);
        let owner = claims.and_then(|claims| claims.owner(debt.installment));
        if let Some(other) = owner.filter(|other| **other != agreement.id) {
            let agreement = other.clone();
            return Err(DraftError::InAnotherAgreement { key, agreement });
        }
        if !row.is_open() {
            return Err(DraftError::NotOpen(key));
        }
        if row.contract != debt.contract {
            return Err(DraftError::OtherHolder(bill_id));
        }
        if row.balance != debt.amounts.original {
            return Err(DraftError::OtherBalance {
                key,
                balance: row.balance,
                quoted: debt.amounts.original,
            });
        }
    }
    Ok(())
}
