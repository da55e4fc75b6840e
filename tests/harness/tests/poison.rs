//! What can't be processed fails alone, is delivered again, and is given up at last.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use harness::Rig;
use harness::database::tenant;
use harness::fakes::Queued;
use harness::rig::{SECOND_TOKEN, TOKEN, Told, clock, secret};
use ponte::aws::{Secrets, TenantSecret};
use ponte::ids::BillId;
use ponte::intake::{EventHeader, Hints, Receiver};
use ponte::store::{InboundWebhook, WebhookState};
use serde_json::json;
use webhook::{Answer, Delivery};

/// A receipt on a contract of its own; not told yet.
fn receipts(rig: &Rig, count: usize) -> Vec<(u32, Told)> {
    let contracts = rig.contracts(&[1], 1);
    assert!(contracts.len() >= count);
    let mut received = Vec::new();
    for (bill, open) in contracts.into_iter().take(count) {
        let mut told = rig.change(
            "receive",
            json!({"billId": bill, "installmentId": open[0], "value": "5.00"}),
        );
        received.push((bill, told.remove(0)));
    }
    received
}

#[tokio::test]
async fn an_unreadable_message_fails_alone() {
    let rig = Rig::filled().await;
    for body in ["", "not json", "{\"tenant\": \"6 17\", \"key\": \"x\"}"] {
        rig.inbox.put(Queued {
            body: body.to_owned(),
            deliveries: 0,
        });
    }
    for (_, told) in receipts(&rig, 2) {
        rig.tell(&told).await;
    }
    assert_eq!(rig.apply_once().await, 3);
    rig.assert_equal().await;
    for _ in 0..4 {
        rig.apply_once().await;
    }
    assert_eq!((rig.inbox.len(), rig.inbox.dead()), (0, 3));
}

#[tokio::test]
async fn an_unreadable_bill_fails_only_its_own_messages_and_is_given_up_after_five_deliveries() {
    let rig = Rig::filled().await;
    let received = receipts(&rig, 2);
    let (bad, ref bad_told) = received[0];
    for (_, told) in &received {
        rig.tell(told).await;
    }
    let header = json!({"receivableBillId": bad}).to_string();
    let row = json!({"data": [{"companyId": 1, "billId": bad, "installmentId": 1}]}).to_string();
    rig.faults(json!([
        {"kind": "status", "status": 200, "route": format!("v1/accounts-receivable/receivable-bills/{bad}"), "body": header},
        {"kind": "status", "status": 200, "route": "bulk-data/v1/income/by-bills", "body": row},
    ]))
    .await;
    for delivery in 1..=5 {
        assert_eq!(rig.apply_once().await, 1, "delivery {delivery}");
        let good = rig.stored(&received[1].1.id).await.unwrap();
        assert_eq!(good.state, WebhookState::Done);
        let state = rig.stored(&bad_told.id).await.unwrap().state;
        let expected = if delivery < 5 {
            WebhookState::Pending
        } else {
            WebhookState::Failed
        };
        assert_eq!(state, expected, "delivery {delivery}");
    }
    assert_eq!((rig.inbox.len(), rig.inbox.dead()), (0, 1));
    let note = rig.stored(&bad_told.id).await.unwrap().note.unwrap();
    assert!(
        note.contains(&bad.to_string()),
        "the operator is told which bill: {note}"
    );
    rig.pass(Duration::from_hours(1));
    rig.payments(json!({})).await.unwrap();
    assert!(rig.inbox.is_empty(), "the sweep leaves it to the operator");
    // What was wrong is put right, and the operator moves the message out of the dead-letter queue.
    rig.faults(json!([])).await;
    let summary = rig.payments(json!({"redrive": true})).await.unwrap();
    assert!(
        summary["resumo"]
            .as_str()
            .unwrap()
            .contains("1 mensagem(ns)"),
        "{summary}"
    );
    assert_eq!((rig.inbox.len(), rig.inbox.dead()), (1, 0));
    rig.apply().await;
    assert_eq!(
        rig.stored(&bad_told.id).await.unwrap().state,
        WebhookState::Done
    );
    rig.assert_equal().await;
}

