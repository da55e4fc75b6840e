//! The sweep ("varredura"): recovers what is stuck, every ten minutes.

use jiff::SignedDuration;
use std::collections::BTreeMap;
use tokio::time::Instant;

use super::stuck::{SWEEP_EVERY_MINUTES, continuations, publish_outbox, requeue, stuck_since};
use super::turns::{in_turn, turned};
use super::{Adapters, FlowError, Report, RunStatus, Summary, TaskName};
use crate::aws::BusEvent;
use crate::calendar::Timestamp;
use crate::ids::{CreditorId, TenantId};
use crate::settings::CreditorSettings;
use crate::store::{self, ListedTenant, RunStart, new_run_id};
use crate::telemetry::{self, Metric};

/// A creditor's daily run is behind when it has not succeeded for this long: a day, plus the duration of a run.
const DAILY_HOURS: i64 = 26;
/// The same for the weekly reconciliation.
const WEEKLY_HOURS: i64 = 8 * 24;
/// Unmatched webhooks removed between two looks at the clock.
const EXPIRED_AT_ONCE: usize = 500;

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

/// How much of each list the sweep does for one tenant at a time; the rest waits for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepLimits {
    /// Pending webhooks of one age.
    pub webhooks: usize,
    /// Unpublished events.
    pub events: usize,
    /// Unmatched webhooks past their days.
    pub unmatched: usize,
    /// Due agreements.
    pub agreements: usize,
}

impl Default for SweepLimits {
    /// Some minutes' work each. An agreement that is paid is due once a day: a tenant may have 70,000 of them.
    fn default() -> Self {
        Self {
            webhooks: 10_000,
            events: 10_000,
            unmatched: 10_000,
            agreements: 500,
        }
    }
}

