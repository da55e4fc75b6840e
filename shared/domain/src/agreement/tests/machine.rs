//! The machine as a whole: any steps in any order.

use crate::portfolio::Breaking;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::support::*;
use crate::agreement::*;
use crate::ids::InstallmentId;

fn any_step() -> impl Strategy<Value = AgreementAction> {
    let breaking = prop_oneof![
        Just(Breaking::Command {
            reason: "a pedido".to_owned()
        }),
        Just(Breaking::Lapsed { due_on: today() }),
        Just(Breaking::ErpGone),
        Just(Breaking::EndedInErp),
    ];
    let reason = "desistiu".to_owned();
    prop_oneof![
        Just(AgreementAction::Confirm {
            sent_at: now(),
            base_date: None
        }),
        Just(AgreementAction::ErpAgain { sent_at: now() }),
        Just(AgreementAction::ErpNotSent),
        Just(AgreementAction::ErpDone {
            generated: ids(&[5, 4])
        }),
        Just(AgreementAction::ErpRefused {
            reason: reason.clone()
        }),
        prop::collection::btree_map((1_i64..6).prop_map(InstallmentId), Just(today()), 0..5)
            .prop_map(|paid| AgreementAction::Seen {
                bill: BILL,
                paid,
                received: BTreeMap::new()
            }),
        breaking.prop_map(|how| AgreementAction::Break { how }),
        Just(AgreementAction::Cancel { reason }),
        Just(AgreementAction::Expire),
    ]
}

fn beginnings() -> Vec<Agreement> {
    let mut beginnings = Vec::new();
    for kind in [AgreementKind::Integrated, AgreementKind::NonIntegrated] {
        for start in [Start::Now, Start::Proposal { expires_on: None }] {
            let mut new = wanted(kind, &[(BILL, 1), (BILL, 2)], asked(2));
            new.start = start;
            beginnings.push(
                drafted(&new, &bills(&[(BILL, &held(BILL, 3))]))
                    .unwrap()
                    .agreement,
            );
        }
    }
    beginnings
}

proptest! {
    #[test]
    fn nothing_leaves_a_final_state_and_every_change_of_state_is_told_once(
        begins in 0_usize..4, steps in prop::collection::vec(any_step(), 1..20), unpaid: bool
    ) {
        let mut agreement = beginnings().swap_remove(begins);
        let settings = AgreementSettings { remove_reneg_on_reversed_activation: unpaid, ..AgreementSettings::default() };
        let mut told: BTreeSet<String> = BTreeSet::new();
        let mut on_the_bus: BTreeMap<&str, usize> = BTreeMap::new();
        for step in steps {
            let before = agreement.state.name();
            let after = match transition(&agreement, &step, &settings, today()) {
                Ok(after) => after,
                Err(NotAllowed::State { state, allowed, .. }) => {
                    prop_assert_eq!(state, before);
                    prop_assert!(!allowed.contains(&before) && allowed.iter().all(|name| !name.is_final()));
                    continue;
                }
                Err(_) => continue,
            };
            prop_assert!(!before.is_final(), "{:?} left {:?}", step, before);
            prop_assert_eq!(after.agreement.revision, agreement.revision + 1);
            for event in &after.events {
                prop_assert!(told.insert(event.id.clone()), "told twice");
                if let Some((detail_type, _)) = event.domain_event() {
                    *on_the_bus.entry(detail_type).or_default() += 1;
                }
            }
            if after.agreement.state.name() != before {
                prop_assert!(!after.events.is_empty());
            }
            let sum = after.agreement.rows.iter().fold(crate::money::Cents::ZERO, |sum, row| sum + row.amount);
            prop_assert_eq!(sum, after.agreement.total);
            agreement = after.agreement;
        }
        prop_assert!(on_the_bus.values().all(|count| *count == 1), "{:?}", on_the_bus);
    }
}

#[test]
fn a_refusal_says_which_states_allow_the_step() {
    let broken = step(
        &agreement(AgreementKind::NonIntegrated, 1),
        &AgreementAction::Break {
            how: Breaking::EndedInErp,
        },
    );
    let refusal = |agreement: &Agreement, step: &AgreementAction, settings: &AgreementSettings| {
        transition(agreement, step, settings, today())
            .unwrap_err()
            .to_string()
    };
    let usual = AgreementSettings::default();
    let how = Breaking::Command {
        reason: "x".to_owned(),
    };
    let break_it = AgreementAction::Break { how };
    assert_eq!(
        refusal(&broken.agreement, &break_it, &usual),
        "não é possível quebrar um acordo quebrado: só em andamento ou proposta"
    );
    assert!(
        refusal(&integrated(), &break_it, &usual).starts_with(
            "um acordo integrado não é quebrado aqui: exclua o reparcelamento no Sienge"
        )
    );
    let strict = AgreementSettings {
        break_awaiting_approval: false,
        ..AgreementSettings::default()
    };
    let mut new = wanted(AgreementKind::NonIntegrated, &[(BILL, 1)], asked(1));
    new.start = Start::Proposal { expires_on: None };
    let proposed = drafted(&new, &bills(&[(BILL, &held(BILL, 3))]))
        .unwrap()
        .agreement;
    assert!(transition(&proposed, &break_it, &usual, today()).is_ok());
    assert_eq!(
        refusal(&proposed, &break_it, &strict),
        "não é possível quebrar uma proposta: só em andamento"
    );
    let waiting = agreement(AgreementKind::Integrated, 2);
    let reason = "desistiu".to_owned();
    for asked in [&break_it, &AgreementAction::Cancel { reason }] {
        let text = refusal(&waiting, asked, &usual);
        assert!(text.contains("consulte-o de novo em uma hora"), "{text}");
    }
}

#[test]
fn an_agreement_with_payments_is_broken_and_not_cancelled() {
    let paid = BTreeMap::from([(ids(&[1])[0], today())]);
    let part = step(
        &agreement(AgreementKind::NonIntegrated, 2),
        &AgreementAction::Seen {
            bill: BILL,
            paid,
            received: BTreeMap::new(),
        },
    )
    .agreement;
    let cancel = AgreementAction::Cancel {
        reason: "desistiu".to_owned(),
    };
    assert_eq!(
        transition(&part, &cancel, &AgreementSettings::default(), today()),
        Err(NotAllowed::Paid)
    );
}

#[test]
fn one_broken_without_payments_is_withdrawn_where_the_creditor_wants_that() {
    let settings = AgreementSettings {
        remove_reneg_on_unpaid_break: true,
        ..AgreementSettings::default()
    };
    let how = Breaking::EndedInErp;
    let unpaid = agreement(AgreementKind::NonIntegrated, 2);
    let broken = transition(
        &unpaid,
        &AgreementAction::Break { how: how.clone() },
        &settings,
        today(),
    )
    .unwrap();
    assert!(broken.agreement.withdrawn);
    let paid = BTreeMap::from([(ids(&[1])[0], today())]);
    let part = step(
        &unpaid,
        &AgreementAction::Seen {
            bill: BILL,
            paid,
            received: BTreeMap::new(),
        },
    )
    .agreement;
    let broken = transition(&part, &AgreementAction::Break { how }, &settings, today()).unwrap();
    assert!(!broken.agreement.withdrawn);
}
