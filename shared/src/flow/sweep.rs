//! The sweep ("varredura"): recovers what is stuck, every ten minutes.

use jiff::SignedDuration;
use std::collections::BTreeMap;
use tokio::time::Instant;

use super::fan_out::active_tenants;
use super::stuck::{continuations, publish_outbox, requeue, stuck_since};
use super::{Adapters, FlowError, Report, RunStatus, Summary, TaskName};
use crate::aws::BusEvent;
use crate::calendar::Timestamp;
use crate::ids::{CreditorId, TenantId};
use crate::store::{self, RunStart, new_run_id};
use crate::telemetry::{self, Metric};

/// A creditor's daily run is behind when it has not succeeded for this long: a day, plus the duration of a run.
const DAILY_HOURS: i64 = 26;
/// The same for the weekly reconciliation.
const WEEKLY_HOURS: i64 = 8 * 24;

/// What a sweep did for one tenant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Swept {
    requeued: usize,
    published: usize,
    resumed: usize,
    expired: usize,
    tended: usize,
    /// Creditors whose runs are behind: only reported.
    behind: usize,
}

impl Swept {
    fn add(&mut self, other: Self) {
        self.requeued += other.requeued;
        self.published += other.published;
        self.resumed += other.resumed;
        self.expired += other.expired;
        self.tended += other.tended;
        self.behind += other.behind;
    }

    /// Whether anything was recovered.
    fn did_something(self) -> bool {
        Self { behind: 0, ..self } != Self::default()
    }

    fn text(self) -> String {
        let Self {
            requeued,
            published,
            resumed,
            expired,
            tended,
            behind: _,
        } = self;
        let agreements = if tended == 0 {
            String::new()
        } else {
            format!(" {tended} acordo(s) revisto(s).")
        };
        format!(
            "Varredura: {requeued} webhook(s) recolocado(s) na fila, {published} evento(s) publicado(s), {resumed} execução(ões) retomada(s), {expired} webhook(s) sem contrato excluído(s) por prazo.{agreements}"
        )
    }
}

/// Recovers what is stuck: pending webhooks, unpublished events, runs whose invocation died; drops unmatched webhooks past their days; processes
/// due agreements.
pub async fn sweep(adapters: &Adapters, deadline: Instant) -> Result<Summary, FlowError> {
    let now = (adapters.clock)();
    let before = stuck_since(now);
    // A failing queue must not block the other repairs.
    let (journal, inbox) = (&adapters.store, &*adapters.inbox);
    let mut by_tenant: BTreeMap<TenantId, Swept> = BTreeMap::new();
    match requeue(journal, inbox, now).await {
        Ok(queued) => {
            for (tenant, requeued) in queued {
                by_tenant.entry(tenant).or_default().requeued = requeued;
            }
        }
        Err(error) => {
            tracing::error!(%error, "stuck webhooks not queued; the next sweep will try again");
        }
    }
    for (tenant, published) in publish_outbox(&adapters.store, &*adapters.bus, before).await? {
        by_tenant.entry(tenant).or_default().published += published;
    }
    for tenant in active_tenants(adapters).await? {
        match sweep_tenant(adapters, &tenant, now).await {
            Ok(swept) => by_tenant.entry(tenant).or_default().add(swept),
            Err(error) => {
                tracing::error!(%tenant, %error, "sweep of one tenant failed; the next sweep will try again");
            }
        }
    }
    match super::agreements::sweep(adapters, now, deadline).await {
        Ok(tended) => {
            for (tenant, tended) in tended {
                by_tenant.entry(tenant).or_default().tended += tended;
            }
        }
        Err(error) => {
            tracing::error!(%error, "agreements not processed; the next sweep will try again");
        }
    }
    let mut all = Swept::default();
    for (tenant, swept) in &by_tenant {
        all.add(*swept);
        // A sweep that found nothing has only its metric: a record every ten minutes per tenant would be noise.
        if swept.did_something()
            && let Err(error) = record(adapters, tenant, *swept, now).await
        {
            tracing::warn!(%tenant, %error, "sweep not written into the task history");
        }
    }
    telemetry::count(Metric::WebhookRequeued, all.requeued as u64, None, now);
    telemetry::count(Metric::CreditorsBehind, all.behind as u64, None, now);
    telemetry::count(Metric::SweepFinished, 1, None, now);
    let text = all.text();
    let Swept {
        requeued,
        published,
        resumed,
        expired,
        tended,
        behind,
    } = all;
    tracing::info!(
        requeued, published, resumed, expired, tended, behind, "{text}"
    );
    Ok(Summary::new(
        TaskName::Payments,
        RunStatus::Finished,
        text,
        Report::default(),
    ))
}

