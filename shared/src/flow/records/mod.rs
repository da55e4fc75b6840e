//! Customers with their contacts, sales contracts, enterprises, units and the credit-bureau state: everything of the portfolio
//! that is not an installment. Records are written only when their content changed.

mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use futures::StreamExt;
use serde::{Deserialize, Serialize};

use super::{FlowError, Report, Session, SyncOutcome};
use crate::calendar::Date;
use crate::ids::{
    BillId, CreditorId, CustomerId, EnterpriseId, InstallmentId, SalesContractId, TenantId, UnitId,
};
use crate::portfolio::{CreditBureauRecord, Customer, Enterprise, Scope};
use crate::sienge::{self, CustomerFilter, Rows, SalesContractFilter, SiengeError};
use rows::{to_customer, to_sales_contract, to_unit};

/// For so few enterprises it does not pay to ask how many units there are.
const FEW_ENTERPRISES: usize = 3;
/// Records written in one go.
const BATCH: usize = 200;
/// Customers and units that a daily load reads one by one at most; the others wait for the next one, or for the reconciliation.
const ONE_BY_ONE: usize = 300;
/// After so many in a row that can't be read, Sienge is the trouble and not the record.
const TROUBLES_IN_A_ROW: usize = 3;

/// Rows of a list read in one step: ten pages.
const ROWS_IN_A_STEP: usize = 2_000;

/// Where the reading of all records of a creditor stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum AllRecords {
    /// Enterprises and their units are to be read.
    #[default]
    Enterprises,
    /// Sales contracts, after so many that were read.
    SalesContracts(usize),
    /// Customers, after so many that were read.
    Customers(usize),
    /// All are read.
    Done,
}

impl AllRecords {
    /// The next step, after one that listed so many rows.
    const fn after(self, listed: usize) -> Self {
        match self {
            Self::Enterprises => Self::SalesContracts(0),
            Self::SalesContracts(skip) if listed == ROWS_IN_A_STEP => {
                Self::SalesContracts(skip + listed)
            }
            Self::SalesContracts(_) => Self::Customers(0),
            Self::Customers(skip) if listed == ROWS_IN_A_STEP => Self::Customers(skip + listed),
            Self::Customers(_) | Self::Done => Self::Done,
        }
    }

    /// Steps to do still, if each list is a short one.
    pub(super) const fn steps_left(self) -> u32 {
        match self {
            Self::Enterprises => 3,
            Self::SalesContracts(_) => 2,
            Self::Customers(_) => 1,
            Self::Done => 0,
        }
    }
}

/// What a list of sales contracts named.
#[derive(Default)]
struct ContractList {
    /// Bills of cancelled contracts.
    cancelled: BTreeSet<BillId>,
    /// Units that those set free.
    freed: BTreeSet<UnitId>,
    /// Main units of all contracts.
    units: BTreeSet<(EnterpriseId, UnitId)>,
}

/// Counts what could not be read among records read one by one. One of them must not stop a run that has payments to find.
#[derive(Default)]
struct FailureStreak(usize);

impl FailureStreak {
    /// Whether to go on; an error that concerns everything else too is handed on.
    fn should_continue(
        &mut self,
        tenant: &TenantId,
        what: &str,
        read: Result<(), FlowError>,
    ) -> Result<bool, FlowError> {
        match read {
            Ok(()) => self.0 = 0,
            Err(FlowError::Sienge(error))
                if !error.is_quota() && !matches!(error, SiengeError::Deadline { .. }) =>
            {
                tracing::warn!(%tenant, record = what, %error, "a record could not be read; the next daily load or reconciliation reads it");
                self.0 += 1;
            }
            Err(error) => return Err(error),
        }
        Ok(self.0 < TROUBLES_IN_A_ROW)
    }
}

