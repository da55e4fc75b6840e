//! `POST /v1/quotes` and `POST /v1/quotes/smallest-plan`.

use ponte::calculation::{Figures, Line, Payment, Plan, PlanInstallment, QuoteRow, Warning};
use ponte::calendar::Date;
use ponte::flow::Adapters;
use ponte::flow::quotes::{
    ChosenCampaign, MAX_BILLS, QuoteRequest, Quoted, SmallestPlanRequest, quote_selection,
    smallest_plan_for,
};
use ponte::ids::CreditorId;
use ponte::money::{Cents, Rate};
use ponte::store::Role;
use schemars::{JsonSchema, SchemaGenerator};
use serde::de::IgnoredAny;
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
    handle: |adapters, call| Box::pin(smallest_plan(adapters, call)),
};

/// Two for each bill that is selected, of a quote or of an agreement, which holds one. What cannot be read, and more bills than may be
/// selected, is refused before Sienge is asked.
pub(crate) fn sienge_calls(call: &Call) -> u32 {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Selection {
        bills: Vec<IgnoredAny>,
        quote: Option<Box<Selection>>,
    }
    let selection: Selection = serde_json::from_slice(&call.body).unwrap_or_default();
    let bills = selection.quote.unwrap_or_default().bills.len() + selection.bills.len();
    u32::try_from(bills.min(MAX_BILLS) * 2).unwrap_or(0)
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
