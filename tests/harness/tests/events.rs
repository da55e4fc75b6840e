//! Every file of `events/`, given to its function as the console would.

use std::collections::BTreeMap;
use std::path::Path;

use harness::rig::{PLENTY, Rig};
use ponte::store::WebhookState;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::time::Instant;
use webhook::http;

/// The samples by name, without `.json`; each is taken out when it is used.
struct Samples(BTreeMap<String, String>);

impl Samples {
    fn read() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
        let files = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path());
        let json = files.filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        });
        let named = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
        Self(
            json.map(|path| (named(&path), std::fs::read_to_string(&path).unwrap()))
                .collect(),
        )
    }

    fn text(&mut self, name: &str) -> String {
        self.0
            .remove(name)
            .unwrap_or_else(|| panic!("events/{name}.json is missing"))
    }

    /// The id that a webhook's sample brings.
    fn event_id(&self, name: &str) -> String {
        let text = self
            .0
            .get(name)
            .unwrap_or_else(|| panic!("events/{name}.json is missing"));
        let request: Value = serde_json::from_str(text).unwrap();
        request["headers"]["x-sienge-id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    fn event(&mut self, name: &str) -> Value {
        serde_json::from_str(&self.text(name)).unwrap()
    }
}

/// Sends a sample through the HTTP edge; answers the status and the word.
async fn post(rig: &Rig, samples: &mut Samples, name: &str) -> (u16, String) {
    let request = RawValue::from_string(samples.text(name)).unwrap();
    let answer = json!(http::invoke(&rig.webhook, &request).await.unwrap());
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    (
        answer["statusCode"].as_u64().unwrap().try_into().unwrap(),
        body["status"].as_str().unwrap().to_owned(),
    )
}

async fn failures(rig: &Rig, samples: &mut Samples, name: &str) -> Vec<String> {
    let answer = Box::pin(apply::answer(
        &rig.adapters_of("apply"),
        samples.event(name),
        Instant::now() + PLENTY,
    ))
    .await
    .unwrap();
    let failures = json!(answer)["batchItemFailures"].take();
    let failures = failures.as_array().unwrap().iter();
    failures
        .map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned())
        .collect()
}

fn is(summary: &Value, state: &str, text: &str) {
    assert_eq!(summary["situacao"], state, "{summary}");
    assert!(
        summary["resumo"].as_str().unwrap().contains(text),
        "{summary}"
    );
}

#[tokio::test]
async fn every_sample_does_what_it_says() {
    let rig = Rig::start().await;
    let mut samples = Samples::read();
    runs(&rig, &mut samples).await;
    webhooks(&rig, &mut samples).await;
    commands(&rig, &mut samples).await;
    calls(&rig, &mut samples).await;
    agreements(&rig, &mut samples).await;
    rig.assert_equal().await;

    assert!(
        samples.0.is_empty(),
        "not used by a test: {:?}",
        samples.0.keys()
    );
    assert_eq!(
        json!(
            rig.bus
                .take()
                .iter()
                .filter(|event| event.detail_type == "task.requested")
                .count()
        ),
        json!(3)
    );
}

#[tokio::test]
async fn an_operators_event_at_the_queues_function_is_answered_in_words() {
    let rig = Rig::of_one_creditor().await;
    let invoke = async |event: Value| {
        let adapters = rig.adapters_of("apply");
        let answer = apply::answer(&adapters, event, Instant::now() + PLENTY);
        Box::pin(answer).await.map(|answer| json!(answer))
    };
    for event in [
        json!({}),
        json!([]),
        json!({"tenant": "617", "webhook": "a"}),
        json!({"key1": "value1"}),
    ] {
        let text = harness::refused(invoke(event).await);
        assert!(
            text.contains("\"Records\"") && text.contains("invoque a função payments. Exemplo: {"),
            "{text}"
        );
    }
    // Anything else would have the queue delete the messages.
    assert!(invoke(json!({"Records": [1]})).await.is_err());
    assert!(invoke(json!({"Records": null})).await.is_err());
}

