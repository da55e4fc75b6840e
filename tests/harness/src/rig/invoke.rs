//! The functions, invoked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::Duration;

use api::Failure;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use aws_sdk_dynamodb::types::AttributeValue;
use ponte::aws::BusEvent;
use ponte::flow::{Adapters, FlowError, Invoker, TASK_REQUESTED};
use ponte::sienge::Lane;
use ponte::store::keys;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{PLENTY, Rig};
use crate::fakes::Queued;
use crate::permissions::inbox_deliveries;

/// Continuations of one task at most; Lambda's loop detection stops at about 16 hops.
const MAX_HOPS: usize = 40;
/// Where requests come from.
pub const ADDRESS: &str = "192.0.2.10";
/// Their id at API Gateway.
pub const REQUEST: &str = "pedido-1";

/// Who invokes the functions, as Lambda tells it: of no identity, only of the request.
pub fn invoker() -> &'static Invoker {
    static INVOKER: LazyLock<Invoker> = LazyLock::new(|| Invoker {
        request: "invocacao-1".to_owned(),
        identity: None,
    });
    &INVOKER
}

impl Rig {
    /// The adapters as a function has them.
    pub fn adapters_of(&self, function: &str) -> Adapters {
        Adapters {
            store: self.stores[function].clone(),
            ..self.adapters.clone()
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
            let delete = delete
                .key("pk", AttributeValue::S(pk))
                .key("sk", AttributeValue::S(sk));
            // A test that breaks the database breaks this, too.
            let _ = delete.send().await;
        }
    }

    /// One delivery of everything in the queue to `apply`, in one batch. What failed is delivered again the next time, and
    /// put aside after the last one. Returns how many failed.
    pub async fn apply_once(&self) -> usize {
        self.fresh_minute().await;
        let batch = self.inbox.take();
        let answer = Box::pin(apply::handle(
            &self.adapters_of("apply"),
            delivery(&batch),
            Instant::now() + PLENTY,
        ))
        .await;
        self.put_back(batch, Some(answer))
    }

    /// What the queue does after a delivery: what failed comes again, or is put aside after the last time; all of it when the
    /// function died. Returns how many failed.
    pub fn put_back(&self, batch: Vec<Queued>, answer: Option<SqsBatchResponse>) -> usize {
        let failures: Option<BTreeSet<String>> = answer.map(|answer| {
            let failures = answer.batch_item_failures.into_iter();
            failures.map(|failure| failure.item_identifier).collect()
        });
        let failed = |index: usize| {
            failures
                .as_ref()
                .is_none_or(|failures| failures.contains(&index.to_string()))
        };
        let mut count = 0;
        for (_, mut queued) in batch
            .into_iter()
            .enumerate()
            .filter(|(index, _)| failed(*index))
        {
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
        Box::pin(import::handle(
            &self.adapters_of("import"),
            event,
            invoker(),
            Instant::now() + time,
        ))
        .await
        .map(|answer| json!(answer))
    }

    /// Invokes `payments`.
    pub async fn payments(&self, event: Value) -> Result<Value, FlowError> {
        self.payments_within(event, PLENTY).await
    }

    /// Invokes `payments` with so much time.
    pub async fn payments_within(&self, event: Value, time: Duration) -> Result<Value, FlowError> {
        self.fresh_minute().await;
        Box::pin(payments::handle(
            &self.adapters_of("payments"),
            event,
            invoker(),
            Instant::now() + time,
        ))
        .await
        .map(|answer| json!(answer))
    }

    /// Invokes `reconcile`.
    pub async fn reconcile(&self, event: Value) -> Result<Value, FlowError> {
        self.reconcile_within(event, PLENTY).await
    }

    /// Invokes `reconcile` with so much time.
    pub async fn reconcile_within(&self, event: Value, time: Duration) -> Result<Value, FlowError> {
        self.fresh_minute().await;
        Box::pin(reconcile::handle(
            &self.adapters_of("reconcile"),
            event,
            invoker(),
            Instant::now() + time,
        ))
        .await
        .map(|answer| json!(answer))
    }

    /// Invokes `api` with an event.
    pub async fn api(&self, event: Value) -> Result<Value, Failure> {
        self.fresh_minute().await;
        let answer = Box::pin(self.api.handle(event, invoker(), Instant::now() + PLENTY)).await;
        answer.map(|answer| json!(answer))
    }

    /// Makes an operator's call; answers what a caller over HTTP would be answered.
    pub async fn called(&self, event: Value) -> Value {
        let mut answer = self.api(event).await.unwrap();
        assert_eq!(answer["situacao"], "concluído", "{answer}");
        answer["resposta"].take()
    }

    /// Calls the API over HTTP with a key; answers the status and the body.
    pub async fn call(&self, key: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.call_with(
            json!({"authorization": format!("Bearer {key}")}),
            method,
            path,
            body,
        )
        .await
    }

    /// As [`Rig::call`], with these headers.
    pub async fn call_with(
        &self,
        headers: Value,
        method: &str,
        path: &str,
        body: &Value,
    ) -> (u16, Value) {
        let answer = self
            .api(request(&headers, method, path, body))
            .await
            .unwrap();
        let status = answer["statusCode"].as_u64().unwrap().try_into().unwrap();
        (
            status,
            serde_json::from_str(answer["body"].as_str().unwrap()).unwrap(),
        )
    }

    /// Does what the rules of the bus do: hands every requested task to its function, until none is asked for. Returns the
    /// summaries, and puts nothing else away: the other events are returned too.
    pub async fn route(&self) -> (Vec<Value>, Vec<BusEvent>) {
        let (mut summaries, mut others) = (Vec::new(), Vec::new());
        for _ in 0..MAX_HOPS {
            let (tasks, told): (Vec<_>, Vec<_>) = self
                .bus
                .take()
                .into_iter()
                .partition(|event| event.detail_type == TASK_REQUESTED);
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
}

/// A request as API Gateway hands it to `api`.
pub fn request(headers: &Value, method: &str, path: &str, body: &Value) -> Value {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let pairs: BTreeMap<&str, &str> = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .collect();
    let http = json!({"method": method, "path": path, "sourceIp": ADDRESS});
    json!({"version": "2.0", "routeKey": "ANY /v1/{proxy+}", "rawPath": path, "rawQueryString": query, "queryStringParameters": pairs,
        "headers": headers, "body": body, "isBase64Encoded": false, "requestContext": {"http": http, "requestId": REQUEST}})
}

/// A batch as SQS hands it to a function; the messages' ids are their places.
pub fn delivery(batch: &[Queued]) -> SqsEvent {
    let records = batch.iter().enumerate().map(|(index, queued)| {
        let attributes = json!({"ApproximateReceiveCount": (queued.deliveries + 1).to_string()});
        json!({"messageId": index.to_string(), "body": queued.body, "attributes": attributes})
    });
    serde_json::from_value(json!({ "Records": records.collect::<Vec<Value>>() })).unwrap()
}
