//! An agreement as callers read it.

use ponte::agreement::{
    AgreedAmounts, AgreedDebt, AgreedRemake, AgreedRow, Agreement, AgreementKind, AgreementState,
};
use ponte::calculation::{Periodicity, PlanInterest};
use ponte::calendar::Date;
use ponte::ids::{AgreementId, CreditorId, CustomerId};
use ponte::money::{Cents, Rate};
use ponte::store::Role;
use schemars::JsonSchema;
use serde::Serialize;

use crate::Caller;

/// An agreement as callers read it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgreementAnswer {
    /// Its id.
    id: AgreementId,
    /// Its number, for systems that use numbers.
    code: i64,
    /// The creditor of all its bills.
    creditor: CreditorId,
    /// The customer of all its bills.
    customer: CustomerId,
    /// Integrated or not.
    kind: AgreementKind,
    /// Its state.
    state: AgreementState,
    /// The same in words.
    state_text: &'static str,
    /// The campaign that made the quote.
    campaign: String,
    /// Whether the debtor made it on the portal.
    via_portal: bool,
    /// Who made it, as the caller said.
    operator: String,
    /// Who made it, as proved: as in the audit. Not for readers.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
    /// Notes for the collectors. Not for readers, nor for the debtor's portal.
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<String>,
    /// Notes the debtor may read.
    public_notes: String,
    /// Day it was saved.
    created_on: Date,
    /// Day on which it became active.
    confirmed_on: Option<Date>,
    /// Date of the values.
    quoted_on: Date,
    /// The installments agreed on, with the values they were quoted at.
    debts: Vec<AgreedDebt>,
    /// Sums of the debts.
    totals: AgreedAmounts,
    /// How it is paid, the down payment first.
    rows: Vec<AgreedRow>,
    /// Interest of the plan.
    plan_interest: Cents,
    /// The sum of the rows.
    total: Cents,
    /// Time between the rows.
    periodicity: Periodicity,
    /// None or Price.
    interest: PlanInterest,
    /// Rate a period.
    rate: Rate,
    /// The remake in Sienge; integrated only.
    remake: Option<AgreedRemake>,
}

/// A list.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AgreementList {
    /// Newest first.
    pub(super) agreements: Vec<AgreementAnswer>,
}

impl AgreementAnswer {
    /// The agreement as this caller may read it.
    pub(super) fn of(agreement: Agreement, reader: &Caller) -> Self {
        let is_a_collector = reader.role >= Role::Operator;
        Self {
            code: agreement.id.code(),
            id: agreement.id,
            creditor: agreement.creditor,
            customer: agreement.customer,
            kind: agreement.kind,
            state_text: agreement.state.name().text(),
            state: agreement.state,
            campaign: agreement.campaign,
            via_portal: agreement.via_portal,
            operator: agreement.operator,
            actor: Some(agreement.actor).filter(|_| is_a_collector),
            notes: Some(agreement.notes).filter(|_| is_a_collector),
            public_notes: agreement.public_notes,
            created_on: agreement.created_on,
            confirmed_on: agreement.confirmed_on,
            quoted_on: agreement.quoted_on,
            debts: agreement.debts,
            totals: agreement.totals,
            rows: agreement.rows,
            plan_interest: agreement.plan_interest,
            total: agreement.total,
            periodicity: agreement.periodicity,
            interest: agreement.interest,
            rate: agreement.rate,
            remake: agreement.remake,
        }
    }
}
