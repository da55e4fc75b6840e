//! Our own remakes beside those made in Sienge.

use crate::ids::{AgreementId, InstallmentId};
use std::collections::BTreeSet;

use super::support::*;
use crate::money::Cents;
use crate::portfolio::*;

fn claim(ids: &[i64]) -> Claim {
    Claim {
        agreement: AgreementId::parse("a1").unwrap(),
        remade_on: Some(today()),
        installments: ids.iter().copied().map(InstallmentId).collect(),
        generated: BTreeSet::new(),
    }
}

/// Installments 1 and 2 of 4 remade into 5 and 6, claimed by an integrated agreement.
fn agreed(claimed: &[i64]) -> (Sienge, Ours) {
    let mut sienge = Sienge::with(4);
    let mut ours = Ours::of(&sienge);
    ours.held.claims = Claims {
        version: 1,
        live: vec![claim(claimed)],
    };
    for id in [1, 2] {
        sienge.receive(id, "Reparcelamento", Cents::new(100_000), Cents::ZERO);
    }
    sienge.add(5, Cents::new(105_000));
    sienge.add(6, Cents::new(105_000));
    (sienge, ours)
}

#[test]
fn an_agreements_remake_closes_its_originals_and_leaves_the_negotiation_as_it_is() {
    let (sienge, mut ours) = agreed(&[1, 2]);
    let outcome = ours.sync(&sienge);
    assert_eq!(
        actions(&outcome),
        ["1 Returned", "2 Returned", "5 Included", "6 Included"]
    );
    assert_eq!(
        texts(&outcome),
        "Devolução\nACORDO\nData: 19/11/2021\nContrato: 295 Parcela(s): 1, 2\nParcela(s) sincronizada(s) via webservice\n\
         ---\nSincronização de Parcela(s)\nContrato 295 Parcela(s): 5, 6"
    );
    assert_eq!(ours.contract().negotiation, 1);
    assert_eq!(ours.open(), [3, 4, 5, 6]);
}

#[test]
fn half_a_view_of_it_does_nothing() {
    let (sienge, mut ours) = agreed(&[1, 2]);
    for shown in [&[1, 2, 5][..], &[1]] {
        let outcome = ours.take(&sienge.shows(shown), Scope::Webhook);
        assert_eq!((outcome.next, outcome.changes.len()), (Next::ReadWhole, 0));
    }
}

#[test]
fn a_remake_of_other_installments_or_of_another_day_is_a_renegotiation_made_in_sienge() {
    let (sienge, mut ours) = agreed(&[1, 2, 3]);
    ours.sync(&sienge);
    assert_eq!(
        ours.installment(1).state,
        closed(ReturnReason::Renegotiation)
    );
    assert_eq!(ours.contract().negotiation, 2);
    let (sienge, mut ours) = agreed(&[1, 2]);
    ours.held.claims.live[0].remade_on = Some(jiff::civil::date(2021, 11, 18));
    ours.sync(&sienge);
    assert_eq!(
        ours.installment(1).state,
        closed(ReturnReason::Renegotiation)
    );
}

#[test]
fn a_deleted_remake_restores_the_originals_whatever_the_switch_for_returned_ones_says() {
    let (mut sienge, mut ours) = agreed(&[1, 2]);
    ours.settings.creditor.reopen_returned_installments = false;
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
}

#[test]
fn returning_again_returns_nothing() {
    let mut ours = Ours::of(&Sienge::with(4));
    let key = ours.contract().key.clone();
    let ids: BTreeSet<InstallmentId> = [1, 3].into_iter().map(InstallmentId).collect();
    let outcome = return_installments(
        &ours.held,
        &key,
        &ids,
        ReturnReason::BrokenAgreement,
        today(),
    );
    check(&ours.held, &outcome);
    assert_eq!(
        texts(&outcome),
        "Devolução\nQUEBRA DE ACORDO\nData: 19/11/2021\nContrato: 295 Parcela(s): 1, 3"
    );
    apply(&mut ours.held, &outcome);
    assert_eq!(ours.open(), [2, 4]);
    let again = return_installments(
        &ours.held,
        &key,
        &ids,
        ReturnReason::BrokenAgreement,
        today(),
    );
    assert_eq!(again, Outcome::default());
}
