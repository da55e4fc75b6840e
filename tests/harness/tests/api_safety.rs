//! What no caller of the HTTP API can do: see another tenant, act above their role, do a thing twice under one key.

use std::time::Duration;

use api::ROUTES;
use harness::database::tenant;
use harness::rig::API_KEY;
use ponte::store::{CritiqueNote, Role};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::api::{READER, Scene, calls_to_sienge};
use crate::api_agreements::{agreed, read, save, saved};

const MAIL: &str = "v1/payment-slip-notification";

/// A body that a route takes, about a bill of ours.
pub(crate) fn body_of(name: &str, bill: u32, id: u32) -> Value {
    let bills = json!([{"bill": bill, "installments": [id]}]);
    let terms = json!({"firstDue": "2026-12-21"});
    match name {
        "quote" => json!({"bills": bills}),
        "smallestPlan" => json!({"bills": bills, "affordable": "100.00", "plan": terms}),
        "saveAgreement" => agreed(bill, &[id], "nonIntegrated"),
        "breakAgreement" | "cancelAgreement" => json!({"reason": "desistiu"}),
        "renewBoleto" => json!({"newDueOn": "2026-12-14"}),
        "emailBoleto" => json!({"to": "cliente@exemplo.com.br"}),
        "replaceCampaigns" => json!({"version": 0, "campaigns": []}),
        _ => Value::Null,
    }
}

#[tokio::test]
async fn no_route_lets_another_tenant_see_or_touch_anything_or_a_reader_write() {
    let scene = Scene::start().await;
    let (bill, ids) = scene.rig.to_agree_on(0, 2);
    let agreement = saved(&scene, "pedido-1", agreed(bill, &ids[..1], "nonIntegrated")).await;
    let ours = read(&scene, &agreement).await;
    let customer = ours["customer"].to_string();
    let note = CritiqueNote {
        bill: None,
        text: "conferir".to_owned(),
    };
    let now = (scene.rig.adapters.clock)();
    scene
        .rig
        .adapters
        .store
        .record_critiques(&tenant(), None, &[note], now)
        .await
        .unwrap();
    for (path, list) in [("/v1/runs", "runs"), ("/v1/critiques", "critiques")] {
        let (status, ours) = scene.call("GET", path, Value::Null).await;
        assert!(
            status == 200 && !ours[list].as_array().unwrap().is_empty(),
            "{ours}"
        );
    }
    let theirs = scene.another_tenant().await;
    let (before, calls) = (
        scene.rig.portfolio().await,
        calls_to_sienge(&scene.rig).await,
    );
    for route in ROUTES.iter().filter(|route| route.role.is_some()) {
        let path = [
            ("{bill}", bill.to_string()),
            ("{installment}", ids[1].to_string()),
            ("{agreement}", agreement.clone()),
            ("{id}", "1".to_owned()),
        ]
        .iter()
        .fold(route.path.to_owned(), |path, (name, value)| {
            path.replace(name, value)
        });
        let body = body_of(route.name, bill, ids[1]);
        let paths = match route.name {
            "listAgreements" => vec![
                format!("{path}?bill={bill}"),
                format!("{path}?customer={customer}"),
                format!("{path}?creditor=1"),
            ],
            _ => vec![path],
        };
        for path in paths {
            let what = format!("{} {path}", route.method);
            let (status, answer) = scene
                .call_as(theirs, route.method, &path, body.clone())
                .await;
            match route.name {
                "listAgreements" => assert_eq!(
                    (status, &answer),
                    (200, &json!({"agreements": []})),
                    "{what}"
                ),
                // Their own creditor 1, who has none.
                "readCampaigns" | "replaceCampaigns" => {
                    assert_eq!((status, &answer["campaigns"]), (200, &json!([])), "{what}");
                }
                "readAudit" => {
                    let lines = answer["lines"].as_array().unwrap();
                    assert!(
                        lines
                            .iter()
                            .all(|line| line["actor"] == "key:00000000000000bb"),
                        "{what}: {answer}"
                    );
                }
                "listRuns" => assert_eq!((status, &answer), (200, &json!({"runs": []})), "{what}"),
                "listCritiques" => {
                    assert_eq!((status, &answer["critiques"]), (200, &json!([])), "{what}");
                }
                _ => assert!(status == 404 || status == 422, "{what}: {status} {answer}"),
            }
            if route.role > Some(Role::Reader) {
                let (status, answer) = scene
                    .call_as(READER, route.method, &path, body.clone())
                    .await;
                assert_eq!(status, 403, "{what}: {answer}");
            }
        }
    }
    scene.rig.assert_portfolio_is(&before).await;
    assert_eq!(
        calls_to_sienge(&scene.rig).await,
        calls,
        "nor was Sienge asked"
    );
    assert_eq!(read(&scene, &agreement).await, ours);
}

