//! Customers with their contacts, sales contracts, enterprises, units and the credit-bureau state: everything of the portfolio
//! that is not an installment. A record is written only when its content changed.

mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use async_trait::async_trait;
use futures::StreamExt;

use super::all_records::{AllRecords, ROWS_IN_A_STEP};
use super::run_ports::RunRecords;
use super::{FlowError, SyncOutcome};
use crate::calendar::Date;
use crate::ids::{
    BillId, CreditorId, CustomerId, EnterpriseId, InstallmentId, SalesContractId, TenantId, UnitId,
};
use crate::portfolio::{CreditBureauRecord, Customer, Enterprise, Scope};
use crate::sienge::{self, Client, CustomerFilter, Rows, SalesContractFilter, SiengeError};
use crate::store::{CatalogueItem, Store};
use crate::sync::{Records, RunningReport, UnreadRecords};
use rows::{to_customer, to_sales_contract, to_unit};

/// For this few enterprises it does not pay to ask how many units there are.
const FEW_ENTERPRISES: usize = 3;
/// Records per write.
const BATCH: usize = 200;
/// Most customers and units that a daily load reads one by one; the others wait for the next load, or for the reconciliation.
const ONE_BY_ONE: usize = 300;
/// After this many unreadable records in a row the cause is Sienge, not the record.
const TROUBLES_IN_A_ROW: usize = 3;

/// The part of one tenant's portfolio that is not installments.
pub(super) struct SessionRecords {
    pub(super) tenant: TenantId,
    pub(super) store: Store,
    pub(super) sienge: Client,
    /// Whether nothing is written.
    pub(super) dry_run: bool,
    pub(super) report: RunningReport,
}

/// What a list of sales contracts refers to.
#[derive(Default)]
struct ContractList {
    /// Bills of cancelled contracts.
    cancelled: BTreeSet<BillId>,
    /// Units that these free.
    freed: BTreeSet<UnitId>,
    /// Main units of all contracts.
    units: BTreeSet<(EnterpriseId, UnitId)>,
}

/// Counts consecutive failures among records read one by one. A single failure must not stop a run that has payments to find.
#[derive(Default)]
struct FailureStreak(usize);

impl FailureStreak {
    /// Whether to go on; an error that affects everything else too is returned.
    fn should_continue(
        &mut self,
        tenant: &TenantId,
        what: &str,
        read: Result<(), FlowError>,
    ) -> Result<bool, FlowError> {
        match read {
            Ok(()) => self.0 = 0,
            Err(FlowError::Sienge(error))
                if !error.stops_every_call() && !matches!(error, SiengeError::Deadline { .. }) =>
            {
                tracing::warn!(%tenant, record = what, %error, "a record could not be read; the next daily load or reconciliation will read it");
                self.0 += 1;
            }
            Err(error) => return Err(error),
        }
        Ok(self.0 < TROUBLES_IN_A_ROW)
    }
}

#[async_trait]
impl RunRecords for SessionRecords {
    async fn changed_since(
        &self,
        creditor: CreditorId,
        since: Date,
    ) -> Result<BTreeSet<BillId>, FlowError> {
        self.read_enterprises(creditor).await?;
        let customers = self.sienge.customers(&CustomerFilter {
            modified_after: Some(since),
            ..CustomerFilter::default()
        });
        self.update_known_customers(customers).await?;
        let changed = SalesContractFilter {
            company: Some(creditor),
            modified_after: Some(since),
            ..SalesContractFilter::default()
        };
        let list = self.read_contract_list(changed).await?;
        let held = self.store.held_units(&self.tenant, &list.units).await?;
        let new = list
            .units
            .iter()
            .map(|(_, unit)| *unit)
            .filter(|unit| !held.contains(unit));
        let units: BTreeSet<UnitId> = list.freed.iter().copied().chain(new).collect();
        let mut streak = FailureStreak::default();
        for unit in units.into_iter().take(ONE_BY_ONE) {
            let read = self.read_unit(unit).await;
            if !streak.should_continue(&self.tenant, "unit", read)? {
                break;
            }
        }
        // Customers that could not be read when their contract was opened.
        let unread = self.store.unread_customers(&self.tenant).await?;
        let mut streak = FailureStreak::default();
        for customer in unread.into_iter().take(ONE_BY_ONE) {
            let read = self.read_customers(&[customer]).await;
            if !streak.should_continue(&self.tenant, "customer", read)? {
                break;
            }
        }
        Ok(list.cancelled)
    }

