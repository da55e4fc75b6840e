//! Who did what: every write and every read of personal data leaves its line before it happens, whatever dies; and no mail goes out in a
//! creditor's name to whom or with what an operator pleases.

use std::collections::BTreeSet;
use std::time::Duration;

use api::{Api, ClaimNames, ROUTES, Route};
use harness::Rig;
use harness::crash::{Blow, Effects};
use harness::database::at;
use harness::rig::{ADDRESS, API_KEY, PLENTY, REQUEST, TODAY, invoker, request};
use ponte::store::{Right, Role};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::api::{READER, Scene};
use crate::api_agreements::{agreed, read, saved};
use crate::api_safety::body_of;
use crate::customers::{cancel_everything_of, customer_of};

/// The only calls that leave no line: nothing personal is read, and nothing written.
const SILENT: [&str; 5] = [
    "readCampaigns",
    "listRuns",
    "listCritiques",
    "openapi",
    "readAudit",
];
const OPERATOR: &str = "ponte.617.00000000000000cc.chave-inventada-do-operador";
const TRUSTED: &str = "ponte.617.00000000000000dd.chave-inventada-de-confianca";

async fn audit(scene: &Scene, query: &str) -> Value {
    let (status, answer) = scene
        .call("GET", &format!("/v1/audit?{query}"), Value::Null)
        .await;
    assert_eq!(status, 200, "{answer}");
    answer
}

async fn lines(scene: &Scene, query: &str) -> Vec<Value> {
    let answer = audit(scene, query).await;
    answer["lines"].as_array().unwrap().clone()
}

/// The lines of a table without the API: also those of no tenant.
async fn raw_lines(rig: &Rig) -> Vec<(String, String)> {
    let items = rig.database.items("audit").await;
    let text = |item: &std::collections::HashMap<String, _>, name: &str| -> String {
        let value: Option<&aws_sdk_dynamodb::types::AttributeValue> = item.get(name);
        value
            .and_then(|value| value.as_s().ok())
            .cloned()
            .unwrap_or_default()
    };
    let lines = items.iter().filter(|item| item.contains_key("action"));
    lines
        .map(|item| (text(item, "action"), text(item, "object")))
        .collect()
}

fn path_of(route: &Route, bill: u32, installment: u32, agreement: &str) -> String {
    let path = [
        ("{bill}", bill.to_string()),
        ("{installment}", installment.to_string()),
        ("{agreement}", agreement.to_owned()),
        ("{id}", "1".to_owned()),
    ]
    .iter()
    .fold(route.path.to_owned(), |path, (name, value)| {
        path.replace(name, value)
    });
    match route.name {
        "listAgreements" => format!("{path}?bill={bill}"),
        _ => path,
    }
}

