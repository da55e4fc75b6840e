//! Everything at once: the same webhook many times, and every function at the same contract.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use harness::database::{Database, at, tenant};
use harness::rig::{PLENTY, TOKEN, secret};
use harness::{MemoryInbox, MemorySecrets, Rig, World};
use ponte::flow::{Session, SyncOutcome};
use ponte::ids::{BillId, InstallmentId};
use ponte::portfolio::{Coverage, Observation, Scope};
use ponte::sync::{ReadRequest, Reading};
use serde_json::{Value, json};
use simulation::operation;
use tokio::time::Instant;
use webhook::{Answer, Delivery, Webhook};

use crate::api::calls_to_sienge;

/// Deliveries of one event at once.
const DELIVERIES: usize = 64;
/// Rounds of an ordinary run, each with an event of its own. `PONTE_ROUNDS=1000` asks for more: without optimisation the SDK
/// takes some 4 ms of CPU for each delivery.
const ROUNDS: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_deliveries_of_an_event_at_once_one_takes_effect_and_63_are_duplicates() {
    let database = Database::start().await;
    let limits = json!({"webhooksPerMinute": 600_000});
    let settings =
        json!({"siengeBaseUrl": "http://127.0.0.1", "subdomain": "obra", "limits": limits});
    let settings = serde_json::from_value(settings).unwrap();
    database
        .store
        .put_tenant(&tenant(), &settings)
        .await
        .unwrap();
    let (inbox, secrets) = (
        Arc::new(MemoryInbox::default()),
        Arc::new(MemorySecrets::default()),
    );
    secrets.store(&tenant(), secret(&[TOKEN]));
    let webhook = Arc::new(Webhook::new(
        database.direct_store(),
        Arc::clone(&inbox) as _,
        secrets,
    ));
    let rounds = std::env::var("PONTE_ROUNDS").map_or(ROUNDS, |text| text.parse().unwrap());
    let began = std::time::Instant::now();
    for round in 0..rounds {
        let mut late = 0;
        let id = format!("evento-{round}");
        let deliveries: Vec<_> = (0..DELIVERIES)
            .map(|_| {
                let (webhook, id) = (Arc::clone(&webhook), id.clone());
                tokio::spawn(async move { deliver(&webhook, &id).await })
            })
            .collect();
        let mut answers = Vec::new();
        for delivery in deliveries {
            answers.push(delivery.await.unwrap());
        }
        // An overloaded machine may have answered 503: then Sienge sends it again.
        for answer in answers
            .iter_mut()
            .filter(|answer| **answer == Answer::NotStored)
        {
            late += 1;
            while *answer == Answer::NotStored {
                *answer = deliver(&webhook, &id).await;
            }
        }
        let received = answers
            .iter()
            .filter(|answer| **answer == Answer::Received)
            .count();
        let duplicates = answers
            .iter()
            .filter(|answer| **answer == Answer::Duplicate)
            .count();
        assert_eq!(
            received + duplicates,
            DELIVERIES,
            "round {round}: {answers:?}"
        );
        let queued = inbox.take().len();
        // The one that was stored and answered 503 is queued by the sweep.
        assert!(
            (received, queued) == (1, 1) || (late > 0 && received == 0 && queued == 0),
            "round {round}: {answers:?}"
        );
    }
    assert_eq!(database.items("journal").await.len(), rounds);
    assert!(inbox.is_empty());
    println!(
        "{rounds} rounds of {DELIVERIES} deliveries in {:.1?}",
        began.elapsed()
    );
}

async fn deliver(webhook: &Webhook, id: &str) -> Answer {
    let authorization = format!("Bearer {TOKEN}");
    let delivery = Delivery {
        receiver: "sienge",
        tenant: Some("617"),
        authorization: Some(&authorization),
        event: Some("RECEIPT_PROCESSED"),
        id: Some(id),
        hook_id: None,
        source_ip: None,
        body: br#"{"billId": 10001, "installmentId": 1}"#,
        at: at("2026-11-20T15:00:00Z"),
    };
    webhook.deliver(delivery).await
}

/// Stories of races.
const SEEDS: u64 = 12;

