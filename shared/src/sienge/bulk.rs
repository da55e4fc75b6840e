//! Bulk answers, read row by row while they arrive.
//!
//! Guarantees: memory does not grow with the answer; before the first row the call is repeated like any other, afterwards
//! never: a failing stream ends with `Err`, the rows before it were real, and the caller asks for the same window again.

use bytes::Bytes;
use futures::{StreamExt, stream};
use serde::de::DeserializeOwned;

use super::call::Call;
use super::client::Client;
use super::error::SiengeError;
use super::lenient::one_of;
use super::pages::Rows;
use super::split::{ROW_LIMIT_BYTES, RowSplitter, SplitError};
use super::transport::Opened;

struct Reader {
    client: Client,
    call: Call,
    attempt: u32,
    answer: Option<Answer>,
    rows: u64,
    done: bool,
}

struct Answer {
    opened: Opened,
    chunk: Bytes,
    splitter: RowSplitter,
    first_row: Option<String>,
}

impl Reader {
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
            self.answer = Some(Answer {
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
                let row = one_of(text).map_err(|_| SiengeError::NotJson { resource })?;
                if answer.first_row.is_none() {
                    answer.first_row = Some(super::mask::json(text, 2_000));
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
    pub(super) fn bulk_rows<T: DeserializeOwned + Send + 'static>(&self, call: Call) -> Rows<T> {
        let reader = Reader {
            client: self.clone(),
            call,
            attempt: 1,
            answer: None,
            rows: 0,
            done: false,
        };
        stream::unfold(reader, |mut reader| async move {
            let next = reader.next().await?;
            Some((next, reader))
        })
        .boxed()
    }
}
