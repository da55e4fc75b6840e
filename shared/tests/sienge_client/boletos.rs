//! Second copies of boletos, their e-mails and new due dates.

use jiff::civil::date;
use ponte::ids::{BillId, InstallmentId};
use ponte::sienge::{DueDateChange, PaymentSlip, Personal, SiengeError, SlipAnswer, SlipEmail};
use serde_json::{Value, json};

use super::server::{Reply, Stage, refusal};

const BILL: BillId = BillId(10001);
const INSTALLMENT: InstallmentId = InstallmentId(3);
const LINE: &str = "00190.00009 01234.567004 00001.234178 1 87890000108680";
const LINK: &str = "https://boletos.example/7?chave=segredo";

fn email() -> SlipEmail {
    SlipEmail {
        to: Personal::new("fulana@exemplo.com.br"),
        title: "Segunda via".to_owned(),
        body: "Olá, Fulana".to_owned(),
    }
}

async fn answering(reply: Reply) -> Stage {
    Stage::impatient(1, move |_, _| reply.clone()).await
}

fn written_down(stage: &Stage) -> String {
    format!("{:?}", stage.records())
}

#[tokio::test]
async fn a_second_copy_is_read_in_every_shape_and_not_written_down() {
    let row = json!({"urlReport": LINK, "digitableNumber": LINE});
    let documented = json!({"urlReport": LINK, "digitableNumber": LINE, "fileName": "boleto-fulana.pdf", "parameter1207": true});
    for body in [
        json!({"resultSetMetadata": {"count": 1, "offset": 0, "limit": 200}, "results": [row]}),
        json!({"results": documented}),
        json!([row]),
        row.clone(),
    ] {
        let stage = answering(Reply::json(body.to_string())).await;
        let slip = stage.client.payment_slip(BILL, INSTALLMENT).await.unwrap();
        let expected = PaymentSlip {
            url_report: Some(Personal::new(LINK)),
            digitable_number: Some(Personal::new(LINE)),
        };
        assert_eq!(slip, SlipAnswer::Done(expected), "{body}");
        let request = &stage.server.requests()[0];
        assert_eq!(
            (request.verb.as_str(), request.target.as_str()),
            (
                "GET",
                "/v1/payment-slip-notification?billReceivableId=10001&installmentId=3"
            )
        );
        let written = format!("{} {slip:?}", written_down(&stage));
        for secret in [
            "boletos.example",
            "segredo",
            "00190",
            "87890000108680",
            "fulana",
        ] {
            assert!(!written.contains(secret), "{secret} in {written}");
        }
        assert!(
            written.contains("billReceivableId=10001&installmentId=3"),
            "{written}"
        );
    }
}

#[tokio::test]
async fn no_registered_charge_is_an_answer_and_not_an_error() {
    for reply in [
        refusal(422),
        Reply::status(422, ""),
        Reply::json(r#"{"results":[]}"#),
    ] {
        let stage = answering(reply).await;
        assert_eq!(
            stage.client.payment_slip(BILL, INSTALLMENT).await.unwrap(),
            SlipAnswer::NoCharge
        );
    }
    let stage = answering(refusal(422)).await;
    let sent = stage
        .client
        .send_payment_slip(BILL, INSTALLMENT, &email())
        .await
        .unwrap();
    assert_eq!(sent, SlipAnswer::NoCharge);
}

#[tokio::test]
async fn what_sienge_does_not_have_is_an_answer_too() {
    let stage = answering(refusal(404)).await;
    assert_eq!(
        stage.client.payment_slip(BILL, INSTALLMENT).await.unwrap(),
        SlipAnswer::NotFound
    );
    let sent = stage
        .client
        .send_payment_slip(BILL, INSTALLMENT, &email())
        .await
        .unwrap();
    assert_eq!(sent, SlipAnswer::NotFound);
    let changed = stage
        .client
        .change_due_date(BILL, INSTALLMENT, date(2026, 12, 1))
        .await
        .unwrap();
    assert_eq!(changed, DueDateChange::NotFound);
}

#[tokio::test]
async fn a_boleto_without_link_or_line_is_read_as_such() {
    let stage = answering(Reply::json(
        r#"{"results":[{"urlReport":null,"digitableNumber":""}]}"#,
    ))
    .await;
    let slip = stage.client.payment_slip(BILL, INSTALLMENT).await.unwrap();
    assert_eq!(slip, SlipAnswer::Done(PaymentSlip::default()));
}

#[tokio::test]
async fn an_email_is_asked_for_once_and_not_written_down() {
    let stage = Stage::with(|_, _| Reply::status(201, "")).await;
    let sent = stage
        .client
        .send_payment_slip(BILL, INSTALLMENT, &email())
        .await
        .unwrap();
    assert_eq!(sent, SlipAnswer::Done(()));
    let request = &stage.server.requests()[0];
    assert_eq!(
        (request.verb.as_str(), request.path()),
        ("POST", "/v1/payment-slip-notification")
    );
    assert_eq!(
        serde_json::from_str::<Value>(&request.body).unwrap(),
        json!({"receivableBillId": 10001, "installmentId": 3, "emailCustomer": "fulana@exemplo.com.br", "emailTitle": "Segunda via", "emailBody": "Olá, Fulana"})
    );
    let written = format!("{} {:?}", written_down(&stage), email().to);
    for private in ["fulana", "Fulana", "exemplo"] {
        assert!(!written.contains(private), "{private} in {written}");
    }
    // Four attempts are allowed; an unclear answer ends at the first.
    let stage = Stage::with(|_, _| refusal(500)).await;
    let error = stage
        .client
        .send_payment_slip(BILL, INSTALLMENT, &email())
        .await
        .unwrap_err();
    assert!(
        matches!(error, SiengeError::Server { status: 500, .. }),
        "{error}"
    );
    assert_eq!(stage.server.requests().len(), 1);
}

#[tokio::test]
async fn a_new_due_date_is_asked_for_once() {
    let stage = Stage::with(|_, _| Reply::status(204, "")).await;
    let changed = stage
        .client
        .change_due_date(BILL, INSTALLMENT, date(2026, 12, 1))
        .await
        .unwrap();
    assert_eq!(changed, DueDateChange::Done);
    let request = &stage.server.requests()[0];
    assert_eq!(
        (request.verb.as_str(), request.path()),
        (
            "PATCH",
            "/v1/accounts-receivable/receivable-bills/10001/installments/3/change-due-date"
        )
    );
    assert_eq!(request.body, r#"{"newDueDate":"2026-12-01"}"#);
    let stage = answering(refusal(422)).await;
    let refused = stage
        .client
        .change_due_date(BILL, INSTALLMENT, date(2026, 12, 1))
        .await
        .unwrap();
    assert_eq!(refused, DueDateChange::Refused);
    let stage = Stage::with(|_, _| refusal(503)).await;
    assert!(
        stage
            .client
            .change_due_date(BILL, INSTALLMENT, date(2026, 12, 1))
            .await
            .is_err()
    );
    assert_eq!(stage.server.requests().len(), 1);
}
