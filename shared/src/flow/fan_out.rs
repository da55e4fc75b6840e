//! A task for everybody becomes one task per creditor, each in its own invocation.

use super::{
    Adapters, FlowError, Function, Refusal, Report, RunStatus, Session, Summary, Task, TaskName,
};
use crate::ids::{CreditorId, TenantId};

/// Requests the task once per tenant and creditor. Publishing twice is harmless: there is one run per creditor at a time.
pub async fn fan_out(
    adapters: &Adapters,
    name: TaskName,
    task: &Task,
) -> Result<Summary, FlowError> {
    let scheduled = task.tenant.is_none();
    let tenants = match &task.tenant {
        Some(tenant) => vec![tenant.clone()],
        None => active_tenants(adapters).await?,
    };
    let mut requests = Vec::new();
    for tenant in tenants {
        match wanted_creditors(adapters, name, &tenant, scheduled).await {
            Ok(creditors) => requests.extend(creditors.into_iter().map(|creditor| {
                Task {
                    task: Some(name),
                    tenant: Some(tenant.clone()),
                    creditor: Some(creditor),
                    ..task.clone()
                }
                .request()
            })),
            // For a single tenant, the caller gets the reason.
            Err(error) if !scheduled => return Err(error),
            // One tenant's broken settings must not block the others.
            Err(error) => tracing::error!(%tenant, %error, "task not requested for this tenant"),
        }
    }
    if let Some(tenant) = &task.tenant
        && requests.is_empty()
    {
        return Err(Refusal::no_creditor(tenant).into());
    }
    let taken = adapters
        .bus
        .publish(&requests)
        .await?
        .into_iter()
        .filter(|taken| *taken)
        .count();
    let text = if taken == requests.len() {
        format!("{taken} execução(ões) solicitada(s), uma por credor.")
    } else {
        format!(
            "{taken} de {} execuções solicitadas; invoque de novo para solicitar as demais.",
            requests.len()
        )
    };
    if taken < requests.len() {
        // On failure the schedule tries again.
        return Err(FlowError::Stopped(text));
    }
    Ok(Summary {
        tenant: task.tenant.clone(),
        dry_run: task.dry_run,
        ..Summary::new(name, RunStatus::Requested, text, Report::default())
    })
}

/// The tenants that schedules run for.
pub(super) async fn active_tenants(adapters: &Adapters) -> Result<Vec<TenantId>, FlowError> {
    let listed = adapters.store.tenants().await?;
    Ok(listed
        .into_iter()
        .filter(|listed| listed.active)
        .map(|listed| listed.tenant)
        .collect())
}

/// The tenant's active creditors; none for the general daily import of a tenant that imports per creditor.
async fn wanted_creditors(
    adapters: &Adapters,
    name: TaskName,
    tenant: &TenantId,
    scheduled: bool,
) -> Result<Vec<CreditorId>, FlowError> {
    let Some(settings) = adapters
        .store
        .tenant_settings(tenant)
        .await?
        .filter(|settings| settings.active)
    else {
        return Err(Function::from(name).unknown_tenant(tenant).into());
    };
    if scheduled && name == TaskName::Import && settings.import_per_creditor {
        return Ok(Vec::new());
    }
    let creditors = adapters.store.creditors(tenant).await?;
    Ok(creditors
        .into_values()
        .filter(|creditor| creditor.active)
        .map(|creditor| creditor.company)
        .collect())
}

/// The task's creditor, or else all creditors of the session.
pub(super) fn creditors_of(session: &Session, task: &Task) -> Vec<CreditorId> {
    task.creditor.map_or_else(
        || session.creditors.keys().copied().collect(),
        |creditor| vec![creditor],
    )
}
