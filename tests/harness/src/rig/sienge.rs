//! What happens in Sienge, and what it tells.

use ponte::store::{JournalKey, StoredWebhook, keys};
use serde_json::Value;
use sienge_simulator::world;
use webhook::{Answer, Delivery};

use super::{Rig, TOKEN, clock};
use crate::database::tenant;

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

impl Rig {
    /// Changes Sienge and returns what it tells its hooks: nothing of a silent change.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "callers write json!(..) in place"
    )]
    pub fn change(&self, name: &str, body: Value) -> Vec<Told> {
        self.try_change(name, &body)
            .unwrap_or_else(|why| panic!("{name} {body}: {why}"))
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
        let request = reqwest::Client::new()
            .request(method.parse().unwrap(), url)
            .body(body.to_string());
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
                let rows = bill
                    .installments
                    .iter()
                    .filter(|row| row.open() && row.receipts.is_empty());
                rows.map(|row| row.id).collect()
            };
            let found = world
                .bills
                .values()
                .filter(of_contract)
                .map(|bill| (bill.id, untouched(bill)));
            found.filter(|(_, ids)| ids.len() >= open).collect()
        })
    }

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
    pub async fn deliver<'a>(
        &'a self,
        change: impl FnOnce(Delivery<'a>) -> Delivery<'a>,
    ) -> Answer {
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
        let mut loaded = self.adapters.store.load_webhooks(&[key]).await.unwrap();
        loaded.pop().map(Result::unwrap)
    }
}

fn replaced<'a>(given: Option<&'a str>, own: &'a str) -> Option<&'a str> {
    given.map(|given| if given == DEFAULT { own } else { given })
}

/// Stands for what [`Rig::deliver`] fills in.
const DEFAULT: &str = "default";
