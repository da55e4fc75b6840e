//! Second copies of boletos, sending them, and new due dates.

use jiff::civil::date;
use serde_json::{Value, json};
use sienge_simulator::{Options, api::Shapes};

use crate::support::{Simulator, options, simulator, with};

/// An open installment with a registered boleto.
async fn charged(simulator: &Simulator) -> (u64, u64, Value) {
    let (bill, installment, row) = simulator.open_one().await;
    simulator
        .operate(
            "boleto",
            json!({"billId": bill, "installmentId": installment}),
        )
        .await;
    (bill, installment, row)
}

async fn call(simulator: &Simulator, method: &str, path: &str, body: Value) -> u16 {
    let url = format!("{}/{path}", simulator.running.api("obra"));
    let request = simulator
        .client
        .request(method.parse().unwrap(), url)
        .basic_auth("demo", Some("demo"));
    request.json(&body).send().await.unwrap().status().as_u16()
}

fn slip(bill: u64, installment: u64) -> String {
    format!("v1/payment-slip-notification?billReceivableId={bill}&installmentId={installment}")
}

async fn due_date(simulator: &Simulator, bill: u64, installment: u64) -> Value {
    let rows = simulator.installments(&format!("billId={bill}")).await;
    rows.iter()
        .find(|row| row["installmentId"] == installment)
        .unwrap()["dueDate"]
        .clone()
}

#[tokio::test]
async fn the_line_is_of_the_installments_balance_and_due_date() {
    let simulator = simulator(600).await;
    let (bill, installment, row) = charged(&simulator).await;
    simulator
        .operate(
            "change",
            json!({"billId": bill, "installmentId": installment, "dueDate": "2026-12-10", "value": "1086.80"}),
        )
        .await;
    assert_eq!(row["receipts"], json!([]));
    assert_eq!(
        simulator.send(&slip(bill, installment)).await.status(),
        422,
        "a new due date makes the boleto void"
    );
    simulator
        .operate(
            "boleto",
            json!({"billId": bill, "installmentId": installment}),
        )
        .await;
    let answer = simulator.get(&slip(bill, installment)).await;
    let row = &answer["results"][0];
    let line = row["digitableNumber"].as_str().unwrap();
    assert!(
        line.ends_with(" 16560000108680") && line.len() == 54,
        "{line}"
    );
    assert!(
        row["urlReport"].as_str().unwrap().starts_with("https://"),
        "{row}"
    );
    assert_eq!(row.as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn documented_shapes_have_the_two_further_fields() {
    let simulator = with(Options {
        shapes: Shapes::Documented,
        ..options(600)
    })
    .await;
    let (bill, installment, _) = charged(&simulator).await;
    let answer = simulator.get(&slip(bill, installment)).await;
    assert!(
        answer["results"][0]["fileName"].is_string()
            && answer["results"][0].get("parameter1207").is_some()
    );
}

#[tokio::test]
async fn an_email_is_remembered_and_wrong_ones_are_refused() {
    let simulator = simulator(600).await;
    let (bill, installment, _) = charged(&simulator).await;
    let path = "v1/payment-slip-notification";
    let body = json!({"receivableBillId": bill, "installmentId": installment, "emailCustomer": "a@exemplo.com.br", "emailTitle": "T", "emailBody": "B"});
    assert_eq!(call(&simulator, "POST", path, body.clone()).await, 201);
    let (_, emails) = simulator.control("GET", "emails", &json!({})).await;
    assert_eq!(
        (emails[0]["to"].as_str(), emails[0]["billId"].as_u64()),
        (Some("a@exemplo.com.br"), Some(bill))
    );
    for (field, value, status) in [
        ("emailCustomer", json!(""), 400),
        ("emailTitle", Value::Null, 400),
        ("receivableBillId", json!("x"), 400),
        ("receivableBillId", json!(1), 404),
        ("installmentId", json!(9_999), 404),
    ] {
        let mut wrong = body.clone();
        wrong[field] = value;
        assert_eq!(
            call(&simulator, "POST", path, wrong).await,
            status,
            "{field}"
        );
    }
    simulator
        .operate(
            "boleto",
            json!({"billId": bill, "installmentId": installment, "status": "REMOVED"}),
        )
        .await;
    assert_eq!(call(&simulator, "POST", path, body).await, 422);
    let (_, emails) = simulator.control("GET", "emails", &json!({})).await;
    assert_eq!(emails.as_array().unwrap().len(), 1);
    assert_eq!(
        simulator.control("DELETE", "emails", &json!({})).await.1,
        json!([])
    );
}

#[tokio::test]
async fn a_new_due_date_is_taken_and_makes_the_boleto_void() {
    let simulator = simulator(600).await;
    let (bill, installment, _) = charged(&simulator).await;
    let path = |bill: u64, id: u64| {
        format!("v1/accounts-receivable/receivable-bills/{bill}/installments/{id}/change-due-date")
    };
    let body = |day: &str| json!({"newDueDate": day});
    assert_eq!(
        call(
            &simulator,
            "PATCH",
            &path(bill, installment),
            body("2026-12-01")
        )
        .await,
        204
    );
    assert_eq!(
        due_date(&simulator, bill, installment).await,
        date(2026, 12, 1).to_string()
    );
    assert_eq!(simulator.send(&slip(bill, installment)).await.status(), 422);
    assert_eq!(
        call(
            &simulator,
            "PATCH",
            &path(bill, installment),
            body("2026-11-19")
        )
        .await,
        422
    );
    assert_eq!(
        call(
            &simulator,
            "PATCH",
            &path(bill, installment),
            body("01/12/2026")
        )
        .await,
        400
    );
    assert_eq!(
        call(&simulator, "PATCH", &path(bill, 9_999), body("2026-12-01")).await,
        404
    );
    assert_eq!(
        call(&simulator, "PATCH", &path(1, 1), body("2026-12-01")).await,
        404
    );
    assert_eq!(
        call(&simulator, "PATCH", "v1/customers/1", body("2026-12-01")).await,
        404
    );
    simulator
        .operate(
            "receive",
            json!({"billId": bill, "installmentId": installment, "value": "0.01"}),
        )
        .await;
    assert_eq!(
        call(
            &simulator,
            "PATCH",
            &path(bill, installment),
            body("2026-12-02")
        )
        .await,
        422
    );
}

#[tokio::test]
async fn what_is_not_there_or_has_no_charge_has_no_copy() {
    let simulator = simulator(600).await;
    let (bill, installment, _) = charged(&simulator).await;
    assert_eq!(simulator.send(&slip(1, 1)).await.status(), 404);
    assert_eq!(simulator.send(&slip(bill, 9_999)).await.status(), 404);
    assert_eq!(
        simulator
            .send("v1/payment-slip-notification?installmentId=1")
            .await
            .status(),
        400
    );
    simulator
        .operate(
            "receive",
            json!({"billId": bill, "installmentId": installment}),
        )
        .await;
    assert_eq!(
        simulator.send(&slip(bill, installment)).await.status(),
        422,
        "settled"
    );
}
