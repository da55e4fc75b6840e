//! Every answer against the vendor's published Swagger 2.0 files, in documented and in production
//! shapes. Each deviation is listed below with its reason: one not listed fails the test, and so
//! does one listed that no longer occurs.
//!
//! The files are not part of the project. They are looked for in `$SIENGE_OPENAPI_DIR`, else in
//! `../shared/reference/sienge-openapi` beside the checkout; without them the test passes with a note.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jsonschema::error::ValidationErrorKind;
use serde_json::{Map, Value, json};
use sienge_simulator::Options;
use sienge_simulator::api::Shapes;

use crate::support::{Simulator, options, with};

/// A deviation: file, where in the answer (`*` = any index), what, why.
type Quirk = (&'static str, &'static str, &'static str, &'static str);

/// Deviations in both shapes: where a newer document or plain sense contradicts the files.
const COMMON: &[Quirk] = &[
    (
        "accounts-receivable-v1",
        "",
        "unknown unityName",
        "a field of the newer document",
    ),
    (
        "company-v1",
        "",
        "lacks links",
        "the files require a `links` of the envelope that they do not define; the envelope has two keys",
    ),
    (
        "customers-v1",
        "",
        "lacks links",
        "the files require a `links` of the envelope that they do not define; the envelope has two keys",
    ),
    (
        "customers-v1",
        "",
        "unknown modifiedAtDateTime",
        "a field of the newer document",
    ),
    (
        "enterprise-v1",
        "",
        "lacks links",
        "the files require a `links` of the envelope that they do not define; the envelope has two keys",
    ),
    (
        "indexers-v1",
        "",
        "lacks links",
        "the files require a `links` of the envelope that they do not define; the envelope has two keys",
    ),
    (
        "sales-contracts-v1",
        "/brokers",
        "type",
        "an object in these files, an array in the newer document's schema and examples",
    ),
    (
        "sales-contracts-v1",
        "/paymentConditions",
        "type",
        "an object in these files, an array in the newer document's schema and examples",
    ),
    (
        "sales-contracts-v1",
        "/salesContractCustomers",
        "type",
        "an object in these files, an array in the newer document's schema and examples",
    ),
    (
        "sales-contracts-v1",
        "/salesContractUnits",
        "type",
        "an object in these files, an array in the newer document's schema and examples",
    ),
    (
        "unit-v1",
        "",
        "lacks links",
        "the files require a `links` of the envelope that they do not define; the envelope has two keys",
    ),
];

/// Further deviations in documented shapes.
const DOCUMENTED: &[Quirk] = &[(
    "accounts-receivable-v1",
    "",
    "unknown conditionType",
    "the newer document's schema calls `conditionTypeId` so",
)];

/// Further deviations in production shapes (besides nulls, see `deviations`).
const PRODUCTION: &[Quirk] = &[
    (
        "bulk-data-income-v1",
        "/paymentTerm",
        "unknown descrition",
        "production misspells `description`",
    ),
    (
        "bulk-data-income-v1",
        "/receipts/*",
        "unknown creditDate",
        "production adds it",
    ),
    (
        "customers-v1",
        "",
        "unknown socialName",
        "a field of the newer document, unset (left out in documented shapes)",
    ),
    (
        "sales-contracts-v1",
        "",
        "unknown creationDate",
        "third parties see it",
    ),
    (
        "sales-contracts-v1",
        "",
        "unknown lastUpdateDate",
        "third parties see it",
    ),
];

fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("SIENGE_OPENAPI_DIR").map(PathBuf::from);
    let beside =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference/sienge-openapi");
    named.into_iter().chain([beside]).find(|path| path.is_dir())
}

/// A Swagger 2.0 file as a JSON schema for one of its answers. Fields the file does not know are
/// errors; every known field may still be absent, as the files leave open.
fn schema(folder: &std::path::Path, file: &str, path: &str) -> Value {
    let bytes = std::fs::read(folder.join(format!("{file}.yaml"))).unwrap();
    let document: Value = serde_saphyr::from_str(&String::from_utf8_lossy(&bytes)).unwrap();
    let answer = &document["paths"][path]["get"]["responses"]["200"]["schema"];
    assert!(answer.is_object(), "{file} {path}");
    let mut root = strict(answer);
    let definitions = document["definitions"].as_object().unwrap();
    let strict_ones = definitions
        .iter()
        .map(|(name, definition)| (name.clone(), strict(&merged(definition, definitions))));
    root["definitions"] = Value::Object(strict_ones.collect());
    root
}

