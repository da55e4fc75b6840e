//! The quota's decision, pure: what a lane's shared ledger allows now.
//!
//! The ledger is an exact sliding log of grants. A token may be used up to two seconds after its grant, clocks may differ by
//! one: so a grant counts for 63 seconds, and in no 60 seconds are more calls begun than the limit.

use std::time::Duration;

use crate::calendar::{Date, Timestamp, business_date};
use crate::sienge::Priority;

/// How long a token may be used after its grant.
pub(super) const TOKEN_LIFE_MS: i64 = 2_000;
/// How long a grant counts: the minute, a token's life, and a second for differing clocks.
const WINDOW_MS: i64 = 63_000;
/// After this long no token of a grant can be given back any more, and it may be merged with its neighbours.
const MERGE_AFTER_MS: i64 = 5_000;
/// Merged grants share so long; short enough that waiting for the last of them costs little.
const MERGE_SPAN_MS: i64 = 1_000;

/// What a lane may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Requests in any minute.
    pub minute: u32,
    /// How many of them batches leave to people.
    pub reserve: u32,
    /// Requests in a day.
    pub day: u32,
}

impl Limits {
    fn minute_for(self, priority: Priority) -> u32 {
        match priority {
            Priority::Interactive => self.minute,
            Priority::Batch => self.minute.saturating_sub(self.reserve),
        }
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
    /// The business day that `day_used` counts.
    pub day: Option<Date>,
    pub day_used: u32,
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
    let at_ms = next.grants.last().map_or(now_ms, |last| last.at_ms.max(now_ms));
    next.grants.retain(|grant| grant.at_ms > at_ms - WINDOW_MS);
    let used: u32 = next.grants.iter().map(|grant| grant.count).sum();
    let day_free = limits.day.saturating_sub(next.day_used);
    if day_free == 0 {
        return Decision::DayIsOver;
    }
    let free = limits.minute_for(priority).saturating_sub(used);
    let count = wanted.max(1).min(free).min(day_free);
    if count == 0 {
        return Decision::Wait(wait_for_one(&next.grants, limits.minute_for(priority), now_ms));
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
    let used: u32 = next.grants.iter().map(|grant| grant.count).sum();
    let minute = if next.blocked_until_ms > now_ms {
        0
    } else {
        limits.minute_for(Priority::Batch).saturating_sub(used)
    };
    (minute, limits.day.saturating_sub(next.day_used))
}

/// The ledger as of now: what is over forgotten, what is settled merged, a new day begun.
fn current(ledger: &Ledger, now: Timestamp) -> Ledger {
    let now_ms = now.as_millisecond();
    let mut grants: Vec<Grant> = Vec::with_capacity(ledger.grants.len() + 1);
    for grant in &ledger.grants {
        // A grant from so far ahead was made by a broken clock: without this, it would block everybody until then.
        let at_ms = if grant.at_ms > now_ms + WINDOW_MS { now_ms } else { grant.at_ms };
        if at_ms <= now_ms - WINDOW_MS {
            continue;
        }
        let settled = at_ms < now_ms - MERGE_AFTER_MS;
        match grants.last_mut() {
            Some(last) if settled && at_ms.div_euclid(MERGE_SPAN_MS) == last.at_ms.div_euclid(MERGE_SPAN_MS) => {
                // The later instant: a merged grant counts rather too long than too short.
                last.at_ms = last.at_ms.max(at_ms);
                last.count += grant.count;
                last.id = 0;
            }
            _ => grants.push(Grant { at_ms, ..*grant }),
        }
    }
    let today = business_date(now);
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
        day: Some(today),
        day_used: if same_day { ledger.day_used } else { 0 },
        announced: same_day && ledger.announced,
    }
}

/// Counts a grant for its used tokens only. Doing it again changes nothing, as it is after an unclear answer.
fn give_back(ledger: &mut Ledger, refund: Refund) {
    let found = ledger.grants.iter_mut().find(|grant| grant.id != 0 && grant.id == refund.grant.id);
    let Some(grant) = found else {
        return;
    };
    let unused = grant.count.saturating_sub(refund.used);
    grant.count -= unused;
    if ledger.day == Some(refund.day) {
        ledger.day_used = ledger.day_used.saturating_sub(unused);
    }
    ledger.grants.retain(|grant| grant.count > 0);
}

/// How long until one token is free, when none is.
fn wait_for_one(grants: &[Grant], limit: u32, now_ms: i64) -> Duration {
    let used: u32 = grants.iter().map(|grant| grant.count).sum();
    let mut to_free = (used + 1).saturating_sub(limit);
    for grant in grants {
        to_free = to_free.saturating_sub(grant.count);
        if to_free == 0 {
            return milliseconds((grant.at_ms + WINDOW_MS - now_ms).max(1));
        }
    }
    // Only a limit of zero gets here: nothing will ever be free.
    milliseconds(WINDOW_MS)
}

fn milliseconds(count: i64) -> Duration {
    Duration::from_millis(u64::try_from(count).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REST: Limits = Limits {
        minute: 200,
        reserve: 6,
        day: 1_000_000,
    };

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_795_000_000_000 + ms).unwrap()
    }

