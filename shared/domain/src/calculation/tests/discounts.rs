//! Campaign discounts, the anticipation discount, remittance, correction and the fee's switch.

use crate::money::{Cents, Rate};
use jiff::civil::date;

use super::support::*;
use crate::calculation::*;

/// The campaign with half of the interest, a tenth of the principal and all of the fee to be discounted.
fn generous() -> Campaign {
    let mut campaign = campaign();
    campaign.tiers[0].maximum_discounts = Components {
        principal: rate("10"),
        fine: rate("100"),
        interest: rate("50"),
        fee: rate("100"),
    };
    campaign
}

fn asking(discounts: Discounts) -> Result<Quote, Error> {
    let (debts, campaign, settings) = (integrated(), generous(), settings());
    let request = Request {
        discounts,
        ..request(&debts, &campaign, &settings)
    };
    let quote = quote(&request)?;
    verify(&quote).unwrap();
    Ok(quote)
}

#[test]
fn percentages_are_taken_of_each_row() {
    let quote = asking(Discounts {
        interest: Some(Portion::Percent(rate("50"))),
        fee: Some(Portion::Percent(rate("100"))),
        ..Discounts::default()
    })
    .unwrap();
    let first = &quote.amounts.rows[0].figures;
    assert_eq!(
        (first.discounts.interest, first.discounts.fee),
        (cents("47.79"), cents("109.55"))
    );
    let totals = &quote.amounts.totals;
    assert_eq!(totals.discounts.fee, cents("1556.07"));
    assert_eq!(totals.total, totals.gross - totals.discount);
}

#[test]
fn an_amount_is_spread_over_the_rows_to_the_cent() {
    let quote = asking(Discounts {
        interest: Some(Portion::Amount(cents("100.01"))),
        ..Discounts::default()
    })
    .unwrap();
    assert_eq!(quote.amounts.totals.discounts.interest, cents("100.01"));
    assert_eq!(quote.amounts.totals.discount, cents("100.01"));
    assert!(
        quote
            .amounts
            .rows
            .iter()
            .all(|row| row.figures.discounts.interest > Cents::ZERO)
    );
}

#[test]
fn the_screens_minimum_is_the_total_less_every_maximum() {
    let quote = asking(Discounts::default()).unwrap();
    let totals = &quote.amounts.totals;
    // 10% of 15,000.00 + half of each row's charges + all fees.
    assert_eq!(
        totals.maximum_discount,
        cents("1500.00") + cents("280.40") + cents("1556.07")
    );
    assert_eq!(totals.minimum_total, totals.total - totals.maximum_discount);
}

#[test]
fn a_discount_above_the_maximum_names_the_maximum() {
    let percent = asking(Discounts {
        principal: Some(Portion::Percent(rate("10.000001"))),
        ..Discounts::default()
    });
    assert_eq!(
        percent.unwrap_err().to_string(),
        "desconto de principal: 10,000001% passa do máximo de 10% da campanha; informe até 10%"
    );
    let amount = asking(Discounts {
        principal: Some(Portion::Amount(cents("1500.01"))),
        ..Discounts::default()
    });
    assert_eq!(
        amount.unwrap_err().to_string(),
        "desconto de principal: R$ 1.500,01 passa do máximo de R$ 1.500,00 da campanha; informe até R$ 1.500,00"
    );
    asking(Discounts {
        principal: Some(Portion::Amount(cents("1500.00"))),
        ..Discounts::default()
    })
    .unwrap();
    let negative = asking(Discounts {
        fee: Some(Portion::Amount(cents("-0.01"))),
        ..Discounts::default()
    });
    assert!(matches!(negative, Err(Error::DiscountAmount { .. })));
}