    /// One step of reading all records of a creditor; returns the next one. A list may change while it is read: a
    /// deleted record may hide another one until the next reconciliation.
    async fn all(&self, creditor: CreditorId, step: AllRecords) -> Result<AllRecords, FlowError> {
        let listed = match step {
            AllRecords::Enterprises => {
                let enterprises = self.read_enterprises(creditor).await?;
                self.read_all_units(&enterprises).await?;
                enterprises.len()
            }
            AllRecords::SalesContracts(skip) => {
                let of_creditor = SalesContractFilter {
                    company: Some(creditor),
                    skip,
                    ..SalesContractFilter::default()
                };
                let rows = self
                    .sienge
                    .sales_contracts(&of_creditor)
                    .take(ROWS_IN_A_STEP)
                    .boxed();
                self.keep(rows, to_sales_contract).await?
            }
            AllRecords::Customers(skip) => {
                let all = CustomerFilter {
                    skip,
                    ..CustomerFilter::default()
                };
                let rows = self.sienge.customers(&all).take(ROWS_IN_A_STEP).boxed();
                self.update_known_customers(rows).await?
            }
            AllRecords::Done => 0,
        };
        Ok(step.after(listed))
    }

    /// SPC state of the creditor's late installments, which no webhook and no other resource contains.
    async fn credit_bureau(&self, creditor: CreditorId) -> Result<(), FlowError> {
        let mut sent: BTreeMap<BillId, BTreeSet<InstallmentId>> = BTreeMap::new();
        let mut rows = self.sienge.defaulters(creditor, None);
        while let Some(row) = rows.next().await {
            let row = row?;
            let Some(bill) = row.receivable_bill_id.map(BillId) else {
                continue;
            };
            let marked = row
                .defaulter_installments
                .iter()
                .filter(|late| late.sent_to_spc_serasa == Some(true));
            sent.entry(bill).or_default().extend(
                marked
                    .filter_map(|late| late.installment_id)
                    .map(InstallmentId),
            );
        }
        let records: Vec<CreditBureauRecord> = sent
            .into_iter()
            .map(|(bill, installments)| CreditBureauRecord { bill, installments })
            .collect();
        let bills: Vec<BillId> = records.iter().map(|record| record.bill).collect();
        let held = self.store.credit_bureau(&self.tenant, &bills).await?;
        // A bill that was never sent needs no record.
        let worth: Vec<CreditBureauRecord> = records
            .into_iter()
            .filter(|record| !record.installments.is_empty() || held.contains_key(&record.bill))
            .collect();
        self.write(&worth).await
    }
}

/// Records that webhooks name, read one by one. An error that affects them all, or several failures in a row that are not refusals, leaves the
/// others unread, too.
struct NamedRecords<'a, I> {
    tenant: &'a TenantId,
    what: &'a str,
    /// The records that could not be read.
    unread: UnreadRecords<I>,
    troubles: usize,
    /// Why the rest is not tried.
    stopped: Option<FlowError>,
}

impl<'a, I: Copy + Ord + Display> NamedRecords<'a, I> {
    fn new(tenant: &'a TenantId, what: &'a str) -> Self {
        Self {
            tenant,
            what,
            unread: UnreadRecords::new(),
            troubles: 0,
            stopped: None,
        }
    }

    /// Whether to read one.
    fn wants(&mut self, id: I) -> bool {
        if let Some(error) = &self.stopped {
            self.unread.extend(unread(self.what, [id], error));
        }
        self.stopped.is_none()
    }

    /// Notes the result for one; returns what was read.
    fn note<T>(&mut self, id: I, read: Result<T, FlowError>) -> Option<T> {
        let error = match read {
            Ok(read) => {
                self.troubles = 0;
                return Some(read);
            }
            Err(error) => error,
        };
        tracing::error!(tenant = %self.tenant, record = self.what, %id, %error, "a record that webhooks name could not be read");
        let is_of_one = matches!(&error, FlowError::Sienge(error) if error.may_be_of_one());
        self.troubles += usize::from(!error.is_lasting());
        self.unread.extend(unread(self.what, [id], &error));
        if !is_of_one || self.troubles >= TROUBLES_IN_A_ROW {
            self.stopped = Some(error);
        }
        None
    }
}

