//! What an operation changes, before it is done.

use serde_json::Value;

use crate::world::World;

/// An event the ERP tells its hooks.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its name, such as `RECEIPT_PROCESSED`.
    pub name: &'static str,
    /// Its body.
    pub body: Value,
}

/// What an operation changes: the new versions of the records, not yet in the world.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Changed and new records only (companies and enterprises are all there).
    pub records: World,
    /// Bills that go.
    pub dropped: Vec<u32>,
    /// Installments that changed or are new: bill and installment id.
    pub changed: Vec<(u32, u32)>,
    /// Installments that are gone.
    pub removed: Vec<(u32, u32)>,
    /// What the ERP tells its hooks.
    pub events: Vec<Event>,
}

impl Draft {
    pub(super) fn new(world: &World) -> Self {
        Self {
            records: world.scratch(),
            dropped: Vec::new(),
            changed: Vec::new(),
            removed: Vec::new(),
            events: Vec::new(),
        }
    }

    pub(super) fn tell(&mut self, name: &'static str, body: Value) {
        self.events.push(Event { name, body });
    }
}