#[tokio::test]
async fn every_write_and_every_read_of_personal_data_leaves_its_line() {
    let scene = Scene::start().await;
    let (bill, ids) = scene.rig.to_agree_on(0, 2);
    scene.gets_email(bill, "cliente@exemplo.com.br").await;
    let agreement = saved(&scene, "pedido-1", agreed(bill, &ids[..1], "nonIntegrated")).await;
    let first = lines(&scene, "limit=2").await;
    let of_both: BTreeSet<&str> = first
        .iter()
        .map(|line| line["object"].as_str().unwrap())
        .collect();
    assert_eq!(
        of_both,
        BTreeSet::from([
            format!("agreement:{agreement}").as_str(),
            format!("bill:{bill}").as_str()
        ]),
        "an act on several objects has a line for each"
    );
    for route in ROUTES {
        let is_silent = SILENT.contains(&route.name);
        assert_eq!(
            route.audit.is_none(),
            is_silent,
            "{}: does it write or read anything personal?",
            route.name
        );
        let before = raw_lines(&scene.rig).await.len();
        let path = path_of(route, bill, ids[1], &agreement);
        let body = body_of(route.name, bill, ids[1]);
        let (status, answer) = scene.call(route.method, &path, body).await;
        if is_silent {
            assert_eq!(raw_lines(&scene.rig).await.len(), before, "{}", route.name);
            continue;
        }
        let line = lines(&scene, "limit=1").await.remove(0);
        assert_eq!(line["action"], route.name, "{answer}");
        assert_eq!(line["actor"], "key:a0b1c2d3e4f50617");
        assert_eq!(
            (line["address"].as_str(), line["request"].as_str()),
            (Some(ADDRESS), Some(REQUEST))
        );
        let object = line["object"].as_str().unwrap();
        let expected = ["bill", "agreement", "creditor"].map(|kind| format!("{kind}:"));
        assert!(
            expected.iter().any(|kind| object.starts_with(kind)),
            "{line}"
        );
        let outcome = match status {
            200 => "done",
            400..500 => "refused",
            _ => "failed",
        };
        assert_eq!(
            (line["outcome"].as_str(), line["status"].as_u64()),
            (Some(outcome), Some(u64::from(status))),
            "{line}"
        );
    }
    let boleto = lines(&scene, &format!("object=bill:{bill}&limit=200")).await;
    let of_boletos: Vec<&Value> = boleto
        .iter()
        .filter(|line| line["action"] == "emailBoleto")
        .collect();
    assert_eq!(of_boletos[0]["part"], format!("installment:{}", ids[1]));
}

#[tokio::test]
async fn the_audit_says_by_whom_and_holds_nothing_personal() {
    let scene = Scene::start().await;
    let rig = &scene.rig;
    let (bill, ids) = rig.to_agree_on(0, 2);
    scene.gets_email(bill, "cliente@exemplo.com.br").await;
    let quote = json!({"bills": [{"bill": bill}]});
    // A person, an operator at the console, a reader's key.
    let mut event = request(&json!({}), "POST", "/sso/v1/quotes", &quote);
    event["requestContext"]["authorizer"]["jwt"]["claims"] =
        json!({"tenant": "617", "role": "reader", "sub": "pessoa-1"});
    assert_eq!(rig.api(event.clone()).await.unwrap()["statusCode"], 200);
    rig.called(json!({"tenant": "617", "call": "POST /v1/quotes", "body": quote}))
        .await;
    assert_eq!(
        scene
            .call_as(READER, "POST", "/v1/quotes", quote.clone())
            .await
            .0,
        200
    );
    let told: Vec<(Value, Value, Value)> = lines(&scene, "limit=3")
        .await
        .into_iter()
        .map(|mut line| {
            let mut take = |name: &str| line[name].take();
            (take("actor"), take("request"), take("address"))
        })
        .collect();
    let row = |actor: &str, request: &str, address: Value| (json!(actor), json!(request), address);
    assert_eq!(
        told,
        [
            row("key:00000000000000aa", REQUEST, json!(ADDRESS)),
            row("console", "invocacao-1", Value::Null),
            row("person:pessoa-1", REQUEST, json!(ADDRESS)),
        ]
    );
    // Without a subject nobody could say who acted.
    event["requestContext"]["authorizer"]["jwt"]["claims"] =
        json!({"tenant": "617", "role": "reader"});
    assert_eq!(rig.api(event).await.unwrap()["statusCode"], 401);

    // Names and documents, in bodies and in paths, go nowhere.
    let words = json!({"reason": "combinado com a vizinha Marieta, 529.982.247-25"});
    let id = saved(&scene, "pedido-1", agreed(bill, &ids, "nonIntegrated")).await;
    let path = format!("/v1/agreements/{id}/break");
    assert_eq!(scene.call("POST", &path, words).await.0, 200);
    let mail = json!({"to": "cliente@exemplo.com.br", "body": "Bom dia, Marieta."});
    let path = format!("/v1/contracts/{bill}/installments/{}/boleto/email", ids[0]);
    scene.call("POST", &path, mail).await;
    for path in [
        "/v1/agreements/Marieta de Souza",
        "/v1/contracts/Marieta/open",
    ] {
        scene.call("GET", path, Value::Null).await;
        scene.call("POST", path, Value::Null).await;
    }
    rig.payments(json!({"tenant": "617", "webhook": "Marieta, 529.982.247-25"}))
        .await
        .unwrap();
    let mut personal = Vec::new();
    rig.sienge.with_world(|world| {
        for customer in world.customers.values() {
            personal.extend([customer.name.clone(), customer.document().to_owned()]);
            personal.extend(customer.email.clone());
            personal.extend(customer.phones.iter().map(|phone| phone.number.clone()));
        }
    });
    personal.extend(["Marieta", "529.982", "cliente@"].map(str::to_owned));
    let texts = format!("{:?}", rig.database.items("audit").await);
    for word in personal {
        assert!(!texts.contains(&word), "{word}");
    }
}