/// One object out of an `allOf`: JSON schema would refuse in each part the fields of the others.
fn merged(schema: &Value, definitions: &Map<String, Value>) -> Value {
    if let Some(name) = schema["$ref"]
        .as_str()
        .and_then(|name| name.strip_prefix("#/definitions/"))
    {
        return merged(&definitions[name], definitions);
    }
    let Some(parts) = schema["allOf"].as_array() else {
        return schema.clone();
    };
    let mut properties = schema["properties"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    for part in parts {
        properties.extend(
            merged(part, definitions)["properties"]
                .as_object()
                .cloned()
                .unwrap_or_default(),
        );
    }
    json!({"type": "object", "properties": properties})
}

fn strict(schema: &Value) -> Value {
    match schema {
        Value::Object(map) => {
            let mut kept: Map<String, Value> = map
                .iter()
                .map(|(key, value)| (key.clone(), strict(value)))
                .collect();
            // Some files put `required: true` on a property, which is not JSON schema.
            kept.retain(|key, value| key != "required" || value.is_array());
            kept.remove("format");
            if kept
                .get("properties")
                .is_some_and(|properties| properties.get("type").is_none_or(Value::is_object))
            {
                kept.entry("additionalProperties").or_insert(json!(false));
            }
            Value::Object(kept)
        }
        Value::Array(rows) => rows.iter().map(strict).collect(),
        other => other.clone(),
    }
}

/// What deviates, as (place, what).
fn deviations(schema: &Value, answer: &Value, nulls: bool) -> BTreeSet<(String, String)> {
    let validator = jsonschema::options()
        .with_draft(jsonschema::Draft::Draft4)
        .build(schema)
        .unwrap();
    let mut found = BTreeSet::new();
    for error in validator.iter_errors(answer) {
        let place = error.instance_path().to_string();
        // Production's most general deviation, which no file mentions: what is unset comes as null.
        if nulls && error.instance().is_null() {
            continue;
        }
        let index = |segment: &str| {
            !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit())
        };
        let segments: Vec<&str> = place
            .split('/')
            .map(|segment| if index(segment) { "*" } else { segment })
            .collect();
        // A row deviates alike in a list and alone.
        let place = segments.join("/");
        let place = ["/results/*", "/data/*"]
            .iter()
            .find_map(|list| place.strip_prefix(list))
            .unwrap_or(&place)
            .to_owned();
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                found.extend(
                    unexpected
                        .iter()
                        .map(|name| (place.clone(), format!("unknown {name}"))),
                );
            }
            ValidationErrorKind::Required { property } => {
                found.insert((
                    place,
                    format!("lacks {}", property.as_str().unwrap_or_default()),
                ));
            }
            kind => {
                found.insert((place, kind.keyword().to_owned()));
            }
        }
    }
    found
}

/// Every simulated answer the files describe: file, path in it, address.
async fn questions(simulator: &Simulator) -> Vec<(&'static str, &'static str, String)> {
    let (bill, _, row) = simulator.open_one().await;
    let (customer, contract) = (&row["customerId"], &row["salesContractId"]);
    let hook = simulator
        .hook("http://127.0.0.1:9/none", &["RECEIPT_PROCESSED"])
        .await;
    let bills = "v1/accounts-receivable/receivable-bills";
    let due = "startDueDate=2000-01-01&endDueDate=2090-12-31";
    vec![
        ("company-v1", "/companies", "v1/companies".into()),
        (
            "company-v1",
            "/companies/{companyId}",
            "v1/companies/1".into(),
        ),
        ("cost-center-v1", "/cost-centers", "v1/cost-centers".into()),
        (
            "cost-center-v1",
            "/cost-centers/{costCenterId}",
            "v1/cost-centers/101".into(),
        ),
        ("enterprise-v1", "/enterprises", "v1/enterprises".into()),
        (
            "enterprise-v1",
            "/enterprises/{enterpriseId}",
            "v1/enterprises/101".into(),
        ),
        ("unit-v1", "/units", "v1/units".into()),
        ("unit-v1", "/units/{unitId}", "v1/units/700001".into()),
        (
            "customers-v1",
            "/customers",
            "v1/customers?limit=200".into(),
        ),
        (
            "customers-v1",
            "/customers/{id}",
            format!("v1/customers/{customer}"),
        ),
        (
            "sales-contracts-v1",
            "/sales-contracts",
            "v1/sales-contracts".into(),
        ),
        (
            "sales-contracts-v1",
            "/sales-contracts/{id}",
            format!("v1/sales-contracts/{contract}"),
        ),
        (
            "accounts-receivable-v1",
            "/accounts-receivable/receivable-bills",
            format!("{bills}?customerId={customer}"),
        ),
        (
            "accounts-receivable-v1",
            "/accounts-receivable/receivable-bills/{receivableBillId}",
            format!("{bills}/{bill}"),
        ),
        (
            "accounts-receivable-v1",
            "/accounts-receivable/receivable-bills/{receivableBillId}/installments",
            format!("{bills}/{bill}/installments"),
        ),
        ("hooks-v1", "/hooks", "v1/hooks".into()),
        ("hooks-v1", "/hooks/{hookId}", format!("v1/hooks/{hook}")),
        ("indexers-v1", "/indexers", "v1/indexers".into()),
        (
            "bulk-data-income-v1",
            "/income",
            "bulk-data/v1/income?startDate=2000-01-01&endDate=2090-12-31&selectionType=D".into(),
        ),
        (
            "bulk-data-income-v1",
            "/income/by-bills",
            format!("bulk-data/v1/income/by-bills?billsIds={bill}"),
        ),
        (
            "bulk-data-customer-extract-history-v1",
            "/customer-extract-history",
            format!("bulk-data/v1/customer-extract-history?{due}"),
        ),
    ]
}

