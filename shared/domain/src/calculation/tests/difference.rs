//! When our figure is not Sienge's: the likely cause, and an explanation that adds up to Sienge's all the same.

use jiff::civil::date;

use super::support::*;
use crate::calculation::*;

/// Quotes it with these terms, partly paid or not.
fn caused(additional: &str, fine: &str, interest: &str, partly_paid: bool) -> Cause {
    let debts = [Debt {
        sienge: Some(sienge("1000.00", additional)),
        late_terms: Some(LateTerms {
            fine: rate(fine),
            interest: rate(interest),
            pro_rata: None,
        }),
        partly_paid,
        ..debt(1, date(2021, 6, 30), "1000.00")
    }];
    let (campaign, settings) = (campaign(), settings());
    let quote = proved(&request(&debts, &campaign, &settings));
    assert_eq!(quote.amounts.rows[0].figures.interest, cents(additional));
    cause(&quote.amounts.warnings)
}

#[test]
fn charges_by_daily_value_are_recognised() {
    // 0.33 a day for 142 days, and 2% of 1,046.86.
    assert_eq!(
        caused("67.80", "2", "0", false),
        Cause::DailyValue {
            value: cents("0.33")
        }
    );
    assert_eq!(
        caused("67.80", "2", "1", false),
        Cause::DailyValue {
            value: cents("0.33")
        }
    );
    // 1.50 a day, and no fine.
    assert_eq!(
        caused("213.00", "0", "0.5", false),
        Cause::DailyValue {
            value: cents("1.50")
        }
    );
    assert_eq!(
        caused("67.90", "2", "1", false),
        Cause::Unknown,
        "no daily value gives it"
    );
}

#[test]
fn what_was_paid_in_part_is_named_as_the_cause() {
    assert_eq!(caused("50.00", "2", "1", true), Cause::PartlyPaid);
    assert_eq!(caused("67.80", "2", "0", true), Cause::PartlyPaid);
    assert_eq!(caused("50.00", "2", "1", false), Cause::Unknown);
}

/// Quotes one late installment of 1,000.00 due on Wednesday 2021-06-30 (142 days), for which Sienge reports `additional`.
fn differing(additional: &str, pro_rata: Option<&str>) -> (QuoteRow, Vec<Warning>, Vec<Line>) {
    let debts = [Debt {
        sienge: Some(sienge("1000.00", additional)),
        late_terms: Some(terms(pro_rata)),
        ..debt(1, date(2021, 6, 30), "1000.00")
    }];
    let (campaign, settings) = (campaign(), settings());
    let quote = proved(&request(&debts, &campaign, &settings));
    assert_eq!(quote.amounts.rows[0].figures.interest, cents(additional));
    (
        quote.amounts.rows[0],
        quote.amounts.warnings,
        quote.explanation,
    )
}

fn cause(warnings: &[Warning]) -> Cause {
    match warnings {
        [Warning::SiengeDiffers { cause, .. }] => *cause,
        other => panic!("{other:?}"),
    }
}

#[test]
fn other_days_charged_are_recognised() {
    // The formula at 140 days, as when the ERP's calendar skips a bridge.
    let terms = SiengeTerms {
        pro_rata: rate("0.54"),
        interest: rate("1"),
        fine: rate("2"),
    };
    let at_140 = sienge_charges(key(1), cents("1000"), 140, &terms, &mut Silent).total();
    let (row, warnings, lines) = differing(&at_140.to_string(), Some("0.54"));
    assert_eq!(
        cause(&warnings),
        Cause::Days {
            shown: 142,
            charged: 140
        }
    );
    assert_eq!((row.days_late, row.days_charged), (142, 140));
    assert!(
        lines
            .iter()
            .all(|line| line.step != ExplanationStep::SiengeDifference)
    );
}

#[test]
fn a_pro_rata_index_nobody_told_us_is_found() {
    let (_, warnings, lines) = differing("95.58", None);
    assert_eq!(cause(&warnings), Cause::ProRata { rate: rate("0.54") });
    assert!(
        lines
            .iter()
            .any(|line| line.step == ExplanationStep::ProRata)
    );
}

#[test]
fn a_cent_is_put_down_to_rounding() {
    let (_, warnings, lines) = differing("95.59", Some("0.54"));
    assert_eq!(cause(&warnings), Cause::Rounding);
    let difference = lines
        .iter()
        .find(|line| line.step == ExplanationStep::SiengeDifference)
        .unwrap();
    assert_eq!(difference.result, cents("0.01"));
}

#[test]
fn anything_else_is_said_to_be_unknown_and_sienge_holds() {
    let (_, warnings, lines) = differing("50.00", Some("0.54"));
    assert_eq!(cause(&warnings), Cause::Unknown);
    let difference = lines
        .iter()
        .find(|line| line.step == ExplanationStep::SiengeDifference)
        .unwrap();
    assert_eq!(difference.result, cents("-45.58"));
}

#[test]
fn without_terms_sienges_charges_stand_alone() {
    let debts = [Debt {
        sienge: Some(sienge("1000.00", "95.58")),
        ..debt(1, date(2021, 6, 30), "1000.00")
    }];
    let (campaign, settings) = (campaign(), settings());
    let quote = proved(&request(&debts, &campaign, &settings));
    assert_eq!(quote.amounts.rows[0].mode, Mode::Integrated);
    assert_eq!(quote.amounts.warnings, []);
    assert!(
        quote
            .explanation
            .iter()
            .any(|line| line.step == ExplanationStep::SiengeCharges)
    );
}

#[test]
fn a_present_balance_that_does_not_add_is_told() {
    let debts = [Debt {
        sienge: Some(SiengeBalance {
            current: cents("1090.00"),
            ..sienge("1000.00", "95.58")
        }),
        late_terms: Some(terms(Some("0.54"))),
        ..debt(1, date(2021, 6, 30), "1000.00")
    }];
    let (campaign, settings) = (campaign(), settings());
    let quote = proved(&request(&debts, &campaign, &settings));
    assert!(matches!(
        quote.amounts.warnings[..],
        [Warning::SiengeDoesNotAdd { .. }]
    ));
    assert_eq!(quote.amounts.rows[0].figures.updated, cents("1095.58"));
}
