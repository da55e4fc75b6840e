//! Runs beyond one invocation: over two hundred windows, killed again and again, and continued more often than Lambda's loop
//! detection would let a function call itself.

use std::time::Duration;

use futures::StreamExt;
use harness::crash::{Blow, Effects};
use harness::database::tenant;
use harness::rig::{PLENTY, invoker};
use harness::{Rig, World};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use ponte::flow::Session;
use ponte::ids::{CreditorId, CustomerId};
use ponte::sienge::CustomerFilter;
use serde_json::{Value, json};
use tokio::time::Instant;

/// Lambda's loop detection stops a chain after about so many hops through SQS, SNS, S3 or another function.
const LOOP_DETECTION: usize = 16;

/// A run at its very beginning, killed there, with so many windows to read: as if Sienge had been too slow for larger ones.
async fn begun(task: &'static str, windows: i32) -> Rig {
    let rig = Rig::with(World {
        installments: 90,
        contracts: 9,
        creditors: vec![1],
        ..World::default()
    })
    .await;
    if task == "import" {
        rig.run_all("reconcile").await;
        // For it to find.
        for (bill, open) in rig.contracts(&[1], 1) {
            rig.change(
                "receive",
                json!({"billId": bill, "installmentId": open[0], "silent": true}),
            );
        }
        rig.pass(Duration::from_mins(5));
        rig.bus.take();
    }
    stands_at(&rig, task, |progress| {
        progress["windows"] = json!(cut(windows));
    })
    .await;
    rig
}

/// Begins a run, which is killed after its first checkpoint; that one is changed.
async fn stands_at(rig: &Rig, task: &'static str, change: impl FnOnce(&mut Value)) {
    for number in 1.. {
        let effects = Effects::struck(number, Blow::DiesAfter);
        run(rig, task, asked(task), &effects, PLENTY).await;
        rig.pass(Duration::from_mins(17));
        if checkpoint(rig, task).await.is_some() {
            break;
        }
    }
    let (version, mut content) = checkpoint(rig, task).await.unwrap();
    change(&mut content["progress"]);
    let (store, now) = (&rig.adapters.store, (rig.adapters.clock)());
    store
        .save_checkpoint(&tenant(), Some(CreditorId(1)), task, version, &content, now)
        .await
        .unwrap();
}

/// All there is: an import reads what changed since long ago.
fn asked(task: &str) -> Value {
    match task {
        "import" => json!({"tenant": "617", "creditor": 1, "from": "2000-01-01"}),
        _ => json!({"tenant": "617", "creditor": 1}),
    }
}

/// Everything, in so many windows.
fn cut(count: i32) -> Vec<Value> {
    let first: Date = date(2020, 1, 1);
    let day = |index: i32| first.saturating_add((index * 20).days());
    let window = |index: i32| {
        let from = if index == 0 {
            date(1970, 1, 1)
        } else {
            day(index)
        };
        let to = if index + 1 == count {
            date(2149, 12, 31)
        } else {
            day(index + 1).yesterday().unwrap()
        };
        json!({"from": from.to_string(), "to": to.to_string()})
    };
    (0..count).map(window).collect()
}

async fn checkpoint(rig: &Rig, task: &str) -> Option<(u64, Value)> {
    let store = &rig.adapters.store;
    let saved = store
        .load_checkpoint::<Value>(&tenant(), Some(CreditorId(1)), task)
        .await;
    saved.unwrap().map(|saved| (saved.version, saved.content))
}

/// The newest line of the task history, as an operator asks for it.
async fn told(rig: &Rig, task: &str) -> Option<String> {
    let asked = json!({"tenant": "617", "call": format!("GET /v1/runs?task={task}&limit=1")});
    let answer = rig.called(asked).await;
    answer["runs"][0]["text"].as_str().map(str::to_owned)
}

async fn run(
    rig: &Rig,
    task: &'static str,
    event: Value,
    effects: &std::sync::Arc<Effects>,
    time: Duration,
) -> Option<Value> {
    rig.fresh_minute().await;
    let adapters = rig.watched_adapters(task, effects).await;
    let deadline = Instant::now() + time;
    let answer = match task {
        "import" => {
            effects
                .run(Box::pin(import::handle(
                    &adapters,
                    event,
                    invoker(),
                    deadline,
                )))
                .await
        }
        _ => {
            effects
                .run(Box::pin(reconcile::handle(
                    &adapters,
                    event,
                    invoker(),
                    deadline,
                )))
                .await
        }
    };
    answer.map(|answer| json!(answer.unwrap()))
}

