//! Strict reading of a body: every error names the field and says in Portuguese what is right.
//!
//! The texts are made from serde's findings, never from its messages: see [`fault::JsonFault`].

mod fault;
mod tree;

use serde::de::DeserializeOwned;
use serde_path_to_error::Path;

use crate::{FieldError, Problem};

use fault::JsonFault;
use tree::Json;

/// Reads a body as its type.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(unreadable(whole(
            "corpo vazio: envie um objeto JSON".to_owned(),
        )));
    }
    let json: Json = serde_json::from_slice(body).map_err(|error| {
        let detail = format!(
            "não é JSON válido (linha {}, coluna {})",
            error.line(),
            error.column()
        );
        unreadable(whole(detail))
    })?;
    parse(json).map_err(unreadable)
}

fn parse<T: DeserializeOwned>(json: Json) -> Result<T, FieldError> {
    serde_path_to_error::deserialize(json).map_err(|error| FieldError {
        path: place(error.path(), error.inner()),
        detail: error.inner().to_string(),
    })
}

/// Where a fault is.
fn place(path: &Path, fault: &JsonFault) -> String {
    let path = match path.to_string() {
        root if root == "." => String::new(),
        path => path,
    };
    match fault.field() {
        None => path,
        Some(field) if path.is_empty() => field.to_owned(),
        Some(field) => format!("{path}.{field}"),
    }
}

fn whole(detail: String) -> FieldError {
    FieldError {
        path: String::new(),
        detail,
    }
}

fn unreadable(error: FieldError) -> Problem {
    Problem::unreadable(vec![error])
}

#[cfg(test)]
mod tests;
