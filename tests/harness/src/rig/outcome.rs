//! What came of it: the portfolio, against Sienge and against what it was.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use ponte::calendar::Timestamp;
use ponte::ids::{BillId, CustomerId};
use ponte::portfolio::{Customer, EventKind, HeldBill, TimelineEvent};
use ponte::store::keys;
use serde_dynamo::aws_sdk_dynamodb_1::from_item;
use serde_json::Value;
use sienge_simulator::world;

use super::Rig;
use crate::database::{at, tenant};
use simulation::compare;

/// The items of the portfolio table, by key.
pub type Portfolio = BTreeMap<(String, String), Value>;

type Item = HashMap<String, AttributeValue>;

impl Rig {
    /// Whether no message, no pending webhook and no unpublished event is left.
    pub async fn nothing_waits(&self) -> bool {
        let (store, now) = (&self.adapters.store, at("2100-01-01T00:00:00Z"));
        self.inbox.is_empty()
            && store
                .unpublished(&tenant(), now, 1_000)
                .await
                .unwrap()
                .is_empty()
            && store
                .pending_between(&tenant(), Timestamp::UNIX_EPOCH, now, 1_000)
                .await
                .unwrap()
                .is_empty()
    }

    /// Everything held, by bill.
    pub async fn held(&self) -> BTreeMap<BillId, HeldBill> {
        let items = self.database.items("portfolio").await;
        let bills: BTreeSet<BillId> = items
            .iter()
            .filter_map(|item| keys::parse_bill_partition(item["pk"].as_s().unwrap()))
            .map(|(_, bill)| bill)
            .collect();
        let bills: Vec<BillId> = bills.into_iter().collect();
        let held = self.adapters.store.load_bills(&tenant(), &bills).await;
        held.into_iter()
            .map(|(bill, held)| (bill, held.unwrap()))
            .collect()
    }

    /// Compares the portfolio with Sienge; returns the differences.
    pub async fn compare_with_sienge(&self) -> Vec<String> {
        self.compare_wanted(|_, _| true).await
    }

    /// As [`Rig::compare_with_sienge`], with only some of the registered creditors' installments wanted.
    pub async fn compare_wanted(
        &self,
        wanted: impl Fn(&world::Bill, &world::Installment) -> bool,
    ) -> Vec<String> {
        let held = self.held().await;
        let ours = |bill: &world::Bill| self.creditors.contains(&i64::from(bill.company));
        self.sienge.with_world(|world| {
            compare::differences(world, &held, |bill, row| ours(bill) && wanted(bill, row))
        })
    }

    /// Fails with the differences, if there are any.
    pub async fn assert_equal(&self) {
        let differences = self.compare_with_sienge().await;
        assert!(
            differences.is_empty(),
            "{} differences:\n{}",
            differences.len(),
            differences.join("\n")
        );
    }

    /// A customer as the portfolio holds it.
    pub async fn customer(&self, id: CustomerId) -> Option<Customer> {
        self.adapters
            .store
            .customers(&tenant(), &[id])
            .await
            .unwrap()
            .remove(&id)
    }

    /// The portfolio table, item by item.
    pub async fn portfolio(&self) -> Portfolio {
        let items = self.database.items("portfolio").await;
        let key = |item: &Item, name: &str| item[name].as_s().unwrap().clone();
        items
            .into_iter()
            .map(|mut item| {
                // JSON has no bytes.
                for value in item.values_mut() {
                    if let AttributeValue::B(bytes) = value {
                        *value = AttributeValue::S(format!("{:?}", bytes.as_ref()));
                    }
                }
                (
                    (key(&item, "pk"), key(&item, "sk")),
                    from_item(item).unwrap(),
                )
            })
            .collect()
    }

    /// Fails unless the portfolio is what it was.
    pub async fn assert_portfolio_is(&self, before: &Portfolio) {
        let after = self.portfolio().await;
        let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        for key in keys {
            assert_eq!(before.get(key), after.get(key), "{key:?} changed");
        }
    }

    /// A bill's timeline.
    pub async fn timeline(&self, bill: u32) -> Vec<TimelineEvent> {
        let bill = BillId(i64::from(bill));
        self.adapters
            .store
            .timeline(&tenant(), bill, 1_000)
            .await
            .unwrap()
    }

    /// The kinds of a bill's events.
    pub async fn told_of(&self, bill: u32) -> Vec<EventKind> {
        self.timeline(bill)
            .await
            .into_iter()
            .map(|event| event.kind)
            .collect()
    }
}
