//! First loads whose rows come in any order, in more invocations than one, each killed once.

use std::collections::BTreeMap;
use std::time::Duration;

use harness::crash::{Blow, Effects};
use harness::rig::invoker;
use harness::{Rig, World};
use ponte::ids::BillId;
use ponte::portfolio::{EventKind, HeldBill};
use serde_json::{Value, json};
use sienge_simulator::Order;
use tokio::time::Instant;

/// Lambda's time of the test's functions.
const MINUTE: Duration = Duration::from_mins(1);

/// Contracts of 120 installments each; `PONTE_CONTRACTS=1000` for those of a real creditor.
fn contracts() -> u32 {
    std::env::var("PONTE_CONTRACTS").map_or(18, |text| text.parse().unwrap())
}

async fn world(order: Order) -> Rig {
    Rig::with(World {
        installments: contracts() * 120,
        contracts: contracts(),
        order,
        ..World::default()
    })
    .await
}

/// One invocation of `reconcile`, struck at an effect; `None` when it died.
async fn run(rig: &Rig, event: Value, at: usize) -> Option<Value> {
    rig.fresh_minute().await;
    let effects = Effects::struck(at, Blow::DiesAfter);
    let adapters = rig.watched_adapters("reconcile", &effects).await;
    let deadline = Instant::now() + MINUTE;
    let answer = effects
        .run(Box::pin(reconcile::handle(
            &adapters,
            event,
            invoker(),
            deadline,
        )))
        .await;
    answer.map(|answer| json!(answer.unwrap()))
}

/// What the run asked the bus for, to go on.
fn asked_for(rig: &Rig) -> Vec<Value> {
    let mut events = rig.bus.take();
    events.retain(|event| event.detail_type == ponte::flow::TASK_REQUESTED);
    events.into_iter().map(|event| event.detail).collect()
}

/// Loads a creditor by continuation; each invocation is killed once before it goes its way. Answers how many went their way.
async fn load(rig: &Rig, creditor: i64) -> usize {
    let mut event = json!({"tenant": "617", "creditor": creditor});
    let mut invocations = 0;
    loop {
        invocations += 1;
        let mut summary = run(rig, event, 60 + 40 * invocations).await;
        if summary.is_none() {
            rig.pass(Duration::from_mins(17));
            rig.payments(json!({})).await.unwrap();
            let again = asked_for(rig);
            assert_eq!(again.len(), 1, "a killed run is asked for again: {again:?}");
            summary = run(rig, again[0].clone(), usize::MAX).await;
        }
        let summary = summary.unwrap();
        println!(
            "creditor {creditor}, invocation {invocations}: {}",
            summary["resumo"]
        );
        if summary["situacao"] == "concluído" {
            return invocations;
        }
        assert_eq!(summary["situacao"], "continua", "{summary}");
        event = asked_for(rig).remove(0);
    }
}

/// Every contract was opened once, with all that is open of it, and little else was told.
async fn assert_opened_once(rig: &Rig, held: &BTreeMap<BillId, HeldBill>) {
    // Records of sales contracts are kept beside contracts that were never opened.
    for (bill, held) in held.iter().filter(|(_, held)| held.has_contracts()) {
        let timeline = rig.timeline(u32::try_from(bill.0).unwrap()).await;
        let openings: Vec<_> = timeline
            .iter()
            .filter(|event| event.kind == EventKind::ContractOpened)
            .collect();
        let open = held.installments().filter(|row| row.is_open()).count();
        assert_eq!(openings.len(), 1, "bill {bill}: {timeline:?}");
        assert_eq!(openings[0].installments.len(), open, "bill {bill}");
        assert!(timeline.len() <= 2, "bill {bill}: {timeline:?}");
    }
}

async fn loads_in_order(order: Order) {
    let rig = world(order).await;
    let began = std::time::Instant::now();
    rig.database.calls();
    let mut invocations = 0;
    for creditor in 1..=3 {
        invocations += load(&rig, creditor).await;
    }
    let calls = rig.database.calls();
    rig.assert_equal().await;
    let held = rig.held().await;
    assert_opened_once(&rig, &held).await;
    let transactions = calls["TransactWriteItems"];
    println!(
        "{order:?}: {} bills in {invocations} invocations and {:?}, {transactions} transactions",
        held.len(),
        began.elapsed()
    );
    // A slice has no more than a hundred items, so some contracts take two; what a killed invocation had under way is taken again.
    assert!(
        transactions <= held.len() * 2 + 16 * invocations,
        "{transactions} for {} bills",
        held.len()
    );
}