#[tokio::test]
async fn an_operator_has_one_webhook_processed_again_whatever_became_of_it() {
    let rig = Rig::filled().await;
    let (bill, told) = receipts(&rig, 1).remove(0);
    let again = |id: &str| json!({"tenant": "617", "webhook": id});
    let unknown = harness::refused(rig.payments(again("nunca-visto")).await);
    assert!(
        unknown.contains("não encontrado") && unknown.contains("x-sienge-id"),
        "{unknown}"
    );
    rig.tell(&told).await;
    // Its message was lost; nobody waits for the sweep.
    rig.inbox.take();
    let summary = rig.payments(again(&told.id)).await.unwrap();
    assert_eq!(summary["situacao"], "concluído", "{summary}");
    assert_eq!(
        rig.stored(&told.id).await.unwrap().state,
        WebhookState::Done
    );
    rig.assert_equal().await;
    // Done once, and something changed since that nobody told.
    rig.change(
        "receive",
        json!({"billId": bill, "installmentId": told.body["installmentId"], "silent": true}),
    );
    let summary = rig.payments(again(&told.id)).await.unwrap();
    assert!(
        summary["resumo"].as_str().unwrap().contains("quitada"),
        "{summary}"
    );
    rig.assert_equal().await;
    // Sienge does not answer: the operator is told why.
    rig.faults(json!([{"kind": "status", "status": 401}])).await;
    assert!(
        rig.payments(again(&told.id)).await.is_err()
            || rig.payments(again(&told.id)).await.unwrap()["situacao"] == "falhou"
    );
}

#[tokio::test]
async fn when_sienge_is_down_the_messages_wait_and_take_effect_later() {
    let rig = Rig::filled().await;
    for (_, told) in receipts(&rig, 3) {
        rig.tell(&told).await;
    }
    rig.faults(json!([{"kind": "status", "status": 401}])).await;
    assert_eq!(rig.apply_once().await, 3);
    rig.faults(json!([])).await;
    rig.apply().await;
    rig.assert_equal().await;
}

#[tokio::test]
async fn a_corrected_password_works_at_once_and_a_wrong_one_is_read_again_once_an_invocation() {
    let rig = Rig::filled().await;
    let with_password = |password: &str| TenantSecret {
        sienge_password: password.to_owned(),
        ..secret(&[TOKEN, SECOND_TOKEN])
    };
    // A warm function that remembers a wrong one.
    rig.secrets.store(&tenant(), with_password("antiga"));
    rig.secrets.refresh(&tenant()).await.unwrap();
    for (_, told) in receipts(&rig, 3) {
        rig.tell(&told).await;
    }
    for _ in 0..2 {
        let before = rig.secrets.reads();
        assert_eq!(rig.apply_once().await, 3);
        assert_eq!(rig.secrets.reads() - before, 1);
    }
    rig.secrets.fail(true);
    assert_eq!(rig.apply_once().await, 3, "Secrets Manager is out of order");
    rig.secrets.fail(false);
    rig.secrets.store(&tenant(), with_password("demo"));
    rig.apply().await;
    rig.assert_equal().await;
    let before = rig.secrets.reads();
    rig.import(json!({"tenant": "617", "creditor": 1}))
        .await
        .unwrap();
    assert_eq!(rig.secrets.reads(), before, "the new one is remembered");
}

#[tokio::test]
async fn another_tenants_trouble_does_not_stop_a_batch() {
    let rig = Rig::filled().await;
    let stranger = json!({"tenant": "999", "key": "tenant#999#webhook#x"}).to_string();
    rig.inbox.put(Queued {
        body: stranger,
        deliveries: 0,
    });
    for (_, told) in receipts(&rig, 1) {
        rig.tell(&told).await;
    }
    rig.apply_once().await;
    rig.assert_equal().await;
}

