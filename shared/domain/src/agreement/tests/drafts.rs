//! What may be agreed on, and the limits of an integrated agreement.

use crate::ids::AgreementId;
use jiff::civil::date;
use proptest::prelude::*;

use super::support::*;
use crate::agreement::*;
use crate::calculation::{Discounts, Periodicity, PlanInterest, Portion};
use crate::ids::BillId;
use crate::money::Cents;
use crate::portfolio::ReturnReason;

const OTHER: BillId = BillId(296);

fn refused(new: &NewAgreement, held: &[(BillId, &crate::portfolio::HeldBill)]) -> String {
    drafted(new, &bills(held)).unwrap_err().to_string()
}

#[test]
fn an_agreement_keeps_what_was_quoted() {
    let mut asked = asked(3);
    asked.down_payment = cents("200.00");
    let mut new = wanted(
        AgreementKind::NonIntegrated,
        &[(BILL, 1), (OTHER, 2)],
        asked,
    );
    let half = Some(Portion::Percent("50".to_owned().try_into().unwrap()));
    let discounts = Discounts {
        fine: half,
        ..Discounts::default()
    };
    new.planned = planned(&[(BILL, 1), (OTHER, 2)], &asked, discounts);
    let (one, other) = (held(BILL, 3), held(OTHER, 3));
    let made = drafted(&new, &bills(&[(BILL, &one), (OTHER, &other)])).unwrap();
    let agreement = made.agreement;
    assert_eq!(
        (agreement.totals.fine, agreement.totals.fine_discount),
        (cents("40.00"), cents("20.00"))
    );
    assert_eq!(agreement.rows.len(), 4);
    assert!(agreement.rows[0].down_payment && agreement.rows[0].due_on == today());
    assert_eq!(agreement.bills().len(), 2);
    assert_eq!(
        made.events.len(),
        2,
        "one event on each contract's timeline"
    );
    let told: Vec<bool> = made
        .events
        .iter()
        .map(|event| event.domain_event().is_some())
        .collect();
    assert_eq!(told, [true, false], "one on the bus");
}

#[test]
fn what_is_not_there_closed_or_claimed_is_refused_with_its_name() {
    let new = |keys: &[(BillId, i64)]| wanted(AgreementKind::NonIntegrated, keys, asked(1));
    let mut bill = held(BILL, 3);
    assert_eq!(
        refused(&new(&[(OTHER, 1)]), &[(BILL, &bill)]),
        "contrato 296 não encontrado na carteira"
    );
    assert_eq!(
        refused(&new(&[(BILL, 9)]), &[(BILL, &bill)]),
        "parcela 9 não encontrada no contrato 295"
    );
    close(&mut bill, 1, ReturnReason::Receipt, today());
    assert!(
        refused(&new(&[(BILL, 1)]), &[(BILL, &bill)])
            .contains("a parcela 1 do contrato 295 já foi quitada")
    );
    row(&mut bill, 2).balance = cents("400.10");
    assert_eq!(
        refused(&new(&[(BILL, 2)]), &[(BILL, &bill)]),
        "o saldo da parcela 2 do contrato 295 é R$ 400,10, não R$ 1.000,00; simule de novo"
    );
    bill.claims = agreement(AgreementKind::NonIntegrated, 1).claims_on(BILL, &bill.claims);
    let mut second = new(&[(BILL, 3), (BILL, 2)]);
    second.id = AgreementId::parse("a2").unwrap();
    row(&mut bill, 2).balance = cents("1000.00");
    assert_eq!(
        refused(&second, &[(BILL, &bill)]),
        "a parcela 2 do contrato 295 já está no acordo a1"
    );
    let mut foreign = new(&[(BILL, 3)]);
    foreign.creditor = crate::ids::CreditorId(2);
    assert!(refused(&foreign, &[(BILL, &bill)]).starts_with("o contrato 295 é do credor 1"));
}

#[test]
fn nothing_is_agreed_on_with_a_customer_whose_rights_were_assigned() {
    let new = wanted(AgreementKind::NonIntegrated, &[(BILL, 1)], asked(1));
    let mut bill = held(BILL, 3);
    let mut contract = bill.contracts().next().unwrap().clone();
    let mut successor = contract.key.clone();
    successor.document_type = "FAT".into();
    contract.successor = Some(successor.clone());
    bill.put_contract(contract.clone());
    drafted(&new, &bills(&[(BILL, &bill)])).unwrap();
    successor.customer.0 += 1;
    contract.successor = Some(successor);
    bill.put_contract(contract);
    assert!(
        refused(&new, &[(BILL, &bill)])
            .starts_with("Cessão de direitos no contrato 295: a troca de titularidade será feita")
    );
}

#[test]
fn a_quote_of_yesterday_and_a_proposal_beyond_the_first_due_date_are_refused() {
    let mut new = wanted(AgreementKind::NonIntegrated, &[(BILL, 1)], asked(1));
    let bill = held(BILL, 3);
    new.start = Start::Proposal {
        expires_on: Some(date(2026, 12, 21)),
    };
    assert_eq!(
        refused(&new, &[(BILL, &bill)]),
        "a proposta não pode valer até 21/12/2026; informe uma data de 20/11/2026 a 20/12/2026"
    );
    new.planned.quote.amounts.on = date(2026, 11, 19);
    assert!(refused(&new, &[(BILL, &bill)]).contains("a simulação é de 19/11/2026, que já passou"));
}

