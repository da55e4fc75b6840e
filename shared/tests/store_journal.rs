//! The journal table: webhooks once and whole, calls, runs, critiques.

#![allow(clippy::unwrap_used, clippy::float_cmp)]

use std::collections::{BTreeMap, BTreeSet};

use harness::database::{Database, Fault, at, tenant};
use jiff::civil::date;
use ponte::ids::{BillId, CreditorId, EnterpriseId, InstallmentId};
use ponte::intake::{EventHeader, Hints, Receiver};
use ponte::portfolio::Critique;
use ponte::sienge::{CallLog, CallRecord};
use ponte::store::{
    Accepted, CritiqueNote, Finish, InboundWebhook, JournalCalls, JournalKey, RunStart, RunState,
    Store, StoredWebhook, WebhookState, new_run_id,
};

const NOW: &str = "2026-11-22T08:00:00Z";

fn webhook(id: &str, body: &[u8]) -> InboundWebhook {
    InboundWebhook {
        tenant: tenant(),
        receiver: Receiver::find("SiengePagamentos").unwrap(),
        event: EventHeader::read(Some("RECEIPT_PROCESSED")),
        id: id.to_owned(),
        while_waiting: false,
        received_at: at(NOW),
        headers: BTreeMap::from([("x-sienge-hook-id".to_owned(), "5f0c1a2e".to_owned())]),
        body: body.to_vec(),
        hints: pointing_at(295),
    }
}

fn pointing_at(bill: i64) -> Hints {
    Hints {
        bills: BTreeSet::from([BillId(bill)]),
        installment: Some(InstallmentId(12)),
        was_there: true,
        ..Hints::default()
    }
}

fn noise(bytes: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    (0..bytes).map(|_| random.u8(..)).collect()
}

async fn load(store: &Store, key: &JournalKey) -> StoredWebhook {
    let mut loaded = store
        .load_webhooks(std::slice::from_ref(key))
        .await
        .unwrap();
    assert_eq!(loaded.len(), 1);
    loaded.remove(0).unwrap()
}

fn finish(key: &JournalKey, state: WebhookState) -> Finish {
    Finish {
        key: key.clone(),
        arrival: None,
        state,
        note: Some("nota".to_owned()),
        bill: None,
    }
}

async fn pending(store: &Store) -> BTreeSet<JournalKey> {
    let waiting = store
        .pending_between(
            &tenant(),
            at("2020-01-01T00:00:00Z"),
            at("2030-01-01T00:00:00Z"),
            1000,
        )
        .await
        .unwrap();
    waiting.into_iter().map(|one| one.key).collect()
}

