//! Death at every await: each function, over a world with real work to do, is struck at its effects in turn, in four ways.
//! Then only what happens by itself happens: Sienge and the queue deliver again, the sweep and the schedules run. The story
//! must end as it does unharmed, item by item and event by event.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use harness::crash::{Blow, Effects, Saved, Wire};
use harness::fakes::BusMood;
use harness::rig::{PLENTY, Portfolio, TOKEN, Told, invoker};
use harness::{Rig, World};
use ponte::aws::BusEvent;
use ponte::flow::FlowError;
use ponte::store::{WebhookState, keys};
use serde_json::{Value, json};
use tokio::time::Instant;
use webhook::Delivery;

/// Deaths of one invocation in an ordinary run, spread evenly over its effects; one of no more effects is struck at each of them, in
/// every way.
const DEATHS: usize = 25;

/// `PONTE_CRASHES=all` strikes at every effect of every invocation, and in every way.
fn all() -> bool {
    std::env::var("PONTE_CRASHES").is_ok_and(|wanted| wanted == "all")
}

/// What is invoked.
#[derive(Debug, Clone)]
pub(crate) enum Invocation {
    /// Sienge delivers a webhook.
    Webhook(Told),
    /// The queue delivers all it has.
    Apply,
    /// A task, by the function's name, and the time it has.
    Task(&'static str, Value, Duration),
    /// What an operator asks of `payments`.
    Command(Value),
}

pub(crate) struct Case {
    pub(crate) rig: Rig,
    pub(crate) wire: Wire,
    pub(crate) invocation: Invocation,
    /// Webhooks that were answered 2xx before.
    pub(crate) accepted: Vec<String>,
}

/// How it all ended.
pub(crate) struct Story {
    pub(crate) portfolio: Portfolio,
    /// Ids of what was published.
    bus: BTreeSet<String>,
    control: BTreeSet<String>,
    pub(crate) states: Vec<Option<WebhookState>>,
    dead_letters: usize,
}

/// A small world: six contracts of company 1, and a bill of company 3, which is not registered.
pub(crate) async fn rig() -> (Rig, Wire) {
    let rig = Rig::with(World {
        installments: 12,
        contracts: 3,
        creditors: vec![1],
        ..World::default()
    })
    .await;
    for _ in 0..6 {
        rig.change(
            "add",
            json!({"contract": {"installments": 4, "value": "4000.00", "enterpriseId": enterprise(&rig)}, "silent": true}),
        );
    }
    let rows = json!([{"dueDate": "2027-01-10", "value": "50.00"}, {"dueDate": "2027-02-10", "value": "50.00"}]);
    rig.change(
        "add",
        json!({"bill": {"companyId": 3, "documentId": "NF", "installments": rows}, "silent": true}),
    );
    let wire = Wire::before(&rig.sienge.base_url).await;
    let address = format!("{}/obra/public/api", wire.base_url);
    rig.settings(|settings| settings.sienge_base_url = address)
        .await;
    rig.run_all("reconcile").await;
    rig.run_all("import").await;
    rig.bus.take();
    (rig, wire)
}

/// A day's work: payments, changes, a new contract of more installments than fit a transaction, a removal, a cancellation, a
/// renegotiation.
fn work(rig: &Rig, silently: bool) -> Vec<Told> {
    let mut contracts = rig.contracts(&[1], 4).into_iter();
    let mut next = || contracts.next().expect("the world has enough contracts");
    let mut operations: Vec<(&str, Value)> = Vec::new();
    let (bill, i) = next();
    operations.push(("receive", json!({"billId": bill, "installmentId": i[0]})));
    operations.push((
        "receive",
        json!({"billId": bill, "installmentId": i[1], "value": "10.01"}),
    ));
    operations.push((
        "add",
        json!({"contract": {"installments": 101, "value": "30300.33", "enterpriseId": enterprise(rig)}}),
    ));
    let (bill, i) = next();
    operations.push(("remove", json!({"billId": bill, "installmentId": i[0]})));
    let (bill, _) = next();
    operations.push(("cancel", json!({"billId": bill, "reason": "Distrato"})));
    let (bill, i) = next();
    operations.push((
        "remake",
        json!({"billId": bill, "installmentIds": [i[0], i[1]], "count": 3}),
    ));
    // On a bill of its own: payments and other changes come in two reads of the redundancy, so in two commits.
    let (bill, i) = next();
    operations.push((
        "change",
        json!({"billId": bill, "installmentId": i[2], "dueDate": "2027-03-15", "value": "777.77"}),
    ));
    let (bill, _) = next();
    if silently {
        operations.push(("assign", json!({"billId": bill})));
    }
    let mut told = Vec::new();
    for (name, mut body) in operations {
        if silently {
            body["silent"] = json!(true);
        }
        told.extend(rig.change(name, body));
    }
    told
}

/// A webhook of company 3.
fn unknown(rig: &Rig) -> Vec<Told> {
    let bill = rig.sienge.with_world(|world| {
        world
            .bills
            .values()
            .find(|bill| bill.company == 3 && bill.document == "NF")
            .map(|bill| bill.id)
    });
    rig.change(
        "receive",
        json!({"billId": bill.unwrap(), "installmentId": 1, "value": "1.00"}),
    )
}

/// An enterprise of company 1.
fn enterprise(rig: &Rig) -> u32 {
    rig.sienge.with_world(|world| {
        let found = world
            .enterprises
            .values()
            .find(|enterprise| enterprise.company == 1);
        found.unwrap().id
    })
}

impl Case {
    /// The invocation, struck; `None` when it died. Answers how it ended in a word.
    async fn invoke(&self, effects: &Arc<Effects>) -> Option<Result<String, FlowError>> {
        self.rig.fresh_minute().await;
        self.wire.watch(Some(Arc::clone(effects)));
        let end = Instant::now() + PLENTY;
        let answer = match &self.invocation {
            Invocation::Webhook(told) => {
                let webhook = self.rig.watched_webhook(effects).await;
                let body = told.body.to_string();
                let authorization = format!("Bearer {TOKEN}");
                let delivery = Delivery {
                    receiver: "sienge",
                    tenant: Some("617"),
                    authorization: Some(&authorization),
                    event: Some(&told.event),
                    id: Some(&told.id),
                    hook_id: None,
                    source_ip: None,
                    body: body.as_bytes(),
                    at: (self.rig.adapters.clock)(),
                };
                let answer = effects.run(Box::pin(webhook.deliver(delivery))).await;
                answer.map(|answer| Ok(answer.status().to_string()))
            }
            Invocation::Apply => {
                let failed = self.rig.apply_watched(effects).await;
                failed.map(|failed| Ok(format!("{failed} failed")))
            }
            Invocation::Task(function, event, time) => {
                let end = Instant::now() + *time;
                let adapters = self.rig.watched_adapters(function, effects).await;
                let event = event.clone();
                let answer = match *function {
                    "import" => {
                        effects
                            .run(Box::pin(import::handle(&adapters, event, invoker(), end)))
                            .await
                    }
                    "payments" => {
                        effects
                            .run(Box::pin(payments::handle(&adapters, event, invoker(), end)))
                            .await
                    }
                    "reconcile" => {
                        effects
                            .run(Box::pin(reconcile::handle(
                                &adapters,
                                event,
                                invoker(),
                                end,
                            )))
                            .await
                    }
                    other => panic!("no function {other}"),
                };
                answer.map(|answer| answer.map(|summary| ending(&json!(summary))))
            }
            Invocation::Command(event) => {
                let adapters = self.rig.watched_adapters("payments", effects).await;
                let answer = effects
                    .run(Box::pin(payments::handle(
                        &adapters,
                        event.clone(),
                        invoker(),
                        end,
                    )))
                    .await;
                answer.map(|answer| answer.map(|summary| ending(&json!(summary))))
            }
        };
        self.wire.watch(None);
        answer
    }

