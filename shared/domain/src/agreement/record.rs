//! An agreement as it is stored.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::AgreementState;
use crate::calculation::{Figures, Periodicity, PlanInterest};
use crate::calendar::Date;
use crate::ids::{AgreementId, BillId, CreditorId, CustomerId, InstallmentId, TenantId};
use crate::money::{Cents, Rate};
use crate::portfolio::{Breaking, ContractKey};

/// The two kinds of 7.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AgreementKind {
    /// 7.3.2, "Integrar ERP": a remake in Sienge, whose new installments are paid.
    Integrated,
    /// 7.3.1: controls the terms of the original installments and their boletos.
    NonIntegrated,
}

/// An agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Agreement {
    /// Its id in the tenant.
    pub id: AgreementId,
    /// Whose.
    pub tenant: TenantId,
    /// The creditor of all its bills.
    pub creditor: CreditorId,
    /// The customer of all its bills.
    pub customer: CustomerId,
    /// Integrated or not.
    pub kind: AgreementKind,
    /// Its state.
    pub state: AgreementState,
    /// Grows by one with every write, and every write is conditional on it.
    pub revision: u64,
    /// Digest of the request that made it. The same id with the same digest is a repetition.
    pub content: String,
    /// The campaign that made the quote.
    pub campaign: String,
    /// Whether the debtor made it on the portal.
    pub via_portal: bool,
    /// Who made it, as they say: an id of the caller's, not a name.
    pub operator: String,
    /// Who made it, as proved: in the words of the audit.
    #[serde(default)]
    pub actor: String,
    /// Notes for the collectors.
    pub notes: String,
    /// Notes the debtor may read.
    pub public_notes: String,
    /// Business date on which it was saved.
    pub created_on: Date,
    /// Business date on which it became active.
    pub confirmed_on: Option<Date>,
    /// Date of the values ("Data do Cálculo").
    pub quoted_on: Date,
    /// The installments agreed on, with the values they were quoted at.
    pub debts: Vec<AgreedDebt>,
    /// Sums of the debts.
    pub totals: AgreedAmounts,
    /// How it is paid, the down payment first.
    pub rows: Vec<AgreedRow>,
    /// Interest of the plan.
    pub plan_interest: Cents,
    /// Total to pay: the sum of the rows.
    pub total: Cents,
    /// Time between the rows.
    pub periodicity: Periodicity,
    /// None or Price.
    pub interest: PlanInterest,
    /// Rate a period; zero without interest.
    pub rate: Rate,
    /// The remake in Sienge; integrated only.
    pub remake: Option<AgreedRemake>,
    /// Withdrawn from the lists by the creditor's settings for unpaid agreements.
    #[serde(default)]
    pub withdrawn: bool,
}

/// One installment agreed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgreedDebt {
    /// Its contract.
    pub contract: ContractKey,
    /// Its id within the bill.
    pub installment: InstallmentId,
    /// Number as shown (`2/120`).
    pub label: Option<String>,
    /// The unit sold.
    pub unit: Option<String>,
    /// Due date.
    pub due_on: Date,
    /// Days late when it was quoted.
    pub days_late: i32,
    /// Its quoted amounts.
    pub amounts: AgreedAmounts,
    /// Day of the payment that settled it; non-integrated only.
    pub paid_on: Option<Date>,
    /// What was paid on it before the agreement.
    #[serde(default)]
    pub paid_before: Cents,
    /// What was paid on it since, by day; non-integrated only.
    #[serde(default)]
    pub received: BTreeMap<Date, Cents>,
}

/// The components of a quote that an agreement keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // as in `calculation::Figures`
pub struct AgreedAmounts {
    pub original: Cents,
    pub correction: Cents,
    pub fine: Cents,
    pub interest: Cents,
    pub fee: Cents,
    pub principal_discount: Cents,
    pub fine_discount: Cents,
    pub interest_discount: Cents,
    pub fee_discount: Cents,
    pub anticipation: Cents,
    pub discount: Cents,
    pub total: Cents,
}

