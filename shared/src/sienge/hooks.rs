//! Webhook registrations. There is no update: delete and create again.

use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::call::{SiengeCall, encoded};
use super::client::Client;
use super::credentials::Secret;
use super::error::SiengeError;
use super::lenient::{text, texts};
use super::pages::{self, Rows};

/// A registration. Its token is not read: newer versions leave it out, and nobody here needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Hook {
    /// Id (a UUID).
    #[serde(deserialize_with = "text")]
    pub id: Option<String>,
    /// Where Sienge calls.
    #[serde(deserialize_with = "text")]
    pub url: Option<String>,
    /// The events it is called for.
    #[serde(deserialize_with = "texts")]
    pub events: Vec<String>,
}

#[derive(Serialize)]
struct NewHook<'a> {
    url: &'a str,
    token: &'a str,
    events: &'a [&'a str],
}

const RESOURCE: &str = "hooks";

impl Client {
    /// Every registration of the subdomain, including those of other systems.
    pub fn hooks(&self) -> Rows<Hook> {
        self.rows(SiengeCall::rest("ConsultarWebhooks", RESOURCE, RESOURCE))
    }

    /// Registers a webhook. Sienge accepts misspelt events silently: pass names from a constant. Not repeated after an unclear
    /// answer (a time-out, a 5xx): check [`Client::hooks`] for the address before trying again.
    pub async fn create_hook(
        &self,
        url: &str,
        token: &Secret,
        events: &[&str],
    ) -> Result<Hook, SiengeError> {
        let body = NewHook {
            url,
            token: token.reveal(),
            events,
        };
        let mut call = SiengeCall::rest("CriarWebhook", RESOURCE, RESOURCE);
        call.verb = Method::POST;
        call.body = Some(
            serde_json::to_vec(&body)
                .map_err(|_| SiengeError::Configuration("dados do webhook"))?,
        );
        self.fetch(&call, |json| pages::one(RESOURCE, json)).await
    }

    /// Deletes a registration; false when there was none.
    pub async fn delete_hook(&self, id: &str) -> Result<bool, SiengeError> {
        let mut call = SiengeCall::rest(
            "ExcluirWebhook",
            RESOURCE,
            format!("{RESOURCE}/{}", encoded(id)),
        );
        call.verb = Method::DELETE;
        match self.fetch(&call, |_| Ok(())).await {
            Ok(()) => Ok(true),
            Err(SiengeError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
