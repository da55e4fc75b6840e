//! Business days of Brazilian banks, computed: no table to run out of date.
//!
//! National holidays are those of Febraban (CMN resolution 4.880/2020): Consciência Negra since 2024, Carnival's Monday and Tuesday,
//! Good Friday and Corpus Christi from Easter. Ash Wednesday, 24 and 31 December are business days.
//!
//! On the last business day of the year banks settle but do not attend the public (Febraban's yearly notice): what is due then may be
//! paid on the next business day without charge. So a day may be a business day and not an attended one.
//! A creditor's [`HolidayRules`] add dates, bridges, or take a holiday away, because the ERP's calendar and the collector's may differ.

use std::collections::BTreeSet;

use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Serialize};

/// Longest run of days off that is skipped; a calendar that closes longer is wrong and yields the day reached.
const LONGEST_CLOSING_DAYS: u8 = 60;

/// What a creditor's calendar adds to the national one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HolidayRules {
    /// Further days off: state and municipal holidays, the creditor's own.
    pub extra: BTreeSet<Date>,
    /// National holidays that are working days in this calendar.
    pub worked: BTreeSet<Date>,
    /// Whether a Monday before a Tuesday holiday and a Friday after a Thursday holiday are off too.
    pub bridges: bool,
    /// Whether this calendar takes payments on the last business day of the year as on any other; banks do not attend the public then.
    pub attended_at_year_end: bool,
}

impl HolidayRules {
    /// Whether banks (by these rules) work on the day.
    #[must_use]
    pub fn is_business_day(&self, day: Date) -> bool {
        match day.weekday() {
            Weekday::Saturday | Weekday::Sunday => false,
            Weekday::Monday
                if self.bridges && day.tomorrow().is_ok_and(|next| self.is_holiday(next)) =>
            {
                false
            }
            Weekday::Friday
                if self.bridges && day.yesterday().is_ok_and(|before| self.is_holiday(before)) =>
            {
                false
            }
            _ => !self.is_holiday(day),
        }
    }

    /// Whether the public can pay at a bank on the day: a business day, and not the last one of the year.
    #[must_use]
    pub fn is_attended(&self, day: Date) -> bool {
        self.is_business_day(day) && (self.attended_at_year_end || !is_last_bank_day_of_year(day))
    }

    /// The day itself when it is a business day, else the next one.
    #[must_use]
    pub fn next_business_day(&self, day: Date) -> Date {
        first_from(day, |day| self.is_business_day(day))
    }

    /// The last day to pay a debt due on `day` without charge: the day itself when banks attend, else the next such day.
    #[must_use]
    pub fn next_attended_day(&self, day: Date) -> Date {
        first_from(day, |day| self.is_attended(day))
    }

    fn is_holiday(&self, day: Date) -> bool {
        (is_national_bank_holiday(day) && !self.worked.contains(&day)) || self.extra.contains(&day)
    }
}

fn first_from(day: Date, is_open: impl Fn(Date) -> bool) -> Date {
    let mut candidate = day;
    for _ in 0..LONGEST_CLOSING_DAYS {
        if is_open(candidate) {
            break;
        }
        // The calendar of jiff ends in the year 9999; dates are bounded long before that.
        let Ok(next) = candidate.tomorrow() else {
            break;
        };
        candidate = next;
    }
    candidate
}

/// Whether a day is the last one of its year on which banks settle: 31 December, or the Friday before it. The national calendar decides:
/// a creditor's own days off close no bank.
#[must_use]
pub fn is_last_bank_day_of_year(day: Date) -> bool {
    match (day.month(), day.day(), day.weekday()) {
        (12, 31, weekday) => !matches!(weekday, Weekday::Saturday | Weekday::Sunday),
        (12, 29 | 30, weekday) => weekday == Weekday::Friday,
        _ => false,
    }
}

/// Whether a day is a national bank holiday.
#[must_use]
pub fn is_national_bank_holiday(day: Date) -> bool {
    match (day.month(), day.day()) {
        (1 | 5, 1) | (4, 21) | (9, 7) | (10, 12) | (11, 2 | 15) | (12, 25) => true,
        (11, 20) => day.year() >= 2024,
        // Moveable: from Carnival on the earliest Easter (2 February) to Corpus Christi on the latest (24 June).
        (2..=6, _) => matches!(days_from_easter(day), -48 | -47 | -2 | 60),
        _ => false,
    }
}

fn days_from_easter(day: Date) -> i16 {
    let (month, easter_day) = easter(day.year());
    // Both dates are in one year, so the difference of their days of the year is the distance.
    day.day_of_year() - jiff::civil::date(day.year(), month, easter_day).day_of_year()
}

