//! Inclusion, update, return, reopening.

use super::support::*;
use crate::ids::InstallmentId;
use crate::money::Cents;
use crate::portfolio::*;

#[test]
fn a_bill_with_balance_opens_its_contract_with_the_open_installments_only() {
    let mut sienge = Sienge::with(3);
    sienge.receive(1, "Recebimento", Cents::new(100_000), Cents::ZERO);
    let mut ours = Ours::new();
    let outcome = ours.sync(&sienge);
    assert_eq!(actions(&outcome), ["2 Included", "3 Included"]);
    assert_eq!(ours.contract().state, ContractState::Open);
    assert_eq!(
        texts(&outcome),
        "Abertura de Contrato\nContrato: 295 Parcela(s): 2, 3"
    );
}

#[test]
fn a_settled_bill_is_not_opened() {
    let mut sienge = Sienge::with(1);
    sienge.receive(1, "Recebimento", Cents::new(100_000), Cents::ZERO);
    assert_eq!(Ours::new().sync(&sienge), Outcome::default());
}

#[test]
fn receipts_from_before_the_inclusion_are_history_and_not_told() {
    let mut sienge = Sienge::with(1);
    sienge.receive(1, "Recebimento", Cents::new(40_000), Cents::new(60_000));
    let mut ours = Ours::new();
    let outcome = ours.sync(&sienge);
    assert_eq!(outcome.events.len(), 1);
    assert_eq!(ours.installment(1).balance, Cents::new(60_000));
}

#[test]
fn new_installments_of_a_held_contract_are_synchronised() {
    let mut sienge = Sienge::with(2);
    let mut ours = Ours::of(&sienge);
    sienge.add(150, Cents::new(1_000_000));
    sienge.add(151, Cents::new(1_000_000));
    let outcome = ours.sync(&sienge);
    assert_eq!(
        texts(&outcome),
        "Sincronização de Parcela(s)\nContrato 295 Parcela(s): 150, 151"
    );
}

#[test]
fn value_due_date_condition_number_and_boleto_follow_sienge() {
    let mut sienge = Sienge::with(2);
    let mut ours = Ours::of(&sienge);
    sienge.row(1).due_on = today();
    sienge.row(1).original = Cents::new(120_000);
    sienge.row(1).balance = Cents::new(120_000);
    sienge.row(1).condition = "PI".into();
    sienge.row(1).label = Some("1/130".into());
    sienge.boletos.insert(InstallmentId(1), true);
    let outcome = ours.sync(&sienge);
    assert_eq!(actions(&outcome), ["1 Updated"]);
    let held = ours.installment(1);
    assert_eq!(
        (held.due_on, held.original, held.balance, held.boleto),
        (today(), Cents::new(120_000), Cents::new(120_000), true)
    );
    assert_eq!(
        (held.condition.as_str(), held.label.as_deref()),
        ("PI", Some("1/130"))
    );
}

#[test]
fn a_boleto_told_alone_is_an_update_and_silence_about_it_is_none() {
    let sienge = Sienge::with(2);
    let mut ours = Ours::of(&sienge);
    let mut seen = sienge.shows(&[]);
    seen.boletos.insert(InstallmentId(2), true);
    assert_eq!(actions(&ours.take(&seen, Scope::Webhook)), ["2 Updated"]);
    assert_eq!(ours.sync(&sienge), Outcome::default());
    assert!(ours.installment(2).boleto);
}

#[test]
fn without_the_update_switch_balance_receipts_and_boleto_still_follow() {
    let mut sienge = Sienge::with(1);
    let mut ours = Ours::of(&sienge);
    ours.settings.creditor.update_installments = false;
    let due_on = ours.installment(1).due_on;
    sienge.row(1).due_on = today();
    sienge.row(1).original = Cents::new(120_000);
    sienge.row(1).condition = "PI".into();
    assert_eq!(ours.sync(&sienge), Outcome::default());
    sienge.receive(1, "Recebimento", Cents::new(30_000), Cents::new(70_000));
    assert_eq!(actions(&ours.sync(&sienge)), ["1 PaidInPart"]);
    let held = ours.installment(1);
    assert_eq!(
        (held.due_on, held.original, held.balance),
        (due_on, Cents::new(100_000), Cents::new(70_000))
    );
    assert_eq!(held.condition, "PM");
}

