use ponte::calculation::Campaign;
use ponte::flow::quotes::{QuoteRequest, SmallestPlanRequest};
use serde_json::Value;

use super::*;
use crate::HttpAnswer;
use crate::agreements::AgreementRequest;
use crate::boletos::RenewRequest;

fn fault<T: DeserializeOwned>(body: &str) -> (String, String) {
    let answer = HttpAnswer::from(read::<T>(body.as_bytes()).err().unwrap());
    assert_eq!(
        (answer.status, answer.content_type),
        (400, "application/problem+json")
    );
    let problem: Value = serde_json::from_str(&answer.body).unwrap();
    let error = &problem["errors"][0];
    (
        error["path"].as_str().unwrap().to_owned(),
        error["detail"].as_str().unwrap().to_owned(),
    )
}

fn check(cases: &[(&str, &str, &str)]) {
    for (body, path, detail) in cases {
        let (told_path, told) = fault::<QuoteRequest>(body);
        assert_eq!(told_path, *path, "{body}: {told}");
        assert!(told.contains(detail), "{body}: {told}");
    }
}

#[test]
fn a_field_that_is_not_right_is_named() {
    check(&[
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
        (
            r#"{"bills":[{"bills":2}]}"#,
            "bills[0].bills",
            "campo desconhecido",
        ),
        (
            r#"{"on":"2026-11-30"}"#,
            "bills",
            "campo obrigatório ausente",
        ),
        (
            r#"{"bills":[{}]}"#,
            "bills[0].bill",
            "campo obrigatório ausente",
        ),
        (
            r#"{"bills":[],"plan":{"installments":2}}"#,
            "plan.firstDue",
            "campo obrigatório ausente",
        ),
        (r#"{"bills":[],"bills":[]}"#, "bills", "campo repetido"),
        (
            r#"{"bills":[{"bill":1,"bill":1}]}"#,
            "bills[0].bill",
            "campo repetido",
        ),
    ]);
}

#[test]
fn a_value_of_another_kind_is_told_at_its_field() {
    check(&[
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
        (
            r#"{"bills":[{"bill":null}]}"#,
            "bills[0].bill",
            "veio null, mas o campo é um número",
        ),
        (
            r#"{"bills":{"bill":1}}"#,
            "bills",
            "veio um objeto, mas o campo é uma lista",
        ),
        (
            r#"{"bills":[],"portal":"sim"}"#,
            "portal",
            "veio um texto, mas o campo é true ou false",
        ),
        (
            r#"{"bills":[],"on":20261130}"#,
            "on",
            "veio um número, mas o campo é um texto",
        ),
        (
            r#"{"bills":[],"discounts":{"fine":{"amount":10}}}"#,
            "discounts.fine.amount",
            "um texto entre aspas",
        ),
        ("[]", "", "veio uma lista, mas o campo é um objeto"),
    ]);
}

#[test]
fn a_value_that_is_not_right_says_what_is() {
    check(&[
        (
            r#"{"bills":[],"on":"30/11/2026"}"#,
            "on",
            "não é uma data; escreva por exemplo",
        ),
        (r#"{"bills":[],"on":"2026-02-30"}"#, "on", "não é uma data"),
        (
            r#"{"bills":[],"plan":{"installments":2,"firstDue":"amanhã"}}"#,
            "plan.firstDue",
            "não é uma data",
        ),
        (
            r#"{"bills":[],"discounts":{"fine":{"amount":"1.234"}}}"#,
            "discounts.fine.amount",
            "\"1.234\" tem mais de duas casas decimais; escreva",
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
            r#"{"bills":[],"discounts":{"fine":{"percent":"1","amount":"1"}}}"#,
            "discounts.fine",
            "os valores aceitos são: percent, amount",
        ),
        (
            r#"{"bills":[],"discounts":{"fine":"percent"}}"#,
            "discounts.fine.percent",
            "veio um texto, que este campo não aceita",
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
    ]);
}

#[test]
fn what_is_no_json_is_told_with_its_place() {
    check(&[
        (
            r#"{"bills":[}"#,
            "",
            "não é JSON válido (linha 1, coluna 11)",
        ),
        (r#"{"bills":[]} x"#, "", "não é JSON válido"),
        ("  ", "", "corpo vazio"),
    ]);
}

#[test]
fn a_campaign_is_read_as_strictly() {
    let body = r#"[{"id":"a","name":"A","creditor":1,"validFrom":"2026-01-01","tiers":[{"fromDays":-9999,"toDays":9999,"charges":{"fine":"2,0"}}]}]"#;
    let (path, detail) = fault::<Vec<Campaign>>(body);
    assert_eq!(path, "[0].tiers[0].charges.fine");
    assert!(
        detail.contains("não é um número decimal com ponto"),
        "{detail}"
    );
    let body =
        r#"[{"id":"a","name":"A","creditor":1,"validFrom":"2026-01-01","validUntil":"2026"}]"#;
    let (path, detail) = fault::<Vec<Campaign>>(body);
    assert_eq!(path, "[0].validUntil");
    assert!(detail.starts_with("não é uma data"), "{detail}");
}

#[test]
fn a_day_is_read_alike_in_every_body() {
    let day = "não é uma data; escreva por exemplo \"2026-11-30\"";
    let (path, told) = fault::<RenewRequest>(r#"{"newDueOn":"amanhã"}"#);
    assert_eq!((path.as_str(), told.as_str()), ("newDueOn", day));
    let (path, told) =
        fault::<SmallestPlanRequest>(r#"{"bills":[],"affordable":"1","plan":{"firstDue":""}}"#);
    assert_eq!((path.as_str(), told.as_str()), ("plan.firstDue", day));
    let (path, told) = fault::<AgreementRequest>(
        r#"{"quote":{"bills":[]},"kind":"integrated","proposal":{"expiresOn":"31"}}"#,
    );
    assert_eq!((path.as_str(), told.as_str()), ("proposal.expiresOn", day));
}
