//! The request for a run, as it travels on the bus.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::aws::BusEvent;
use crate::calendar::Date;
use crate::ids::{CreditorId, TenantId};

/// Detail type of a task requested through the bus.
pub const TASK_REQUESTED: &str = "task.requested";

/// The request for a run. Every field is optional: without any it concerns every active tenant and creditor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// The task; set on the bus, where rules route by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskName>,
    /// Only this tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// Only this creditor (a company's id in Sienge); needs `tenant`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creditor: Option<CreditorId>,
    /// Import and redundancy: read what changed since this day instead of since the last success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    /// Report and write nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Reconciliation: the run whose removals the operator confirms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
    /// The run to continue; set by Ponte itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Payments: the daily redundancy instead of the sweep.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub redundancy: bool,
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
    /// The task that continues a run.
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

    /// The event that an operator sends to run this task for one creditor.
    #[must_use]
    pub fn as_command_for(&self, tenant: &TenantId, creditor: CreditorId) -> Value {
        let command = Self {
            task: None,
            tenant: Some(tenant.clone()),
            creditor: Some(creditor),
            ..self.clone()
        };
        serde_json::to_value(command).unwrap_or_default()
    }

    /// The bus event that requests this task.
    #[must_use]
    pub fn request(&self) -> BusEvent {
        BusEvent {
            detail_type: TASK_REQUESTED,
            detail: serde_json::to_value(self).unwrap_or_default(),
        }
    }
}
