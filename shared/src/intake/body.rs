//! The useful part of a webhook's body.
//!
//! Guarantees: the content of unused fields does no harm, and takes no more memory than the body itself; a `null`
//! counts as absent; a whole number is accepted in any notation.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::unreadable::Unreadable;
use crate::ids::LARGEST_ID;
use crate::money::Decimal;

/// Longest text of a number.
const NUMBER_CHARS: usize = 64;

/// The fields that hold ids; the values of all others are ignored.
const FIELDS: [&str; 7] = [
    "billId",
    "receivableBillId",
    "billReceivableId",
    "installmentId",
    "salesContractId",
    "customerId",
    "unitId",
];

/// A body's fields with ids, each with its values; a duplicate field has both.
#[derive(Debug, Default)]
pub(super) struct Body<'a>(BTreeMap<&'static str, Vec<&'a str>>);

/// The ids of a field.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ids {
    /// The ids, in order.
    pub good: Vec<i64>,
    /// How many other values are not ids.
    pub bad: usize,
}

impl<'a> Body<'a> {
    /// Reads a body; a byte-order mark before it is skipped.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        serde_json::from_slice(bytes).map_err(|_| {
            match serde_json::from_slice::<IgnoredAny>(bytes) {
                Ok(_) => Unreadable::NotAnObject,
                Err(_) => Unreadable::NotJson,
            }
        })
    }

    /// Whether the field is there and not `null`.
    pub fn has(&self, field: &str) -> bool {
        self.0
            .get(field)
            .is_some_and(|values| values.iter().any(|json| *json != "null"))
    }

    /// The ids of a field, single or in a list.
    pub fn ids(&self, field: &str) -> Ids {
        let mut ids = Ids::default();
        for json in self.0.get(field).into_iter().flatten() {
            let listed: Option<Vec<&RawValue>> = serde_json::from_str(json).ok();
            let one = || vec![*json];
            for value in
                listed.map_or_else(one, |list| list.into_iter().map(RawValue::get).collect())
            {
                match id(value) {
                    Some(id) => ids.good.push(id),
                    None if value == "null" => {}
                    None => ids.bad += 1,
                }
            }
        }
        ids
    }
}

/// An id that Sienge may hold, from the JSON of a number or of a number in a string.
fn id(json: &str) -> Option<i64> {
    let text: String;
    let number = if json.starts_with('"') {
        text = serde_json::from_str(json).ok()?;
        text.trim()
    } else {
        json
    };
    whole(number).filter(|id| (1..=LARGEST_ID).contains(id))
}

/// A whole number, also as `10005.0` or `1.0005e4`.
fn whole(text: &str) -> Option<i64> {
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
    if !plain || text.len() > NUMBER_CHARS {
        return None;
    }
    let number = if text.contains(['e', 'E']) {
        Decimal::from_scientific(text).ok()?
    } else {
        text.parse::<Decimal>().ok()?
    };
    number
        .fract()
        .is_zero()
        .then(|| i64::try_from(number.trunc()).ok())
        .flatten()
}

/// A field's name as written: not text, because it may contain any sequence of escapes.
struct Name(Option<&'static str>);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Names;
        impl Visitor<'_> for Names {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field's name")
            }

            fn visit_bytes<E: Error>(self, name: &[u8]) -> Result<Name, E> {
                Ok(Name(
                    FIELDS.into_iter().find(|field| field.as_bytes() == name),
                ))
            }
        }
        from.deserialize_bytes(Names)
    }
}

