//! How runs are asked for, what a dry run leaves alone, and how a run that was cut short comes to its end.

use std::time::Duration;

use harness::database::{Fault, tenant};
use harness::fakes::BusMood;
use harness::rig::{PLENTY, TODAY, invoker};
use harness::{Rig, refused};
use ponte::store::RunState;
use serde_json::{Value, json};
use tokio::time::Instant;

/// Enough for the margin and a step to be begun, and not for a second one once Sienge is slow.
const SHORT: Duration = Duration::from_secs(46);

async fn slow(rig: &Rig) {
    rig.faults(json!([{"kind": "slow", "seconds": 7, "route": "bulk-data/v1/income"}]))
        .await;
}

fn of(summary: &Value, field: &str) -> String {
    summary[field].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_dry_run_reports_and_writes_nothing_to_the_portfolio() {
    let rig = Rig::of_one_creditor().await;
    let event = json!({"tenant": "617", "creditor": 1, "dryRun": true});
    for first in [
        rig.reconcile(event.clone()).await.unwrap(),
        rig.import(event.clone()).await.unwrap(),
    ] {
        assert_eq!(
            (of(&first, "situacao").as_str(), &first["simulacao"]),
            ("concluído", &json!(true)),
            "{first}"
        );
        assert!(
            first["contagens"]["included"].as_u64().unwrap() > 10,
            "{first}"
        );
    }
    assert!(rig.portfolio().await.is_empty());
    let (store, creditor) = (&rig.adapters.store, Some(ponte::ids::CreditorId(1)));
    let reconciled = store.cursor(&tenant(), creditor, "reconcile").await;
    assert_eq!(reconciled.unwrap(), None);

    rig.run_all("reconcile").await;
    let (bill, open) = rig.contracts(&[1], 2).remove(0);
    rig.change(
        "receive",
        json!({"billId": bill, "installmentId": open[0], "silent": true}),
    );
    rig.change(
        "remove",
        json!({"billId": bill, "installmentId": open[1], "silent": true}),
    );
    let before = rig.portfolio().await;
    rig.database.writes();
    let redundancy = json!({"tenant": "617", "creditor": 1, "dryRun": true, "redundancy": true});
    let found = [
        rig.reconcile(event.clone()).await.unwrap(),
        rig.import(event).await.unwrap(),
        rig.payments(redundancy).await.unwrap(),
    ];
    for summary in &found {
        assert_eq!(summary["contagens"]["settled"], 1, "{summary}");
    }
    assert_eq!(found[0]["contagens"]["returned"], 1, "{}", found[0]);
    assert_eq!(rig.database.writes().get("portfolio"), None);
    rig.assert_portfolio_is(&before).await;
    assert!(
        rig.bus
            .take()
            .iter()
            .all(|event| event.detail["dryRun"].is_null())
    );
}

#[tokio::test]
async fn a_dry_run_of_a_tenant_answers_for_every_creditor() {
    let rig = Rig::start().await;
    rig.run_all("reconcile").await;
    rig.bus.take();
    let before = rig.portfolio().await;
    let summaries = rig
        .import(json!({"tenant": "617", "dryRun": true}))
        .await
        .unwrap();
    let creditors: Vec<i64> = summaries
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|summary| summary["credor"].as_i64())
        .collect();
    assert_eq!(creditors, [1, 2, 3]);
    rig.assert_portfolio_is(&before).await;
    assert!(rig.bus.take().is_empty());
}

