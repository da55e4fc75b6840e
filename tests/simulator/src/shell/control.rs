//! `/_control`: the hand that changes the world and breaks the wire. No authentication; the
//! server listens on 127.0.0.1 only.

use std::io;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use bytes::Bytes;
use futures::stream;
use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::core::{Core, system_date};
use super::faults::Faults;
use super::response::json_response;
use super::shared::Shared;
use super::traffic::Quota;
use super::{Knobs, view};
use crate::api::Query;
use crate::world::{Bill, Installment, World, operations};

/// Answers a control call.
#[allow(clippy::too_many_lines, reason = "an arm for each call")]
pub fn answer(
    shared: &Arc<Shared>,
    method: &str,
    path: &str,
    query: &Query,
    body: &[u8],
) -> Response<Body> {
    match (method, path) {
        ("GET", "installments") => return installments(shared, query),
        ("GET", "bills") => return lines(shared, |_, bill| vec![view::bill(bill)]),
        _ => {}
    }
    let result = match (method, path) {
        ("GET", "health") => {
            let summary = shared
                .core
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .summary();
            Ok(json!({"status": "ok", "world": summary}))
        }
        ("GET", "faults") => Ok(json!(
            shared
                .faults
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .list()
        )),
        ("PUT", "faults") => read(body).and_then(Faults::read).map(|faults| {
            let answer = json!(faults.list());
            *shared.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
            shared.held.release();
            answer
        }),
        ("DELETE", "faults") => {
            *shared.faults.lock().unwrap_or_else(PoisonError::into_inner) = Faults::default();
            shared.held.release();
            Ok(json!([]))
        }
        ("GET", "held") => Ok(json!({"calls": shared.held.count()})),
        ("GET", "webhooks") => Ok(json!(shared.office.knobs())),
        ("PUT", "webhooks") => read(body).and_then(Knobs::read).map(|knobs| {
            shared.office.set_knobs(knobs);
            json!(knobs)
        }),
        ("GET", "deliveries") => Ok(shared
            .office
            .report(query.text("state"), query.text("event"))),
        ("DELETE", "deliveries") => {
            shared.office.forget();
            Ok(shared.office.report(None, None))
        }
        ("GET", "emails") => Ok(json!(
            *shared.emails.lock().unwrap_or_else(PoisonError::into_inner)
        )),
        ("DELETE", "emails") => {
            shared
                .emails
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clear();
            Ok(json!([]))
        }
        ("GET", "calls") => Ok(shared
            .traffic
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .report()),
        ("DELETE", "calls") => {
            let mut traffic = shared
                .traffic
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            traffic.reset();
            Ok(traffic.report())
        }
        ("GET", "quota") => Ok(json!(
            shared
                .traffic
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .quota
        )),
        ("PUT", "quota") => read(body)
            .and_then(|body| {
                serde_json::from_value::<Quota>(body)
                    .map_err(|error| format!("not a quota: {error}"))
            })
            .map(|quota| {
                shared
                    .traffic
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .quota = quota;
                json!(quota)
            }),
        ("GET", "today") => {
            let mut core = shared.core.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(json!({"today": core.world().today.to_string()}))
        }
        ("PUT", "today") => read(body).and_then(|body| today(shared, &body)),
        ("POST", "event") => read(body).and_then(|body| event(shared, &body)),
        ("POST", name) if operations::NAMES.contains(&name) => {
            read(body).and_then(|body| shared.operate(name, &body))
        }
        ("POST", name) => Err(format!(
            "unknown operation {name:?}; known: {}",
            operations::NAMES.join(", ")
        )),
        _ => {
            let body = json!({"error": format!("there is no control call {method} {path}")});
            return json_response(StatusCode::NOT_FOUND, &body);
        }
    };
    match result {
        Ok(answer) => json_response(StatusCode::OK, &answer),
        Err(error) => json_response(StatusCode::BAD_REQUEST, &json!({"error": error})),
    }
}

fn read(body: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))
}

