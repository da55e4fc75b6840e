//! `/v1/hooks`: what is registered under a subdomain.

use std::sync::PoisonError;

use serde_json::{Value, json};

use super::core::uuid;
use super::hook::Hook;
use super::shared::Shared;
use crate::api::{ApiError, Query, Shapes, everything};

/// The newest documents no longer show the token in answers; the older ones do.
fn hook_json(shapes: Shapes, hook: &Hook) -> Value {
    let mut answer = json!({"id": hook.id, "url": hook.url, "events": hook.events});
    if shapes == Shapes::Documented {
        answer["token"] = json!(hook.token.as_deref().unwrap_or(""));
    }
    answer
}

/// Answers a call to the hooks.
pub fn answer(
    shared: &Shared,
    subdomain: &str,
    method: &str,
    path: &[&str],
    query: &Query,
    body: &[u8],
) -> Result<Value, ApiError> {
    let mut core = shared.core.lock().unwrap_or_else(PoisonError::into_inner);
    let shapes = shared.options.shapes;
    match (method, path) {
        ("GET", ["hooks"]) => {
            let (limit, offset) = query.page()?;
            let rows: Vec<&Hook> = core
                .hooks
                .iter()
                .filter(|hook| hook.subdomain == subdomain)
                .collect();
            let page: Vec<Value> = rows
                .iter()
                .skip(offset)
                .take(limit)
                .map(|hook| hook_json(shapes, hook))
                .collect();
            let mut answer = everything(&page);
            answer["resultSetMetadata"] =
                json!({"count": rows.len(), "offset": offset, "limit": limit});
            Ok(answer)
        }
        ("POST", ["hooks"]) => {
            let hook = read(subdomain, body)?;
            let answer = hook_json(shapes, &hook);
            core.add_hook(hook).map_err(|_| ApiError::status(500))?;
            Ok(answer)
        }
        ("GET", ["hooks", id]) => {
            let hook = core
                .hooks
                .iter()
                .find(|hook| hook.id == *id && hook.subdomain == subdomain);
            hook.map(|hook| hook_json(shapes, hook))
                .ok_or(ApiError::status(404))
        }
        ("DELETE", ["hooks", id]) => {
            let there = core
                .remove_hook(subdomain, id)
                .map_err(|_| ApiError::status(500))?;
            if there {
                Ok(Value::Null)
            } else {
                Err(ApiError::status(404))
            }
        }
        _ => Err(ApiError::status(404)),
    }
}

/// Unknown event names are accepted, as the ERP does: they just never fire.
fn read(subdomain: &str, body: &[u8]) -> Result<Hook, ApiError> {
    let body: Value =
        serde_json::from_slice(body).map_err(|_| ApiError::parameter("body", "JSON inválido"))?;
    let url = body["url"].as_str().filter(|url| !url.trim().is_empty());
    let url = url.ok_or_else(|| ApiError::parameter("url", "parâmetro obrigatório"))?;
    let events = body["events"]
        .as_array()
        .ok_or_else(|| ApiError::parameter("events", "parâmetro obrigatório"))?;
    let names: Option<Vec<String>> = events
        .iter()
        .map(|event| event.as_str().map(str::to_owned))
        .collect();
    Ok(Hook {
        id: uuid(&mut fastrand::Rng::new()),
        subdomain: subdomain.to_owned(),
        url: url.to_owned(),
        token: body["token"]
            .as_str()
            .filter(|token| !token.is_empty())
            .map(str::to_owned),
        events: names
            .ok_or_else(|| ApiError::parameter("events", "deve ser uma lista de textos"))?,
    })
}
