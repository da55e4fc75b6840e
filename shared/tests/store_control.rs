//! The control table: settings, cursors, checkpoints, leases, the shared quota.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use harness::database::{Database, Fault, at, tenant};
use ponte::calendar::Timestamp;
use ponte::ids::{BillId, CreditorId, TenantId};
use ponte::settings::{CreditorSettings, Package, TenantSettings};
use ponte::sienge::{Lane, Priority, Quota, QuotaRefusal};
use ponte::store::{
    Acquired, Clock, CountedRemovals, Door, Entry, RateLimit, SharedQuota, Store, StoreError,
    Visit, Wanted,
};

const NOW: &str = "2026-11-22T08:00:00Z";
const CREDITOR: Option<CreditorId> = Some(CreditorId(1));

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn map(fields: &[(&str, AttributeValue)]) -> AttributeValue {
    AttributeValue::M(
        fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
    )
}

async fn put(database: &Database, pk: &str, sk: &str, name: &str, value: AttributeValue) {
    let put = database
        .raw()
        .put_item()
        .table_name("control")
        .item("pk", text(pk))
        .item("sk", text(sk));
    put.item(name, value).send().await.unwrap();
}

#[tokio::test]
async fn settings_are_read_as_the_tenant_command_writes_them() {
    let database = Database::start().await;
    let store = &database.store;
    assert!(store.tenant_settings(&tenant()).await.unwrap().is_none());
    let settings = map(&[
        (
            "siengeBaseUrl",
            text("https://api.sienge.com.br/minhaempresa/public/api"),
        ),
        ("subdomain", text("minhaempresa")),
        ("package", text("ultimate")),
        ("ignoreCompanies", text("1;2")),
        ("importPerCreditor", AttributeValue::Bool(true)),
    ]);
    put(&database, "tenant#617", "settings", "settings", settings).await;
    let creditor = map(&[
        ("company", AttributeValue::N("1".to_owned())),
        ("name", text("Construtora Inventada")),
    ]);
    put(
        &database,
        "tenant#617",
        "creditor#0000000001",
        "settings",
        creditor,
    )
    .await;
    put(
        &database,
        "tenants",
        "617",
        "active",
        AttributeValue::Bool(true),
    )
    .await;
    put(
        &database,
        "tenants",
        "618",
        "active",
        AttributeValue::Bool(false),
    )
    .await;
    put(
        &database,
        "tenants",
        "no tenant at all",
        "active",
        AttributeValue::Bool(true),
    )
    .await;

    let settings = store.tenant_settings(&tenant()).await.unwrap().unwrap();
    assert_eq!(
        (
            settings.package,
            settings.active,
            settings.import_per_creditor
        ),
        (Package::Ultimate, true, true)
    );
    assert!(settings.ignore_companies.contains("2"));
    let creditors = store.creditors(&tenant()).await.unwrap();
    assert_eq!(creditors.len(), 1);
    assert_eq!(creditors[&CreditorId(1)].removal_share_percent, 20);
    assert_eq!(
        store
            .creditor(&tenant(), CreditorId(1))
            .await
            .unwrap()
            .unwrap()
            .name,
        "Construtora Inventada"
    );
    assert!(
        store
            .creditor(&tenant(), CreditorId(2))
            .await
            .unwrap()
            .is_none()
    );
    let tenants = store.tenants().await.unwrap();
    let tenants: Vec<(&str, bool)> = tenants
        .iter()
        .map(|one| (one.tenant.as_str(), one.active))
        .collect();
    assert_eq!(
        tenants,
        [("617", true), ("618", false)],
        "the damaged entry is left out"
    );
}

#[tokio::test]
async fn settings_written_here_are_read_here() {
    let database = Database::start().await;
    let store = &database.store;
    let settings: TenantSettings = serde_json::from_value(serde_json::json!({
        "siengeBaseUrl": "http://127.0.0.1:8099/demo/public/api", "subdomain": "demo", "ignoreConditionTypes": "PE;FI", "active": false
    }))
    .unwrap();
    store.put_tenant(&tenant(), &settings).await.unwrap();
    let mut creditor = CreditorSettings::new(CreditorId(12));
    creditor.enterprises.insert(ponte::ids::EnterpriseId(110));
    store.put_creditor(&tenant(), &creditor).await.unwrap();
    let read = store.tenant_settings(&tenant()).await.unwrap().unwrap();
    assert!(read.ignore_condition_types.contains("fi") && !read.active);
    assert!(!store.tenants().await.unwrap()[0].active);
    let read = store
        .creditor(&tenant(), CreditorId(12))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(read.enterprises, creditor.enterprises);
}