/// One payment of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgreedRow {
    /// From 1, the down payment included.
    pub number: u16,
    /// Due date.
    pub due_on: Date,
    /// What is paid.
    pub amount: Cents,
    /// How much of it pays the debt off.
    pub principal: Cents,
    /// Whether it is the down payment (entrada).
    pub down_payment: bool,
    /// Day it was paid. Non-integrated: the day on which the payments of the originals covered this row.
    pub paid_on: Option<Date>,
}

/// The remake behind an integrated agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgreedRemake {
    /// The bill it remakes.
    pub bill: BillId,
    /// Date of the remake in Sienge. The remake is looked up by bill, installments and this date, so it stays the same
    /// for every attempt.
    pub remade_on: Date,
    /// The bill's own indexer.
    pub indexer: i32,
    /// Base date of the indexer.
    pub base_date: Date,
    /// The installments it generated, once the ERP confirmed it.
    pub generated: Vec<Generated>,
}

/// An installment that Sienge generated for the agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Generated {
    /// Its id within the bill.
    pub installment: InstallmentId,
    /// Day of the payment that settled it.
    pub paid_on: Option<Date>,
}

impl From<&Figures> for AgreedAmounts {
    fn from(figures: &Figures) -> Self {
        Self {
            original: figures.original,
            correction: figures.correction,
            fine: figures.fine,
            interest: figures.interest,
            fee: figures.fee,
            principal_discount: figures.discounts.principal,
            fine_discount: figures.discounts.fine,
            interest_discount: figures.discounts.interest,
            fee_discount: figures.discounts.fee,
            anticipation: figures.anticipation,
            discount: figures.discount,
            total: figures.total,
        }
    }
}

impl Agreement {
    /// Its bills, each once.
    #[must_use]
    pub fn bills(&self) -> BTreeSet<BillId> {
        self.debts.iter().map(|debt| debt.contract.bill).collect()
    }

    /// Its original installments by contract, in order.
    #[must_use]
    pub fn originals(&self) -> BTreeMap<&ContractKey, Vec<InstallmentId>> {
        let mut by_contract: BTreeMap<&ContractKey, Vec<InstallmentId>> = BTreeMap::new();
        for debt in &self.debts {
            by_contract
                .entry(&debt.contract)
                .or_default()
                .push(debt.installment);
        }
        by_contract
    }

    /// Its original installments of one bill.
    #[must_use]
    pub fn originals_of(&self, bill: BillId) -> BTreeSet<InstallmentId> {
        let debts = self.debts.iter().filter(|debt| debt.contract.bill == bill);
        debts.map(|debt| debt.installment).collect()
    }

    /// Whether anything was paid.
    #[must_use]
    pub fn is_paid_in_part(&self) -> bool {
        let generated = self.remake.iter().flat_map(|remake| &remake.generated);
        let paid = |debt: &AgreedDebt| debt.paid_on.is_some() || !debt.received.is_empty();
        self.debts.iter().any(paid) || generated.into_iter().any(|one| one.paid_on.is_some())
    }

    /// Whether Sienge confirmed its remake today and nothing is paid yet.
    #[must_use]
    pub fn is_just_remade(&self, today: Date) -> bool {
        self.remake.is_some() && self.confirmed_on == Some(today) && !self.is_paid_in_part()
    }

    /// Clears what operators wrote: notes and reasons may name people.
    pub fn erase_words(&mut self) {
        self.notes.clear();
        self.public_notes.clear();
        match &mut self.state {
            AgreementState::Cancelled { reason, .. }
            | AgreementState::Broken {
                how: Breaking::Command { reason },
                ..
            } => reason.clear(),
            _ => {}
        }
    }

    /// The earliest unpaid row.
    #[must_use]
    pub fn next_row(&self) -> Option<&AgreedRow> {
        self.rows.iter().find(|row| row.paid_on.is_none())
    }
}
