//! Nobody waits for another tenant: neither for what it has left undone, however much, nor for its Sienge, which does not answer.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use harness::Rig;
use harness::database::{at, tenant};
use harness::fakes::BusMood;
use harness::rig::{PLENTY, delivery};
use harness::tenants::counting_silent_sienge;
use ponte::agreement::StateName;
use ponte::calendar::Timestamp;
use ponte::flow::{Adapters, SweepLimits, sweep};
use ponte::ids::{AgreementId, BillId, TenantId};
use ponte::settings::Package;
use ponte::sienge::Timeouts;
use ponte::store::{Finish, WebhookState, keys};
use serde_json::json;
use tokio::time::Instant;
use webhook::Delivery;

use crate::tenants::{agree, good_sienge, neighbour, state, tenant_in};

/// So many of each list, where the neighbour has more and the other tenant one, which is younger.
const LIMIT: usize = 5;
const MANY: usize = 12;
const LIMITS: SweepLimits = SweepLimits {
    webhooks: LIMIT,
    events: LIMIT,
    unmatched: LIMIT,
    agreements: LIMIT,
};

/// Webhooks of the neighbour, and then one of the tenant, whose messages are lost.
async fn tell_many(rig: &Rig) {
    for tenant in [vec!["616"; MANY], vec!["617"]].concat() {
        let answer = rig.deliver(|delivery| Delivery {
            tenant: Some(tenant),
            ..delivery
        });
        assert_eq!(answer.await.status(), 200);
    }
    rig.inbox.take();
}

async fn unmatched(rig: &Rig, tenant: &TenantId) -> usize {
    let store = &rig.adapters.store;
    store.unmatched(tenant, 100).await.unwrap().len()
}

async fn unpublished(rig: &Rig, tenant: &TenantId) -> usize {
    let (store, now) = (&rig.adapters.store, (rig.adapters.clock)());
    store.unpublished(tenant, now, 1_000).await.unwrap().len()
}

async fn due(rig: &Rig, tenant: &TenantId) -> usize {
    let (store, now) = (&rig.adapters.store, (rig.adapters.clock)());
    let due = store.due_agreements(tenant, now, 10_000).await;
    due.unwrap().len()
}

/// Agreements of the neighbour that are due and that nobody can read.
async fn add_due(rig: &Rig, count: usize) {
    let due = keys::due_agreements(&neighbour());
    for number in 0..count {
        let id = AgreementId::parse(&format!("estragado-{number}")).unwrap();
        let keys::ItemKey { pk, sk } = keys::agreement(&neighbour(), &id);
        let at = keys::instant(at("2026-01-01T00:00:00Z"));
        let item = [
            ("pk", pk),
            ("sk", sk),
            ("outbox_shard", due.clone()),
            ("outbox_at", at),
        ];
        let put = rig.database.raw().put_item().table_name("portfolio");
        let put = item.into_iter().fold(put, |put, (name, value)| {
            put.item(name, AttributeValue::S(value))
        });
        put.send().await.unwrap();
    }
}

#[tokio::test]
async fn lists_longer_than_a_sweep_takes_hide_nothing_of_another_tenants() {
    let rig = Rig::filled().await;
    rig.add_tenant(&neighbour(), &good_sienge(&rig), Package::Ultimate)
        .await;
    agree(&rig, &tenant()).await;
    // Webhooks that matched nothing, and are past their days when the agreement's term is over.
    tell_many(&rig).await;
    let store = &rig.adapters.store;
    for tenant in [neighbour(), tenant()] {
        let (from, to) = (Timestamp::UNIX_EPOCH, (rig.adapters.clock)());
        let pending = store.pending_between(&tenant, from, to, 100).await.unwrap();
        let finishes = pending.into_iter().map(|webhook| Finish {
            key: webhook.key,
            arrival: None,
            state: WebhookState::Unmatched,
            note: None,
            bill: None,
        });
        let finishes: Vec<Finish> = finishes.collect();
        assert!(store.finish_all(&finishes, to).await.is_empty());
    }
    rig.pass(Duration::from_hours(24 * 36));
    // Events that the bus did not take: the neighbour's of its first load, and then one payment's.
    rig.bus.be(BusMood::Fails);
    let load = json!({"tenant": "616", "creditor": 1});
    rig.reconcile(load).await.unwrap();
    let (bill, open) = rig.contracts(&[1], 1).remove(0);
    rig.happen("receive", json!({"billId": bill, "installmentId": open[0]}))
        .await;
    rig.apply().await;
    rig.bus.be(BusMood::Takes);
    rig.bus.take();
    // Agreements that are due, and webhooks whose messages were lost.
    add_due(&rig, MANY).await;
    tell_many(&rig).await;
    rig.pass(Duration::from_mins(5));
    let unpublished_before = unpublished(&rig, &neighbour()).await;
    assert!(unpublished_before > LIMIT && unpublished(&rig, &tenant()).await <= LIMIT);

    let adapters = rig.adapters_of("payments");
    let summary = sweep(&adapters, &LIMITS, Instant::now() + PLENTY).await;
    summary.unwrap();

    let mut queued: BTreeMap<String, usize> = BTreeMap::new();
    for message in rig.inbox.take() {
        *queued.entry(tenant_in(&message.body)).or_default() += 1;
    }
    let expected = [("616".to_owned(), LIMIT), ("617".to_owned(), 1)];
    assert_eq!(queued, BTreeMap::from(expected));
    assert_eq!(unpublished(&rig, &tenant()).await, 0);
    assert_eq!(
        unpublished(&rig, &neighbour()).await,
        unpublished_before - LIMIT
    );
    assert_eq!(unmatched(&rig, &tenant()).await, 0);
    assert_eq!(unmatched(&rig, &neighbour()).await, MANY - LIMIT);
    assert_eq!(
        state(&rig, &tenant()).await,
        StateName::Broken,
        "its term passed unpaid"
    );
    assert_eq!(due(&rig, &neighbour()).await, MANY - LIMIT);
}

