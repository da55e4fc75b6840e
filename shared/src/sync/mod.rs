//! Observe, compare, commit: brings bills, rows and webhooks up to date, whatever the reason.
//!
//! Everything here may be repeated at any time, because comparing again yields only what is still missing. Its outside
//! world is behind the traits [`Portfolio`], [`Erp`], [`Records`] and [`InvocationClock`].

mod breaker;
mod commit;
mod critiques;
mod error;
mod kept;
mod outcome;
mod ports;
mod reading;
mod report;
mod request;
mod rounds;
mod rows;
mod webhooks;
mod windows;
mod withhold;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use breaker::{Grants, InQuestion, must_ask};
pub use commit::{LeftToDo, Outcomes};
pub use error::FlowError;
pub use kept::{Extract, KeptRows};
pub use outcome::SyncOutcome;
pub use ports::{Commit, Erp, InvocationClock, ObservedRow, Portfolio, Records, UnreadRecords};
pub use reading::Reading;
pub use report::{Report, RunningReport};
pub use request::{ReadRequest, Requests, whole};
pub use rows::{Passed, due_in};
pub use webhooks::Processed;
pub use windows::{DAY, MONTH, Window, all, everything};

use crate::calendar::{Date, Timestamp};
use crate::ids::{CreditorId, TenantId};
use crate::portfolio::Policy;
use crate::settings::{CreditorSettings, TenantSettings};
use breaker::Tally;

/// The ports of a synchronisation.
#[derive(Clone)]
pub struct Ports {
    /// The portfolio.
    pub portfolio: Arc<dyn Portfolio>,
    /// Sienge.
    pub erp: Arc<dyn Erp>,
    /// Everything that is not an installment.
    pub records: Arc<dyn Records>,
    /// The clock.
    pub clock: Arc<dyn InvocationClock>,
}

/// Brings one tenant's bills up to date, in one invocation.
pub struct BillSync {
    /// The tenant.
    pub tenant: TenantId,
    /// The tenant's settings.
    pub settings: Arc<TenantSettings>,
    /// Its active creditors.
    pub creditors: Arc<BTreeMap<CreditorId, CreditorSettings>>,
    /// Civil date in America/Sao_Paulo when the invocation began.
    pub today: Date,
    /// What was done and not reported yet.
    pub report: RunningReport,
    portfolio: Arc<dyn Portfolio>,
    erp: Arc<dyn Erp>,
    records: Arc<dyn Records>,
    clock: Arc<dyn InvocationClock>,
    /// Critiques written so far.
    critiques: AtomicUsize,
    /// The circuit breaker's counts per creditor.
    tallies: Mutex<BTreeMap<CreditorId, Tally>>,
}

impl BillSync {
    /// For an invocation that starts now. Records also add their changes to `report`.
    #[must_use]
    pub fn new(
        tenant: TenantId,
        settings: Arc<TenantSettings>,
        creditors: Arc<BTreeMap<CreditorId, CreditorSettings>>,
        today: Date,
        report: RunningReport,
        ports: Ports,
    ) -> Self {
        Self {
            tenant,
            settings,
            creditors,
            today,
            report,
            portfolio: ports.portfolio,
            erp: ports.erp,
            records: ports.records,
            clock: ports.clock,
            critiques: AtomicUsize::new(0),
            tallies: Mutex::default(),
        }
    }

    /// What the settings allow in a comparison of a creditor's bill.
    #[must_use]
    pub fn policy(&self, creditor: Option<CreditorId>) -> Policy<'_> {
        self.settings
            .policy(creditor.and_then(|id| self.creditors.get(&id)))
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Time left until the invocation must close.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        self.clock.time_left()
    }

    /// The portfolio.
    #[must_use]
    pub fn portfolio(&self) -> &dyn Portfolio {
        &*self.portfolio
    }

    /// Everything that is not an installment.
    #[must_use]
    pub fn records(&self) -> &dyn Records {
        &*self.records
    }
}
