//! What an invocation works with.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::breaker::Tally;
use super::{Adapters, FlowError};
use crate::calendar::{Date, Timestamp, business_date};
use crate::ids::{BillId, CreditorId, TenantId};
use crate::portfolio::{Change, HeldBill, Policy};
use crate::settings::{CreditorSettings, TenantSettings};
use crate::sienge::{Client, ClientConfig, Priority, Secret};
use crate::store::{JournalCalls, SharedQuota};

/// Kept back from an invocation's time to write the checkpoint and the calls down: this much, or a quarter of what is left
/// when that is less, so that a short time-out still leaves time to work.
const MARGIN: Duration = Duration::from_secs(10);
const MARGIN_SHARE: u32 = 4;

/// One tenant's share of an invocation.
pub struct Session {
    /// The tenant.
    pub tenant: TenantId,
    /// Its settings.
    pub settings: TenantSettings,
    /// Its active creditors.
    pub creditors: BTreeMap<CreditorId, CreditorSettings>,
    /// The adapters.
    pub adapters: Adapters,
    /// The Sienge client, its calls counted and written down.
    pub sienge: Client,
    /// Civil date in America/Sao_Paulo when the invocation began.
    pub today: Date,
    /// Report and write nothing to the portfolio.
    pub dry_run: bool,
    /// What a dry run would have written.
    pub(super) rehearsed: Mutex<Rehearsed>,
    /// Critiques written down so far.
    pub(super) critiques: AtomicUsize,
    /// What the circuit breaker knows of each creditor.
    pub(super) tallies: Mutex<BTreeMap<CreditorId, Tally>>,
    calls: Arc<JournalCalls>,
    deadline: Instant,
}

/// Bills as a dry run would have left them: what is looked at twice is counted once.
#[derive(Debug, Default)]
pub(super) struct Rehearsed {
    bills: HashMap<BillId, HeldBill>,
    installments: usize,
}

/// Installments a dry run remembers; beyond, one that is looked at twice counts twice.
const MAX_REHEARSED: usize = 50_000;

impl Rehearsed {
    /// The bill, if the dry run would have changed it.
    pub(super) fn get(&self, bill: BillId) -> Option<HeldBill> {
        self.bills.get(&bill).cloned()
    }

    /// Remembers the bill with the changes.
    pub(super) fn put(&mut self, bill: BillId, mut held: HeldBill, changes: &[Change]) {
        if changes.is_empty() || self.installments > MAX_REHEARSED {
            return;
        }
        held.apply(changes);
        self.installments += held.installments().count();
        self.bills.insert(bill, held);
    }
}

impl Session {
    /// Opens a tenant's session; `deadline` is the end of the invocation.
    pub async fn open(
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
        let secret = adapters.secrets.get(tenant).await?;
        let calls = Arc::new(JournalCalls::new(adapters.store.clone(), tenant.clone()));
        let quota = SharedQuota::new(
            adapters.store.clone(),
            &settings.subdomain,
            settings.package,
            Arc::new(adapters.clock),
        );
        let password = Secret::new(secret.sienge_password.as_str());
        let config = ClientConfig {
            timeouts: adapters.timeouts,
            ..ClientConfig::new(
                settings.sienge_base_url.as_str(),
                secret.sienge_user.as_str(),
                password,
            )
        };
        let deadline = working_until(Instant::now(), deadline);
        let sienge = Client::new(
            adapters.http.clone(),
            &config,
            Arc::new(quota),
            Arc::clone(&calls) as _,
        )?;
        Ok(Self {
            tenant: tenant.clone(),
            creditors: creditors
                .into_iter()
                .filter(|(_, creditor)| creditor.active)
                .collect(),
            sienge: sienge
                .with_priority(Priority::Batch)
                .with_deadline(deadline),
            today: business_date((adapters.clock)()),
            settings,
            adapters: adapters.clone(),
            dry_run,
            rehearsed: Mutex::default(),
            critiques: AtomicUsize::new(0),
            tallies: Mutex::default(),
            calls,
            deadline,
        })
    }

    /// The session with its calls to Sienge at a priority; those of a batch unless this is said.
    #[must_use]
    pub fn with_priority(self, priority: Priority) -> Self {
        let sienge = self.sienge.with_priority(priority);
        Self { sienge, ..self }
    }

    /// The creditor, or a clear error.
    pub fn creditor(&self, id: CreditorId) -> Result<&CreditorSettings, FlowError> {
        self.creditors.get(&id).ok_or_else(|| {
            FlowError::NotConfigured(format!(
                "credor {id} não cadastrado na assessoria {}: cadastre a empresa do Sienge como credor",
                self.tenant
            ))
        })
    }

    /// What the settings let a comparison of a creditor's bill do.
    #[must_use]
    pub fn policy(&self, creditor: Option<CreditorId>) -> Policy<'_> {
        self.settings
            .policy(creditor.and_then(|id| self.creditors.get(&id)))
    }

    /// Time left before the invocation must be closing.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.adapters.clock)()
    }

    /// Writes down the calls to Sienge that are still in memory. Call it at the end of the invocation, whatever happened.
    pub async fn close(&self) {
        self.calls.flush().await;
    }
}

/// When an invocation that begins now and ends at `end` must be closing.
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
