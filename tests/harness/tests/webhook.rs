//! The answer table of the webhook function, and what each answer leaves behind.

use std::time::Duration;

use futures::future::join_all;
use harness::database::{Fault, tenant};
use harness::rig::{SECOND_TOKEN, TOKEN, secret};
use harness::{Rig, World};
use ponte::ids::BillId;
use ponte::store::WebhookState;
use serde_json::{Value, json};
use webhook::{Answer, Delivery, Webhook, http};

async fn rig() -> Rig {
    Rig::with(World {
        installments: 10,
        contracts: 1,
        ..World::default()
    })
    .await
}

#[tokio::test]
async fn a_good_webhook_is_stored_and_queued_once() {
    let rig = rig().await;
    let send = || {
        rig.deliver(|delivery| Delivery {
            id: Some("a-1"),
            ..delivery
        })
    };
    assert_eq!(send().await, Answer::Received);
    assert_eq!(
        rig.stored("a-1").await.unwrap().state,
        WebhookState::Pending
    );
    assert_eq!(send().await, Answer::Duplicate);
    assert_eq!(send().await.status(), 200);
    assert_eq!(rig.inbox.len(), 1);
    let other_body = rig
        .deliver(|delivery| Delivery {
            id: Some("a-1"),
            body: br#"{"billId": 7}"#,
            ..delivery
        })
        .await;
    assert_eq!(other_body, Answer::Duplicate, "the first body counts");
    assert!(
        rig.stored("a-1")
            .await
            .unwrap()
            .webhook
            .body
            .starts_with(br#"{"billId":10001"#)
    );
}

#[tokio::test]
async fn without_an_id_the_body_tells_deliveries_apart() {
    let rig = rig().await;
    let send = |receiver| {
        rig.deliver(move |delivery| Delivery {
            receiver,
            id: None,
            event: None,
            ..delivery
        })
    };
    assert_eq!(send("SiengePagamentos").await, Answer::Received);
    assert_eq!(send("siengepagamentos").await, Answer::Duplicate);
    assert_eq!(send("SiengeBoletoCriado").await, Answer::Received);
}

/// A part of an installment is paid; the webhook comes without an id, as always the same body.
async fn pay_a_part(rig: &Rig, bill: u32, installment: u32) -> Answer {
    rig.change(
        "receive",
        json!({"billId": bill, "installmentId": installment, "value": "5.00"}),
    );
    let body = json!({"billId": bill, "installmentId": installment}).to_string();
    rig.deliver(|delivery| Delivery {
        id: None,
        body: body.as_bytes(),
        ..delivery
    })
    .await
}

#[tokio::test]
async fn without_an_id_a_second_payment_that_looks_like_the_first_is_seen_too() {
    let rig = Rig::filled().await;
    let (bill, open) = rig.contracts(&[1], 1).remove(0);
    for _ in 0..3 {
        assert_eq!(pay_a_part(&rig, bill, open[0]).await, Answer::Received);
        rig.apply().await;
        rig.assert_equal().await;
    }
    // Of two before the first is looked at, one look sees both.
    assert_eq!(pay_a_part(&rig, bill, open[0]).await, Answer::Received);
    assert_eq!(pay_a_part(&rig, bill, open[0]).await, Answer::Duplicate);
    rig.apply().await;
    rig.assert_equal().await;
}

#[tokio::test]
async fn a_word_that_stands_for_no_id_makes_no_two_payments_one() {
    let rig = Rig::filled().await;
    let (bill, open) = rig.contracts(&[1], 1).remove(0);
    for id in [
        "null",
        "undefined",
        "NULL,null",
        "00000000-0000-0000-0000-000000000000",
    ] {
        for _ in 0..2 {
            let told = rig.change(
                "receive",
                json!({"billId": bill, "installmentId": open[0], "value": "5.00"}),
            );
            let body = told[0].body.to_string();
            let answer = rig
                .deliver(|delivery| Delivery {
                    id: Some(id),
                    body: body.as_bytes(),
                    ..delivery
                })
                .await;
            assert_eq!(answer, Answer::Received, "{id}");
            rig.apply().await;
            rig.assert_equal().await;
        }
    }
}

#[tokio::test]
async fn a_header_of_many_events_is_kept_as_it_was_read() {
    let rig = Rig::filled().await;
    let (bill, open) = rig.contracts(&[1], 1).remove(0);
    for others in [
        "SALES_COMMISSION_INSTALLMENTS_AUTHORIZED, SALES_COMMISSION_INSTALLMENTS_RELEASED, "
            .to_owned(),
        "RECEIPT_SPLIT, ".repeat(40),
    ] {
        let told = rig.change(
            "receive",
            json!({"billId": bill, "installmentId": open[0], "value": "5.00"}),
        );
        let (event, body) = (
            format!("{others}RECEIPT_PROCESSED"),
            told[0].body.to_string(),
        );
        let answer = rig
            .deliver(|delivery| Delivery {
                event: Some(&event),
                id: Some(&told[0].id),
                body: body.as_bytes(),
                ..delivery
            })
            .await;
        assert_eq!(answer, Answer::Received, "{event}");
        rig.apply().await;
        rig.assert_equal().await;
    }
}

#[tokio::test]
async fn a_payment_that_comes_while_its_like_is_being_applied_is_looked_at_again() {
    let rig = Rig::filled().await;
    let (bill, open) = rig.contracts(&[1], 1).remove(0);
    assert_eq!(pay_a_part(&rig, bill, open[0]).await, Answer::Received);
    // Finishing it, the journal is asked last: the second payment is there by then, and was not there when Sienge was read.
    let first = rig.inbox.take();
    let adapters = rig.adapters_of("apply");
    let loaded = {
        let body = json!({"billId": bill, "installmentId": open[0]}).to_string();
        let id = ponte::intake::event_id(
            ponte::intake::Receiver::Sienge,
            &ponte::intake::EventHeader::read(Some("RECEIPT_PROCESSED")),
            None,
            body.as_bytes(),
        );
        rig.stored(&id.text).await.unwrap()
    };
    assert_eq!(pay_a_part(&rig, bill, open[0]).await, Answer::Duplicate);
    let finish = ponte::store::Finish {
        key: loaded.key.clone(),
        arrival: loaded.arrival.clone(),
        state: WebhookState::Done,
        note: None,
        bill: None,
    };
    adapters
        .store
        .finish(&finish, harness::rig::clock())
        .await
        .unwrap();
    assert_eq!(first.len(), 1);
    rig.apply().await;
    rig.assert_equal().await;
    assert!(rig.nothing_waits().await);
}

#[tokio::test]
async fn an_id_too_long_for_a_key_is_an_id_all_the_same() {
    let rig = Rig::filled().await;
    let (bill, open) = rig.contracts(&[1], 1).remove(0);
    let body = json!({"billId": bill, "installmentId": open[0]}).to_string();
    let body = body.as_bytes();
    let long = "x".repeat(200);
    for (id, other) in [
        (long.as_str(), "y"),
        ("a#b c", "a#b d"),
        ("n\u{ba} 1", "n\u{ba} 2"),
    ] {
        let send = |id| {
            rig.deliver(move |delivery| Delivery {
                id: Some(id),
                body,
                ..delivery
            })
        };
        assert_eq!(send(id).await, Answer::Received, "{id}");
        assert_eq!(send(id).await, Answer::Duplicate, "{id}");
        rig.apply().await;
        assert_eq!(send(id).await, Answer::Duplicate, "{id}: for ever");
        assert_eq!(send(other).await, Answer::Received, "{other}");
        rig.apply().await;
        let again = rig
            .payments(json!({"tenant": "617", "webhook": id}))
            .await
            .unwrap();
        assert_eq!(again["situacao"], "concluído", "{again}");
    }
}

/// Critiques of the day that name an event.
async fn criticised(rig: &Rig, event: &str) -> Vec<String> {
    let day = ponte::calendar::business_date(harness::rig::clock());
    let critiques = rig
        .adapters
        .store
        .journal_of_day(&tenant(), day, "critique", 100)
        .await
        .unwrap();
    let texts = critiques.into_iter().map(|critique| critique.summary);
    texts.filter(|text| text.contains(event)).collect()
}

#[tokio::test]
async fn an_event_that_nobody_knows_is_looked_at_where_the_address_says_and_told_once_a_day() {
    let rig = Rig::filled().await;
    let (bill, open) = rig.contracts(&[1], 1).remove(0);
    let send = |receiver, event, id| {
        let told = rig.change(
            "receive",
            json!({"billId": bill, "installmentId": open[0], "value": "5.00"}),
        );
        let body = told[0].body.to_string();
        let rig = &rig;
        async move {
            rig.deliver(|delivery| Delivery {
                receiver,
                event: Some(event),
                id: Some(id),
                body: body.as_bytes(),
                ..delivery
            })
            .await
        }
    };
    for (index, event) in [
        "RECEIPT_PROCESSED_V2",
        "RECEIPT_PROCESSED_V2",
        "RECEIPT_PROCESSED, RECEIPT_PROCESSED",
        "receipt-processed",
        "PAYMENT_RECEIPT_CREATED",
    ]
    .into_iter()
    .enumerate()
    {
        let id: &'static str = ["n-0", "n-1", "n-2", "n-3", "n-4"][index];
        assert_eq!(
            send("SiengePagamentos", event, id).await,
            Answer::Received,
            "{event}"
        );
        rig.apply().await;
        rig.assert_equal().await;
    }
    let told = criticised(&rig, "RECEIPT_PROCESSED_V2").await;
    assert!(
        told.len() == 1 && told[0].contains("SiengePagamentos"),
        "{told:?}"
    );
    let nothing = rig.deliver(|delivery| Delivery {
        receiver: "SiengePagamentos",
        event: Some("PAYMENT_RECEIPT_CREATED"),
        body: br#"{"purchaseOrderId": 7}"#,
        ..delivery
    });
    assert_eq!(nothing.await, Answer::Unused);
    for id in ["g-0", "g-1"] {
        assert_eq!(send("sienge", "RECEIPT_SPLIT", id).await, Answer::Unused);
        let stored = rig.stored(id).await.unwrap();
        assert_eq!(
            (stored.state, stored.note.as_deref()),
            (
                WebhookState::Done,
                Some("evento desconhecido: RECEIPT_SPLIT")
            )
        );
    }
    assert_eq!(criticised(&rig, "RECEIPT_SPLIT").await.len(), 1);
    assert!(criticised(&rig, "PURCHASE").await.is_empty());
}

#[tokio::test]
async fn an_event_without_use_is_kept_for_the_log_and_not_queued() {
    let rig = rig().await;
    let send = |id| {
        rig.deliver(move |delivery| Delivery {
            event: Some("PURCHASE_ORDER_CREATED"),
            id: Some(id),
            body: b"{}",
            ..delivery
        })
    };
    assert_eq!(send("u-1").await, Answer::Unused);
    assert_eq!(rig.stored("u-1").await.unwrap().state, WebhookState::Done);
    assert_eq!(send("u-1").await, Answer::Duplicate);
    assert!(rig.inbox.is_empty());
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_as_often_as_it_comes_and_stored_as_rejected() {
    let rig = rig().await;
    let bodies: [(&str, &[u8]); 7] = [
        ("r-1", b""),
        ("r-2", b"not json"),
        ("r-3", b"\xff\xfe{}"),
        ("r-4", b"[1]"),
        ("r-5", br#"{"installmentId": 1}"#),
        ("r-6", br#"{"billId": -3}"#),
        ("r-7", br#"{"billId": 1.5}"#),
    ];
    for (id, body) in bodies {
        for _ in 0..2 {
            let answer = rig
                .deliver(|delivery| Delivery {
                    id: Some(id),
                    body,
                    ..delivery
                })
                .await;
            assert_eq!(answer.status(), 400, "{id}");
            assert!(
                answer.text().contains("295"),
                "shows a correct value: {}",
                answer.text()
            );
        }
        let stored = rig.stored(id).await.unwrap();
        assert_eq!(stored.state, WebhookState::Rejected, "{id}");
        assert!(stored.note.is_some());
    }
    let nameless = rig
        .deliver(|delivery| Delivery {
            id: Some("r-8"),
            event: None,
            ..delivery
        })
        .await;
    assert!(
        nameless.status() == 400 && nameless.text().contains("x-sienge-event"),
        "{nameless:?}"
    );
    assert_eq!(
        rig.stored("r-8").await.unwrap().state,
        WebhookState::Rejected
    );
    assert!(rig.inbox.is_empty());
}

/// A webhook as API Gateway hands it over: it decides by the content type whether the body comes as text or as base64.
fn handed_over(
    id: &str,
    content_type: Option<&str>,
    body: &str,
    is_base64: bool,
) -> lambda_http::Request {
    let mut event: Value =
        serde_json::from_str(include_str!("../../../events/webhook-receipt.json")).unwrap();
    let headers = event["headers"].as_object_mut().unwrap();
    headers.insert("x-sienge-id".to_owned(), json!(id));
    headers.remove("content-type");
    if let Some(content_type) = content_type {
        headers.insert("content-type".to_owned(), json!(content_type));
    }
    event["body"] = json!(body);
    event["isBase64Encoded"] = json!(is_base64);
    lambda_http::request::from_str(&event.to_string()).unwrap()
}

#[tokio::test]
async fn the_body_decides_and_not_the_content_type() {
    const BODY: &str = r#"{"billId": 10001, "installmentId": 29}"#;
    const KEPT: &str = r#"{"billId":10001,"installmentId":29}"#;
    const FORM: &str = "billId=10001&installmentId=29";
    // Both, as base64.
    const BODY_ENCODED: &str = "eyJiaWxsSWQiOiAxMDAwMSwgImluc3RhbGxtZW50SWQiOiAyOX0=";
    const FORM_ENCODED: &str = "YmlsbElkPTEwMDAxJmluc3RhbGxtZW50SWQ9Mjk=";
    let rig = rig().await;
    let types = [
        (Some("application/json"), false),
        (Some("application/json; charset=ISO-8859-1"), false),
        (Some("text/plain"), false),
        (Some("application/x-www-form-urlencoded"), true),
        (Some("application/octet-stream"), true),
        (Some("nada disso"), true),
        (Some(""), true),
        (None, true),
    ];
    for (index, (content_type, encoded)) in types.into_iter().enumerate() {
        let (good, bad) = (format!("json-{index}"), format!("form-{index}"));
        let body = if encoded { BODY_ENCODED } else { BODY };
        let answer = http::answer(
            &rig.webhook,
            handed_over(&good, content_type, body, encoded),
        )
        .await;
        assert_eq!(answer, Answer::Received, "{content_type:?}");
        let stored = rig.stored(&good).await.unwrap();
        assert_eq!(
            (stored.state, stored.webhook.body.as_slice()),
            (WebhookState::Pending, KEPT.as_bytes())
        );
        assert_eq!(rig.inbox.len(), index + 1);

        let body = if encoded { FORM_ENCODED } else { FORM };
        let answer =
            http::answer(&rig.webhook, handed_over(&bad, content_type, body, encoded)).await;
        assert_eq!(answer.status(), 400, "{content_type:?}");
        let stored = rig.stored(&bad).await.unwrap();
        assert_eq!(stored.state, WebhookState::Rejected);
        assert_eq!(rig.inbox.len(), index + 1);
    }
}

#[tokio::test]
async fn only_a_valid_token_opens_and_nothing_is_stored_otherwise() {
    let rig = rig().await;
    let send = |authorization| {
        rig.deliver(move |delivery| Delivery {
            authorization,
            id: Some("t-1"),
            ..delivery
        })
    };
    let wrong = [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer outro"),
        Some(TOKEN),
        Some("Digest dXN1YXJpbzpzZW5oYQ=="),
    ];
    for authorization in wrong {
        assert_eq!(
            send(authorization).await,
            Answer::Unauthorized,
            "{authorization:?}"
        );
    }
    assert!(rig.stored("t-1").await.is_none() && rig.inbox.is_empty());
    let basic = format!("Basic {TOKEN}");
    assert_eq!(
        rig.deliver(|delivery| Delivery {
            authorization: Some(&basic),
            ..delivery
        })
        .await,
        Answer::Received
    );
    let second = format!("Bearer {SECOND_TOKEN}");
    assert_eq!(
        rig.deliver(|delivery| Delivery {
            authorization: Some(&second),
            ..delivery
        })
        .await,
        Answer::Received
    );
}

#[tokio::test]
async fn a_rotated_token_counts_at_once_and_the_old_one_no_more() {
    let rig = rig().await;
    assert_eq!(rig.deliver(|delivery| delivery).await, Answer::Received);
    rig.secrets.store(&tenant(), secret(&["rotacionado"]));
    let rotated = rig
        .deliver(|delivery| Delivery {
            authorization: Some("Bearer rotacionado"),
            ..delivery
        })
        .await;
    assert_eq!(rotated, Answer::Received);
    assert_eq!(rig.deliver(|delivery| delivery).await, Answer::Unauthorized);
}

#[tokio::test]
async fn nobody_finds_out_which_tenants_there_are() {
    let rig = rig().await;
    let wrong_token = rig.deliver(|delivery| Delivery {
        authorization: Some("Bearer outro"),
        ..delivery
    });
    let wrong_token = wrong_token.await.response();
    assert_eq!(wrong_token["statusCode"], 401);
    rig.database.calls();
    for tenant in [
        None,
        Some(""),
        Some("999"),
        Some("6 17"),
        Some("617#settings"),
    ] {
        for authorization in [
            None,
            Some("Bearer outro"),
            Some("Bearer dXN1YXJpbzpzZW5oYQ=="),
        ] {
            let answer = rig.deliver(|delivery| Delivery {
                tenant,
                authorization,
                ..delivery
            });
            assert_eq!(answer.await.response(), wrong_token, "{tenant:?}");
        }
    }
    // Of a known tenant, without a token that is its own: the body is not looked at, nor is anything read or written.
    let large = vec![b' '; 100_000];
    for (authorization, body) in [(None, &b"{}"[..]), (Some("Bearer outro"), &large)] {
        let answer = rig.deliver(|delivery| Delivery {
            authorization,
            body,
            ..delivery
        });
        assert_eq!(answer.await.response(), wrong_token);
    }
    assert!(rig.database.calls().is_empty());
    // With its token, but switched off.
    rig.settings(|settings| settings.active = false).await;
    let answer = rig.deliver(|delivery| delivery).await;
    assert_eq!(answer.response(), wrong_token);
    assert!(rig.inbox.is_empty());
}

#[tokio::test]
async fn an_unknown_receiver_is_not_found() {
    let rig = rig().await;
    for receiver in ["", "outro", "SiengePagamento"] {
        let answer = rig
            .deliver(|delivery| Delivery {
                receiver,
                ..delivery
            })
            .await;
        assert_eq!(
            (answer.clone(), answer.status()),
            (Answer::UnknownReceiver, 404),
            "{receiver:?}"
        );
    }
    assert!(rig.inbox.is_empty());
}

#[tokio::test]
async fn sixty_four_kilobytes_are_taken_and_a_byte_more_is_too_large() {
    let rig = rig().await;
    let limit = 64 * 1024;
    // Hardly compressible.
    let mut body = br#"{"billId": 10001, "x": ""#.to_vec();
    let mut random = text_without_repeats(1);
    while body.len() < limit - 2 {
        body.push(random());
    }
    body.extend(b"\"}");
    let answer = rig
        .deliver(|delivery| Delivery {
            id: Some("big"),
            body: &body,
            ..delivery
        })
        .await;
    assert_eq!(answer, Answer::Received);
    let kept = rig.stored("big").await.unwrap().webhook.body;
    assert_eq!(kept, br#"{"billId":10001,"***":"***"}"#);
    body.push(b' ');
    let answer = rig
        .deliver(|delivery| Delivery {
            id: Some("bigger"),
            body: &body,
            ..delivery
        })
        .await;
    assert_eq!(
        (answer.status(), answer.text().as_str()),
        (413, "Corpo maior que 64 KB.")
    );
    assert!(rig.stored("bigger").await.is_none());
    rig.apply().await;
}

#[tokio::test]
async fn a_repeat_of_what_was_rejected_asks_the_tables_for_nothing() {
    let rig = rig().await;
    let body = vec![b'['; 60_000];
    let send = |body: &'static [u8], id| {
        rig.deliver(move |delivery| Delivery {
            id,
            body,
            ..delivery
        })
    };
    let body: &'static [u8] = body.leak();
    // Known by its number, and by its digest.
    for id in [Some("bad-1"), None] {
        assert_eq!(send(body, id).await.status(), 400);
        assert!(rig.database.calls().contains_key("PutItem"), "{id:?}");
        for _ in 0..5 {
            assert_eq!(send(body, id).await.status(), 400);
        }
        assert!(rig.database.calls().is_empty(), "{id:?}");
    }
    let kept = rig.stored("bad-1").await.unwrap().webhook.body;
    assert!(kept.len() < 1_100, "{} bytes", kept.len());
    // What can be read is not taken for its repeat.
    let good = send(br#"{"billId": 10001}"#, Some("bad-1")).await;
    assert_eq!(good, Answer::Received);
    assert_eq!(
        rig.stored("bad-1").await.unwrap().state,
        WebhookState::Pending
    );
}

/// Printable characters that repeat never noticeably.
fn text_without_repeats(seed: u64) -> impl FnMut() -> u8 {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut state = seed;
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ALPHABET[usize::try_from(state >> 58).unwrap()]
    }
}

#[tokio::test]
async fn a_webhook_that_names_no_bill_is_found_by_its_contracts_bill_once_it_is_applied() {
    let rig = Rig::start().await;
    rig.run_all("reconcile").await;
    let (bill, _) = rig.contracts(&[1, 2, 3], 1).remove(0);
    let told = rig.change("cancel", json!({"billId": bill}));
    assert!(
        !told[0].body.to_string().contains(&bill.to_string()),
        "{:?}",
        told[0]
    );
    rig.tell(&told[0]).await;
    rig.apply().await;
    let found = rig
        .adapters
        .store
        .journal_of_bill(&tenant(), BillId(i64::from(bill)), 50)
        .await
        .unwrap();
    let found = found.iter().filter(|entry| entry.kind == "webhook");
    assert_eq!(
        found.map(|entry| entry.state.as_str()).collect::<Vec<_>>(),
        ["done"]
    );
}

#[tokio::test]
async fn when_nothing_can_be_stored_sienge_is_asked_to_send_it_again() {
    let rig = rig().await;
    let webhook = Webhook::new(
        rig.database.fragile_store_of("webhook").await,
        rig.inbox.clone(),
        rig.adapters.secrets.clone(),
    );
    let authorization = format!("Bearer {TOKEN}");
    let delivery = Delivery {
        receiver: "SiengePagamentos",
        tenant: Some("617"),
        authorization: Some(&authorization),
        event: None,
        id: Some("s-1"),
        hook_id: None,
        source_ip: None,
        body: br#"{"billId": 10001}"#,
        at: harness::rig::clock(),
    };
    rig.database.faults(|operation, _| {
        if operation == "GetItem" {
            Fault::Lose
        } else {
            Fault::Pass
        }
    });
    assert_eq!(
        webhook.deliver(delivery).await,
        Answer::NotStored,
        "the tenant could not be read"
    );
    rig.database.faults(|operation, _| {
        if operation == "PutItem" {
            Fault::Lose
        } else {
            Fault::Pass
        }
    });
    let answer = webhook.deliver(delivery).await;
    assert_eq!((answer.clone(), answer.status()), (Answer::NotStored, 503));
    assert!(rig.inbox.is_empty());
    // Stored, but the answer was lost: Sienge sends it again and is told that all is well; the sweep queues it.
    rig.database.faults(|operation, _| {
        if operation == "PutItem" {
            Fault::LoseAnswer
        } else {
            Fault::Pass
        }
    });
    assert_eq!(webhook.deliver(delivery).await, Answer::NotStored);
    rig.database.no_faults();
    assert_eq!(webhook.deliver(delivery).await, Answer::Duplicate);
    rig.pass(Duration::from_mins(3));
    rig.payments(json!({})).await.unwrap();
    assert_eq!(rig.inbox.len(), 1);
}

#[tokio::test]
async fn a_tenant_whose_secret_cannot_be_read_is_asked_to_send_again() {
    let rig = rig().await;
    rig.secrets.fail(true);
    let answer = rig.deliver(|delivery| delivery).await;
    assert_eq!(answer, Answer::NotStored);
    rig.secrets.fail(false);
    assert_eq!(rig.deliver(|delivery| delivery).await, Answer::Received);
}

#[tokio::test]
async fn a_webhook_that_could_not_be_queued_is_received_and_queued_by_the_sweep() {
    let rig = Rig::start().await;
    rig.inbox.fail(true);
    assert_eq!(
        rig.deliver(|delivery| Delivery {
            id: Some("q-1"),
            ..delivery
        })
        .await,
        Answer::Received
    );
    rig.pass(Duration::from_mins(3));
    let broken = rig.payments(json!({})).await.unwrap();
    assert!(
        broken["resumo"]
            .as_str()
            .unwrap()
            .contains(": 0 webhook(s)"),
        "the queue is still out of order: {broken}"
    );
    rig.inbox.fail(false);
    assert!(rig.inbox.is_empty());
    let summary = rig.payments(json!({})).await.unwrap();
    assert!(
        summary["resumo"]
            .as_str()
            .unwrap()
            .contains("1 webhook(s) recolocado(s) na fila"),
        "{summary}"
    );
    assert_eq!(rig.inbox.len(), 1);
    rig.run_all("reconcile").await;
    rig.apply().await;
    assert_eq!(rig.stored("q-1").await.unwrap().state, WebhookState::Done);
    rig.payments(json!({})).await.unwrap();
    assert!(rig.inbox.is_empty(), "what is done is not queued again");
}

#[tokio::test]
async fn a_webhook_just_received_is_left_to_its_own_message() {
    let rig = rig().await;
    rig.deliver(|delivery| delivery).await;
    rig.payments(json!({})).await.unwrap();
    assert_eq!(rig.inbox.len(), 1);
}

#[tokio::test]
async fn of_sixteen_at_once_one_is_received_and_queued() {
    let rig = rig().await;
    let sending = (0..16).map(|_| {
        rig.deliver(|delivery| Delivery {
            id: Some("same"),
            ..delivery
        })
    });
    let answers = join_all(sending).await;
    let received = answers
        .iter()
        .filter(|answer| **answer == Answer::Received)
        .count();
    let duplicate = answers
        .iter()
        .filter(|answer| **answer == Answer::Duplicate)
        .count();
    assert_eq!((received, duplicate, rig.inbox.len()), (1, 15, 1));
}

#[tokio::test]
async fn only_post_is_answered_and_the_answer_is_readable_json() {
    let rig = rig().await;
    let sample = include_str!("../../../events/webhook-receipt.json");
    for method in ["GET", "PUT", "DELETE"] {
        let event = sample.replace("\"POST\"", &format!("\"{method}\""));
        let answer = invoked(&rig, &event).await.unwrap();
        assert_eq!(answer["statusCode"], 405, "{method}");
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!(
            body,
            json!({"status": "not-post", "mensagem": "Use o método POST."})
        );
    }
}

/// The function, as the runtime invokes it.
async fn invoked(rig: &Rig, event: &str) -> Result<Value, &'static str> {
    let event = serde_json::value::RawValue::from_string(event.to_owned()).unwrap();
    let answer = http::invoke(&rig.webhook, &event).await;
    answer.map(|answer| json!(answer))
}

#[tokio::test]
async fn what_is_no_request_is_answered_in_words_and_what_is_an_unreadable_one_fails() {
    let rig = rig().await;
    for event in [
        "{}",
        "null",
        "[]",
        r#"{"tenant": "617", "webhook": "a", "dryRun": true}"#,
        r#"{"requestContext": null}"#,
    ] {
        let text = harness::refused(invoked(&rig, event).await);
        assert!(
            text.contains("\"requestContext\"")
                && text.contains("Exemplo: {\"tenant\": \"617\", \"webhook\""),
            "{text}"
        );
    }
    // API Gateway would hand anything else on as a 200, and Sienge would not send it again.
    let unreadable =
        r#"{"requestContext": {"http": 1}, "headers": {"authorization": "Bearer segredo"}}"#;
    let error = invoked(&rig, unreadable).await.unwrap_err();
    assert!(!error.contains("segredo"), "{error}");
    assert!(rig.inbox.is_empty());
}
