//! Operators' commands after a repair: move dead letters back to the inbox, process one webhook again.

use tokio::time::Instant;

use super::command::REPROCESS;
use super::invocation::open;
use super::tenant_batch::finish;
use super::{Adapters, FlowError, Refusal, Report, RunStatus, Summary, SyncOutcome, TaskName};
use crate::ids::TenantId;
use crate::intake::stored_id;
use crate::store::{JournalKey, StoredWebhook, WebhookState, keys};

/// Dead letters moved in one invocation: one is delivered each second, and SQS delays none longer than a quarter of an hour.
const AT_ONCE: usize = 900;
/// A move starts only with this much time left.
const MOVE_TIME: std::time::Duration = std::time::Duration::from_secs(15);

/// Moves the messages of the inbox's dead-letter queue back to the inbox, one by one: a message that is still poisonous fails alone. A message is deleted only after its copy was accepted: one
/// that a crash leaves in both queues still takes effect once.
pub async fn redrive(adapters: &Adapters, deadline: Instant) -> Result<Summary, FlowError> {
    let mut moved = 0;
    while moved < AT_ONCE && deadline.saturating_duration_since(Instant::now()) > MOVE_TIME {
        match adapters.inbox.redrive(moved).await? {
            0 => break,
            some => moved += some,
        }
    }
    let rest = if moved < AT_ONCE {
        ""
    } else {
        " Se restarem mensagens, invoque de novo daqui a quinze minutos."
    };
    let text = format!(
        "Fila de erros: {moved} mensagem(ns) devolvida(s) à fila de entrada, uma por segundo.{rest}"
    );
    tracing::info!(messages = moved, "{text}");
    Ok(Summary::new(
        TaskName::Payments,
        RunStatus::Finished,
        text,
        Report::default(),
    ))
}

/// Processes one stored webhook again, here and now, whatever its state. A dry run only says what it would change.
pub async fn reprocess(
    adapters: &Adapters,
    tenant: &TenantId,
    id: &str,
    dry_run: bool,
    deadline: Instant,
) -> Result<Summary, FlowError> {
    let unknown = || REPROCESS.unknown_tenant(tenant);
    let session = open(adapters, tenant, dry_run, deadline, unknown).await?;
    let stored = match find(adapters, tenant, id).await {
        Ok(stored) => stored,
        Err(error) => {
            session.close().await;
            return Err(error);
        }
    };
    let processed = session
        .sync
        .process(std::slice::from_ref(&stored), true)
        .await;
    let report = session.sync.report.take();
    session.close().await;
    let processed = processed?;
    if !dry_run {
        finish(&adapters.store, &processed, (adapters.clock)()).await?;
    }
    let (state, what) = match processed
        .get(&stored.key)
        .map(|processed| &processed.synced)
    {
        Some(SyncOutcome::Failed { why, .. }) => {
            (RunStatus::Failed, format!("não foi possível: {why}"))
        }
        Some(SyncOutcome::Unmatched) => (
            RunStatus::Finished,
            "contrato não encontrado na carteira nem entre os credores cadastrados".to_owned(),
        ),
        Some(SyncOutcome::Withheld) => (RunStatus::Finished, report.critiques.join(" ")),
        Some(SyncOutcome::InSync) | None => (RunStatus::Finished, report.text()),
    };
    let done = if dry_run {
        "em simulação"
    } else {
        "reprocessado"
    };
    let text = format!("Webhook {id} {done}: {what}");
    tracing::info!(%tenant, id, state = ?state, "{text}");
    Ok(Summary {
        tenant: Some(tenant.clone()),
        dry_run,
        ..Summary::new(TaskName::Payments, state, text, report)
    })
}

async fn find(
    adapters: &Adapters,
    tenant: &TenantId,
    id: &str,
) -> Result<StoredWebhook, FlowError> {
    // An id that is too long for a key, or has odd characters, is stored as its digest.
    let stored_as = stored_id(id).unwrap_or_default();
    let key = JournalKey(keys::webhook(tenant, &stored_as));
    let stored = adapters
        .store
        .load_webhooks(&[key])
        .await?
        .pop()
        .transpose()?;
    let stored = stored.ok_or_else(|| {
        Refusal::new(format!(
            "\"webhook\": {id} não encontrado na assessoria {tenant}: confira o número em x-sienge-id; o diário guarda 90 dias. Exemplo: {{\"tenant\": \"{tenant}\", \"webhook\": \"0b0c6c1e-2f57-4c1a-9f0e-000000000001\"}}"
        ))
    })?;
    if stored.state == WebhookState::Rejected {
        return Err(Refusal::new(format!(
            "\"webhook\": {id} foi recusado por ser ilegível e não diz onde olhar: faça uma carga do credor, na função import. Exemplo: {{\"tenant\": \"{tenant}\", \"creditor\": 1}}"
        ))
        .into());
    }
    Ok(stored)
}