#[tokio::test]
async fn a_bill_that_sienge_refuses_takes_no_neighbour_with_it_and_neither_does_a_redrive() {
    let rig = Rig::filled().await;
    let received = receipts(&rig, 4);
    let (bad, ref bad_told) = received[1];
    for (_, told) in &received {
        rig.tell(told).await;
    }
    rig.faults(json!([{"kind": "status", "status": 400, "about": [bad]}]))
        .await;
    for delivery in 1..=5 {
        assert_eq!(rig.apply_once().await, 1, "delivery {delivery}");
        for (_, told) in received.iter().filter(|(bill, _)| *bill != bad) {
            assert_eq!(
                rig.stored(&told.id).await.unwrap().state,
                WebhookState::Done,
                "delivery {delivery}"
            );
        }
    }
    assert_eq!((rig.inbox.len(), rig.inbox.dead()), (0, 1));
    let failed = rig.stored(&bad_told.id).await.unwrap();
    assert_eq!(failed.state, WebhookState::Failed);
    assert!(
        failed
            .note
            .as_ref()
            .unwrap()
            .contains(&format!("título {bad} (400)")),
        "{failed:?}"
    );
    // It goes back beside news of its neighbours, and still fails alone.
    rig.payments(json!({"redrive": true})).await.unwrap();
    let more: Vec<(u32, Told)> = receipts(&rig, 3)
        .into_iter()
        .filter(|(bill, _)| *bill != bad)
        .collect();
    for (_, told) in &more {
        rig.tell(told).await;
    }
    assert_eq!(rig.apply_once().await, 1);
    for (_, told) in &more {
        assert_eq!(
            rig.stored(&told.id).await.unwrap().state,
            WebhookState::Done
        );
    }
    rig.faults(json!([])).await;
    rig.apply().await;
    assert_eq!(
        rig.stored(&bad_told.id).await.unwrap().state,
        WebhookState::Done
    );
    rig.assert_equal().await;
}

#[tokio::test]
async fn a_bill_of_which_sienge_fails_takes_no_neighbour_with_it() {
    let rig = Rig::filled().await;
    let received = receipts(&rig, 4);
    for (_, told) in &received {
        rig.tell(told).await;
    }
    rig.faults(json!([{"kind": "status", "status": 500, "about": [received[2].0]}]))
        .await;
    assert_eq!(rig.apply_once().await, 1);
    for (index, (_, told)) in received.iter().enumerate() {
        let state = rig.stored(&told.id).await.unwrap().state;
        assert_eq!(
            state == WebhookState::Done,
            index != 2,
            "{index}: {state:?}"
        );
    }
    rig.faults(json!([])).await;
    rig.apply().await;
    rig.assert_equal().await;
}

