//! Much news of few contracts at once: a bill is read for all of it, not for each.

use std::time::Duration;

use harness::database::tenant;
use harness::fakes::Queued;
use harness::rig::PLENTY;
use harness::{Rig, World};
use ponte::flow::Session;
use ponte::ids::BillId;
use ponte::portfolio::Scope;
use ponte::store::WebhookState;
use ponte::sync::Reading;
use serde_json::json;
use tokio::time::Instant;

use crate::api::calls_to_sienge;

/// Longer than Sienge may take to show what it tells.
const A_MOMENT: Duration = Duration::from_secs(32);

async fn filled() -> Rig {
    let rig = Rig::with(World {
        installments: 600,
        contracts: 9,
        creditors: vec![1],
        ..World::default()
    })
    .await;
    rig.run_all("reconcile").await;
    rig
}

/// Everything in the queue, a few messages at a time.
async fn apply_in_batches(rig: &Rig, size: usize) {
    let queued: Vec<Queued> = rig.inbox.take();
    for batch in queued.chunks(size) {
        for message in batch {
            rig.inbox.put(message.clone());
        }
        rig.apply().await;
    }
}

#[tokio::test]
async fn of_a_return_files_payments_each_contract_is_read_once() {
    let rig = filled().await;
    let paid: Vec<(u32, Vec<u32>)> = rig.contracts(&[1], 5).into_iter().take(2).collect();
    assert_eq!(paid.len(), 2);
    // One payment of each contract after the other, so that every batch names every contract.
    let mut ids = Vec::new();
    for round in 0..5 {
        for (bill, open) in &paid {
            let told = rig
                .change(
                    "receive",
                    json!({"billId": bill, "installmentId": open[round]}),
                )
                .remove(0);
            rig.tell(&told).await;
            ids.push(told.id);
        }
    }
    rig.pass(A_MOMENT);
    let before = calls_to_sienge(&rig).await;
    apply_in_batches(&rig, 2).await;
    assert_eq!(
        calls_to_sienge(&rig).await - before,
        6,
        "three REST reads of each contract"
    );
    rig.assert_equal().await;
    for id in ids {
        assert_eq!(rig.stored(&id).await.unwrap().state, WebhookState::Done);
    }
}

#[tokio::test]
async fn news_that_came_while_a_bill_was_read_is_read_anew_however_late_that_read_is_committed() {
    let rig = filled().await;
    let (bill, open) = rig.contracts(&[1], 2).remove(0);
    rig.change(
        "receive",
        json!({"billId": bill, "installmentId": open[0], "silent": true}),
    );
    let session = Session::open(&rig.adapters, &tenant(), false, Instant::now() + PLENTY)
        .await
        .unwrap();
    let id = BillId(i64::from(bill));
    let held = rig.adapters.store.load_bill(&tenant(), id).await.unwrap();
    rig.pass(A_MOMENT);
    let mut view = Reading::begin(Scope::Webhook, session.now()).knowing(id, held.version);
    let seen = session.sienge.observe_by_rest(id).await.unwrap();
    rig.happen("receive", json!({"billId": bill, "installmentId": open[1]}))
        .await;
    rig.pass(A_MOMENT);
    let again = session.sync.sync_seen(&mut view, vec![seen]).await.unwrap();
    assert!(again.read_again.is_empty() && again.in_question.is_empty());
    session.close().await;
    let held = rig.adapters.store.load_bill(&tenant(), id).await.unwrap();
    assert!(held.read_at < held.changed_at && held.read_at.is_some());

    rig.apply().await;
    rig.assert_equal().await;
}

#[tokio::test]
async fn news_of_boletos_is_always_read() {
    let rig = filled().await;
    let (bill, open) = rig.contracts(&[1], 1).remove(0);
    // Only some reads tell of boletos; what is committed does not say which it was.
    rig.happen("receive", json!({"billId": bill, "installmentId": open[0]}))
        .await;
    let event = "PAYMENT_SLIP_REGISTERED";
    let body = json!({"billReceivableId": bill, "installmentId": open[0]}).to_string();
    let answer = rig
        .deliver(|delivery| webhook::Delivery {
            event: Some(event),
            body: body.as_bytes(),
            ..delivery
        })
        .await;
    assert_eq!(answer.status(), 200);
    rig.pass(A_MOMENT);
    let mut queued = rig.inbox.take();
    rig.inbox.put(queued.remove(0));
    rig.apply().await;
    let before = calls_to_sienge(&rig).await;
    rig.inbox.put(queued.remove(0));
    rig.apply().await;
    assert!(calls_to_sienge(&rig).await > before);
}
