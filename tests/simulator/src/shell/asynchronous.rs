//! Asynchronous bulk questions: asked, worked on in the background, read in chunks for a day.
//! A chunk is a span of the answer's plan, written again whenever it is read, so no answer is ever held.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::core::Core;
use super::hook::{Hook, Pending};
use super::jobs::{Job, State};
use super::shared::Shared;
use crate::api::bulk::{Bulk, Manner, Piece, Rows, Span};
use crate::api::{ApiError, Query};

/// How long results are kept.
const KEPT: Duration = Duration::from_hours(24);

/// Takes a question; `fails` makes it end as Failed.
pub fn ask(
    shared: &Arc<Shared>,
    query: &Query,
    bulk: Bulk,
    manner: Manner,
    fails: bool,
) -> Result<Value, ApiError> {
    let kilobytes = query.id("_asyncChunkMaxSize")?;
    let bytes = kilobytes.map_or(usize::MAX, |size| {
        usize::try_from(size.max(1)).unwrap_or(1) * 1_024
    });
    let identifier: String = (0..24)
        .map(|_| fastrand::alphanumeric().to_ascii_lowercase())
        .collect();
    let job = Job {
        bulk,
        manner,
        asked: Instant::now(),
        state: State::Waiting,
    };
    let mut jobs = shared.jobs.lock().unwrap_or_else(PoisonError::into_inner);
    jobs.retain(|_, job| job.asked.elapsed() < KEPT);
    jobs.insert(identifier.clone(), job);
    drop(jobs);
    let (shared, own) = (Arc::clone(shared), identifier.clone());
    let hook = query.text("_asyncWebHookUrl").map(|url| Hook {
        id: identifier.clone(),
        subdomain: String::new(),
        url: url.to_owned(),
        token: query.text("_asyncWebHookToken").map(str::to_owned),
        events: Vec::new(),
    });
    tokio::spawn(async move {
        tokio::time::sleep(shared.options.async_delay).await;
        set(&shared, &own, State::Processing);
        tokio::time::sleep(shared.options.async_delay).await;
        let state = if fails {
            State::Failed
        } else {
            let (plan, spans) = cut(&shared, &own, bytes).await;
            State::Finished(plan, spans)
        };
        set(&shared, &own, state);
        if let Some(hook) = hook {
            // What the ERP sends here is not documented: the identifier is the least it can be.
            let event = Core::tell_apart("ASYNC_BULK_FINISHED", json!({"identifier": own}));
            shared.office.post(vec![Pending { event, hook }]);
        }
    });
    Ok(json!({"identifier": identifier}))
}

fn set(shared: &Shared, identifier: &str, state: State) {
    let mut jobs = shared.jobs.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(job) = jobs.get_mut(identifier) {
        job.state = state;
    }
}

/// Finds where the chunks begin. A chunk is one part of the answer at least.
async fn cut(shared: &Arc<Shared>, identifier: &str, bytes: usize) -> (Arc<[Piece]>, Vec<Span>) {
    let job = shared
        .jobs
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get(identifier)
        .cloned();
    let Some(job) = job else {
        return (Arc::from([]), Vec::new());
    };
    let plan = shared.plan(&job.bulk, &job.manner);
    let mut spans = Vec::new();
    let (mut begin, mut from, mut written) = (0, 0, 0);
    loop {
        let mut rows = Rows::default();
        let left = bytes.saturating_sub(written).clamp(1, 256 * 1_024);
        let span = Span { from, until: None };
        let next = {
            let mut core = shared.core.lock().unwrap_or_else(PoisonError::into_inner);
            job.bulk
                .slice(core.world(), &plan, span, &job.manner, left, &mut rows)
        };
        written += rows.buffer.len();
        let Some(next) = next else { break };
        from = next;
        if written >= bytes {
            spans.push(Span {
                from: begin,
                until: Some(next),
            });
            (begin, written) = (next, 0);
        }
        tokio::task::yield_now().await;
    }
    spans.push(Span {
        from: begin,
        until: None,
    });
    (plan, spans)
}

/// `GET async/{identifier}`.
pub fn status(shared: &Shared, identifier: &str) -> Result<Value, ApiError> {
    let jobs = shared.jobs.lock().unwrap_or_else(PoisonError::into_inner);
    let job = jobs
        .get(identifier)
        .filter(|job| job.asked.elapsed() < KEPT)
        .ok_or(ApiError::status(404))?;
    Ok(match &job.state {
        State::Waiting => json!({"status": "Waiting"}),
        State::Processing => json!({"status": "Processing"}),
        State::Finished(_, spans) => json!({"status": "Finished", "chunks": spans.len()}),
        State::Failed => json!({"status": "Failed", "error": "Erro Interno"}),
    })
}

/// The question, its plan and a chunk's span.
pub type Chunk = (Bulk, Manner, Arc<[Piece]>, Span);

/// `GET async/{identifier}/result/{chunk}`.
pub fn result(shared: &Shared, identifier: &str, chunk: &str) -> Result<Chunk, ApiError> {
    let jobs = shared.jobs.lock().unwrap_or_else(PoisonError::into_inner);
    let job = jobs
        .get(identifier)
        .filter(|job| job.asked.elapsed() < KEPT)
        .ok_or(ApiError::status(404))?;
    let State::Finished(plan, spans) = &job.state else {
        return Err(ApiError::status(404));
    };
    let number: usize = chunk
        .parse()
        .map_err(|_| ApiError::parameter("chunk", "deve ser um número"))?;
    let span = number
        .checked_sub(1)
        .and_then(|index| spans.get(index))
        .ok_or(ApiError::status(404))?;
    Ok((
        job.bulk.clone(),
        job.manner.clone(),
        Arc::clone(plan),
        *span,
    ))
}
