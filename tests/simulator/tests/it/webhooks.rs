//! Webhooks: headers, retries on the scaled clock, loss, duplicates, reordering, early delivery.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sienge_simulator::Options;

use crate::support::{Receiver, options, simulator, with};

#[tokio::test]
async fn a_webhook_carries_the_erps_headers_and_only_business_ids() {
    let simulator = simulator(300).await;
    let (receiver, url) = Receiver::open(0).await;
    let hook = simulator
        .hook(&url, &["RECEIPT_PROCESSED", "SALES_CONTRACT_CANCELED"])
        .await;
    let (bill, installment, _) = simulator.open_one().await;
    let answer = simulator
        .operate(
            "receive",
            json!({"billId": bill, "installmentId": installment}),
        )
        .await;
    let arrived = receiver.wait(1).await.remove(0);
    assert_eq!(
        arrived.body,
        json!({"billId": bill, "installmentId": installment})
    );
    assert_eq!(arrived.event(), "RECEIPT_PROCESSED");
    assert_eq!(arrived.id(), answer["events"][0]["id"]);
    assert_eq!(arrived.headers["x-sienge-tenant"], "obra");
    assert_eq!(arrived.headers["x-sienge-hook-id"], hook);
    assert_eq!(arrived.headers["user-agent"], "sienge-hooks");
    assert_eq!(arrived.headers["authorization"], "Bearer segredo");
    assert_eq!(arrived.headers["content-type"], "application/json");
}

#[tokio::test]
async fn each_hook_that_wants_an_event_gets_it_and_the_others_do_not() {
    let simulator = simulator(300).await;
    let (first, first_url) = Receiver::open(0).await;
    let (second, second_url) = Receiver::open(0).await;
    let (third, third_url) = Receiver::open(0).await;
    simulator.hook(&first_url, &["RECEIPT_PROCESSED"]).await;
    simulator
        .hook(&second_url, &["RECEIPT_PROCESSED", "NO_SUCH_EVENT"])
        .await;
    simulator.hook(&third_url, &["CUSTOMER_CREATED"]).await;
    let (bill, installment, _) = simulator.open_one().await;
    simulator
        .operate(
            "receive",
            json!({"billId": bill, "installmentId": installment}),
        )
        .await;
    let (one, two) = (first.wait(1).await, second.wait(1).await);
    assert_eq!(one[0].id(), two[0].id());
    assert!(third.settle().await.is_empty());
}

#[tokio::test]
async fn hooks_are_listed_read_and_deleted() {
    let simulator = simulator(20).await;
    let id = simulator
        .hook("http://127.0.0.1:9/x", &["RECEIPT_PROCESSED"])
        .await;
    let list = simulator.get("v1/hooks").await;
    assert_eq!(list["resultSetMetadata"]["count"], 1);
    assert_eq!(
        list["results"][0],
        json!({"id": id, "url": "http://127.0.0.1:9/x", "events": ["RECEIPT_PROCESSED"]})
    );
    assert_eq!(simulator.get(&format!("v1/hooks/{id}")).await["id"], id);
    let url = format!("{}/v1/hooks/{id}", simulator.running.api("obra"));
    let delete = || {
        simulator
            .client
            .delete(&url)
            .basic_auth("demo", Some("demo"))
            .send()
    };
    let gone = delete().await.unwrap();
    assert_eq!(
        (gone.status().as_u16(), gone.text().await.unwrap().as_str()),
        (200, "")
    );
    assert_eq!(delete().await.unwrap().status(), 404);
    let wrong = simulator
        .client
        .post(format!("{}/v1/hooks", simulator.running.api("obra")));
    let wrong = wrong
        .basic_auth("demo", Some("demo"))
        .json(&json!({"url": "http://x"}))
        .send()
        .await
        .unwrap();
    assert_eq!(wrong.status(), 400);
}

#[tokio::test]
async fn refused_events_come_again_on_the_scaled_schedule_with_the_same_id() {
    // 10, 30, 60, 180 and 300 minutes become 10, 30, 60, 180 and 300 milliseconds.
    let simulator = with(Options {
        time_scale: 60_000.0,
        ..options(300)
    })
    .await;
    let (receiver, url) = Receiver::open(3).await;
    simulator.hook(&url, &["RECEIPT_PROCESSED"]).await;
    let (bill, installment, _) = simulator.open_one().await;
    simulator
        .operate(
            "receive",
            json!({"billId": bill, "installmentId": installment}),
        )
        .await;
    let arrived = receiver.wait(4).await;
    assert_eq!(
        arrived
            .iter()
            .map(|one| one.id().to_owned())
            .collect::<BTreeSet<_>>()
            .len(),
        1
    );
    for (index, least) in [10, 30, 60].into_iter().enumerate() {
        assert!(arrived[index + 1].at - arrived[index].at >= Duration::from_millis(least));
    }
    assert_eq!(
        receiver.settle().await.len(),
        4,
        "an accepted event does not come again"
    );
    let (_, report) = simulator.control("GET", "deliveries", &Value::Null).await;
    assert_eq!(report["delivered"], 1);
    assert_eq!(
        report["deliveries"][0]["attempts"],
        json!(["503", "503", "503", "2xx"])
    );
}

