//! Agreements in the portfolio table: one transaction with claims and events, conflicts, lists, what is due.

#![allow(clippy::unwrap_used, clippy::float_cmp)]

use std::collections::BTreeMap;

use futures::future::join_all;
use harness::agreements::{monthly, wanted};
use harness::database::{Database, Fault, at, tenant};
use harness::rig::TODAY;
use jiff::civil::date;
use ponte::agreement::{
    Agreement, AgreementAction, AgreementKind, AgreementSettings, StateName, Terms, Transition,
    draft, transition,
};
use ponte::calculation::RetroactiveBases;
use ponte::ids::{BillId, CreditorId, CustomerId, InstallmentId};
use ponte::money::Cents;
use ponte::portfolio::{
    Claims, Contract, ContractKey, ContractState, HeldBill, Installment, InstallmentState,
    SettlementClasses,
};
use ponte::store::{AgreementWrite, Store, StoreError};

const NOW: &str = "2026-11-20T15:00:00Z";
const DUE: &str = "2026-11-20T15:16:00Z";

fn key(bill: BillId) -> ContractKey {
    ContractKey {
        bill,
        document_type: "CT".into(),
        customer: CustomerId(41),
    }
}

fn held(bill: BillId, claims: Claims) -> HeldBill {
    let contract = Contract {
        key: key(bill),
        creditor: CreditorId(1),
        number: String::new(),
        enterprise: None,
        unit: None,
        sales_contract: None,
        issued_on: None,
        negotiation: 1,
        state: ContractState::Open,
        opened: None,
        successor: None,
        revision: 1,
    };
    let installments = (1..=3).map(|id| Installment {
        contract: key(bill),
        creditor: CreditorId(1),
        id: InstallmentId(id),
        negotiation: 1,
        label: None,
        due_on: date(2026, 10, 20),
        condition: "PM".to_owned(),
        original: Cents::new(100_010),
        balance: Cents::new(100_010),
        boleto: false,
        receipts: Vec::new(),
        state: InstallmentState::Open,
        revision: 1,
    });
    let mut held = HeldBill::of([contract], installments);
    (held.version, held.claims) = (1, claims);
    held
}

/// An agreement on installments of bills, on the claims given.
fn made(
    id: &str,
    kind: AgreementKind,
    selected: &[(i64, i64)],
    claims: &BTreeMap<BillId, Claims>,
) -> Transition {
    let owed: Vec<_> = selected
        .iter()
        .map(|(bill, installment)| {
            (
                BillId(*bill),
                InstallmentId(*installment),
                date(2026, 10, 20),
                Cents::new(100_010),
            )
        })
        .collect();
    let mut new = wanted(id, kind, &owed, monthly(2));
    new.indexer = Some(1);
    let bills = claims
        .iter()
        .map(|(bill, claims)| (*bill, held(*bill, claims.clone())))
        .collect();
    let terms = Terms {
        settings: &AgreementSettings::default(),
        classes: &SettlementClasses::default(),
        index_bases: &RetroactiveBases::default(),
    };
    draft(&tenant(), &new, &bills, terms, TODAY, at(NOW)).unwrap()
}

async fn write(
    store: &Store,
    step: &Transition,
    claims: &BTreeMap<BillId, Claims>,
) -> Result<(), StoreError> {
    let write = AgreementWrite {
        agreement: &step.agreement,
        claims,
        events: &step.events,
        due_at: (!step.agreement.state.name().is_final()).then(|| at(DUE)),
        now: at(NOW),
    };
    store.save_agreement(&write).await
}

fn none(bills: &[i64]) -> BTreeMap<BillId, Claims> {
    bills
        .iter()
        .map(|bill| (BillId(*bill), Claims::default()))
        .collect()
}

fn cancelled(agreement: &Agreement) -> Transition {
    let reason = "engano".to_owned();
    transition(
        agreement,
        &AgreementAction::Cancel { reason },
        &AgreementSettings::default(),
        TODAY,
    )
    .unwrap()
}

