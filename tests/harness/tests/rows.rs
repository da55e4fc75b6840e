//! Rows that come odd: what could not be read hides nothing, changes nothing and is told; what the settings leave out is counted.

use harness::{Rig, count};
use ponte::ids::{BillId, EnterpriseId, InstallmentId};
use serde_json::{Value, json};

use crate::api::Scene;

fn event() -> Value {
    json!({"tenant": "617", "creditor": 1})
}

fn critiques(summary: &Value) -> Vec<&str> {
    let told = summary["contagens"]["critiques"].as_array();
    told.into_iter()
        .flatten()
        .map(|text| text.as_str().unwrap())
        .collect()
}

/// Whether an installment is held open.
async fn is_open(rig: &Rig, bill: u32, id: u32) -> bool {
    let tenant = harness::database::tenant();
    let held = rig
        .adapters
        .store
        .load_bill(&tenant, BillId(bill.into()))
        .await
        .unwrap();
    held.installments()
        .any(|row| row.id == InstallmentId(id.into()) && row.is_open())
}

/// Every source sends these rows so.
fn everywhere(rows: &Value) -> Value {
    json!([{"kind": "odd", "rows": rows}])
}

#[tokio::test]
async fn a_contract_with_a_bad_row_is_opened_with_a_warning_and_the_rest_as_sienge_has_it() {
    let scene = Scene::start().await;
    let rig = &scene.rig;
    let (bill, ids) = rig.to_agree_on(0, 3);
    let path = format!("/v1/contracts/{bill}/open");
    let mut value = 800;
    for odd in [
        json!({"paymentTerm": null, "conditionType": null, "conditionTypeId": null}),
        json!({"dueDate": {}}),
        json!({"balanceAmount": "1.000,00", "balanceDue": "1.000,00"}),
        json!({"receipts": "nada"}),
        json!({"receipts": [{"receiptType": null}]}),
    ] {
        value += 1;
        rig.change(
            "change",
            json!({"billId": bill, "installmentId": ids[0], "value": format!("{value}.00"), "silent": true}),
        );
        rig.faults(everywhere(&json!({format!("{bill}/{}", ids[1]): odd})))
            .await;
        let (status, opened) = scene.call("POST", &path, Value::Null).await;
        assert_eq!(status, 200, "{odd}: {opened}");
        let warnings = opened["warnings"].as_array().unwrap();
        let names = format!("Parcela(s) {} do contrato {bill} ilegível", ids[1]);
        assert!(
            warnings.len() == 1 && warnings[0].as_str().unwrap().starts_with(&names),
            "{odd}: {warnings:?}"
        );
        let mut rows = opened["contracts"][0]["installments"]
            .as_array()
            .unwrap()
            .iter();
        let changed = rows.find(|row| row["id"] == ids[0]).unwrap();
        assert_eq!(
            changed["balance"],
            format!("{value}.00"),
            "{odd}: the rest is mirrored"
        );
        assert!(is_open(rig, bill, ids[1]).await, "{odd}");
        rig.faults(json!([])).await;
    }
    let (_, opened) = scene.call("POST", &path, Value::Null).await;
    assert_eq!(opened["warnings"], json!([]));
    rig.assert_equal().await;
    // A settled one is nobody's trouble.
    rig.happen("receive", json!({"billId": bill, "installmentId": ids[2]}))
        .await;
    rig.apply().await;
    let typeless = json!({"receipts.receiptType": null, "receipts.operationTypeName": null});
    rig.faults(everywhere(&json!({format!("{bill}/{}", ids[2]): typeless})))
        .await;
    let (status, opened) = scene.call("POST", &path, Value::Null).await;
    assert_eq!((status, &opened["warnings"]), (200, &json!([])), "{opened}");
    rig.assert_equal().await;
}