#[tokio::test]
async fn after_five_more_attempts_the_event_is_dropped() {
    let simulator = with(Options {
        time_scale: 600_000.0,
        ..options(300)
    })
    .await;
    let (receiver, url) = Receiver::open(100).await;
    simulator.hook(&url, &["RECEIPT_PROCESSED"]).await;
    let (bill, installment, _) = simulator.open_one().await;
    simulator
        .operate(
            "receive",
            json!({"billId": bill, "installmentId": installment}),
        )
        .await;
    assert_eq!(receiver.wait(6).await.len(), 6);
    assert_eq!(receiver.settle().await.len(), 6);
    let (_, report) = simulator
        .control("GET", "deliveries?state=dropped", &Value::Null)
        .await;
    assert_eq!(report["dropped"], 1);
    assert_eq!(report["deliveries"][0]["eventId"], receiver.all()[0].id());
}

#[tokio::test]
async fn a_receiver_slower_than_two_and_a_half_seconds_is_tried_again() {
    let simulator = with(Options {
        time_scale: 60_000.0,
        ..options(300)
    })
    .await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            told.send(Instant::now()).unwrap();
            kept.push(stream); // never answered
        }
    });
    simulator.hook(&url, &["RECEIPT_PROCESSED"]).await;
    let (bill, installment, _) = simulator.open_one().await;
    simulator
        .operate(
            "receive",
            json!({"billId": bill, "installmentId": installment}),
        )
        .await;
    let answered = Instant::now();
    let first = heard.recv().await.unwrap();
    let second = heard.recv().await.unwrap();
    assert!(
        answered < second,
        "the control call does not wait for the delivery"
    );
    assert!(second - first >= Duration::from_millis(2_500));
}

#[tokio::test]
async fn knobs_lose_double_and_reorder_events() {
    let simulator = simulator(600).await;
    let (receiver, url) = Receiver::open(0).await;
    simulator.hook(&url, &["RECEIPT_PROCESSED"]).await;
    let open = simulator.installments("open=true").await;
    let mut rows = open.iter().filter(|row| row["receipts"] == json!([]));
    let mut receive = async |knobs: Value, count: usize| {
        let (status, _) = simulator.control("PUT", "webhooks", &knobs).await;
        assert_eq!(status, 200);
        for row in rows.by_ref().take(count) {
            simulator
                .operate(
                    "receive",
                    json!({"billId": row["billId"], "installmentId": row["installmentId"]}),
                )
                .await;
        }
    };
    receive(json!({"loss": 1.0}), 3).await;
    assert!(receiver.settle().await.is_empty());
    receive(json!({"duplicates": 1.0}), 2).await;
    let arrived = receiver.wait(4).await;
    assert_eq!(
        arrived
            .iter()
            .map(|one| one.id().to_owned())
            .collect::<BTreeSet<_>>()
            .len(),
        2
    );
    receive(json!({"reorder": 1.0, "reorderMilliseconds": 2_000}), 1).await;
    receive(json!({}), 1).await;
    let arrived = receiver.wait(6).await;
    let (_, report) = simulator.control("GET", "deliveries", &Value::Null).await;
    let told = report["deliveries"].as_array().unwrap();
    assert_eq!(
        arrived[4].id(),
        told[6]["eventId"],
        "the later event overtakes"
    );
    assert_eq!(arrived[5].id(), told[5]["eventId"]);
    assert_eq!(report["lost"], 3);
}

#[tokio::test]
async fn an_early_event_is_out_before_the_world_shows_it() {
    let simulator = simulator(300).await;
    let (receiver, url) = Receiver::open(0).await;
    simulator.hook(&url, &["CUSTOMER_CREATED"]).await;
    simulator
        .control("PUT", "webhooks", &json!({"earlyMilliseconds": 2_000}))
        .await;
    let answer = simulator
        .operate("customer", json!({"name": "Cliente Inventado"}))
        .await;
    let path = format!("v1/customers/{}", answer["customers"][0]);
    receiver.wait(1).await;
    assert_eq!(simulator.send(&path).await.status(), 404);
    while simulator.send(&path).await.status() == 404 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(simulator.get(&path).await["name"], "Cliente Inventado");
}

#[tokio::test]
async fn any_event_can_be_fired_by_hand() {
    let simulator = simulator(20).await;
    let (receiver, url) = Receiver::open(0).await;
    simulator.hook(&url, &["RECEIPT_PROCESSED"]).await;
    let body = json!({"billId": 999_999, "installmentId": 1});
    let (status, answer) = simulator
        .control(
            "POST",
            "event",
            &json!({"event": "RECEIPT_PROCESSED", "body": body}),
        )
        .await;
    assert_eq!((status, answer["hooks"].as_u64()), (200, Some(1)));
    assert_eq!(receiver.wait(1).await[0].body, body);
}
