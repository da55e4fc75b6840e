//! The HTTP edge: API Gateway's request in, the answer out.

use std::convert::Infallible;
use std::future::ready;
use std::pin::Pin;

use lambda_http::http::{HeaderMap, Method, header};
use lambda_http::request::RequestContext;
use lambda_http::{Body, IntoResponse, Request, RequestExt, Response};
use ponte::calendar::Timestamp;
use serde_json::json;

use crate::{Answer, Delivery, Webhook};

/// Reads the request and delivers it.
pub async fn answer(webhook: &Webhook, request: Request) -> Result<Answer, Infallible> {
    let answer = match *request.method() {
        Method::POST => {
            let query = request.query_string_parameters();
            let path = request.uri().path();
            let headers = request.headers();
            let source_ip = match request.request_context_ref() {
                Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref(),
                _ => None,
            };
            let read = |name| text(headers, name);
            let (authorization, event) =
                (read(header::AUTHORIZATION.as_str()), read("x-sienge-event"));
            let (id, hook_id) = (read("x-sienge-id"), read("x-sienge-hook-id"));
            let delivery = Delivery {
                receiver: path
                    .trim_end_matches('/')
                    .rsplit('/')
                    .next()
                    .unwrap_or_default(),
                tenant: query
                    .first("IdAssessoria")
                    .or_else(|| query.first("idAssessoria")),
                authorization: authorization.as_deref(),
                event: event.as_deref(),
                id: id.as_deref(),
                hook_id: hook_id.as_deref(),
                source_ip,
                body: request.body().as_ref(),
                at: Timestamp::now(),
            };
            webhook.deliver(delivery).await
        }
        _ => Answer::NotPost,
    };
    Ok(answer)
}

/// A header, whatever its letters; one that came several times as a list with commas, as API Gateway hands it over.
fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let values =
        headers
            .get_all(name)
            .iter()
            .map(|value| match std::str::from_utf8(value.as_bytes()) {
                Ok(text) => text.to_owned(),
                // Byte by byte: two different ones stay two.
                Err(_) => value
                    .as_bytes()
                    .iter()
                    .map(|byte| char::from(*byte))
                    .collect(),
            });
    let values: Vec<String> = values.collect();
    (!values.is_empty()).then(|| values.join(","))
}

impl IntoResponse for Answer {
    fn into_response(self) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        let body = json!({ "status": self.word(), "mensagem": self.text() }).to_string();
        let mut response = Response::new(Body::from(body));
        // Every status of the answer table is a valid code.
        *response.status_mut() =
            lambda_http::http::StatusCode::from_u16(self.status()).unwrap_or_default();
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            header::HeaderValue::from_static("application/json; charset=utf-8"),
        );
        Box::pin(ready(response))
    }
}
