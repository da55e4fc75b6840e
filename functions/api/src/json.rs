//! Reading a body strictly: every error names the field and says in Portuguese what is right.

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::{FieldError, Problem};

/// Reads a body as its type.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(unreadable("", "corpo vazio: envie um objeto JSON".to_owned()));
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        refused(&path, error.inner())
    })?;
    reader.end().map_err(|error| refused("", &error))?;
    Ok(read)
}

fn unreadable(path: &str, detail: String) -> Problem {
    Problem::unreadable(vec![FieldError {
        path: path.to_owned(),
        detail,
    }])
}

fn refused(path: &str, error: &serde_json::Error) -> Problem {
    if error.classify() != Category::Data {
        let detail = format!("não é JSON válido (linha {}, coluna {})", error.line(), error.column());
        return unreadable("", detail);
    }
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    let named = |prefix: &str| message.strip_prefix(prefix)?.split('`').next();
    // Where the path stops at the object whose field it is.
    let within = |field: &str| match path {
        "." | "" => field.to_owned(),
        path if path == field || path.ends_with(&format!(".{field}")) => path.to_owned(),
        path => format!("{path}.{field}"),
    };
    if let Some(field) = named("missing field `") {
        return unreadable(&within(field), "campo obrigatório ausente".to_owned());
    }
    if let Some(field) = named("unknown field `") {
        return unreadable(
            &within(field),
            format!(
                "campo desconhecido; {}",
                known(message, "os campos aceitos são", "nenhum campo é aceito aqui")
            ),
        );
    }
    if let Some(field) = named("duplicate field `") {
        return unreadable(&within(field), "campo repetido; escreva-o uma vez".to_owned());
    }
    let path = if path == "." { "" } else { path };
    let detail = if message.starts_with("unknown variant `") {
        format!(
            "valor desconhecido; {}",
            known(message, "os valores aceitos são", "nenhum valor é aceito aqui")
        )
    } else if let Some(rest) = message.strip_prefix("invalid type: ") {
        let (given, expected) = rest.rsplit_once(", expected ").unwrap_or((rest, ""));
        format!("veio {}, mas o campo é {}", given_text(given), expected_text(expected))
    } else if message.starts_with("invalid value: ") || message.starts_with("number out of range") {
        "valor fora do intervalo aceito".to_owned()
    } else if message.starts_with("invalid length") {
        "veio uma lista, mas o campo é um objeto".to_owned()
    } else if is_ours(message) {
        message.to_owned()
    } else if is_date(path) {
        "não é uma data; escreva por exemplo \"2026-11-30\"".to_owned()
    } else {
        "valor não aceito neste campo; confira o formato em /v1/openapi.json".to_owned()
    };
    unreadable(path, detail)
}

/// The names serde lists after "expected".
fn known(message: &str, some: &str, none: &str) -> String {
    let (_, expected) = message.split_once(", expected ").unwrap_or(("", ""));
    let names: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    if names.is_empty() {
        none.to_owned()
    } else {
        format!("{some}: {}", names.join(", "))
    }
}

/// Messages of our own types tell what to write.
fn is_ours(message: &str) -> bool {
    message.contains("; escreva ") || message.contains("; informe ")
}

fn is_date(path: &str) -> bool {
    ["on", "firstDue", "validFrom", "validUntil", "dueOn"].contains(&path.rsplit('.').next().unwrap_or(path))
}

fn given_text(given: &str) -> &'static str {
    match given.split([' ', '`']).next() {
        Some("string") => "um texto",
        Some("boolean") => "true ou false",
        Some("null") => "null",
        Some("map") => "um objeto",
        Some("sequence") => "uma lista",
        _ => "um número",
    }
}

fn expected_text(expected: &str) -> &'static str {
    match expected {
        "a boolean" => "true ou false",
        "i8" | "u8" | "i16" | "u16" | "i32" | "u32" | "i64" | "u64" => "um número inteiro, sem aspas",
        text if text.contains("a sequence") => "uma lista",
        text if text.starts_with("struct") || text.contains("map") => "um objeto",
        _ => "um texto entre aspas (valores como \"1205.13\", datas como \"2026-11-30\")",
    }
}

#[cfg(test)]
mod tests {
    use ponte::calculation::Campaign;
    use ponte::flow::quotes::QuoteRequest;
    use serde_json::Value;

    use super::*;
    use crate::Answer;