#[tokio::test]
async fn a_quote_names_the_installment_that_it_cannot_calculate_and_calculates_the_others() {
    let scene = Scene::start().await;
    let rig = &scene.rig;
    let (bill, ids) = rig.to_agree_on(0, 2);
    let asked = |ids: &[u32]| json!({"bills": [{"bill": bill, "installments": ids}]});
    let rows = json!({format!("{bill}/{}", ids[0]): {"adjustedValue": "x"}});
    rig.faults(json!([{"kind": "odd", "rows": rows, "route": "v1/current-debit-balance"}]))
        .await;
    let (status, answer) = scene.call("POST", "/v1/quotes", asked(&ids)).await;
    assert_eq!(status, 422, "{answer}");
    let names = format!(
        "a parcela {} do título {bill} está ilegível no saldo devedor do Sienge",
        ids[0]
    );
    assert!(answer.to_string().contains(&names), "{answer}");
    let (status, answer) = scene.call("POST", "/v1/quotes", asked(&ids[1..])).await;
    assert_eq!(status, 200, "{answer}");
    rig.faults(json!([])).await;
    rig.change(
        "change",
        json!({"billId": bill, "installmentId": ids[0], "dueDate": "2206-05-10", "silent": true}),
    );
    let (status, opened) = scene
        .call("POST", &format!("/v1/contracts/{bill}/open"), Value::Null)
        .await;
    assert!(
        status == 200 && opened["warnings"].to_string().contains("10/05/2206"),
        "{opened}"
    );
    let (status, answer) = scene.call("POST", "/v1/quotes", asked(&ids)).await;
    let names = format!("a parcela {} do título {bill} vence em 10/05/2206", ids[0]);
    assert!(
        status == 422 && answer.to_string().contains(&names),
        "{status} {answer}"
    );
    assert_eq!(
        scene.call("POST", "/v1/quotes", asked(&ids[1..])).await.0,
        200
    );
}

#[tokio::test]
async fn a_batimento_leaves_what_it_could_not_read_as_it_is_and_says_so() {
    let rig = Rig::filled().await;
    let contracts = rig.contracts(&[1], 3);
    let (one, other) = (&contracts[0], &contracts[1]);
    let (bill, ids) = one;
    let rows = json!({
        format!("{bill}/{}", ids[0]): {"dueDate": null},
        format!("{}/{}", other.0, other.1[0]): {"installmentId": null},
        format!("{}/{}", other.0, other.1[1]): {"billId": null},
    });
    rig.change(
        "receive",
        json!({"billId": bill, "installmentId": ids[1], "silent": true}),
    );
    rig.change(
        "remove",
        json!({"billId": bill, "installmentId": ids[2], "silent": true}),
    );
    rig.faults(json!([{"kind": "odd", "rows": rows, "route": "bulk-data/v1/income"}]))
        .await;
    let summary = rig.reconcile(event()).await.unwrap();
    assert_eq!(summary["situacao"], "concluído", "{summary}");
    assert_eq!(
        (count(&summary, "rowsUnread"), count(&summary, "rowsAstray")),
        (2, 1),
        "{summary}"
    );
    assert_eq!(
        (count(&summary, "settled"), count(&summary, "returned")),
        (1, 1),
        "the rest of the bill is mirrored: {summary}"
    );
    let told = critiques(&summary).join("\n");
    assert!(
        told.contains(&format!(
            "Parcela(s) {} do contrato {bill} ilegível(is) no Sienge: campo dueDate",
            ids[0]
        )),
        "{told}"
    );
    assert!(told.contains("não se sabe de que título são"), "{told}");
    rig.assert_equal().await;
    // Told once a day.
    let again = rig.reconcile(event()).await.unwrap();
    assert_eq!(count(&again, "returned"), 0);
    let asked = json!({"tenant": "617", "call": "GET /v1/critiques"});
    let listed = rig.called(asked).await;
    let of_it = listed["critiques"].as_array().unwrap().iter();
    assert_eq!(
        of_it
            .filter(|critique| critique["text"].as_str().unwrap().contains("campo dueDate"))
            .count(),
        1
    );
}

