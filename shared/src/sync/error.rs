//! Why a flow cannot go on.

use crate::aws::{BusError, InboxError, SecretError};
use crate::refusal::Refusal;
use crate::sienge::{self, SiengeError};
use crate::store::{self, StoreError};

/// Why a run could not go on. The texts hold no personal data.
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
    /// What is asked for cannot be done as it was asked; nothing was done.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Something that is needed is not configured; Portuguese, says what to do.
    #[error("{0}")]
    NotConfigured(String),
    /// The run stopped itself; Portuguese, says why.
    #[error("{0}")]
    Stopped(String),
}

impl FlowError {
    /// The kind of error that the console shows beside the text.
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

    /// Whether trying again will not help until somebody sees to it.
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