#[tokio::test]
async fn an_apply_an_import_and_an_opening_of_the_same_contract_at_once_end_in_sienges_state() {
    let rig = Rig::with(World {
        installments: 60,
        contracts: 6,
        creditors: vec![1, 2, 3],
        ..World::default()
    })
    .await;
    rig.run_all("reconcile").await;
    for seed in 0..SEEDS {
        let mut rng = Rng::with_seed(seed);
        let mut touched = BTreeSet::new();
        for _ in 0..6 {
            let Some((name, body)) = rig.sienge.with_world(|world| operation(world, &mut rng))
            else {
                continue;
            };
            // An assignment waits for the batimento.
            if name == "assign" {
                continue;
            }
            for told in rig.try_change(name, &body).unwrap_or_default() {
                assert_eq!(rig.tell(&told).await.status(), 200);
            }
            touched.extend(body["billId"].as_i64().map(BillId));
        }
        let pauses: Vec<Duration> = (0..5)
            .map(|_| Duration::from_millis(rng.u64(0..40)))
            .collect();
        let after = |index: usize| tokio::time::sleep(pauses[index]);
        let import = async |creditor: i64, index: usize| {
            after(index).await;
            let summary = rig
                .import(json!({"tenant": "617", "creditor": creditor}))
                .await
                .unwrap();
            assert_eq!(summary["situacao"], "concluído", "seed {seed}: {summary}");
        };
        let open = async {
            after(3).await;
            open_all(&rig, &touched).await
        };
        let apply = async {
            after(4).await;
            rig.apply_once().await;
        };
        let (.., failed, ()) = futures::join!(
            Box::pin(import(1, 0)),
            Box::pin(import(2, 1)),
            Box::pin(import(3, 2)),
            Box::pin(open),
            Box::pin(apply)
        );
        // What met too many others is delivered again. Nothing else is looked at once more: that would mend what the race broke.
        rig.apply().await;
        open_all(&rig, &failed).await;
        let differences = rig.compare_with_sienge().await;
        assert!(differences.is_empty(), "seed {seed}: {differences:#?}");
    }
}

#[tokio::test]
async fn what_was_read_before_somebody_else_committed_overwrites_nothing() {
    let rig = Rig::start().await;
    rig.run_all("reconcile").await;
    let (bill, ids) = rig.contracts(&[1], 2).remove(0);
    let session = Session::open(&rig.adapters, &tenant(), false, Instant::now() + PLENTY)
        .await
        .unwrap();
    let id = BillId(i64::from(bill));
    let mut view = Reading::begin(Scope::Webhook, session.now());
    let before = session.sienge.observe_by_rest(id).await.unwrap();

    rig.happen("receive", json!({"billId": bill, "installmentId": ids[0]}))
        .await;
    rig.apply().await;
    let told = rig.timeline(bill).await.len();
    let again = session
        .sync
        .sync_seen(&mut view, vec![before])
        .await
        .unwrap();
    assert_eq!(again.read_again, BTreeSet::from([id]), "to be read anew");
    assert_eq!(
        rig.timeline(bill).await.len(),
        told,
        "no reversal of a payment that stands"
    );
    rig.assert_equal().await;
    let outcomes = session
        .sync
        .sync_bills(
            Scope::Webhook,
            &BTreeMap::from([(id, ReadRequest::default())]),
        )
        .await
        .unwrap();
    assert_eq!(outcomes[&id], SyncOutcome::InSync);
    session.close().await;
}

#[tokio::test]
async fn a_stream_stays_older_than_a_commit_however_many_of_the_bills_rows_it_told_before() {
    let rig = Rig::filled().await;
    let (bill, ids) = rig.contracts(&[1], 2).remove(0);
    let session = Session::open(&rig.adapters, &tenant(), false, Instant::now() + PLENTY)
        .await
        .unwrap();
    let id = BillId(i64::from(bill));
    rig.pass(Duration::from_secs(5));
    let mut view = Reading::begin(Scope::Daily, session.now());
    let whole = session.sienge.observe_by_rest(id).await.unwrap();
    let row_of = |installment: u32| {
        let mut rows = whole.clone();
        rows.coverage = Coverage::Rows;
        rows.installments
            .retain(|row| row.id.0 == i64::from(installment));
        rows.boletos.retain(|id, _| id.0 == i64::from(installment));
        rows
    };
    rig.happen("receive", json!({"billId": bill, "installmentId": ids[0]}))
        .await;
    rig.apply().await;
    let told = rig.timeline(bill).await.len();
    // A batch with a row that did not change, and a later one with the row that was paid meanwhile.
    let again = session
        .sync
        .sync_seen(&mut view, vec![row_of(ids[1])])
        .await
        .unwrap();
    assert_eq!(again.read_again, BTreeSet::new(), "nothing to do");
    for _ in 0..2 {
        let again = session
            .sync
            .sync_seen(&mut view, vec![row_of(ids[0])])
            .await
            .unwrap();
        assert_eq!(again.read_again, BTreeSet::from([id]), "to be read anew");
    }
    assert_eq!(
        rig.timeline(bill).await.len(),
        told,
        "no reversal of a payment that stands"
    );
    rig.assert_equal().await;
    session.close().await;
}

