//! Quotas: 200 REST and 20 bulk a minute and subdomain, 429 without a hint.

use serde_json::{Value, json};

use crate::support::simulator;

#[tokio::test]
async fn the_twenty_first_bulk_call_of_a_minute_is_refused_without_retry_after() {
    let simulator = simulator(20).await;
    for _ in 0..20 {
        assert_eq!(
            simulator
                .send("bulk-data/v1/income/by-bills?billsIds=10001")
                .await
                .status(),
            200
        );
    }
    let refused = simulator
        .send("bulk-data/v1/income/by-bills?billsIds=10001")
        .await;
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().get("retry-after").is_none());
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["developerMessage"], "Violação do Rate Limit");
    assert_eq!(
        simulator.send("v1/companies").await.status(),
        200,
        "REST has a quota of its own"
    );
    let other = format!(
        "{}/bulk-data/v1/income/by-bills?billsIds=10001",
        simulator.running.api("outra")
    );
    let other = simulator
        .client
        .get(other)
        .basic_auth("demo", Some("demo"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        other.status(),
        200,
        "another subdomain has a quota of its own"
    );
}

#[tokio::test]
async fn the_two_hundred_and_first_rest_call_is_refused() {
    let simulator = simulator(20).await;
    for _ in 0..200 {
        assert_eq!(simulator.send("v1/companies/1").await.status(), 200);
    }
    assert_eq!(simulator.send("v1/companies/1").await.status(), 429);
    let (_, calls) = simulator.control("GET", "calls", &Value::Null).await;
    assert_eq!(calls["subdomains"][0]["maxPerMinute"], 201);
    assert_eq!(calls["subdomains"][0]["refused"], 1);
    assert_eq!(calls["routes"][0]["route"], "GET v1/companies/{id}");
    assert_eq!(
        calls["routes"][0]["statuses"],
        json!({"200": 200, "429": 1})
    );
}

#[tokio::test]
async fn quotas_can_be_turned_by_control() {
    let simulator = simulator(20).await;
    let (status, _) = simulator
        .control(
            "PUT",
            "quota",
            &json!({"rest": 1, "windowMilliseconds": 2_000, "retryAfter": 7}),
        )
        .await;
    assert_eq!(status, 200);
    assert_eq!(simulator.send("v1/companies").await.status(), 200);
    let refused = simulator.send("v1/companies").await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "7");
    tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
    assert_eq!(simulator.send("v1/companies").await.status(), 200);
    simulator
        .control("PUT", "quota", &json!({"dailyRest": 1}))
        .await;
    assert_eq!(simulator.send("v1/companies").await.status(), 429);
    simulator
        .control("PUT", "quota", &json!({"enabled": false, "dailyRest": 1}))
        .await;
    assert_eq!(simulator.send("v1/companies").await.status(), 200);
    let (status, _) = simulator
        .control("PUT", "quota", &json!({"requests": 1}))
        .await;
    assert_eq!(status, 400);
}
