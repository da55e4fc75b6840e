//! Everything a function needs, in one process, and hands to move it: change Sienge, deliver its webhooks, run the functions.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use api::{Api, ClaimNames, Refused};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::SignedDuration;
use jiff::civil::{Date, date};
use ponte::aws::{BusEvent, TenantSecret};
use ponte::calendar::Timestamp;
use ponte::flow::{FlowError, Shop, TASK_REQUESTED};
use ponte::portfolio::{BillId, CreditorId, Customer, CustomerId, EventKind, HeldBill, TimelineEvent};
use ponte::settings::{CreditorSettings, TenantSettings};
use ponte::sienge::{Lane, Timeouts, http_client};
use ponte::store::{JournalKey, Role, Store, StoredWebhook, keys};
use serde_dynamo::aws_sdk_dynamodb_1::from_item;
use serde_json::{Value, json};
use sienge_simulator::{Options, Running, start, world};
use tokio::time::Instant;
use webhook::{Answer, Delivery, Webhook};

use crate::compare;
use crate::database::{Database, at, tenant};
use crate::fakes::{MemoryBus, MemoryInbox, MemorySecrets, Queued};
use crate::permissions::inbox_deliveries;

/// The business date on which all tests begin.
pub const TODAY: Date = date(2026, 11, 20);
/// A token that the tenant's secret knows.
pub const TOKEN: &str = "dXN1YXJpbzpzZW5oYQ==";
/// The other one, as while a token is rotated.
pub const SECOND_TOKEN: &str = "token-novo";
/// An invocation's time.
pub const PLENTY: Duration = Duration::from_mins(5);
/// Noon in São Paulo on the day the tests begin.
const NOON: i64 = 1_795_186_800;
/// Continuations of one task at most; Lambda's loop detection stops at about 16 hops.
const MAX_HOPS: usize = 40;
/// The functions that work on tasks and messages.
const WORKERS: [&str; 4] = ["apply", "import", "payments", "reconcile"];
/// An API key of the tenant's, of an administrator.
pub const API_KEY: &str = "ponte.617.a0b1c2d3e4f50617.chave-inventada-para-os-testes-do-administrador";

thread_local! {
    static AHEAD: Cell<SignedDuration> = const { Cell::new(SignedDuration::ZERO) };
    static BEGAN: std::time::Instant = std::time::Instant::now();
}

/// The clock of the rig on this thread: noon of the first day, the time since, and what [`Rig::pass`] added.
pub fn clock() -> Timestamp {
    let since = SignedDuration::try_from(BEGAN.with(std::time::Instant::elapsed)).unwrap();
    Timestamp::from_second(NOON).unwrap() + since + AHEAD.get()
}

/// What was added to the clock.
pub(crate) fn ahead() -> SignedDuration {
    AHEAD.get()
}

/// Adds so much to the clock, instead of what was added.
pub(crate) fn set_ahead(ahead: SignedDuration) {
    AHEAD.set(ahead);
}

/// The world to begin with.
#[derive(Debug, Clone)]
pub struct World {
    /// Installments in all.
    pub installments: u32,
    /// Sales contracts.
    pub contracts: u32,
    /// Companies registered as creditors.
    pub creditors: Vec<i64>,
    /// Whether the simulator enforces Sienge's quotas.
    pub quotas: bool,
}

impl Default for World {
    fn default() -> Self {
        Self {
            installments: 1_000,
            contracts: 26,
            creditors: vec![1, 2, 3],
            quotas: false,
        }
    }
}

/// The items of the portfolio table, by key.
pub type Portfolio = BTreeMap<(String, String), Value>;

type Item = HashMap<String, AttributeValue>;

/// What Sienge told its hooks.
#[derive(Debug, Clone)]
pub struct Told {
    /// `x-sienge-id`.
    pub id: String,
    /// `x-sienge-event`.
    pub event: String,
    /// The body.
    pub body: Value,
}

