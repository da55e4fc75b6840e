//! Thousands of seeded stories: see the crate.
//!
//! `PONTE_SEEDS=100000 cargo test -p simulation` runs more of them, `PONTE_SEED=4711` one again; `PONTE_FIRST=1` ends at the
//! first that fails.

#![allow(clippy::unwrap_used)]

use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use simulation::{Counts, run};

/// Seeds of an ordinary run.
const SEEDS: u64 = 10_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[test]
fn whatever_happens_one_sync_and_one_batimento_find_both_sides_equal() {
    if let Some(seed) = number("PONTE_SEED") {
        println!("seed {seed}: {:?}", run(seed));
        return;
    }
    let seeds = number("PONTE_SEEDS").unwrap_or(SEEDS);
    let began = std::time::Instant::now();
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let first_only = std::env::var("PONTE_FIRST").is_ok();
    let work = || {
        let (mut sum, mut failed) = (Counts::default(), Vec::new());
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds || (first_only && stop.load(Ordering::Relaxed)) {
                return (sum, failed);
            }
            if let Ok(counts) = catch_unwind(|| run(seed)) {
                sum.add(counts);
            } else {
                failed.push(seed);
                stop.store(true, Ordering::Relaxed);
            }
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let done = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });
    let (mut sum, mut failed) = (Counts::default(), Vec::new());
    for (counts, seeds) in done {
        sum.add(counts);
        failed.extend(seeds);
    }
    failed.sort_unstable();
    println!("{seeds} seeds in {:.1?}: {sum:?}", began.elapsed());
    if seeds >= SEEDS {
        assert!(sum.met_everything(), "something never happened: {sum:?}");
    }
    let first = failed.first().copied().unwrap_or_default();
    assert!(
        failed.is_empty(),
        "{} seeds failed; run one alone with PONTE_SEED={first}: {failed:?}",
        failed.len()
    );
}

#[test]
fn a_seed_tells_the_same_story_each_time() {
    for seed in 0..20 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}
