//! Masks what the journal keeps of a call or of a webhook.
//!
//! Guarantees: of a JSON text only what is known to say nothing about a person is kept ([`fields`]): names of fields, numbers and
//! texts. Everything else becomes `***`. The output is bounded, whatever the input's size.

mod fields;

use fields::{Shown, shown};

/// Deepest nesting that is followed; below it the text is cut.
const DEPTH_LIMIT: usize = 64;
/// Most digits of an id: a CPF has eleven.
const ID_DIGITS: usize = 10;
/// Longest text that is shown.
const TEXT_LIMIT: usize = 60;

/// Masks JSON text into at most about `limit` bytes.
#[must_use]
pub fn json(text: &str, limit: usize) -> String {
    let mut out = String::with_capacity(limit.min(text.len()) + 8);
    let mut keys: Vec<&str> = Vec::new();
    let mut key = "";
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if out.len() >= limit || keys.len() > DEPTH_LIMIT {
            out.push('…');
            break;
        }
        match bytes[at] {
            b'"' => {
                let end = string_end(bytes, at);
                let content = text
                    .get(at + 1..end.saturating_sub(1).max(at + 1))
                    .unwrap_or("");
                at = end;
                if is_key(bytes, end) {
                    key = content;
                    let known = shown(content) != Shown::Nothing;
                    push_quoted(&mut out, if known { content } else { "***" });
                } else {
                    let shown = content.is_empty() || is_harmless(key, content);
                    push_quoted(&mut out, if shown { content } else { "***" });
                }
            }
            b'{' | b'[' => {
                keys.push(key);
                out.push(char::from(bytes[at]));
                at += 1;
            }
            b'}' | b']' => {
                key = keys.pop().unwrap_or("");
                out.push(char::from(bytes[at]));
                at += 1;
            }
            b' ' | b'\n' | b'\r' | b'\t' => at += 1,
            b',' | b':' => {
                out.push(char::from(bytes[at]));
                at += 1;
            }
            _ => {
                let end = bytes[at..]
                    .iter()
                    .position(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'.' | b'-' | b'+'))
                    .map_or(bytes.len(), |length| at + length.max(1));
                let literal = text.get(at..end).unwrap_or("***");
                let word = matches!(literal, "null" | "true" | "false");
                let shown = word || is_harmless_number(key, literal);
                out.push_str(if shown { literal } else { "***" });
                at = end;
            }
        }
    }
    out
}

/// Masks the values of a query string's personal parameters.
#[must_use]
pub fn query_value<'a>(name: &str, value: &'a str) -> &'a str {
    const SHOWN: [&str; 53] = [
        "limit",
        "offset",
        "customerId",
        "billReceivableId",
        "receivableBillId",
        "billsIds",
        "installmentId",
        "companyId",
        "enterpriseId",
        "costCenterId",
        "costCentersId",
        "unitId",
        "startDate",
        "endDate",
        "selectionType",
        "changeStartDate",
        "correctionDate",
        "correctionIndexerId",
        "positionDate",
        "completedBills",
        "originsIds",
        "bearersIdIn",
        "bearersIdNotIn",
        "startDueDate",
        "endDueDate",
        "documentsId",
        "includeSubJudice",
        "includeRemadeInstallments",
        "includeCanceledInstallments",
        "includeRevokedInstallments",
        "includeRenegotiatedDischarge",
        "paidOff",
        "onlyActive",
        "createdAfter",
        "createdBefore",
        "modifiedAfter",
        "modifiedBefore",
        "situation",
        "initialIssueDate",
        "finalIssueDate",
        "initialCancelDate",
        "finalCancelDate",
        "additionalData",
        "commercialStock",
        "type",
        "dueDateLimit",
        "dueDateStart",
        "dueDateEnd",
        "showSentToSPCSerasa",
        "includePartiallyPaidInstallments",
        "includeResidueInstallment",
        "_async",
        "_asyncChunkMaxSize",
    ];
    if SHOWN.contains(&name) { value } else { "***" }
}

/// The position after the string that begins at `at`.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut escaped = false;
    for (index, byte) in bytes.iter().enumerate().skip(at + 1) {
        match (escaped, byte) {
            (true, _) => escaped = false,
            (false, b'\\') => escaped = true,
            (false, b'"') => return index + 1,
            _ => {}
        }
    }
    bytes.len()
}

fn is_key(bytes: &[u8], mut at: usize) -> bool {
    while at < bytes.len() && bytes[at].is_ascii_whitespace() {
        at += 1;
    }
    bytes.get(at) == Some(&b':')
}

fn is_harmless(key: &str, content: &str) -> bool {
    let digits = content.bytes().filter(u8::is_ascii_digit).count();
    let short = content.len() <= TEXT_LIMIT && !content.contains('@');
    match shown(key) {
        Shown::Text => short && (digits < 8 || is_date(content)),
        Shown::Date => is_date(content),
        // A word alone may be a name.
        Shown::Id => is_code(content) && (digits > 0 || content.len() <= 4) && digits <= ID_DIGITS,
        Shown::Numbers => content
            .split(", ")
            .all(|number| number.len() <= 4 && number.bytes().all(|b| b.is_ascii_digit())),
        Shown::Number | Shown::Name | Shown::Nothing => false,
    }
}

