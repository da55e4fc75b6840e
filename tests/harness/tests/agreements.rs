//! Agreements from their saving to their end, with everything that can go wrong between.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use harness::Rig;
use harness::agreements::{monthly, planned, wanted};
use harness::crash::{Blow, Effects, Wire};
use harness::database::tenant;
use harness::rig::{PLENTY, TODAY, Told, invoker};
use ponte::agreement::{
    Agreement, AgreementKind, AgreementState, DraftError, NewAgreement, Start, StateName,
};
use ponte::aws::BusEvent;
use ponte::calculation::PlanInterest;
use ponte::flow::{Adapters, AgreementError, MAX_ATTEMPTS, Session};
use ponte::ids::{AgreementId, BillId, InstallmentId};
use ponte::money::Cents;
use ponte::portfolio::{Breaking, EventKind, ReturnReason, Scope};
use ponte::sienge::Remedy;
use serde_json::{Value, json};
use tokio::time::Instant;

use AgreementKind::{Integrated, NonIntegrated};

/// Company 1 alone: four contracts of one customer, of four installments each, held.
async fn rig() -> Rig {
    Rig::with_contracts(4, "1000.10").await
}

async fn session_on(adapters: &Adapters) -> Session {
    Session::open(adapters, &tenant(), false, Instant::now() + PLENTY)
        .await
        .unwrap()
}

async fn session(rig: &Rig) -> Session {
    rig.fresh_minute().await;
    session_on(&rig.adapters_of("payments")).await
}

async fn save(rig: &Rig, new: NewAgreement) -> Result<Agreement, AgreementError> {
    let session = session(rig).await;
    let saved = session.save_agreement(new).await;
    session.close().await;
    saved
}

/// Saves an integrated agreement of which nobody can read the bill after its remake.
async fn save_unread(rig: &Rig, mut new: NewAgreement) {
    new.indexer = Some(1);
    rig.faults(json!({"kind": "status", "status": 403, "method": "GET"}))
        .await;
    Box::pin(save(rig, new)).await.unwrap();
    rig.faults(json!([])).await;
}

fn id(text: &str) -> AgreementId {
    AgreementId::parse(text).unwrap()
}

async fn stored(rig: &Rig, name: &str) -> Agreement {
    rig.adapters
        .store
        .agreement(&tenant(), &id(name))
        .await
        .unwrap()
        .unwrap()
}

async fn state(rig: &Rig, name: &str) -> StateName {
    stored(rig, name).await.state.name()
}

fn bill_id(bill: u32) -> BillId {
    BillId(i64::from(bill))
}

async fn claims(rig: &Rig, bill: u32) -> usize {
    rig.adapters
        .store
        .load_bill(&tenant(), bill_id(bill))
        .await
        .unwrap()
        .claims
        .live
        .len()
}

/// Delivers what Sienge tells of a bill's last remake.
async fn tell_remake(rig: &Rig, bill: u32) {
    for generated in rig.generated(bill) {
        let told = Told {
            id: format!("gerada-{bill}-{generated}"),
            event: "RECEIVABLE_INSTALLMENT_CREATED".to_owned(),
            body: json!({"receivableBillId": bill, "installmentId": generated}),
        };
        assert_eq!(rig.tell(&told).await.status(), 200);
    }
    rig.apply().await;
}

async fn pay(rig: &Rig, bill: u32, installment: u32) {
    rig.happen(
        "receive",
        json!({"billId": bill, "installmentId": installment}),
    )
    .await;
    rig.apply().await;
}

async fn sweep(rig: &Rig) {
    rig.payments(json!({})).await.unwrap();
}

/// How often each agreement event was published.
fn published(events: &[BusEvent]) -> BTreeMap<&'static str, usize> {
    let told = events
        .iter()
        .filter(|event| event.detail_type.starts_with("agreement."));
    told.fold(BTreeMap::new(), |mut counts, event| {
        *counts.entry(event.detail_type).or_default() += 1;
        counts
    })
}

async fn texts(rig: &Rig, bill: u32) -> Vec<String> {
    rig.timeline(bill)
        .await
        .iter()
        .map(ponte::portfolio::TimelineEvent::text)
        .collect()
}

#[tokio::test]
async fn an_integrated_agreement_is_remade_comes_back_is_paid_and_settles() {
    let rig = rig().await;
    let (bill, ids) = rig.to_agree_on(0, 2);
    let saved = save(
        &rig,
        wanted("a1", Integrated, &rig.owed(bill, &ids), monthly(3)),
    )
    .await
    .unwrap();
    assert_eq!(saved.state, AgreementState::Active);
    let generated = rig.generated(bill);
    let remade = saved.remake.as_ref().unwrap();
    let confirmed: Vec<i64> = remade
        .generated
        .iter()
        .map(|one| one.installment.0)
        .collect();
    assert_eq!(
        confirmed,
        generated
            .iter()
            .map(|id| i64::from(*id))
            .collect::<Vec<_>>()
    );
    let amounts: Vec<i64> = rig
        .owed(bill, &generated)
        .iter()
        .map(|(.., balance)| balance.get())
        .collect();
    assert_eq!(
        amounts,
        saved
            .rows
            .iter()
            .map(|row| row.amount.get())
            .collect::<Vec<_>>()
    );

    tell_remake(&rig, bill).await;
    rig.assert_equal().await;
    let told = rig.told_of(bill).await;
    let returned = |reason| told.contains(&EventKind::Returned { reason });
    assert!(
        returned(ReturnReason::Agreement) && !returned(ReturnReason::Renegotiation),
        "{told:?}"
    );
    assert_eq!(claims(&rig, bill).await, 1);

    for installment in &generated {
        assert_eq!(state(&rig, "a1").await, StateName::Active);
        pay(&rig, bill, *installment).await;
    }
    let settled = stored(&rig, "a1").await;
    assert_eq!(settled.state.name(), StateName::Settled);
    assert!(settled.rows.iter().all(|row| row.paid_on == Some(TODAY)));
    assert_eq!(claims(&rig, bill).await, 0);
    let events = rig.bus.take();
    assert_eq!(
        published(&events),
        BTreeMap::from([("agreement.created", 1), ("agreement.settled", 1)])
    );
    let texts = texts(&rig, bill).await;
    assert_eq!(
        texts
            .iter()
            .filter(|text| text.starts_with("Pagamento\n"))
            .count(),
        3,
        "{texts:#?}"
    );
    rig.assert_equal().await;
}

