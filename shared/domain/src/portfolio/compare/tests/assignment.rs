//! Assignment of rights and changes of the document type: the bill moves to another contract.

use super::support::*;
use crate::ids::{CustomerId, InstallmentId};
use crate::money::Cents;
use crate::portfolio::*;

fn key(customer: i64, document_type: &str) -> ContractKey {
    ContractKey {
        bill: BILL,
        document_type: document_type.into(),
        customer: CustomerId(customer),
    }
}

fn contract_of(ours: &Ours, customer: i64) -> &Contract {
    ours.held.contract(&key(customer, "CT")).unwrap()
}

fn open_of(ours: &Ours, contract: &ContractKey) -> Vec<i64> {
    ours.held
        .installments_of(contract)
        .filter(|held| held.is_open())
        .map(|held| held.id.0)
        .collect()
}

#[test]
fn only_a_reconciliation_performs_an_assignment_the_others_keep_the_old_contract_true() {
    let mut sienge = Sienge::with(3);
    let mut ours = Ours::of(&sienge);
    sienge.header.customer = CustomerId(20);
    sienge.receive(1, "Recebimento", Cents::new(100_000), Cents::ZERO);
    for scope in [Scope::Webhook, Scope::Daily, Scope::Sync] {
        let outcome = ours.take(&sienge.says(Coverage::WholeConfirmed), scope);
        assert_eq!(
            outcome.critiques,
            [Critique::AssignmentWaitsForReconciliation { bill: BILL }]
        );
    }
    assert_eq!(open_of(&ours, &key(10, "CT")), [2, 3]);
    assert_eq!(contract_of(&ours, 10).successor, Some(key(20, "CT")));

    let outcome = ours.reconcile(&sienge);
    assert_eq!(
        actions(&outcome),
        ["2 Returned", "3 Returned", "2 Included", "3 Included"]
    );
    assert_eq!(outcome.critiques, []);
    assert_eq!(
        contract_of(&ours, 10).state,
        ContractState::Assigned { on: today() }
    );
    assert_eq!(open_of(&ours, &key(10, "CT")), [0; 0]);
    assert_eq!(open_of(&ours, &key(20, "CT")), [2, 3]);
    assert_eq!(
        texts(&outcome),
        "Devolução\nBatimento\nData: 19/11/2021\nContrato: 295 Parcela(s): 2, 3\n---\n\
         Cessão de direitos\nData: 19/11/2021\nContrato: 295\n---\nContrato finalizado\nData: 19/11/2021\nContrato: 295\n---\n\
         Abertura de Contrato\nContrato: 295 Parcela(s): 2, 3\n---\nCessão de direitos\nData: 19/11/2021\nContrato: 295"
    );
    sienge.receive(2, "Recebimento", Cents::new(100_000), Cents::ZERO);
    assert_eq!(actions(&ours.sync(&sienge)), ["2 Settled"]);
    assert_eq!(open_of(&ours, &key(20, "CT")), [3]);
}

#[test]
fn an_assignment_that_waits_is_noted_once_and_forgotten_when_it_is_made_or_undone() {
    let mut sienge = Sienge::with(2);
    let mut ours = Ours::of(&sienge);
    sienge.header.customer = CustomerId(20);
    let noted = ours.take(&sienge.says(Coverage::WholeOnce), Scope::Webhook);
    assert_eq!(
        (noted.changes.len(), noted.events.len()),
        (1, 0),
        "one write, nothing to tell"
    );
    for scope in [Scope::Daily, Scope::Sync, Scope::Webhook] {
        assert_eq!(
            ours.take(&sienge.says(Coverage::WholeOnce), scope).changes,
            []
        );
    }
    // Rows of a list tell the customer too.
    assert_eq!(ours.take(&sienge.shows(&[1]), Scope::Daily).changes, []);
    let waiting = |ours: &Ours| contract_of(ours, 10).waiting();
    assert!(contract_of(&ours, 10).waits_for_assignment());
    assert_eq!(
        waiting(&ours).unwrap(),
        "Cessão de direitos no contrato 295: a troca de titularidade será feita no próximo batimento (domingo, 07:30, pelo agendamento \
         padrão; para antes, peça o batimento do credor)."
    );
    // A third customer, then the first again.
    sienge.header.customer = CustomerId(30);
    ours.sync(&sienge);
    assert_eq!(contract_of(&ours, 10).successor, Some(key(30, "CT")));
    sienge.header.customer = CustomerId(10);
    assert_eq!(ours.sync(&sienge).changes.len(), 1);
    assert_eq!(waiting(&ours), None);
    // Made: the contract it left says where it went and waits for nothing.
    sienge.header.customer = CustomerId(20);
    ours.sync(&sienge);
    ours.reconcile(&sienge);
    let (left, taken) = (contract_of(&ours, 10), contract_of(&ours, 20));
    assert_eq!(
        (&left.successor, left.waiting(), left.is_retyped()),
        (&Some(key(20, "CT")), None, false)
    );
    assert_eq!((&taken.successor, taken.waiting()), (&None, None));
    // And back: the contract that was left is the bill's again.
    sienge.header.customer = CustomerId(10);
    ours.sync(&sienge);
    assert!(contract_of(&ours, 20).waits_for_assignment());
    ours.reconcile(&sienge);
    assert_eq!(contract_of(&ours, 10).successor, None);
    assert_eq!(ours.reconcile(&sienge), Outcome::default());
}

