//! Against independent libraries: `tests/oracles/generate.py` wrote the vectors.

use crate::money::{Cents, Rate, Rounding};
use serde::Deserialize;
use std::collections::BTreeSet;

use super::support::*;
use crate::calculation::*;
use crate::calendar::{Date, HolidayRules, is_last_bank_day_of_year, is_national_bank_holiday};

#[derive(Deserialize)]
struct Price {
    rows: Vec<(Cents, Rate, u16, bool, Cents)>,
}

#[test]
fn price_payments_equal_numpy_financials() {
    let vectors: Price =
        serde_json::from_str(include_str!("../../../../../tests/oracles/price.json")).unwrap();
    assert_eq!(vectors.rows.len(), 200);
    for (base, rate, payments, advance, expected) in vectors.rows {
        let line = Line {
            of: None,
            component: Component::Working,
            step: ExplanationStep::InstallmentValue,
            base,
            operation: Operation::Price {
                rate,
                payments,
                advance,
            },
            rounding: Rounding::HalfUp,
            result: expected,
        };
        assert_eq!(
            line.recomputed(),
            Some(expected),
            "{base} at {rate}% in {payments}, advance {advance}"
        );
    }
}

#[test]
fn a_whole_plan_pays_what_numpy_financial_says() {
    let (debts, campaign) = ([debt(1, on(), "10000.00")], campaign());
    let settings = CalculationSettings {
        fees: Some(false),
        ..settings()
    };
    let asked = PlanRequest {
        installments: 12,
        interest: PlanInterest::Price,
        down_payment: Cents::ZERO,
        first_due: jiff::civil::date(2021, 12, 19),
        periodicity: Periodicity::Monthly,
        due_day: None,
        business_days_only: false,
    };
    // pmt(0.02, 12, -10000) = 945.5959...
    let plan = plan(&request(&debts, &campaign, &settings), &asked)
        .unwrap()
        .plan;
    assert_eq!(plan.installments[5].amount, cents("945.60"));
}

#[derive(Deserialize)]
struct BusinessDays {
    first_year: i16,
    last_year: i16,
    weekday_holidays: BTreeSet<Date>,
    following: Vec<(Date, Date)>,
    year_ends: Vec<(Date, Date)>,
}

#[test]
fn bank_holidays_equal_bizdays_anbima_for_every_year() {
    let vectors: BusinessDays = serde_json::from_str(include_str!(
        "../../../../../tests/oracles/business_days.json"
    ))
    .unwrap();
    let national = HolidayRules::default();
    let mut day = jiff::civil::date(vectors.first_year, 1, 1);
    while day.year() <= vectors.last_year {
        let weekday = day.weekday().to_monday_zero_offset() < 5;
        assert_eq!(
            national.is_business_day(day),
            weekday && !vectors.weekday_holidays.contains(&day),
            "{day}"
        );
        assert!(
            !weekday || is_national_bank_holiday(day) == vectors.weekday_holidays.contains(&day)
        );
        day = day.tomorrow().unwrap();
    }
    for (due, expected) in vectors.following {
        assert_eq!(national.next_business_day(due), expected, "{due}");
    }
}

#[test]
fn banks_attend_nobody_on_the_last_business_day_of_every_year() {
    let vectors: BusinessDays = serde_json::from_str(include_str!(
        "../../../../../tests/oracles/business_days.json"
    ))
    .unwrap();
    let national = HolidayRules::default();
    let attending = HolidayRules {
        attended_at_year_end: true,
        ..HolidayRules::default()
    };
    assert_eq!(vectors.year_ends.len(), 73);
    for (last, next) in vectors.year_ends {
        let mut day = jiff::civil::date(last.year(), 1, 1);
        while day.year() == last.year() {
            assert_eq!(is_last_bank_day_of_year(day), day == last, "{day}");
            assert_eq!(
                national.is_attended(day),
                day != last && national.is_business_day(day),
                "{day}"
            );
            day = day.tomorrow().unwrap();
        }
        for policy in [DaysPolicy::NextBusinessDay, DaysPolicy::OriginalIfLate] {
            assert_eq!(policy.days_late(last, next, &national), 0, "{last}");
            assert!(
                policy.days_late(last, next.tomorrow().unwrap(), &national) > 0,
                "{last}"
            );
            assert!(policy.days_late(last, next, &attending) > 0, "{last}");
        }
    }
}
