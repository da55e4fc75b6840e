//! The HTTP edge: API Gateway's request in, the answer out. An operator's event from the console is not a request and gets a refusal in words.

use lambda_http::http::{HeaderMap, Method, header};
use lambda_http::request::{self, RequestContext};
use lambda_http::{Request, RequestExt};
use ponte::calendar::Timestamp;
use ponte::flow::Refusal;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::{Answer, Delivery, Webhook};

/// What the function answers.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Reply {
    /// To API Gateway.
    Http(Value),
    /// To an operator: nothing was done.
    Refused(Refusal),
}

/// Whether an event is a request, whatever else it contains.
#[derive(Deserialize)]
struct Shape {
    #[serde(rename = "requestContext")]
    context: Option<IgnoredAny>,
}

/// Answers any event. An unreadable request is an error: API Gateway would treat any other answer as
/// a 200, and the sender would not repeat the webhook.
pub async fn invoke(webhook: &Webhook, event: &RawValue) -> Result<Reply, &'static str> {
    let shape = serde_json::from_str::<Shape>(event.get());
    if shape.is_ok_and(|shape| shape.context.is_some()) {
        // The parser's message may quote a header, and with it a credential.
        let request =
            request::from_str(event.get()).map_err(|_| "requisição da API HTTP ilegível")?;
        return Ok(Reply::Http(answer(webhook, request).await.response()));
    }
    let refusal = Refusal::new(
        "evento inválido: falta \"requestContext\", a requisição da API HTTP, que a função webhook recebe sozinha; um exemplo dela é events/webhook-receipt.json. \
         Para processar um webhook de novo, invoque a função payments. Exemplo: {\"tenant\": \"617\", \"webhook\": \"0b0c6c1e-2f57-4c1a-9f0e-000000000001\"}",
    );
    tracing::warn!(
        function = "webhook",
        "command refused, nothing was done: {refusal}"
    );
    Ok(Reply::Refused(refusal))
}

/// Reads the request and delivers it.
pub async fn answer(webhook: &Webhook, request: Request) -> Answer {
    match *request.method() {
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
    }
}

/// A header as text; repeated headers are joined with commas, as API Gateway does.
fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let values =
        headers
            .get_all(name)
            .iter()
            .map(|value| match std::str::from_utf8(value.as_bytes()) {
                Ok(text) => text.to_owned(),
                // Byte by byte, so that two different values stay different.
                Err(_) => value
                    .as_bytes()
                    .iter()
                    .map(|byte| char::from(*byte))
                    .collect(),
            });
    let values: Vec<String> = values.collect();
    (!values.is_empty()).then(|| values.join(","))
}

impl Answer {
    /// The answer in API Gateway's format.
    #[must_use]
    pub fn response(&self) -> Value {
        let body = json!({ "status": self.word(), "mensagem": self.text() }).to_string();
        let mut headers = json!({ "content-type": "application/json; charset=utf-8" });
        if let Self::TooMany { wait_seconds } = self {
            headers["retry-after"] = json!(wait_seconds.to_string());
        }
        json!({
            "statusCode": self.status(),
            "headers": headers,
            "body": body,
            "isBase64Encoded": false,
        })
    }
}
