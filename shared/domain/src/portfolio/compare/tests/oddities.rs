//! What could not be read changes nothing, hides nothing, and is told where somebody must act.

use crate::ids::InstallmentId;
use jiff::civil::date;

use super::support::*;
use crate::portfolio::*;

const WHY: Oddity = Oddity::Field("paymentTerm.id");

/// What Sienge says, with some installments that cannot be read.
fn odd(sienge: &Sienge, coverage: Coverage, ids: &[i64], settled: bool) -> Observation {
    let mut seen = sienge.says(coverage);
    seen.installments.retain(|row| !ids.contains(&row.id.0));
    seen.unread = ids
        .iter()
        .map(|id| (InstallmentId(*id), UnreadInstallment { why: WHY, settled }))
        .collect();
    seen
}

fn told(outcome: &Outcome) -> Vec<String> {
    outcome.critiques.iter().map(Critique::text).collect()
}

#[test]
fn an_open_installment_that_cannot_be_read_stays_as_it_is_and_the_rest_is_mirrored() {
    let mut sienge = Sienge::with(3);
    let mut ours = Ours::of(&sienge);
    let before = ours.installment(1).clone();
    let half = sienge.row(2).balance;
    sienge.receive(2, "Recebimento", half, half - half);
    for scope in [
        Scope::Webhook,
        Scope::Daily,
        Scope::Sync,
        Scope::Reconciliation,
    ] {
        for coverage in [
            Coverage::Rows,
            Coverage::WholeOnce,
            Coverage::WholeConfirmed,
        ] {
            for settled in [false, true] {
                let mut ours = ours.clone();
                let outcome = ours.take(&odd(&sienge, coverage, &[1], settled), scope);
                assert_eq!(actions(&outcome), ["2 Settled"]);
                assert!(outcome.in_question().is_empty(), "it is there");
                assert_eq!(*ours.installment(1), before);
                let text = "Parcela(s) 1 do contrato 295 ilegível(is) no Sienge: campo paymentTerm.id ausente ou ilegível.";
                assert!(
                    told(&outcome).len() == 1 && told(&outcome)[0].starts_with(text),
                    "{:?}",
                    told(&outcome)
                );
            }
        }
    }
    // It can be read again.
    let outcome = ours.sync(&sienge);
    assert_eq!(
        (actions(&outcome), told(&outcome)),
        (vec!["2 Settled".to_owned()], Vec::new())
    );
}

#[test]
fn a_settled_installment_that_cannot_be_read_is_nobodys_trouble() {
    let mut sienge = Sienge::with(3);
    let amount = sienge.row(1).balance;
    let mut ours = Ours::of(&sienge);
    sienge.receive(1, "Recebimento", amount, amount - amount);
    ours.sync(&sienge);
    let outcome = ours.take(
        &odd(&sienge, Coverage::WholeConfirmed, &[1], true),
        Scope::Reconciliation,
    );
    assert_eq!(outcome, Outcome::default());
    // Nor when it was never here.
    let mut new = Ours::new();
    let outcome = new.take(&odd(&sienge, Coverage::WholeOnce, &[1], true), Scope::Sync);
    assert_eq!((new.open(), told(&outcome)), (vec![2, 3], Vec::new()));
    // One that may be open is.
    let mut new = Ours::new();
    let outcome = new.take(
        &odd(&sienge, Coverage::WholeOnce, &[2], false),
        Scope::Reconciliation,
    );
    assert_eq!((new.open(), told(&outcome).len()), (vec![3], 1));
}

#[test]
fn what_is_ignored_anyway_is_not_criticised() {
    let sienge = Sienge::with(2);
    let mut ours = Ours::new();
    ours.settings.tenant.ignore_document_types = serde_json::from_str("\"CT\"").unwrap();
    let mut seen = odd(&sienge, Coverage::WholeOnce, &[2], false);
    seen.gap = Some(WHY);
    assert_eq!(ours.take(&seen, Scope::Reconciliation), Outcome::default());
}

#[test]
fn a_bill_whose_unreadable_rows_alone_are_left_is_not_finished() {
    let sienge = Sienge::with(2);
    let mut ours = Ours::of(&sienge);
    let mut seen = odd(&sienge, Coverage::WholeConfirmed, &[1, 2], false);
    seen.header = None;
    seen.gap = Some(Oddity::Field("clientId"));
    let outcome = ours.take(&seen, Scope::Reconciliation);
    assert_eq!((ours.open(), told(&outcome).len()), (vec![1, 2], 2));
    assert_eq!(ours.contract().state, ContractState::Open);
}

#[test]
fn a_day_that_nobody_can_mean_is_included_and_told_once() {
    for (due, text) in [
        (date(2206, 5, 10), "10/05/2206"),
        (date(206, 5, 10), "10/05/0206"),
        (date(9999, 12, 31), "31/12/9999"),
    ] {
        let mut sienge = Sienge::with(2);
        sienge.row(1).due_on = due;
        let mut ours = Ours::new();
        let outcome = ours.reconcile(&sienge);
        assert_eq!(ours.open(), [1, 2]);
        assert!(
            told(&outcome).len() == 1 && told(&outcome)[0].contains(text),
            "{:?}",
            told(&outcome)
        );
        assert_eq!(
            ours.reconcile(&sienge),
            Outcome::default(),
            "not at every run"
        );
        sienge.row(2).due_on = due;
        assert_eq!(told(&ours.sync(&sienge)).len(), 1);
    }
}