impl<'de> Deserialize<'de> for Body<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Body<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Body<'de>, A::Error> {
                let mut body = Body::default();
                while let Some(Name(name)) = map.next_key()? {
                    match name {
                        Some(name) => body
                            .0
                            .entry(name)
                            .or_default()
                            .push(map.next_value::<&RawValue>()?.get()),
                        None => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(body)
            }
        }
        from.deserialize_map(Fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bills(body: &str) -> Ids {
        Body::read(body.as_bytes()).unwrap().ids("billId")
    }

    fn good(ids: &[i64]) -> Ids {
        Ids {
            good: ids.to_vec(),
            bad: 0,
        }
    }

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        for number in [
            "10005",
            "10005.0",
            "10005.000",
            "1.0005e4",
            "1.0005E+4",
            "100050e-1",
            "\"10005\"",
            "\" 10005.0 \"",
            "\"1.0005e4\"",
            "\"\\u00310005\"",
            "[10005]",
            "[null, 10005]",
        ] {
            assert_eq!(
                bills(&format!("{{\"billId\": {number}}}")),
                good(&[10_005]),
                "{number}"
            );
        }
        assert_eq!(bills(r#"{"billId": 2147483647}"#), good(&[2_147_483_647]));
    }

    #[test]
    fn what_no_id_can_be_is_none() {
        for value in [
            "0",
            "-1",
            "1.5",
            "1e400",
            "1e-400",
            "2147483648",
            "4294967296",
            "99999999999999999999",
            "\"\"",
            "\"um\"",
            "\"\\ud800\"",
            "true",
            "{}",
            "[[1]]",
            "\"0x10\"",
            "\"1_000\"",
        ] {
            let ids = bills(&format!("{{\"billId\": {value}}}"));
            assert_eq!((ids.good.as_slice(), ids.bad), (&[][..], 1), "{value}");
        }
        assert_eq!(
            bills(r#"{"billId": null}"#),
            good(&[]),
            "null counts as absent"
        );
        assert_eq!(bills("{}"), good(&[]));
    }

    #[test]
    fn the_good_ones_of_a_list_are_kept() {
        let ids = bills(r#"{"billId": [1, "x", 2.0, null, 4294967296, "3"]}"#);
        assert_eq!((ids.good.as_slice(), ids.bad), (&[1, 2, 3][..], 2));
        assert_eq!(
            bills(r#"{"billId": 1, "billId": null, "billId": 2}"#),
            good(&[1, 2])
        );
    }

    #[test]
    fn what_nobody_asks_for_spoils_nothing() {
        let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
        for other in [
            "1e400",
            "-1e400",
            "\"\\ud800\"",
            "{\"\\udfff\": \"\\ud800\"}",
            "123456789012345678901234567890",
            deep.as_str(),
        ] {
            assert_eq!(
                bills(&format!("{{\"x\": {other}, \"billId\": 7}}")),
                good(&[7]),
                "{other}"
            );
            assert_eq!(
                bills(&format!("{{\"billId\": 7, \"x\": {other}, \"x\": 1}}")),
                good(&[7]),
                "{other}"
            );
        }
        assert_eq!(bills(r#"{"\ud800": 1, "billId": 7, "": 2}"#), good(&[7]));
        let mark = "\u{feff}{\"billId\": 7}";
        assert_eq!(bills(mark), good(&[7]), "a byte-order mark is skipped");
        let latin = b"{\"name\": \"Jo\xe3o\", \"billId\": 7}";
        assert_eq!(Body::read(latin).unwrap().ids("billId"), good(&[7]));
    }

    #[test]
    fn what_is_no_object_is_told_from_what_is_no_json() {
        for no_json in [
            "",
            "not json",
            "{",
            "{\"billId\": 1} x",
            "\u{feff}",
            "[[[[",
            "{\"a\": 01}",
        ] {
            assert_eq!(
                Body::read(no_json.as_bytes()).unwrap_err(),
                Unreadable::NotJson,
                "{no_json}"
            );
        }
        for no_object in ["[1]", "1", "null", "\"x\"", "\u{feff}[]"] {
            assert_eq!(
                Body::read(no_object.as_bytes()).unwrap_err(),
                Unreadable::NotAnObject,
                "{no_object}"
            );
        }
    }
}
