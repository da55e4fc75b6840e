//! The quota's decision, pure: what a lane's shared ledger allows now.
//!
//! The ledger is an exact sliding log of grants. A token may be used up to one and a half seconds after its grant, and clocks that differ
//! and a connection that is opened may take a second: so a grant counts for 62.5 seconds, and in no 60 seconds are more calls begun than the limit.
//!
//! Batches take the first half of a minute's quota as fast as they like and the other half no faster than the minute passes: tokens then come
//! back all the time, and a person never waits for the minute to turn. While people work, a few tokens are kept for them, so that what comes
//! back is theirs first.

use std::time::Duration;

use crate::calendar::{Date, Timestamp, business_date};
use crate::sienge::Priority;

/// How long a token may be used after its grant.
pub(super) const TOKEN_LIFE_MS: i64 = 1_500;
/// How long a grant counts: the minute, a token's life, and a second for differing clocks and for connecting.
const WINDOW_MS: i64 = 60_000 + TOKEN_LIFE_MS + 1_000;
/// So long after a call that a person waited for, people are taken to be at work.
const PEOPLE_WORK_MS: i64 = 600_000;
/// A batch that must not go faster takes so many tokens at a time: one write for each would cost more than it brings.
const PACED_LOT: u32 = 3;
/// After this long no token of a grant can be given back any more, and it may be merged with its neighbours.
const MERGE_AFTER_MS: i64 = 5_000;
/// Merged grants share so long; short enough that waiting for the last of them costs little.
const MERGE_SPAN_MS: i64 = 1_000;

/// What a lane may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Requests in any minute.
    pub minute: u32,
    /// How many of them batches leave to people while these work.
    pub reserve: u32,
    /// How many of them batches take as fast as they like.
    pub burst: u32,
    /// Requests in a day.
    pub day: u32,
}

impl Limits {
    /// Requests in a day: batches leave a fiftieth to people.
    const fn day_for(self, priority: Priority) -> u32 {
        match priority {
            Priority::Interactive => self.day,
            Priority::Batch => self.day - self.day / 50,
        }
    }
}

/// What one caller may have of a minute.
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
            _ => Self { most, burst: most, lot: 1 },
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
    let day_free = limits.day_for(priority).saturating_sub(next.day_used);
    if day_free == 0 {
        return Decision::DayIsOver;
    }
    let share = Share::of(limits, priority, wanted, next.people_until_ms > now_ms);
    let opens_ms = share.opens_at(&next.grants, at_ms);
    if opens_ms > at_ms {
        return Decision::Wait(milliseconds(opens_ms - now_ms));
    }
    let count = wanted.max(1).min(share.free(&next.grants, at_ms)).min(day_free);
    if priority == Priority::Interactive {
        next.people_until_ms = now_ms + PEOPLE_WORK_MS;
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
        share.most.saturating_sub(next.grants.iter().map(|grant| grant.count).sum())
    };
    (minute, limits.day_for(Priority::Batch).saturating_sub(next.day_used))
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
    // Around midnight a slower clock must not begin the day before again; one that is a day ahead is broken.
    let today = business_date(now);
    let ahead = ledger.day.filter(|day| today.tomorrow().is_ok_and(|tomorrow| *day == tomorrow));
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

