//! The HTTP API over its own permissions, each call and answer held to the OpenAPI document.

use std::sync::Arc;
use std::time::Duration;

use harness::Rig;
use harness::database::{at, tenant};
use harness::rig::{API_KEY, PLENTY, World, clock, invoker};
use ponte::ids::{CreditorId, TenantId};
use ponte::settings::{CreditorSettings, Package};
use ponte::sienge::{Lane, Priority, Quota, QuotaRefusal};
use ponte::store::{Role, SharedQuota};
use serde_json::{Value, json};
use tokio::time::Instant;

const CAMPAIGNS: &str = "/v1/creditors/1/campaigns";
pub(crate) const READER: &str = "ponte.617.00000000000000aa.chave-inventada-de-leitura";

/// A campaign that covers everything; discounts of 10%, plans of 2 to 12.
fn campaign(id: &str) -> Value {
    let (tenth, all) = (
        json!({"principal": "10", "interest": "10"}),
        json!({"fromDays": -9999, "toDays": 9999}),
    );
    let mut tier = all.clone();
    tier["charges"] = json!({"fine": "2", "interest": "1", "fee": "10"});
    tier["maximumDiscounts"] = tenth;
    let mut plans = all;
    plans["fromInstallments"] = json!(2);
    plans["toInstallments"] = json!(12);
    plans["interest"] = json!("1");
    plans["downPayment"] = json!({"allowed": true});
    json!({"id": id, "name": "Padrão", "creditor": 1, "validFrom": "2026-01-01", "active": true, "tiers": [tier], "planTiers": [plans]})
}

/// Holds calls and answers to the document.
struct Contract(Value);

impl Contract {
    fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        let matches = |pattern: &str| {
            let parts = |text: &str| {
                text.split('?')
                    .next()
                    .unwrap_or_default()
                    .split('/')
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            let (pattern, path) = (parts(pattern), parts(path));
            pattern.len() == path.len()
                && pattern
                    .iter()
                    .zip(&path)
                    .all(|(a, b)| a.starts_with('{') || a == b)
        };
        let (_, operations) = self.0["paths"]
            .as_object()
            .unwrap()
            .iter()
            .find(|(pattern, _)| matches(pattern))?;
        operations.get(method.to_lowercase())
    }

    fn fits(&self, content: &Value, kind: &str, what: &Value) -> Result<(), String> {
        let mut schema = content["content"][kind]["schema"].clone();
        assert!(schema.is_object(), "no schema for {kind}: {content}");
        schema["components"] = self.0["components"].clone();
        let options = jsonschema::draft202012::options().should_validate_formats(true);
        let validator = options.build(&schema).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(what)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors.join("\n"))
        }
    }
}

/// A filled portfolio with a campaign.
pub(crate) struct Scene {
    pub(crate) rig: Rig,
    contract: Contract,
}

impl Scene {
    pub(crate) async fn start() -> Self {
        Self::with(World {
            creditors: vec![1, 2],
            ..World::default()
        })
        .await
    }

    pub(crate) async fn with(world: World) -> Self {
        let rig = Rig::with(world).await;
        rig.run_all("reconcile").await;
        rig.adapters
            .store
            .put_api_key(READER, Role::Reader, &[], at("2027-01-01T00:00:00Z"))
            .await
            .unwrap();
        let scene = Self {
            rig,
            contract: Contract(api::document::document()),
        };
        let saved = json!({"version": 0, "campaigns": [campaign("padrao")]});
        assert_eq!(scene.call("PUT", CAMPAIGNS, saved).await.0, 200);
        scene
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.call_as(API_KEY, method, path, body).await
    }

    /// Calls, and holds request and answer to the document.
    pub(crate) async fn call_as(
        &self,
        key: &str,
        method: &str,
        path: &str,
        body: Value,
    ) -> (u16, Value) {
        let headers = json!({"authorization": format!("Bearer {key}")});
        self.call_with(headers, method, path, body).await
    }

    /// As [`Scene::call_as`], with these headers.
    pub(crate) async fn call_with(
        &self,
        headers: Value,
        method: &str,
        path: &str,
        body: Value,
    ) -> (u16, Value) {
        let (status, answer) = self.rig.call_with(headers, method, path, &body).await;
        let Some(operation) = self.contract.operation(method, path) else {
            assert!(
                status == 404 || status == 405,
                "{method} {path} is not in the document and answers {status}"
            );
            return (status, answer);
        };
        let responses = &operation["responses"];
        if status == 200 {
            self.contract
                .fits(&responses["200"], "application/json", &answer)
                .unwrap();
            if let Some(request) = operation.get("requestBody") {
                self.contract
                    .fits(request, "application/json", &body)
                    .unwrap();
            }
        } else {
            self.contract
                .fits(&responses["default"], "application/problem+json", &answer)
                .unwrap();
            assert_eq!(answer["status"], status);
            if status == 400 {
                let request = &operation["requestBody"];
                assert!(
                    self.contract
                        .fits(request, "application/json", &body)
                        .is_err(),
                    "refused and in the document: {body}"
                );
            }
        }
        (status, answer)
    }