#[test]
fn a_campaign_without_maxima_grants_nothing() {
    let (debts, campaign, settings) = (integrated(), campaign(), settings());
    let request = Request {
        discounts: Discounts {
            interest: Some(Portion::Percent(rate("1"))),
            ..Discounts::default()
        },
        ..request(&debts, &campaign, &settings)
    };
    assert!(
        quote(&request)
            .unwrap_err()
            .to_string()
            .contains("máximo de 0%")
    );
}

#[test]
fn a_plans_own_maxima_hold_for_a_plan() {
    let (debts, mut campaign, settings) = (integrated(), generous(), settings());
    campaign.plan_tiers[0].maximum_discounts.interest = rate("5");
    let request = Request {
        payment: Payment::Plan { installments: 12 },
        discounts: Discounts {
            interest: Some(Portion::Percent(rate("50"))),
            ..Discounts::default()
        },
        ..request(&debts, &campaign, &settings)
    };
    assert!(
        quote(&request)
            .unwrap_err()
            .to_string()
            .contains("máximo de 5%")
    );
}

fn anticipating(method: &str) -> CalculationSettings {
    CalculationSettings {
        anticipation: serde_json::from_str(&format!(
            r#"{{"annualRate":"12","method":"{method}"}}"#
        ))
        .unwrap(),
        ..settings()
    }
}

#[test]
fn anticipation_is_computed_by_whole_months_where_sienge_was_not_asked() {
    let debts = [
        debt(6, date(2021, 11, 30), "1000.00"),
        debt(7, date(2021, 12, 30), "1000.00"),
        debt(8, date(2022, 1, 30), "1000.00"),
    ];
    let (campaign, settings) = (campaign(), anticipating("compound"));
    let quote = proved(&request(&debts, &campaign, &settings));
    let discounts: Vec<Cents> = quote
        .amounts
        .rows
        .iter()
        .map(|row| row.figures.anticipation)
        .collect();
    // 0.9489% a month: 1,000 - 1,000 / 1.009489, and squared.
    assert_eq!(discounts, [cents("0.00"), cents("9.40"), cents("18.71")]);
    assert_eq!(quote.amounts.totals.discount, cents("28.11"));
}

#[test]
fn sienges_present_value_wins_over_ours() {
    let at = |current: &str| Debt {
        sienge: Some(SiengeBalance {
            current: cents(current),
            ..sienge("1000.00", "0.00")
        }),
        ..debt(7, date(2021, 12, 30), "1000.00")
    };
    let (campaign, settings) = (campaign(), anticipating("compound"));
    for (current, discount) in [("990.00", "10.00"), ("1000.00", "0.00")] {
        let quote = proved(&request(&[at(current)], &campaign, &settings));
        assert_eq!(quote.amounts.totals.anticipation, cents(discount));
    }
}

#[test]
fn campaign_discount_and_anticipation_add_up_but_never_pass_the_principal() {
    let debts = [debt(7, date(2022, 11, 30), "1000.00")];
    let (mut campaign, settings) = (generous(), anticipating("simple"));
    campaign.tiers[0].maximum_discounts.principal = Rate::WHOLE;
    let all = Request {
        discounts: Discounts {
            principal: Some(Portion::Percent(Rate::WHOLE)),
            ..Discounts::default()
        },
        ..request(&debts, &campaign, &settings)
    };
    let figures = proved(&all).amounts.totals;
    // 12 months at 0.9489% simple: 1,000 - 1,000 / 1.113868.
    assert_eq!(figures.anticipation, cents("102.23"));
    assert_eq!(figures.discounts.principal, cents("897.77"));
    assert_eq!(figures.total, figures.fee);
}

#[test]
fn remittance_is_taken_of_what_is_left_after_discounts() {
    let (debts, mut campaign, settings) = (integrated(), generous(), settings());
    campaign.tiers[0].remittance = Remittance {
        principal: rate("100"),
        fine: rate("50"),
        interest: rate("50"),
    };
    let discounted = Request {
        discounts: Discounts {
            principal: Some(Portion::Percent(rate("10"))),
            interest: Some(Portion::Percent(rate("50"))),
            ..Discounts::default()
        },
        ..request(&debts, &campaign, &settings)
    };
    let first = proved(&discounted).amounts.rows[0].figures;
    assert_eq!(first.remittance.principal, cents("900.00"));
    assert_eq!(first.remittance.interest, cents("23.90"));
}

