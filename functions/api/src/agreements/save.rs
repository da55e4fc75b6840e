//! `POST /v1/agreements`: quotes again, compares the total with what the debtor was told, and saves.

use ponte::agreement::{Agreement, AgreementKind, NewAgreement, Start};
use ponte::calendar::{self, Date};
use ponte::flow::Adapters;
use ponte::flow::Session;
use ponte::flow::quotes::{QuoteError, QuoteRequest, quote_selection};
use ponte::ids::AgreementId;
use ponte::money::Cents;
use ponte::store::{Actor, AuditObject, Role};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Deserialize;

use super::{AgreementAnswer, made, object};
use crate::fingerprint::fingerprint;
use crate::{Call, Caller, HttpAnswer, Problem, Repeat, Route, quotes};

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
    sienge_calls: |call| quotes::sienge_calls(call) + 2,
    emails: 0,
    audit: Some(about),
    handle: |adapters, call| Box::pin(save(adapters, call)),
};

/// The agreement to save.
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
    /// The total that the debtor was told (a quote's `plan.total`): if the new quote differs, nothing is saved.
    #[serde(default)]
    total: Option<Cents>,
    /// Who makes it: an id of the caller's, not a name.
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
    #[serde(default, deserialize_with = "calendar::read_optional_date")]
    expires_on: Option<Date>,
}

/// The agreement, whose id is known before it is made, and the bills it is on.
fn about(call: &Call) -> Vec<AuditObject> {
    let id = call.tenant().ok();
    let id = id.map(|tenant| AgreementId::of_idempotency_key(tenant, call.key()));
    let agreement = id.as_ref().map(object);
    agreement.into_iter().chain(quotes::bills(call)).collect()
}

async fn save(adapters: &Adapters, call: &Call) -> Result<HttpAnswer, Problem> {
    let asked: AgreementRequest = call.json()?;
    let tenant = call.tenant()?;
    let id = AgreementId::of_idempotency_key(tenant, call.key());
    let content = fingerprint(&SAVE, call);
    // A retry after an attempt that saved and died is not quoted again.
    if let Some(saved) = Session::saved_before(adapters, tenant, &id, &content).await? {
        return made(saved, &call.caller);
    }
    let session = call.session(adapters).await?;
    let saved = quoted_and_saved(&session, id, content, asked, &call.caller).await;
    session.close().await;
    made(saved?, &call.caller)
}

async fn quoted_and_saved(
    session: &Session,
    id: AgreementId,
    content: String,
    asked: AgreementRequest,
    caller: &Caller,
) -> Result<Agreement, Problem> {
    let Some(plan) = asked.quote.plan else {
        return Err(Problem::field(
            "quote.plan",
            "informe o plano; à vista é uma parcela, com o vencimento do pagamento",
        ));
    };
    let quoted = quote_selection(session, &asked.quote)
        .await
        .map_err(within_quote)?;
    let planned = quoted.planned().ok_or_else(Problem::internal)?;
    if let Some(quoted) = asked.total
        && quoted != planned.plan.total
    {
        return Err(Problem::conflict(format!(
            "O total agora é R$ {}, não R$ {} como informado em total; nada foi salvo. Simule de novo e combine o novo valor.",
            planned.plan.total.brazilian(),
            quoted.brazilian()
        )));
    }
    // Read with the quote; several bills cannot be remade.
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
        actor: caller
            .actor
            .as_ref()
            .map(Actor::to_string)
            .unwrap_or_default(),
        notes: asked.notes,
        public_notes: asked.public_notes,
        indexer,
        planned,
        asked: plan,
        start: asked
            .proposal
            .map_or(Start::Now, |proposal| Start::Proposal {
                expires_on: proposal.expires_on,
            }),
    };
    Ok(session.save_agreement(new).await?)
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
