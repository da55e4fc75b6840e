//! Windows of days, due or paid: how a run cuts a creditor's installments into bulk answers of manageable size.

use serde::{Deserialize, Serialize};

use crate::calendar::Date;
use crate::ids::BillId;

/// A range of days, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// First day.
    pub from: Date,
    /// Last day.
    pub to: Date,
    /// The window is done for bills up to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<BillId>,
}

/// Windows of due dates no longer than this are not cut: if one cannot be read, the cause is not its size.
pub const MONTH: u32 = 31;
/// The smallest window of payments.
pub const DAY: u32 = 1;
/// The first and the last day that Sienge's filters can express (`yyyy-MM-dd`): a mistyped year is read like any other.
const FIRST: Date = jiff::civil::date(1, 1, 1);
const LAST: Date = jiff::civil::date(9999, 12, 31);
/// Hardly anything is due outside these days: a window is cut there first.
const SELDOM_UNTIL: Date = jiff::civil::date(1969, 12, 31);
const SELDOM_AFTER: Date = jiff::civil::date(2149, 12, 31);

/// The windows that cover every due date once: what is long overdue, a year back, a year ahead, five years ahead, the rest.
#[must_use]
pub fn all(today: Date) -> Vec<Window> {
    let edges = [-365, 0, 365, 5 * 365].map(|days| plus_days(today, days).clamp(FIRST, LAST));
    let mut windows = Vec::new();
    let mut from = FIRST;
    for to in edges {
        if to >= from {
            windows.push(Window::new(from, to));
            from = plus_days(to, 1);
        }
    }
    if from <= LAST {
        windows.push(Window::new(from, LAST));
    }
    windows
}

/// One window that covers everything, unless it turns out to be too large.
#[must_use]
pub const fn everything() -> Window {
    Window::new(FIRST, LAST)
}

impl Window {
    /// A window of which nothing is done yet.
    #[must_use]
    pub const fn new(from: Date, to: Date) -> Self {
        Self {
            from,
            to,
            after: None,
        }
    }

    /// Whether it covers everything.
    #[must_use]
    pub fn is_everything(self) -> bool {
        (self.from, self.to) == (FIRST, LAST)
    }

    /// Smaller windows, for an answer that was too large; `None` when it has no more days than the smallest. What is done stays done.
    #[must_use]
    pub fn cut(self, today: Date, smallest: u32) -> Option<Vec<Self>> {
        let parts = if self.is_everything() {
            all(today)
        } else {
            self.halves().filter(|_| self.days() > smallest)?.into()
        };
        let after = self.after;
        Some(
            parts
                .into_iter()
                .map(|part| Self { after, ..part })
                .collect(),
        )
    }

    fn days(self) -> u32 {
        u32::try_from((self.to - self.from).get_days()).map_or(0, |days| days + 1)
    }

    fn halves(self) -> Option<[Self; 2]> {
        let days = (self.to - self.from).get_days();
        (days > 0).then(|| {
            let seldom = [SELDOM_UNTIL, SELDOM_AFTER]
                .into_iter()
                .find(|edge| (self.from..self.to).contains(edge));
            let middle = seldom.unwrap_or_else(|| plus_days(self.from, i64::from(days / 2)));
            [
                Self::new(self.from, middle),
                Self::new(plus_days(middle, 1), self.to),
            ]
        })
    }
}

/// Saturates at the calendar's ends.
fn plus_days(date: Date, days: i64) -> Date {
    date.saturating_add(jiff::Span::new().days(days))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn covers_every_day_once(windows: &[Window]) -> bool {
        windows.first().is_some_and(|w| w.from == FIRST)
            && windows.last().is_some_and(|w| w.to == LAST)
            && windows
                .windows(2)
                .all(|pair| plus_days(pair[0].to, 1) == pair[1].from)
            && windows.iter().all(|w| w.from <= w.to)
    }

    #[test]
    fn the_windows_cover_every_due_date_once() {
        for today in [
            date(2026, 11, 22),
            date(1, 1, 1),
            date(1969, 1, 1),
            date(1970, 1, 1),
            date(2149, 12, 31),
            date(9999, 12, 31),
        ] {
            assert!(covers_every_day_once(&all(today)), "{today}");
        }
    }

    #[test]
    fn everything_is_cut_around_today_and_the_smallest_window_no_more() {
        let today = date(2026, 11, 22);
        assert_eq!(everything().cut(today, MONTH), Some(all(today)));
        let year = all(today)[1];
        assert_eq!(year.cut(today, MONTH), year.halves().map(Vec::from));
        let smallest = |smallest: u32| {
            let mut window = year;
            while let Some(parts) = window.cut(today, smallest) {
                window = parts[0];
            }
            window.days()
        };
        assert!(
            (MONTH / 2..=MONTH).contains(&smallest(MONTH)),
            "{}",
            smallest(MONTH)
        );
        assert_eq!(smallest(DAY), 1);
    }

    #[test]
    fn every_day_that_sienge_can_spell_is_in_the_windows() {
        let windows = all(date(2026, 11, 22));
        for typed in [
            date(1, 1, 1),
            date(206, 5, 10),
            date(1926, 5, 10),
            date(2206, 5, 10),
            date(9999, 12, 31),
        ] {
            let is_in = |window: &&Window| (window.from..=window.to).contains(&typed);
            assert_eq!(windows.iter().filter(is_in).count(), 1, "{typed}");
            assert!(
                (everything().from..=everything().to).contains(&typed),
                "{typed}"
            );
        }
    }

    #[test]
    fn centuries_in_which_hardly_anything_is_due_are_cut_off_first() {
        let windows = all(date(2026, 11, 22));
        let overdue = windows[0].halves().unwrap();
        assert_eq!(overdue[1].from, date(1970, 1, 1));
        let ahead = windows[windows.len() - 1].halves().unwrap();
        assert_eq!(ahead[0].to, date(2149, 12, 31));
        assert!(ahead[0].days() < 130 * 365);
    }

    #[test]
    fn halves_cover_the_window_and_a_day_has_none() {
        let mut windows = all(date(2026, 11, 22));
        let halves = windows[0].halves().unwrap();
        windows.splice(0..1, halves);
        assert!(covers_every_day_once(&windows));
        let two_days = Window::new(date(2026, 1, 1), date(2026, 1, 2));
        assert_eq!(
            two_days.halves().unwrap().map(|w| w.from),
            [date(2026, 1, 1), date(2026, 1, 2)]
        );
        assert_eq!(
            Window::new(date(2026, 1, 1), date(2026, 1, 1)).halves(),
            None
        );
    }

    #[test]
    fn the_parts_of_a_window_know_what_was_done_of_it() {
        let after = Some(BillId(7));
        for window in [everything(), all(date(2026, 11, 22))[0]] {
            let parts = Window { after, ..window }
                .cut(date(2026, 11, 22), MONTH)
                .unwrap();
            assert!(parts.iter().all(|part| part.after == after));
        }
    }
}
