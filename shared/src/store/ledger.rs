//! The quota's decision, pure: what a lane's shared ledger allows now.
//!
//! The ledger is an exact sliding log of grants. A token may be used up to a second after its grant, and differing clocks and
//! connecting may take another second: so a grant counts for 62 seconds, and no 60 seconds see more calls begin than the limit.
//!
//! Batches take the first half of a minute's quota as fast as they like and the other half no faster than the minute passes: then tokens come
//! back all the time, and a person never waits for a whole minute. While people work, a few tokens are reserved for them, so that returning
//! tokens are theirs first.

use std::time::Duration;

use crate::calendar::{Date, Timestamp, business_date};
use crate::sienge::Priority;

/// How long a token may be used after its grant.
pub(super) const TOKEN_LIFE_MS: i64 = 1_000;
/// How long a grant counts: the minute, a token's life, and a second for differing clocks and for connecting.
const WINDOW_MS: i64 = 60_000 + TOKEN_LIFE_MS + 1_000;
/// For this long after an interactive call, people are considered to be at work.
const PEOPLE_WORK_MS: i64 = 600_000;
/// Tokens a paced batch takes at a time: one write per token would cost more than it brings.
const PACED_LOT: u32 = 3;
/// After this long no token of a grant can be returned, and it may be merged with its neighbours.
const MERGE_AFTER_MS: i64 = 5_000;
/// The span of merged grants; short enough that waiting for the last of them costs little.
const MERGE_SPAN_MS: i64 = 1_000;

/// The limits of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Requests per minute.
    pub minute: u32,
    /// How many of them are reserved for people while they work.
    pub reserve: u32,
    /// How many of them batches take as fast as they like.
    pub burst: u32,
    /// Requests per day.
    pub day: u32,
    /// How many of them people may take.
    pub people_day: u32,
}

impl Limits {
    /// What the day still has: batches leave a fiftieth to people, and people what is not their share to the batches.
    fn day_free(self, priority: Priority, ledger: &Ledger) -> u32 {
        match priority {
            Priority::Interactive => {
                let share = self.people_day.saturating_sub(ledger.people_day_used);
                self.day.saturating_sub(ledger.day_used).min(share)
            }
            Priority::Batch => (self.day - self.day / 50).saturating_sub(ledger.day_used),
        }
    }
}

/// One caller's share of a minute.
#[derive(Debug, Clone, Copy)]
struct Share {
    most: u32,
    burst: u32,
    /// Tokens at a time, beyond the burst.
    lot: u32,
}

impl Share {
    fn of(limits: Limits, priority: Priority, wanted: u32, people_work: bool) -> Self {
        let most = match priority {
            Priority::Batch if people_work => limits.minute.saturating_sub(limits.reserve),
            _ => limits.minute,
        };
        match priority {
            Priority::Batch if limits.burst < most => Self {
                most,
                burst: limits.burst,
                lot: wanted.clamp(1, PACED_LOT),
            },
            _ => Self {
                most,
                burst: most,
                lot: 1,
            },
        }
    }

    /// Tokens that may be in use of the grants that are no older than this.
    fn allowed(self, age_ms: i64) -> u32 {
        let paced = i64::from(self.most - self.burst) * age_ms.clamp(0, WINDOW_MS) / WINDOW_MS;
        self.burst + u32::try_from(paced).unwrap_or(0)
    }

    /// The age from which so many tokens are allowed; the whole window when they never are.
    fn age_for(self, tokens: u32) -> i64 {
        let paced = i64::from(tokens.saturating_sub(self.burst));
        if tokens > self.most {
            WINDOW_MS
        } else if paced == 0 {
            0
        } else {
            ((paced * WINDOW_MS).div_euclid(i64::from(self.most - self.burst)) + 1).min(WINDOW_MS)
        }
    }

    /// Tokens that may be taken now. What was used since any grant must have had its time, not only since the oldest: a single
    /// call a minute ago would let everything pass at once.
    fn free(self, grants: &[Grant], now_ms: i64) -> u32 {
        let newest_first = grants.iter().rev().scan(0, |used, grant| {
            *used += grant.count;
            Some(self.allowed(now_ms - grant.at_ms).saturating_sub(*used))
        });
        newest_first.min().unwrap_or(self.burst).min(self.burst)
    }

    /// When a lot may be taken: now or later.
    fn opens_at(self, grants: &[Grant], now_ms: i64) -> i64 {
        let newest_first = grants.iter().rev().scan(0, |used, grant| {
            *used += grant.count;
            Some(grant.at_ms + self.age_for(*used + self.lot))
        });
        newest_first.max().unwrap_or(now_ms).max(now_ms)
    }
}

/// Tokens granted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grant {
    pub at_ms: i64,
    pub count: u32,
    /// Random, so that giving tokens back finds the right grant; 0 for merged ones.
    pub id: u32,
}

/// Tokens that expired unused: the grant counts only for those used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refund {
    pub grant: Grant,
    pub used: u32,
    pub day: Date,
    pub priority: Priority,
}

/// The shared state of one lane.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    /// Every write is conditional on it and raises it.
    pub version: u64,
    /// Oldest first.
    pub grants: Vec<Grant>,
    /// Nobody calls before: Sienge answered 429.
    pub blocked_until_ms: i64,
    /// Until then people are taken to be at work.
    pub people_until_ms: i64,
    /// The business day that `day_used` counts.
    pub day: Option<Date>,
    pub day_used: u32,
    /// How many of them people took.
    pub people_day_used: u32,
    /// Whether the day's 80% were announced.
    pub announced: bool,
}

