//! What a look at a bill calls for.

use crate::portfolio::Breaking;
use jiff::civil::date;

use super::support::*;
use crate::agreement::*;
use crate::money::Cents;
use crate::portfolio::{InstallmentState, ReturnReason};

#[test]
fn an_open_original_is_a_suspicion_and_a_remade_one_none() {
    let how = Breaking::ErpGone;
    assert_eq!(
        reviewed(&integrated(), &held(BILL, 3), today()),
        Some(AgreementAction::Break { how })
    );
    assert_eq!(reviewed(&integrated(), &remade(), today()), None);
}

#[test]
fn a_remake_gone_from_sienge_breaks_the_agreement() {
    let mut held = remade();
    for id in [4, 5] {
        close(&mut held, id, ReturnReason::CreditorRequest, today());
    }
    for id in [1, 2] {
        reopen(&mut held, id);
    }
    let how = Breaking::ErpGone;
    assert_eq!(
        reviewed(&integrated(), &held, today()),
        Some(AgreementAction::Break { how })
    );
    assert!(!holds_remake(&integrated(), &held));
    assert!(holds_remake(&integrated(), &remade()));
}

#[test]
fn a_rescinded_contract_breaks_it_for_another_reason() {
    let mut held = remade();
    for id in [3, 4, 5] {
        close(&mut held, id, ReturnReason::CreditorRequest, today());
    }
    let how = Breaking::EndedInErp;
    assert_eq!(
        reviewed(&integrated(), &held, today()),
        Some(AgreementAction::Break { how })
    );
}

#[test]
fn payments_come_before_everything_else() {
    let mut held = remade();
    close(&mut held, 4, ReturnReason::Receipt, date(2026, 12, 18));
    let step = reviewed(&integrated(), &held, date(2027, 12, 31)).unwrap();
    let AgreementAction::Seen { paid, .. } = &step else {
        panic!("{step:?}")
    };
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
    assert_eq!(
        reviewed(&agreement, &held, date(2026, 12, 25)),
        Some(AgreementAction::Break { how })
    );
}

#[test]
fn a_term_due_on_the_years_last_business_day_is_payable_on_the_next() {
    let mut agreement = agreement(AgreementKind::NonIntegrated, 1);
    agreement.rows[0].due_on = date(2027, 12, 31);
    let held = held(BILL, 3);
    // Payable on Monday 3 January 2028, in Sienge by the 6th.
    assert_eq!(reviewed(&agreement, &held, date(2028, 1, 6)), None);
    assert!(reviewed(&agreement, &held, date(2028, 1, 7)).is_some());
}

#[test]
fn originals_closed_without_a_payment_end_a_non_integrated_agreement() {
    let agreement = agreement(AgreementKind::NonIntegrated, 2);
    for reason in [
        ReturnReason::Renegotiation,
        ReturnReason::CreditorRequest,
        ReturnReason::Reconciliation,
        ReturnReason::BrokenAgreement,
    ] {
        let mut held = held(BILL, 3);
        close(&mut held, 2, reason, today());
        let how = Breaking::EndedInErp;
        assert_eq!(
            reviewed(&agreement, &held, today()),
            Some(AgreementAction::Break { how }),
            "{reason:?}"
        );
    }
}

#[test]
fn a_proposal_expires_the_day_after_its_last() {
    let mut new = wanted(AgreementKind::NonIntegrated, &[(BILL, 1)], asked(1));
    new.start = Start::Proposal { expires_on: None };
    let bill = held(BILL, 3);
    let proposed = drafted(&new, &bills(&[(BILL, &bill)])).unwrap().agreement;
    assert_eq!(reviewed(&proposed, &bill, date(2026, 11, 25)), None);
    assert_eq!(
        reviewed(&proposed, &bill, date(2026, 11, 26)),
        Some(AgreementAction::Expire)
    );
    let ended = step(&proposed, &AgreementAction::Expire).agreement;
    assert_eq!(reviewed(&ended, &bill, date(2026, 11, 26)), None);
}

/// Closes an installment by receipts of these types and amounts, as a comparison does.
fn settle(
    held: &mut crate::portfolio::HeldBill,
    id: i64,
    receipts: &[(&str, &str)],
    reason: ReturnReason,
) {
    let row = row(held, id);
    for (kind, amount) in receipts {
        row.receipts.push(crate::portfolio::Receipt {
            paid_on: today(),
            kind: (*kind).into(),
            net: cents(amount),
            gross: cents(amount),
        });
    }
    row.balance = Cents::ZERO;
    row.state = InstallmentState::Closed {
        reason,
        on: today(),
    };
    row.revision += 1;
}

#[test]
fn originals_that_are_written_off_or_replaced_break_a_non_integrated_agreement() {
    for kind in [
        "Bonificação",
        "Cancelamento",
        "Promoção",
        "Sorteio",
        "Substituição",
    ] {
        let mut bill = held(BILL, 3);
        settle(&mut bill, 1, &[(kind, "1000.00")], ReturnReason::WrittenOff);
        let agreement = agreement(AgreementKind::NonIntegrated, 2);
        let how = Breaking::EndedInErp;
        assert_eq!(
            reviewed(&agreement, &bill, today()),
            Some(AgreementAction::Break { how }),
            "{kind}"
        );
    }
}

