//! `GET /v1/agreements` and `GET /v1/agreements/{agreement}`.

use ponte::agreement::StateName;
use ponte::flow::Adapters;
use ponte::ids::{BillId, CreditorId, CustomerId};
use ponte::store::{AuditObject, Role};
use schemars::SchemaGenerator;

use super::answer::AgreementList;
use super::{AgreementAnswer, about, id};
use crate::route::Parameter;
use crate::{Call, HttpAnswer, Problem, Repeat, Route};

/// As in [`StateName`].
const STATES: &[&str] = &[
    "proposed",
    "awaitingErp",
    "active",
    "settled",
    "broken",
    "cancelled",
    "expired",
];

pub(crate) const LIST: Route = Route {
    method: "GET",
    path: "/v1/agreements",
    query: &[
        Parameter::number("bill", "The agreements of a bill."),
        Parameter::number("customer", "The agreements of a customer."),
        Parameter::number("creditor", "The agreements of a creditor."),
        Parameter::word("state", "Of a creditor: those in this state.", STATES),
        Parameter::LIMIT,
    ],
    role: Some(Role::Reader),
    repeat: Repeat::No,
    name: "listAgreements",
    summary: "The agreements of a bill, of a customer or of a creditor, newest first.",
    request: None,
    response: SchemaGenerator::subschema_for::<AgreementList>,
    sienge_calls: |_| 0,
    emails: 0,
    audit: Some(listed),
    handle: |adapters, call| Box::pin(list(adapters, call)),
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
    sienge_calls: |_| 0,
    emails: 0,
    audit: Some(about),
    handle: |adapters, call| Box::pin(read(adapters, call)),
};

/// Whose agreements are listed.
fn listed(call: &Call) -> Vec<AuditObject> {
    ["bill", "customer", "creditor"]
        .into_iter()
        .filter_map(|kind| Some(AuditObject::new(kind, call.number(kind)?)))
        .collect()
}

async fn list(adapters: &Adapters, call: &Call) -> Result<HttpAnswer, Problem> {
    let (store, tenant) = (&adapters.store, call.tenant()?);
    let limit = call.limit()?;
    let state = call.word("state").and_then(|text| {
        StateName::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
    });
    let by = (
        call.number("bill"),
        call.number("customer"),
        call.number("creditor"),
    );
    let found = match (by, state) {
        ((Some(bill), None, None), None) => {
            store
                .agreements_of_bill(tenant, BillId(bill), limit)
                .await?
        }
        ((None, Some(customer), None), None) => {
            store
                .agreements_of_customer(tenant, CustomerId(customer), limit)
                .await?
        }
        ((None, None, Some(creditor)), state) => {
            store
                .agreements_of_creditor(tenant, CreditorId(creditor), state, limit)
                .await?
        }
        _ => {
            return Err(Problem::field(
                "",
                "informe no endereço bill, customer, ou creditor (e com ele state), um só deles: /v1/agreements?bill=10001",
            ));
        }
    };
    let agreements = found
        .into_iter()
        .map(|agreement| AgreementAnswer::of(agreement, &call.caller))
        .collect();
    HttpAnswer::ok(&AgreementList { agreements })
}

async fn read(adapters: &Adapters, call: &Call) -> Result<HttpAnswer, Problem> {
    let id = id(call)?;
    let found = adapters.store.agreement(call.tenant()?, &id).await?;
    let found = found.ok_or_else(|| Problem::not_found(format!("Acordo {id} não encontrado.")))?;
    HttpAnswer::ok(&AgreementAnswer::of(found, &call.caller))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_can_be_asked_for() {
        assert_eq!(StateName::ALL.map(StateName::as_str), STATES);
    }
}
