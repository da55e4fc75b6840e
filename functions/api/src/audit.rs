//! `GET /v1/audit`: who did what; and what a call is written down as having been about.

use ponte::flow::Adapters;
use ponte::store::{AuditLine, AuditObject, AuditSearch, Role};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;

use crate::route::Parameter;
use crate::{Call, HttpAnswer, Problem, Repeat, Route};

pub(crate) const READ: Route = Route {
    method: "GET",
    path: "/v1/audit",
    query: &[
        Parameter::day("from", "From this business day on."),
        Parameter::day("until", "Up to and with this business day."),
        Parameter::text(
            "actor",
            "What this caller did: `key:` and a key's id, `person:` and a token's subject, or `console`.",
        ),
        Parameter::text(
            "object",
            "What was done to this object, such as `bill:295`; not together with `actor`.",
        ),
        Parameter::text("first", "The `next` of the page before."),
        Parameter::LIMIT,
    ],
    role: Some(Role::Administrator),
    repeat: Repeat::No,
    name: "readAudit",
    summary: "Every write and every read of personal data, newest first: when, who, what, on which object, from where, and how it ended.",
    request: None,
    response: SchemaGenerator::subschema_for::<AuditAnswer>,
    sienge_calls: |_| 0,
    emails: 0,
    audit: None,
    handle: |adapters, call| Box::pin(read(adapters, call)),
};

/// A page of the audit.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AuditAnswer {
    /// Newest first.
    lines: Vec<AuditLine>,
    /// Send it as `first` for the next page; none on the last one.
    next: Option<String>,
}

/// The bill in the path, and its installment.
pub(crate) fn bill(call: &Call) -> Vec<AuditObject> {
    let bill = of_path(call, "bill");
    let bill = bill.map(|bill| match call.id("installment") {
        Ok(id) => bill.part("installment", id),
        Err(_) => bill,
    });
    bill.into_iter().collect()
}

/// The creditor in the path.
pub(crate) fn creditor(call: &Call) -> Vec<AuditObject> {
    let creditor = call.id("id").ok();
    creditor
        .map(|id| AuditObject::new("creditor", id))
        .into_iter()
        .collect()
}

/// A number of the path, by its name; none where it is unreadable and the call will be refused.
fn of_path(call: &Call, name: &'static str) -> Option<AuditObject> {
    Some(AuditObject::new(name, call.id(name).ok()?))
}

async fn read(adapters: &Adapters, call: &Call) -> Result<HttpAnswer, Problem> {
    let limit = call.limit()?;
    let search = match (call.word("actor"), call.word("object")) {
        (None, None) => AuditSearch::All,
        (Some(actor), None) => AuditSearch::Actor(actor),
        (None, Some(object)) => AuditSearch::Object(object),
        (Some(_), Some(_)) => {
            return Err(Problem::field(
                "",
                "informe no endereço actor ou object, um só deles: /v1/audit?object=bill:10001",
            ));
        }
    };
    let days = (call.day("from"), call.day("until"));
    let page = adapters
        .store
        .audit_page(call.tenant()?, search, days, call.word("first"), limit)
        .await?;
    HttpAnswer::ok(&AuditAnswer {
        lines: page.lines,
        next: page.next,
    })
}