/// The sweep's request to go on; there must be one.
fn asked_for(rig: &Rig) -> Value {
    let mut requests = rig.bus.take();
    requests.retain(|event| event.detail_type == ponte::flow::TASK_REQUESTED);
    assert_eq!(requests.len(), 1, "{requests:?}");
    requests.remove(0).detail
}

/// Rows of the creditor in Sienge.
fn rows(rig: &Rig) -> usize {
    rig.sienge.with_world(|world| {
        let ours = world.bills.values().filter(|bill| bill.company == 1);
        ours.map(|bill| bill.installments.len()).sum()
    })
}

fn windows_left(checkpoint: Option<&(u64, Value)>) -> usize {
    checkpoint.map_or(0, |(_, content)| {
        content["progress"]["windows"].as_array().unwrap().len()
    })
}

async fn survives_kills_over_210_windows(task: &'static str) {
    let rig = begun(task, 210).await;
    let (mut left, mut kills) = (210, 0);
    let (mut steps_told, mut end_told) = (0, false);
    // A window of an import has fewer effects.
    let (first, step) = if task == "import" { (41, 5) } else { (61, 11) };
    let summary = loop {
        rig.payments(json!({})).await.unwrap();
        let event = asked_for(&rig);
        // Fewer windows each time than the minute's quota has room for: nothing waits.
        let effects = if left > 0 {
            Effects::struck(first + step * (kills % 5), Blow::DiesAfter)
        } else {
            Effects::counted()
        };
        let answer = run(&rig, task, event, &effects, PLENTY).await;
        let saved = checkpoint(&rig, task).await;
        let now = windows_left(saved.as_ref());
        assert!(
            now <= left,
            "it goes on where it stopped: {left} then {now}"
        );
        left = now;
        if let Some(summary) = answer {
            break summary;
        }
        kills += 1;
        if let Some(text) = told(&rig, task)
            .await
            .filter(|text| text.starts_with("Em execução: "))
        {
            let done: usize = text["Em execução: ".len()..]
                .split(' ')
                .next()
                .unwrap()
                .parse()
                .unwrap();
            assert!(done >= steps_told, "{text}");
            steps_told = done;
            end_told |= text.contains("Término previsto: ");
        }
        rig.pass(Duration::from_mins(17));
    };
    println!("{task} killed {kills} times");
    assert!(kills > LOOP_DETECTION);
    assert!(
        steps_told > 0 && end_told,
        "progress and expected end can be read meanwhile"
    );
    assert_eq!(summary["situacao"], "concluído", "{summary}");
    assert_eq!(
        summary["contagens"]["rowsRead"],
        rows(&rig),
        "every record once"
    );
    rig.assert_equal().await;
}

#[tokio::test]
async fn a_reconciliation_over_210_windows_killed_again_and_again_reads_every_record_once() {
    survives_kills_over_210_windows("reconcile").await;
}

#[tokio::test]
async fn an_import_over_210_windows_killed_again_and_again_reads_every_record_once() {
    survives_kills_over_210_windows("import").await;
}

async fn goes_on_beyond_loop_detection(task: &'static str) {
    let rig = begun(task, 35).await;
    rig.payments(json!({})).await.unwrap();
    let (mut hops, mut left) = (0, 35);
    // Time for a step or two, on this machine and at this moment, beyond what a step must have before it is begun.
    let mut more = Duration::from_millis(100);
    let summary = loop {
        // Each next invocation is asked for through the bus, which loop detection does not follow.
        let event = asked_for(&rig);
        let time = Duration::from_secs(40) + more;
        let summary = run(&rig, task, event, &Effects::counted(), time)
            .await
            .unwrap();
        hops += 1;
        if summary["situacao"] != "continua" {
            break summary;
        }
        let now = windows_left(checkpoint(&rig, task).await.as_ref());
        assert!(
            now <= left,
            "it goes on where it stopped: {left} then {now}"
        );
        more = if now == left { more * 2 } else { more / 2 };
        left = now;
    };
    println!("{task}: {hops} hops");
    assert!(hops > LOOP_DETECTION, "{hops}");
    assert_eq!(summary["situacao"], "concluído", "{summary}");
    assert_eq!(summary["contagens"]["rowsRead"], rows(&rig));
    rig.assert_equal().await;
}

