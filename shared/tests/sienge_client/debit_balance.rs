//! The present debit balance: both shapes, and whose document travels where.

use jiff::civil::date;
use ponte::ids::BillId;
use ponte::money::Cents;
use ponte::portfolio::Document;

use super::server::{Reply, Stage};

const ONE: &str = r#"{"billReceivableId":10,"documentId":"CT","paidInstallments":[{"installmentId":1,"receipts":[]}],
    "dueInstallments":[{"installmentId":2,"currentBalance":1095.58,"latePaymentInterest":3.0,"adjustedValue":1000.00,"additionalValue":95.58,
    "originalValue":1000.00,"conditionType":"PM","indexerCode":0,"installmentNumber":"2/3"}],
    "payableInstallments":{"installmentId":"3","currentBalance":"900.10","adjustedValue":1000,"additionalValue":0,"originalValue":1000}}"#;

fn cpf() -> Document {
    Document::from("529.982.247-25")
}

#[tokio::test]
async fn one_object_an_envelope_and_an_array_are_the_same() {
    for body in [
        ONE.to_owned(),
        format!("{{\"resultSetMetadata\":{{\"count\":1}},\"results\":[{ONE}]}}"),
        format!("[{ONE}]"),
    ] {
        let stage = Stage::impatient(1, move |_, _| Reply::json(body.as_str())).await;
        let on = date(2026, 11, 22);
        let balance = stage
            .client
            .current_debit_balance(&cpf(), BillId(10), on, false)
            .await
            .unwrap()
            .unwrap();
        let owed: Vec<_> = balance
            .owed()
            .map(|row| (row.installment_id, row.additional_value))
            .collect();
        assert_eq!(
            owed,
            [
                (Some(2), Some(Cents::new(9_558))),
                (Some(3), Some(Cents::ZERO))
            ]
        );
        assert_eq!(
            balance.owed().next().unwrap().current_balance,
            Some(Cents::new(109_558))
        );
        assert_eq!(balance.paid_installments.len(), 1);
        assert_eq!(
            stage.server.requests()[0].target,
            "/v1/current-debit-balance?cpf=52998224725&numberTitle=10&correctionDate=2026-11-22&correctAnnualInstallment=N"
        );
    }
}

#[tokio::test]
async fn a_cnpj_with_letters_travels_as_a_cnpj_and_is_written_down_nowhere() {
    let stage = Stage::impatient(1, |_, _| Reply::json(ONE)).await;
    let document = Document::from("12.abc.345/01de-35");
    let found = stage
        .client
        .current_debit_balance(&document, BillId(10), date(2026, 11, 22), true)
        .await;
    assert!(found.unwrap().is_some());
    let target = &stage.server.requests()[0].target;
    assert!(
        target.contains("cnpj=12ABC34501DE35") && target.contains("correctAnnualInstallment=S"),
        "{target}"
    );
    let record = &stage.records()[0];
    assert!(!record.url.contains("12ABC34501DE35"), "{}", record.url);
    assert_eq!(
        (record.method, record.bill),
        ("ConsultarSaldoDevedorPresente", Some(BillId(10)))
    );
}

#[tokio::test]
async fn an_unknown_customer_and_another_bill_are_no_balance() {
    let unknown =
        r#"{"status":404,"developerMessage":"Recurso não encontrado","clientMessage":"x"}"#;
    for (status, body) in [(404, unknown), (200, r#"{"results":[]}"#), (200, ONE)] {
        let stage = Stage::impatient(1, move |_, _| Reply::status(status, body)).await;
        let bill = BillId(if body == ONE { 11 } else { 10 });
        let found = stage
            .client
            .current_debit_balance(&cpf(), bill, date(2026, 11, 22), false)
            .await;
        assert_eq!(found.unwrap(), None, "{body}");
    }
}

#[tokio::test]
async fn nulls_and_wrong_types_read_as_absent() {
    for body in [
        r#"{"billReceivableId":10,"paidInstallments":null,"dueInstallments":[{"installmentId":null,"currentBalance":"x"}],"payableInstallments":""}"#,
        r#"{"billReceivableId":"10","dueInstallments":[{}]}"#,
    ] {
        let stage = Stage::impatient(1, move |_, _| Reply::json(body)).await;
        let found = stage
            .client
            .current_debit_balance(&cpf(), BillId(10), date(2026, 11, 22), false)
            .await;
        let balance = found.unwrap().unwrap();
        let row = balance.owed().next().unwrap();
        assert_eq!(
            (row.installment_id, row.current_balance),
            (None, None),
            "{body}"
        );
    }
}
