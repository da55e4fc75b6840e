//! What operators' commands leave in the audit: a line before they begin, and how they ended.

use std::time::Duration;

use super::{Adapters, Command, CommandAnswer, FlowError, Function, RunStatus, Task};
use crate::calendar::Timestamp;
use crate::store::{Act, Actor, AuditObject, AuditOutcome, BegunAct, StoreError, plain_id};

/// The end of an act is no reason to keep anybody waiting.
const END_WITHIN: Duration = Duration::from_secs(2);

/// Who invoked a function, as far as Lambda tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Invoker {
    /// The invocation's request id, which AWS's own trail knows, too.
    pub request: String,
    /// Their identity.
    pub identity: Option<String>,
}

impl Invoker {
    /// Who acts, in the words of the audit.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::Console {
            identity: self.identity.clone(),
        }
    }
}

/// Writes how an act ended. If that fails, the act was done all the same, and its line says that nobody knows how it ended.
pub async fn end_act(
    adapters: &Adapters,
    begun: &BegunAct,
    outcome: AuditOutcome,
    status: Option<u16>,
) {
    let now = (adapters.clock)();
    let written = adapters.store.end_act(begun, outcome, status, now);
    let written = tokio::time::timeout(END_WITHIN, written).await;
    let error = match written {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "time-out".to_owned(),
    };
    tracing::warn!(%error, "an act's outcome is not in the audit; its line is");
}

/// Carries out a command; one that an operator gave leaves its line first.
pub(super) async fn audited(
    adapters: &Adapters,
    function: Function,
    command: Command,
    by: &Invoker,
    work: impl AsyncFnOnce(Command) -> Result<CommandAnswer, FlowError>,
) -> Result<CommandAnswer, FlowError> {
    let Some(begun) = begin(adapters, function, &command, by).await? else {
        return work(command).await;
    };
    let done = work(command).await;
    let outcome = match &done {
        Ok(answer) => outcome(answer),
        Err(FlowError::Refused(_)) => AuditOutcome::Refused,
        Err(_) => AuditOutcome::Failed,
    };
    end_act(adapters, &begun, outcome, None).await;
    done
}

async fn begin(
    adapters: &Adapters,
    function: Function,
    command: &Command,
    by: &Invoker,
) -> Result<Option<BegunAct>, StoreError> {
    match act(function, command, by, (adapters.clock)()) {
        Some(act) => adapters.store.begin_act(&act).await.map(Some),
        None => Ok(None),
    }
}

/// The act of a command; none for what the schedules send, which is nobody's. Pure.
fn act(function: Function, command: &Command, by: &Invoker, at: Timestamp) -> Option<Act> {
    let (tenant, action, objects) = match command {
        // The API's own function writes the line of its call.
        Command::Sweep | Command::Call(_) => return None,
        Command::Run(task) if is_a_schedules(task) => return None,
        Command::Run(task) => (task.tenant.as_ref(), run(function, task), of_run(task)),
        Command::Redrive => (None, "redrive".to_owned(), Vec::new()),
        Command::Reprocess {
            tenant,
            webhook,
            dry_run,
        } => (
            Some(tenant),
            named("reprocess", *dry_run),
            vec![AuditObject::new("webhook", plain_id(webhook))],
        ),
        Command::EraseCustomer {
            tenant,
            customer,
            dry_run,
        } => (
            Some(tenant),
            named("eraseCustomer", *dry_run),
            vec![AuditObject::new("customer", customer)],
        ),
    };
    Some(Act {
        tenant: tenant.cloned(),
        actor: by.actor(),
        action,
        objects,
        address: None,
        request: by.request.clone(),
        at,
    })
}

/// A run of everybody, as `template.yaml` schedules it.
fn is_a_schedules(task: &Task) -> bool {
    *task
        == Task {
            redundancy: task.redundancy,
            ..Task::default()
        }
}

fn run(function: Function, task: &Task) -> String {
    let name = match (&task.confirm, function) {
        (Some(_), _) => "confirm",
        (None, Function::Payments) => "redundancy",
        (None, function) => function.as_str(),
    };
    named(name, task.dry_run)
}

fn of_run(task: &Task) -> Vec<AuditObject> {
    let run = task.confirm.as_ref().or(task.run.as_ref());
    let creditor = task.creditor.map(|id| AuditObject::new("creditor", id));
    let object = match run {
        Some(run) => creditor.map(|creditor| creditor.part("run", plain_id(run))),
        None => creditor,
    };
    object.into_iter().collect()
}

fn named(command: &str, dry_run: bool) -> String {
    let dry = if dry_run { " dryRun" } else { "" };
    format!("{command}{dry}")
}

fn outcome(answer: &CommandAnswer) -> AuditOutcome {
    let failed = |state: RunStatus| state == RunStatus::Failed;
    match answer {
        CommandAnswer::One(summary) if failed(summary.state) => AuditOutcome::Failed,
        CommandAnswer::Each(all) if all.iter().any(|summary| failed(summary.state)) => {
            AuditOutcome::Failed
        }
        CommandAnswer::One(_) | CommandAnswer::Each(_) => AuditOutcome::Done,
        CommandAnswer::Refused(_) => AuditOutcome::Refused,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::calendar::Date;

    const TODAY: Date = Date::constant(2026, 11, 30);

    fn told(function: Function, event: &Value) -> Option<(String, String)> {
        let command = Command::read(function, event.clone(), TODAY).unwrap();
        let act = act(
            function,
            &command,
            &Invoker::default(),
            Timestamp::UNIX_EPOCH,
        )?;
        Some((act.action, format!("{:?}", act.objects)))
    }

    #[test]
    fn every_command_is_told_of_and_no_schedule_is() {
        let (import, payments) = (Function::Import, Function::Payments);
        for (function, event, action, object) in [
            (
                import,
                json!({"tenant": "617", "creditor": 1}),
                "import",
                "creditor:1",
            ),
            (import, json!({"from": "2026-11-01"}), "import", ""),
            (
                Function::Reconcile,
                json!({"tenant": "617", "creditor": 1, "confirm": "20261120T150000Z-abc"}),
                "confirm",
                "run:20261120T150000Z-abc",
            ),
            (
                Function::Reconcile,
                json!({"tenant": "617", "dryRun": true}),
                "reconcile dryRun",
                "",
            ),
            (
                payments,
                json!({"tenant": "617", "redundancy": true}),
                "redundancy",
                "",
            ),
            (payments, json!({"redrive": true}), "redrive", ""),
            (
                payments,
                json!({"tenant": "617", "eraseCustomer": 41}),
                "eraseCustomer",
                "customer:41",
            ),
            (
                payments,
                json!({"tenant": "617", "webhook": "a-1", "dryRun": true}),
                "reprocess dryRun",
                "webhook:a-1",
            ),
        ] {
            let (told, objects) = told(function, &event).unwrap();
            assert_eq!(told, action, "{event}");
            assert!(objects.contains(object), "{objects}");
        }
        for (function, event) in [
            (payments, json!({})),
            (payments, json!({"redundancy": true})),
            (import, json!({})),
            (Function::Reconcile, json!({})),
        ] {
            assert_eq!(told(function, &event), None, "{event}");
        }
    }

    #[test]
    fn what_an_operator_types_as_a_webhooks_id_is_kept_only_where_it_is_one() {
        let event = json!({"tenant": "617", "webhook": "fulana de tal, 529.982.247-25"});
        let (_, objects) = told(Function::Payments, &event).unwrap();
        assert!(
            !objects.contains("fulana") && !objects.contains("529"),
            "{objects}"
        );
    }
}
