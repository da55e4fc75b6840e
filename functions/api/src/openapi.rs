//! The OpenAPI document, as it is served.

use schemars::json_schema;

use crate::{Answer, Repeat, Route};

/// The copy, as it is served.
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
    handle: |_, _| Box::pin(async { Ok(Answer::written(200, COPY.to_owned())) }),
};
