//! Installments that come paid: those of a held contract and of a living agreement are included, the history of a contract is not.

use crate::ids::{AgreementId, InstallmentId};
use std::collections::BTreeSet;

use jiff::civil::date;

use super::support::*;
use crate::money::Cents;
use crate::portfolio::*;

fn cents(reais: i64) -> Cents {
    Cents::new(reais * 100)
}

#[test]
fn an_installment_added_to_a_held_contract_is_included_although_it_comes_paid() {
    let mut sienge = Sienge::with(2);
    let mut ours = Ours::of(&sienge);
    sienge.add(3, cents(500));
    sienge.receive(3, "Recebimento", cents(500), Cents::ZERO);
    let outcome = ours.take(&sienge.shows(&[3]), Scope::Daily);
    assert_eq!(actions(&outcome), ["3 Included"]);
    assert_eq!(
        payments(&outcome),
        [(
            "Recebimento".into(),
            cents(500),
            cents(500),
            Cents::ZERO,
            true
        )]
    );
    assert_eq!(ours.installment(3).state, closed(ReturnReason::Receipt));
    assert_eq!(ours.contract().state, ContractState::Open);
}

#[test]
fn it_is_included_with_its_payment_when_it_comes_paid_in_part() {
    let mut sienge = Sienge::with(2);
    let mut ours = Ours::of(&sienge);
    sienge.add(3, cents(500));
    sienge.receive(3, "Recebimento", cents(200), cents(310));
    let outcome = ours.sync(&sienge);
    assert_eq!(
        payments(&outcome),
        [(
            "Recebimento".into(),
            cents(200),
            cents(190),
            cents(310),
            false
        )]
    );
    assert_eq!(ours.open(), [1, 2, 3]);
}

#[test]
fn the_paid_history_of_a_contract_is_never_told_however_often_it_is_shown() {
    let mut sienge = Sienge::with(5);
    sienge.receive_on(
        1,
        "Recebimento",
        cents(1000),
        Cents::ZERO,
        date(2021, 6, 30),
    );
    // The last one was paid ahead, on the very day.
    sienge.receive(5, "Recebimento", cents(1000), Cents::ZERO);
    let mut ours = Ours::of(&sienge);
    for _ in 0..2 {
        for scope in [
            Scope::Webhook,
            Scope::Daily,
            Scope::Sync,
            Scope::Reconciliation,
        ] {
            let outcome = ours.take(&sienge.says(Coverage::WholeConfirmed), scope);
            assert_eq!((outcome.changes, outcome.events), (vec![], vec![]));
        }
    }
}

#[test]
fn only_payments_since_the_day_of_its_opening_are_news_of_a_contract() {
    let mut sienge = Sienge::with(4);
    sienge.receive_on(
        4,
        "Recebimento",
        cents(1000),
        Cents::ZERO,
        date(2021, 11, 18),
    );
    let mut ours = Ours::new();
    let mut open = sienge.shows(&[1, 2, 3]);
    open.coverage = crate::portfolio::Coverage::AllNew;
    ours.take(&open, Scope::Reconciliation);
    // Paid ahead before the contract was opened: a row that no view had shown.
    assert_eq!(actions(&ours.sync(&sienge)), Vec::<String>::new());
    sienge.add(5, cents(500));
    sienge.receive(5, "Recebimento", cents(500), Cents::ZERO);
    let outcome = ours.sync(&sienge);
    assert_eq!(
        (actions(&outcome), payments(&outcome).len()),
        (vec!["5 Included".to_owned()], 1)
    );
}

#[test]
fn what_was_settled_before_the_opening_is_history_although_the_read_that_opened_missed_it() {
    let mut sienge = Sienge::with(3);
    sienge.receive_on(3, "Recebimento", cents(1000), Cents::ZERO, date(2020, 3, 2));
    let unread = UnreadInstallment {
        why: Oddity::Field("receipts.operationTypeName"),
        settled: true,
    };
    let mut odd = sienge.says(Coverage::WholeOnce);
    odd.unread = [(InstallmentId(3), unread)].into();
    odd.installments.pop();
    let mut short = sienge.says(Coverage::WholeOnce);
    short.installments.pop();
    for first in [odd, short] {
        let mut ours = Ours::new();
        ours.take(&first, Scope::Daily);
        for scope in [Scope::Webhook, Scope::Sync, Scope::Reconciliation] {
            let outcome = ours.take(&sienge.says(Coverage::WholeConfirmed), scope);
            assert_eq!(
                (outcome.changes, outcome.events),
                (vec![], vec![]),
                "{first:?}"
            );
        }
    }
}

