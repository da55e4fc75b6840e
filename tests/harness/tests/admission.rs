//! Nobody pays for another's caller: who asks too often is refused at once, and neither holds an execution nor spends what others need.

use std::cell::RefCell;
use std::time::Duration;

use api::{Api, Reply};
use futures::future::join_all;
use harness::database::at;
use harness::rig::{API_KEY, PLENTY, invoker, request};
use harness::{Rig, World};
use ponte::ids::TenantId;
use ponte::settings::{CallerLimits, Package};
use ponte::store::Role;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use webhook::{Answer, Delivery};

use crate::api::{READER, Scene, calls_to_sienge};

/// Nobody holds an execution so long, on a busy machine too; waiting for the quota took ten to twenty seconds.
const SECONDS: Duration = Duration::from_secs(9);

/// An answer of an execution, and how long it took.
struct Told {
    answer: Value,
    time: Duration,
}

impl Told {
    fn status(&self) -> u64 {
        self.answer["statusCode"].as_u64().unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.answer["headers"][name].as_str().unwrap_or_default()
    }

    fn body(&self) -> Value {
        serde_json::from_str(self.answer["body"].as_str().unwrap()).unwrap()
    }
}

async fn call(api: &Api, key: &str, method: &str, path: &str, body: &Value) -> Told {
    let began = Instant::now();
    let headers = json!({"authorization": format!("Bearer {key}")});
    let event = request(&headers, method, path, body);
    let reply = api
        .handle(event, invoker(), Instant::now() + PLENTY)
        .await
        .unwrap();
    let Reply::Http(answer) = reply else {
        panic!("a request is answered as one")
    };
    let time = began.elapsed();
    Told { answer, time }
}

/// Twenty contracts, held, with Sienge's quotas in force and the limits of a tenant that sets none; a quote of them all.
async fn scene() -> (Scene, Value) {
    let scene = Scene::with(World {
        installments: 12,
        contracts: 3,
        creditors: vec![1],
        quotas: true,
        ..World::default()
    })
    .await;
    let rig = &scene.rig;
    let bills = rig.add_contracts(20, "1000.00");
    // The minute of Sienge's quota in which the portfolio was read is over.
    rig.pass(Duration::from_mins(2));
    rig.run_all("reconcile").await;
    rig.pass(Duration::from_mins(2));
    rig.settings(|settings| settings.limits = CallerLimits::default())
        .await;
    let bills: Vec<Value> = bills.iter().map(|bill| json!({ "bill": bill })).collect();
    (scene, json!({ "bills": bills }))
}

