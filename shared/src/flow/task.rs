//! A task as it is asked for: from the console, by a schedule, or through the bus.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws::BusEvent;
use crate::calendar::Date;
use crate::portfolio::{CreditorId, CustomerId, TenantId};

/// Detail type of a task asked for through the bus.
pub const TASK_REQUESTED: &str = "task.requested";

/// What a function is asked to do. Every field is optional: `{}` means every active tenant and creditor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Task {
    /// Which task; set on the bus, where rules route by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskName>,
    /// Only this tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// Only this creditor (a company's id in Sienge); needs `tenant`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creditor: Option<CreditorId>,
    /// Import and redundancy: look at what changed since this day instead of since the last success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    /// Report and write nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Reconciliation: the run whose removals are confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
    /// The run to continue; set by Ponte itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Payments: the daily redundancy instead of the sweep.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redundancy: bool,
    /// Payments: move the dead letters back to the inbox instead of the sweep.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redrive: bool,
    /// Payments: process this stored webhook (its `x-sienge-id`) again instead of the sweep; needs `tenant`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<String>,
    /// Payments: erase what is held of this customer (LGPD) instead of the sweep; needs `tenant`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erase_customer: Option<CustomerId>,
}

/// The tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskName {
    /// The daily load ("carga diária").
    Import,
    /// The reconciliation ("batimento").
    Reconcile,
    /// The payments run.
    Payments,
}

impl TaskName {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Import, Self::Reconcile, Self::Payments];

    /// The name in keys, on the bus and in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Reconcile => "reconcile",
            Self::Payments => "payments",
        }
    }
}

/// The event is not a task; the Portuguese text says what to send.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("evento inválido: {0}. Exemplo: {{\"tenant\": \"617\", \"creditor\": 1, \"dryRun\": true}}")]
pub struct InvalidTask(String);

impl Task {
    /// Reads a task from a bare event or from an EventBridge envelope.
    pub fn read(event: Value) -> Result<Self, InvalidTask> {
        let bare = match event {
            Value::Object(mut envelope) if envelope.contains_key("detail-type") => envelope.remove("detail").unwrap_or(Value::Null),
            Value::Null => json!({}),
            other => other,
        };
        if !bare.is_object() {
            return Err(InvalidTask("o evento deve ser um objeto JSON".to_owned()));
        }
        let task: Self = serde_json::from_value(bare.clone()).map_err(|_| InvalidTask(what_is_wrong(&bare)))?;
        if task.creditor.is_some() && task.tenant.is_none() {
            return Err(InvalidTask("\"creditor\" precisa de \"tenant\"".to_owned()));
        }
        if task.confirm.is_some() && task.creditor.is_none() {
            return Err(InvalidTask("\"confirm\" precisa de \"tenant\" e \"creditor\"".to_owned()));
        }
        if (task.webhook.is_some() || task.erase_customer.is_some()) && task.tenant.is_none() {
            return Err(InvalidTask("\"webhook\" e \"eraseCustomer\" precisam de \"tenant\"".to_owned()));
        }
        Ok(task)
    }

    /// What asks for the rest of a run.
    #[must_use]
    pub fn continuation(task: TaskName, tenant: &TenantId, creditor: CreditorId, run: String) -> Self {
        Self {
            task: Some(task),
            tenant: Some(tenant.clone()),
            creditor: Some(creditor),
            run: Some(run),
            redundancy: task == TaskName::Payments,
            ..Self::default()
        }
    }

    /// The bus event that asks for this task.
    #[must_use]
    pub fn request(&self) -> BusEvent {
        BusEvent {
            detail_type: TASK_REQUESTED,
            detail: serde_json::to_value(self).unwrap_or_default(),
        }
    }
}

/// Every field with a correct value.
const FIELDS: [(&str, &str); 11] = [
    ("tenant", "\"617\""),
    ("creditor", "1"),
    ("from", "\"2026-11-01\""),
    ("dryRun", "true"),
    ("redundancy", "true"),
    ("confirm", "\"20261120T150000Z-abc\""),
    ("redrive", "true"),
    ("webhook", "\"0b0c6c1e-2f57-4c1a-9f0e-000000000001\""),
    ("eraseCustomer", "300001"),
    ("task", "\"import\""),
    ("run", "\"20261120T150000Z-abc\""),
];

/// Names the first field that is unknown or has a wrong value, and a correct value.
fn what_is_wrong(event: &Value) -> String {
    let fields = event.as_object().into_iter().flatten();
    for (name, value) in fields {
        let Some((_, example)) = FIELDS.iter().find(|(known, _)| known == name) else {
            let known: Vec<&str> = FIELDS[..9].iter().map(|(known, _)| *known).collect();
            return format!("campo desconhecido \"{name}\"; os campos são {}", known.join(", "));
        };
        if serde_json::from_value::<Task>(json!({ name: value })).is_err() {
            return format!("\"{name}\" tem um valor que não serve; por exemplo \"{name}\": {example}");
        }
    }
    "um campo tem um valor que não serve".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bare_event_and_the_envelope_mean_the_same() {
        let bare = json!({"tenant": "617", "creditor": 1, "from": "2026-11-01", "dryRun": true});
        let envelope = json!({"version": "0", "source": "ponte", "detail-type": "task.requested", "detail": bare});
        assert_eq!(Task::read(bare).unwrap(), Task::read(envelope).unwrap());
        assert_eq!(Task::read(json!({})).unwrap(), Task::default());
    }

    #[test]
    fn a_wrong_event_says_what_to_send() {
        for event in [
            json!({"credor": 1}),
            json!({"creditor": 1}),
            json!({"tenant": "a b"}),
            json!({"confirm": "x", "tenant": "t"}),
            json!({"webhook": "x"}),
            json!({"eraseCustomer": 1}),
            json!([]),
        ] {
            let text = Task::read(event).unwrap_err().to_string();
            assert!(text.contains("Exemplo"), "{text}");
        }
    }

    #[test]
    fn a_wrong_field_is_named_with_a_correct_value() {
        let why = |event| Task::read(event).unwrap_err().to_string();
        assert!(why(json!({"credor": 1})).contains("campo desconhecido \"credor\"; os campos são tenant, creditor, from"));
        for (event, shown) in [
            (json!({"tenant": "617", "from": "22/11/2026"}), "\"from\": \"2026-11-01\""),
            (json!({"tenant": 617}), "\"tenant\": \"617\""),
            (json!({"tenant": "617", "creditor": "um"}), "\"creditor\": 1"),
            (json!({"dryRun": "sim"}), "\"dryRun\": true"),
        ] {
            let why = why(event);
            assert!(why.contains(shown), "{why}");
        }
    }

    #[test]
    fn every_field_has_an_example_that_is_right() {
        for (name, example) in FIELDS {
            let value: Value = serde_json::from_str(example).unwrap();
            assert!(serde_json::from_value::<Task>(json!({ name: value })).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_request_reads_back_as_the_same_task() {
        let task = Task {
            task: Some(TaskName::Import),
            tenant: TenantId::parse("617").ok(),
            creditor: Some(CreditorId(1)),
            ..Task::default()
        };
        assert_eq!(Task::read(task.request().detail).unwrap(), task);
    }
}
