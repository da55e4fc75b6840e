//! Admission: callers that call too often are refused before any work, by token buckets that all executions of a function share.
//!
//! The buckets of a tenant at one door are one small item. An admitted call takes tokens by a conditional write, in lots when there are many small
//! calls: usually one write for up to [`LARGEST_LOT`] of them. The item's last state is remembered: others can only
//! have emptied it further, so a refusal costs neither a read nor a write. The decision itself is the pure [`super::bucket`].

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tokio::sync::Mutex;

use super::attributes::{Item, get_number, key_item, number, opt_text, text};
use super::batch::pause;
use super::bucket::{Buckets, RateLimit, Short, Wanted};
use super::journal::expiry;
use super::keys::{self, attribute};
use super::versioned::VersionedPut;
use super::{Store, StoreError};
use crate::calendar::Timestamp;
use crate::ids::TenantId;

/// The largest lot.
pub const LARGEST_LOT: u32 = 50;
/// How long the tokens of a lot may be used; unused ones are then lost.
const LOT_LIFE: Duration = Duration::from_secs(10);
/// Attempts against concurrent takers.
const ATTEMPTS: u32 = 12;
/// When to come back if all attempts failed.
const AFTER_MUCH_TRAFFIC: Duration = Duration::from_secs(1);
/// Most remembered tenants, and callers of each; only proved ones are remembered.
const MAX_REMEMBERED: usize = 10_000;
/// A bucket is full after two days in any case.
const KEPT_DAYS: i64 = 2;

/// A function's admission control, one per process.
pub struct Door {
    store: Store,
    name: &'static str,
    /// What each process admits of each caller without the shared count, so that rare calls cost nothing.
    alone: Option<RateLimit>,
    held: Mutex<HashMap<TenantId, TenantBuckets>>,
}

/// A caller to be admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The caller, within the tenant.
    pub caller: String,
    /// What each call takes, one token of each: counted in lots.
    pub calls: Vec<Wanted>,
    /// What this call takes besides.
    pub more: Vec<Wanted>,
}

/// What the door answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Come in.
    Open {
        /// What is left, as far as this process knows.
        standing: Vec<Standing>,
    },
    /// Not now.
    Closed {
        /// The bucket with too little.
        bucket: String,
        /// When it has enough.
        wait: Duration,
        /// What is left.
        standing: Vec<Standing>,
    },
}

/// The state of a bucket after a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The bucket.
    pub bucket: String,
    /// Its rate.
    pub rate: RateLimit,
    /// Tokens in it.
    pub left: u32,
    /// How long until it is full.
    pub full_in: Duration,
}

/// What a process knows about a tenant.
#[derive(Default)]
struct TenantBuckets {
    /// The buckets as last read: they are no fuller than this.
    seen: Buckets,
    lots: HashMap<String, TokenLot>,
    /// What was admitted without the shared count.
    alone: Buckets,
}

/// Tokens taken together.
#[derive(Default)]
struct TokenLot {
    count: u32,
    left: u32,
    until: Option<Timestamp>,
}

impl Door {
    /// For a function, by its name; `alone` is what each process admits of each caller without the shared count.
    #[must_use]
    pub fn new(store: Store, name: &'static str, alone: Option<RateLimit>) -> Self {
        Self {
            store,
            name,
            alone,
            held: Mutex::default(),
        }
    }

    /// Admits a caller, or not. In Lambda a process has one call at a time, so no call waits here for another.
    pub async fn enter(
        &self,
        tenant: &TenantId,
        visit: &Visit,
        now: Timestamp,
    ) -> Result<Entry, StoreError> {
        let mut all = self.held.lock().await;
        if all.len() >= MAX_REMEMBERED && !all.contains_key(tenant) {
            all.clear();
        }
        let held = all.entry(tenant.clone()).or_default();
        if held.lots.len() >= MAX_REMEMBERED {
            held.lots.clear();
        }
        if visit.more.is_empty()
            && (held.use_lot(visit, now) || held.let_in(self.alone, visit, now))
        {
            let standing = held.standing(visit, now);
            return Ok(Entry::Open { standing });
        }
        let size = held.next_size(visit, now);
        for attempt in 0..ATTEMPTS {
            let taken = held.take(visit, size, now);
            let (next, count) = match taken {
                Ok(taken) => taken,
                Err(short) => return Ok(held.closed(visit, short, now)),
            };
            let item = self.item(tenant, &next, now);
            match self.store.put_on_version(item, held.seen.version).await? {
                VersionedPut::Done => {
                    held.seen = next;
                    held.put_lot(visit, count, now);
                    let standing = held.standing(visit, now);
                    return Ok(Entry::Open { standing });
                }
                VersionedPut::Found(found) => {
                    held.seen = found.map_or_else(|| Ok(Buckets::default()), |item| read(&item))?;
                    tokio::time::sleep(pause(attempt.min(2))).await;
                }
            }
        }
        // This much contention is too much, whatever the buckets hold.
        let short = Short {
            place: 0,
            wait: AFTER_MUCH_TRAFFIC,
        };
        Ok(held.closed(visit, short, now))
    }

