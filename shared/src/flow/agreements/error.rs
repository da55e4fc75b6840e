//! Why an agreement is not saved or changed.

use crate::agreement::{DraftError, NotAllowed};
use crate::calendar::{Date, brazilian};
use crate::flow::FlowError;
use crate::ids::{AgreementId, CreditorId};
use crate::sienge::SiengeError;
use crate::store::StoreError;

/// Why an agreement was not changed: the rule that was broken, and the values that broke it. The texts are Portuguese and show what is right.
#[derive(Debug, thiserror::Error)]
pub enum AgreementError {
    /// There is no such agreement.
    #[error("acordo {0} não encontrado")]
    Unknown(AgreementId),
    /// Another request made the agreement with this id.
    #[error("o acordo {0} já foi salvo por outro pedido")]
    OtherRequest(AgreementId),
    /// The creditor does not belong to the tenant.
    #[error("credor {0} não cadastrado nesta assessoria")]
    UnknownCreditor(CreditorId),
    /// The request, or the present state, does not allow an agreement.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// Sienge does not return the indexer of the installments.
    #[error(
        "o Sienge não informou o indexador do contrato; tente de novo ou salve um acordo não integrado"
    )]
    IndexerMissing,
    /// The installments have more than one indexer.
    #[error(
        "as parcelas têm indexadores diferentes no Sienge; selecione parcelas de um só indexador"
    )]
    SeveralIndexers,
    /// The proposal's last day passed.
    #[error("a proposta {id} expirou em {}; simule de novo", brazilian(*.expired_on))]
    ProposalExpired {
        /// The proposal.
        id: AgreementId,
        /// Its last day.
        expired_on: Date,
    },
    /// The reason given is empty or too long.
    #[error("informe o motivo, com até {most} caracteres")]
    ReasonUnfit {
        /// How many characters it may have.
        most: usize,
    },
    /// The agreement's state does not allow it.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// The database, Sienge or the configuration.
    #[error(transparent)]
    Flow(#[from] FlowError),
}

impl From<StoreError> for AgreementError {
    fn from(error: StoreError) -> Self {
        Self::Flow(error.into())
    }
}

impl From<SiengeError> for AgreementError {
    fn from(error: SiengeError) -> Self {
        Self::Flow(error.into())
    }
}

impl AgreementError {
    /// Whether somebody else wrote in between.
    pub(super) const fn is_conflict(&self) -> bool {
        matches!(self, Self::Flow(FlowError::Store(StoreError::Conflict)))
    }
}
