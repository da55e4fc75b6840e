//! What became of a bill.

use crate::ids::BillId;

/// Why a bill that others committed meanwhile is tried again.
pub(super) const OVERTAKEN: &str = "o contrato mudou enquanto era lido; tente de novo";

/// What became of a bill that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncOutcome {
    /// We hold what Sienge says.
    InSync,
    /// Neither Sienge nor we know it, or it belongs to no registered creditor: kept as unmatched.
    Unmatched,
    /// With others of the run more would be taken away than goes unasked: what is in question is left as it is, and the creditor's
    /// reconciliation asks.
    Withheld,
    /// It failed; to be tried again.
    Failed {
        /// Why, without personal data.
        why: String,
        /// Trying again will not help until somebody sees to it.
        lasting: bool,
    },
}

impl SyncOutcome {
    /// It failed.
    #[must_use]
    pub fn failed(why: &impl ToString, lasting: bool) -> Self {
        Self::Failed {
            why: why.to_string(),
            lasting,
        }
    }

    /// Of a bill, which the reason does not name by itself.
    #[must_use]
    pub(super) fn of_bill(bill: BillId, why: &impl ToString, lasting: bool) -> Self {
        Self::failed(&format!("título {bill}: {}", why.to_string()), lasting)
    }
}
