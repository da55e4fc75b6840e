//! Civil dates in America/Sao_Paulo. The core never reads a clock: an instant comes in as an argument.

pub use jiff::Timestamp;
pub use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

mod business_days;

pub use business_days::{HolidayRules, is_last_bank_day_of_year, is_national_bank_holiday};

/// The time zone of every civil date in Ponte, compiled in so that no system table is needed.
static SAO_PAULO: TimeZone = jiff::tz::get!("America/Sao_Paulo");

/// The business date at an instant: the civil date in America/Sao_Paulo.
#[must_use]
pub fn business_date(at: Timestamp) -> Date {
    at.to_zoned(SAO_PAULO.clone()).date()
}

/// The instant at which a civil date begins in America/Sao_Paulo; the end of time for a date beyond every instant.
#[must_use]
pub fn begins(date: Date) -> Timestamp {
    date.to_zoned(SAO_PAULO.clone())
        .map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

/// `19/11/2021`, as operators read it.
#[must_use]
pub fn brazilian(date: Date) -> String {
    format!("{:02}/{:02}/{:04}", date.day(), date.month(), date.year())
}

/// Day and time of day in America/Sao_Paulo as operators read them: `20/11/2026 12:35`.
#[must_use]
pub fn brazilian_time(at: Timestamp) -> String {
    let local = at.to_zoned(SAO_PAULO.clone());
    format!(
        "{} {:02}:{:02}",
        brazilian(local.date()),
        local.hour(),
        local.minute()
    )
}

/// Reads a date as people write it; the error is Portuguese and shows the format. For `deserialize_with`.
pub fn read_date<'de, D: Deserializer<'de>>(from: D) -> Result<Date, D::Error> {
    WrittenDate::deserialize(from).map(|WrittenDate(date)| date)
}

/// The same for an optional date.
pub fn read_optional_date<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Date>, D::Error> {
    let written = Option::<WrittenDate>::deserialize(from)?;
    Ok(written.map(|WrittenDate(date)| date))
}

struct WrittenDate(Date);

impl<'de> Deserialize<'de> for WrittenDate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let date = text.parse();
        date.map(Self)
            .map_err(|_| D::Error::custom("não é uma data; escreva por exemplo \"2026-11-30\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn the_business_date_is_the_one_in_sao_paulo() {
        let late_evening: Timestamp = "2026-11-22T02:59:00Z".parse().unwrap();
        assert_eq!(business_date(late_evening), date(2026, 11, 21));
        let midnight: Timestamp = "2026-11-22T03:00:00Z".parse().unwrap();
        assert_eq!(business_date(midnight), date(2026, 11, 22));
    }

    #[test]
    fn a_date_that_is_none_is_told_how_one_is_written() {
        let read = |json: &str| read_optional_date(&mut serde_json::Deserializer::from_str(json));
        assert_eq!(read("\"2026-11-30\"").unwrap(), Some(date(2026, 11, 30)));
        assert_eq!(read("null").unwrap(), None);
        for wrong in ["\"30/11/2026\"", "\"2026-02-30\"", "\"\""] {
            let told = read(wrong).unwrap_err().to_string();
            assert!(
                told.starts_with("não é uma data; escreva por exemplo \"2026-11-30\""),
                "{told}"
            );
        }
    }

    #[test]
    fn writes_dates_as_operators_read_them() {
        assert_eq!(brazilian(date(2021, 11, 9)), "09/11/2021");
    }
}
