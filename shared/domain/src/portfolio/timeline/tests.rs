//! Every text as operators read it, every domain event as subscribers get it.

use crate::ids::{BillId, CustomerId, InstallmentId};
use insta::{assert_json_snapshot, assert_snapshot};
use jiff::civil::date;
use serde_json::json;

use crate::money::Cents;
use crate::portfolio::*;

fn event(kind: EventKind, ids: &[i64]) -> TimelineEvent {
    TimelineEvent {
        id: "00".repeat(16),
        contract: ContractKey {
            bill: BillId(295),
            document_type: "CT".into(),
            customer: CustomerId(10),
        },
        on: date(2021, 11, 19),
        kind,
        installments: ids.iter().copied().map(InstallmentId).collect(),
        revisions: vec![2; ids.len()],
        contract_revision: 0,
    }
}

fn returned(reason: ReturnReason) -> TimelineEvent {
    event(EventKind::Returned { reason }, &[1, 2, 3])
}

fn paid(total: bool, by_sync: bool) -> TimelineEvent {
    let balance = if total {
        Cents::ZERO
    } else {
        Cents::new(54_779)
    };
    let kind = EventKind::DirectPayment {
        settlement: SettlementKind::OtherWithResidue,
        class: Some(SettlementClass::Pays),
        paid_on: date(2021, 11, 18),
        original: Cents::new(100_000),
        paid: Cents::new(150_050),
        amortised: Cents::new(100_000) - balance,
        balance,
        total,
        by_sync,
    };
    event(kind, &[5])
}

fn reversed() -> TimelineEvent {
    let kind = EventKind::PaymentReversed {
        settlement: SettlementKind::Receipt,
        class: Some(SettlementClass::Pays),
        paid_on: date(2021, 11, 18),
        reversed: Cents::new(100_000),
        balance: Cents::new(100_000),
    };
    event(kind, &[5])
}

fn texts(events: &[TimelineEvent]) -> String {
    let texts: Vec<String> = events.iter().map(TimelineEvent::text).collect();
    texts.join("\n\n")
}

#[test]
fn returns_and_synchronisations_read_as_on_the_playbooks_screens() {
    assert_snapshot!(texts(&[
        returned(ReturnReason::Renegotiation),
        returned(ReturnReason::CreditorRequest),
        returned(ReturnReason::Reconciliation),
        event(EventKind::Synchronised, &[150, 151]),
        event(EventKind::Reopened, &[150]),
    ]));
}

#[test]
fn payments_say_value_contract_installment_original_paid_and_partial_balance() {
    assert_snapshot!(texts(&[paid(false, false), paid(true, true), reversed()]));
}

#[test]
fn contracts_open_end_and_change_hands_in_words() {
    assert_snapshot!(texts(&[
        event(EventKind::ContractOpened, &[1, 2]),
        event(EventKind::ContractCancelled, &[]),
        event(EventKind::RightsAssigned, &[]),
        event(EventKind::ContractFinished, &[]),
    ]));
}

#[test]
fn boletos_that_went_out_are_told_to_operators_alone() {
    let told = [
        event(EventKind::BoletoIssued, &[2]),
        event(EventKind::BoletoEmailed, &[2]),
    ];
    assert_eq!(
        texts(&told),
        "Emissão de 2ª via\nContrato: 295 Parcela: 2\n\nEnvio de boleto por e-mail\nContrato: 295 Parcela: 2"
    );
    assert!(told.iter().all(|event| event.domain_event().is_none()));
}

#[test]
fn domain_events_hold_ids_and_amounts_as_text() {
    let told = [
        paid(false, true),
        reversed(),
        returned(ReturnReason::Renegotiation),
        event(EventKind::Synchronised, &[150, 151]),
        event(EventKind::Reopened, &[150]),
        event(EventKind::ContractOpened, &[1, 2]),
        event(EventKind::ContractCancelled, &[]),
        event(EventKind::ContractFinished, &[]),
    ];
    let told: Vec<_> = told
        .iter()
        .filter_map(TimelineEvent::domain_event)
        .collect();
    assert_json_snapshot!(told);
    assert_eq!(event(EventKind::RightsAssigned, &[]).domain_event(), None);
}

#[test]
fn an_event_survives_its_storage() {
    for event in [
        paid(true, false),
        reversed(),
        returned(ReturnReason::Reconciliation),
    ] {
        let stored = serde_json::to_string(&event).unwrap();
        assert_eq!(
            serde_json::from_str::<TimelineEvent>(&stored).unwrap(),
            event
        );
        assert!(!stored.contains("null"));
    }
    assert_eq!(json!(paid(true, false))["kind"]["paid"], json!("1500.50"));
}

#[test]
fn a_reason_keeps_its_name_where_it_is_stored() {
    let reason = ReturnReason::Reconciliation;
    let closed = InstallmentState::Closed {
        reason,
        on: date(2021, 11, 19),
    };
    let stored = json!([closed, EventKind::Returned { reason }]);
    let expected = json!([
        {"is": "closed", "motive": "reconciliation", "on": "2021-11-19"},
        {"kind": "returned", "motive": "reconciliation"},
    ]);
    assert_eq!(stored, expected);
}
