//! A simulation of everything around the pure core: a generated Sienge, its people, the news of their doings (lost, doubled,
//! out of order, late), and the functions, whose reads fail or show half, whose processes die between any two effects, who meet
//! each other, and who run out of quota. One seed, one story; the clock is virtual.
//!
//! The comparison and the slices of a commit are the real ones. At the end one opening of every customer and one batimento of
//! every creditor must find both sides equal.

mod checks;
mod functions;
mod mirror;
mod news;
mod sienge;
mod store;
mod tally;

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use jiff::ToSpan;
use jiff::civil::Date;
use ponte::calendar::Timestamp;
use ponte::ids::{BillId, CreditorId};
use ponte::intake::Hints;
use ponte::portfolio::Scope;
use ponte::settings::{CreditorSettings, TenantSettings};
use ponte::store::slices::SliceLimits;
use serde_json::json;

use crate::rig::TODAY;
pub use sienge::{REFUSED, address_of, operation, other_name};

use news::News;
use sienge::Sienge;
use store::MemoryStore;

/// The companies that are registered; the third is not.
const REGISTERED: [i64; 2] = [1, 2];
/// Midnight of the first day in Brazil.
const BEGINNING: Timestamp = Timestamp::constant(1_795_143_600, 0);
const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;
/// An effect takes less than so many seconds.
const EFFECT: u64 = 5;

/// An invocation ended before its end: its process died.
#[derive(Debug)]
struct Halt;

/// Where a webhook stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WebhookState {
    Pending,
    Unmatched,
    Done,
    Failed,
}

struct Webhook {
    hints: Hints,
    state: WebhookState,
    /// Of which operation it tells.
    operation: u64,
    /// Second of its arrival.
    at: u64,
    /// Which arrival it is: one without an id may come again.
    arrival: u64,
}

/// What tells a webhook from others: a number of its own, or what it says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum WebhookId {
    Given(u64),
    LooksLike(String),
}

/// So many seconds after the beginning.
fn at(second: u64) -> Timestamp {
    BEGINNING
        .saturating_add(i64::try_from(second).unwrap().seconds())
        .unwrap()
}

/// How likely each trouble is, of 1,000.
#[derive(Debug, Clone, Copy, Default)]
struct Trouble {
    webhook_lost: u32,
    webhook_doubled: u32,
    webhook_late: u32,
    webhook_early: u32,
    message_lost: u32,
    read_fails: u32,
    rows_missing: u32,
    rows_odd: u32,
    truncated: u32,
    bus_refuses: u32,
    dies: u32,
    meets_another: u32,
    quota_ends: u32,
    without_id: u32,
    other_name: u32,
    told_in_part: u32,
    refused_id: u32,
}

/// What a run did, for the count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Operations in Sienge.
    pub operations: u64,
    /// Webhooks accepted.
    pub webhooks: u64,
    /// Invocations.
    pub invocations: u64,
    /// Invocations that died.
    pub deaths: u64,
    /// Commits that met another one.
    pub conflicts: u64,
    /// Timeline events.
    pub events: u64,
    /// Bills that were not read, because an earlier read knew their news.
    pub reads_saved: u64,
    /// Bills that somebody committed while they were read.
    pub overtaken: u64,
    /// Bills of which too much would have been taken away unasked.
    pub withheld: u64,
    /// Bills read while they still showed what was told to be removed.
    pub too_early: u64,
    /// Webhooks without an id that came again while their like was being looked at.
    pub came_again: u64,
    /// Webhooks of a bill that Sienge refuses.
    pub refused: u64,
    /// Open installments held that a read showed and did not tell.
    pub unread: u64,
}

impl Counts {
    /// Adds another run's.
    pub fn add(&mut self, other: Self) {
        self.operations += other.operations;
        self.webhooks += other.webhooks;
        self.invocations += other.invocations;
        self.deaths += other.deaths;
        self.conflicts += other.conflicts;
        self.events += other.events;
        self.reads_saved += other.reads_saved;
        self.overtaken += other.overtaken;
        self.too_early += other.too_early;
        self.came_again += other.came_again;
        self.refused += other.refused;
        self.unread += other.unread;
        self.withheld += other.withheld;
    }
}

