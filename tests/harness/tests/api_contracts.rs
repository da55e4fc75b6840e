//! The opening of a contract over the HTTP API.

use serde_json::{Value, json};

use crate::api::{Scene, calls_to_sienge};
use crate::api_agreements::{agreed, read, saved, tell_remake};

#[tokio::test]
async fn an_opened_contract_is_what_sienge_says_now() {
    let scene = Scene::start().await;
    let rig = &scene.rig;
    let (bill, ids) = rig.to_agree_on(0, 3);
    // Sienge tells nobody.
    rig.change(
        "receive",
        json!({"billId": bill, "installmentId": ids[0], "silent": true}),
    );
    let change =
        json!({"billId": bill, "installmentId": ids[1], "value": "1234.50", "silent": true});
    rig.change("change", change);
    let path = format!("/v1/contracts/{bill}/open");
    let (status, opened) = scene.call("POST", &path, Value::Null).await;
    assert_eq!(
        (status, &opened["synchronised"]),
        (200, &json!(true)),
        "{opened}"
    );
    rig.assert_equal().await;
    let contract = &opened["contracts"][0];
    assert_eq!(
        (&contract["creditor"], contract["stateText"].as_str()),
        (&json!(1), Some("em aberto"))
    );
    let row = |id: u32| {
        let mut rows = contract["installments"].as_array().unwrap().iter();
        rows.find(|row| row["id"] == id).unwrap()
    };
    assert_eq!(
        (
            row(ids[0])["open"].as_bool(),
            row(ids[0])["stateText"].as_str()
        ),
        (Some(false), Some("Recebimento em 20/11/2026"))
    );
    assert_eq!(
        (
            row(ids[1])["balance"].as_str(),
            row(ids[1])["stateText"].as_str()
        ),
        (Some("1234.50"), Some("em aberto"))
    );
    let texts: Vec<&str> = opened["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["text"].as_str().unwrap())
        .collect();
    let synchronised = format!(
        "Sincronização de Parcela(s)\nContrato {bill} Parcela(s): {}",
        ids[1]
    );
    assert!(texts.contains(&synchronised.as_str()), "{texts:?}");

    // Nothing changed: nothing is written, and the answer is the same.
    let before = rig.portfolio().await;
    assert_eq!(scene.call("POST", &path, Value::Null).await, (200, opened));
    rig.assert_portfolio_is(&before).await;
}

#[tokio::test]
async fn a_boleto_is_seen_beside_an_installment_that_must_be_looked_for_twice() {
    let scene = Scene::start().await;
    let rig = &scene.rig;
    let (bill, ids) = rig.to_agree_on(0, 4);
    rig.change(
        "remove",
        json!({"billId": bill, "installmentId": ids[0], "silent": true}),
    );
    rig.change(
        "boleto",
        json!({"billId": bill, "installmentId": ids[1], "silent": true}),
    );
    // A remake is taken over whole or not at all.
    rig.change(
        "remake",
        json!({"billId": bill, "installmentIds": &ids[2..], "count": 1, "silent": true}),
    );
    let (status, opened) = scene
        .call("POST", &format!("/v1/contracts/{bill}/open"), Value::Null)
        .await;
    assert_eq!(status, 200, "{opened}");
    rig.assert_equal().await;
}

#[tokio::test]
async fn opening_a_contract_whose_remake_is_gone_in_sienge_breaks_its_agreement() {
    let scene = Scene::start().await;
    let rig = &scene.rig;
    let (bill, ids) = rig.to_agree_on(0, 2);
    let id = saved(&scene, "pedido-1", agreed(bill, &ids, "integrated")).await;
    tell_remake(&scene, bill).await;
    rig.change(
        "remake",
        json!({"billId": bill, "undo": true, "silent": true}),
    );
    let (status, opened) = scene
        .call("POST", &format!("/v1/contracts/{bill}/open"), Value::Null)
        .await;
    assert_eq!(status, 200, "{opened}");
    assert_eq!(read(&scene, &id).await["state"]["how"]["by"], "erpGone");
    rig.assert_equal().await;
}

#[tokio::test]
async fn what_is_not_held_is_not_opened_and_a_tenant_may_keep_openings_from_reading_sienge() {
    let scene = Scene::start().await;
    let rig = &scene.rig;
    let (bill, ids) = rig.to_agree_on(0, 2);
    let path = format!("/v1/contracts/{bill}/open");
    let before = calls_to_sienge(rig).await;
    let (status, answer) = scene
        .call("POST", "/v1/contracts/99999/open", Value::Null)
        .await;
    assert_eq!(status, 404, "an opening imports nothing: {answer}");
    rig.settings(|settings| settings.synchronise_on_opening = false)
        .await;
    rig.change(
        "receive",
        json!({"billId": bill, "installmentId": ids[0], "silent": true}),
    );
    let (status, opened) = scene.call("POST", &path, Value::Null).await;
    assert_eq!(
        (status, &opened["synchronised"]),
        (200, &json!(false)),
        "{opened}"
    );
    assert_eq!(calls_to_sienge(rig).await, before);

    rig.settings(|_| {}).await;
    rig.faults(json!([{"kind": "status", "status": 403, "route": "v1/"}, {"kind": "status", "status": 403, "route": "bulk-data/"}]))
        .await;
    let (status, answer) = scene.call("POST", &path, Value::Null).await;
    assert_eq!(
        (status, answer["type"].as_str()),
        (502, Some("urn:ponte:problem:sienge")),
        "{answer}"
    );
}

#[tokio::test]
async fn an_assignment_that_waits_is_told_to_whoever_asks_and_nothing_is_quoted() {
    let scene = Scene::start().await;
    let (bill, _) = scene.rig.contracts(&[1], 4).into_iter().next().unwrap();
    let quote = json!({"bills": [{"bill": bill}]});
    let open = format!("/v1/contracts/{bill}/open");
    assert_eq!(scene.call("POST", "/v1/quotes", quote.clone()).await.0, 200);
    scene.rig.happen("assign", json!({"billId": bill})).await;
    scene.rig.apply().await;
    let (status, refused) = scene.call("POST", "/v1/quotes", quote.clone()).await;
    assert_eq!(
        (status, &refused["errors"][0]["path"]),
        (422, &json!("bills[0].bill")),
        "{refused}"
    );
    let (status, opened) = scene.call("POST", &open, Value::Null).await;
    assert_eq!(status, 200, "{opened}");
    for told in [
        &refused["errors"][0]["detail"],
        &opened["contracts"][0]["notice"],
    ] {
        let told = told
            .as_str()
            .unwrap_or_else(|| panic!("{refused} {opened}"));
        assert!(
            told.starts_with("Cessão de direitos")
                && told.contains("próximo batimento (domingo, 07:30"),
            "{told}"
        );
    }
    scene.rig.run_all("reconcile").await;
    assert_eq!(scene.call("POST", "/v1/quotes", quote).await.0, 200);
    let (_, opened) = scene.call("POST", &open, Value::Null).await;
    let contracts = opened["contracts"].as_array().unwrap();
    assert!(
        contracts
            .iter()
            .all(|contract| contract["notice"].is_null()),
        "{opened}"
    );
    let left = contracts
        .iter()
        .find(|contract| contract["open"] == json!(false))
        .unwrap();
    assert!(
        left["stateText"]
            .as_str()
            .unwrap()
            .starts_with("cedido a outro titular"),
        "{left}"
    );
}