#[tokio::test]
async fn unreadable_settings_name_the_field() {
    let database = Database::start().await;
    let settings = map(&[
        ("siengeBaseUrl", text("https://x.invalid/public/api")),
        ("subdomain", text("x")),
        ("importPerCreditor", text("Sim")),
    ]);
    put(&database, "tenant#617", "settings", "settings", settings).await;
    let error = database
        .store
        .tenant_settings(&tenant())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("tenant 617") && error.contains("importPerCreditor"),
        "{error}"
    );
    let creditor = map(&[("company", AttributeValue::N("2".to_owned()))]);
    put(
        &database,
        "tenant#617",
        "creditor#0000000001",
        "settings",
        creditor,
    )
    .await;
    let error = database
        .store
        .creditors(&tenant())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("creditor 0000000001") && error.contains("company"),
        "{error}"
    );
}

#[tokio::test]
async fn a_cursor_never_goes_back() {
    let database = Database::start().await;
    let store = &database.store;
    assert_eq!(
        store.cursor(&tenant(), CREDITOR, "import").await.unwrap(),
        None
    );
    for (task, instant) in [
        ("import", NOW),
        ("import", "2026-11-21T08:00:00Z"),
        ("reconcile", NOW),
    ] {
        store
            .advance_cursor(&tenant(), CREDITOR, task, at(instant))
            .await
            .unwrap();
    }
    let cursor = store
        .cursor(&tenant(), CREDITOR, "import")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(cursor.last_success, at(NOW));
    let other = Some(CreditorId(2));
    for (creditor, task) in [(other, "import"), (CREDITOR, "payments")] {
        assert_eq!(store.cursor(&tenant(), creditor, task).await.unwrap(), None);
    }
    assert_eq!(store.cursor(&tenant(), None, "import").await.unwrap(), None);
}

fn noise(bytes: usize, seed: u64) -> String {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..bytes).map(|_| random.alphanumeric()).collect()
}

async fn save(store: &Store, version: u64, content: &String) -> Result<u64, StoreError> {
    store
        .save_checkpoint(&tenant(), CREDITOR, "import", version, content, at(NOW))
        .await
}

async fn checkpoint(store: &Store) -> Option<(u64, String)> {
    let loaded = store
        .load_checkpoint(&tenant(), CREDITOR, "import")
        .await
        .unwrap();
    loaded.map(|checkpoint| (checkpoint.version, checkpoint.content))
}

#[tokio::test]
async fn a_checkpoint_of_any_size_is_replaced_whole() {
    let database = Database::start().await;
    let store = &database.store;
    assert_eq!(checkpoint(store).await, None);
    let mut version = 0;
    for bytes in [10, 1_500_000, 2_000_000, 20, 900_000] {
        let content = noise(bytes, bytes as u64);
        version = save(store, version, &content).await.unwrap();
        assert_eq!(checkpoint(store).await, Some((version, content)));
    }
    let items = database.items("control").await.len();
    assert!(
        (2..=4).contains(&items),
        "the parts of earlier versions are gone, {items} items are left"
    );
    assert_eq!(
        save(store, version - 1, &"late".to_owned()).await,
        Err(StoreError::Conflict)
    );
    assert_eq!(
        save(store, 0, &"new".to_owned()).await,
        Err(StoreError::Conflict)
    );
    assert_eq!(checkpoint(store).await.unwrap().0, version);
    assert!(matches!(
        save(store, version, &noise(16_000_000, 1)).await,
        Err(StoreError::TooLarge { .. })
    ));
    store
        .clear_checkpoint(&tenant(), CREDITOR, "import")
        .await
        .unwrap();
    assert_eq!(checkpoint(store).await, None);
    assert_eq!(database.items("control").await.len(), 0);
}

