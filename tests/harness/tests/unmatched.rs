//! Webhooks of contracts that no registered creditor has: kept, tried again by the daily load, dropped after their days.

use std::time::Duration;

use harness::Rig;
use ponte::store::WebhookState;
use serde_json::json;

const DAY: Duration = Duration::from_hours(24);

/// A webhook of company 3, which is not registered.
async fn unmatched() -> (Rig, String) {
    let rig = Rig::filled().await;
    let (bill, open) = rig.contracts(&[3], 1).remove(0);
    let told = rig.change(
        "receive",
        json!({"billId": bill, "installmentId": open[0], "value": "10.00"}),
    );
    assert_eq!(rig.tell(&told[0]).await.status(), 200);
    rig.apply().await;
    let id = told[0].id.clone();
    assert_eq!(
        rig.stored(&id).await.unwrap().state,
        WebhookState::Unmatched
    );
    (rig, id)
}

#[tokio::test]
async fn the_daily_load_applies_it_once_its_creditor_is_registered() {
    let (mut rig, id) = unmatched().await;
    rig.run_all("import").await;
    assert_eq!(
        rig.stored(&id).await.unwrap().state,
        WebhookState::Unmatched
    );
    rig.register(3).await;
    rig.run_all("import").await;
    rig.run_all("import").await;
    assert_eq!(rig.stored(&id).await.unwrap().state, WebhookState::Done);
    rig.assert_equal().await;
}

#[tokio::test]
async fn it_is_dropped_after_the_creditors_days() {
    let (rig, id) = unmatched().await;
    rig.pass(6 * DAY);
    rig.payments(json!({})).await.unwrap();
    assert!(rig.stored(&id).await.is_some());
    assert!(rig.inbox.is_empty(), "the sweep does not queue it again");
    rig.creditor(1, |settings| settings.unused_webhook_days = 10)
        .await;
    rig.pass(2 * DAY);
    rig.payments(json!({})).await.unwrap();
    assert!(rig.stored(&id).await.is_some());
    rig.pass(3 * DAY);
    let summary = rig.payments(json!({})).await.unwrap();
    assert!(
        summary["resumo"]
            .as_str()
            .unwrap()
            .contains("1 webhook(s) sem contrato excluído(s)"),
        "{summary}"
    );
    assert!(rig.stored(&id).await.is_none());
}
