//! Due dates of a plan.

use super::{Periodicity, PlanRequest};
use crate::calculation::Error;
use crate::calendar::{Date, HolidayRules};

const FORTNIGHT_DAYS: i32 = 15;
const WEEK_DAYS: i32 = 7;

/// One date per installment. A due day of 29, 30 or 31 falls on the last day of a shorter month and is kept for the later ones.
pub(super) fn due_dates(asked: &PlanRequest, holidays: &HolidayRules) -> Result<Vec<Date>, Error> {
    let first = asked.first_due;
    let due_day = match asked.due_day {
        Some(day)
            if !(1..=31).contains(&day)
                || first.day() != day.min(first.days_in_month())
                || asked.periodicity != Periodicity::Monthly =>
        {
            return Err(Error::DueDay { day, first });
        }
        Some(day) => day,
        None => first.day(),
    };
    let nth = |index: u16| match asked.periodicity {
        Periodicity::Monthly => {
            let month = first
                .first_of_month()
                .saturating_add(jiff::Span::new().months(i32::from(index)));
            month.saturating_add(jiff::Span::new().days(due_day.min(month.days_in_month()) - 1))
        }
        Periodicity::Fortnightly => {
            first.saturating_add(jiff::Span::new().days(i32::from(index) * FORTNIGHT_DAYS))
        }
        Periodicity::Weekly => {
            first.saturating_add(jiff::Span::new().days(i32::from(index) * WEEK_DAYS))
        }
    };
    let dates = (0..asked.installments).map(nth);
    Ok(if asked.business_days_only {
        dates.map(|date| holidays.next_attended_day(date)).collect()
    } else {
        dates.collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calculation::PlanInterest;
    use crate::money::Cents;
    use jiff::civil::date;

    fn asked(first_due: Date, periodicity: Periodicity) -> PlanRequest {
        PlanRequest {
            installments: 4,
            interest: PlanInterest::None,
            down_payment: Cents::ZERO,
            first_due,
            periodicity,
            due_day: None,
            business_days_only: false,
        }
    }

    fn dates(asked: &PlanRequest) -> Vec<Date> {
        due_dates(asked, &HolidayRules::default()).unwrap()
    }

    #[test]
    fn the_due_day_survives_shorter_months() {
        let plan = asked(date(2027, 1, 31), Periodicity::Monthly);
        let expected = [
            date(2027, 1, 31),
            date(2027, 2, 28),
            date(2027, 3, 31),
            date(2027, 4, 30),
        ];
        assert_eq!(dates(&plan), expected);
        let from_february = PlanRequest {
            due_day: Some(31),
            ..asked(date(2027, 2, 28), Periodicity::Monthly)
        };
        assert_eq!(
            dates(&from_february)[..2],
            [date(2027, 2, 28), date(2027, 3, 31)]
        );
    }

    #[test]
    fn fortnights_are_fifteen_days_and_weeks_seven() {
        let fortnightly = dates(&asked(date(2027, 1, 10), Periodicity::Fortnightly));
        assert_eq!(
            fortnightly[..3],
            [date(2027, 1, 10), date(2027, 1, 25), date(2027, 2, 9)]
        );
        assert_eq!(
            dates(&asked(date(2027, 1, 10), Periodicity::Weekly))[3],
            date(2027, 1, 31)
        );
    }

    #[test]
    fn due_dates_may_move_to_business_days_without_dragging_the_next() {
        let plan = PlanRequest {
            business_days_only: true,
            ..asked(date(2026, 10, 31), Periodicity::Monthly)
        };
        // Saturday, and Monday 2 November is a holiday.
        assert_eq!(dates(&plan)[..2], [date(2026, 11, 3), date(2026, 11, 30)]);
        // The last business day of 2027 is not attended.
        let year_end = PlanRequest {
            business_days_only: true,
            ..asked(date(2027, 12, 31), Periodicity::Monthly)
        };
        assert_eq!(dates(&year_end)[..2], [date(2028, 1, 3), date(2028, 1, 31)]);
    }

    #[test]
    fn a_due_day_the_first_date_contradicts_is_refused() {
        for (day, first) in [
            (10, date(2027, 1, 11)),
            (0, date(2027, 1, 11)),
            (31, date(2027, 4, 29)),
        ] {
            let plan = PlanRequest {
                due_day: Some(day),
                ..asked(first, Periodicity::Monthly)
            };
            assert!(
                matches!(
                    due_dates(&plan, &HolidayRules::default()),
                    Err(Error::DueDay { .. })
                ),
                "{day}"
            );
        }
    }
}