/// What the ledger allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    /// Write this ledger; once written, the grant may be used.
    Grant {
        ledger: Ledger,
        grant: Grant,
        /// The day's use passed 80% with this grant: tell it.
        announce: bool,
    },
    /// Nothing now; try again after this long.
    Wait(Duration),
    /// Nothing more today.
    DayIsOver,
}

/// Decides about `wanted` tokens (fewer are granted when fewer are free).
pub(super) fn take(
    ledger: &Ledger,
    limits: Limits,
    wanted: u32,
    priority: Priority,
    refund: Option<Refund>,
    id: u32,
    now: Timestamp,
) -> Decision {
    let now_ms = now.as_millisecond();
    let mut next = current(ledger, now);
    if let Some(refund) = refund {
        give_back(&mut next, refund);
    }
    if next.blocked_until_ms > now_ms {
        return Decision::Wait(milliseconds(next.blocked_until_ms - now_ms));
    }
    // A grant is never older than the one before, or the order of the log would lie about differing clocks.
    let at_ms = next
        .grants
        .last()
        .map_or(now_ms, |last| last.at_ms.max(now_ms));
    next.grants.retain(|grant| grant.at_ms > at_ms - WINDOW_MS);
    let day_free = limits.day_free(priority, &next);
    if day_free == 0 {
        return Decision::DayIsOver;
    }
    let share = Share::of(limits, priority, wanted, next.people_until_ms > now_ms);
    let opens_ms = share.opens_at(&next.grants, at_ms);
    if opens_ms > at_ms {
        return Decision::Wait(milliseconds(opens_ms - now_ms));
    }
    let count = wanted
        .max(1)
        .min(share.free(&next.grants, at_ms))
        .min(day_free);
    if priority == Priority::Interactive {
        next.people_until_ms = now_ms + PEOPLE_WORK_MS;
        next.people_day_used += count;
    }
    let grant = Grant { at_ms, count, id };
    next.grants.push(grant);
    next.day_used += count;
    // 80%, in whole numbers.
    let announce = !next.announced && u64::from(next.day_used) * 5 >= u64::from(limits.day) * 4;
    next.announced |= announce;
    next.version = ledger.version + 1;
    Decision::Grant {
        ledger: next,
        grant,
        announce,
    }
}

/// What is left for batches: in this minute and today.
pub(super) fn left(ledger: &Ledger, limits: Limits, now: Timestamp) -> (u32, u32) {
    let next = current(ledger, now);
    let now_ms = now.as_millisecond();
    let share = Share::of(limits, Priority::Batch, 1, next.people_until_ms > now_ms);
    let minute = if next.blocked_until_ms > now_ms {
        0
    } else {
        share
            .most
            .saturating_sub(next.grants.iter().map(|grant| grant.count).sum())
    };
    (minute, limits.day_free(Priority::Batch, &next))
}

/// The ledger as of now: what is over forgotten, what is settled merged, a new day begun.
fn current(ledger: &Ledger, now: Timestamp) -> Ledger {
    let now_ms = now.as_millisecond();
    let mut grants: Vec<Grant> = Vec::with_capacity(ledger.grants.len() + 1);
    for grant in &ledger.grants {
        // A grant from so far ahead was made by a broken clock: without this, it would block everybody until then.
        let at_ms = if grant.at_ms > now_ms + WINDOW_MS {
            now_ms
        } else {
            grant.at_ms
        };
        if at_ms <= now_ms - WINDOW_MS {
            continue;
        }
        let settled = at_ms < now_ms - MERGE_AFTER_MS;
        match grants.last_mut() {
            Some(last)
                if settled
                    && at_ms.div_euclid(MERGE_SPAN_MS) == last.at_ms.div_euclid(MERGE_SPAN_MS) =>
            {
                // The later instant: a merged grant counts rather too long than too short.
                last.at_ms = last.at_ms.max(at_ms);
                last.count += grant.count;
                last.id = 0;
            }
            _ => grants.push(Grant { at_ms, ..*grant }),
        }
    }
    // Around midnight a slower clock must not begin the day before again; one that is a day ahead is broken.
    let today = business_date(now);
    let ahead = ledger
        .day
        .filter(|day| today.tomorrow().is_ok_and(|tomorrow| *day == tomorrow));
    let today = ahead.unwrap_or(today);
    let same_day = ledger.day == Some(today);
    Ledger {
        version: ledger.version,
        grants,
        // No back-off is longer than an hour (see `SharedQuota::back_off`): a longer one came from a broken clock.
        blocked_until_ms: if ledger.blocked_until_ms > now_ms + 2 * 3_600_000 {
            0
        } else {
            ledger.blocked_until_ms
        },
        people_until_ms: ledger.people_until_ms.min(now_ms + PEOPLE_WORK_MS),
        day: Some(today),
        day_used: if same_day { ledger.day_used } else { 0 },
        people_day_used: if same_day { ledger.people_day_used } else { 0 },
        announced: same_day && ledger.announced,
    }
}

/// Counts a grant for its used tokens only. Doing it again changes nothing, as it is after an unclear answer.
fn give_back(ledger: &mut Ledger, refund: Refund) {
    let found = ledger
        .grants
        .iter_mut()
        .find(|grant| grant.id != 0 && grant.id == refund.grant.id);
    let Some(grant) = found else {
        return;
    };
    let unused = grant.count.saturating_sub(refund.used);
    grant.count -= unused;
    if ledger.day == Some(refund.day) {
        ledger.day_used = ledger.day_used.saturating_sub(unused);
        if refund.priority == Priority::Interactive {
            ledger.people_day_used = ledger.people_day_used.saturating_sub(unused);
        }
    }
    ledger.grants.retain(|grant| grant.count > 0);
}

fn milliseconds(count: i64) -> Duration {
    Duration::from_millis(u64::try_from(count).unwrap_or(0))
}

#[cfg(test)]
mod tests;
