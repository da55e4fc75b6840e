//! `GET /v1/runs` and `GET /v1/critiques`: the runs of the tasks, and what they found wrong.

use std::collections::BTreeMap;

use ponte::calendar::{Date, Timestamp, business_date};
use ponte::flow::Adapters;
use ponte::flow::TaskName;
use ponte::ids::CreditorId;
use ponte::store::{CRITIQUE, Role, RunRecord, RunState};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;

use crate::route::Parameter;
use crate::{Call, HttpAnswer, Problem, Repeat, Route};

/// As in [`TaskName`].
const TASKS: &[&str] = &["import", "reconcile", "payments"];

pub(crate) const RUNS: Route = Route {
    method: "GET",
    path: "/v1/runs",
    query: &[
        Parameter::word("task", "The runs of this task only.", TASKS),
        Parameter::LIMIT,
    ],
    role: Some(Role::Reader),
    repeat: Repeat::No,
    name: "listRuns",
    summary: "The task history, newest first. The text of a run in progress says how many steps are done and when it will probably end.",
    request: None,
    response: SchemaGenerator::subschema_for::<RunList>,
    sienge_calls: |_| 0,
    emails: 0,
    audit: None,
    handle: |adapters, call| Box::pin(runs(adapters, call)),
};

pub(crate) const CRITIQUES: Route = Route {
    method: "GET",
    path: "/v1/critiques",
    query: &[
        Parameter::day("day", "The business day; today when absent."),
        Parameter::LIMIT,
    ],
    role: Some(Role::Reader),
    repeat: Repeat::No,
    name: "listCritiques",
    summary: "The critiques of a day, newest first: what needs somebody's attention. The same text about the same bill appears once a day.",
    request: None,
    response: SchemaGenerator::subschema_for::<CritiqueList>,
    sienge_calls: |_| 0,
    emails: 0,
    audit: None,
    handle: |adapters, call| Box::pin(critiques(adapters, call)),
};

/// Runs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RunList {
    /// Newest first.
    runs: Vec<TaskRun>,
}

/// A run of a task.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskRun {
    /// Its id.
    id: String,
    /// `import`, `reconcile` or `payments`.
    task: String,
    /// The creditor, if the run is for one.
    creditor: Option<CreditorId>,
    /// When it started.
    started_at: Timestamp,
    /// When it ended.
    finished_at: Option<Timestamp>,
    /// Whether it is a dry run.
    dry_run: bool,
    /// `running` (in progress, to be continued, or interrupted: the sweep continues it), `done`, `stopped` (waits for a confirmation) or `failed`.
    state: RunState,
    /// The counts that are not zero, by name.
    counts: BTreeMap<String, i64>,
    /// Its state, in Portuguese.
    text: String,
}

/// Critiques.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CritiqueList {
    /// The business day.
    day: Date,
    /// Newest first.
    critiques: Vec<ListedCritique>,
}

/// A critique.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ListedCritique {
    /// When it was first recorded that day.
    at: Timestamp,
    /// What is wrong, in Portuguese.
    text: String,
}

impl TaskRun {
    fn of(run: RunRecord, now: Timestamp) -> Self {
        Self {
            text: run.text(now),
            id: run.id,
            task: run.task,
            creditor: run.creditor,
            started_at: run.started_at,
            finished_at: run.finished_at,
            dry_run: run.dry_run,
            state: run.state,
            counts: run.counts,
        }
    }
}

async fn runs(adapters: &Adapters, call: &Call) -> Result<HttpAnswer, Problem> {
    let limit = call.limit()?;
    let (tenant, wanted) = (call.tenant()?, call.word("task"));
    let mut found: Vec<RunRecord> = Vec::new();
    for task in TaskName::ALL.map(TaskName::as_str) {
        if wanted.is_none_or(|wanted| wanted == task) {
            found.extend(adapters.store.runs(tenant, task, limit).await?);
        }
    }
    found.sort_by_key(|run| std::cmp::Reverse(run.started_at));
    found.truncate(limit);
    let runs = found
        .into_iter()
        .map(|run| TaskRun::of(run, call.at))
        .collect();
    HttpAnswer::ok(&RunList { runs })
}

async fn critiques(adapters: &Adapters, call: &Call) -> Result<HttpAnswer, Problem> {
    let limit = call.limit()?;
    let day = call.day("day").unwrap_or_else(|| business_date(call.at));
    let found = adapters
        .store
        .journal_of_day(call.tenant()?, day, CRITIQUE, limit)
        .await?;
    let critique = |entry: ponte::store::JournalEntry| ListedCritique {
        at: entry.at,
        text: entry.summary,
    };
    let critiques = found.into_iter().map(critique).collect();
    HttpAnswer::ok(&CritiqueList { day, critiques })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_can_be_asked_for() {
        assert_eq!(TaskName::ALL.map(TaskName::as_str), TASKS);
    }
}
