//! Seeded stories through everything there is: HTTP, the embedded DynamoDB, the real functions. Fewer than the simulation's,
//! and with the same kinds of trouble: webhooks lost, doubled and out of order, half answers, deaths.
//!
//! `PONTE_STORIES=200` tells more of them, `PONTE_STORY=17` one again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fastrand::Rng;
use harness::crash::{Blow, Effects};
use harness::database::tenant;
use harness::rig::{PLENTY, invoker};
use harness::{Rig, World};
use ponte::flow::Session;
use ponte::ids::BillId;
use ponte::portfolio::Scope;
use ponte::sync::ReadRequest;
use serde_json::{Value, json};
use simulation::{REFUSED, address_of, operation, other_name};
use tokio::time::Instant;
use webhook::Delivery;

/// Stories of an ordinary run.
const STORIES: u64 = 6;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[tokio::test]
async fn whatever_happens_one_sync_and_one_batimento_find_both_sides_equal() {
    let began = std::time::Instant::now();
    if let Some(seed) = number("PONTE_STORY") {
        Box::pin(story(seed)).await;
        return;
    }
    let stories = number("PONTE_STORIES").unwrap_or(STORIES);
    for seed in 0..stories {
        println!("PONTE_STORY={seed} tells this one again");
        Box::pin(story(seed)).await;
    }
    println!("{stories} stories in {:.1?}", began.elapsed());
}

async fn story(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let rig = Rig::with(World {
        installments: rng.u32(20..50),
        contracts: rng.u32(3..7),
        creditors: vec![1, 2],
        ..World::default()
    })
    .await;
    let mut late = Vec::new();
    for _ in 0..rng.u32(3..7) {
        for _ in 0..rng.u32(1..6) {
            work(&rig, &mut rng, &mut late).await;
        }
        trouble(&rig, &mut rng).await;
        let effects = if rng.bool() {
            let blows = Blow::ALL;
            Effects::struck(rng.usize(1..60), blows[rng.usize(0..blows.len())])
        } else {
            Effects::counted()
        };
        invoke(&rig, &mut rng, &effects).await;
        rig.pass(Duration::from_mins(rng.u64(3..40)));
    }
    rig.faults(json!([])).await;
    // What was given up has its chance again.
    rig.payments(json!({"redrive": true})).await.unwrap();
    for told in &late {
        assert_eq!(rig.tell(told).await.status(), 200);
    }
    end(&rig, seed).await;
}

/// Somebody works in Sienge; its webhooks may be lost, doubled and late.
async fn work(rig: &Rig, rng: &mut Rng, late: &mut Vec<harness::rig::Told>) {
    let Some((name, body)) = rig.sienge.with_world(|world| operation(world, rng)) else {
        return;
    };
    for told in rig.try_change(name, &body).unwrap_or_default() {
        match rng.u32(0..10) {
            0..2 => {}
            2..4 => late.push(told),
            times => {
                for _ in 0..=(times % 2) {
                    tell(rig, rng, &told).await;
                }
            }
        }
    }
    if rng.u8(0..3) == 0 && !late.is_empty() {
        let told = late.swap_remove(rng.usize(0..late.len()));
        tell(rig, rng, &told).await;
    }
    if rng.u8(0..6) == 0 {
        // Beside them, one of a bill that Sienge refuses.
        let body = json!({"billId": REFUSED, "installmentId": 1}).to_string();
        let change = |delivery| Delivery {
            body: body.as_bytes(),
            ..delivery
        };
        assert_eq!(rig.deliver(change).await.status(), 200);
    }
}

/// A webhook arrives: as it should, without an id, or, at its address, with another event's name.
async fn tell(rig: &Rig, rng: &mut Rng, told: &harness::rig::Told) {
    let body = told.body.to_string();
    let other = other_name(&told.event, rng);
    let (receiver, event) = match address_of(&told.event).filter(|_| rng.u8(0..4) == 0) {
        Some(address) => (address, other.as_str()),
        None => ("sienge", told.event.as_str()),
    };
    let id = (rng.u8(0..4) > 0).then_some(told.id.as_str());
    let change = |delivery| Delivery {
        receiver,
        event: Some(event),
        id,
        body: body.as_bytes(),
        ..delivery
    };
    assert_eq!(rig.deliver(change).await.status(), 200);
}

/// How Sienge answers from now on.
async fn trouble(rig: &Rig, rng: &mut Rng) {
    let bulk = "bulk-data/v1";
    let fault = match rng.u32(0..8) {
        0 => {
            json!({"kind": "missing", "share": rng.f64(), "route": "bulk-data/v1/income", "count": 1})
        }
        1 => {
            json!({"kind": "truncated", "afterBytes": rng.u32(10..6_000), "route": bulk, "count": 6})
        }
        2 => {
            json!({"kind": "api-error", "afterBytes": rng.u32(10..6_000), "route": bulk, "count": 6})
        }
        3 => json!({"kind": "empty", "route": "bulk-data/v1/income", "count": 1}),
        4 => json!({"kind": "status", "status": 403, "route": "v1/", "probability": 0.3}),
        5 => json!({"kind": "blank", "route": "v1/sales-contracts", "count": 6}),
        6 => {
            let row = rig.sienge.with_world(|world| {
                let rows = world
                    .bills
                    .values()
                    .flat_map(|bill| bill.installments.iter().map(move |row| (bill.id, row.id)));
                let rows: Vec<(u32, u32)> = rows.collect();
                rows[rng.usize(0..rows.len())]
            });
            let order = ["true-first", "odd-first"][rng.usize(0..2)];
            let rows = json!({format!("{}/{}", row.0, row.1): {"balanceAmount": rng.u32(0..3)}});
            json!({"kind": "odd", "twice": order, "rows": rows, "route": "bulk-data/v1/income", "count": 3})
        }
        _ => json!(null),
    };
    let refusal = json!({"kind": "status", "status": 400, "about": [REFUSED]});
    let faults = [refusal, fault]
        .into_iter()
        .filter(|fault| !fault.is_null());
    rig.faults(json!(faults.collect::<Vec<_>>())).await;
}

