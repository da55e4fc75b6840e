//! What a function is asked for: from the console, by a schedule, or through the bus.
//!
//! Guarantees: a field that is given counts, or the event is refused with a text that names the field and shows a right event.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::aws::BusEvent;
use crate::calendar::Date;
use crate::ids::{CreditorId, CustomerId, TenantId};

/// Detail type of a task asked for through the bus.
pub const TASK_REQUESTED: &str = "task.requested";

/// A run that a function is asked for. Every field is optional: without any it is of every active tenant and creditor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Which task; set on the bus, where rules route by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskName>,
    /// Only this tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// Only this creditor (a company's id in Sienge); needs `tenant`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creditor: Option<CreditorId>,
    /// Import and redundancy: look at what changed since this day instead of since the last success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    /// Report and write nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Reconciliation: the run whose removals are confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
    /// The run to continue; set by Ponte itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Payments: the daily redundancy instead of the sweep.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub redundancy: bool,
}

/// What an event asks a function for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A run: a load, a reconciliation, the redundancy.
    Run(Task),
    /// The sweep of what is stuck.
    Sweep,
    /// The dead letters go back to the inbox.
    Redrive,
    /// A stored webhook is processed again.
    Reprocess {
        /// Whose.
        tenant: TenantId,
        /// Its `x-sienge-id`, or the id it is kept by.
        webhook: String,
        /// Report and write nothing.
        dry_run: bool,
    },
    /// What is held of a customer is erased (LGPD).
    EraseCustomer {
        /// Whose.
        tenant: TenantId,
        /// Its id in Sienge.
        customer: CustomerId,
        /// Report and write nothing.
        dry_run: bool,
    },
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

