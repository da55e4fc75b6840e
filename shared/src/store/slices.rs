//! How a change set is cut into transactions: pure, so that a substitute for the store commits exactly as the store does.
//!
//! The writes of an outcome are its changes in order, then its events. A slice is what one transaction writes. Events
//! that are not written yet are pending in the bill's head, which every slice writes, too.

use std::collections::HashMap;

use crate::ids::InstallmentId;
use crate::portfolio::{Change, ContractKey, Outcome, TimelineEvent};

/// The limits of one transaction.
#[derive(Debug, Clone, Copy)]
pub struct SliceLimits {
    /// Number of writes besides the head.
    pub writes: usize,
    /// Their total size.
    pub bytes: usize,
}

impl SliceLimits {
    /// DynamoDB takes 100 items, the bill's head is one of them, and 4 MB: the rest is room for the head and for the error of the
    /// computed size.
    pub const DYNAMODB: Self = Self {
        writes: 99,
        bytes: 3_000_000,
    };
}

/// One write of an outcome.
#[derive(Debug, Clone, Copy)]
pub enum Write<'a> {
    /// The new state of a contract or an installment.
    Change(&'a Change),
    /// A timeline event.
    Event(&'a TimelineEvent),
}

/// The writes of an outcome, in the order to commit them: comparing again completes an interrupted change set because it
/// was written in the comparison's order. Each item is written once, with its last state, and each event once.
#[must_use]
pub fn writes(outcome: &Outcome) -> Vec<Write<'_>> {
    let mut writes: Vec<Write> = Vec::with_capacity(outcome.changes.len() + outcome.events.len());
    let mut places: HashMap<(&ContractKey, Option<InstallmentId>), usize> = HashMap::new();
    for change in &outcome.changes {
        let key = match change {
            Change::Contract(contract) => (&contract.key, None),
            Change::Installment(_, installment) => (&installment.contract, Some(installment.id)),
        };
        let place = *places.entry(key).or_insert(writes.len());
        if place == writes.len() {
            writes.push(Write::Change(change));
        } else {
            writes[place] = Write::Change(change);
        }
    }
    let mut ids = std::collections::HashSet::new();
    let events = outcome.events.iter().filter(|event| ids.insert(&event.id));
    writes.extend(events.map(Write::Event));
    writes
}

/// Cuts writes into slices, in order. The first event is in the same slice as the last change, so that a comparison with Sienge
/// finds a difference as long as events are pending: runs that look only for differences would miss a slice of events alone.
#[must_use]
pub fn cut<T>(
    writes: Vec<T>,
    limits: SliceLimits,
    size: impl Fn(&T) -> usize,
    is_event: impl Fn(&T) -> bool,
) -> Vec<Vec<T>> {
    let first_event = writes.iter().position(is_event);
    let mut slices: Vec<Vec<T>> = Vec::new();
    let mut bytes = 0;
    let mut writes = writes.into_iter().enumerate().peekable();
    while let Some((_, write)) = writes.next() {
        let more = size(&write);
        let follows = writes.peek().filter(|(next, _)| Some(*next) == first_event);
        let (with, more_with) = follows.map_or((0, 0), |(_, event)| (1, size(event)));
        match slices.last_mut() {
            Some(slice)
                if slice.len() + with < limits.writes
                    && bytes + more + more_with <= limits.bytes =>
            {
                slice.push(write);
                bytes += more;
            }
            _ => {
                slices.push(vec![write]);
                bytes = more;
            }
        }
    }
    slices
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sizes of the slices for a number of changes and events.
    fn sizes(changes: usize, events: usize, writes: usize) -> Vec<usize> {
        let limits = SliceLimits {
            writes,
            bytes: 1_000,
        };
        let all: Vec<bool> = [vec![false; changes], vec![true; events]].concat();
        let slices = cut(all, limits, |_| 1, |is_event| *is_event);
        assert!(slices.iter().all(|slice| slice.len() <= writes));
        slices.iter().map(Vec::len).collect()
    }

    #[test]
    fn the_first_event_is_in_one_slice_with_the_last_change() {
        assert_eq!(sizes(98, 1, 99), [99]);
        assert_eq!(sizes(99, 1, 99), [98, 2]);
        assert_eq!(sizes(100, 1, 99), [99, 2]);
        assert_eq!(sizes(198, 2, 99), [99, 98, 3]);
        assert_eq!(sizes(3, 5, 3), [2, 3, 3]);
        assert_eq!(sizes(2, 0, 1), [1, 1]);
        assert_eq!(sizes(0, 3, 2), [2, 1]);
        assert_eq!(
            sizes(2, 2, 1),
            [1, 1, 1, 1],
            "where each slice is one write there is no such slice"
        );
    }
}