    /// What happens by itself afterwards. Returns what was published.
    async fn time_passes(&self, ended: Option<Result<String, FlowError>>) -> Vec<BusEvent> {
        let rig = &self.rig;
        let finished = matches!(&ended, Some(Ok(word)) if has_ended(word));
        if let Invocation::Webhook(told) = &self.invocation
            && !matches!(&ended, Some(Ok(status)) if status == "200")
        {
            // Sienge sends it again until it is answered; a machine overloaded with tests may be late, too.
            let mut answered = false;
            for _ in 0..5 {
                if !answered {
                    rig.pass(Duration::from_mins(10));
                    answered = rig.tell(told).await.status() == 200;
                }
            }
            assert!(answered);
        }
        if let Invocation::Command(event) = &self.invocation
            && !finished
        {
            // The operator sees that it did not end, and gives it again.
            rig.pass(Duration::from_mins(1));
            let summary = rig.payments(event.clone()).await.unwrap();
            assert_eq!(ending(&summary), DONE, "{summary}");
        }
        rig.pass(Duration::from_mins(17));
        rig.payments(json!({})).await.unwrap();
        self.apply_all().await;
        let (summaries, mut published) = rig.route().await;
        let mut finished = finished || summaries.iter().any(|summary| has_ended(&ending(summary)));
        if let Invocation::Task(function, event, _) = &self.invocation
            && *event != json!({})
        {
            // Its schedule comes round again, until a run of it has finished. A confirmation is given once more, too; it may have ended.
            let mut event = event.clone();
            for _ in 0..2 {
                if !finished {
                    let answer = match *function {
                        "import" => rig.import(event.clone()).await,
                        "payments" => rig.payments(event.clone()).await,
                        _ => rig.reconcile(event.clone()).await,
                    };
                    let (summaries, more) = rig.route().await;
                    published.extend(more);
                    let mut ends = [answer.unwrap()]
                        .into_iter()
                        .chain(summaries)
                        .map(|summary| ending(&summary));
                    finished = ends.any(|word| has_ended(&word));
                    event.as_object_mut().unwrap().remove("confirm");
                }
            }
            assert!(finished);
        }
        if !self.rig.nothing_waits().await {
            rig.pass(Duration::from_mins(10));
            rig.payments(json!({})).await.unwrap();
            self.apply_all().await;
            published.extend(rig.route().await.1);
        }
        published.extend(rig.bus.take());
        published
    }

