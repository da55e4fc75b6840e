//! Erasure of a customer's personal data (LGPD, art. 18, VI).
//!
//! Contracts, receipts and the timeline name a customer by id only, so they stay as they are: deduplication keys and sums are
//! untouched. The customer's own record keeps only the id and the day, and no later read of Sienge fills it again until a
//! contract of the customer opens. The notes on the customer's agreements, which may name anybody, are cleared.

use serde_json::json;

use super::command::ERASE;
use super::{Adapters, FlowError, Refusal, Report, RunStatus, Summary, TaskName};
use crate::calendar::business_date;
use crate::ids::{BillId, CustomerId, TenantId};
use crate::portfolio::ContractState;

/// Erases a customer, unless something is still to be collected from them. Repeating it changes only the day. A dry run only says
/// whether it is possible.
pub async fn erase_customer(
    adapters: &Adapters,
    tenant: &TenantId,
    customer: CustomerId,
    dry_run: bool,
) -> Result<Summary, FlowError> {
    let store = &adapters.store;
    if store.customers(tenant, &[customer]).await?.is_empty() {
        // A tenant that left may still have customers here: the tenant is checked only when the customer is not found.
        if store.tenant_settings(tenant).await?.is_none() {
            return Err(ERASE.unknown_tenant(tenant).into());
        }
        return Err(Refusal::new(format!(
            "\"eraseCustomer\": cliente {customer} não encontrado na assessoria {tenant}: confira o código do cliente no Sienge. Exemplo: {{\"tenant\": \"{tenant}\", \"eraseCustomer\": 300001, \"dryRun\": true}}"
        ))
        .into());
    }
    let bills: Vec<BillId> = store
        .bills_of_customer(tenant, customer)
        .await?
        .into_iter()
        .collect();
    for (bill, held) in store.load_bills(tenant, &bills).await {
        if held?.contracts().any(|contract| {
            contract.key.customer == customer && contract.state == ContractState::Open
        }) {
            return Err(Refusal::new(format!(
                "\"eraseCustomer\": o cliente {customer} tem o contrato {bill} em aberto: os dados são necessários à cobrança (LGPD, art. 16, I); elimine depois que o contrato terminar. Para conferir antes: {{\"tenant\": \"{tenant}\", \"eraseCustomer\": {customer}, \"dryRun\": true}}"
            ))
            .with_next(Some(json!({"tenant": tenant, "eraseCustomer": customer, "dryRun": true})))
            .into());
        }
    }
    let text = if dry_run {
        format!(
            "Simulação: os dados pessoais do cliente {customer} podem ser eliminados; nada foi alterado."
        )
    } else {
        store.erase_agreement_notes(tenant, customer).await?;
        store
            .erase_customer(tenant, customer, business_date((adapters.clock)()))
            .await?;
        tracing::info!(%tenant, %customer, "personal data of a customer erased");
        format!(
            "Dados pessoais do cliente {customer} eliminados; contratos, pagamentos e histórico ficam, só com o código."
        )
    };
    Ok(Summary {
        tenant: Some(tenant.clone()),
        dry_run,
        ..Summary::new(
            TaskName::Payments,
            RunStatus::Finished,
            text,
            Report::default(),
        )
    })
}
