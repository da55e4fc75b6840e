//! Nothing is removed because it was missing from one answer, and much is never removed unasked.

use harness::Rig;
use harness::database::tenant;
use harness::rig::Told;
use ponte::ids::CreditorId;
use serde_json::{Value, json};

const EVENT: fn() -> Value = || json!({"tenant": "617", "creditor": 1});

async fn filled() -> Rig {
    let rig = Rig::filled().await;
    rig.bus.take();
    rig
}

fn is(summary: &Value, state: &str) {
    assert_eq!(summary["situacao"], state, "{summary}");
}

/// Runs a batimento that must stop and ask, and answers the event that confirms it.
async fn stops_and_asks(rig: &Rig) -> Value {
    let before = rig.portfolio().await;
    let summary = rig.reconcile(EVENT()).await.unwrap();
    is(&summary, "aguardando confirmação");
    assert_eq!(harness::count(&summary, "returned"), 0);
    rig.assert_portfolio_is(&before).await;
    let text = summary["resumo"].as_str().unwrap();
    assert!(text.contains("Confira no Sienge"), "{text}");
    summary["proximoPasso"].clone()
}

#[tokio::test]
async fn half_of_the_rows_missing_stops_the_run_and_a_confirmation_removes_only_what_is_gone() {
    let rig = filled().await;
    rig.faults(json!([{"kind": "missing", "share": 0.5, "route": "bulk-data/v1/income"}]))
        .await;
    let confirm = stops_and_asks(&rig).await;
    rig.faults(json!([])).await;
    rig.payments(json!({})).await.unwrap();
    assert!(
        rig.bus.take().is_empty(),
        "the sweep leaves a run that waits alone"
    );
    let summary = rig.reconcile(confirm.clone()).await.unwrap();
    is(&summary, "concluído");
    assert_eq!(
        harness::count(&summary, "returned"),
        0,
        "the second read showed all of them"
    );
    rig.assert_equal().await;
    let again = rig.reconcile(confirm).await.unwrap();
    is(&again, "recusado");
    assert!(
        again["resumo"]
            .as_str()
            .unwrap()
            .contains("não há batimento aguardando confirmação"),
        "{again}"
    );
}

#[tokio::test]
async fn what_was_really_removed_goes_once_it_is_confirmed() {
    let rig = filled().await;
    let mut removed = 0;
    for (bill, open) in rig.contracts(&[1], 3) {
        rig.change(
            "remove",
            json!({"billId": bill, "installmentIds": open, "silent": true}),
        );
        removed += open.len();
    }
    let confirm = stops_and_asks(&rig).await;
    let summary = rig.reconcile(confirm).await.unwrap();
    is(&summary, "concluído");
    assert_eq!(summary["contagens"]["returned"], removed);
    rig.assert_equal().await;
}

#[tokio::test]
async fn a_new_batimento_takes_the_place_of_one_that_waits() {
    let rig = filled().await;
    rig.faults(json!([{"kind": "missing", "share": 0.5, "route": "bulk-data/v1/income"}]))
        .await;
    let confirm = stops_and_asks(&rig).await;
    rig.faults(json!([])).await;
    is(&rig.reconcile(EVENT()).await.unwrap(), "concluído");
    is(&rig.reconcile(confirm).await.unwrap(), "recusado");
    rig.assert_equal().await;
}

#[tokio::test]
async fn an_empty_answer_removes_nothing() {
    let rig = filled().await;
    rig.run_all("import").await;
    rig.bus.take();
    rig.faults(json!([{"kind": "empty", "route": "bulk-data/v1/income"}]))
        .await;
    stops_and_asks(&rig).await;
    for task in ["import", "redundancy"] {
        let before = rig.portfolio().await;
        rig.run_all(task).await;
        rig.assert_portfolio_is(&before).await;
    }
}

#[tokio::test]
async fn an_installment_missing_from_one_answer_is_not_removed() {
    let rig = filled().await;
    let (bill, open) = rig.contracts(&[1], 1).remove(0);
    let ids = [format!("{bill}/{}", open[0])];
    rig.faults(json!([{"kind": "missing", "ids": ids, "route": "bulk-data/v1/income"}]))
        .await;
    let summary = rig.reconcile(EVENT()).await.unwrap();
    is(&summary, "concluído");
    assert_eq!(harness::count(&summary, "returned"), 0);
    // Nor by a webhook whose answer does not show it.
    rig.happen(
        "receive",
        json!({"billId": bill, "installmentId": open[0], "value": "1.00"}),
    )
    .await;
    rig.apply_once().await;
    rig.faults(json!([])).await;
    rig.import(json!({"tenant": "617", "creditor": 1, "from": "2026-11-01"}))
        .await
        .unwrap();
    rig.assert_equal().await;
}

