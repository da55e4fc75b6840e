//! `GET` and `PUT /v1/creditors/{id}/campaigns`: the whole list, under an optimistic version.

use std::collections::BTreeMap;

use ponte::calculation::{Campaign, Error};
use ponte::flow::Adapters;
use ponte::ids::CreditorId;
use ponte::store::{Role, StoreError};
use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::{Call, FieldError, HttpAnswer, Problem, Repeat, Route, audit};

/// Most campaigns of one creditor.
const MAX_CAMPAIGNS: usize = 100;

pub(crate) const READ: Route = Route {
    method: "GET",
    path: "/v1/creditors/{id}/campaigns",
    query: &[],
    role: Some(Role::Reader),
    repeat: Repeat::No,
    name: "readCampaigns",
    summary: "The calculation campaigns of a creditor, with their version.",
    request: None,
    response: SchemaGenerator::subschema_for::<CampaignsAnswer>,
    sienge_calls: |_| 0,
    emails: 0,
    audit: None,
    handle: |adapters, call| Box::pin(read(adapters, call)),
};

pub(crate) const REPLACE: Route = Route {
    method: "PUT",
    path: "/v1/creditors/{id}/campaigns",
    query: &[],
    role: Some(Role::Administrator),
    repeat: Repeat::Again,
    name: "replaceCampaigns",
    summary: "Replaces all campaigns of a creditor; refused when somebody saved since the version given was read.",
    request: Some(SchemaGenerator::subschema_for::<CampaignsRequest>),
    response: SchemaGenerator::subschema_for::<CampaignsAnswer>,
    sienge_calls: |_| 0,
    emails: 0,
    audit: Some(audit::creditor),
    handle: |adapters, call| Box::pin(replace(adapters, call)),
};

/// All campaigns of a creditor.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CampaignsAnswer {
    /// The creditor.
    creditor: CreditorId,
    /// Send it back when saving; 0 before the first save.
    version: u64,
    /// The campaigns.
    campaigns: Vec<Campaign>,
}

/// The list to be saved.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CampaignsRequest {
    /// The version that was changed: the one from `GET`, 0 for the first save.
    version: u64,
    /// All campaigns; those missing from the list are deleted.
    campaigns: Vec<Campaign>,
}

async fn read(adapters: &Adapters, call: &Call) -> Result<HttpAnswer, Problem> {
    let creditor = known_creditor(adapters, call).await?;
    let list = adapters.store.campaigns(call.tenant()?, creditor).await?;
    HttpAnswer::ok(&CampaignsAnswer {
        creditor,
        version: list.version,
        campaigns: list.campaigns,
    })
}

async fn replace(adapters: &Adapters, call: &Call) -> Result<HttpAnswer, Problem> {
    let asked: CampaignsRequest = call.json()?;
    let creditor = known_creditor(adapters, call).await?;
    let faults = faults(creditor, &asked.campaigns);
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let tenant = call.tenant()?;
    let saved = adapters
        .store
        .put_campaigns(tenant, creditor, asked.version, &asked.campaigns)
        .await;
    let version = saved.map_err(|error| match error {
        StoreError::Conflict => Problem::conflict(format!(
            "As campanhas mudaram desde a versão {}; leia-as de novo e repita a alteração sobre a versão atual.",
            asked.version
        )),
        StoreError::TooLarge { .. } => Problem::too_large("As campanhas juntas são grandes demais; reduza as faixas.".to_owned()),
        other => other.into(),
    })?;
    tracing::info!(%tenant, %creditor, version, campaigns = asked.campaigns.len(), "campaigns saved");
    HttpAnswer::ok(&CampaignsAnswer {
        creditor,
        version,
        campaigns: asked.campaigns,
    })
}

async fn known_creditor(adapters: &Adapters, call: &Call) -> Result<CreditorId, Problem> {
    let creditor = CreditorId(call.id("id")?);
    match adapters.store.creditor(call.tenant()?, creditor).await? {
        Some(_) => Ok(creditor),
        None => Err(Problem::not_found(format!(
            "Credor {creditor} não cadastrado nesta assessoria; cadastre a empresa do Sienge como credor."
        ))),
    }
}

/// All faults of all campaigns, each at its path.
fn faults(creditor: CreditorId, campaigns: &[Campaign]) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let mut report = |path: String, detail: String| faults.push(FieldError { path, detail });
    if campaigns.len() > MAX_CAMPAIGNS {
        report(
            "campaigns".to_owned(),
            format!(
                "{} campanhas; informe no máximo {MAX_CAMPAIGNS}",
                campaigns.len()
            ),
        );
        return faults;
    }
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, campaign) in campaigns.iter().enumerate() {
        let path = format!("campaigns[{index}]");
        if campaign.creditor != creditor {
            let detail = format!(
                "a campanha é do credor {} e o endereço é do credor {creditor}; informe {creditor}",
                campaign.creditor
            );
            report(format!("{path}.creditor"), detail);
        }
        if let Some(first) = seen.insert(&campaign.id, index) {
            report(
                format!("{path}.id"),
                format!(
                    "\"{}\" já é o id de campaigns[{first}]; informe outro",
                    campaign.id
                ),
            );
        }
        match campaign.check() {
            Ok(()) => {}
            Err(Error::Campaign { faults, .. }) => faults
                .into_iter()
                .for_each(|fault| report(path.clone(), fault)),
            Err(error) => report(path, error.to_string()),
        }
    }
    faults
}
