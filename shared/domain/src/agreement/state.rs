//! The states of an agreement.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::calendar::{Date, Timestamp};
use crate::portfolio::Breaking;

/// The state of an agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "is", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum AgreementState {
    /// "Salvar Proposta": waits for a confirmation and claims nothing.
    Proposed {
        /// Last day of its validity.
        expires_on: Date,
    },
    /// Integrated: the intention to remake in the ERP is stored; the outcome is not known yet.
    AwaitingErp {
        /// When the last attempt began.
        sent_at: Timestamp,
        /// Attempts so far.
        attempts: u32,
    },
    /// Being paid.
    Active,
    /// Everything is paid.
    Settled {
        /// Business date.
        on: Date,
    },
    /// Broken.
    Broken {
        /// Business date.
        on: Date,
        /// How.
        how: Breaking,
    },
    /// Cancelled before it was paid, or refused by the ERP.
    Cancelled {
        /// Business date.
        on: Date,
        /// Why.
        reason: String,
    },
    /// A proposal that was not confirmed in time.
    Expired {
        /// Business date.
        on: Date,
    },
}

/// A state without its data: for keys, filters and messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // the same as in `AgreementState`
pub enum StateName {
    Proposed,
    AwaitingErp,
    Active,
    Settled,
    Broken,
    Cancelled,
    Expired,
}

impl StateName {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Proposed,
        Self::AwaitingErp,
        Self::Active,
        Self::Settled,
        Self::Broken,
        Self::Cancelled,
        Self::Expired,
    ];

    /// The name in keys, JSON and on the bus.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::AwaitingErp => "awaitingErp",
            Self::Active => "active",
            Self::Settled => "settled",
            Self::Broken => "broken",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// What operators read.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Proposed => "proposta",
            Self::AwaitingErp => "aguardando o Sienge",
            Self::Active => "em andamento",
            Self::Settled => "quitado",
            Self::Broken => "quebrado",
            Self::Cancelled => "cancelado",
            Self::Expired => "expirado",
        }
    }

    /// Whether it is final.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Settled | Self::Broken | Self::Cancelled | Self::Expired
        )
    }

    /// Whether an agreement in this state claims its installments.
    #[must_use]
    pub const fn claims(self) -> bool {
        matches!(self, Self::AwaitingErp | Self::Active)
    }
}

impl AgreementState {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> StateName {
        match self {
            Self::Proposed { .. } => StateName::Proposed,
            Self::AwaitingErp { .. } => StateName::AwaitingErp,
            Self::Active => StateName::Active,
            Self::Settled { .. } => StateName::Settled,
            Self::Broken { .. } => StateName::Broken,
            Self::Cancelled { .. } => StateName::Cancelled,
            Self::Expired { .. } => StateName::Expired,
        }
    }
}