#[tokio::test]
async fn operators_commands_leave_their_lines_and_schedules_none() {
    let scene = Scene::start().await;
    let rig = &scene.rig;
    let before = raw_lines(rig).await.len();
    rig.payments(json!({})).await.unwrap();
    rig.run_all("import").await;
    rig.run_all("redundancy").await;
    assert_eq!(raw_lines(rig).await.len(), before, "nobody's acts");

    rig.import(json!({"tenant": "617", "creditor": 1}))
        .await
        .unwrap();
    rig.reconcile(json!({"tenant": "617", "creditor": 1, "confirm": "20261120T150000Z-abc"}))
        .await
        .unwrap();
    for (event, state) in [
        (json!({"tenant": "617", "webhook": "nada"}), "refused"),
        (
            json!({"tenant": "617", "eraseCustomer": 1, "dryRun": true}),
            "refused",
        ),
    ] {
        rig.payments(event).await.unwrap();
        assert_eq!(lines(&scene, "limit=1").await[0]["outcome"], state);
    }
    let told: Vec<(String, String)> = lines(&scene, "actor=console&limit=4")
        .await
        .iter()
        .map(|line| {
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            (text("action"), text("object"))
        })
        .collect();
    let row = |action: &str, object: &str| (action.to_owned(), object.to_owned());
    assert_eq!(
        told,
        [
            row("eraseCustomer dryRun", "customer:1"),
            row("reprocess", "webhook:nada"),
            row("confirm", "creditor:1"),
            row("import", "creditor:1"),
        ]
    );
    // It moves everybody's messages: no single tenant reads of it.
    rig.payments(json!({"redrive": true})).await.unwrap();
    assert!(raw_lines(rig).await.contains(&row("redrive", "")));
    assert_eq!(lines(&scene, "limit=1").await[0]["action"], told[0].0);
}

