//! Payments, total and partial, the settlement types, reversals.

use jiff::civil::date;

use super::support::*;
use crate::money::Cents;
use crate::portfolio::*;

#[test]
fn a_partial_payment_leaves_the_installment_open_and_tells_the_principal_amortised() {
    let mut sienge = Sienge::with(1);
    let mut ours = Ours::of(&sienge);
    sienge.receive(1, "Recebimento", Cents::new(50_000), Cents::new(54_779));
    let outcome = ours.take(&sienge.shows(&[1]), Scope::Webhook);
    assert_eq!(actions(&outcome), ["1 PaidInPart"]);
    assert_eq!(
        payments(&outcome),
        [(
            "Recebimento".into(),
            Cents::new(50_000),
            Cents::new(45_221),
            Cents::new(54_779),
            false
        )]
    );
}

#[test]
fn a_total_below_the_value_settles_because_sienges_balance_does() {
    let mut sienge = Sienge::with(2);
    let mut ours = Ours::of(&sienge);
    sienge.receive(1, "Recebimento", Cents::new(85_000), Cents::ZERO);
    let outcome = ours.sync(&sienge);
    assert_eq!(actions(&outcome), ["1 Settled"]);
    assert_eq!(
        payments(&outcome),
        [(
            "Recebimento".into(),
            Cents::new(85_000),
            Cents::new(100_000),
            Cents::ZERO,
            true
        )]
    );
}

#[test]
fn several_payments_at_once_are_told_by_date_down_to_sienges_balance() {
    let mut sienge = Sienge::with(1);
    let mut ours = Ours::of(&sienge);
    sienge.receive_on(
        1,
        "Recebimento",
        Cents::new(30_000),
        Cents::new(70_000),
        date(2021, 11, 12),
    );
    sienge.receive_on(
        1,
        "Bonificação",
        Cents::new(20_000),
        Cents::new(48_000),
        date(2021, 11, 10),
    );
    let outcome = ours.sync(&sienge);
    assert_eq!(
        payments(&outcome),
        [
            (
                "Bonificação".into(),
                Cents::new(20_000),
                Cents::new(20_000),
                Cents::new(80_000),
                false
            ),
            (
                "Recebimento".into(),
                Cents::new(30_000),
                Cents::new(32_000),
                Cents::new(48_000),
                false
            ),
        ]
    );
}

#[test]
fn two_receipts_alike_are_two_and_a_repeated_view_adds_none() {
    let mut sienge = Sienge::with(1);
    let mut ours = Ours::of(&sienge);
    sienge.receive(1, "Recebimento", Cents::new(10_000), Cents::new(90_000));
    sienge.receive(1, "Recebimento", Cents::new(10_000), Cents::new(80_000));
    assert_eq!(payments(&ours.sync(&sienge)).len(), 2);
    sienge.receive(1, "Recebimento", Cents::new(10_000), Cents::new(70_000));
    assert_eq!(payments(&ours.sync(&sienge)).len(), 1);
    let ids: std::collections::BTreeSet<_> = ours.told.iter().map(|event| &event.id).collect();
    assert_eq!(ids.len(), ours.told.len());
}

#[test]
fn the_observation_says_who_brought_the_payment() {
    for (scope, origin) in [
        (Scope::Webhook, "Recebimento no Sienge"),
        (Scope::Daily, "Recebimento no Sienge"),
        (Scope::Sync, "Parcela(s) sincronizada(s) via webservice"),
    ] {
        let mut sienge = Sienge::with(2);
        let mut ours = Ours::of(&sienge);
        sienge.receive(1, "Recebimento", Cents::new(100_000), Cents::ZERO);
        let outcome = ours.take(&sienge.shows(&[1]), scope);
        assert_eq!(outcome.events[0].text().lines().last(), Some(origin));
    }
}

#[test]
fn a_receipt_that_vanished_is_a_reversal_and_opens_the_installment_whatever_the_switch() {
    let mut sienge = Sienge::with(1);
    let mut ours = Ours::of(&sienge);
    ours.settings.creditor.reopen_returned_installments = false;
    sienge.receive(1, "Recebimento", Cents::new(100_000), Cents::ZERO);
    ours.sync(&sienge);
    sienge.row(1).receipts.clear();
    sienge.row(1).balance = Cents::new(100_000);
    let outcome = ours.sync(&sienge);
    assert_eq!(actions(&outcome), ["1 Reopened"]);
    assert_eq!(
        reversals(&outcome),
        [(
            "Recebimento".into(),
            Cents::new(100_000),
            Cents::new(100_000)
        )]
    );
    assert!(
        outcome
            .events
            .iter()
            .any(|event| event.kind == EventKind::Reopened)
    );
}

