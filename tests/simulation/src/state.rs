//! The state of a simulation, and what may go wrong in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use fastrand::Rng;
use jiff::ToSpan;
use jiff::civil::{Date, date};
use ponte::calendar::Timestamp;
use ponte::flow::{Task, TaskName};
use ponte::ids::{BillId, CreditorId, InstallmentId, TenantId};
use ponte::portfolio::{HeldBill, ObservedBill};
use ponte::settings::{CreditorSettings, TenantSettings};
use ponte::store::slices::SliceLimits;
use ponte::store::{CountedRemovals, InboundWebhook, JournalKey, Lease, WebhookState};
use serde_json::{Value, json};

use super::executor::Yield;
use super::news::News;
use super::sienge::Sienge;
use super::store::MemoryStore;

/// The first day.
pub const TODAY: Date = date(2026, 11, 20);
/// The companies that are registered; the third is not.
pub const REGISTERED: [i64; 2] = [1, 2];
/// Midnight of the first day in Brazil.
const BEGINNING: Timestamp = Timestamp::constant(1_795_143_600, 0);
pub const MINUTE: u64 = 60;
pub const DAY: u64 = 24 * 60 * MINUTE;
/// An effect takes less than so many seconds.
pub const EFFECT: u64 = 5;
/// What a function keeps back to close, in seconds; then it is killed.
const MARGIN: u64 = 10;

/// So many seconds after the beginning.
pub fn at(second: u64) -> Timestamp {
    BEGINNING
        .saturating_add(i64::try_from(second).unwrap().seconds())
        .unwrap()
}

/// How likely each trouble is, of 1,000.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trouble {
    pub webhook_lost: u32,
    pub webhook_doubled: u32,
    pub webhook_late: u32,
    pub webhook_early: u32,
    pub message_lost: u32,
    pub read_fails: u32,
    pub rows_missing: u32,
    pub rows_odd: u32,
    pub truncated: u32,
    pub too_large: u32,
    pub bus_refuses: u32,
    pub dies: u32,
    pub hurried: u32,
    pub meets_another: u32,
    pub quota_ends: u32,
    pub without_id: u32,
    pub other_name: u32,
    pub told_in_part: u32,
    pub refused_id: u32,
}

impl Trouble {
    /// Each as it comes.
    pub fn some(rng: &mut Rng) -> Self {
        let mut some = |most: u32| if rng.bool() { rng.u32(0..most) } else { 0 };
        Self {
            webhook_lost: some(400),
            webhook_doubled: some(400),
            webhook_late: some(400),
            webhook_early: some(100),
            message_lost: some(200),
            read_fails: some(200),
            rows_missing: some(300),
            rows_odd: some(300),
            truncated: some(400),
            too_large: some(300),
            bus_refuses: some(200),
            dies: some(900),
            hurried: some(500),
            meets_another: some(80),
            quota_ends: some(60),
            without_id: some(500),
            other_name: some(300),
            told_in_part: some(600),
            refused_id: some(200),
        }
    }
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
    /// Webhooks that were done without a read, because an earlier read knew their news.
    pub reads_saved: u64,
    /// Bills that were read anew, because somebody committed them meanwhile.
    pub overtaken: u64,
    /// Webhooks whose bill would have lost too much unasked.
    pub withheld: u64,
    /// Messages that came again because their bill still showed what was told to be removed.
    pub too_early: u64,
    /// Webhooks without an id that came again while their like was being looked at.
    pub came_again: u64,
    /// Reads of a bill that Sienge refuses.
    pub refused: u64,
    /// Open installments held that a read showed and did not tell.
    pub unread: u64,
    /// Invocations that left the rest of a run to the next one.
    pub continued: u64,
    /// Runs that asked an operator.
    pub asked: u64,
}

impl Counts {
    fn all(&mut self) -> [&mut u64; 15] {
        [
            &mut self.operations,
            &mut self.webhooks,
            &mut self.invocations,
            &mut self.deaths,
            &mut self.conflicts,
            &mut self.events,
            &mut self.reads_saved,
            &mut self.overtaken,
            &mut self.withheld,
            &mut self.too_early,
            &mut self.came_again,
            &mut self.refused,
            &mut self.unread,
            &mut self.continued,
            &mut self.asked,
        ]
    }

    /// Adds another run's.
    pub fn add(&mut self, mut other: Self) {
        for (sum, other) in self.all().into_iter().zip(other.all()) {
            *sum += *other;
        }
    }

    /// Whether everything happened at least once.
    #[must_use]
    pub fn met_everything(mut self) -> bool {
        self.all().into_iter().all(|count| *count > 0)
    }
}

/// A stored webhook.
pub struct Webhook {
    pub inbound: InboundWebhook,
    pub state: WebhookState,
    /// Of which operation it tells.
    pub operation: u64,
    /// Which arrival it is: one without an id may come again.
    pub arrival: u64,
}

/// What one answer of Sienge showed of a bill.
pub struct Answer {
    /// A second look at the whole bill.
    pub confirms: bool,
    pub header: Option<ObservedBill>,
    pub read: BTreeSet<InstallmentId>,
    pub unread: BTreeSet<InstallmentId>,
    /// Nobody knows of which installment some of it is.
    pub has_gap: bool,
}

