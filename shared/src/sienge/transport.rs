//! One call to Sienge: its permit, the attempts, and their time-outs.
//!
//! Guarantees: no attempt without a right from the quota; only GETs are repeated (others only when nothing was sent);
//! nothing outlives the deadline, and no person waits for the quota longer than two seconds; a call that Sienge refused for its credentials is made once more when there are newer ones. An answer is taken up to [`REST_LIMIT_BYTES`] and [`ELEMENTS_LIMIT`]: the worst one takes
//! 35 MB of memory (measured in `tests/sienge_memory.rs`).

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep, timeout};

use super::call::SiengeCall;
use super::client::Client;
use super::credentials::Credentials;
use super::elements::{ELEMENTS_LIMIT, elements};
use super::error::SiengeError;
use super::error_body::ErrorBody;
use super::note::Note;
use super::ports::{Priority, QuotaRefusal};

/// Largest REST answer; a page of 200 contracts is a megabyte or two.
const REST_LIMIT_BYTES: usize = 8 * 1024 * 1024;
/// Largest part of a refusal's body that is read.
const REFUSAL_LIMIT_BYTES: usize = 64 * 1024;
/// The shortest wait for an answer that could be requested in parts instead.
const LEAST_PATIENCE: Duration = Duration::from_secs(2);
/// Longest time one call of a batch waits for the quota when no deadline says otherwise.
const QUOTA_PATIENCE: Duration = Duration::from_mins(10);
/// Longest time a person waits for it, over all calls of a request: a sleeping execution is missing for others.
const PERSONS_PATIENCE: Duration = Duration::from_secs(2);
/// An invocation with so much time left waits for a Sienge that does not answer; any other gives its execution back.
const LONG_RUN: Duration = Duration::from_mins(5);
/// Longest time newer credentials are waited for.
const CREDENTIALS_PATIENCE: Duration = Duration::from_secs(5);
/// Longest `Retry-After` obeyed; beyond it the caller decides.
const RETRY_AFTER_LIMIT: Duration = Duration::from_mins(10);

/// An answer whose body is still to be read.
pub(super) struct OpenResponse {
    response: reqwest::Response,
    pub note: Note,
    reading: Duration,
}

impl OpenResponse {
    /// Whether it is a 204, which has no body.
    pub(super) fn is_without_content(&self) -> bool {
        self.response.status().as_u16() == 204
    }
}

impl Client {
    /// A list or object, decoded by `read`, with retries.
    pub(super) async fn fetch<T>(
        &self,
        call: &SiengeCall,
        read: impl Fn(&str) -> Result<T, SiengeError>,
    ) -> Result<T, SiengeError> {
        let mut attempt = 1;
        loop {
            let outcome = self.fetch_once(call, attempt, &read).await;
            match outcome {
                Err(error) => self.pause(call, attempt, error).await?,
                done => return done,
            }
            attempt += 1;
        }
    }