#[tokio::test]
async fn a_wrong_event_is_refused_in_portuguese_with_an_example() {
    let rig = Rig::of_one_creditor().await;
    let wrong = [
        json!({"credor": 1}),
        json!({"creditor": 1}),
        json!({"tenant": "a b"}),
        json!({"tenant": "617", "from": "22/11/2026"}),
        json!({"tenant": "617", "confirm": "x"}),
        json!({"tenant": "617", "creditor": 1, "from": "2999-01-01"}),
        json!({"detail-type": "task.requested"}),
        json!([]),
        json!("617"),
    ];
    for event in wrong {
        for answer in [
            rig.import(event.clone()).await,
            rig.reconcile(event.clone()).await,
            rig.payments(event.clone()).await,
        ] {
            let text = refused(answer);
            assert!(
                text.contains("evento inválido") && text.contains("Exemplo"),
                "{event}: {text}"
            );
        }
    }
    for event in [
        json!({"redrive": true}),
        json!({"redundancy": true}),
        json!({"tenant": "617", "webhook": "x"}),
    ] {
        for answer in [
            rig.import(event.clone()).await,
            rig.reconcile(event.clone()).await,
        ] {
            let text = refused(answer);
            assert!(
                text.contains("é um comando da função payments"),
                "{event}: {text}"
            );
        }
    }
    let text = refused(rig.payments(json!({"tenant": "617"})).await);
    assert!(text.contains("\"redundancy\": true"), "{text}");
}

#[tokio::test]
async fn an_unknown_tenant_or_creditor_is_named() {
    let rig = Rig::of_one_creditor().await;
    for event in [
        json!({"tenant": "999"}),
        json!({"tenant": "999", "creditor": 1}),
        json!({"tenant": "999", "dryRun": true}),
    ] {
        let mut redundancy = event.clone();
        redundancy["redundancy"] = json!(true);
        for (answer, example) in [
            (rig.import(event.clone()).await, "\"from\""),
            (rig.reconcile(event).await, "\"dryRun\""),
            (rig.payments(redundancy).await, "\"redundancy\""),
            (
                rig.payments(json!({"tenant": "999", "webhook": "a"})).await,
                "\"webhook\"",
            ),
            (
                rig.payments(json!({"tenant": "999", "eraseCustomer": 41}))
                    .await,
                "\"eraseCustomer\"",
            ),
        ] {
            assert!(answer.as_ref().unwrap()["proximoPasso"].is_null());
            let text = refused(answer);
            let (why, shown) = text.split_once("Exemplo: ").unwrap();
            assert!(
                why.contains("\"tenant\": assessoria 999 não cadastrada"),
                "{why}"
            );
            assert!(shown.contains(example), "{shown}");
        }
    }
    rig.creditor(1, |settings| settings.active = false).await;
    for (event, says) in [
        (json!({"tenant": "617"}), "não tem credor ativo"),
        (
            json!({"tenant": "617", "dryRun": true}),
            "não tem credor ativo",
        ),
        (
            json!({"tenant": "617", "creditor": 1}),
            "credor 1 não cadastrado",
        ),
    ] {
        let text = refused(rig.import(event).await);
        assert!(text.contains(says), "{text}");
    }
    assert!(rig.bus.take().is_empty());
}

#[tokio::test]
async fn an_unknown_creditor_is_answered_with_the_same_event_for_one_that_exists() {
    let rig = Rig::of_one_creditor().await;
    let first = json!({"from": "2026-11-01", "dryRun": true});
    for (function, more) in [
        ("import", json!({})),
        ("import", first.clone()),
        ("import", json!({"task": "import"})),
        ("reconcile", json!({"dryRun": true})),
        (
            "payments",
            json!({"redundancy": true, "dryRun": true, "from": "2026-11-01"}),
        ),
    ] {
        let with = |creditor: u32| {
            let mut event = json!({"tenant": "617", "creditor": creditor});
            let more = more.as_object().unwrap().clone();
            event.as_object_mut().unwrap().extend(more);
            event
        };
        let run = async |event: Value| match function {
            "import" => rig.import(event).await,
            "reconcile" => rig.reconcile(event).await,
            _ => rig.payments(event).await,
        };
        let answer = run(with(99)).await;
        let next = answer.as_ref().unwrap()["proximoPasso"].clone();
        let mut expected = with(1);
        expected.as_object_mut().unwrap().remove("task");
        assert_eq!(next, expected, "{function}");
        let text = refused(answer);
        let says = format!(
            "\"creditor\": credor 99 não cadastrado ou inativo na assessoria 617: cadastre a empresa do Sienge como credor, ou envie um dos credores ativos: 1. Exemplo: {next}"
        );
        assert_eq!(text, says);
        assert_eq!(of(&run(next).await.unwrap(), "situacao"), "concluído");
    }
}