fn milliseconds(count: i64) -> Duration {
    Duration::from_millis(u64::try_from(count).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REST: Limits = Limits {
        minute: 200,
        reserve: 2,
        burst: 100,
        day: 1_000_000,
    };
    const BULK: Limits = Limits {
        minute: 20,
        reserve: 1,
        burst: 20,
        day: 1_000_000,
    };

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_795_000_000_000 + ms).unwrap()
    }

    fn used(ledger: &Ledger) -> u32 {
        ledger.grants.iter().map(|grant| grant.count).sum()
    }

    fn granted(decision: Decision) -> (Ledger, Grant) {
        match decision {
            Decision::Grant { ledger, grant, .. } => (ledger, grant),
            other => panic!("expected a grant, got {other:?}"),
        }
    }

    fn waits(decision: &Decision) -> i64 {
        match decision {
            Decision::Wait(wait) => i64::try_from(wait.as_millis()).unwrap(),
            other => panic!("expected a wait, got {other:?}"),
        }
    }

    fn take_for(ledger: &Ledger, limits: Limits, wanted: u32, priority: Priority, ms: i64) -> Decision {
        take(ledger, limits, wanted, priority, None, 1, at(ms))
    }

    #[test]
    fn a_batch_has_half_the_minute_at_once_and_the_rest_as_the_minute_passes() {
        let mut ledger = Ledger::default();
        for _ in 0..10 {
            (ledger, _) = granted(take_for(&ledger, REST, 10, Priority::Batch, 0));
        }
        // Three of the other hundred come in three hundredths of the window.
        assert_eq!(waits(&take_for(&ledger, REST, 10, Priority::Batch, 1)), 1_875);
        let (ledger, grant) = granted(take_for(&ledger, REST, 10, Priority::Batch, 31_250));
        assert_eq!((grant.count, used(&ledger)), (10, 110), "half of the window is over: up to 150");
    }

    #[test]
    fn a_person_finds_a_token_while_batches_are_at_it() {
        // What was called before the batches began: nothing, one call as long ago as it may be, a trickle of webhooks.
        let befores: [Vec<i64>; 5] = [
            vec![],
            vec![-61_000],
            vec![-45_000],
            (-60..0).step_by(10).map(|s| s * 1_000).collect(),
            vec![-31_000, -1_000],
        ];
        for before in befores {
            let mut ledger = Ledger::default();
            for at_ms in &before {
                (ledger, _) = granted(take_for(&ledger, REST, 1, Priority::Batch, *at_ms));
            }
            let (mut longest, mut next_call) = (0, 3_000);
            for clock in (0..600_000).step_by(50) {
                if let Decision::Grant { ledger: next, .. } = take_for(&ledger, REST, 10, Priority::Batch, clock) {
                    ledger = next;
                }
                if clock >= next_call {
                    match take_for(&ledger, REST, 1, Priority::Interactive, clock) {
                        Decision::Grant { ledger: next, .. } => {
                            longest = longest.max(clock - next_call);
                            (ledger, next_call) = (next, next_call + 2_000);
                        }
                        other => assert!(waits(&other) > 0),
                    }
                }
            }
            assert!(longest <= 2_000, "{longest} ms after {before:?}");
        }
    }

    #[test]
    fn what_comes_back_is_a_persons_first() {
        let mut ledger = granted(take_for(&Ledger::default(), BULK, 1, Priority::Interactive, 0)).0;
        (ledger, _) = granted(take_for(&ledger, BULK, 20, Priority::Batch, 0));
        assert_eq!(used(&ledger), 19, "one is left while people work");
        (ledger, _) = granted(take_for(&ledger, BULK, 1, Priority::Interactive, 1));
        assert_eq!(waits(&take_for(&ledger, BULK, 1, Priority::Interactive, 1_000)), WINDOW_MS - 1_000);
        let idle = at(PEOPLE_WORK_MS + 2);
        let (ledger, grant) = granted(take(&ledger, BULK, 20, Priority::Batch, None, 1, idle));
        assert_eq!((grant.count, used(&ledger)), (20, 20), "and none when nobody does");
    }

    #[test]
    fn a_batch_that_has_work_uses_the_quota() {
        for (limits, least) in [(REST, 190), (BULK, 19)] {
            let (mut ledger, mut calls) = (Ledger::default(), 0);
            for clock in (0..1_200_000).step_by(100) {
                if let Decision::Grant { ledger: next, grant, .. } = take_for(&ledger, limits, 10, Priority::Batch, clock) {
                    (ledger, calls) = (next, calls + grant.count);
                }
            }
            assert!(calls >= least * 20, "{calls} calls in twenty minutes");
        }
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
        let late = Ledger {
            day: business_date(at(24 * 3_600_000)).into(),
            ..ledger.clone()
        };
        let slower = take(&late, limits, 1, Priority::Interactive, None, 1, at(20));
        assert_eq!(slower, Decision::DayIsOver, "a slower clock does not begin the day before again");
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
        assert!(wait <= Duration::from_millis(62_500));
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
        let step = (0_i64..4_000, 0_i64..500, 1_u32..30, any::<bool>(), 0..TOKEN_LIFE_MS, 0_u32..30);
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
        fn no_minute_ever_sees_more_calls_than_the_limit(steps in steps(), burst in 5_u32..=20) {
            let limits = Limits { minute: 20, reserve: 1, burst, day: 1_000_000 };
            let mut ledger = Ledger::default();
            let mut clock = 0;
            let mut calls: Vec<i64> = Vec::new();
            let mut refund = None;
            for (id, step) in (1..).zip(&steps) {
                // Nobody asks before its last lot is over; clocks differ by up to half a second.
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
        fn waiting_as_told_brings_a_token_the_second_time_at_the_latest(counts in prop::collection::vec((0_i64..5_000, 1_u32..15), 1..60), burst in 5_u32..=20) {
            let limits = Limits { minute: 20, reserve: 1, burst, day: 1_000_000 };
            let mut ledger = Ledger::default();
            let mut clock = 0;
            for (passes, wanted) in counts {
                clock += passes;
                // Grants that are merged while one waits count a little longer.
                let mut waits = 0;
                loop {
                    match take(&ledger, limits, wanted, Priority::Batch, None, 5, at(clock)) {
                        Decision::Grant { ledger: next, .. } => {
                            ledger = next;
                            break;
                        }
                        Decision::Wait(wait) => {
                            waits += 1;
                            prop_assert!(waits <= 2 && wait <= Duration::from_millis(62_500));
                            clock += i64::try_from(wait.as_millis()).unwrap();
                        }
                        Decision::DayIsOver => prop_assert!(false, "the day is long"),
                    }
                }
                prop_assert!(ledger.grants.len() <= 62 + 60);
            }
        }
    }
}
