//! Serves the OpenAPI document.

use schemars::json_schema;

use crate::{HttpAnswer, Repeat, Route};

/// The copy that is served.
pub(crate) const COPY: &str = include_str!("../../../docs/openapi.json");

pub(crate) const READ: Route = Route {
    method: "GET",
    path: "/v1/openapi.json",
    query: &[],
    role: None,
    repeat: Repeat::No,
    name: "openapi",
    summary: "This document.",
    request: None,
    response: |_| json_schema!({"type": "object"}),
    sienge_calls: |_| 0,
    emails: 0,
    audit: None,
    handle: |_, _| Box::pin(async { Ok(HttpAnswer::written(200, COPY.to_owned())) }),
};
