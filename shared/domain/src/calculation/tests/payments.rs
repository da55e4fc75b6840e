//! Partial payments: cash, charges and principal kept apart.

use super::support::*;
use crate::calculation::*;
use crate::money::Cents;

fn amounts() -> Amounts {
    let (debts, campaign, settings) = (integrated(), campaign(), settings());
    proved(&request(&debts, &campaign, &settings)).amounts
}

fn imputed(cash: &str, order: ImputationOrder) -> Imputation {
    let imputation = impute(&amounts(), cents(cash), order).unwrap();
    verify_imputation(&imputation).unwrap();
    imputation
}

#[test]
fn charges_are_paid_before_principal_and_the_oldest_installment_first() {
    let imputation = imputed("500.00", ImputationOrder::ChargesFirst);
    let first = &imputation.rows[0];
    assert_eq!(
        (first.paid.fee, first.paid.interest),
        (cents("109.55"), cents("95.58"))
    );
    // What the payment's event prints is the principal amortised, not the cash.
    assert_eq!(
        (first.paid.principal, first.cash),
        (cents("294.87"), cents("500.00"))
    );
    // Balance = principal before - amortised = updated value - cash.
    assert_eq!(
        (first.principal_left, first.left),
        (cents("705.13"), cents("705.13"))
    );
    assert_eq!(imputation.rows[1].cash, Cents::ZERO);
    assert_eq!(imputation.excess, Cents::ZERO);
}

#[test]
fn less_cash_than_charges_amortises_nothing() {
    let first = imputed("150.00", ImputationOrder::ChargesFirst).rows[0];
    assert_eq!(
        (first.paid.fee, first.paid.interest, first.paid.principal),
        (cents("109.55"), cents("40.45"), Cents::ZERO)
    );
    assert_eq!(
        (first.principal_left, first.left),
        (cents("1000.00"), cents("1055.13"))
    );
}

#[test]
fn principal_first_when_agreed_otherwise() {
    let first = imputed("1050.00", ImputationOrder::PrincipalFirst).rows[0];
    assert_eq!(
        (first.paid.principal, first.paid.interest, first.paid.fee),
        (cents("1000.00"), cents("50.00"), Cents::ZERO)
    );
    assert_eq!(
        (first.principal_left, first.left),
        (Cents::ZERO, cents("155.13"))
    );
}

#[test]
fn cash_beyond_the_debt_is_told_apart() {
    let imputation = imputed("20000.00", ImputationOrder::ChargesFirst);
    assert_eq!(imputation.excess, cents("20000.00") - cents("17116.85"));
    assert!(imputation.rows.iter().all(|row| row.left.is_zero()));
}
