//! All sources tell the same story, for every installment, before and after a busy day; and the
//! generator tells the same story for the same seed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sienge_simulator::Options;

use crate::support::{Simulator, cents, key, options, simulator, with};

type Book = BTreeMap<(u64, u64), Value>;

/// What every source can say of an installment.
fn common(
    due: &Value,
    condition: &Value,
    original: &Value,
    boleto: &Value,
    receipts: &[Value],
) -> Value {
    json!({"due": due, "condition": condition, "original": cents(original), "boleto": boleto, "receipts": receipts})
}

fn receipt(row: &Value, keys: [&str; 4]) -> Value {
    let [kind, date, gross, net] = keys;
    json!([row[kind], row[date], cents(&row[gross]), cents(&row[net])])
}

fn receipts(row: &Value, keys: [&str; 4]) -> Vec<Value> {
    row["receipts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| receipt(one, keys))
        .collect()
}

async fn income(simulator: &Simulator) -> Book {
    let answer = simulator
        .get("bulk-data/v1/income?startDate=1990-01-01&endDate=2120-12-31&selectionType=D")
        .await;
    answer["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (key(row, "billId"), row.clone()))
        .collect()
}

/// Rows of the extract and of the statement, by bill and installment id.
fn by_bill(bills: &Value, bill_key: &str, id_key: &str) -> Book {
    let rows = |bill: &Value| {
        let number = bill[bill_key].as_u64().unwrap();
        let rows = bill["installments"].as_array().unwrap().clone();
        rows.into_iter()
            .map(move |row| ((number, row[id_key].as_u64().unwrap()), row))
            .collect::<Vec<_>>()
    };
    bills.as_array().unwrap().iter().flat_map(rows).collect()
}

async fn extract(simulator: &Simulator) -> Book {
    let path =
        "bulk-data/v1/customer-extract-history?startDueDate=1990-01-01&endDueDate=2120-12-31";
    by_bill(&simulator.get(path).await["data"], "billReceivableId", "id")
}

async fn statements(simulator: &Simulator, world: &Book) -> Book {
    let customers: BTreeSet<u64> = world
        .values()
        .map(|row| row["customerId"].as_u64().unwrap())
        .collect();
    let mut all = Book::new();
    for customer in customers {
        let answer = simulator
            .get(&format!(
                "v1/customer-financial-statements?customerId={customer}"
            ))
            .await;
        all.append(&mut by_bill(
            &answer["results"][0]["billsReceivable"],
            "billReceivableId",
            "installmentId",
        ));
    }
    all
}

async fn rest(simulator: &Simulator, world: &Book) -> Book {
    let bills: BTreeSet<u64> = world.keys().map(|id| id.0).collect();
    let mut all = Book::new();
    for bill in bills {
        let mut offset = 0;
        loop {
            let path = format!(
                "v1/accounts-receivable/receivable-bills/{bill}/installments?limit=200&offset={offset}"
            );
            let page = simulator.get(&path).await;
            let rows = page["results"].as_array().unwrap();
            if rows.is_empty() {
                break;
            }
            offset += rows.len();
            all.extend(
                rows.iter()
                    .map(|row| (key(row, "receivableBillId"), row.clone())),
            );
        }
    }
    all
}

#[allow(clippy::too_many_lines, reason = "one story")]
async fn agree(simulator: &Simulator) {
    let world = simulator.world().await;
    let control: Book = world
        .iter()
        .map(|(id, row)| {
            let receipts = receipts(row, ["type", "date", "grossValue", "netValue"]);
            (
                *id,
                common(
                    &row["dueDate"],
                    &row["conditionTypeId"],
                    &row["originalValue"],
                    &row["generatedBillet"],
                    &receipts,
                ),
            )
        })
        .collect();
    let income = income(simulator).await;
    let corrected = |id: &(u64, u64)| cents(&income[id]["correctedBalanceAmount"]);
    let balance = |id: &(u64, u64)| cents(&world[id]["balance"]);
    let same_keys = |book: &Book| {
        assert!(
            book.keys().eq(control.keys()),
            "every installment, and no other"
        );
    };

    same_keys(&income);
    for (id, row) in &income {
        let receipts = receipts(
            row,
            [
                "operationTypeName",
                "paymentDate",
                "grossAmount",
                "netAmount",
            ],
        );
        let boleto = &control[id]["boleto"];
        let said = common(
            &row["dueDate"],
            &row["paymentTerm"]["id"],
            &row["originalAmount"],
            boleto,
            &receipts,
        );
        assert_eq!(said, control[id], "income {id:?}");
        assert_eq!(cents(&row["balanceAmount"]), balance(id), "income {id:?}");
        assert_eq!(row["clientId"], world[id]["customerId"]);
    }
    let extract = extract(simulator).await;
    same_keys(&extract);
    for (id, row) in &extract {
        let receipts = receipts(row, ["type", "date", "value", "netReceipt"]);
        let said = common(
            &row["dueDate"],
            &row["paymentTerms"]["id"],
            &row["originalValue"],
            &row["generatedBillet"],
            &receipts,
        );
        assert_eq!(said, control[id], "extract {id:?}");
        assert_eq!(
            cents(&row["currentBalance"]),
            corrected(id),
            "extract {id:?}"
        );
        let situation = match (balance(id) == 0, receipts.is_empty()) {
            (true, _) => "2",
            (false, true) => "0",
            (false, false) => "1",
        };
        assert_eq!(row["installmentSituation"], situation, "extract {id:?}");
    }
    let statements = statements(simulator, &world).await;
    same_keys(&statements);
    for (id, row) in &statements {
        let receipts = receipts(
            row,
            [
                "receiptType",
                "receiptDate",
                "receiptValue",
                "netReceiptValue",
            ],
        );
        let said = common(
            &row["dueDate"],
            &row["conditionType"],
            &row["originalValue"],
            &row["generatedBillet"],
            &receipts,
        );
        assert_eq!(said, control[id], "statement {id:?}");
        assert_eq!(
            cents(&row["currentBalance"]),
            corrected(id),
            "statement {id:?}"
        );
    }
    let rest = rest(simulator, &world).await;
    same_keys(&rest);
    for (id, row) in &rest {
        let said = [
            &row["dueDate"],
            &row["conditionTypeId"],
            &row["generatedTicket"],
        ];
        assert_eq!(
            said,
            ["due", "condition", "boleto"].map(|name| &control[id][name]),
            "installments {id:?}"
        );
        assert_eq!(
            cents(&row["balanceDue"]),
            balance(id),
            "installments {id:?}"
        );
    }
}

#[tokio::test]
async fn every_source_agrees_on_every_installment() {
    let simulator = with(Options {
        quotas: false,
        ..options(1_500)
    })
    .await;
    agree(&simulator).await;
    let world = simulator.world().await;
    let open: Vec<&Value> = world
        .values()
        .filter(|row| row["balance"] != "0.00" && row["receipts"] == json!([]))
        .collect();
    let at = |index: usize| json!({"billId": open[index]["billId"], "installmentId": open[index]["installmentId"]});
    let and = |index: usize, more: Value| {
        let mut body = at(index);
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    simulator.operate("receive", at(0)).await;
    simulator
        .operate(
            "receive",
            and(1, json!({"value": "0.01", "interest": "1.00"})),
        )
        .await;
    simulator
        .operate("receive", and(2, json!({"value": "0.50", "total": true})))
        .await;
    simulator.operate("reverse", at(0)).await;
    simulator
        .operate("reverse", and(2, json!({"mode": "receipt"})))
        .await;
    simulator
        .operate(
            "change",
            and(3, json!({"dueDate": "2029-01-15", "value": "77.77"})),
        )
        .await;
    simulator.operate("boleto", at(4)).await;
    simulator
        .operate("remake", and(5, json!({"count": 2})))
        .await;
    let last = open.last().unwrap();
    simulator
        .operate("assign", json!({"billId": last["billId"]}))
        .await;
    let other = open
        .iter()
        .find(|row| row["billId"] != last["billId"] && row["billId"] != open[0]["billId"])
        .unwrap();
    simulator
        .operate("cancel", json!({"billId": other["billId"]}))
        .await;
    simulator
        .operate("add", json!({"contract": {"installments": 5}}))
        .await;
    agree(&simulator).await;
}

#[tokio::test]
async fn the_same_seed_gives_the_same_world_and_another_seed_another() {
    let (first, second) = (simulator(2_000).await, simulator(2_000).await);
    let other = with(Options {
        seed: 8,
        ..options(2_000)
    })
    .await;
    let world = first.world().await;
    assert_eq!(world.len(), 2_000);
    assert_eq!(world, second.world().await);
    assert_ne!(world, other.world().await);
    let customers = first.get("v1/customers?limit=200").await;
    assert_eq!(customers, second.get("v1/customers?limit=200").await);
}

#[tokio::test]
async fn sizes_are_exact_from_the_smallest_on_and_contracts_are_bounded() {
    for installments in [1, 2, 10, 11, 137, 5_000] {
        let simulator = simulator(installments).await;
        assert_eq!(
            simulator.world().await.len(),
            usize::try_from(installments).unwrap()
        );
    }
    let simulator = with(Options {
        contracts: Some(4),
        ..options(1_000)
    })
    .await;
    assert_eq!(
        simulator.get("v1/sales-contracts").await["resultSetMetadata"]["count"],
        4
    );
}

#[tokio::test]
async fn a_middling_world_holds_every_case_the_portfolio_must_stand() {
    let simulator = simulator(8_000).await;
    let rows = simulator.installments("").await;
    let any = |meant: &dyn Fn(&Value) -> bool| rows.iter().any(meant);
    let kinds = [
        "Abatimento de Adiantamento",
        "Adiantamento",
        "Bonificação",
        "Cancelamento",
        "Outros",
        "Outros com Resíduo",
        "Por Bens",
        "Promoção",
        "Recebimento",
        "Sorteio",
        "Substituição",
        "Reparcelamento",
        "Distrato",
    ];
    for kind in kinds {
        assert!(
            any(&|row| row["receipts"]
                .as_array()
                .unwrap()
                .iter()
                .any(|one| one["type"] == kind)),
            "{kind}"
        );
    }
    for condition in ["AT", "PM", "PI", "CH", "RE"] {
        assert!(
            any(&|row| row["conditionTypeId"] == condition),
            "{condition}"
        );
    }
    assert!(any(
        &|row| row["documentId"] != "CT" && row["enterpriseId"].is_null()
    ));
    assert!(
        any(&|row| row["balance"] != "0.00" && row["receipts"] != json!([])),
        "a partial receipt"
    );
    assert!(any(&|row| row["generatedBillet"] == true) && any(&|row| row["listed"] == true));
    for situation in ["normal", "inBilling", "defaulting", "subjudice"] {
        assert!(any(&|row| row["situation"] == situation), "{situation}");
    }
    let settled_below = |row: &Value| {
        let received: i64 = row["receipts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| cents(&one["grossValue"]))
            .sum();
        row["balance"] == "0.00" && received < cents(&row["originalValue"])
    };
    assert!(any(&settled_below), "a total below the value");
    for row in &rows {
        let amortised: i64 = row["receipts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| cents(&one["amortised"]))
            .sum();
        assert_eq!(
            cents(&row["originalValue"]) - amortised,
            cents(&row["balance"]),
            "{row}"
        );
        assert!(
            cents(&row["balance"]) >= 0 && cents(&row["originalValue"]) > 0,
            "{row}"
        );
    }
}