struct Simulation {
    rng: Rng,
    /// Since the beginning.
    second: u64,
    sienge: Sienge,
    store: MemoryStore,
    settings: TenantSettings,
    creditors: BTreeMap<CreditorId, CreditorSettings>,
    limits: SliceLimits,
    journal: BTreeMap<WebhookId, Webhook>,
    /// Messages, with how often they were delivered.
    queue: Vec<(WebhookId, u32)>,
    /// Webhooks on their way: when they arrive, id, and how they arrive.
    on_their_way: Vec<(u64, WebhookId, News)>,
    published: BTreeSet<(BillId, String)>,
    cursors: BTreeMap<CreditorId, Date>,
    /// What the running invocation takes away.
    tally: BTreeMap<CreditorId, tally::Tally>,
    trouble: Trouble,
    quota_back_at: u64,
    /// Effects take less than so many seconds.
    slowness: u64,
    /// Effects until the running invocation dies.
    fuse: Option<u32>,
    depth: u8,
    next_webhook: u64,
    counts: Counts,
}

/// Runs a seed; panics with what is wrong.
#[must_use]
pub fn run(seed: u64) -> Counts {
    let mut simulation = Simulation::born(seed);
    let steps = simulation.rng.u32(10..60);
    for _ in 0..steps {
        simulation.step();
    }
    simulation.end()
}

impl Simulation {
    fn born(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let sienge = Sienge::born(&mut rng, TODAY);
        let settings = json!({"siengeBaseUrl": "http://127.0.0.1", "subdomain": "obra"});
        let creditor = |id| (CreditorId(id), CreditorSettings::new(CreditorId(id)));
        let writes = [1, 2, 3, 7, SliceLimits::DYNAMODB.writes][rng.usize(0..5)];
        let mut some = |most: u32| if rng.bool() { rng.u32(0..most) } else { 0 };
        let trouble = Trouble {
            webhook_lost: some(400),
            webhook_doubled: some(400),
            webhook_late: some(400),
            webhook_early: some(100),
            message_lost: some(200),
            read_fails: some(200),
            rows_missing: some(300),
            rows_odd: some(300),
            truncated: some(400),
            bus_refuses: some(200),
            dies: some(900),
            meets_another: some(80),
            quota_ends: some(60),
            without_id: some(500),
            other_name: some(300),
            told_in_part: some(600),
            refused_id: some(200),
        };
        Self {
            second: 0,
            sienge,
            store: MemoryStore::default(),
            settings: serde_json::from_value(settings).unwrap(),
            creditors: REGISTERED.map(creditor).into(),
            limits: SliceLimits {
                writes,
                ..SliceLimits::DYNAMODB
            },
            journal: BTreeMap::new(),
            queue: Vec::new(),
            on_their_way: Vec::new(),
            published: BTreeSet::new(),
            cursors: BTreeMap::new(),
            tally: BTreeMap::new(),
            trouble,
            quota_back_at: 0,
            slowness: EFFECT,
            fuse: None,
            depth: 0,
            next_webhook: 0,
            counts: Counts::default(),
            rng,
        }
    }

    fn today(&self) -> Date {
        self.sienge.world.today
    }

    fn happens(&mut self, of_thousand: u32) -> bool {
        self.rng.u32(0..1_000) < of_thousand
    }

    fn now(&self) -> Timestamp {
        at(self.second)
    }

    fn is_out_of_quota(&self) -> bool {
        self.second < self.quota_back_at
    }

    /// An invocation reaches out; it may die here, and anything may happen meanwhile.
    fn effect(&mut self) -> Result<(), Halt> {
        if let Some(fuse) = &mut self.fuse {
            if *fuse == 0 {
                return Err(Halt);
            }
            *fuse -= 1;
        }
        self.second += self.rng.u64(0..self.slowness);
        if self.depth < 3 && self.happens(self.trouble.meets_another) {
            let (fuse, tally) = (self.fuse.take(), std::mem::take(&mut self.tally));
            self.depth += 1;
            self.something();
            self.depth -= 1;
            (self.fuse, self.tally) = (fuse, tally);
        }
        Ok(())
    }

