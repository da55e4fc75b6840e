//! What concerns the contract as a whole: settings that leave it out, its own facts, cancellation, its end.

use crate::ids::{CreditorId, EnterpriseId, InstallmentId};
use jiff::civil::date;

use super::support::*;
use crate::money::Cents;
use crate::portfolio::*;

#[test]
fn ignored_companies_and_types_and_companies_not_registered_open_nothing() {
    let sienge = Sienge::with(1);
    let mut by_company = Ours::new();
    by_company.settings.tenant.ignore_companies = "2;1".to_owned().into();
    let mut by_type = Ours::new();
    by_type.settings.tenant.ignore_document_types = "av;ct".to_owned().into();
    let mut inactive = Ours::new();
    inactive.settings.creditor.active = false;
    let mut another = Ours::new();
    another.settings.creditor.company = CreditorId(2);
    for ours in [&mut by_company, &mut by_type, &mut inactive, &mut another] {
        assert_eq!(ours.reconcile(&sienge), Outcome::default());
    }
    let unregistered = Policy {
        creditor: None,
        ..by_type.settings.policy()
    };
    let seen = sienge.says(Coverage::WholeOnce);
    assert_eq!(
        compare(
            &HeldBill::default(),
            &seen,
            Scope::Daily,
            &unregistered,
            today()
        ),
        Outcome::default()
    );
}

#[test]
fn a_held_contract_ignored_later_is_kept_true_until_a_reconciliation_returns_it() {
    let mut sienge = Sienge::with(2);
    let mut ours = Ours::of(&sienge);
    ours.settings.tenant.ignore_document_types = "CT".to_owned().into();
    sienge.add(3, Cents::new(50_000));
    sienge.receive(1, "Recebimento", Cents::new(100_000), Cents::ZERO);
    assert_eq!(actions(&ours.sync(&sienge)), ["1 Settled"]);
    let asked = ours.take(&sienge.shows(&[2]), Scope::Reconciliation);
    assert_eq!(asked.next, Next::ReadWhole);
    let outcome = ours.reconcile(&sienge);
    assert_eq!(actions(&outcome), ["2 Returned"]);
    assert_eq!(
        ours.installment(2).state,
        closed(ReturnReason::Reconciliation)
    );
    assert_eq!(
        ours.contract().state,
        ContractState::Finished { on: today() }
    );
}

#[test]
fn a_bill_that_is_not_shown_is_looked_for_twice_though_the_settings_leave_it_out() {
    let sienge = Sienge::with(2);
    let mut ours = Ours::of(&sienge);
    ours.settings.tenant.ignore_document_types = "CT".to_owned().into();
    let not_shown = |coverage| Observation::empty(sienge.says(Coverage::WholeOnce).bill, coverage);
    let once = ours.take(&not_shown(Coverage::WholeOnce), Scope::Reconciliation);
    assert!(once.changes.is_empty(), "{once:?}");
    assert!(matches!(once.next, Next::Confirm(_)));
    let twice = ours.take(&not_shown(Coverage::WholeConfirmed), Scope::Reconciliation);
    assert_eq!(actions(&twice), ["1 Returned", "2 Returned"]);
}

#[test]
fn an_unregistered_enterprise_is_criticised_and_nothing_is_opened_unless_the_automatic_import_is_on()
 {
    let sienge = Sienge::with(1);
    let mut ours = Ours::new();
    ours.settings.creditor.import_enterprises_automatically = false;
    let outcome = ours.sync(&sienge);
    assert_eq!((outcome.changes.len(), outcome.critiques.len()), (0, 1));
    assert!(
        outcome.critiques[0]
            .text()
            .starts_with("Filial não cadastrada: empreendimento 7, contrato 295.")
    );
    ours.settings.creditor.enterprises.insert(EnterpriseId(7));
    let outcome = ours.sync(&sienge);
    assert_eq!(
        (actions(&outcome), outcome.critiques),
        (vec!["1 Included".to_owned()], vec![])
    );
}