    async fn apply_all(&self) {
        if !self.rig.inbox.is_empty() {
            self.rig.apply_once().await;
        }
    }

    async fn story(&self, published: Vec<BusEvent>, unharmed: Option<&Story>) -> Story {
        let rig = &self.rig;
        let mut portfolio = rig.portfolio().await;
        for item in portfolio.values_mut() {
            // How often and when a bill was written is no part of the story.
            for name in ["version", "changed_at", "read_at"] {
                item.as_object_mut().unwrap().remove(name);
            }
        }
        let control = rig.database.items("control").await;
        // A customer that could not be read when its contract opened, and a unit, are read by the next daily load.
        let is_unread = |item: &Value| {
            item["document_key"]
                .as_str()
                .is_some_and(|key| key.ends_with("#unread"))
        };
        let units = unharmed
            .iter()
            .flat_map(|story| &story.portfolio)
            .filter(|((_, sk), _)| sk.starts_with("unit#"));
        let unread_units: Vec<_> = units
            .filter(|(key, unit)| portfolio.get(*key) != Some(*unit))
            .map(|(key, _)| key.clone())
            .collect();
        if portfolio.values().any(is_unread) || !unread_units.is_empty() {
            rig.import(json!({"tenant": "617", "creditor": 1}))
                .await
                .unwrap();
            let after = rig.portfolio().await;
            for (key, item) in portfolio.iter_mut().filter(|(_, item)| is_unread(item)) {
                item.clone_from(&after[key]);
            }
            portfolio.extend(
                unread_units
                    .into_iter()
                    .filter_map(|key| after.get(&key).cloned().map(|item| (key, item))),
            );
        }
        let text = |value: &AttributeValue| value.as_s().unwrap().clone();
        let key = |item: &HashMap<String, AttributeValue>| {
            format!("{} {}", text(&item["pk"]), text(&item["sk"]))
        };
        let told = match &self.invocation {
            Invocation::Webhook(told) => Some(told.id.clone()),
            _ => None,
        };
        let mut states = Vec::new();
        for id in self.accepted.iter().chain(&told) {
            states.push(rig.stored(id).await.map(|stored| stored.state));
        }
        Story {
            portfolio,
            bus: published
                .iter()
                .filter_map(|event| Some(event.detail["id"].as_str()?.to_owned()))
                .collect(),
            // What a run keeps aside is filed under its id.
            control: control
                .iter()
                .map(key)
                .filter(|key| !key.contains("quota"))
                .map(|key| {
                    key.split_once("#removals#")
                        .map_or(key.clone(), |(tenant, _)| format!("{tenant}#removals"))
                })
                .collect(),
            states,
            dead_letters: rig.inbox.dead(),
        }
    }

