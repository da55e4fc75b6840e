//! Everything around the functions' processes: the embedded DynamoDB behind its counting proxy, the simulator with all its
//! contracts under one creditor, and the stand-in for the other services. Plays the bus: what a function asks for is invoked.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use harness::database::{Database, tenant};
use ponte::flow::TASK_REQUESTED;
use ponte::ids::CreditorId;
use ponte::settings::CreditorSettings;
use serde_json::{Value, json};
use sienge_simulator::{Options as World, Running};

use crate::Options;
use crate::aws::StandIn;
use crate::process::Process;

/// The creditor that everything belongs to.
pub const CREDITOR: u32 = 1;
/// Continuations of one run at most.
const MAX_INVOCATIONS: usize = 200;

/// The stack.
pub struct Stack {
    /// DynamoDB.
    pub database: Database,
    /// Sienge.
    pub sienge: Running,
    /// SQS, EventBridge, Secrets Manager.
    pub stand_in: StandIn,
}

/// What a function did with DynamoDB.
#[derive(Debug, Default, Clone)]
pub struct Used {
    /// Read units.
    pub read_units: f64,
    /// Write units.
    pub write_units: f64,
    /// Writing calls to the portfolio.
    pub portfolio_writes: usize,
}

/// Calls to Sienge.
#[derive(Debug, Default, Clone)]
pub struct SiengeCalls {
    /// REST.
    pub rest: u64,
    /// Bulk.
    pub bulk: u64,
    /// Each route with its calls.
    pub routes: Vec<(String, u64)>,
}

impl Stack {
    /// Starts one with a world of so many installments and contracts.
    pub async fn start(installments: u32, contracts: Option<u32>) -> Result<Self, String> {
        let database = Database::start().await;
        let world = World {
            installments,
            contracts,
            ..World::default()
        };
        let sienge = sienge_simulator::start(world)
            .await
            .map_err(|error| error.to_string())?;
        sienge.with_world(|world| {
            for enterprise in world.enterprises.values_mut() {
                enterprise.company = CREDITOR;
            }
            for bill in world.bills.values_mut() {
                bill.company = CREDITOR;
            }
        });
        let stand_in = StandIn::start().await.map_err(|error| error.to_string())?;
        // As many webhooks as the machine takes: no sender is to be held up here.
        let limits = json!({"webhooksPerMinute": 600_000});
        let settings = json!({"siengeBaseUrl": sienge.api("obra"), "subdomain": "obra", "package": "infinity", "limits": limits});
        let settings = serde_json::from_value(settings).map_err(|error| error.to_string())?;
        let stored = async {
            database.store.put_tenant(&tenant(), &settings).await?;
            let creditor = CreditorSettings::new(CreditorId(i64::from(CREDITOR)));
            database.store.put_creditor(&tenant(), &creditor).await
        };
        stored.await.map_err(|error| error.to_string())?;
        Ok(Self {
            database,
            sienge,
            stand_in,
        })
    }

    /// Takes the bills entered by hand out of the world, with the customers that only they have: what is left are sales contracts.
    pub fn only_contracts(&self) {
        self.sienge.with_world(|world| {
            world.bills.retain(|_, bill| bill.contract.is_some());
            let customers: BTreeSet<u32> = world.bills.values().map(|bill| bill.customer).collect();
            world.customers.retain(|id, _| customers.contains(id));
            for bills in world.by_customer.values_mut() {
                bills.retain(|bill| world.bills.contains_key(bill));
            }
        });
    }

    /// Starts a function that reaches all of it.
    pub async fn function(&self, options: &Options, name: &str) -> Result<Process, String> {
        let database = self.database.config.endpoint_url();
        Process::start(
            &options.function(name),
            &[],
            &self.stand_in.environment(database),
        )
        .await
    }

    /// Installments open in Sienge.
    pub fn open(&self) -> u64 {
        let open = |world: &mut sienge_simulator::world::World| {
            let rows = world.bills.values().flat_map(|bill| &bill.installments);
            rows.filter(|row| row.open()).count()
        };
        self.sienge.with_world(open) as u64
    }