/// A function at work.
#[derive(Default)]
pub struct Invocation {
    /// Effects until it dies.
    pub fuse: Option<u32>,
    /// Second at which it must be closing.
    pub deadline: u64,
    pub is_dead: bool,
    /// What Sienge answered it.
    pub answers: BTreeMap<BillId, Vec<Answer>>,
    /// The most that was held open of each creditor since it began.
    pub held_open: BTreeMap<CreditorId, u64>,
    /// Installments that it took away without a receipt.
    pub removed: BTreeMap<CreditorId, u64>,
}

/// What runs keep.
#[derive(Default)]
pub struct Runs {
    pub leases: Vec<Lease>,
    pub checkpoints: BTreeMap<(CreditorId, &'static str), (u64, Value)>,
    pub last_success: BTreeMap<(CreditorId, &'static str), Timestamp>,
    pub removals: BTreeMap<(String, u32), Vec<CountedRemovals>>,
    /// What the bus asks for.
    pub asked_for: Vec<(TaskName, Task)>,
    /// Runs that wait for an operator.
    pub waiting: BTreeMap<CreditorId, String>,
}

pub struct State {
    pub rng: Rng,
    /// Since the beginning.
    pub second: u64,
    pub sienge: Sienge,
    pub store: MemoryStore,
    pub tenant: TenantId,
    pub settings: Arc<TenantSettings>,
    pub creditors: Arc<BTreeMap<CreditorId, CreditorSettings>>,
    pub limits: SliceLimits,
    pub journal: BTreeMap<JournalKey, Webhook>,
    /// Messages, with how often they were delivered.
    pub queue: Vec<(JournalKey, u32)>,
    /// Webhooks on their way: when they arrive, and how.
    pub on_their_way: Vec<(u64, News)>,
    /// Ids of the events that the bus took.
    pub published: BTreeSet<String>,
    pub runs: Runs,
    pub trouble: Trouble,
    pub quota_back_at: u64,
    /// Effects take less than so many seconds.
    pub slowness: u64,
    pub invocation: Invocation,
    /// The last one that ended.
    pub ended: Invocation,
    pub depth: u8,
    pub next_webhook: u64,
    pub counts: Counts,
}

impl State {
    fn born(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        fastrand::seed(seed);
        let sienge = Sienge::born(&mut rng, TODAY);
        let settings = json!({"siengeBaseUrl": "http://127.0.0.1", "subdomain": "obra"});
        let creditor = |id| (CreditorId(id), CreditorSettings::new(CreditorId(id)));
        let writes = [1, 2, 3, 7, SliceLimits::DYNAMODB.writes][rng.usize(0..5)];
        let trouble = Trouble::some(&mut rng);
        Self {
            second: 0,
            sienge,
            store: MemoryStore::default(),
            tenant: TenantId::parse("617").unwrap(),
            settings: Arc::new(serde_json::from_value(settings).unwrap()),
            creditors: Arc::new(REGISTERED.map(creditor).into()),
            limits: SliceLimits {
                writes,
                ..SliceLimits::DYNAMODB
            },
            journal: BTreeMap::new(),
            queue: Vec::new(),
            on_their_way: Vec::new(),
            published: BTreeSet::new(),
            runs: Runs::default(),
            trouble,
            quota_back_at: 0,
            slowness: EFFECT,
            invocation: Invocation::default(),
            ended: Invocation::default(),
            depth: 0,
            next_webhook: 0,
            counts: Counts::default(),
            rng,
        }
    }

    pub fn today(&self) -> Date {
        self.sienge.world.today
    }

    pub fn happens(&mut self, of_thousand: u32) -> bool {
        self.rng.u32(0..1_000) < of_thousand
    }

    pub fn is_out_of_quota(&self) -> bool {
        self.second < self.quota_back_at
    }

    pub fn pass(&mut self, seconds: u64) {
        self.second += seconds;
        let days = i64::try_from(self.second / DAY).unwrap();
        self.sienge.world.today = TODAY.saturating_add(days.days());
    }

    /// How much is held open of each creditor.
    pub fn held_open(&self) -> BTreeMap<CreditorId, u64> {
        let mut open = BTreeMap::new();
        let held = self.store.bills.values();
        for row in held.flat_map(HeldBill::installments) {
            *open.entry(row.creditor).or_default() += u64::from(row.is_open());
        }
        open
    }

    /// The running invocation reaches out: time passes, and it may die here. True when it does.
    fn is_struck(&mut self) -> bool {
        if let Some(fuse) = &mut self.invocation.fuse {
            self.invocation.is_dead |= *fuse == 0;
            *fuse = fuse.saturating_sub(1);
        }
        let seconds = self.rng.u64(0..self.slowness);
        self.second += seconds;
        self.invocation.is_dead |= self.second > self.invocation.deadline + MARGIN;
        self.invocation.is_dead
    }
}

/// A handle on the simulation, as the ports hold it.
#[derive(Clone)]
pub struct Simulation(Arc<Mutex<State>>);

impl Simulation {
    pub fn born(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State::born(seed))))
    }

    /// The state, for as long as nothing else happens.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The running invocation reaches out; it may die here, and anything may happen meanwhile.
    pub async fn effect(&self) {
        if self.state().is_struck() {
            return std::future::pending().await;
        }
        let meets = {
            let mut state = self.state();
            let likely = state.trouble.meets_another;
            state.depth < 3 && state.happens(likely)
        };
        if meets {
            self.meanwhile();
        }
        let yields = self.state().rng.u8(0..4) == 0;
        Yield(yields).await;
        if self.state().invocation.is_dead {
            std::future::pending::<()>().await;
        }
    }
}
