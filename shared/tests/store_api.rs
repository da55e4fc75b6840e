//! What the HTTP API keeps in the control table: campaigns, API keys, idempotency records.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use harness::database::{Database, at, tenant};
use ponte::calculation::Campaign;
use ponte::calendar::Timestamp;
use ponte::ids::{CreditorId, TenantId};
use ponte::store::{
    Begun, PresentedKey, Role, Store, StoreError, StoredAnswer, StoredContent, Term,
};

const LEASE: Duration = Duration::from_mins(1);
const KEY: &str = "ponte.617.a1b2.segredo-inventado";

fn now() -> Timestamp {
    at("2026-11-22T08:00:00Z")
}

fn other() -> TenantId {
    TenantId::parse("618").unwrap()
}

fn campaign(id: &str) -> Campaign {
    let json = format!(
        r#"{{"id":"{id}","name":"A","creditor":1,"validFrom":"2026-01-01","tiers":[{{"fromDays":-9999,"toDays":9999}}]}}"#
    );
    serde_json::from_str(&json).unwrap()
}

#[tokio::test]
async fn campaigns_are_replaced_on_the_version_they_were_read_in() {
    let store = Database::start().await.store;
    let (tenant, creditor) = (tenant(), CreditorId(1));
    assert_eq!(store.campaigns(&tenant, creditor).await.unwrap().version, 0);
    assert_eq!(
        store
            .put_campaigns(&tenant, creditor, 0, &[campaign("a")])
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        store
            .put_campaigns(&tenant, creditor, 1, &[campaign("a"), campaign("b")])
            .await
            .unwrap(),
        2
    );
    for stale in [0, 1, 3] {
        let lost = store.put_campaigns(&tenant, creditor, stale, &[]).await;
        assert_eq!(lost, Err(StoreError::Conflict), "{stale}");
    }
    let held = store.campaigns(&tenant, creditor).await.unwrap();
    assert_eq!(
        (held.version, held.campaigns),
        (2, vec![campaign("a"), campaign("b")])
    );
    assert!(
        store
            .campaigns(&tenant, CreditorId(2))
            .await
            .unwrap()
            .campaigns
            .is_empty()
    );
    assert!(
        store
            .campaigns(&other(), creditor)
            .await
            .unwrap()
            .campaigns
            .is_empty()
    );
}

#[tokio::test]
async fn of_two_who_save_at_once_one_wins() {
    let store = Database::start().await.store;
    let (tenant, creditor) = (tenant(), CreditorId(1));
    let (a, b) = ([campaign("a")], [campaign("b")]);
    let (one, two) = tokio::join!(
        store.put_campaigns(&tenant, creditor, 0, &a),
        store.put_campaigns(&tenant, creditor, 0, &b)
    );
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
}

