//! What settlements mean, from the news to the bus, the timeline and the agreements; and installments that come paid.

use std::time::Duration;

use harness::Rig;
use harness::agreements::{monthly, wanted};
use harness::database::tenant;
use harness::rig::{PLENTY, TODAY};
use ponte::agreement::{Agreement, AgreementKind, AgreementState, NewAgreement, StateName};
use ponte::calendar::business_date;
use ponte::flow::Session;
use ponte::ids::{AgreementId, BillId, InstallmentId};
use ponte::portfolio::{Breaking, EventKind, InstallmentState, ReturnReason, TimelineEvent};
use serde_json::{Value, json};
use tokio::time::Instant;

/// Company 1 alone, held, with contracts to agree on.
async fn rig() -> Rig {
    Rig::with_contracts(1, "1000.00").await
}

async fn save(rig: &Rig, new: NewAgreement) -> Agreement {
    rig.fresh_minute().await;
    let session = Session::open(
        &rig.adapters_of("payments"),
        &tenant(),
        false,
        Instant::now() + PLENTY,
    )
    .await
    .unwrap();
    let saved = session.save_agreement(new).await.unwrap();
    session.close().await;
    saved
}

async fn stored(rig: &Rig) -> Agreement {
    let id = AgreementId::parse("a1").unwrap();
    rig.adapters
        .store
        .agreement(&tenant(), &id)
        .await
        .unwrap()
        .unwrap()
}

/// What the bus heard of installments and payments, as `payment.applied` or `installment.changed writtenOff`.
fn heard(rig: &Rig) -> Vec<String> {
    let events = rig.bus.take().into_iter();
    let told = events.filter(|event| {
        event.detail_type.starts_with("payment.") || event.detail_type.starts_with("installment.")
    });
    told.map(|event| {
        format!(
            "{} {}",
            event.detail_type,
            event.detail["action"].as_str().unwrap_or_default()
        )
        .trim()
        .to_owned()
    })
    .collect()
}

async fn settle(rig: &Rig, bill: u32, installment: u32, kind: &str) {
    rig.happen(
        "receive",
        json!({"billId": bill, "installmentId": installment, "type": kind}),
    )
    .await;
    // The ERP tells of few types: the others are found by the daily load.
    rig.apply().await;
    rig.run_all("import").await;
}

async fn state_of(rig: &Rig, bill: u32, installment: u32) -> InstallmentState {
    let held = rig
        .adapters
        .store
        .load_bill(&tenant(), BillId(i64::from(bill)))
        .await
        .unwrap();
    let id = InstallmentId(i64::from(installment));
    let row = held.installments().find(|row| row.id == id);
    row.unwrap_or_else(|| panic!("installment {id} is not held"))
        .state
}

async fn critiques(rig: &Rig) -> Vec<String> {
    let day = business_date(harness::rig::clock());
    let noted = rig
        .adapters
        .store
        .journal_of_day(&tenant(), day, "critique", 100)
        .await
        .unwrap();
    noted.into_iter().map(|entry| entry.summary).collect()
}

#[tokio::test]
async fn only_what_brings_value_is_heard_as_a_payment_and_everything_is_shown() {
    let rig = rig().await;
    let (bill, ids) = rig.to_agree_on(0, 3);
    for (id, kind, told) in [
        (ids[0], "Recebimento", Some("payment.applied")),
        (
            ids[1],
            "Bonificac\u{327}a\u{303}o",
            Some("installment.changed writtenOff"),
        ),
        (ids[2], "Repactuação - Título 12", None),
    ] {
        settle(&rig, bill, id, kind).await;
        let heard = heard(&rig);
        assert_eq!(
            heard.iter().any(|one| one == "payment.applied"),
            told == Some("payment.applied"),
            "{kind}: {heard:?}"
        );
        assert!(
            told.is_none_or(|told| heard.iter().any(|one| one == told)),
            "{kind}: {heard:?}"
        );
    }
    let texts: Vec<String> = rig
        .timeline(bill)
        .await
        .iter()
        .map(TimelineEvent::text)
        .collect();
    assert!(
        texts
            .iter()
            .any(|text| text.starts_with("Pagamento Direto\nBonificação (total)")),
        "{texts:#?}"
    );
    assert!(
        !texts.iter().any(|text| text.contains("Repactua")),
        "{texts:#?}"
    );
    let closed = |reason| InstallmentState::Closed { reason, on: TODAY };
    assert_eq!(
        state_of(&rig, bill, ids[1]).await,
        closed(ReturnReason::WrittenOff)
    );
    assert_eq!(
        state_of(&rig, bill, ids[2]).await,
        closed(ReturnReason::Renegotiation)
    );
    rig.assert_equal().await;
}