#[test]
fn a_zero_balance_without_payment_is_returned_with_the_motive_of_the_scope() {
    for (scope, reason) in [
        (Scope::Reconciliation, ReturnReason::Reconciliation),
        (Scope::Daily, ReturnReason::CreditorRequest),
        (Scope::Webhook, ReturnReason::CreditorRequest),
        (Scope::Sync, ReturnReason::CreditorRequest),
    ] {
        let mut sienge = Sienge::with(2);
        let mut ours = Ours::of(&sienge);
        sienge.row(1).balance = Cents::ZERO;
        for coverage in [Coverage::Rows, Coverage::WholeOnce] {
            let asked = ours.take(&sienge.says(coverage), scope);
            assert_eq!(
                (asked.next, asked.changes),
                (Next::Confirm(vec![InstallmentId(1)]), vec![])
            );
        }
        let outcome = ours.take(&sienge.says(Coverage::WholeConfirmed), scope);
        assert_eq!(actions(&outcome), ["1 Returned"]);
        assert_eq!(ours.installment(1).state, closed(reason));
    }
}

#[test]
fn a_zero_balance_after_a_part_payment_known_before_is_a_question_too_and_a_new_receipt_answers_it()
{
    let mut sienge = Sienge::with(2);
    sienge.receive(1, "Recebimento", Cents::new(40_000), Cents::new(60_000));
    let mut ours = Ours::of(&sienge);
    sienge.row(1).balance = Cents::ZERO;
    let seen = sienge.says(Coverage::Rows);
    assert_eq!(
        ours.compare(&seen, Scope::Daily).next,
        Next::Confirm(vec![InstallmentId(1)])
    );
    sienge.row(1).balance = Cents::new(60_000);
    sienge.receive(1, "Recebimento", Cents::new(60_000), Cents::ZERO);
    let paid = ours.take(&sienge.says(Coverage::Rows), Scope::Daily);
    assert_eq!(
        (actions(&paid), paid.next),
        (vec!["1 Settled".to_owned()], Next::Nothing)
    );
}

#[test]
fn a_second_look_settles_without_a_receipt_only_what_the_first_showed_settled() {
    let mut sienge = Sienge::with(2);
    let mut ours = Ours::of(&sienge);
    let first = sienge.says(Coverage::WholeOnce);
    sienge.row(1).balance = Cents::ZERO;
    let second = sienge.says(Coverage::WholeConfirmed);
    assert_eq!(
        ours.take(&second.clone().after(first), Scope::Webhook),
        Outcome::default()
    );
    let again = sienge.says(Coverage::WholeOnce);
    assert_eq!(
        actions(&ours.take(&second.after(again), Scope::Webhook)),
        ["1 Returned"]
    );
}

#[test]
fn an_absence_is_nothing_in_a_partial_view_a_question_in_one_whole_read_and_a_return_when_confirmed()
 {
    let mut sienge = Sienge::with(3);
    let mut ours = Ours::of(&sienge);
    sienge.rows.remove(&2);
    assert_eq!(
        ours.take(&sienge.says(Coverage::Rows), Scope::Reconciliation),
        Outcome::default()
    );
    let asked = ours.take(&sienge.says(Coverage::WholeOnce), Scope::Reconciliation);
    assert_eq!(
        (asked.next, asked.changes),
        (Next::Confirm(vec![InstallmentId(2)]), vec![])
    );
    assert_eq!(actions(&ours.reconcile(&sienge)), ["2 Returned"]);
    assert_eq!(
        ours.installment(2).state,
        closed(ReturnReason::Reconciliation)
    );
}

