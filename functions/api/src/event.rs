//! What the function is given: a request of the HTTP API (payload 2.0), or an operator's command from the console.

use std::collections::HashMap;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ponte::ids::TenantId;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{Answer, FieldError, Problem, Repeat, Route, json};

/// Where people's calls arrive, behind the JWT authorizer.
const PEOPLE: &str = "/sso";

/// What came.
pub(crate) enum Event {
    Http(Box<HttpRequest>),
    Command(Command),
}

/// A request, its body decoded.
#[derive(Debug, Default)]
pub(crate) struct HttpRequest {
    event: ApiGatewayV2httpRequest,
    pub body: Vec<u8>,
}

impl HttpRequest {
    /// Decodes the body; the Portuguese error says why that can't be.
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

    /// What stands behind the path, by name. Of a name that came twice, the values with a comma between them.
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

    /// Claims of a token that API Gateway verified; none on the routes of the machines.
    pub fn claims(&self) -> Option<&HashMap<String, String>> {
        let authorizer = self.event.request_context.authorizer.as_ref()?;
        Some(&authorizer.jwt.as_ref()?.claims)
    }
}

/// `{"tenant": "617", "call": "POST /v1/quotes", "body": {…}}`; a query stands behind the path, as in `GET /v1/agreements?bill=10001`, and
/// `"idempotencyKey"` for the header of the name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Command {
    pub tenant: TenantId,
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub idempotency_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Asked {
    tenant: TenantId,
    call: String,
    #[serde(default)]
    body: Value,
    #[serde(default)]
    idempotency_key: Option<String>,
}

impl Event {
    /// Reads an event; the Portuguese error says what to send.
    pub fn read(event: Value) -> Result<Self, String> {
        let invalid = |why: String| {
            format!(
                "evento inválido: {why}. Exemplo: {{\"tenant\": \"617\", \"call\": \"POST /v1/quotes\", \"body\": {{\"bills\": [{{\"bill\": 10001}}]}}}}"
            )
        };
        if event.get("requestContext").is_some() {
            let request = ApiGatewayV2httpRequest::deserialize(event).map_err(|_| {
                // What the parser says may repeat a header, and with it a credential.
                invalid(
                    "não é requisição de uma API HTTP do API Gateway (payload 2.0), nem comando"
                        .to_owned(),
                )
            })?;
            return HttpRequest::read(request)
                .map(|request| Self::Http(Box::new(request)))
                .map_err(invalid);
        }
        let asked: Asked = json::read_value(event).map_err(|fault| invalid(fault.text()))?;
        let (method, path) = asked
            .call
            .trim()
            .split_once(' ')
            .ok_or_else(|| invalid("\"call\" é método e caminho".to_owned()))?;
        let body = if asked.body.is_null() {
            Vec::new()
        } else {
            asked.body.to_string().into_bytes()
        };
        let (path, query) = path.trim().split_once('?').unwrap_or((path.trim(), ""));
        // Numbers and words: nothing that would have to be escaped.
        let query = query.split('&').filter(|pair| !pair.is_empty());
        let query = query.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Ok(Self::Command(Command {
            tenant: asked.tenant,
            method: method.to_uppercase(),
            path: path.to_owned(),
            query: query
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body,
            idempotency_key: asked.idempotency_key,
        }))
    }
}

impl Command {
    /// Whether the call takes whatever the event gives it.
    pub fn fits(&self, route: &Route) -> Result<(), Problem> {
        let given = [
            (
                "body",
                !self.body.is_empty() && route.request.is_none(),
                "esta chamada não tem corpo",
            ),
            (
                "idempotencyKey",
                self.idempotency_key.is_some() && route.repeat == Repeat::No,
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
}

/// The answer as API Gateway wants it.
pub(crate) fn response(answer: &Answer) -> Value {
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

    fn http(event: &Value) -> HttpRequest {
        match Event::read(event.clone()).unwrap() {
            Event::Http(request) => *request,
            Event::Command(command) => panic!("{command:?}"),
        }
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
            Event::read(event)
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
    fn an_event_of_another_kind_is_refused_in_words() {
        for other in [
            json!({"httpMethod": "GET", "path": "/v1/runs", "requestContext": {"stage": "prod"}}),
            json!({"requestContext": null}),
        ] {
            let text = Event::read(other).err().unwrap();
            assert!(
                text.contains("não é requisição de uma API HTTP") && text.contains("Exemplo"),
                "{text}"
            );
        }
        let text = Event::read(json!({"requestContext": {"http": {"method": "GET"}}}))
            .err()
            .unwrap();
        assert!(text.contains("rawPath"), "{text}");
    }

    #[test]
    fn a_command_names_tenant_and_call() {
        let event = json!({"tenant": "617", "call": "post /v1/quotes", "body": {"bills": []}});
        let Ok(Event::Command(command)) = Event::read(event) else {
            panic!()
        };
        assert_eq!(
            (command.method.as_str(), command.path.as_str()),
            ("POST", "/v1/quotes")
        );
        for (bad, why) in [
            (json!({}), "tenant: campo obrigatório ausente"),
            (json!({"tenant": "617"}), "call: campo obrigatório ausente"),
            (
                json!({"tenant": "6#7", "call": "GET /x"}),
                "tenant: assessoria: use de 1 a 40 letras",
            ),
            (
                json!({"tenant": 617, "call": "GET /x"}),
                "tenant: veio um número, mas o campo é um texto",
            ),
            (
                json!({"tenant": "617", "calls": "GET /x"}),
                "calls: campo desconhecido; os campos aceitos são: tenant, call, body, idempotencyKey",
            ),
            (
                json!({"tenant": "617", "call": "x"}),
                "\"call\" é método e caminho",
            ),
            (json!([]), "veio uma lista, mas o campo é um objeto"),
        ] {
            let text = Event::read(bad).err().unwrap();
            assert!(
                text.contains(&format!("evento inválido: {why}")) && text.contains("Exemplo"),
                "{text}"
            );
        }
    }
}
