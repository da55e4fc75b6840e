//! Remakes in Sienge: a new negotiation of the same contract, and its undoing.

use super::support::*;
use crate::ids::InstallmentId;
use crate::money::Cents;
use crate::portfolio::*;

/// Installments 1 and 2 of 4 remade into 5 and 6.
fn remade() -> (Sienge, Ours) {
    let mut sienge = Sienge::with(4);
    let ours = Ours::of(&sienge);
    for id in [1, 2] {
        sienge.receive(id, "Reparcelamento", Cents::new(100_000), Cents::ZERO);
    }
    sienge.add(5, Cents::new(105_000));
    sienge.add(6, Cents::new(105_000));
    (sienge, ours)
}

#[test]
fn a_remake_returns_the_whole_negotiation_in_one_event_and_forms_the_next_one() {
    let (sienge, mut ours) = remade();
    let outcome = ours.sync(&sienge);
    assert_eq!(
        actions(&outcome),
        [
            "1 Returned",
            "2 Returned",
            "3 Renegotiated",
            "4 Renegotiated",
            "5 Included",
            "6 Included"
        ]
    );
    assert_eq!(
        texts(&outcome),
        "Devolução\nRENEGOCIACAO\nData: 19/11/2021\nContrato: 295 Parcela(s): 1, 2, 3, 4\nParcela(s) sincronizada(s) via webservice\n\
         ---\nSincronização de Parcela(s)\nContrato 295 Parcela(s): 3, 4, 5, 6"
    );
    assert_eq!(ours.contract().negotiation, 2);
    assert_eq!(
        ours.installment(1).state,
        closed(ReturnReason::Renegotiation)
    );
    for id in [3, 4, 5, 6] {
        assert_eq!(ours.installment(id).negotiation, 2);
    }
    assert_eq!(ours.installment(1).negotiation, 1);
}

#[test]
fn a_partial_view_that_shows_a_remake_does_not_do_half_of_it() {
    let (sienge, mut ours) = remade();
    let outcome = ours.take(&sienge.shows(&[1, 5]), Scope::Webhook);
    assert_eq!((outcome.next, outcome.changes.len()), (Next::ReadWhole, 0));
}

#[test]
fn a_remake_waits_for_absences_to_be_confirmed_and_then_names_them_too() {
    let (mut sienge, mut ours) = remade();
    sienge.rows.remove(&4);
    let asked = ours.take(&sienge.says(Coverage::WholeOnce), Scope::Daily);
    assert_eq!(
        (asked.changes.len(), asked.next),
        (0, Next::Confirm(vec![InstallmentId(4)]))
    );
    let outcome = ours.take(&sienge.says(Coverage::WholeConfirmed), Scope::Daily);
    assert_eq!(outcome.events[0].installments.len(), 4);
    assert_eq!(
        ours.installment(4).state,
        closed(ReturnReason::Renegotiation)
    );
}

#[test]
fn a_remake_explains_no_other_installment_that_closed_without_a_receipt() {
    let (mut sienge, mut ours) = remade();
    sienge.row(3).balance = Cents::ZERO;
    let asked = ours.take(&sienge.says(Coverage::WholeOnce), Scope::Daily);
    assert_eq!(
        (asked.changes.len(), asked.next),
        (0, Next::Confirm(vec![InstallmentId(3)]))
    );
    ours.take(&sienge.says(Coverage::WholeConfirmed), Scope::Daily);
    assert_eq!(
        ours.installment(3).state,
        closed(ReturnReason::Renegotiation)
    );
}

#[test]
fn a_bill_may_be_remade_several_times() {
    let (mut sienge, mut ours) = remade();
    ours.sync(&sienge);
    for id in [3, 4, 5, 6] {
        sienge.receive(id, "Reparcelamento", Cents::new(100), Cents::ZERO);
    }
    sienge.add(7, Cents::new(500_000));
    let outcome = ours.sync(&sienge);
    assert_eq!(outcome.events[0].installments.len(), 4);
    assert_eq!(ours.contract().negotiation, 3);
    assert_eq!(ours.open(), [7]);
}

#[test]
fn a_remake_that_generates_nothing_finishes_the_contract() {
    let mut sienge = Sienge::with(2);
    let mut ours = Ours::of(&sienge);
    for id in [1, 2] {
        sienge.receive(id, "Reparcelamento", Cents::new(100_000), Cents::ZERO);
    }
    let outcome = ours.sync(&sienge);
    assert_eq!(actions(&outcome), ["1 Returned", "2 Returned"]);
    assert_eq!(ours.contract().negotiation, 1);
    assert_eq!(
        ours.contract().state,
        ContractState::Finished { on: today() }
    );
}

#[test]
fn a_remake_undone_in_sienge_opens_the_originals_and_returns_the_generated_ones() {
    let (mut sienge, mut ours) = remade();
    ours.sync(&sienge);
    for id in [1, 2] {
        sienge.row(id).receipts.clear();
        sienge.row(id).balance = Cents::new(100_000);
    }
    sienge.rows.remove(&5);
    sienge.rows.remove(&6);
    let outcome = ours.sync(&sienge);
    assert_eq!(
        actions(&outcome),
        ["5 Returned", "6 Returned", "1 Reopened", "2 Reopened"]
    );
    assert_eq!(ours.open(), [1, 2, 3, 4]);
    assert_eq!(
        ours.installment(5).state,
        closed(ReturnReason::CreditorRequest)
    );
}

#[test]
fn a_payment_seen_with_the_remake_is_told_too() {
    let (mut sienge, mut ours) = remade();
    sienge.receive(3, "Recebimento", Cents::new(100_000), Cents::ZERO);
    let outcome = ours.sync(&sienge);
    assert_eq!(ours.installment(3).state, closed(ReturnReason::Receipt));
    let returned = outcome
        .events
        .iter()
        .find(|event| matches!(event.kind, EventKind::Returned { .. }))
        .unwrap();
    assert_eq!(returned.installments, [1, 2, 4].map(InstallmentId));
}
