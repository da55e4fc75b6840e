//! Everything a function needs, in one process, and hands to move it: change Sienge, deliver its webhooks, run the functions.

mod invoke;
mod outcome;
mod sienge;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::{Api, ClaimNames};
use jiff::SignedDuration;
use ponte::aws::TenantSecret;
use ponte::calendar::Timestamp;
use ponte::flow::Adapters;
use ponte::ids::CreditorId;
use ponte::settings::{CreditorSettings, TenantSettings};
use ponte::sienge::{Timeouts, http_client};
use ponte::store::{Role, Store};
use serde_json::json;
use sienge_simulator::{Options, Order, Running, start};
use webhook::Webhook;

use crate::database::{Database, at, tenant};
use crate::fakes::{MemoryBus, MemoryInbox, MemorySecrets};

pub use invoke::{ADDRESS, REQUEST, delivery, invoker, request};
pub use outcome::Portfolio;
pub use sienge::Told;
pub use simulation::TODAY;

/// A token that the tenant's secret knows.
pub const TOKEN: &str = "dXN1YXJpbzpzZW5oYQ==";
/// The other one, as while a token is rotated.
pub const SECOND_TOKEN: &str = "token-novo";
/// An invocation's time.
pub const PLENTY: Duration = Duration::from_mins(5);
/// Noon in São Paulo on the day the tests begin.
const NOON: i64 = 1_795_186_800;
/// The functions that work on tasks and messages.
const WORKERS: [&str; 4] = ["apply", "import", "payments", "reconcile"];
/// An API key of the tenant's, of an administrator.
pub const API_KEY: &str =
    "ponte.617.a0b1c2d3e4f50617.chave-inventada-para-os-testes-do-administrador";

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
    /// In which order the rows of bulk answers come.
    pub order: Order,
}

impl Default for World {
    fn default() -> Self {
        Self {
            installments: 1_000,
            contracts: 26,
            creditors: vec![1, 2, 3],
            quotas: false,
            order: Order::Bill,
        }
    }
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
    pub adapters: Adapters,
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
        // Further than the clocks of two machines may differ: what comes next reads nothing that was committed during the read.
        rig.pass(Duration::from_secs(30));
        rig
    }

    /// Company 1 alone, held: so many contracts of one customer, of four installments each.
    pub async fn with_contracts(count: usize, value: &str) -> Self {
        let rig = Self::with(World {
            installments: 12,
            contracts: 3,
            creditors: vec![1],
            ..World::default()
        })
        .await;
        rig.add_contracts(count, value);
        rig.run_all("reconcile").await;
        rig.bus.take();
        rig
    }

    /// So many new contracts of one customer of company 1, of four installments each, of which no webhook tells; answers their bills.
    pub fn add_contracts(&self, count: usize, value: &str) -> Vec<u32> {
        let (enterprise, customer, before) = self.sienge.with_world(|world| {
            let enterprise = world
                .enterprises
                .values()
                .find(|enterprise| enterprise.company == 1)
                .unwrap()
                .id;
            let bills: Vec<u32> = world.bills.keys().copied().collect();
            (enterprise, *world.customers.keys().next().unwrap(), bills)
        });
        for _ in 0..count {
            let contract = json!({"installments": 4, "value": value, "enterpriseId": enterprise, "customerId": customer});
            self.change("add", json!({"contract": contract, "silent": true}));
        }
        self.sienge.with_world(|world| {
            world
                .bills
                .keys()
                .copied()
                .filter(|bill| !before.contains(bill))
                .collect()
        })
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
            order: world.order,
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
        let adapters = Adapters {
            store: database.store.clone(),
            secrets: Arc::clone(&secrets) as _,
            bus: Arc::clone(&bus) as _,
            inbox: Arc::clone(&inbox) as _,
            http: http_client(Timeouts::default()).unwrap(),
            timeouts: Timeouts::default(),
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
        let of_api = Adapters {
            store: database.store_of("api").await,
            ..adapters.clone()
        };
        let api = Api::new(of_api, ClaimNames::default());
        let rig = Self {
            database,
            sienge,
            inbox,
            bus,
            secrets,
            adapters,
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
        rig.adapters
            .store
            .put_api_key(API_KEY, Role::Administrator, &[], next_year)
            .await
            .unwrap();
        rig
    }

    /// The api function in another execution: nothing is shared but the tables.
    pub async fn another_api(&self) -> Api {
        let adapters = Adapters {
            store: self.database.store_of("api").await,
            ..self.adapters.clone()
        };
        Api::new(adapters, ClaimNames::default())
    }

    /// Writes the tenant's settings: those of a new tenant, changed.
    pub async fn settings(&self, change: impl FnOnce(&mut TenantSettings)) {
        // Tests call more often than callers do; those of the limits say their own.
        let generous = json!({"callsPerMinute": 60_000, "siengeCallsPerMinute": 60_000, "webhooksPerMinute": 600_000, "emailsPerHour": 60_000});
        let plain = json!({"siengeBaseUrl": self.sienge.api("obra"), "subdomain": "obra", "package": "ultimate", "limits": generous});
        let mut settings = serde_json::from_value(plain).unwrap();
        change(&mut settings);
        self.adapters
            .store
            .put_tenant(&tenant(), &settings)
            .await
            .unwrap();
    }

    /// Writes a creditor's settings: those of a new creditor, changed.
    pub async fn creditor(&self, company: i64, change: impl FnOnce(&mut CreditorSettings)) {
        let mut settings = CreditorSettings::new(CreditorId(company));
        change(&mut settings);
        self.adapters
            .store
            .put_creditor(&tenant(), &settings)
            .await
            .unwrap();
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
}

impl Drop for Rig {
    /// Whatever a test is about: no function asks the tables for what its role in `template.yaml` does not allow.
    fn drop(&mut self) {
        let denied = self.database.denied();
        assert!(denied.is_empty() || std::thread::panicking(), "{denied:?}");
    }
}

/// A tenant's secret with these webhook tokens.
pub fn secret(tokens: &[&str]) -> TenantSecret {
    TenantSecret {
        sienge_user: "demo".to_owned(),
        sienge_password: "demo".to_owned(),
        webhook_tokens: tokens.iter().map(|token| (*token).to_owned()).collect(),
    }
}