#[tokio::test]
async fn a_dry_run_is_answered_with_the_run_that_does_what_it_found() {
    let rig = Rig::of_one_creditor().await;
    let from = json!({"tenant": "617", "creditor": 1, "from": "2026-11-01", "dryRun": true});
    let first = rig.import(from.clone()).await.unwrap();
    assert_eq!(
        first["proximoPasso"],
        json!({"tenant": "617", "creditor": 1})
    );
    let told = of(&first, "resumo");
    let says = "Primeira carga do credor, executada como batimento, que lê tudo, e não só o que mudou desde 01/11/2026. ";
    assert!(told.starts_with(says), "{told}");
    let done = rig.import(first["proximoPasso"].clone()).await.unwrap();
    assert_eq!(of(&done, "situacao"), "concluído");
    assert!(done["proximoPasso"].is_null(), "{done}");
    assert!(!of(&done, "resumo").contains("desde"), "{done}");
    let next = json!({"tenant": "617", "creditor": 1, "from": "2026-11-01"});
    assert_eq!(rig.import(from).await.unwrap()["proximoPasso"], next);
    let redundancy = json!({"tenant": "617", "creditor": 1, "redundancy": true, "dryRun": true});
    assert_eq!(
        rig.payments(redundancy).await.unwrap()["proximoPasso"],
        json!({"tenant": "617", "creditor": 1, "redundancy": true})
    );
    // Without time for a single step: nothing continues a dry run.
    let event = json!({"tenant": "617", "creditor": 1, "dryRun": true});
    let cut = rig.reconcile_within(event, Duration::from_secs(5)).await;
    let cut = cut.unwrap();
    assert_eq!(of(&cut, "situacao"), "incompleto", "{cut}");
    assert!(of(&cut, "resumo").contains("uma simulação não continua"));
    assert_eq!(cut["proximoPasso"], json!({"tenant": "617", "creditor": 1}));
}

