//! What all handlers share.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::core::Core;
use super::deliveries::PostOffice;
use super::faults::{Faults, Held};
use super::jobs::Jobs;
use super::traffic::Traffic;
use crate::api::bulk::{Bulk, Manner, Piece};
use crate::options::Options;

/// Everything the handlers share.
#[derive(Debug)]
pub struct Shared {
    /// How it was started.
    pub options: Options,
    /// World, hooks, date.
    pub core: Mutex<Core>,
    /// Quotas and counts.
    pub traffic: Mutex<Traffic>,
    /// Faults in force.
    pub faults: Mutex<Faults>,
    /// Calls that wait for the faults to change.
    pub held: Held,
    /// Asynchronous bulk questions.
    pub jobs: Mutex<Jobs>,
    /// E-mails the API was asked to send, oldest first; forgotten when the process ends.
    pub emails: Mutex<Vec<Value>>,
    /// Webhook deliveries.
    pub office: Arc<PostOffice>,
}

impl Shared {
    /// The parts of a bulk answer, in its order.
    pub fn plan(&self, bulk: &Bulk, manner: &Manner) -> Arc<[Piece]> {
        let mut core = self.core.lock().unwrap_or_else(PoisonError::into_inner);
        bulk.plan(core.world(), manner.order).into()
    }
}
