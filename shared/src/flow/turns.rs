//! Serving all tenants: some at a time, each for its share of the time, so that none of them can use up what the others need.

use std::cell::Cell;
use std::time::Duration;

use futures::{StreamExt, stream};
use tokio::time::Instant;

/// Served at once. Serving is waiting, for DynamoDB and Sienge, and takes little memory.
const AT_ONCE: usize = 8;

/// Serves everybody, each until an instant of its own: whoever begins gets an equal share of the time left with those who have not begun. What one does not
/// use is left to the others.
pub(super) async fn in_turn<W, T>(
    all: Vec<W>,
    deadline: Instant,
    serve: impl AsyncFn(W, Instant) -> T,
) -> Vec<T> {
    let waiting = Cell::new(all.len());
    let (waiting, serve) = (&waiting, &serve);
    let served = all.into_iter().map(async |each| {
        let begun = Instant::now();
        let until = begun + share(deadline.saturating_duration_since(begun), waiting.get());
        waiting.set(waiting.get() - 1);
        serve(each, until).await
    });
    stream::iter(served)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await
}

/// The share of the next one, if so many have not begun.
fn share(left: Duration, waiting: usize) -> Duration {
    let rounds = waiting.div_ceil(AT_ONCE).max(1);
    left / u32::try_from(rounds).unwrap_or(u32::MAX)
}

/// The same, beginning with another each time, so that what there is no time for is not always the same.
pub(super) fn turned<W>(mut all: Vec<W>, turn: u64) -> Vec<W> {
    if let Ok(count) = u64::try_from(all.len())
        && count > 0
    {
        all.rotate_left(usize::try_from(turn % count).unwrap_or(0));
    }
    all
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokio::time::sleep;

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[tokio::test(start_paused = true)]
    async fn some_that_use_all_their_time_leave_the_others_theirs() {
        let begun = Instant::now();
        let served = RefCell::new(Vec::new());
        in_turn((0..21).collect(), begun + MINUTE, async |each, until| {
            if each < 7 {
                tokio::time::sleep_until(until).await;
            } else {
                sleep(Duration::from_millis(10)).await;
            }
            served.borrow_mut().push((each, begun.elapsed()));
        })
        .await;
        let served = served.into_inner();
        assert_eq!(served.len(), 21);
        for (each, at) in served {
            if each < 7 {
                assert!(at <= MINUTE / 2, "{each}: {at:?}");
            } else {
                assert!(at <= Duration::from_millis(140), "{each}: {at:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn time_is_enough_for_all_even_if_each_uses_its_share() {
        let begun = Instant::now();
        in_turn((0..50).collect(), begun + MINUTE, async |_: u32, until| {
            assert!(until > Instant::now(), "nobody is without a share");
            tokio::time::sleep_until(until).await;
        })
        .await;
        assert!(begun.elapsed() <= MINUTE + Duration::from_millis(100));
        let nothing: Vec<()> = in_turn(Vec::<u32>::new(), begun, async |_, _| ()).await;
        assert!(nothing.is_empty());
    }

    #[test]
    fn each_turn_begins_with_the_next() {
        let turned = |turn| turned(vec!['a', 'b', 'c'], turn);
        assert_eq!(turned(0), ['a', 'b', 'c']);
        assert_eq!(turned(1), ['b', 'c', 'a']);
        assert_eq!(turned(302), ['c', 'a', 'b']);
    }
}
