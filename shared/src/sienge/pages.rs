//! Lists with pages, read as one stream of rows.
//!
//! Guarantees: the stream ends at the total Sienge names (or at a short page), never earlier; a server that ignores
//! `offset` is noticed; a failure is the stream's last item. Rows that enter or leave the list meanwhile may be seen twice or missed.

use std::collections::{BTreeMap, VecDeque};

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::call::Call;
use super::client::Client;
use super::error::SiengeError;
use super::lenient::{list_of, whole};

/// Rows as they come; the first error is the last item.
pub type Rows<T> = BoxStream<'static, Result<T, SiengeError>>;

/// Rows asked for at once: the most Sienge gives.
pub(super) const PAGE_ROWS: usize = 200;
/// No list of Sienge has this many pages; beyond it something turns in circles.
const PAGES_LIMIT: usize = 20_000;

/// One page.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub rows: Vec<T>,
    /// Total rows of the query, when told.
    count: Option<usize>,
    /// Rows a full page has, when told.
    limit: Option<usize>,
    /// Hash of the rows' text, to notice a page that comes again.
    print: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    #[serde(deserialize_with = "whole")]
    count: Option<i64>,
    #[serde(deserialize_with = "whole")]
    limit: Option<i64>,
}

/// Reads an envelope, a bare array, or one object in the list's place.
pub(super) fn page<T: DeserializeOwned>(
    resource: &'static str,
    json: &str,
) -> Result<Page<T>, SiengeError> {
    let shape = |what| SiengeError::Shape { resource, what };
    let mut metadata = Metadata::default();
    let rows = match json.trim_start().as_bytes().first() {
        Some(b'[') => json.trim(),
        Some(b'{') => {
            let fields: BTreeMap<String, &RawValue> =
                serde_json::from_str(json).map_err(|_| shape("objeto ilegível"))?;
            if let Some(found) = fields.get("resultSetMetadata") {
                metadata = serde_json::from_str(found.get()).unwrap_or_default();
            }
            match fields.get("results").or_else(|| fields.get("data")) {
                Some(rows) => rows.get(),
                None if is_message(&fields) => return Err(shape("mensagem no lugar da lista")),
                None => json.trim(),
            }
        }
        Some(b'n') => "null",
        _ => return Err(shape("nem lista nem objeto")),
    };
    Ok(Page {
        rows: list_of(rows).map_err(|_| shape("lista ilegível"))?,
        count: metadata.count.and_then(|count| count.try_into().ok()),
        limit: metadata
            .limit
            .and_then(|limit| limit.try_into().ok())
            .filter(|limit| *limit > 0),
        print: print_of(rows),
    })
}

/// Reads one object, wrapped or not.
pub(super) fn one<T: DeserializeOwned>(
    resource: &'static str,
    json: &str,
) -> Result<T, SiengeError> {
    let read: Page<T> = page(resource, json)?;
    read.rows
        .into_iter()
        .next()
        .ok_or(SiengeError::NotFound { resource })
}

fn is_message(fields: &BTreeMap<String, &RawValue>) -> bool {
    fields.is_empty()
        || [
            "developerMessage",
            "clientMessage",
            "userMessage",
            "api-error",
        ]
        .iter()
        .any(|key| fields.contains_key(*key))
}

fn print_of(text: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

struct Reader<T> {
    client: Client,
    call: Call,
    rows: VecDeque<T>,
    offset: usize,
    pages: usize,
    last_print: Option<u64>,
    done: bool,
}

impl<T: DeserializeOwned> Reader<T> {
    async fn next(&mut self) -> Option<Result<T, SiengeError>> {
        loop {
            if let Some(row) = self.rows.pop_front() {
                return Some(Ok(row));
            }
            if self.done {
                return None;
            }
            if let Err(error) = self.turn().await {
                self.done = true;
                return Some(Err(error));
            }
        }
    }

    /// Reads one more page.
    async fn turn(&mut self) -> Result<(), SiengeError> {
        let resource = self.call.resource;
        let call = self
            .call
            .clone()
            .with("limit", PAGE_ROWS)
            .with("offset", self.offset);
        let page = match self
            .client
            .fetch(&call, |json| page::<T>(resource, json))
            .await
        {
            Err(SiengeError::NotFound { .. }) if self.pages == 0 => {
                self.done = true;
                return Ok(());
            }
            other => other?,
        };
        self.pages += 1;
        let rows = page.rows.len();
        let again = rows > 0 && self.last_print == Some(page.print);
        let past = self.offset + rows;
        // A reading that goes on after some rows must not get the whole list once more.
        let unasked = self.offset > 0 && rows > PAGE_ROWS;
        let circles = SiengeError::Shape {
            resource,
            what: "páginas que se repetem",
        };
        if unasked {
            return Err(circles);
        }
        self.done = match page.count {
            // A list whose total is reached is complete, even when the server sends more than asked.
            Some(count) if past >= count && !again => true,
            Some(_) if again || self.pages >= PAGES_LIMIT => return Err(circles),
            Some(_) if rows == 0 => {
                return Err(SiengeError::Truncated {
                    resource,
                    rows: self.offset as u64,
                });
            }
            Some(_) => false,
            // Without a total, the same page again means that the whole list had come with the first.
            None if again => {
                self.done = true;
                return Ok(());
            }
            None if self.pages >= PAGES_LIMIT => return Err(circles),
            None => rows != page.limit.unwrap_or(PAGE_ROWS),
        };
        self.last_print = Some(page.print);
        self.offset = past;
        self.rows = page.rows.into();
        Ok(())
    }
}

impl Client {
    /// How many rows a list has, when Sienge tells: one call.
    pub(super) async fn count_rows<T: DeserializeOwned>(
        &self,
        call: Call,
    ) -> Result<Option<usize>, SiengeError> {
        let resource = call.resource;
        let one = call.with("limit", 1).with("offset", 0);
        match self.fetch(&one, |json| page::<T>(resource, json)).await {
            Err(SiengeError::NotFound { .. }) => Ok(Some(0)),
            answer => Ok(answer?.count),
        }
    }

    /// Every row of a list with pages.
    pub(super) fn rows<T: DeserializeOwned + Send + 'static>(&self, call: Call) -> Rows<T> {
        self.rows_after(0, call)
    }

    /// The rows of a list with pages after the first so many.
    pub(super) fn rows_after<T: DeserializeOwned + Send + 'static>(
        &self,
        offset: usize,
        call: Call,
    ) -> Rows<T> {
        let reader = Reader {
            client: self.clone(),
            call,
            rows: VecDeque::new(),
            offset,
            pages: 0,
            last_print: None,
            done: false,
        };
        stream::unfold(reader, |mut reader| async move {
            let next = reader.next().await?;
            Some((next, reader))
        })
        .boxed()
    }
}
