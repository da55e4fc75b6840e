//! What the function is invoked with: a request of the HTTP API (payload 2.0), or an operator's command from the console.

use std::collections::HashMap;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ponte::calendar::Date;
use ponte::flow::{ApiCall, Command, Function, Refusal};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::call::Origin;
use crate::{FieldError, HttpAnswer, Problem, Repeat, Route};

/// Where people's calls arrive, behind the JWT authorizer.
const PEOPLE: &str = "/sso";

/// What the function was invoked with.
pub(crate) enum Invocation {
    Http(Box<HttpRequest>),
    Call(ApiCall),
    Refused(Refusal),
}

/// A request, its body decoded.
#[derive(Debug, Default)]
pub(crate) struct HttpRequest {
    event: ApiGatewayV2httpRequest,
    pub body: Vec<u8>,
}

impl HttpRequest {
    /// Decodes the body; the Portuguese error says why it cannot.
    fn read(mut event: ApiGatewayV2httpRequest) -> Result<Self, String> {
        if event.raw_path.is_none() {
            return Err("a requisição não traz o caminho (\"rawPath\")".to_owned());
        }
        let body = event.body.take().unwrap_or_default();
        let body = if event.is_base64_encoded {
            STANDARD
                .decode(body)
                .map_err(|_| "o corpo não é base64".to_owned())?
        } else {
            body.into_bytes()
        };
        Ok(Self { event, body })
    }

    /// The method.
    pub fn method(&self) -> &str {
        self.event.request_context.http.method.as_str()
    }

    /// The path, without the prefix of people's calls.
    pub fn path(&self) -> &str {
        match self.raw_path().strip_prefix(PEOPLE) {
            Some(path) if path.starts_with('/') => path,
            _ => self.raw_path(),
        }
    }

    fn raw_path(&self) -> &str {
        self.event.raw_path.as_deref().unwrap_or_default()
    }

    /// Whether it came through the JWT authorizer's routes.
    pub fn is_of_people(&self) -> bool {
        self.path().len() != self.raw_path().len()
    }

    /// A header; its name may be written in capitals.
    pub fn header(&self, name: &str) -> Option<&str> {
        str::from_utf8(self.event.headers.get(name)?.as_bytes()).ok()
    }

    /// Where it comes from, as API Gateway saw it.
    pub fn origin(&self) -> Origin {
        let context = &self.event.request_context;
        let address = context.http.source_ip.as_deref();
        Origin {
            address: address.and_then(|address| address.parse().ok()),
            request: context.request_id.clone().unwrap_or_default(),
        }
    }

    /// The query by name. Values of a repeated name are joined with commas.
    pub fn query(&self) -> Vec<(String, String)> {
        let pairs = self.event.query_string_parameters.iter();
        let mut query: Vec<(String, String)> = Vec::new();
        for (name, value) in pairs {
            match query.iter_mut().find(|(known, _)| known == name) {
                Some((_, values)) => *values = format!("{values},{value}"),
                None => query.push((name.to_owned(), value.to_owned())),
            }
        }
        query.sort();
        query
    }

    /// Claims of a token that API Gateway verified; none on the machines' routes.
    pub fn claims(&self) -> Option<&HashMap<String, String>> {
        let authorizer = self.event.request_context.authorizer.as_ref()?;
        Some(&authorizer.jwt.as_ref()?.claims)
    }
}

impl Invocation {
    /// Reads an event. The Portuguese error concerns an unreadable request of API Gateway's.
    pub fn read(event: Value, today: Date) -> Result<Self, String> {
        if event.get("requestContext").is_some() {
            let request = ApiGatewayV2httpRequest::deserialize(event).map_err(|_| {
                // The parser's message may quote a header, and with it a credential.
                "não é requisição de uma API HTTP do API Gateway (payload 2.0), nem comando"
                    .to_owned()
            })?;
            return HttpRequest::read(request).map(|request| Self::Http(Box::new(request)));
        }
        Ok(match Command::read(Function::Api, event, today) {
            Ok(Command::Call(call)) => Self::Call(call),
            Ok(_) => Self::Refused(Command::not_of(Function::Api)),
            Err(refusal) => Self::Refused(refusal),
        })
    }
}

