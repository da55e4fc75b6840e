//! The commands of operators, schedules and the bus.
//!
//! Guarantees: every given field takes effect, or the event is refused with a text that names the field and shows a valid event.

mod fields;
mod form;
#[cfg(test)]
mod tests;

use serde_json::Value;

use super::{Refusal, Task, TaskName};
use crate::calendar::Date;
use crate::ids::{CustomerId, TenantId};
use fields::EventFields;
use form::CommandKind;

pub(super) use form::{ERASE, REPROCESS};
pub use form::{Function, is_of_the_bus};

/// The command in an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A run of the function's own task: a load, a reconciliation or its confirmation, the redundancy.
    Run(Task),
    /// The sweep of what is stuck.
    Sweep,
    /// Move the dead letters back to the inbox.
    Redrive,
    /// Process a stored webhook again.
    Reprocess {
        /// Whose.
        tenant: TenantId,
        /// Its `x-sienge-id`, or the id it is stored under.
        webhook: String,
        /// Report and write nothing.
        dry_run: bool,
    },
    /// Erase a customer's personal data (LGPD).
    EraseCustomer {
        /// Whose.
        tenant: TenantId,
        /// Its id in Sienge.
        customer: CustomerId,
        /// Report and write nothing.
        dry_run: bool,
    },
    /// A call of the API.
    Call(ApiCall),
}

/// `{"tenant": "617", "call": "POST /v1/quotes", "body": {…}}`; a query follows the path, as in `GET /v1/agreements?bill=10001`, and
/// `"idempotencyKey"` replaces the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiCall {
    /// The tenant it acts for.
    pub tenant: TenantId,
    /// HTTP method, in capitals.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The query.
    pub query: Vec<(String, String)>,
    /// The body's JSON; empty when there is none.
    pub body: Vec<u8>,
    /// The idempotency key.
    pub idempotency_key: Option<String>,
}

/// The earliest day that a run may read from: Sienge holds nothing older, so an earlier one is a typing error.
const FIRST_DAY: Date = Date::constant(1990, 1, 1);

impl Command {
    /// Reads the event of a function, bare or in an EventBridge envelope.
    pub fn read(function: Function, event: Value, today: Date) -> Result<Self, Refusal> {
        let fields = form::bare(event).map_err(|why| function.refuse(why))?;
        let form = form::form(function, &fields).map_err(|why| function.refuse(why))?;
        let fields = EventFields {
            fields: &fields,
            form,
        };
        fields.check()?;
        match form.kind {
            CommandKind::Run => run(&fields, function, today).map(Self::Run),
            CommandKind::Sweep => Ok(Self::Sweep),
            CommandKind::Redrive => fields.is_set("redrive").map(|_| Self::Redrive),
            CommandKind::Reprocess => Ok(Self::Reprocess {
                tenant: fields.required("tenant")?,
                webhook: fields.required("webhook")?,
                dry_run: fields.is_set("dryRun")?,
            }),
            CommandKind::EraseCustomer => Ok(Self::EraseCustomer {
                tenant: fields.required("tenant")?,
                customer: fields.required("eraseCustomer")?,
                dry_run: fields.is_set("dryRun")?,
            }),
            CommandKind::Call => call(&fields).map(Self::Call),
        }
    }

    /// The refusal of a command that this function does not carry out.
    #[must_use]
    pub fn not_of(function: Function) -> Refusal {
        function.refuse(format!(
            "este comando não é da função {}",
            function.as_str()
        ))
    }
}

fn run(fields: &EventFields<'_>, function: Function, today: Date) -> Result<Task, Refusal> {
    let refuse = |why: String| Err(fields.form.refuse(why));
    let task = Task {
        task: fields.read("task")?,
        tenant: fields.read("tenant")?,
        creditor: fields.read("creditor")?,
        from: fields.read("from")?,
        dry_run: fields.is_set("dryRun")?,
        confirm: fields.name("confirm")?,
        run: fields.name("run")?,
        redundancy: fields.is_set("redundancy")?,
    };
    let is_of_another = |task: TaskName| Function::from(task) != function;
    if task.task.is_some_and(is_of_another) {
        return refuse(format!(
            "\"task\" é de outra função; esta é a {}",
            function.as_str()
        ));
    }
    if task.creditor.is_some() && task.tenant.is_none() {
        return refuse("\"creditor\" precisa de \"tenant\"".to_owned());
    }
    if let Some(from) = task.from.filter(|from| !(FIRST_DAY..=today).contains(from)) {
        return refuse(format!(
            "\"from\" é {from}, que não é um dia de {FIRST_DAY} até hoje, {today}"
        ));
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
    let wants = |why: &str| refuse(format!("{} {why}", form::quoted(&of_a_run)));
    match of_a_run.as_slice() {
        [] => Ok(task),
        [_, _] => wants("não vão juntos: envie um dos dois"),
        _ if task.creditor.is_none() => wants("precisa de \"tenant\" e \"creditor\""),
        // A continued run has its own first day, and a dry run leaves nothing to continue.
        _ if task.from.is_some() => wants("não vai com \"from\": a execução já tem o seu"),
        _ if task.dry_run => {
            wants("não vai com \"dryRun\": uma simulação não continua nem confirma uma execução")
        }
        _ => Ok(task),
    }
}

fn call(fields: &EventFields<'_>) -> Result<ApiCall, Refusal> {
    let tenant = fields.required("tenant")?;
    let call: String = fields.required("call")?;
    let (method, path) = call
        .trim()
        .split_once(' ')
        .ok_or_else(|| fields.wrong("call", "é método e caminho"))?;
    let (path, query) = path.trim().split_once('?').unwrap_or((path.trim(), ""));
    // Numbers and words only: nothing needs escaping.
    let query = query.split('&').filter(|pair| !pair.is_empty());
    let query = query.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let body = fields.fields.get("body").filter(|body| !body.is_null());
    Ok(ApiCall {
        tenant,
        method: method.to_uppercase(),
        path: path.to_owned(),
        query: query
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        body: body.map_or_else(Vec::new, |body| body.to_string().into_bytes()),
        idempotency_key: fields.name("idempotencyKey")?,
    })
}