    /// The customer of a contract gets an e-mail address, and Sienge tells of it.
    pub(crate) async fn gets_email(&self, bill: u32, email: &str) {
        let customer = self
            .rig
            .sienge
            .with_world(|world| world.bills[&bill].customer);
        let change = json!({"customerId": customer, "email": email});
        self.rig.happen("customer", change).await;
        self.rig.apply().await;
    }

    async fn quote(&self, body: Value) -> Value {
        let (status, answer) = self.call("POST", "/v1/quotes", body).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Another tenant of the same Sienge; answers the key of its administrator.
    pub(crate) async fn another_tenant(&self) -> &'static str {
        const KEY: &str = "ponte.618.00000000000000bb.chave-inventada-da-outra-assessoria";
        let (store, other) = (&self.rig.adapters.store, TenantId::parse("618").unwrap());
        let settings = store.tenant_settings(&tenant()).await.unwrap().unwrap();
        store.put_tenant(&other, &settings).await.unwrap();
        store
            .put_creditor(&other, &CreditorSettings::new(CreditorId(1)))
            .await
            .unwrap();
        self.rig.secrets.store(&other, harness::rig::secret(&["x"]));
        let until = at("2027-01-01T00:00:00Z");
        store
            .put_api_key(KEY, Role::Administrator, &[], until)
            .await
            .unwrap();
        KEY
    }

    /// The path and text of the one fault.
    async fn fault(&self, path: &str, body: Value) -> (u16, String, String) {
        let (status, answer) = self.call("POST", path, body).await;
        let errors = answer["errors"]
            .as_array()
            .unwrap_or_else(|| panic!("{status} {answer}"));
        assert_eq!(errors.len(), 1, "{answer}");
        let text = |name: &str| errors[0][name].as_str().unwrap().to_owned();
        (status, text("path"), text("detail"))
    }

    /// The bill and some untouched open installments of a contract of a company.
    fn contract(&self, company: i64) -> (u32, Vec<u32>) {
        self.rig
            .contracts(&[company], 4)
            .into_iter()
            .next()
            .unwrap()
    }

    /// Makes an installment that of the worked example's first row: 1,000.00, 142 days late.
    async fn as_in_the_example(&self, bill: u32, id: u32) {
        let change = json!({"billId": bill, "installmentId": id, "dueDate": "2026-07-01", "value": "1000.00", "indexerId": 1});
        self.rig.happen("change", change).await;
        self.rig.apply().await;
    }
}

/// How many calls Sienge has received.
pub(crate) async fn calls_to_sienge(rig: &Rig) -> u64 {
    let report = rig.control("GET", "calls", Value::Null).await;
    let lanes = report["subdomains"].as_array().unwrap();
    lanes
        .iter()
        .map(|lane| lane["calls"].as_u64().unwrap())
        .sum()
}