#[test]
fn an_estorno_takes_its_payment_back_once_however_sienge_writes_it() {
    // Beside the receipt, instead of it, and first beside it then both gone.
    let beside: fn(&mut Sienge) =
        |sienge| sienge.receive(1, "Estorno", Cents::new(40_000), Cents::new(100_000));
    let instead: fn(&mut Sienge) = |sienge| {
        sienge.row(1).receipts.clear();
        sienge.receive(1, "Estorno", Cents::new(-40_000), Cents::new(100_000));
    };
    for write in [beside, instead] {
        let mut sienge = Sienge::with(1);
        let mut ours = Ours::of(&sienge);
        sienge.receive(1, "Recebimento", Cents::new(40_000), Cents::new(60_000));
        ours.sync(&sienge);
        write(&mut sienge);
        let outcome = ours.sync(&sienge);
        assert_eq!(actions(&outcome), ["1 Reversed"]);
        assert_eq!(
            reversals(&outcome),
            [(
                "Recebimento".into(),
                Cents::new(40_000),
                Cents::new(100_000)
            )]
        );
        sienge.row(1).receipts.clear();
        assert_eq!(reversals(&ours.sync(&sienge)), []);
    }
}

#[test]
fn a_payment_and_its_estorno_seen_together_never_took_effect() {
    let mut sienge = Sienge::with(1);
    let mut ours = Ours::of(&sienge);
    sienge.receive(1, "Recebimento", Cents::new(40_000), Cents::new(60_000));
    sienge.receive(1, "Estorno", Cents::new(40_000), Cents::new(100_000));
    let outcome = ours.sync(&sienge);
    assert_eq!((payments(&outcome), reversals(&outcome)), (vec![], vec![]));
    assert_eq!(ours.installment(1).receipts.len(), 2);
}

#[test]
fn a_payment_that_shows_up_after_the_return_is_told_and_explains_it() {
    let mut sienge = Sienge::with(2);
    let mut ours = Ours::of(&sienge);
    sienge.row(1).balance = Cents::ZERO;
    ours.sync(&sienge);
    sienge.receive(1, "Recebimento", Cents::new(100_000), Cents::ZERO);
    let outcome = ours.sync(&sienge);
    assert_eq!(actions(&outcome), ["1 Settled"]);
    assert_eq!(payments(&outcome).len(), 1);
    assert_eq!(ours.installment(1).state, closed(ReturnReason::Receipt));
}

#[test]
fn a_remake_or_a_rescission_is_no_payment() {
    for kind in ["Reparcelamento", "Distrato"] {
        let mut sienge = Sienge::with(1);
        let mut ours = Ours::of(&sienge);
        sienge.receive(1, "Recebimento", Cents::new(10_000), Cents::new(90_000));
        sienge.receive(1, kind, Cents::new(90_000), Cents::ZERO);
        let outcome = ours.sync(&sienge);
        assert_eq!(
            payments(&outcome),
            [(
                "Recebimento".into(),
                Cents::new(10_000),
                Cents::new(10_000),
                Cents::new(90_000),
                false
            )]
        );
        assert_eq!(actions(&outcome), ["1 Returned"]);
    }
}

#[test]
fn a_settlement_taken_back_and_made_again_of_another_value_shows_that_value() {
    let mut sienge = Sienge::with(1);
    let mut ours = Ours::of(&sienge);
    sienge.receive(1, "Recebimento", Cents::new(100_000), Cents::ZERO);
    ours.sync(&sienge);
    sienge.row(1).receipts.clear();
    sienge.row(1).original = Cents::new(90_000);
    sienge.receive(1, "Recebimento", Cents::new(90_000), Cents::ZERO);
    ours.sync(&sienge);
    assert_eq!(ours.installment(1).original, Cents::new(90_000));
    assert_eq!(ours.installment(1).receipts, sienge.row(1).receipts);
}