#[tokio::test]
async fn an_agreement_its_claims_and_its_events_are_written_together_and_read_back() {
    let database = Database::start().await;
    let store = &database.store;
    let step = made(
        "a1",
        AgreementKind::NonIntegrated,
        &[(295, 1), (296, 2)],
        &none(&[295, 296]),
    );
    write(store, &step, &none(&[295, 296])).await.unwrap();
    assert_eq!(
        store
            .agreement(&tenant(), &step.agreement.id)
            .await
            .unwrap(),
        Some(step.agreement.clone())
    );
    for bill in [295, 296] {
        let loaded = store.load_bill(&tenant(), BillId(bill)).await.unwrap();
        assert_eq!(
            loaded.claims,
            step.agreement.claims_on(BillId(bill), &Claims::default()),
            "loading the bill brings its claims"
        );
        assert_eq!(
            store
                .timeline(&tenant(), BillId(bill), 10)
                .await
                .unwrap()
                .len(),
            1
        );
    }
    assert_eq!(
        store
            .unpublished(&tenant(), at("2027-01-01T00:00:00Z"), 10)
            .await
            .unwrap()
            .len(),
        2
    );
    store.mark_published(&tenant(), &step.events).await.unwrap();
    assert!(
        store
            .unpublished(&tenant(), at("2027-01-01T00:00:00Z"), 10)
            .await
            .unwrap()
            .is_empty()
    );
    let claims = store
        .claims(&tenant(), [BillId(295), BillId(296), BillId(297)])
        .await
        .unwrap();
    assert_eq!(
        claims
            .values()
            .map(|claims| claims.version)
            .collect::<Vec<_>>(),
        [1, 1, 0]
    );
}