#[tokio::test]
async fn a_webhook_is_new_once_and_a_duplicate_ever_after() {
    let database = Database::start().await;
    let store = &database.store;
    let first = webhook("a-1", br#"{"billId":295}"#);
    assert_eq!(store.accept(&first).await.unwrap(), Accepted::New);
    assert_eq!(
        database.calls(),
        BTreeMap::from([("PutItem".to_owned(), 1)])
    );
    let duplicate = |same_body| Accepted::Duplicate { same_body };
    assert_eq!(store.accept(&first).await.unwrap(), duplicate(true));
    let other_body = webhook("a-1", br#"{"billId":296}"#);
    assert_eq!(store.accept(&other_body).await.unwrap(), duplicate(false));
    store
        .finish(&finish(&first.key(), WebhookState::Done), at(NOW))
        .await
        .unwrap();
    assert_eq!(store.accept(&first).await.unwrap(), duplicate(true));
    let loaded = load(store, &first.key()).await;
    assert_eq!((loaded.webhook, loaded.state), (first, WebhookState::Done));
    assert_eq!(loaded.note.as_deref(), Some("nota"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sixteen_deliveries_at_once_exactly_one_is_new() {
    let database = Database::start().await;
    for body in [b"{}".to_vec(), br#"{"billId":295}"#.to_vec()] {
        let id = format!("same-{}", body.len());
        let deliveries: Vec<_> = (0..16)
            .map(|_| {
                let (store, webhook) = (database.store.clone(), webhook(&id, &body));
                tokio::spawn(async move { store.accept(&webhook).await.unwrap() })
            })
            .collect();
        let mut new = 0;
        for delivery in deliveries {
            match delivery.await.unwrap() {
                Accepted::New => new += 1,
                Accepted::Duplicate { same_body } => assert!(same_body),
                Accepted::Again => panic!("it has an id"),
            }
        }
        assert_eq!(new, 1);
        assert_eq!(
            load(&database.store, &webhook(&id, b"").key())
                .await
                .webhook
                .body,
            body
        );
    }
}

#[tokio::test]
async fn of_a_body_ids_are_kept_and_nothing_personal_and_its_digest_is_that_of_the_whole() {
    let database = Database::start().await;
    let store = &database.store;
    let body = br#"{"billId": 295, "installmentId": 12, "cpf": "52998224725", "CPF": 52998224725, "Fulana de Tal": "Fulana", "telefone": 11988887777}"#;
    let webhook = webhook("personal", body);
    assert_eq!(store.accept(&webhook).await.unwrap(), Accepted::New);
    let kept = load(store, &webhook.key()).await.webhook.body;
    assert_eq!(
        String::from_utf8(kept).unwrap(),
        r#"{"billId":295,"installmentId":12,"cpf":"***","***":***,"***":"***","***":***}"#
    );
    let other = InboundWebhook {
        body: body
            .iter()
            .map(|byte| if *byte == b'5' { b'6' } else { *byte })
            .collect(),
        ..webhook
    };
    let again = Accepted::Duplicate { same_body: false };
    assert_eq!(store.accept(&other).await.unwrap(), again);
}

#[tokio::test]
async fn of_a_rejected_body_the_first_kilobyte_and_the_digest_are_kept() {
    let database = Database::start().await;
    let store = &database.store;
    let (big, other) = (noise(1_000_000), noise(999_999));
    let webhook = webhook("bad", &big);
    let reject = async |body: &[u8]| {
        let webhook = InboundWebhook {
            body: body.to_vec(),
            ..webhook.clone()
        };
        store.reject(&webhook, "corpo ilegível").await.unwrap()
    };
    assert_eq!(reject(&big).await, Accepted::New);
    let items = database.items("journal").await;
    assert_eq!(items.len(), 1);
    let kept = load(store, &webhook.key()).await.webhook.body;
    assert!(kept.len() < 1_100, "{} bytes", kept.len());
    let units: f64 = database.units().values().sum();
    assert!(units <= 6.0, "{units} units, with the index");
    for (body, same_body) in [(&big, true), (&other, false)] {
        assert_eq!(reject(body).await, Accepted::Duplicate { same_body });
    }
    assert_eq!(database.items("journal").await, items);
    // What can be read takes its place.
    assert_eq!(store.accept(&webhook).await.unwrap(), Accepted::New);
    assert_eq!(
        load(store, &webhook.key()).await.state,
        WebhookState::Pending
    );
}

#[tokio::test]
async fn a_crash_before_the_head_accepts_nothing_and_loses_nothing() {
    let database = Database::start().await;
    let webhook = webhook("big", br#"{"billId":295}"#);
    database.faults(|operation, _| match operation {
        "PutItem" => Fault::Lose,
        _ => Fault::Pass,
    });
    assert!(database.fragile_store().accept(&webhook).await.is_err());
    database.no_faults();
    assert_eq!(pending(&database.store).await, BTreeSet::new());
    assert!(
        database
            .store
            .load_webhooks(&[webhook.key()])
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        database.store.accept(&webhook).await.unwrap(),
        Accepted::New
    );
    assert_eq!(load(&database.store, &webhook.key()).await.webhook, webhook);
}

#[tokio::test]
async fn a_lost_answer_leaves_the_webhook_pending_for_the_sweep() {
    let database = Database::start().await;
    let webhook = webhook("lost", b"{}");
    database.faults(|_, _| Fault::LoseAnswer);
    assert!(database.fragile_store().accept(&webhook).await.is_err());
    database.no_faults();
    assert_eq!(
        pending(&database.store).await,
        BTreeSet::from([webhook.key()])
    );
}

#[tokio::test]
async fn a_rejected_webhook_is_kept_for_the_log_and_never_pending() {
    let database = Database::start().await;
    let store = &database.store;
    let webhook = webhook("bad", b"not json");
    assert_eq!(
        store.reject(&webhook, "corpo ilegível").await.unwrap(),
        Accepted::New
    );
    assert_eq!(pending(store).await, BTreeSet::new());
    store
        .finish(&finish(&webhook.key(), WebhookState::Done), at(NOW))
        .await
        .unwrap();
    let loaded = load(store, &webhook.key()).await;
    assert_eq!(
        (loaded.state, loaded.note.as_deref()),
        (WebhookState::Rejected, Some("corpo ilegível")),
        "rejected is final"
    );
    let listed = store
        .journal_of_day(&tenant(), date(2026, 11, 22), "webhook", 10)
        .await
        .unwrap();
    assert_eq!(
        (listed[0].state.as_str(), listed[0].summary.as_str()),
        ("rejected", "SiengePagamentos: RECEIPT_PROCESSED")
    );
}

#[tokio::test]
async fn credentials_in_headers_are_not_stored() {
    let database = Database::start().await;
    let mut webhook = webhook("h", b"{}");
    for name in ["Authorization", "authorization", "Cookie", "x-api-key"] {
        webhook
            .headers
            .insert(name.to_owned(), "secret-token".to_owned());
    }
    database.store.accept(&webhook).await.unwrap();
    let stored = format!("{:?}", database.items("journal").await);
    assert!(stored.contains("x-sienge-hook-id") && !stored.contains("secret-token"));
}

#[tokio::test]
async fn states_move_forward_only() {
    use WebhookState::{Done, Failed, Pending, Unmatched};
    let database = Database::start().await;
    let store = &database.store;
    let steps = [
        (vec![Done, Failed, Unmatched], Done),
        (vec![Unmatched, Unmatched, Done], Done),
        (vec![Failed, Done], Done),
        (vec![Unmatched, Failed], Failed),
        (vec![Done, Done], Done),
    ];
    for (id, (states, end)) in steps.into_iter().enumerate() {
        let webhook = webhook(&format!("s-{id}"), b"{}");
        store.accept(&webhook).await.unwrap();
        for state in states {
            store
                .finish(&finish(&webhook.key(), state), at(NOW))
                .await
                .unwrap();
        }
        assert_eq!(load(store, &webhook.key()).await.state, end);
    }
    assert_eq!(pending(store).await, BTreeSet::new());
    assert_eq!(store.unmatched(&tenant(), 10).await.unwrap(), []);
    assert!(
        store
            .finish(&finish(&webhook("s-0", b"").key(), Pending), at(NOW))
            .await
            .is_err()
    );
    // One that was removed is nothing to finish.
    let unknown = JournalKey("tenant#617#webhook#unknown".to_owned());
    store
        .finish(&finish(&unknown, Done), at(NOW))
        .await
        .unwrap();
    assert!(store.load_webhooks(&[unknown]).await.unwrap().is_empty());
}

#[tokio::test]
async fn many_are_finished_at_once() {
    let database = Database::start().await;
    let store = &database.store;
    let webhooks: Vec<InboundWebhook> = (0..120)
        .map(|id| webhook(&format!("m-{id}"), b"{}"))
        .collect();
    for webhook in &webhooks {
        store.accept(webhook).await.unwrap();
    }
    let keys: Vec<JournalKey> = webhooks.iter().map(InboundWebhook::key).collect();
    assert_eq!(pending(store).await.len(), 120);
    let loaded = store
        .load_webhooks(&[keys.clone(), keys.clone()].concat())
        .await
        .unwrap();
    assert_eq!(loaded.len(), 120, "each once");
    let finishes: Vec<Finish> = keys
        .iter()
        .map(|key| finish(key, WebhookState::Done))
        .collect();
    assert_eq!(store.finish_all(&finishes, at(NOW)).await, []);
    assert_eq!(pending(store).await.len(), 0);
}

#[tokio::test]
async fn the_sweep_sees_what_is_old_enough_and_no_more_than_asked() {
    let database = Database::start().await;
    let store = &database.store;
    for minute in 10..50 {
        let mut webhook = webhook(&format!("p-{minute}"), b"{}");
        webhook.received_at = at(&format!("2026-11-22T08:{minute}:00Z"));
        store.accept(&webhook).await.unwrap();
    }
    let old = store
        .pending_between(
            &tenant(),
            at("2020-01-01T00:00:00Z"),
            at("2026-11-22T08:30:00Z"),
            1000,
        )
        .await
        .unwrap();
    assert_eq!(old.len(), 21, "the bound included");
    assert!(
        old.iter()
            .all(|one| one.tenant == tenant() && one.received_at <= at("2026-11-22T08:30:00Z"))
    );
    assert!(
        store
            .pending_between(
                &tenant(),
                at("2020-01-01T00:00:00Z"),
                at("2026-11-22T09:00:00Z"),
                8
            )
            .await
            .unwrap()
            .len()
            <= 8
    );
}

#[tokio::test]
async fn unmatched_webhooks_are_kept_for_their_days_and_then_removed() {
    let database = Database::start().await;
    let store = &database.store;
    for (id, day) in [("old", 10), ("older", 11), ("young", 20)] {
        let mut webhook = webhook(id, b"{}");
        webhook.received_at = at(&format!("2026-11-{day}T08:00:00Z"));
        store.accept(&webhook).await.unwrap();
        store
            .finish(&finish(&webhook.key(), WebhookState::Unmatched), at(NOW))
            .await
            .unwrap();
    }
    let waiting = store.unmatched(&tenant(), 10).await.unwrap();
    assert_eq!(
        waiting.iter().map(|one| one.received_at).min(),
        Some(at("2026-11-10T08:00:00Z"))
    );
    assert_eq!(waiting.len(), 3);
    assert_eq!(
        store
            .expire_unmatched(&tenant(), at("2026-11-15T08:00:00Z"), 10)
            .await
            .unwrap(),
        2
    );
    assert_eq!(
        store
            .expire_unmatched(&tenant(), at("2026-11-15T08:00:00Z"), 10)
            .await
            .unwrap(),
        0
    );
    let left = store.unmatched(&tenant(), 10).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].key, webhook("young", b"").key());
    assert_eq!(database.items("journal").await.len(), 1);
}

#[tokio::test]
async fn a_damaged_webhook_does_not_take_the_others_with_it() {
    let database = Database::start().await;
    let store = &database.store;
    let good = webhook("good", b"{}");
    let bad = webhook("bad", b"{}");
    store.accept(&good).await.unwrap();
    store.accept(&bad).await.unwrap();
    database
        .raw()
        .update_item()
        .table_name("journal")
        .key(
            "pk",
            aws_sdk_dynamodb::types::AttributeValue::S(bad.key().0),
        )
        .key(
            "sk",
            aws_sdk_dynamodb::types::AttributeValue::S("head".to_owned()),
        )
        .update_expression("REMOVE hints")
        .send()
        .await
        .unwrap();
    let loaded = store.load_webhooks(&[good.key(), bad.key()]).await.unwrap();
    assert_eq!(loaded.iter().filter(|one| one.is_ok()).count(), 1);
    let error = loaded.into_iter().find_map(Result::err).unwrap();
    assert!(error.to_string().contains("hints"), "{error}");
}

fn call(number: u64) -> CallRecord {
    CallRecord {
        at: at(NOW),
        method: "ConsultarExtratoCliente",
        url: format!("GET https://x.invalid/v1/customer-financial-statements?customerId={number}"),
        bill: Some(BillId(295)),
        status: if number == 3 { None } else { Some(200) },
        duration_ms: 350 + number,
        request_bytes: 0,
        response_bytes: 9000,
        attempt: 1,
        request: String::new(),
        response: "parcela ".repeat(1000),
        error: (number == 3).then(|| "tempo esgotado".to_owned()),
    }
}

#[tokio::test]
async fn every_call_to_sienge_is_written_down_in_batches() {
    let database = Database::start().await;
    database.faults(|operation, count| match (operation, count) {
        ("BatchWriteItem", 1) => Fault::Process(3),
        _ => Fault::Pass,
    });
    let calls = JournalCalls::new(database.store.clone(), tenant());
    for number in 0..60 {
        calls.record(call(number)).await;
    }
    calls.flush().await;
    calls.flush().await;
    assert_eq!(database.calls()["BatchWriteItem"], 3 + 1);
    let listed = database
        .store
        .journal_of_day(&tenant(), date(2026, 11, 22), "call", 100)
        .await
        .unwrap();
    assert_eq!(listed.len(), 60);
    assert!(
        listed
            .iter()
            .any(|entry| entry.summary == "ConsultarExtratoCliente 200 em 351 ms")
    );
    assert!(listed.iter().any(|entry| entry.state == "sem resposta"));
    assert_eq!(
        database
            .store
            .journal_of_bill(&tenant(), BillId(295), 7)
            .await
            .unwrap()
            .len(),
        7
    );
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_does_not_fail_the_call() {
    let database = Database::start().await;
    database.faults(|_, _| Fault::Lose);
    let calls = JournalCalls::new(database.fragile_store(), tenant());
    for number in 0..30 {
        calls.record(call(number)).await;
    }
    calls.flush().await;
    database.no_faults();
    assert_eq!(database.items("journal").await.len(), 0);
}

#[tokio::test]
async fn runs_are_listed_newest_first_with_their_counts() {
    let database = Database::start().await;
    let store = &database.store;
    let run = |minute: &str| RunStart {
        tenant: tenant(),
        task: "reconcile".to_owned(),
        creditor: Some(CreditorId(1)),
        id: new_run_id(at(&format!("2026-11-22T08:{minute}:00Z"))),
        started_at: at(&format!("2026-11-22T08:{minute}:00Z")),
        dry_run: false,
    };
    let (first, second) = (run("00"), run("10"));
    store.start_run(&first).await.unwrap();
    store.start_run(&second).await.unwrap();
    let counts = BTreeMap::from([("included".to_owned(), 12), ("returned".to_owned(), 0)]);
    store
        .note_run(
            &first,
            RunState::Stopped,
            &counts,
            "Batimento interrompido",
            None,
            at("2026-11-22T08:05:00Z"),
        )
        .await
        .unwrap();
    store.start_run(&first).await.unwrap();
    let runs = store.runs(&tenant(), "reconcile", 10).await.unwrap();
    assert_eq!(
        runs.iter().map(|run| run.state).collect::<Vec<_>>(),
        [RunState::Running, RunState::Stopped]
    );
    assert_eq!(
        (&runs[1].counts, runs[1].summary.as_str()),
        (&counts, "Batimento interrompido")
    );
    assert_eq!(runs[1].finished_at, Some(at("2026-11-22T08:05:00Z")));
    let one = store
        .run(&tenant(), "reconcile", &first.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (one.id.as_str(), one.creditor),
        (first.id.as_str(), Some(CreditorId(1)))
    );
    assert_eq!(
        store.run(&tenant(), "reconcile", "unknown").await.unwrap(),
        None
    );
    let listed = store
        .journal_of_day(&tenant(), date(2026, 11, 22), "run", 10)
        .await
        .unwrap();
    assert_eq!(
        listed
            .iter()
            .map(|entry| (entry.state.as_str(), entry.summary.as_str()))
            .collect::<Vec<_>>(),
        [
            ("running", "reconcile credor 1"),
            ("stopped", "Batimento interrompido")
        ]
    );
}

#[tokio::test]
async fn a_critique_is_written_once_a_day() {
    let database = Database::start().await;
    let store = &database.store;
    let critique = |bill| {
        CritiqueNote::from(&Critique::EnterpriseNotRegistered {
            bill: BillId(bill),
            enterprise: EnterpriseId(110),
        })
    };
    let notes = [critique(1), critique(2), critique(1)];
    let creditor = Some(CreditorId(1));
    assert_eq!(
        store
            .record_critiques(&tenant(), creditor, &notes, at(NOW))
            .await
            .unwrap(),
        2
    );
    database.calls();
    assert_eq!(
        store
            .record_critiques(&tenant(), creditor, &notes, at("2026-11-22T20:00:00Z"))
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        database.calls(),
        BTreeMap::from([("BatchGetItem".to_owned(), 1)])
    );
    assert_eq!(
        store
            .record_critiques(&tenant(), creditor, &notes, at("2026-11-23T08:00:00Z"))
            .await
            .unwrap(),
        2
    );
    let listed = store
        .journal_of_day(&tenant(), date(2026, 11, 22), "critique", 10)
        .await
        .unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed[0].summary.starts_with("Filial não cadastrada"));
}

/// One that came without an id.
fn nameless(body: &[u8]) -> InboundWebhook {
    InboundWebhook {
        while_waiting: true,
        ..webhook("sha256-of-what-came", body)
    }
}

/// Finishes what was loaded.
async fn finish_loaded(store: &Store, loaded: &StoredWebhook, state: WebhookState) {
    let loaded = Finish {
        arrival: loaded.arrival.clone(),
        ..finish(&loaded.key, state)
    };
    store.finish(&loaded, at(NOW)).await.unwrap();
}

#[tokio::test]
async fn without_an_id_an_equal_one_is_the_same_only_while_the_first_one_waits() {
    let database = Database::start().await;
    let store = &database.store;
    let first = nameless(b"{}");
    let later = InboundWebhook {
        received_at: at("2026-11-22T08:00:07Z"),
        ..first.clone()
    };
    assert_eq!(store.accept(&first).await.unwrap(), Accepted::New);
    assert_eq!(store.accept(&later).await.unwrap(), Accepted::Again);
    let loaded = load(store, &first.key()).await;
    assert_eq!(loaded.webhook, later, "it is read as of its last arrival");
    finish_loaded(store, &loaded, WebhookState::Done).await;
    assert_eq!(
        load(store, &first.key()).await.state,
        WebhookState::Done,
        "both came before it was loaded"
    );
    for state in [
        WebhookState::Unmatched,
        WebhookState::Failed,
        WebhookState::Done,
    ] {
        assert_eq!(
            store.accept(&first).await.unwrap(),
            Accepted::New,
            "another event: {state:?}"
        );
        let loaded = load(store, &first.key()).await;
        assert_eq!((loaded.state, &loaded.note), (WebhookState::Pending, &None));
        finish_loaded(store, &loaded, state).await;
        assert_eq!(load(store, &first.key()).await.state, state);
    }
    let items = database.items("journal").await;
    assert_eq!(items.len(), 1, "one item, however often it comes");
}

#[tokio::test]
async fn one_that_comes_again_while_it_is_looked_at_is_looked_at_once_more() {
    let database = Database::start().await;
    let store = &database.store;
    let first = nameless(b"{}");
    for state in [
        WebhookState::Done,
        WebhookState::Unmatched,
        WebhookState::Failed,
    ] {
        assert_eq!(store.accept(&first).await.unwrap(), Accepted::New);
        let being_read = load(store, &first.key()).await;
        assert_eq!(store.accept(&first).await.unwrap(), Accepted::Again);
        finish_loaded(store, &being_read, state).await;
        let waiting = load(store, &first.key()).await;
        assert_eq!(waiting.state, WebhookState::Pending, "{state:?}");
        assert!(
            pending(store).await.contains(&first.key()),
            "the sweep finds it"
        );
        // Whoever finishes late, after it was finished and came anew, finishes nothing.
        finish_loaded(store, &waiting, WebhookState::Done).await;
        assert_eq!(store.accept(&first).await.unwrap(), Accepted::New);
        for late in [&being_read, &waiting] {
            finish_loaded(store, late, state).await;
            assert_eq!(load(store, &first.key()).await.state, WebhookState::Pending);
        }
        let loaded = load(store, &first.key()).await;
        finish_loaded(store, &loaded, WebhookState::Done).await;
    }
}

#[tokio::test]
async fn of_equal_ones_at_once_none_is_lost_whoever_finishes_meanwhile() {
    let database = Database::start().await;
    let store = &database.store;
    let webhook = nameless(br#"{"billId":295}"#);
    let arrivals = futures::future::join_all((0..16).map(|_| store.accept(&webhook)));
    let finisher = async {
        for _ in 0..8 {
            if let Some(Ok(loaded)) = store.load_webhooks(&[webhook.key()]).await.unwrap().pop() {
                finish_loaded(store, &loaded, WebhookState::Done).await;
            }
            tokio::task::yield_now().await;
        }
    };
    let (arrived, ()) = futures::future::join(arrivals, finisher).await;
    let arrived: Vec<Accepted> = arrived.into_iter().map(Result::unwrap).collect();
    assert!(
        arrived
            .iter()
            .all(|one| matches!(one, Accepted::New | Accepted::Again)),
        "{arrived:?}"
    );
    assert!(arrived.contains(&Accepted::New));
    let last = load(store, &webhook.key()).await;
    assert_eq!(last.webhook.body, webhook.body);
}

#[tokio::test]
async fn a_webhook_is_listed_by_day_and_bill_when_it_is_finished_and_only_waits_before() {
    let database = Database::start().await;
    let store = &database.store;
    let day = date(2026, 11, 22);
    for (state, word, bill) in [
        (WebhookState::Done, "done", 701),
        (WebhookState::Unmatched, "unmatched", 702),
        (WebhookState::Failed, "failed", 703),
    ] {
        let of_a_bill = InboundWebhook {
            hints: pointing_at(bill),
            ..webhook(word, b"{}")
        };
        let of_none = InboundWebhook {
            hints: Hints::default(),
            ..webhook(&format!("{word}-no-bill"), b"{}")
        };
        let before = store
            .journal_of_day(&tenant(), day, "webhook", 100)
            .await
            .unwrap()
            .len();
        for webhook in [&of_a_bill, &of_none] {
            store.accept(webhook).await.unwrap();
            assert!(pending(store).await.contains(&webhook.key()));
        }
        let bill = of_a_bill.bill().unwrap();
        assert_eq!(
            store
                .journal_of_day(&tenant(), day, "webhook", 100)
                .await
                .unwrap()
                .len(),
            before
        );
        assert_eq!(
            store
                .journal_of_bill(&tenant(), bill, 10)
                .await
                .unwrap()
                .len(),
            0
        );
        for webhook in [&of_a_bill, &of_none] {
            let about_its_bill = Finish {
                bill: webhook.bill(),
                ..finish(&webhook.key(), state)
            };
            store.finish(&about_its_bill, at(NOW)).await.unwrap();
            assert!(!pending(store).await.contains(&webhook.key()));
        }
        let of_day = store
            .journal_of_day(&tenant(), day, "webhook", 100)
            .await
            .unwrap();
        assert_eq!(of_day.len(), before + 2, "{word}");
        assert_eq!(
            of_day.iter().filter(|entry| entry.state == word).count(),
            2,
            "{word}"
        );
        let of_bill = store.journal_of_bill(&tenant(), bill, 10).await.unwrap();
        assert_eq!(
            of_bill
                .iter()
                .map(|entry| entry.state.as_str())
                .collect::<Vec<_>>(),
            [word]
        );
    }
}

#[tokio::test]
async fn the_costs_are_those_of_the_data_model() {
    let database = Database::start().await;
    let store = &database.store;
    let units = || database.units().into_values().sum::<f64>();
    let webhook = webhook(
        "0d1b7c1e-6d27-4c3e-9a55-7a3c9e1f2b10",
        br#"{"billId":295,"installmentId":12}"#,
    );
    store.accept(&webhook).await.unwrap();
    assert_eq!(units(), 2.0, "accepting a webhook");
    store.load_webhooks(&[webhook.key()]).await.unwrap();
    assert_eq!(units(), 1.0, "loading it");
    let about_its_bill = Finish {
        bill: webhook.bill(),
        ..finish(&webhook.key(), WebhookState::Done)
    };
    store.finish(&about_its_bill, at(NOW)).await.unwrap();
    assert_eq!(units(), 4.0, "finishing it");
    let calls = JournalCalls::new(store.clone(), tenant());
    for number in 0..25 {
        calls.record(call(number)).await;
    }
    assert_eq!(units(), 75.0, "25 calls to Sienge");
}
