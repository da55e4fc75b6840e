//! Customers of new contracts are known by name, at once or as soon as Sienge lets us read them.

use std::time::Duration;

use harness::crash::{Blow, Effects};
use harness::database::tenant;
use harness::rig::Told;
use harness::{Rig, refused};
use ponte::flow::TASK_REQUESTED;
use ponte::ids::{BillId, CustomerId, EnterpriseId};
use ponte::portfolio::Customer;
use ponte::store::WebhookState;
use serde_json::{Value, json};
use webhook::Answer;

/// A customer that the portfolio has no contract of, known to Sienge for long.
async fn stranger(rig: &Rig) -> CustomerId {
    let ids: Vec<CustomerId> = rig.sienge.with_world(|world| {
        world
            .customers
            .keys()
            .map(|id| CustomerId(i64::from(*id)))
            .collect()
    });
    for id in ids {
        if rig.customer(id).await.is_none() {
            return id;
        }
    }
    panic!("every customer is held")
}

fn enterprise(rig: &Rig) -> u32 {
    rig.sienge.with_world(|world| {
        world
            .enterprises
            .values()
            .find(|each| each.company == 1)
            .unwrap()
            .id
    })
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

pub(crate) async fn customer_of(rig: &Rig, bill: u32) -> CustomerId {
    let held = rig.held().await;
    held[&BillId(i64::from(bill))]
        .contracts()
        .next()
        .unwrap()
        .key
        .customer
}

/// The bills of a customer in Sienge.
fn bills_of(rig: &Rig, customer: CustomerId) -> Vec<u32> {
    rig.sienge.with_world(|world| {
        let bills = world
            .bills
            .values()
            .filter(|bill| i64::from(bill.customer) == customer.0);
        bills.map(|bill| bill.id).collect()
    })
}

pub(crate) async fn cancel_everything_of(rig: &Rig, customer: CustomerId) {
    for bill in bills_of(rig, customer) {
        rig.happen("cancel", json!({"billId": bill})).await;
    }
}

async fn erase(rig: &Rig, customer: CustomerId) {
    // A simulation says so and erases nothing.
    let before = rig.portfolio().await;
    let rehearsal = json!({"tenant": "617", "eraseCustomer": customer.0, "dryRun": true});
    let summary = rig.payments(rehearsal).await.unwrap();
    assert_eq!(summary["simulacao"], true, "{summary}");
    // Who may write to the bus may not erase.
    for detail in [
        json!({"task": "payments", "tenant": "617", "eraseCustomer": customer.0}),
        json!({"tenant": "617", "eraseCustomer": customer.0}),
    ] {
        let of_the_bus =
            json!({"source": "ponte", "detail-type": TASK_REQUESTED, "detail": detail});
        let why = refused(rig.payments(of_the_bus).await);
        assert!(
            why.contains("pelo barramento não se pede \"eraseCustomer\""),
            "{why}"
        );
    }
    rig.assert_portfolio_is(&before).await;
    let event = json!({"tenant": "617", "eraseCustomer": customer.0});
    let summary = rig.payments(event).await.unwrap();
    assert!(
        summary["resumo"].as_str().unwrap().contains("eliminados"),
        "{summary}"
    );
}

/// The items of the portfolio that hold something of what makes the customer a person.
async fn items_naming(rig: &Rig, customer: &Customer) -> Vec<(String, String)> {
    let mut words = vec![customer.name.clone()];
    words.extend(
        customer
            .document
            .iter()
            .map(|document| document.as_str().to_owned()),
    );
    words.extend(customer.email.clone());
    words.extend(customer.phones.iter().map(|phone| phone.number.clone()));
    words.retain(|word| !word.is_empty());
    let items = rig.portfolio().await.into_iter();
    let naming = items.filter(|(key, item)| {
        let text = format!("{key:?} {item}");
        words.iter().any(|word| text.contains(word))
    });
    naming.map(|(key, _)| key).collect()
}

#[tokio::test]
async fn one_that_could_not_be_read_is_read_by_the_daily_load() {
    let rig = Rig::filled().await;
    let customer = stranger(&rig).await;
    rig.faults(forbidden(customer)).await;
    sell_to(&rig, customer).await;
    assert_eq!(
        rig.customer(customer).await,
        Some(Customer::unread(customer))
    );
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
    rig.change(
        "receive",
        json!({"billId": bill, "installmentId": open[0], "silent": true}),
    );
    rig.run_all("import").await;
    rig.assert_equal().await;
    assert_eq!(
        rig.customer(customer).await,
        Some(Customer::unread(customer))
    );
}

#[tokio::test]
async fn the_unit_of_a_new_contract_comes_with_the_daily_load() {
    let rig = Rig::filled().await;
    let enterprise = enterprise(&rig);
    let before = rig
        .adapters
        .store
        .units(&tenant(), EnterpriseId(i64::from(enterprise)))
        .await
        .unwrap();
    // As if this unit had never been told.
    let sold = before
        .iter()
        .find(|unit| unit.stock.as_deref() == Some("V"))
        .unwrap()
        .clone();
    assert!(
        sold.property_type.is_some() && sold.private_area.is_some(),
        "{sold:?}"
    );
    let key = ponte::store::keys::unit(&tenant(), sold.enterprise, sold.id);
    let delete = rig.database.raw().delete_item().table_name("portfolio");
    let text = aws_sdk_dynamodb::types::AttributeValue::S;
    delete
        .key("pk", text(key.pk))
        .key("sk", text(key.sk))
        .send()
        .await
        .unwrap();
    // Every contract counts as changed since then.
    rig.import(json!({"tenant": "617", "creditor": 1, "from": "2000-01-01"}))
        .await
        .unwrap();
    let after = rig
        .adapters
        .store
        .units(&tenant(), sold.enterprise)
        .await
        .unwrap();
    assert!(after.contains(&sold), "{after:?}");
}

#[tokio::test]
async fn one_that_may_not_be_read_fails_its_own_webhook_and_no_payment_beside_it() {
    let rig = Rig::filled().await;
    let (bill, open) = rig.contracts(&[1], 1).remove(0);
    let customer = customer_of(&rig, bill).await;
    let changed = rig.change(
        "customer",
        json!({"customerId": customer.0, "name": "Outro Nome"}),
    );
    let received = rig.change("receive", json!({"billId": bill, "installmentId": open[0]}));
    for told in changed.iter().chain(&received) {
        rig.tell(told).await;
    }
    rig.faults(forbidden(customer)).await;
    assert_eq!(rig.apply_once().await, changed.len());
    assert_eq!(
        rig.stored(&received[0].id).await.unwrap().state,
        WebhookState::Done
    );
    rig.assert_equal().await;
    rig.faults(json!([])).await;
    rig.apply().await;
    assert_eq!(rig.customer(customer).await.unwrap().name, "Outro Nome");
}

#[tokio::test]
async fn an_erased_one_keeps_its_sums_and_is_read_again_only_when_a_contract_opens() {
    let rig = Rig::filled().await;
    let (bill, open) = rig.contracts(&[1], 1).remove(0);
    let customer = customer_of(&rig, bill).await;
    let erase = json!({"tenant": "617", "eraseCustomer": customer.0});
    let refused = harness::refused(rig.payments(erase.clone()).await);
    assert!(
        refused.contains("em aberto") && refused.contains("LGPD"),
        "{refused}"
    );
    for (event, named) in [
        (
            json!({"tenant": "617", "eraseCustomer": 1}),
            "\"eraseCustomer\": cliente 1 não encontrado",
        ),
        (
            json!({"tenant": "999", "eraseCustomer": 1}),
            "\"tenant\": assessoria 999 não cadastrada",
        ),
    ] {
        let why = harness::refused(rig.payments(event).await);
        assert!(why.contains(named) && why.contains("Exemplo: {"), "{why}");
    }

    assert!(!open.is_empty());
    cancel_everything_of(&rig, customer).await;
    rig.run_all("reconcile").await;
    let before = rig.held().await;
    let summary = rig.payments(erase).await.unwrap();
    assert!(
        summary["resumo"].as_str().unwrap().contains("eliminados"),
        "{summary}"
    );
    let erased = rig.customer(customer).await.unwrap();
    assert_eq!(
        erased,
        Customer::erased(customer, erased.erased_on.unwrap())
    );

    // Sienge tells of the customer in every way; nothing comes back, and what is owed and was paid is as it was.
    rig.happen(
        "customer",
        json!({"customerId": customer.0, "name": "Nome Novo"}),
    )
    .await;
    rig.apply().await;
    rig.run_all("import").await;
    rig.run_all("reconcile").await;
    assert_eq!(rig.customer(customer).await.unwrap(), erased);
    assert_eq!(rig.held().await, before);

    sell_to(&rig, customer).await;
    assert_eq!(rig.customer(customer).await.unwrap().name, "Nome Novo");
}

#[tokio::test]
async fn news_of_before_the_erasure_are_still_known_when_they_come_again() {
    let rig = Rig::filled().await;
    let (bill, open) = rig.contracts(&[1], 1).remove(0);
    let customer = customer_of(&rig, bill).await;
    let mut told = rig.change(
        "customer",
        json!({"customerId": customer.0, "name": "Nome de Antes"}),
    );
    told.extend(rig.change("receive", json!({"billId": bill, "installmentId": open[0]})));
    for each in bills_of(&rig, customer) {
        told.extend(rig.change("cancel", json!({"billId": each})));
    }
    assert!(told.len() >= 3, "{told:?}");
    for told in &told {
        assert_eq!(rig.tell(told).await, Answer::Received);
    }
    rig.apply().await;
    rig.run_all("reconcile").await;
    let known = rig.customer(customer).await.unwrap();
    assert_eq!(known.name, "Nome de Antes");
    assert!(!items_naming(&rig, &known).await.is_empty());
    erase(&rig, customer).await;
    assert_eq!(items_naming(&rig, &known).await, []);
    let after = rig.portfolio().await;

    for told in &told {
        assert_eq!(rig.tell(told).await, Answer::Duplicate, "{told:?}");
    }
    rig.pass(Duration::from_hours(1));
    rig.payments(json!({})).await.unwrap();
    assert!(rig.inbox.is_empty());
    rig.assert_portfolio_is(&after).await;
}

#[tokio::test]
async fn new_news_of_an_erased_ones_bills_bring_no_personal_data_back() {
    let rig = Rig::filled().await;
    let (bill, open) = rig.contracts(&[1], 1).remove(0);
    let customer = customer_of(&rig, bill).await;
    let known = rig.customer(customer).await.unwrap();
    cancel_everything_of(&rig, customer).await;
    rig.apply().await;
    rig.run_all("reconcile").await;
    erase(&rig, customer).await;
    let (erased, before) = (rig.customer(customer).await.unwrap(), rig.held().await);

    let contract = rig
        .sienge
        .with_world(|world| world.bills[&bill].contract.as_ref().unwrap().id);
    let named = json!({"receivableBillId": bill, "installmentId": open[0]});
    let news = [
        (
            "RECEIPT_PROCESSED",
            json!({"billId": bill, "installmentId": open[0]}),
        ),
        ("RECEIVABLE_INSTALLMENT_UPDATED", named),
        (
            "SALES_CONTRACT_CANCELED",
            json!({"salesContractId": contract}),
        ),
        ("CUSTOMER_UPDATED", json!({"customerId": customer.0})),
    ];
    for (event, body) in news {
        let told = Told {
            id: format!("depois-{event}"),
            event: event.to_owned(),
            body,
        };
        // It must be read anew, and not be answered by a read of before.
        rig.pass(Duration::from_mins(1));
        assert_eq!(rig.tell(&told).await, Answer::Received, "{event}");
        rig.apply().await;
        assert_eq!(
            rig.stored(&told.id).await.unwrap().state,
            WebhookState::Done,
            "{event}"
        );
        assert_eq!(rig.customer(customer).await.unwrap(), erased, "{event}");
        assert_eq!(items_naming(&rig, &known).await, [], "{event}");
        assert_eq!(rig.held().await, before, "{event}");
    }
}

/// A customer whose contracts all ended, one of them paid, and who was erased: the paid bill, its last installment, and what was known.
async fn erased_after_the_last_payment() -> (Rig, u32, u32, Customer) {
    let rig = Rig::filled().await;
    let (bill, open) = rig.contracts(&[1], 1).remove(0);
    let customer = customer_of(&rig, bill).await;
    let known = rig.customer(customer).await.unwrap();
    for other in bills_of(&rig, customer)
        .into_iter()
        .filter(|other| *other != bill)
    {
        rig.happen("cancel", json!({"billId": other})).await;
    }
    for id in &open {
        rig.happen("receive", json!({"billId": bill, "installmentId": id}))
            .await;
    }
    rig.apply().await;
    rig.run_all("reconcile").await;
    erase(&rig, customer).await;
    let last = *open.last().unwrap();
    (rig, bill, last, known)
}

#[tokio::test]
async fn an_erased_one_is_known_again_when_a_contract_opens_again() {
    let (rig, bill, last, known) = Box::pin(erased_after_the_last_payment()).await;
    let customer = known.id;
    assert_eq!(items_naming(&rig, &known).await, []);

    // A cheque bounced: the last payment is undone, and the debt is to be collected again.
    rig.happen(
        "reverse",
        json!({"billId": bill, "installmentId": last, "notify": true}),
    )
    .await;
    rig.apply().await;
    assert_eq!(rig.customer(customer).await.unwrap(), known);
    rig.assert_equal().await;
}

/// Whoever finds the bill equal after the death does not ask for its customer any more, and what is read of an erased one is not written.
#[tokio::test]
async fn death_while_a_contract_opens_again_leaves_no_erased_customer_with_an_open_contract() {
    let (rig, bill, last, known) = Box::pin(erased_after_the_last_payment()).await;
    let customer = known.id;
    rig.happen(
        "reverse",
        json!({"billId": bill, "installmentId": last, "notify": true}),
    )
    .await;
    let saved = rig.save();
    for number in 1.. {
        rig.restore(&saved);
        let effects = Effects::struck(number, Blow::DiesAfter);
        rig.apply_watched(&effects).await;
        if !effects.fell() {
            assert!(number > 10, "it died too seldom to prove anything");
            break;
        }
        rig.apply().await;
        rig.run_all("import").await;
        let place = &effects.names()[number - 1];
        assert_eq!(
            rig.customer(customer).await.unwrap(),
            known,
            "death at {number} ({place})"
        );
    }
}
