//! The OpenAPI 3.1 document, generated from the routes and the types of their bodies; `docs/openapi.json` is its copy.

use ponte::ids::AgreementId;
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::route::{MAX_TEXT, Parameter, ParameterKind};
use crate::{Problem, ROUTES, Repeat, Route};

/// The path of the schemas in it.
const SCHEMAS: &str = "/components/schemas";

/// The document.
#[must_use]
pub fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = SCHEMAS.into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let problem = generator.subschema_for::<Problem>();
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let operation = operation(route, &problem, &mut generator);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_lowercase()] = operation;
    }
    let schemas = Value::Object(generator.take_definitions(true));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Ponte",
            "version": "1",
            "description": "Quotes, agreements, boletos, campaigns, and what happened. Money and rates are decimal text, dates ISO 8601 in America/Sao_Paulo; unknown \
                fields are refused. Errors are problem documents (RFC 9457) with Portuguese texts. People call the same paths under /sso with a token \
                of the configured issuer.",
        },
        "servers": [{"url": "/"}, {"url": "/sso"}],
        "security": [{"bearer": []}, {"apiKey": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An API key; under /sso a JWT."},
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "An API key."},
            },
        },
    })
}

fn operation(route: &Route, problem: &Schema, generator: &mut SchemaGenerator) -> Value {
    let json_body = |schema: &Schema| json!({"application/json": {"schema": schema}});
    let names = route
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let number = || json!({"type": "integer", "minimum": 1});
    let mut parameters: Vec<Value> = names
        .map(|name| {
            let schema = if name == "agreement" {
                json!(generator.subschema_for::<AgreementId>())
            } else {
                number()
            };
            json!({"name": name, "in": "path", "required": true, "schema": schema})
        })
        .collect();
    for Parameter {
        name,
        summary,
        kind,
    } in route.query
    {
        let schema = match kind {
            ParameterKind::Number => number(),
            ParameterKind::Word(words) => json!({"enum": words}),
            ParameterKind::Day => json!({"type": "string", "format": "date"}),
            ParameterKind::Text => {
                json!({"type": "string", "minLength": 1, "maxLength": MAX_TEXT})
            }
        };
        parameters.push(json!({"name": name, "in": "query", "required": false, "schema": schema, "description": summary}));
    }
    if route.repeat != Repeat::No {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false, "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            "description": "The same key with the same body gets the first answer, for two days; with another body it is refused.",
        }));
    }
    let mut operation = json!({
        "operationId": route.name,
        "summary": route.summary,
        "parameters": parameters,
        "responses": {
            "200": {"description": "Done.", "content": json_body(&(route.response)(generator))},
            "default": {"description": "A problem.", "content": {"application/problem+json": {"schema": problem}}},
        },
    });
    if let Some(request) = route.request {
        operation["requestBody"] =
            json!({"required": true, "content": json_body(&request(generator))});
    }
    match route.role {
        None => operation["security"] = json!([]),
        Some(role) => {
            operation["responses"]["429"] = too_many(problem);
            operation["description"] = json!(format!(
                "Needs the role {} or a higher one ({}).",
                role.name(),
                ORDER
            ));
        }
    }
    operation
}

/// The answer to who asks too often.
fn too_many(problem: &Schema) -> Value {
    let header = |kind: &str, description: &str| json!({"schema": {"type": kind}, "description": description});
    json!({
        "description": "The caller, its tenant or Sienge's quota has no room for the call now; nothing was done.",
        "headers": {
            "Retry-After": header("integer", "Seconds until there is room."),
            "RateLimit-Policy": header("string", "The limits, as in draft-ietf-httpapi-ratelimit-headers-10; absent where it is Sienge's quota. Other answers have it, too."),
            "RateLimit": header("string", "What is left of them."),
        },
        "content": {"application/problem+json": {"schema": problem}},
    })
}

/// The roles, lowest first.
const ORDER: &str = "reader, operator, administrator";

#[cfg(test)]
mod tests {
    use ponte::store::Role;

    use super::*;

    /// `UPDATE_OPENAPI=1 cargo test --package api` writes the copy.
    #[test]
    fn the_copy_is_what_the_code_makes() {
        let made = format!("{}\n", serde_json::to_string_pretty(&document()).unwrap());
        if std::env::var_os("UPDATE_OPENAPI").is_some() {
            let copy = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
            std::fs::write(copy, &made).unwrap();
            return;
        }
        assert!(
            made == crate::openapi::COPY,
            "docs/openapi.json differs from the code; write it with UPDATE_OPENAPI=1 cargo test --package api"
        );
        let roles = [Role::Reader, Role::Operator, Role::Administrator]
            .map(Role::name)
            .join(", ");
        assert_eq!(ORDER, roles);
    }
}
