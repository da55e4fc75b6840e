//! Death at every await of what operators ask for: they give the command again, and the story must end as it does unharmed.

use harness::Rig;
use harness::agreements::{monthly, wanted};
use harness::database::tenant;
use harness::rig::PLENTY;
use ponte::agreement::AgreementKind;
use ponte::flow::Session;
use ponte::ids::BillId;
use ponte::portfolio::Customer;
use ponte::store::WebhookState;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::crashes::{Case, Invocation, rig, tell_all};

/// An open installment of a contract is paid, in part.
fn receipt(bill: u32, installment: u32) -> Value {
    json!({"billId": bill, "installmentId": installment, "value": "1.00"})
}

#[tokio::test]
async fn moving_the_dead_letters_back_survives_death_at_every_await() {
    let (rig, wire) = rig().await;
    let mut told = Vec::new();
    for (bill, open) in rig.contracts(&[1], 2) {
        told.extend(
            open[..2]
                .iter()
                .flat_map(|id| rig.change("receive", receipt(bill, *id))),
        );
    }
    let accepted = tell_all(&rig, &told).await;
    rig.faults(json!([{"kind": "status", "status": 403}])).await;
    while !rig.inbox.is_empty() {
        rig.apply_once().await;
    }
    rig.faults(json!([])).await;
    assert_eq!(rig.inbox.dead(), accepted.len());
    assert!(accepted.len() > 10, "more than one call moves");
    let case = Case {
        rig,
        wire,
        invocation: Invocation::Command(json!({"redrive": true})),
        accepted,
    };
    let unharmed = case.survives("redrive").await;
    assert!(
        unharmed
            .states
            .iter()
            .all(|state| *state == Some(WebhookState::Done))
    );
    case.rig.payments(json!({"redrive": true})).await.unwrap();
    case.rig.apply().await;
    assert_eq!(case.rig.inbox.dead(), 0);
    case.rig.assert_equal().await;
}

#[tokio::test]
async fn processing_a_webhook_again_survives_death_at_every_await() {
    let (rig, wire) = rig().await;
    let (bill, open) = rig.contracts(&[1], 4).remove(0);
    let told = rig.change("receive", receipt(bill, open[0]));
    let accepted = tell_all(&rig, &told).await;
    rig.apply().await;
    // What changed since nobody told: only the command brings it.
    let mut silent = receipt(bill, open[1]);
    silent["silent"] = json!(true);
    rig.change("receive", silent);
    rig.change(
        "change",
        json!({"billId": bill, "installmentId": open[2], "dueDate": "2027-03-15", "value": "777.77", "silent": true}),
    );
    let command = json!({"tenant": "617", "webhook": accepted[0]});
    let case = Case {
        rig,
        wire,
        invocation: Invocation::Command(command.clone()),
        accepted,
    };
    let unharmed = case.survives("reprocess").await;
    assert_eq!(unharmed.states, [Some(WebhookState::Done)]);
    case.rig.payments(command).await.unwrap();
    case.rig.assert_equal().await;
}

#[tokio::test]
async fn erasing_a_customer_survives_death_at_every_await() {
    let (rig, wire) = rig().await;
    let (bill, open) = rig.contracts(&[1], 4).remove(0);
    let held = rig
        .adapters
        .store
        .load_bill(&tenant(), BillId(i64::from(bill)))
        .await
        .unwrap();
    let customer = held.contracts().next().unwrap().key.customer;
    // An agreement whose words name somebody, ended with others that do.
    let words = "Combinado com a vizinha Marieta";
    let mut agreed = wanted(
        "a1",
        AgreementKind::NonIntegrated,
        &rig.owed(bill, &open[..1]),
        monthly(1),
    );
    (agreed.notes, agreed.public_notes) = (words.to_owned(), words.to_owned());
    let session = Session::open(
        &rig.adapters_of("payments"),
        &tenant(),
        false,
        Instant::now() + PLENTY,
    )
    .await
    .unwrap();
    let agreed = session.save_agreement(agreed).await.unwrap();
    session.break_agreement(&agreed.id, words).await.unwrap();
    session.close().await;
    let theirs = |(bill, _): &(u32, Vec<u32>)| {
        rig.sienge
            .with_world(|world| i64::from(world.bills[bill].customer) == customer.0)
    };
    for (bill, _) in rig.contracts(&[1], 1).into_iter().filter(theirs) {
        rig.happen("cancel", json!({"billId": bill})).await;
    }
    rig.apply().await;
    assert!(names_somebody(&rig, words).await);
    let command = json!({"tenant": "617", "eraseCustomer": customer.0});
    let case = Case {
        rig,
        wire,
        invocation: Invocation::Command(command.clone()),
        accepted: Vec::new(),
    };
    case.survives("erase").await;
    case.rig.payments(command).await.unwrap();
    let erased = case.rig.customer(customer).await.unwrap();
    assert_eq!(
        erased,
        Customer::erased(customer, erased.erased_on.unwrap())
    );
    assert!(!names_somebody(&case.rig, words).await);
}

async fn names_somebody(rig: &Rig, words: &str) -> bool {
    rig.portfolio()
        .await
        .values()
        .any(|item| item.to_string().contains(words))
}
