//! The shared quota of one Sienge subdomain: an implementation of [`Quota`] on one small item per lane.
//!
//! Tokens are taken in lots by an optimistic conditional write, so that concurrent functions never take the same token: usually
//! one write for up to ten REST calls. Lots adapt to the usage, and unused tokens are returned with the
//! next lot. The decision itself is the pure [`super::ledger`].

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use tokio::sync::Mutex;

use super::attributes::{Item, get_number, key_item, number, opt_number, opt_text, text};
use super::batch::{Freshness, pause};
use super::journal::expiry;
use super::keys::{self, attribute};
use super::ledger::{Decision, Grant, Ledger, Limits, Refund, TOKEN_LIFE_MS, left, take};
use super::silence::Silence;
use super::versioned::VersionedPut;
use super::{Store, StoreError};
use crate::calendar::{Timestamp, business_date};
use crate::settings::Package;
use crate::sienge::{Lane, Priority, Quota, QuotaRefusal, Remaining};
use crate::telemetry::{self, Metric};

/// REST calls a minute: Sienge's limit, the reserve for people, and the part that batches take at full speed (half, because people wait for REST).
const REST_MINUTE: (u32, u32, u32) = (200, 2, 100);
const BULK_MINUTE: (u32, u32, u32) = (20, 1, 20);
/// Largest lot of REST calls.
const REST_LOT: u32 = 10;
const BULK_LOT: u32 = 1;
/// Attempts against concurrent takers before giving up.
const ATTEMPTS: u32 = 12;
/// Longest back-off that is accepted.
const LONGEST_BACK_OFF: Duration = Duration::from_hours(1);

/// The source of the current time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The quota of one subdomain, shared through the control table.
pub struct SharedQuota {
    store: Store,
    subdomain: String,
    rest: LaneQuota,
    bulk: LaneQuota,
    clock: Clock,
    silence: Silence,
}

struct LaneQuota {
    lane: Lane,
    limits: Limits,
    largest_lot: u32,
    /// Locked while a lot is taken: callers of one process wait for it and share it.
    local: Mutex<Local>,
}

/// What this process knows of a lane.
#[derive(Default)]
struct Local {
    /// The current lot.
    lot: Option<Lot>,
    refund: Option<Refund>,
    /// Size of the next lot.
    size: u32,
    /// The ledger as last read: saves a read while nobody else writes.
    seen: Option<Ledger>,
}

/// The lot being used.
struct Lot {
    grant: Grant,
    used: u32,
    taken: Timestamp,
    priority: Priority,
}

impl SharedQuota {
    /// For one subdomain and its commercial package.
    #[must_use]
    pub fn new(store: Store, subdomain: &str, package: Package, clock: Clock) -> Self {
        let (days, of_people) = (package.daily_quota(), package.daily_quota_of_people());
        Self {
            silence: Silence::new(store.clone(), subdomain),
            store,
            subdomain: subdomain.to_owned(),
            rest: LaneQuota::new(Lane::Rest, REST_MINUTE, (days.0, of_people.0), REST_LOT),
            bulk: LaneQuota::new(Lane::Bulk, BULK_MINUTE, (days.1, of_people.1), BULK_LOT),
            clock,
        }
    }

    fn lane(&self, lane: Lane) -> &LaneQuota {
        match lane {
            Lane::Rest => &self.rest,
            Lane::Bulk => &self.bulk,
        }
    }

    async fn read(&self, lane: Lane) -> Result<Ledger, StoreError> {
        let key = keys::quota(&self.subdomain, lane);
        let item = self
            .store
            .get(&self.store.tables.control, &key, Freshness::Consistent)
            .await?;
        item.as_ref()
            .map_or_else(|| Ok(Ledger::default()), read_ledger)
    }

    /// Replaces `before` with `next`; returns the ledger found instead if somebody else was first.
    async fn write(
        &self,
        lane: Lane,
        before: u64,
        next: &Ledger,
        now: Timestamp,
    ) -> Result<Option<Ledger>, StoreError> {
        let item = self.ledger_item(lane, next, now);
        match self.store.put_on_version(item, before).await? {
            VersionedPut::Done => Ok(None),
            VersionedPut::Found(Some(item)) => read_ledger(&item).map(Some),
            VersionedPut::Found(None) => self.read(lane).await.map(Some),
        }
    }

    fn ledger_item(&self, lane: Lane, ledger: &Ledger, now: Timestamp) -> Item {
        let mut item = key_item(&keys::quota(&self.subdomain, lane));
        item.extend([
            ("version".to_owned(), number(ledger.version)),
            ("grants".to_owned(), text(grants_text(&ledger.grants))),
            (
                "blocked_until_ms".to_owned(),
                number(ledger.blocked_until_ms),
            ),
            ("people_until_ms".to_owned(), number(ledger.people_until_ms)),
            ("day_used".to_owned(), number(ledger.day_used)),
            ("people_day_used".to_owned(), number(ledger.people_day_used)),
            (
                "announced".to_owned(),
                AttributeValue::Bool(ledger.announced),
            ),
            (attribute::EXPIRES_AT.to_owned(), number(expiry(now, 7))),
        ]);
        if let Some(day) = ledger.day {
            item.insert("day".to_owned(), text(day.to_string()));
        }
        item
    }

