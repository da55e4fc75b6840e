//! The commands of each function: what names them, which fields they take, and a valid event of each.

use serde_json::{Map, Value};

use super::super::{Refusal, TaskName};
use crate::ids::TenantId;

/// A function that takes commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// `import`.
    Import,
    /// `reconcile`.
    Reconcile,
    /// `payments`.
    Payments,
    /// `api`.
    Api,
}

impl Function {
    /// The name, as the template spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Reconcile => "reconcile",
            Self::Payments => "payments",
            Self::Api => "api",
        }
    }

    /// The refusal of an event, with a valid one.
    #[must_use]
    pub fn refuse(self, why: impl AsRef<str>) -> Refusal {
        self.general().refuse(why)
    }

    /// The refusal of a run or a call whose tenant is unknown or inactive.
    #[must_use]
    pub fn unknown_tenant(self, tenant: &TenantId) -> Refusal {
        self.general().unknown_tenant(tenant)
    }

    /// The form of a run or a call: the default for an event that names no other command.
    const fn general(self) -> &'static Form {
        match self {
            Self::Import => &IMPORT,
            Self::Reconcile => &RECONCILE,
            Self::Payments => &REDUNDANCY,
            Self::Api => &CALL,
        }
    }

    /// The command of an event that names none.
    const fn unnamed(self) -> &'static Form {
        match self {
            Self::Payments => &SWEEP,
            other => other.general(),
        }
    }
}

impl From<TaskName> for Function {
    fn from(task: TaskName) -> Self {
        match task {
            TaskName::Import => Self::Import,
            TaskName::Reconcile => Self::Reconcile,
            TaskName::Payments => Self::Payments,
        }
    }
}

/// Which command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommandKind {
    Run,
    Sweep,
    Redrive,
    Reprocess,
    EraseCustomer,
    Call,
}

/// A command's fields and a valid event of it.
pub(in crate::flow) struct Form {
    pub(super) kind: CommandKind,
    pub(super) fields: &'static [&'static str],
    pub(super) example: &'static str,
}

pub(super) const IMPORT: Form = Form {
    kind: CommandKind::Run,
    fields: &["tenant", "creditor", "from", "dryRun", "run", "task"],
    example: r#"{"tenant": "617", "creditor": 1, "from": "2026-11-01", "dryRun": true}"#,
};
pub(super) const RECONCILE: Form = Form {
    kind: CommandKind::Run,
    fields: &["tenant", "creditor", "dryRun", "confirm", "run", "task"],
    example: r#"{"tenant": "617", "creditor": 1, "dryRun": true}"#,
};
pub(super) const REDUNDANCY: Form = Form {
    kind: CommandKind::Run,
    fields: &[
        "redundancy",
        "tenant",
        "creditor",
        "from",
        "dryRun",
        "run",
        "task",
    ],
    example: r#"{"tenant": "617", "creditor": 1, "redundancy": true, "from": "2026-11-01", "dryRun": true}"#,
};
const SWEEP: Form = Form {
    kind: CommandKind::Sweep,
    fields: &[],
    example: r#"{}, para a varredura, que não tem campos; {"tenant": "617", "redundancy": true}, para a redundância"#,
};
pub(super) const REDRIVE: Form = Form {
    kind: CommandKind::Redrive,
    fields: &["redrive"],
    example: r#"{"redrive": true}"#,
};
pub(in crate::flow) const REPROCESS: Form = Form {
    kind: CommandKind::Reprocess,
    fields: &["webhook", "tenant", "dryRun"],
    example: r#"{"tenant": "617", "webhook": "0b0c6c1e-2f57-4c1a-9f0e-000000000001", "dryRun": true}"#,
};
pub(in crate::flow) const ERASE: Form = Form {
    kind: CommandKind::EraseCustomer,
    fields: &["eraseCustomer", "tenant", "dryRun"],
    example: r#"{"tenant": "617", "eraseCustomer": 300001, "dryRun": true}"#,
};
pub(super) const CALL: Form = Form {
    kind: CommandKind::Call,
    fields: &["tenant", "call", "body", "idempotencyKey"],
    example: r#"{"tenant": "617", "call": "POST /v1/quotes", "body": {"bills": [{"bill": 10001}]}}"#,
};

/// The commands that a field names, with their function.
const NAMED: [(&str, Function, &Form); 5] = [
    ("redundancy", Function::Payments, &REDUNDANCY),
    ("redrive", Function::Payments, &REDRIVE),
    ("webhook", Function::Payments, &REPROCESS),
    ("eraseCustomer", Function::Payments, &ERASE),
    ("call", Function::Api, &CALL),
];