/// Checks that the route accepts everything in the operator's call.
pub(crate) fn fits(call: &ApiCall, route: &Route) -> Result<(), Problem> {
    let given = [
        (
            "body",
            !call.body.is_empty() && route.request.is_none(),
            "esta chamada não tem corpo",
        ),
        (
            "idempotencyKey",
            call.idempotency_key.is_some() && route.repeat == Repeat::No,
            "esta chamada pode ser repetida à vontade e não tem chave",
        ),
    ];
    let faults = given.into_iter().filter(|(_, is_extra, _)| *is_extra);
    let faults: Vec<FieldError> = faults
        .map(|(field, _, why)| FieldError {
            path: field.to_owned(),
            detail: format!("{why}; tire o campo do evento"),
        })
        .collect();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Problem::invalid(faults))
    }
}

/// The answer in API Gateway's format.
pub(crate) fn response(answer: &HttpAnswer) -> Value {
    let mut headers = Map::new();
    headers.insert(
        "content-type".to_owned(),
        json!(format!("{}; charset=utf-8", answer.content_type)),
    );
    // Amounts of debtors: no shared cache may keep them.
    headers.insert("cache-control".to_owned(), json!("no-store"));
    for (name, value) in &answer.headers {
        headers.insert((*name).to_owned(), json!(value));
    }
    json!({"statusCode": answer.status, "headers": headers, "body": answer.body, "isBase64Encoded": false})
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Date = Date::constant(2026, 11, 30);

    fn http(event: &Value) -> HttpRequest {
        let Ok(Invocation::Http(request)) = Invocation::read(event.clone(), TODAY) else {
            panic!("{event}")
        };
        *request
    }

    #[test]
    fn a_request_is_read_whatever_its_encoding() {
        let mut event = json!({"version": "2.0", "rawPath": "/v1/quotes", "headers": {"X-Api-Key": "k"}, "body": "e30=", "isBase64Encoded": true,
            "requestContext": {"http": {"method": "POST", "path": "/v1/quotes"}}});
        let request = http(&event);
        assert_eq!(
            (request.body.as_slice(), request.header("x-api-key")),
            (b"{}".as_slice(), Some("k"))
        );
        assert!(!request.is_of_people() && request.claims().is_none());
        event["rawPath"] = json!("/sso/v1/quotes");
        let request = http(&event);
        assert_eq!(
            (request.path(), request.is_of_people()),
            ("/v1/quotes", true)
        );
        event["rawPath"] = json!("/ssov1");
        assert!(!http(&event).is_of_people());
        event["body"] = json!("?");
        assert!(
            Invocation::read(event, TODAY)
                .err()
                .unwrap()
                .contains("o corpo não é base64")
        );
    }

    #[test]
    fn headers_queries_and_claims_are_read_and_cookies_are_not() {
        let event = json!({"version": "2.0", "rawPath": "/sso/v1/runs", "rawQueryString": "task=import&a=1&a=2", "cookies": ["a=b"],
            "queryStringParameters": {"task": "import", "a": "1,2"}, "headers": {"Idempotency-Key": "ação", "cookie": "a=b"},
            "requestContext": {"http": {"method": "GET"}, "authorizer": {"jwt": {"claims": {"tenant": "617"}, "scopes": null}}}});
        let request = http(&event);
        assert_eq!((request.method(), request.path()), ("GET", "/v1/runs"));
        assert_eq!(request.header("idempotency-key"), Some("ação"));
        assert_eq!(request.header("x-api-key"), None);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(request.query(), [pair("a", "1,2"), pair("task", "import")]);
        assert_eq!(request.claims().unwrap()["tenant"], "617");
    }

    #[test]
    fn a_request_of_another_kind_is_an_error_in_words() {
        for other in [
            json!({"httpMethod": "GET", "path": "/v1/runs", "requestContext": {"stage": "prod"}}),
            json!({"requestContext": null}),
        ] {
            let text = Invocation::read(other, TODAY).err().unwrap();
            assert!(text.contains("não é requisição de uma API HTTP"), "{text}");
        }
        let text = Invocation::read(
            json!({"requestContext": {"http": {"method": "GET"}}}),
            TODAY,
        )
        .err()
        .unwrap();
        assert!(text.contains("rawPath"), "{text}");
    }
}
