//! Operators' actions on an agreement: confirm, break, cancel.

use ponte::flow::Adapters;
use ponte::store::Role;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Deserialize;

use super::{AgreementAnswer, about, id, made, shown};
use crate::{Call, HttpAnswer, Problem, Repeat, Route};

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
    sienge_calls: |_| 2,
    emails: 0,
    audit: Some(about),
    handle: |adapters, call| Box::pin(confirm(adapters, call)),
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
    sienge_calls: |_| 0,
    emails: 0,
    audit: Some(about),
    handle: |adapters, call| Box::pin(break_off(adapters, call)),
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
    sienge_calls: |_| 0,
    emails: 0,
    audit: Some(about),
    handle: |adapters, call| Box::pin(cancel(adapters, call)),
};

/// Why.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonRequest {
    /// In the operator's words, up to 500 characters.
    reason: String,
}

async fn confirm(adapters: &Adapters, call: &Call) -> Result<HttpAnswer, Problem> {
    let id = id(call)?;
    let session = call.session(adapters).await?;
    let confirmed = session.confirm_agreement(&id).await;
    session.close().await;
    made(confirmed?, &call.caller)
}

async fn break_off(adapters: &Adapters, call: &Call) -> Result<HttpAnswer, Problem> {
    let (id, asked): (_, ReasonRequest) = (id(call)?, call.json()?);
    let session = call.session(adapters).await?;
    let broken = session.break_agreement(&id, &asked.reason).await;
    session.close().await;
    shown(broken?, &call.caller)
}

async fn cancel(adapters: &Adapters, call: &Call) -> Result<HttpAnswer, Problem> {
    let (id, asked): (_, ReasonRequest) = (id(call)?, call.json()?);
    let session = call.session(adapters).await?;
    let cancelled = session.cancel_agreement(&id, &asked.reason).await;
    session.close().await;
    shown(cancelled?, &call.caller)
}
