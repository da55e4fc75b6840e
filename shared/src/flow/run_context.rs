//! What a run works with, and its identity.

use serde_json::json;

use super::run_ports::{Journal, RunRecords, RunStore};
use super::{FlowError, Report, TaskName};
use crate::aws::{Bus, BusEvent};
use crate::calendar::Timestamp;
use crate::ids::{CreditorId, TenantId};
use crate::sync::BillSync;

/// What a run of one creditor works with.
pub struct RunContext<'a> {
    /// The creditor.
    pub creditor: CreditorId,
    /// Whether nothing is written: no lease, no checkpoint, no history.
    pub dry_run: bool,
    /// Brings the creditor's bills up to date.
    pub sync: &'a BillSync,
    /// Everything that is not an installment.
    pub records: &'a dyn RunRecords,
    /// Leases, checkpoints, cursors, history.
    pub store: &'a dyn RunStore,
    /// Stored webhooks.
    pub journal: &'a dyn Journal,
    /// The event bus.
    pub bus: &'a dyn Bus,
}

impl RunContext<'_> {
    pub(super) fn tenant(&self) -> &TenantId {
        &self.sync.tenant
    }

    pub(super) fn now(&self) -> Timestamp {
        self.sync.now()
    }

    /// When the last successful run of a task began.
    pub(super) async fn last_success(
        &self,
        task: TaskName,
    ) -> Result<Option<Timestamp>, FlowError> {
        let (tenant, creditor) = (self.tenant(), self.creditor);
        Ok(self.store.last_success(tenant, creditor, task).await?)
    }
}

/// The current run.
pub(super) struct Current<'a> {
    /// Its id.
    pub(super) id: &'a str,
    /// When it began.
    pub(super) started_at: Timestamp,
    /// What the finished steps did.
    pub(super) report: &'a Report,
}

impl Current<'_> {
    /// Notes the run's success: the next one reads what changed since this one began.
    pub(super) async fn succeeded(
        &self,
        context: &RunContext<'_>,
        task: TaskName,
    ) -> Result<(), FlowError> {
        let (tenant, creditor) = (context.tenant(), context.creditor);
        let began = self.started_at;
        context
            .store
            .succeeded(tenant, creditor, task, began)
            .await?;
        Ok(())
    }

    /// Publishes the end of the run. If the bus does not accept it, the step fails and is repeated, so that nobody misses it.
    pub(super) async fn publish_finished(
        &self,
        context: &RunContext<'_>,
        detail_type: &'static str,
    ) -> Result<(), FlowError> {
        let detail = json!({
            "tenant": context.tenant().as_str(), "creditor": context.creditor, "run": self.id,
            "installmentsChanged": self.report.installments_changed(), "returned": self.report.returned,
        });
        let event = BusEvent {
            detail_type,
            detail,
        };
        if context.bus.publish(&[event]).await?.first() == Some(&true) {
            return Ok(());
        }
        Err(FlowError::Stopped(format!(
            "o evento {detail_type} não foi aceito pelo barramento"
        )))
    }
}