fn text_of(answer: &Value, step: &str) -> String {
    let lines = answer["explanation"].as_array().unwrap();
    let line = lines
        .iter()
        .find(|line| line["step"] == step)
        .unwrap_or_else(|| panic!("no {step}: {answer}"));
    line["text"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_integrated_quote_is_siengess_figure_explained_line_by_line() {
    let scene = Scene::start().await;
    let (bill, ids) = scene.contract(1);
    scene.as_in_the_example(bill, ids[0]).await;
    let terms = json!({"billId": bill, "fine": "2", "interest": "1", "proRata": "0.54"});
    scene.rig.change("terms", terms);
    let settings: ponte::calculation::CalculationSettings =
        serde_json::from_value(json!({"rounding": "cobmais", "fees": true, "proRata": "0.54"}))
            .unwrap();
    scene
        .rig
        .creditor(1, |creditor| creditor.calculation = settings)
        .await;

    let answer = scene
        .quote(json!({"bills": [{"bill": bill, "installments": [ids[0]]}]}))
        .await;
    let row = &answer["rows"][0];
    assert_eq!(
        (row["mode"].as_str(), row["daysLate"].as_i64()),
        (Some("integrated"), Some(142))
    );
    assert_eq!(
        (row["interest"].as_str(), row["updated"].as_str()),
        (Some("95.58"), Some("1095.58"))
    );
    assert_eq!(
        row["fee"], "109.55",
        "truncated in total, as the preset says"
    );
    assert_eq!(answer["totals"]["total"], "1205.13");
    assert_eq!(answer["campaign"]["id"], "padrao");
    assert_eq!(answer["on"], "2026-11-20");
    assert_eq!(answer["warnings"], json!([]));
    assert_eq!(
        text_of(&answer, "proRata"),
        "Indexador pró-rata: 1.000,00 × 0,54% ÷ 30 × 142 dias = 25,56"
    );
    assert_eq!(
        text_of(&answer, "lateInterest"),
        "Juros de mora: 1.025,56 × 1% ÷ 30 × 142 dias = 48,54"
    );

    // Nobody told us of the index: the figure is Sienge's all the same, and the quote says what explains it.
    scene.rig.creditor(1, |_| {}).await;
    let answer = scene
        .quote(json!({"bills": [{"bill": bill, "installments": [ids[0]]}]}))
        .await;
    assert_eq!(answer["rows"][0]["interest"], "95.58");
    let warnings = answer["warnings"].as_array().unwrap();
    let differs = warnings
        .iter()
        .find(|warning| warning["kind"] == "siengeDiffers")
        .unwrap();
    assert!(
        differs["text"]
            .as_str()
            .unwrap()
            .contains("indexador pró-rata de 0,54%"),
        "{differs}"
    );
}

#[tokio::test]
async fn without_late_charge_terms_in_sienge_the_campaigns_tier_holds() {
    let scene = Scene::start().await;
    let (bill, ids) = scene.contract(1);
    scene.as_in_the_example(bill, ids[0]).await;
    scene.rig.change("terms", json!({"billId": bill}));
    let discounts = json!({"principal": {"percent": "10"}, "interest": {"amount": "1.00"}});
    let answer = scene
        .quote(json!({"bills": [{"bill": bill, "installments": [ids[0]]}], "discounts": discounts}))
        .await;
    let row = &answer["rows"][0];
    assert_eq!(row["mode"], "internal");
    assert_eq!(
        (row["fine"].as_str(), row["interest"].as_str()),
        (Some("20.00"), Some("47.33"))
    );
    assert_eq!(
        (
            row["discounts"]["principal"].as_str(),
            row["discount"].as_str()
        ),
        (Some("100.00"), Some("101.00"))
    );
    assert_eq!(answer["warnings"][0]["kind"], "feesWithoutSwitch");
}

#[tokio::test]
async fn what_is_due_on_the_years_last_business_day_is_charged_nothing_on_the_next() {
    let scene = Scene::start().await;
    let (bill, ids) = scene.contract(1);
    let change = json!({"billId": bill, "installmentId": ids[0], "dueDate": "2026-12-31", "value": "1000.00"});
    scene.rig.happen("change", change).await;
    scene.rig.apply().await;
    scene.rig.change("terms", json!({"billId": bill}));
    let row = async |on: &str| {
        let asked = json!({"bills": [{"bill": bill, "installments": [ids[0]]}], "on": on});
        let row = scene.quote(asked).await["rows"][0].clone();
        let amount = |name: &str| row[name].as_str().unwrap().to_owned();
        (
            row["daysLate"].as_i64().unwrap(),
            amount("fine"),
            amount("interest"),
        )
    };
    let free = (0, "0.00".to_owned(), "0.00".to_owned());
    assert_eq!(row("2027-01-04").await, free);
    assert_eq!(row("2027-01-05").await.0, 1);
    scene
        .rig
        .creditor(1, |creditor| {
            creditor.calculation.holidays.attended_at_year_end = true;
        })
        .await;
    assert_eq!(
        row("2027-01-04").await,
        (4, "20.00".to_owned(), "1.33".to_owned())
    );
}

#[tokio::test]
async fn a_whole_contract_and_two_of_them_are_quoted_and_planned() {
    let scene = Scene::start().await;
    let contracts = scene.rig.contracts(&[1], 4);
    let bills: Vec<Value> = contracts
        .iter()
        .take(2)
        .map(|(bill, _)| json!({"bill": bill}))
        .collect();
    let open: usize = scene.rig.sienge.with_world(|world| {
        let open = |bill: &u32| {
            world.bills[bill]
                .installments
                .iter()
                .filter(|row| row.open())
                .count()
        };
        contracts.iter().take(2).map(|(bill, _)| open(bill)).sum()
    });
    let answer = scene.quote(json!({"bills": bills})).await;
    assert_eq!(answer["rows"].as_array().unwrap().len(), open);
    assert_eq!(answer["plan"], Value::Null);

    let plan = json!({"installments": 3, "interest": "price", "downPayment": "100.00", "firstDue": "2026-12-10"});
    let one = json!([{"bill": contracts[0].0, "installments": [contracts[0].1[0]]}]);
    let answer = scene.quote(json!({"bills": one, "plan": plan})).await;
    let plan = &answer["plan"];
    assert_eq!(
        answer["payment"],
        json!({"kind": "plan", "installments": 3})
    );
    assert_eq!(plan["debt"], answer["totals"]["total"]);
    let cents = |value: &Value| {
        value
            .as_str()
            .unwrap()
            .replace('.', "")
            .parse::<i64>()
            .unwrap()
    };
    let installments = plan["installments"].as_array().unwrap();
    let sum: i64 = installments.iter().map(|row| cents(&row["amount"])).sum();
    assert_eq!(sum + 10_000, cents(&plan["total"]));
    assert_eq!(installments[2]["dueOn"], "2027-02-10");

    let largest = installments
        .iter()
        .map(|row| cents(&row["amount"]))
        .max()
        .unwrap();
    let affordable = format!("{}.{:02}", largest / 100, largest % 100);
    let terms = json!({"interest": "price", "downPayment": "100.00", "firstDue": "2026-12-10"});
    let asked = json!({"bills": one, "affordable": affordable, "plan": terms});
    let (status, answer) = scene.call("POST", "/v1/quotes/smallest-plan", asked).await;
    assert_eq!(
        (
            status,
            answer["plan"]["installments"].as_array().unwrap().len()
        ),
        (200, 3)
    );
    let (status, path, detail) = scene
        .fault(
            "/v1/quotes/smallest-plan",
            json!({"bills": one, "affordable": "0.01", "plan": {"firstDue": "2026-12-10"}}),
        )
        .await;
    assert_eq!((status, path.as_str()), (422, "affordable"));
    assert!(
        detail.contains("nenhum plano da campanha cabe em R$ 0,01"),
        "{detail}"
    );
}

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "a table")]
async fn bad_input_is_refused_at_its_field_in_words() {
    let scene = Scene::start().await;
    let (bill, ids) = scene.contract(1);
    let (others, _) = scene.contract(2);
    scene
        .rig
        .happen("receive", json!({"billId": bill, "installmentId": ids[1]}))
        .await;
    scene.rig.apply().await;
    let one = json!([{"bill": bill, "installments": [ids[0]]}]);
    let plan = |installments: u16| json!({"installments": installments, "firstDue": "2026-12-10"});
    let before = calls_to_sienge(&scene.rig).await;
    for (body, status, path, detail) in [
        (
            json!({"bills": [{"bill": 999_999_999}]}),
            422,
            "bills[0].bill",
            "título 999999999 não encontrado",
        ),
        (
            json!({"bills": [{"bill": bill, "installments": [ids[1]]}]}),
            422,
            "bills[0].installments[0]",
            "não está em aberto: Recebimento",
        ),
        (
            json!({"bills": [{"bill": bill, "installments": [98765]}]}),
            422,
            "bills[0].installments[0]",
            "não existe no título",
        ),
        (
            json!({"bills": [{"bill": bill}, {"bill": others}]}),
            422,
            "bills[1].bill",
            "calcule um credor de cada vez",
        ),
        (
            json!({"bills": one, "on": "2026-11-19"}),
            422,
            "on",
            "19/11/2026 já passou; informe 20/11/2026",
        ),
        (
            json!({"bills": one, "on": "2028-11-19"}),
            422,
            "on",
            "está fora do intervalo",
        ),
        (
            json!({"bills": one, "portal": true}),
            422,
            "campaign",
            "nenhuma campanha ativa",
        ),
        (
            json!({"bills": []}),
            422,
            "bills",
            "nenhum título selecionado",
        ),
        (
            json!({"bills": one, "tenant": "618"}),
            400,
            "tenant",
            "campo desconhecido",
        ),
        (
            json!({"bills": one, "discounts": {"principal": {"amount": "10.005"}}}),
            400,
            "discounts.principal.amount",
            "tem mais de duas casas decimais",
        ),
        (
            json!({"bills": one, "on": "20/11/2026"}),
            400,
            "on",
            "não é uma data",
        ),
    ] {
        let (told_status, told_path, told) = scene.fault("/v1/quotes", body.clone()).await;
        assert_eq!(
            (told_status, told_path.as_str()),
            (status, path),
            "{body}: {told}"
        );
        assert!(told.contains(detail), "{body}: {told}");
    }
    assert_eq!(
        calls_to_sienge(&scene.rig).await,
        before,
        "what is refused costs no call to Sienge"
    );
    for (body, path, detail) in [
        (
            json!({"bills": one, "discounts": {"principal": {"percent": "10.5"}}}),
            "discounts.principal",
            "passa do máximo de 10%",
        ),
        (
            json!({"bills": one, "discounts": {"interest": {"amount": "100000"}}}),
            "discounts.interest",
            "informe até R$",
        ),
        (
            json!({"bills": one, "discounts": {"fee": {"percent": "1"}}}),
            "discounts.fee",
            "passa do máximo de 0%",
        ),
        (
            json!({"bills": one, "plan": plan(13)}),
            "plan.installments",
            "escolha dentro de: 2 a 12 parcelas",
        ),
        (
            json!({"bills": one, "plan": plan(0)}),
            "plan.installments",
            "parcelas",
        ),
        (
            json!({"bills": one, "plan": {"installments": 2, "firstDue": "2026-11-01"}}),
            "plan.firstDue",
            "01/11/2026 já passou",
        ),
        (
            json!({"bills": one, "plan": {"installments": 2, "firstDue": "2026-12-10", "dueDay": 5}}),
            "plan.dueDay",
            "informe 10",
        ),
        (
            json!({"bills": one, "plan": {"installments": 2, "firstDue": "2026-12-10", "downPayment": "99999999.00"}}),
            "plan.downPayment",
            "não deixa nada a parcelar",
        ),
    ] {
        let (status, told_path, told) = scene.fault("/v1/quotes", body.clone()).await;
        assert_eq!((status, told_path.as_str()), (422, path), "{body}: {told}");
        assert!(told.contains(detail), "{body}: {told}");
    }
}

