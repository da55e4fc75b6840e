//! Leaving alone a Sienge that does not answer: each call to it holds an execution until its time-out, and other tenants' work waits for a free one.
//!
//! One small item per subdomain, shared by all functions like the quota. A call without an answer closes the way for a while. Then one caller
//! tries, and what it finds opens the way, or keeps it closed for twice as long. A session that had an answer within the last minute neither reads the item nor
//! closes the way: one slow answer among others is no silence.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::attributes::{Item, get_number, key_item, number};
use super::batch::Freshness;
use super::journal::expiry;
use super::keys::{self, attribute};
use super::versioned::VersionedPut;
use super::{Store, StoreError};
use crate::calendar::Timestamp;

/// How long the way is closed after the first call without an answer.
const FIRST: Duration = Duration::from_secs(30);
/// The longest it is closed.
const LONGEST: Duration = Duration::from_mins(10);
/// How long the others wait for what a trying caller finds.
const TRYING: Duration = Duration::from_mins(1);
/// For how long after an answer a Sienge is known to answer.
const ANSWERS: Duration = Duration::from_mins(1);
/// The item says nothing after this.
const KEPT_DAYS: i64 = 1;

/// What a session knows of a subdomain's silence.
pub(super) struct Silence {
    store: Store,
    subdomain: String,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    note: Note,
    /// Whether this session is the one that tries.
    tries: bool,
    answered_at: Option<Instant>,
}

/// The shared item.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Note {
    /// Every write is conditional on it and raises it.
    version: u64,
    /// Vain attempts in a row; none when Sienge answers.
    vain: u32,
    /// Nobody calls before.
    until_ms: i64,
}

impl Note {
    /// What follows after another vain attempt.
    fn vain_again(self, now: Timestamp) -> Self {
        let vain = self.vain.saturating_add(1);
        let closed = FIRST.saturating_mul(1 << (vain - 1).min(16)).min(LONGEST);
        self.then(vain, now, closed)
    }

    fn then(self, vain: u32, now: Timestamp, closed: Duration) -> Self {
        let closed_ms = i64::try_from(closed.as_millis()).unwrap_or(i64::MAX / 4);
        Self {
            version: self.version + 1,
            vain,
            until_ms: now.as_millisecond() + closed_ms,
        }
    }

    /// How long the way is still closed. A broken clock closes it no longer than anything else.
    fn closed_for(self, now: Timestamp) -> Duration {
        let left_ms = u64::try_from(self.until_ms - now.as_millisecond()).unwrap_or(0);
        match self.vain {
            0 => Duration::ZERO,
            _ => Duration::from_millis(left_ms).min(LONGEST),
        }
    }
}

impl Known {
    fn answers(&self) -> bool {
        self.answered_at.is_some_and(|at| at.elapsed() < ANSWERS)
    }
}

impl Silence {
    pub(super) fn new(store: Store, subdomain: &str) -> Self {
        Self {
            store,
            subdomain: subdomain.to_owned(),
            known: Mutex::default(),
        }
    }

    /// Whether a call may be made; if not, how long the way is closed.
    pub(super) async fn may_call(&self, now: Timestamp) -> Result<Option<Duration>, StoreError> {
        let mut known = self.known.lock().await;
        if known.tries || known.answers() {
            return Ok(None);
        }
        known.note = self.read().await?;
        let closed = known.note.closed_for(now);
        if known.note.vain == 0 {
            return Ok(None);
        }
        if !closed.is_zero() {
            return Ok(Some(closed));
        }
        let next = known.note.then(known.note.vain, now, TRYING);
        Ok(match self.write(known.note, next, now).await? {
            None => {
                (known.note, known.tries) = (next, true);
                None
            }
            Some(_) => Some(TRYING),
        })
    }

    /// Closes the way, unless Sienge answered other calls of the session or somebody else has closed it.
    pub(super) async fn unanswered(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut known = self.known.lock().await;
        if known.answers() {
            return Ok(());
        }
        let tried = std::mem::take(&mut known.tries);
        if !tried && !known.note.closed_for(now).is_zero() {
            return Ok(());
        }
        let next = known.note.vain_again(now);
        known.note = self.write(known.note, next, now).await?.unwrap_or(next);
        if known.note.vain > 0 {
            tracing::warn!(
                subdomain = self.subdomain,
                vain_attempts = known.note.vain,
                closed_seconds = known.note.closed_for(now).as_secs(),
                "Sienge does not answer and is left alone for a while"
            );
        }
        Ok(())
    }

    /// Opens the way, if it was closed.
    pub(super) async fn answered(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut known = self.known.lock().await;
        known.answered_at = Some(Instant::now());
        if std::mem::take(&mut known.tries) {
            let next = known.note.then(0, now, Duration::ZERO);
            known.note = self.write(known.note, next, now).await?.unwrap_or(next);
        }
        Ok(())
    }

    async fn read(&self) -> Result<Note, StoreError> {
        let (table, key) = (&self.store.tables.control, keys::silence(&self.subdomain));
        let item = self.store.get(table, &key, Freshness::Eventual).await?;
        item.as_ref().map_or_else(|| Ok(Note::default()), read_note)
    }

    /// Replaces a note; returns the one found instead if somebody else was first.
    async fn write(
        &self,
        before: Note,
        next: Note,
        now: Timestamp,
    ) -> Result<Option<Note>, StoreError> {
        let mut item = key_item(&keys::silence(&self.subdomain));
        item.extend([
            ("version".to_owned(), number(next.version)),
            ("vain".to_owned(), number(next.vain)),
            ("until_ms".to_owned(), number(next.until_ms)),
            (
                attribute::EXPIRES_AT.to_owned(),
                number(expiry(now, KEPT_DAYS)),
            ),
        ]);
        match self.store.put_on_version(item, before.version).await? {
            VersionedPut::Done => Ok(None),
            VersionedPut::Found(Some(item)) => read_note(&item).map(Some),
            VersionedPut::Found(None) => Ok(Some(Note::default())),
        }
    }
}

fn read_note(item: &Item) -> Result<Note, StoreError> {
    Ok(Note {
        version: get_number(item, "version")?,
        vain: get_number(item, "vain")?,
        until_ms: get_number(item, "until_ms")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_is_closed_for_twice_as_long_each_time_and_never_for_longer_than_ten_minutes() {
        let now = Timestamp::UNIX_EPOCH;
        let mut note = Note::default();
        let mut closed = Vec::new();
        for _ in 0..100 {
            note = note.vain_again(now);
            closed.push(note.closed_for(now).as_secs());
        }
        assert_eq!(closed[..6], [30, 60, 120, 240, 480, 600]);
        assert_eq!(closed[99], 600);
        let later = now + jiff::SignedDuration::from_secs(600);
        assert_eq!(note.closed_for(later), Duration::ZERO);
        let ahead = Note {
            until_ms: i64::MAX,
            ..note
        };
        assert_eq!(ahead.closed_for(now), LONGEST, "a broken clock");
        assert_eq!(
            note.then(0, now, Duration::ZERO).closed_for(now),
            Duration::ZERO
        );
    }
}