#[async_trait]
impl Records for SessionRecords {
    async fn want_customers(&self, ids: &BTreeSet<CustomerId>) -> Result<(), FlowError> {
        if !self.dry_run {
            let new: Vec<CustomerId> = ids.iter().copied().collect();
            self.store.note_unread_customers(&self.tenant, &new).await?;
        }
        Ok(())
    }

    /// Ensures that the customers of new contracts are in the portfolio. Webhooks and imports open few contracts and read each
    /// customer; a reconciliation opens many and reads all customers in pages at its end, so it only notes them.
    async fn know_customers(
        &self,
        scope: Scope,
        ids: &BTreeSet<CustomerId>,
    ) -> Result<(), FlowError> {
        if self.dry_run {
            return Ok(());
        }
        let wanted: Vec<CustomerId> = ids.iter().copied().collect();
        let known = self.store.customers(&self.tenant, &wanted).await?;
        let unknown: Vec<CustomerId> = wanted
            .into_iter()
            .filter(|id| {
                known
                    .get(id)
                    .is_none_or(|held| *held == Customer::unread(*id) || held.erased_on.is_some())
            })
            .collect();
        // An erased customer with something to collect is read again.
        let new: Vec<CustomerId> = unknown
            .iter()
            .copied()
            .filter(|id| known.get(id).is_none_or(|held| held.erased_on.is_some()))
            .collect();
        self.store.note_unread_customers(&self.tenant, &new).await?;
        if !scope.reconciles() {
            self.read_customers(&unknown).await?;
        }
        Ok(())
    }

    async fn sales_contracts(
        &self,
        ids: &BTreeSet<SalesContractId>,
    ) -> (
        BTreeMap<SalesContractId, Option<BillId>>,
        UnreadRecords<SalesContractId>,
    ) {
        let mut bills = BTreeMap::new();
        let mut named = NamedRecords::new(&self.tenant, "contrato de venda");
        for id in ids {
            if named.wants(*id) {
                let read = self.read_sales_contract(*id).await;
                bills.extend(named.note(*id, read).map(|bill| (*id, bill)));
            }
        }
        (bills, named.unread)
    }

    async fn customers(&self, ids: &BTreeSet<CustomerId>) -> UnreadRecords<CustomerId> {
        let wanted: Vec<CustomerId> = ids.iter().copied().collect();
        let held = match self.store.customers(&self.tenant, &wanted).await {
            Ok(held) => held.into_values(),
            Err(error) => return unread("cliente", ids.iter().copied(), &error.into()),
        };
        let known: Vec<CustomerId> = held
            .filter(|held| held.erased_on.is_none())
            .map(|held| held.id)
            .collect();
        let mut named = NamedRecords::new(&self.tenant, "cliente");
        for id in known {
            if named.wants(id) {
                named.note(id, self.read_customers(&[id]).await);
            }
        }
        named.unread
    }

    async fn units(&self, ids: &BTreeSet<UnitId>) -> UnreadRecords<UnitId> {
        let mut named = NamedRecords::new(&self.tenant, "unidade");
        for id in ids {
            if named.wants(*id) {
                named.note(*id, self.read_unit(*id).await);
            }
        }
        named.unread
    }
}

impl SessionRecords {
    async fn read_customers(&self, ids: &[CustomerId]) -> Result<(), FlowError> {
        for id in ids {
            // A customer that cannot be read yet (Sienge announces some too early) stays noted.
            if let Some(customer) = self.sienge.customer(*id).await?
                && let Some(customer) = to_customer(&customer)
            {
                self.write(&[customer]).await?;
            }
        }
        Ok(())
    }

    async fn read_unit(&self, id: UnitId) -> Result<(), FlowError> {
        match self.sienge.unit(id).await?.as_ref().and_then(to_unit) {
            Some(unit) => self.write(&[unit]).await,
            None => Ok(()),
        }
    }

    async fn read_sales_contract(&self, id: SalesContractId) -> Result<Option<BillId>, FlowError> {
        let contract = self.sienge.sales_contract(id).await?;
        let Some(contract) = contract.as_ref().and_then(to_sales_contract) else {
            return Ok(None);
        };
        let bill = contract.bill;
        // A rescission frees the unit, and Sienge sends no event for that.
        let freed = contract.unit.filter(|_| contract.cancelled_on.is_some());
        self.write(&[contract]).await?;
        if let Some(unit) = freed {
            self.read_unit(unit).await?;
        }
        Ok(Some(bill))
    }