#[tokio::test]
async fn a_crash_while_saving_leaves_the_checkpoint_before_it() {
    let database = Database::start().await;
    let store = &database.store;
    let before = noise(800_000, 1);
    save(store, 0, &before).await.unwrap();
    for operation in ["BatchWriteItem", "PutItem"] {
        database.faults(move |called, _| {
            if called == operation {
                Fault::Lose
            } else {
                Fault::Pass
            }
        });
        assert!(
            save(&database.fragile_store(), 1, &noise(800_000, 2))
                .await
                .is_err()
        );
        database.no_faults();
        assert_eq!(
            checkpoint(store).await,
            Some((1, before.clone())),
            "{operation}"
        );
    }
}

#[tokio::test]
async fn one_run_at_a_time_holds_a_lease() {
    let database = Database::start().await;
    let store = &database.store;
    let minute = Duration::from_mins(1);
    let acquire = |owner: &'static str, now: &'static str| {
        store.acquire_lease(
            // The same task of the same creditor.
            TENANT.get_or_init(tenant),
            CREDITOR,
            "reconcile",
            owner,
            minute,
            at(now),
        )
    };
    let Acquired::Yes(mut lease) = acquire("run-1", "2026-11-22T08:00:00Z").await.unwrap() else {
        panic!("it was free");
    };
    let until = at("2026-11-22T08:01:00Z");
    assert_eq!(
        acquire("run-2", "2026-11-22T08:00:59Z").await.unwrap(),
        Acquired::Held { until }
    );
    assert!(
        matches!(
            acquire("run-1", "2026-11-22T08:00:10Z").await.unwrap(),
            Acquired::Yes(_)
        ),
        "a continued run keeps it"
    );
    store
        .renew_lease(&mut lease, minute, at("2026-11-22T08:00:50Z"))
        .await
        .unwrap();
    assert_eq!(lease.expires, at("2026-11-22T08:01:50Z"));
    assert!(matches!(
        acquire("run-2", "2026-11-22T08:01:49Z").await.unwrap(),
        Acquired::Held { .. }
    ));
    let Acquired::Yes(taken) = acquire("run-2", "2026-11-22T08:01:50Z").await.unwrap() else {
        panic!("it had expired");
    };
    assert_eq!(
        store
            .renew_lease(&mut lease, minute, at("2026-11-22T08:01:51Z"))
            .await,
        Err(StoreError::Conflict)
    );
    store.release_lease(lease).await.unwrap();
    assert!(
        matches!(
            acquire("run-3", "2026-11-22T08:01:52Z").await.unwrap(),
            Acquired::Held { .. }
        ),
        "not the old owner's to give"
    );
    store.release_lease(taken).await.unwrap();
    assert!(matches!(
        acquire("run-3", "2026-11-22T08:01:53Z").await.unwrap(),
        Acquired::Yes(_)
    ));
}

static TENANT: std::sync::OnceLock<TenantId> = std::sync::OnceLock::new();

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_runs_at_once_one_gets_the_lease() {
    let database = Database::start().await;
    let runs: Vec<_> = (0..8)
        .map(|run| {
            let store = database.store.clone();
            tokio::spawn(async move {
                let owner = format!("run-{run}");
                store
                    .acquire_lease(
                        &tenant(),
                        None,
                        "payments",
                        &owner,
                        Duration::from_mins(1),
                        at(NOW),
                    )
                    .await
            })
        })
        .collect();
    let mut held = 0;
    for run in runs {
        held += usize::from(matches!(run.await.unwrap().unwrap(), Acquired::Yes(_)));
    }
    assert_eq!(held, 1);
}

