//! Payments of an agreement's rows.

use crate::portfolio::Breaking;
use std::collections::BTreeMap;

use jiff::civil::date;

use super::support::*;
use crate::agreement::*;
use crate::calendar::Date;
use crate::portfolio::{EventKind, ReturnReason};

fn seen(paid: &[(i64, Date)]) -> AgreementAction {
    let paid = paid
        .iter()
        .map(|(id, day)| (crate::ids::InstallmentId(*id), *day))
        .collect();
    AgreementAction::Seen {
        bill: BILL,
        paid,
        received: BTreeMap::new(),
    }
}

fn told(transition: &Transition) -> Vec<&'static str> {
    let events = transition.events.iter();
    events
        .map(|event| match &event.kind {
            EventKind::Agreement(event) => event.change.name(),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn the_last_generated_installment_settles_an_integrated_agreement() {
    let first = step(&integrated(), &seen(&[(4, date(2026, 12, 18))]));
    assert_eq!(told(&first), ["paid"]);
    assert_eq!(first.events[0].installments, ids(&[4]));
    assert_eq!(first.agreement.rows[0].paid_on, Some(date(2026, 12, 18)));
    let last = step(
        &first.agreement,
        &seen(&[(4, date(2026, 12, 18)), (5, date(2027, 1, 20))]),
    );
    assert_eq!(told(&last), ["paid", "settled"]);
    assert_eq!(
        last.agreement.state,
        AgreementState::Settled { on: today() }
    );
}

#[test]
fn originals_pay_the_rows_in_order_and_the_last_one_settles() {
    // Three rows of two originals: the first original pays one row, the second all that is left.
    let first = step(
        &agreement(AgreementKind::NonIntegrated, 3),
        &seen(&[(1, date(2026, 12, 1))]),
    );
    let days: Vec<Option<Date>> = first.agreement.rows.iter().map(|row| row.paid_on).collect();
    assert_eq!(days, [Some(date(2026, 12, 1)), None, None]);
    assert_eq!(told(&first), ["paid"]);
    let last = step(
        &first.agreement,
        &seen(&[(1, date(2026, 12, 1)), (2, date(2026, 12, 5))]),
    );
    assert!(last.agreement.rows.iter().all(|row| row.paid_on.is_some()));
    assert_eq!(told(&last), ["paid", "paid", "settled"]);
}

#[test]
fn a_reversed_payment_is_unpaid_again_and_may_break_the_agreement() {
    let first = step(&integrated(), &seen(&[(4, date(2026, 12, 18))])).agreement;
    let reversed = step(&first, &seen(&[]));
    assert_eq!(
        (reversed.agreement.rows[0].paid_on, reversed.agreement.state),
        (None, AgreementState::Active)
    );
    let settings = AgreementSettings {
        remove_reneg_on_reversed_activation: true,
        ..AgreementSettings::default()
    };
    let kept = transition(&first, &seen(&[]), &settings, today()).unwrap();
    assert_eq!(
        kept.agreement.state,
        AgreementState::Active,
        "its remake is in Sienge"
    );
    let first = step(
        &agreement(AgreementKind::NonIntegrated, 2),
        &seen(&[(1, date(2026, 12, 18))]),
    )
    .agreement;
    let broken = transition(&first, &seen(&[]), &settings, today()).unwrap();
    let how = Breaking::ActivationReversed;
    assert_eq!(
        broken.agreement.state,
        AgreementState::Broken { on: today(), how }
    );
    assert!(broken.agreement.withdrawn);
}

/// Reviews and takes the steps; the most events of one step, and what was told in all.
fn followed(
    mut agreement: Agreement,
    held: &crate::portfolio::HeldBill,
) -> (Agreement, usize, Vec<&'static str>) {
    let (mut most, mut all) = (0, Vec::new());
    while let Some(next) = reviewed(&agreement, held, today()) {
        let taken = step(&agreement, &next);
        most = most.max(taken.events.len());
        all.extend(told(&taken));
        agreement = taken.agreement;
    }
    (agreement, most, all)
}

#[test]
fn many_rows_paid_at_once_are_told_in_steps_that_fit_one_write() {
    let plain = wanted(AgreementKind::NonIntegrated, &[(BILL, 1)], asked(180));
    let mut owed = held(BILL, 3);
    let plain = drafted(&plain, &bills(&[(BILL, &owed)])).unwrap().agreement;
    close(&mut owed, 1, ReturnReason::Receipt, today());

    let remade = wanted(AgreementKind::Integrated, &[(BILL, 1)], asked(180));
    let remade = drafted(&remade, &bills(&[(BILL, &held(BILL, 3))]))
        .unwrap()
        .agreement;
    let generated: Vec<i64> = (4..184).collect();
    let remade = step(
        &remade,
        &AgreementAction::ErpDone {
            generated: ids(&generated),
        },
    )
    .agreement;
    let mut paid = held(BILL, 183);
    close(&mut paid, 1, ReturnReason::Agreement, today());
    for id in generated {
        close(&mut paid, id, ReturnReason::Receipt, today());
    }
    for (agreement, held) in [(plain, owed), (remade, paid)] {
        let first = step(&agreement, &reviewed(&agreement, &held, today()).unwrap());
        assert!(
            first
                .events
                .iter()
                .all(|event| event.installments.len() == 1)
        );
        assert_eq!(first.agreement.state, AgreementState::Active);
        let (settled, most, told) = followed(agreement, &held);
        assert_eq!(settled.state, AgreementState::Settled { on: today() });
        assert!(settled.rows.iter().all(|row| row.paid_on == Some(today())));
        // The agreement, 15 claims and 15 settlements are in the same transaction of 100.
        assert!(most <= 69, "{most}");
        assert_eq!(
            (told.len(), told.last()),
            (181, Some(&"settled")),
            "each row once"
        );
    }
}

#[test]
fn a_payment_on_one_bill_says_nothing_of_the_others() {
    let other = crate::ids::BillId(296);
    let new = wanted(
        AgreementKind::NonIntegrated,
        &[(BILL, 1), (other, 1)],
        asked(1),
    );
    let made = drafted(
        &new,
        &bills(&[(BILL, &held(BILL, 3)), (other, &held(other, 3))]),
    )
    .unwrap()
    .agreement;
    let paid = BTreeMap::from([(ids(&[1])[0], today())]);
    let part = step(&made, &seen(&[(1, today())])).agreement;
    assert_eq!(
        (part.state.clone(), part.is_paid_in_part()),
        (AgreementState::Active, true)
    );
    let whole = step(
        &part,
        &AgreementAction::Seen {
            bill: other,
            paid,
            received: BTreeMap::new(),
        },
    );
    assert_eq!(
        whole.agreement.state,
        AgreementState::Settled { on: today() }
    );
    assert_eq!(
        whole.events.len(),
        3,
        "one payment, and the settlement on both timelines"
    );
}

fn pay_part(held: &mut crate::portfolio::HeldBill, id: i64, amount: &str, on: Date) {
    let row = row(held, id);
    let net = cents(amount);
    row.balance = row.balance - net;
    row.receipts.push(crate::portfolio::Receipt {
        paid_on: on,
        kind: "Recebimento".into(),
        net,
        gross: net,
    });
}

#[test]
fn payments_in_part_pay_the_rows_that_they_reach_to_the_cent() {
    // Paid in part before the agreement: no payment of it.
    let mut bill = held(BILL, 3);
    pay_part(&mut bill, 1, "100.00", date(2026, 11, 1));
    row(&mut bill, 1).balance = cents("1000.00");
    let mut asked = asked(3);
    asked.down_payment = cents("200.00");
    let new = wanted(AgreementKind::NonIntegrated, &[(BILL, 1)], asked);
    let made = drafted(&new, &bills(&[(BILL, &bill)])).unwrap().agreement;
    assert_eq!(reviewed(&made, &bill, today()), None);

    pay_part(&mut bill, 1, "199.99", date(2026, 11, 20));
    let (almost, _, words) = followed(made, &bill);
    assert!(words.is_empty() && almost.is_paid_in_part() && almost.rows[0].paid_on.is_none());
    pay_part(&mut bill, 1, "0.01", date(2026, 11, 23));
    let (down, _, words) = followed(almost, &bill);
    assert_eq!(
        (words, down.rows[0].paid_on),
        (vec!["paid"], Some(date(2026, 11, 23)))
    );
    // The down payment did not lapse; the next row does.
    let next = down.next_row().unwrap().due_on;
    assert_eq!(reviewed(&down, &bill, next), None);

    row(&mut bill, 1).receipts.pop();
    let (back, ..) = followed(down, &bill);
    assert_eq!(
        (back.rows[0].paid_on, &back.state),
        (None, &AgreementState::Active)
    );
    close(&mut bill, 1, ReturnReason::Receipt, date(2026, 12, 18));
    let (settled, _, words) = followed(back, &bill);
    assert_eq!(words, ["paid", "paid", "paid", "paid", "settled"]);
    assert_eq!(settled.state, AgreementState::Settled { on: today() });
}