#[tokio::test]
async fn a_type_nobody_knows_is_criticised_and_pays_once_the_settings_say_so() {
    let rig = rig().await;
    let (bill, ids) = rig.to_agree_on(0, 1);
    save(
        &rig,
        wanted(
            "a1",
            AgreementKind::NonIntegrated,
            &rig.owed(bill, &ids),
            monthly(1),
        ),
    )
    .await;
    rig.bus.take();
    settle(&rig, bill, ids[0], "Dação em pagamento").await;
    assert_eq!(stored(&rig).await.state, AgreementState::Active);
    assert_eq!(heard(&rig), ["installment.changed settlementNotClassified"]);
    let told = critiques(&rig).await;
    assert!(
        told.iter()
            .any(|text| text.contains("\"Dação em pagamento\"")
                && text.contains("settlementClasses")),
        "{told:?}"
    );
    // Neither does the term lapse while nobody said what it is.
    rig.pass(Duration::from_hours(24 * 40));
    rig.payments(json!({})).await.unwrap();
    assert_eq!(stored(&rig).await.state, AgreementState::Active);
    rig.settings(|settings| {
        settings.settlement_classes =
            serde_json::from_str(r#"{"dacao em pagamento": "pays"}"#).unwrap();
    })
    .await;
    rig.pass(Duration::from_hours(25));
    rig.payments(json!({})).await.unwrap();
    assert_eq!(stored(&rig).await.state.name(), StateName::Settled);
}

#[tokio::test]
async fn originals_that_are_written_off_break_the_agreement_and_those_paid_down_to_a_write_off_settle_it()
 {
    for (paid, ends) in [
        (None, StateName::Broken),
        (Some("100.00"), StateName::Broken),
        (Some("999.00"), StateName::Settled),
    ] {
        let rig = rig().await;
        let (bill, ids) = rig.to_agree_on(0, 1);
        let mut new = wanted(
            "a1",
            AgreementKind::NonIntegrated,
            &rig.owed(bill, &ids),
            monthly(1),
        );
        // Agreed on with a discount of a real.
        for row in &mut new.planned.quote.amounts.rows {
            row.figures.total = ponte::money::Cents::new(99_900);
        }
        save(&rig, new).await;
        if let Some(value) = paid {
            rig.happen(
                "receive",
                json!({"billId": bill, "installmentId": ids[0], "value": value}),
            )
            .await;
            rig.apply().await;
        }
        settle(&rig, bill, ids[0], "Substituição").await;
        let state = stored(&rig).await.state;
        assert_eq!(state.name(), ends, "{paid:?}");
        if ends == StateName::Broken {
            let how = Breaking::EndedInErp;
            assert_eq!(state, AgreementState::Broken { on: TODAY, how });
        }
        rig.assert_equal().await;
    }
}

#[tokio::test]
async fn an_agreements_remake_is_read_at_once_although_nobody_tells_of_it() {
    let rig = rig().await;
    let (bill, ids) = rig.to_agree_on(0, 2);
    save(
        &rig,
        wanted(
            "a1",
            AgreementKind::Integrated,
            &rig.owed(bill, &ids),
            monthly(2),
        ),
    )
    .await;
    rig.assert_equal().await;
    for id in rig.generated(bill) {
        assert_eq!(state_of(&rig, bill, id).await, InstallmentState::Open);
    }
}

#[tokio::test]
async fn generated_installments_that_are_paid_before_anybody_saw_them_settle_the_agreement() {
    let rig = rig().await;
    let (bill, ids) = rig.to_agree_on(0, 2);
    let mut new = wanted(
        "a1",
        AgreementKind::Integrated,
        &rig.owed(bill, &ids),
        monthly(2),
    );
    new.indexer = Some(1);
    // The bill cannot be read after the remake; the sweep reads it.
    rig.faults(json!({"kind": "status", "status": 403, "method": "GET"}))
        .await;
    save(&rig, new).await;
    rig.faults(json!([])).await;
    let generated = rig.generated(bill);
    for id in &generated {
        rig.change(
            "receive",
            json!({"billId": bill, "installmentId": id, "silent": true}),
        );
    }
    rig.bus.take();
    rig.pass(Duration::from_mins(20));
    rig.payments(json!({})).await.unwrap();
    assert_eq!(stored(&rig).await.state.name(), StateName::Settled);
    let paid = heard(&rig)
        .into_iter()
        .filter(|told| told == "payment.applied")
        .count();
    assert_eq!(paid, generated.len());
    rig.assert_equal().await;
}

#[tokio::test]
async fn an_installment_added_and_paid_before_its_news_is_included_with_its_payment_once() {
    let rig = rig().await;
    let (bill, _) = rig.to_agree_on(0, 1);
    let before = rig.timeline(bill).await.len();
    for (received, events) in [("500.00", 1), ("200.00", 1)] {
        let row = json!({"dueDate": "2027-01-20", "value": "500.00", "received": received});
        rig.happen("add", json!({"billId": bill, "installments": [row]}))
            .await;
        rig.apply().await;
        let paid = heard(&rig)
            .into_iter()
            .filter(|told| told == "payment.applied")
            .count();
        assert_eq!(paid, events, "{received}");
    }
    let told = rig.timeline(bill).await.len();
    assert!(told > before);
    for task in ["import", "redundancy", "reconcile"] {
        rig.run_all(task).await;
    }
    assert_eq!(rig.timeline(bill).await.len(), told);
    assert!(heard(&rig).is_empty());
    rig.assert_equal().await;
}

#[tokio::test]
async fn the_paid_history_of_a_contract_is_no_news_after_its_first_load() {
    let rig = Rig::filled().await;
    rig.bus.take();
    let settled: Vec<u32> = rig.sienge.with_world(|world| {
        let ours = world.bills.values().filter(|bill| bill.company <= 2);
        let mixed = ours.filter(|bill| {
            bill.installments
                .iter()
                .any(sienge_simulator::world::Installment::open)
                && bill.installments.iter().any(|row| !row.open())
        });
        mixed.map(|bill| bill.id).collect()
    });
    assert!(!settled.is_empty());
    let before = rig.portfolio().await;
    for bill in settled {
        // Something that leads to the bill and changes nothing.
        let body = json!({"receivableBillId": bill, "installmentId": 1});
        let told = harness::rig::Told {
            id: format!("de-novo-{bill}"),
            event: "RECEIVABLE_INSTALLMENT_UPDATED".to_owned(),
            body,
        };
        rig.tell(&told).await;
    }
    rig.apply().await;
    rig.run_all("redundancy").await;
    rig.assert_portfolio_is(&before).await;
    assert_eq!(heard(&rig), Vec::<String>::new());
}

#[tokio::test]
async fn an_estorno_of_a_repactuation_takes_no_payment_back() {
    let rig = rig().await;
    let (bill, ids) = rig.to_agree_on(0, 1);
    let part = |kind: &str| json!({"billId": bill, "installmentId": ids[0], "value": "400.00", "type": kind});
    rig.happen("receive", part("Recebimento")).await;
    rig.happen("receive", part("Repactuação")).await;
    rig.apply().await;
    rig.run_all("import").await;
    let reverse: Value = json!({"billId": bill, "installmentId": ids[0], "mode": "receipt", "type": "Estorno de Repactuação", "notify": true});
    rig.happen("reverse", reverse).await;
    rig.apply().await;
    let told = rig.told_of(bill).await;
    assert!(
        !told
            .iter()
            .any(|kind| matches!(kind, EventKind::PaymentReversed { .. })),
        "{told:#?}"
    );
    rig.assert_equal().await;
}
