//! What survives a restart.

use std::path::PathBuf;

use serde_json::{Value, json};
use sienge_simulator::Options;

use crate::support::{Receiver, options, with};

struct StateFile(PathBuf);

impl StateFile {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!(
            "sienge-simulator-{}-{name}.jsonl",
            std::process::id()
        ));
        let _ = std::fs::remove_file(&path);
        Self(path)
    }

    fn options(&self) -> Options {
        Options {
            state: Some(self.0.clone()),
            ..options(400)
        }
    }
}

impl Drop for StateFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn the_world_the_hooks_and_the_date_survive_a_kill() {
    let file = StateFile::new("survive");
    let simulator = with(file.options()).await;
    let (receiver, url) = Receiver::open(0).await;
    let hook = simulator.hook(&url, &["RECEIPT_PROCESSED"]).await;
    let gone = simulator.hook(&url, &["RECEIPT_PROCESSED"]).await;
    let address = format!("{}/v1/hooks/{gone}", simulator.running.api("obra"));
    simulator
        .client
        .delete(address)
        .basic_auth("demo", Some("demo"))
        .send()
        .await
        .unwrap();
    let (bill, installment, _) = simulator.open_one().await;
    simulator
        .operate(
            "receive",
            json!({"billId": bill, "installmentId": installment, "value": "3.00"}),
        )
        .await;
    simulator.control("PUT", "today", &json!({"days": 3})).await;
    simulator.operate("assign", json!({"billId": bill})).await;
    simulator
        .operate("add", json!({"contract": {"installments": 3}}))
        .await;
    let told = receiver.wait(1).await;
    receiver.settle().await;
    let before = simulator.world().await;
    drop(simulator);

    let again = with(Options {
        today: None,
        seed: 99,
        ..file.options()
    })
    .await;
    assert_eq!(again.world().await, before, "the file's seed wins");
    assert_eq!(again.get("v1/hooks").await["results"][0]["id"], hook);
    let (_, today) = again.control("GET", "today", &Value::Null).await;
    assert_eq!(today["today"], "2026-11-23");
    assert_eq!(
        receiver.settle().await.len(),
        1,
        "what was delivered does not come again"
    );
    again
        .operate(
            "receive",
            json!({"billId": bill, "installmentId": installment}),
        )
        .await;
    let arrived = receiver.wait(2).await;
    assert_ne!(arrived[1].id(), told[0].id(), "ids count on");
}

#[tokio::test]
async fn what_was_on_its_way_goes_out_after_the_restart() {
    let file = StateFile::new("pending");
    let simulator = with(file.options()).await;
    let (receiver, url) = Receiver::open(1).await;
    simulator.hook(&url, &["RECEIPT_PROCESSED"]).await;
    let (bill, installment, _) = simulator.open_one().await;
    simulator
        .operate(
            "receive",
            json!({"billId": bill, "installmentId": installment}),
        )
        .await;
    receiver.wait(1).await;
    drop(simulator);
    let _again = with(file.options()).await;
    let arrived = receiver.wait(2).await;
    assert_eq!(arrived[0].id(), arrived[1].id());
}

#[tokio::test]
async fn a_line_torn_by_a_crash_is_dropped() {
    let file = StateFile::new("torn");
    let simulator = with(file.options()).await;
    let (bill, installment, _) = simulator.open_one().await;
    simulator
        .operate(
            "receive",
            json!({"billId": bill, "installmentId": installment}),
        )
        .await;
    let before = simulator.world().await;
    drop(simulator);
    let mut text = std::fs::read_to_string(&file.0).unwrap();
    text.push_str("{\"record\":\"operation\",\"name\":\"can");
    std::fs::write(&file.0, text).unwrap();
    let again = with(file.options()).await;
    assert_eq!(again.world().await, before);
    again.operate("cancel", json!({"billId": bill})).await;
    let changed = again.world().await;
    drop(again);
    assert_eq!(with(file.options()).await.world().await, changed);
}

#[tokio::test]
async fn a_file_that_is_something_else_is_refused() {
    let file = StateFile::new("foreign");
    std::fs::write(&file.0, "hello\n").unwrap();
    assert!(sienge_simulator::start(file.options()).await.is_err());
}

#[tokio::test]
async fn a_stopped_simulator_answers_nobody() {
    let simulator = with(options(20)).await;
    assert_eq!(simulator.send("v1/companies").await.status(), 200);
    let (client, url) = (
        simulator.client.clone(),
        format!("{}/_control/health", simulator.running.base_url),
    );
    drop(simulator);
    for _ in 0..100 {
        if client.get(&url).send().await.is_err() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it still answers");
}
