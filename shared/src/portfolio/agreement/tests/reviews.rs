//! What a look at a bill calls for.

use jiff::civil::date;

use super::super::*;
use super::support::*;
use crate::portfolio::Motive;

#[test]
fn an_open_original_is_a_suspicion_and_a_remade_one_none() {
    let how = Breaking::ErpGone;
    assert_eq!(reviewed(&integrated(), &held(BILL, 3), today()), Some(Step::Break { how }));
    assert_eq!(reviewed(&integrated(), &remade(), today()), None);
}

#[test]
fn a_remake_gone_from_sienge_breaks_the_agreement() {
    let mut held = remade();
    for id in [4, 5] {
        close(&mut held, id, Motive::CreditorRequest, today());
    }
    for id in [1, 2] {
        reopen(&mut held, id);
    }
    let how = Breaking::ErpGone;
    assert_eq!(reviewed(&integrated(), &held, today()), Some(Step::Break { how }));
    assert!(!holds_remake(&integrated(), &held));
    assert!(holds_remake(&integrated(), &remade()));
}

#[test]
fn a_rescinded_contract_breaks_it_for_another_reason() {
    let mut held = remade();
    for id in [3, 4, 5] {
        close(&mut held, id, Motive::CreditorRequest, today());
    }
    let how = Breaking::EndedInErp;
    assert_eq!(reviewed(&integrated(), &held, today()), Some(Step::Break { how }));
}

#[test]
fn payments_come_before_everything_else() {
    let mut held = remade();
    close(&mut held, 4, Motive::Receipt, date(2026, 12, 18));
    let step = reviewed(&integrated(), &held, date(2027, 12, 31)).unwrap();
    let Step::Seen { paid, .. } = &step else { panic!("{step:?}") };
    assert_eq!(paid[&ids(&[4])[0]], date(2026, 12, 18));
    let after = super::support::step(&integrated(), &step).agreement;
    assert_eq!(
        reviewed(&after, &held, date(2027, 12, 31)),
        None,
        "an integrated one never lapses here"
    );
}

#[test]
fn a_term_lapses_after_the_days_a_payment_takes_to_arrive() {
    // Due on Sunday 20 December 2026: payable on Monday, in Sienge by Thursday.
    let agreement = agreement(AgreementKind::NonIntegrated, 1);
    let held = held(BILL, 3);
    assert_eq!(reviewed(&agreement, &held, date(2026, 12, 24)), None);
    let how = Breaking::Lapsed {
        due_on: date(2026, 12, 20),
    };
    assert_eq!(reviewed(&agreement, &held, date(2026, 12, 25)), Some(Step::Break { how }));
}

#[test]
fn originals_closed_without_a_payment_end_a_non_integrated_agreement() {
    let agreement = agreement(AgreementKind::NonIntegrated, 2);
    for motive in [
        Motive::Renegotiation,
        Motive::CreditorRequest,
        Motive::Reconciliation,
        Motive::BrokenAgreement,
    ] {
        let mut held = held(BILL, 3);
        close(&mut held, 2, motive, today());
        let how = Breaking::EndedInErp;
        assert_eq!(reviewed(&agreement, &held, today()), Some(Step::Break { how }), "{motive:?}");
    }
}

#[test]
fn a_proposal_expires_the_day_after_its_last() {
    let mut new = wanted(AgreementKind::NonIntegrated, &[(BILL, 1)], asked(1));
    new.start = Start::Proposal { expires_on: None };
    let bill = held(BILL, 3);
    let proposed = drafted(&new, &bills(&[(BILL, &bill)])).unwrap().agreement;
    assert_eq!(reviewed(&proposed, &bill, date(2026, 11, 25)), None);
    assert_eq!(reviewed(&proposed, &bill, date(2026, 11, 26)), Some(Step::Expire));
    let ended = step(&proposed, &Step::Expire).agreement;
    assert_eq!(reviewed(&ended, &bill, date(2026, 11, 26)), None);
}