#[tokio::test]
async fn a_key_stands_for_one_agreement_as_long_as_that_lives() {
    let scene = Scene::start().await;
    let (bill, ids) = scene.rig.to_agree_on(0, 2);
    let body = agreed(bill, &ids[..1], "nonIntegrated");
    let other = agreed(bill, &ids[1..], "nonIntegrated");
    let id = saved(&scene, "pedido-1", body.clone()).await;
    // The record of the call is gone by then; the agreement is not.
    scene.rig.pass(Duration::from_hours(49));
    let (status, answer) = save(&scene, "pedido-1", other.clone()).await;
    assert_eq!(
        (status, answer["errors"][0]["path"].as_str()),
        (422, Some("Idempotency-Key")),
        "{answer}"
    );
    let (status, answer) = save(&scene, "pedido-1", body).await;
    assert_eq!(
        (status, answer["id"].as_str()),
        (200, Some(id.as_str())),
        "the right request still is answered"
    );
    assert_eq!(
        save(&scene, "pedido-2", other).await.0,
        200,
        "nothing was held by the refused one"
    );
}

/// A contract with a boleto; the path that sends it.
async fn boleto(scene: &Scene) -> String {
    let (bill, ids) = scene.rig.to_agree_on(0, 1);
    scene
        .rig
        .happen("boleto", json!({"billId": bill, "installmentId": ids[0]}))
        .await;
    scene.gets_email(bill, "cliente@exemplo.com.br").await;
    format!("/v1/contracts/{bill}/installments/{}/boleto/email", ids[0])
}

async fn emails(scene: &Scene) -> usize {
    scene
        .rig
        .control("GET", "emails", json!({}))
        .await
        .as_array()
        .unwrap()
        .len()
}

#[tokio::test]
async fn an_email_whose_sending_is_unclear_is_not_sent_again_under_its_key() {
    let scene = Scene::start().await;
    let path = boleto(&scene).await;
    let send = async |key: &str| {
        let headers = json!({"x-api-key": API_KEY, "idempotency-key": key});
        scene
            .call_with(
                headers,
                "POST",
                &path,
                json!({"to": "cliente@exemplo.com.br"}),
            )
            .await
    };
    // Sent, and the answer lost.
    scene
        .rig
        .faults(json!([{"kind": "close", "afterBytes": 0, "route": MAIL, "method": "POST", "count": 1}]))
        .await;
    let (status, unclear) = send("envio-1").await;
    assert_eq!((status, emails(&scene).await), (502, 1), "{unclear}");
    assert!(
        unclear["detail"]
            .as_str()
            .unwrap()
            .contains("pode ter sido enviado"),
        "{unclear}"
    );
    scene.rig.pass(Duration::from_mins(10));
    assert_eq!(send("envio-1").await, (502, unclear));
    assert_eq!(emails(&scene).await, 1);
    // What surely was not sent may be.
    scene
        .rig
        .faults(
            json!([{"kind": "status", "status": 403, "route": MAIL, "method": "POST", "count": 1}]),
        )
        .await;
    assert_eq!(send("envio-2").await.0, 502);
    assert_eq!(send("envio-2").await.0, 200);
    assert_eq!(emails(&scene).await, 2);
}

#[tokio::test]
async fn a_call_for_an_email_that_died_is_not_carried_out_again() {
    let scene = Scene::start().await;
    let path = boleto(&scene).await;
    let hang =
        json!([{"kind": "hang", "seconds": 60, "route": MAIL, "method": "POST", "count": 1}]);
    scene.rig.faults(hang).await;
    let headers = json!({"x-api-key": API_KEY, "idempotency-key": "envio-1"});
    let body = json!({"to": "cliente@exemplo.com.br"});
    let event = json!({"version": "2.0", "rawPath": path, "headers": headers, "body": body.to_string(), "requestContext": {"http": {"method": "POST"}}});
    let dies = scene.rig.api.handle(
        event,
        harness::rig::invoker(),
        Instant::now() + harness::rig::PLENTY,
    );
    let before = calls_to_sienge(&scene.rig).await;
    let asked = async {
        while calls_to_sienge(&scene.rig).await == before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        answer = dies => panic!("it did not wait: {answer:?}"),
        () = asked => {}
    }
    let before = emails(&scene).await;
    let again = async || {
        scene
            .call_with(headers.clone(), "POST", &path, body.clone())
            .await
    };
    assert_eq!(again().await.0, 409, "it may still be at work");
    scene.rig.pass(Duration::from_mins(2));
    let (status, answer) = again().await;
    assert_eq!(status, 502, "{answer}");
    assert!(
        answer["detail"]
            .as_str()
            .unwrap()
            .contains("não se sabe o que ela fez"),
        "{answer}"
    );
    assert_eq!(emails(&scene).await, before);
}