#[tokio::test]
async fn removals_wait_for_their_confirmation_chunk_by_chunk() {
    let database = Database::start().await;
    let store = &database.store;
    let removals = |from: i64, count: i64| -> Vec<CountedRemovals> {
        let bills = (from..from + count).map(BillId);
        bills
            .map(|bill| CountedRemovals {
                bill,
                missing: 2,
                left_out: 1,
            })
            .collect()
    };
    for chunk in 0..3 {
        let one = removals(i64::from(chunk) * 1000, 1000);
        store
            .put_removals(&tenant(), "run-1", chunk, &one, at(NOW))
            .await
            .unwrap();
        store
            .put_removals(&tenant(), "run-1", chunk, &one, at(NOW))
            .await
            .unwrap();
    }
    assert_eq!(
        store.removals(&tenant(), "run-1", 2).await.unwrap(),
        Some(removals(2000, 1000))
    );
    assert_eq!(store.removals(&tenant(), "run-1", 3).await.unwrap(), None);
    assert_eq!(store.removals(&tenant(), "run-2", 0).await.unwrap(), None);
    let too_many = store
        .put_removals(&tenant(), "run-1", 9, &removals(0, 1001), at(NOW))
        .await;
    assert!(matches!(too_many, Err(StoreError::TooLarge { .. })));
    store.clear_removals(&tenant(), "run-1").await.unwrap();
    assert_eq!(store.removals(&tenant(), "run-1", 0).await.unwrap(), None);
}

/// A clock that tests move.
struct Hand(Arc<AtomicI64>);

