//! Bulk questions: periods, changes, bills, and the asynchronous way.

use std::time::Duration;

use serde_json::{Value, json};

use sienge_simulator::{Options, Order};

use crate::support::{Receiver, TODAY, cents, key, options, simulator, with};

const ALL: &str = "startDate=2000-01-01&endDate=2090-12-31";

fn rows(answer: &Value) -> &Vec<Value> {
    answer["data"].as_array().unwrap()
}

#[tokio::test]
async fn each_selection_looks_at_its_own_date() {
    let simulator = simulator(900).await;
    let world = simulator.world().await;
    let (start, end) = ("2026-01-01", "2026-06-30");
    let within = |date: &Value| (start..=end).contains(&date.as_str().unwrap());
    for (selection, count) in [
        (
            "D",
            world.values().filter(|row| within(&row["dueDate"])).count(),
        ),
        (
            "P",
            world
                .values()
                .filter(|row| {
                    row["receipts"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .any(|r| within(&r["date"]))
                })
                .count(),
        ),
    ] {
        let path = format!(
            "bulk-data/v1/income?startDate={start}&endDate={end}&selectionType={selection}"
        );
        let answer = simulator.get(&path).await;
        assert!(count > 0);
        assert_eq!(rows(&answer).len(), count, "{selection}");
    }
    for selection in ["I", "B"] {
        let path = format!(
            "bulk-data/v1/income?startDate={start}&endDate={end}&selectionType={selection}"
        );
        let answer = simulator.get(&path).await;
        assert!(rows(&answer).iter().all(|row| within(&row["issueDate"])));
    }
}

#[tokio::test]
async fn companies_part_the_whole() {
    let simulator = simulator(900).await;
    let mut total = 0;
    for company in 1..=3 {
        let answer = simulator
            .get(&format!(
                "bulk-data/v1/income?{ALL}&selectionType=D&companyId={company}"
            ))
            .await;
        assert!(rows(&answer).iter().all(|row| row["companyId"] == company));
        total += rows(&answer).len();
    }
    assert_eq!(total, 900);
}

#[tokio::test]
async fn change_start_date_finds_exactly_what_changed() {
    let simulator = simulator(900).await;
    let (bill, installment, _) = simulator.open_one().await;
    let income = format!("bulk-data/v1/income?{ALL}&selectionType=D&changeStartDate={TODAY}");
    let extract = format!(
        "bulk-data/v1/customer-extract-history?startDueDate=2000-01-01&endDueDate=2090-12-31&changeStartDate={TODAY}"
    );
    simulator.control("PUT", "today", &json!({"days": 1})).await;
    let tomorrow = |path: &str| path.replace("2026-11-20", "2026-11-21");
    assert_eq!(rows(&simulator.get(&tomorrow(&income)).await).len(), 0);
    simulator
        .operate(
            "receive",
            json!({"billId": bill, "installmentId": installment, "value": "1.00"}),
        )
        .await;
    let answer = simulator.get(&tomorrow(&income)).await;
    assert_eq!(
        rows(&answer)
            .iter()
            .map(|row| key(row, "billId"))
            .collect::<Vec<_>>(),
        [(bill, installment)]
    );
    let answer = simulator.get(&tomorrow(&extract)).await;
    assert_eq!(
        rows(&answer)
            .iter()
            .map(|row| row["billReceivableId"].as_u64().unwrap())
            .collect::<Vec<_>>(),
        [bill]
    );
    simulator.operate("assign", json!({"billId": bill})).await;
    let answer = simulator.get(&tomorrow(&income)).await;
    let all = simulator.installments(&format!("billId={bill}")).await;
    assert_eq!(
        rows(&answer).len(),
        all.len(),
        "a change of the bill is a change of all in it"
    );
}

#[tokio::test]
async fn required_parameters_are_required() {
    let simulator = simulator(20).await;
    let wrong = [
        "income",
        "income?startDate=2026-01-01&endDate=2026-01-31",
        "income/by-bills",
        "income/by-bills?billsIds=x",
        "income?startDate=2026-02-01&endDate=2026-01-31&selectionType=D",
        "customer-extract-history?startDueDate=2026-01-01",
        "defaulters-receivable-bills",
    ];
    for path in wrong {
        assert_eq!(
            simulator
                .send(&format!("bulk-data/v1/{path}"))
                .await
                .status(),
            400,
            "{path}"
        );
    }
}

#[tokio::test]
async fn defaulters_are_the_late_ones_with_their_charges_and_listing() {
    let simulator = simulator(3_000).await;
    let late: Vec<Value> = simulator
        .installments("open=true&companyId=1")
        .await
        .into_iter()
        .filter(|row| row["dueDate"].as_str().unwrap() < TODAY.to_string().as_str())
        .collect();
    let first = late.first().unwrap();
    simulator
        .operate(
            "change",
            json!({"billId": first["billId"], "installmentId": first["installmentId"], "listed": true}),
        )
        .await;
    let answer = simulator
        .get("bulk-data/v1/defaulters-receivable-bills?companyId=1")
        .await;
    let installments: Vec<&Value> = rows(&answer)
        .iter()
        .flat_map(|row| row["defaulterInstallments"].as_array().unwrap())
        .collect();
    assert_eq!(installments.len(), late.len());
    let bill = rows(&answer)
        .iter()
        .find(|row| row["receivableBillId"] == first["billId"])
        .unwrap();
    let seen = bill["defaulterInstallments"].as_array().unwrap();
    let seen = seen
        .iter()
        .find(|row| row["installmentId"] == first["installmentId"])
        .unwrap();
    assert_eq!(seen["installmentSentToSPCSerasa"], "S");
    let parts = ["proRata", "interest", "fine"]
        .map(|name| cents(&seen[name]))
        .iter()
        .sum::<i64>();
    assert_eq!(parts, cents(&seen["totalAdditions"]));
    assert_eq!(
        cents(&seen["correctedValueWithoutAdditions"]) + parts,
        cents(&seen["correctedValueWithAdditions"])
    );
}

#[tokio::test]
async fn the_asynchronous_way_gives_the_same_rows_in_chunks() {
    let simulator = simulator(900).await;
    let (receiver, url) = Receiver::open(0).await;
    let question = format!("bulk-data/v1/income?{ALL}&selectionType=D");
    let whole = simulator.get(&question).await;
    let asked = simulator
        .get(&format!(
            "{question}&_async=true&_asyncChunkMaxSize=200&_asyncWebHookUrl={url}"
        ))
        .await;
    let identifier = asked["identifier"].as_str().unwrap();
    receiver.wait(1).await;
    let status = simulator
        .get(&format!("bulk-data/v1/async/{identifier}"))
        .await;
    assert_eq!(status["status"], "Finished");
    let chunks = status["chunks"].as_u64().unwrap();
    assert!(chunks > 1);
    let mut joined = Vec::new();
    for chunk in 1..=chunks {
        joined.extend(
            rows(
                &simulator
                    .get(&format!("bulk-data/v1/async/{identifier}/result/{chunk}"))
                    .await,
            )
            .clone(),
        );
    }
    assert_eq!(&joined, rows(&whole));
    assert_eq!(
        simulator
            .send(&format!(
                "bulk-data/v1/async/{identifier}/result/{}",
                chunks + 1
            ))
            .await
            .status(),
        404
    );
    assert_eq!(
        simulator.send("bulk-data/v1/async/unknown").await.status(),
        404
    );
}

#[tokio::test]
async fn an_asynchronous_question_can_fail() {
    let simulator = simulator(100).await;
    simulator
        .control(
            "PUT",
            "faults",
            &json!({"kind": "api-error", "route": "bulk-data/v1/income"}),
        )
        .await;
    let asked = simulator
        .get(&format!(
            "bulk-data/v1/income?{ALL}&selectionType=D&_async=true"
        ))
        .await;
    let path = format!(
        "bulk-data/v1/async/{}",
        asked["identifier"].as_str().unwrap()
    );
    let mut status = simulator.get(&path).await;
    while !["Failed", "Finished"]
        .iter()
        .any(|end| status["status"] == *end)
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
        status = simulator.get(&path).await;
    }
    assert_eq!(status["status"], "Failed");
}