#[test]
fn what_is_held_does_not_depend_on_whether_its_enterprise_is_still_registered_or_told() {
    for told in [Some(Some(EnterpriseId(7))), None] {
        let mut sienge = Sienge::with(2);
        let mut ours = Ours::of(&sienge);
        ours.settings.creditor.import_enterprises_automatically = false;
        sienge.header.enterprise = told;
        sienge.add(3, Cents::new(50_000));
        sienge.receive(1, "Recebimento", Cents::new(100_000), Cents::ZERO);
        let outcome = ours.reconcile(&sienge);
        assert_eq!(
            (actions(&outcome), outcome.critiques),
            (
                vec!["1 Settled".to_owned(), "3 Included".to_owned()],
                vec![]
            )
        );
    }
}

#[test]
fn a_source_that_does_not_tell_the_enterprise_opens_nothing_where_it_decides() {
    let mut sienge = Sienge::with(1);
    sienge.header.enterprise = None;
    let mut ours = Ours::new();
    ours.settings.creditor.import_enterprises_automatically = false;
    let outcome = ours.sync(&sienge);
    assert!(
        outcome.next == Next::ReadWhole
            && outcome.changes.is_empty()
            && outcome.critiques.is_empty()
    );
    ours.settings.creditor.import_enterprises_automatically = true;
    assert_eq!(actions(&ours.sync(&sienge)), ["1 Included"]);
    // What is held stays true whatever the source.
    ours.settings.creditor.import_enterprises_automatically = false;
    sienge.receive(1, "Recebimento", Cents::new(100_000), Cents::ZERO);
    assert_eq!(actions(&ours.sync(&sienge)), ["1 Settled"]);
}

#[test]
fn a_stand_alone_bill_needs_no_enterprise() {
    let mut sienge = Sienge::with(1);
    sienge.header.enterprise = Some(None);
    let mut ours = Ours::new();
    ours.settings.creditor.import_enterprises_automatically = false;
    assert_eq!(actions(&ours.sync(&sienge)), ["1 Included"]);
}

#[test]
fn the_contracts_own_facts_follow_and_silence_changes_none() {
    let mut sienge = Sienge::with(1);
    let mut ours = Ours::of(&sienge);
    sienge.header.number = None;
    sienge.header.enterprise = None;
    sienge.header.unit = None;
    sienge.header.sales_contract = None;
    assert_eq!(ours.sync(&sienge), Outcome::default());
    sienge.header.unit = Some("AP 202".into());
    let outcome = ours.sync(&sienge);
    assert_eq!((outcome.changes.len(), outcome.events.len()), (1, 0));
    assert_eq!(ours.contract().unit.as_deref(), Some("AP 202"));
    assert_eq!(ours.contract().enterprise, Some(EnterpriseId(7)));
}

#[test]
fn facts_without_the_bills_own_facts_belong_to_the_open_contract() {
    let mut sienge = Sienge::with(2);
    let mut ours = Ours::of(&sienge);
    sienge.receive(1, "Recebimento", Cents::new(100_000), Cents::ZERO);
    let mut seen = sienge.says(Coverage::WholeOnce);
    seen.header = None;
    assert_eq!(actions(&ours.take(&seen, Scope::Sync)), ["1 Settled"]);
    assert_eq!(Ours::new().take(&seen, Scope::Sync), Outcome::default());
}

#[test]
fn a_bill_sienge_does_not_know_is_returned_and_finished_once_confirmed() {
    let sienge = Sienge::with(2);
    let mut ours = Ours::of(&sienge);
    let gone = |coverage| Observation {
        header: None,
        installments: Vec::new(),
        ..sienge.says(coverage)
    };
    let asked = ours.take(&gone(Coverage::WholeOnce), Scope::Daily);
    assert_eq!((asked.changes.len(), asked.in_question().len()), (0, 2));
    let outcome = ours.take(&gone(Coverage::WholeConfirmed), Scope::Daily);
    assert_eq!(actions(&outcome), ["1 Returned", "2 Returned"]);
    assert_eq!(
        ours.installment(1).state,
        closed(ReturnReason::CreditorRequest)
    );
    assert_eq!(
        ours.contract().state,
        ContractState::Finished { on: today() }
    );
}