#[tokio::test]
async fn of_eight_at_once_on_one_installment_one_is_written_with_its_events_alone() {
    let database = Database::start().await;
    let store = &database.store;
    let steps: Vec<Transition> = (0..8)
        .map(|index| {
            made(
                &format!("a{index}"),
                AgreementKind::NonIntegrated,
                &[(295, 1)],
                &none(&[295]),
            )
        })
        .collect();
    let before = none(&[295]);
    let written = join_all(steps.iter().map(|step| write(store, step, &before))).await;
    assert_eq!(written.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert!(
        written
            .iter()
            .all(|answer| matches!(answer, Ok(()) | Err(StoreError::Conflict))),
        "{written:?}"
    );
    assert_eq!(
        store
            .agreements_of_bill(&tenant(), BillId(295), 10)
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        store
            .timeline(&tenant(), BillId(295), 10)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_write_on_an_old_revision_is_a_conflict_and_an_end_gives_the_claims_back() {
    let database = Database::start().await;
    let store = &database.store;
    let step = made(
        "a1",
        AgreementKind::NonIntegrated,
        &[(295, 1)],
        &none(&[295]),
    );
    write(store, &step, &none(&[295])).await.unwrap();
    let end = cancelled(&step.agreement);
    let claims = store.claims(&tenant(), [BillId(295)]).await.unwrap();
    write(store, &end, &claims).await.unwrap();
    assert_eq!(
        write(store, &end, &claims).await.unwrap_err(),
        StoreError::Conflict
    );
    let after = store.claims(&tenant(), [BillId(295)]).await.unwrap();
    assert!(after[&BillId(295)].live.is_empty());
    let second = made("a2", AgreementKind::NonIntegrated, &[(295, 1)], &after);
    write(store, &second, &after).await.unwrap();
}

#[tokio::test]
async fn a_lost_answer_leaves_all_or_nothing() {
    let database = Database::start().await;
    let store = database.fragile_store();
    for (index, fault) in [Fault::Lose, Fault::LoseAnswer].into_iter().enumerate() {
        let bill = 300 + i64::try_from(index).unwrap();
        let step = made(
            &format!("a{index}"),
            AgreementKind::Integrated,
            &[(bill, 1)],
            &none(&[bill]),
        );
        database.faults(move |operation, _| {
            if operation == "TransactWriteItems" {
                fault
            } else {
                Fault::Pass
            }
        });
        write(&store, &step, &none(&[bill])).await.unwrap_err();
        database.no_faults();
        let written = store
            .agreement(&tenant(), &step.agreement.id)
            .await
            .unwrap()
            .is_some();
        assert_eq!(written, fault == Fault::LoseAnswer);
        let loaded = store.load_bill(&tenant(), BillId(bill)).await.unwrap();
        assert_eq!(!loaded.claims.live.is_empty(), written);
        assert_eq!(
            store
                .timeline(&tenant(), BillId(bill), 10)
                .await
                .unwrap()
                .len(),
            usize::from(written)
        );
    }
}

#[tokio::test]
async fn agreements_are_found_by_creditor_state_customer_and_contract() {
    let database = Database::start().await;
    let store = &database.store;
    for (id, installment) in [("a1", 1), ("a2", 2), ("a3", 3)] {
        let claims = store.claims(&tenant(), [BillId(295)]).await.unwrap();
        let step = made(
            id,
            AgreementKind::NonIntegrated,
            &[(295, installment)],
            &claims,
        );
        write(store, &step, &claims).await.unwrap();
        if id == "a2" {
            let claims = store.claims(&tenant(), [BillId(295)]).await.unwrap();
            write(store, &cancelled(&step.agreement), &claims)
                .await
                .unwrap();
        }
    }
    let ids = |found: Vec<Agreement>| -> Vec<String> {
        found
            .into_iter()
            .map(|agreement| agreement.id.to_string())
            .collect()
    };
    let creditor = CreditorId(1);
    let of = async |state| {
        ids(store
            .agreements_of_creditor(&tenant(), creditor, state, 10)
            .await
            .unwrap())
    };
    assert_eq!(of(None).await, ["a3", "a2", "a1"]);
    assert_eq!(of(Some(StateName::Active)).await, ["a3", "a1"]);
    assert_eq!(of(Some(StateName::Cancelled)).await, ["a2"]);
    assert!(
        store
            .agreements_of_creditor(&tenant(), CreditorId(2), None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    let of_customer = store
        .agreements_of_customer(&tenant(), CustomerId(41), 10)
        .await
        .unwrap();
    assert_eq!(ids(of_customer).len(), 3);
    assert_eq!(
        ids(store
            .agreements_of_bill(&tenant(), BillId(295), 10)
            .await
            .unwrap()),
        ["a3", "a2", "a1"]
    );
    assert_eq!(
        store.count_open(&tenant(), creditor).await.unwrap(),
        0,
        "the installments' index is not disturbed"
    );
}

#[tokio::test]
async fn lists_hold_the_newest_and_those_withdrawn_take_nobodys_place() {
    let database = Database::start().await;
    let store = &database.store;
    // The days run against the ids and against the names of the states; the newest are withdrawn.
    for index in 0..9_i8 {
        let (bill, id) = (295 + i64::from(index % 2), format!("a{index}"));
        let before = none(&[bill]);
        let mut step = made(&id, AgreementKind::NonIntegrated, &[(bill, 1)], &before);
        step.agreement.created_on = date(2026, 11, 20 - index);
        step.agreement.withdrawn = index < 3;
        if index % 3 == 1 {
            step.agreement = cancelled(&step.agreement).agreement;
            step.agreement.revision = 1;
        }
        write(store, &step, &BTreeMap::new()).await.unwrap();
    }
    let ids = |found: Vec<Agreement>| -> Vec<String> {
        found
            .into_iter()
            .map(|agreement| agreement.id.to_string())
            .collect()
    };
    let creditor = CreditorId(1);
    let of = async |state| {
        ids(store
            .agreements_of_creditor(&tenant(), creditor, state, 3)
            .await
            .unwrap())
    };
    assert_eq!(of(None).await, ["a3", "a4", "a5"]);
    assert_eq!(of(Some(StateName::Active)).await, ["a3", "a5", "a6"]);
    assert_eq!(of(Some(StateName::Cancelled)).await, ["a4", "a7"]);
    let of_customer = store
        .agreements_of_customer(&tenant(), CustomerId(41), 2)
        .await
        .unwrap();
    assert_eq!(ids(of_customer), ["a3", "a4"]);
    let of_bill = store
        .agreements_of_bill(&tenant(), BillId(295), 2)
        .await
        .unwrap();
    assert_eq!(ids(of_bill), ["a4", "a6"]);
}

#[tokio::test]
async fn erasing_empties_notes_and_reasons_and_a_step_under_way_does_not_bring_them_back() {
    let database = Database::start().await;
    let store = &database.store;
    let mut step = made(
        "a1",
        AgreementKind::NonIntegrated,
        &[(295, 1)],
        &none(&[295]),
    );
    step.agreement.notes = "falar com Fulano".to_owned();
    step.agreement.public_notes = "para Fulano".to_owned();
    write(store, &step, &none(&[295])).await.unwrap();
    let claims = store.claims(&tenant(), [BillId(295)]).await.unwrap();
    let reason = "Fulano desistiu".to_owned();
    let end = transition(
        &step.agreement,
        &AgreementAction::Cancel { reason },
        &AgreementSettings::default(),
        TODAY,
    )
    .unwrap();
    store
        .erase_agreement_notes(&tenant(), CustomerId(41))
        .await
        .unwrap();
    assert_eq!(
        write(store, &end, &claims).await.unwrap_err(),
        StoreError::Conflict
    );
    let mut erased = step.agreement.clone();
    erased.erase_words();
    erased.revision += 1;
    assert_eq!(
        store
            .agreement(&tenant(), &step.agreement.id)
            .await
            .unwrap(),
        Some(erased.clone())
    );
    assert!(erased.notes.is_empty() && erased.public_notes.is_empty());

    let how = ponte::portfolio::Breaking::Command {
        reason: "Fulano desistiu".to_owned(),
    };
    let end = transition(
        &erased,
        &AgreementAction::Break { how },
        &AgreementSettings::default(),
        TODAY,
    )
    .unwrap();
    write(store, &end, &claims).await.unwrap();
    for _ in 0..2 {
        store
            .erase_agreement_notes(&tenant(), CustomerId(41))
            .await
            .unwrap();
        let ended = store
            .agreement(&tenant(), &erased.id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (ended.state.name(), ended.revision),
            (StateName::Broken, end.agreement.revision + 1)
        );
        let told = store.timeline(&tenant(), BillId(295), 10).await.unwrap();
        let all = format!("{ended:?}{told:?}");
        assert!(!all.contains("Fulano") && told.len() == 2, "{all}");
    }
}

#[tokio::test]
async fn what_is_due_is_found_and_put_off_and_an_ended_agreement_is_not_due() {
    let database = Database::start().await;
    let store = &database.store;
    let step = made(
        "a1",
        AgreementKind::NonIntegrated,
        &[(295, 1)],
        &none(&[295]),
    );
    write(store, &step, &none(&[295])).await.unwrap();
    assert!(
        store
            .due_agreements(&tenant(), at(NOW), 10)
            .await
            .unwrap()
            .is_empty()
    );
    let due = store
        .due_agreements(&tenant(), at("2026-11-20T15:16:01Z"), 10)
        .await
        .unwrap();
    assert_eq!(due, std::slice::from_ref(&step.agreement.id));
    let later = at("2026-11-21T15:16:00Z");
    store
        .put_off_agreement(&step.agreement, later)
        .await
        .unwrap();
    assert!(
        store
            .due_agreements(&tenant(), at("2026-11-20T15:16:01Z"), 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        store
            .due_agreements(&tenant(), later, 10)
            .await
            .unwrap()
            .len(),
        1
    );
    let claims = store.claims(&tenant(), [BillId(295)]).await.unwrap();
    let end = cancelled(&step.agreement);
    write(store, &end, &claims).await.unwrap();
    store
        .put_off_agreement(&step.agreement, later)
        .await
        .unwrap();
    let due = store
        .due_agreements(&tenant(), at("2100-01-01T00:00:00Z"), 10)
        .await
        .unwrap();
    assert!(due.is_empty(), "an old revision puts nothing off");
}

#[tokio::test]
async fn an_agreement_costs_what_the_data_model_says() {
    let database = Database::start().await;
    let store = &database.store;
    let step = made(
        "a1",
        AgreementKind::NonIntegrated,
        &[(295, 1), (295, 2)],
        &none(&[295]),
    );
    database.units();
    write(store, &step, &none(&[295])).await.unwrap();
    let units = database.units();
    assert!(units["TransactWriteItems"] <= 14.0, "{units:?}");
    assert_eq!(database.writes().values().sum::<usize>(), 1);
}