impl Session {
    /// Makes sure that the customers of new contracts are in the portfolio. Webhooks and imports open few contracts and read each
    /// customer; a reconciliation opens many, and reads all customers in pages at its end, so it only notes that they are wanted.
    pub(super) async fn know_customers(
        &self,
        scope: Scope,
        ids: &BTreeSet<CustomerId>,
        report: &mut Report,
    ) -> Result<(), FlowError> {
        if ids.is_empty() || self.dry_run {
            return Ok(());
        }
        let wanted: Vec<CustomerId> = ids.iter().copied().collect();
        let known = self.adapters.store.customers(&self.tenant, &wanted).await?;
        let unknown: Vec<CustomerId> = wanted
            .into_iter()
            .filter(|id| {
                known
                    .get(id)
                    .is_none_or(|held| *held == Customer::unread(*id) || held.erased_on.is_some())
            })
            .collect();
        // An erased customer with something to collect again is known again.
        let new: Vec<CustomerId> = unknown
            .iter()
            .copied()
            .filter(|id| known.get(id).is_none_or(|held| held.erased_on.is_some()))
            .collect();
        self.adapters
            .store
            .note_unread_customers(&self.tenant, &new)
            .await?;
        if !scope.reconciles() {
            self.read_customers(&unknown, report).await?;
        }
        Ok(())
    }

    /// Reads again those of the customers that the portfolio has; answers those that could not be read.
    pub(super) async fn refresh_customers(
        &self,
        ids: &BTreeSet<CustomerId>,
        report: &mut Report,
    ) -> BTreeMap<CustomerId, SyncOutcome> {
        let wanted: Vec<CustomerId> = ids.iter().copied().collect();
        let held = match self.adapters.store.customers(&self.tenant, &wanted).await {
            Ok(held) => held.into_values(),
            Err(error) => return unread("cliente", ids.iter().copied(), &error.into()),
        };
        let known = held
            .filter(|held| held.erased_on.is_none())
            .map(|held| held.id);
        self.read_each("cliente", known, async |id| {
            self.read_customers(&[id], report).await
        })
        .await
    }

    async fn read_customers(
        &self,
        ids: &[CustomerId],
        report: &mut Report,
    ) -> Result<(), FlowError> {
        for id in ids {
            // A customer that can't be read yet (Sienge announces some before they are readable) stays wanted.
            if let Some(customer) = self.sienge.customer(*id).await?
                && let Some(customer) = to_customer(&customer)
            {
                self.write(&[customer], report).await?;
            }
        }
        Ok(())
    }

    /// Reads units that a webhook named; answers those that could not be read.
    pub(super) async fn refresh_units(
        &self,
        ids: &BTreeSet<UnitId>,
        report: &mut Report,
    ) -> BTreeMap<UnitId, SyncOutcome> {
        let ids = ids.iter().copied();
        self.read_each("unidade", ids, async |id| self.read_unit(id, report).await)
            .await
    }

    async fn read_unit(&self, id: UnitId, report: &mut Report) -> Result<(), FlowError> {
        match self.sienge.unit(id).await?.as_ref().and_then(to_unit) {
            Some(unit) => self.write(&[unit], report).await,
            None => Ok(()),
        }
    }

    /// Reads sales contracts that a webhook named: for each that could be read, its bill; and those that could not.
    pub(super) async fn read_sales_contracts(
        &self,
        ids: &BTreeSet<SalesContractId>,
        report: &mut Report,
    ) -> (
        BTreeMap<SalesContractId, Option<BillId>>,
        BTreeMap<SalesContractId, SyncOutcome>,
    ) {
        let mut bills = BTreeMap::new();
        let ids = ids.iter().copied();
        let read = async |id| {
            let bill = self.read_sales_contract(id, report).await?;
            bills.insert(id, bill);
            Ok(())
        };
        let unread = self.read_each("contrato de venda", ids, read).await;
        (bills, unread)
    }

    async fn read_sales_contract(
        &self,
        id: SalesContractId,
        report: &mut Report,
    ) -> Result<Option<BillId>, FlowError> {
        let contract = self.sienge.sales_contract(id).await?;
        let Some(contract) = contract.as_ref().and_then(to_sales_contract) else {
            return Ok(None);
        };
        let bill = contract.bill;
        // A rescission sets the unit free, which Sienge announces no further.
        let freed = contract.unit.filter(|_| contract.cancelled_on.is_some());
        self.write(&[contract], report).await?;
        if let Some(unit) = freed {
            self.read_unit(unit, report).await?;
        }
        Ok(Some(bill))
    }