    /// Runs a task of the creditor to its end, each invocation with so much time; returns the last summary and how many
    /// invocations it took.
    pub async fn run(&self, process: &Process, time: Duration) -> Result<(Value, usize), String> {
        let mut event = json!({"tenant": tenant().as_str(), "creditor": CREDITOR});
        self.stand_in.events();
        for invocation in 1..=MAX_INVOCATIONS {
            let summary = process.runtime.ask(&event, time).await?;
            let asked = self
                .stand_in
                .events()
                .into_iter()
                .find(|told| told["DetailType"] == TASK_REQUESTED);
            let Some(asked) = asked else {
                if summary["situacao"] != "concluído" {
                    return Err(format!("the run did not finish: {summary}"));
                }
                return Ok((summary, invocation));
            };
            let detail: Value = serde_json::from_str(asked["Detail"].as_str().unwrap_or_default())
                .map_err(|error| error.to_string())?;
            event = json!({"version": "0", "source": "ponte", "detail-type": TASK_REQUESTED, "detail": detail});
        }
        Err("the run never ends".to_owned())
    }

    /// What was done with DynamoDB since the last time this was asked.
    pub fn used(&self) -> Used {
        let mut used = Used {
            portfolio_writes: self
                .database
                .writes()
                .get("portfolio")
                .copied()
                .unwrap_or_default(),
            ..Used::default()
        };
        for (operation, units) in self.database.units() {
            if matches!(
                operation.as_str(),
                "Query" | "GetItem" | "BatchGetItem" | "Scan"
            ) {
                used.read_units += units;
            } else {
                used.write_units += units;
            }
        }
        used
    }

    /// What the portfolio holds, its index entries apart, in bytes: names and values of all attributes, and what DynamoDB adds for each item.
    pub async fn portfolio_bytes(&self) -> f64 {
        let items = self.database.items("portfolio").await;
        let bytes: usize = items.iter().map(item_bytes).sum();
        #[expect(clippy::cast_precision_loss, reason = "megabytes")]
        let bytes = bytes as f64;
        bytes
    }

    /// Calls to Sienge since the last time this was asked.
    pub async fn sienge_calls(&self) -> Result<SiengeCalls, String> {
        let address = format!("{}/_control/calls", self.sienge.base_url);
        let client = reqwest::Client::new();
        let read = async {
            let bytes = client.get(&address).send().await?.bytes().await?;
            client.delete(&address).send().await?;
            Ok::<_, reqwest::Error>(bytes)
        };
        let report: Value = serde_json::from_slice(&read.await.map_err(|error| error.to_string())?)
            .map_err(|error| error.to_string())?;
        let mut calls = SiengeCalls::default();
        for lane in report["subdomains"].as_array().into_iter().flatten() {
            let count = lane["calls"].as_u64().unwrap_or_default();
            if lane["kind"] == "bulk" {
                calls.bulk += count;
            } else {
                calls.rest += count;
            }
            if lane["refused"].as_u64() != Some(0) {
                return Err(format!("Sienge refused calls: {lane}"));
            }
        }
        for route in report["routes"].as_array().into_iter().flatten() {
            let name = route["route"].as_str().unwrap_or_default().to_owned();
            calls
                .routes
                .push((name, route["calls"].as_u64().unwrap_or_default()));
        }
        Ok(calls)
    }
}

fn item_bytes(item: &HashMap<String, AttributeValue>) -> usize {
    const OVERHEAD: usize = 100;
    OVERHEAD
        + item
            .iter()
            .map(|(name, value)| name.len() + value_bytes(value))
            .sum::<usize>()
}

fn value_bytes(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => number.len() / 2 + 1,
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::L(list) => {
            3 + list
                .iter()
                .map(|value| 1 + value_bytes(value))
                .sum::<usize>()
        }
        AttributeValue::M(map) => {
            3 + map
                .iter()
                .map(|(name, value)| 1 + name.len() + value_bytes(value))
                .sum::<usize>()
        }
        _ => 1,
    }
}
