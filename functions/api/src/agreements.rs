//! `/v1/agreements`: simulated anew and saved, read, confirmed, broken, cancelled.

use ponte::calculation::{Cents, Periodicity, PlanInterest, Rate};
use ponte::calendar::Date;
use ponte::flow::quotes::{QuoteError, QuoteRequest, quote_selection};
use ponte::flow::{AgreementError, Session};
use ponte::portfolio::{
    AgreedAmounts, AgreedDebt, AgreedRemake, AgreedRow, Agreement, AgreementId, AgreementKind, AgreementState, BillId, CreditorId,
    CustomerId, NewAgreement, Start, StateName,
};
use ponte::store::Role;
use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::routes::Parameter;
use crate::{Answer, Api, Call, FieldError, Problem, Repeat, Route, repeat};

/// As in [`StateName`].
const STATES: &[&str] = &["proposed", "awaitingErp", "active", "settled", "broken", "cancelled", "expired"];
/// Most agreements of one list.
const MAX_LISTED: usize = 200;

pub(crate) const SAVE: Route = Route {
    method: "POST",
    path: "/v1/agreements",
    query: &[],
    role: Some(Role::Operator),
    repeat: Repeat::Again,
    name: "saveAgreement",
    summary: "Quotes the selection anew and saves what was agreed: a proposal, an agreement on the original installments, or one that is remade in \
              Sienge. Send an Idempotency-Key: without one, a repetition after a lost answer may find its installments taken by the first attempt.",
    request: Some(SchemaGenerator::subschema_for::<AgreementRequest>),
    response: SchemaGenerator::subschema_for::<AgreementAnswer>,
    handle: |api, call| Box::pin(save(api, call)),
};

pub(crate) const LIST: Route = Route {
    method: "GET",
    path: "/v1/agreements",
    query: &[
        Parameter::number("bill", "The agreements of a bill."),
        Parameter::number("customer", "The agreements of a customer."),
        Parameter::number("creditor", "The agreements of a creditor."),
        Parameter::word("state", "Of a creditor: those in this state.", STATES),
        Parameter::number("limit", "At most so many; 50 when absent, 200 at most."),
    ],
    role: Some(Role::Reader),
    repeat: Repeat::No,
    name: "listAgreements",
    summary: "The agreements of a bill, of a customer or of a creditor, newest first.",
    request: None,
    response: SchemaGenerator::subschema_for::<AgreementList>,
    handle: |api, call| Box::pin(list(api, call)),
};

pub(crate) const READ: Route = Route {
    method: "GET",
    path: "/v1/agreements/{agreement}",
    query: &[],
    role: Some(Role::Reader),
    repeat: Repeat::No,
    name: "readAgreement",
    summary: "An agreement as it stands.",
    request: None,
    response: SchemaGenerator::subschema_for::<AgreementAnswer>,
    handle: |api, call| Box::pin(read(api, call)),
};

pub(crate) const CONFIRM: Route = Route {
    method: "POST",
    path: "/v1/agreements/{agreement}/confirm",
    query: &[],
    role: Some(Role::Operator),
    repeat: Repeat::Again,
    name: "confirmAgreement",
    summary: "Makes a proposal an agreement. Repeating it answers the agreement as it stands.",
    request: None,
    response: SchemaGenerator::subschema_for::<AgreementAnswer>,
    handle: |api, call| Box::pin(confirm(api, call)),
};

pub(crate) const BREAK: Route = Route {
    method: "POST",
    path: "/v1/agreements/{agreement}/break",
    query: &[],
    role: Some(Role::Operator),
    repeat: Repeat::Again,
    name: "breakAgreement",
    summary: "Breaks an agreement that is not integrated; an integrated one is broken by deleting its remake in Sienge.",
    request: Some(SchemaGenerator::subschema_for::<ReasonRequest>),
    response: SchemaGenerator::subschema_for::<AgreementAnswer>,
    handle: |api, call| Box::pin(break_off(api, call)),
};

pub(crate) const CANCEL: Route = Route {
    method: "POST",
    path: "/v1/agreements/{agreement}/cancel",
    query: &[],
    role: Some(Role::Operator),
    repeat: Repeat::Again,
    name: "cancelAgreement",
    summary: "Takes back a proposal, or an agreement that is not integrated and of which nothing was paid.",
    request: Some(SchemaGenerator::subschema_for::<ReasonRequest>),
    response: SchemaGenerator::subschema_for::<AgreementAnswer>,
    handle: |api, call| Box::pin(cancel(api, call)),
};