#[tokio::test]
async fn an_id_that_sienge_cannot_hold_is_refused_at_the_door_and_a_list_keeps_its_good_ones() {
    let rig = Rig::filled().await;
    let send = |id, event, body| {
        rig.deliver(move |delivery| Delivery {
            id: Some(id),
            event: Some(event),
            body,
            ..delivery
        })
    };
    let beyond = send("b-1", "RECEIPT_PROCESSED", br#"{"billId": 4294967296}"#).await;
    assert!(
        matches!(&beyond, Answer::Unreadable(why) if why.contains("billId") && why.contains("2147483647")),
        "{beyond:?}"
    );
    assert_eq!(
        rig.stored("b-1").await.unwrap().state,
        WebhookState::Rejected
    );
    let (bill, told) = receipts(&rig, 1).remove(0);
    let list =
        format!(r#"{{"receivableBillId": [4294967296, {bill}.0, null], "situation": 1e400}}"#);
    let listed = rig
        .deliver(|delivery| Delivery {
            id: Some("b-2"),
            event: Some("UPDATE_RECEIVABLE_BILL_SITUATION"),
            body: list.as_bytes(),
            ..delivery
        })
        .await;
    assert_eq!(listed, Answer::Received, "{told:?}");
    rig.apply().await;
    let note = rig.stored("b-2").await.unwrap().note.unwrap();
    assert!(note.starts_with("aplicado; 1 código(s)"), "{note}");
    rig.assert_equal().await;
}

#[tokio::test]
async fn a_record_that_cannot_be_read_fails_only_the_webhooks_that_name_it() {
    let rig = Rig::filled().await;
    let units: Vec<u32> = rig
        .sienge
        .with_world(|world| world.units.keys().take(3).copied().collect());
    let (bill, receipt) = receipts(&rig, 1).remove(0);
    rig.faults(
        json!([{"kind": "status", "status": 400, "route": "v1/units", "about": [units[1]]}]),
    )
    .await;
    for unit in &units {
        let (id, body) = (format!("unit-{unit}"), json!({"unitId": unit}).to_string());
        let answer = rig
            .deliver(|delivery| Delivery {
                id: Some(&id),
                event: Some("UNIT_UPDATED"),
                body: body.as_bytes(),
                ..delivery
            })
            .await;
        assert_eq!(answer, Answer::Received);
    }
    rig.tell(&receipt).await;
    for _ in 0..5 {
        assert_eq!(rig.apply_once().await, 1);
    }
    for (index, unit) in units.iter().enumerate() {
        let stored = rig.stored(&format!("unit-{unit}")).await.unwrap();
        if index == 1 {
            let note = stored.note.unwrap();
            assert!(
                stored.state == WebhookState::Failed && note.contains(&format!("unidade {unit}")),
                "{note}"
            );
        } else {
            assert_eq!(stored.state, WebhookState::Done, "{unit}");
        }
    }
    assert_eq!(
        rig.stored(&receipt.id).await.unwrap().state,
        WebhookState::Done,
        "bill {bill}"
    );
    rig.assert_equal().await;
}

#[tokio::test]
async fn a_stored_webhook_that_cannot_be_read_any_more_fails_and_says_why() {
    let rig = Rig::filled().await;
    let (_, receipt) = receipts(&rig, 1).remove(0);
    let damaged = [
        ("old-1", "hints", r#"{"bills":[4294967296]}"#, "2147483647"),
        ("old-2", "hints", "not json", "where a webhook points"),
        ("old-3", "hints", r#"{"invoices":[7]}"#, "invoices"),
        ("old-4", "receiver", "SiengeAntigo", "receiver"),
    ];
    for (id, attribute, value, _) in damaged {
        let webhook = inbound(id, b"{}");
        rig.adapters.store.accept(&webhook).await.unwrap();
        let damage = rig.database.raw().update_item().table_name("journal");
        damage
            .key("pk", AttributeValue::S(webhook.key().0))
            .key("sk", AttributeValue::S("head".to_owned()))
            .update_expression("SET #damaged = :value")
            .expression_attribute_names("#damaged", attribute)
            .expression_attribute_values(":value", AttributeValue::S(value.to_owned()))
            .send()
            .await
            .unwrap();
        rig.inbox.put(queued(&webhook));
    }
    rig.tell(&receipt).await;
    for _ in 0..5 {
        assert_eq!(rig.apply_once().await, damaged.len());
    }
    assert_eq!(
        rig.stored(&receipt.id).await.unwrap().state,
        WebhookState::Done
    );
    let listed = rig.database.items("journal").await;
    for (id, _, _, why) in damaged {
        let item = listed
            .iter()
            .find(|item| {
                item.get("webhook_id")
                    .is_some_and(|it| it.as_s().unwrap() == id)
            })
            .unwrap();
        let text = |name: &str| item[name].as_s().unwrap().as_str();
        let note = text("note");
        assert!(
            text("state") == "failed" && note.starts_with("webhook guardado") && note.contains(why),
            "{id}: {note}"
        );
    }
}

#[tokio::test]
async fn what_a_body_points_at_is_read_once_when_it_comes() {
    let rig = Rig::filled().await;
    let (bill, _) = receipts(&rig, 1).remove(0);
    let webhook = InboundWebhook {
        hints: Hints {
            bills: [BillId(bill.into())].into(),
            unusable: 2,
            ..Hints::default()
        },
        ..inbound("pointing", b"not json")
    };
    rig.adapters.store.accept(&webhook).await.unwrap();
    rig.inbox.put(queued(&webhook));
    rig.apply().await;
    rig.assert_equal().await;
    let stored = rig.stored("pointing").await.unwrap();
    assert_eq!(stored.state, WebhookState::Done);
    assert!(stored.note.unwrap().contains("2 código(s)"));
}

/// One that points nowhere.
fn inbound(id: &str, body: &[u8]) -> InboundWebhook {
    InboundWebhook {
        tenant: tenant(),
        receiver: Receiver::Sienge,
        event: EventHeader::read(Some("RECEIPT_PROCESSED")),
        id: id.to_owned(),
        while_waiting: false,
        received_at: clock(),
        headers: std::collections::BTreeMap::new(),
        body: body.to_vec(),
        hints: Hints::default(),
    }
}

fn queued(webhook: &InboundWebhook) -> Queued {
    Queued {
        body: json!({"tenant": "617", "key": webhook.key().0}).to_string(),
        deliveries: 0,
    }
}