impl Hand {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(at(NOW).as_millisecond())))
    }

    fn clock(&self) -> Clock {
        let hand = Arc::clone(&self.0);
        Arc::new(move || Timestamp::from_millisecond(hand.load(Ordering::SeqCst)).unwrap())
    }

    fn advance(&self, wait: Duration) {
        self.0
            .fetch_add(i64::try_from(wait.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_takers_never_pass_the_limit_of_any_minute() {
    let database = Database::start().await;
    let hand = Hand::new();
    let takers: Vec<_> = (0..8)
        .map(|taker| {
            // Each as in a function of its own: nothing shared but the table.
            let quota = SharedQuota::new(
                database.store.clone(),
                "minhaempresa",
                Package::Ultimate,
                hand.clock(),
            );
            let clock = hand.clock();
            let hand = Arc::clone(&hand.0);
            tokio::spawn(async move {
                let mut calls = Vec::new();
                while calls.len() < 75 {
                    match quota.acquire(Lane::Rest, Priority::Batch).await {
                        Ok(()) => calls.push(clock().as_millisecond()),
                        // Time passes while they wait: a different pace for each.
                        Err(QuotaRefusal::Wait(_)) => {
                            hand.fetch_add(100 + 37 * taker, Ordering::SeqCst);
                            tokio::time::sleep(Duration::from_millis(1)).await;
                        }
                        Err(other) => panic!("{other}"),
                    }
                }
                calls
            })
        })
        .collect();
    let mut calls: Vec<i64> = Vec::new();
    for taker in takers {
        calls.extend(taker.await.unwrap());
    }
    assert_eq!(calls.len(), 600);
    calls.sort_unstable();
    let busiest = (0..calls.len())
        .map(|first| {
            calls[first..]
                .iter()
                .take_while(|call| **call < calls[first] + 60_000)
                .count()
        })
        .max();
    assert!(busiest.unwrap() <= 200, "{busiest:?}");
    assert!(
        busiest.unwrap() >= 150,
        "the quota is used, too: {busiest:?}"
    );
}

#[tokio::test]
async fn calls_in_a_row_share_a_lot() {
    let database = Database::start().await;
    let quota = SharedQuota::new(
        database.store.clone(),
        "x",
        Package::Ultimate,
        Hand::new().clock(),
    );
    for _ in 0..100 {
        quota.acquire(Lane::Rest, Priority::Batch).await.unwrap();
        quota.answered().await;
    }
    let units: f64 = database.units().into_values().sum();
    assert!(units <= 16.0, "{units} units for 100 calls");
    let calls = database.calls();
    assert!(calls["PutItem"] <= 15, "{calls:?}");
    assert_eq!(calls["GetItem"], 2, "the quota, and whether Sienge answers");
    let remaining = quota.remaining().await.unwrap();
    assert!((90..=100).contains(&remaining.rest_minute), "{remaining:?}");
    assert_eq!(remaining.bulk_minute, 20);
    assert!(
        (73_390..=73_400).contains(&remaining.rest_day),
        "a fiftieth of the day is left to people"
    );
}

#[tokio::test]
async fn tokens_that_expire_unused_come_back() {
    let database = Database::start().await;
    let hand = Hand::new();
    let quota = SharedQuota::new(database.store.clone(), "x", Package::Ultimate, hand.clock());
    for _ in 0..20 {
        quota.acquire(Lane::Rest, Priority::Batch).await.unwrap();
    }
    // A slow caller now: 60 calls, three seconds apart, must not use up more than 60 (and its last lot).
    for _ in 0..60 {
        hand.advance(Duration::from_secs(3));
        quota.acquire(Lane::Rest, Priority::Batch).await.unwrap();
    }
    let used = 73_500 - quota.remaining().await.unwrap().rest_day;
    assert!((80..=84).contains(&used), "{used}");
}

#[tokio::test]
async fn a_429_backs_everybody_off() {
    let database = Database::start().await;
    let hand = Hand::new();
    let new = || SharedQuota::new(database.store.clone(), "x", Package::Ultimate, hand.clock());
    let (one, other) = (new(), new());
    one.acquire(Lane::Bulk, Priority::Batch).await.unwrap();
    other.acquire(Lane::Bulk, Priority::Batch).await.unwrap();
    one.back_off(Lane::Bulk, Duration::from_secs(30)).await;
    one.back_off(Lane::Bulk, Duration::from_secs(5)).await;
    for quota in [&one, &other] {
        let refusal = quota
            .acquire(Lane::Bulk, Priority::Interactive)
            .await
            .unwrap_err();
        let QuotaRefusal::Wait(wait) = refusal else {
            panic!("{refusal}")
        };
        assert!((30_000..30_300).contains(&wait.as_millis()), "{wait:?}");
    }
    assert_eq!(other.remaining().await.unwrap().bulk_minute, 0);
    other.acquire(Lane::Rest, Priority::Batch).await.unwrap();
    hand.advance(Duration::from_secs(30));
    other.acquire(Lane::Bulk, Priority::Batch).await.unwrap();
}

#[tokio::test]
async fn a_back_off_can_be_the_first_thing_known_of_a_subdomain() {
    let database = Database::start().await;
    let hand = Hand::new();
    let quota = SharedQuota::new(database.store.clone(), "x", Package::Ultimate, hand.clock());
    quota.back_off(Lane::Rest, Duration::from_secs(10)).await;
    assert!(matches!(
        quota.acquire(Lane::Rest, Priority::Batch).await,
        Err(QuotaRefusal::Wait(_))
    ));
    hand.advance(Duration::from_secs(10));
    quota.acquire(Lane::Rest, Priority::Batch).await.unwrap();
}

#[tokio::test]
async fn the_days_quota_of_the_package_ends_the_day() {
    let database = Database::start().await;
    let hand = Hand::new();
    let quota = SharedQuota::new(database.store.clone(), "x", Package::Free, hand.clock());
    for _ in 0..10 {
        quota.acquire(Lane::Bulk, Priority::Batch).await.unwrap();
    }
    assert_eq!(
        quota.acquire(Lane::Bulk, Priority::Interactive).await,
        Err(QuotaRefusal::DayIsOver)
    );
    assert_eq!(quota.remaining().await.unwrap().bulk_day, 0);
    hand.advance(Duration::from_hours(24));
    quota.acquire(Lane::Bulk, Priority::Batch).await.unwrap();
}

#[tokio::test]
async fn people_have_half_of_the_day_and_a_batch_what_they_left() {
    let database = Database::start().await;
    let hand = Hand::new();
    let quota = SharedQuota::new(database.store.clone(), "x", Package::Free, hand.clock());
    for _ in 0..5 {
        quota
            .acquire(Lane::Bulk, Priority::Interactive)
            .await
            .unwrap();
    }
    assert_eq!(
        quota.acquire(Lane::Bulk, Priority::Interactive).await,
        Err(QuotaRefusal::DayIsOver)
    );
    assert_eq!(quota.remaining().await.unwrap().bulk_day, 5);
    for _ in 0..5 {
        quota.acquire(Lane::Bulk, Priority::Batch).await.unwrap();
    }
    hand.advance(Duration::from_hours(24));
    quota
        .acquire(Lane::Bulk, Priority::Interactive)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_sienge_that_does_not_answer_is_left_alone_by_all_and_tried_by_one() {
    let database = Database::start().await;
    let hand = Hand::new();
    let session = |subdomain| {
        let store = database.store.clone();
        SharedQuota::new(store, subdomain, Package::Ultimate, hand.clock())
    };
    let acquire = async |quota: &SharedQuota| quota.acquire(Lane::Rest, Priority::Batch).await;
    let closed_for = |seconds| Err(QuotaRefusal::Silent(Duration::from_secs(seconds)));
    let first = session("x");
    acquire(&first).await.unwrap();
    first.unanswered().await;
    first.unanswered().await;
    assert_eq!(acquire(&first).await, closed_for(30), "noted once");
    assert_eq!(acquire(&session("x")).await, closed_for(30));
    acquire(&session("y")).await.unwrap();
    hand.advance(Duration::from_secs(30));
    // It is tried in vain, for twice as long, and tried again.
    for closed in [60, 120] {
        let sessions: Vec<SharedQuota> = (0..8).map(|_| session("x")).collect();
        let outcomes = futures::future::join_all(sessions.iter().map(acquire)).await;
        let trying: Vec<usize> = (0..8).filter(|index| outcomes[*index].is_ok()).collect();
        assert_eq!(trying.len(), 1, "{outcomes:?}");
        let trying = &sessions[trying[0]];
        acquire(trying).await.unwrap();
        trying.unanswered().await;
        assert_eq!(acquire(trying).await, closed_for(closed));
        hand.advance(Duration::from_secs(closed));
    }
    let trying = session("x");
    acquire(&trying).await.unwrap();
    let other = acquire(&session("x")).await;
    assert_eq!(other, closed_for(60), "until it is known");
    trying.answered().await;
    let next = session("x");
    acquire(&next).await.unwrap();
    // It begins anew.
    next.unanswered().await;
    assert_eq!(acquire(&session("x")).await, closed_for(30));
}

#[tokio::test]
async fn one_slow_answer_among_others_is_no_silence() {
    let database = Database::start().await;
    let hand = Hand::new();
    let session = || {
        let store = database.fragile_store();
        SharedQuota::new(store, "x", Package::Ultimate, hand.clock())
    };
    let acquire = async |quota: &SharedQuota| quota.acquire(Lane::Rest, Priority::Batch).await;
    let quota = session();
    acquire(&quota).await.unwrap();
    quota.answered().await;
    quota.unanswered().await;
    acquire(&session()).await.unwrap();
    // Who has had an answer asks no more whether there are any.
    database.calls();
    acquire(&quota).await.unwrap();
    let calls = database.calls();
    assert!(!calls.contains_key("GetItem"), "{calls:?}");
}

fn visit(caller: &str, limit: u32, more: u32) -> Visit {
    let wanted = |bucket: String, tokens: u32| Wanted {
        bucket,
        rate: RateLimit {
            tokens: limit,
            period: Duration::from_mins(1),
            burst: limit,
        },
        tokens,
    };
    let more = (more > 0).then(|| wanted("more".to_owned(), more));
    Visit {
        caller: caller.to_owned(),
        calls: vec![wanted(format!("calls/{caller}"), 1)],
        more: more.into_iter().collect(),
    }
}

fn is_open(entry: &Entry) -> bool {
    matches!(entry, Entry::Open { .. })
}

#[tokio::test]
async fn eight_executions_let_in_no_more_than_one_bucket_holds_and_refuse_for_nothing() {
    let database = Database::start().await;
    let doors: Vec<Door> = (0..8)
        .map(|_| Door::new(database.fragile_store(), "api", None))
        .collect();
    let (now, visit) = (at(NOW), visit("a", 100, 0));
    let let_in = futures::future::join_all(doors.iter().map(|door| async {
        let mut open = 0;
        while is_open(&door.enter(&tenant(), &visit, now).await.unwrap()) {
            open += 1;
        }
        open
    }));
    let let_in: u32 = let_in.await.iter().sum();
    assert_eq!(let_in, 100);
    let written = database.writes()["control"];
    assert!(written < 75, "{written} writes");
    // What is known to be empty is not asked for.
    database.faults(|_, _| Fault::Lose);
    for door in &doors {
        let entry = door.enter(&tenant(), &visit, now).await.unwrap();
        assert!(!is_open(&entry));
    }
    database.no_faults();
    let later = now + jiff::SignedDuration::from_secs(60);
    assert!(is_open(
        &doors[0].enter(&tenant(), &visit, later).await.unwrap()
    ));
    let other = TenantId::parse("618").unwrap();
    assert!(is_open(&doors[0].enter(&other, &visit, now).await.unwrap()));
}

#[tokio::test]
async fn many_small_calls_cost_few_writes_and_what_takes_more_takes_all_or_nothing() {
    let database = Database::start().await;
    let door = Door::new(database.fragile_store(), "api", None);
    let now = at(NOW);
    for _ in 0..200 {
        let entry = door.enter(&tenant(), &visit("a", 1_000, 0), now).await;
        assert!(is_open(&entry.unwrap()));
    }
    let written = database.writes()["control"];
    assert!(written <= 10, "{written} writes");
    let big = visit("b", 1_000, 600);
    assert!(is_open(&door.enter(&tenant(), &big, now).await.unwrap()));
    let Entry::Closed {
        bucket,
        wait,
        standing,
    } = door.enter(&tenant(), &big, now).await.unwrap()
    else {
        panic!("there were 400 left");
    };
    assert_eq!((bucket.as_str(), wait), ("more", Duration::from_secs(12)));
    let left: Vec<u32> = standing.iter().map(|standing| standing.left).collect();
    assert_eq!(left, [999, 400], "the second call took nothing");
}

#[tokio::test]
async fn what_comes_rarely_is_let_in_by_each_execution_alone() {
    let database = Database::start().await;
    let alone = RateLimit {
        tokens: 6,
        period: Duration::from_mins(1),
        burst: 3,
    };
    let door = Door::new(database.fragile_store(), "webhook", Some(alone));
    for call in 0..20 {
        let now = at(NOW) + jiff::SignedDuration::from_secs(10 * call);
        let entry = door.enter(&tenant(), &visit("a", 100, 0), now).await;
        assert!(is_open(&entry.unwrap()));
    }
    assert!(database.writes().is_empty(), "one in ten seconds");
    for _ in 0..20 {
        let now = at(NOW) + jiff::SignedDuration::from_secs(200);
        door.enter(&tenant(), &visit("a", 100, 0), now)
            .await
            .unwrap();
    }
    assert!(database.writes()["control"] > 0, "twenty at once");
}

#[tokio::test]
async fn eighty_percent_of_a_days_quota_are_announced_once() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let announced = || {
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        text.matches("80% of the day's quota").count()
    };
    let database = Database::start().await;
    let hand = Hand::new();
    let quota = SharedQuota::new(database.store.clone(), "x", Package::Free, hand.clock());
    for call in 1..=10 {
        quota.acquire(Lane::Bulk, Priority::Batch).await.unwrap();
        assert_eq!(
            announced(),
            usize::from(call >= 8),
            "of 10 calls a day this is number {call}"
        );
    }
    hand.advance(Duration::from_hours(24));
    for _ in 0..10 {
        quota.acquire(Lane::Bulk, Priority::Batch).await.unwrap();
    }
    assert_eq!(announced(), 2, "once a day");
}

/// What is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_counter_that_cannot_be_reached_allows_nothing() {
    let database = Database::start().await;
    let quota = SharedQuota::new(
        database.fragile_store(),
        "x",
        Package::Ultimate,
        Hand::new().clock(),
    );
    database.faults(|_, _| Fault::Lose);
    assert_eq!(
        quota.acquire(Lane::Rest, Priority::Batch).await,
        Err(QuotaRefusal::Unavailable)
    );
    assert_eq!(quota.remaining().await, Err(QuotaRefusal::Unavailable));
    database.no_faults();
    quota.acquire(Lane::Rest, Priority::Batch).await.unwrap();
}
