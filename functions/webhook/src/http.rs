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
            let delivery = Delivery {
                receiver: path.trim_end_matches('/').rsplit('/').next().unwrap_or_default(),
                tenant: query.first("IdAssessoria").or_else(|| query.first("idAssessoria")),
                authorization: text(headers, header::AUTHORIZATION.as_str()),
                event: text(headers, "x-sienge-event"),
                id: text(headers, "x-sienge-id"),
                hook_id: text(headers, "x-sienge-hook-id"),
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

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

impl IntoResponse for Answer {
    fn into_response(self) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        let body = json!({ "status": self.word(), "mensagem": self.text() }).to_string();
        let mut response = Response::new(Body::from(body));
        // Every status of the answer table is a valid code.
        *response.status_mut() = lambda_http::http::StatusCode::from_u16(self.status()).unwrap_or_default();
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            header::HeaderValue::from_static("application/json; charset=utf-8"),
        );
        Box::pin(ready(response))
    }
}
