//! REST lists: pages, orders, filters, errors, who may.

use serde_json::{Value, json};

use crate::support::{TODAY, simulator};

fn ids(page: &Value, key: &str) -> Vec<u64> {
    page["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row[key].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn pages_join_to_the_whole_list_without_gaps() {
    let simulator = simulator(600).await;
    let (bill, _, _) = simulator.open_one().await;
    let path = format!("v1/accounts-receivable/receivable-bills/{bill}/installments");
    let mut seen = Vec::new();
    loop {
        let page = simulator
            .get(&format!("{path}?limit=7&offset={}", seen.len()))
            .await;
        let rows = ids(&page, "installmentId");
        assert_eq!(page["resultSetMetadata"]["offset"], seen.len());
        assert_eq!(page["resultSetMetadata"]["limit"], 7);
        if rows.is_empty() {
            assert_eq!(page["resultSetMetadata"]["count"], seen.len());
            break;
        }
        seen.extend(rows);
    }
    let all = simulator.installments(&format!("billId={bill}")).await;
    let expected: Vec<u64> = all
        .iter()
        .map(|row| row["installmentId"].as_u64().unwrap())
        .collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn each_list_has_the_order_the_erp_gives_it() {
    let simulator = simulator(3_000).await;
    let ascending = |rows: &[u64]| rows.is_sorted() && rows.len() > 1;
    let descending = |rows: &[u64]| rows.iter().rev().is_sorted() && rows.len() > 1;
    assert!(ascending(&ids(&simulator.get("v1/companies").await, "id")));
    for path in [
        "v1/cost-centers",
        "v1/units",
        "v1/customers",
        "v1/sales-contracts",
    ] {
        assert!(descending(&ids(&simulator.get(path).await, "id")), "{path}");
    }
}

#[tokio::test]
async fn limits_beyond_two_hundred_and_bad_numbers_are_refused() {
    let simulator = simulator(20).await;
    for path in [
        "v1/units?limit=201",
        "v1/units?limit=0",
        "v1/units?offset=x",
        "v1/customers?createdAfter=01/02/2026",
    ] {
        let response = simulator.send(path).await;
        assert_eq!(response.status(), 400, "{path}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["status"], 400);
        assert!(body["developerMessage"].is_string() && body["clientMessage"].is_string());
    }
    assert_eq!(
        simulator
            .send("v1/units?limit=200&nonsense=1")
            .await
            .status(),
        200
    );
}

#[tokio::test]
async fn without_the_right_credentials_nothing_is_told() {
    let simulator = simulator(20).await;
    let url = format!("{}/v1/companies", simulator.running.api("obra"));
    assert_eq!(
        simulator.client.get(&url).send().await.unwrap().status(),
        401
    );
    let wrong = simulator
        .client
        .get(&url)
        .basic_auth("demo", Some("other"))
        .send()
        .await
        .unwrap();
    assert_eq!(wrong.status(), 401);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let simulator = simulator(20).await;
    let paths = [
        "v1/companies/99",
        "v1/units/1",
        "v1/customers/1",
        "v1/sales-contracts/1",
        "v1/document-identifications/XX",
        "v1/accounts-receivable/receivable-bills/1",
        "v1/accounts-receivable/receivable-bills/1/installments",
        "v1/nothing",
        "bulk-data/v1/nothing",
    ];
    for path in paths {
        assert_eq!(simulator.send(path).await.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn modified_filters_find_what_an_operation_touched_and_nothing_else() {
    let simulator = simulator(600).await;
    let (bill, _, row) = simulator.open_one().await;
    let before = simulator
        .get(&format!("v1/customers?modifiedAfter={TODAY}"))
        .await;
    assert_eq!(before["resultSetMetadata"]["count"], 0);
    simulator
        .operate(
            "customer",
            json!({"customerId": row["customerId"], "email": "novo@exemplo.com.br"}),
        )
        .await;
    simulator.operate("cancel", json!({"billId": bill})).await;
    let customers = simulator
        .get(&format!("v1/customers?modifiedAfter={TODAY}"))
        .await;
    assert_eq!(ids(&customers, "id"), [row["customerId"].as_u64().unwrap()]);
    assert_eq!(customers["results"][0]["email"], "novo@exemplo.com.br");
    let contracts = simulator
        .get(&format!("v1/sales-contracts?modifiedAfter={TODAY}"))
        .await;
    assert_eq!(ids(&contracts, "receivableBillId"), [bill]);
    let cancelled = simulator
        .get(&format!(
            "v1/sales-contracts?situation=3&initialCancelDate={TODAY}"
        ))
        .await;
    assert_eq!(ids(&cancelled, "receivableBillId"), [bill]);
    assert_eq!(cancelled["results"][0]["situation"], "3");
    assert_eq!(
        cancelled["results"][0]["cancellationDate"],
        TODAY.to_string()
    );
}

#[tokio::test]
async fn customers_are_found_by_document_numeric_or_not() {
    let simulator = simulator(8_000).await;
    let mut offset = 0;
    let (mut cpf, mut alphanumeric) = (None, None);
    while cpf.is_none() || alphanumeric.is_none() {
        let page = simulator
            .get(&format!("v1/customers?limit=200&offset={offset}"))
            .await;
        let rows = page["results"].as_array().unwrap();
        assert!(!rows.is_empty(), "the world holds both kinds of documents");
        offset += rows.len();
        let texts = |key: &str| {
            rows.iter()
                .filter_map(|row| row[key].as_str())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        cpf = cpf.or(texts("cpf").into_iter().next());
        alphanumeric = alphanumeric.or(texts("cnpj")
            .into_iter()
            .find(|text| text.bytes().any(|byte| byte.is_ascii_alphabetic())));
    }
    let found = simulator
        .get(&format!("v1/customers?cpf={}", cpf.unwrap()))
        .await;
    assert_eq!(found["resultSetMetadata"]["count"], 1);
    let found = simulator
        .get(&format!("v1/customers?cnpj={}", alphanumeric.unwrap()))
        .await;
    assert_eq!(found["resultSetMetadata"]["count"], 1);
}
