//! How fresh a read is: whether what was read may still be compared with what is held.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::calendar::Timestamp;
use crate::ids::BillId;
use crate::portfolio::{HeldBill, Scope};

/// How far the clocks of two functions may differ.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_secs(1);

/// What a comparison stands on. A bill that somebody committed after the read began may be newer in the portfolio than what was read: it
/// is not compared with that, but read again.
#[derive(Debug)]
pub struct Reading {
    /// What is being done.
    pub scope: Scope,
    /// The read began then.
    pub began: Timestamp,
    /// Versions of bills before the read, or as our own commits left them; of the others the instant of their last change counts.
    versions: BTreeMap<BillId, u64>,
    /// Bills as they were before the read, or as our own commits left them, of those that are compared with what they were loaded for.
    held: BTreeMap<BillId, HeldBill>,
}

impl Reading {
    /// Of a read that begins at an instant.
    #[must_use]
    pub const fn begin(scope: Scope, now: Timestamp) -> Self {
        Self {
            scope,
            began: now,
            versions: BTreeMap::new(),
            held: BTreeMap::new(),
        }
    }

    /// The bill had this version when the read began.
    #[must_use]
    pub fn knowing(mut self, bill: BillId, version: u64) -> Self {
        self.know(bill, version);
        self
    }

    /// The bill had this version when the read began, or has it by our own commit. Of what was only loaded meanwhile nothing is known:
    /// somebody else may have made that version.
    pub fn know(&mut self, bill: BillId, version: u64) {
        self.versions.insert(bill, version);
    }

    /// The bill was this before the read began, or is this by our own commit: the next comparison need not load it.
    pub(super) fn hold(&mut self, bill: BillId, held: HeldBill) {
        self.know(bill, held.version);
        self.held.insert(bill, held);
    }

    /// The bill as it was held, once.
    pub(super) fn take_held(&mut self, bill: BillId) -> Option<HeldBill> {
        self.held.remove(&bill)
    }

    /// Whether somebody may have committed what is held after the read began.
    #[must_use]
    pub fn is_older_than(&self, bill: BillId, held: &HeldBill) -> bool {
        match self.versions.get(&bill) {
            Some(version) => held.version != *version,
            None => held.changed_at.is_some_and(|changed| {
                changed
                    .saturating_add(CLOCKS_DIFFER)
                    .is_ok_and(|changed| changed >= self.began)
            }),
        }
    }
}