    /// Reads records one by one; answers those that could not be read. What concerns them all, and troubles in a row that are no refusals,
    /// leave the others unread too.
    async fn read_each<I: Copy + Ord + Display>(
        &self,
        what: &str,
        ids: impl IntoIterator<Item = I>,
        mut read: impl AsyncFnMut(I) -> Result<(), FlowError>,
    ) -> BTreeMap<I, SyncOutcome> {
        let mut failed = BTreeMap::new();
        let mut troubles = 0;
        let mut ids = ids.into_iter();
        while let Some(id) = ids.next() {
            let Err(error) = read(id).await else {
                troubles = 0;
                continue;
            };
            tracing::error!(tenant = %self.tenant, record = what, id = %id, %error, "a record that webhooks name could not be read");
            let is_of_one = matches!(&error, FlowError::Sienge(error) if error.may_be_of_one());
            troubles += usize::from(!error.is_lasting());
            let go_on = is_of_one && troubles < TROUBLES_IN_A_ROW;
            failed.extend(unread(what, [id], &error));
            if !go_on {
                failed.extend(unread(what, ids.by_ref(), &error));
            }
        }
        failed
    }

    /// What changed since a day. Returns the bills of the contracts that were cancelled.
    pub(super) async fn read_changed_records(
        &self,
        creditor: CreditorId,
        since: Date,
        report: &mut Report,
    ) -> Result<BTreeSet<BillId>, FlowError> {
        self.read_enterprises(creditor, report).await?;
        let customers = self.sienge.customers(&CustomerFilter {
            modified_after: Some(since),
            ..CustomerFilter::default()
        });
        self.update_known_customers(customers, report).await?;
        let changed = SalesContractFilter {
            company: Some(creditor),
            modified_after: Some(since),
            ..SalesContractFilter::default()
        };
        let list = self.read_contract_list(changed, report).await?;
        let held = self
            .adapters
            .store
            .held_units(&self.tenant, &list.units)
            .await?;
        let new = list
            .units
            .iter()
            .map(|(_, unit)| *unit)
            .filter(|unit| !held.contains(unit));
        let units: BTreeSet<UnitId> = list.freed.iter().copied().chain(new).collect();
        let mut streak = FailureStreak::default();
        for unit in units.into_iter().take(ONE_BY_ONE) {
            let read = self.read_unit(unit, report).await;
            if !streak.should_continue(&self.tenant, "unit", read)? {
                break;
            }
        }
        // Customers that could not be read when their contract was opened.
        let unread = self.adapters.store.unread_customers(&self.tenant).await?;
        let mut streak = FailureStreak::default();
        for customer in unread.into_iter().take(ONE_BY_ONE) {
            let read = self.read_customers(&[customer], report).await;
            if !streak.should_continue(&self.tenant, "customer", read)? {
                break;
            }
        }
        Ok(list.cancelled)
    }

    /// One step of reading everything of a creditor, as a reconciliation does; answers the next one. A list changes while it is read: a
    /// record that was deleted meanwhile may hide another one until the next reconciliation.
    pub(super) async fn read_all_records(
        &self,
        creditor: CreditorId,
        step: AllRecords,
        report: &mut Report,
    ) -> Result<AllRecords, FlowError> {
        let listed = match step {
            AllRecords::Enterprises => {
                let enterprises = self.read_enterprises(creditor, report).await?;
                self.read_all_units(&enterprises, report).await?;
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
                self.keep(rows, to_sales_contract, report).await?
            }
            AllRecords::Customers(skip) => {
                let all = CustomerFilter {
                    skip,
                    ..CustomerFilter::default()
                };
                let rows = self.sienge.customers(&all).take(ROWS_IN_A_STEP).boxed();
                self.update_known_customers(rows, report).await?
            }
            AllRecords::Done => 0,
        };
        Ok(step.after(listed))
    }

    /// The units of the creditor's enterprises: from the list of all units where that takes fewer calls than asking for each enterprise's.
    async fn read_all_units(
        &self,
        enterprises: &[EnterpriseId],
        report: &mut Report,
    ) -> Result<(), FlowError> {
        if enterprises.len() > FEW_ENTERPRISES
            && let Some(calls) = self.sienge.calls_for_all_units().await?
            && calls < enterprises.len()
        {
            let ours: BTreeSet<EnterpriseId> = enterprises.iter().copied().collect();
            let to_our_unit =
                |row: &sienge::Unit| to_unit(row).filter(|unit| ours.contains(&unit.enterprise));
            self.keep(self.sienge.units(None), to_our_unit, report)
                .await?;
            return Ok(());
        }
        for enterprise in enterprises {
            self.keep(self.sienge.units(Some(*enterprise)), to_unit, report)
                .await?;
        }
        Ok(())
    }

