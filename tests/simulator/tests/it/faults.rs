//! Faults to order.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Simulator, simulator};

const INCOME: &str = "bulk-data/v1/income?startDate=2000-01-01&endDate=2090-12-31&selectionType=D";

async fn order(simulator: &Simulator, faults: Value) {
    let (status, answer) = simulator.control("PUT", "faults", &faults).await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test]
async fn a_status_hits_its_route_as_often_as_told() {
    let simulator = simulator(100).await;
    order(
        &simulator,
        json!([{"route": "v1/customers", "kind": "status", "status": 503, "count": 2, "skip": 1}]),
    )
    .await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(simulator.send("v1/customers").await.status().as_u16());
    }
    assert_eq!(statuses, [200, 503, 503, 200]);
    order(
        &simulator,
        json!({"kind": "status", "status": 502, "body": "<html>Bad Gateway</html>"}),
    )
    .await;
    let response = simulator.send("v1/companies").await;
    assert_eq!(response.status(), 502);
    assert_eq!(response.text().await.unwrap(), "<html>Bad Gateway</html>");
    simulator.control("DELETE", "faults", &Value::Null).await;
    assert_eq!(simulator.send("v1/companies").await.status(), 200);
}

#[tokio::test]
async fn probability_hits_some_calls() {
    let simulator = simulator(20).await;
    order(&simulator, json!({"kind": "status", "probability": 0.5})).await;
    let mut failures = 0;
    for _ in 0..60 {
        failures += u32::from(simulator.send("v1/companies").await.status() == 503);
    }
    assert!((5..55).contains(&failures), "{failures} of 60");
}

#[tokio::test]
async fn truncated_bodies_are_not_json() {
    let simulator = simulator(3_000).await;
    order(&simulator, json!({"kind": "truncated"})).await;
    for path in [
        "v1/units",
        "v1/companies/1",
        INCOME,
        "bulk-data/v1/income/by-bills?billsIds=10001",
    ] {
        let response = simulator.send(path).await;
        assert_eq!(response.status(), 200, "{path}");
        let text = response.text().await.unwrap();
        assert!(
            !text.is_empty() && serde_json::from_str::<Value>(&text).is_err(),
            "{path}"
        );
    }
    order(
        &simulator,
        json!({"kind": "truncated", "afterBytes": 100_000}),
    )
    .await;
    let text = simulator.send(INCOME).await.text().await.unwrap();
    assert_eq!(text.len(), 100_000);
}

#[tokio::test]
async fn closed_connections_break_the_body() {
    let simulator = simulator(3_000).await;
    order(&simulator, json!({"kind": "close"})).await;
    for path in ["v1/units", INCOME] {
        let url = format!("{}/{path}", simulator.running.api("obra"));
        let whole = async {
            simulator
                .client
                .get(url)
                .basic_auth("demo", Some("demo"))
                .send()
                .await?
                .bytes()
                .await
        };
        assert!(whole.await.is_err(), "{path}");
    }
}

#[tokio::test]
async fn a_bulk_answer_can_end_with_an_api_error() {
    let simulator = simulator(300).await;
    order(
        &simulator,
        json!({"kind": "api-error", "afterBytes": 1_000_000}),
    )
    .await;
    let answer = simulator.get(INCOME).await;
    assert_eq!(answer["data"].as_array().unwrap().len(), 300);
    assert_eq!(answer["api-error"]["status"], 500);
}

#[tokio::test]
async fn rows_go_missing_by_name_and_by_share() {
    let simulator = simulator(1_000).await;
    let (bill, installment, _) = simulator.open_one().await;
    let name = format!("{bill}/{installment}");
    order(&simulator, json!({"kind": "missing", "ids": [name]})).await;
    let answer = simulator.get(INCOME).await;
    let rows = answer["data"].as_array().unwrap();
    assert_eq!(rows.len(), 999);
    assert!(
        !rows
            .iter()
            .any(|row| row["billId"] == bill && row["installmentId"] == installment)
    );
    let path = format!("v1/accounts-receivable/receivable-bills/{bill}/installments?limit=200");
    let page = simulator.get(&path).await;
    assert!(
        !page["results"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["installmentId"] == installment)
    );
    order(&simulator, json!({"kind": "missing", "share": 0.3})).await;
    let left = simulator.get(INCOME).await["data"]
        .as_array()
        .unwrap()
        .len();
    assert!((550..850).contains(&left), "{left} of 1000");
}

