//! The answer to a caller at the console: Portuguese and readable as it is.

use serde::Serialize;

use super::{Report, TaskName};
use crate::ids::{CreditorId, TenantId};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum RunStatus {
    /// Everything was done.
    #[serde(rename = "concluído")]
    Finished,
    /// The time ran out; a new invocation continues from the checkpoint.
    #[serde(rename = "continua")]
    Continues,
    /// The circuit breaker stopped it: removals wait for an explicit confirmation.
    #[serde(rename = "aguardando confirmação")]
    AwaitsConfirmation,
    /// A dry run ran out of time; nothing continues it.
    #[serde(rename = "incompleto")]
    Incomplete,
    /// A dry run found so many removals that the run itself would wait for a confirmation.
    #[serde(rename = "pediria confirmação")]
    WouldAsk,
    /// It failed; running it again resumes from the checkpoint.
    #[serde(rename = "falhou")]
    Failed,
    /// Another run of the same task is in progress for this creditor.
    #[serde(rename = "já em execução")]
    AlreadyRunning,
    /// One run per creditor was requested.
    #[serde(rename = "solicitado")]
    Requested,
}

impl RunStatus {
    /// The word for it in the text of a run that can continue in another invocation.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Continues => "em andamento",
            _ => "concluída",
        }
    }
}

/// The summary of a run, with the important things first: how it ended, what happened, what to do next.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// How it ended.
    #[serde(rename = "situacao")]
    pub state: RunStatus,
    /// What happened, in a sentence or two.
    #[serde(rename = "resumo")]
    pub text: String,
    /// The event to send to confirm, or to do what a dry run found.
    #[serde(rename = "proximoPasso", skip_serializing_if = "Option::is_none")]
    pub next_event: Option<serde_json::Value>,
    /// Task.
    #[serde(rename = "tarefa")]
    pub task: TaskName,
    /// Tenant.
    #[serde(rename = "assessoria", skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// Creditor.
    #[serde(rename = "credor", skip_serializing_if = "Option::is_none")]
    pub creditor: Option<CreditorId>,
    /// The run's id.
    #[serde(rename = "execucao", skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Whether nothing was written.
    #[serde(rename = "simulacao")]
    pub dry_run: bool,
    /// Counts, those that are not zero.
    #[serde(rename = "contagens", skip_serializing_if = "Report::is_empty")]
    pub report: Report,
}

impl Summary {
    /// A summary without tenant, creditor and run.
    #[must_use]
    pub fn new(task: TaskName, state: RunStatus, text: String, report: Report) -> Self {
        Self {
            task,
            state,
            text,
            tenant: None,
            creditor: None,
            run: None,
            dry_run: false,
            next_event: None,
            report,
        }
    }
}
