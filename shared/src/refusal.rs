//! A refused event.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::ids::{CreditorId, TenantId};

/// Most creditors listed when an unknown one was given.
const MAX_NAMED: usize = 10;

/// An event that cannot be carried out as sent; nothing was done. It is an answer, not an error: sending the same event again
/// changes nothing. The text is Portuguese, says what to do and holds no personal data.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    text: String,
    next: Option<Value>,
}

impl Refusal {
    /// A refusal with the reason and what to do.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            next: None,
        }
    }

    /// The same with a valid event.
    #[must_use]
    pub fn with_next(self, event: Option<Value>) -> Self {
        Self {
            next: event,
            ..self
        }
    }

    /// `tenant` is unknown or inactive; `example` is an event of the refused command. Nobody knows the right tenant, so there is no
    /// next event.
    #[must_use]
    pub fn unknown_tenant(tenant: &TenantId, example: &str) -> Self {
        Self::new(format!(
            "\"tenant\": assessoria {tenant} não cadastrada ou inativa: cadastre-a com o comando de assessoria, ou envie o código de uma ativa. Exemplo: {example}"
        ))
    }

    /// `creditor` is unknown or inactive; `with_creditor` is the refused event with another one.
    #[must_use]
    pub fn unknown_creditor(
        tenant: &TenantId,
        creditor: CreditorId,
        known: impl Iterator<Item = CreditorId>,
        with_creditor: impl Fn(CreditorId) -> Value,
    ) -> Self {
        let known: Vec<CreditorId> = known.take(MAX_NAMED + 1).collect();
        let named = known.iter().take(MAX_NAMED).map(ToString::to_string);
        let named = named.collect::<Vec<String>>().join(", ");
        let instead = match known.len() {
            0 => String::new(),
            1..=MAX_NAMED => format!(", ou envie um dos credores ativos: {named}"),
            _ => format!(", ou envie um dos credores ativos: {named} e outros"),
        };
        let next = known.first().map(|first| with_creditor(*first));
        let example = next
            .as_ref()
            .map(|event| format!(". Exemplo: {event}"))
            .unwrap_or_default();
        Self::new(format!(
            "\"creditor\": credor {creditor} não cadastrado ou inativo na assessoria {tenant}: cadastre a empresa do Sienge como credor{instead}{example}"
        ))
        .with_next(next)
    }

    /// `confirm` names no run that waits.
    #[must_use]
    pub fn nothing_to_confirm(tenant: &TenantId, creditor: CreditorId, run: &str) -> Self {
        Self::new(format!(
            "\"confirm\": não há batimento aguardando confirmação com a execução {run}; se ele já foi confirmado ou deu lugar a outro, execute um novo batimento"
        ))
        .with_next(Some(json!({"tenant": tenant, "creditor": creditor})))
    }

    /// The tenant has no active creditor.
    #[must_use]
    pub fn no_creditor(tenant: &TenantId) -> Self {
        Self::new(format!(
            "\"tenant\": a assessoria {tenant} não tem credor ativo: cadastre a empresa do Sienge como credor"
        ))
    }
}

impl Serialize for Refusal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut answer = serializer.serialize_map(None)?;
        answer.serialize_entry("situacao", "recusado")?;
        answer.serialize_entry("resumo", &self.text)?;
        if let Some(next) = &self.next {
            answer.serialize_entry("proximoPasso", next)?;
        }
        answer.end()
    }
}