#[tokio::test]
async fn the_audit_is_read_by_period_actor_and_object_page_by_page_and_by_administrators_of_the_tenant()
 {
    let scene = Scene::start().await;
    let rig = &scene.rig;
    let (bill, _) = rig.to_agree_on(0, 1);
    let (other, _) = rig.to_agree_on(1, 1);
    let quote = |bill: u32| json!({"bills": [{"bill": bill}]});
    for _ in 0..3 {
        rig.pass(Duration::from_hours(24));
        for (key, bill) in [(API_KEY, bill), (READER, other)] {
            let (status, answer) = scene.call_as(key, "POST", "/v1/quotes", quote(bill)).await;
            assert_eq!(status, 200, "{answer}");
        }
    }
    let by_reader = lines(&scene, "actor=key:00000000000000aa").await;
    assert_eq!(by_reader.len(), 3);
    assert!(
        by_reader
            .iter()
            .all(|line| line["object"] == format!("bill:{other}"))
    );
    assert_eq!(lines(&scene, &format!("object=bill:{bill}")).await.len(), 3);
    let second = TODAY.tomorrow().unwrap();
    assert_eq!(
        lines(&scene, &format!("from={second}&until={second}"))
            .await
            .len(),
        2
    );
    assert_eq!(
        lines(&scene, &format!("until={TODAY}&object=bill:{bill}"))
            .await
            .len(),
        0
    );
    assert_eq!(
        lines(&scene, "from=2026-12-31&until=2026-01-01").await,
        [Value::Null; 0]
    );
    // Page by page everything comes once, newest first.
    let all = lines(&scene, "limit=200").await;
    let (mut paged, mut next) = (Vec::new(), String::new());
    loop {
        let page = audit(&scene, &format!("limit=2{next}")).await;
        paged.extend(page["lines"].as_array().unwrap().clone());
        let Some(first) = page["next"].as_str() else {
            break;
        };
        next = format!("&first={first}");
    }
    assert_eq!(paged, all);
    let instants: Vec<&str> = all
        .iter()
        .map(|line| line["at"].as_str().unwrap())
        .collect();
    assert!(instants.windows(2).all(|pair| pair[0] >= pair[1]));

    let (status, fault) = scene
        .call("GET", "/v1/audit?actor=console&object=bill:1", Value::Null)
        .await;
    assert_eq!(status, 422, "{fault}");
    rig.adapters
        .store
        .put_api_key(OPERATOR, Role::Operator, &[], at("2027-01-01T00:00:00Z"))
        .await
        .unwrap();
    for key in [READER, OPERATOR] {
        let (status, _) = scene.call_as(key, "GET", "/v1/audit", Value::Null).await;
        assert_eq!(status, 403);
    }
    let theirs = scene.another_tenant().await;
    let (status, answer) = scene.call_as(theirs, "GET", "/v1/audit", Value::Null).await;
    assert_eq!((status, &answer["lines"]), (200, &json!([])));
}

#[tokio::test]
async fn whatever_dies_no_act_happens_of_which_no_line_tells() {
    let scene = Scene::start().await;
    let rig = &scene.rig;
    let (bill, ids) = rig.to_agree_on(0, 1);
    let id = saved(&scene, "pedido-1", agreed(bill, &ids, "nonIntegrated")).await;
    let path = format!("/v1/agreements/{id}/break");
    let headers = json!({"authorization": format!("Bearer {API_KEY}")});
    let event = request(&headers, "POST", &path, &json!({"reason": "desistiu"}));
    let saved = rig.save();
    let (mut unsaid, mut undone) = (0, 0);
    for blow in Blow::ALL {
        for place in 1.. {
            rig.restore(&saved);
            let effects = Effects::struck(place, blow);
            let api = Api::new(
                rig.watched_adapters("api", &effects).await,
                ClaimNames::default(),
            );
            let call = api.handle(event.clone(), invoker(), Instant::now() + PLENTY);
            drop(effects.run(Box::pin(call)).await);
            if !effects.fell() {
                assert!(effects.names().len() > 5, "{:?}", effects.names());
                break;
            }
            let is_broken = read_state(rig, &id).await == "broken";
            let told = lines(&scene, &format!("object=agreement:{id}")).await;
            let told = told.iter().find(|line| line["action"] == "breakAgreement");
            assert!(
                !is_broken || told.is_some(),
                "{place} {blow:?}: broken, and nobody knows by whom: {:?}",
                effects.names()
            );
            // A line without an outcome is where to look.
            unsaid += usize::from(told.is_some_and(|line| is_broken && line["outcome"].is_null()));
            undone += usize::from(told.is_some() && !is_broken);
        }
    }
    assert!(unsaid > 0 && undone > 0, "{unsaid} {undone}");
}

