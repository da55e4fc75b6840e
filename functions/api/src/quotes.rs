//! `POST /v1/quotes` and `POST /v1/quotes/smallest-plan`.

use std::collections::BTreeSet;

use ponte::calculation::{Figures, Line, Payment, Plan, PlanInstallment, QuoteRow, Warning};
use ponte::calendar::Date;
use ponte::flow::Adapters;
use ponte::flow::quotes::{
    ChosenCampaign, MAX_BILLS, QuoteRequest, Quoted, SmallestPlanRequest, quote_selection,
    smallest_plan_for,
};
use ponte::ids::{BillId, CreditorId};
use ponte::money::{Cents, Rate};
use ponte::store::{AuditObject, Role};
use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::{Call, HttpAnswer, Problem, Repeat, Route};

pub(crate) const QUOTE: Route = Route {
    method: "POST",
    path: "/v1/quotes",
    query: &[],
    role: Some(Role::Reader),
    repeat: Repeat::No,
    name: "quote",
    summary: "What the selected installments cost on a date and why, in cash or by a plan. Changes nothing.",
    request: Some(SchemaGenerator::subschema_for::<QuoteRequest>),
    response: SchemaGenerator::subschema_for::<QuoteAnswer>,
    sienge_calls,
    emails: 0,
    audit: Some(bills),
    handle: |adapters, call| Box::pin(quote(adapters, call)),
};

pub(crate) const SMALLEST_PLAN: Route = Route {
    method: "POST",
    path: "/v1/quotes/smallest-plan",
    query: &[],
    role: Some(Role::Reader),
    repeat: Repeat::No,
    name: "smallestPlan",
    summary: "The plan with the fewest installments none of which passes what the debtor can pay. Changes nothing.",
    request: Some(SchemaGenerator::subschema_for::<SmallestPlanRequest>),
    response: SchemaGenerator::subschema_for::<QuoteAnswer>,
    sienge_calls,
    emails: 0,
    audit: Some(bills),
    handle: |adapters, call| Box::pin(smallest_plan(adapters, call)),
};

/// Two for each bill that is selected. What cannot be read, and more bills than may be selected, is refused before Sienge is asked.
pub(crate) fn sienge_calls(call: &Call) -> u32 {
    u32::try_from(selected(call).len() * 2).unwrap_or(0)
}

/// The bills of a quote, for the audit.
pub(crate) fn bills(call: &Call) -> Vec<AuditObject> {
    let bills: BTreeSet<BillId> = selected(call).into_iter().collect();
    bills
        .into_iter()
        .map(|bill| AuditObject::new("bill", bill))
        .collect()
}

/// The bills selected in a quote, or in an agreement, which holds one.
fn selected(call: &Call) -> Vec<BillId> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Selection {
        bills: Vec<One>,
        quote: Option<Box<Selection>>,
    }
    #[derive(Deserialize)]
    struct One {
        bill: BillId,
    }
    // As the route reads it, so that nothing passes here as empty and is carried out there.
    let selection: Selection = call.json().unwrap_or_default();
    let of_quote = selection.quote.unwrap_or_default().bills;
    let all = of_quote.into_iter().chain(selection.bills);
    all.map(|one| one.bill).take(MAX_BILLS).collect()
}

/// A quote for callers, with every amount explained line by line.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuoteAnswer {
    /// The creditor (company) of everything selected.
    creditor: CreditorId,
    /// The campaign in use.
    campaign: ChosenCampaign,
    /// Date of the calculation.
    on: Date,
    /// How it is paid.
    payment: Payment,
    /// By due date, bill and installment.
    rows: Vec<QuoteRow>,
    /// Sums of the rows.
    totals: Figures,
    /// What the operator should know.
    warnings: Vec<ExplainedWarning>,
    /// Every step, in order: the lines of a figure add up to it.
    explanation: Vec<ExplainedLine>,
    /// How it is paid, if a plan was requested.
    plan: Option<PlanAnswer>,
}

/// A plan for callers.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanAnswer {
    /// The quote's total.
    debt: Cents,
    /// Down payment.
    down_payment: Cents,
    /// Debt less down payment.
    financed: Cents,
    /// Rate per period.
    rate: Rate,
    /// Interest of the whole plan.
    interest: Cents,
    /// Down payment and installments.
    total: Cents,
    /// The installments.
    installments: Vec<PlanInstallment>,
    /// Every step, in order.
    explanation: Vec<ExplainedLine>,
}

/// A step, with its Portuguese text.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ExplainedLine {
    #[serde(flatten)]
    line: Line,
    /// As one types it into a pocket calculator.
    text: String,
}

/// A warning, with its Portuguese text.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ExplainedWarning {
    #[serde(flatten)]
    warning: Warning,
    /// What to know and to do.
    text: String,
}

impl From<Quoted> for QuoteAnswer {
    fn from(quoted: Quoted) -> Self {
        let amounts = quoted.quote.amounts;
        let warnings = amounts
            .warnings
            .into_iter()
            .map(|warning| ExplainedWarning {
                text: warning.text(),
                warning,
            });
        Self {
            creditor: quoted.creditor,
            campaign: quoted.campaign,
            on: amounts.on,
            payment: amounts.payment,
            rows: amounts.rows,
            totals: amounts.totals,
            warnings: warnings.collect(),
            explanation: explained(quoted.quote.explanation),
            plan: quoted.plan.map(Into::into),
        }
    }
}

impl From<Plan> for PlanAnswer {
    fn from(plan: Plan) -> Self {
        Self {
            debt: plan.debt,
            down_payment: plan.down_payment,
            financed: plan.financed,
            rate: plan.rate,
            interest: plan.interest,
            total: plan.total,
            installments: plan.installments,
            explanation: explained(plan.explanation),
        }
    }
}

fn explained(lines: Vec<Line>) -> Vec<ExplainedLine> {
    let lines = lines.into_iter().map(|line| ExplainedLine {
        text: line.text(),
        line,
    });
    lines.collect()
}

async fn quote(adapters: &Adapters, call: &Call) -> Result<HttpAnswer, Problem> {
    let asked: QuoteRequest = call.json()?;
    let session = call.session(adapters).await?;
    let quoted = quote_selection(&session, &asked).await;
    session.close().await;
    HttpAnswer::ok(&QuoteAnswer::from(quoted?))
}

async fn smallest_plan(adapters: &Adapters, call: &Call) -> Result<HttpAnswer, Problem> {
    let asked: SmallestPlanRequest = call.json()?;
    let session = call.session(adapters).await?;
    let quoted = smallest_plan_for(&session, &asked).await;
    session.close().await;
    HttpAnswer::ok(&QuoteAnswer::from(quoted?))
}