#[tokio::test]
async fn a_few_removed_installments_go_without_asking() {
    let rig = filled().await;
    let (bill, open) = rig.contracts(&[1], 2).remove(0);
    rig.change(
        "remove",
        json!({"billId": bill, "installmentId": open[0], "silent": true}),
    );
    let summary = rig.reconcile(EVENT()).await.unwrap();
    is(&summary, "concluído");
    assert_eq!(summary["contagens"]["returned"], 1);
    let told = rig.timeline(bill).await;
    assert!(
        told.iter().any(|event| event.text().contains("Batimento")),
        "{told:?}"
    );
    rig.assert_equal().await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_fails_the_run_removes_nothing_and_can_be_resumed() {
    let rig = filled().await;
    let (bill, open) = rig.contracts(&[1], 2).remove(0);
    rig.change(
        "receive",
        json!({"billId": bill, "installmentId": open[0], "silent": true}),
    );
    for (count, kind) in ["truncated", "close", "api-error"]
        .into_iter()
        .cycle()
        .take(6)
        .enumerate()
    {
        rig.faults(json!([{"kind": kind, "afterBytes": 3000, "route": "bulk-data/v1/income"}]))
            .await;
        let open_before = rig.compare_with_sienge().await.len();
        let summary = rig.reconcile(EVENT()).await.unwrap();
        is(&summary, "falhou");
        // The sweep tries six times.
        let next = if count < 5 {
            "a varredura retoma"
        } else {
            "invoque de novo hoje"
        };
        assert!(
            summary["resumo"].as_str().unwrap().contains(next),
            "{summary}"
        );
        assert_eq!(harness::count(&summary, "returned"), 0, "{kind}");
        assert!(
            rig.compare_with_sienge().await.len() <= open_before,
            "{kind}"
        );
    }
    rig.faults(json!([])).await;
    is(&rig.reconcile(EVENT()).await.unwrap(), "concluído");
    rig.assert_equal().await;
}

/// More installments than may go unasked, and their bills.
fn many(rig: &Rig) -> Vec<(u32, Vec<u32>)> {
    rig.contracts(&[1], 3)
}

fn count(bills: &[(u32, Vec<u32>)]) -> usize {
    bills.iter().map(|(_, open)| open.len()).sum()
}

#[tokio::test]
async fn what_is_settled_without_a_receipt_stays_until_the_batimento_is_confirmed_whichever_run_sees_it()
 {
    let rig = filled().await;
    rig.run_all("import").await;
    rig.bus.take();
    let bills = many(&rig);
    for (bill, open) in &bills {
        // The sources print their zero as it is, as 4.5e-13 and as -1.2e-12.
        rig.change(
            "change",
            json!({"billId": bill, "installmentIds": open, "settled": true, "silent": true}),
        );
    }
    let before = rig.portfolio().await;
    for task in ["import", "redundancy"] {
        let summaries = rig.run_all(task).await;
        assert_eq!(
            harness::count(&summaries[0], "returned"),
            0,
            "{task}: {summaries:?}"
        );
        let criticised = summaries[0]["contagens"]["critiques"].to_string();
        assert!(
            criticised.contains("execute o batimento do credor"),
            "{task}: {summaries:?}"
        );
        rig.assert_portfolio_is(&before).await;
    }
    let dry = rig
        .reconcile(json!({"tenant": "617", "creditor": 1, "dryRun": true}))
        .await
        .unwrap();
    is(&dry, "pediria confirmação");
    let text = dry["resumo"].as_str().unwrap();
    assert!(text.contains("para e pede a confirmação"), "{text}");
    let run = dry["proximoPasso"].clone();
    assert_eq!(run, json!({"tenant": "617", "creditor": 1}));
    assert_eq!(harness::count(&dry, "returned"), 0);
    assert_eq!(harness::count(&dry, "contractsFinished"), 0);
    let confirm = stops_and_asks(&rig).await;
    let summary = rig.reconcile(confirm).await.unwrap();
    is(&summary, "concluído");
    assert_eq!(summary["contagens"]["returned"], count(&bills));
    rig.assert_equal().await;
}

#[tokio::test]
async fn webhooks_of_one_batch_that_remove_too_much_take_nothing_away_and_the_batimento_asks() {
    let rig = filled().await;
    let bills = many(&rig);
    for (bill, open) in &bills {
        rig.change(
            "remove",
            json!({"billId": bill, "installmentIds": open, "silent": true}),
        );
    }
    // Each tells of one installment; the reads find the others gone too.
    for (bill, open) in bills.iter().take(10) {
        let told = Told {
            id: format!("removed-{bill}"),
            event: "RECEIVABLE_INSTALLMENT_REMOVED".to_owned(),
            body: json!({"receivableBillId": bill, "installmentId": open[0]}),
        };
        rig.tell(&told).await;
    }
    rig.pass(std::time::Duration::from_mins(1));
    let before = rig.compare_with_sienge().await.len();
    assert_eq!(rig.apply_once().await, 0, "they are done with");
    assert_eq!(
        rig.compare_with_sienge().await.len(),
        before,
        "nothing was taken away"
    );
    let confirm = stops_and_asks(&rig).await;
    is(&rig.reconcile(confirm).await.unwrap(), "concluído");
    rig.assert_equal().await;
}

#[tokio::test]
async fn a_bill_that_changes_company_leaves_the_old_creditors_index() {
    let mut rig = filled().await;
    let open = async |rig: &Rig, creditor| {
        rig.adapters
            .store
            .count_open(&tenant(), CreditorId(creditor))
            .await
            .unwrap()
    };
    let all = open(&rig, 1).await;
    rig.register(2).await;
    is(
        &rig.reconcile(json!({"tenant": "617", "creditor": 2}))
            .await
            .unwrap(),
        "concluído",
    );
    let others = open(&rig, 2).await;
    let (bill, rows) = rig.contracts(&[1], 2).remove(0);
    let moved = rig.sienge.with_world(|world| {
        world.bills[&bill]
            .installments
            .iter()
            .filter(|row| row.open())
            .count() as u64
    });
    rig.change(
        "move",
        json!({"billId": bill, "companyId": 2, "silent": true}),
    );
    // Whichever creditor's run sees it first, or a webhook, of one row.
    rig.happen(
        "change",
        json!({"billId": bill, "installmentId": rows[0], "dueDate": "2027-03-10"}),
    )
    .await;
    rig.apply_once().await;
    assert_eq!(
        (open(&rig, 1).await, open(&rig, 2).await),
        (all - moved, others + moved)
    );
    for creditor in [1, 2] {
        let summary = rig
            .reconcile(json!({"tenant": "617", "creditor": creditor}))
            .await
            .unwrap();
        is(&summary, "concluído");
        assert_eq!(harness::count(&summary, "returned"), 0, "{summary}");
    }
    rig.assert_equal().await;
    // To a company that nobody registered, and back.
    rig.change(
        "move",
        json!({"billId": bill, "companyId": 3, "silent": true}),
    );
    rig.happen(
        "change",
        json!({"billId": bill, "installmentId": rows[0], "dueDate": "2027-04-10"}),
    )
    .await;
    rig.apply_once().await;
    assert_eq!(
        (open(&rig, 1).await, open(&rig, 2).await),
        (all - moved, others + moved),
        "its creditor's batimento decides"
    );
    let mut summary = rig
        .reconcile(json!({"tenant": "617", "creditor": 2}))
        .await
        .unwrap();
    if summary["situacao"] == "aguardando confirmação" {
        summary = rig
            .reconcile(summary["proximoPasso"].clone())
            .await
            .unwrap();
    }
    assert_eq!(summary["contagens"]["returned"], moved, "{summary}");
    assert_eq!(
        (open(&rig, 1).await, open(&rig, 2).await),
        (all - moved, others)
    );
    rig.assert_equal().await;
    rig.change(
        "move",
        json!({"billId": bill, "companyId": 1, "silent": true}),
    );
    is(&rig.reconcile(EVENT()).await.unwrap(), "concluído");
    assert_eq!((open(&rig, 1).await, open(&rig, 2).await), (all, others));
    rig.assert_equal().await;
}
