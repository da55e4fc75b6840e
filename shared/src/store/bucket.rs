//! Token buckets, pure: how much callers may still use.
//!
//! A bucket is stored as the instant at which it is full again; it fills continuously, up to its burst. A caller takes from all its
//! buckets, or from none. A call that needs more than a bucket holds is admitted when the bucket is full, which then owes the rest.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::calendar::Timestamp;

/// How fast a bucket fills and how much it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Tokens added per period.
    pub tokens: u32,
    /// The period.
    pub period: Duration,
    /// Its capacity.
    pub burst: u32,
}

/// A request to one bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The bucket.
    pub bucket: String,
    /// Its rate.
    pub rate: RateLimit,
    /// How many tokens; zero is granted however empty the bucket is.
    pub tokens: u32,
}

/// The buckets that are not full.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Buckets {
    /// Every write is conditional on it and increments it.
    pub version: u64,
    /// When each is full again.
    pub full_at_ms: BTreeMap<String, i64>,
}

/// Too little in a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Short {
    /// The requested bucket that has enough last.
    pub place: usize,
    /// When it has enough.
    pub wait: Duration,
}

impl RateLimit {
    /// The time in which this many tokens are added, rounded up.
    fn time_ms(self, tokens: u32) -> i64 {
        let time_ms = u128::from(tokens) * self.period.as_millis();
        i64::try_from(time_ms.div_ceil(u128::from(self.tokens.max(1)))).unwrap_or(i64::MAX / 4)
    }

    /// The longest time until a bucket of this rate is full again. A longer one comes from a broken clock and would
    /// keep everybody out until then.
    fn missing_ms(self, full_at_ms: i64, now_ms: i64) -> i64 {
        let period_ms = self.time_ms(self.tokens);
        (full_at_ms - now_ms).clamp(0, self.time_ms(self.burst) + period_ms)
    }
}

impl Buckets {
    fn missing_ms(&self, wanted: &Wanted, now_ms: i64) -> i64 {
        let full_at_ms = self.full_at_ms.get(&wanted.bucket);
        full_at_ms.map_or(0, |at_ms| wanted.rate.missing_ms(*at_ms, now_ms))
    }

    /// The buckets after a request, or the one that has too little.
    pub(super) fn take(&self, wanted: &[Wanted], now: Timestamp) -> Result<Self, Short> {
        let now_ms = now.as_millisecond();
        let mut next = self.clone();
        next.full_at_ms.retain(|_, at_ms| *at_ms > now_ms);
        let mut short: Option<Short> = None;
        for (place, wanted) in wanted.iter().enumerate() {
            let rate = wanted.rate;
            let missing_ms = self.missing_ms(wanted, now_ms);
            let held_ms = rate.time_ms(rate.burst);
            let wait_ms = missing_ms + rate.time_ms(wanted.tokens).min(held_ms) - held_ms;
            if wait_ms > 0 && wanted.tokens > 0 {
                let wait = Duration::from_millis(wait_ms.unsigned_abs());
                if short.is_none_or(|short| short.wait < wait) {
                    short = Some(Short { place, wait });
                }
            }
            let taken_ms = rate.time_ms(wanted.tokens);
            if missing_ms + taken_ms > 0 {
                let full_at_ms = now_ms + missing_ms + taken_ms;
                next.full_at_ms.insert(wanted.bucket.clone(), full_at_ms);
            }
        }
        next.version = self.version + 1;
        short.map_or(Ok(next), Err)
    }

