//! `/v1/contracts/{bill}/installments/{installment}/boleto`: second copies, by e-mail, with another due date.

use ponte::calendar::{self, Date};
use ponte::flow::Adapters;
use ponte::flow::boletos::{BoletoEmail, SecondCopy, email, second_copy};
use ponte::ids::{BillId, InstallmentId};
use ponte::store::{Right, Role};
use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::{Call, HttpAnswer, Problem, Repeat, Route, audit};

pub(crate) const READ: Route = Route {
    method: "GET",
    path: "/v1/contracts/{bill}/installments/{installment}/boleto",
    query: &[],
    role: Some(Role::Operator),
    repeat: Repeat::No,
    name: "readBoleto",
    summary: "The second copy of an open installment's boleto: link (five minutes), digitable line, and a text for an SMS.",
    request: None,
    response: SchemaGenerator::subschema_for::<SecondCopy>,
    sienge_calls: |_| 1,
    emails: 0,
    audit: Some(audit::bill),
    handle: |adapters, call| Box::pin(read(adapters, call)),
};

pub(crate) const RENEW: Route = Route {
    method: "POST",
    path: "/v1/contracts/{bill}/installments/{installment}/boleto",
    query: &[],
    role: Some(Role::Operator),
    repeat: Repeat::No,
    name: "renewBoleto",
    summary: "The second copy with another due date, where the creditor allows it. Sienge voids the old boleto; until it has registered the new one, \
              the call answers 409 and may be repeated.",
    request: Some(SchemaGenerator::subschema_for::<RenewRequest>),
    response: SchemaGenerator::subschema_for::<SecondCopy>,
    sienge_calls: |_| 5,
    emails: 0,
    audit: Some(audit::bill),
    handle: |adapters, call| Box::pin(renew(adapters, call)),
};

pub(crate) const EMAIL: Route = Route {
    method: "POST",
    path: "/v1/contracts/{bill}/installments/{installment}/boleto/email",
    query: &[],
    role: Some(Role::Operator),
    repeat: Repeat::Once,
    name: "emailBoleto",
    summary: "Has Sienge send the boleto by e-mail to the customer's own address; another one needs the right boleto:send-anywhere. With an Idempotency-Key it is never sent twice: where it is not known whether it went out, the \
              answer is 502 and stays so.",
    request: Some(SchemaGenerator::subschema_for::<EmailRequest>),
    response: SchemaGenerator::subschema_for::<EmailAnswer>,
    sienge_calls: |_| 2,
    emails: 1,
    audit: Some(audit::bill),
    handle: |adapters, call| Box::pin(send(adapters, call)),
};

/// The requested due date.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RenewRequest {
    /// A business day, today or later.
    #[serde(deserialize_with = "calendar::read_date")]
    new_due_on: Date,
}

/// Where to send the boleto. Nothing of it is stored or logged.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailRequest {
    /// One address of the customer's.
    to: String,
    /// Subject, without links; a default when absent.
    #[serde(default)]
    title: Option<String>,
    /// A text without links, which follows ours.
    #[serde(default)]
    body: Option<String>,
}

/// What was done.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EmailAnswer {
    /// Always true: Sienge accepted the e-mail.
    sent: bool,
}

async fn read(adapters: &Adapters, call: &Call) -> Result<HttpAnswer, Problem> {
    copy(adapters, call, None).await
}

async fn renew(adapters: &Adapters, call: &Call) -> Result<HttpAnswer, Problem> {
    let asked: RenewRequest = call.json()?;
    copy(adapters, call, Some(asked.new_due_on)).await
}

async fn copy(
    adapters: &Adapters,
    call: &Call,
    new_due_on: Option<Date>,
) -> Result<HttpAnswer, Problem> {
    let (bill, installment) = of(call)?;
    let session = call.session(adapters).await?;
    let copy = second_copy(&session, bill, installment, new_due_on).await;
    session.close().await;
    HttpAnswer::ok(&copy?)
}

async fn send(adapters: &Adapters, call: &Call) -> Result<HttpAnswer, Problem> {
    let asked: EmailRequest = call.json()?;
    let (bill, installment) = of(call)?;
    let mail = BoletoEmail {
        to: asked.to,
        anywhere: call.caller.may(Right::SendAnywhere),
        title: asked.title,
        body: asked.body,
    };
    let session = call.session(adapters).await?;
    let sent = email(&session, bill, installment, &mail).await;
    session.close().await;
    sent?;
    HttpAnswer::ok(&EmailAnswer { sent: true })
}

fn of(call: &Call) -> Result<(BillId, InstallmentId), Problem> {
    Ok((
        BillId(call.id("bill")?),
        InstallmentId(call.id("installment")?),
    ))
}