#[tokio::test]
async fn a_reconciliation_goes_on_in_more_invocations_than_loop_detection_would_allow() {
    goes_on_beyond_loop_detection("reconcile").await;
}

#[tokio::test]
async fn an_import_goes_on_in_more_invocations_than_loop_detection_would_allow() {
    goes_on_beyond_loop_detection("import").await;
}

#[tokio::test]
async fn a_reconciliation_goes_on_in_a_list_after_the_rows_that_it_has_read() {
    let rig = Rig::filled().await;
    let session = Session::open(&rig.adapters, &tenant(), false, Instant::now() + PLENTY)
        .await
        .unwrap();
    let listed: Vec<_> = session
        .sienge
        .customers(&CustomerFilter::default())
        .collect()
        .await;
    let mut known = Vec::new();
    for (row, customer) in listed.into_iter().enumerate() {
        let id = CustomerId(customer.unwrap().id.unwrap());
        known.extend(rig.customer(id).await.map(|customer| (row, customer)));
    }
    let (before, (skip, after)) = (known[0].1.clone(), known.pop().unwrap());
    for id in [before.id, after.id] {
        rig.change(
            "customer",
            json!({"customerId": id.0, "name": "Outro Nome", "silent": true}),
        );
    }
    stands_at(&rig, "reconcile", |progress| {
        progress["windows"] = json!([]);
        progress["stage"] = json!("records");
        progress["records"] = json!({"customers": skip});
    })
    .await;
    rig.payments(json!({})).await.unwrap();
    let summary = run(
        &rig,
        "reconcile",
        asked_for(&rig),
        &Effects::counted(),
        PLENTY,
    )
    .await
    .unwrap();
    assert_eq!(summary["situacao"], "concluído", "{summary}");
    assert_eq!(rig.customer(after.id).await.unwrap().name, "Outro Nome");
    assert_eq!(
        rig.customer(before.id).await.unwrap(),
        before,
        "it was read before"
    );

    rig.run_all("reconcile").await;
    assert_eq!(rig.customer(before.id).await.unwrap().name, "Outro Nome");
}

#[tokio::test]
async fn a_reconciliation_that_died_before_it_could_ask_asks_when_it_is_resumed() {
    let rig = Rig::filled().await;
    stands_at(&rig, "reconcile", |progress| {
        progress["windows"] = json!([]);
        progress["stage"] = json!("awaitsConfirmation");
    })
    .await;
    rig.payments(json!({})).await.unwrap();
    let summary = run(
        &rig,
        "reconcile",
        asked_for(&rig),
        &Effects::counted(),
        PLENTY,
    )
    .await
    .unwrap();
    assert_eq!(summary["situacao"], "aguardando confirmação", "{summary}");
    let confirmed = run(
        &rig,
        "reconcile",
        summary["proximoPasso"].clone(),
        &Effects::counted(),
        PLENTY,
    )
    .await
    .unwrap();
    assert_eq!(confirmed["situacao"], "concluído", "{confirmed}");
}

#[tokio::test]
async fn a_function_too_short_for_any_step_does_not_ask_for_itself_for_ever() {
    let rig = begun("reconcile", 3).await;
    rig.payments(json!({})).await.unwrap();
    for _ in 0..LOOP_DETECTION {
        let event = asked_for(&rig);
        let summary = run(
            &rig,
            "reconcile",
            event,
            &Effects::counted(),
            Duration::from_secs(20),
        )
        .await
        .unwrap();
        if summary["situacao"] == "falhou" {
            assert!(
                summary["resumo"]
                    .as_str()
                    .unwrap()
                    .contains("aumente o tempo limite"),
                "{summary}"
            );
            assert!(rig.bus.take().is_empty());
            return;
        }
        assert_eq!(summary["situacao"], "continua", "{summary}");
    }
    panic!("it never ends");
}