#[test]
fn what_one_whole_read_shows_is_applied_while_the_rest_waits() {
    let mut sienge = Sienge::with(3);
    let mut ours = Ours::of(&sienge);
    sienge.rows.remove(&2);
    sienge.receive(1, "Recebimento", Cents::new(100_000), Cents::ZERO);
    let outcome = ours.take(&sienge.says(Coverage::WholeOnce), Scope::Webhook);
    assert_eq!(actions(&outcome), ["1 Settled"]);
    assert_eq!(outcome.next, Next::Confirm(vec![InstallmentId(2)]));
}

#[test]
fn a_return_is_told_by_due_date_as_on_the_playbooks_screen() {
    let mut sienge = Sienge::with(2);
    sienge.add(9, Cents::new(1_000_000)).due_on = sienge_date();
    let mut ours = Ours::of(&sienge);
    for id in [1, 2, 9] {
        sienge.row(id).balance = Cents::ZERO;
    }
    assert_eq!(
        texts(&ours.sync(&sienge)),
        "Devolução\nSOLICITACAO DO CREDOR\nData: 19/11/2021\nContrato: 295 Parcela(s): 9, 1, 2\nParcela(s) sincronizada(s) via webservice\n\
         ---\nContrato finalizado\nData: 19/11/2021\nContrato: 295"
    );
}

fn sienge_date() -> crate::calendar::Date {
    jiff::civil::date(2021, 6, 1)
}

#[test]
fn a_returned_installment_with_balance_again_opens_if_the_switch_allows() {
    for allowed in [true, false] {
        let mut sienge = Sienge::with(2);
        let mut ours = Ours::of(&sienge);
        ours.settings.creditor.reopen_returned_installments = allowed;
        sienge.row(1).balance = Cents::ZERO;
        ours.sync(&sienge);
        sienge.row(1).balance = Cents::new(90_000);
        let outcome = ours.sync(&sienge);
        if allowed {
            assert_eq!(actions(&outcome), ["1 Reopened"]);
            assert_eq!(ours.installment(1).balance, Cents::new(90_000));
            assert_eq!(outcome.events[0].kind, EventKind::Reopened);
        } else {
            assert_eq!(outcome, Outcome::default());
        }
    }
}

#[test]
fn ignored_condition_types_are_not_included_and_later_returned_by_a_reconciliation_only() {
    let mut sienge = Sienge::with(3);
    sienge.row(3).condition = "PE".into();
    let mut ours = Ours::new();
    ours.settings.tenant.ignore_condition_types = "PE;FI".to_owned().into();
    ours.reconcile(&sienge);
    assert_eq!(ours.open(), [1, 2]);
    ours.settings.tenant.ignore_condition_types = "PE;FI;PM".to_owned().into();
    sienge.row(1).due_on = today();
    assert_eq!(actions(&ours.sync(&sienge)), ["1 Updated"]);
    assert_eq!(
        actions(&ours.reconcile(&sienge)),
        ["1 Returned", "2 Returned"]
    );
    assert_eq!(
        ours.installment(1).state,
        closed(ReturnReason::Reconciliation)
    );
    assert_eq!(actions(&ours.sync(&sienge)), [""; 0]);
}

#[test]
fn an_installment_told_twice_counts_once_and_the_last_row_wins() {
    let sienge = Sienge::with(1);
    let mut seen = sienge.says(Coverage::WholeOnce);
    let mut later = seen.installments[0].clone();
    later.balance = Cents::new(1_001);
    seen.installments.push(later);
    let mut ours = Ours::new();
    assert_eq!(actions(&ours.take(&seen, Scope::Sync)), ["1 Included"]);
    assert_eq!(ours.installment(1).balance, Cents::new(1_001));
}
