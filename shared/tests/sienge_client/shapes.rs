//! Production and documented shapes decode to the same rows; odd values harm nothing.

use futures::TryStreamExt;
use ponte::ids::{BillId, CustomerId, InstallmentId, SalesContractId};
use ponte::money::Cents;
use ponte::sienge::{CustomerFilter, ExtractHistoryWindow, RemadeFilter, SalesContractFilter};
use rust_decimal_macros::dec;

use super::server::{Reply, Stage};

async fn answering(body: &'static str) -> Stage {
    Stage::impatient(1, move |_, _| Reply::json(body)).await
}

#[tokio::test]
async fn the_statement_is_the_same_in_both_shapes() {
    let production = r#"{"resultSetMetadata":{"count":1,"offset":0,"limit":200},"results":[{"billsReceivable":[{"billReceivableId":10,"documentCode":"CT","documentId":"77",
        "installments":[{"installmentId":1,"dueDate":"2026-01-10","conditionType":"PM","originalValue":1000.55,"currentBalance":0.00,"generatedBillet":true,"installmentNumber":"1/2",
        "receipts":[{"receiptDate":"2026-01-09","receiptValue":1000.55,"netReceiptValue":1000.55,"receiptType":"Recebimento"}]}]}]}]}"#;
    let documented = r#"{"resultSetMetadata":{"count":1,"offset":0,"limit":200},"results":[{"billsReceivable":{"billReceivableId":10,"documentCode":"CT","documentId":"77",
        "installments":[{"installmentId":"1","dueDate":"2026-01-10T00:00:00.000Z","conditionType":"PM","originalValue":"1000.55","currentBalance":0,"generatedBillet":"S","installmentNumber":"1/2",
        "receipts":{"receiptDate":"09/01/2026","receiptValue":1000.55,"netReceiptValue":1000.55,"receiptType":"Recebimento"}}]}}]}"#;
    let mut read = Vec::new();
    for body in [production, documented] {
        let stage = answering(body).await;
        read.push(
            stage
                .client
                .customer_statement(CustomerId(3), Some(BillId(10)))
                .await
                .unwrap(),
        );
        assert_eq!(
            stage.server.requests()[0].target,
            "/v1/customer-financial-statements?customerId=3&billReceivableId=10&includeSubJudice=true"
        );
    }
    assert_eq!(read[0], read[1]);
    assert_eq!(
        read[0][0].installments[0].original_value,
        Some(Cents::new(100_055))
    );
}

#[tokio::test]
async fn contract_lists_come_as_arrays_or_objects() {
    for body in [
        r#"{"results":[{"id":5,"situation":"3","receivableBillId":10,"salesContractCustomers":[{"id":1,"main":false},{"id":2,"main":true}],"salesContractUnits":[{"id":9,"main":true,"name":"AP 303"}]}]}"#,
        r#"{"results":[{"id":5,"situation":"Cancelado","receivableBillId":10,"salesContractCustomers":{"id":2,"main":true,"name":false},"salesContractUnits":{"id":9,"main":"S","name":"AP 303"}}]}"#,
    ] {
        let stage = answering(body).await;
        let contracts: Vec<_> = stage
            .client
            .sales_contracts(&SalesContractFilter::default())
            .try_collect()
            .await
            .unwrap();
        assert!(contracts[0].is_cancelled());
        assert_eq!(
            (contracts[0].main_customer(), contracts[0].main_unit()),
            (Some(CustomerId(2)), Some("AP 303"))
        );
    }
    let stage = answering(r#"{"id":5,"situation":"Emitido","cancellationDate":""}"#).await;
    assert!(
        !stage
            .client
            .sales_contract(SalesContractId(5))
            .await
            .unwrap()
            .unwrap()
            .is_cancelled()
    );
}

#[tokio::test]
async fn boletos_and_rescissions_come_from_the_extract_history() {
    let stage = answering(
        r#"{"data":[{"billReceivableId":10,"customer":{"id":3,"name":"Fulana","document":"529.982.247-25"},"revokedBillReceivableDate":null,
        "installments":[{"id":1,"generatedBillet":true},{"id":2,"generatedBillet":false},{"id":3,"generatedBillet":null}]},
        {"billReceivableId":11,"customer":{"id":4},"revokedBillReceivableDate":"2026-02-01","installments":[]}]}"#,
    )
    .await;
    let window = ExtractHistoryWindow {
        due_from: jiff::civil::date(2026, 1, 1),
        due_to: jiff::civil::date(2026, 12, 31),
        company: None,
        customer: None,
        bill: None,
        changed_since: None,
    };
    let rows: Vec<_> = stage
        .client
        .extract_history(&window)
        .try_collect()
        .await
        .unwrap();
    let first = rows[0].boletos().unwrap();
    assert_eq!(
        (first.bill, first.customer, first.revoked_on),
        (BillId(10), Some(CustomerId(3)), None)
    );
    assert_eq!(
        first.boletos.into_iter().collect::<Vec<_>>(),
        [(InstallmentId(1), true), (InstallmentId(2), false)]
    );
    assert_eq!(
        rows[1].boletos().unwrap().revoked_on,
        Some(jiff::civil::date(2026, 2, 1))
    );
    assert!(!stage.records()[0].response.contains("Fulana"));
}

