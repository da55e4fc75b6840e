use super::*;
use proptest::prelude::*;

const REST: Limits = Limits {
    minute: 200,
    reserve: 2,
    burst: 100,
    day: 1_000_000,
    people_day: 500_000,
};
const BULK: Limits = Limits {
    minute: 20,
    reserve: 1,
    burst: 20,
    day: 1_000_000,
    people_day: 500_000,
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
    assert_eq!(
        waits(&take_for(&ledger, REST, 10, Priority::Batch, 1)),
        1_860
    );
    let (ledger, grant) = granted(take_for(&ledger, REST, 10, Priority::Batch, 31_000));
    assert_eq!(
        (grant.count, used(&ledger)),
        (10, 110),
        "half of the window is over: up to 150"
    );
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
            if let Decision::Grant { ledger: next, .. } =
                take_for(&ledger, REST, 10, Priority::Batch, clock)
            {
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
    let mut ledger = granted(take_for(
        &Ledger::default(),
        BULK,
        1,
        Priority::Interactive,
        0,
    ))
    .0;
    (ledger, _) = granted(take_for(&ledger, BULK, 20, Priority::Batch, 0));
    assert_eq!(used(&ledger), 19, "one is left while people work");
    (ledger, _) = granted(take_for(&ledger, BULK, 1, Priority::Interactive, 1));
    assert_eq!(
        waits(&take_for(&ledger, BULK, 1, Priority::Interactive, 1_000)),
        WINDOW_MS - 1_000
    );
    let idle = at(PEOPLE_WORK_MS + 2);
    let (ledger, grant) = granted(take(&ledger, BULK, 20, Priority::Batch, None, 1, idle));
    assert_eq!(
        (grant.count, used(&ledger)),
        (20, 20),
        "and none when nobody does"
    );
}

#[test]
fn a_batch_that_has_work_uses_the_quota() {
    for (limits, least) in [(REST, 190), (BULK, 19)] {
        let (mut ledger, mut calls) = (Ledger::default(), 0);
        for clock in (0..1_200_000).step_by(100) {
            if let Decision::Grant {
                ledger: next,
                grant,
                ..
            } = take_for(&ledger, limits, 10, Priority::Batch, clock)
            {
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
    let limits = Limits {
        day: 10,
        people_day: 5,
        ..REST
    };
    let mut ledger = Ledger::default();
    let mut announcements = Vec::new();
    for step in 0..10 {
        let Decision::Grant {
            ledger: next,
            announce,
            ..
        } = take(&ledger, limits, 1, Priority::Batch, None, 1, at(step))
        else {
            panic!("the day is not over");
        };
        ledger = next;
        announcements.push(announce);
    }
    assert_eq!(
        announcements.iter().position(|told| *told),
        Some(7),
        "with the eighth of ten"
    );
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
    assert_eq!(
        slower,
        Decision::DayIsOver,
        "a slower clock does not begin the day before again"
    );
    let tomorrow = at(24 * 3_600_000);
    assert!(matches!(
        take(&ledger, limits, 1, Priority::Batch, None, 1, tomorrow),
        Decision::Grant { .. }
    ));
}

#[test]
fn unused_tokens_come_back_once() {
    let (ledger, grant) = granted(take(
        &Ledger::default(),
        REST,
        10,
        Priority::Batch,
        None,
        77,
        at(0),
    ));
    let refund = Refund {
        grant,
        used: 3,
        day: business_date(at(0)),
        priority: Priority::Batch,
    };
    let (once, _) = granted(take(
        &ledger,
        REST,
        1,
        Priority::Batch,
        Some(refund),
        78,
        at(2_500),
    ));
    let (twice, _) = granted(take(
        &once,
        REST,
        1,
        Priority::Batch,
        Some(refund),
        79,
        at(2_600),
    ));
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
    assert!(wait <= Duration::from_secs(62));
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
    let step = (
        0_i64..4_000,
        0_i64..500,
        1_u32..30,
        any::<bool>(),
        0..TOKEN_LIFE_MS,
        0_u32..30,
    );
    let step = step.prop_map(
        |(passes_ms, skew_ms, wanted, interactive, late_ms, used)| Step {
            passes_ms,
            skew_ms,
            wanted,
            interactive,
            late_ms,
            used,
        },
    );
    prop::collection::vec(step, 1..300)
}

proptest! {
    #[test]
    fn no_minute_ever_sees_more_calls_than_the_limit(steps in steps(), burst in 5_u32..=20) {
        let limits = Limits { minute: 20, reserve: 1, burst, day: 1_000_000, people_day: 500_000 };
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
                refund = Some(Refund { grant, used, day: business_date(now), priority });
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
    fn people_never_spend_the_part_of_the_day_that_is_the_batches(steps in steps(), day in 1_u32..300) {
        let limits = Limits { minute: 1_000, reserve: 1, burst: 1_000, day, people_day: day / 2 };
        let mut ledger = Ledger::default();
        let (mut clock, mut of_people, mut of_batches, mut refund) = (0, 0, 0, None);
        let kept = day - day / 50;
        // Whoever comes when, and then whoever wants what is left.
        let last = (0..2 * day).map(|index| (index < day, 1, 1, 1));
        let steps = steps.iter().map(|step| (step.interactive, step.wanted, step.used, step.passes_ms));
        for (id, (interactive, wanted, used, passes_ms)) in (1..).zip(steps.chain(last)) {
            // So little that what is left of a lot is always in time to be given back.
            clock += passes_ms.min(10);
            let priority = if interactive { Priority::Interactive } else { Priority::Batch };
            if let Decision::Grant { ledger: next, grant, .. } = take(&ledger, limits, wanted, priority, refund, id, at(clock)) {
                let used = used.min(grant.count);
                *(if interactive { &mut of_people } else { &mut of_batches }) += used;
                refund = Some(Refund { grant, used, day: business_date(at(clock)), priority });
                ledger = next;
            }
        }
        prop_assert!(of_people <= day / 2, "{of_people} of people");
        prop_assert!(of_people + of_batches <= day);
        prop_assert!(of_batches >= kept.saturating_sub(of_people), "{of_batches} of {kept} less {of_people}");
    }

    #[test]
    fn waiting_as_told_brings_a_token_the_second_time_at_the_latest(counts in prop::collection::vec((0_i64..5_000, 1_u32..15), 1..60), burst in 5_u32..=20) {
        let limits = Limits { minute: 20, reserve: 1, burst, day: 1_000_000, people_day: 500_000 };
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
                        prop_assert!(waits <= 2 && wait <= Duration::from_secs(62));
                        clock += i64::try_from(wait.as_millis()).unwrap();
                    }
                    Decision::DayIsOver => prop_assert!(false, "the day is long"),
                }
            }
            prop_assert!(ledger.grants.len() <= 62 + 60);
        }
    }
}