#[tokio::test]
async fn an_answer_begins_with_how_it_ended_what_happened_and_what_to_do() {
    let rig = Rig::of_one_creditor().await;
    let answered = async |event: Value| {
        let adapters = rig.adapters_of("payments");
        let answer = payments::handle(&adapters, event, invoker(), Instant::now() + PLENTY);
        serde_json::to_string(&Box::pin(answer).await.unwrap()).unwrap()
    };
    let swept = answered(json!({})).await;
    assert!(
        swept.starts_with(r#"{"situacao":"concluído","resumo":"Varredura: "#),
        "{swept}"
    );
    assert!(!swept.contains("contagens"), "there is none: {swept}");
    let refused = answered(json!({"redrive": true, "dryRun": true})).await;
    assert!(
        refused.starts_with(r#"{"situacao":"recusado","resumo":"evento inválido: este comando não aceita \"dryRun\""#)
            && refused.ends_with(r#","proximoPasso":{"redrive":true}}"#),
        "{refused}"
    );
    let loaded = rig.import(json!({"tenant": "617", "creditor": 1})).await;
    let counts = loaded.unwrap()["contagens"].take();
    let counts = counts.as_object().unwrap();
    assert!(counts["included"].as_u64().unwrap() > 0);
    assert!(
        !counts
            .values()
            .any(|count| *count == 0 || *count == json!([]) || *count == json!({})),
        "{counts:?}"
    );
}

#[tokio::test]
async fn a_task_of_the_bus_that_is_refused_is_not_tried_again_and_goes_to_no_run() {
    let rig = Rig::of_one_creditor().await;
    let of_the_bus = |detail: Value| json!({"version": "0", "source": "ponte", "detail-type": "task.requested", "detail": detail});
    for detail in [
        json!({"task": "import", "tenant": "617", "creditor": 99}),
        json!({"task": "import", "tenant": "999", "creditor": 1, "run": "x"}),
        json!({"task": "reconcile", "tenant": "617", "creditor": 1}),
        json!({"task": "import", "tenant": "617", "creditor": 1, "unknown": 1}),
    ] {
        let answer = rig.import(of_the_bus(detail)).await;
        assert!(!refused(answer).is_empty());
    }
    assert!(rig.portfolio().await.is_empty());
    // A machine's trouble is still an error, so that the event comes again.
    rig.bus.be(BusMood::Refuses);
    assert!(
        rig.import(of_the_bus(json!({"task": "import", "tenant": "617"})))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn without_a_tenant_every_active_creditor_is_asked_for_once() {
    let rig = Rig::start().await;
    rig.creditor(2, |settings| settings.active = false).await;
    let summary = rig.import(json!({})).await.unwrap();
    assert_eq!(
        of(&summary, "resumo"),
        "2 execução(ões) solicitada(s), uma por credor."
    );
    let asked: Vec<Value> = rig
        .bus
        .take()
        .into_iter()
        .map(|event| event.detail)
        .collect();
    let task = |creditor| json!({"task": "import", "tenant": "617", "creditor": creditor});
    assert_eq!(asked, [task(1), task(3)]);
    rig.settings(|settings| settings.import_per_creditor = true)
        .await;
    rig.import(json!({})).await.unwrap();
    assert!(
        rig.bus.take().is_empty(),
        "each creditor has a schedule of its own"
    );
    rig.bus.be(BusMood::Refuses);
    let refused = rig
        .reconcile(json!({"tenant": "617"}))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("0 de 2 execuções solicitadas"),
        "so that the schedule asks again: {refused}"
    );
}

#[tokio::test]
async fn a_run_out_of_time_goes_on_where_it_stopped() {
    let rig = Rig::of_one_creditor().await;
    slow(&rig).await;
    let first = rig
        .reconcile_within(json!({"tenant": "617", "creditor": 1}), SHORT)
        .await
        .unwrap();
    assert_eq!(of(&first, "situacao"), "continua", "{first}");
    let read = first["contagens"]["rowsRead"].as_u64().unwrap();
    rig.faults(json!([])).await;
    rig.control("DELETE", "calls", json!({})).await;
    let (summaries, _) = rig.route().await;
    assert_eq!(summaries.len(), 1);
    assert_eq!(
        (of(&summaries[0], "situacao"), &summaries[0]["execucao"]),
        ("concluído".to_owned(), &first["execucao"])
    );
    assert!(
        summaries[0]["contagens"]["rowsRead"].as_u64().unwrap() >= read,
        "it counts on"
    );
    let calls = rig.control("GET", "calls", json!({})).await;
    let income = calls["routes"]
        .as_array()
        .unwrap()
        .iter()
        .any(|route| route["route"] == "GET bulk-data/v1/income");
    assert!(
        !income,
        "the window already read is not read again: {calls}"
    );
    rig.assert_equal().await;
}

#[tokio::test]
async fn the_daily_load_and_the_redundancy_go_on_after_their_time_is_over_too() {
    let rig = Rig::of_one_creditor().await;
    rig.run_all("reconcile").await;
    let (bill, open) = rig.contracts(&[1], 2).remove(0);
    rig.bus.take();
    slow(&rig).await;
    rig.change(
        "receive",
        json!({"billId": bill, "installmentId": open[0], "silent": true}),
    );
    let event = json!({"tenant": "617", "creditor": 1, "redundancy": true});
    let cut = rig.payments_within(event, SHORT).await.unwrap();
    assert_eq!(of(&cut, "situacao"), "continua", "{cut}");
    assert_eq!(
        cut["contagens"]["settled"], 1,
        "what was paid is read: {cut}"
    );
    rig.faults(json!([])).await;
    rig.control("DELETE", "calls", json!({})).await;
    let (summaries, _) = rig.route().await;
    assert_eq!(of(&summaries[0], "situacao"), "concluído", "{summaries:?}");
    assert_eq!(
        summaries[0]["contagens"]["settled"], 1,
        "and counted: {summaries:?}"
    );
    assert_eq!(
        income_calls(&rig).await,
        1,
        "what changed is read, and what was paid is not read again"
    );
    rig.assert_equal().await;

    // The end comes in the middle of a call to Sienge, for a single day: the step is repeated.
    rig.faults(json!([{"kind": "hang", "seconds": 60, "route": "bulk-data/v1/income"}]))
        .await;
    let event =
        json!({"tenant": "617", "creditor": 1, "redundancy": true, "from": TODAY.to_string()});
    rig.control("DELETE", "calls", json!({})).await;
    let cut = rig
        .payments_within(event, Duration::from_secs(44))
        .await
        .unwrap();
    assert_eq!(of(&cut, "situacao"), "continua", "{cut}");
    let calls = rig.control("GET", "calls", json!({})).await;
    let bulk = calls["subdomains"]
        .as_array()
        .unwrap()
        .iter()
        .find(|lane| lane["kind"] == "bulk");
    assert_eq!(bulk.unwrap()["calls"], 1, "it was under way: {calls}");
    rig.faults(json!([])).await;
    let (summaries, _) = rig.route().await;
    assert_eq!(of(&summaries[0], "situacao"), "concluído", "{summaries:?}");

    slow(&rig).await;
    rig.change(
        "change",
        json!({"billId": bill, "installmentId": open[1], "dueDate": "2027-06-06", "silent": true}),
    );
    let cut = rig
        .import_within(json!({"tenant": "617", "creditor": 1}), SHORT)
        .await
        .unwrap();
    assert_eq!(of(&cut, "situacao"), "continua", "{cut}");
    rig.faults(json!([])).await;
    let (summaries, _) = rig.route().await;
    assert_eq!(of(&summaries[0], "situacao"), "concluído", "{summaries:?}");
    rig.assert_equal().await;
}

#[tokio::test]
async fn a_run_given_up_gives_way_on_another_day_unless_it_was_asked_for() {
    let rig = Rig::filled().await;
    let (bill, open) = rig.contracts(&[1], 2).remove(0);
    rig.change(
        "receive",
        json!({"billId": bill, "installmentId": open[0], "silent": true}),
    );
    let broken = json!([{"kind": "api-error", "afterBytes": 100, "route": "bulk-data/v1/income"}]);
    let day = || rig.pass(Duration::from_hours(24));
    let fails = async |event: Value, times: usize| {
        let mut last = Value::Null;
        for _ in 0..times {
            last = rig.import(event.clone()).await.unwrap();
            assert_eq!(of(&last, "situacao"), "falhou", "{last}");
        }
        last
    };
    let scheduled = || json!({"tenant": "617", "creditor": 1});
    rig.faults(broken.clone()).await;
    let first = fails(scheduled(), 1).await;
    day();
    // Not given up: it goes on, and is tried five times more.
    let given_up = fails(scheduled(), 5).await;
    assert_eq!(given_up["execucao"], first["execucao"]);
    assert!(
        of(&given_up, "resumo").contains("uma nova execução lê também o que faltou"),
        "{given_up}"
    );
    day();
    let second = fails(scheduled(), 1).await;
    assert_ne!(second["execucao"], first["execucao"]);
    assert!(
        of(&second, "resumo").contains("a varredura retoma"),
        "with tries of its own: {second}"
    );
    rig.faults(json!([])).await;
    rig.payments(json!({})).await.unwrap();
    let (summaries, _) = rig.route().await;
    assert_eq!(
        (
            of(&summaries[0], "situacao").as_str(),
            &summaries[0]["execucao"]
        ),
        ("concluído", &second["execucao"])
    );
    rig.assert_equal().await;

    rig.faults(broken).await;
    let asked = fails(
        json!({"tenant": "617", "creditor": 1, "from": "2000-01-01"}),
        6,
    )
    .await;
    day();
    rig.faults(json!([])).await;
    let summary = rig.import(scheduled()).await.unwrap();
    assert_eq!(
        (of(&summary, "situacao").as_str(), &summary["execucao"]),
        ("concluído", &asked["execucao"])
    );
}

#[tokio::test]
async fn a_run_that_sienge_refuses_for_hours_waits_for_its_quota_and_then_goes_on() {
    let rig = Rig::filled().await;
    let (bill, open) = rig.contracts(&[1], 1).remove(0);
    rig.change(
        "receive",
        json!({"billId": bill, "installmentId": open[0], "silent": true}),
    );
    rig.faults(json!([{"kind": "status", "status": 429}])).await;
    rig.bus.take();
    let first = rig
        .import_within(json!({"tenant": "617", "creditor": 1}), SHORT)
        .await
        .unwrap();
    for hour_sixth in 0..25 {
        assert!(
            rig.bus.take().is_empty(),
            "it does not ask for itself: that would be refused, too"
        );
        rig.pass(Duration::from_mins(10));
        rig.payments(json!({})).await.unwrap();
        let mut asked = rig.bus.take();
        assert_eq!(asked.len(), 1, "given up after {hour_sixth} sweeps");
        let waits = rig
            .import_within(asked.remove(0).detail, SHORT)
            .await
            .unwrap();
        assert_eq!(
            (of(&waits, "situacao").as_str(), &waits["execucao"]),
            ("falhou", &first["execucao"]),
            "{waits}"
        );
        assert!(
            of(&waits, "resumo").contains("quando a cota voltar"),
            "{waits}"
        );
    }
    rig.faults(json!([])).await;
    rig.pass(Duration::from_mins(10));
    rig.payments(json!({})).await.unwrap();
    let (summaries, _) = rig.route().await;
    assert_eq!(
        (
            of(&summaries[0], "situacao").as_str(),
            &summaries[0]["execucao"]
        ),
        ("concluído", &first["execucao"])
    );
    rig.assert_equal().await;
}

/// Reads of income since the calls were forgotten.
async fn income_calls(rig: &Rig) -> u64 {
    let calls = rig.control("GET", "calls", json!({})).await;
    let mut routes = calls["routes"].as_array().unwrap().iter();
    let income = routes.find(|route| route["route"] == "GET bulk-data/v1/income");
    income.map_or(0, |route| route["calls"].as_u64().unwrap())
}

/// The answer about everything that there is, or that changed since long ago, comes too slowly.
async fn is_cut(task: &str, calls_before: u64, calls_in_all: u64) {
    let mut rig = Rig::of_one_creditor().await;
    rig.run_all("reconcile").await;
    for (bill, open) in rig.contracts(&[1], 2) {
        for installment in [open[0], open[open.len() - 1]] {
            rig.change(
                "receive",
                json!({"billId": bill, "installmentId": installment, "silent": true}),
            );
        }
    }
    // Nothing was committed so short a time before that bills must be read again for it.
    rig.pass(Duration::from_mins(1));
    rig.adapters.timeouts.total = Duration::from_secs(8);
    rig.faults(json!([{"kind": "drip", "seconds": 3, "route": "bulk-data/v1/income", "skip": calls_before, "count": 1}]))
        .await;
    rig.control("DELETE", "calls", json!({})).await;
    let summary = match task {
        "reconcile" => rig.reconcile(json!({"tenant": "617", "creditor": 1})).await,
        "import" => {
            rig.import(json!({"tenant": "617", "creditor": 1, "from": "2000-01-01"}))
                .await
        }
        _ => {
            let event =
                json!({"tenant": "617", "creditor": 1, "redundancy": true, "from": "2000-01-01"});
            rig.payments(event).await
        }
    };
    let summary = summary.unwrap();
    assert_eq!(of(&summary, "situacao"), "concluído", "{summary}");
    assert_eq!(income_calls(&rig).await, calls_in_all, "{task}");
    rig.assert_equal().await;
}

#[tokio::test]
async fn a_reconciliation_reads_in_windows_what_comes_too_slowly_whole() {
    is_cut("reconcile", 0, 1 + 5).await;
}

#[tokio::test]
async fn an_import_reads_in_windows_what_comes_too_slowly_whole() {
    // Before it the bills of rescinded contracts are read, by another route of the same beginning.
    is_cut("import", 1, 1 + 5).await;
}

#[tokio::test]
async fn the_redundancy_reads_in_windows_what_comes_too_slowly_whole() {
    // Before it what was paid is read, in one answer.
    is_cut("payments", 1, 1 + 1 + 5).await;
}

#[tokio::test]
async fn a_continuation_that_the_bus_did_not_take_is_asked_for_by_the_sweep() {
    let rig = Rig::of_one_creditor().await;
    slow(&rig).await;
    rig.bus.be(BusMood::Fails);
    let cut = rig
        .reconcile_within(json!({"tenant": "617", "creditor": 1}), SHORT)
        .await;
    assert!(cut.is_err() || of(&cut.unwrap(), "situacao") != "concluído");
    rig.faults(json!([])).await;
    rig.bus.be(BusMood::Takes);
    let summary = rig.payments(json!({})).await.unwrap();
    assert!(
        of(&summary, "resumo").contains("1 execução(ões) retomada(s)"),
        "{summary}"
    );
    let (summaries, _) = rig.route().await;
    assert_eq!(of(&summaries[0], "situacao"), "concluído");
    rig.assert_equal().await;
    let summary = rig.payments(json!({})).await.unwrap();
    assert!(
        of(&summary, "resumo").contains("0 execução(ões) retomada(s)"),
        "{summary}"
    );
}

/// The database is gone from some commit on, as if the process had been killed there: nothing is written any more, the lease stays.
async fn killed_after(commits: usize) {
    let mut rig = Rig::of_one_creditor().await;
    let fragile = rig.database.fragile_store_of("reconcile").await;
    let sound = rig.stores.insert("reconcile", fragile).unwrap();
    let mut dead = false;
    rig.database.faults(move |operation, count| {
        dead |= operation == "TransactWriteItems" && count > commits;
        if dead { Fault::LoseAnswer } else { Fault::Pass }
    });
    let cut = rig.reconcile(json!({"tenant": "617", "creditor": 1})).await;
    assert!(
        cut.is_err() || of(cut.as_ref().unwrap(), "situacao") == "falhou",
        "{cut:?}"
    );
    rig.database.no_faults();
    rig.stores.insert("reconcile", sound);
    rig.bus.take();
    let runs = rig
        .adapters
        .store
        .runs(&tenant(), "reconcile", 5)
        .await
        .unwrap();
    assert_eq!((runs.len(), runs[0].state), (1, RunState::Running));
    assert!(
        runs[0].summary.starts_with("Em execução: 0 de 4 etapas"),
        "{}",
        runs[0].summary
    );

    let summary = rig.payments(json!({})).await.unwrap();
    assert!(
        of(&summary, "resumo").contains("0 execução(ões) retomada(s)"),
        "its lease is not over: {summary}"
    );
    rig.pass(Duration::from_mins(17));
    rig.payments(json!({})).await.unwrap();
    let sweeps = rig
        .adapters
        .store
        .runs(&tenant(), "payments", 5)
        .await
        .unwrap();
    assert!(
        sweeps[0].summary.contains("1 execução(ões) retomada(s)"),
        "{sweeps:?}"
    );
    let (summaries, _) = rig.route().await;
    match summaries.as_slice() {
        // Killed before its first checkpoint: the schedule runs it anew.
        [] => drop(rig.run_all("reconcile").await),
        [summary] => assert_eq!(of(summary, "situacao"), "concluído", "{summary}"),
        more => panic!("{more:?}"),
    }
    rig.assert_equal().await;
}

#[tokio::test]
async fn a_run_killed_at_its_first_commit_ends_equal() {
    killed_after(0).await;
}

#[tokio::test]
async fn a_run_killed_amid_its_commits_ends_equal() {
    killed_after(3).await;
}

#[tokio::test]
async fn two_runs_of_a_task_for_a_creditor_do_not_go_on_at_once() {
    let rig = Rig::of_one_creditor().await;
    let event = || json!({"tenant": "617", "creditor": 1});
    let (one, other) = futures::future::join(
        Box::pin(rig.reconcile(event())),
        Box::pin(rig.reconcile(event())),
    )
    .await;
    let mut states = [
        of(&one.unwrap(), "situacao"),
        of(&other.unwrap(), "situacao"),
    ];
    states.sort();
    assert_eq!(states, ["concluído", "já em execução"]);
    rig.assert_equal().await;
}

#[tokio::test]
async fn an_import_cut_short_remembers_a_bill_that_failed_before_and_reads_from_the_same_day_again()
{
    let rig = Rig::with_contracts(0, "100.00").await;
    let bills = rig.add_contracts(110, "100.00");
    let (bad, last) = (bills[36], bills[109]);
    let refused = json!({"kind": "status", "status": 400, "about": [bad]});
    // The first hundred are read, all but one; then Sienge lets nobody in.
    rig.faults(json!([{"kind": "status", "status": 401, "about": [last]}, refused]))
        .await;
    let event = || json!({"tenant": "617", "creditor": 1});
    let cut = rig.import(event()).await.unwrap();
    assert_eq!(of(&cut, "situacao"), "falhou", "{cut}");
    assert_eq!(cut["contagens"]["contractsOpened"], 99, "{cut}");
    rig.faults(json!([refused])).await;
    let rest = rig.import(event()).await.unwrap();
    assert_eq!(
        (of(&rest, "situacao").as_str(), &rest["execucao"]),
        ("concluído", &cut["execucao"])
    );
    assert_eq!(rest["contagens"]["contractsOpened"], 109, "{rest}");
    let failures = rest["contagens"]["failures"].as_object().unwrap();
    assert_eq!(
        failures.keys().collect::<Vec<_>>(),
        [&bad.to_string()],
        "{rest}"
    );
    rig.faults(json!([])).await;
    rig.pass(Duration::from_hours(72));
    let again = rig.import(event()).await.unwrap();
    assert_eq!(again["contagens"]["contractsOpened"], 1, "{again}");
    rig.assert_equal().await;
}

#[tokio::test]
async fn what_an_import_did_before_the_first_bill_that_waits_for_a_whole_read_is_not_done_again() {
    let rig = Rig::with_contracts(8, "100.00").await;
    // Nothing was committed so short a time before that bills must be read again for it.
    rig.pass(Duration::from_mins(1));
    for (bill, open) in rig.contracts(&[1], 1) {
        rig.change(
            "receive",
            json!({"billId": bill, "installmentId": open[0], "silent": true}),
        );
    }
    let new = rig.add_contracts(1, "100.00");
    rig.faults(json!([{"kind": "status", "status": 401, "about": new}]))
        .await;
    let event = || json!({"tenant": "617", "creditor": 1});
    let cut = rig.import(event()).await.unwrap();
    assert_eq!(of(&cut, "situacao"), "falhou", "{cut}");
    let settled = cut["contagens"]["settled"].as_u64().unwrap();
    assert!(settled >= 8, "{cut}");
    rig.faults(json!([])).await;
    let rest = rig.import(event()).await.unwrap();
    assert_eq!(
        (of(&rest, "situacao").as_str(), &rest["execucao"]),
        ("concluído", &cut["execucao"])
    );
    // The new one by its rows, and whole.
    let counts = &rest["contagens"];
    assert_eq!(
        (&counts["billsCompared"], &counts["settled"]),
        (&json!(2), &json!(settled)),
        "{rest}"
    );
    rig.assert_equal().await;
}
