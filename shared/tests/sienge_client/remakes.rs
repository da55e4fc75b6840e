//! Remakes: what is sent, and the answers a remake may have.

use jiff::civil::date;
use ponte::agreement::{RemakeCondition, RemakeOrder};
use ponte::ids::{BillId, InstallmentId};
use ponte::money::{Cents, Rate};
use serde_json::{Value, json};

use super::server::{Reply, Stage, refusal};

fn order() -> RemakeOrder {
    let rate = Rate::try_from("1.5".to_owned()).unwrap();
    RemakeOrder {
        bill: BillId(295),
        remade_on: date(2026, 11, 20),
        calculated_on: date(2026, 11, 20),
        installments: [1, 2, 151].map(InstallmentId).to_vec(),
        conditions: vec![
            RemakeCondition {
                value: Cents::new(20_000),
                installments: 1,
                first_due: date(2026, 11, 20),
                price: None,
            },
            RemakeCondition {
                value: Cents::new(200_010),
                installments: 3,
                first_due: date(2026, 12, 20),
                price: Some(rate),
            },
        ],
        indexer: 8,
        base_date: date(2026, 9, 1),
        description: "Acordo a1".to_owned(),
    }
}

#[tokio::test]
async fn a_remake_is_asked_for_as_sienge_documents_it() {
    let stage = Stage::with(|_, _| {
        Reply::status(201, r#"[{"installmentId": 153}, {"installmentId": "152"}]"#)
    })
    .await;
    let generated = stage.client.remake(&order()).await.unwrap();
    assert_eq!(generated, [152, 153].map(InstallmentId));
    let request = stage.server.requests().remove(0);
    assert_eq!(
        (request.verb.as_str(), request.path()),
        ("POST", "/v1/remade-installments")
    );
    assert!(
        request.body.contains("\"totalValue\":2000.10,"),
        "amounts are numbers: {}",
        request.body
    );
    let condition = |value: f64, count: u32, first: &str, kind: &str, rate: f64| {
        json!({
            "conditionTypeId": "PM", "totalValue": value, "installmentsNumber": count, "firstPayment": first, "matchMaturities": "N",
            "indexerId": 8, "baseDate": "2026-09-01", "interestType": kind, "interestPercentage": rate,
        })
    };
    let body: Value = serde_json::from_str(&request.body).unwrap();
    let mut wanted = json!({
        "billReceivableId": 295, "remadeDate": "2026-11-20", "calculationDate": "2026-11-20", "installments": "1/2/151",
        "builtInterestRule": "A", "differenceType": "J", "operationType": "R", "remadeType": "A", "remadeDescription": "Acordo a1",
        "confirmLastReadjustmentDateChange": "N",
        "paymentConditions": [condition(200.0, 1, "2026-11-20", "N", 0.0), condition(2000.1, 3, "2026-12-20", "P", 1.5)],
    });
    // Zero is written as a whole number.
    wanted["paymentConditions"][0]["interestPercentage"] = json!(0);
    assert_eq!(body, wanted);
}

#[tokio::test]
async fn a_remakes_answer_is_a_list_or_one_object() {
    for (answer, ids) in [
        (
            r#"{"installmentId": 152, "dueDate": "2026-12-20"}"#,
            &[152][..],
        ),
        (
            r#"[{"installmentId": 152}, {"installmentId": 153}]"#,
            &[152, 153],
        ),
        (r#"{"results": [{"installmentId": 152}]}"#, &[152]),
        ("", &[]),
    ] {
        let stage = Stage::with(move |_, _| Reply::status(201, answer)).await;
        let generated = stage.client.remake(&order()).await.unwrap();
        assert_eq!(
            generated,
            ids.iter().copied().map(InstallmentId).collect::<Vec<_>>(),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_remake_is_never_sent_twice_after_an_unclear_answer() {
    for reply in [
        Reply::status(500, "{}"),
        Reply::status(503, ""),
        Reply::status(201, "[{").cut_at(2),
        refusal(422),
    ] {
        let stage = Stage::with(move |_, _| reply.clone()).await;
        stage.client.remake(&order()).await.unwrap_err();
        assert_eq!(stage.server.requests().len(), 1);
    }
}