#[tokio::test]
async fn remakes_are_read() {
    let stage = answering(
        r#"{"results":[{"receivableBillId":10,"remadeDate":"2026-03-01","customerDescription":"7 - Fulana","remadeInstallmentsDescription":"1, 2, 3","remadeValue":300,"generatedInstallmentsDescription":"5, 6","generatedValue":310.10}]}"#,
    )
    .await;
    let remakes = stage
        .client
        .remade_installments(&RemadeFilter {
            bill: Some(BillId(10)),
            ..RemadeFilter::default()
        })
        .await
        .unwrap();
    assert_eq!(remakes[0].remade(), [1, 2, 3].map(InstallmentId));
    assert_eq!(remakes[0].generated(), [5, 6].map(InstallmentId));
    assert_eq!(stage.records()[0].method, "ConsultarReparcelamento");
    assert_eq!(stage.records()[0].bill, Some(BillId(10)));
}

#[tokio::test]
async fn small_tables_are_read() {
    let stage =
        answering(r#"[{"id":"PM","description":"Parcela Mensal"},{"id":12,"description":null}]"#)
            .await;
    let types: Vec<_> = stage
        .client
        .payment_condition_types()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(
        (types[0].id.as_deref(), types[1].id.as_deref()),
        (Some("PM"), Some("12"))
    );
    let stage = answering(r#"{"results":[{"id":1,"name":"INCC\t","lastValue":{"date":"2026-01-01","value":518.816}}]}"#).await;
    let indexers: Vec<_> = stage.client.indexers().try_collect().await.unwrap();
    assert_eq!(indexers[0].name.as_deref(), Some("INCC"));
    assert_eq!(
        indexers[0].last_value.as_ref().unwrap().value,
        Some(dec!(518.816))
    );
    let stage = answering(r#"{"id":"CT","name":"Contrato"}"#).await;
    let document = stage
        .client
        .document_identification(&"c/t".into())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(document.id.as_deref(), Some("CT"));
    assert_eq!(
        stage.server.requests()[0].target,
        "/v1/document-identifications/C%2FT"
    );
}

#[tokio::test]
async fn nulls_empties_and_wrong_types_are_survived() {
    for body in [
        r#"{"results":[{"id":null,"name":null,"phones":null,"addresses":null,"spouse":null}]}"#,
        r#"{"results":[{"id":"","name":"","cpf":"","phones":"","addresses":[],"spouse":""}]}"#,
        r#"{"results":[{"id":"x","name":{},"cpf":[],"phones":[null],"addresses":[{}],"spouse":[]}]}"#,
        r#"{"results":[{}]}"#,
    ] {
        let stage = answering(body).await;
        let customers: Vec<_> = stage
            .client
            .customers(&CustomerFilter::default())
            .try_collect()
            .await
            .unwrap();
        assert_eq!(
            (customers.len(), customers[0].id, &customers[0].name),
            (1, None, &None),
            "{body}"
        );
    }
}