    fn granted(decision: Decision) -> (Ledger, Grant) {
        match decision {
            Decision::Grant { ledger, grant, .. } => (ledger, grant),
            other => panic!("expected a grant, got {other:?}"),
        }
    }

    #[test]
    fn a_batch_leaves_the_reserve_to_people() {
        let mut ledger = Ledger::default();
        for _ in 0..19 {
            (ledger, _) = granted(take(&ledger, REST, 10, Priority::Batch, None, 1, at(0)));
        }
        let (full, last) = granted(take(&ledger, REST, 10, Priority::Batch, None, 1, at(1)));
        assert_eq!(last.count, 4, "194 of 200");
        assert!(matches!(take(&full, REST, 10, Priority::Batch, None, 1, at(2)), Decision::Wait(_)));
        let (_, mine) = granted(take(&full, REST, 10, Priority::Interactive, None, 1, at(2)));
        assert_eq!(mine.count, 6);
    }

    #[test]
    fn the_wait_is_until_a_token_is_free_and_not_longer() {
        let (ledger, _) = granted(take(&Ledger::default(), REST, 194, Priority::Batch, None, 1, at(0)));
        let Decision::Wait(wait) = take(&ledger, REST, 1, Priority::Batch, None, 1, at(10_000)) else {
            panic!("expected a wait");
        };
        assert_eq!(wait, Duration::from_secs(53));
        let after = at(10_000 + 53_000);
        assert!(matches!(
            take(&ledger, REST, 1, Priority::Batch, None, 1, after),
            Decision::Grant { .. }
        ));
    }

    #[test]
    fn a_back_off_stops_everybody_even_people() {
        let ledger = Ledger {
            blocked_until_ms: at(5_000).as_millisecond(),
            ..Ledger::default()
        };
        let decision = take(&ledger, REST, 1, Priority::Interactive, None, 1, at(0));
        assert_eq!(decision, Decision::Wait(Duration::from_secs(5)));
        assert_eq!(left(&ledger, REST, at(0)).0, 0);
    }

    #[test]
    fn the_day_ends_is_announced_once_and_begins_again() {
        let limits = Limits { day: 10, ..REST };
        let mut ledger = Ledger::default();
        let mut announcements = Vec::new();
        for step in 0..10 {
            let Decision::Grant {
                ledger: next, announce, ..
            } = take(&ledger, limits, 1, Priority::Batch, None, 1, at(step))
            else {
                panic!("the day is not over");
            };
            ledger = next;
            announcements.push(announce);
        }
        assert_eq!(announcements.iter().position(|told| *told), Some(7), "with the eighth of ten");
        assert_eq!(announcements.iter().filter(|told| **told).count(), 1);
        assert_eq!(
            take(&ledger, limits, 1, Priority::Interactive, None, 1, at(20)),
            Decision::DayIsOver
        );
        let tomorrow = at(24 * 3_600_000);
        assert!(matches!(
            take(&ledger, limits, 1, Priority::Batch, None, 1, tomorrow),
            Decision::Grant { .. }
        ));
    }

