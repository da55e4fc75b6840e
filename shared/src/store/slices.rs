//! How a change set is cut into transactions: pure, so that whatever stands in for the store commits as the store does.
//!
//! The writes of an outcome are its changes in their order, then its events. A slice is what one transaction writes. The events
//! that no slice has written yet wait in the bill's head, which every slice writes too.

use std::collections::HashMap;

use crate::portfolio::{Change, ContractKey, InstallmentId, Outcome, TimelineEvent};

/// What fits into one transaction.
#[derive(Debug, Clone, Copy)]
pub struct SliceLimits {
    /// Writes, besides the head.
    pub writes: usize,
    /// Their size together.
    pub bytes: usize,
}

impl SliceLimits {
    /// DynamoDB takes 100 items, the bill's head is one of them, and 4 MB: the rest is room for the head and for what a
    /// computed size does not see.
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

/// The writes of an outcome, in the order to commit them: an interrupted change set is completed by comparing again because it
/// was written in the order in which the comparison gave it. Each item is written once, with its last state, and each event once.
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

/// Cuts writes into slices, in order.
#[must_use]
pub fn cut<T>(writes: Vec<T>, limits: SliceLimits, size: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut slices: Vec<Vec<T>> = Vec::new();
    let mut bytes = 0;
    for write in writes {
        let more = size(&write);
        match slices.last_mut() {
            Some(slice) if slice.len() < limits.writes && bytes + more <= limits.bytes => {
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
