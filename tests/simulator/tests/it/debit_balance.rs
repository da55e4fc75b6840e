//! The present debit balance: the rule to the cent, both shapes, and terms that a control call sets.

use serde_json::{Value, json};
use sienge_simulator::Options;

use crate::support::{Simulator, cents, options, simulator, with};

fn document_of(simulator: &Simulator, bill: u64) -> String {
    simulator.running.with_world(|world| {
        let bill = &world.bills[&u32::try_from(bill).unwrap()];
        world.customers[&bill.customer].document().to_owned()
    })
}

fn row<'a>(balance: &'a Value, list: &str, id: u64) -> &'a Value {
    let rows = balance[list].as_array().unwrap();
    rows.iter().find(|row| row["installmentId"] == id).unwrap()
}

#[tokio::test]
async fn a_late_installment_bears_index_interest_and_fine_of_its_bill() {
    let simulator = simulator(1_000).await;
    let (bill, id, _) = simulator.open_one().await;
    let document = document_of(&simulator, bill);
    // 2026-07-01 was a Wednesday, 142 days before; the worked example's first row.
    let change = json!({"billId": bill, "installmentId": id, "dueDate": "2026-07-01", "value": "1000.00", "indexerId": 1});
    simulator.operate("change", change).await;
    simulator
        .operate(
            "terms",
            json!({"billId": bill, "fine": "2", "interest": "1", "proRata": "0.54"}),
        )
        .await;
    let path = format!("v1/current-debit-balance?cpf={document}&numberTitle={bill}");
    let found = simulator.get(&path).await["results"][0].clone();
    let late = row(&found, "dueInstallments", id);
    let values = [
        "originalValue",
        "adjustedValue",
        "additionalValue",
        "currentBalance",
    ]
    .map(|name| cents(&late[name]));
    assert_eq!(values, [100_000, 100_000, 9_558, 109_558]);

    let monday = json!({"billId": bill, "installmentId": id, "dueDate": "2026-11-15"});
    simulator.operate("change", monday).await;
    let found = simulator
        .get(&format!("{path}&correctionDate=2026-11-16"))
        .await["results"][0]
        .clone();
    let late = row(&found, "dueInstallments", id);
    assert_eq!(
        cents(&late["additionalValue"]),
        0,
        "due on a Sunday, paid on the Monday: {late}"
    );

    simulator.operate("terms", json!({"billId": bill})).await;
    let found = simulator
        .get(&format!("{path}&correctionDate=2026-12-20"))
        .await["results"][0]
        .clone();
    assert_eq!(
        cents(&row(&found, "dueInstallments", id)["additionalValue"]),
        0
    );
    let refused = simulator
        .refused("terms", json!({"billId": bill, "fine": "101"}))
        .await;
    assert!(refused.contains("percentage"), "{refused}");
}

#[tokio::test]
async fn every_installment_is_in_one_list_and_documents_make_one_object() {
    let documented = with(Options {
        shapes: sienge_simulator::api::Shapes::Documented,
        ..options(1_000)
    })
    .await;
    let (bill, _, _) = documented.open_one().await;
    let document = document_of(&documented, bill);
    let path = format!("v1/current-debit-balance?cpf={document}&numberTitle={bill}");
    let found = documented.get(&path).await;
    assert_eq!(found["billReceivableId"], bill);
    let lists = ["paidInstallments", "dueInstallments", "payableInstallments"];
    let told: usize = lists
        .iter()
        .map(|list| found[list].as_array().unwrap().len())
        .sum();
    let held = documented
        .world()
        .await
        .keys()
        .filter(|id| id.0 == bill)
        .count();
    assert_eq!(told, held);
}

#[tokio::test]
async fn somebody_unknown_is_404_and_nobody_is_400() {
    let simulator = simulator(100).await;
    let status = async |path: &str| simulator.send(path).await.status().as_u16();
    assert_eq!(
        status("v1/current-debit-balance?cpf=00000000000").await,
        404
    );
    assert_eq!(status("v1/current-debit-balance").await, 400);
}