#[tokio::test]
async fn rows_come_in_the_order_asked_for_and_are_the_same_rows() {
    let income = format!("bulk-data/v1/income?{ALL}&selectionType=D");
    let by_bills = "bulk-data/v1/income/by-bills?billsIds=10001,10002,10003".to_owned();
    let extract =
        "bulk-data/v1/customer-extract-history?startDueDate=2000-01-01&endDueDate=2090-12-31"
            .to_owned();
    let defaulters = "bulk-data/v1/defaulters-receivable-bills?companyId=1".to_owned();
    for path in [income, by_bills, extract, defaulters] {
        let mut answers = Vec::new();
        for order in [
            Order::Bill,
            Order::Due,
            Order::Shuffled(1),
            Order::Shuffled(2),
        ] {
            let simulator = with(Options {
                order,
                ..options(4_000)
            })
            .await;
            let answer = rows(&simulator.get(&path).await).clone();
            if order == Order::Due {
                let due = |row: &Value| row["dueDate"].as_str().map(str::to_owned);
                assert!(answer.is_sorted_by_key(due), "{path}");
            }
            answers.push(answer);
        }
        let text = |rows: &Vec<Value>| rows.iter().map(Value::to_string).collect::<Vec<_>>();
        let sorted = |rows: &Vec<Value>| {
            let mut rows = text(rows);
            rows.sort_unstable();
            rows
        };
        for answer in &answers[1..] {
            assert_ne!(text(answer), text(&answers[0]), "{path}");
            assert_eq!(sorted(answer), sorted(&answers[0]), "{path}");
        }
        assert_ne!(answers[2], answers[3], "{path}");
    }
}