    /// The units of the creditor's enterprises: from the list of all units where that takes fewer calls than one list per enterprise.
    async fn read_all_units(&self, enterprises: &[EnterpriseId]) -> Result<(), FlowError> {
        if enterprises.len() > FEW_ENTERPRISES
            && let Some(calls) = self.sienge.calls_for_all_units().await?
            && calls < enterprises.len()
        {
            let ours: BTreeSet<EnterpriseId> = enterprises.iter().copied().collect();
            let to_our_unit =
                |row: &sienge::Unit| to_unit(row).filter(|unit| ours.contains(&unit.enterprise));
            self.keep(self.sienge.units(None), to_our_unit).await?;
            return Ok(());
        }
        for enterprise in enterprises {
            self.keep(self.sienge.units(Some(*enterprise)), to_unit)
                .await?;
        }
        Ok(())
    }

    async fn read_enterprises(&self, creditor: CreditorId) -> Result<Vec<EnterpriseId>, FlowError> {
        let mut ids = Vec::new();
        let to_enterprise = |enterprise: &sienge::Enterprise| {
            let id = EnterpriseId(enterprise.id?);
            ids.push(id);
            Some(Enterprise {
                id,
                name: enterprise.name.clone().unwrap_or_default(),
                company: enterprise.company_id.map(CreditorId),
            })
        };
        self.keep(self.sienge.enterprises(Some(creditor)), to_enterprise)
            .await?;
        Ok(ids)
    }

    async fn read_contract_list(
        &self,
        filter: SalesContractFilter,
    ) -> Result<ContractList, FlowError> {
        let mut list = ContractList::default();
        let rows = self.sienge.sales_contracts(&filter);
        let to_record = |contract: &sienge::SalesContract| {
            let record = to_sales_contract(contract)?;
            list.units.extend(record.enterprise.zip(record.unit));
            if contract.is_cancelled() {
                list.cancelled.insert(record.bill);
                list.freed.extend(record.unit);
            }
            Some(record)
        };
        self.keep(rows, to_record).await?;
        Ok(list)
    }

    /// Keeps only the listed customers of our contracts. Returns how many were listed.
    async fn update_known_customers(
        &self,
        mut rows: Rows<sienge::Customer>,
    ) -> Result<usize, FlowError> {
        let mut batch = Vec::with_capacity(BATCH);
        let mut listed = 0;
        loop {
            let row = rows.next().await.transpose()?;
            let ended = row.is_none();
            listed += usize::from(!ended);
            batch.extend(row.as_ref().and_then(to_customer));
            if batch.len() >= BATCH || ended {
                let ids: Vec<CustomerId> = batch
                    .iter()
                    .map(|customer: &Customer| customer.id)
                    .collect();
                let known = self.store.customers(&self.tenant, &ids).await?;
                batch.retain(|customer| known.contains_key(&customer.id));
                self.write(&batch).await?;
                batch.clear();
            }
            if ended {
                return Ok(listed);
            }
        }
    }

    /// Stores the records of the rows; returns how many rows there were.
    async fn keep<T, R: CatalogueItem>(
        &self,
        mut rows: Rows<T>,
        mut map: impl FnMut(&T) -> Option<R>,
    ) -> Result<usize, FlowError> {
        let mut batch = Vec::with_capacity(BATCH);
        let mut listed = 0;
        while let Some(row) = rows.next().await {
            let row: T = row.map_err(|error: SiengeError| error)?;
            listed += 1;
            batch.extend(map(&row));
            if batch.len() >= BATCH {
                self.write(&batch).await?;
                batch.clear();
            }
        }
        self.write(&batch).await?;
        Ok(listed)
    }

    async fn write<R: CatalogueItem>(&self, records: &[R]) -> Result<(), FlowError> {
        if !self.dry_run && !records.is_empty() {
            let changed = self.store.put_if_changed(&self.tenant, records).await?;
            self.report
                .with(|report| report.records_changed += changed as u64);
        }
        Ok(())
    }
}

/// The same error for several records of a kind.
fn unread<I: Copy + Ord + Display>(
    what: &str,
    ids: impl IntoIterator<Item = I>,
    error: &FlowError,
) -> BTreeMap<I, SyncOutcome> {
    let synced = |id| SyncOutcome::failed(&format!("{what} {id}: {error}"), error.is_lasting());
    ids.into_iter().map(|id| (id, synced(id))).collect()
}
