//! Every operation: what it changes and which webhooks it fires.

use serde_json::{Value, json};

use crate::support::{Receiver, Simulator, TODAY, cents, simulator};

const EVENTS: &[&str] = &[
    "RECEIPT_PROCESSED",
    "RECEIVABLE_INSTALLMENT_CREATED",
    "RECEIVABLE_INSTALLMENT_UPDATED",
    "RECEIVABLE_INSTALLMENT_REMOVED",
    "SALES_CONTRACT_CREATED",
    "SALES_CONTRACT_ISSUED",
    "SALES_CONTRACT_CANCELED",
    "SALES_CONTRACT_REMOVED",
    "ASSIGNMENT_RIGHTS_AGREEMENT_UPDATED",
    "UPDATE_RECEIVABLE_BILL_SITUATION",
    "BOOK_COLLECTION_CONFIRMED",
    "PAYMENT_SLIP_REGISTERED",
    "CUSTOMER_CREATED",
    "CUSTOMER_UPDATED",
    "CUSTOMER_DISABLED",
    "COST_CENTER_CREATED",
];

struct Scene {
    simulator: Simulator,
    receiver: Receiver,
    bill: u64,
    installment: u64,
    row: Value,
}

async fn scene() -> Scene {
    let simulator = simulator(600).await;
    let (receiver, url) = Receiver::open(0).await;
    simulator.hook(&url, EVENTS).await;
    let (bill, installment, row) = simulator.open_one().await;
    Scene {
        simulator,
        receiver,
        bill,
        installment,
        row,
    }
}

impl Scene {
    /// Operates on the scene's installment and gives its new line.
    async fn on_it(&self, name: &str, more: Value) -> Value {
        let mut body = json!({"billId": self.bill, "installmentId": self.installment});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        self.simulator.operate(name, body).await["changed"][0].clone()
    }

    async fn told(&self, count: usize) -> Vec<(String, Value)> {
        self.receiver.wait(count).await;
        let arrived = self.receiver.settle().await;
        let mut told: Vec<(String, Value)> = arrived
            .into_iter()
            .map(|one| (one.event().to_owned(), one.body))
            .collect();
        told.sort_by_key(|(event, body)| (event.clone(), body.to_string()));
        told
    }

    fn ids(&self) -> Value {
        json!({"receivableBillId": self.bill, "installmentId": self.installment})
    }
}

#[tokio::test]
async fn a_partial_receipt_leaves_the_rest_open_and_a_second_settles() {
    let scene = scene().await;
    let original = cents(&scene.row["balance"]);
    let row = scene.on_it("receive", json!({"value": "10.55"})).await;
    assert_eq!(cents(&row["balance"]), original - 1_055);
    let row = scene
        .on_it(
            "receive",
            json!({"type": "Adiantamento", "interest": "1.00", "discount": "0.25"}),
        )
        .await;
    assert_eq!(row["balance"], "0.00");
    assert_eq!(
        cents(&row["receipts"][1]["netValue"]),
        original - 1_055 + 75
    );
    assert_eq!(row["receipts"][1]["date"], TODAY.to_string());
    let body = json!({"billId": scene.bill, "installmentId": scene.installment});
    let expected = vec![
        ("RECEIPT_PROCESSED".to_owned(), body.clone()),
        ("RECEIPT_PROCESSED".to_owned(), body),
    ];
    assert_eq!(scene.told(2).await, expected);
    let error = scene
        .simulator
        .refused(
            "receive",
            json!({"billId": scene.bill, "installmentId": scene.installment}),
        )
        .await;
    assert!(error.contains("nothing open"), "{error}");
}

#[tokio::test]
async fn a_total_with_a_smaller_value_settles() {
    let scene = scene().await;
    let row = scene
        .on_it("receive", json!({"value": 1, "total": true}))
        .await;
    assert_eq!(
        (&row["balance"], &row["receipts"][0]["grossValue"]),
        (&json!("0.00"), &json!("1.00"))
    );
}

#[tokio::test]
async fn other_receipt_types_are_silent() {
    let scene = scene().await;
    scene.on_it("receive", json!({"type": "Por Bens"})).await;
    assert!(scene.receiver.settle().await.is_empty());
}

