//! A person opens a contract ("Sincronização de dados", playbook 7.1.3): the portfolio is made equal to Sienge, then read.

use std::collections::BTreeMap;

use super::{FlowError, Session, SyncOutcome};
use crate::ids::BillId;
use crate::portfolio::{HeldBill, Scope, TimelineEvent};
use crate::store::StoreError;
use crate::sync::ReadRequest;

/// Events shown of an opened contract.
const EVENTS_SHOWN: usize = 20;

/// A bill in its present state.
#[derive(Debug)]
pub struct OpenedBill {
    /// Its contracts and installments.
    pub held: HeldBill,
    /// The newest of its events, newest first.
    pub timeline: Vec<TimelineEvent>,
    /// What could not be read or done, in Portuguese; everything else equals Sienge.
    pub warnings: Vec<String>,
    /// False when the tenant's settings keep openings from reading Sienge ("Sincronizar dados ao abrir Telecobrança" = Não, 6.1.9).
    pub synchronised: bool,
}

/// Why a contract could not be opened. Texts are Portuguese or an error's own, without personal data.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is not in the tenant's portfolio: opening imports nothing.
    #[error(
        "O contrato {0} não está na carteira: confira o número do título no Sienge ou aguarde a próxima carga"
    )]
    NotFound(BillId),
    /// Sienge's data is contradictory, or the portfolio could not be brought up to date.
    #[error("O contrato não pôde ser sincronizado com o Sienge. {why}")]
    NotSynchronised {
        /// Why.
        why: String,
        /// Whether a retry is pointless until somebody corrects something.
        lasting: bool,
    },
    /// The database, Sienge or the configuration.
    #[error(transparent)]
    Flow(#[from] FlowError),
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        Self::Flow(error.into())
    }
}

impl Session {
    /// Reads a held bill in Sienge, unless the tenant's settings forbid it; makes the portfolio equal, reviews its agreements, and
    /// returns the bill. May be repeated at any time.
    pub async fn open_bill(&self, bill: BillId) -> Result<OpenedBill, OpenError> {
        let store = &self.adapters.store;
        if !store.load_bill(&self.tenant, bill).await?.has_contracts() {
            return Err(OpenError::NotFound(bill));
        }
        let synchronised = self.settings.synchronise_on_opening;
        if synchronised {
            let outcomes = self
                .sync
                .sync_bills(
                    Scope::Sync,
                    &BTreeMap::from([(bill, ReadRequest::with_boletos())]),
                )
                .await?;
            if let Some(SyncOutcome::Failed { why, lasting }) = outcomes.get(&bill) {
                let (why, lasting) = (why.clone(), *lasting);
                return Err(OpenError::NotSynchronised { why, lasting });
            }
        }
        Ok(OpenedBill {
            held: store.load_bill(&self.tenant, bill).await?,
            timeline: store.timeline(&self.tenant, bill, EVENTS_SHOWN).await?,
            warnings: self.sync.report.take().critiques,
            synchronised,
        })
    }
}