async fn record(
    adapters: &Adapters,
    tenant: &TenantId,
    swept: Swept,
    now: Timestamp,
) -> Result<(), FlowError> {
    let run = RunStart {
        tenant: tenant.clone(),
        task: TaskName::Payments.as_str().to_owned(),
        creditor: None,
        id: new_run_id(now),
        started_at: now,
        dry_run: false,
    };
    let counted = [
        ("requeued", swept.requeued),
        ("published", swept.published),
        ("resumed", swept.resumed),
        ("expired", swept.expired),
        ("tended", swept.tended),
    ];
    let counts = counted
        .into_iter()
        .map(|(name, count)| (name.to_owned(), i64::try_from(count).unwrap_or(i64::MAX)));
    adapters.store.start_run(&run).await?;
    adapters
        .store
        .note_run(
            &run,
            store::RunState::Done,
            &counts.collect(),
            &swept.text(),
            None,
            (adapters.clock)(),
        )
        .await?;
    Ok(())
}

/// Handles deadlines of unmatched webhooks, and runs with a checkpoint but no living owner.
async fn sweep_tenant(
    adapters: &Adapters,
    tenant: &TenantId,
    now: Timestamp,
) -> Result<Swept, FlowError> {
    let creditors = adapters.store.creditors(tenant).await?;
    // A webhook names no creditor, so the longest of the tenant's deadlines applies.
    let days = creditors
        .values()
        .map(|creditor| creditor.unused_webhook_days)
        .max()
        .unwrap_or(7);
    let before = now
        .checked_sub(jiff::SignedDuration::from_hours(24 * i64::from(days)))
        .unwrap_or(now);
    let expired = adapters.store.expire_unmatched(tenant, before).await?;
    let mut requests: Vec<BusEvent> = Vec::new();
    let mut behind = 0;
    for creditor in creditors.values().filter(|creditor| creditor.active) {
        let late = runs_behind(adapters, tenant, creditor.company, now).await?;
        if !late.is_empty() {
            tracing::warn!(%tenant, creditor = %creditor.company, runs = ?late, "runs of this creditor are behind; see their task history");
            behind += 1;
        }
        let died = continuations(&adapters.store, tenant, creditor.company, now).await?;
        requests.extend(died);
    }
    let resumed = adapters
        .bus
        .publish(&requests)
        .await?
        .into_iter()
        .filter(|taken| *taken)
        .count();
    Ok(Swept {
        resumed,
        expired,
        behind,
        ..Swept::default()
    })
}

/// The creditor's runs that have not succeeded for too long. A creditor without its first load has none.
async fn runs_behind(
    adapters: &Adapters,
    tenant: &TenantId,
    creditor: CreditorId,
    now: Timestamp,
) -> Result<Vec<TaskName>, FlowError> {
    let mut last = [None; 3];
    for (last, name) in
        last.iter_mut()
            .zip([TaskName::Import, TaskName::Payments, TaskName::Reconcile])
    {
        let cursor = adapters
            .store
            .cursor(tenant, Some(creditor), name.as_str())
            .await?;
        *last = cursor.map(|cursor| cursor.last_success);
    }
    Ok(behind(last, now))
}

/// The same, given the last successes of import, redundancy and reconciliation.
fn behind(
    [import, redundancy, reconciliation]: [Option<Timestamp>; 3],
    now: Timestamp,
) -> Vec<TaskName> {
    let Some(reconciled) = reconciliation else {
        return Vec::new();
    };
    // A reconciliation covers the daily runs, too.
    let daily = |last: Option<Timestamp>| last.map_or(reconciled, |last| last.max(reconciled));
    let due = [
        (TaskName::Import, daily(import), DAILY_HOURS),
        (TaskName::Payments, daily(redundancy), DAILY_HOURS),
        (TaskName::Reconcile, reconciled, WEEKLY_HOURS),
    ];
    let late = due
        .into_iter()
        .filter(|(_, last, hours)| now.duration_since(*last) > SignedDuration::from_hours(*hours));
    late.map(|(name, ..)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daily_run_is_behind_after_a_day_and_the_reconciliation_after_a_week() {
        let ago = |hours: i64| {
            Some(
                Timestamp::UNIX_EPOCH
                    .checked_sub(SignedDuration::from_hours(hours))
                    .unwrap(),
            )
        };
        let late = |last| behind(last, Timestamp::UNIX_EPOCH);
        assert_eq!(late([ago(26), ago(26), ago(192)]), []);
        assert_eq!(late([ago(27), ago(26), ago(192)]), [TaskName::Import]);
        assert_eq!(late([ago(26), ago(27), ago(192)]), [TaskName::Payments]);
        assert_eq!(late([ago(1), ago(1), ago(193)]), [TaskName::Reconcile]);
        assert_eq!(
            late([None, None, ago(26)]),
            [],
            "the reconciliation read it all"
        );
        assert_eq!(
            late([None, None, ago(27)]),
            [TaskName::Import, TaskName::Payments]
        );
        assert_eq!(late([None, None, None]), [], "the first load is to come");
    }
}