/// A tenant, its Sienge, and the functions.
pub struct Rig {
    /// DynamoDB.
    pub database: Database,
    /// Sienge.
    pub sienge: Running,
    /// The queue.
    pub inbox: Arc<MemoryInbox>,
    /// The bus.
    pub bus: Arc<MemoryBus>,
    /// The secrets.
    pub secrets: Arc<MemorySecrets>,
    /// The adapters, the store without a function's limits.
    pub shop: Shop,
    /// The store as each function reaches it.
    pub stores: BTreeMap<&'static str, Store>,
    /// The webhook function.
    pub webhook: Webhook,
    /// The api function.
    pub api: Api,
    creditors: Vec<i64>,
    quotas: bool,
    told: Cell<u64>,
}

impl Rig {
    /// Starts with the default world.
    pub async fn start() -> Self {
        Self::with(World::default()).await
    }

    /// Starts with the default world, of which creditor 1 is registered.
    pub async fn of_one_creditor() -> Self {
        Self::with(World {
            creditors: vec![1],
            ..World::default()
        })
        .await
    }

    /// The same after its first batimento.
    pub async fn filled() -> Self {
        let rig = Self::of_one_creditor().await;
        rig.run_all("reconcile").await;
        rig
    }

    /// Starts with a world.
    pub async fn with(world: World) -> Self {
        AHEAD.set(SignedDuration::ZERO);
        let database = Database::start().await;
        let options = Options {
            installments: world.installments,
            contracts: Some(world.contracts),
            today: Some(TODAY),
            quotas: world.quotas,
            async_delay: Duration::from_millis(1),
            ..Options::default()
        };
        let sienge = start(options).await.unwrap();
        let (inbox, bus, secrets) = (
            Arc::new(MemoryInbox::default()),
            Arc::new(MemoryBus::default()),
            Arc::new(MemorySecrets::default()),
        );
        secrets.store(&tenant(), secret(&[TOKEN, SECOND_TOKEN]));
        let shop = Shop {
            store: database.store.clone(),
            secrets: Arc::clone(&secrets) as _,
            bus: Arc::clone(&bus) as _,
            inbox: Arc::clone(&inbox) as _,
            http: http_client(Timeouts::default()).unwrap(),
            clock,
        };
        let mut stores = BTreeMap::new();
        for function in WORKERS {
            stores.insert(function, database.store_of(function).await);
        }
        let webhook = Webhook::new(
            database.store_of("webhook").await,
            Arc::clone(&inbox) as _,
            Arc::clone(&secrets) as _,
        );
        let of_api = Shop {
            store: database.store_of("api").await,
            ..shop.clone()
        };
        let api = Api::new(of_api, ClaimNames::default());
        let rig = Self {
            database,
            sienge,
            inbox,
            bus,
            secrets,
            shop,
            stores,
            webhook,
            api,
            creditors: world.creditors,
            quotas: world.quotas,
            told: Cell::new(0),
        };
        rig.settings(|_| {}).await;
        for company in rig.creditors.clone() {
            rig.creditor(company, |_| {}).await;
        }
        let next_year = at("2027-11-20T00:00:00Z");
        rig.shop.store.put_api_key(API_KEY, Role::Administrator, next_year).await.unwrap();
        rig
    }

    /// Writes the tenant's settings: those of a new tenant, changed.
    pub async fn settings(&self, change: impl FnOnce(&mut TenantSettings)) {
        let plain = json!({"siengeBaseUrl": self.sienge.api("obra"), "subdomain": "obra", "package": "ultimate"});
        let mut settings = serde_json::from_value(plain).unwrap();
        change(&mut settings);
        self.shop.store.put_tenant(&tenant(), &settings).await.unwrap();
    }

    /// Writes a creditor's settings: those of a new creditor, changed.
    pub async fn creditor(&self, company: i64, change: impl FnOnce(&mut CreditorSettings)) {
        let mut settings = CreditorSettings::new(CreditorId(company));
        change(&mut settings);
        self.shop.store.put_creditor(&tenant(), &settings).await.unwrap();
    }

    /// Registers a creditor that the world began without.
    pub async fn register(&mut self, company: i64) {
        self.creditor(company, |_| {}).await;
        self.creditors.push(company);
    }