/// Recovers what is stuck: pending webhooks, unpublished events, runs whose invocation died; drops unmatched webhooks past their days; processes
/// due agreements. Every list is a tenant's own, and each tenant has its share of the time: none hides or delays another's.
pub async fn sweep(
    adapters: &Adapters,
    limits: &SweepLimits,
    deadline: Instant,
) -> Result<Summary, FlowError> {
    let now = (adapters.clock)();
    let sweep = Sweep {
        adapters,
        limits,
        now,
    };
    let tenants = turned(adapters.store.tenants().await?, sweep.turn());
    let begun = Instant::now();
    // What asks Sienge, and may take long, comes when all tenants have had the rest.
    let half = begun + deadline.saturating_duration_since(begun) / 2;
    let recovered = in_turn(tenants.clone(), half, async |listed, until| {
        let swept = sweep.recover(&listed, until).await;
        (listed.tenant, swept)
    });
    let mut by_tenant: BTreeMap<TenantId, Swept> = recovered.await.into_iter().collect();
    let active = tenants.into_iter().filter(|listed| listed.active);
    let tended = in_turn(active.collect(), deadline, async |listed, until| {
        let (tenant, most) = (listed.tenant, limits.agreements);
        let tended = super::agreements::sweep(adapters, &tenant, most, now, until, deadline).await;
        let tended = done(&tenant, "due agreements", tended);
        (tenant, tended)
    });
    for (tenant, tended) in tended.await {
        by_tenant.entry(tenant).or_default().tended = tended;
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

/// A sweep.
struct Sweep<'a> {
    adapters: &'a Adapters,
    limits: &'a SweepLimits,
    now: Timestamp,
}

impl Sweep<'_> {
    /// Its number: the next sweep begins with the next tenant.
    fn turn(&self) -> u64 {
        (self.now.as_second() / 60 / SWEEP_EVERY_MINUTES).unsigned_abs()
    }

    /// Everything of a tenant's that needs no Sienge. A failing list does not stop the others.
    async fn recover(&self, listed: &ListedTenant, until: Instant) -> Swept {
        let (tenant, store) = (&listed.tenant, &self.adapters.store);
        let (inbox, bus) = (&*self.adapters.inbox, &*self.adapters.bus);
        let (limits, now, before) = (self.limits, self.now, stuck_since(self.now));
        let mut lists = 4;
        // Each list has an equal share of the time that is left.
        let mut share = || {
            let begun = Instant::now();
            let until = begun + until.saturating_duration_since(begun) / lists;
            lists -= 1;
            until
        };
        let requeued = requeue(store, inbox, tenant, limits.webhooks, now, share()).await;
        let published = publish_outbox(store, bus, tenant, limits.events, before, share()).await;
        let mut swept = Swept {
            requeued: done(tenant, "pending webhooks", requeued),
            published: done(tenant, "unpublished events", published),
            ..Swept::default()
        };
        if !listed.active {
            return swept;
        }
        let creditors = match store.creditors(tenant).await {
            Ok(creditors) => creditors,
            Err(error) => {
                tracing::error!(%tenant, %error, "creditors unreadable, so neither runs nor unmatched webhooks were swept");
                return swept;
            }
        };
        let runs = self.resume(tenant, &creditors, share()).await;
        (swept.resumed, swept.behind) = done(tenant, "stuck runs", runs);
        let expired = self.expire(tenant, &creditors, share()).await;
        swept.expired = done(tenant, "unmatched webhooks", expired);
        swept
    }

    /// Requests the continuation of runs with a checkpoint but no living owner; returns how many, and how many creditors' runs are behind.
    async fn resume(
        &self,
        tenant: &TenantId,
        creditors: &BTreeMap<CreditorId, CreditorSettings>,
        until: Instant,
    ) -> Result<(usize, usize), FlowError> {
        let (adapters, now) = (self.adapters, self.now);
        let active = creditors.values().filter(|creditor| creditor.active);
        let active = turned(active.collect(), self.turn());
        let looked_at = in_turn(active, until, async |creditor, until| {
            if Instant::now() >= until {
                return Ok((Vec::new(), false));
            }
            let creditor = creditor.company;
            let late = runs_behind(adapters, tenant, creditor, now).await?;
            if !late.is_empty() {
                tracing::warn!(%tenant, %creditor, runs = ?late, "runs of this creditor are behind; see their task history");
            }
            let died = continuations(&adapters.store, tenant, creditor, now).await?;
            Ok::<_, FlowError>((died, !late.is_empty()))
        });
        let (mut requests, mut behind): (Vec<BusEvent>, usize) = (Vec::new(), 0);
        for looked_at in looked_at.await {
            // One creditor's damaged item does not stop the others.
            let (died, is_behind) = done(tenant, "stuck runs of a creditor", looked_at);
            requests.extend(died);
            behind += usize::from(is_behind);
        }
        let taken = adapters.bus.publish(&requests).await?;
        Ok((taken.into_iter().filter(|taken| *taken).count(), behind))
    }

    /// Removes unmatched webhooks past their days; returns how many.
    async fn expire(
        &self,
        tenant: &TenantId,
        creditors: &BTreeMap<CreditorId, CreditorSettings>,
        until: Instant,
    ) -> Result<usize, FlowError> {
        // A webhook names no creditor, so the longest of the tenant's deadlines applies.
        let days = creditors
            .values()
            .map(|creditor| creditor.unused_webhook_days)
            .max()
            .unwrap_or(7);
        let before = self
            .now
            .checked_sub(SignedDuration::from_hours(24 * i64::from(days)))
            .unwrap_or(self.now);
        let (store, most) = (&self.adapters.store, self.limits.unmatched);
        let mut expired = 0;
        while expired < most && Instant::now() < until {
            let wanted = EXPIRED_AT_ONCE.min(most - expired);
            let removed = store.expire_unmatched(tenant, before, wanted).await?;
            expired += removed;
            if removed < wanted {
                break;
            }
        }
        Ok(expired)
    }
}

/// What was done of a list; nothing, if it failed.
fn done<T: Default>(tenant: &TenantId, list: &str, outcome: Result<T, FlowError>) -> T {
    outcome.unwrap_or_else(|error| {
        tracing::error!(%tenant, list, %error, "part of the sweep failed; the next sweep will try again");
        T::default()
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