#[tokio::test]
async fn a_remake_deleted_in_sienge_breaks_the_agreement_and_restores_the_originals() {
    // Seen by its webhooks, by the daily load, by the opening of the customer.
    for way in ["webhook", "import", "sync"] {
        let rig = rig().await;
        let (bill, ids) = rig.to_agree_on(0, 2);
        save(
            &rig,
            wanted("a1", Integrated, &rig.owed(bill, &ids), monthly(2)),
        )
        .await
        .unwrap();
        tell_remake(&rig, bill).await;
        let generated = rig.generated(bill);
        rig.bus.take();
        let undo = json!({"billId": bill, "undo": true, "silent": way != "webhook"});
        rig.happen("remake", undo).await;
        match way {
            "webhook" => rig.apply().await,
            "import" => drop(
                rig.import(json!({"tenant": "617", "creditor": 1}))
                    .await
                    .unwrap(),
            ),
            _ => {
                let session = session(&rig).await;
                let bills =
                    BTreeMap::from([(bill_id(bill), ponte::sync::ReadRequest::with_boletos())]);
                session.sync.sync_bills(Scope::Sync, &bills).await.unwrap();
                session.close().await;
            }
        }
        let broken = stored(&rig, "a1").await;
        let how = Breaking::ErpGone;
        assert_eq!(
            broken.state,
            AgreementState::Broken { on: TODAY, how },
            "{way}"
        );
        let held = rig
            .adapters
            .store
            .load_bill(&tenant(), bill_id(bill))
            .await
            .unwrap();
        let open = |id: &u32| {
            held.installments()
                .any(|row| row.id == InstallmentId(i64::from(*id)) && row.is_open())
        };
        assert!(ids.iter().all(open) && !generated.iter().any(open), "{way}");
        assert!(held.claims.live.is_empty(), "{way}");
        rig.assert_equal().await;
        assert_eq!(
            published(&rig.bus.take()),
            BTreeMap::from([("agreement.broken", 1)]),
            "{way}"
        );
        let texts = texts(&rig, bill).await;
        let wanted = "Quebra automática: Identificado que o acordo está quebrado na API Sienge";
        assert!(
            texts
                .iter()
                .any(|text| text.starts_with("Quebra de Acordo") && text.ends_with(wanted)),
            "{way}: {texts:#?}"
        );
    }
}

#[tokio::test]
async fn a_remake_deleted_before_any_look_is_noticed_by_the_daily_sweep() {
    let rig = rig().await;
    let (bill, ids) = rig.to_agree_on(0, 2);
    save_unread(
        &rig,
        wanted("a1", Integrated, &rig.owed(bill, &ids), monthly(2)),
    )
    .await;
    rig.change(
        "remake",
        json!({"billId": bill, "undo": true, "silent": true}),
    );
    sweep(&rig).await;
    assert_eq!(state(&rig, "a1").await, StateName::Active);
    rig.pass(Duration::from_hours(25));
    sweep(&rig).await;
    assert_eq!(state(&rig, "a1").await, StateName::Broken);
}

#[tokio::test]
async fn a_remake_that_was_not_looked_at_yet_is_not_taken_for_gone() {
    let rig = rig().await;
    let (bill, ids) = rig.to_agree_on(0, 2);
    save_unread(
        &rig,
        wanted("a1", Integrated, &rig.owed(bill, &ids), monthly(2)),
    )
    .await;
    rig.pass(Duration::from_hours(25));
    sweep(&rig).await;
    assert_eq!(state(&rig, "a1").await, StateName::Active);
    rig.run_all("import").await;
    rig.assert_equal().await;
    assert_eq!(state(&rig, "a1").await, StateName::Active);
}

#[tokio::test]
async fn a_renegotiation_made_in_sienge_is_not_taken_for_ours() {
    let rig = rig().await;
    let (bill, ids) = rig.to_agree_on(0, 2);
    save(
        &rig,
        wanted("a1", NonIntegrated, &rig.owed(bill, &ids), monthly(1)),
    )
    .await
    .unwrap();
    rig.happen(
        "remake",
        json!({"billId": bill, "installmentIds": ids, "count": 2}),
    )
    .await;
    rig.apply().await;
    rig.assert_equal().await;
    let told = rig.told_of(bill).await;
    let reason = ReturnReason::Renegotiation;
    assert!(told.contains(&EventKind::Returned { reason }), "{told:?}");
    let how = Breaking::EndedInErp;
    assert_eq!(
        stored(&rig, "a1").await.state,
        AgreementState::Broken { on: TODAY, how }
    );
}