/// Month and day of Easter Sunday (Gregorian; the "anonymous" algorithm of Meeus, Jones and Butcher).
fn easter(year: i16) -> (i8, i8) {
    let year = i32::from(year);
    let (golden, century, of_century) = (year % 19, year / 100, year % 100);
    let moon = (19 * golden + century - century / 4 - (8 * century + 13) / 25 + 15) % 30;
    let weekday = (32 + 2 * (century % 4) + 2 * (of_century / 4) - moon - of_century % 4) % 7;
    let late = (golden + 11 * moon + 22 * weekday) / 451;
    let day = moon + weekday - 7 * late + 114;
    // `day` is between 114 and 155, so the month is 3 or 4 and the day 1 to 31.
    (
        i8::try_from(day / 31).unwrap_or(4),
        i8::try_from(day % 31 + 1).unwrap_or(1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn next(day: Date) -> Date {
        HolidayRules::default().next_business_day(day)
    }

    #[test]
    fn due_dates_move_to_the_next_bank_business_day() {
        for (due, expected) in [
            (date(2026, 2, 14), date(2026, 2, 18)),
            (date(2026, 4, 3), date(2026, 4, 6)),
            (date(2026, 6, 4), date(2026, 6, 5)),
            (date(2026, 11, 20), date(2026, 11, 23)),
            (date(2023, 11, 20), date(2023, 11, 20)),
            (date(2024, 11, 20), date(2024, 11, 21)),
            (date(2026, 12, 31), date(2026, 12, 31)),
            (date(2027, 1, 1), date(2027, 1, 4)),
            (date(2021, 10, 30), date(2021, 11, 1)),
        ] {
            assert_eq!(next(due), expected, "{due}");
        }
    }

    #[test]
    fn ash_wednesday_and_the_eves_are_business_days() {
        let national = HolidayRules::default();
        for day in [date(2026, 2, 18), date(2026, 12, 24), date(2026, 12, 31)] {
            assert!(national.is_business_day(day), "{day}");
        }
    }

    #[test]
    fn what_is_due_on_the_last_business_day_of_a_year_may_be_paid_on_the_next() {
        let banks = HolidayRules::default();
        let attending = HolidayRules {
            attended_at_year_end: true,
            ..HolidayRules::default()
        };
        for (due, payable) in [
            (date(2026, 12, 31), date(2027, 1, 4)),
            (date(2027, 12, 31), date(2028, 1, 3)),
            (date(2028, 12, 29), date(2029, 1, 2)),
            (date(2022, 12, 30), date(2023, 1, 2)),
            (date(2024, 12, 31), date(2025, 1, 2)),
        ] {
            assert!(
                banks.is_business_day(due) && !banks.is_attended(due),
                "{due}"
            );
            assert_eq!(banks.next_attended_day(due), payable, "{due}");
            assert_eq!(banks.next_business_day(due), due, "{due}");
            assert_eq!(attending.next_attended_day(due), due, "{due}");
        }
        for attended in [
            date(2026, 12, 30),
            date(2022, 12, 29),
            date(2028, 12, 28),
            date(2027, 1, 4),
            date(2026, 11, 30),
        ] {
            assert_eq!(banks.next_attended_day(attended), attended, "{attended}");
        }
        // A weekend before it moves past it: Saturday 2028-12-30 and Sunday 2023-12-31 are behind the last business day.
        assert_eq!(
            banks.next_attended_day(date(2028, 12, 30)),
            date(2029, 1, 2)
        );
        assert_eq!(
            banks.next_attended_day(date(2023, 12, 31)),
            date(2024, 1, 2)
        );
        // The creditor's days off come on top, and make no other day the banks' last.
        let closed = HolidayRules {
            extra: [date(2026, 12, 31), date(2027, 1, 4)].into(),
            bridges: true,
            ..HolidayRules::default()
        };
        assert_eq!(
            closed.next_attended_day(date(2026, 12, 30)),
            date(2026, 12, 30)
        );
        assert_eq!(
            closed.next_attended_day(date(2026, 12, 31)),
            date(2027, 1, 5)
        );
    }

    #[test]
    fn a_creditor_adds_dates_bridges_and_works_on_holidays() {
        // Tuesday 2021-11-02 is a holiday; the creditor's ERP also closes the Monday before it.
        let bridging = HolidayRules {
            bridges: true,
            ..HolidayRules::default()
        };
        assert_eq!(
            bridging.next_business_day(date(2021, 10, 30)),
            date(2021, 11, 3)
        );
        let local = HolidayRules {
            extra: [date(2021, 11, 1)].into(),
            worked: [date(2021, 11, 2)].into(),
            ..HolidayRules::default()
        };
        assert_eq!(
            local.next_business_day(date(2021, 10, 30)),
            date(2021, 11, 2)
        );
    }

    #[test]
    fn a_calendar_that_never_opens_and_the_end_of_time_are_survived() {
        let mut closed = HolidayRules::default();
        let mut day = date(2026, 1, 1);
        for _ in 0..400 {
            closed.extra.insert(day);
            day = day.tomorrow().unwrap();
        }
        assert!(closed.next_business_day(date(2026, 1, 1)) > date(2026, 1, 1));
        assert_eq!(next(Date::MAX), Date::MAX);
        let _ = HolidayRules::default().is_business_day(date(-9999, 2, 2));
    }

    #[test]
    fn rules_are_read_as_settings_write_them() {
        let rules: HolidayRules = serde_json::from_str(
            r#"{"extra":["2026-01-25"],"bridges":true,"attendedAtYearEnd":true}"#,
        )
        .unwrap();
        assert!(
            rules.bridges && rules.attended_at_year_end && rules.extra.contains(&date(2026, 1, 25))
        );
    }
}