    fn step(&mut self) {
        let seconds = match self.rng.u32(0..20) {
            0 => DAY,
            1..4 => 120 * MINUTE,
            4..9 => 7 * MINUTE,
            _ => self.rng.u64(0..40),
        };
        self.pass(seconds);
        if self.happens(self.trouble.quota_ends) {
            self.quota_back_at = self.second + self.rng.u64(1..DAY);
        }
        self.something();
    }

    fn pass(&mut self, seconds: u64) {
        self.second += seconds;
        let days = i64::try_from(self.second / DAY).unwrap();
        self.sienge.world.today = TODAY.saturating_add(days.days());
    }

    fn something(&mut self) {
        match self.rng.u32(0..100) {
            0..45 => self.operate(),
            45..55 => self.deliver(),
            55..75 => {
                self.deliver();
                self.invoke(Self::apply);
            }
            75..80 => self.invoke(Self::sweep),
            80..85 => {
                let creditor = self.creditor();
                self.invoke(|me| me.redundancy(creditor));
            }
            85..91 => {
                let creditor = self.creditor();
                self.invoke(|me| me.import(creditor));
            }
            91..96 => {
                let creditor = self.creditor();
                let confirmed = self.rng.bool();
                self.invoke(|me| me.reconcile(creditor, confirmed).map(drop));
            }
            _ => {
                let bills = self.sienge.bills(&REGISTERED);
                let bill = self.rng.choice(bills).into_iter().collect();
                self.invoke(|me| me.sync_whole(Scope::Sync, &bill).map(drop));
            }
        }
    }

    fn creditor(&mut self) -> CreditorId {
        CreditorId(REGISTERED[self.rng.usize(0..REGISTERED.len())])
    }

    /// An invocation, which may die.
    fn invoke(&mut self, function: impl FnOnce(&mut Self) -> Result<(), Halt>) {
        self.fuse = if self.happens(self.trouble.dies) {
            Some(self.rng.u32(0..40).min(self.rng.u32(0..40)))
        } else {
            None
        };
        self.counts.invocations += 1;
        self.counts.deaths += u64::from(function(self).is_err());
        self.fuse = None;
    }

    /// Somebody works in Sienge.
    fn operate(&mut self) {
        for _ in 0..self.rng.u32(1..4) {
            let Some(draft) = self.sienge.plan(&mut self.rng) else {
                continue;
            };
            self.counts.operations += 1;
            let operation = self.sienge.operations + 1;
            let share = self.trouble.other_name;
            let rng = &mut self.rng;
            let news = Sienge::news(&draft, |event| {
                (rng.u32(0..1_000) < share).then(|| other_name(event, rng))
            });
            let news: Vec<News> = news
                .into_iter()
                .map(|(body, hints)| News {
                    body,
                    hints,
                    operation,
                })
                .collect();
            // Some events are out before the change can be read.
            if self.happens(self.trouble.webhook_early) && self.depth == 0 {
                let known = self.sienge.bills(&REGISTERED);
                let bills = news
                    .iter()
                    .flat_map(|news| &news.hints.bills)
                    .filter(|bill| known.contains(bill));
                let bills: BTreeSet<BillId> = bills.copied().collect();
                self.send(news);
                self.deliver();
                // Sienge shows it within half a minute, and is read until then.
                let (meets, slowness) = (
                    std::mem::take(&mut self.trouble.meets_another),
                    std::mem::replace(&mut self.slowness, 1),
                );
                self.invoke(Self::apply);
                self.second += self.rng.u64(0..30);
                self.invoke(|me| me.sync_whole(Scope::Sync, &bills).map(drop));
                (self.trouble.meets_another, self.slowness) = (meets, slowness);
                self.sienge.commit(draft);
            } else {
                self.sienge.commit(draft);
                self.send(news);
            }
        }
    }