#[tokio::test]
async fn a_non_integrated_agreement_settles_with_its_originals_over_two_contracts() {
    let rig = rig().await;
    let ((one, of_one), (other, of_other)) = (rig.to_agree_on(0, 1), rig.to_agree_on(1, 1));
    let mut owed = rig.owed(one, &of_one);
    owed.extend(rig.owed(other, &of_other));
    let saved = save(&rig, wanted("a1", NonIntegrated, &owed, monthly(1)))
        .await
        .unwrap();
    assert_eq!(saved.state, AgreementState::Active);
    assert_eq!((claims(&rig, one).await, claims(&rig, other).await), (1, 1));
    pay(&rig, one, of_one[0]).await;
    assert_eq!(state(&rig, "a1").await, StateName::Active);
    pay(&rig, other, of_other[0]).await;
    assert_eq!(state(&rig, "a1").await, StateName::Settled);
    assert_eq!((claims(&rig, one).await, claims(&rig, other).await), (0, 0));
    let counts = published(&rig.bus.take());
    assert_eq!(
        counts,
        BTreeMap::from([("agreement.created", 1), ("agreement.settled", 1)])
    );
    let store = &rig.adapters.store;
    assert_eq!(
        store
            .agreements_of_bill(&tenant(), bill_id(other), 10)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_term_that_lapses_unpaid_breaks_a_non_integrated_agreement_and_the_originals_stay() {
    let rig = rig().await;
    let (bill, ids) = rig.to_agree_on(0, 2);
    save(
        &rig,
        wanted("a1", NonIntegrated, &rig.owed(bill, &ids), monthly(1)),
    )
    .await
    .unwrap();
    // Due on Monday 21 December; the payment must have arrived three days later.
    rig.pass(Duration::from_hours(24 * 34));
    sweep(&rig).await;
    assert_eq!(state(&rig, "a1").await, StateName::Active);
    rig.pass(Duration::from_hours(25));
    sweep(&rig).await;
    assert_eq!(state(&rig, "a1").await, StateName::Broken);
    assert_eq!(claims(&rig, bill).await, 0);
    rig.assert_equal().await;
    let texts = texts(&rig, bill).await;
    assert!(
        texts
            .iter()
            .any(|text| text
                .ends_with("Quebra automática: Prazo de pagamento vencido em 21/12/2026")),
        "{texts:#?}"
    );
}

#[tokio::test]
async fn breaking_returns_the_originals_where_the_creditor_wants_that() {
    let rig = rig().await;
    rig.creditor(1, |settings| {
        settings.agreements.return_originals_on_break = true;
        settings.reopen_returned_installments = false;
    })
    .await;
    let (bill, ids) = rig.to_agree_on(0, 2);
    save(
        &rig,
        wanted("a1", NonIntegrated, &rig.owed(bill, &ids), monthly(1)),
    )
    .await
    .unwrap();
    let session = session(&rig).await;
    let broken = session
        .break_agreement(&id("a1"), "Cliente desistiu")
        .await
        .unwrap();
    assert_eq!(broken.state.name(), StateName::Broken);
    assert_eq!(
        session
            .break_agreement(&id("a1"), "Cliente desistiu")
            .await
            .unwrap(),
        broken,
        "again"
    );
    let refused = session
        .cancel_agreement(&id("a1"), "x")
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(
        refused,
        "não é possível cancelar um acordo quebrado: só proposta ou em andamento"
    );
    session.close().await;
    let held = rig
        .adapters
        .store
        .load_bill(&tenant(), bill_id(bill))
        .await
        .unwrap();
    let closed = held
        .installments()
        .filter(|row| ids.contains(&u32::try_from(row.id.0).unwrap()));
    assert!(closed.into_iter().all(|row| !row.is_open()));
    let texts = texts(&rig, bill).await;
    assert!(
        texts
            .iter()
            .any(|text| text.starts_with("Devolução\nQUEBRA DE ACORDO")),
        "{texts:#?}"
    );
}

#[tokio::test]
async fn a_proposal_holds_nothing_until_it_is_confirmed_and_expires_by_itself() {
    let rig = rig().await;
    let (bill, ids) = rig.to_agree_on(0, 2);
    for name in ["p1", "p2", "p3"] {
        let mut new = wanted(name, NonIntegrated, &rig.owed(bill, &ids), monthly(1));
        new.start = Start::Proposal { expires_on: None };
        assert_eq!(
            save(&rig, new).await.unwrap().state.name(),
            StateName::Proposed
        );
    }
    assert_eq!(claims(&rig, bill).await, 0);
    let session = session(&rig).await;
    assert_eq!(
        session.confirm_agreement(&id("p1")).await.unwrap().state,
        AgreementState::Active
    );
    assert_eq!(
        session.confirm_agreement(&id("p1")).await.unwrap().state,
        AgreementState::Active,
        "again"
    );
    let refused = session.confirm_agreement(&id("p2")).await.unwrap_err();
    assert!(
        matches!(&refused, AgreementError::Draft(DraftError::InAnotherAgreement { agreement, .. }) if *agreement == id("p1")),
        "{refused}"
    );
    let cancelled = session.cancel_agreement(&id("p1"), "Engano").await.unwrap();
    assert_eq!(cancelled.state.name(), StateName::Cancelled);
    session.close().await;
    rig.pass(Duration::from_hours(24 * 6));
    sweep(&rig).await;
    assert_eq!(
        (state(&rig, "p2").await, state(&rig, "p3").await),
        (StateName::Expired, StateName::Expired)
    );
    assert!(rig.nothing_waits().await);
    let counts = published(&rig.bus.take());
    assert_eq!(
        counts,
        BTreeMap::from([("agreement.cancelled", 1), ("agreement.created", 1)])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_agreements_at_once_on_one_installment_exactly_one_wins() {
    for kind in [Integrated, NonIntegrated] {
        let rig = rig().await;
        let (bill, ids) = rig.to_agree_on(0, 2);
        let sessions = join_all((0..8).map(|_| session(&rig))).await;
        let saves = sessions.iter().enumerate().map(|(index, session)| {
            let owed = rig.owed(bill, &ids[..=index % 2]);
            let mut new = wanted(&format!("a{index}"), kind, &owed, monthly(2));
            new.indexer = Some(1);
            session.save_agreement(new)
        });
        let saved = join_all(saves).await;
        let (won, lost): (Vec<_>, Vec<_>) = saved.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 7), "{lost:?}");
        for refused in lost {
            let refused = refused.unwrap_err();
            let taken = |error: &DraftError| {
                matches!(
                    error,
                    DraftError::InAnotherAgreement { .. } | DraftError::AnotherRemake { .. }
                )
            };
            assert!(
                matches!(&refused, AgreementError::Draft(error) if taken(error)),
                "{refused}"
            );
        }
        assert_eq!(rig.remakes(bill), usize::from(kind == Integrated));
        assert_eq!(claims(&rig, bill).await, 1);
    }
}

#[tokio::test]
async fn saving_the_same_again_answers_the_stored_one_and_something_else_is_refused() {
    let rig = rig().await;
    let (bill, ids) = rig.to_agree_on(0, 2);
    let new = wanted("a1", Integrated, &rig.owed(bill, &ids), monthly(2));
    let other = wanted("a1", Integrated, &rig.owed(bill, &ids), monthly(3));
    let sessions = join_all((0..4).map(|_| session(&rig))).await;
    let saved = join_all(
        sessions
            .iter()
            .map(|session| session.save_agreement(new.clone())),
    )
    .await;
    assert!(saved.iter().all(Result::is_ok), "{saved:?}");
    assert_eq!(rig.remakes(bill), 1);
    assert_eq!(
        save(&rig, new.clone()).await.unwrap(),
        stored(&rig, "a1").await
    );
    let refused = save(&rig, other).await.unwrap_err();
    assert!(
        matches!(&refused, AgreementError::OtherRequest(other) if *other == id("a1")),
        "{refused}"
    );
}

#[tokio::test]
async fn what_sienge_refuses_is_cancelled_with_its_reason_and_holds_nothing() {
    let rig = rig().await;
    let (bill, ids) = rig.to_agree_on(0, 2);
    rig.faults(json!({"kind": "status", "status": 422, "route": "v1/remade-installments", "method": "POST"}))
        .await;
    let saved = save(
        &rig,
        wanted("a1", Integrated, &rig.owed(bill, &ids), monthly(2)),
    )
    .await
    .unwrap();
    let AgreementState::Cancelled { reason, .. } = &saved.state else {
        panic!("{:?}", saved.state)
    };
    assert!(
        reason.starts_with("O Sienge recusou a requisição a remade-installments (422)"),
        "{reason}"
    );
    assert_eq!((rig.remakes(bill), claims(&rig, bill).await), (0, 0));
    rig.faults(json!([])).await;
    let again = save(
        &rig,
        wanted("a2", Integrated, &rig.owed(bill, &ids), monthly(2)),
    )
    .await
    .unwrap();
    assert_eq!(again.state, AgreementState::Active);
}

#[tokio::test]
async fn an_answer_lost_after_the_remake_is_looked_up_and_never_remade_twice() {
    let rig = rig().await;
    let post = "v1/remade-installments";
    for (place, fault) in [
        json!({"kind": "close", "afterBytes": 0, "route": post, "method": "POST", "count": 1}),
        json!({"kind": "truncated", "afterBytes": 7, "route": post, "method": "POST", "count": 1}),
    ]
    .into_iter()
    .enumerate()
    {
        let (bill, ids) = rig.to_agree_on(0, 2);
        rig.faults(fault).await;
        let name = format!("a{place}");
        let saved = save(
            &rig,
            wanted(&name, Integrated, &rig.owed(bill, &ids), monthly(2)),
        )
        .await
        .unwrap();
        assert_eq!(
            (saved.state, rig.remakes(bill)),
            (AgreementState::Active, 1)
        );
    }
}

#[tokio::test]
async fn an_attempt_without_effect_is_made_again_after_its_time_and_given_up_after_the_last() {
    let rig = rig().await;
    let (bill, ids) = rig.to_agree_on(0, 2);
    let broken = json!({"kind": "status", "status": 500, "route": "v1/remade-installments", "method": "POST", "count": 1});
    rig.faults(broken).await;
    save(
        &rig,
        wanted("a1", Integrated, &rig.owed(bill, &ids), monthly(2)),
    )
    .await
    .unwrap();
    assert_eq!(state(&rig, "a1").await, StateName::AwaitingErp);
    rig.pass(Duration::from_mins(10));
    sweep(&rig).await;
    assert_eq!(
        (state(&rig, "a1").await, rig.remakes(bill)),
        (StateName::AwaitingErp, 0),
        "too early"
    );
    rig.pass(Duration::from_mins(10));
    sweep(&rig).await;
    assert_eq!(
        (state(&rig, "a1").await, rig.remakes(bill)),
        (StateName::Active, 1)
    );

    let (bill, ids) = rig.to_agree_on(0, 2);
    rig.faults(json!({"kind": "status", "status": 500, "route": "v1/remade-installments", "method": "POST"}))
        .await;
    save(
        &rig,
        wanted("a2", Integrated, &rig.owed(bill, &ids), monthly(2)),
    )
    .await
    .unwrap();
    for _ in 0..MAX_ATTEMPTS {
        assert_eq!(state(&rig, "a2").await, StateName::AwaitingErp);
        rig.pass(Duration::from_mins(20));
        sweep(&rig).await;
    }
    assert_eq!(
        (state(&rig, "a2").await, claims(&rig, bill).await),
        (StateName::Cancelled, 0)
    );
}

/// How often a remake was asked of Sienge since its calls were forgotten.
async fn asked(rig: &Rig) -> u64 {
    let calls = rig.control("GET", "calls", Value::Null).await;
    let routes = calls["routes"].as_array().unwrap();
    let posted = routes
        .iter()
        .find(|route| route["route"] == "POST v1/remade-installments");
    posted.map_or(0, |route| route["calls"].as_u64().unwrap())
}

#[tokio::test]
async fn of_two_sweeps_at_once_one_sends_the_remake_again() {
    let rig = rig().await;
    let (bill, ids) = rig.to_agree_on(0, 2);
    let broken = json!({"kind": "status", "status": 500, "route": "v1/remade-installments", "method": "POST", "count": 1});
    rig.faults(broken).await;
    save(
        &rig,
        wanted("a1", Integrated, &rig.owed(bill, &ids), monthly(2)),
    )
    .await
    .unwrap();
    rig.pass(Duration::from_mins(20));
    rig.control("DELETE", "calls", Value::Null).await;
    join_all((0..4).map(|_| sweep(&rig))).await;
    assert_eq!(
        (state(&rig, "a1").await, rig.remakes(bill)),
        (StateName::Active, 1)
    );
    assert_eq!(asked(&rig).await, 1);
}

#[tokio::test]
async fn sienge_refuses_a_second_remake_of_the_same_installments() {
    let rig = rig().await;
    let (bill, ids) = rig.to_agree_on(0, 2);
    let saved = save(
        &rig,
        wanted("a1", Integrated, &rig.owed(bill, &ids), monthly(2)),
    )
    .await
    .unwrap();
    let order = ponte::agreement::remake_order(&saved).unwrap();
    let session = session(&rig).await;
    let refused = session.sienge.remake(&order).await.unwrap_err();
    assert_eq!(refused.remedy(), Remedy::Never, "{refused}");
    session.close().await;
    assert_eq!(rig.remakes(bill), 1);
}

#[tokio::test]
async fn a_price_plan_with_a_down_payment_comes_back_with_the_agreed_sum() {
    let rig = rig().await;
    let (bill, ids) = rig.to_agree_on(0, 2);
    let mut asked = monthly(6);
    asked.interest = PlanInterest::Price;
    asked.down_payment = Cents::new(30_000);
    let saved = save(&rig, wanted("a1", Integrated, &rig.owed(bill, &ids), asked))
        .await
        .unwrap();
    assert_eq!(
        (saved.state.clone(), saved.rows.len()),
        (AgreementState::Active, 7)
    );
    assert!(saved.plan_interest > Cents::ZERO && saved.rows[0].down_payment);
    let generated = rig.owed(bill, &rig.generated(bill));
    assert_eq!(generated.len(), 7);
    for ((_, _, due_on, balance), row) in generated.iter().zip(&saved.rows) {
        assert_eq!(*due_on, row.due_on, "row {}", row.number);
        // Sienge computes Price itself, and puts the cents of the division where it likes.
        assert!(
            (balance.get() - row.amount.get()).abs() < 6,
            "{balance} for {}",
            row.amount
        );
    }
    let sum: i64 = generated.iter().map(|(.., balance)| balance.get()).sum();
    assert_eq!(
        (sum, generated[0].3),
        (saved.total.get(), saved.rows[0].amount)
    );
    tell_remake(&rig, bill).await;
    rig.assert_equal().await;
    pay(&rig, bill, rig.generated(bill)[0]).await;
    let paid = stored(&rig, "a1").await;
    assert_eq!(
        (paid.rows[0].paid_on, paid.rows[1].paid_on),
        (Some(TODAY), None)
    );
}

#[tokio::test]
async fn a_down_payment_is_a_payment_in_part_and_keeps_a_non_integrated_agreement() {
    let rig = rig().await;
    let (bill, ids) = rig.to_agree_on(0, 1);
    let mut asked = monthly(2);
    asked.down_payment = Cents::new(10_000);
    let saved = save(
        &rig,
        wanted("a1", NonIntegrated, &rig.owed(bill, &ids), asked),
    )
    .await
    .unwrap();
    assert_eq!(saved.next_row().unwrap().due_on, TODAY);
    rig.happen(
        "receive",
        json!({"billId": bill, "installmentId": ids[0], "value": "100.00"}),
    )
    .await;
    rig.apply().await;
    assert_eq!(stored(&rig, "a1").await.rows[0].paid_on, Some(TODAY));
    rig.pass(Duration::from_hours(24 * 20));
    sweep(&rig).await;
    assert_eq!(
        state(&rig, "a1").await,
        StateName::Active,
        "the next row is not due yet"
    );
    pay(&rig, bill, ids[0]).await;
    assert_eq!(state(&rig, "a1").await, StateName::Settled);
    rig.assert_equal().await;
}

#[tokio::test]
async fn many_rows_paid_by_one_original_settle_with_one_look() {
    let rig = rig().await;
    let (bill, ids) = rig.to_agree_on(0, 1);
    save(
        &rig,
        wanted("a1", NonIntegrated, &rig.owed(bill, &ids), monthly(150)),
    )
    .await
    .unwrap();
    pay(&rig, bill, ids[0]).await;
    let settled = stored(&rig, "a1").await;
    assert_eq!(settled.state.name(), StateName::Settled);
    let texts = texts(&rig, bill).await;
    assert_eq!(
        texts
            .iter()
            .filter(|text| text.starts_with("Pagamento\n"))
            .count(),
        150
    );
}

/// Agreements that the sweep would look at now.
async fn due_now(rig: &Rig) -> usize {
    let now = (rig.adapters.clock)();
    rig.adapters
        .store
        .due_agreements(&tenant(), now, 10)
        .await
        .unwrap()
        .len()
}

#[tokio::test]
async fn a_term_does_not_lapse_while_sienge_has_the_payments_and_the_webhooks_are_late() {
    let rig = rig().await;
    let ((one, of_one), (other, of_other)) = (rig.to_agree_on(0, 1), rig.to_agree_on(1, 1));
    let mut owed = rig.owed(one, &of_one);
    owed.extend(rig.owed(other, &of_other));
    save(&rig, wanted("a1", NonIntegrated, &owed, monthly(1)))
        .await
        .unwrap();
    for (bill, installment) in [(one, of_one[0]), (other, of_other[0])] {
        rig.change(
            "receive",
            json!({"billId": bill, "installmentId": installment, "silent": true}),
        );
    }
    rig.pass(Duration::from_hours(24 * 36));
    sweep(&rig).await;
    assert_eq!(state(&rig, "a1").await, StateName::Settled);
    rig.assert_equal().await;
}

#[tokio::test]
async fn what_cannot_be_asked_of_sienge_does_not_lapse_and_is_put_off() {
    let rig = rig().await;
    let (bill, ids) = rig.to_agree_on(0, 1);
    save(
        &rig,
        wanted("a1", NonIntegrated, &rig.owed(bill, &ids), monthly(1)),
    )
    .await
    .unwrap();
    rig.pass(Duration::from_hours(24 * 36));
    assert_eq!(due_now(&rig).await, 1);
    rig.faults(json!({"kind": "status", "status": 403})).await;
    sweep(&rig).await;
    assert_eq!(
        (state(&rig, "a1").await, due_now(&rig).await),
        (StateName::Active, 0)
    );
    rig.faults(json!([])).await;
    rig.pass(Duration::from_mins(61));
    assert_eq!(due_now(&rig).await, 1);
    // A tenant that is not active is left alone until it is.
    rig.settings(|settings| settings.active = false).await;
    sweep(&rig).await;
    rig.pass(Duration::from_hours(23));
    assert_eq!(
        (state(&rig, "a1").await, due_now(&rig).await),
        (StateName::Active, 1)
    );
    rig.settings(|settings| settings.active = true).await;
    sweep(&rig).await;
    assert_eq!(state(&rig, "a1").await, StateName::Broken);
}

#[tokio::test]
async fn a_remake_is_not_asked_for_again_on_another_day() {
    let rig = rig().await;
    let (bill, ids) = rig.to_agree_on(0, 2);
    let broken = json!({"kind": "status", "status": 500, "route": "v1/remade-installments", "method": "POST", "count": 1});
    rig.faults(broken).await;
    save(
        &rig,
        wanted("a1", Integrated, &rig.owed(bill, &ids), monthly(2)),
    )
    .await
    .unwrap();
    rig.pass(Duration::from_hours(24));
    sweep(&rig).await;
    let cancelled = stored(&rig, "a1").await;
    let AgreementState::Cancelled { reason, .. } = &cancelled.state else {
        panic!("{:?}", cancelled.state)
    };
    assert!(
        reason.ends_with("a simulação é desse dia; simule de novo"),
        "{reason}"
    );
    assert_eq!((rig.remakes(bill), claims(&rig, bill).await), (0, 0));
}

/// An operator breaks an agreement whose originals go back, and the invocation dies at each of its effects: repeated or not, it ends broken with its
/// originals returned, each told once.
#[tokio::test]
async fn death_while_an_agreement_is_broken_leaves_it_broken_and_its_originals_returned() {
    let rig = rig().await;
    rig.creditor(1, |settings| {
        settings.agreements.return_originals_on_break = true;
    })
    .await;
    let ((one, of_one), (other, of_other)) = (rig.to_agree_on(0, 1), rig.to_agree_on(1, 1));
    let mut owed = rig.owed(one, &of_one);
    owed.extend(rig.owed(other, &of_other));
    save(&rig, wanted("a1", NonIntegrated, &owed, monthly(1)))
        .await
        .unwrap();
    let clean = rig.save();
    let mut points = 0;
    for number in 1.. {
        rig.restore(&clean);
        rig.fresh_minute().await;
        let effects = Effects::struck(number, Blow::DiesAfter);
        let adapters = rig.watched_adapters("payments", &effects).await;
        let invocation = async {
            let session =
                Session::open(&adapters, &tenant(), false, Instant::now() + PLENTY).await?;
            let done = session.break_agreement(&id("a1"), "Cliente desistiu").await;
            session.close().await;
            done.map(drop)
        };
        drop(effects.run(Box::pin(invocation)).await);
        if !effects.fell() {
            break;
        }
        points += 1;
        let place = format!("death at {number} ({})", effects.names()[number - 1]);
        if state(&rig, "a1").await == StateName::Active {
            let session = session(&rig).await;
            session
                .break_agreement(&id("a1"), "Cliente desistiu")
                .await
                .unwrap();
            session.close().await;
        }
        rig.pass(Duration::from_mins(17));
        sweep(&rig).await;
        let broken = stored(&rig, "a1").await;
        assert!(
            matches!(
                &broken.state,
                AgreementState::Broken {
                    how: Breaking::Command { .. },
                    ..
                }
            ),
            "{place}"
        );
        for (bill, installment) in [(one, of_one[0]), (other, of_other[0])] {
            let held = rig
                .adapters
                .store
                .load_bill(&tenant(), bill_id(bill))
                .await
                .unwrap();
            let wanted = InstallmentId(i64::from(installment));
            assert!(
                held.installments()
                    .all(|row| row.id != wanted || !row.is_open()),
                "{place}"
            );
            let told = texts(&rig, bill).await;
            for title in ["Quebra de Acordo", "Devolução\nQUEBRA DE ACORDO"] {
                assert_eq!(
                    told.iter().filter(|text| text.starts_with(title)).count(),
                    1,
                    "{place}: {title}"
                );
            }
        }
        rig.pass(Duration::from_hours(1));
        assert_eq!(due_now(&rig).await, 0, "{place}");
        assert!(rig.nothing_waits().await, "{place}");
    }
    assert!(points > 6, "{points}");
}

/// What is struck.
#[derive(Debug, Clone, Copy)]
enum Struck {
    /// The saving of an agreement.
    Save,
    /// The confirmation of a proposal.
    Confirm,
    /// The sweep that finds an intention whose remake was made.
    SweepDone,
    /// The sweep that finds one whose remake was not made.
    SweepUndone,
}

const WAYS: [Struck; 4] = [
    Struck::Save,
    Struck::Confirm,
    Struck::SweepDone,
    Struck::SweepUndone,
];

/// Strikes at every effect of an invocation that leads to a remake; afterwards the caller repeats what was not answered, the sweep runs, and
/// there is one agreement with one remake. `PONTE_CRASHES=all` strikes in every way.
#[tokio::test]
async fn death_between_any_two_steps_ends_with_one_agreement_and_one_remake() {
    let rig = rig().await;
    let wire = Wire::before(&rig.sienge.base_url).await;
    let address = format!("{}/obra/public/api", wire.base_url);
    rig.settings(|settings| settings.sienge_base_url = address)
        .await;
    let (bill, ids) = rig.to_agree_on(0, 2);
    let clean = rig.save();
    // To die before an effect is to die after the one before it, but for the first.
    let all = std::env::var("PONTE_CRASHES").is_ok_and(|wanted| wanted == "all");
    let blows = if all {
        &[
            Blow::DiesAfter,
            Blow::DiesBefore,
            Blow::FailsBefore,
            Blow::FailsAfter,
        ][..]
    } else {
        &[Blow::DiesAfter]
    };
    for way in WAYS {
        rig.restore(&clean);
        let new = Box::pin(prepare(&rig, way, bill, &ids)).await;
        let saved = rig.save();
        for blow in blows {
            let mut points = 0;
            for number in 1.. {
                rig.restore(&saved);
                let effects = Effects::struck(number, *blow);
                rig.control("DELETE", "calls", Value::Null).await;
                invoke(&rig, &wire, way, &new, &effects).await;
                if !effects.fell() {
                    break;
                }
                points += 1;
                let place = format!(
                    "{way:?}, {blow:?} at {number} ({})",
                    effects.names()[number - 1]
                );
                afterwards(&rig, way, &new).await;
                assert!(rig.nothing_waits().await, "{place}");
                let agreement = stored(&rig, "a1").await;
                if *blow == Blow::FailsBefore && place.contains("POST") {
                    // A clear refusal, and nothing there: it ends with nothing done.
                    assert_eq!(agreement.state.name(), StateName::Cancelled, "{place}");
                    assert_eq!(
                        (rig.remakes(bill), claims(&rig, bill).await),
                        (0, 0),
                        "{place}"
                    );
                    continue;
                }
                assert_eq!(agreement.state, AgreementState::Active, "{place}");
                assert_eq!(rig.remakes(bill), 1, "{place}");
                // The intention whose remake was made asked before it was struck.
                let once = u64::from(!matches!(way, Struck::SweepDone));
                assert_eq!(
                    asked(&rig).await,
                    once,
                    "{place}: Sienge is not asked for a second one"
                );
                let generated: Vec<i64> = agreement
                    .remake
                    .unwrap()
                    .generated
                    .iter()
                    .map(|one| one.installment.0)
                    .collect();
                assert_eq!(
                    generated,
                    rig.generated(bill)
                        .iter()
                        .map(|id| i64::from(*id))
                        .collect::<Vec<_>>(),
                    "{place}"
                );
                assert_eq!(claims(&rig, bill).await, 1, "{place}");
                let made = texts(&rig, bill)
                    .await
                    .iter()
                    .filter(|text| text.contains("Integrado ao Sienge (reparcelamento)"))
                    .count();
                assert_eq!(made, 1, "{place}: told once");
            }
            assert!(points > 3, "{way:?}: {points}");
            println!("{way:?}, {blow:?}: {points} points");
        }
    }
}

/// The state before the invocation that is struck.
async fn prepare(rig: &Rig, way: Struck, bill: u32, ids: &[u32]) -> NewAgreement {
    let mut new = wanted("a1", Integrated, &rig.owed(bill, ids), monthly(2));
    match way {
        Struck::Save => {}
        Struck::Confirm => {
            new.start = Start::Proposal { expires_on: None };
            save(rig, new.clone()).await.unwrap();
        }
        Struck::SweepDone | Struck::SweepUndone => {
            let lost = if matches!(way, Struck::SweepDone) {
                json!([{"kind": "close", "afterBytes": 0, "route": "v1/remade-installments", "method": "POST", "count": 1},
                    {"kind": "status", "status": 500, "route": "v1/remade-installments", "method": "GET"}])
            } else {
                json!([{"kind": "status", "status": 500, "route": "v1/remade-installments", "method": "POST"}])
            };
            rig.faults(lost).await;
            save(rig, new.clone()).await.unwrap();
            rig.faults(json!([])).await;
            assert_eq!(state(rig, "a1").await, StateName::AwaitingErp);
            rig.pass(Duration::from_mins(20));
        }
    }
    new
}

async fn invoke(rig: &Rig, wire: &Wire, way: Struck, new: &NewAgreement, effects: &Arc<Effects>) {
    rig.fresh_minute().await;
    wire.watch(Some(Arc::clone(effects)));
    let adapters = rig.watched_adapters("payments", effects).await;
    let invocation = async {
        match way {
            Struck::Save | Struck::Confirm => {
                let session =
                    Session::open(&adapters, &tenant(), false, Instant::now() + PLENTY).await?;
                let done = match way {
                    Struck::Save => session.save_agreement(new.clone()).await,
                    _ => session.confirm_agreement(&new.id).await,
                };
                session.close().await;
                done.map(drop)
            }
            _ => {
                let swept = Box::pin(payments::handle(
                    &adapters,
                    json!({}),
                    invoker(),
                    Instant::now() + PLENTY,
                ))
                .await;
                swept.map(drop).map_err(AgreementError::from)
            }
        }
    };
    drop(effects.run(Box::pin(invocation)).await);
    wire.watch(None);
}

/// The caller repeats, and time passes: an agreement that could not be seen to is put off for an hour.
async fn afterwards(rig: &Rig, way: Struck, new: &NewAgreement) {
    let session = session(rig).await;
    match way {
        Struck::Save => drop(session.save_agreement(new.clone()).await.unwrap()),
        // Refused, when Sienge refused the first time.
        Struck::Confirm => drop(session.confirm_agreement(&new.id).await),
        Struck::SweepDone | Struck::SweepUndone => {}
    }
    session.close().await;
    for _ in 0..2 {
        rig.pass(Duration::from_mins(40));
        sweep(rig).await;
    }
}

/// `apply` brings what ends an agreement (a payment of the last installment, or the remake's deletion) and dies at each of its effects: the message comes
/// again, or the daily look of the sweep does, and the agreement ends once. `PONTE_CRASHES=all` strikes at every effect, else at each other one.
#[tokio::test]
async fn death_while_a_look_ends_an_agreement_ends_it_once() {
    let rig = rig().await;
    let (bill, ids) = rig.to_agree_on(0, 2);
    save(
        &rig,
        wanted("a1", Integrated, &rig.owed(bill, &ids), monthly(2)),
    )
    .await
    .unwrap();
    tell_remake(&rig, bill).await;
    let generated = rig.generated(bill);
    let clean = rig.save();
    for ending in [StateName::Settled, StateName::Broken] {
        rig.restore(&clean);
        rig.bus.take();
        if ending == StateName::Settled {
            for installment in &generated {
                rig.happen(
                    "receive",
                    json!({"billId": bill, "installmentId": installment}),
                )
                .await;
            }
        } else {
            rig.happen("remake", json!({"billId": bill, "undo": true}))
                .await;
        }
        let saved = rig.save();
        let all = std::env::var("PONTE_CRASHES").is_ok_and(|wanted| wanted == "all");
        for number in (1..).step_by(if all { 1 } else { 2 }) {
            rig.restore(&saved);
            let effects = Effects::struck(number, Blow::DiesAfter);
            rig.apply_watched(&effects).await;
            if !effects.fell() {
                break;
            }
            let place = format!(
                "{ending:?}, death at {number} ({})",
                effects.names()[number - 1]
            );
            rig.pass(Duration::from_mins(17));
            sweep(&rig).await;
            rig.apply().await;
            rig.pass(Duration::from_hours(25));
            sweep(&rig).await;
            let agreement = stored(&rig, "a1").await;
            assert_eq!(agreement.state.name(), ending, "{place}");
            assert_eq!(claims(&rig, bill).await, 0, "{place}");
            let differences = rig.compare_with_sienge().await;
            assert!(differences.is_empty(), "{place}: {differences:#?}");
            let told = texts(&rig, bill).await;
            let title = if ending == StateName::Settled {
                "Acordo Quitado"
            } else {
                "Quebra de Acordo"
            };
            assert_eq!(
                told.iter().filter(|text| text.starts_with(title)).count(),
                1,
                "{place}: told once"
            );
            assert!(rig.nothing_waits().await, "{place}");
        }
    }
}

#[tokio::test]
async fn a_bill_without_agreements_costs_nothing_more() {
    let rig = rig().await;
    let (bill, ids) = rig.to_agree_on(0, 2);
    rig.happen("receive", json!({"billId": bill, "installmentId": ids[0]}))
        .await;
    rig.database.calls();
    rig.apply().await;
    let without = rig.database.calls();
    let owed = rig.owed(bill, &ids[1..]);
    save(&rig, wanted("a1", NonIntegrated, &owed, monthly(1)))
        .await
        .unwrap();
    let (other, open) = rig.to_agree_on(1, 2);
    rig.happen(
        "receive",
        json!({"billId": other, "installmentId": open[0]}),
    )
    .await;
    rig.database.calls();
    rig.apply().await;
    assert_eq!(
        rig.database.calls(),
        without,
        "another bill's agreement is not looked at"
    );
}

#[test]
fn the_plan_of_the_tests_is_a_real_one() {
    let owed = [(
        BillId(1),
        InstallmentId(1),
        TODAY,
        ponte::money::Cents::new(100_000),
    )];
    let planned = planned(&owed, TODAY, &monthly(3));
    assert_eq!(planned.plan.installments.len(), 3);
    assert_eq!(planned.plan.total, ponte::money::Cents::new(100_000));
}