#[tokio::test]
async fn a_daily_run_that_could_not_read_a_row_reads_from_the_same_day_again() {
    let rig = Rig::filled().await;
    let (bill, ids) = rig.contracts(&[1], 2).remove(0);
    rig.change(
        "receive",
        json!({"billId": bill, "installmentId": ids[0], "silent": true}),
    );
    rig.change(
        "receive",
        json!({"billId": bill, "installmentId": ids[1], "silent": true}),
    );
    let rows = json!({format!("{bill}/{}", ids[0]): {"originalAmount": {}, "balanceAmount": null}});
    rig.faults(json!([{"kind": "odd", "rows": rows, "route": "bulk-data/v1/income"}]))
        .await;
    let summary = rig.import(event()).await.unwrap();
    assert_eq!(
        (count(&summary, "rowsUnread"), count(&summary, "settled")),
        (1, 1),
        "{summary}"
    );
    assert!(is_open(&rig, bill, ids[0]).await);
    rig.faults(json!([])).await;
    rig.pass(std::time::Duration::from_hours(72));
    let summary = rig.import(event()).await.unwrap();
    assert_eq!(count(&summary, "settled"), 1, "{summary}");
    rig.assert_equal().await;
}

#[tokio::test]
async fn a_row_told_twice_counts_once_and_two_that_contradict_each_other_not_at_all() {
    let rig = Rig::filled().await;
    let (bill, ids) = rig.contracts(&[1], 2).remove(0);
    let before = rig.portfolio().await;
    for (order, balance) in [
        ("true-first", 0),
        ("true-first", 1),
        ("odd-first", 0),
        ("odd-first", 1),
    ] {
        let rows = json!({format!("{bill}/{}", ids[0]): {"mainUnit": null}, format!("{bill}/{}", ids[1]): {"balanceAmount": balance}});
        rig.faults(json!([{"kind": "odd", "twice": order, "rows": rows}]))
            .await;
        let summary = rig.reconcile(event()).await.unwrap();
        assert_eq!(summary["situacao"], "concluído", "{order}: {summary}");
        rig.assert_portfolio_is(&before).await;
    }
    // Of two that differ from what is held neither is believed: the bill is read whole.
    for order in ["true-first", "odd-first"] {
        let payment =
            json!({"billId": bill, "installmentId": ids[1], "value": "1.00", "silent": true});
        rig.change("receive", payment);
        let rows = json!({format!("{bill}/{}", ids[1]): {"balanceAmount": 1}});
        rig.faults(
            json!([{"kind": "odd", "twice": order, "rows": rows, "route": "bulk-data/v1/income"}]),
        )
        .await;
        let summary = rig.reconcile(event()).await.unwrap();
        assert_eq!(
            (count(&summary, "paidInPart"), count(&summary, "events")),
            (1, 1),
            "{order}: {summary}"
        );
    }
    rig.faults(json!([])).await;
    rig.assert_equal().await;
}

/// The enterprise of a held bill's contract.
async fn enterprise(rig: &Rig, bill: u32) -> Option<EnterpriseId> {
    let tenant = harness::database::tenant();
    let held = rig
        .adapters
        .store
        .load_bill(&tenant, BillId(bill.into()))
        .await
        .unwrap();
    held.contracts().next().unwrap().enterprise
}

#[tokio::test]
async fn a_row_that_names_no_enterprise_takes_none_from_its_contract() {
    let rig = Rig::filled().await;
    let (bill, ids) = rig.contracts(&[1], 2).remove(0);
    let named = enterprise(&rig, bill).await;
    assert!(named.is_some());
    for (value, odd) in [
        ("701.00", &ids[..1]),
        ("702.00", &ids[1..]),
        ("703.00", &ids[..]),
    ] {
        let rows: serde_json::Map<String, Value> = odd
            .iter()
            .map(|id| (format!("{bill}/{id}"), json!({"receiptsCategories": null})))
            .collect();
        rig.faults(everywhere(&json!(rows))).await;
        for id in &ids[..2] {
            let change =
                json!({"billId": bill, "installmentId": id, "value": value, "silent": true});
            rig.change("change", change);
        }
        let summary = rig.reconcile(event()).await.unwrap();
        assert_eq!(summary["situacao"], "concluído", "{summary}");
        assert_eq!(enterprise(&rig, bill).await, named, "{odd:?}");
        rig.assert_equal().await;
    }
}