#[test]
fn a_write_off_counts_only_beside_the_money_that_was_agreed() {
    // Of each original 1,000.00 are agreed, and the agency's fee.
    for (receipts, paid) in [
        (
            &[("Recebimento", "300.00"), ("Bonificação", "700.00")][..],
            false,
        ),
        (
            &[("Recebimento", "999.99"), ("Cancelamento", "0.01")],
            false,
        ),
        (
            &[("Recebimento", "1000.00"), ("Cancelamento", "35.10")],
            true,
        ),
        (&[("Dação em pagamento", "1000.00")], true),
        (&[("Recebimento", "850.00")], true),
    ] {
        let mut bill = held(BILL, 3);
        settle(&mut bill, 1, receipts, ReturnReason::Receipt);
        let mut followed = agreement(AgreementKind::NonIntegrated, 2);
        for debt in &mut followed.debts {
            debt.amounts.total = cents("1100.00");
            debt.amounts.fee = cents("100.00");
        }
        // What came is noted, whether it pays or not.
        while let Some(next @ AgreementAction::Seen { .. }) = reviewed(&followed, &bill, today()) {
            followed = step(&followed, &next).agreement;
        }
        let next = reviewed(&followed, &bill, today());
        let how = Breaking::EndedInErp;
        assert_eq!(
            next,
            (!paid).then_some(AgreementAction::Break { how }),
            "{receipts:?}"
        );
        assert_eq!(followed.debts[0].paid_on.is_some(), paid, "{receipts:?}");
    }
}

#[test]
fn what_a_discount_left_open_is_written_off_and_the_agreement_is_settled() {
    let mut bill = held(BILL, 3);
    let mut followed = agreement(AgreementKind::NonIntegrated, 2);
    for debt in &mut followed.debts {
        debt.amounts.total = cents("750.00");
    }
    // The whole of the first, the rest of what was agreed of the second.
    settle(
        &mut bill,
        1,
        &[("Recebimento", "1000.00")],
        ReturnReason::Receipt,
    );
    settle(
        &mut bill,
        2,
        &[("Recebimento", "500.00"), ("Bonificação", "500.00")],
        ReturnReason::WrittenOff,
    );
    while let Some(next) = reviewed(&followed, &bill, today()) {
        followed = step(&followed, &next).agreement;
    }
    assert_eq!(followed.state, AgreementState::Settled { on: today() });
}

#[test]
fn a_type_nobody_classified_neither_pays_nor_breaks_nor_lets_the_term_lapse() {
    let mut bill = held(BILL, 3);
    settle(
        &mut bill,
        1,
        &[("Acerto judicial", "1000.00")],
        ReturnReason::Receipt,
    );
    let agreement = agreement(AgreementKind::NonIntegrated, 2);
    for on in [today(), date(2027, 6, 1)] {
        assert_eq!(reviewed(&agreement, &bill, on), None);
    }
    let open = held(BILL, 3);
    assert!(matches!(
        reviewed(&agreement, &open, date(2027, 6, 1)),
        Some(AgreementAction::Break {
            how: Breaking::Lapsed { .. }
        })
    ));
}

#[test]
fn an_integrated_agreement_whose_last_installments_are_written_off_is_broken_when_none_is_open() {
    let mut bill = remade();
    let mut followed = integrated();
    close(&mut bill, 4, ReturnReason::Receipt, today());
    settle(
        &mut bill,
        5,
        &[("Cancelamento", "1000.00")],
        ReturnReason::WrittenOff,
    );
    while let Some(next) = reviewed(&followed, &bill, today()) {
        followed = step(&followed, &next).agreement;
    }
    let how = Breaking::EndedInErp;
    assert_eq!(followed.state, AgreementState::Broken { on: today(), how });
}

#[test]
fn a_generated_installment_that_sienge_closed_with_money_in_it_is_paid() {
    for (receipts, reason, paid) in [
        (
            &[("Recebimento", "999.90"), ("Bonificação", "0.10")][..],
            ReturnReason::WrittenOff,
            true,
        ),
        (
            &[("Bonificação", "0.10"), ("Recebimento", "999.90")],
            ReturnReason::Receipt,
            true,
        ),
        (
            &[("Recebimento", "1.00"), ("Cancelamento", "999.00")],
            ReturnReason::WrittenOff,
            true,
        ),
        (
            &[("Bonificação", "1000.00")],
            ReturnReason::WrittenOff,
            false,
        ),
        (
            &[
                ("Recebimento", "1000.00"),
                ("Estorno", "1000.00"),
                ("Cancelamento", "1000.00"),
            ],
            ReturnReason::WrittenOff,
            false,
        ),
        (
            &[("Recebimento", "1.00"), ("Distrato", "999.00")],
            ReturnReason::CreditorRequest,
            false,
        ),
    ] {
        let mut bill = remade();
        let mut followed = integrated();
        close(&mut bill, 4, ReturnReason::Receipt, today());
        settle(&mut bill, 5, receipts, reason);
        while let Some(next) = reviewed(&followed, &bill, today()) {
            followed = step(&followed, &next).agreement;
        }
        let how = Breaking::EndedInErp;
        let ended = if paid {
            AgreementState::Settled { on: today() }
        } else {
            AgreementState::Broken { on: today(), how }
        };
        assert_eq!(followed.state, ended, "{receipts:?}");
    }
}

#[test]
fn a_generated_installment_that_a_type_nobody_classified_helped_to_close_waits() {
    let mut bill = remade();
    settle(
        &mut bill,
        4,
        &[("Recebimento", "400.00"), ("Acerto judicial", "600.00")],
        ReturnReason::Receipt,
    );
    assert_eq!(reviewed(&integrated(), &bill, today()), None);
}