fn is_harmless_number(key: &str, literal: &str) -> bool {
    let digits = literal.bytes().filter(u8::is_ascii_digit).count();
    is_number(literal)
        && match shown(key) {
            Shown::Number => true,
            Shown::Id | Shown::Text => digits <= ID_DIGITS,
            Shown::Date | Shown::Numbers | Shown::Name | Shown::Nothing => false,
        }
}

fn is_code(content: &str) -> bool {
    content.len() <= 12
        && content
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'/'))
}

/// Whether it is a number: a token of letters is a bare word that JSON does not know.
fn is_number(literal: &str) -> bool {
    literal
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'))
}

/// `yyyy-MM-dd...` or `dd/MM/yyyy`.
fn is_date(content: &str) -> bool {
    let bytes = content.as_bytes();
    bytes.len() >= 10 && bytes.len() <= 30 && {
        let shape = |pattern: &[u8]| {
            pattern.iter().zip(bytes).all(|(want, got)| {
                if *want == b'9' {
                    got.is_ascii_digit()
                } else {
                    want == got
                }
            })
        };
        let tail = bytes[10..].iter().all(|b| {
            b.is_ascii_digit() || matches!(b, b'T' | b'Z' | b':' | b'.' | b'-' | b'+' | b' ')
        });
        tail && (shape(b"9999-99-99") || (bytes.len() == 10 && shape(b"99/99/9999")))
    }
}

fn push_quoted(out: &mut String, content: &str) {
    out.push('"');
    out.push_str(content);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_documents_phones_and_addresses_are_masked() {
        let text = r#"{"id":7,"name":"Fulana de Tal","cpf":"52998224725","email":"f@x.br","phones":[{"number":"11988887777","type":"CE","ddd":11}],
            "addresses":[{"streetName":"Rua A","city":"Campinas"}],"birthDate":"1980-01-01","customer":{"document":"529.982.247-25"},
            "note":"ligar para Fulana","cnpj":11444777000161,"texts":["Fulana"]}"#;
        assert_eq!(
            json(text, 4000),
            concat!(
                r#"{"id":7,"name":"***","cpf":"***","email":"***","phones":[{"number":"***","type":"CE","ddd":***}],"#,
                r#""addresses":[{"streetName":"***","city":"***"}],"birthDate":"***","customer":{"document":"***"},"#,
                r#""note":"***","cnpj":***,"***":["***"]}"#
            )
        );
    }

    #[test]
    fn what_operators_need_stays() {
        let text = r#"{"remadeInstallmentsDescription":"1, 2, 3, 10, 11, 12, 13","dueDate":"2025-06-30","conditionType":"AT","originalValue":1000.5,"receipts":[{"receiptType":"Recebimento"}],"documentId":"CT","paidOff":true,"errors":null}"#;
        assert_eq!(json(text, 4000), text);
    }

    #[test]
    fn a_personal_value_under_a_kept_key_is_masked() {
        assert_eq!(
            json(r#"{"status":"a@b.c","documentNumber":"52998224725"}"#, 4000),
            r#"{"status":"***","documentNumber":"***"}"#
        );
    }

    #[test]
    fn what_nobody_knows_is_masked_names_of_fields_too() {
        let text = r#"{"CPF":52998224725,"cpfCnpj":52998224725,"telefone":11988887777,"Fulana de Tal":1,"unityName":"AP 12 Fulana",
            "customerId":52998224725,"indexerId":"FULANA","dueDate":"Fulana","originalValue":12345678901.25,"billId":10001,"externalId":"52998224725"}"#;
        assert_eq!(
            json(text, 4000),
            concat!(
                r#"{"***":***,"***":***,"***":***,"***":***,"unityName":"***","#,
                r#""customerId":***,"indexerId":"***","dueDate":"***","originalValue":12345678901.25,"billId":10001,"externalId":"***"}"#
            )
        );
    }

    #[test]
    fn a_boletos_link_line_and_mail_are_masked() {
        let answer = r#"{"results":[{"urlReport":"https://b.example/7?k=a1","digitableNumber":"00190.00009 01234.567004 00001.234178 1 87890000108680","fileName":"Fulana.pdf","parameter1207":"x"}]}"#;
        assert_eq!(
            json(answer, 4000),
            r#"{"results":[{"urlReport":"***","digitableNumber":"***","fileName":"***","***":"***"}]}"#
        );
        let bare = r#"{"digitableNumber":00190000090123456700400001234178187890000108680}"#;
        assert_eq!(json(bare, 4000), r#"{"digitableNumber":***}"#);
        let request = r#"{"receivableBillId":10001,"installmentId":3,"emailCustomer":"f@x.example","emailTitle":"Boleto","emailBody":"Olá"}"#;
        assert_eq!(
            json(request, 4000),
            r#"{"receivableBillId":10001,"installmentId":3,"emailCustomer":"***","emailTitle":"***","emailBody":"***"}"#
        );
    }

    #[test]
    fn the_output_is_bounded_and_any_text_is_survived() {
        let long = format!("[{}1]", "{\"id\":1},".repeat(10_000));
        assert!(json(&long, 500).len() < 600);
        for odd in [
            "",
            "\"",
            "{\"a",
            "\"\\",
            "é",
            "[[[",
            "{\"a\":\u{e9}lan}",
            "]]]",
            "nome da pessoa",
        ] {
            assert!(!json(odd, 100).contains("pessoa"), "{odd}");
        }
        assert!(json(&"[".repeat(1000), 5000).len() < 100);
    }
}