#[tokio::test]
async fn silent_operations_change_the_world_and_tell_nobody() {
    let scene = scene().await;
    let row = scene.on_it("receive", json!({"silent": true})).await;
    assert_eq!(row["balance"], "0.00");
    assert!(scene.receiver.settle().await.is_empty());
}

#[tokio::test]
async fn a_reversal_takes_the_receipt_away_and_speaks_only_when_asked() {
    let scene = scene().await;
    scene.on_it("receive", json!({"silent": true})).await;
    let row = scene.on_it("reverse", json!({})).await;
    assert_eq!(
        (&row["balance"], &row["receipts"]),
        (&scene.row["balance"], &json!([]))
    );
    assert!(scene.receiver.settle().await.is_empty());
    scene.on_it("receive", json!({"silent": true})).await;
    scene.on_it("reverse", json!({"notify": true})).await;
    assert_eq!(
        scene.told(1).await,
        [("RECEIVABLE_INSTALLMENT_UPDATED".to_owned(), scene.ids())]
    );
}

#[tokio::test]
async fn a_reversal_can_be_a_negative_receipt() {
    let scene = scene().await;
    let original = cents(&scene.row["balance"]);
    scene.on_it("receive", json!({"fine": "2.00"})).await;
    let row = scene.on_it("reverse", json!({"mode": "receipt"})).await;
    assert_eq!(cents(&row["balance"]), original);
    assert_eq!(row["receipts"][1]["type"], "Estorno");
    assert_eq!(cents(&row["receipts"][1]["netValue"]), -original - 200);
    let body = json!({"billId": scene.bill, "installmentId": scene.installment, "mode": "receipt"});
    let error = scene.simulator.refused("reverse", body).await;
    assert!(
        error.contains("no such receipt"),
        "a receipt is undone once: {error}"
    );
}

#[tokio::test]
async fn a_change_shows_in_the_lists_and_is_told() {
    let scene = scene().await;
    let row = scene
        .on_it(
            "change",
            json!({"dueDate": "2031-02-28", "value": "123.45", "conditionTypeId": "PI"}),
        )
        .await;
    assert_eq!(
        (&row["dueDate"], &row["balance"]),
        (&json!("2031-02-28"), &json!("123.45"))
    );
    let path = format!(
        "v1/accounts-receivable/receivable-bills/{}/installments?limit=200",
        scene.bill
    );
    let page = scene.simulator.get(&path).await;
    let rows = page["results"].as_array().unwrap();
    let seen = rows
        .iter()
        .find(|row| row["installmentId"] == scene.installment)
        .unwrap();
    assert_eq!(
        (&seen["dueDate"], &seen["conditionTypeId"]),
        (&json!("2031-02-28"), &json!("PI"))
    );
    assert_eq!(cents(&seen["balanceDue"]), 12_345);
    scene
        .simulator
        .operate(
            "change",
            json!({"billId": scene.bill, "situation": "subjudice"}),
        )
        .await;
    let bill = scene
        .simulator
        .get(&format!(
            "v1/accounts-receivable/receivable-bills/{}",
            scene.bill
        ))
        .await;
    assert_eq!(
        (&bill["subjudice"], &bill["normal"]),
        (&json!(true), &json!(false))
    );
    let situation = json!({"receivableBillId": [scene.bill], "situation": "Sub judice"});
    let expected = [
        ("RECEIVABLE_INSTALLMENT_UPDATED".to_owned(), scene.ids()),
        ("UPDATE_RECEIVABLE_BILL_SITUATION".to_owned(), situation),
    ];
    assert_eq!(scene.told(2).await, expected);
}

#[tokio::test]
async fn installments_are_added_and_removed_and_their_ids_never_come_back() {
    let scene = scene().await;
    let rows = json!([{"dueDate": "2027-01-10", "value": "50.00", "conditionTypeId": "RE"}]);
    let add = json!({"billId": scene.bill, "installments": rows});
    let first = scene.simulator.operate("add", add.clone()).await["changed"][0].clone();
    assert_eq!(
        (&first["conditionTypeId"], &first["balance"]),
        (&json!("RE"), &json!("50.00"))
    );
    scene
        .simulator
        .operate(
            "remove",
            json!({"billId": scene.bill, "installmentId": first["installmentId"]}),
        )
        .await;
    let second = scene.simulator.operate("add", add).await["changed"][0].clone();
    assert_eq!(
        second["installmentId"].as_u64().unwrap(),
        first["installmentId"].as_u64().unwrap() + 1
    );
    let events: Vec<String> = scene
        .told(3)
        .await
        .into_iter()
        .map(|(event, _)| event)
        .collect();
    let expected = [
        "RECEIVABLE_INSTALLMENT_CREATED",
        "RECEIVABLE_INSTALLMENT_CREATED",
        "RECEIVABLE_INSTALLMENT_REMOVED",
    ];
    assert_eq!(events, expected);
}

