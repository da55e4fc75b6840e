//! Days late: three policies over a given calendar, and the grace period.
//!
//! The days shown are never assumed to equal the days Sienge charged: the two calendars may differ (see [`super::Cause`]).

use serde::{Deserialize, Serialize};

use super::Error;
use crate::calendar::{Date, HolidayRules};

/// Farthest a due date may be from the date of the calculation, either way: a hundred years.
pub const MAX_DAYS: i32 = 36_600;

/// Civil dates outside these years are typing errors.
const FIRST_YEAR: i16 = 1950;
const LAST_YEAR: i16 = 2199;

/// What counts as late when the due date is a day on which banks are closed to the public (Lei 7.089/1983, Febraban's yearly notice: paying on the next
/// business day is never late).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DaysPolicy {
    /// Counted from the next attended day: what the playbook's screens show.
    #[default]
    NextBusinessDay,
    /// Zero until the next attended day, then counted from the original due date (STJ REsp 1.954.924).
    OriginalIfLate,
    /// Counted from the due date, whatever day it is.
    Raw,
}

impl DaysPolicy {
    /// Days late on a date; negative before the due date. Both dates are bounded by [`check_date`].
    #[inline]
    #[must_use]
    pub fn days_late(self, due_on: Date, on: Date, holidays: &HolidayRules) -> i32 {
        let raw = days_between(due_on, on);
        if raw <= 0 || self == Self::Raw {
            return raw;
        }
        let payable_on = holidays.next_attended_day(due_on);
        match self {
            _ if on <= payable_on => 0,
            Self::NextBusinessDay => days_between(payable_on, on),
            Self::OriginalIfLate | Self::Raw => raw,
        }
    }
}

/// Days that are charged: none within the grace, all of them (from the due date) after it.
#[must_use]
pub const fn charged_days(days_late: i32, grace_days: u16) -> i32 {
    if days_late > grace_days as i32 {
        days_late
    } else {
        0
    }
}

/// Days from one date to the other.
#[inline]
pub(super) fn days_between(from: Date, to: Date) -> i32 {
    day_number(to) - day_number(from)
}

/// Days since 1 March of the year 0 in the Gregorian calendar: years start in March, so that the leap day is their last and a month's
/// first day is `(153 * month + 2) / 5`. Written out because a calculation of a million installments spends most of its time on dates.
#[inline]
fn day_number(date: Date) -> i32 {
    let (year, month, day) = (
        i32::from(date.year()),
        i32::from(date.month()),
        i32::from(date.day()),
    );
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    365 * year + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (153 * month + 2) / 5
        + day
}

/// Whole months from one date to the other as the playbook counts them: the next calendar month is 1, whatever the day.
pub(super) fn months_between(from: Date, to: Date) -> u32 {
    let months = |day: Date| i32::from(day.year()) * 12 + i32::from(day.month());
    u32::try_from(months(to) - months(from)).unwrap_or(0)
}

/// Refuses implausible dates, so that all arithmetic on them is bounded.
pub(super) fn check_date(field: &'static str, given: Date) -> Result<(), Error> {
    if (FIRST_YEAR..=LAST_YEAR).contains(&given.year()) {
        return Ok(());
    }
    Err(Error::DateOutOfRange {
        field,
        given,
        earliest: jiff::civil::date(FIRST_YEAR, 1, 1),
        latest: jiff::civil::date(LAST_YEAR, 12, 31),
    })
}

/// As [`check_date`], and not too far from the date of the calculation.
pub(super) fn check_due(due_on: Date, on: Date) -> Result<(), Error> {
    check_date("vencimento", due_on)?;
    if days_between(due_on, on).abs() <= MAX_DAYS {
        return Ok(());
    }
    let reach = jiff::Span::new().days(MAX_DAYS);
    Err(Error::DateOutOfRange {
        field: "vencimento",
        given: due_on,
        earliest: on.saturating_sub(reach),
        latest: on.saturating_add(reach),
    })
}

