//! What an invocation works with.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::agreements::Agreements;
use super::credentials::SecretCredentials;
use super::portfolio::{Rehearsal, StoredPortfolio};
use super::records::SessionRecords;
use super::run_context::RunContext;
use super::{Adapters, FlowError, Summary, Task, runs};
use crate::calendar::{Date, Timestamp, business_date};
use crate::ids::{CreditorId, TenantId};
use crate::settings::{CreditorSettings, TenantSettings};
use crate::sienge::{Client, ClientConfig, Priority};
use crate::store::{JournalCalls, SharedQuota};
use crate::sync::{BillSync, InvocationClock, Portfolio, Ports, RunningReport};

/// Reserved at the end of an invocation for the checkpoint and the call log: this much, or a quarter of the time left
/// if that is less, so that a short time-out still leaves time to work.
const MARGIN: Duration = Duration::from_secs(10);
const MARGIN_SHARE: u32 = 4;

/// One tenant's share of an invocation.
pub struct Session {
    /// The tenant.
    pub tenant: TenantId,
    /// Its settings.
    pub settings: Arc<TenantSettings>,
    /// Its active creditors.
    pub creditors: Arc<BTreeMap<CreditorId, CreditorSettings>>,
    /// The adapters.
    pub adapters: Adapters,
    /// The Sienge client, with its quota and call log.
    pub sienge: Client,
    /// Civil date in America/Sao_Paulo when the invocation began.
    pub today: Date,
    /// Whether nothing is written to the portfolio.
    pub dry_run: bool,
    /// Brings its bills up to date.
    pub sync: BillSync,
    /// Everything of its portfolio that is not an installment.
    pub(super) records: Arc<SessionRecords>,
    /// Its agreements, for everything that needs no read of bills.
    pub(super) agreements: Arc<Agreements>,
    calls: Arc<JournalCalls>,
    time: Arc<InvocationTime>,
}

/// The time of an invocation.
struct InvocationTime {
    clock: fn() -> Timestamp,
    deadline: Instant,
}

impl InvocationClock for InvocationTime {
    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

impl Session {
    /// Opens a tenant's session; `deadline` is the end of the invocation. Its calls to Sienge have batch priority.
    pub async fn open(
        adapters: &Adapters,
        tenant: &TenantId,
        dry_run: bool,
        deadline: Instant,
    ) -> Result<Self, FlowError> {
        Self::open_as(Priority::Batch, adapters, tenant, dry_run, deadline).await
    }

    /// The same with another priority for its calls to Sienge.
    pub async fn open_as(
        priority: Priority,
        adapters: &Adapters,
        tenant: &TenantId,
        dry_run: bool,
        deadline: Instant,
    ) -> Result<Self, FlowError> {
        let unknown = || {
            FlowError::NotConfigured(format!(
                "assessoria {tenant} não cadastrada: cadastre-a com o comando de assessoria"
            ))
        };
        let settings = adapters
            .store
            .tenant_settings(tenant)
            .await?
            .filter(|settings| settings.active)
            .ok_or_else(unknown)?;
        let creditors = adapters.store.creditors(tenant).await?;
        let calls = Arc::new(JournalCalls::new(adapters.store.clone(), tenant.clone()));
        let deadline = working_until(Instant::now(), deadline);
        let sienge = connect(adapters, tenant, &settings, Arc::clone(&calls))
            .await?
            .with_priority(priority)
            .with_deadline(deadline);
        let creditors: BTreeMap<_, _> = creditors
            .into_iter()
            .filter(|(_, creditor)| creditor.active)
            .collect();
        let time = InvocationTime {
            clock: adapters.clock,
            deadline,
        };
        let (settings, creditors, time) = (Arc::new(settings), Arc::new(creditors), Arc::new(time));
        let (today, report) = (business_date(time.now()), RunningReport::default());
        let agreements = Arc::new(Agreements {
            tenant: tenant.clone(),
            settings: Arc::clone(&settings),
            creditors: Arc::clone(&creditors),
            adapters: adapters.clone(),
            sienge: sienge.clone(),
            today,
        });
        let records = Arc::new(SessionRecords {
            tenant: tenant.clone(),
            store: adapters.store.clone(),
            sienge: sienge.clone(),
            dry_run,
            report: report.clone(),
        });
        let held = StoredPortfolio {
            tenant: tenant.clone(),
            adapters: adapters.clone(),
            agreements: Arc::clone(&agreements),
        };
        let portfolio: Arc<dyn Portfolio> = if dry_run {
            Arc::new(Rehearsal::of(held))
        } else {
            Arc::new(held)
        };
        let ports = Ports {
            portfolio,
            erp: Arc::new(sienge.clone()),
            records: Arc::clone(&records) as _,
            clock: Arc::clone(&time) as _,
        };
        let (of_tenant, of_creditors) = (Arc::clone(&settings), Arc::clone(&creditors));
        let sync = BillSync::new(
            tenant.clone(),
            of_tenant,
            of_creditors,
            today,
            report,
            ports,
        );
        Ok(Self {
            tenant: tenant.clone(),
            settings,
            creditors,
            adapters: adapters.clone(),
            sienge,
            today,
            dry_run,
            sync,
            records,
            agreements,
            calls,
            time,
        })
    }

