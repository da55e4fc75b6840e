//! Unknown events: each delivery is counted by name, and each name is criticised once a day.

use std::collections::BTreeSet;
use std::time::Duration;

use ponte::calendar::{Date, Timestamp, business_date};
use ponte::ids::TenantId;
use ponte::intake::{OTHER, Receiver};
use ponte::store::{CritiqueNote, Store};
use ponte::telemetry::{self, Metric};
use tokio::sync::Mutex;

/// Names that one process distinguishes: each is a metric of its own.
const MAX_NAMES: usize = 20;
/// How many written critiques are remembered.
const MAX_REMEMBERED: usize = 1_000;
/// The answer waits no longer for the critique; the next delivery writes it.
const CRITIQUE_WITHIN: Duration = Duration::from_millis(200);

#[derive(Default)]
pub(crate) struct UnknownEvents {
    names: Mutex<BTreeSet<String>>,
    criticised: Mutex<BTreeSet<(TenantId, Date, String)>>,
}

impl UnknownEvents {
    /// Counts a delivery of the event, and criticises the first one of the day.
    pub(crate) async fn report(
        &self,
        store: &Store,
        tenant: &TenantId,
        receiver: Receiver,
        name: &str,
        at: Timestamp,
    ) {
        let name = self.bounded(name).await;
        telemetry::count_event(Metric::WebhookUnknownEvent, name, at);
        let text = text(receiver, name);
        let key = (tenant.clone(), business_date(at), text.clone());
        if self.criticised.lock().await.contains(&key) {
            return;
        }
        let note = CritiqueNote { bill: None, text };
        let written = store.record_critiques(tenant, None, std::slice::from_ref(&note), at);
        match tokio::time::timeout(CRITIQUE_WITHIN, written).await {
            Ok(Ok(_)) => {
                let mut criticised = self.criticised.lock().await;
                if criticised.len() >= MAX_REMEMBERED {
                    criticised.clear();
                }
                criticised.insert(key);
            }
            Ok(Err(error)) => {
                tracing::error!(%tenant, event = name, %error, "unknown event not criticised; the next delivery will try again");
            }
            Err(_) => {
                tracing::error!(%tenant, event = name, "unknown event not criticised in time; the next delivery will try again");
            }
        }
    }

    async fn bounded<'a>(&self, name: &'a str) -> &'a str {
        let mut names = self.names.lock().await;
        if !names.contains(name) && names.len() >= MAX_NAMES {
            return OTHER;
        }
        names.insert(name.to_owned());
        name
    }
}

fn text(receiver: Receiver, name: &str) -> String {
    match receiver {
        Receiver::Sienge => format!(
            "Evento desconhecido do Sienge: {name}. Ficou guardado e não foi aplicado; a carga diária lê o que mudou. Se for de cobrança, cadastre o webhook em um endereço com nome próprio, como SiengePagamentos, e avise o suporte"
        ),
        Receiver::Named(address, _) => format!(
            "Evento desconhecido do Sienge em {address}: {name}. Foi tratado pelo que diz o endereço; confira no Sienge os eventos deste webhook e avise o suporte"
        ),
    }
}