    /// Takes a lot for `local`, whose own is used up or expired.
    async fn take_lot(
        &self,
        quota: &LaneQuota,
        local: &mut Local,
        priority: Priority,
    ) -> Result<(), QuotaRefusal> {
        let wanted = match priority {
            // An interactive caller takes only what it needs now; the reserve is not for stockpiling.
            Priority::Interactive => 1,
            Priority::Batch => local.size.clamp(1, quota.largest_lot),
        };
        for attempt in 0..ATTEMPTS {
            let ledger = match local.seen.take() {
                Some(ledger) => ledger,
                None => self.read(quota.lane).await.map_err(unreachable)?,
            };
            let now = (self.clock)();
            let id = fastrand::u32(1..);
            match take(
                &ledger,
                quota.limits,
                wanted,
                priority,
                local.refund,
                id,
                now,
            ) {
                Decision::Grant {
                    ledger: next,
                    grant,
                    announce,
                } => {
                    let mut next = next;
                    if let Some(found) = self
                        .write(quota.lane, ledger.version, &next, now)
                        .await
                        .map_err(unreachable)?
                    {
                        // The SDK repeats a put whose answer was lost, and then finds its own item.
                        if !found.grants.iter().any(|known| known.id == id) {
                            local.seen = Some(found);
                            tokio::time::sleep(pause(attempt.min(2))).await;
                            continue;
                        }
                        next = found;
                    }
                    if announce {
                        self.announce(quota, next.day_used, now);
                    }
                    local.seen = Some(next);
                    local.refund = None;
                    local.lot = Some(Lot {
                        grant,
                        used: 0,
                        taken: now,
                        priority,
                    });
                    return Ok(());
                }
                Decision::Wait(wait) => {
                    local.seen = Some(ledger);
                    return Err(QuotaRefusal::Wait(spread(wait)));
                }
                Decision::DayIsOver => {
                    local.seen = Some(ledger);
                    return Err(QuotaRefusal::DayIsOver);
                }
            }
        }
        // This much contention is not a failure of the counter: step back and let the others through.
        Err(QuotaRefusal::Wait(spread(Duration::from_millis(250))))
    }

    fn announce(&self, quota: &LaneQuota, used: u32, now: Timestamp) {
        telemetry::count(Metric::QuotaNearlyUsed, 1, None, now);
        tracing::warn!(
            subdomain = self.subdomain,
            lane = ?quota.lane,
            requests_used = used,
            requests_quota = quota.limits.day,
            "80% of the day's quota of the API package are used"
        );
    }
}

impl LaneQuota {
    fn new(
        lane: Lane,
        (minute, reserve, burst): (u32, u32, u32),
        (day, people_day): (u32, u32),
        largest_lot: u32,
    ) -> Self {
        Self {
            lane,
            limits: Limits {
                minute,
                reserve,
                burst,
                day,
                people_day,
            },
            largest_lot,
            local: Mutex::new(Local {
                size: 1,
                ..Local::default()
            }),
        }
    }
}

impl Local {
    /// Uses one token of the current lot, if one is left and valid.
    fn use_one(&mut self, now: Timestamp) -> bool {
        let Some(lot) = &mut self.lot else {
            return false;
        };
        let age_ms = now.as_millisecond() - lot.taken.as_millisecond();
        let lives = (0..TOKEN_LIFE_MS).contains(&age_ms) && lot.used < lot.grant.count;
        lot.used += u32::from(lives);
        lives
    }

    /// Closes the lot: the next one is larger if it was used up, else as large as what was used; unused tokens are returned.
    fn put_lot_away(&mut self) {
        let Some(lot) = self.lot.take() else {
            return;
        };
        if lot.used >= lot.grant.count {
            self.size = (lot.grant.count * 2).max(self.size);
        } else {
            self.size = lot.used.max(1);
            self.refund = Some(Refund {
                grant: lot.grant,
                used: lot.used,
                day: business_date(lot.taken),
                priority: lot.priority,
            });
        }
    }
}

#[async_trait]
impl Quota for SharedQuota {
    async fn acquire(&self, lane: Lane, priority: Priority) -> Result<(), QuotaRefusal> {
        if let Some(closed) = self
            .silence
            .may_call((self.clock)())
            .await
            .map_err(unreachable)?
        {
            return Err(QuotaRefusal::Silent(closed));
        }
        let quota = self.lane(lane);
        let mut local = quota.local.lock().await;
        if local.use_one((self.clock)()) {
            return Ok(());
        }
        local.put_lot_away();
        self.take_lot(quota, &mut local, priority).await?;
        if local.use_one((self.clock)()) {
            return Ok(());
        }
        // The write took longer than the tokens are valid.
        Err(QuotaRefusal::Wait(Duration::from_millis(1)))
    }

