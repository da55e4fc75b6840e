//! Lenient reading of Sienge's JSON.
//!
//! Guarantees: a field that is absent, `null`, empty text or of an unusable type reads as `None`; amounts are whole cents, read from
//! the JSON *text*, never through a binary float; a list is never silently empty because it had the wrong type, and one
//! odd element never takes the others with it: it reads as an empty element, which the code that needs its fields notices.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::ids::LARGEST_ID;
use crate::money::Cents;
use crate::text::folded;

/// Text about a person: readable only on purpose, never by printing a struct.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Personal(String);

impl Personal {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself; keep it out of logs, errors and metrics.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A scalar of JSON: the content of a string, or the literal text of a number or boolean.
enum Scalar {
    Text(String),
    Literal(String),
}

fn scalar<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Scalar>, D::Error> {
    Ok(scalar_of(<&RawValue>::deserialize(from)?.get()))
}

fn scalar_of(json: &str) -> Option<Scalar> {
    match json.as_bytes().first()? {
        b'"' => {
            let text: String = serde_json::from_str(json).ok()?;
            let trimmed = text.trim();
            (!trimmed.is_empty()).then(|| Scalar::Text(trimmed.to_owned()))
        }
        b'{' | b'[' | b'n' => None,
        _ => Some(Scalar::Literal(json.trim().to_owned())),
    }
}

/// Text, trimmed; a number is taken as written.
pub fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(scalar(from)?.map(|scalar| match scalar {
        Scalar::Text(text) | Scalar::Literal(text) => text,
    }))
}

/// Text about a person.
pub fn personal<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Personal>, D::Error> {
    Ok(text(from)?.map(Personal))
}

/// An id, from a number or a numeric string; none for a number that cannot be an id of Sienge's. Stored data may contain Sienge's 0.
pub fn id<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    Ok(whole(from)?.filter(|number| is_id(*number)))
}

fn is_id(number: i64) -> bool {
    (0..=LARGEST_ID).contains(&number)
}

/// A whole number from a number or a numeric string.
pub fn whole<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    Ok(text(from)?.and_then(|text| integer(&text)))
}

fn integer(text: &str) -> Option<i64> {
    let whole = match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|b| b == b'0') => whole,
        Some(_) => return None,
        None => text,
    };
    whole.parse().ok()
}

/// A flag: `true`, `"S"`, `"1"`, `"Sim"`, ... or their opposites.
pub fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    Ok(text(from)?.and_then(|text| match folded(&text).as_str() {
        "s" | "sim" | "true" | "1" | "y" => Some(true),
        "n" | "nao" | "false" | "0" => Some(false),
        _ => None,
    }))
}

/// An amount of money, rounded half away from zero to cents: Sienge's figures carry the dust of binary floats
/// (`341233.7699999997`, `4.5e-13` for zero), and it ends here. An amount beyond [`Cents::MAX`] is unusable.
/// The sign is kept: a negative receipt reverses one.
pub fn amount<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Cents>, D::Error> {
    Ok(amount_of(<&RawValue>::deserialize(from)?.get()))
}

/// The open balance of an installment or a bill: a credit (below zero) means that nothing is open.
pub fn balance<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Cents>, D::Error> {
    Ok(amount(from)?.map(|cents| cents.max(Cents::ZERO)))
}

/// An installment's original value: a negative one is unusable, because nothing can be collected or calculated on it.
pub fn original<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Cents>, D::Error> {
    Ok(amount(from)?.filter(|cents| !cents.is_negative()))
}

fn amount_of(json: &str) -> Option<Cents> {
    match scalar_of(json)? {
        Scalar::Text(text) | Scalar::Literal(text) => Cents::rounded(&text),
    }
}

/// A rate, an index or a measure, from the JSON text of a number or from a number in a string.
pub fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Decimal>, D::Error> {
    Ok(text(from)?.and_then(|text| decimal(&text)))
}

fn decimal(text: &str) -> Option<Decimal> {
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
    if !plain || text.len() > 64 {
        return None;
    }
    if text.contains(['e', 'E']) {
        return Decimal::from_scientific(text).ok();
    }
    Decimal::from_str(text).ok()
}

/// A date: the first ten characters as `yyyy-MM-dd`, else `dd/MM/yyyy`.
pub fn date<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Date>, D::Error> {
    Ok(text(from)?.and_then(|text| civil_date(&text)))
}