async fn check(shapes: Shapes, quirks: &[&[Quirk]]) {
    let Some(folder) = folder() else {
        println!("note: the vendor's files are not here; the contract is not checked");
        return;
    };
    let simulator = with(Options {
        shapes,
        ..options(2_000)
    })
    .await;
    let nulls = shapes == Shapes::Production;
    let mut found: BTreeMap<&str, BTreeSet<(String, String)>> = BTreeMap::new();
    for (file, path, address) in questions(&simulator).await {
        let answer = simulator.get(&address).await;
        let rows = answer
            .get("results")
            .or(answer.get("data"))
            .and_then(Value::as_array);
        assert!(
            rows.is_none_or(|rows| !rows.is_empty()),
            "{address} answers nothing to check"
        );
        found.entry(file).or_default().extend(deviations(
            &schema(&folder, file, path),
            &answer,
            nulls,
        ));
    }
    let found: BTreeSet<(String, String, String)> = found
        .into_iter()
        .flat_map(|(file, rows)| {
            rows.into_iter()
                .map(move |(place, what)| (file.to_owned(), place, what))
        })
        .collect();
    let listed: BTreeSet<(String, String, String)> = quirks
        .iter()
        .flat_map(|rows| rows.iter())
        .map(|(file, place, what, _)| ((*file).to_owned(), (*place).to_owned(), (*what).to_owned()))
        .collect();
    let lines = |rows: BTreeSet<&(String, String, String)>| {
        rows.iter()
            .map(|row| format!("  {row:?}"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let new = lines(found.difference(&listed).collect());
    let stale = lines(listed.difference(&found).collect());
    assert!(
        new.is_empty() && stale.is_empty(),
        "deviations not listed:\n{new}\nlisted but gone:\n{stale}"
    );
}

#[tokio::test]
async fn documented_shapes_keep_the_published_contract() {
    check(Shapes::Documented, &[COMMON, DOCUMENTED]).await;
}

#[tokio::test]
async fn production_shapes_deviate_only_where_production_does() {
    check(Shapes::Production, &[COMMON, PRODUCTION]).await;
}

#[tokio::test]
async fn documented_shapes_are_the_ones_the_client_must_also_stand() {
    let simulator = with(Options {
        shapes: Shapes::Documented,
        ..options(600)
    })
    .await;
    let (bill, _, row) = simulator.open_one().await;
    let statement = simulator
        .get(&format!(
            "v1/customer-financial-statements?customerId={}",
            row["customerId"]
        ))
        .await;
    assert!(statement["results"][0]["billsReceivable"].is_object());
    let page = simulator
        .get(&format!(
            "v1/accounts-receivable/receivable-bills/{bill}/installments"
        ))
        .await;
    assert!(page["results"][0]["conditionType"].is_string());
    let contract = simulator
        .get(&format!("v1/sales-contracts/{}", row["salesContractId"]))
        .await;
    assert_eq!(contract["situation"], "Emitido");
    assert!(
        contract["contractDate"]
            .as_str()
            .unwrap()
            .ends_with("T00:00:00.000Z")
    );
    let income = simulator
        .get(&format!("bulk-data/v1/income/by-bills?billsIds={bill}"))
        .await;
    assert!(income["data"][0]["paymentTerm"]["description"].is_string());
    let nothing = "bulk-data/v1/income?startDate=1990-01-01&endDate=1990-01-02&selectionType=D";
    assert_eq!(simulator.send(nothing).await.status(), 404);
    assert_eq!(
        simulator
            .send("v1/accounts-receivable/receivable-bills?customerId=1")
            .await
            .status(),
        404
    );
}