#[tokio::test]
async fn an_erasure_that_dies_has_its_line_too() {
    let rig = Rig::filled().await;
    let (bill, _) = rig.contracts(&[1], 4).remove(0);
    let customer = customer_of(&rig, bill).await;
    cancel_everything_of(&rig, customer).await;
    rig.apply().await;
    let event = json!({"tenant": "617", "eraseCustomer": customer.0});
    let line = ("eraseCustomer".to_owned(), format!("customer:{customer}"));
    let saved = rig.save();
    for blow in Blow::ALL {
        for place in 1.. {
            rig.restore(&saved);
            let effects = Effects::struck(place, blow);
            let adapters = rig.watched_adapters("payments", &effects).await;
            let end = Instant::now() + PLENTY;
            let erases = payments::handle(&adapters, event.clone(), invoker(), end);
            drop(effects.run(Box::pin(erases)).await);
            let is_erased = rig.customer(customer).await.unwrap().erased_on.is_some();
            let is_told = raw_lines(&rig).await.contains(&line);
            assert!(!is_erased || is_told, "{place} {blow:?}");
            if !effects.fell() {
                assert!(is_erased, "{:?}", effects.names());
                break;
            }
        }
    }
}

async fn read_state(rig: &Rig, id: &str) -> String {
    let answer = rig
        .called(json!({"tenant": "617", "call": format!("GET /v1/agreements/{id}")}))
        .await;
    answer["state"]["is"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_call_whose_line_cannot_be_written_is_not_carried_out() {
    let scene = Scene::start().await;
    let rig = &scene.rig;
    let (bill, ids) = rig.to_agree_on(0, 1);
    let id = saved(&scene, "pedido-1", agreed(bill, &ids, "nonIntegrated")).await;
    let path = format!("/v1/agreements/{id}/break");
    rig.database.faults(|operation, _| match operation {
        "PutItem" => harness::database::Fault::Lose,
        _ => harness::database::Fault::Pass,
    });
    let (status, answer) = scene
        .call("POST", &path, json!({"reason": "desistiu"}))
        .await;
    rig.database.no_faults();
    assert_eq!(status, 503, "{answer}");
    assert_eq!(read(&scene, &id).await["state"]["is"], "active");
}

#[tokio::test]
async fn an_agreement_shows_who_made_it_beside_what_they_said_and_notes_are_not_for_readers() {
    let scene = Scene::start().await;
    let (bill, ids) = scene.rig.to_agree_on(0, 1);
    let mut body = agreed(bill, &ids, "nonIntegrated");
    body["notes"] = json!("mora com a irmã");
    body["publicNotes"] = json!("até dia 10");
    let id = saved(&scene, "pedido-1", body).await;
    let shown = read(&scene, &id).await;
    assert_eq!(
        (&shown["operator"], &shown["actor"], &shown["notes"]),
        (
            &json!("operador-7"),
            &json!("key:a0b1c2d3e4f50617"),
            &json!("mora com a irmã")
        )
    );
    for path in [
        format!("/v1/agreements/{id}"),
        format!("/v1/agreements?bill={bill}"),
    ] {
        let (status, shown) = scene.call_as(READER, "GET", &path, Value::Null).await;
        let text = shown.to_string();
        assert_eq!(status, 200, "{shown}");
        assert!(
            !text.contains("mora com") && !text.contains("key:") && text.contains("até dia 10"),
            "{text}"
        );
    }
}

/// A boleto whose debtor has an address; the path that sends it, and the keys of an operator and of one who may send it anywhere.
async fn boleto(scene: &Scene) -> String {
    let rig = &scene.rig;
    let (bill, ids) = rig.to_agree_on(0, 1);
    rig.happen("boleto", json!({"billId": bill, "installmentId": ids[0]}))
        .await;
    scene
        .gets_email(bill, "antigo@exemplo.com.br; Fulana@exemplo.com.br")
        .await;
    for (key, rights) in [(OPERATOR, [].as_slice()), (TRUSTED, &Right::ALL)] {
        rig.adapters
            .store
            .put_api_key(key, Role::Operator, rights, at("2027-01-01T00:00:00Z"))
            .await
            .unwrap();
    }
    format!("/v1/contracts/{bill}/installments/{}/boleto/email", ids[0])
}

async fn mails(scene: &Scene) -> Vec<Value> {
    let sent = scene.rig.control("GET", "emails", json!({})).await;
    sent.as_array().unwrap().clone()
}

#[tokio::test]
async fn an_operators_key_mails_a_boleto_to_its_debtor_and_to_nobody_else() {
    let scene = Scene::start().await;
    let path = boleto(&scene).await;
    for to in ["golpista@exemplo.com", "fulana@exemplo.com", "a@b.co"] {
        for key in [OPERATOR, API_KEY] {
            let (status, answer) = scene.call_as(key, "POST", &path, json!({"to": to})).await;
            assert_eq!(status, 403, "{answer}");
            let text = answer.to_string();
            assert!(
                text.contains("boleto:send-anywhere") && !text.contains(to),
                "{text}"
            );
        }
    }
    assert_eq!(mails(&scene).await.len(), 0);
    let ours = json!({"to": "fulana@EXEMPLO.com.br"});
    assert_eq!(scene.call_as(OPERATOR, "POST", &path, ours).await.0, 200);
    let (status, answer) = scene
        .call_as(
            TRUSTED,
            "POST",
            &path,
            json!({"to": "advogada@exemplo.com"}),
        )
        .await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(mails(&scene).await.len(), 2);
}

#[tokio::test]
async fn our_text_stays_in_the_mail_and_no_link_gets_in() {
    let scene = Scene::start().await;
    let path = boleto(&scene).await;
    let mail = |field: &str, text: &str| json!({"to": "fulana@exemplo.com.br", field: text});
    for (field, text) in [
        ("body", "Pague aqui: https://golpe.example/pix"),
        ("body", "Pague em golpe\u{200b}.com e evite o processo."),
        ("title", "Acesse www.golpe.com"),
        ("body", "<img src=x>"),
    ] {
        // Not even whose right it is to send anywhere.
        for key in [OPERATOR, TRUSTED] {
            let (status, answer) = scene.call_as(key, "POST", &path, mail(field, text)).await;
            assert_eq!(
                (status, answer["errors"][0]["path"].as_str()),
                (422, Some(field)),
                "{text}: {answer}"
            );
            assert!(!answer.to_string().contains("golpe"), "{answer}");
        }
    }
    assert_eq!(mails(&scene).await.len(), 0);
    let kind = mail("body", "Bom dia! Qualquer dúvida, ligue para nós.");
    assert_eq!(scene.call_as(OPERATOR, "POST", &path, kind).await.0, 200);
    let sent = mails(&scene).await;
    let text = sent[0]["body"].as_str().unwrap();
    assert!(
        text.contains("Segue a segunda via do boleto da parcela")
            && text.contains("ligue para nós"),
        "{text}"
    );
}

#[tokio::test]
async fn a_key_sends_so_many_mails_an_hour_and_another_its_own() {
    let scene = Scene::start().await;
    let path = boleto(&scene).await;
    let rig = &scene.rig;
    rig.settings(|settings| settings.limits.emails_per_hour = 3)
        .await;
    // The settings are remembered for half a minute.
    let api = rig.another_api().await;
    let send = async |key: &str| {
        let headers = json!({"authorization": format!("Bearer {key}")});
        let event = request(
            &headers,
            "POST",
            &path,
            &json!({"to": "fulana@exemplo.com.br"}),
        );
        let answer = api.handle(event, invoker(), Instant::now() + PLENTY).await;
        let answer = json!(answer.unwrap());
        answer["statusCode"].as_u64().unwrap()
    };
    for _ in 0..3 {
        assert_eq!(send(OPERATOR).await, 200);
    }
    assert_eq!(send(OPERATOR).await, 429);
    assert_eq!(mails(&scene).await.len(), 3);
    assert_eq!(send(TRUSTED).await, 200, "another's budget");
    // One comes back every twenty minutes.
    rig.pass(Duration::from_mins(21));
    assert_eq!(send(OPERATOR).await, 200);
    assert_eq!(send(OPERATOR).await, 429);
}
