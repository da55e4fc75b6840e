//! The opening of a contract by a person ("Sincronização de dados", playbook 7.1.3): the portfolio is made equal to Sienge, then read.

use std::collections::BTreeMap;

use super::{FlowError, Session, SyncOutcome};
use crate::ids::BillId;
use crate::portfolio::{HeldBill, Scope, TimelineEvent};
use crate::store::StoreError;
use crate::sync::ReadRequest;

/// Events told of a contract that is opened.
const TOLD: usize = 20;

/// A bill as it stands.
#[derive(Debug)]
pub struct OpenedBill {
    /// Its contracts and installments.
    pub held: HeldBill,
    /// The newest of its events, newest first.
    pub timeline: Vec<TimelineEvent>,
    /// What could not be read or done, in Portuguese: the rest is as Sienge has it.
    pub warnings: Vec<String>,
    /// False when the tenant keeps openings from reading Sienge ("Sincronizar dados ao abrir Telecobrança" = Não, 6.1.9).
    pub synchronised: bool,
}

/// Why a contract could not be opened. Texts are Portuguese or an error's own, without personal data.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// This tenant does not hold it: an opening imports nothing.
    #[error(
        "O contrato {0} não está na carteira: confira o número do título no Sienge ou aguarde a próxima carga"
    )]
    NotFound(BillId),
    /// Sienge told something that cannot be, or the portfolio could not be brought up to date.
    #[error("O contrato não pôde ser sincronizado com o Sienge. {why}")]
    NotSynchronised {
        /// Why.
        why: String,
        /// Trying again will not help until somebody sees to it.
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
    /// Reads a bill that is held in Sienge, unless the tenant does not want that; makes the portfolio equal, reviews its agreements, and
    /// answers the bill as it stands then. May be repeated at any time.
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
            timeline: store.timeline(&self.tenant, bill, TOLD).await?,
            warnings: self.sync.report.take().critiques,
            synchronised,
        })
    }
}