#[tokio::test]
async fn a_customer_with_letters_in_the_cnpj_is_quoted_and_one_without_a_document_is_told() {
    let scene = Scene::with(World {
        creditors: vec![1],
        contracts: 120,
        installments: 3_000,
        ..World::default()
    })
    .await;
    let bill = scene.rig.sienge.with_world(|world| {
        let lettered = |customer: &u32| {
            world.customers[customer]
                .document()
                .bytes()
                .any(|b| b.is_ascii_alphabetic())
        };
        let open = |bill: &&sienge_simulator::world::Bill| {
            bill.installments
                .iter()
                .any(sienge_simulator::world::Installment::open)
        };
        let mut bills = world.bills.values().filter(|bill| {
            bill.company == 1 && bill.cancelled.is_none() && lettered(&bill.customer)
        });
        bills.find(open).map(|bill| (bill.id, bill.customer))
    });
    let (bill, customer) = bill.expect("somebody has letters in the CNPJ");
    let answer = scene.quote(json!({"bills": [{"bill": bill}]})).await;
    assert_ne!(answer["rows"], json!([]));
    let (name, document) = scene.rig.sienge.with_world(|world| {
        let person = &world.customers[&customer];
        (person.name.clone(), person.document().to_owned())
    });
    let journal = format!("{:?}", scene.rig.database.items("journal").await);
    assert!(
        journal.contains("ConsultarSaldoDevedorPresente"),
        "the calls are written down"
    );
    for personal in [name, document] {
        assert!(
            !answer.to_string().contains(&personal),
            "answers tell ids alone"
        );
        assert!(
            !journal.contains(&personal),
            "calls are written down masked"
        );
    }

    let nobody = ponte::portfolio::Customer::unread(ponte::ids::CustomerId(i64::from(customer)));
    scene
        .rig
        .adapters
        .store
        .put_if_changed(&tenant(), &[nobody])
        .await
        .unwrap();
    let (status, path, detail) = scene
        .fault("/v1/quotes", json!({"bills": [{"bill": bill}]}))
        .await;
    assert_eq!((status, path.as_str()), (422, "bills[0].bill"));
    assert!(
        detail.contains("CNPJ (14 caracteres, letras inclusive)"),
        "{detail}"
    );
}