/// Every field of every command with a correct value.
pub(super) const FIELDS: [(&str, &str); 14] = [
    ("tenant", "\"617\""),
    ("creditor", "1"),
    ("from", "\"2026-11-01\""),
    ("dryRun", "true"),
    ("redundancy", "true"),
    ("confirm", "\"20261120T150000Z-abc\""),
    ("redrive", "true"),
    ("webhook", "\"0b0c6c1e-2f57-4c1a-9f0e-000000000001\""),
    ("eraseCustomer", "300001"),
    ("call", "\"GET /v1/runs?task=reconcile\""),
    ("body", "{\"bills\": [{\"bill\": 10001}]}"),
    ("idempotencyKey", "\"acordo-10001-1\""),
    ("task", "\"import\""),
    ("run", "\"20261120T150000Z-abc\""),
];

/// The flags.
const FLAGS: [&str; 3] = ["dryRun", "redundancy", "redrive"];

/// The fields of EventBridge's envelope.
const ENVELOPE: [&str; 10] = [
    "version",
    "id",
    "detail-type",
    "source",
    "account",
    "time",
    "region",
    "resources",
    "detail",
    "replay-name",
];

/// All that may be asked for through the bus, which more may write to than may invoke a function: runs, and no command of an operator's.
const OF_THE_BUS: [&str; 7] = [
    "task",
    "tenant",
    "creditor",
    "from",
    "dryRun",
    "redundancy",
    "run",
];

impl Form {
    /// The refusal of an event of this form.
    pub(super) fn refuse(&self, why: impl AsRef<str>) -> Refusal {
        let (why, example) = (why.as_ref(), self.example);
        Refusal::new(format!("evento inválido: {why}. Exemplo: {example}"))
            .with_next(serde_json::from_str(example).ok())
    }

    /// The refusal of an event of this form whose tenant is unknown or inactive.
    pub(in crate::flow) fn unknown_tenant(&self, tenant: &TenantId) -> Refusal {
        Refusal::unknown_tenant(tenant, self.example)
    }
}

/// Whether an event came through EventBridge.
pub fn is_of_the_bus(event: &Value) -> bool {
    event.get("detail-type").is_some()
}

/// The command's own fields.
pub(super) fn bare(event: Value) -> Result<Map<String, Value>, String> {
    let of_the_bus = is_of_the_bus(&event);
    let mut event = match event {
        Value::Object(event) => event,
        Value::Null => Map::new(),
        _ => return Err("o evento deve ser um objeto JSON".to_owned()),
    };
    if !of_the_bus {
        return Ok(event);
    }
    if let Some(name) = event.keys().find(|name| !ENVELOPE.contains(&name.as_str())) {
        return Err(format!(
            "\"{name}\" está fora de \"detail\"; os campos do comando ficam dentro dele"
        ));
    }
    let Some(Value::Object(detail)) = event.remove("detail") else {
        return Err("\"detail\" deve ser um objeto JSON".to_owned());
    };
    match detail
        .keys()
        .find(|name| !OF_THE_BUS.contains(&name.as_str()))
    {
        Some(name) => Err(format!(
            "pelo barramento não se pede \"{name}\", só execuções, com os campos {}; comandos são enviados direto à função",
            OF_THE_BUS.join(", ")
        )),
        None => Ok(detail),
    }
}

/// The function's command that the fields name.
pub(super) fn form(
    function: Function,
    fields: &Map<String, Value>,
) -> Result<&'static Form, String> {
    // A flag set to `false` asks for nothing.
    let asked = |name: &str| {
        fields
            .get(name)
            .is_some_and(|value| !is_refused(name, value))
    };
    let named: Vec<_> = NAMED.iter().filter(|(name, ..)| asked(name)).collect();
    match named.as_slice() {
        [] => Ok(function.unnamed()),
        [(_, of, form)] if *of == function => Ok(form),
        [(name, of, _)] => Err(format!(
            "\"{name}\" é um comando da função {}; esta é a {}",
            of.as_str(),
            function.as_str()
        )),
        several => {
            let names: Vec<&str> = several.iter().map(|(name, ..)| *name).collect();
            Err(format!(
                "{} são comandos diferentes: envie um de cada vez",
                quoted(&names)
            ))
        }
    }
}

/// Whether the field is a flag set to `false`. For a field that names something, `false` is a wrong value.
pub(super) fn is_refused(name: &str, value: &Value) -> bool {
    FLAGS.contains(&name) && *value == Value::Bool(false)
}

pub(super) fn quoted(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    quoted.join(" e ")
}