    /// The tokens in a bucket, and the time until it is full.
    pub(super) fn left(&self, wanted: &Wanted, now: Timestamp) -> (u32, Duration) {
        let rate = wanted.rate;
        let missing_ms = self.missing_ms(wanted, now.as_millisecond());
        let held_ms = (rate.time_ms(rate.burst) - missing_ms).max(0);
        let tokens = i128::from(held_ms) * i128::from(rate.tokens)
            / i128::try_from(rate.period.as_millis().max(1)).unwrap_or(1);
        let left = u32::try_from(tokens).unwrap_or(u32::MAX).min(rate.burst);
        (left, Duration::from_millis(missing_ms.unsigned_abs()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_795_000_000_000 + ms).unwrap()
    }

    fn of(bucket: &str, tokens: u32) -> Wanted {
        let rate = RateLimit {
            tokens: 60,
            period: MINUTE,
            burst: 10,
        };
        Wanted {
            bucket: bucket.to_owned(),
            rate,
            tokens,
        }
    }

    #[test]
    fn a_burst_is_there_at_once_and_the_rest_as_time_passes() {
        let mut buckets = Buckets::default();
        for _ in 0..10 {
            buckets = buckets.take(&[of("a", 1)], at(0)).unwrap();
        }
        let short = buckets.take(&[of("a", 1)], at(0)).unwrap_err();
        assert_eq!(short.wait, Duration::from_secs(1));
        assert_eq!(
            buckets.left(&of("a", 1), at(0)),
            (0, Duration::from_secs(10))
        );
        let short = buckets.take(&[of("a", 3)], at(1_500)).unwrap_err();
        assert_eq!(short.wait, Duration::from_millis(1_500));
        buckets = buckets.take(&[of("a", 3)], at(3_000)).unwrap();
        assert_eq!(buckets.left(&of("a", 1), at(8_000)).0, 5);
        // A full bucket is forgotten.
        let later = buckets.take(&[of("b", 1)], at(60_000)).unwrap();
        assert_eq!(later.full_at_ms.keys().collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn all_of_it_is_taken_or_nothing_and_the_one_that_takes_longest_is_named() {
        let buckets = Buckets::default().take(&[of("a", 10), of("b", 7)], at(0));
        let buckets = buckets.unwrap();
        let short = buckets.take(&[of("a", 2), of("b", 4)], at(0)).unwrap_err();
        assert_eq!((short.place, short.wait), (0, Duration::from_secs(2)));
        let short = buckets.take(&[of("a", 0), of("b", 4)], at(0)).unwrap_err();
        assert_eq!((short.place, short.wait), (1, Duration::from_secs(1)));
        assert!(buckets.take(&[of("a", 0), of("b", 3)], at(0)).is_ok());
    }

    #[test]
    fn more_than_a_bucket_holds_is_let_in_when_it_is_full_and_owed() {
        let buckets = Buckets::default().take(&[of("a", 40)], at(0)).unwrap();
        let short = buckets.take(&[of("a", 1)], at(0)).unwrap_err();
        assert_eq!(short.wait, Duration::from_secs(31));
        assert!(buckets.take(&[of("a", 1)], at(31_000)).is_ok());
    }

    #[test]
    fn a_broken_clock_keeps_nobody_out_for_long() {
        let ahead = at(86_400_000);
        let buckets = Buckets::default().take(&[of("a", 10)], ahead).unwrap();
        let short = buckets.take(&[of("a", 1)], at(0)).unwrap_err();
        assert!(short.wait <= MINUTE + Duration::from_secs(1), "{short:?}");
    }

    proptest! {
        #[test]
        fn no_span_of_time_sees_more_than_the_burst_and_what_came_in_it(
            asked in prop::collection::vec((0_i64..3_000, 0_u32..15), 1..200), tokens in 1_u32..500, burst in 1_u32..200,
        ) {
            let rate = RateLimit { tokens, period: MINUTE, burst };
            let wanted = |tokens: u32| [Wanted { bucket: "a".to_owned(), rate, tokens: tokens.min(burst) }];
            let (mut buckets, mut clock) = (Buckets::default(), 0);
            let mut taken: Vec<(i64, u32)> = Vec::new();
            for (passes, tokens) in asked {
                clock += passes;
                let wanted = wanted(tokens);
                match buckets.take(&wanted, at(clock)) {
                    Ok(next) => {
                        prop_assert!(next.version == buckets.version + 1);
                        taken.push((clock, wanted[0].tokens));
                        buckets = next;
                    }
                    // What is refused is let in when it was told to come again, and not a moment earlier.
                    Err(short) => {
                        let wait = i64::try_from(short.wait.as_millis()).unwrap();
                        prop_assert!(buckets.take(&wanted, at(clock + wait - 1)).is_err());
                        prop_assert!(buckets.take(&wanted, at(clock + wait)).is_ok());
                        prop_assert!(buckets.left(&wanted[0], at(clock)).0 <= wanted[0].tokens);
                    }
                }
            }
            for (index, (first, _)) in taken.iter().enumerate() {
                let mut sum = 0;
                for (instant, tokens) in &taken[index..] {
                    sum += tokens;
                    let came = (instant - first) * i64::from(rate.tokens) / 60_000;
                    prop_assert!(i64::from(sum) <= i64::from(burst) + came + 1, "{sum} in {} ms", instant - first);
                }
            }
        }

        /// What a process remembers is never less full than the buckets are: what it refuses by itself is refused rightly.
        #[test]
        fn what_was_seen_earlier_refuses_nothing_that_would_be_let_in(
            before in prop::collection::vec((0_i64..2_000, 0_u32..15), 0..20), since in prop::collection::vec((0_i64..2_000, 0_u32..15), 0..20), tokens in 1_u32..15,
        ) {
            let mut clock = 0;
            let mut play = |mut buckets: Buckets, steps: &[(i64, u32)]| {
                for (passes, tokens) in steps {
                    clock += passes;
                    buckets = buckets.take(&[of("a", *tokens)], at(clock)).unwrap_or(buckets);
                }
                buckets
            };
            let seen = play(Buckets::default(), &before);
            let now = play(seen.clone(), &since);
            if seen.take(&[of("a", tokens)], at(clock)).is_err() {
                prop_assert!(now.take(&[of("a", tokens)], at(clock)).is_err());
            }
        }
    }
}
