//! One call's request, and its address with and without personal values.

use reqwest::Method;

use super::ports::Lane;
use crate::ids::BillId;
use crate::mask;

/// The request of one call.
#[derive(Debug, Clone)]
pub(super) struct SiengeCall {
    /// The method's name for operators.
    pub method: &'static str,
    /// Sienge's name for the resource, used in messages.
    pub resource: &'static str,
    pub lane: Lane,
    pub verb: Method,
    /// Path after the base address.
    pub path: String,
    pub query: Vec<(&'static str, String)>,
    pub body: Option<Vec<u8>>,
    pub bill: Option<BillId>,
    /// Whether a bulk 404 means "no rows"; not where the address names a thing that must exist.
    pub empty_on_404: bool,
    /// Whether it can be divided: then a time-out is not repeated, and the call waits for at most half of the time left.
    pub divisible: bool,
    /// Whether a bulk answer's rows are held until its end: then it is bounded as a whole, not only row by row.
    pub held: bool,
}

impl SiengeCall {
    /// A GET under `/v1`.
    pub fn rest(method: &'static str, resource: &'static str, path: impl AsRef<str>) -> Self {
        Self::new(
            method,
            resource,
            Lane::Rest,
            format!("/v1/{}", path.as_ref()),
        )
    }

    /// A GET under `/bulk-data/v1`.
    pub fn bulk(method: &'static str, resource: &'static str, path: impl AsRef<str>) -> Self {
        Self::new(
            method,
            resource,
            Lane::Bulk,
            format!("/bulk-data/v1/{}", path.as_ref()),
        )
    }

    fn new(method: &'static str, resource: &'static str, lane: Lane, path: String) -> Self {
        Self {
            method,
            resource,
            lane,
            verb: Method::GET,
            path,
            query: Vec::new(),
            body: None,
            bill: None,
            empty_on_404: true,
            divisible: false,
            held: false,
        }
    }

    /// Adds a query parameter.
    #[allow(clippy::needless_pass_by_value)] // ids, dates and literals are passed as they are
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// Adds a query parameter when there is a value.
    pub fn with_some(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds a comma list when there are values.
    pub fn with_list<T: ToString>(self, name: &'static str, values: &[T]) -> Self {
        if values.is_empty() {
            return self;
        }
        let list: Vec<String> = values.iter().map(ToString::to_string).collect();
        self.with(name, list.join(","))
    }

    /// Sets the bill it concerns.
    pub fn about(mut self, bill: impl Into<Option<BillId>>) -> Self {
        self.bill = bill.into();
        self
    }

    /// The address; `shown` masks personal values.
    pub fn url(&self, base: &str, shown: bool) -> String {
        let mut url = format!("{base}{}", self.path);
        for (index, (name, value)) in self.query.iter().enumerate() {
            url.push(if index == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            if shown {
                url.push_str(&encoded(mask::query_value(name, value)).replace("%2A", "*"));
            } else {
                url.push_str(&encoded(value));
            }
        }
        url
    }
}

/// Percent-encodes a query value or path segment; commas stay, as Sienge's lists require.
pub(super) fn encoded(value: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b',') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}"); // writing to a String cannot fail
        }
    }
    out
}