#[tokio::test]
async fn what_a_first_look_told_of_boletos_does_not_overwrite_what_came_between_two_looks() {
    let rig = Rig::filled().await;
    rig.pass(Duration::from_secs(5));
    let (bill, ids) = rig.to_agree_on(0, 4);
    let id = BillId(i64::from(bill));
    // Nothing of this is taken over before a second look.
    rig.change(
        "remove",
        json!({"billId": bill, "installmentId": ids[0], "silent": true}),
    );
    rig.change(
        "remake",
        json!({"billId": bill, "installmentIds": &ids[2..], "count": 1, "silent": true}),
    );
    // The first look's last call is held; its boletos were told before.
    rig.faults(json!([{"kind": "hold", "route": "v1/customer-financial-statements", "count": 1}]))
        .await;
    let session = Session::open(&rig.adapters, &tenant(), false, Instant::now() + PLENTY)
        .await
        .unwrap();
    let calls = calls_to_sienge(&rig).await;
    let look = async {
        let bills = BTreeMap::from([(id, ReadRequest::with_boletos())]);
        let outcomes = session.sync.sync_bills(Scope::Sync, &bills).await.unwrap();
        (outcomes, Instant::now())
    };
    let meanwhile = async {
        while calls_to_sienge(&rig).await < calls + 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        rig.change(
            "boleto",
            json!({"billId": bill, "installmentId": ids[1], "silent": true}),
        );
        let boleto = Observation {
            bill: id,
            header: None,
            installments: Vec::new(),
            unread: BTreeMap::new(),
            gap: None,
            boletos: BTreeMap::from([(InstallmentId(i64::from(ids[1])), true)]),
            coverage: Coverage::Rows,
        };
        let mut view = Reading::begin(Scope::Daily, session.now());
        session
            .sync
            .sync_seen(&mut view, vec![boleto])
            .await
            .unwrap();
        let committed = Instant::now();
        rig.control("DELETE", "faults", Value::Null).await;
        committed
    };
    let ((outcomes, looked), committed) = futures::join!(look, meanwhile);
    assert!(committed < looked, "between the reads");
    assert_eq!(outcomes[&id], SyncOutcome::InSync);
    rig.assert_equal().await;
    session.close().await;
}

/// Opens customers with these bills (7.1.3); answers those that failed.
async fn open_all(rig: &Rig, bills: &BTreeSet<BillId>) -> BTreeSet<BillId> {
    rig.fresh_minute().await;
    let session = Session::open(&rig.adapters, &tenant(), false, Instant::now() + PLENTY)
        .await
        .unwrap();
    let bills: BTreeMap<BillId, ReadRequest> = bills
        .iter()
        .map(|bill| (*bill, ReadRequest::with_boletos()))
        .collect();
    let outcomes = session.sync.sync_bills(Scope::Sync, &bills).await.unwrap();
    session.close().await;
    let failed = outcomes
        .into_iter()
        .filter(|(_, synced)| matches!(synced, SyncOutcome::Failed { .. }));
    failed.map(|(bill, _)| bill).collect()
}

#[tokio::test]
async fn a_removal_told_before_sienge_shows_it_is_looked_for_again() {
    let rig = Rig::filled().await;
    let (bill, open) = rig.contracts(&[1], 2).remove(0);
    let (gone, stays) = (open[0], open[1]);
    for installment in [gone, stays] {
        let body = json!({"receivableBillId": bill, "installmentId": installment}).to_string();
        rig.deliver(|delivery| Delivery {
            event: Some("RECEIVABLE_INSTALLMENT_REMOVED"),
            body: body.as_bytes(),
            ..delivery
        })
        .await;
    }
    assert_eq!(
        rig.apply_once().await,
        2,
        "both are shown still: they come again"
    );
    rig.assert_equal().await;

    rig.change(
        "remove",
        json!({"billId": bill, "installmentId": gone, "silent": true}),
    );
    rig.pass(Duration::from_mins(1));
    // One is gone; the other one, whatever was told, is there.
    rig.apply().await;
    rig.assert_equal().await;
    // An operator's word is no news: it is read once more, and it is as it is.
    let id = "evento-2";
    let summary = rig
        .payments(json!({"tenant": "617", "webhook": id}))
        .await
        .unwrap();
    assert_eq!(summary["situacao"], "concluído", "{summary}");
    rig.assert_equal().await;
}