#[tokio::test]
async fn a_key_is_found_by_its_id_within_its_tenant_and_its_secret_is_not_stored() {
    let database = Database::start().await;
    let store = &database.store;
    store
        .put_api_key(KEY, Role::Operator, &[], at("2026-12-01T00:00:00Z"))
        .await
        .unwrap();
    let presented = PresentedKey::read(KEY).unwrap();
    let held = store
        .api_key(&tenant(), presented.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(held.role, Role::Operator);
    assert!(held.admits(&presented, now()));
    assert!(!held.admits(&presented, at("2026-12-01T00:00:00Z")));
    assert!(
        store
            .api_key(&other(), presented.id)
            .await
            .unwrap()
            .is_none()
    );
    assert!(store.api_key(&tenant(), "a1b3").await.unwrap().is_none());
    let items = format!("{:?}", database.items("control").await);
    assert!(!items.contains("segredo-inventado"));
    assert!(
        store
            .put_api_key("not a key", Role::Reader, &[], now())
            .await
            .is_err()
    );
}

async fn begin(store: &Store, key: &str, body: &str, at: Timestamp) -> Begun {
    store
        .begin_call(&tenant(), key, body, Term::Again(LEASE), at)
        .await
        .unwrap()
}

fn answer(status: u16) -> StoredAnswer {
    StoredAnswer {
        status,
        content: StoredContent::Body(br#"{"ok":true}"#.repeat(500)),
    }
}

#[tokio::test]
async fn a_call_is_carried_out_once_and_its_answer_repeated() {
    let store = Database::start().await.store;
    let Begun::New(claim) = begin(&store, "k", "body", now()).await else {
        panic!()
    };
    assert!(
        matches!(begin(&store, "k", "body", now()).await, Begun::InProgress { until } if until == now() + LEASE)
    );
    assert_eq!(
        begin(&store, "k", "another body", now()).await,
        Begun::OtherBody
    );
    store
        .finish_call(&claim, &answer(201), now())
        .await
        .unwrap();
    assert_eq!(
        begin(&store, "k", "body", now() + LEASE * 10).await,
        Begun::Same(answer(201))
    );
    assert_eq!(
        begin(&store, "k", "another body", now()).await,
        Begun::OtherBody
    );
    assert!(matches!(
        store
            .begin_call(&other(), "k", "body", Term::Again(LEASE), now())
            .await
            .unwrap(),
        Begun::New(_)
    ));
    // Two days later the key means nothing, whether DynamoDB has deleted it yet or not.
    let later = now() + Duration::from_hours(48);
    assert!(matches!(
        begin(&store, "k", "another body", later).await,
        Begun::New(_)
    ));
}

#[tokio::test]
async fn a_call_that_died_may_be_begun_again_and_the_first_cannot_finish_it() {
    let store = Database::start().await.store;
    let Begun::New(dead) = begin(&store, "k", "body", now()).await else {
        panic!()
    };
    let later = now() + LEASE;
    assert_eq!(
        begin(&store, "k", "another body", later).await,
        Begun::OtherBody,
        "not even then"
    );
    let Begun::New(second) = begin(&store, "k", "body", later).await else {
        panic!()
    };
    assert_eq!(
        store.finish_call(&dead, &answer(200), later).await,
        Err(StoreError::Conflict)
    );
    store.forget_call(&dead).await.unwrap();
    assert!(
        matches!(
            begin(&store, "k", "body", later).await,
            Begun::InProgress { .. }
        ),
        "not the dead one's to forget"
    );
    store
        .finish_call(&second, &answer(200), later)
        .await
        .unwrap();
    assert_eq!(
        begin(&store, "k", "body", later).await,
        Begun::Same(answer(200))
    );
}

#[tokio::test]
async fn a_call_that_cannot_be_looked_up_is_never_begun_again() {
    let store = Database::start().await.store;
    let begin = async |body: &str, at: Timestamp| {
        let term = Term::Once(LEASE);
        store
            .begin_call(&tenant(), "k", body, term, at)
            .await
            .unwrap()
    };
    let Begun::New(claim) = begin("body", now()).await else {
        panic!()
    };
    assert!(matches!(
        begin("body", now()).await,
        Begun::InProgress { .. }
    ));
    let later = now() + LEASE;
    assert_eq!(begin("body", later).await, Begun::Died);
    assert_eq!(begin("another body", later).await, Begun::OtherBody);
    // It was only slow.
    store
        .finish_call(&claim, &answer(200), later)
        .await
        .unwrap();
    assert_eq!(begin("body", later).await, Begun::Same(answer(200)));
    assert!(matches!(
        begin("body", later + Duration::from_hours(48)).await,
        Begun::New(_)
    ));
}

#[tokio::test]
async fn a_call_without_effect_is_forgotten_and_strange_keys_are_kept_apart() {
    let store = Database::start().await.store;
    let Begun::New(claim) = begin(&store, "k", "body", now()).await else {
        panic!()
    };
    store.forget_call(&claim).await.unwrap();
    assert!(matches!(
        begin(&store, "k", "another body", now()).await,
        Begun::New(_)
    ));
    for key in ["", "a#b", "a%23b", "çã", &"x".repeat(255)] {
        assert!(
            matches!(begin(&store, key, "body", now()).await, Begun::New(_)),
            "{key}"
        );
    }
}