/// Whether an installment with this due date can be calculated on a date: within a hundred years of it, and not a typing error.
#[must_use]
pub fn is_computable(due_on: Date, on: Date) -> bool {
    check_due(due_on, on).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn the_three_policies_differ_only_off_business_days() {
        let national = HolidayRules::default();
        let (saturday, on) = (date(2021, 10, 30), date(2021, 11, 19));
        assert_eq!(
            DaysPolicy::NextBusinessDay.days_late(saturday, on, &national),
            18
        );
        assert_eq!(
            DaysPolicy::OriginalIfLate.days_late(saturday, on, &national),
            20
        );
        assert_eq!(DaysPolicy::Raw.days_late(saturday, on, &national), 20);
        let monday = date(2021, 11, 1);
        assert_eq!(
            DaysPolicy::NextBusinessDay.days_late(saturday, monday, &national),
            0
        );
        assert_eq!(
            DaysPolicy::OriginalIfLate.days_late(saturday, monday, &national),
            0
        );
        assert_eq!(DaysPolicy::Raw.days_late(saturday, monday, &national), 2);
        for policy in [
            DaysPolicy::NextBusinessDay,
            DaysPolicy::OriginalIfLate,
            DaysPolicy::Raw,
        ] {
            assert_eq!(policy.days_late(date(2021, 11, 10), on, &national), 9);
            assert_eq!(policy.days_late(on, on, &national), 0);
            assert_eq!(policy.days_late(date(2021, 11, 30), on, &national), -11);
        }
    }

    #[test]
    fn a_bill_due_on_the_years_last_business_day_is_not_late_on_the_next_one() {
        let banks = HolidayRules::default();
        let attending = HolidayRules {
            attended_at_year_end: true,
            ..HolidayRules::default()
        };
        for (due, paid) in [
            (date(2026, 12, 31), date(2027, 1, 4)),
            (date(2027, 12, 31), date(2028, 1, 3)),
            (date(2028, 12, 29), date(2029, 1, 2)),
        ] {
            let (raw, after) = (days_between(due, paid), paid.tomorrow().unwrap());
            for policy in [DaysPolicy::NextBusinessDay, DaysPolicy::OriginalIfLate] {
                assert_eq!(policy.days_late(due, paid, &banks), 0, "{due} {policy:?}");
                assert_eq!(
                    policy.days_late(due, paid, &attending),
                    raw,
                    "{due} {policy:?}"
                );
            }
            assert_eq!(
                DaysPolicy::NextBusinessDay.days_late(due, after, &banks),
                1,
                "{due}"
            );
            assert_eq!(
                DaysPolicy::OriginalIfLate.days_late(due, after, &banks),
                raw + 1,
                "{due}"
            );
            assert_eq!(DaysPolicy::Raw.days_late(due, paid, &banks), raw, "{due}");
        }
    }

    #[test]
    fn the_creditors_calendar_changes_the_days() {
        let bridging = HolidayRules {
            bridges: true,
            ..HolidayRules::default()
        };
        // Saturday, then a bridged Monday and Finados: charged from Wednesday 3 November.
        assert_eq!(
            DaysPolicy::NextBusinessDay.days_late(
                date(2021, 10, 30),
                date(2021, 11, 19),
                &bridging
            ),
            16
        );
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        let mut day = date(1899, 12, 25);
        while day < date(2201, 1, 10) {
            let next = day.tomorrow().unwrap();
            assert_eq!(days_between(day, next), 1, "{day}");
            day = next;
        }
        assert_eq!(days_between(date(2021, 6, 30), date(2021, 11, 19)), 142);
        assert_eq!(days_between(Date::MIN, Date::MAX), 7_304_483);
        assert_eq!(
            Date::MAX.duration_since(Date::MIN).as_hours() / 24,
            7_304_483
        );
    }

    #[test]
    fn grace_days_charge_nothing_and_then_everything() {
        assert_eq!(charged_days(5, 5), 0);
        assert_eq!(charged_days(6, 5), 6);
        assert_eq!(charged_days(-3, 0), 0);
    }

    #[test]
    fn months_count_from_the_next_calendar_month() {
        assert_eq!(months_between(date(2021, 11, 19), date(2021, 11, 30)), 0);
        assert_eq!(months_between(date(2021, 11, 19), date(2021, 12, 1)), 1);
        assert_eq!(months_between(date(2021, 11, 19), date(2022, 11, 1)), 12);
        assert_eq!(months_between(date(2021, 11, 19), date(2021, 10, 1)), 0);
    }

    #[test]
    fn absurd_dates_are_refused() {
        let told = check_due(date(3021, 1, 1), date(2026, 1, 1))
            .unwrap_err()
            .to_string();
        assert!(
            told.starts_with("vencimento: 01/01/3021 está fora do intervalo"),
            "{told}"
        );
        check_due(date(2150, 1, 1), date(2026, 1, 1)).unwrap_err();
        check_due(date(2060, 1, 1), date(2026, 1, 1)).unwrap();
    }
}