#[test]
fn a_rescission_returns_everything_at_the_creditors_request_and_cancels_the_contract_once() {
    let mut sienge = Sienge::with(3);
    let mut ours = Ours::of(&sienge);
    for id in 1..=3 {
        sienge.receive_on(
            id,
            "Distrato",
            Cents::new(100_000),
            Cents::ZERO,
            date(2021, 11, 18),
        );
    }
    assert_eq!(
        ours.take(&sienge.shows(&[2]), Scope::Webhook).next,
        Next::ReadWhole
    );
    let outcome = ours.take(&sienge.says(Coverage::WholeOnce), Scope::Webhook);
    assert_eq!(
        actions(&outcome),
        ["1 Returned", "2 Returned", "3 Returned"]
    );
    assert_eq!(
        ours.installment(1).state,
        closed(ReturnReason::CreditorRequest)
    );
    assert_eq!(
        ours.contract().state,
        ContractState::Cancelled {
            on: date(2021, 11, 18)
        }
    );
    assert_eq!(outcome.events.len(), 2);
    assert_eq!(outcome.events[1].kind, EventKind::ContractCancelled);
    sienge.header.cancelled_on = Some(today());
    assert_eq!(ours.reconcile(&sienge), Outcome::default());
}

#[test]
fn a_cancellation_date_closes_what_has_no_balance_and_what_is_confirmed_missing_but_not_what_has_a_balance()
 {
    let mut sienge = Sienge::with(3);
    let mut ours = Ours::of(&sienge);
    sienge.header.cancelled_on = Some(date(2021, 11, 10));
    sienge.rows.remove(&1);
    sienge.row(2).balance = Cents::ZERO;
    assert_eq!(actions(&ours.sync(&sienge)), ["1 Returned", "2 Returned"]);
    assert_eq!(ours.contract().state, ContractState::Open);
    sienge.row(3).balance = Cents::ZERO;
    let outcome = ours.sync(&sienge);
    assert_eq!(
        ours.contract().state,
        ContractState::Cancelled {
            on: date(2021, 11, 10)
        }
    );
    assert_eq!(
        outcome.events.last().unwrap().kind,
        EventKind::ContractCancelled
    );
}

#[test]
fn a_cancelled_contract_that_comes_back_alive_is_open_again() {
    let mut sienge = Sienge::with(1);
    let mut ours = Ours::of(&sienge);
    sienge.receive(1, "Distrato", Cents::new(100_000), Cents::ZERO);
    ours.sync(&sienge);
    sienge.row(1).receipts.clear();
    sienge.row(1).balance = Cents::new(100_000);
    let outcome = ours.sync(&sienge);
    assert_eq!(actions(&outcome), ["1 Reopened"]);
    assert_eq!(ours.contract().state, ContractState::Open);
    assert_eq!(outcome.events[0].kind, EventKind::ContractOpened);
}

#[test]
fn a_contract_finishes_with_its_last_installment_and_every_time_anew() {
    let mut sienge = Sienge::with(1);
    let mut ours = Ours::of(&sienge);
    let mut ids = std::collections::BTreeSet::new();
    for _ in 0..3 {
        sienge.receive(1, "Recebimento", Cents::new(100_000), Cents::ZERO);
        let outcome = ours.sync(&sienge);
        let finished = outcome.events.last().unwrap();
        assert_eq!(finished.kind, EventKind::ContractFinished);
        assert!(ids.insert(finished.id.clone()));
        sienge.row(1).receipts.clear();
        sienge.row(1).balance = Cents::new(100_000);
        ours.sync(&sienge);
        assert_eq!(ours.contract().state, ContractState::Open);
    }
}

#[test]
fn a_bill_that_changes_company_goes_with_its_installments_to_the_new_creditor_row_by_row() {
    let mut sienge = Sienge::with(3);
    let mut ours = Ours::of(&sienge);
    sienge.header.creditor = CreditorId(2);
    ours.settings.creditor.company = CreditorId(2);
    let part = ours.take(&sienge.shows(&[1]), Scope::Webhook);
    assert_eq!(
        (actions(&part), part.events),
        (vec!["1 Updated".to_owned()], vec![])
    );
    let creditors = |ours: &Ours| [1, 2, 3].map(|id| ours.installment(id).creditor.0);
    assert_eq!(
        (creditors(&ours), ours.contract().creditor),
        ([2, 1, 1], CreditorId(2))
    );
    let rest = ours.reconcile(&sienge);
    assert_eq!(
        (actions(&rest), rest.events),
        (vec!["2 Updated".to_owned(), "3 Updated".to_owned()], vec![])
    );
    assert_eq!(creditors(&ours), [2, 2, 2]);
}