    /// Time passes for the functions; Sienge's day does not change.
    pub fn pass(&self, time: Duration) {
        AHEAD.set(AHEAD.get() + SignedDuration::try_from(time).unwrap());
    }

    // ---- Sienge

    /// Changes Sienge and returns what it tells its hooks: nothing of a silent change.
    #[allow(clippy::needless_pass_by_value, reason = "callers write json!(..) in place")]
    pub fn change(&self, name: &str, body: Value) -> Vec<Told> {
        self.try_change(name, &body).unwrap_or_else(|why| panic!("{name} {body}: {why}"))
    }

    /// As [`Rig::change`]; the error says why it is not possible.
    pub fn try_change(&self, name: &str, body: &Value) -> Result<Vec<Told>, String> {
        let answer = self.sienge.operate(name, body)?;
        if answer["silent"] == true {
            return Ok(Vec::new());
        }
        let events = answer["events"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let told = events.iter().map(|event| Told {
            id: text(&event["id"]),
            event: text(&event["event"]),
            body: event["body"].clone(),
        });
        Ok(told.collect())
    }

    /// Changes Sienge, which delivers its webhooks.
    pub async fn happen(&self, name: &str, body: Value) {
        for told in self.change(name, body) {
            let answer = self.tell(&told).await;
            assert_eq!(answer.status(), 200, "{told:?}: {answer:?}");
        }
    }

    /// Calls `/_control/…` of the simulator.
    pub async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let url = format!("{}/_control/{path}", self.sienge.base_url);
        let request = reqwest::Client::new().request(method.parse().unwrap(), url).body(body.to_string());
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{method} {path} {body}");
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    /// Breaks the wire to Sienge; see the simulator's `faults`.
    pub async fn faults(&self, faults: Value) {
        self.control("PUT", "faults", faults).await;
    }

    /// Contracts' bills of some companies with so many open installments without receipts, and those installments.
    pub fn contracts(&self, companies: &[i64], open: usize) -> Vec<(u32, Vec<u32>)> {
        self.sienge.with_world(|world| {
            let of_contract = |bill: &&world::Bill| {
                companies.contains(&i64::from(bill.company))
                    && bill.contract.is_some()
                    && bill.cancelled.is_none()
                    && bill.remakes.is_empty()
            };
            let untouched = |bill: &world::Bill| -> Vec<u32> {
                let rows = bill.installments.iter().filter(|row| row.open() && row.receipts.is_empty());
                rows.map(|row| row.id).collect()
            };
            let found = world.bills.values().filter(of_contract).map(|bill| (bill.id, untouched(bill)));
            found.filter(|(_, ids)| ids.len() >= open).collect()
        })
    }

    // ---- webhooks

    /// Delivers what Sienge told, with its headers.
    pub async fn tell(&self, told: &Told) -> Answer {
        let body = told.body.to_string();
        self.deliver(|delivery| Delivery {
            event: Some(&told.event),
            id: Some(&told.id),
            body: body.as_bytes(),
            ..delivery
        })
        .await
    }

    /// Delivers a webhook: a good receipt of an id of its own, changed.
    pub async fn deliver<'a>(&'a self, change: impl FnOnce(Delivery<'a>) -> Delivery<'a>) -> Answer {
        self.told.set(self.told.get() + 1);
        let authorization = format!("Bearer {TOKEN}");
        let id = format!("evento-{}", self.told.get());
        // These live only as long as this call, so the change sees a word that stands for them.
        let changed = change(Delivery {
            receiver: "sienge",
            tenant: Some("617"),
            authorization: Some(DEFAULT),
            event: Some("RECEIPT_PROCESSED"),
            id: Some(DEFAULT),
            hook_id: Some("5f0c1a2e-0000-4000-8000-000000000001"),
            source_ip: Some("192.0.2.10"),
            body: br#"{"billId": 10001, "installmentId": 1}"#,
            at: clock(),
        });
        self.webhook
            .deliver(Delivery {
                authorization: replaced(changed.authorization, &authorization),
                id: replaced(changed.id, &id),
                ..changed
            })
            .await
    }

    /// A stored webhook, by its event id.
    pub async fn stored(&self, id: &str) -> Option<StoredWebhook> {
        let key = JournalKey(keys::webhook(&tenant(), id));
        let mut loaded = self.shop.store.load_webhooks(&[key]).await.unwrap();
        loaded.pop().map(Result::unwrap)
    }

    // ---- functions

    /// The adapters as a function has them.
    pub fn shop_of(&self, function: &str) -> Shop {
        Shop {
            store: self.stores[function].clone(),
            ..self.shop.clone()
        }
    }

    /// Unless the test is about quotas, every invocation finds the minute's quota untouched: waiting for the next minute would
    /// only make the tests slow.
    pub async fn fresh_minute(&self) {
        if self.quotas {
            return;
        }
        for lane in [Lane::Rest, Lane::Bulk] {
            let keys::ItemKey { pk, sk } = keys::quota("obra", lane);
            let delete = self.database.raw().delete_item().table_name("control");
            let delete = delete.key("pk", AttributeValue::S(pk)).key("sk", AttributeValue::S(sk));
            // A test that breaks the database breaks this, too.
            let _ = delete.send().await;
        }
    }

    /// One delivery of everything in the queue to `apply`, in one batch. What failed is delivered again the next time, and
    /// put aside after the last one. Returns how many failed.
    pub async fn apply_once(&self) -> usize {
        self.fresh_minute().await;
        let batch = self.inbox.take();
        let answer = apply::handle(&self.shop_of("apply"), delivery(&batch), Instant::now() + PLENTY).await;
        self.put_back(batch, Some(answer))
    }

    /// What the queue does after a delivery: what failed comes again, or is put aside after the last time; all of it when the
    /// function died. Returns how many failed.
    pub fn put_back(&self, batch: Vec<Queued>, answer: Option<SqsBatchResponse>) -> usize {
        let failures: Option<BTreeSet<String>> = answer.map(|answer| {
            let failures = answer.batch_item_failures.into_iter();
            failures.map(|failure| failure.item_identifier).collect()
        });
        let failed = |index: usize| failures.as_ref().is_none_or(|failures| failures.contains(&index.to_string()));
        let mut count = 0;
        for (_, mut queued) in batch.into_iter().enumerate().filter(|(index, _)| failed(*index)) {
            count += 1;
            queued.deliveries += 1;
            if queued.deliveries >= inbox_deliveries() {
                self.inbox.bury(queued);
            } else {
                self.inbox.put(queued);
            }
        }
        count
    }

    /// Applies what is in the queue; everything must succeed.
    pub async fn apply(&self) {
        assert_eq!(self.apply_once().await, 0, "messages failed");
        assert!(self.inbox.is_empty());
    }

    /// Invokes `import`.
    pub async fn import(&self, event: Value) -> Result<Value, FlowError> {
        self.import_within(event, PLENTY).await
    }

    /// Invokes `import` with so much time.
    pub async fn import_within(&self, event: Value, time: Duration) -> Result<Value, FlowError> {
        self.fresh_minute().await;
        import::handle(&self.shop_of("import"), event, Instant::now() + time).await
    }

    /// Invokes `payments`.
    pub async fn payments(&self, event: Value) -> Result<Value, FlowError> {
        self.payments_within(event, PLENTY).await
    }

    /// Invokes `payments` with so much time.
    pub async fn payments_within(&self, event: Value, time: Duration) -> Result<Value, FlowError> {
        self.fresh_minute().await;
        payments::handle(&self.shop_of("payments"), event, Instant::now() + time).await
    }

    /// Invokes `reconcile`.
    pub async fn reconcile(&self, event: Value) -> Result<Value, FlowError> {
        self.reconcile_within(event, PLENTY).await
    }

    /// Invokes `reconcile` with so much time.
    pub async fn reconcile_within(&self, event: Value, time: Duration) -> Result<Value, FlowError> {
        self.fresh_minute().await;
        reconcile::handle(&self.shop_of("reconcile"), event, Instant::now() + time).await
    }

    /// Invokes `api` with an event.
    pub async fn api(&self, event: Value) -> Result<Value, Refused> {
        self.fresh_minute().await;
        self.api.handle(event, Instant::now() + PLENTY).await
    }

    /// Calls the API over HTTP with a key; answers the status and the body.
    pub async fn call(&self, key: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.call_with(json!({"authorization": format!("Bearer {key}")}), method, path, body)
            .await
    }

    /// As [`Rig::call`], with these headers.
    pub async fn call_with(&self, headers: Value, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let pairs: BTreeMap<&str, &str> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let http = json!({"method": method, "path": path, "sourceIp": "192.0.2.10"});
        let event = json!({"version": "2.0", "routeKey": "ANY /v1/{proxy+}", "rawPath": path, "rawQueryString": query, "queryStringParameters": pairs,
            "headers": headers, "body": body, "isBase64Encoded": false, "requestContext": {"http": http}});
        let answer = self.api(event).await.unwrap();
        let status = answer["statusCode"].as_u64().unwrap().try_into().unwrap();
        (status, serde_json::from_str(answer["body"].as_str().unwrap()).unwrap())
    }

    /// Does what the rules of the bus do: hands every requested task to its function, until none is asked for. Returns the
    /// summaries, and puts nothing else away: the other events are returned too.
    pub async fn route(&self) -> (Vec<Value>, Vec<BusEvent>) {
        let (mut summaries, mut others) = (Vec::new(), Vec::new());
        for _ in 0..MAX_HOPS {
            let (tasks, told): (Vec<_>, Vec<_>) = self.bus.take().into_iter().partition(|event| event.detail_type == TASK_REQUESTED);
            others.extend(told);
            if tasks.is_empty() {
                return (summaries, others);
            }
            for task in tasks {
                let name = task.detail["task"].as_str().unwrap().to_owned();
                let envelope = json!({"version": "0", "source": "ponte", "detail-type": TASK_REQUESTED, "detail": task.detail});
                let answer = match name.as_str() {
                    "import" => self.import(envelope).await,
                    "reconcile" => self.reconcile(envelope).await,
                    "payments" => self.payments(envelope).await,
                    other => panic!("no function for {other}"),
                };
                summaries.push(answer.unwrap());
            }
        }
        panic!("the tasks never end");
    }

    /// Runs a task for every creditor, as its schedule does, to the end; every run must finish.
    pub async fn run_all(&self, task: &str) -> Vec<Value> {
        let others = self.bus.take();
        let requested = match task {
            "import" => self.import(json!({})).await,
            "reconcile" => self.reconcile(json!({})).await,
            "redundancy" => self.payments(json!({"redundancy": true})).await,
            other => panic!("no task {other}"),
        };
        assert_eq!(requested.unwrap()["situacao"], "solicitado");
        let (summaries, told) = self.route().await;
        for summary in &summaries {
            assert_eq!(summary["situacao"], "concluído", "{summary}");
        }
        assert_eq!(summaries.len(), self.creditors.len());
        self.bus.put(others.into_iter().chain(told));
        summaries
    }

    // ---- what came of it

    /// Whether no message, no pending webhook and no unpublished event is left.
    pub async fn nothing_waits(&self) -> bool {
        let (store, now) = (&self.shop.store, at("2100-01-01T00:00:00Z"));
        self.inbox.is_empty()
            && store.unpublished(now, 1_000).await.unwrap().is_empty()
            && store.pending_between(Timestamp::UNIX_EPOCH, now, 1_000).await.unwrap().is_empty()
    }

    /// Everything held, by bill.
    pub async fn held(&self) -> BTreeMap<BillId, HeldBill> {
        let items = self.database.items("portfolio").await;
        let bills: BTreeSet<BillId> = items
            .iter()
            .filter_map(|item| keys::parse_bill_partition(item["pk"].as_s().unwrap()))
            .map(|(_, bill)| bill)
            .collect();
        let bills: Vec<BillId> = bills.into_iter().collect();
        let held = self.shop.store.load_bills(&tenant(), &bills).await;
        held.into_iter().map(|(bill, held)| (bill, held.unwrap())).collect()
    }

    /// Compares the portfolio with Sienge; returns the differences.
    pub async fn compare_with_sienge(&self) -> Vec<String> {
        self.compare_wanted(|_, _| true).await
    }

    /// As [`Rig::compare_with_sienge`], with only some of the registered creditors' installments wanted.
    pub async fn compare_wanted(&self, wanted: impl Fn(&world::Bill, &world::Installment) -> bool) -> Vec<String> {
        let held = self.held().await;
        let ours = |bill: &world::Bill| self.creditors.contains(&i64::from(bill.company));
        self.sienge
            .with_world(|world| compare::differences(world, &held, |bill, row| ours(bill) && wanted(bill, row)))
    }

    /// Fails with the differences, if there are any.
    pub async fn assert_equal(&self) {
        let differences = self.compare_with_sienge().await;
        assert!(
            differences.is_empty(),
            "{} differences:\n{}",
            differences.len(),
            differences.join("\n")
        );
    }

    /// A customer as the portfolio holds it.
    pub async fn customer(&self, id: CustomerId) -> Option<Customer> {
        self.shop.store.customers(&tenant(), &[id]).await.unwrap().remove(&id)
    }

    /// The portfolio table, item by item.
    pub async fn portfolio(&self) -> Portfolio {
        let items = self.database.items("portfolio").await;
        let key = |item: &Item, name: &str| item[name].as_s().unwrap().clone();
        items
            .into_iter()
            .map(|mut item| {
                // JSON has no bytes.
                for value in item.values_mut() {
                    if let AttributeValue::B(bytes) = value {
                        *value = AttributeValue::S(format!("{:?}", bytes.as_ref()));
                    }
                }
                ((key(&item, "pk"), key(&item, "sk")), from_item(item).unwrap())
            })
            .collect()
    }

    /// Fails unless the portfolio is what it was.
    pub async fn assert_portfolio_is(&self, before: &Portfolio) {
        let after = self.portfolio().await;
        let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        for key in keys {
            assert_eq!(before.get(key), after.get(key), "{key:?} changed");
        }
    }

    /// A bill's timeline.
    pub async fn timeline(&self, bill: u32) -> Vec<TimelineEvent> {
        let bill = BillId(i64::from(bill));
        self.shop.store.timeline(&tenant(), bill, 1_000).await.unwrap()
    }

    /// The kinds of a bill's events.
    pub async fn told_of(&self, bill: u32) -> Vec<EventKind> {
        self.timeline(bill).await.into_iter().map(|event| event.kind).collect()
    }
}

impl Drop for Rig {
    /// Whatever a test is about: no function asks the tables for what its role in `template.yaml` does not allow.
    fn drop(&mut self) {
        let denied = self.database.denied();
        assert!(denied.is_empty() || std::thread::panicking(), "{denied:?}");
    }
}

/// A batch as SQS hands it to a function; the messages' ids are their places.
pub fn delivery(batch: &[Queued]) -> SqsEvent {
    let records = batch.iter().enumerate().map(|(index, queued)| {
        let attributes = json!({"ApproximateReceiveCount": (queued.deliveries + 1).to_string()});
        json!({"messageId": index.to_string(), "body": queued.body, "attributes": attributes})
    });
    serde_json::from_value(json!({ "Records": records.collect::<Vec<Value>>() })).unwrap()
}

/// A tenant's secret with these webhook tokens.
pub fn secret(tokens: &[&str]) -> TenantSecret {
    TenantSecret {
        sienge_user: "demo".to_owned(),
        sienge_password: "demo".to_owned(),
        webhook_tokens: tokens.iter().map(|token| (*token).to_owned()).collect(),
    }
}

fn replaced<'a>(given: Option<&'a str>, own: &'a str) -> Option<&'a str> {
    given.map(|given| if given == DEFAULT { own } else { given })
}

/// Stands for what [`Rig::deliver`] fills in.
const DEFAULT: &str = "default";