    /// Strikes at the effects one after the other, each time from the same beginning.
    pub(crate) async fn survives(&self, name: &str) -> Story {
        let began = std::time::Instant::now();
        // What was committed a moment ago may be newer than a read that begins now, and is read again: not of interest here. And long
        // enough after the news for a read to answer it: what comes again after a death between commit and journal is not read again.
        self.rig.pass(Duration::from_secs(35));
        let saved: Saved = self.rig.save();
        let before = self.rig.portfolio().await;
        let effects = Effects::counted();
        let answer = self.invoke(&effects).await;
        assert!(matches!(answer, Some(Ok(_))), "{answer:?}");
        let count = effects.names().len();
        let published = self.time_passes(answer).await;
        assert!(self.rig.nothing_waits().await);
        let unharmed = self.story(published, None).await;
        let mut points = 0;
        let ways = [
            Blow::DiesAfter,
            Blow::DiesBefore,
            Blow::FailsBefore,
            Blow::FailsAfter,
        ];
        let every = all() || count <= DEATHS;
        let stride = if every { 1 } else { count.div_ceil(DEATHS) };
        for (index, number) in (1..).step_by(stride).enumerate() {
            let ways = if every {
                &ways[..]
            } else {
                &ways[index % ways.len()..][..1]
            };
            let mut fell = false;
            for blow in ways.iter().copied() {
                self.rig.restore(&saved);
                let effects = Effects::struck(number, blow);
                let answer = self.invoke(&effects).await;
                if !effects.fell() {
                    continue;
                }
                fell = true;
                points += 1;
                let place = format!(
                    "{name}, {blow:?} at effect {number} ({}): {answer:?}",
                    effects.names()[number - 1]
                );
                if matches!(blow, Blow::DiesBefore | Blow::DiesAfter) {
                    assert!(answer.is_none(), "{place}");
                    assert_no_half_commit(
                        &before,
                        &self.rig.portfolio().await,
                        &unharmed.portfolio,
                        &place,
                    );
                }
                let published = self.time_passes(answer).await;
                assert!(
                    self.rig.nothing_waits().await,
                    "{place}: something waits for ever"
                );
                assert_same(
                    &self.story(published, Some(&unharmed)).await,
                    &unharmed,
                    &place,
                );
            }
            if !fell {
                break;
            }
        }
        println!(
            "{name}: {count} effects, {points} points in {:.1?}",
            began.elapsed()
        );
        self.rig.restore(&saved);
        unharmed
    }
}

const DONE: &str = "concluído";

/// Whether a run came to its end, or to where only an operator goes on.
fn has_ended(word: &str) -> bool {
    [DONE, "aguardando confirmação"].contains(&word)
}

/// How a run ended, in a word: done, if no bill failed.
fn ending(summary: &Value) -> String {
    let failures = summary["contagens"]["failures"]
        .as_object()
        .is_some_and(|failures| !failures.is_empty());
    let state = summary["situacao"].as_str().unwrap_or_default();
    if failures {
        format!("{state} com falhas")
    } else {
        state.to_owned()
    }
}

/// Every bill is as before or as after, or its head holds the events that make the next comparison complete it.
fn assert_no_half_commit(before: &Portfolio, now: &Portfolio, after: &Portfolio, place: &str) {
    let of = |portfolio: &Portfolio, bill: &str| -> Portfolio {
        let items = portfolio.iter().filter(|((pk, _), _)| pk == bill);
        items
            .filter(|((_, sk), _)| {
                sk.starts_with(keys::CONTRACT_PREFIX) || sk.starts_with(keys::INSTALLMENT_PREFIX)
            })
            .map(|(key, item)| (key.clone(), item.clone()))
            .collect()
    };
    let bills: BTreeSet<&String> = now
        .keys()
        .map(|(pk, _)| pk)
        .filter(|pk| keys::parse_bill_partition(pk).is_some())
        .collect();
    for bill in bills {
        let held = of(now, bill);
        let whole = [before, after].iter().any(|whole| of(whole, bill) == held);
        let head = now.get(&(bill.clone(), keys::BILL_HEAD.to_owned()));
        let pending = head.is_some_and(|head| !head["pending_events"].is_null());
        assert!(
            whole || pending,
            "{place}: {bill} is half written: {held:#?}"
        );
    }
}

fn assert_same(story: &Story, unharmed: &Story, place: &str) {
    let keys: BTreeSet<_> = story
        .portfolio
        .keys()
        .chain(unharmed.portfolio.keys())
        .collect();
    for key in keys {
        assert_eq!(
            story.portfolio.get(key),
            unharmed.portfolio.get(key),
            "{place}: {key:?}"
        );
    }
    assert_eq!(story.bus, unharmed.bus, "{place}: events on the bus");
    assert_eq!(
        story.control, unharmed.control,
        "{place}: leases, checkpoints, cursors"
    );
    assert_eq!(story.states, unharmed.states, "{place}: webhooks");
    assert_eq!(
        story.dead_letters, unharmed.dead_letters,
        "{place}: dead letters"
    );
}

pub(crate) async fn tell_all(rig: &Rig, told: &[Told]) -> Vec<String> {
    for each in told {
        assert_eq!(rig.tell(each).await.status(), 200);
    }
    told.iter().map(|told| told.id.clone()).collect()
}

#[tokio::test]
async fn a_webhook_survives_death_at_every_await() {
    // The second is about the longest that is taken.
    for length in [0, 60_000] {
        let (rig, wire) = rig().await;
        let (bill, open) = rig.contracts(&[1], 1).remove(0);
        let mut told = rig
            .change("receive", json!({"billId": bill, "installmentId": open[0]}))
            .remove(0);
        told.body["nota"] = json!(
            std::iter::repeat_with(fastrand::alphanumeric)
                .take(length)
                .collect::<String>()
        );
        let case = Case {
            rig,
            wire,
            invocation: Invocation::Webhook(told),
            accepted: Vec::new(),
        };
        case.survives(&format!("webhook with {length} bytes more"))
            .await;
    }
}

#[tokio::test]
async fn apply_survives_death_at_every_await() {
    let (rig, wire) = rig().await;
    let mut told = work(&rig, false);
    told.extend(unknown(&rig));
    let accepted = tell_all(&rig, &told).await;
    let case = Case {
        rig,
        wire,
        invocation: Invocation::Apply,
        accepted,
    };
    let unharmed = case.survives("apply").await;
    let (unmatched, done): (Vec<&Option<WebhookState>>, Vec<_>) = unharmed
        .states
        .iter()
        .partition(|state| **state == Some(WebhookState::Unmatched));
    assert!(done.iter().all(|state| **state == Some(WebhookState::Done)));
    assert_eq!(unmatched.len(), 1);
    case.rig.apply().await;
    case.rig.assert_equal().await;
}

#[tokio::test]
async fn the_sweep_survives_death_at_every_await() {
    let (rig, wire) = rig().await;
    // An unmatched webhook past its days.
    let mut accepted = tell_all(&rig, &unknown(&rig)).await;
    rig.apply().await;
    rig.pass(Duration::from_hours(8 * 24));
    // Events that the bus did not take, webhooks whose messages were lost, a run whose process died.
    rig.bus.be(BusMood::Fails);
    let (bill, open) = rig.contracts(&[1], 3).remove(0);
    let paid = |index: usize| {
        rig.change(
            "receive",
            json!({"billId": bill, "installmentId": open[index], "value": "1.00"}),
        )
    };
    accepted.extend(tell_all(&rig, &paid(0)).await);
    rig.apply().await;
    rig.bus.be(BusMood::Takes);
    for index in 1..3 {
        accepted.extend(tell_all(&rig, &paid(index)).await);
    }
    rig.inbox.take();
    let case = Case {
        rig,
        wire,
        invocation: Invocation::Task("import", json!({"tenant": "617", "creditor": 1}), PLENTY),
        accepted,
    };
    let effects = Effects::struck(25, Blow::DiesAfter);
    assert!(case.invoke(&effects).await.is_none());
    case.rig.pass(Duration::from_mins(17));
    let invocation = Invocation::Task("payments", json!({}), PLENTY);
    let case = Case { invocation, ..case };
    let unharmed = case.survives("sweep").await;
    assert_eq!(unharmed.states[0], None, "it is past its days");
    assert!(
        unharmed.states[1..]
            .iter()
            .all(|state| *state == Some(WebhookState::Done))
    );
    assert!(
        !unharmed
            .control
            .iter()
            .any(|key| key.contains("checkpoint") || key.contains("lease")),
        "{:?}",
        unharmed.control
    );
}

/// A run over silent work.
async fn run_survives(name: &str, function: &'static str, event: Value, time: Duration) -> Case {
    let (rig, wire) = rig().await;
    let accepted = tell_all(&rig, &unknown(&rig)).await;
    rig.apply().await;
    work(&rig, true);
    let case = Case {
        rig,
        wire,
        invocation: Invocation::Task(function, event, time),
        accepted,
    };
    Box::pin(case.survives(name)).await;
    case
}

#[tokio::test]
async fn the_redundancy_survives_death_at_every_await() {
    let event = json!({"tenant": "617", "creditor": 1, "redundancy": true});
    Box::pin(run_survives("redundancy", "payments", event, PLENTY)).await;
}

const OF_ONE: fn() -> Value = || json!({"tenant": "617", "creditor": 1});

#[tokio::test]
async fn an_import_survives_death_at_every_await() {
    Box::pin(run_survives("import", "import", OF_ONE(), PLENTY)).await;
}

#[tokio::test]
async fn an_import_of_everybody_survives_death_at_every_await() {
    Box::pin(run_survives(
        "import of everybody",
        "import",
        json!({"tenant": "617"}),
        PLENTY,
    ))
    .await;
}

#[tokio::test]
async fn an_import_out_of_time_survives_death_at_every_await() {
    Box::pin(run_survives(
        "import out of time",
        "import",
        OF_ONE(),
        Duration::from_secs(20),
    ))
    .await;
}

/// The installments of a company with a boleto.
fn with_boletos(rig: &Rig, company: u32) -> Vec<(u32, u32)> {
    rig.sienge.with_world(|world| {
        let ours = world.bills.values().filter(|bill| bill.company == company);
        let rows = ours.flat_map(|bill| bill.installments.iter().map(|row| (bill.id, row)));
        rows.filter(|(_, row)| row.boleto.is_some())
            .map(|(bill, row)| (bill, row.id))
            .collect()
    })
}

#[tokio::test]
async fn a_first_load_survives_death_at_every_await() {
    let (mut rig, wire) = rig().await;
    // A bill that failed is read again from a source that tells no boletos, and is brought up to date with them: another story.
    for (bill, installment) in with_boletos(&rig, 2) {
        let body = json!({"billId": bill, "installmentId": installment, "status": "REMOVED", "silent": true});
        rig.change("boleto", body);
    }
    rig.register(2).await;
    let case = Case {
        rig,
        wire,
        // As the import of a creditor without one begins, too.
        invocation: Invocation::Task("reconcile", json!({"tenant": "617", "creditor": 2}), PLENTY),
        accepted: Vec::new(),
    };
    case.survives("first load").await;
    case.rig.run_all("import").await;
    case.rig.assert_equal().await;
}

#[tokio::test]
async fn a_reconciliation_survives_death_at_every_await() {
    let case = Box::pin(run_survives("reconcile", "reconcile", OF_ONE(), PLENTY)).await;
    case.rig.run_all("reconcile").await;
    case.rig.assert_equal().await;
}

/// It stops and asks, and is told to go on.
#[tokio::test]
async fn a_reconciliation_that_asks_survives_death_at_every_await_before_and_after() {
    let (rig, wire) = rig().await;
    for (bill, open) in rig.contracts(&[1], 4) {
        for installment in &open[..2] {
            rig.change(
                "remove",
                json!({"billId": bill, "installmentId": installment, "silent": true}),
            );
        }
    }
    let case = Case {
        rig,
        wire,
        invocation: Invocation::Task("reconcile", OF_ONE(), PLENTY),
        accepted: Vec::new(),
    };
    case.survives("reconciliation that asks").await;
    let summary = case.rig.reconcile(OF_ONE()).await.unwrap();
    let invocation = Invocation::Task("reconcile", summary["proximoPasso"].clone(), PLENTY);
    let case = Case { invocation, ..case };
    case.survives("confirmed reconciliation").await;
    let summary = case
        .rig
        .reconcile(summary["proximoPasso"].clone())
        .await
        .unwrap();
    assert!(
        summary["contagens"]["returned"].as_u64().unwrap() >= 12,
        "{summary}"
    );
    case.rig.assert_equal().await;
}