    #[test]
    fn unused_tokens_come_back_once() {
        let (ledger, grant) = granted(take(&Ledger::default(), REST, 10, Priority::Batch, None, 77, at(0)));
        let refund = Refund {
            grant,
            used: 3,
            day: business_date(at(0)),
        };
        let (once, _) = granted(take(&ledger, REST, 1, Priority::Batch, Some(refund), 78, at(2_500)));
        let (twice, _) = granted(take(&once, REST, 1, Priority::Batch, Some(refund), 79, at(2_600)));
        assert_eq!(once.day_used, 4);
        assert_eq!(twice.day_used, 5);
    }

    #[test]
    fn a_broken_clock_blocks_nobody_for_long() {
        let ledger = Ledger {
            grants: vec![Grant {
                at_ms: at(3_600_000).as_millisecond(),
                count: 200,
                id: 1,
            }],
            blocked_until_ms: at(9 * 3_600_000).as_millisecond(),
            ..Ledger::default()
        };
        let Decision::Wait(wait) = take(&ledger, REST, 1, Priority::Batch, None, 1, at(0)) else {
            panic!("expected a wait");
        };
        assert!(wait <= Duration::from_secs(63));
    }

    /// One step of a taker: time passes, it asks for a lot, uses some of it late, and gives the rest back next time.
    #[derive(Debug, Clone)]
    struct Step {
        passes_ms: i64,
        skew_ms: i64,
        wanted: u32,
        interactive: bool,
        late_ms: i64,
        used: u32,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = (0_i64..4_000, 0_i64..1_000, 1_u32..30, any::<bool>(), 0..TOKEN_LIFE_MS, 0_u32..30);
        let step = step.prop_map(|(passes_ms, skew_ms, wanted, interactive, late_ms, used)| Step {
            passes_ms,
            skew_ms,
            wanted,
            interactive,
            late_ms,
            used,
        });
        prop::collection::vec(step, 1..300)
    }

    proptest! {
        #[test]
        fn no_minute_ever_sees_more_calls_than_the_limit(steps in steps()) {
            let limits = Limits { minute: 20, reserve: 1, day: 1_000_000 };
            let mut ledger = Ledger::default();
            let mut clock = 0;
            let mut calls: Vec<i64> = Vec::new();
            let mut refund = None;
            for (id, step) in (1..).zip(&steps) {
                // Nobody asks before its last lot is over; clocks differ by up to a second.
                clock += step.passes_ms + if refund.is_some() { TOKEN_LIFE_MS } else { 0 };
                let now = at(clock + step.skew_ms);
                let priority = if step.interactive { Priority::Interactive } else { Priority::Batch };
                if let Decision::Grant { ledger: next, grant, .. } = take(&ledger, limits, step.wanted, priority, refund, id, now) {
                    let used = step.used.min(grant.count);
                    for _ in 0..used {
                        calls.push(clock + step.late_ms);
                    }
                    prop_assert!(next.version == ledger.version + 1);
                    refund = Some(Refund { grant, used, day: business_date(now) });
                    ledger = next;
                }
            }
            calls.sort_unstable();
            for (index, first) in calls.iter().enumerate() {
                let within = calls[index..].iter().take_while(|call| **call < first + 60_000).count();
                prop_assert!(within <= 20, "{within} calls in the minute from {first}");
            }
        }

        #[test]
        fn waiting_as_told_always_brings_a_token(counts in prop::collection::vec((0_i64..5_000, 1_u32..15), 1..60)) {
            let limits = Limits { minute: 20, reserve: 1, day: 1_000_000 };
            let mut ledger = Ledger::default();
            let mut clock = 0;
            for (passes, wanted) in counts {
                clock += passes;
                match take(&ledger, limits, wanted, Priority::Batch, None, 5, at(clock)) {
                    Decision::Grant { ledger: next, .. } => ledger = next,
                    Decision::Wait(wait) => {
                        clock += i64::try_from(wait.as_millis()).unwrap();
                        let (next, _) = granted(take(&ledger, limits, wanted, Priority::Batch, None, 5, at(clock)));
                        ledger = next;
                    }
                    Decision::DayIsOver => prop_assert!(false, "the day is long"),
                }
                prop_assert!(ledger.grants.len() <= 63 + 60);
            }
        }
    }
}
