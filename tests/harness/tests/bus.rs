//! Domain events: published once in the ordinary case, kept in the outbox while the bus is out of order.

use std::time::Duration;

use harness::Rig;
use harness::fakes::BusMood;
use harness::rig::Told;
use ponte::aws::BusEvent;
use serde_json::json;

async fn filled() -> Rig {
    let rig = Rig::filled().await;
    let first = rig.bus.take();
    assert!(
        first
            .iter()
            .any(|event| event.detail_type == "contract.opened")
    );
    assert_eq!(
        first
            .iter()
            .filter(|event| event.detail_type == "reconciliation.finished")
            .count(),
        1
    );
    rig
}

fn of_type<'a>(events: &'a [BusEvent], detail_type: &str) -> Vec<&'a BusEvent> {
    events
        .iter()
        .filter(|event| event.detail_type == detail_type)
        .collect()
}

fn receipt(rig: &Rig) -> (u32, Told) {
    let (bill, open) = rig.contracts(&[1], 1).remove(0);
    let body = json!({"billId": bill, "installmentId": open[0], "value": "12.34"});
    (bill, rig.change("receive", body).remove(0))
}

#[tokio::test]
async fn a_payment_is_told_once_whatever_comes_twice() {
    let rig = filled().await;
    let (bill, told) = receipt(&rig);
    rig.tell(&told).await;
    let message = rig.inbox.take().remove(0);
    for _ in 0..2 {
        rig.inbox.put(message.clone());
        rig.apply().await;
    }
    let again = Told {
        id: "another-id".to_owned(),
        ..told
    };
    rig.tell(&again).await;
    rig.apply().await;
    rig.run_all("redundancy").await;
    let events = rig.bus.take();
    let paid = of_type(&events, "payment.applied");
    assert_eq!(paid.len(), 1, "{events:?}");
    let detail = &paid[0].detail;
    assert_eq!(
        (&detail["tenant"], &detail["billId"]),
        (&json!("617"), &json!(bill.to_string()))
    );
    assert_eq!(
        (&detail["paid"], &detail["total"]),
        (&json!("12.34"), &json!(false))
    );
}

#[tokio::test]
async fn each_change_has_its_event() {
    let rig = filled().await;
    let contracts = rig.contracts(&[1], 2);
    let (bill, open) = &contracts[0];
    rig.happen("receive", json!({"billId": bill, "installmentId": open[0]}))
        .await;
    rig.apply().await;
    rig.happen(
        "reverse",
        json!({"billId": bill, "installmentId": open[0], "notify": true}),
    )
    .await;
    rig.apply().await;
    rig.happen(
        "change",
        json!({"billId": bill, "installmentId": open[0], "dueDate": "2027-05-05"}),
    )
    .await;
    rig.apply().await;
    rig.happen("remove", json!({"billId": bill, "installmentId": open[1]}))
        .await;
    rig.apply().await;
    rig.happen("cancel", json!({"billId": bill})).await;
    rig.apply().await;
    let events = rig.bus.take();
    for name in [
        "payment.applied",
        "payment.reversed",
        "installment.changed",
        "installment.returned",
        "contract.cancelled",
    ] {
        assert!(!of_type(&events, name).is_empty(), "{name} in {events:#?}");
    }
    rig.assert_equal().await;
}

#[tokio::test]
async fn what_the_bus_did_not_take_is_published_by_the_sweep_once() {
    for mood in [BusMood::Fails, BusMood::Refuses] {
        let rig = filled().await;
        rig.bus.be(mood);
        let (_, told) = receipt(&rig);
        rig.tell(&told).await;
        rig.apply().await;
        rig.assert_equal().await;
        rig.bus.be(BusMood::Takes);
        rig.payments(json!({})).await.unwrap();
        assert!(
            rig.bus.take().is_empty(),
            "an event just committed is left to its own function"
        );
        rig.pass(Duration::from_mins(3));
        rig.payments(json!({})).await.unwrap();
        assert_eq!(
            of_type(&rig.bus.take(), "payment.applied").len(),
            1,
            "{mood:?}"
        );
        rig.pass(Duration::from_mins(3));
        rig.payments(json!({})).await.unwrap();
        assert!(rig.bus.take().is_empty(), "{mood:?}");
    }
}

#[tokio::test]
async fn the_sweep_says_how_many_events_the_bus_took() {
    let rig = filled().await;
    rig.bus.be(BusMood::Refuses);
    let (_, told) = receipt(&rig);
    rig.tell(&told).await;
    rig.apply().await;
    rig.pass(Duration::from_mins(3));
    let summary = rig.payments(json!({})).await.unwrap();
    assert!(
        summary["resumo"]
            .as_str()
            .unwrap()
            .contains("0 evento(s) publicado(s)"),
        "{summary}"
    );
    rig.bus.be(BusMood::Takes);
    let summary = rig.payments(json!({})).await.unwrap();
    assert!(
        summary["resumo"]
            .as_str()
            .unwrap()
            .contains("1 evento(s) publicado(s)"),
        "{summary}"
    );
}