    /// SPC state of the creditor's late installments; neither its webhooks nor its other resources tell it.
    pub(super) async fn read_credit_bureau(
        &self,
        creditor: CreditorId,
        report: &mut Report,
    ) -> Result<(), FlowError> {
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
        let told: Vec<CreditBureauRecord> = sent
            .into_iter()
            .map(|(bill, installments)| CreditBureauRecord { bill, installments })
            .collect();
        let bills: Vec<BillId> = told.iter().map(|record| record.bill).collect();
        let held = self
            .adapters
            .store
            .credit_bureau(&self.tenant, &bills)
            .await?;
        // A bill that was never sent needs no record saying so.
        let worth: Vec<CreditBureauRecord> = told
            .into_iter()
            .filter(|record| !record.installments.is_empty() || held.contains_key(&record.bill))
            .collect();
        self.write(&worth, report).await
    }

    async fn read_enterprises(
        &self,
        creditor: CreditorId,
        report: &mut Report,
    ) -> Result<Vec<EnterpriseId>, FlowError> {
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
        self.keep(
            self.sienge.enterprises(Some(creditor)),
            to_enterprise,
            report,
        )
        .await?;
        Ok(ids)
    }

    async fn read_contract_list(
        &self,
        filter: SalesContractFilter,
        report: &mut Report,
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
        self.keep(rows, to_record, report).await?;
        Ok(list)
    }

    /// Of all the customers listed, only those of our contracts are kept. Answers how many were listed.
    async fn update_known_customers(
        &self,
        mut rows: Rows<sienge::Customer>,
        report: &mut Report,
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
                let known = self.adapters.store.customers(&self.tenant, &ids).await?;
                batch.retain(|customer| known.contains_key(&customer.id));
                self.write(&batch, report).await?;
                batch.clear();
            }
            if ended {
                return Ok(listed);
            }
        }
    }

    /// Keeps the records of rows; answers how many rows there were.
    async fn keep<T, R: crate::store::CatalogueItem>(
        &self,
        mut rows: Rows<T>,
        mut map: impl FnMut(&T) -> Option<R>,
        report: &mut Report,
    ) -> Result<usize, FlowError> {
        let mut batch = Vec::with_capacity(BATCH);
        let mut listed = 0;
        while let Some(row) = rows.next().await {
            let row: T = row.map_err(|error: SiengeError| error)?;
            listed += 1;
            batch.extend(map(&row));
            if batch.len() >= BATCH {
                self.write(&batch, report).await?;
                batch.clear();
            }
        }
        self.write(&batch, report).await?;
        Ok(listed)
    }

    async fn write<R: crate::store::CatalogueItem>(
        &self,
        records: &[R],
        report: &mut Report,
    ) -> Result<(), FlowError> {
        if !self.dry_run && !records.is_empty() {
            report.records_changed += self
                .adapters
                .store
                .put_if_changed(&self.tenant, records)
                .await? as u64;
        }
        Ok(())
    }
}

/// The same trouble for records of a kind.
fn unread<I: Copy + Ord + Display>(
    what: &str,
    ids: impl IntoIterator<Item = I>,
    error: &FlowError,
) -> BTreeMap<I, SyncOutcome> {
    let synced = |id| SyncOutcome::failed(&format!("{what} {id}: {error}"), error.is_lasting());
    ids.into_iter().map(|id| (id, synced(id))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_goes_on_until_a_step_finds_it_shorter_than_itself() {
        let steps = [0, ROWS_IN_A_STEP, ROWS_IN_A_STEP, 0, ROWS_IN_A_STEP, 1];
        let mut taken = vec![AllRecords::default()];
        for listed in steps {
            taken.push(taken[taken.len() - 1].after(listed));
        }
        let expected = [
            AllRecords::Enterprises,
            AllRecords::SalesContracts(0),
            AllRecords::SalesContracts(2_000),
            AllRecords::SalesContracts(4_000),
            AllRecords::Customers(0),
            AllRecords::Customers(2_000),
            AllRecords::Done,
        ];
        assert_eq!(taken, expected);
    }
}
