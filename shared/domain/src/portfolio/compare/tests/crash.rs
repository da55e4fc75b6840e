//! A process that dies in the middle of writing a change set: what is left is completed, and told once.

use super::properties::interrupt;
use super::support::*;
use crate::ids::{CustomerId, InstallmentId};
use crate::money::Cents;
use crate::portfolio::*;

/// A long bill, all of it remade into two installments.
fn remade() -> (Sienge, Ours) {
    let mut sienge = Sienge::with(150);
    let ours = Ours::of(&sienge);
    for id in 1..=150 {
        sienge.receive(id, "Reparcelamento", Cents::new(100_000), Cents::ZERO);
    }
    sienge.add(151, Cents::new(500_000));
    sienge.add(152, Cents::new(500_000));
    (sienge, ours)
}

#[test]
fn a_return_of_150_installments_is_told_once_by_the_slice_that_completes_it() {
    let (sienge, mut ours) = remade();
    let seen = sienge.says(Coverage::WholeOnce);
    let planned = ours.compare(&seen, Scope::Webhook);
    assert_eq!(planned.changes.len(), 153);
    for written in [99, 40] {
        let outcome = ours.compare(&seen, Scope::Webhook);
        interrupt(&mut ours.held, &outcome, written);
    }
    let last = ours.take(&seen, Scope::Webhook);
    assert_eq!(last.changes.len(), 153 - 99 - 40);
    assert_eq!(last.events, planned.events);
    assert_eq!(last.events[0].installments.len(), 150);
    assert_eq!(ours.open(), [151, 152]);
    assert_eq!(ours.contract().negotiation, 2);
}

#[test]
fn events_left_untold_by_a_change_set_that_was_written_whole_are_told() {
    let (sienge, mut ours) = remade();
    let seen = sienge.says(Coverage::WholeOnce);
    let planned = ours.compare(&seen, Scope::Webhook);
    interrupt(&mut ours.held, &planned, planned.changes.len());
    let last = ours.take(&seen, Scope::Webhook);
    assert_eq!((last.changes, last.events), (vec![], planned.events));
}

#[test]
fn a_partial_view_asks_for_the_whole_bill_while_a_change_set_is_unfinished() {
    let (sienge, mut ours) = remade();
    let planned = ours.compare(&sienge.says(Coverage::WholeOnce), Scope::Webhook);
    interrupt(&mut ours.held, &planned, 50);
    let outcome = ours.compare(&sienge.shows(&[151]), Scope::Webhook);
    assert_eq!(
        (outcome.next, outcome.changes, outcome.events),
        (Next::ReadWhole, vec![], vec![])
    );
}

#[test]
fn what_did_not_happen_in_the_end_is_not_told() {
    let mut sienge = Sienge::with(2);
    let mut ours = Ours::of(&sienge);
    sienge.receive(1, "Recebimento", Cents::new(100_000), Cents::ZERO);
    sienge.receive(2, "Recebimento", Cents::new(100_000), Cents::ZERO);
    let planned = ours.compare(&sienge.says(Coverage::WholeOnce), Scope::Webhook);
    interrupt(&mut ours.held, &planned, 1);
    sienge.row(2).receipts.clear();
    sienge.row(2).balance = Cents::new(100_000);
    let outcome = ours.sync(&sienge);
    assert_eq!(outcome.changes, []);
    assert_eq!(outcome.events, planned.events[..1]);
    assert_eq!(ours.open(), [2]);
}

#[test]
fn an_opening_that_was_interrupted_is_told_as_one_opening() {
    let sienge = Sienge::with(5);
    let mut ours = Ours::new();
    let seen = sienge.says(Coverage::WholeOnce);
    let planned = ours.compare(&seen, Scope::Daily);
    interrupt(&mut ours.held, &planned, 3);
    let outcome = ours.take(&seen, Scope::Daily);
    assert_eq!(outcome.events, planned.events);
    assert_eq!(outcome.events.len(), 1);
}

#[test]
fn an_assignment_that_was_interrupted_is_finished_by_any_scope() {
    let mut sienge = Sienge::with(4);
    let mut ours = Ours::of(&sienge);
    sienge.header.customer = CustomerId(20);
    let planned = ours.compare(&sienge.says(Coverage::WholeOnce), Scope::Reconciliation);
    for written in 1..planned.changes.len() {
        let mut interrupted = ours.clone();
        interrupt(&mut interrupted.held, &planned, written);
        let outcome = interrupted.take(&sienge.says(Coverage::WholeOnce), Scope::Webhook);
        assert_eq!(outcome.events, planned.events, "after {written} changes");
        assert!(outcome.critiques.is_empty());
    }
    ours.reconcile(&sienge);
}

#[test]
fn a_remake_interrupted_after_the_installment_that_showed_it_still_explains_the_others() {
    let mut sienge = Sienge::with(2);
    let mut ours = Ours::of(&sienge);
    sienge.receive(1, "Reparcelamento", Cents::new(100_000), Cents::ZERO);
    sienge.rows.remove(&2);
    let seen = sienge.says(Coverage::WholeConfirmed);
    let planned = ours.compare(&seen, Scope::Daily);
    interrupt(&mut ours.held, &planned, 1);
    let outcome = ours.take(&seen, Scope::Daily);
    assert_eq!(outcome.events, planned.events);
    assert_eq!(
        ours.installment(2).state,
        closed(ReturnReason::Renegotiation)
    );
}

#[test]
fn an_interrupted_assignment_overtaken_by_another_one_leaves_nothing_collected_twice() {
    let mut sienge = Sienge::with(4);
    let ours = Ours::of(&sienge);
    sienge.header.customer = CustomerId(20);
    let planned = ours.compare(&sienge.says(Coverage::WholeOnce), Scope::Reconciliation);
    sienge.header.customer = CustomerId(30);
    for written in 1..planned.changes.len() {
        let mut interrupted = ours.clone();
        interrupt(&mut interrupted.held, &planned, written);
        interrupted.sync(&sienge);
        assert_eq!(interrupted.open(), [1, 2, 3, 4], "after {written} changes");
        let open = interrupted
            .held
            .installments()
            .filter(|held| held.is_open());
        assert!(
            open.into_iter()
                .all(|held| held.contract.customer == CustomerId(30))
        );
    }
}

#[test]
fn installments_whose_contract_is_not_found_are_held_without_one() {
    let whole = Ours::of(&Sienge::with(2)).held;
    let held = HeldBill::of([], whole.installments().cloned());
    assert!(!held.has_contracts() && held.holds(InstallmentId(2)));
    assert!(held.installments().eq(whole.installments()));
    assert_ne!(held, whole);
}
