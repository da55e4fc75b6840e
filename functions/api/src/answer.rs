//! The answer to a call.

use serde::Serialize;

use crate::Problem;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// HTTP status.
    pub status: u16,
    /// `application/json`, or that of a problem.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// Whether repetitions under the same `Idempotency-Key` get the same answer.
    pub kept: bool,
    /// The path where the body can be read again: kept for repetitions instead of the body, which may hold free text.
    pub location: Option<String>,
}

impl HttpAnswer {
    /// 200 with a body.
    pub fn ok<T: Serialize>(body: &T) -> Result<Self, Problem> {
        Self::json(200, body)
    }

    /// A status with a body.
    pub fn json<T: Serialize>(status: u16, body: &T) -> Result<Self, Problem> {
        let body = serde_json::to_string(body).map_err(|error| {
            tracing::error!(%error, "an answer could not be written");
            Problem::internal()
        })?;
        Ok(Self::written(status, body))
    }

    /// 200 with what a path shows, too.
    pub(crate) fn at<T: Serialize>(path: String, body: &T) -> Result<Self, Problem> {
        let answer = Self::ok(body)?;
        Ok(Self {
            location: Some(path),
            ..answer
        })
    }

    /// A status with JSON text.
    pub(crate) fn written(status: u16, body: String) -> Self {
        Self {
            status,
            content_type: "application/json",
            body,
            headers: Vec::new(),
            kept: true,
            location: None,
        }
    }
}

impl From<Problem> for HttpAnswer {
    fn from(mut problem: Problem) -> Self {
        let headers = std::mem::take(&mut problem.headers);
        Self {
            status: problem.status,
            content_type: "application/problem+json",
            // Texts and numbers only: serialising cannot fail.
            body: serde_json::to_string(&problem).unwrap_or_default(),
            headers,
            kept: problem.kept,
            location: None,
        }
    }
}
