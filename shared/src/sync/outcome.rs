//! The outcome of bringing a bill up to date.

use crate::ids::BillId;

/// Why a bill that others committed in between is tried again.
pub(super) const OVERTAKEN: &str = "o contrato mudou enquanto era lido; tente de novo";

/// The outcome of bringing a bill up to date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncOutcome {
    /// The portfolio equals Sienge.
    InSync,
    /// Neither Sienge nor we have it, or it belongs to no registered creditor: unmatched.
    Unmatched,
    /// The run would remove more than the circuit breaker allows: the installments in question stay as they are, and the creditor's
    /// reconciliation asks.
    Withheld,
    /// It failed and will be tried again.
    Failed {
        /// Why, without personal data.
        why: String,
        /// Whether a retry is pointless until somebody corrects something.
        lasting: bool,
    },
}

impl SyncOutcome {
    /// A failure.
    #[must_use]
    pub fn failed(why: &impl ToString, lasting: bool) -> Self {
        Self::Failed {
            why: why.to_string(),
            lasting,
        }
    }

    /// A failure of a bill that the reason does not name.
    #[must_use]
    pub(super) fn of_bill(bill: BillId, why: &impl ToString, lasting: bool) -> Self {
        Self::failed(&format!("título {bill}: {}", why.to_string()), lasting)
    }
}
