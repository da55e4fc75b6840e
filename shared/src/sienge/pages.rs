//! Lists with pages, read as one stream of rows.
//!
//! Guarantees: the stream ends at the total Sienge names (or at a short page), never earlier; a server that ignores
//! `offset` is detected; a failure is the stream's last item. Rows that enter or leave the list meanwhile may be seen twice or missed.
//! An answer with more rows than requested is refused whole.

use std::collections::VecDeque;
use std::fmt;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::call::SiengeCall;
use super::client::Client;
use super::elements::ELEMENTS_LIMIT;
use super::error::SiengeError;
use super::lenient::{items_of, one_of, whole};

/// A stream of rows; the first error is the last item.
pub type Rows<T> = BoxStream<'static, Result<T, SiengeError>>;

/// Rows per page: the most Sienge gives.
pub(super) const PAGE_ROWS: usize = 200;
/// An object with one of these keys and no list is an error message.
const MESSAGE_KEYS: [&str; 4] = [
    "developerMessage",
    "clientMessage",
    "userMessage",
    "api-error",
];
/// No list of Sienge's has this many pages; beyond it the paging loops.
const PAGES_LIMIT: usize = 20_000;

/// One page.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub rows: Vec<T>,
    /// Total rows of the query, if given.
    count: Option<usize>,
    /// Rows of a full page, if given.
    limit: Option<usize>,
    /// Hash of the rows' text, to detect a repeated page.
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

/// The useful part of an answer's outer object, so that anything else in it takes no memory.
#[derive(Default)]
struct Envelope<'a> {
    metadata: Metadata,
    results: Option<&'a RawValue>,
    data: Option<&'a RawValue>,
    is_empty: bool,
    is_message: bool,
}

impl<'de> Deserialize<'de> for Envelope<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct PageFields;
        impl<'de> Visitor<'de> for PageFields {
            type Value = Envelope<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Envelope<'de>, A::Error> {
                let mut envelope = Envelope {
                    is_empty: true,
                    ..Envelope::default()
                };
                while let Some(key) = map.next_key::<String>()? {
                    envelope.is_empty = false;
                    match key.as_str() {
                        "results" => envelope.results = Some(map.next_value()?),
                        "data" => envelope.data = Some(map.next_value()?),
                        "resultSetMetadata" => {
                            let found: &RawValue = map.next_value()?;
                            envelope.metadata =
                                serde_json::from_str(found.get()).unwrap_or_default();
                        }
                        name => {
                            envelope.is_message |= MESSAGE_KEYS.contains(&name);
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(envelope)
            }
        }
        from.deserialize_map(PageFields)
    }
}

/// Reads an envelope, a bare array, or a single object in place of the list; more rows than `most` are an error.
pub(super) fn page<T: DeserializeOwned>(
    resource: &'static str,
    json: &str,
    most: usize,
) -> Result<Page<T>, SiengeError> {
    let shape = |what| SiengeError::Shape { resource, what };
    let mut metadata = Metadata::default();
    let rows = match json.trim_start().as_bytes().first() {
        Some(b'[') => json.trim(),
        Some(b'{') => {
            let envelope: Envelope<'_> =
                serde_json::from_str(json).map_err(|_| shape("objeto ilegível"))?;
            metadata = envelope.metadata;
            match envelope.results.or(envelope.data) {
                Some(rows) => rows.get(),
                None if envelope.is_empty || envelope.is_message => {
                    return Err(shape("mensagem no lugar da lista"));
                }
                None => json.trim(),
            }
        }
        Some(b'n') => "null",
        _ => return Err(shape("nem lista nem objeto")),
    };
    let unreadable = |_| shape("lista ilegível");
    let items = items_of(rows).map_err(unreadable)?;
    if items.len() > most {
        return Err(SiengeError::TooMany {
            resource,
            limit: most,
        });
    }
    let read: Result<Vec<T>, _> = items.into_iter().map(one_of).collect();
    Ok(Page {
        rows: read.map_err(unreadable)?,
        count: metadata.count.and_then(|count| count.try_into().ok()),
        limit: metadata
            .limit
            .and_then(|limit| limit.try_into().ok())
            .filter(|limit| *limit > 0),
        print: print_of(rows),
    })
}

/// Reads a list that has no pages, in the same shapes.
pub(super) fn all<T: DeserializeOwned>(
    resource: &'static str,
    json: &str,
) -> Result<Vec<T>, SiengeError> {
    page(resource, json, ELEMENTS_LIMIT).map(|page| page.rows)
}

/// Reads one object, wrapped or not.
pub(super) fn one<T: DeserializeOwned>(
    resource: &'static str,
    json: &str,
) -> Result<T, SiengeError> {
    all(resource, json)?
        .into_iter()
        .next()
        .ok_or(SiengeError::NotFound { resource })
}

fn print_of(text: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

struct PageReader<T> {
    client: Client,
    call: SiengeCall,
    rows: VecDeque<T>,
    offset: usize,
    pages: usize,
    last_print: Option<u64>,
    done: bool,
}

impl<T: DeserializeOwned> PageReader<T> {
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
            .fetch(&call, |json| page::<T>(resource, json, PAGE_ROWS))
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
        let circles = SiengeError::Shape {
            resource,
            what: "páginas que se repetem",
        };
        self.done = match page.count {
            Some(count) if past >= count && !again => true,
            Some(_) if again || self.pages >= PAGES_LIMIT => return Err(circles),
            Some(_) if rows == 0 => {
                return Err(SiengeError::Truncated {
                    resource,
                    rows: self.offset as u64,
                });
            }
            Some(_) => false,
            // Without a total, a repeated page means that the first held the whole list.
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
    /// How many rows a list has, if Sienge says: one call.
    pub(super) async fn count_rows<T: DeserializeOwned>(
        &self,
        call: SiengeCall,
    ) -> Result<Option<usize>, SiengeError> {
        let resource = call.resource;
        let one = call.with("limit", 1).with("offset", 0);
        match self.fetch(&one, |json| page::<T>(resource, json, 1)).await {
            Err(SiengeError::NotFound { .. }) => Ok(Some(0)),
            answer => Ok(answer?.count),
        }
    }

    /// Every row of a list with pages.
    pub(super) fn rows<T: DeserializeOwned + Send + 'static>(&self, call: SiengeCall) -> Rows<T> {
        self.rows_after(0, call)
    }

    /// The rows of a list with pages, without the first ones.
    pub(super) fn rows_after<T: DeserializeOwned + Send + 'static>(
        &self,
        offset: usize,
        call: SiengeCall,
    ) -> Rows<T> {
        let reader = PageReader {
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