    fn fault<T: DeserializeOwned>(body: &str) -> (String, String) {
        let answer = Answer::from(read::<T>(body.as_bytes()).err().unwrap());
        assert_eq!((answer.status, answer.content_type), (400, "application/problem+json"));
        let problem: Value = serde_json::from_str(&answer.body).unwrap();
        let error = &problem["errors"][0];
        (
            error["path"].as_str().unwrap().to_owned(),
            error["detail"].as_str().unwrap().to_owned(),
        )
    }

    #[test]
    fn every_fault_is_told_at_its_field() {
        for (body, path, detail) in [
            (
                r#"{"bills":[{"bill":1}],"colour":1}"#,
                "colour",
                "campo desconhecido; os campos aceitos são: bills, on, plan",
            ),
            (
                r#"{"bills":[{"bill":1,"x":2}]}"#,
                "bills[0].x",
                "os campos aceitos são: bill, installments",
            ),
            (r#"{"on":"2026-11-30"}"#, "bills", "campo obrigatório ausente"),
            (r#"{"bills":[{}]}"#, "bills[0].bill", "campo obrigatório ausente"),
            (
                r#"{"bills":[{"bill":"10"}]}"#,
                "bills[0].bill",
                "veio um texto, mas o campo é um número inteiro, sem aspas",
            ),
            (
                r#"{"bills":[{"bill":1.5}]}"#,
                "bills[0].bill",
                "veio um número, mas o campo é um número inteiro",
            ),
            (
                r#"{"bills":[{"bill":99999999999999999999}]}"#,
                "bills[0].bill",
                "mas o campo é um número inteiro",
            ),
            (r#"{"bills":{"bill":1}}"#, "bills", "veio um objeto, mas o campo é uma lista"),
            (r#"{"bills":[],"on":"30/11/2026"}"#, "on", "não é uma data"),
            (r#"{"bills":[],"on":"2026-02-30"}"#, "on", "não é uma data"),
            (r#"{"bills":[],"on":20261130}"#, "on", "veio um número, mas o campo é um texto"),
            (
                r#"{"bills":[],"discounts":{"fine":{"amount":"1.234"}}}"#,
                "discounts.fine.amount",
                "\"1.234\" tem mais de duas casas decimais; escreva",
            ),
            (
                r#"{"bills":[],"discounts":{"fine":{"amount":10}}}"#,
                "discounts.fine.amount",
                "um texto entre aspas",
            ),
            (
                r#"{"bills":[],"discounts":{"fine":{"percent":"101"}}}"#,
                "discounts.fine.percent",
                "não está entre 0 e 100; escreva",
            ),
            (
                r#"{"bills":[],"discounts":{"fine":{"part":"1"}}}"#,
                "discounts.fine",
                "os valores aceitos são: percent, amount",
            ),
            (
                r#"{"bills":[],"plan":{"installments":2,"firstDue":"2026-12-10","downPayment":"100.001"}}"#,
                "plan.downPayment",
                "mais de duas casas decimais",
            ),
            (
                r#"{"bills":[],"plan":{"installments":70000,"firstDue":"2026-12-10"}}"#,
                "plan.installments",
                "fora do intervalo",
            ),
            (
                r#"{"bills":[],"plan":{"installments":2,"firstDue":"2026-12-10","periodicity":"A"}}"#,
                "plan.periodicity",
                "os valores aceitos são: M, Q, S",
            ),
            (r#"{"bills":[],"bills":[]}"#, "bills", "campo repetido"),
            (r#"{"bills":[}"#, "", "não é JSON válido (linha 1"),
            (r#"{"bills":[]} x"#, "", "não é JSON válido"),
            ("  ", "", "corpo vazio"),
            ("[]", "", "mas o campo é um objeto"),
        ] {
            let (told_path, told) = fault::<QuoteRequest>(body);
            assert_eq!(told_path, path, "{body}: {told}");
            assert!(told.contains(detail), "{body}: {told}");
        }
    }

    #[test]
    fn a_campaign_is_read_as_strictly() {
        let body = r#"[{"id":"a","name":"A","creditor":1,"validFrom":"2026-01-01","tiers":[{"fromDays":-9999,"toDays":9999,"charges":{"fine":"2,0"}}]}]"#;
        let (path, detail) = fault::<Vec<Campaign>>(body);
        assert_eq!(path, "[0].tiers[0].charges.fine");
        assert!(detail.contains("não é um número decimal com ponto"), "{detail}");
    }
}