/// Some function runs, and may die.
async fn invoke(rig: &Rig, rng: &mut Rng, effects: &std::sync::Arc<Effects>) {
    rig.fresh_minute().await;
    let end = Instant::now() + PLENTY;
    let creditor = rng.i64(1..3);
    let event = json!({"tenant": "617", "creditor": creditor});
    match rng.u32(0..10) {
        0..4 => drop(rig.apply_watched(effects).await),
        4..6 => {
            let adapters = rig.watched_adapters("import", effects).await;
            drop(
                effects
                    .run(Box::pin(import::handle(&adapters, event, invoker(), end)))
                    .await,
            );
        }
        6..8 => {
            let adapters = rig.watched_adapters("reconcile", effects).await;
            drop(
                effects
                    .run(Box::pin(reconcile::handle(
                        &adapters,
                        event,
                        invoker(),
                        end,
                    )))
                    .await,
            );
        }
        8 => {
            let adapters = rig.watched_adapters("payments", effects).await;
            let event = json!({"tenant": "617", "creditor": creditor, "redundancy": true});
            drop(
                effects
                    .run(Box::pin(payments::handle(&adapters, event, invoker(), end)))
                    .await,
            );
        }
        _ => {
            let adapters = rig.watched_adapters("payments", effects).await;
            drop(
                effects
                    .run(Box::pin(payments::handle(
                        &adapters,
                        json!({}),
                        invoker(),
                        end,
                    )))
                    .await,
            );
        }
    }
}

/// No trouble any more: one opening of every customer, one batimento of every creditor.
async fn end(rig: &Rig, seed: u64) {
    let mut bills: BTreeSet<BillId> = rig.held().await.into_keys().collect();
    rig.sienge.with_world(|world| {
        let ours = world.bills.values().filter(|bill| bill.company < 3);
        bills.extend(ours.map(|bill| BillId(i64::from(bill.id))));
    });
    for bill in bills {
        // One at a time, as customers are opened: few bills are read by REST, which tells the boletos.
        rig.fresh_minute().await;
        let session = Session::open(&rig.adapters, &tenant(), false, Instant::now() + PLENTY)
            .await
            .unwrap();
        session
            .sync
            .sync_bills(
                Scope::Sync,
                &BTreeMap::from([(bill, ReadRequest::with_boletos())]),
            )
            .await
            .unwrap();
        session.close().await;
        let report = session.sync.report.take();
        assert!(report.failures.is_empty(), "story {seed}: {report:?}");
    }
    let assigned: BTreeSet<u32> = rig.sienge.with_world(|world| {
        let assigned = world
            .bills
            .values()
            .filter(|bill| !bill.assignments.is_empty());
        assigned.map(|bill| bill.id).collect()
    });
    let differences = rig
        .compare_wanted(|bill, _| !assigned.contains(&bill.id))
        .await;
    let unexplained: Vec<&String> = differences
        .iter()
        .filter(|line| {
            !assigned
                .iter()
                .any(|bill| line.starts_with(&format!("bill {bill} ")))
        })
        .collect();
    assert!(
        unexplained.is_empty(),
        "story {seed}, after a sync: {unexplained:#?}"
    );
    rig.pass(Duration::from_mins(17));
    rig.bus.take();
    for creditor in [1, 2] {
        let mut event = json!({"tenant": "617", "creditor": creditor});
        loop {
            let summary: Value = rig.reconcile(event).await.unwrap();
            if summary["situacao"] == "concluído" {
                break;
            }
            assert_eq!(
                summary["situacao"], "aguardando confirmação",
                "story {seed}: {summary}"
            );
            event = summary["proximoPasso"].clone();
        }
    }
    let differences = rig.compare_with_sienge().await;
    assert!(
        differences.is_empty(),
        "story {seed}, after a batimento: {differences:#?}"
    );
    let mut sweeps = 0;
    while !rig.nothing_waits().await {
        sweeps += 1;
        assert!(sweeps < 50, "story {seed}: something waits for ever");
        rig.pass(Duration::from_mins(10));
        rig.payments(json!({})).await.unwrap();
        rig.apply_once().await;
        rig.route().await;
    }
    assert_eq!(rig.inbox.dead(), 0, "story {seed}");
    let differences = rig.compare_with_sienge().await;
    assert!(
        differences.is_empty(),
        "story {seed}, at the end: {differences:#?}"
    );
}