/// What was agreed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgreementRequest {
    /// Selection, date, discounts and plan, as for a quote. A plan is needed: one installment is cash.
    quote: QuoteRequest,
    /// Integrated (remade in Sienge) or not.
    kind: AgreementKind,
    /// Save a proposal instead, which claims nothing until it is confirmed.
    #[serde(default)]
    proposal: Option<ProposalRequest>,
    /// What the debtor was told it comes to (a quote's `plan.total`): when it comes to something else by now, nothing is saved.
    #[serde(default)]
    total: Option<Cents>,
    /// Who makes it: an id of the caller's, no name.
    #[serde(default)]
    operator: String,
    /// Notes for the collectors.
    #[serde(default)]
    notes: String,
    /// Notes the debtor may read.
    #[serde(default)]
    public_notes: String,
}

/// A proposal's terms.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProposalRequest {
    /// Last day of its validity; by the creditor's settings when absent.
    #[serde(default)]
    expires_on: Option<Date>,
}

/// Why.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonRequest {
    /// In the operator's words, up to 500 characters.
    reason: String,
}

/// An agreement as callers read it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgreementAnswer {
    /// Its id.
    id: AgreementId,
    /// Its number, for systems that know agreements by one.
    code: i64,
    /// The creditor of all its bills.
    creditor: CreditorId,
    /// The customer of all its bills.
    customer: CustomerId,
    /// Integrated or not.
    kind: AgreementKind,
    /// Where it stands.
    state: AgreementState,
    /// The same in words.
    state_text: &'static str,
    /// The campaign that made the quote.
    campaign: String,
    /// Made by the debtor on the portal.
    via_portal: bool,
    /// Who made it.
    operator: String,
    /// Notes for the collectors.
    notes: String,
    /// Notes the debtor may read.
    public_notes: String,
    /// Day of the saving.
    created_on: Date,
    /// Day on which it became active.
    confirmed_on: Option<Date>,
    /// Date the values are of.
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
    agreements: Vec<AgreementAnswer>,
}

