//! What a synchronisation reaches out to. The store, the client and the session's records implement these for the functions; the
//! simulation implements them in memory, and runs the same code.

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

/// One income row, mapped.
pub type ObservedRow = (BillId, ObservedBill, ObservedInstallment);

/// What a comparison wants to be held from now on.
#[derive(Debug)]
pub struct Commit<'a> {
    /// The bill.
    pub bill: BillId,
    /// The creditor in whose index its installments stand.
    pub creditor: CreditorId,
    /// What was compared; the commit is conditional on its version.
    pub held: &'a HeldBill,
    /// What becomes of it.
    pub outcome: &'a Outcome,
    /// When, and what is known from then on.
    pub stamp: Stamp,
}

/// What is held of one tenant's bills.
#[async_trait]
pub trait Portfolio: Send + Sync {
    /// What is held of bills. Each answers for itself: one that cannot be read does not take the others with it.
    async fn load(&self, bills: &[BillId]) -> Vec<(BillId, Result<HeldBill, StoreError>)>;

    /// The version of a bill: whether what was loaded is held still. Cheaper than loading it.
    async fn version(&self, bill: BillId) -> Result<u64, StoreError>;

    /// Writes an outcome together with its events; answers the bill's version now and the events that were new.
    /// [`StoreError::Conflict`]: the bill is not the one that was compared any more.
    async fn commit(&self, commit: &Commit<'_>) -> Result<(u64, Vec<TimelineEvent>), StoreError>;

    /// Publishes committed events. What is not taken is no loss: it stays in the outbox.
    async fn publish(&self, events: &[TimelineEvent]);

    /// Reviews the agreements of a bill that was just made equal to Sienge. True when the bill must be read whole once more.
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

    /// Writes critiques down for the operator.
    async fn criticise(
        &self,
        creditor: Option<CreditorId>,
        notes: &[CritiqueNote],
    ) -> Result<(), StoreError>;
}

/// What Sienge says of bills.
#[async_trait]
pub trait Erp: Send + Sync {
    /// What it says of each bill now; a bill that it refuses fails alone.
    async fn observe(&self, reads: &[BillRead]) -> Result<Vec<BillAnswer>, SiengeError>;

    /// A second, independent look: at the source that did not answer the first one, where its quota allows.
    async fn confirm(&self, reads: &[BillRead]) -> Result<Vec<BillAnswer>, SiengeError>;

    /// The income rows of a window, in any order; one that cannot be read in full is an `Err` inside. The first outer `Err` ends the answer.
    fn income(
        &self,
        query: &IncomeWindow,
    ) -> BoxStream<'static, Result<Result<ObservedRow, OddRow>, SiengeError>>;

    /// What the customer extract says of boletos and rescissions in a window.
    fn extract(
        &self,
        query: &ExtractHistoryWindow,
    ) -> BoxStream<'static, Result<BillBoletos, SiengeError>>;
}

/// Records of some kind that could not be read, each with its trouble.
pub type UnreadRecords<I> = BTreeMap<I, SyncOutcome>;

/// Everything of the portfolio that is not an installment, as far as bills lead there.
#[async_trait]
pub trait Records: Send + Sync {
    /// Makes sure that the customers of contracts which were opened will be read, before the bills are committed: whoever finds a bill
    /// equal after a crash does not ask for its customer any more.
    async fn want_customers(&self, ids: &BTreeSet<CustomerId>) -> Result<(), FlowError>;

    /// Reads the customers of open contracts that the portfolio does not know yet.
    async fn know_customers(
        &self,
        scope: Scope,
        ids: &BTreeSet<CustomerId>,
    ) -> Result<(), FlowError>;

    /// Reads sales contracts: for each that could be read its bill, if it has one; and those that could not.
    async fn sales_contracts(
        &self,
        ids: &BTreeSet<SalesContractId>,
    ) -> (
        BTreeMap<SalesContractId, Option<BillId>>,
        UnreadRecords<SalesContractId>,
    );

    /// Reads again those of the customers that the portfolio has.
    async fn customers(&self, ids: &BTreeSet<CustomerId>) -> UnreadRecords<CustomerId>;

    /// Reads units.
    async fn units(&self, ids: &BTreeSet<UnitId>) -> UnreadRecords<UnitId>;
}

/// The time of an invocation.
pub trait InvocationClock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Time left before the invocation must be closing.
    fn time_left(&self) -> Duration;
}