#[tokio::test]
async fn a_new_contract_brings_customer_unit_and_installments() {
    let scene = scene().await;
    let body = json!({"contract": {"enterpriseId": 102, "installments": 3, "value": "700.00", "firstDueDate": "2027-01-31"}});
    let answer = scene.simulator.operate("add", body).await;
    let contract = answer["bills"][0]["salesContractId"].clone();
    let seen = scene
        .simulator
        .get(&format!("v1/sales-contracts/{contract}"))
        .await;
    assert_eq!(
        (&seen["enterpriseId"], &seen["receivableBillId"]),
        (&json!(102), &answer["bills"][0]["billId"])
    );
    let unit = scene
        .simulator
        .get(&format!("v1/units/{}", seen["salesContractUnits"][0]["id"]))
        .await;
    assert_eq!(
        (&unit["contractId"], &unit["commercialStock"]),
        (&contract, &json!("V"))
    );
    let dates: Vec<&Value> = answer["changed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["dueDate"])
        .collect();
    assert_eq!(dates, ["2027-01-31", "2027-02-28", "2027-03-31"]);
    let customer = scene
        .simulator
        .get(&format!("v1/customers/{}", answer["customers"][0]))
        .await;
    assert_eq!(customer["createdAt"], TODAY.to_string());
    let told = scene.told(6).await;
    assert_eq!(
        told.iter()
            .filter(|(event, _)| event == "RECEIVABLE_INSTALLMENT_CREATED")
            .count(),
        3
    );
    for event in [
        "CUSTOMER_CREATED",
        "SALES_CONTRACT_CREATED",
        "SALES_CONTRACT_ISSUED",
    ] {
        assert!(told.iter().any(|(name, _)| name == event), "{event}");
    }
}

#[tokio::test]
async fn a_bill_entered_by_hand_has_no_enterprise() {
    let scene = scene().await;
    let rows = json!([{"dueDate": "2027-01-10", "value": "50.00"}, {"dueDate": "2027-02-10", "value": "50.00"}]);
    let bill = json!({"customerId": scene.row["customerId"], "companyId": 2, "documentId": "REC", "documentNumber": "77", "installments": rows});
    let answer = scene.simulator.operate("add", json!({"bill": bill})).await;
    let id = &answer["bills"][0]["billId"];
    let income = scene
        .simulator
        .get(&format!("bulk-data/v1/income/by-bills?billsIds={id}"))
        .await;
    let row = &income["data"][1];
    assert_eq!(
        (
            &row["originId"],
            &row["companyId"],
            &row["receiptsCategories"]
        ),
        (&json!("CR"), &json!(2), &json!([]))
    );
    assert_eq!(
        (&row["documentIdentificationId"], &row["documentNumber"]),
        (&json!("REC"), &json!("77"))
    );
}

#[tokio::test]
async fn a_cancellation_writes_everything_open_off_as_distrato() {
    let scene = scene().await;
    scene
        .simulator
        .operate("cancel", json!({"billId": scene.bill, "reason": "Atraso"}))
        .await;
    for row in scene
        .simulator
        .installments(&format!("billId={}", scene.bill))
        .await
    {
        assert_eq!(
            (&row["balance"], &row["cancelled"]),
            (&json!("0.00"), &json!(true))
        );
    }
    let query = format!(
        "startDueDate=2000-01-01&endDueDate=2090-01-01&billReceivableId={}",
        scene.bill
    );
    let extract = scene
        .simulator
        .get(&format!("bulk-data/v1/customer-extract-history?{query}"))
        .await;
    assert_eq!(
        extract["data"][0]["revokedBillReceivableDate"],
        TODAY.to_string()
    );
    let contract = scene.row["salesContractId"].clone();
    let seen = scene
        .simulator
        .get(&format!("v1/sales-contracts/{contract}"))
        .await;
    assert_eq!(
        (&seen["situation"], &seen["cancellationReason"]),
        (&json!("3"), &json!("Atraso"))
    );
    assert_eq!(
        scene.told(1).await,
        [(
            "SALES_CONTRACT_CANCELED".to_owned(),
            json!({"salesContractId": contract})
        )]
    );
}

#[tokio::test]
async fn an_assignment_moves_the_bill_to_the_other_customer_everywhere() {
    let scene = scene().await;
    let before = scene.row["customerId"].clone();
    let answer = scene
        .simulator
        .operate("assign", json!({"billId": scene.bill}))
        .await;
    let after = answer["customers"][0].clone();
    let path = |id: &Value| format!("v1/accounts-receivable/receivable-bills?customerId={id}");
    let bills = async |id: &Value| {
        let page = scene.simulator.get(&path(id)).await;
        page["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["receivableBillId"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    assert!(!bills(&before).await.contains(&scene.bill));
    assert_eq!(bills(&after).await, [scene.bill]);
    let contract = scene
        .simulator
        .get(&format!(
            "v1/sales-contracts/{}",
            scene.row["salesContractId"]
        ))
        .await;
    assert_eq!(contract["salesContractCustomers"][0]["id"], after);
    let body = json!({
        "receivableBillId": scene.bill, "dtRightAssignment": TODAY.to_string(),
        "customersIdBefore": [before], "customersIdAfter": [after],
    });
    let told = scene.told(2).await;
    assert_eq!(
        told[0],
        ("ASSIGNMENT_RIGHTS_AGREEMENT_UPDATED".to_owned(), body)
    );
}

#[tokio::test]
async fn a_remake_closes_some_opens_others_and_can_be_undone() {
    let scene = scene().await;
    let open = scene
        .simulator
        .installments(&format!("open=true&billId={}", scene.bill))
        .await;
    let untouched = open
        .iter()
        .filter(|row| row["receipts"] == json!([]))
        .take(2);
    let ids: Vec<u64> = untouched
        .map(|row| row["installmentId"].as_u64().unwrap())
        .collect();
    let body = json!({"billId": scene.bill, "installmentIds": ids, "count": 3, "value": "100.00"});
    let answer = scene.simulator.operate("remake", body).await;
    let changed = answer["changed"].as_array().unwrap();
    assert_eq!(changed[0]["receipts"][0]["type"], "Reparcelamento");
    assert_eq!(changed[0]["balance"], "0.00");
    let values: Vec<&Value> = changed[2..]
        .iter()
        .map(|row| &row["originalValue"])
        .collect();
    assert_eq!(values, ["33.34", "33.33", "33.33"]);
    let list = scene
        .simulator
        .get(&format!(
            "v1/remade-installments?billReceivableId={}",
            scene.bill
        ))
        .await;
    let last = list["results"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        last["remadeInstallmentsDescription"],
        format!("{}, {}", ids[0], ids[1])
    );
    assert_eq!(
        (&last["remadeDate"], cents(&last["generatedValue"])),
        (&json!(TODAY.to_string()), 10_000)
    );
    scene
        .simulator
        .operate("remake", json!({"billId": scene.bill, "undo": true}))
        .await;
    let again = scene
        .simulator
        .installments(&format!("open=true&billId={}", scene.bill))
        .await;
    let balances = |rows: &[Value]| {
        rows.iter()
            .map(|row| (row["installmentId"].clone(), row["balance"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(balances(&again), balances(&open));
    let told = scene.told(10).await;
    let count = |name: &str| told.iter().filter(|(event, _)| event == name).count();
    assert_eq!(count("RECEIVABLE_INSTALLMENT_UPDATED"), 4);
    assert_eq!(count("RECEIVABLE_INSTALLMENT_CREATED"), 3);
    assert_eq!(count("RECEIVABLE_INSTALLMENT_REMOVED"), 3);
}

#[tokio::test]
async fn a_boleto_is_told_in_two_steps() {
    let scene = scene().await;
    let had = scene.row["generatedBillet"].as_bool().unwrap();
    scene.on_it("boleto", json!({"status": "REJECTED"})).await;
    let row = scene.on_it("boleto", json!({})).await;
    assert_eq!(row["generatedBillet"], true, "before: {had}");
    let told = scene.told(4).await;
    assert_eq!(told[0].0, "BOOK_COLLECTION_CONFIRMED");
    assert!(told[0].1["banknumber"].is_string());
    assert_eq!(
        (&told[2].1["status"], &told[3].1["status"]),
        (&json!("CONFIRMED"), &json!("REJECTED"))
    );
    assert_eq!(told[2].1["receivableBillId"], scene.bill);
}

#[tokio::test]
async fn customers_and_enterprises_change_and_appear() {
    let scene = scene().await;
    let id = scene.row["customerId"].clone();
    let phones = json!([{"number": "49999990000", "type": "CE", "main": true}]);
    scene
        .simulator
        .operate(
            "customer",
            json!({"customerId": id, "phones": phones, "active": false}),
        )
        .await;
    let seen = scene.simulator.get(&format!("v1/customers/{id}")).await;
    let phone =
        json!({"number": "49999990000", "main": true, "type": "Celular", "note": null, "idd": ""});
    assert_eq!(
        (&seen["phones"][0], &seen["modifiedAt"]),
        (&phone, &json!(TODAY.to_string()))
    );
    scene
        .simulator
        .operate("enterprise", json!({"companyId": 2, "name": "Torre Nova"}))
        .await;
    let centers = scene.simulator.get("v1/cost-centers?limit=1").await;
    let newest = &centers["results"][0];
    // Production leaves stray tabs in some names.
    assert_eq!(
        (
            newest["name"].as_str().unwrap().trim(),
            &newest["idCompany"]
        ),
        ("Torre Nova", &json!(2))
    );
    let events: Vec<String> = scene
        .told(3)
        .await
        .into_iter()
        .map(|(event, _)| event)
        .collect();
    assert_eq!(
        events,
        [
            "COST_CENTER_CREATED",
            "CUSTOMER_DISABLED",
            "CUSTOMER_UPDATED"
        ]
    );
}

#[tokio::test]
async fn wrong_bodies_are_refused_with_a_reason_and_change_nothing() {
    let scene = scene().await;
    let before = scene.simulator.world().await;
    let (bill, id) = (scene.bill, scene.installment);
    let wrong = [
        ("receive", json!({"billId": bill})),
        ("receive", json!({"billId": 1, "installmentId": id})),
        ("receive", json!({"billId": bill, "installmentId": 9_999})),
        (
            "receive",
            json!({"billId": bill, "installmentId": id, "value": "1.234"}),
        ),
        (
            "receive",
            json!({"billId": bill, "installmentId": id, "value": "999999999.00"}),
        ),
        (
            "receive",
            json!({"billId": bill, "installmentId": id, "amount": "1.00"}),
        ),
        (
            "receive",
            json!({"billId": bill, "installmentId": id, "silent": "yes"}),
        ),
        ("receive", json!("everything")),
        ("reverse", json!({"billId": bill, "installmentId": id})),
        ("change", json!({"billId": bill, "installmentId": id})),
        (
            "change",
            json!({"billId": bill, "installmentId": id, "dueDate": "30/11/2026"}),
        ),
        (
            "change",
            json!({"billId": bill, "installmentId": id, "conditionTypeId": "ZZ"}),
        ),
        ("add", json!({"billId": bill})),
        ("add", json!({"contract": {"enterpriseId": 1}})),
        ("assign", json!({"billId": bill, "customerId": 1})),
        (
            "remake",
            json!({"billId": bill, "installmentId": id, "count": 0}),
        ),
        ("explode", json!({})),
    ];
    for (name, body) in wrong {
        assert!(!scene.simulator.refused(name, body).await.is_empty());
    }
    assert_eq!(scene.simulator.world().await, before);
    assert!(scene.receiver.settle().await.is_empty());
}

#[tokio::test]
async fn a_list_of_bodies_is_done_in_order() {
    let scene = scene().await;
    let one = json!({"billId": scene.bill, "installmentId": scene.installment, "value": "1.00"});
    let answers = scene.simulator.operate("receive", json!([one, one])).await;
    assert_eq!(
        answers[1]["changed"][0]["receipts"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}
