//! Processes stored webhooks, grouped so that each bill is read once, however many webhooks name it.

use std::collections::{BTreeMap, BTreeSet};

use super::{BillSync, FlowError, ReadRequest, Requests, SyncOutcome, UnreadRecords};
use crate::ids::{BillId, CustomerId, SalesContractId, UnitId};
use crate::intake::Hints;
use crate::portfolio::Scope;
use crate::store::{JournalKey, StoredWebhook};

impl BillSync {
    /// Reads everything the webhooks point at, once each, and returns the result of each webhook. A bill is not read for payments and
    /// changes when the portfolio contains a read that began long enough after they arrived (in a flood, each bill's first webhook serves
    /// them all), unless `anew` is set.
    pub async fn process(
        &self,
        webhooks: &[StoredWebhook],
        anew: bool,
    ) -> Result<BTreeMap<JournalKey, Processed>, FlowError> {
        let mut bills = Requests::new();
        let mut contracts = BTreeSet::new();
        let mut customers = BTreeSet::new();
        let mut units = BTreeSet::new();
        for StoredWebhook { webhook, .. } in webhooks {
            let hints = &webhook.hints;
            let mut request = ReadRequest::of(hints, webhook.received_at);
            request.notified_at = request.notified_at.filter(|_| !anew);
            for bill in &hints.bills {
                bills
                    .entry(*bill)
                    .and_modify(|all| all.join(&request))
                    .or_insert_with(|| request.clone());
            }
            contracts.extend(&hints.sales_contracts);
            customers.extend(&hints.customers);
            units.extend(&hints.units);
        }
        // A record that cannot be read fails only the webhooks that name it.
        let (linked, sales_contracts) = self.records.sales_contracts(&contracts).await;
        let unread = UnreadByKind {
            sales_contracts,
            customers: self.records.customers(&customers).await,
            units: self.records.units(&units).await,
        };
        for bill in linked.values().flatten() {
            bills.entry(*bill).or_default().notified_at = None;
        }
        let outcomes = if bills.is_empty() {
            BTreeMap::new()
        } else {
            self.sync_bills(Scope::Webhook, &bills).await?
        };
        let processed = webhooks.iter().map(|stored| {
            let hints = &stored.webhook.hints;
            let bills = bills_of(hints, &linked);
            let synced = unread
                .of(hints)
                .unwrap_or_else(|| outcome_of(hints, &bills, &outcomes));
            let one = Processed {
                synced,
                arrival: stored.arrival.clone(),
                bill: bills.first().copied(),
                unusable: hints.unusable,
            };
            (stored.key.clone(), one)
        });
        Ok(processed.collect())
    }
}

/// The result of one webhook.
pub struct Processed {
    /// Its outcome.
    pub synced: SyncOutcome,
    /// The arrival that was processed.
    pub arrival: Option<String>,
    /// The (first) bill it points at.
    pub bill: Option<BillId>,
    /// How many values in its body are not ids.
    pub unusable: usize,
}

/// The records that could not be read, by kind.
struct UnreadByKind {
    sales_contracts: UnreadRecords<SalesContractId>,
    customers: UnreadRecords<CustomerId>,
    units: UnreadRecords<UnitId>,
}

impl UnreadByKind {
    /// The error of a webhook that names one of them.
    fn of(&self, hints: &Hints) -> Option<SyncOutcome> {
        let contract = hints
            .sales_contracts
            .iter()
            .find_map(|id| self.sales_contracts.get(id));
        let customer = || hints.customers.iter().find_map(|id| self.customers.get(id));
        let unit = || hints.units.iter().find_map(|id| self.units.get(id));
        contract.or_else(customer).or_else(unit).cloned()
    }
}

/// The bills a webhook points at, by themselves or through their sales contracts.
fn bills_of(hints: &Hints, linked: &BTreeMap<SalesContractId, Option<BillId>>) -> BTreeSet<BillId> {
    let through_contracts = hints
        .sales_contracts
        .iter()
        .filter_map(|contract| linked.get(contract).copied().flatten());
    hints
        .bills
        .iter()
        .copied()
        .chain(through_contracts)
        .collect()
}

/// The worst of the bills a webhook points at; a failure is worst, and it is unmatched only if none of its bills is known.
fn outcome_of(
    hints: &Hints,
    bills: &BTreeSet<BillId>,
    outcomes: &BTreeMap<BillId, SyncOutcome>,
) -> SyncOutcome {
    let of_bills: Vec<&SyncOutcome> = bills.iter().filter_map(|bill| outcomes.get(bill)).collect();
    if let Some(failed) = of_bills
        .iter()
        .find(|synced| matches!(synced, SyncOutcome::Failed { .. }))
    {
        return (*failed).clone();
    }
    if of_bills.contains(&&SyncOutcome::Withheld) {
        return SyncOutcome::Withheld;
    }
    let points_at_bills = !hints.bills.is_empty() || !hints.sales_contracts.is_empty();
    if points_at_bills
        && of_bills
            .iter()
            .all(|synced| **synced == SyncOutcome::Unmatched)
    {
        SyncOutcome::Unmatched
    } else {
        SyncOutcome::InSync
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointing_at(bills: &[i64]) -> Hints {
        Hints {
            bills: bills.iter().copied().map(BillId).collect(),
            ..Hints::default()
        }
    }

    #[test]
    fn one_failed_bill_fails_the_webhook_and_no_known_bill_leaves_it_unmatched() {
        let outcomes = BTreeMap::from([
            (BillId(1), SyncOutcome::InSync),
            (BillId(2), SyncOutcome::Unmatched),
            (BillId(3), SyncOutcome::failed(&"x", false)),
        ]);
        let synced = |bills: &[i64]| {
            let hints = pointing_at(bills);
            outcome_of(&hints, &bills_of(&hints, &BTreeMap::new()), &outcomes)
        };
        assert_eq!(synced(&[1, 2]), SyncOutcome::InSync);
        assert_eq!(synced(&[2]), SyncOutcome::Unmatched);
        assert_eq!(synced(&[1, 3]), SyncOutcome::failed(&"x", false));
        assert_eq!(synced(&[]), SyncOutcome::InSync);
    }

    #[test]
    fn a_sales_contract_without_a_bill_is_unmatched() {
        let hints = Hints {
            sales_contracts: BTreeSet::from([SalesContractId(9)]),
            ..Hints::default()
        };
        let bills = bills_of(&hints, &BTreeMap::from([(SalesContractId(9), None)]));
        assert_eq!(
            outcome_of(&hints, &bills, &BTreeMap::new()),
            SyncOutcome::Unmatched
        );
    }
}
