//! Agreements and boletos over the HTTP API, under its own permissions, each call held to the OpenAPI document.

use futures::future::join_all;
use harness::rig::{API_KEY, Told};
use serde_json::{Value, json};

use crate::api::Scene;

/// What is agreed: installments of a bill, in three payments without interest.
pub(crate) fn agreed(bill: u32, installments: &[u32], kind: &str) -> Value {
    json!({
        "quote": {"bills": [{"bill": bill, "installments": installments}], "plan": {"installments": 3, "firstDue": "2026-12-21"}},
        "kind": kind,
        "operator": "operador-7",
    })
}

pub(crate) async fn save(scene: &Scene, key: &str, body: Value) -> (u16, Value) {
    let headers = json!({"x-api-key": API_KEY, "idempotency-key": key});
    scene
        .call_with(headers, "POST", "/v1/agreements", body)
        .await
}

pub(crate) async fn saved(scene: &Scene, key: &str, body: Value) -> String {
    let (status, answer) = save(scene, key, body).await;
    assert_eq!(status, 200, "{answer}");
    answer["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn read(scene: &Scene, id: &str) -> Value {
    let (status, answer) = scene
        .call("GET", &format!("/v1/agreements/{id}"), Value::Null)
        .await;
    assert_eq!(status, 200, "{answer}");
    answer
}

/// The status, path and text of a refusal.
async fn refused(scene: &Scene, body: Value) -> (u16, String, String) {
    let (status, answer) = save(
        scene,
        &format!("recusa-{body}")
            .chars()
            .take(200)
            .collect::<String>(),
        body,
    )
    .await;
    assert!(status >= 400, "{answer}");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match answer["errors"].as_array() {
        Some(errors) => (status, text(&errors[0]["path"]), text(&errors[0]["detail"])),
        None => (status, String::new(), text(&answer["detail"])),
    }
}

/// Delivers what Sienge tells of a bill's last remake.
pub(crate) async fn tell_remake(scene: &Scene, bill: u32) {
    for generated in scene.rig.generated(bill) {
        let told = Told {
            id: format!("gerada-{bill}-{generated}"),
            event: "RECEIVABLE_INSTALLMENT_CREATED".to_owned(),
            body: json!({"receivableBillId": bill, "installmentId": generated}),
        };
        assert_eq!(scene.rig.tell(&told).await.status(), 200);
    }
    scene.rig.apply().await;
}

#[tokio::test]
async fn an_integrated_agreement_is_quoted_saved_remade_paid_and_settled() {
    let scene = Scene::start().await;
    let rig = &scene.rig;
    let (bill, ids) = rig.to_agree_on(0, 2);
    let body = agreed(bill, &ids, "integrated");
    let (status, quote) = scene
        .call("POST", "/v1/quotes", body["quote"].clone())
        .await;
    assert_eq!(status, 200, "{quote}");

    let (status, first) = save(&scene, "pedido-1", body.clone()).await;
    assert_eq!(
        (status, first["state"]["is"].as_str()),
        (200, Some("active")),
        "{first}"
    );
    assert_eq!(first["total"], quote["plan"]["total"]);
    assert_eq!(rig.remakes(bill), 1);
    // The caller never got the answer.
    assert_eq!(
        save(&scene, "pedido-1", body.clone()).await,
        (200, first.clone())
    );
    let (status, other) = save(&scene, "pedido-1", agreed(bill, &ids[..1], "integrated")).await;
    assert_eq!(
        (status, other["errors"][0]["path"].as_str()),
        (422, Some("Idempotency-Key"))
    );
    assert_eq!(rig.remakes(bill), 1);

    tell_remake(&scene, bill).await;
    rig.assert_equal().await;
    let id = first["id"].as_str().unwrap();
    for generated in rig.generated(bill) {
        assert_eq!(read(&scene, id).await["state"]["is"], "active");
        rig.happen(
            "receive",
            json!({"billId": bill, "installmentId": generated}),
        )
        .await;
        rig.apply().await;
    }
    let settled = read(&scene, id).await;
    assert_eq!(
        (
            settled["state"]["is"].as_str(),
            settled["stateText"].as_str()
        ),
        (Some("settled"), Some("quitado"))
    );
    assert!(
        settled["rows"]
            .as_array()
            .unwrap()
            .iter()
            .all(|row| row["paidOn"].is_string()),
        "{settled}"
    );

    let listed = async |query: String| {
        let (status, answer) = scene
            .call("GET", &format!("/v1/agreements?{query}"), Value::Null)
            .await;
        assert_eq!(status, 200, "{answer}");
        answer["agreements"].as_array().unwrap().len()
    };
    assert_eq!(listed(format!("bill={bill}")).await, 1);
    assert_eq!(
        listed("creditor=1&state=settled&limit=5".to_owned()).await,
        1
    );
    assert_eq!(listed("creditor=1&state=active".to_owned()).await, 0);
    assert_eq!(listed(format!("customer={}", settled["customer"])).await, 1);
}

/// Calls to Sienge's bulk data.
async fn bulk_calls(scene: &Scene) -> u64 {
    let report = scene.rig.control("GET", "calls", Value::Null).await;
    let routes = report["routes"].as_array().unwrap().iter();
    let bulk = routes.filter(|row| row["route"].as_str().unwrap().contains("bulk-data"));
    bulk.map(|row| row["calls"].as_u64().unwrap()).sum()
}

#[tokio::test]
async fn saving_an_integrated_agreement_takes_the_indexer_from_the_quotes_answer() {
    let scene = Scene::start().await;
    let (bill, ids) = scene.rig.to_agree_on(0, 2);
    let before = bulk_calls(&scene).await;
    assert!(before > 0, "the portfolio came from there");
    let (status, saved) = save(&scene, "pedido-1", agreed(bill, &ids, "integrated")).await;
    assert_eq!(status, 200, "{saved}");
    assert_eq!(
        bulk_calls(&scene).await,
        before,
        "the day's bulk calls are few"
    );
    let indexer = scene
        .rig
        .sienge
        .with_world(|world| world.bills[&bill].installment(ids[0]).unwrap().indexer);
    assert_eq!(saved["remake"]["indexer"], indexer);
}

#[tokio::test]
async fn a_total_that_is_not_what_the_debtor_was_told_is_not_saved() {
    let scene = Scene::start().await;
    let (bill, ids) = scene.rig.to_agree_on(0, 2);
    let mut body = agreed(bill, &ids, "integrated");
    let (_, quote) = scene
        .call("POST", "/v1/quotes", body["quote"].clone())
        .await;
    body["total"] = json!("1.00");
    let (status, answer) = save(&scene, "pedido-1", body.clone()).await;
    let told = quote["plan"]["total"].as_str().unwrap();
    let cents = ponte::money::Cents::parse("total", told.parse().unwrap()).unwrap();
    let text = answer["detail"].as_str().unwrap();
    assert!(
        status == 409
            && text.starts_with(&format!(
                "O total agora é R$ {}, não R$ 1,00",
                cents.brazilian()
            )),
        "{answer}"
    );
    assert_eq!(scene.rig.remakes(bill), 0);
    body["total"] = json!(told);
    let (status, saved) = save(&scene, "pedido-1", body).await;
    assert_eq!(
        (status, saved["total"].as_str()),
        (200, Some(told)),
        "{saved}"
    );
}

#[tokio::test]
async fn price_with_a_down_payment_is_remade_to_the_cent_paid_and_settled() {
    let scene = Scene::start().await;
    let rig = &scene.rig;
    let (bill, ids) = rig.to_agree_on(0, 2);
    let plan = json!({"installments": 3, "interest": "price", "downPayment": "123.45", "firstDue": "2026-12-21"});
    let mut body = agreed(bill, &ids, "integrated");
    body["quote"]["plan"] = plan;
    let (status, saved) = save(&scene, "pedido-1", body).await;
    assert_eq!(
        (status, saved["state"]["is"].as_str()),
        (200, Some("active")),
        "{saved}"
    );
    let rows = saved["rows"].as_array().unwrap();
    assert_eq!(
        (
            rows.len(),
            &rows[0]["downPayment"],
            rows[0]["amount"].as_str()
        ),
        (4, &json!(true), Some("123.45"))
    );
    assert_ne!(saved["planInterest"], "0.00");
    // What the debtor was told is what Sienge asks for, row by row.
    let generated = rig.generated(bill);
    let text = |row: &Value| {
        (
            row["amount"].as_str().unwrap().to_owned(),
            row["dueOn"].as_str().unwrap().to_owned(),
        )
    };
    let agreed: Vec<_> = rows.iter().map(text).collect();
    let made = rig.owed(bill, &generated).into_iter();
    let made: Vec<_> = made
        .map(|(.., due_on, balance)| (balance.to_string(), due_on.to_string()))
        .collect();
    assert_eq!(made, agreed);

    tell_remake(&scene, bill).await;
    rig.assert_equal().await;
    for installment in generated {
        rig.happen(
            "receive",
            json!({"billId": bill, "installmentId": installment}),
        )
        .await;
        rig.apply().await;
    }
    let settled = read(&scene, saved["id"].as_str().unwrap()).await;
    assert_eq!(settled["state"]["is"], "settled", "{settled}");
    rig.assert_equal().await;
}

#[tokio::test]
async fn an_integrated_agreement_whose_remake_is_deleted_in_sienge_is_broken() {
    let scene = Scene::start().await;
    let rig = &scene.rig;
    let (bill, ids) = rig.to_agree_on(0, 2);
    let id = saved(&scene, "pedido-1", agreed(bill, &ids, "integrated")).await;
    tell_remake(&scene, bill).await;
    let (status, answer) = scene
        .call(
            "POST",
            &format!("/v1/agreements/{id}/break"),
            json!({"reason": "desistiu"}),
        )
        .await;
    assert_eq!(status, 409, "only Sienge breaks it: {answer}");

    rig.happen("remake", json!({"billId": bill, "undo": true}))
        .await;
    rig.apply().await;
    let broken = read(&scene, &id).await;
    assert_eq!(broken["state"]["how"]["by"], "erpGone", "{broken}");
    rig.assert_equal().await;
    let quote = json!({"bills": [{"bill": bill, "installments": ids}]});
    assert_eq!(
        scene.call("POST", "/v1/quotes", quote).await.0,
        200,
        "the originals are open again"
    );
}

#[tokio::test]
async fn of_agreements_on_one_installment_at_once_one_is_saved() {
    let scene = Scene::start().await;
    let (bill, ids) = scene.rig.to_agree_on(0, 1);
    let keys: Vec<String> = (0..8)
        .map(|number| format!("ao-mesmo-tempo-{number}"))
        .collect();
    let saving = keys
        .iter()
        .map(|key| save(&scene, key, agreed(bill, &ids, "nonIntegrated")));
    let answers = join_all(saving).await;
    let made = answers.iter().filter(|(status, _)| *status == 200).count();
    assert_eq!(made, 1, "{answers:?}");
    for (status, answer) in answers.iter().filter(|(status, _)| *status != 200) {
        let text = answer["detail"].as_str().unwrap();
        assert!(
            *status == 409 && text.contains("já está no acordo"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_repetition_is_answered_the_agreement_as_it_stands_and_no_text_is_kept_twice() {
    let scene = Scene::start().await;
    let (bill, ids) = scene.rig.to_agree_on(0, 1);
    let mut body = agreed(bill, &ids, "nonIntegrated");
    body["notes"] = json!("ligar para a Fulana à noite");
    let first = save(&scene, "uma-vez", body.clone()).await;
    assert_eq!(first.0, 200, "{}", first.1);
    assert_eq!(save(&scene, "uma-vez", body.clone()).await, first);
    let kept = format!("{:?}", scene.rig.database.items("control").await);
    assert!(kept.contains("/v1/agreements/") && !kept.contains("Fulana"));
    let id = first.1["id"].as_str().unwrap();
    let path = format!("/v1/agreements/{id}/cancel");
    let (status, cancelled) = scene.call("POST", &path, json!({"reason": "engano"})).await;
    assert_eq!(status, 200, "{cancelled}");
    assert_eq!(save(&scene, "uma-vez", body).await, (200, cancelled));
}

#[tokio::test]
async fn proposals_are_confirmed_and_agreements_broken_or_cancelled_in_words() {
    let scene = Scene::start().await;
    let (bill, ids) = scene.rig.to_agree_on(0, 2);
    let mut body = agreed(bill, &ids[..1], "nonIntegrated");
    body["proposal"] = json!({"expiresOn": "2026-11-25"});
    let proposal = saved(&scene, "proposta", body).await;
    assert_eq!(
        read(&scene, &proposal).await["state"],
        json!({"is": "proposed", "expiresOn": "2026-11-25"})
    );
    let act = async |id: &str, what: &str, body: Value| {
        scene
            .call("POST", &format!("/v1/agreements/{id}/{what}"), body)
            .await
    };
    let (status, confirmed) = act(&proposal, "confirm", Value::Null).await;
    assert_eq!(
        (status, confirmed["state"]["is"].as_str()),
        (200, Some("active")),
        "{confirmed}"
    );
    assert_eq!(
        act(&proposal, "confirm", Value::Null).await,
        (200, confirmed)
    );
    let (status, broken) = act(&proposal, "break", json!({"reason": "não pagou"})).await;
    assert_eq!(
        (status, &broken["state"]["how"]),
        (200, &json!({"by": "command", "reason": "não pagou"})),
        "{broken}"
    );
    let (status, refusal) = act(&proposal, "confirm", Value::Null).await;
    assert_eq!(status, 409, "{refusal}");

    let other = saved(&scene, "outro", agreed(bill, &ids[1..], "nonIntegrated")).await;
    let (status, fault) = act(&other, "cancel", json!({"reason": " "})).await;
    assert_eq!(
        (status, fault["errors"][0]["path"].as_str()),
        (422, Some("reason"))
    );
    let (status, cancelled) = act(&other, "cancel", json!({"reason": "engano"})).await;
    assert_eq!(
        (status, cancelled["state"]["is"].as_str()),
        (200, Some("cancelled"))
    );
    assert_eq!(
        act("nenhum", "cancel", json!({"reason": "engano"})).await.0,
        404
    );
    assert_eq!(
        act("n%C3%A3o", "cancel", json!({"reason": "engano"}))
            .await
            .0,
        422
    );
}

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "one story")]
async fn what_cannot_be_agreed_on_is_refused_at_its_field() {
    let scene = Scene::start().await;
    let rig = &scene.rig;
    let (bill, ids) = rig.to_agree_on(0, 2);
    let (paid, paid_ids) = rig.to_agree_on(1, 2);
    rig.happen(
        "receive",
        json!({"billId": paid, "installmentId": paid_ids[0]}),
    )
    .await;
    rig.apply().await;
    let good = agreed(bill, &ids, "integrated");
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = good.clone();
        change(&mut body);
        body
    };
    let cases: [(Value, u16, &str, &str); 10] = [
        (
            with(&|body| body["quote"]["bills"][0]["bill"] = json!(99_999)),
            422,
            "quote.bills[0].bill",
            "99999",
        ),
        (
            agreed(paid, &paid_ids[..1], "integrated"),
            422,
            "quote.bills[0].installments[0]",
            "não está em aberto",
        ),
        (
            with(&|body| body["quote"]["discounts"] = json!({"principal": {"percent": "11"}})),
            422,
            "quote.discounts.principal",
            "informe até 0%",
        ),
        (
            with(&|body| body["quote"]["plan"]["installments"] = json!(13)),
            422,
            "quote.plan.installments",
            "13",
        ),
        (
            with(&|body| body["quote"]["on"] = json!("2026-11-19")),
            422,
            "quote.on",
            "19/11/2026",
        ),
        (
            with(&|body| body["quote"]["plan"]["downPayment"] = json!("10.001")),
            400,
            "quote.plan.downPayment",
            "10.001",
        ),
        (
            with(&|body| drop(body["quote"].as_object_mut().unwrap().remove("plan"))),
            422,
            "quote.plan",
            "uma parcela",
        ),
        (
            with(&|body| body["quote"]["plan"]["periodicity"] = json!("S")),
            422,
            "quote.plan.periodicity",
            "mensal",
        ),
        (
            with(&|body| body["proposal"] = json!({"expiresOn": "2027-05-01"})),
            422,
            "proposal.expiresOn",
            "01/05/2027",
        ),
        (
            with(&|body| body["kind"] = json!("integrado")),
            400,
            "kind",
            "nonIntegrated",
        ),
    ];
    for (body, status, path, words) in cases {
        let refusal = refused(&scene, body.clone()).await;
        assert_eq!(
            (refusal.0, refusal.1.as_str()),
            (status, path),
            "{body}: {refusal:?}"
        );
        assert!(refusal.2.contains(words), "{refusal:?}");
    }
    let two = json!([{"bill": bill, "installments": ids}, {"bill": paid, "installments": &paid_ids[1..]}]);
    let (status, path, text) =
        refused(&scene, with(&|body| body["quote"]["bills"] = two.clone())).await;
    assert_eq!((status, path.as_str()), (422, "quote.bills"), "{text}");
    assert_eq!(rig.remakes(bill), 0);
    for (query, path) in [
        ("", ""),
        ("bill=x", "bill"),
        ("creditor=1&state=aberto", "state"),
        ("creditor=1&color=blue", "color"),
        ("bill=1&creditor=1", ""),
    ] {
        let (status, answer) = scene
            .call("GET", &format!("/v1/agreements?{query}"), Value::Null)
            .await;
        assert_eq!(
            (status, answer["errors"][0]["path"].as_str()),
            (422, Some(path)),
            "{query}: {answer}"
        );
    }
}

#[tokio::test]
async fn a_refusal_of_sienges_is_told_and_nothing_is_held() {
    let scene = Scene::start().await;
    let rig = &scene.rig;
    let (bill, ids) = rig.to_agree_on(0, 1);
    let refuse = json!([{"kind": "status", "route": "v1/remade-installments", "method": "POST", "status": 422, "count": 1}]);
    rig.faults(refuse).await;
    let (status, answer) = save(&scene, "pedido-1", agreed(bill, &ids, "integrated")).await;
    assert_eq!(status, 422, "{answer}");
    assert!(
        answer["errors"][0]["detail"]
            .as_str()
            .unwrap()
            .contains("foi cancelado"),
        "{answer}"
    );
    let text = answer["errors"][0]["detail"].as_str().unwrap();
    assert!(
        text.ends_with(". Para tentar de novo, corrija a causa e use uma Idempotency-Key nova"),
        "{text}"
    );
    assert_eq!(
        save(&scene, "pedido-1", agreed(bill, &ids, "integrated")).await,
        (422, answer)
    );
    assert_eq!(
        save(&scene, "pedido-2", agreed(bill, &ids, "integrated"))
            .await
            .0,
        200,
        "another attempt may"
    );
    assert_eq!(rig.remakes(bill), 1);
}

#[tokio::test]
async fn a_boleto_is_handed_out_sent_and_given_another_due_date() {
    let scene = Scene::start().await;
    let rig = &scene.rig;
    let (bill, ids) = rig.to_agree_on(0, 2);
    rig.happen(
        "change",
        json!({"billId": bill, "installmentId": ids[0], "dueDate": "2026-12-10"}),
    )
    .await;
    rig.happen("boleto", json!({"billId": bill, "installmentId": ids[0]}))
        .await;
    rig.apply().await;
    let path = format!("/v1/contracts/{bill}/installments/{}/boleto", ids[0]);
    let (status, copy) = scene.call("GET", &path, Value::Null).await;
    assert_eq!(
        (
            status,
            copy["dueOn"].as_str(),
            copy["expiresInSeconds"].as_u64()
        ),
        (200, Some("2026-12-10"), Some(300)),
        "{copy}"
    );
    assert_eq!(
        copy["digitableLine"]
            .as_str()
            .unwrap()
            .chars()
            .filter(char::is_ascii_digit)
            .count(),
        47
    );
    scene.gets_email(bill, "cliente@exemplo.com.br").await;
    let mail = json!({"to": "cliente@exemplo.com.br"});
    assert_eq!(
        scene.call("POST", &format!("{path}/email"), mail).await,
        (200, json!({"sent": true}))
    );
    let (status, fault) = scene
        .call("POST", &format!("{path}/email"), json!({"to": "cliente"}))
        .await;
    assert_eq!(
        (status, fault["errors"][0]["path"].as_str()),
        (422, Some("to"))
    );

    let renew = json!({"newDueOn": "2026-12-14"});
    let (status, refusal) = scene.call("POST", &path, renew.clone()).await;
    assert_eq!(status, 409, "the creditor blocks it: {refusal}");
    rig.creditor(1, |creditor| creditor.block_new_due_date = false)
        .await;
    let (status, answer) = scene.call("POST", &path, renew.clone()).await;
    assert_eq!(status, 409, "not registered yet: {answer}");
    rig.happen("boleto", json!({"billId": bill, "installmentId": ids[0]}))
        .await;
    rig.apply().await;
    let (status, copy) = scene.call("POST", &path, renew).await;
    assert_eq!(
        (status, copy["dueOn"].as_str()),
        (200, Some("2026-12-14")),
        "{copy}"
    );

    let none = format!("/v1/contracts/{bill}/installments/{}/boleto", ids[1]);
    rig.change(
        "boleto",
        json!({"billId": bill, "installmentId": ids[1], "status": "REMOVED", "silent": true}),
    );
    let (status, answer) = scene.call("GET", &none, Value::Null).await;
    assert_eq!(status, 409, "{answer}");
    assert!(
        answer["detail"]
            .as_str()
            .unwrap()
            .contains("não tem cobrança registrada"),
        "{answer}"
    );
    assert_eq!(
        scene
            .call(
                "GET",
                "/v1/contracts/99999/installments/1/boleto",
                Value::Null
            )
            .await
            .0,
        404
    );
}