impl Shared {
    /// Does one operation, or a list of them in order, and sends their events on their way.
    pub fn operate(&self, name: &str, body: &Value) -> Result<Value, String> {
        if let Some(list) = body.as_array() {
            let mut answers = Vec::new();
            for (index, one) in list.iter().enumerate() {
                let answer = self.operate(name, one);
                answers.push(answer.map_err(|error| {
                    format!("operation {index}: {error} (those before it were done)")
                })?);
            }
            return Ok(Value::Array(answers));
        }
        let early = Duration::from_millis(self.office.knobs().early_milliseconds);
        let applied = self
            .core
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .apply(name, body, early)?;
        self.office.post(applied.pending);
        Ok(applied.answer)
    }
}

/// `{"today": "2026-11-30"}` pins the date, `{"days": 1}` moves it on, `{"today": null}` lets it go.
fn today(shared: &Shared, body: &Value) -> Result<Value, String> {
    let mut core = shared.core.lock().unwrap_or_else(PoisonError::into_inner);
    let now = core.world().today;
    let date = match (body.get("today"), body.get("days")) {
        (Some(Value::Null), None) => None,
        (Some(Value::String(text)), None) => Some(
            text.parse::<Date>()
                .map_err(|_| "today must be a date such as 2026-11-30".to_owned())?,
        ),
        (None, Some(days)) => {
            let days = days
                .as_i64()
                .filter(|days| (-36_500..=36_500).contains(days))
                .ok_or("days must be a whole number")?;
            Some(now.saturating_add(days.days()))
        }
        _ => {
            return Err(
                "give {\"today\": \"2026-11-30\"}, {\"today\": null} or {\"days\": 1}".to_owned(),
            );
        }
    };
    core.set_today(date)
        .map_err(|error| format!("the state file cannot be written: {error}"))?;
    Ok(json!({"today": date.unwrap_or_else(system_date).to_string()}))
}

/// Fires any event, true or not: `{"event": "RECEIPT_PROCESSED", "body": {…}}`.
fn event(shared: &Shared, body: &Value) -> Result<Value, String> {
    let name = body["event"].as_str().ok_or("event is missing")?;
    let payload = body.get("body").cloned().ok_or("body is missing")?;
    let told = Core::tell_apart(name, payload);
    let pending = shared
        .core
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .wanted(&told);
    let hooks = pending.len();
    shared.office.post(pending);
    Ok(json!({"id": told.id, "event": told.name, "hooks": hooks}))
}

fn installments(shared: &Arc<Shared>, query: &Query) -> Response<Body> {
    let read = || -> Result<_, crate::api::ApiError> {
        Ok((
            query.flag("open")?,
            query.id("companyId")?,
            query.id("billId")?,
            query.id("customerId")?,
        ))
    };
    let (open, company, wanted, customer) = match read() {
        Ok(filters) => filters,
        Err(error) => {
            return json_response(StatusCode::BAD_REQUEST, &json!({"error": error.body()}));
        }
    };
    lines(shared, move |_, bill| {
        let meant = company.is_none_or(|id| id == bill.company)
            && wanted.is_none_or(|id| id == bill.id)
            && customer.is_none_or(|id| id == bill.customer);
        let rows = bill
            .installments
            .iter()
            .filter(|row: &&Installment| meant && open.is_none_or(|open| open == row.open()));
        rows.map(|row| view::installment(bill, row)).collect()
    })
}

/// Bills looked at while the world is held.
const BILLS_PER_PIECE: usize = 50;

/// NDJSON, made while it is sent.
fn lines(
    shared: &Arc<Shared>,
    render: impl Fn(&World, &Bill) -> Vec<Value> + Send + 'static,
) -> Response<Body> {
    let state = (Arc::clone(shared), render, Some(0));
    let pieces = stream::unfold(state, |(shared, render, from)| async move {
        let from: u32 = from?;
        let mut text = String::new();
        let mut next = None;
        {
            let mut core = shared.core.lock().unwrap_or_else(PoisonError::into_inner);
            let world = core.world();
            for (index, (id, bill)) in world.bills.range(from..).enumerate() {
                if index == BILLS_PER_PIECE {
                    next = Some(*id);
                    break;
                }
                for line in render(world, bill) {
                    text.push_str(&line.to_string());
                    text.push('\n');
                }
            }
        }
        Some((
            Ok::<_, io::Error>(Bytes::from(text)),
            (shared, render, next),
        ))
    });
    let mut response = Response::new(Body::from_stream(pieces));
    response.headers_mut().insert(
        "content-type",
        axum::http::HeaderValue::from_static("application/x-ndjson"),
    );
    response
}
