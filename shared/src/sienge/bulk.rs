//! Bulk answers, read row by row while they arrive.
//!
//! Guarantees: memory does not grow with the answer: one row is held, of at most [`ROW_LIMIT_BYTES`] and [`ELEMENTS_LIMIT`], and the worst
//! takes 12 MB; an answer whose rows are held until its end is bounded as a whole, and the worst takes 40 MB (measured in
//! `tests/sienge_memory.rs`). An endless answer is dropped when the call's time is over. Before the first row the call is repeated like any other,
//! afterwards never: a failing stream ends with `Err`, the rows before it are valid, and the caller requests the same window again.

use bytes::Bytes;
use futures::{StreamExt, stream};
use serde::de::DeserializeOwned;

use super::call::SiengeCall;
use super::client::Client;
use super::elements::{ELEMENTS_LIMIT, elements};
use super::error::SiengeError;
use super::lenient::one_of;
use super::pages::Rows;
use super::split::{ROW_LIMIT_BYTES, RowSplitter, SplitError};
use super::transport::OpenResponse;

/// Most bytes of rows that are held until the end of their answer: a hundred bills with 120 installments are 14 MB.
const HELD_LIMIT_BYTES: usize = 32 * 1024 * 1024;
/// Most rows of such an answer, plus the elements in them: a hundred bills have some 50,000.
const HELD_ELEMENTS_LIMIT: usize = 100_000;

struct BulkReader {
    client: Client,
    call: SiengeCall,
    attempt: u32,
    answer: Option<BulkAnswer>,
    rows: u64,
    held: Held,
    done: bool,
}

struct BulkAnswer {
    opened: OpenResponse,
    chunk: Bytes,
    splitter: RowSplitter,
    first_row: Option<String>,
}

impl BulkReader {
    async fn next<T: DeserializeOwned>(&mut self) -> Option<Result<T, SiengeError>> {
        while !self.done {
            match self.turn().await {
                Ok(Some(row)) => {
                    self.rows += 1;
                    return Some(Ok(row));
                }
                Ok(None) => self.close(None).await,
                Err(error) => {
                    self.close(Some(&error)).await;
                    let outcome = if self.rows == 0 {
                        self.client.pause(&self.call, self.attempt, error).await
                    } else {
                        Err(error)
                    };
                    match outcome {
                        Ok(()) => {
                            self.attempt += 1;
                            self.done = false;
                        }
                        // Sienge documents 404 for "nothing found".
                        Err(SiengeError::NotFound { .. }) if self.call.empty_on_404 => {}
                        Err(error) => return Some(Err(error)),
                    }
                }
            }
        }
        None
    }

    /// The next row; `None` at the answer's complete end.
    async fn turn<T: DeserializeOwned>(&mut self) -> Result<Option<T>, SiengeError> {
        if self.answer.is_none() {
            let opened = self.client.open(&self.call, self.attempt).await?;
            if opened.is_without_content() {
                opened.note.end(None).await;
                return Ok(None);
            }
            self.answer = Some(BulkAnswer {
                opened,
                chunk: Bytes::new(),
                splitter: RowSplitter::default(),
                first_row: None,
            });
        }
        let resource = self.call.resource;
        let rows = self.rows;
        let Some(answer) = &mut self.answer else {
            return Ok(None);
        };
        let failed = |error| split_error(resource, rows, error);
        loop {
            let mut rest: &[u8] = &answer.chunk;
            let before = rest.len();
            let found = answer.splitter.next_row(&mut rest).map_err(failed)?;
            let consumed = before - rest.len();
            if let Some(json) = found {
                let text =
                    std::str::from_utf8(json).map_err(|_| SiengeError::NotJson { resource })?;
                self.held.add(&self.call, text)?;
                let row = one_of(text).map_err(|_| SiengeError::NotJson { resource })?;
                if answer.first_row.is_none() {
                    answer.first_row = Some(crate::mask::json(text, 2_000));
                }
                bytes::Buf::advance(&mut answer.chunk, consumed);
                return Ok(Some(row));
            }
            match self
                .client
                .next_chunk(&self.call, &mut answer.opened, rows)
                .await?
            {
                Some(chunk) => answer.chunk = chunk,
                None => return answer.splitter.finish().map(|()| None).map_err(failed),
            }
        }
    }

    async fn close(&mut self, error: Option<&SiengeError>) {
        self.done = true;
        if let Some(mut answer) = self.answer.take() {
            let first = answer.first_row.take().unwrap_or_default();
            answer
                .opened
                .note
                .response_words(format!("{} registro(s); primeiro: {first}", self.rows));
            answer.opened.note.end(error).await;
        }
    }
}

/// What was read of an answer so far.
#[derive(Default)]
struct Held {
    bytes: usize,
    elements: usize,
}

impl Held {
    /// Adds a row, unless it or all held rows together take too much memory.
    fn add(&mut self, call: &SiengeCall, row: &str) -> Result<(), SiengeError> {
        // An element takes at least two bytes: only the largest rows need counting.
        if !call.held && row.len() <= 2 * ELEMENTS_LIMIT {
            return Ok(());
        }
        let resource = call.resource;
        let elements = elements(row);
        if elements > ELEMENTS_LIMIT {
            return Err(SiengeError::TooMany {
                resource,
                limit: ELEMENTS_LIMIT,
            });
        }
        if !call.held {
            return Ok(());
        }
        self.bytes += row.len();
        self.elements += 1 + elements;
        if self.bytes > HELD_LIMIT_BYTES {
            return Err(SiengeError::TooLarge {
                resource,
                limit_bytes: HELD_LIMIT_BYTES,
            });
        }
        if self.elements > HELD_ELEMENTS_LIMIT {
            return Err(SiengeError::TooMany {
                resource,
                limit: HELD_ELEMENTS_LIMIT,
            });
        }
        Ok(())
    }
}

fn split_error(resource: &'static str, rows: u64, error: SplitError) -> SiengeError {
    match error {
        SplitError::Truncated => SiengeError::Truncated { resource, rows },
        SplitError::ApiError => SiengeError::BulkFailed { resource, rows },
        SplitError::NotJson => SiengeError::NotJson { resource },
        SplitError::Shape(what) => SiengeError::Shape { resource, what },
        SplitError::RowTooLarge => SiengeError::TooLarge {
            resource,
            limit_bytes: ROW_LIMIT_BYTES,
        },
    }
}

impl Client {
    /// The rows of a bulk answer.
    pub(super) fn bulk_rows<T: DeserializeOwned + Send + 'static>(
        &self,
        call: SiengeCall,
    ) -> Rows<T> {
        let reader = BulkReader {
            client: self.clone(),
            call,
            attempt: 1,
            answer: None,
            rows: 0,
            held: Held::default(),
            done: false,
        };
        stream::unfold(reader, |mut reader| async move {
            let next = reader.next().await?;
            Some((next, reader))
        })
        .boxed()
    }
}