/// The figures of the issue, with the limits that deploy.
#[tokio::test]
async fn a_thousand_due_agreements_of_one_tenant_hide_no_other_tenants() {
    const THOUSAND: usize = 1_008;
    let rig = Rig::filled().await;
    rig.add_tenant(&neighbour(), &good_sienge(&rig), Package::Ultimate)
        .await;
    agree(&rig, &tenant()).await;
    add_due(&rig, THOUSAND).await;
    rig.pass(Duration::from_hours(24 * 36));
    rig.payments(json!({})).await.unwrap();
    assert_eq!(state(&rig, &tenant()).await, StateName::Broken);
    let left = due(&rig, &neighbour()).await;
    assert_eq!(left, THOUSAND - SweepLimits::default().agreements);
}

#[tokio::test]
async fn a_dead_sienge_is_known_to_all_executions_and_holds_none_of_them() {
    let rig = Rig::filled().await;
    let (dead_sienge, connections) = counting_silent_sienge().await;
    let dead = neighbour();
    rig.add_tenant_of("muda", &dead, &dead_sienge, Package::Ultimate)
        .await;
    let others: Vec<TenantId> = (620..640)
        .map(|id| TenantId::parse(&id.to_string()).unwrap())
        .collect();
    let good_sienge = good_sienge(&rig);
    for other in &others {
        // Each with a quota of its own.
        rig.add_tenant_of(other.as_str(), other, &good_sienge, Package::Ultimate)
            .await;
    }
    let (bill, open) = rig.contracts(&[1], 2).remove(0);
    let payment = |number: usize| {
        let body = json!({"billId": bill, "installmentId": open[number]});
        rig.change("receive", body).remove(0)
    };
    let (first, second) = (payment(0), payment(1));
    rig.tell_tenant(&dead, &first).await;
    let to_the_dead = delivery(&rig.inbox.take());
    for tenant in std::iter::once(&dead).chain(&others) {
        assert_eq!(rig.tell_tenant(tenant, &second).await.status(), 200);
    }
    let to_all = delivery(&rig.inbox.take());
    // One execution finds it out.
    let impatient = Adapters {
        timeouts: Timeouts {
            read_bulk: Duration::from_millis(500),
            ..Timeouts::default()
        },
        ..rig.adapters_of("apply")
    };
    let short = || Instant::now() + Duration::from_mins(1);
    let answer = apply::handle(&impatient, to_the_dead, short()).await;
    assert_eq!(answer.batch_item_failures.len(), 1);
    let tried = connections.load(Ordering::SeqCst);
    assert!(tried > 0);
    // The next ones do not try, and the twenty others are served as if it were not there.
    let answer = apply::handle(&rig.adapters_of("apply"), to_all, short()).await;
    let failed: Vec<String> = answer
        .batch_item_failures
        .into_iter()
        .map(|failure| failure.item_identifier)
        .collect();
    assert_eq!(failed, ["0"], "the dead one's, and no other");
    assert_eq!(
        connections.load(Ordering::SeqCst),
        tried,
        "nobody waited for it"
    );
    for other in &others {
        let bill = BillId(i64::from(bill));
        let held = rig.adapters.store.load_bill(other, bill).await.unwrap();
        assert!(held.has_contracts(), "{other}");
    }
    let waiting = rig.adapters.store.pending_between(
        &dead,
        Timestamp::UNIX_EPOCH,
        (rig.adapters.clock)(),
        10,
    );
    assert_eq!(waiting.await.unwrap().len(), 2, "nothing is lost");
}
