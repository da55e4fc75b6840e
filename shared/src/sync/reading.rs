//! How fresh a read is: whether its result may still be compared with what is held.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::calendar::Timestamp;
use crate::ids::BillId;
use crate::portfolio::{HeldBill, Scope};

/// How far the clocks of two functions may differ.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_secs(1);

/// The basis of a comparison. A bill that somebody committed after the read began may be newer in the portfolio than the read:
/// it is read again instead of compared.
#[derive(Debug)]
pub struct Reading {
    /// The reason.
    pub scope: Scope,
    /// When the read began.
    pub began: Timestamp,
    /// Versions of bills before the read, or after our own commits; for other bills the instant of their last change counts.
    versions: BTreeMap<BillId, u64>,
    /// States of bills before the read, or after our own commits, for bills that are compared with them.
    held: BTreeMap<BillId, HeldBill>,
}

impl Reading {
    /// A read that begins at an instant.
    #[must_use]
    pub const fn begin(scope: Scope, now: Timestamp) -> Self {
        Self {
            scope,
            began: now,
            versions: BTreeMap::new(),
            held: BTreeMap::new(),
        }
    }

    /// Notes that the bill had this version when the read began.
    #[must_use]
    pub fn knowing(mut self, bill: BillId, version: u64) -> Self {
        self.know(bill, version);
        self
    }

    /// Notes that the bill had this version when the read began, or has it from our own commit. A version that was only loaded in between
    /// does not count: somebody else may have written it.
    pub fn know(&mut self, bill: BillId, version: u64) {
        self.versions.insert(bill, version);
    }

    /// Notes the bill's state before the read began, or after our own commit: the next comparison need not load it.
    pub(super) fn hold(&mut self, bill: BillId, held: HeldBill) {
        self.know(bill, held.version);
        self.held.insert(bill, held);
    }

    /// Takes the bill's noted state.
    pub(super) fn take_held(&mut self, bill: BillId) -> Option<HeldBill> {
        self.held.remove(&bill)
    }

    /// Whether the held state may have been committed after the read began.
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