#[tokio::test]
async fn what_sienge_settled_meanwhile_is_told_and_its_refusals_are_answered() {
    let scene = Scene::start().await;
    let (bill, ids) = scene.contract(1);
    let asked = json!({"bills": [{"bill": bill, "installments": [ids[0]]}]});
    scene
        .rig
        .change("receive", json!({"billId": bill, "installmentId": ids[0]}));
    let (status, path, detail) = scene.fault("/v1/quotes", asked).await;
    assert_eq!((status, path.as_str()), (422, "bills[0].bill"));
    assert!(detail.contains("já está quitada no Sienge"), "{detail}");

    let asked = json!({"bills": [{"bill": bill, "installments": [ids[1]]}]});
    scene
        .rig
        .faults(json!([{"kind": "status", "status": 403, "route": "v1/current-debit-balance"}]))
        .await;
    let (status, answer) = scene.call("POST", "/v1/quotes", asked.clone()).await;
    assert_eq!(
        (status, answer["type"].as_str()),
        (502, Some("urn:ponte:problem:sienge"))
    );
    assert!(
        answer["detail"]
            .as_str()
            .unwrap()
            .contains("Painel de Integrações"),
        "{answer}"
    );
    scene
        .rig
        .faults(json!([{"kind": "empty", "route": "v1/current-debit-balance", "count": 1}]))
        .await;
    let (status, path, _) = scene.fault("/v1/quotes", asked).await;
    assert_eq!((status, path.as_str()), (422, "bills[0].bill"));
}

#[tokio::test]
async fn a_sienge_that_hangs_is_answered_in_time() {
    let scene = Scene::start().await;
    let (bill, ids) = scene.contract(1);
    let hang = json!([{"kind": "hang", "seconds": 60, "route": "v1/current-debit-balance"}]);
    scene.rig.faults(hang).await;
    let event = json!({"version": "2.0", "rawPath": "/v1/quotes", "headers": {"x-api-key": API_KEY},
        "body": json!({"bills": [{"bill": bill, "installments": [ids[0]]}]}).to_string(), "requestContext": {"http": {"method": "POST"}}});
    let began = tokio::time::Instant::now();
    let answer = scene
        .rig
        .api
        .handle(event, invoker(), began + Duration::from_secs(3))
        .await
        .unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "long before Sienge answers"
    );
    let answer = json!(answer);
    assert_eq!(answer["statusCode"], 503, "{answer}");
    assert_eq!(answer["headers"]["retry-after"], "5");
    assert_eq!(
        answer["headers"]["content-type"],
        "application/problem+json; charset=utf-8"
    );
}