#[test]
fn a_bill_with_nothing_to_collect_or_of_a_type_left_out_waits_for_nothing() {
    let mut sienge = Sienge::with(1);
    let mut ours = Ours::of(&sienge);
    sienge.header.customer = CustomerId(20);
    ours.sync(&sienge);
    sienge.receive(1, "Recebimento", Cents::new(100_000), Cents::ZERO);
    ours.sync(&sienge);
    assert_eq!(contract_of(&ours, 10).waiting(), None);
}

#[test]
fn a_bill_that_is_gone_from_sienge_waits_for_no_assignment() {
    let mut sienge = Sienge::with(1);
    let mut ours = Ours::of(&sienge);
    sienge.header.customer = CustomerId(20);
    ours.sync(&sienge);
    let gone = Observation {
        header: None,
        installments: Vec::new(),
        ..sienge.says(Coverage::WholeConfirmed)
    };
    ours.take(&gone, Scope::Sync);
    let contract = contract_of(&ours, 10);
    assert_eq!(
        (contract.state, &contract.successor),
        (ContractState::Finished { on: today() }, &None)
    );
}

#[test]
fn the_assigned_contract_keeps_the_unit_that_its_source_does_not_tell() {
    let mut sienge = Sienge::with(2);
    let mut ours = Ours::of(&sienge);
    let told = sienge.header.clone();
    sienge.header = ObservedBill {
        customer: CustomerId(20),
        enterprise: None,
        unit: None,
        sales_contract: None,
        ..told.clone()
    };
    ours.reconcile(&sienge);
    let contract = contract_of(&ours, 20);
    assert_eq!(Some(contract.enterprise), told.enterprise);
    assert_eq!(
        (&contract.unit, contract.sales_contract),
        (&told.unit, told.sales_contract)
    );
}

#[test]
fn an_assignment_back_opens_the_earlier_contract_again_even_with_the_reopen_switch_off() {
    let mut sienge = Sienge::with(2);
    let mut ours = Ours::of(&sienge);
    ours.settings.creditor.reopen_returned_installments = false;
    sienge.header.customer = CustomerId(20);
    ours.reconcile(&sienge);
    sienge.receive(1, "Recebimento", Cents::new(40_000), Cents::new(60_000));
    assert_eq!(actions(&ours.sync(&sienge)), ["1 PaidInPart"]);
    sienge.header.customer = CustomerId(10);
    let outcome = ours.reconcile(&sienge);
    assert_eq!(
        actions(&outcome),
        ["1 Returned", "2 Returned", "1 Reopened", "2 Reopened"]
    );
    assert_eq!(contract_of(&ours, 10).state, ContractState::Open);
    let paid = |event: &&TimelineEvent| matches!(event.kind, EventKind::DirectPayment { .. });
    assert_eq!(
        ours.told.iter().filter(paid).count(),
        1,
        "the payment made in between is told once"
    );
    assert_eq!(open_of(&ours, &key(10, "CT")), [1, 2]);
}

#[test]
fn a_payment_seen_only_with_the_assignment_is_told_on_the_old_contract() {
    let mut sienge = Sienge::with(2);
    let mut ours = Ours::of(&sienge);
    sienge.header.customer = CustomerId(20);
    sienge.receive(1, "Recebimento", Cents::new(40_000), Cents::new(60_000));
    let outcome = ours.reconcile(&sienge);
    let paid: Vec<_> = outcome
        .events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::DirectPayment { .. }))
        .collect();
    assert_eq!(paid.len(), 1);
    assert_eq!(paid[0].contract, key(10, "CT"));
}

#[test]
fn an_assignment_told_by_a_source_without_boletos_keeps_those_known() {
    let mut sienge = Sienge::with(2);
    sienge.boletos.insert(InstallmentId(1), true);
    let mut ours = Ours::of(&sienge);
    sienge.boletos.clear();
    for customer in [20, 10] {
        sienge.header.customer = CustomerId(customer);
        ours.reconcile(&sienge);
        let boleto = |id| {
            ours.held
                .installment(&key(customer, "CT"), InstallmentId(id))
                .unwrap()
                .boleto
        };
        assert_eq!(
            (boleto(1), boleto(2)),
            (true, false),
            "of customer {customer}"
        );
    }
}