impl Task {
    /// What asks for the rest of a run.
    #[must_use]
    pub fn continuation(
        task: TaskName,
        tenant: &TenantId,
        creditor: CreditorId,
        run: String,
    ) -> Self {
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

/// The event is no command of the function; the Portuguese text says what to send.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("evento inválido: {why}. Exemplo: {example}")]
pub struct InvalidCommand {
    why: String,
    example: &'static str,
}

/// A command's fields and an event of it that is right.
struct Form {
    fields: &'static [&'static str],
    example: &'static str,
}

const IMPORT: Form = Form {
    fields: &["tenant", "creditor", "from", "dryRun", "run", "task"],
    example: r#"{"tenant": "617", "creditor": 1, "from": "2026-11-01", "dryRun": true}"#,
};
const RECONCILE: Form = Form {
    fields: &["tenant", "creditor", "dryRun", "confirm", "run", "task"],
    example: r#"{"tenant": "617", "creditor": 1, "dryRun": true}"#,
};
const REDUNDANCY: Form = Form {
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
    fields: &[],
    example: r#"{}, para a varredura, que não tem campos; {"tenant": "617", "redundancy": true}, para a redundância"#,
};
const REDRIVE: Form = Form {
    fields: &["redrive"],
    example: r#"{"redrive": true}"#,
};
const REPROCESS: Form = Form {
    fields: &["webhook", "tenant", "dryRun"],
    example: r#"{"tenant": "617", "webhook": "0b0c6c1e-2f57-4c1a-9f0e-000000000001", "dryRun": true}"#,
};
const ERASE: Form = Form {
    fields: &["eraseCustomer", "tenant", "dryRun"],
    example: r#"{"tenant": "617", "eraseCustomer": 300001, "dryRun": true}"#,
};

impl Form {
    fn refuse(&self, why: impl Into<String>) -> InvalidCommand {
        InvalidCommand {
            why: why.into(),
            example: self.example,
        }
    }
}

/// Every field of every command with a correct value.
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

/// Those that are either wanted or not.
const FLAGS: [&str; 3] = ["dryRun", "redundancy", "redrive"];

/// What EventBridge puts around a detail.
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

/// The first day that a run may look back to: Sienge holds nothing older, so an older one is a slip of the pen.
const FIRST_DAY: Date = Date::constant(1990, 1, 1);

impl Command {
    /// Reads the event of a function, bare or in an envelope of EventBridge's.
    pub fn read(function: TaskName, event: Value, today: Date) -> Result<Self, InvalidCommand> {
        let general = match function {
            TaskName::Import => IMPORT,
            TaskName::Reconcile => RECONCILE,
            TaskName::Payments => REDUNDANCY,
        };
        let fields = bare(event).map_err(|why| general.refuse(why))?;
        let form = form(function, &fields).map_err(|why| general.refuse(why))?;
        let fields = Fields {
            fields: &fields,
            form: &form,
        };
        fields.check()?;
        match form.fields.first().copied() {
            None => Ok(Self::Sweep),
            Some("redrive") => fields.is_set("redrive").map(|_| Self::Redrive),
            Some("webhook") => Ok(Self::Reprocess {
                tenant: fields.required("tenant")?,
                webhook: fields.required("webhook")?,
                dry_run: fields.is_set("dryRun")?,
            }),
            Some("eraseCustomer") => Ok(Self::EraseCustomer {
                tenant: fields.required("tenant")?,
                customer: fields.required("eraseCustomer")?,
                dry_run: fields.is_set("dryRun")?,
            }),
            Some(_) => fields.run(function, today).map(Self::Run),
        }
    }
}

/// The command's own fields.
fn bare(event: Value) -> Result<Map<String, Value>, String> {
    let not_an_object = || "o evento deve ser um objeto JSON".to_owned();
    let mut event = match event {
        Value::Object(event) => event,
        Value::Null => Map::new(),
        _ => return Err(not_an_object()),
    };
    if !event.contains_key("detail-type") {
        return Ok(event);
    }
    if let Some(name) = event.keys().find(|name| !ENVELOPE.contains(&name.as_str())) {
        return Err(format!(
            "\"{name}\" está fora de \"detail\"; os campos do comando ficam dentro dele"
        ));
    }
    match event.remove("detail") {
        Some(Value::Object(detail)) => Ok(detail),
        _ => Err("\"detail\" deve ser um objeto JSON".to_owned()),
    }
}

/// Which command the fields make.
fn form(function: TaskName, fields: &Map<String, Value>) -> Result<Form, String> {
    // `false` of a flag asks for nothing.
    let asked = |name: &str| {
        fields
            .get(name)
            .is_some_and(|value| !is_refused(name, value))
    };
    let commands = ["redundancy", "redrive", "webhook", "eraseCustomer"];
    let named: Vec<&str> = commands.into_iter().filter(|name| asked(name)).collect();
    match (function, named.as_slice()) {
        (TaskName::Import, []) => Ok(IMPORT),
        (TaskName::Reconcile, []) => Ok(RECONCILE),
        (TaskName::Payments, []) => Ok(SWEEP),
        (TaskName::Payments, ["redundancy"]) => Ok(REDUNDANCY),
        (TaskName::Payments, ["redrive"]) => Ok(REDRIVE),
        (TaskName::Payments, ["webhook"]) => Ok(REPROCESS),
        (TaskName::Payments, ["eraseCustomer"]) => Ok(ERASE),
        (TaskName::Payments, several) => Err(format!(
            "{} são comandos diferentes: envie um de cada vez",
            quoted(several)
        )),
        (_, some) => Err(format!(
            "{}: redundancy, redrive, webhook e eraseCustomer são da função payments",
            quoted(some)
        )),
    }
}

/// Whether the field is a flag that is said not to be wanted. Of a field that names something `false` is a wrong value.
fn is_refused(name: &str, value: &Value) -> bool {
    FLAGS.contains(&name) && *value == Value::Bool(false)
}

fn quoted(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    quoted.join(" e ")
}

/// The fields of an event, read as those of a form.
struct Fields<'a> {
    fields: &'a Map<String, Value>,
    form: &'a Form,
}