#[test]
fn index_correction_makes_the_principal_and_the_fees_base() {
    let mut debts = vec![debt(1, date(2021, 11, 30), "1200.00")];
    debts[0].correction = Correction::Index {
        base_index: decimal("518.816"),
        index: decimal("521.638"),
        annual: false,
    };
    let (campaign, settings) = (campaign(), settings());
    let figures = proved(&request(&debts, &campaign, &settings))
        .amounts
        .totals;
    assert_eq!(
        (figures.correction, figures.updated, figures.fee),
        (cents("6.53"), cents("1206.53"), cents("120.65"))
    );
}

#[test]
fn the_annual_correction_switch_decides() {
    let mut debts = vec![debt(1, date(2021, 11, 30), "1000.00")];
    debts[0].correction = Correction::Index {
        base_index: decimal("100"),
        index: decimal("110"),
        annual: true,
    };
    let (campaign, settings) = (campaign(), settings());
    for (switch, correction) in [(false, "0.00"), (true, "100.00")] {
        let request = Request {
            annual_correction: switch,
            ..request(&debts, &campaign, &settings)
        };
        assert_eq!(
            proved(&request).amounts.totals.correction,
            cents(correction)
        );
    }
}

#[test]
fn the_fees_switch_charges_warns_or_charges_none() {
    let (debts, campaign) = (integrated(), campaign());
    for (switch, fee, warns) in [
        (Some(true), "1556.07", false),
        (None, "1556.07", true),
        (Some(false), "0.00", false),
    ] {
        let settings = CalculationSettings {
            fees: switch,
            ..settings()
        };
        let amounts = proved(&request(&debts, &campaign, &settings)).amounts;
        assert_eq!(amounts.totals.fee, cents(fee));
        assert_eq!(
            amounts.warnings.contains(&Warning::FeesWithoutSwitch),
            warns
        );
    }
}

#[test]
fn a_fine_above_two_percent_warns_once_and_is_charged() {
    let (debts, mut campaign, settings) = (internal(), campaign(), settings());
    campaign.tiers[0].charges.fine = Some(rate("2.5"));
    let amounts = proved(&request(&debts, &campaign, &settings)).amounts;
    assert_eq!(
        amounts.warnings,
        [Warning::FineAboveTwoPercent { rate: rate("2.5") }]
    );
    assert_eq!(amounts.rows[0].figures.fine, cents("25.00"));
}

#[test]
fn fees_of_two_tiers_are_rounded_by_tier() {
    let (debts, mut campaign, settings) = (internal(), campaign(), settings());
    campaign.tiers = vec![tier(-9999, 60), tier(61, 9999)];
    campaign.tiers[1].charges.fee = Some(rate("20"));
    let quote = proved(&request(&debts, &campaign, &settings));
    assert_eq!(
        quote
            .explanation
            .iter()
            .filter(|line| line.step == ExplanationStep::FeeTotal)
            .count(),
        2
    );
    assert_eq!(quote.amounts.rows[0].figures.fee, cents("213.46"));
}

#[test]
fn a_residue_larger_than_the_first_fee_moves_on_to_the_next_rows() {
    let debts: Vec<Debt> = (1..=10).map(|id| debt(id, on(), "0.05")).collect();
    let (campaign, settings) = (campaign(), settings());
    let amounts = proved(&request(&debts, &campaign, &settings)).amounts;
    // Ten fees of half a cent, rounded up to 0.10; the total is 0.05.
    let fees: Vec<i64> = amounts
        .rows
        .iter()
        .map(|row| row.figures.fee.get())
        .collect();
    assert_eq!(fees, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
}