/// The scheduled tasks, which fill the portfolio.
async fn runs(rig: &Rig, samples: &mut Samples) {
    is(
        &rig.import(samples.event("import-everybody")).await.unwrap(),
        "solicitado",
        "3 execução(ões)",
    );
    assert_eq!(rig.bus.take().len(), 3);
    is(
        &rig.import(samples.event("import-dry-run")).await.unwrap(),
        "concluído",
        "Primeira carga",
    );
    assert!(rig.portfolio().await.is_empty());
    is(
        &rig.reconcile(samples.event("reconcile-dry-run"))
            .await
            .unwrap(),
        "concluído",
        "incluída",
    );
    assert!(rig.portfolio().await.is_empty());
    is(
        &rig.reconcile(samples.event("reconcile-creditor"))
            .await
            .unwrap(),
        "concluído",
        "incluída",
    );
    is(
        &rig.import(samples.event("import-creditor")).await.unwrap(),
        "concluído",
        "Carga diária concluída",
    );
    is(
        &rig.import(samples.event("import-since")).await.unwrap(),
        "concluído",
        "alterações desde 01/11/2026",
    );
    is(
        &rig.import(samples.event("import-from-the-bus"))
            .await
            .unwrap(),
        "concluído",
        "Primeira carga",
    );
    is(
        &rig.reconcile(samples.event("reconcile-everybody"))
            .await
            .unwrap(),
        "solicitado",
        "3 execução(ões)",
    );
    let (summaries, _) = rig.route().await;
    assert_eq!(summaries.len(), 3);
    rig.assert_equal().await;
    is(
        &rig.reconcile(samples.event("reconcile-confirm"))
            .await
            .unwrap(),
        "recusado",
        "não há batimento aguardando confirmação",
    );
    is(
        &rig.payments(samples.event("payments-sweep")).await.unwrap(),
        "concluído",
        "Varredura",
    );
    is(
        &rig.payments(samples.event("payments-redundancy"))
            .await
            .unwrap(),
        "solicitado",
        "3 execução(ões)",
    );
    is(
        &rig.payments(samples.event("payments-redundancy-creditor"))
            .await
            .unwrap(),
        "concluído",
        "Redundância de pagamentos concluída",
    );
}

/// What comes in over HTTP, and the batches that apply it.
async fn webhooks(rig: &Rig, samples: &mut Samples) {
    let accepted = [
        "webhook-receipt",
        "webhook-contract-cancelled",
        "webhook-boleto",
        "webhook-situation",
        "webhook-installment-created",
        "webhook-installment-updated",
        "webhook-installment-updated-second-name",
        "webhook-installment-removed",
        "webhook-boleto-registered",
        "webhook-assignment",
        "webhook-contract-changed",
        "webhook-customer",
        "webhook-unit",
        "webhook-spc-inclusion",
        "webhook-spc-update",
        "webhook-spc-removal",
        "webhook-unknown-event",
    ];
    let mut ids = Vec::new();
    for name in accepted {
        ids.push(samples.event_id(name));
        assert_eq!(
            post(rig, samples, name).await,
            (200, "received".to_owned()),
            "{name}"
        );
    }
    for (name, status, word) in [
        ("webhook-unused-event", 200, "unused"),
        ("webhook-unreadable", 400, "unreadable"),
        ("webhook-unknown-receiver", 404, "unknown-receiver"),
        ("webhook-unknown-tenant", 401, "unauthorized"),
        ("webhook-wrong-token", 401, "unauthorized"),
    ] {
        assert_eq!(
            post(rig, samples, name).await,
            (status, word.to_owned()),
            "{name}"
        );
    }
    assert_eq!(rig.inbox.len(), accepted.len());

    let receipt = "0b0c6c1e-2f57-4c1a-9f0e-000000000001";
    assert_eq!(
        rig.stored(receipt).await.unwrap().state,
        WebhookState::Pending
    );
    assert_eq!(
        failures(rig, samples, "apply-unreadable-body").await,
        ["mensagem-2"]
    );
    assert_eq!(rig.stored(receipt).await.unwrap().state, WebhookState::Done);
    assert!(failures(rig, samples, "apply-batch").await.is_empty());
    rig.apply().await;
    for id in ids {
        assert_eq!(
            rig.stored(&id).await.unwrap().state,
            WebhookState::Done,
            "{id}"
        );
    }
}