#[tokio::test]
async fn empty_and_blank_answers_are_200() {
    let simulator = simulator(100).await;
    order(&simulator, json!({"kind": "empty"})).await;
    assert_eq!(simulator.get(INCOME).await, json!({"data": []}));
    assert_eq!(simulator.get("v1/units").await["results"], json!([]));
    order(&simulator, json!({"kind": "blank"})).await;
    let response = simulator.send("v1/units").await;
    assert_eq!(
        (
            response.status().as_u16(),
            response.text().await.unwrap().as_str()
        ),
        (200, "")
    );
}

#[tokio::test]
async fn slow_is_late_and_hang_outlasts_patience() {
    let simulator = simulator(100).await;
    order(&simulator, json!({"kind": "slow", "seconds": 0.2})).await;
    let begin = Instant::now();
    assert_eq!(simulator.send("v1/companies").await.status(), 200);
    assert!(begin.elapsed() >= Duration::from_millis(200));
    order(&simulator, json!({"kind": "hang"})).await;
    let patience =
        tokio::time::timeout(Duration::from_millis(300), simulator.send("v1/companies")).await;
    assert!(patience.is_err());
    order(&simulator, json!({"kind": "drip", "seconds": 0.05})).await;
    let begin = Instant::now();
    simulator.get("v1/companies").await;
    assert!(begin.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn a_held_call_is_answered_when_the_faults_change_and_forgotten_when_its_caller_leaves() {
    let simulator = simulator(100).await;
    let held = async || {
        simulator.control("GET", "held", &Value::Null).await.1["calls"]
            .as_u64()
            .unwrap()
    };
    let until = async |count: u64| {
        while held().await != count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    order(
        &simulator,
        json!({"kind": "hold", "route": "v1/companies", "skip": 1}),
    )
    .await;
    assert_eq!(simulator.send("v1/companies").await.status(), 200);
    let released = async {
        until(1).await;
        simulator.control("DELETE", "faults", &Value::Null).await;
    };
    let (answer, ()) = tokio::join!(simulator.send("v1/companies"), released);
    assert_eq!((answer.status().as_u16(), held().await), (200, 0));
    order(&simulator, json!({"kind": "hold"})).await;
    tokio::select! {
        _ = simulator.send("v1/companies") => panic!("it was not held"),
        () = until(1) => {}
    }
    until(0).await;
}

#[tokio::test]
async fn nonsense_is_refused_with_a_reason() {
    let simulator = simulator(20).await;
    for fault in [
        json!({"kind": "explode"}),
        json!({"kind": "slow", "seconds": -1}),
        json!({"kind": "missing", "share": 2}),
    ] {
        let (status, answer) = simulator.control("PUT", "faults", &fault).await;
        assert_eq!(status, 400, "{fault}");
        assert!(answer["error"].is_string());
    }
}

#[tokio::test]
async fn rows_come_odd_in_every_answer_that_tells_them() {
    let simulator = simulator(300).await;
    let all = simulator.get(INCOME).await;
    let first = &all["data"][0];
    let (bill, id, customer) = (
        &first["billId"],
        &first["installmentId"],
        &first["clientId"],
    );
    let rows = json!({format!("{bill}/{id}"): {"paymentTerm": null, "dueDate": [], "conditionType": 7, "generatedBillet": "x"}});
    order(&simulator, json!({"kind": "odd", "rows": rows})).await;
    let odd = simulator.get(INCOME).await;
    assert_eq!(
        (&odd["data"][0]["paymentTerm"], &odd["data"][0]["dueDate"]),
        (&Value::Null, &json!([]))
    );
    assert_eq!(odd["data"][1], all["data"][1]);
    let statement = simulator
        .get(&format!(
            "v1/customer-financial-statements?customerId={customer}&billReceivableId={bill}"
        ))
        .await;
    let told = statement["results"][0]["billsReceivable"][0]["installments"]
        .as_array()
        .unwrap();
    let row = told.iter().find(|row| row["installmentId"] == *id).unwrap();
    assert_eq!(row["conditionType"], 7);
    assert_eq!(
        told.iter().filter(|row| row["conditionType"] == 7).count(),
        1
    );
    let rows =
        json!({format!("{bill}/{id}"): {"balanceAmount": 1}, bill.to_string(): {"": "nada"}});
    order(
        &simulator,
        json!({"kind": "odd", "rows": rows, "twice": "true-first"}),
    )
    .await;
    let twice = simulator.get(INCOME).await;
    assert_eq!(
        (&twice["data"][0], &twice["data"][1]["balanceAmount"]),
        (first, &json!(1))
    );
    assert_eq!(
        twice["data"].as_array().unwrap().len(),
        all["data"].as_array().unwrap().len() + 1
    );
}