    /// The creditor; an error says how to register it.
    pub fn creditor(&self, id: CreditorId) -> Result<&CreditorSettings, FlowError> {
        self.creditors.get(&id).ok_or_else(|| {
            FlowError::NotConfigured(format!(
                "credor {id} não cadastrado na assessoria {}: cadastre a empresa do Sienge como credor",
                self.tenant
            ))
        })
    }

    /// What a run of a registered creditor works with.
    pub fn run_context(&self, creditor: CreditorId) -> Result<RunContext<'_>, FlowError> {
        self.creditor(creditor)?;
        Ok(RunContext {
            creditor,
            dry_run: self.dry_run,
            sync: &self.sync,
            records: &*self.records,
            store: &self.adapters.store,
            journal: &self.adapters.store,
            bus: &*self.adapters.bus,
        })
    }

    /// Time left until the invocation must close.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        self.time.time_left()
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.time.now()
    }

    /// Writes the calls to Sienge that are still in memory. Call it at the end of the invocation, whatever happened.
    pub async fn close(&self) {
        self.calls.flush().await;
    }
}

/// Imports what changed for one creditor.
pub async fn import(
    session: &Session,
    task: &Task,
    creditor: CreditorId,
) -> Result<Summary, FlowError> {
    runs::import(&session.run_context(creditor)?, task).await
}

/// Reconciles one creditor.
pub async fn reconcile(
    session: &Session,
    task: &Task,
    creditor: CreditorId,
) -> Result<Summary, FlowError> {
    runs::reconcile(&session.run_context(creditor)?, task).await
}

/// The daily redundancy of one creditor.
pub async fn redundancy(
    session: &Session,
    task: &Task,
    creditor: CreditorId,
) -> Result<Summary, FlowError> {
    runs::redundancy(&session.run_context(creditor)?, task).await
}

/// The tenant's client for Sienge.
async fn connect(
    adapters: &Adapters,
    tenant: &TenantId,
    settings: &TenantSettings,
    calls: Arc<JournalCalls>,
) -> Result<Client, FlowError> {
    let credentials = SecretCredentials::of(tenant, &adapters.secrets).await?;
    let quota = SharedQuota::new(
        adapters.store.clone(),
        &settings.subdomain,
        settings.package,
        Arc::new(adapters.clock),
    );
    let config = ClientConfig {
        timeouts: adapters.timeouts,
        ..ClientConfig::new(settings.sienge_base_url.as_str(), Arc::new(credentials))
    };
    Ok(Client::new(
        adapters.http.clone(),
        &config,
        Arc::new(quota),
        calls,
    )?)
}

/// When an invocation that starts now and ends at `end` must close.
fn working_until(now: Instant, end: Instant) -> Instant {
    let left = end.saturating_duration_since(now);
    now + left.saturating_sub(MARGIN.min(left / MARGIN_SHARE))
}

/// The tokio instant of an invocation's deadline.
#[must_use]
pub fn deadline(at: SystemTime) -> Instant {
    Instant::now() + at.duration_since(SystemTime::now()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_invocation_has_time_to_work_and_time_to_close() {
        let now = Instant::now();
        let working = |seconds| working_until(now, now + Duration::from_secs(seconds)) - now;
        assert_eq!(working(900), Duration::from_secs(890));
        assert_eq!(working(60), Duration::from_secs(50));
        assert_eq!(working(10), Duration::from_millis(7500));
        assert_eq!(working(0), Duration::ZERO);
    }
}