#[tokio::test]
async fn a_first_load_sorted_by_due_date_opens_each_contract_once() {
    loads_in_order(Order::Due).await;
}

#[tokio::test]
async fn a_first_load_in_no_order_opens_each_contract_once() {
    loads_in_order(Order::Shuffled(3)).await;
}

/// Sienge does not answer for everything at once: the load reads windows of days of issue, and a bill lies whole in one of them.
#[tokio::test]
async fn a_first_load_in_windows_opens_each_contract_once_and_reads_no_bill_alone() {
    let mut rig = world(Order::Due).await;
    rig.adapters.timeouts.total = Duration::from_secs(8);
    rig.faults(json!([{"kind": "drip", "seconds": 3, "route": "bulk-data/v1/income", "count": 1}]))
        .await;
    let summary = rig
        .reconcile(json!({"tenant": "617", "creditor": 1}))
        .await
        .unwrap();
    assert_eq!(summary["situacao"], "concluído", "{summary}");
    let differences = rig.compare_wanted(|bill, _| bill.company == 1).await;
    assert_eq!(differences, Vec::<String>::new());
    let calls = rig.control("GET", "calls", Value::Null).await;
    let alone = |route: &&Value| route["route"].as_str().unwrap().contains("by-bills");
    assert_eq!(calls["routes"].as_array().unwrap().iter().find(alone), None);
    for (bill, _) in rig
        .held()
        .await
        .iter()
        .filter(|(_, held)| held.has_contracts())
    {
        let told = rig.told_of(u32::try_from(bill.0).unwrap()).await;
        let openings = told
            .iter()
            .filter(|kind| **kind == EventKind::ContractOpened);
        assert_eq!(openings.count(), 1, "bill {bill}: {told:?}");
    }
}

/// The batimento of many installments reads windows of due dates, over which the rows of a contract it does not hold are spread.
#[tokio::test]
async fn a_contract_found_in_windows_of_due_dates_opens_once() {
    let mut rig = world(Order::Due).await;
    let (bill, _) = rig.contracts(&[1], 60).remove(0);
    let there = rig
        .sienge
        .with_world(|world| world.bills.remove(&bill).unwrap());
    rig.run_all("reconcile").await;
    rig.sienge
        .with_world(|world| drop(world.bills.insert(bill, there)));
    rig.adapters.timeouts.total = Duration::from_secs(8);
    rig.faults(json!([{"kind": "drip", "seconds": 3, "route": "bulk-data/v1/income", "count": 1}]))
        .await;
    let summary = rig
        .reconcile(json!({"tenant": "617", "creditor": 1}))
        .await
        .unwrap();
    assert_eq!(summary["situacao"], "concluído", "{summary}");
    rig.assert_equal().await;
    let told = rig.timeline(bill).await;
    let openings: Vec<_> = told
        .iter()
        .filter(|event| event.kind == EventKind::ContractOpened)
        .collect();
    assert_eq!(openings.len(), 1, "{told:?}");
    assert!(openings[0].installments.len() >= 60, "{told:?}");
}

/// The daily load sees only what changed: one installment of a contract that it does not hold.
#[tokio::test]
async fn a_contract_found_by_one_changed_installment_opens_with_all() {
    let rig = world(Order::Shuffled(5)).await;
    let (bill, open) = rig.contracts(&[1], 60).remove(0);
    let there = rig
        .sienge
        .with_world(|world| world.bills.remove(&bill).unwrap());
    rig.run_all("reconcile").await;
    rig.sienge
        .with_world(|world| drop(world.bills.insert(bill, there)));
    for change in ["boleto", "change"] {
        let due = (change == "change").then_some("2027-06-06");
        let mut body = json!({"billId": bill, "installmentId": open[3], "silent": true});
        if let Some(due) = due {
            body["dueDate"] = json!(due);
        }
        rig.change(change, body);
    }
    rig.run_all("import").await;
    rig.assert_equal().await;
    let told = rig.timeline(bill).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].installments.len() >= 60, "{told:?}");
}
