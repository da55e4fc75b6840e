//! Why a boleto could not be had, in words for whoever asked.

use crate::flow::FlowError;
use crate::sienge::SiengeError;
use crate::store::StoreError;

/// Why a boleto could not be had. The texts are Portuguese and hold no personal data, no link and no line.
#[derive(Debug, thiserror::Error)]
pub enum BoletoError {
    /// Neither we (this tenant) nor Sienge have the bill or the installment.
    #[error("{0}")]
    NotFound(String),
    /// Nothing is open on the installment.
    #[error("{0}")]
    NotOpen(String),
    /// The installment has no charge registered with the bank, so there is no boleto.
    #[error("{0}")]
    NoRegisteredCharge(String),
    /// A field of the request is wrong.
    #[error("{field}: {detail}")]
    InvalidField {
        /// Its path in the request.
        field: &'static str,
        /// What is wrong and what would be right.
        detail: String,
    },
    /// The creditor's settings or Sienge do not allow it, or an assignment of rights waits for the reconciliation.
    #[error("{0}")]
    NotAllowed(String),
    /// Sienge answered a boleto that cannot be one; nothing of it is passed on.
    #[error("{0}")]
    InvalidBoleto(String),
    /// Sienge was asked to do something and did not say whether it did, or what came of it could not be read. The text says what to do.
    #[error("{0}")]
    Unclear(String),
    /// Sienge gave no usable answer; nothing was changed there.
    #[error("O Sienge não atendeu ao pedido do boleto. {0}")]
    Sienge(SiengeError),
    /// Something of our own failed.
    #[error(transparent)]
    Internal(FlowError),
}

impl From<SiengeError> for BoletoError {
    fn from(error: SiengeError) -> Self {
        Self::Sienge(error)
    }
}

impl From<StoreError> for BoletoError {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.into())
    }
}

impl From<FlowError> for BoletoError {
    fn from(error: FlowError) -> Self {
        match error {
            FlowError::Sienge(error) => Self::Sienge(error),
            other => Self::Internal(other),
        }
    }
}
