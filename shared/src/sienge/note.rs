//! A call's record for the journal.
//!
//! Guarantees: each attempt is written down once, masked and bounded, even when its future is dropped.

use std::sync::Arc;

use tokio::time::Instant;

use super::call::SiengeCall;
use super::client::Client;
use super::error::SiengeError;
use super::ports::{CallLog, CallRecord};
use crate::calendar::Timestamp;
use crate::mask;

/// Bytes of a body that the journal keeps.
const NOTE_LIMIT_BYTES: usize = 4_000;

/// A call's note for the journal: written once, at the end or when it is dropped before.
pub(super) struct Note {
    log: Arc<dyn CallLog>,
    began: Instant,
    record: Option<CallRecord>,
}

impl Note {
    /// Begins the note of one attempt.
    pub(super) fn begin(client: &Client, call: &SiengeCall, attempt: u32) -> Self {
        let body = call.body.as_deref().unwrap_or_default();
        let record = CallRecord {
            at: Timestamp::now(),
            method: call.method,
            url: format!("{} {}", call.verb, call.url(&client.inner.base, true)),
            bill: call.bill,
            status: None,
            duration_ms: 0,
            request_bytes: body.len() as u64,
            response_bytes: 0,
            attempt,
            request: std::str::from_utf8(body)
                .map(|text| mask::json(text, NOTE_LIMIT_BYTES))
                .unwrap_or_default(),
            response: String::new(),
            error: Some("chamada abandonada antes da resposta".to_owned()),
        };
        Self {
            log: client.inner.log.clone(),
            began: Instant::now(),
            record: Some(record),
        }
    }

    /// Notes the answer's status.
    pub(super) fn status(&mut self, status: u16) {
        if let Some(record) = &mut self.record {
            record.status = Some(status);
        }
    }

    /// Counts a chunk of the body.
    pub(super) fn received(&mut self, bytes: usize) {
        if let Some(record) = &mut self.record {
            record.response_bytes += bytes as u64;
        }
    }

    /// Keeps a JSON text as the response, masked.
    pub(super) fn response(&mut self, json: &str) {
        if let Some(record) = &mut self.record {
            record.response = mask::json(json, NOTE_LIMIT_BYTES);
        }
    }

    /// Keeps a text of our own as the response.
    pub(super) fn response_words(&mut self, words: String) {
        if let Some(record) = &mut self.record {
            record.response = words;
        }
    }

    /// Writes the note.
    pub(super) async fn end(mut self, error: Option<&SiengeError>) {
        if let Some(record) = self.sealed(error.map(ToString::to_string)) {
            self.log.record(record).await;
        }
    }

    fn sealed(&mut self, error: Option<String>) -> Option<CallRecord> {
        let mut record = self.record.take()?;
        record.duration_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        record.error = error;
        Some(record)
    }
}

impl Drop for Note {
    /// The future was dropped (a time-out around it, a consumer that stopped reading): the call was made all the same.
    fn drop(&mut self) {
        let Some(record) = self.sealed(Some(
            "chamada abandonada antes do fim da resposta".to_owned(),
        )) else {
            return;
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let log = self.log.clone();
            runtime.spawn(async move { log.record(record).await });
        }
    }
}