#[test]
fn the_operator_is_a_code_and_no_name() {
    let mut new = wanted(AgreementKind::NonIntegrated, &[(BILL, 1)], asked(1));
    let bill = held(BILL, 3);
    for wrong in ["Maria Silva", "joão", "a@b.c", &"x".repeat(65)] {
        wrong.clone_into(&mut new.operator);
        assert!(refused(&new, &[(BILL, &bill)]).starts_with("informe um código, não um nome"));
    }
    for right in ["", "op_7.a-B"] {
        right.clone_into(&mut new.operator);
        assert!(drafted(&new, &bills(&[(BILL, &bill)])).is_ok());
    }
}

#[test]
fn a_proposal_is_valid_for_the_creditors_days() {
    let mut new = wanted(AgreementKind::NonIntegrated, &[(BILL, 1)], asked(1));
    new.start = Start::Proposal { expires_on: None };
    let made = drafted(&new, &bills(&[(BILL, &held(BILL, 3))]))
        .unwrap()
        .agreement;
    let expires_on = date(2026, 11, 25);
    assert_eq!(made.state, AgreementState::Proposed { expires_on });
}

#[test]
fn the_order_for_sienge_keeps_to_the_playbooks_limits() {
    let mut asked = asked(3);
    asked.down_payment = cents("200.00");
    asked.interest = PlanInterest::Price;
    let new = wanted(AgreementKind::Integrated, &[(BILL, 1), (BILL, 2)], asked);
    let made = drafted(&new, &bills(&[(BILL, &held(BILL, 3))]))
        .unwrap()
        .agreement;
    let order = remake_order(&made).unwrap();
    assert_eq!(
        (order.indexer, order.base_date),
        (8, date(2026, 9, 1)),
        "the retroactive parameter 8-2"
    );
    assert_eq!(order.installments, ids(&[1, 2]));
    let [down, rest] = order.conditions.as_slice() else {
        panic!("{order:?}")
    };
    assert_eq!(
        (down.value, down.installments, down.price),
        (cents("200.00"), 1, None)
    );
    assert_eq!(
        (rest.value, rest.installments),
        (made.totals.total - cents("200.00"), 3)
    );
    assert!(rest.price.is_some());

    let mut plain = new;
    plain.indexer = Some(3);
    let made = drafted(&plain, &bills(&[(BILL, &held(BILL, 3))]))
        .unwrap()
        .agreement;
    assert_eq!(
        remake_order(&made).unwrap().base_date,
        date(2026, 10, 1),
        "the month before"
    );
}

#[test]
fn an_integrated_agreement_is_one_monthly_remake_of_one_contract() {
    let (bill, other) = (held(BILL, 3), held(OTHER, 3));
    let two = wanted(
        AgreementKind::Integrated,
        &[(BILL, 1), (OTHER, 1)],
        asked(2),
    );
    assert!(
        refused(&two, &[(BILL, &bill), (OTHER, &other)])
            .contains("um reparcelamento de um só contrato (título)")
    );
    let mut weekly = asked(2);
    weekly.periodicity = Periodicity::Weekly;
    let weekly = wanted(AgreementKind::Integrated, &[(BILL, 1)], weekly);
    assert!(
        refused(&weekly, &[(BILL, &bill)])
            .starts_with("um acordo integrado é mensal (condição PM)")
    );
    let mut moved = asked(3);
    moved.business_days_only = true;
    let moved = wanted(AgreementKind::Integrated, &[(BILL, 1)], moved);
    assert!(refused(&moved, &[(BILL, &bill)]).contains("não mova vencimentos"));
    let mut claimed = bill.clone();
    claimed.claims = integrated().claims_on(BILL, &claimed.claims);
    let mut second = wanted(AgreementKind::Integrated, &[(BILL, 3)], asked(2));
    second.id = AgreementId::parse("a2").unwrap();
    assert!(
        refused(&second, &[(BILL, &claimed)])
            .starts_with("Só é possível realizar um reparcelamento por contrato (título)")
    );
}

proptest! {
    #[test]
    fn rows_sum_to_the_total_and_debts_to_the_sums(
        installments in 1_u16..60, selected in 1_i64..20, down in 0_i64..50_000, price: bool, monthly: bool, discount in 0_u8..=50
    ) {
        let mut asked = asked(installments);
        asked.interest = if price { PlanInterest::Price } else { PlanInterest::None };
        asked.down_payment = if installments > 1 { Cents::new(down) } else { Cents::ZERO };
        asked.periodicity = if monthly { Periodicity::Monthly } else { Periodicity::Fortnightly };
        let keys: Vec<(BillId, i64)> = (1..=selected).map(|id| (if id % 2 == 0 { BILL } else { OTHER }, id)).collect();
        let portion = Some(Portion::Percent(discount.to_string().try_into().unwrap()));
        let mut new = wanted(AgreementKind::NonIntegrated, &keys, asked);
        new.planned = planned(&keys, &asked, Discounts { fine: portion, interest: portion, ..Discounts::default() });
        let made = drafted(&new, &bills(&[(BILL, &held(BILL, 20)), (OTHER, &held(OTHER, 20))])).unwrap().agreement;
        let sum = |amounts: &mut dyn Iterator<Item = Cents>| amounts.fold(Cents::ZERO, |sum, amount| sum + amount);
        prop_assert_eq!(sum(&mut made.rows.iter().map(|row| row.amount)), made.total);
        prop_assert_eq!(made.total, made.totals.total + made.plan_interest);
        prop_assert_eq!(sum(&mut made.debts.iter().map(|debt| debt.amounts.total)), made.totals.total);
        prop_assert_eq!(sum(&mut made.debts.iter().map(|debt| debt.amounts.original)), made.totals.original);
        prop_assert_eq!(sum(&mut made.debts.iter().map(|debt| debt.amounts.discount)), made.totals.discount);
        prop_assert_eq!(sum(&mut made.rows.iter().map(|row| row.principal)), made.totals.total);
    }
}