#[tokio::test]
async fn nobody_sees_another_tenants_data_whatever_they_send() {
    let scene = Scene::start().await;
    let rig = &scene.rig;
    let (bill, _) = scene.contract(1);
    let theirs = scene.another_tenant().await;

    let (status, answer) = scene.call_as(theirs, "GET", CAMPAIGNS, Value::Null).await;
    assert_eq!(
        (status, &answer["campaigns"], &answer["version"]),
        (200, &json!([]), &json!(0))
    );
    let (status, answer) = scene
        .call_as(
            theirs,
            "POST",
            "/v1/quotes",
            json!({"bills": [{"bill": bill}]}),
        )
        .await;
    assert_eq!(status, 422);
    assert!(
        answer["errors"][0]["detail"]
            .as_str()
            .unwrap()
            .contains("não encontrado na carteira"),
        "{answer}"
    );
    let (status, _) = scene
        .call_as(
            theirs,
            "PUT",
            CAMPAIGNS,
            json!({"version": 0, "campaigns": [campaign("delas")]}),
        )
        .await;
    assert_eq!(status, 200);
    let (_, ours) = scene.call("GET", CAMPAIGNS, Value::Null).await;
    assert_eq!(
        (
            ours["version"].as_u64(),
            ours["campaigns"][0]["id"].as_str()
        ),
        (Some(1), Some("padrao"))
    );

    // A key works for its own tenant alone, and claims count on the people's route alone.
    let (_, rest) = theirs.split_once("618.").unwrap();
    assert_eq!(
        scene
            .call_as(&format!("ponte.617.{rest}"), "GET", CAMPAIGNS, Value::Null)
            .await
            .0,
        401
    );
    let claims =
        json!({"jwt": {"claims": {"tenant": "617", "role": "administrator", "sub": "pessoa-1"}}});
    let event = |path: &str, claims: &Value| json!({"version": "2.0", "rawPath": path, "headers": {}, "requestContext": {"http": {"method": "GET"}, "authorizer": claims}});
    let status = async |event: Value| {
        rig.api(event).await.unwrap()["statusCode"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(status(event(CAMPAIGNS, &claims)).await, 401);
    let people = format!("/sso{CAMPAIGNS}");
    assert_eq!(status(event(&people, &claims)).await, 200);
    assert_eq!(status(event(&people, &Value::Null)).await, 401);
    let strangers =
        json!({"jwt": {"claims": {"tenant": "619", "role": "administrator", "sub": "pessoa-1"}}});
    assert_eq!(status(event(&people, &strangers)).await, 401);
    let key = json!({"authorization": format!("Bearer {API_KEY}")});
    assert_eq!(
        rig.call_with(key, "GET", &people, &Value::Null).await.0,
        401,
        "a key is no token"
    );
}

#[tokio::test]
async fn keys_end_are_revoked_and_have_roles() {
    let scene = Scene::start().await;
    let rig = &scene.rig;
    let expired = "ponte.617.00000000000000cc.chave-inventada-vencida";
    rig.adapters
        .store
        .put_api_key(expired, Role::Reader, &[], at("2026-11-20T14:59:59Z"))
        .await
        .unwrap();
    let unknown = "ponte.617.00000000000000dd.chave-que-ninguem-criou";
    let wrong = format!("{READER}x");
    for bad in [expired, unknown, &wrong, "", "ponte", "ponte.6#7.a.b"] {
        let (status, answer) = scene.call_as(bad, "GET", CAMPAIGNS, Value::Null).await;
        assert_eq!(
            (status, answer["title"].as_str()),
            (401, Some("Não autenticado")),
            "{bad}"
        );
    }
    assert_eq!(
        rig.call_with(json!({}), "GET", CAMPAIGNS, &Value::Null)
            .await
            .0,
        401
    );
    assert_eq!(
        rig.call_with(json!({"x-api-key": READER}), "GET", CAMPAIGNS, &Value::Null)
            .await
            .0,
        200
    );
    assert_eq!(
        scene.call("GET", CAMPAIGNS, Value::Null).await.0,
        200,
        "two keys at once"
    );
    let (status, answer) = scene
        .call_as(
            READER,
            "PUT",
            CAMPAIGNS,
            json!({"version": 1, "campaigns": []}),
        )
        .await;
    assert_eq!(status, 403);
    assert!(
        answer["detail"].as_str().unwrap().contains("administrator"),
        "{answer}"
    );
    assert_eq!(scene.call("DELETE", CAMPAIGNS, Value::Null).await.0, 405);
    assert_eq!(scene.call("GET", "/v1/nothing", Value::Null).await.0, 404);
    let (status, document) = rig
        .call_with(json!({}), "GET", "/v1/openapi.json", &Value::Null)
        .await;
    assert_eq!(
        (status, &document),
        (200, &api::document::document()),
        "everybody may read the document"
    );

    rig.settings(|settings| settings.active = false).await;
    let fresh = api::Api::new(rig.api.adapters().clone(), api::ClaimNames::default());
    let event = json!({"version": "2.0", "rawPath": CAMPAIGNS, "headers": {"x-api-key": READER}, "requestContext": {"http": {"method": "GET"}}});
    let deadline = tokio::time::Instant::now() + harness::rig::PLENTY;
    let answer = json!(fresh.handle(event, invoker(), deadline).await.unwrap());
    assert_eq!(
        answer["statusCode"], 401,
        "an inactive tenant calls nothing"
    );
}

#[tokio::test]
async fn campaigns_are_saved_on_the_version_that_was_read() {
    let scene = Scene::start().await;
    let (_, read) = scene.call("GET", CAMPAIGNS, Value::Null).await;
    assert_eq!(
        (read["version"].as_u64(), read["creditor"].as_u64()),
        (Some(1), Some(1))
    );
    let mut changed = read["campaigns"].clone();
    changed[0]["priority"] = json!(5);
    let saved = json!({"version": 1, "campaigns": changed});
    assert_eq!(
        scene.call("PUT", CAMPAIGNS, saved.clone()).await.1["version"],
        2
    );
    let (status, answer) = scene.call("PUT", CAMPAIGNS, saved).await;
    assert_eq!(status, 409);
    assert!(
        answer["detail"]
            .as_str()
            .unwrap()
            .contains("desde a versão 1"),
        "{answer}"
    );

    let mut overlapping = campaign("a");
    let tier = overlapping["tiers"][0].clone();
    overlapping["tiers"].as_array_mut().unwrap().push(tier);
    let mut foreign = campaign("a");
    foreign["creditor"] = json!(2);
    let (status, answer) = scene
        .call(
            "PUT",
            CAMPAIGNS,
            json!({"version": 2, "campaigns": [overlapping, foreign]}),
        )
        .await;
    assert_eq!(status, 422);
    let errors = answer["errors"].as_array().unwrap();
    let paths: Vec<&str> = errors
        .iter()
        .map(|error| error["path"].as_str().unwrap())
        .collect();
    assert_eq!(
        paths,
        ["campaigns[0]", "campaigns[1].creditor", "campaigns[1].id"]
    );
    let detail = errors[0]["detail"].as_str().unwrap();
    assert!(
        detail.contains("faixa à vista 1")
            && detail.contains("faixa à vista 2")
            && detail.contains("se sobrepõem"),
        "{detail}"
    );
    assert_eq!(
        scene
            .call("GET", "/v1/creditors/99/campaigns", Value::Null)
            .await
            .0,
        404
    );
    assert_eq!(
        scene
            .call("GET", "/v1/creditors/x/campaigns", Value::Null)
            .await
            .0,
        422
    );
}

#[tokio::test]
async fn a_repeated_call_is_answered_as_the_first_time() {
    let scene = Scene::start().await;
    let headers = |key: &str| json!({"x-api-key": API_KEY, "idempotency-key": key});
    let put = async |key: &str, body: &Value| {
        scene
            .rig
            .call_with(headers(key), "PUT", CAMPAIGNS, body)
            .await
    };
    let body = json!({"version": 1, "campaigns": [campaign("nova")]});
    let first = put("pedido-1", &body).await;
    assert_eq!((first.0, &first.1["version"]), (200, &json!(2)));
    assert_eq!(
        put("pedido-1", &body).await,
        first,
        "not the conflict that a new call would meet"
    );
    assert_eq!(put("pedido-2", &body).await.0, 409);
    let (status, answer) = put("pedido-1", &json!({"version": 2, "campaigns": []})).await;
    assert_eq!(
        (status, answer["errors"][0]["path"].as_str()),
        (422, Some("Idempotency-Key"))
    );
    // A conflict may pass: it is not what a repetition is answered.
    let (_, read) = scene.call("GET", CAMPAIGNS, Value::Null).await;
    assert_eq!(read["version"], 2);
    let (status, _) = put(
        "pedido-2",
        &json!({"version": 2, "campaigns": [campaign("nova")]}),
    )
    .await;
    assert_eq!(status, 200, "a key whose call had no effect is free again");
    let long = "x".repeat(256);
    assert_eq!(put(&long, &body).await.0, 422);
}

#[tokio::test]
async fn a_person_who_waits_goes_ahead_of_the_batches() {
    let scene = Scene::with(World {
        creditors: vec![1],
        quotas: true,
        ..World::default()
    })
    .await;
    let (bill, ids) = scene.contract(1);
    let quota = SharedQuota::new(
        scene.rig.adapters.store.clone(),
        "obra",
        Package::Ultimate,
        Arc::new(clock),
    );
    // Nothing of this minute is left to the batches for a long while, and some calls to people.
    scene.rig.pass(Duration::from_mins(1));
    for _ in 0..175 {
        quota
            .acquire(Lane::Rest, Priority::Interactive)
            .await
            .unwrap();
    }
    let refused = quota
        .acquire(Lane::Rest, Priority::Batch)
        .await
        .unwrap_err();
    assert!(
        matches!(refused, QuotaRefusal::Wait(wait) if wait > Duration::from_secs(30)),
        "{refused:?}"
    );
    let answer = scene
        .quote(json!({"bills": [{"bill": bill, "installments": [ids[0]]}]}))
        .await;
    assert_eq!(answer["rows"][0]["bill"], bill);
    // Saving quotes anew, and remakes.
    let quote = json!({"bills": [{"bill": bill, "installments": [ids[0]]}], "plan": {"installments": 2, "firstDue": "2026-12-21"}});
    let (status, saved) = scene
        .call(
            "POST",
            "/v1/agreements",
            json!({"quote": quote, "kind": "integrated"}),
        )
        .await;
    assert_eq!(
        (status, saved["state"]["is"].as_str()),
        (200, Some("active")),
        "{saved}"
    );
    assert_eq!(scene.rig.remakes(bill), 1);
    let (status, opened) = scene
        .call("POST", &format!("/v1/contracts/{bill}/open"), Value::Null)
        .await;
    assert_eq!(
        (status, &opened["synchronised"]),
        (200, &json!(true)),
        "{opened}"
    );
}

#[tokio::test]
async fn an_operator_commands_from_the_console() {
    let scene = Scene::start().await;
    let (bill, _) = scene.contract(1);
    let command = |call: &str, body: Value| json!({"tenant": "617", "call": call, "body": body});
    let quote = command("POST /v1/quotes", json!({"bills": [{"bill": bill}]}));
    assert_eq!(scene.rig.called(quote.clone()).await["creditor"], 1);
    let answer = scene
        .rig
        .api
        .handle(quote, invoker(), Instant::now() + PLENTY)
        .await;
    let answer = serde_json::to_string(&answer.unwrap()).unwrap();
    let begins =
        r#"{"situacao":"concluído","resumo":"Chamada atendida: POST /v1/quotes.","resposta":{"#;
    assert!(answer.starts_with(begins), "{answer}");
    for (event, says) in [
        (
            command("POST /v1/quotes", json!({"bills": [{"bill": 1}]})),
            "Pedido inválido: bills[0].bill: título 1 não encontrado",
        ),
        (json!({"tenant": "617"}), "falta \"call\". Exemplo: {"),
        (
            json!({"tenant": "617", "call": "GET /v1/nothing"}),
            "\"call\": Endereço desconhecido; veja /v1/openapi.json. Exemplo: {",
        ),
        (
            json!({"tenant": "617", "eraseCustomer": 1}),
            "\"eraseCustomer\" é um comando da função payments",
        ),
        (json!("617"), "objeto JSON"),
    ] {
        let why = harness::refused(scene.rig.api(event).await);
        assert!(why.contains(says), "{why}");
    }
    // What is the machine's is an error.
    scene
        .rig
        .faults(json!([{"kind": "status", "status": 500}]))
        .await;
    let open = json!({"tenant": "617", "call": format!("POST /v1/contracts/{bill}/open")});
    let failed = scene.rig.api(open).await.unwrap_err();
    assert!(!failed.text.is_empty());
    let unreadable = json!({"requestContext": {"http": {"method": "GET"}}});
    assert!(scene.rig.api(unreadable).await.is_err());
    for call in ["POST /v1/quotes", "GET /v1/critiques", "GET /v1/runs"] {
        let stranger = scene.rig.api(json!({"tenant": "999", "call": call})).await;
        assert!(stranger.as_ref().unwrap()["proximoPasso"].is_null());
        let why = harness::refused(stranger);
        let says = "\"tenant\": assessoria 999 não cadastrada";
        assert!(
            why.contains(says) && why.contains("Exemplo: {"),
            "{call}: {why}"
        );
    }
}

#[tokio::test]
async fn a_command_ignores_nothing_it_is_given() {
    let rig = Rig::of_one_creditor().await;
    for (event, named) in [
        (
            json!({"tenant": "617", "call": "GET /v1/runs", "body": {"task": "import"}}),
            "body",
        ),
        (
            json!({"tenant": "617", "call": "GET /v1/runs", "idempotencyKey": "a"}),
            "idempotencyKey",
        ),
        (
            json!({"tenant": "617", "call": "GET /v1/runs?task"}),
            "task",
        ),
        (
            json!({"tenant": "617", "call": "GET /v1/runs?dryRun=true"}),
            "dryRun",
        ),
        (
            json!({"tenant": "617", "call": "GET /v1/runs", "dryRun": true}),
            "dryRun",
        ),
    ] {
        let answer = rig.api(event.clone()).await;
        let next = answer.as_ref().unwrap()["proximoPasso"].clone();
        let refused = harness::refused(answer);
        assert!(
            refused.contains(named) && refused.contains("Exemplo: {"),
            "{event}: {refused}"
        );
        // Where a call was understood, the next event is that call alone.
        if event["dryRun"].is_null() {
            assert_eq!(next, json!({"tenant": "617", "call": "GET /v1/runs"}));
        }
    }
    // Of a call for a contract or with a body only the operator knows the right one.
    for (event, named, example) in [
        (
            json!({"tenant": "617", "call": "POST /v1/contracts/x/open"}),
            "bill",
            "/open",
        ),
        (
            json!({"tenant": "617", "call": "POST /v1/agreements", "body": {"kinds": 1}}),
            "kinds",
            "\"operator\": \"operador-7\"",
        ),
    ] {
        let answer = rig.api(event).await;
        assert!(answer.as_ref().unwrap()["proximoPasso"].is_null());
        let refused = harness::refused(answer);
        let (why, shown) = refused.split_once(". Exemplo: ").unwrap();
        assert!(why.contains(named) && shown.contains(example), "{refused}");
    }
    let runs = rig
        .called(json!({"tenant": "617", "call": "GET /v1/runs?", "body": null}))
        .await;
    assert_eq!(runs["runs"], json!([]));
}
