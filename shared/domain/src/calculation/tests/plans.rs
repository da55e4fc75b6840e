//! Plans over a quote, and what fits a month.

use crate::money::{Cents, Rate};
use jiff::civil::{Date, date};

use super::support::*;
use crate::calculation::*;

fn asked(installments: u16, interest: PlanInterest) -> PlanRequest {
    PlanRequest {
        installments,
        interest,
        down_payment: Cents::ZERO,
        first_due: date(2021, 12, 20),
        periodicity: Periodicity::Monthly,
        due_day: None,
        business_days_only: false,
    }
}

/// One installment of exactly 1,000.00 that owes no charges and no fee.
fn a_thousand() -> (Vec<Debt>, Campaign, CalculationSettings) {
    let settings = CalculationSettings {
        fees: Some(false),
        ..settings()
    };
    (vec![debt(1, on(), "1000.00")], campaign(), settings)
}

fn planned(asked: &PlanRequest) -> Result<Plan, Error> {
    let (debts, campaign, settings) = a_thousand();
    let planned = plan(&request(&debts, &campaign, &settings), asked)?;
    verify(&planned.quote).unwrap();
    verify_plan(&planned.plan).unwrap();
    Ok(planned.plan)
}

fn amounts(plan: &Plan) -> Vec<String> {
    plan.installments
        .iter()
        .map(|installment| installment.amount.to_string())
        .collect()
}

#[test]
fn the_first_installment_carries_the_residue() {
    let plan = planned(&asked(3, PlanInterest::None)).unwrap();
    assert_eq!(amounts(&plan), ["333.34", "333.33", "333.33"]);
    let dates: Vec<Date> = plan
        .installments
        .iter()
        .map(|installment| installment.due_on)
        .collect();
    assert_eq!(
        dates,
        [date(2021, 12, 20), date(2022, 1, 20), date(2022, 2, 20)]
    );
    assert_eq!((plan.total, plan.interest), (cents("1000.00"), Cents::ZERO));
}

#[test]
fn or_the_last_one_does() {
    let (debts, campaign, mut settings) = a_thousand();
    settings.rounding.residue = Residue::Last;
    let plan = plan(
        &request(&debts, &campaign, &settings),
        &asked(3, PlanInterest::None),
    )
    .unwrap()
    .plan;
    verify_plan(&plan).unwrap();
    assert_eq!(amounts(&plan), ["333.33", "333.33", "333.34"]);
}

#[test]
fn price_takes_the_tiers_rate() {
    let plan = planned(&asked(12, PlanInterest::Price)).unwrap();
    // 94.559597 each, 1,134.715 in all, which is 12 * 94.56 to the cent.
    assert_eq!(
        (plan.total, plan.interest),
        (cents("1134.72"), cents("134.72"))
    );
    assert_eq!(plan.installments[0].amount, cents("94.56"));
    assert_eq!(
        (
            plan.installments[0].interest,
            plan.installments[0].principal
        ),
        (cents("20.00"), cents("74.56"))
    );
    assert_eq!(plan.rate, rate("2"));
}

#[test]
fn a_down_payment_is_taken_off_before_the_interest() {
    let asked = PlanRequest {
        down_payment: cents("100.00"),
        ..asked(2, PlanInterest::Price)
    };
    let plan = planned(&asked).unwrap();
    // 463.54 each, 927.09 in all; 2% of 900.00 and the cent the first carries.
    assert_eq!(
        (plan.financed, plan.total),
        (cents("900.00"), cents("1027.09"))
    );
    assert_eq!(
        (
            plan.installments[0].interest,
            plan.installments[0].principal
        ),
        (cents("18.01"), cents("445.54"))
    );
}

#[test]
fn a_first_payment_today_bears_no_interest() {
    let today = PlanRequest {
        first_due: on(),
        ..asked(12, PlanInterest::Price)
    };
    let plan = planned(&today).unwrap();
    assert_eq!(plan.installments[0].interest, Cents::ZERO);
    // 92.705... each, 1,112.47 in all: the first carries 1,112.47 - 12 * 92.71.
    assert_eq!(
        (plan.installments[0].amount, plan.installments[1].amount),
        (cents("92.66"), cents("92.71"))
    );
}

#[test]
fn one_installment_is_cash() {
    let plan = planned(&asked(1, PlanInterest::Price)).unwrap();
    assert_eq!(amounts(&plan), ["1000.00"]);
    assert_eq!(plan.rate, Rate::ZERO);
}

#[test]
fn the_smallest_plan_that_fits_a_month_is_found() {
    let (debts, campaign, settings) = a_thousand();
    let request = request(&debts, &campaign, &settings);
    let smallest = |affordable: &str| {
        smallest_plan(&request, &asked(1, PlanInterest::Price), cents(affordable))
            .map(|planned| planned.plan.installments.len())
    };
    assert_eq!(smallest("1000.00").unwrap(), 1);
    assert_eq!(smallest("999.99").unwrap(), 2);
    assert_eq!(smallest("94.56").unwrap(), 12);
    assert_eq!(smallest("94.55").unwrap(), 13);
    let told = smallest("20.00").unwrap_err().to_string();
    assert_eq!(
        told,
        "valor mensal: nenhum plano da campanha cabe em R$ 20,00; o menor possível é R$ 20,61 em 178 parcelas"
    );
}

#[test]
fn the_inverse_question_passes_over_what_the_campaign_does_not_allow() {
    let (debts, mut campaign, settings) = a_thousand();
    campaign.plan_tiers = vec![plan_tier(6, 10), plan_tier(24, 36)];
    let request = request(&debts, &campaign, &settings);
    let smallest = |affordable: &str| {
        let planned =
            smallest_plan(&request, &asked(1, PlanInterest::None), cents(affordable)).unwrap();
        planned.plan.installments.len()
    };
    assert_eq!(smallest("400.00"), 6);
    assert_eq!(smallest("90.00"), 24);
}
