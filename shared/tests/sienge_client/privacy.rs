//! Nothing personal and no secret reaches a note, an error or a printed struct.

use futures::TryStreamExt;
use ponte::ids::CustomerId;
use ponte::sienge::{Customer, CustomerFilter, Personal, Secret};

use super::server::{Reply, Stage, refusal};

const CUSTOMER: &str = r#"{"id":7,"personType":"F","name":"Fulana Invisível","socialName":"Fula","email":"fulana@exemplo.com.br",
  "cpf":"529.982.247-25","cnpj":"12.ABC.345/01DE-35","birthDate":"1980-02-03","motherName":"Sicrana Invisível","numberIdentityCard":"12.345.678-9",
  "phones":[{"number":"11988887777","main":true,"type":"CE","note":"recado com Beltrano"}],
  "addresses":[{"type":"R","streetName":"Rua das Palmeiras","number":"123","complement":"ap 4","neighborhood":"Centro","city":"Campinas","state":"SP","zipCode":"13000-000"}],
  "spouse":{"name":"Beltrano Invisível","cpf":"111.444.777-35","email":"b@exemplo.com.br","cellphoneNumber":"11977776666"},
  "familyIncome":[{"kinsName":"Beltrano","incomeValue":4321.99}]}"#;

const PRIVATE: [&str; 24] = [
    "Fulana",
    "Fula",
    "Sicrana",
    "Beltrano",
    "exemplo.com.br",
    "529.982",
    "52998224725",
    "12.ABC",
    "1980-02-03",
    "12.345.678",
    "98888",
    "97777",
    "Palmeiras",
    "123\"",
    "ap 4",
    "Centro",
    "Campinas",
    "13000",
    "111.444",
    "4321.99",
    "s3nha-secreta",
    "robo-da-api",
    "cm9iby1",
    "t0ken-do-hook",
];

fn assert_clean(text: &str) {
    for word in PRIVATE {
        assert!(!text.contains(word), "{word:?} in {text}");
    }
}

#[tokio::test]
async fn notes_errors_and_debug_hold_nothing_personal() {
    let stage = Stage::impatient(1, |_, request| match request.path() {
        "/v1/customers/7" => Reply::json(CUSTOMER),
        "/v1/customers" => Reply::json(format!(r#"{{"results":[{CUSTOMER}]}}"#)),
        "/v1/hooks" => Reply::json(r#"{"id":"1","url":"https://x.example/w?k=t0ken-do-hook","token":"t0ken-do-hook","events":["A"]}"#),
        "/v1/customers/8" => Reply::status(422, CUSTOMER),
        "/v1/customers/9" => Reply::status(500, format!("Fulana Invisível 52998224725 {CUSTOMER}")),
        _ => refusal(400),
    })
    .await;
    let client = &stage.client;
    let customer = client.customer(CustomerId(7)).await.unwrap().unwrap();
    assert_eq!(customer.name, Some(Personal::new("Fulana Invisível")));
    assert_eq!(
        customer.phones[0].number.as_ref().unwrap().as_str(),
        "11988887777"
    );
    assert_clean(&format!("{customer:?} {client:?}"));
    let filter = CustomerFilter {
        cpf: Some(Personal::new("52998224725")),
        cnpj: Some(Personal::new("12ABC34501DE35")),
        ..CustomerFilter::default()
    };
    assert_clean(&format!("{filter:?}"));
    let found: Vec<Customer> = client.customers(&filter).try_collect().await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(
        stage.server.requests()[1]
            .target
            .contains("cpf=52998224725")
    );
    client
        .create_hook("https://x.example/w", &Secret::new("t0ken-do-hook"), &["A"])
        .await
        .unwrap();
    for id in [8, 9, 10] {
        if let Err(error) = client.customer(CustomerId(id)).await {
            assert_clean(&format!("{error} {error:?}"));
        }
    }
    let records = stage.records();
    assert_eq!(records.len(), 6);
    for record in &records {
        assert_clean(&format!("{record:?}"));
        assert!(record.response.len() <= 4_200 && record.request.len() <= 4_200);
    }
    assert!(
        records[1].url.contains("cpf=***&cnpj=***&limit=200"),
        "{}",
        records[1].url
    );
}
