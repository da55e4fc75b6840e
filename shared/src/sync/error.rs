//! Why a use case cannot go on.

use crate::aws::{BusError, InboxError, SecretError};
use crate::refusal::Refusal;
use crate::sienge::{self, SiengeError};
use crate::store::{self, StoreError};

/// Why a use case could not go on. The texts hold no personal data.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// DynamoDB.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Sienge.
    #[error(transparent)]
    Sienge(#[from] SiengeError),
    /// Secrets Manager.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The bus.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The queue.
    #[error(transparent)]
    Inbox(#[from] InboxError),
    /// The request cannot be carried out as sent; nothing was done.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Something necessary is not configured; the Portuguese text says what to do.
    #[error("{0}")]
    NotConfigured(String),
    /// The run stopped itself; the Portuguese text says why.
    #[error("{0}")]
    Stopped(String),
}

impl FlowError {
    /// The error type that the console shows beside the text.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Store(_) => "DynamoDB",
            Self::Sienge(_) => "Sienge",
            Self::Secret(_) => "SecretsManager",
            Self::Bus(_) => "EventBridge",
            Self::Inbox(_) => "SQS",
            Self::Refused(_) => "Pedido",
            Self::NotConfigured(_) => "Configuração",
            Self::Stopped(_) => "Interrompido",
        }
    }

    /// Whether a retry is pointless until somebody corrects something.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Store(error) => error.recovery() == store::Recovery::Never,
            Self::Sienge(error) => error.remedy() == sienge::Remedy::Never,
            Self::Secret(error) => !matches!(error, SecretError::Unavailable(_)),
            Self::Refused(_) | Self::NotConfigured(_) => true,
            Self::Bus(_) | Self::Inbox(_) | Self::Stopped(_) => false,
        }
    }
}
