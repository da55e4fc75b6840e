//! Contract 295 of the playbook at 2021-11-19, to the cent, in every calculation.

use super::support::*;
use crate::calculation::*;
use crate::money::Cents;

/// Days, charges, fee and total of each row as the screen prints them.
const SCREEN: [(i32, &str, &str, &str); 6] = [
    (142, "95.58", "109.55", "1205.13"),
    (112, "79.42", "107.94", "1187.36"),
    (81, "62.81", "106.28", "1169.09"),
    (50, "46.34", "104.63", "1150.97"),
    (18, "29.45", "102.95", "1132.40"),
    (9, "247.18", "1024.72", "11271.90"),
];

fn assert_screen(quote: &Quote, mode: Mode) {
    for (row, (days, charges, fee, total)) in quote.amounts.rows.iter().zip(SCREEN) {
        let figures = &row.figures;
        assert_eq!(
            (row.mode, row.days_late, row.days_charged),
            (mode, days, days)
        );
        assert_eq!(
            (figures.interest, figures.fine, figures.fee, figures.total),
            (cents(charges), Cents::ZERO, cents(fee), cents(total))
        );
    }
    let totals = &quote.amounts.totals;
    assert_eq!(totals.original, cents("15000.00"));
    assert_eq!(totals.interest, cents("560.78"));
    assert_eq!(totals.fee, cents("1556.07"));
    assert_eq!(
        (totals.gross, totals.total),
        (cents("17116.85"), cents("17116.85"))
    );
}

#[test]
fn sienges_figures_give_the_screen() {
    let (debts, campaign, settings) = (integrated(), campaign(), settings());
    let quote = proved(&request(&debts, &campaign, &settings));
    assert_screen(&quote, Mode::Integrated);
    assert_eq!(quote.amounts.warnings, []);
    // The formula explains every one of Sienge's values, so no line is a bare report or a difference.
    assert!(
        quote
            .explanation
            .iter()
            .all(|line| line.step != ExplanationStep::SiengeCharges
                && line.step != ExplanationStep::SiengeDifference)
    );
}

#[test]
fn sienges_formula_alone_gives_the_screen() {
    let mut debts = internal();
    for debt in &mut debts {
        debt.late_terms = Some(terms(Some("0.54")));
    }
    let (campaign, settings) = (campaign(), settings());
    let quote = proved(&request(&debts, &campaign, &settings));
    assert_screen(&quote, Mode::Estimated);
    assert_eq!(quote.amounts.warnings.len(), 6);
}

#[test]
fn each_step_of_the_formula_is_the_published_one() {
    let terms = SiengeTerms {
        pro_rata: rate("0.54"),
        interest: rate("1"),
        fine: rate("2"),
    };
    for (principal, days, a, j, m) in [
        ("1000", 142, "25.56", "48.54", "21.48"),
        ("1000", 112, "20.16", "38.09", "21.17"),
        ("1000", 81, "14.58", "27.39", "20.84"),
        ("1000", 50, "9.00", "16.82", "20.52"),
        ("1000", 18, "3.24", "6.02", "20.19"),
        ("10000", 9, "16.20", "30.05", "200.93"),
    ] {
        let charges = sienge_charges(key(1), cents(principal), days, &terms, &mut Silent);
        assert_eq!(
            (charges.pro_rata, charges.interest, charges.fine),
            (cents(a), cents(j), cents(m)),
            "{days} days"
        );
    }
    assert_eq!(
        sienge_charges(key(1), cents("1000"), 0, &terms, &mut Silent).total(),
        Cents::ZERO
    );
}

#[test]
fn the_internal_calculation_charges_fine_and_interest_on_the_original_value() {
    let (debts, campaign, settings) = (internal(), campaign(), settings());
    let quote = proved(&request(&debts, &campaign, &settings));
    // 2% of the value; 1% a month over the screen's days.
    let expected = [
        ("20.00", "47.33"),
        ("20.00", "37.33"),
        ("20.00", "27.00"),
        ("20.00", "16.67"),
        ("20.00", "6.00"),
        ("200.00", "30.00"),
    ];
    for (row, (fine, interest)) in quote.amounts.rows.iter().zip(expected) {
        assert_eq!(row.mode, Mode::Internal);
        assert_eq!(
            (row.figures.fine, row.figures.interest),
            (cents(fine), cents(interest))
        );
    }
    // 15,464.33 * 10% = 1,546.433; rows sum to 1,546.44, the first carries -0.01.
    let totals = &quote.amounts.totals;
    assert_eq!(
        (totals.updated, totals.fee, totals.total),
        (cents("15464.33"), cents("1546.43"), cents("17010.76"))
    );
    assert_eq!(quote.amounts.rows[0].figures.fee, cents("106.73"));
}

#[test]
fn interest_on_the_fine_is_the_creditors_choice() {
    let settings = CalculationSettings {
        interest_on_fine: true,
        ..settings()
    };
    let (debts, campaign) = (internal(), campaign());
    let quote = proved(&request(&debts, &campaign, &settings));
    // (1,000.00 + 20.00) * 1% / 30 * 142.
    assert_eq!(quote.amounts.rows[0].figures.interest, cents("48.28"));
}

#[test]
fn the_standard_rounding_rounds_the_total_half_up() {
    let settings = CalculationSettings {
        rounding: RoundingRules::STANDARD,
        ..settings()
    };
    let (debts, campaign) = (integrated(), campaign());
    let quote = proved(&request(&debts, &campaign, &settings));
    // 15,560.78 * 10% = 1,556.078: the rows already sum to it.
    assert_eq!(quote.amounts.totals.fee, cents("1556.08"));
    assert_eq!(quote.amounts.rows[0].figures.fee, cents("109.56"));
}

#[test]
fn grace_charges_nothing_and_then_counts_from_the_due_date() {
    let settings = CalculationSettings {
        grace_days: 18,
        ..settings()
    };
    let (debts, campaign) = (internal(), campaign());
    let quote = proved(&request(&debts, &campaign, &settings));
    let charged: Vec<i32> = quote
        .amounts
        .rows
        .iter()
        .map(|row| row.days_charged)
        .collect();
    assert_eq!(charged, [142, 112, 81, 50, 0, 0]);
}

#[test]
fn a_bill_without_late_terms_takes_sienges_correction_and_the_campaigns_charges() {
    let debts = [Debt {
        sienge: Some(sienge("1100.00", "0.00")),
        ..debt(1, contract_295()[0].1, "1000.00")
    }];
    let (campaign, settings) = (campaign(), settings());
    let quote = proved(&request(&debts, &campaign, &settings));
    let row = &quote.amounts.rows[0];
    assert_eq!(row.mode, Mode::Internal);
    assert_eq!(
        (row.figures.correction, row.figures.fine),
        (cents("100.00"), cents("20.00"))
    );
    assert_eq!(row.figures.fee, cents("116.73"));
}
