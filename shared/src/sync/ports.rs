//! The ports of a synchronisation. The store, the client and the session's records implement them for the functions; the
//! simulation implements them in memory and runs the same code.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;

use super::windows::Window;
use super::{FlowError, SyncOutcome};
use crate::calendar::Timestamp;
use crate::ids::{BillId, CreditorId, CustomerId, SalesContractId, UnitId};
use crate::portfolio::{
    Change, HeldBill, ObservedBill, ObservedInstallment, Outcome, Scope, TimelineEvent,
};
use crate::sienge::{
    BillAnswer, BillBoletos, BillRead, ExtractHistoryWindow, IncomeWindow, OddRow, SiengeError,
};
use crate::store::{CritiqueNote, OpenEntry, Stamp, StoreError};

/// One income row, as facts.
pub type ObservedRow = (BillId, ObservedBill, ObservedInstallment);

/// The result of a comparison, to be written.
#[derive(Debug)]
pub struct Commit<'a> {
    /// The bill.
    pub bill: BillId,
    /// The creditor whose index contains its installments.
    pub creditor: CreditorId,
    /// The state that was compared; the commit is conditional on its version.
    pub held: &'a HeldBill,
    /// The outcome.
    pub outcome: &'a Outcome,
    /// The instant, and what is known from then on.
    pub stamp: Stamp,
}

/// One tenant's portfolio.
#[async_trait]
pub trait Portfolio: Send + Sync {
    /// The held state of bills, each with its own result: one that cannot be read does not affect the others.
    async fn load(&self, bills: &[BillId]) -> Vec<(BillId, Result<HeldBill, StoreError>)>;

    /// The version of a bill, to check whether a loaded state is still current. Cheaper than loading it.
    async fn version(&self, bill: BillId) -> Result<u64, StoreError>;

    /// Writes an outcome together with its events; returns the bill's new version and the events that were new.
    /// [`StoreError::Conflict`]: the bill has changed since it was compared.
    async fn commit(&self, commit: &Commit<'_>) -> Result<(u64, Vec<TimelineEvent>), StoreError>;

    /// Publishes committed events. What the bus does not accept stays in the outbox.
    async fn publish(&self, events: &[TimelineEvent]);

    /// Reviews the agreements of a bill that was just made equal to Sienge. True when the whole bill must be read once more.
    async fn review(
        &self,
        bill: BillId,
        held: &HeldBill,
        changes: &[Change],
    ) -> Result<bool, FlowError>;

    /// How many installments of a creditor are open. Reads its whole index.
    async fn count_open(&self, creditor: CreditorId) -> Result<u64, StoreError>;

    /// The open installments of a creditor that are due in a window, in no order.
    fn open_installments(
        &self,
        creditor: CreditorId,
        window: Window,
    ) -> BoxStream<'static, Result<OpenEntry, StoreError>>;

    /// Writes critiques for the operator.
    async fn criticise(
        &self,
        creditor: Option<CreditorId>,
        notes: &[CritiqueNote],
    ) -> Result<(), StoreError>;
}

/// Sienge, as a source of bills.
#[async_trait]
pub trait Erp: Send + Sync {
    /// Observes each bill now; a refused bill fails alone.
    async fn observe(&self, reads: &[BillRead]) -> Result<Vec<BillAnswer>, SiengeError>;

    /// A second, independent read, from the source that did not answer the first, where its quota allows.
    async fn confirm(&self, reads: &[BillRead]) -> Result<Vec<BillAnswer>, SiengeError>;

    /// The income rows of a window, in any order; an unreadable row is an inner `Err`. The first outer `Err` ends the answer.
    fn income(
        &self,
        query: &IncomeWindow,
    ) -> BoxStream<'static, Result<Result<ObservedRow, OddRow>, SiengeError>>;

    /// The boletos and rescissions of a window, from the customer extract.
    fn extract(
        &self,
        query: &ExtractHistoryWindow,
    ) -> BoxStream<'static, Result<BillBoletos, SiengeError>>;
}

/// Records of a kind that could not be read, each with its error.
pub type UnreadRecords<I> = BTreeMap<I, SyncOutcome>;

/// The parts of the portfolio that are not installments, as far as bills refer to them.
#[async_trait]
pub trait Records: Send + Sync {
    /// Notes the customers of newly opened contracts before the bills are committed, so that they will be read: after a crash the
    /// next comparison finds the bill equal and would not ask for its customer.
    async fn want_customers(&self, ids: &BTreeSet<CustomerId>) -> Result<(), FlowError>;

    /// Reads the customers of open contracts that the portfolio lacks.
    async fn know_customers(
        &self,
        scope: Scope,
        ids: &BTreeSet<CustomerId>,
    ) -> Result<(), FlowError>;

    /// Reads sales contracts. Returns the bill, if any, of each one read, and those that could not be read.
    async fn sales_contracts(
        &self,
        ids: &BTreeSet<SalesContractId>,
    ) -> (
        BTreeMap<SalesContractId, Option<BillId>>,
        UnreadRecords<SalesContractId>,
    );

    /// Reads those of the customers that the portfolio has.
    async fn customers(&self, ids: &BTreeSet<CustomerId>) -> UnreadRecords<CustomerId>;

    /// Reads units.
    async fn units(&self, ids: &BTreeSet<UnitId>) -> UnreadRecords<UnitId>;
}

/// The clock of an invocation.
pub trait InvocationClock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Time left until the invocation must close.
    fn time_left(&self) -> Duration;
}