/// The HTTP API, as commands and as requests.
async fn calls(rig: &Rig, samples: &mut Samples) {
    let saved = rig.called(samples.event("api-campaigns-save")).await;
    assert_eq!(rig.called(samples.event("api-campaigns")).await, saved);
    let cash = rig.called(samples.event("api-quote")).await;
    assert!(!cash["rows"].as_array().unwrap().is_empty(), "{cash}");
    let plan = rig.called(samples.event("api-quote-plan")).await;
    assert_eq!(plan["plan"]["installments"].as_array().unwrap().len(), 6);
    let smallest = rig.called(samples.event("api-smallest-plan")).await;
    assert_eq!(
        smallest["plan"]["installments"].as_array().unwrap().len(),
        1
    );
    let refused = harness::refused(rig.api(samples.event("api-quote-unknown-contract")).await);
    assert!(refused.contains("999999999"), "{refused:?}");
    let person = rig.api(samples.event("api-http-person")).await.unwrap();
    let body: Value = serde_json::from_str(person["body"].as_str().unwrap()).unwrap();
    assert_eq!((person["statusCode"].as_u64(), body), (Some(200), cash));
    assert_eq!(
        rig.api(samples.event("api-http-wrong-key")).await.unwrap()["statusCode"],
        401
    );
    let audit = rig.called(samples.event("api-audit")).await;
    assert_eq!(audit["lines"][0]["actor"], "person:pessoa-1", "{audit}");
    let runs = rig.called(samples.event("api-runs")).await;
    assert_eq!(runs["runs"][0]["task"], "reconcile", "{runs}");
    let critiques = rig.called(samples.event("api-critiques")).await;
    assert_eq!(critiques["day"], "2026-11-20", "{critiques}");
}

/// Agreements on original installments of the contract, and a boleto of it.
async fn agreements(rig: &Rig, samples: &mut Samples) {
    let stands = |answer: &Value, state: &str| assert_eq!(answer["state"]["is"], state, "{answer}");
    let saved = rig.called(samples.event("api-agreement-save")).await;
    stands(&saved, "active");
    assert_eq!(rig.called(samples.event("api-agreement-read")).await, saved);
    let listed = rig
        .called(samples.event("api-agreements-of-a-contract"))
        .await;
    assert_eq!(listed["agreements"], json!([saved]));
    stands(
        &rig.called(samples.event("api-agreement-break")).await,
        "broken",
    );
    stands(
        &rig.called(samples.event("api-proposal-save")).await,
        "proposed",
    );
    stands(
        &rig.called(samples.event("api-proposal-confirm")).await,
        "active",
    );
    stands(
        &rig.called(samples.event("api-agreement-cancel")).await,
        "cancelled",
    );

    let opened = rig.called(samples.event("api-contract-open")).await;
    assert_eq!(
        (&opened["synchronised"], &opened["contracts"][0]["open"]),
        (&json!(true), &json!(true)),
        "{opened}"
    );
    rig.happen("boleto", json!({"billId": 10001, "installmentId": 32}))
        .await;
    rig.apply().await;
    let copy = rig.called(samples.event("api-boleto")).await;
    assert!(copy["url"].is_string(), "{copy}");
    assert_eq!(
        rig.called(samples.event("api-boleto-email")).await,
        json!({"sent": true})
    );
    let refused = harness::refused(rig.api(samples.event("api-boleto-renew")).await);
    assert!(refused.contains("Bloquear novo vencimento"), "{refused:?}");
}

/// What operators ask for.
async fn commands(rig: &Rig, samples: &mut Samples) {
    is(
        &rig.payments(samples.event("payments-redrive"))
            .await
            .unwrap(),
        "concluído",
        "Fila de erros: 0 mensagem(ns)",
    );
    is(
        &rig.payments(samples.event("payments-reprocess"))
            .await
            .unwrap(),
        "concluído",
        "reprocessado",
    );
    is(
        &rig.payments(samples.event("payments-reprocess-dry-run"))
            .await
            .unwrap(),
        "concluído",
        "em simulação",
    );
    let refused = rig.payments(samples.event("payments-refused")).await;
    let right = refused.as_ref().unwrap()["proximoPasso"].clone();
    assert!(harness::refused(refused).contains("\"dryRun\""));
    is(
        &rig.payments(right).await.unwrap(),
        "concluído",
        "Fila de erros",
    );
    let refused = harness::refused(rig.import(samples.event("import-refused")).await);
    assert!(refused.contains("\"from\" é 2999-01-01"), "{refused}");
    for name in ["payments-erase-customer", "payments-erase-customer-dry-run"] {
        let refused = harness::refused(rig.payments(samples.event(name)).await);
        assert!(refused.contains("300001"), "{refused}");
    }
}