    async fn back_off(&self, lane: Lane, wait: Duration) {
        let quota = self.lane(lane);
        let mut local = quota.local.lock().await;
        local.put_lot_away();
        local.seen = None;
        let now = (self.clock)();
        let until = now
            .checked_add(wait.min(LONGEST_BACK_OFF))
            .unwrap_or(now)
            .as_millisecond();
        let answer = self
            .store
            .client
            .update_item()
            .table_name(&self.store.tables.control)
            .set_key(Some(key_item(&keys::quota(&self.subdomain, lane))))
            .update_expression("SET #blocked = :until ADD #version :one")
            .condition_expression("attribute_not_exists(#blocked) OR #blocked < :until")
            .expression_attribute_names("#blocked", "blocked_until_ms")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":until", number(until))
            .expression_attribute_values(":one", number(1))
            .send()
            .await;
        match answer.map_err(|error| StoreError::of("UpdateItem", &error)) {
            Ok(_) | Err(StoreError::Conflict) => {}
            Err(error) => tracing::warn!(%error, "the back-off after a 429 was not shared"),
        }
    }

    async fn answered(&self) {
        if let Err(error) = self.silence.answered((self.clock)()).await {
            tracing::warn!(%error, "that Sienge answers again was not shared");
        }
    }

    async fn unanswered(&self) {
        if let Err(error) = self.silence.unanswered((self.clock)()).await {
            tracing::warn!(%error, "that Sienge does not answer was not shared");
        }
    }

    async fn remaining(&self) -> Result<Remaining, QuotaRefusal> {
        let (rest, bulk) = futures::future::try_join(self.read(Lane::Rest), self.read(Lane::Bulk))
            .await
            .map_err(unreachable)?;
        let now = (self.clock)();
        let (rest_minute, rest_day) = left(&rest, self.rest.limits, now);
        let (bulk_minute, bulk_day) = left(&bulk, self.bulk.limits, now);
        Ok(Remaining {
            rest_minute,
            bulk_minute,
            rest_day,
            bulk_day,
        })
    }
}

#[allow(clippy::needless_pass_by_value, reason = "it is passed to map_err")]
fn unreachable(error: StoreError) -> QuotaRefusal {
    tracing::warn!(%error, "the shared quota counter could not be reached");
    QuotaRefusal::Unavailable
}

/// Adds up to a quarter of a second, so that waiting callers do not come back all at once.
fn spread(wait: Duration) -> Duration {
    wait + Duration::from_millis(fastrand::u64(0..250))
}

/// `instant:count:id`, separated by blanks.
fn grants_text(grants: &[Grant]) -> String {
    let words: Vec<String> = grants
        .iter()
        .map(|grant| format!("{}:{}:{}", grant.at_ms, grant.count, grant.id))
        .collect();
    words.join(" ")
}

fn parse_grants(words: &str) -> Option<Vec<Grant>> {
    let grant = |word: &str| {
        let mut parts = word.split(':');
        Some(Grant {
            at_ms: parts.next()?.parse().ok()?,
            count: parts.next()?.parse().ok()?,
            id: parts.next()?.parse().ok()?,
        })
    };
    words.split_whitespace().map(grant).collect()
}

fn read_ledger(item: &Item) -> Result<Ledger, StoreError> {
    let grants = parse_grants(opt_text(item, "grants").unwrap_or_default());
    Ok(Ledger {
        version: get_number(item, "version")?,
        grants: grants.ok_or_else(|| StoreError::unreadable("the quota", "the grants"))?,
        blocked_until_ms: opt_number(item, "blocked_until_ms").unwrap_or(0),
        people_until_ms: opt_number(item, "people_until_ms").unwrap_or(0),
        day: opt_text(item, "day").and_then(|day| day.parse().ok()),
        day_used: opt_number(item, "day_used").unwrap_or(0),
        people_day_used: opt_number(item, "people_day_used").unwrap_or(0),
        announced: item
            .get("announced")
            .and_then(|reported| reported.as_bool().ok())
            .copied()
            .unwrap_or(false),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_read_back() {
        let grants = vec![
            Grant {
                at_ms: 1_795_000_000_000,
                count: 10,
                id: 4_000_000_000,
            },
            Grant {
                at_ms: 1_795_000_000_001,
                count: 1,
                id: 0,
            },
        ];
        assert_eq!(parse_grants(&grants_text(&grants)), Some(grants));
        assert_eq!(parse_grants(""), Some(Vec::new()));
        assert_eq!(parse_grants("1:2"), None);
    }
}