#[test]
fn an_assignment_needs_a_whole_view_without_doubtful_absences() {
    let mut sienge = Sienge::with(3);
    let mut ours = Ours::of(&sienge);
    sienge.header.customer = CustomerId(20);
    let asked = ours.take(&sienge.shows(&[1]), Scope::Reconciliation);
    assert_eq!(asked.next, Next::ReadWhole);
    sienge.rows.remove(&3);
    let asked = ours.take(&sienge.says(Coverage::WholeOnce), Scope::Reconciliation);
    assert_eq!(
        (asked.changes.len(), asked.next),
        (0, Next::Confirm(vec![InstallmentId(3)]))
    );
}

#[test]
fn another_document_type_is_another_contract_and_no_assignment() {
    let mut sienge = Sienge::with(2);
    let mut ours = Ours::of(&sienge);
    sienge.header.document_type = "FAT".into();
    let waiting = ours.sync(&sienge);
    assert_eq!(
        waiting.critiques,
        [Critique::TypeChangeWaitsForReconciliation { bill: BILL }]
    );
    let held = contract_of(&ours, 10);
    assert!(
        !held.waits_for_assignment()
            && held
                .waiting()
                .unwrap()
                .starts_with("Tipo de contrato alterado")
    );
    let outcome = ours.reconcile(&sienge);
    let left = contract_of(&ours, 10);
    assert!(left.is_retyped() && left.waiting().is_none());
    assert_eq!(open_of(&ours, &key(10, "FAT")), [1, 2]);
    assert_eq!(open_of(&ours, &key(10, "CT")), [0; 0]);
    assert!(
        outcome
            .events
            .iter()
            .all(|event| event.kind != EventKind::RightsAssigned)
    );
}

#[test]
fn a_type_changed_to_an_ignored_one_is_returned_by_the_reconciliation() {
    let mut sienge = Sienge::with(2);
    let mut ours = Ours::of(&sienge);
    ours.settings.tenant.ignore_document_types = "NF".to_owned().into();
    sienge.header.document_type = "NF".into();
    assert_eq!(ours.sync(&sienge), Outcome::default());
    assert_eq!(
        actions(&ours.reconcile(&sienge)),
        ["1 Returned", "2 Returned"]
    );
}

#[test]
fn a_reconciliation_that_counts_takes_nothing_away_for_the_settings_and_puts_a_move_off_that_would()
{
    let mut sienge = Sienge::with(3);
    sienge.row(3).condition = "AT".into();
    let mut ours = Ours::of(&sienge);
    ours.settings.tenant.ignore_condition_types = serde_json::from_str("\"PM\"").unwrap();
    let seen = |sienge: &Sienge| sienge.says(Coverage::WholeOnce);
    assert!(
        ours.take(&seen(&sienge), Scope::Counting)
            .changes
            .is_empty()
    );
    let unassigned = sienge.clone();
    sienge.header.customer = CustomerId(11);
    let counted = ours.take(&seen(&sienge), Scope::Counting);
    assert!(
        counted.changes.is_empty() && counted.next != Next::ReadWhole,
        "{counted:?}"
    );
    let twice = |sienge: &Sienge| sienge.says(Coverage::WholeConfirmed);
    let mut assigned = ours.clone();
    // What the settings leave out is counted before it goes.
    let asked = ours.take(&seen(&unassigned), Scope::Reconciliation);
    assert!(asked.changes.is_empty());
    assert_eq!(asked.in_question(), [InstallmentId(1), InstallmentId(2)]);
    assert_eq!(
        actions(&ours.take(&twice(&unassigned), Scope::Reconciliation)),
        ["1 Returned", "2 Returned"]
    );
    assigned.take(&twice(&sienge), Scope::Reconciliation);
    assert_eq!(assigned.open(), [3]);
    // A type that is ignored.
    let mut ours = Ours::of(&unassigned);
    ours.settings.tenant.ignore_document_types = serde_json::from_str("\"CT\"").unwrap();
    assert!(
        ours.take(&seen(&unassigned), Scope::Counting)
            .changes
            .is_empty()
    );
    let asked = ours.take(&seen(&unassigned), Scope::Reconciliation);
    assert_eq!((asked.changes.len(), asked.in_question().len()), (0, 3));
    assert_eq!(
        actions(&ours.take(&twice(&unassigned), Scope::Reconciliation)).len(),
        3
    );
}

#[test]
fn a_reconciliation_that_counts_performs_the_moves_that_take_nothing_away() {
    let mut sienge = Sienge::with(2);
    let mut ours = Ours::of(&sienge);
    sienge.header.customer = CustomerId(11);
    ours.take(&sienge.says(Coverage::WholeOnce), Scope::Counting);
    let open: Vec<CustomerId> = ours
        .held
        .installments()
        .filter(|row| row.is_open())
        .map(|row| row.contract.customer)
        .collect();
    assert_eq!(open, [CustomerId(11), CustomerId(11)]);
}