fn civil_date(text: &str) -> Option<Date> {
    let head = text.get(..10)?;
    let separator = |at: usize, byte: u8| head.as_bytes()[at] == byte;
    let (year, month, day) = if separator(4, b'-') && separator(7, b'-') {
        (&head[..4], &head[5..7], &head[8..])
    } else if separator(2, b'/') && separator(5, b'/') {
        (&head[6..], &head[3..5], &head[..2])
    } else {
        return None;
    };
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if !(digits(year) && digits(month) && digits(day)) {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

/// An object; anything else reads as `None`.
pub fn object<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    from: D,
) -> Result<Option<T>, D::Error> {
    let raw = <&RawValue>::deserialize(from)?.get();
    if raw.starts_with('{') {
        one_of(raw).map(Some).map_err(unreadable)
    } else {
        Ok(None)
    }
}

/// A list: an array (its `null` elements skipped) or a single object; `null` and empty text are an empty list.
/// Anything else reads as a list of one empty element, because an empty list would mean something.
pub fn list<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Vec<T>, D::Error> {
    let json = <&RawValue>::deserialize(from)?.get();
    list_of(json).or_else(|_| Ok(vec![one_of(json).map_err(unreadable)?]))
}

/// [`list`] over JSON text; anything that is not a list is an error.
fn list_of<T: DeserializeOwned>(json: &str) -> Result<Vec<T>, serde_json::Error> {
    items_of(json)?.into_iter().map(one_of).collect()
}

/// The elements of a [`list`] as JSON text.
pub(super) fn items_of(json: &str) -> Result<Vec<&str>, serde_json::Error> {
    match json.as_bytes().first() {
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(json)?;
            Ok(items
                .into_iter()
                .map(RawValue::get)
                .filter(|item| *item != "null")
                .collect())
        }
        Some(b'{') => Ok(vec![json]),
        _ if json == "null" => Ok(Vec::new()),
        _ if json.starts_with('"') && scalar_of(json).is_none() => Ok(Vec::new()),
        _ => Err(serde_json::Error::custom("expected a list")),
    }
}

/// One element; JSON of another shape (a word, a duplicate field) reads as an empty one.
pub(super) fn one_of<T: DeserializeOwned>(json: &str) -> Result<T, serde_json::Error> {
    // serde would read an array as the fields in their order.
    if !json.trim_start().starts_with('{') {
        return serde_json::from_str("{}");
    }
    serde_json::from_str(json).or_else(|error| {
        if error.is_data() {
            serde_json::from_str("{}")
        } else {
            Err(error)
        }
    })
}

/// A list of ids; unusable elements are skipped.
pub fn ids<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<i64>, D::Error> {
    Ok(texts(from)?
        .iter()
        .filter_map(|text| integer(text))
        .filter(|number| is_id(*number))
        .collect())
}

/// A list of texts; unusable elements are skipped.
pub fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let raw = <&RawValue>::deserialize(from)?.get();
    let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(raw) else {
        return Ok(Vec::new());
    };
    Ok(items
        .into_iter()
        .filter_map(|item| scalar_of(item.get()))
        .map(|scalar| match scalar {
            Scalar::Text(text) | Scalar::Literal(text) => text,
        })
        .collect())
}