    /// One object; `None` when Sienge does not have it.
    pub(super) async fn fetch_one<T: DeserializeOwned>(
        &self,
        call: &SiengeCall,
    ) -> Result<Option<T>, SiengeError> {
        match self
            .fetch(call, |json| super::pages::one(call.resource, json))
            .await
        {
            Ok(one) => Ok(Some(one)),
            Err(SiengeError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Everything of a list without pages; a 404 is an empty list.
    pub(super) async fn fetch_all<T: DeserializeOwned>(
        &self,
        call: &SiengeCall,
    ) -> Result<Vec<T>, SiengeError> {
        match self
            .fetch(call, |json| super::pages::all(call.resource, json))
            .await
        {
            Err(SiengeError::NotFound { .. }) => Ok(Vec::new()),
            other => other,
        }
    }

    async fn fetch_once<T>(
        &self,
        call: &SiengeCall,
        attempt: u32,
        read: &impl Fn(&str) -> Result<T, SiengeError>,
    ) -> Result<T, SiengeError> {
        let mut opened = self.open(call, attempt).await?;
        let outcome = self.whole_body(call, &mut opened).await.and_then(|body| {
            let not_json = SiengeError::NotJson {
                resource: call.resource,
            };
            let text = std::str::from_utf8(&body).map_err(|_| not_json.clone())?;
            if text.trim().is_empty() {
                // A 204 or a DELETE has nothing to read; anywhere else something was lost.
                return if call.verb != Method::GET || opened.is_without_content() {
                    read("null")
                } else {
                    Err(SiengeError::Truncated {
                        resource: call.resource,
                        rows: 0,
                    })
                };
            }
            if let Err(error) = serde_json::from_str::<&RawValue>(text) {
                return Err(if error.is_eof() {
                    SiengeError::Truncated {
                        resource: call.resource,
                        rows: 0,
                    }
                } else {
                    not_json
                });
            }
            opened.note.response(text);
            if elements(text) > ELEMENTS_LIMIT {
                return Err(SiengeError::TooMany {
                    resource: call.resource,
                    limit: ELEMENTS_LIMIT,
                });
            }
            read(text)
        });
        opened.note.end(outcome.as_ref().err()).await;
        outcome
    }

    async fn whole_body(
        &self,
        call: &SiengeCall,
        opened: &mut OpenResponse,
    ) -> Result<Bytes, SiengeError> {
        let mut body = BytesMut::new();
        while let Some(chunk) = self.next_chunk(call, opened, 0).await? {
            if body.len() + chunk.len() > REST_LIMIT_BYTES {
                return Err(SiengeError::TooLarge {
                    resource: call.resource,
                    limit_bytes: REST_LIMIT_BYTES,
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    /// The next chunk of the body; `rows` were read so far, for the error.
    pub(super) async fn next_chunk(
        &self,
        call: &SiengeCall,
        opened: &mut OpenResponse,
        rows: u64,
    ) -> Result<Option<Bytes>, SiengeError> {
        let resource = call.resource;
        let silence = self.silence(call);
        let began = Instant::now();
        let left = self.inner.timeouts.total.saturating_sub(opened.reading);
        let outcome = self
            .bounded(call, silence.min(left), opened.response.chunk())
            .await?;
        opened.reading += began.elapsed();
        match outcome {
            Ok(chunk) => {
                opened.note.received(chunk.as_ref().map_or(0, Bytes::len));
                Ok(chunk)
            }
            Err(error) if error.is_timeout() => Err(SiengeError::Timeout { resource }),
            Err(_) => Err(SiengeError::Truncated { resource, rows }),
        }
    }

    /// The longest silence to accept.
    fn silence(&self, call: &SiengeCall) -> Duration {
        let silence = self.inner.timeouts.silence(call.lane);
        if call.divisible {
            silence.min((self.left() / 2).max(LEAST_PATIENCE))
        } else {
            silence
        }
    }

    /// Runs a future within a time-out and the deadline.
    async fn bounded<F: Future>(
        &self,
        call: &SiengeCall,
        limit: Duration,
        future: F,
    ) -> Result<F::Output, SiengeError> {
        let resource = call.resource;
        let left = self.left();
        match timeout(limit.min(left), future).await {
            Ok(output) => Ok(output),
            Err(_) if left <= limit => Err(SiengeError::Deadline { resource }),
            Err(_) => Err(SiengeError::Timeout { resource }),
        }
    }

    /// One attempt up to the answer's headers; a refusal is read, noted and turned into its error. Whatever its verb, a call was not
    /// carried out when Sienge did not know who made it.
    pub(super) async fn open(
        &self,
        call: &SiengeCall,
        attempt: u32,
    ) -> Result<OpenResponse, SiengeError> {
        let source = &self.inner.credentials;
        let credentials = source.current();
        let error = match self.open_as(&credentials, call, attempt).await {
            Err(error @ SiengeError::Credentials { .. }) => error,
            done => return done,
        };
        let refreshed = self
            .bounded(call, CREDENTIALS_PATIENCE, source.refreshed())
            .await;
        match refreshed {
            Ok(newer) if newer != credentials => self.open_as(&newer, call, attempt).await,
            _ => Err(error),
        }
    }

    async fn open_as(
        &self,
        credentials: &Credentials,
        call: &SiengeCall,
        attempt: u32,
    ) -> Result<OpenResponse, SiengeError> {
        self.take_permit(call).await?;
        let mut note = Note::begin(self, call, attempt);
        let mut request = self
            .inner
            .http
            .request(call.verb.clone(), call.url(&self.inner.base, false))
            .header(AUTHORIZATION, credentials.header())
            .header(ACCEPT, "application/json");
        if let Some(body) = &call.body {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone());
        }
        let began = Instant::now();
        let outcome = self.bounded(call, self.silence(call), request.send()).await;
        let response = match outcome {
            Ok(Ok(response)) => {
                self.inner.quota.answered().await;
                response
            }
            Ok(Err(error)) => {
                let error = unsent(call, &error);
                note.end(Some(&error)).await;
                return Err(error);
            }
            Err(error) => {
                note.end(Some(&error)).await;
                return Err(error);
            }
        };
        let status = response.status().as_u16();
        note.status(status);
        let mut opened = OpenResponse {
            response,
            note,
            reading: began.elapsed(),
        };
        if (200..300).contains(&status) {
            return Ok(opened);
        }
        let error = self.refusal(call, status, &mut opened).await;
        opened.note.end(Some(&error)).await;
        Err(error)
    }

    async fn refusal(
        &self,
        call: &SiengeCall,
        status: u16,
        opened: &mut OpenResponse,
    ) -> SiengeError {
        let resource = call.resource;
        let retry_after = opened
            .response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        let mut body = BytesMut::new();
        while body.len() < REFUSAL_LIMIT_BYTES {
            match self.next_chunk(call, opened, 0).await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                _ => break,
            }
        }
        let text = std::str::from_utf8(&body).unwrap_or("");
        let answer = ErrorBody::read(text);
        if answer.is_some() {
            opened.note.response(text);
        }
        match status {
            401 => SiengeError::Credentials { resource },
            403 => SiengeError::Permission { resource },
            404 if text.trim().is_empty()
                || answer.as_ref().is_some_and(ErrorBody::is_siengean) =>
            {
                SiengeError::NotFound { resource }
            }
            404 => SiengeError::WrongAddress { resource },
            408 | 500.. => SiengeError::Server { resource, status },
            429 => SiengeError::RateLimited {
                resource,
                retry_after,
            },
            _ => SiengeError::BadRequest {
                resource,
                status,
                fields: answer.map(|answer| answer.fields()).unwrap_or_default(),
            },
        }
    }

    /// Waits before the next attempt, or returns the error when there is none.
    pub(super) async fn pause(
        &self,
        call: &SiengeCall,
        attempt: u32,
        error: SiengeError,
    ) -> Result<(), SiengeError> {
        let retry = self.inner.retry;
        let limited = match &error {
            SiengeError::RateLimited { retry_after, .. } => {
                Some(retry_after.unwrap_or(retry.rate_limit_wait))
            }
            _ => None,
        };
        if let Some(wait) = limited {
            self.inner
                .quota
                .back_off(call.lane, wait.min(RETRY_AFTER_LIMIT))
                .await;
        }
        let is_last = attempt >= retry.attempts;
        if matches!(error, SiengeError::Timeout { .. })
            || (is_last && matches!(error, SiengeError::Connection { .. }))
        {
            self.inner.quota.unanswered().await;
        }
        // A call answered with 429 was not carried out, whatever the verb; any other, except a GET, may have been.
        let repeatable = (call.verb == Method::GET && self.repeats) || limited.is_some();
        let goes_in_parts = call.divisible && matches!(error, SiengeError::Timeout { .. });
        if !repeatable || goes_in_parts || !error.is_transient() || is_last {
            return Err(error);
        }
        let wait = match limited {
            Some(wait) => wait + jitter(retry.base),
            None => jitter(
                retry
                    .cap
                    .min(retry.base.saturating_mul(1 << (attempt - 1).min(16))),
            ),
        };
        let left = match limited {
            Some(_) => self.quota_patience(),
            None => self.left(),
        };
        if wait > RETRY_AFTER_LIMIT + retry.base || wait >= left {
            return Err(error);
        }
        tracing::debug!(
            method = call.method,
            attempt,
            wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            "repeating a call to Sienge"
        );
        sleep(wait).await;
        Ok(())
    }

    async fn take_permit(&self, call: &SiengeCall) -> Result<(), SiengeError> {
        let mut waited = Duration::ZERO;
        loop {
            if self.left().is_zero() {
                return Err(SiengeError::Deadline {
                    resource: call.resource,
                });
            }
            let refusal = match self.inner.quota.acquire(call.lane, self.priority).await {
                Ok(()) => return Ok(()),
                Err(refusal) => refusal,
            };
            let error = SiengeError::refused(refusal, call.lane);
            let wait = match refusal {
                QuotaRefusal::Wait(wait) => wait,
                QuotaRefusal::Silent(wait) if self.left() >= LONG_RUN => wait,
                _ => return Err(error),
            };
            // A little more than required, so that not everybody comes back at once.
            let wait = wait.max(Duration::from_millis(20)) + jitter(Duration::from_millis(250));
            if wait >= self.quota_patience() || waited + wait > QUOTA_PATIENCE {
                return Err(error);
            }
            sleep(wait).await;
            waited += wait;
        }
    }

    /// The remaining time to wait for the quota.
    fn quota_patience(&self) -> Duration {
        match self.priority {
            Priority::Batch => self.left(),
            Priority::Interactive => {
                let now = Instant::now();
                let until = self.patience.get_or_init(|| now + PERSONS_PATIENCE);
                until.saturating_duration_since(now).min(self.left())
            }
        }
    }

    /// Time left before the deadline.
    fn left(&self) -> Duration {
        self.deadline.map_or(Duration::MAX, |deadline| {
            deadline.saturating_duration_since(Instant::now())
        })
    }
}

/// Full jitter: anything from nothing to `most`.
fn jitter(most: Duration) -> Duration {
    let most_ms = u64::try_from(most.as_millis()).unwrap_or(u64::MAX - 1);
    Duration::from_millis(fastrand::u64(0..=most_ms))
}

/// reqwest's own text holds the URL: only the kind of failure is kept.
fn unsent(call: &SiengeCall, error: &reqwest::Error) -> SiengeError {
    let resource = call.resource;
    if error.is_timeout() {
        SiengeError::Timeout { resource }
    } else if error.is_builder() {
        SiengeError::Configuration("URL da API")
    } else {
        SiengeError::Connection { resource }
    }
}