impl From<Agreement> for AgreementAnswer {
    fn from(agreement: Agreement) -> Self {
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
            notes: agreement.notes,
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

async fn save(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let asked: AgreementRequest = call.json()?;
    let tenant = &call.caller.tenant;
    let key = call
        .idempotency_key
        .clone()
        .unwrap_or_else(|| format!("{:032x}", fastrand::u128(..)));
    let id = AgreementId::of_idempotency_key(tenant, &key);
    let content = repeat::digest(&SAVE, call);
    // A retry whose first attempt saved and died is not quoted again.
    if let Some(saved) = Session::saved_before(api.shop(), tenant, &id, &content).await? {
        return made(saved);
    }
    let session = call.session(api).await?;
    let saved = quoted_and_saved(&session, id, content, asked).await;
    session.close().await;
    made(saved?)
}

/// The agreement, or that Sienge refused to remake: such an agreement is kept as cancelled and holds nothing.
fn made(agreement: Agreement) -> Result<Answer, Problem> {
    match &agreement.state {
        AgreementState::Cancelled { reason, .. } if agreement.kind == AgreementKind::Integrated => {
            let (id, reason) = (&agreement.id, reason.trim_end_matches('.'));
            let detail =
                format!("o acordo {id} foi cancelado: {reason}. Para tentar de novo, corrija a causa e use uma Idempotency-Key nova");
            Err(fault("", &detail))
        }
        _ => Answer::ok(&AgreementAnswer::from(agreement)),
    }
}

async fn quoted_and_saved(session: &Session, id: AgreementId, content: String, asked: AgreementRequest) -> Result<Agreement, Problem> {
    let Some(plan) = asked.quote.plan else {
        return Err(fault(
            "quote.plan",
            "informe o plano; à vista é uma parcela, com o vencimento do pagamento",
        ));
    };
    let quoted = quote_selection(session, &asked.quote).await.map_err(within_quote)?;
    let planned = quoted.planned().ok_or_else(Problem::internal)?;
    if let Some(told) = asked.total
        && told != planned.plan.total
    {
        return Err(Problem::conflict(format!(
            "O total agora é R$ {}, não R$ {} como informado em total; nada foi salvo. Simule de novo e combine o novo valor.",
            planned.plan.total.brazilian(),
            told.brazilian()
        )));
    }
    // Read with the quote; of several bills there is no remake.
    let indexer = match quoted.selection.as_slice() {
        [one] => one.indexer,
        _ => None,
    };
    let new = NewAgreement {
        id,
        content,
        creditor: quoted.creditor,
        campaign: quoted.campaign.id,
        kind: asked.kind,
        via_portal: asked.quote.portal,
        operator: asked.operator,
        notes: asked.notes,
        public_notes: asked.public_notes,
        indexer,
        planned,
        asked: plan,
        start: asked.proposal.map_or(Start::Now, |proposal| Start::Proposal {
            expires_on: proposal.expires_on,
        }),
    };
    Ok(session.save_agreement(new).await?)
}

async fn list(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let (store, tenant) = (&api.shop().store, &call.caller.tenant);
    let limit = usize::try_from(call.number("limit").unwrap_or(50)).unwrap_or(MAX_LISTED);
    if limit > MAX_LISTED {
        return Err(fault("limit", &format!("informe de 1 a {MAX_LISTED}")));
    }
    let state = call
        .word("state")
        .and_then(|text| StateName::ALL.into_iter().find(|state| state.as_str() == text));
    let by = (call.number("bill"), call.number("customer"), call.number("creditor"));
    let found = match (by, state) {
        ((Some(bill), None, None), None) => store.agreements_of_bill(tenant, BillId(bill), limit).await?,
        ((None, Some(customer), None), None) => store.agreements_of_customer(tenant, CustomerId(customer), limit).await?,
        ((None, None, Some(creditor)), state) => store.agreements_of_creditor(tenant, CreditorId(creditor), state, limit).await?,
        _ => {
            return Err(fault(
                "",
                "informe no endereço bill, customer, ou creditor (e com ele state), um só deles: /v1/agreements?bill=10001",
            ));
        }
    };
    let agreements = found.into_iter().map(AgreementAnswer::from).collect();
    Answer::ok(&AgreementList { agreements })
}

async fn read(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let id = id(call)?;
    let found = api.shop().store.agreement(&call.caller.tenant, &id).await?;
    let found = found.ok_or_else(|| Problem::not_found(format!("Acordo {id} não encontrado.")))?;
    Answer::ok(&AgreementAnswer::from(found))
}

async fn confirm(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let id = id(call)?;
    let session = call.session(api).await?;
    let confirmed = session.confirm_agreement(&id).await;
    session.close().await;
    made(confirmed?)
}

async fn break_off(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let (id, asked): (_, ReasonRequest) = (id(call)?, call.json()?);
    let session = call.session(api).await?;
    let broken = session.break_agreement(&id, &asked.reason).await;
    session.close().await;
    Answer::ok(&AgreementAnswer::from(broken?))
}

async fn cancel(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let (id, asked): (_, ReasonRequest) = (id(call)?, call.json()?);
    let session = call.session(api).await?;
    let cancelled = session.cancel_agreement(&id, &asked.reason).await;
    session.close().await;
    Answer::ok(&AgreementAnswer::from(cancelled?))
}

fn id(call: &Call) -> Result<AgreementId, Problem> {
    AgreementId::parse(call.text("agreement")).map_err(|why| fault("agreement", &why))
}

fn fault(path: &str, detail: &str) -> Problem {
    Problem::invalid(vec![FieldError {
        path: path.to_owned(),
        detail: detail.to_owned(),
    }])
}

/// The faults of a quote, at their place in this request.
fn within_quote(error: QuoteError) -> Problem {
    match error {
        QuoteError::Invalid(mut faults) => {
            for fault in &mut faults {
                fault.path = format!("quote.{}", fault.path);
            }
            QuoteError::Invalid(faults).into()
        }
        other @ QuoteError::Flow(_) => other.into(),
    }
}

impl From<AgreementError> for Problem {
    fn from(error: AgreementError) -> Self {
        match error {
            AgreementError::NotFound(text) => Self::not_found(text),
            AgreementError::Conflict(text) | AgreementError::NotAllowed(text) => Self::conflict(text),
            AgreementError::OtherRequest(_) => Self::other_request(),
            AgreementError::Invalid { path, detail } => {
                let path = match path {
                    "installments" | "creditor" => "quote.bills",
                    "on" => "quote.on",
                    "plan" => "quote.plan",
                    "periodicity" => "quote.plan.periodicity",
                    "expiresOn" => "proposal.expiresOn",
                    other => other,
                };
                fault(path, &detail)
            }
            AgreementError::Flow(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_can_be_asked_for() {
        assert_eq!(StateName::ALL.map(StateName::as_str), STATES);
    }
}
