//! The store of a simulation: in memory, cut into the real store's slices, with its conditions.

use std::collections::BTreeMap;

use ponte::calendar::Timestamp;
use ponte::ids::BillId;
use ponte::portfolio::{Change, HeldBill, Outcome, TimelineEvent};
use ponte::store::Stamp;
use ponte::store::slices::{SliceLimits, Write, cut, writes};

/// Bills, their timelines and the outbox.
#[derive(Default)]
pub struct MemoryStore {
    /// What is held.
    pub bills: BTreeMap<BillId, HeldBill>,
    /// Every event told, by bill and id.
    pub timeline: BTreeMap<(BillId, String), TimelineEvent>,
    /// Events not published yet, and when they were committed.
    pub outbox: BTreeMap<(BillId, String), Timestamp>,
}

/// A commit while its slices are written one after the other.
pub struct Commit {
    bill: BillId,
    version: u64,
    stamp: Stamp,
    slices: std::vec::IntoIter<Vec<Part>>,
    waiting: Vec<TimelineEvent>,
}

enum Part {
    Change(Change),
    Event(TimelineEvent),
}

/// Somebody else wrote the bill first.
#[derive(Debug)]
pub struct Conflict;

impl Commit {
    /// The version it left.
    pub const fn version(&self) -> u64 {
        self.version
    }
}

impl MemoryStore {
    /// What is held of a bill.
    pub fn load(&self, bill: BillId) -> HeldBill {
        self.bills.get(&bill).cloned().unwrap_or_default()
    }

    /// Begins to commit what was computed from `held`.
    pub fn commit(
        bill: BillId,
        held: &HeldBill,
        outcome: &Outcome,
        stamp: Stamp,
        limits: SliceLimits,
    ) -> Commit {
        let parts: Vec<Part> = writes(outcome)
            .into_iter()
            .map(|write| match write {
                Write::Change(change) => Part::Change(change.clone()),
                Write::Event(event) => Part::Event(event.clone()),
            })
            .collect();
        let event = |part: &Part| match part {
            Part::Event(event) => Some(event.clone()),
            Part::Change(_) => None,
        };
        Commit {
            bill,
            version: held.version,
            stamp,
            waiting: parts.iter().filter_map(event).collect(),
            slices: cut(
                parts,
                limits,
                |_| 500,
                |part| matches!(part, Part::Event(_)),
            )
            .into_iter(),
        }
    }

    /// Writes the next slice, all of it or nothing. `None` when there is none left, else the events that were new.
    pub fn write(&mut self, commit: &mut Commit) -> Option<Result<Vec<TimelineEvent>, Conflict>> {
        let slice = commit.slices.next()?;
        let held = self.bills.entry(commit.bill).or_default();
        if held.version != commit.version {
            return Some(Err(Conflict));
        }
        let mut told = Vec::new();
        let mut changes = Vec::new();
        for part in slice {
            match part {
                Part::Change(change) => changes.push(change),
                Part::Event(event) => {
                    assert_eq!(
                        commit.waiting.remove(0).id,
                        event.id,
                        "events are written in their order"
                    );
                    let key = (commit.bill, event.id.clone());
                    if !self.timeline.contains_key(&key) {
                        told.push(event.clone());
                        self.outbox.insert(key.clone(), commit.stamp.at);
                        self.timeline.insert(key, event);
                    }
                }
            }
        }
        held.apply(&changes);
        commit.version += 1;
        held.version = commit.version;
        held.changed_at = Some(commit.stamp.at);
        if commit.slices.as_slice().is_empty() {
            held.read_at = held.read_at.max(commit.stamp.read_at);
        }
        held.pending_events.clone_from(&commit.waiting);
        Some(Ok(told))
    }
}
