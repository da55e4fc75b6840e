//! Every text as operators read it, every event as subscribers get it, and Recuperador's payload.

use crate::ids::AgreementId;
use crate::portfolio::Breaking;
use std::collections::BTreeMap;

use insta::{assert_json_snapshot, assert_snapshot};
use jiff::civil::date;

use super::support::*;
use crate::agreement::*;
use crate::portfolio::TimelineEvent;

fn breaking(how: Breaking) -> AgreementAction {
    AgreementAction::Break { how }
}

/// One of each.
fn events() -> Vec<TimelineEvent> {
    let mut proposal = wanted(
        AgreementKind::NonIntegrated,
        &[(BILL, 1), (BILL, 2)],
        asked(2),
    );
    proposal.start = Start::Proposal { expires_on: None };
    let proposed = drafted(&proposal, &bills(&[(BILL, &held(BILL, 3))])).unwrap();
    let sent = drafted(
        &wanted(AgreementKind::Integrated, &[(BILL, 1), (BILL, 2)], asked(2)),
        &bills(&[(BILL, &held(BILL, 3))]),
    )
    .unwrap();
    let made = step(
        &sent.agreement,
        &AgreementAction::ErpDone {
            generated: ids(&[4, 5]),
        },
    );
    let paid = |list: &[i64]| {
        let paid = ids(list)
            .into_iter()
            .map(|id| (id, date(2026, 12, 18)))
            .collect::<BTreeMap<_, _>>();
        AgreementAction::Seen {
            bill: BILL,
            paid,
            received: BTreeMap::new(),
        }
    };
    let first = step(&made.agreement, &paid(&[4]));
    let last = step(&first.agreement, &paid(&[4, 5]));
    let refused = step(
        &sent.agreement,
        &AgreementAction::ErpRefused {
            reason: "O Sienge recusou a requisição a remade-installments (422)".to_owned(),
        },
    );
    let plain = agreement(AgreementKind::NonIntegrated, 2);
    let by_command = Breaking::Command {
        reason: "Cliente desistiu".to_owned(),
    };
    let due_on = date(2026, 12, 20);
    let broken = [by_command, Breaking::Lapsed { due_on }].map(|how| step(&plain, &breaking(how)));
    let gone = step(&made.agreement, &breaking(Breaking::ErpGone));
    let expired = step(&proposed.agreement, &AgreementAction::Expire);
    [proposed, sent, made, first, last, refused, gone, expired]
        .into_iter()
        .chain(broken)
        .flat_map(|transition| transition.events)
        .collect()
}

#[test]
fn agreements_in_words() {
    let texts: Vec<String> = events().iter().map(TimelineEvent::text).collect();
    assert!(texts.iter().any(|text| {
        text.contains("Quebra automática: Identificado que o acordo está quebrado na API Sienge")
    }));
    assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn the_bus_is_told_ids_and_amounts_and_nothing_personal() {
    let told: Vec<_> = events()
        .iter()
        .filter_map(TimelineEvent::domain_event)
        .collect();
    let types: std::collections::BTreeSet<&str> =
        told.iter().map(|(detail_type, _)| *detail_type).collect();
    let wanted = [
        "agreement.broken",
        "agreement.cancelled",
        "agreement.created",
        "agreement.settled",
    ];
    assert_eq!(types.into_iter().collect::<Vec<_>>(), wanted);
    let all = serde_json::to_string(&told).unwrap();
    assert!(
        !all.contains("desistiu") && !all.contains("telefone"),
        "{all}"
    );
    assert_json_snapshot!(told.first());
}

#[test]
fn events_are_stored_and_read_back_as_they_are() {
    for event in events() {
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<TimelineEvent>(&json).unwrap(), event);
    }
}

const PARTIES: Parties<'static> = Parties {
    customer_name: "Fulano de Tal",
    customer_document: "52998224725",
    creditor_name: "Construtora Exemplo",
    consultant: (7, "Consultora Exemplo"),
};

#[test]
fn recuperadors_payload_has_its_fields_in_its_order() {
    let mut asked = asked(2);
    asked.down_payment = cents("300.00");
    let new = wanted(AgreementKind::NonIntegrated, &[(BILL, 1), (BILL, 2)], asked);
    let made = drafted(&new, &bills(&[(BILL, &held(BILL, 3))]))
        .unwrap()
        .agreement;
    let payload = recuperador_payload(&made, &PARTIES, 12).unwrap();
    assert!(
        payload.contains("\"valor_entrada\":300.00,"),
        "amounts are numbers of two places: {payload}"
    );
    let pretty: Box<serde_json::value::RawValue> = serde_json::from_str(&payload).unwrap();
    assert_snapshot!(pretty.get().replace(",\"", ",\n\""));
}

#[test]
fn the_payloads_letters_follow_the_state() {
    let letters = |agreement: &Agreement| {
        let payload: serde_json::Value =
            serde_json::from_str(&recuperador_payload(agreement, &PARTIES, 1).unwrap()).unwrap();
        let text = |name: &str| payload[name].as_str().unwrap_or("-").to_owned();
        (
            text("situacao"),
            text("cancelado"),
            text("data_cancelamento"),
            text("motivo_cancelamento"),
        )
    };
    let told = |letters: [&str; 4]| {
        let [one, two, three, four] = letters.map(str::to_owned);
        (one, two, three, four)
    };
    let active = agreement(AgreementKind::NonIntegrated, 1);
    assert_eq!(letters(&active), told(["A", "N", "-", "-"]));
    let cancelled = step(
        &active,
        &AgreementAction::Cancel {
            reason: "Desistiu".to_owned(),
        },
    );
    assert_eq!(
        letters(&cancelled.agreement),
        told(["I", "S", "2026-11-20", "Desistiu"])
    );
    let paid = ids(&[1, 2]).into_iter().map(|id| (id, today())).collect();
    let settled = step(
        &active,
        &AgreementAction::Seen {
            bill: BILL,
            paid,
            received: BTreeMap::new(),
        },
    );
    assert_eq!(letters(&settled.agreement), told(["Q", "N", "-", "-"]));
    let payload: serde_json::Value =
        serde_json::from_str(&recuperador_payload(&settled.agreement, &PARTIES, 1).unwrap())
            .unwrap();
    assert_eq!(payload["lista_dividas"][0]["situacao"], "P");
    assert_eq!(payload["lista_parcelas"][0]["datapagto"], "2026-11-20");
}

#[test]
fn ids_are_safe_in_keys_and_codes_exact_in_every_json() {
    let id = AgreementId::of_idempotency_key(&tenant(), "chave do cliente #1");
    assert_eq!(AgreementId::parse(id.as_str()), Ok(id.clone()));
    assert_eq!(
        id,
        AgreementId::of_idempotency_key(&tenant(), "chave do cliente #1")
    );
    assert_ne!(
        id,
        AgreementId::of_idempotency_key(&tenant(), "chave do cliente #2")
    );
    assert!((0..1_i64 << 53).contains(&id.code()));
    for wrong in ["", "a#b", "ã", &"x".repeat(65)] {
        assert!(AgreementId::parse(wrong).is_err());
    }
}