/// serde's own message may quote the value, which may be personal: only the position is kept.
#[allow(clippy::needless_pass_by_value)] // the shape `map_err` wants
fn unreadable<E: Error>(error: serde_json::Error) -> E {
    E::custom(format_args!(
        "unreadable value at column {}",
        error.column()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date as day;
    use rust_decimal_macros::dec;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Row {
        #[serde(deserialize_with = "id")]
        id: Option<i64>,
        #[serde(deserialize_with = "text")]
        name: Option<String>,
        #[serde(deserialize_with = "amount")]
        value: Option<Cents>,
        #[serde(deserialize_with = "balance")]
        balance: Option<Cents>,
        #[serde(deserialize_with = "original")]
        original: Option<Cents>,
        #[serde(deserialize_with = "number")]
        rate: Option<Decimal>,
        #[serde(deserialize_with = "date")]
        on: Option<Date>,
        #[serde(deserialize_with = "flag")]
        main: Option<bool>,
        #[serde(deserialize_with = "whole")]
        late: Option<i64>,
        #[serde(deserialize_with = "ids")]
        list: Vec<i64>,
        #[serde(deserialize_with = "list")]
        rows: Vec<Row>,
    }

    fn read(json: &str) -> Row {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn absent_null_empty_and_unusable_read_as_none() {
        for json in [
            "{}",
            r#"{"id":null,"name":null,"value":null,"balance":null,"original":null,"rate":null,"on":null,"main":null,"rows":null}"#,
            r#"{"id":"","name":"  ","value":"","balance":"","original":" ","rate":"","on":"","main":"","rows":""}"#,
            r#"{"id":{},"name":[],"value":{"a":1},"balance":[],"original":{},"rate":[1],"on":[1],"main":{},"rows":[]}"#,
            r#"{"id":"12x","value":"1.050,00","balance":"-","original":"1 000","rate":"1,5","on":"2025-13-01","main":"talvez"}"#,
            r#"{"id":1.5,"value":"NaN","balance":"Infinity","rate":"NaN","on":"ágúíóé-12-01","main":7}"#,
        ] {
            assert_eq!(read(json), Row::default(), "{json}");
        }
    }

    #[test]
    fn amounts_are_cents_whatever_dust_they_come_with() {
        for (json, value) in [
            (r#"{"value":0.1}"#, Some(10)),
            (r#"{"value":123456789.45}"#, Some(12_345_678_945)),
            (r#"{"value":"1000.50"}"#, Some(100_050)),
            (r#"{"value":1e3}"#, Some(100_000)),
            (r#"{"value":-12}"#, Some(-1_200)),
            (r#"{"value":341233.7699999997}"#, Some(34_123_377)),
            (
                r#"{"value":0.1000000000000000055511151231257827}"#,
                Some(10),
            ),
            (r#"{"value":4.5e-13}"#, Some(0)),
            (r#"{"value":-0.0}"#, Some(0)),
            (r#"{"value":1e300}"#, None),
            (r#"{"value":10000000000}"#, None),
            (r#"{"value":true}"#, None),
        ] {
            assert_eq!(read(json).value, value.map(Cents::new), "{json}");
        }
    }

    #[test]
    fn a_credit_leaves_nothing_open_and_was_issued_for_nothing_usable() {
        let row = read(r#"{"value":-5.005,"balance":-5.005,"original":-5.005}"#);
        assert_eq!(
            (row.value, row.balance, row.original),
            (Some(Cents::new(-501)), Some(Cents::ZERO), None)
        );
        let dust = read(r#"{"value":-1.2e-12,"balance":-1.2e-12,"original":-1.2e-12}"#);
        assert_eq!(
            [dust.value, dust.balance, dust.original],
            [Some(Cents::ZERO); 3]
        );
    }

    #[test]
    fn rates_keep_their_digits() {
        for (json, rate) in [
            (r#"{"rate":518.816}"#, dec!(518.816)),
            (r#"{"rate":"1.5e-3"}"#, dec!(0.0015)),
        ] {
            assert_eq!(read(json).rate, Some(rate), "{json}");
        }
    }

    #[test]
    fn dates_come_in_several_spellings() {
        for json in [
            r#"{"on":"2025-03-21"}"#,
            r#"{"on":"2025-03-21T00:00:00.000Z"}"#,
            r#"{"on":"21/03/2025"}"#,
            r#"{"on":"2025-03-21 10:30:45.123"}"#,
        ] {
            assert_eq!(read(json).on, Some(day(2025, 3, 21)), "{json}");
        }
    }

    #[test]
    fn flags_and_ids_come_in_several_types() {
        for json in [
            r#"{"main":true,"id":7}"#,
            r#"{"main":"S","id":"7"}"#,
            r#"{"main":"1","id":7.0}"#,
            r#"{"main":1,"id":" 7 "}"#,
        ] {
            let row = read(json);
            assert_eq!((row.main, row.id), (Some(true), Some(7)), "{json}");
        }
    }

    #[test]
    fn a_number_that_no_id_can_be_is_none() {
        for (json, id) in [
            (r#"{"id":0}"#, Some(0)),
            (r#"{"id":2147483647}"#, Some(2_147_483_647)),
            (r#"{"id":2147483648}"#, None),
            (r#"{"id":"4294967296"}"#, None),
            (r#"{"id":-1}"#, None),
        ] {
            assert_eq!(read(json).id, id, "{json}");
        }
        let row = read(r#"{"late":-3,"list":[1,-1,2147483648,"2"]}"#);
        assert_eq!((row.late, row.list), (Some(-3), vec![1, 2]));
    }

    #[test]
    fn a_list_may_be_one_object_and_is_never_empty_for_being_a_word() {
        assert_eq!(read(r#"{"rows":{"id":1}}"#).rows.len(), 1);
        assert_eq!(read(r#"{"rows":[{"id":1},null,{"id":2}]}"#).rows.len(), 2);
        for odd in ["\"nada\"", "7", "true"] {
            assert_eq!(
                read(&format!("{{\"rows\":{odd}}}")).rows,
                [Row::default()],
                "{odd}"
            );
            assert!(
                list_of::<Row>(odd).is_err(),
                "a whole answer is never one odd element"
            );
        }
    }

    #[test]
    fn an_odd_element_hides_no_other() {
        for odd in ["\"x\"", "7", "[]", "[1]", r#"{"id":1,"id":2}"#, "{}"] {
            let rows = read(&format!("{{\"rows\":[{{\"id\":1}},{odd},{{\"id\":3}}]}}")).rows;
            let ids: Vec<Option<i64>> = rows.iter().map(|row| row.id).collect();
            assert_eq!(ids, [Some(1), None, Some(3)], "{odd}");
        }
    }

    #[test]
    fn what_is_personal_is_not_printed() {
        assert_eq!(
            format!("{:?}", Some(Personal::new("Fulana de Tal"))),
            "Some(***)"
        );
    }
}