#[test]
fn a_bill_that_goes_to_a_company_that_is_left_out_stays_with_its_creditor_whose_reconciliation_returns_it()
 {
    let mut sienge = Sienge::with(2);
    let mut ours = Ours::of(&sienge);
    // The policy are those of the company that Sienge names: another's, or none.
    sienge.header.creditor = CreditorId(3);
    sienge.row(1).due_on = date(2027, 1, 1);
    for scope in [Scope::Webhook, Scope::Daily, Scope::Sync] {
        ours.take(&sienge.says(Coverage::WholeConfirmed), scope);
    }
    assert_eq!(
        (ours.installment(1).creditor, ours.contract().creditor),
        (CreditorId(1), CreditorId(1))
    );
    assert_eq!(ours.open(), [1, 2]);
    assert_eq!(
        actions(&ours.reconcile(&sienge)),
        ["1 Returned", "2 Returned"]
    );
    sienge.header.creditor = CreditorId(1);
    assert_eq!(actions(&ours.sync(&sienge)), ["1 Reopened", "2 Reopened"]);
}

#[test]
fn a_contract_opens_with_all_its_installments_whichever_rows_come_first() {
    let sienge = Sienge::with(4);
    let mut ours = Ours::new();
    let outcome = ours.take(&sienge.shows(&[3]), Scope::Daily);
    assert!(
        outcome.next == Next::ReadWhole && outcome.changes.is_empty() && outcome.events.is_empty()
    );
    let opened = ours.take(&sienge.says(Coverage::WholeOnce), Scope::Daily);
    assert_eq!(opened.events.len(), 1);
    assert_eq!(
        opened.events[0].installments,
        [1, 2, 3, 4].map(InstallmentId)
    );
    assert_eq!(
        ours.take(&sienge.shows(&[2, 4]), Scope::Daily),
        Outcome::default()
    );
}

#[test]
fn all_rows_that_are_new_open_a_contract_though_nothing_else_of_the_bill_was_read() {
    let mut sienge = Sienge::with(3);
    sienge.receive(1, "Recebimento", Cents::new(100_000), Cents::ZERO);
    let mut new = sienge.shows(&[2, 3]);
    new.coverage = Coverage::AllNew;
    let mut ours = Ours::new();
    let opened = ours.take(&new, Scope::Reconciliation);
    assert_eq!(opened.events.len(), 1);
    assert_eq!(opened.events[0].installments, [2, 3].map(InstallmentId));
    assert!(!opened.says_all(&HeldBill::default(), &new));
    // Absence is no news.
    new.installments.pop();
    assert_eq!(ours.take(&new, Scope::Reconciliation), Outcome::default());
}

#[test]
fn a_finished_contract_opens_again_with_all_its_installments() {
    let mut sienge = Sienge::with(3);
    let mut ours = Ours::of(&sienge);
    for id in 1..=3 {
        sienge.receive(id, "Recebimento", Cents::new(100_000), Cents::ZERO);
    }
    ours.reconcile(&sienge);
    for id in 1..=3 {
        sienge.row(id).receipts.clear();
        sienge.row(id).balance = Cents::new(100_000);
    }
    assert_eq!(
        ours.take(&sienge.shows(&[2]), Scope::Daily).next,
        Next::ReadWhole
    );
    let opened = ours.take(&sienge.says(Coverage::WholeOnce), Scope::Daily);
    let openings = opened
        .events
        .iter()
        .filter(|event| event.kind == EventKind::ContractOpened);
    assert_eq!(
        openings
            .map(|event| event.installments.len())
            .collect::<Vec<_>>(),
        [3]
    );
}

#[test]
fn a_contract_keeps_the_enterprise_that_an_answer_does_not_name() {
    let mut sienge = Sienge::with(2);
    let mut ours = Ours::of(&sienge);
    let named = ours.contract().enterprise;
    assert!(named.is_some());
    for told in [None, Some(None)] {
        sienge.header.enterprise = told;
        ours.sync(&sienge);
        assert_eq!(ours.contract().enterprise, named, "{told:?}");
    }
    sienge.header.enterprise = Some(Some(EnterpriseId(8)));
    ours.sync(&sienge);
    assert_eq!(ours.contract().enterprise, Some(EnterpriseId(8)));
}