#[tokio::test]
async fn a_due_date_that_nobody_can_mean_is_included_and_criticised_once() {
    let rig = Rig::of_one_creditor().await;
    let contracts = rig.contracts(&[1], 1);
    let days = ["2206-05-10", "0206-05-10", "1926-05-10", "9999-12-31"];
    for (day, (bill, ids)) in days.iter().zip(&contracts) {
        rig.change(
            "change",
            json!({"billId": bill, "installmentId": ids[0], "dueDate": day, "silent": true}),
        );
    }
    let summary = rig.reconcile(event()).await.unwrap();
    let told = critiques(&summary);
    for (bill, ids) in &contracts[..4] {
        assert!(is_open(&rig, *bill, ids[0]).await);
        let names = format!("Parcela {} do contrato {bill} com vencimento em", ids[0]);
        assert_eq!(
            told.iter().filter(|text| text.starts_with(&names)).count(),
            1,
            "{told:?}"
        );
    }
    rig.assert_equal().await;
    let again = rig.reconcile(event()).await.unwrap();
    assert!(critiques(&again).is_empty(), "{again}");
    rig.assert_equal().await;
}

#[tokio::test]
async fn newly_ignored_conditions_stay_until_the_batimento_is_confirmed_also_where_a_bill_is_read_whole()
 {
    let rig = Rig::filled().await;
    let bills = rig.contracts(&[1], 2);
    let ((bill, ids), (assigned, of_assigned)) = (&bills[0], &bills[1]);
    rig.change(
        "change",
        json!({"billId": assigned, "installmentId": of_assigned[0], "conditionTypeId": "AT", "silent": true}),
    );
    rig.reconcile(event()).await.unwrap();
    rig.change("assign", json!({"billId": assigned, "silent": true}));
    rig.settings(|settings| {
        settings.ignore_condition_types = serde_json::from_str("\"PM\"").unwrap();
    })
    .await;
    let open = rig.portfolio().await;
    let rows = json!({format!("{bill}/{}", ids[1]): {"balanceAmount": 1}});
    rig.faults(json!([{"kind": "odd", "twice": "true-first", "rows": rows, "route": "bulk-data/v1/income", "count": 1}]))
        .await;
    let asks = rig.reconcile(event()).await.unwrap();
    assert_eq!(
        (&asks["situacao"], count(&asks, "returned")),
        (&json!("aguardando confirmação"), 0),
        "{asks}"
    );
    rig.assert_portfolio_is(&open).await;
    rig.faults(json!([])).await;
    let confirmed = rig.reconcile(asks["proximoPasso"].clone()).await.unwrap();
    assert_eq!(confirmed["situacao"], "concluído", "{confirmed}");
    assert_eq!(count(&confirmed, "contractsAssigned"), 1, "{confirmed}");
    let again = rig.reconcile(event()).await.unwrap();
    assert_eq!(
        (&again["situacao"], count(&again, "returned")),
        (&json!("concluído"), 0),
        "{again}"
    );
}

#[tokio::test]
async fn newly_ignored_conditions_are_told_as_left_out_by_the_settings() {
    let rig = Rig::filled().await;
    let open = rig.portfolio().await;
    rig.settings(|settings| {
        settings.ignore_condition_types = serde_json::from_str("\"PM\"").unwrap();
    })
    .await;
    let asks = rig.reconcile(event()).await.unwrap();
    assert_eq!(asks["situacao"], "aguardando confirmação", "{asks}");
    let text = asks["resumo"].as_str().unwrap();
    assert!(
        text.contains("ficam de fora pela configuração") && !text.contains("não vieram"),
        "{text}"
    );
    assert!(count(&asks, "rowsIgnored") > 0);
    rig.assert_portfolio_is(&open).await;
    let confirmed = rig.reconcile(asks["proximoPasso"].clone()).await.unwrap();
    assert_eq!(confirmed["situacao"], "concluído", "{confirmed}");
    assert!(count(&confirmed, "returned") > 0, "{confirmed}");
    let again = rig.reconcile(event()).await.unwrap();
    assert_eq!(
        (&again["situacao"], count(&again, "returned")),
        (&json!("concluído"), 0),
        "{again}"
    );
}
