//! Reading the bodies of control calls strictly: a misspelt field is an error, not silence.

use jiff::civil::Date;
use serde_json::{Map, Value};

use crate::money::Cents;

/// The fields of one body.
pub struct Fields<'a> {
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// Takes an object whose fields are all among `known` (`silent` and `date` always are).
    pub fn new(body: &'a Value, known: &[&str]) -> Result<Self, String> {
        let map = body.as_object().ok_or("the body must be a JSON object")?;
        for key in map.keys() {
            if key != "silent" && key != "date" && !known.contains(&key.as_str()) {
                return Err(format!(
                    "unknown field {key:?}; known: {}, date, silent",
                    known.join(", ")
                ));
            }
        }
        Ok(Self { map })
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// Whether the field is there at all (not null).
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The raw value.
    pub fn value(&self, key: &str) -> Option<&'a Value> {
        self.get(key)
    }

    /// An id.
    pub fn id(&self, key: &str) -> Result<Option<u32>, String> {
        self.get(key)
            .map(|value| {
                let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
                number.ok_or_else(|| format!("{key} must be a positive whole number"))
            })
            .transpose()
    }

    /// A list of ids; absent = empty.
    pub fn ids(&self, key: &str) -> Result<Vec<u32>, String> {
        let Some(value) = self.get(key) else {
            return Ok(Vec::new());
        };
        let wrong = || format!("{key} must be a list of positive whole numbers");
        let list = value.as_array().ok_or_else(wrong)?;
        list.iter()
            .map(|item| {
                item.as_u64()
                    .and_then(|number| u32::try_from(number).ok())
                    .ok_or_else(wrong)
            })
            .collect()
    }

    /// An amount, as text or number with at most two places.
    pub fn money(&self, key: &str) -> Result<Option<Cents>, String> {
        self.get(key)
            .map(|value| {
                let text = match value {
                    Value::String(text) => text.clone(),
                    Value::Number(number) => number.to_string(),
                    _ => String::new(),
                };
                Cents::parse(text.strip_suffix(".0").unwrap_or(&text))
                    .ok_or_else(|| format!("{key} must be an amount such as \"1000.00\""))
            })
            .transpose()
    }

    /// A date.
    pub fn date(&self, key: &str) -> Result<Option<Date>, String> {
        self.get(key)
            .map(|value| {
                let date = value.as_str().and_then(|text| text.parse().ok());
                date.ok_or_else(|| format!("{key} must be a date such as 2026-11-30"))
            })
            .transpose()
    }

    /// A text.
    pub fn text(&self, key: &str) -> Result<Option<&'a str>, String> {
        self.get(key)
            .map(|value| value.as_str().ok_or_else(|| format!("{key} must be text")))
            .transpose()
    }

    /// A flag; absent = false.
    pub fn flag(&self, key: &str) -> Result<bool, String> {
        self.get(key).map_or(Ok(false), |value| {
            value
                .as_bool()
                .ok_or_else(|| format!("{key} must be true or false"))
        })
    }
}

/// A list of objects; absent = empty.
pub fn objects<'a>(fields: &Fields<'a>, key: &str) -> Result<Vec<&'a Value>, String> {
    match fields.value(key) {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) => Ok(list.iter().collect()),
        Some(_) => Err(format!("{key} must be a list")),
    }
}