    fn send(&mut self, news: Vec<News>) {
        for news in news {
            if self.happens(self.trouble.webhook_lost) {
                continue;
            }
            self.next_webhook += 1;
            let id = if self.happens(self.trouble.without_id) {
                WebhookId::LooksLike(news.body.clone())
            } else {
                WebhookId::Given(self.next_webhook)
            };
            let times = 1 + u32::from(self.happens(self.trouble.webhook_doubled));
            for _ in 0..times {
                let late = if self.happens(self.trouble.webhook_late) {
                    self.rng.u64(1..600 * MINUTE)
                } else {
                    0
                };
                self.on_their_way
                    .push((self.second + late, id.clone(), news.clone()));
            }
        }
        if self.happens(self.trouble.refused_id) {
            self.next_webhook += 1;
            let id = WebhookId::Given(self.next_webhook);
            self.on_their_way.push((self.second, id, Sienge::refused()));
        }
        self.rng.shuffle(&mut self.on_their_way);
    }

    /// The webhook function: stored once, then queued.
    fn deliver(&mut self) {
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.on_their_way)
            .into_iter()
            .partition(|(at, _, _)| *at <= self.second);
        self.on_their_way = later;
        for (
            _,
            id,
            News {
                hints, operation, ..
            },
        ) in due
        {
            let held = self.journal.get_mut(&id);
            let again = match (&id, held) {
                (WebhookId::Given(_), Some(_)) => continue,
                // It stands for this one, too, only while it waits.
                (WebhookId::LooksLike(_), Some(held)) if held.state == WebhookState::Pending => {
                    held.operation = held.operation.max(operation);
                    (held.at, held.arrival) = (self.second, held.arrival + 1);
                    true
                }
                _ => false,
            };
            if !again {
                self.counts.webhooks += 1;
                let arrival = self.journal.get(&id).map_or(0, |held| held.arrival + 1);
                let webhook = Webhook {
                    hints,
                    state: WebhookState::Pending,
                    operation,
                    at: self.second,
                    arrival,
                };
                self.journal.insert(id.clone(), webhook);
            }
            if !self.happens(self.trouble.message_lost) {
                self.queue.push((id, 0));
            }
        }
    }

    /// No trouble any more: one opening of every customer, what the queue still holds, one batimento.
    fn end(mut self) -> Counts {
        self.trouble = Trouble::default();
        self.quota_back_at = 0;
        self.pass(DAY);
        let mut bills: BTreeSet<BillId> = self.sienge.bills(&REGISTERED).into_iter().collect();
        bills.extend(self.store.bills.keys());
        self.sync_whole(Scope::Sync, &bills).unwrap();
        self.assert_waiting();
        let moved = self.moved();
        let differences = self.differences();
        let unexplained: Vec<&String> = differences
            .iter()
            .filter(|line| {
                !moved
                    .iter()
                    .any(|bill| line.starts_with(&format!("bill {bill} ")))
            })
            .collect();
        assert!(unexplained.is_empty(), "after a sync: {unexplained:#?}");
        assert_eq!(self.missed(), Vec::<String>::new());
        self.assert_received();
        for creditor in REGISTERED {
            assert!(
                self.reconcile(CreditorId(creditor), true).unwrap(),
                "the batimento failed"
            );
        }
        assert_eq!(
            self.differences(),
            Vec::<String>::new(),
            "after a batimento"
        );
        self.assert_waiting();
        self.deliver();
        for _ in 0..200 {
            self.pass(10 * MINUTE);
            self.sweep().unwrap();
            while !self.queue.is_empty() {
                self.apply().unwrap();
            }
            if self
                .journal
                .values()
                .all(|webhook| webhook.state != WebhookState::Pending)
            {
                break;
            }
        }
        assert_eq!(
            self.differences(),
            Vec::<String>::new(),
            "after the last webhooks"
        );
        self.assert_settled();
        self.assert_reversals();
        self.counts.events = self.store.timeline.len() as u64;
        self.counts
    }
}