#[tokio::test]
async fn a_readers_twenty_loops_are_refused_at_once_and_nobody_else_is() {
    let (scene, quote) = scene().await;
    let rig = &scene.rig;
    let neighbour = TenantId::parse("618").unwrap();
    rig.add_tenant(&neighbour, &rig.sienge.api("vizinha"), Package::Ultimate)
        .await;
    let theirs = "ponte.618.00000000000000bb.chave-inventada-da-outra-assessoria";
    let until = at("2027-01-01T00:00:00Z");
    let store = &rig.adapters.store;
    store
        .put_api_key(theirs, Role::Reader, &[], until)
        .await
        .unwrap();

    let executions = join_all((0..20).map(|_| rig.another_api())).await;
    let told = RefCell::new(Vec::new());
    let attack = join_all(executions.iter().map(async |api| {
        for _ in 0..10 {
            let answer = call(api, READER, "POST", "/v1/quotes", &quote).await;
            told.borrow_mut().push(answer);
        }
    }));
    let (beside, paid) = (rig.another_api().await, rig.another_api().await);
    let others = async {
        for _ in 0..10 {
            // Another tenant, and another key of the same.
            for (api, key) in [(&beside, theirs), (&paid, API_KEY)] {
                let answer = call(api, key, "GET", "/v1/runs", &Value::Null).await;
                assert_eq!(answer.status(), 200, "{}", answer.body());
                assert!(answer.time < SECONDS, "{:?}", answer.time);
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::join!(attack, others);

    let told = told.into_inner();
    let let_in = told.iter().filter(|told| told.status() == 200).count();
    let refused: Vec<&Told> = told.iter().filter(|told| told.status() == 429).collect();
    let statuses: Vec<u64> = told.iter().map(Told::status).collect();
    assert!((1..=3).contains(&let_in), "{statuses:?}");
    assert_eq!(let_in + refused.len(), told.len(), "{statuses:?}");
    let longest = told.iter().map(|told| told.time).max().unwrap();
    assert!(longest < SECONDS, "{longest:?}");
    for told in refused {
        let problem = told.body();
        assert_eq!(problem["type"], "urn:ponte:problem:too-many-requests");
        assert_eq!(problem["status"], 429);
        let wait: u64 = told.header("retry-after").parse().unwrap();
        assert!((1..=120).contains(&wait), "{wait}");
        assert!(
            told.header("ratelimit-policy")
                .contains("\"sienge\";q=75;w=60")
        );
        assert!(told.header("ratelimit").contains("\"sienge\";r="));
    }
}

#[tokio::test]
async fn a_reader_cannot_spend_the_days_quota_that_the_import_needs() {
    let (scene, quote) = scene().await;
    let rig = &scene.rig;
    rig.settings(|settings| {
        settings.package = Package::Free;
        settings.limits = CallerLimits::default();
    })
    .await;
    // A new day of the smallest package: 100 calls.
    rig.pass(Duration::from_hours(17));
    let before = calls_to_sienge(rig).await;
    let execution = rig.another_api().await;
    let mut refused = 0;
    for _ in 0..30 {
        let told = call(&execution, READER, "POST", "/v1/quotes", &quote).await;
        assert!([200, 429].contains(&told.status()), "{}", told.body());
        refused += u32::from(told.status() == 429);
        // Only the day's quota is in the way.
        rig.pass(Duration::from_mins(2));
    }
    let spent = calls_to_sienge(rig).await - before;
    assert!(
        refused >= 25 && spent <= 50,
        "{refused} refused, {spent} spent"
    );
    // Nor can all keys together.
    for _ in 0..30 {
        let told = call(&execution, API_KEY, "POST", "/v1/quotes", &quote).await;
        assert!([200, 429].contains(&told.status()), "{}", told.body());
        rig.pass(Duration::from_mins(2));
    }
    let spent = calls_to_sienge(rig).await - before;
    assert!(spent <= 50, "{spent} spent");
    rig.run_all("import").await;
}

#[tokio::test]
async fn a_call_is_counted_across_executions_and_a_key_leaves_some_to_the_others() {
    let rig = Rig::of_one_creditor().await;
    let until = at("2027-01-01T00:00:00Z");
    let store = &rig.adapters.store;
    store
        .put_api_key(READER, Role::Reader, &[], until)
        .await
        .unwrap();
    rig.settings(|settings| settings.limits.calls_per_minute = 40)
        .await;
    let executions = [rig.another_api().await, rig.another_api().await];
    let mut let_in = 0;
    for _ in 0..20 {
        for api in &executions {
            let told = call(api, READER, "GET", "/v1/runs", &Value::Null).await;
            let_in += u32::from(told.status() == 200);
        }
    }
    assert!((12..=17).contains(&let_in), "{let_in} of 15 at once");
    let told = call(&executions[0], API_KEY, "GET", "/v1/runs", &Value::Null).await;
    assert_eq!(told.status(), 200, "another key's quarter");
    // What nobody is counted in is nobody's to use up, and an operator's console is not the internet.
    let told = call(
        &executions[0],
        READER,
        "GET",
        "/v1/openapi.json",
        &Value::Null,
    )
    .await;
    assert_eq!(told.status(), 200);
    rig.called(json!({"tenant": "617", "call": "GET /v1/runs"}))
        .await;
    rig.pass(Duration::from_mins(1));
    let told = call(&executions[0], READER, "GET", "/v1/runs", &Value::Null).await;
    assert_eq!(told.status(), 200);
    assert_eq!(
        told.header("ratelimit-policy"),
        "\"calls\";q=30;w=60, \"tenant-calls\";q=40;w=60"
    );
}

#[tokio::test]
async fn a_flood_of_one_tenants_webhooks_is_refused_and_anothers_is_not() {
    let rig = Rig::of_one_creditor().await;
    let neighbour = TenantId::parse("618").unwrap();
    rig.add_tenant(&neighbour, &rig.sienge.api("vizinha"), Package::Ultimate)
        .await;
    rig.settings(|settings| settings.limits.webhooks_per_minute = 40)
        .await;
    let (mut kept, mut refused) = (0, Vec::new());
    for _ in 0..120 {
        match rig.deliver(|delivery| delivery).await {
            Answer::Received => kept += 1,
            answer => refused.push(answer),
        }
    }
    // What an execution lets in by itself, and a bucket.
    assert!((40..=60).contains(&kept), "{kept} of 30 and 20");
    let too_many = |answer: &Answer| {
        matches!(
            answer,
            Answer::TooMany {
                wait_seconds: 1..=5
            }
        )
    };
    assert!(refused.iter().all(too_many), "{refused:?}");
    assert_eq!(rig.inbox.len(), kept);
    let response = refused[0].response();
    assert_eq!(response["statusCode"], 429);
    let wait = response["headers"]["retry-after"].as_str().unwrap();
    assert!(wait.parse::<u64>().unwrap() >= 1, "{response}");

    // It costs nothing, and the other tenant is let in meanwhile.
    rig.database.calls();
    let answers = join_all((0..20).map(|_| rig.deliver(|delivery| delivery))).await;
    let still_refused = answers.iter().filter(|answer| too_many(answer)).count();
    assert!(still_refused >= 18, "{answers:?}");
    let calls = rig.database.calls();
    assert!(
        calls.values().sum::<usize>() <= 2 * (20 - still_refused),
        "{calls:?}"
    );
    for _ in 0..20 {
        let theirs = rig.deliver(|delivery| Delivery {
            tenant: Some("618"),
            ..delivery
        });
        assert_eq!(theirs.await, Answer::Received);
    }
    rig.pass(Duration::from_mins(1));
    assert_eq!(rig.deliver(|delivery| delivery).await, Answer::Received);
}
