//! Customers of new contracts are known by name, at once or as soon as Sienge lets us read them.

use harness::Rig;
use harness::database::tenant;
use ponte::portfolio::{BillId, Customer, CustomerId, EnterpriseId};
use ponte::store::WebhookState;
use serde_json::{Value, json};

/// A customer that the portfolio has no contract of, known to Sienge for long.
async fn stranger(rig: &Rig) -> CustomerId {
    let ids: Vec<CustomerId> = rig
        .sienge
        .with_world(|world| world.customers.keys().map(|id| CustomerId(i64::from(*id))).collect());
    for id in ids {
        if rig.customer(id).await.is_none() {
            return id;
        }
    }
    panic!("every customer is held")
}

fn enterprise(rig: &Rig) -> u32 {
    rig.sienge
        .with_world(|world| world.enterprises.values().find(|each| each.company == 1).unwrap().id)
}

/// A new contract of the customer, applied.
async fn sell_to(rig: &Rig, customer: CustomerId) {
    rig.happen(
        "add",
        json!({"contract": {"customerId": customer.0, "enterpriseId": enterprise(rig)}}),
    )
    .await;
    rig.apply().await;
}

fn forbidden(customer: CustomerId) -> Value {
    json!([{"kind": "status", "status": 403, "route": format!("v1/customers/{customer}")}])
}

#[tokio::test]
async fn one_that_could_not_be_read_is_read_by_the_daily_load() {
    let rig = Rig::filled().await;
    let customer = stranger(&rig).await;
    rig.faults(forbidden(customer)).await;
    sell_to(&rig, customer).await;
    assert_eq!(rig.customer(customer).await, Some(Customer::unread(customer)));
    rig.faults(json!([])).await;
    rig.run_all("import").await;
    let read = rig.customer(customer).await.unwrap();
    assert!(!read.name.is_empty() && read.document.is_some(), "{read:?}");
    rig.assert_equal().await;
}

#[tokio::test]
async fn one_that_can_never_be_read_does_not_keep_the_daily_load_from_a_lost_payment() {
    let rig = Rig::filled().await;
    let customer = stranger(&rig).await;
    rig.faults(forbidden(customer)).await;
    sell_to(&rig, customer).await;
    let (bill, open) = rig.contracts(&[1], 1).remove(0);
    rig.change("receive", json!({"billId": bill, "installmentId": open[0], "silent": true}));
    rig.run_all("import").await;
    rig.assert_equal().await;
    assert_eq!(rig.customer(customer).await, Some(Customer::unread(customer)));
}

#[tokio::test]
async fn the_unit_of_a_new_contract_comes_with_the_daily_load() {
    let rig = Rig::filled().await;
    let enterprise = enterprise(&rig);
    let before = rig.shop.store.units(&tenant(), EnterpriseId(i64::from(enterprise))).await.unwrap();
    // As if this unit had never been told.
    let sold = before.iter().find(|unit| unit.stock.as_deref() == Some("V")).unwrap().clone();
    assert!(sold.property_type.is_some() && sold.private_area.is_some(), "{sold:?}");
    let key = ponte::store::keys::unit(&tenant(), sold.enterprise, sold.id);
    let delete = rig.database.raw().delete_item().table_name("portfolio");
    let text = aws_sdk_dynamodb::types::AttributeValue::S;
    delete.key("pk", text(key.pk)).key("sk", text(key.sk)).send().await.unwrap();
    // Every contract counts as changed since then.
    rig.import(json!({"tenant": "617", "creditor": 1, "from": "2000-01-01"}))
        .await
        .unwrap();
    let after = rig.shop.store.units(&tenant(), sold.enterprise).await.unwrap();
    assert!(after.contains(&sold), "{after:?}");
}

#[tokio::test]
async fn one_that_may_not_be_read_fails_its_own_webhook_and_no_payment_beside_it() {
    let rig = Rig::filled().await;
    let (bill, open) = rig.contracts(&[1], 1).remove(0);
    let held = rig.held().await;
    let customer = held[&BillId(i64::from(bill))].contracts.keys().next().unwrap().customer;
    let changed = rig.change("customer", json!({"customerId": customer.0, "name": "Outro Nome"}));
    let received = rig.change("receive", json!({"billId": bill, "installmentId": open[0]}));
    for told in changed.iter().chain(&received) {
        rig.tell(told).await;
    }
    rig.faults(forbidden(customer)).await;
    assert_eq!(rig.apply_once().await, changed.len());
    assert_eq!(rig.stored(&received[0].id).await.unwrap().state, WebhookState::Done);
    rig.assert_equal().await;
    rig.faults(json!([])).await;
    rig.apply().await;
    assert_eq!(rig.customer(customer).await.unwrap().name, "Outro Nome");
}

#[tokio::test]
async fn an_erased_one_keeps_its_sums_and_is_read_again_only_when_a_contract_opens() {
    let rig = Rig::filled().await;
    let (bill, open) = rig.contracts(&[1], 1).remove(0);
    let held = rig.held().await;
    let customer = held[&BillId(i64::from(bill))].contracts.keys().next().unwrap().customer;
    let erase = json!({"tenant": "617", "eraseCustomer": customer.0});
    let refused = rig.payments(erase.clone()).await.unwrap_err().to_string();
    assert!(refused.contains("em aberto") && refused.contains("LGPD"), "{refused}");
    let unknown = rig
        .payments(json!({"tenant": "617", "eraseCustomer": 1}))
        .await
        .unwrap_err()
        .to_string();
    assert!(unknown.contains("não encontrado"), "{unknown}");

    // Everything of the customer ends.
    let bills: Vec<u32> = rig.sienge.with_world(|world| {
        world
            .bills
            .values()
            .filter(|bill| i64::from(bill.customer) == customer.0)
            .map(|bill| bill.id)
            .collect()
    });
    assert!(!open.is_empty());
    for bill in bills {
        rig.happen("cancel", json!({"billId": bill})).await;
    }
    rig.run_all("reconcile").await;
    let before = rig.held().await;
    let summary = rig.payments(erase).await.unwrap();
    assert!(summary["resumo"].as_str().unwrap().contains("eliminados"), "{summary}");
    let erased = rig.customer(customer).await.unwrap();
    assert_eq!(erased, Customer::erased(customer, erased.erased_on.unwrap()));

    // Sienge tells of the customer in every way; nothing comes back, and what is owed and was paid is as it was.
    rig.happen("customer", json!({"customerId": customer.0, "name": "Nome Novo"})).await;
    rig.apply().await;
    rig.run_all("import").await;
    rig.run_all("reconcile").await;
    assert_eq!(rig.customer(customer).await.unwrap(), erased);
    assert_eq!(rig.held().await, before);

    sell_to(&rig, customer).await;
    assert_eq!(rig.customer(customer).await.unwrap().name, "Nome Novo");
}
