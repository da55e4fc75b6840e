//! Answers over HTTP.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode};
use serde_json::Value;

use super::stream::{self, Spoil};
use crate::api::ApiError;

pub(super) fn json_response(status: StatusCode, body: &Value) -> Response<Body> {
    spoilt(status, body.to_string().into_bytes(), Spoil::default())
}

pub(super) fn spoilt(status: StatusCode, body: Vec<u8>, spoil: Spoil) -> Response<Body> {
    respond(status, stream::whole(body, spoil))
}

pub(super) fn respond(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static("application/json"));
    response
}

pub(super) fn error_response(error: &ApiError) -> Response<Body> {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    json_response(status, &error.body())
}