#[test]
fn an_installment_that_was_unreadable_at_the_opening_tells_only_payments_since() {
    let mut sienge = Sienge::with(3);
    sienge.receive_on(3, "Recebimento", cents(400), cents(600), date(2021, 11, 18));
    let mut odd = sienge.says(Coverage::WholeOnce);
    let why = Oddity::Field("dueDate");
    odd.unread = [(
        InstallmentId(3),
        UnreadInstallment {
            why,
            settled: false,
        },
    )]
    .into();
    odd.installments.pop();
    let mut ours = Ours::new();
    ours.take(&odd, Scope::Daily);
    sienge.receive(3, "Recebimento", cents(600), Cents::ZERO);
    let outcome = ours.sync(&sienge);
    assert_eq!(actions(&outcome), ["3 Included"]);
    assert_eq!(
        payments(&outcome),
        [(
            "Recebimento".into(),
            cents(600),
            cents(600),
            Cents::ZERO,
            true
        )]
    );
}

#[test]
fn what_comes_settled_without_a_payment_is_not_included_and_what_is_written_off_is() {
    let mut sienge = Sienge::with(1);
    let mut ours = Ours::of(&sienge);
    sienge.add(2, cents(500));
    sienge.row(2).balance = Cents::ZERO;
    sienge.add(3, cents(500));
    sienge.receive(3, "Repactuação", cents(500), Cents::ZERO);
    assert_eq!(actions(&ours.sync(&sienge)), Vec::<String>::new());
    sienge.add(4, cents(500));
    sienge.receive(4, "Bonificação", cents(500), Cents::ZERO);
    assert_eq!(actions(&ours.sync(&sienge)), ["4 Included"]);
    assert_eq!(ours.installment(4).state, closed(ReturnReason::WrittenOff));
}

#[test]
fn a_finished_contract_takes_what_comes_paid_and_stays_finished() {
    let mut sienge = Sienge::with(1);
    let mut ours = Ours::of(&sienge);
    sienge.receive(1, "Recebimento", cents(1000), Cents::ZERO);
    ours.sync(&sienge);
    sienge.add(2, cents(500));
    sienge.receive(2, "Recebimento", cents(500), Cents::ZERO);
    let outcome = ours.sync(&sienge);
    assert_eq!(
        (actions(&outcome), payments(&outcome).len()),
        (vec!["2 Included".to_owned()], 1)
    );
    assert_eq!(
        ours.contract().state,
        ContractState::Finished { on: today() }
    );
}

#[test]
fn what_sienge_generated_for_a_living_agreement_is_included_in_any_state() {
    let mut sienge = Sienge::with(2);
    let mut ours = Ours::of(&sienge);
    // Whatever the contract had when it was opened.
    let mut contract = ours.contract().clone();
    contract.opened.as_mut().unwrap().last = InstallmentId(5);
    ours.held.put_contract(contract);
    let generated: BTreeSet<InstallmentId> = [3, 4, 5].map(InstallmentId).into();
    ours.held.claims.live = vec![Claim {
        agreement: AgreementId::parse("a1").unwrap(),
        remade_on: Some(today()),
        installments: [InstallmentId(1)].into(),
        generated,
    }];
    sienge.receive(1, "Reparcelamento", cents(1000), Cents::ZERO);
    for (id, kind) in [(3, "Recebimento"), (4, "Bonificação"), (5, "Distrato")] {
        sienge.add(id, cents(350));
        sienge.receive(id, kind, cents(350), Cents::ZERO);
    }
    let outcome = ours.sync(&sienge);
    assert_eq!(payments(&outcome).len(), 2);
    let states = [3, 4, 5].map(|id| ours.installment(id).state);
    assert_eq!(
        states,
        [
            ReturnReason::Receipt,
            ReturnReason::WrittenOff,
            ReturnReason::CreditorRequest
        ]
        .map(closed)
    );
}

#[test]
fn a_death_in_the_middle_tells_the_payment_once() {
    let mut sienge = Sienge::with(2);
    let mut ours = Ours::of(&sienge);
    for id in 3..=6 {
        sienge.add(id, cents(500));
        sienge.receive(id, "Recebimento", cents(500), Cents::ZERO);
    }
    let planned = ours.compare(&sienge.says(Coverage::WholeOnce), Scope::Webhook);
    super::properties::interrupt(&mut ours.held, &planned, 2);
    let outcome = ours.take(&sienge.says(Coverage::WholeOnce), Scope::Webhook);
    assert_eq!(payments(&outcome).len(), 4);
}
