//! The main job: a first batimento fills the portfolio, webhooks keep it true, the runs repair what webhooks lost, and another
//! batimento finds nothing to change.

use std::collections::BTreeSet;

use harness::Rig;
use harness::rig::Told;
use serde_json::{Value, json};

const COMPANIES: [i64; 3] = [1, 2, 3];

async fn filled() -> Rig {
    let rig = Rig::start().await;
    rig.run_all("reconcile").await;
    rig
}

/// A day in Sienge: every kind of operation, each on a contract of its own.
struct Day {
    operations: Vec<(&'static str, Value)>,
    /// Bills whose change only a batimento may bring.
    assigned: u32,
    /// Bills that lost installments, which no filter by change tells.
    removed: BTreeSet<u32>,
}

fn day(rig: &Rig) -> Day {
    let mut contracts = rig.contracts(&COMPANIES, 4).into_iter();
    let mut next = || contracts.next().expect("the world has enough contracts");
    let mut operations = Vec::new();
    let mut does = |name, body| operations.push((name, body));

    let (bill, i) = next();
    does("receive", json!({"billId": bill, "installmentId": i[0]}));
    does(
        "receive",
        json!({"billId": bill, "installmentId": i[1], "value": "10.01"}),
    );
    does(
        "receive",
        json!({"billId": bill, "installmentId": i[2], "value": "20.00", "total": true}),
    );
    does(
        "receive",
        json!({"billId": bill, "installmentId": i[3], "type": "Adiantamento", "interest": "1.10", "fine": "0.35"}),
    );
    let (bill, i) = next();
    does("receive", json!({"billId": bill, "installmentId": i[0]}));
    does(
        "reverse",
        json!({"billId": bill, "installmentId": i[0], "notify": true}),
    );
    does(
        "receive",
        json!({"billId": bill, "installmentId": i[1], "value": "33.33"}),
    );
    does(
        "reverse",
        json!({"billId": bill, "installmentId": i[1], "mode": "receipt", "notify": true}),
    );
    let (bill, i) = next();
    does(
        "change",
        json!({"billId": bill, "installmentId": i[0], "dueDate": "2027-03-15"}),
    );
    does(
        "change",
        json!({"billId": bill, "installmentId": i[1], "value": "777.77"}),
    );
    does(
        "change",
        json!({"billId": bill, "installmentId": i[2], "conditionTypeId": "PI"}),
    );
    does("change", json!({"billId": bill, "situation": "subjudice"}));
    let (bill, _) = next();
    does(
        "add",
        json!({"billId": bill, "installments": [{"dueDate": "2027-01-10", "value": "150.00"}, {"dueDate": "2027-02-10", "value": "150.01"}]}),
    );
    does(
        "add",
        json!({"contract": {"installments": 4, "value": "1234.56"}}),
    );
    does(
        "add",
        json!({"bill": {"companyId": 2, "documentId": "NF", "installments": [{"dueDate": "2026-12-24", "value": "99.90"}]}}),
    );
    let (removed, i) = next();
    does("remove", json!({"billId": removed, "installmentId": i[0]}));
    let (bill, _) = next();
    does("cancel", json!({"billId": bill, "reason": "Distrato"}));
    let (assigned, _) = next();
    does("assign", json!({"billId": assigned}));
    let (bill, i) = next();
    does(
        "remake",
        json!({"billId": bill, "installmentIds": [i[0], i[1]], "count": 3}),
    );
    let (undone, i) = next();
    does(
        "remake",
        json!({"billId": undone, "installmentIds": [i[0], i[1]], "count": 2}),
    );
    does("remake", json!({"billId": undone, "undo": true}));
    let (bill, i) = next();
    does(
        "boleto",
        json!({"billId": bill, "installmentIds": [i[0], i[1]]}),
    );
    let customer = rig.sienge.with_world(|world| world.bills[&bill].customer);
    does(
        "customer",
        json!({"customerId": customer, "email": "novo@exemplo.com.br"}),
    );
    Day {
        operations,
        assigned,
        removed: BTreeSet::from([removed]),
    }
}

fn silently(body: &Value) -> Value {
    let mut body = body.clone();
    body["silent"] = json!(true);
    body
}

/// The bills that lines of differences name.
fn bills(differences: &[String]) -> BTreeSet<u32> {
    let named = |line: &String| line.split(' ').nth(1).unwrap().parse().unwrap();
    differences.iter().map(named).collect()
}

/// A batimento of every creditor that has nothing to change, and writes nothing.
async fn assert_nothing_to_change(rig: &Rig) {
    let before = rig.portfolio().await;
    rig.database.writes();
    for summary in rig.run_all("reconcile").await {
        assert!(
            summary["resumo"]
                .as_str()
                .unwrap()
                .contains("Nada a alterar na carteira."),
            "{summary}"
        );
    }
    assert_eq!(rig.database.writes().get("portfolio"), None);
    rig.assert_portfolio_is(&before).await;
}

#[tokio::test]
async fn the_first_import_is_a_reconciliation_and_fills_the_portfolio() {
    let rig = Rig::start().await;
    for summary in rig.run_all("import").await {
        let text = summary["resumo"].as_str().unwrap();
        assert!(
            text.starts_with("Primeira carga do credor, executada como batimento."),
            "{text}"
        );
    }
    assert!(rig.held().await.len() > 10);
    rig.assert_equal().await;
    for summary in rig.run_all("import").await {
        assert!(
            summary["resumo"]
                .as_str()
                .unwrap()
                .starts_with("Carga diária concluída"),
            "{summary}"
        );
    }
}

#[tokio::test]
async fn running_everything_again_over_unchanged_data_writes_nothing_to_the_portfolio() {
    let rig = filled().await;
    assert_nothing_to_change(&rig).await;
    // The first daily load brings what the batimento does not read: who was sent to the credit bureau.
    rig.run_all("import").await;
    let before = rig.portfolio().await;
    rig.database.writes();
    rig.run_all("import").await;
    rig.run_all("redundancy").await;
    assert_eq!(rig.database.writes().get("portfolio"), None);
    rig.assert_portfolio_is(&before).await;
}

#[tokio::test]
async fn a_day_of_webhooks_keeps_the_portfolio_equal_and_the_batimento_brings_the_assignment() {
    let rig = filled().await;
    let day = day(&rig);
    for (name, body) in &day.operations {
        rig.happen(name, body.clone()).await;
        rig.apply().await;
    }
    let differences = rig.compare_with_sienge().await;
    assert_eq!(
        bills(&differences),
        BTreeSet::from([day.assigned]),
        "{differences:#?}"
    );
    rig.run_all("reconcile").await;
    rig.assert_equal().await;
    assert_nothing_to_change(&rig).await;
}

#[tokio::test]
async fn webhooks_in_any_order_and_twice_lead_to_the_same_state() {
    let rig = filled().await;
    let day = day(&rig);
    let mut told: Vec<Told> = Vec::new();
    for (name, body) in &day.operations {
        told.extend(rig.change(name, body.clone()));
    }
    told.reverse();
    let mut twice = told.clone();
    twice.extend(told);
    for each in &twice {
        assert_eq!(rig.tell(each).await.status(), 200);
    }
    assert_eq!(
        rig.inbox.len(),
        twice.len() / 2,
        "a duplicate is not queued"
    );
    rig.apply().await;
    // Many bills are read in bulk, which does not tell boletos: the daily load does.
    rig.run_all("import").await;
    let differences = rig.compare_with_sienge().await;
    assert_eq!(
        bills(&differences),
        BTreeSet::from([day.assigned]),
        "{differences:#?}"
    );
    // The queue may deliver a message again, long after.
    let before = rig.portfolio().await;
    for each in &twice {
        rig.tell(each).await;
    }
    rig.apply().await;
    rig.assert_portfolio_is(&before).await;
}

#[tokio::test]
async fn the_redundancy_and_the_daily_load_bring_what_lost_webhooks_did_not_tell() {
    let rig = filled().await;
    let day = day(&rig);
    for (name, body) in &day.operations {
        assert!(rig.change(name, silently(body)).is_empty(), "{name}");
    }
    rig.run_all("redundancy").await;
    let paid = &day.operations[0].1;
    let held = rig.held().await;
    let bill = &held[&ponte::ids::BillId(paid["billId"].as_i64().unwrap())];
    let installment = bill
        .installments()
        .find(|row| Some(row.id.0) == paid["installmentId"].as_i64());
    assert!(
        !installment.unwrap().is_open(),
        "the payment came with the redundancy"
    );
    rig.run_all("import").await;
    let differences = rig.compare_with_sienge().await;
    let may_wait: BTreeSet<u32> = day.removed.iter().copied().chain([day.assigned]).collect();
    assert!(bills(&differences).is_subset(&may_wait), "{differences:#?}");
    rig.run_all("reconcile").await;
    rig.assert_equal().await;
    assert_nothing_to_change(&rig).await;
}