impl Fields<'_> {
    /// Every field belongs to the command; a flag that is `false` asks for no other one.
    fn check(&self) -> Result<(), InvalidCommand> {
        for (name, value) in self.fields {
            if self.form.fields.contains(&name.as_str()) {
                continue;
            }
            let is_known = FIELDS.iter().any(|(known, _)| known == name);
            if is_refused(name, value) {
                continue;
            }
            let taken = match self.form.fields {
                [] => "este comando não tem campos".to_owned(),
                fields => format!("os campos deste comando são {}", fields.join(", ")),
            };
            let what = if is_known {
                "este comando não aceita"
            } else {
                "campo desconhecido"
            };
            return Err(self.form.refuse(format!("{what} \"{name}\"; {taken}")));
        }
        Ok(())
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, InvalidCommand> {
        let Some(value) = self.fields.get(name) else {
            return Ok(None);
        };
        match serde_json::from_value(value.clone()) {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(self.wrong(name, "tem um valor que não serve")),
        }
    }

    fn wrong(&self, name: &str, why: &str) -> InvalidCommand {
        let example = FIELDS
            .iter()
            .find(|(known, _)| *known == name)
            .map_or("", |(_, example)| example);
        self.form.refuse(format!(
            "\"{name}\" {why}; por exemplo \"{name}\": {example}"
        ))
    }

    fn required<T: DeserializeOwned>(&self, name: &str) -> Result<T, InvalidCommand> {
        self.read(name)?
            .ok_or_else(|| self.form.refuse(format!("falta \"{name}\"")))
    }

    /// Texts that name something are not empty.
    fn name(&self, name: &str) -> Result<Option<String>, InvalidCommand> {
        match self.read::<String>(name)? {
            Some(text) if text.trim().is_empty() => Err(self.wrong(name, "está vazio")),
            text => Ok(text),
        }
    }

    fn is_set(&self, name: &str) -> Result<bool, InvalidCommand> {
        Ok(self.read(name)?.unwrap_or(false))
    }

    fn run(&self, function: TaskName, today: Date) -> Result<Task, InvalidCommand> {
        let task = Task {
            task: self.read("task")?,
            tenant: self.read("tenant")?,
            creditor: self.read("creditor")?,
            from: self.read("from")?,
            dry_run: self.is_set("dryRun")?,
            confirm: self.name("confirm")?,
            run: self.name("run")?,
            redundancy: self.is_set("redundancy")?,
        };
        if task.task.is_some_and(|task| task != function) {
            return Err(self.form.refuse(format!(
                "\"task\" é de outra função; esta é a {}",
                function.as_str()
            )));
        }
        if task.creditor.is_some() && task.tenant.is_none() {
            return Err(self.form.refuse("\"creditor\" precisa de \"tenant\""));
        }
        if let Some(from) = task.from.filter(|from| !(FIRST_DAY..=today).contains(from)) {
            let why =
                format!("\"from\" é {from}, que não é um dia de {FIRST_DAY} até hoje, {today}");
            return Err(self.form.refuse(why));
        }
        let of_a_run = [
            ("confirm", task.confirm.is_some()),
            ("run", task.run.is_some()),
        ];
        let of_a_run: Vec<&str> = of_a_run
            .into_iter()
            .filter(|(_, given)| *given)
            .map(|(name, _)| name)
            .collect();
        let wants = |why: String| Err(self.form.refuse(format!("{} {why}", quoted(&of_a_run))));
        match of_a_run.as_slice() {
            [] => Ok(task),
            [_, _] => wants("não vão juntos: envie um dos dois".to_owned()),
            _ if task.creditor.is_none() => {
                wants("precisa de \"tenant\" e \"creditor\"".to_owned())
            }
            // A run that goes on has its own first day, and a simulation leaves none to go on with.
            _ if task.from.is_some() => {
                wants("não vai com \"from\": a execução já tem o seu".to_owned())
            }
            _ if task.dry_run => wants(
                "não vai com \"dryRun\": uma simulação não continua nem confirma uma execução"
                    .to_owned(),
            ),
            _ => Ok(task),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;

    use super::*;

    const TODAY: Date = Date::constant(2026, 11, 30);

    fn read(function: TaskName, event: Value) -> Result<Command, String> {
        Command::read(function, event, TODAY).map_err(|error| error.to_string())
    }

    fn run(function: TaskName, event: Value) -> Task {
        match read(function, event) {
            Ok(Command::Run(task)) => task,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_bare_event_and_the_envelope_mean_the_same() {
        let bare = json!({"tenant": "617", "creditor": 1, "from": "2026-11-01", "dryRun": true});
        let envelope = json!({"version": "0", "id": "x", "source": "ponte", "detail-type": "task.requested", "account": "1", "time": "t",
            "region": "r", "resources": [], "detail": bare});
        let task = run(TaskName::Import, bare);
        assert_eq!(run(TaskName::Import, envelope), task);
        assert_eq!((task.from, task.dry_run), (Some(date(2026, 11, 1)), true));
        for nothing in [
            json!({}),
            Value::Null,
            json!({"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}),
        ] {
            assert_eq!(run(TaskName::Import, nothing.clone()), Task::default());
            assert_eq!(read(TaskName::Payments, nothing), Ok(Command::Sweep));
        }
    }

    #[test]
    fn every_command_is_what_its_field_says() {
        let tenant = TenantId::parse("617").unwrap();
        let payments = |event| read(TaskName::Payments, event).unwrap();
        assert_eq!(payments(json!({"redrive": true})), Command::Redrive);
        for dry_run in [false, true] {
            let erase = Command::EraseCustomer {
                tenant: tenant.clone(),
                customer: CustomerId(41),
                dry_run,
            };
            assert_eq!(
                payments(json!({"tenant": "617", "eraseCustomer": 41, "dryRun": dry_run})),
                erase
            );
            let again = Command::Reprocess {
                tenant: tenant.clone(),
                webhook: "a-1".to_owned(),
                dry_run,
            };
            assert_eq!(
                payments(json!({"tenant": "617", "webhook": "a-1", "dryRun": dry_run})),
                again
            );
        }
        assert!(run(TaskName::Payments, json!({"redundancy": true})).redundancy);
        // What is said not to be wanted is not.
        assert_eq!(
            payments(json!({"redundancy": false, "redrive": false, "dryRun": false})),
            Command::Sweep
        );
        assert_eq!(
            payments(json!({"redrive": true, "dryRun": false})),
            Command::Redrive
        );
    }

    #[test]
    fn every_example_is_right_and_every_field_has_one() {
        let functions = TaskName::ALL;
        for form in [IMPORT, RECONCILE, REDUNDANCY, REDRIVE, REPROCESS, ERASE] {
            let event: Value = serde_json::from_str(form.example).unwrap();
            assert!(
                functions
                    .iter()
                    .any(|function| read(*function, event.clone()).is_ok()),
                "{event}"
            );
            for field in form.fields {
                assert!(FIELDS.iter().any(|(known, _)| known == field), "{field}");
            }
        }
        for (name, example) in FIELDS {
            assert!(serde_json::from_str::<Value>(example).is_ok(), "{name}");
        }
    }

    #[test]
    #[allow(clippy::too_many_lines, reason = "a table")]
    fn no_command_ignores_a_field_it_was_given() {
        use TaskName::{Import, Payments, Reconcile};
        let one = |more: Value| {
            let mut event = json!({"tenant": "617", "creditor": 1});
            event
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            event
        };
        for (function, event, named) in [
            (Payments, json!({"dryRun": true}), "dryRun"),
            (Payments, json!({"tenant": "617"}), "tenant"),
            (Payments, json!({"from": "2026-11-01"}), "from"),
            (Payments, json!({"task": "payments"}), "task"),
            (Payments, json!({"redrive": true, "dryRun": true}), "dryRun"),
            (
                Payments,
                json!({"redrive": true, "tenant": "617"}),
                "tenant",
            ),
            (
                Payments,
                json!({"redrive": true, "redundancy": true}),
                "redundancy",
            ),
            (Payments, json!({"redrive": "sim"}), "redrive"),
            (Payments, json!({"redrive": null}), "redrive"),
            // `false` is no tenant, no creditor, no webhook: it does not ask for all of them.
            (Payments, json!({"tenant": false}), "tenant"),
            (Payments, json!({"webhook": false}), "webhook"),
            (Payments, json!({"eraseCustomer": false}), "eraseCustomer"),
            (
                Payments,
                json!({"redrive": true, "tenant": false}),
                "tenant",
            ),
            (
                Payments,
                json!({"tenant": "617", "eraseCustomer": 1, "creditor": false}),
                "creditor",
            ),
            (Reconcile, one(json!({"from": false})), "from"),
            (Import, json!({"eraseCustomer": false}), "eraseCustomer"),
            (
                Payments,
                json!({"tenant": "617", "eraseCustomer": 1, "webhook": "a"}),
                "webhook",
            ),
            (Payments, one(json!({"eraseCustomer": 1})), "creditor"),
            (
                Payments,
                json!({"tenant": "617", "eraseCustomer": 1, "from": "2026-11-01"}),
                "from",
            ),
            (
                Payments,
                json!({"tenant": "617", "eraseCustomer": "1"}),
                "eraseCustomer",
            ),
            (
                Payments,
                json!({"tenant": "617", "eraseCustomer": 4_294_967_296_i64}),
                "eraseCustomer",
            ),
            (
                Payments,
                json!({"tenant": "617", "eraseCustomer": null}),
                "eraseCustomer",
            ),
            (Payments, json!({"eraseCustomer": 1}), "tenant"),
            (
                Payments,
                json!({"tenant": "617", "webhook": "a", "confirm": "x"}),
                "confirm",
            ),
            (Payments, json!({"webhook": "a"}), "tenant"),
            (
                Payments,
                json!({"redundancy": true, "confirm": "x"}),
                "confirm",
            ),
            (Import, one(json!({"confirm": "x"})), "confirm"),
            (
                Import,
                json!({"eraseCustomer": 1, "tenant": "617"}),
                "eraseCustomer",
            ),
            (Import, json!({"redundancy": true}), "redundancy"),
            (Import, json!({"task": "reconcile"}), "task"),
            (Import, json!({"run": "x"}), "run"),
            (Import, json!({"creditor": 1}), "creditor"),
            (Import, json!({"tenant": null}), "tenant"),
            (Import, json!({"from": "2026-12-01"}), "from"),
            (Import, json!({"from": "0026-11-01"}), "from"),
            (
                Import,
                one(json!({"run": "x", "from": "2026-11-01"})),
                "from",
            ),
            (Import, one(json!({"run": "x", "dryRun": true})), "dryRun"),
            (
                Import,
                json!({"detail-type": "task.requested", "detail": {}, "dryRun": true}),
                "dryRun",
            ),
            (Import, json!({"detail-type": "task.requested"}), "detail"),
            (Reconcile, one(json!({"from": "2026-11-01"})), "from"),
            (
                Reconcile,
                json!({"tenant": "617", "confirm": "x"}),
                "confirm",
            ),
            (
                Reconcile,
                one(json!({"confirm": "x", "dryRun": true})),
                "dryRun",
            ),
            (Reconcile, one(json!({"confirm": "x", "run": "x"})), "run"),
            (Reconcile, one(json!({"confirm": " "})), "confirm"),
            (Reconcile, json!({"DryRun": true}), "DryRun"),
        ] {
            let why = read(function, event.clone()).unwrap_err();
            assert!(
                why.contains(&format!("\"{named}\"")) && why.contains("Exemplo: {"),
                "{event}: {why}"
            );
        }
    }

    #[test]
    fn a_wrong_value_is_answered_with_a_right_one() {
        let why = |event| read(TaskName::Import, event).unwrap_err();
        assert!(why(json!({"credor": 1})).contains(
            "campo desconhecido \"credor\"; os campos deste comando são tenant, creditor, from"
        ));
        for (event, shown) in [
            (
                json!({"tenant": "617", "from": "22/11/2026"}),
                "\"from\": \"2026-11-01\"",
            ),
            (json!({"tenant": 617}), "\"tenant\": \"617\""),
            (
                json!({"tenant": "617", "creditor": "um"}),
                "\"creditor\": 1",
            ),
            (json!({"tenant": "617", "creditor": -1}), "\"creditor\": 1"),
            (json!({"dryRun": "sim"}), "\"dryRun\": true"),
            (json!([]), "objeto JSON"),
        ] {
            let why = why(event);
            assert!(why.contains(shown), "{why}");
        }
    }

    #[test]
    fn a_request_reads_back_as_the_same_task() {
        let tenant = TenantId::parse("617").unwrap();
        for name in TaskName::ALL {
            let rest = Task::continuation(
                name,
                &tenant,
                CreditorId(1),
                "20261120T150000Z-abc".to_owned(),
            );
            assert_eq!(run(name, rest.request().detail), rest);
        }
        let task = Task {
            task: Some(TaskName::Import),
            tenant: Some(tenant),
            creditor: Some(CreditorId(1)),
            from: Some(date(2026, 11, 1)),
            dry_run: true,
            ..Task::default()
        };
        assert_eq!(run(TaskName::Import, task.request().detail), task);
    }
}
