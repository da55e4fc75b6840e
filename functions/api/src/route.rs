//! A route: one row of the table behind dispatch and the OpenAPI document.

use futures::future::LocalBoxFuture;
use ponte::calendar::Date;
use ponte::flow::Adapters;
use ponte::store::{AuditObject, Role};
use schemars::{Schema, SchemaGenerator};

use crate::call::Parameters;
use crate::{Call, FieldError, HttpAnswer, Problem};

/// The future of a route's handler.
pub type Served<'a> = LocalBoxFuture<'a, Result<HttpAnswer, Problem>>;

/// The schema of a body.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// Longest text in a query, in bytes.
pub(crate) const MAX_TEXT: usize = 300;

/// One route.
pub struct Route {
    /// HTTP method.
    pub method: &'static str,
    /// Path, with parameters in braces.
    pub path: &'static str,
    /// The query's parameters.
    pub query: &'static [Parameter],
    /// The lowest role that may call it; none for everybody, without a credential.
    pub role: Option<Role>,
    /// What an `Idempotency-Key` means to it.
    pub repeat: Repeat,
    /// Name of the operation.
    pub name: &'static str,
    /// What it does, for the document.
    pub summary: &'static str,
    /// The request's body.
    pub request: Option<SchemaOf>,
    /// The body of a success.
    pub response: SchemaOf,
    /// How many calls to Sienge it will usually make, for the caller's buckets.
    pub sienge_calls: fn(&Call) -> u32,
    /// How many e-mails it has sent, for the caller's buckets.
    pub emails: u32,
    /// What a call is about, for the audit; none for what neither writes nor reads anything personal.
    pub audit: Option<fn(&Call) -> Vec<AuditObject>>,
    /// The handler.
    pub handle: for<'a> fn(&'a Adapters, &'a Call) -> Served<'a>,
}

/// What an `Idempotency-Key` means to a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Nothing: the call may be repeated at will.
    No,
    /// The answer is repeated. A dead call is carried out again, because its effects are repeatable.
    Again,
    /// The answer is repeated. A dead call is not carried out again, because nobody can look up its effect.
    Once,
}

/// One parameter of a query.
#[derive(Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub summary: &'static str,
    /// Its permitted values.
    pub kind: ParameterKind,
}

/// The permitted values of a parameter.
#[derive(Debug, Clone, Copy)]
pub enum ParameterKind {
    /// A positive whole number.
    Number,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A day: `2026-11-30`.
    Day,
    /// Any short text.
    Text,
}

impl Parameter {
    /// How long a list may be; see [`Call::limit`].
    pub(crate) const LIMIT: Self =
        Self::number("limit", "At most so many; 50 when absent, 200 at most.");

    pub(crate) const fn number(name: &'static str, summary: &'static str) -> Self {
        let kind = ParameterKind::Number;
        Self {
            name,
            summary,
            kind,
        }
    }

    pub(crate) const fn day(name: &'static str, summary: &'static str) -> Self {
        let kind = ParameterKind::Day;
        Self {
            name,
            summary,
            kind,
        }
    }

    pub(crate) const fn text(name: &'static str, summary: &'static str) -> Self {
        let kind = ParameterKind::Text;
        Self {
            name,
            summary,
            kind,
        }
    }

    pub(crate) const fn word(
        name: &'static str,
        summary: &'static str,
        words: &'static [&'static str],
    ) -> Self {
        let kind = ParameterKind::Word(words);
        Self {
            name,
            summary,
            kind,
        }
    }

    /// What is wrong with a value.
    fn fault(&self, value: &str) -> Option<String> {
        let (right, wanted) = match self.kind {
            ParameterKind::Number => (
                value.parse::<i64>().is_ok_and(|number| number > 0),
                "informe um número inteiro positivo no endereço".to_owned(),
            ),
            ParameterKind::Word(words) => (
                words.contains(&value),
                format!("os valores aceitos são: {}", words.join(", ")),
            ),
            ParameterKind::Text => (
                (1..=MAX_TEXT).contains(&value.len()),
                format!("informe de 1 a {MAX_TEXT} caracteres no endereço"),
            ),
            ParameterKind::Day => (
                value.parse::<Date>().is_ok(),
                "informe um dia no endereço, como 2026-11-30".to_owned(),
            ),
        };
        (!right).then_some(wanted)
    }
}

impl Route {
    /// The query of a call, each parameter known to the route and readable.
    pub(crate) fn query_of(&self, given: &[(String, String)]) -> Result<Parameters, Problem> {
        let mut query = Parameters::new();
        let mut faults = Vec::new();
        for (name, value) in given {
            let known = self.query.iter().find(|known| known.name == name);
            let fault = if let Some(known) = known {
                known.fault(value)
            } else {
                let names: Vec<&str> = self.query.iter().map(|known| known.name).collect();
                Some(match names.as_slice() {
                    [] => "esta chamada não tem parâmetros no endereço".to_owned(),
                    names => format!(
                        "parâmetro desconhecido; os parâmetros aceitos são: {}",
                        names.join(", ")
                    ),
                })
            };
            match (known, fault) {
                (Some(known), None) => query.push((known.name, value.clone())),
                (_, fault) => faults.push(FieldError {
                    path: name.clone(),
                    detail: fault.unwrap_or_default(),
                }),
            }
        }
        if faults.is_empty() {
            Ok(query)
        } else {
            Err(Problem::invalid(faults))
        }
    }
}
