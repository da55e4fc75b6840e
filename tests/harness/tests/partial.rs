//! Sienge answers less than there is: no wrong removal, a word that says what happened, a run that can go on.

use harness::{Rig, World};
use serde_json::{Value, json};

const EVENT: fn() -> Value = || json!({"tenant": "617", "creditor": 1});

/// Filled, with a silent payment for the runs to find.
async fn rig() -> Rig {
    let rig = Rig::with(World {
        installments: 120,
        contracts: 12,
        creditors: vec![1],
        ..World::default()
    })
    .await;
    rig.run_all("reconcile").await;
    rig.run_all("import").await;
    let (bill, open) = rig.contracts(&[1], 2).remove(0);
    rig.change(
        "receive",
        json!({"billId": bill, "installmentId": open[0], "silent": true}),
    );
    rig.bus.take();
    rig
}

/// The bills of company 1.
fn bills(rig: &Rig) -> Vec<String> {
    rig.sienge.with_world(|world| {
        let ours = world.bills.values().filter(|bill| bill.company == 1);
        ours.map(|bill| bill.id.to_string()).collect()
    })
}

/// The critiques of the day.
async fn critiques(rig: &Rig) -> Vec<String> {
    let told = rig
        .called(json!({"tenant": "617", "call": "GET /v1/critiques"}))
        .await;
    let texts = told["critiques"].as_array().unwrap().iter();
    texts
        .map(|critique| critique["text"].as_str().unwrap().to_owned())
        .collect()
}

/// Runs a batimento that ends badly, and says so; then a sound one.
async fn ends_badly_and_goes_on(faults: Value, state: &str, says: &str) {
    let rig = rig().await;
    rig.faults(faults.clone()).await;
    assert_eq!(critiques(&rig).await, Vec::<String>::new());
    let summary = rig.reconcile(EVENT()).await.unwrap();
    assert_eq!(summary["situacao"], state, "{faults}: {summary}");
    let text = summary["resumo"].as_str().unwrap();
    assert!(text.contains(says), "{faults}: {text}");
    assert_eq!(harness::count(&summary, "returned"), 0, "{faults}");
    let told = critiques(&rig).await;
    let tells = |critique: &String| {
        critique.starts_with("Credor 1, reconcile, execução ") && critique.ends_with(text)
    };
    assert!(told.iter().any(tells), "{faults}: {told:#?}");
    rig.faults(json!([])).await;
    let summary = rig.reconcile(EVENT()).await.unwrap();
    assert_eq!(summary["situacao"], "concluído", "{faults}: {summary}");
    assert_eq!(harness::count(&summary, "returned"), 0, "{faults}");
    rig.assert_equal().await;
}

#[tokio::test]
async fn a_404_for_everything_removes_nothing_and_asks() {
    let faults = json!([{"kind": "status", "status": 404, "route": "bulk-data/v1/income"}]);
    ends_badly_and_goes_on(faults, "aguardando confirmação", "Confira no Sienge").await;
}

#[tokio::test]
async fn an_error_at_the_end_of_a_stream_fails_the_run() {
    let faults =
        json!([{"kind": "api-error", "afterBytes": 1_000_000, "route": "bulk-data/v1/income"}]);
    ends_badly_and_goes_on(faults, "falhou", "a varredura retoma").await;
}

#[tokio::test]
async fn an_empty_body_is_no_empty_list() {
    let faults = json!([{"kind": "blank", "route": "bulk-data/v1/income"}]);
    ends_badly_and_goes_on(faults, "falhou", "a varredura retoma").await;
}

#[tokio::test]
async fn a_company_missing_from_all_bulk_answers_loses_nothing_even_when_its_removal_is_confirmed()
{
    let rig = rig().await;
    rig.faults(json!([{"kind": "missing", "ids": bills(&rig), "route": "bulk-data/v1"}]))
        .await;
    let summary = rig.reconcile(EVENT()).await.unwrap();
    assert_eq!(summary["situacao"], "aguardando confirmação", "{summary}");
    // The operator did not look closely; each bill is read again, from the other source too.
    let summary = rig
        .reconcile(summary["proximoPasso"].clone())
        .await
        .unwrap();
    assert_eq!(harness::count(&summary, "returned"), 0, "{summary}");
    rig.faults(json!([])).await;
    rig.reconcile(EVENT()).await.unwrap();
    rig.assert_equal().await;
}

#[tokio::test]
async fn the_daily_runs_take_nothing_away_whatever_is_missing() {
    let rig = rig().await;
    let ids = bills(&rig);
    let kinds = [
        json!({"kind": "status", "status": 404}),
        json!({"kind": "missing", "ids": ids}),
        json!({"kind": "empty"}),
        json!({"kind": "blank"}),
        json!({"kind": "api-error", "afterBytes": 500}),
        json!({"kind": "truncated", "afterBytes": 500}),
    ];
    let open = rig.compare_with_sienge().await;
    for mut fault in kinds {
        fault["route"] = json!("bulk-data/v1");
        rig.faults(json!([fault])).await;
        for run in [
            rig.import(EVENT()).await,
            rig.payments(json!({"tenant": "617", "creditor": 1, "redundancy": true}))
                .await,
        ] {
            assert_eq!(harness::count(&run.unwrap(), "returned"), 0, "{fault}");
        }
        let differences = rig.compare_with_sienge().await;
        assert!(
            differences.iter().all(|line| open.contains(line)),
            "{fault}: {differences:#?}"
        );
    }
    rig.faults(json!([])).await;
    let summary = rig.import(EVENT()).await.unwrap();
    assert_eq!(summary["situacao"], "concluído", "{summary}");
    rig.assert_equal().await;
}

#[tokio::test]
async fn a_bill_missing_from_every_rest_answer_is_not_removed_by_its_webhook() {
    let rig = rig().await;
    let (bill, open) = rig.contracts(&[1], 2).remove(0);
    rig.faults(json!([{"kind": "missing", "ids": [bill.to_string()], "route": "v1/"}]))
        .await;
    rig.happen(
        "receive",
        json!({"billId": bill, "installmentId": open[0], "value": "1.00"}),
    )
    .await;
    rig.apply_once().await;
    let held = rig.held().await;
    let open_here = held[&ponte::ids::BillId(i64::from(bill))]
        .installments()
        .filter(|row| row.is_open())
        .count();
    assert!(open_here >= open.len());
    rig.faults(json!([])).await;
    rig.import(EVENT()).await.unwrap();
    rig.apply_once().await;
    rig.assert_equal().await;
}

#[tokio::test]
async fn an_installment_that_is_news_and_left_out_of_the_answer_is_looked_for_in_the_other_source()
{
    let rig = rig().await;
    let (bill, _) = rig.contracts(&[1], 2).remove(0);
    let body =
        json!({"billId": bill, "installments": [{"dueDate": "2026-12-20", "value": "321.00"}]});
    let told = rig.change("add", body);
    let id = told[0].body["installmentId"].as_i64().unwrap();
    rig.faults(json!([{"kind": "missing", "ids": [format!("{bill}/{id}")], "route": "v1/"}]))
        .await;
    for told in &told {
        rig.tell(told).await;
    }
    rig.apply().await;
    let held = rig.held().await;
    let bill = &held[&ponte::ids::BillId(i64::from(bill))];
    assert!(
        bill.installments()
            .any(|row| row.id.0 == id && row.is_open()),
        "{bill:?}"
    );
    let faults = rig.control("GET", "faults", Value::Null).await;
    assert!(faults.to_string().contains("missing"), "still so: {faults}");
}
