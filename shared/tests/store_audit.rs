//! The audit table: what a line costs, and that nothing of it is lost or mixed.

#![allow(clippy::unwrap_used, clippy::float_cmp)]

use harness::database::{Database, at, tenant};
use ponte::ids::TenantId;
use ponte::store::{Act, Actor, AuditObject, AuditOutcome, AuditSearch};

fn act(objects: Vec<AuditObject>) -> Act {
    Act {
        tenant: Some(tenant()),
        actor: Actor::Key("a0b1c2d3e4f50617".to_owned()),
        action: "saveAgreement".to_owned(),
        objects,
        address: Some("192.0.2.10".parse().unwrap()),
        request: "JKJaXmPLvHcESHA=".to_owned(),
        at: at("2026-11-22T08:00:00Z"),
    }
}

#[tokio::test]
async fn a_line_costs_three_units_its_outcome_one_and_several_are_written_together() {
    let database = Database::start().await;
    let store = &database.store;
    database.units();
    let bill = AuditObject::new("bill", 295).part("installment", 3);
    let begun = store.begin_act(&act(vec![bill])).await.unwrap();
    assert_eq!(database.units()["PutItem"], 3.0);
    let now = at("2026-11-22T08:00:01Z");
    let end = store.end_act(&begun, AuditOutcome::Done, Some(200), now);
    end.await.unwrap();
    assert_eq!(database.units()["PutItem"], 1.0);

    let two = vec![
        AuditObject::new("agreement", "a1"),
        AuditObject::new("bill", 296),
    ];
    store.begin_act(&act(two)).await.unwrap();
    let calls = database.calls();
    assert_eq!(calls.get("TransactWriteItems"), Some(&1), "{calls:?}");
    let page = store
        .audit_page(&tenant(), AuditSearch::All, (None, None), None, 10)
        .await
        .unwrap();
    let told: Vec<_> = page
        .lines
        .iter()
        .map(|line| (line.object.as_deref(), line.outcome, line.status))
        .collect();
    assert_eq!(told.len(), 3);
    assert!(told.contains(&(Some("bill:295"), Some(AuditOutcome::Done), Some(200))));
    assert!(told.contains(&(Some("bill:296"), None, None)));
}

#[tokio::test]
async fn one_tenants_lines_are_not_anothers_whatever_they_are_called() {
    let store = Database::start().await.store;
    let bill = vec![AuditObject::new("bill", 295)];
    store.begin_act(&act(bill)).await.unwrap();
    let other = TenantId::parse("618").unwrap();
    for search in [
        AuditSearch::All,
        AuditSearch::Actor("key:a0b1c2d3e4f50617"),
        AuditSearch::Object("bill:295"),
        AuditSearch::Object("x#tenant#617#object#bill:295"),
    ] {
        for (tenant, count) in [(&tenant(), 1), (&other, 0)] {
            let page = store.audit_page(tenant, search, (None, None), None, 10);
            let found = page.await.unwrap().lines.len();
            let strange = matches!(search, AuditSearch::Object(name) if name.contains('#'));
            assert_eq!(found, if strange { 0 } else { count }, "{search:?}");
        }
    }
}