    fn item(&self, tenant: &TenantId, buckets: &Buckets, now: Timestamp) -> Item {
        let words: Vec<String> = buckets
            .full_at_ms
            .iter()
            .map(|(bucket, at_ms)| format!("{bucket}:{at_ms}"))
            .collect();
        let mut item = key_item(&keys::buckets(tenant, self.name));
        item.extend([
            ("version".to_owned(), number(buckets.version)),
            ("full_at_ms".to_owned(), text(words.join(" "))),
            (
                attribute::EXPIRES_AT.to_owned(),
                number(expiry(now, KEPT_DAYS)),
            ),
        ]);
        item
    }
}

impl TenantBuckets {
    fn use_lot(&mut self, visit: &Visit, now: Timestamp) -> bool {
        let Some(lot) = self.lots.get_mut(&visit.caller) else {
            return false;
        };
        let lives = lot.left > 0 && lot.until.is_some_and(|until| now < until);
        lot.left -= u32::from(lives);
        lives
    }

    /// Whether it is within what a process may admit by itself.
    fn let_in(&mut self, alone: Option<RateLimit>, visit: &Visit, now: Timestamp) -> bool {
        let Some(rate) = alone else {
            return false;
        };
        let wanted = Wanted {
            bucket: visit.caller.clone(),
            rate,
            tokens: 1,
        };
        match self.alone.take(&[wanted], now) {
            Ok(next) => {
                self.alone = next;
                true
            }
            Err(_) => false,
        }
    }

    /// Size of the caller's next lot: larger if the last one was used up in time, else as large as what was used of it.
    fn next_size(&self, visit: &Visit, now: Timestamp) -> u32 {
        let Some(lot) = self.lots.get(&visit.caller) else {
            return 1;
        };
        let lives = lot.until.is_some_and(|until| now < until);
        let size = if lives && lot.left == 0 {
            lot.count * 2
        } else {
            lot.count - lot.left
        };
        size.clamp(1, LARGEST_LOT)
    }

    /// The buckets after a lot of this many calls, or of one call if that is too much, and the lot's size.
    fn take(&self, visit: &Visit, size: u32, now: Timestamp) -> Result<(Buckets, u32), Short> {
        let take = |size: u32| {
            let calls = visit.calls.iter().map(|wanted| Wanted {
                tokens: size,
                ..wanted.clone()
            });
            let wanted: Vec<Wanted> = calls.chain(visit.more.iter().cloned()).collect();
            self.seen.take(&wanted, now).map(|next| (next, size))
        };
        take(size).or_else(|_| take(1))
    }

    fn put_lot(&mut self, visit: &Visit, count: u32, now: Timestamp) {
        let lot = TokenLot {
            count,
            left: count - 1,
            until: now.checked_add(LOT_LIFE).ok(),
        };
        self.lots.insert(visit.caller.clone(), lot);
    }

    fn closed(&self, visit: &Visit, short: Short, now: Timestamp) -> Entry {
        let wanted = visit.calls.iter().chain(&visit.more).nth(short.place);
        Entry::Closed {
            bucket: wanted.map_or_else(String::new, |wanted| wanted.bucket.clone()),
            wait: short.wait,
            standing: self.standing(visit, now),
        }
    }

    fn standing(&self, visit: &Visit, now: Timestamp) -> Vec<Standing> {
        let of = |wanted: &Wanted| {
            let (left, full_in) = self.seen.left(wanted, now);
            Standing {
                bucket: wanted.bucket.clone(),
                rate: wanted.rate,
                left,
                full_in,
            }
        };
        visit.calls.iter().chain(&visit.more).map(of).collect()
    }
}

fn read(item: &Item) -> Result<Buckets, StoreError> {
    let bucket = |word: &str| {
        let (bucket, at_ms) = word.split_once(':')?;
        Some((bucket.to_owned(), at_ms.parse().ok()?))
    };
    let words = opt_text(item, "full_at_ms").unwrap_or_default();
    let full_at_ms: Option<BTreeMap<String, i64>> = words.split_whitespace().map(bucket).collect();
    Ok(Buckets {
        version: get_number(item, "version")?,
        full_at_ms: full_at_ms
            .ok_or_else(|| StoreError::unreadable("the buckets", "an instant"))?,
    })
}
