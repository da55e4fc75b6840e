//! Timeline events: what happened to a contract, in the words of the playbook.

mod agreement;
mod publish;
#[cfg(test)]
mod tests;
mod text;

pub use agreement::{AgreementChange, AgreementEvent, Breaking};
use serde::{Deserialize, Serialize};

use super::{ContractKey, ReturnReason, SettlementClass, SettlementKind};
use crate::calendar::Date;
use crate::ids::InstallmentId;
use crate::money::Cents;

/// One event of a contract's timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimelineEvent {
    /// Derived from the event's content (contract, kind, installments and their revisions): a repeat yields the same id.
    pub id: String,
    /// The contract.
    pub contract: ContractKey,
    /// Business date.
    pub on: Date,
    /// What happened.
    pub kind: EventKind,
    /// The installments it names, in the order shown.
    pub installments: Vec<InstallmentId>,
    /// The new revision of each named installment, in the same order: it shows a repeat after a crash
    /// which part of an event already happened.
    pub revisions: Vec<u32>,
    /// The contract's new revision, for an event about the contract itself; zero for events about installments.
    #[serde(default)]
    pub contract_revision: u32,
}

#[allow(clippy::unnecessary_wraps)] // the field's type
const fn as_payment() -> Option<SettlementClass> {
    Some(SettlementClass::Pays)
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum EventKind {
    /// The contract entered the portfolio.
    ContractOpened,
    /// `Devolução`, with its motivo.
    Returned {
        /// Why.
        #[serde(rename = "motive")]
        reason: ReturnReason,
    },
    /// `Sincronização de Parcela(s)`: installments included or updated.
    Synchronised,
    /// Returned installments reopened ("Reabre Parcelas Devolvidas").
    Reopened,
    /// `Pagamento Direto`: one receipt on one installment.
    DirectPayment {
        /// Settlement type.
        settlement: SettlementKind,
        /// Its class; none when unclassified. Events of earlier versions were payments.
        #[serde(default = "as_payment")]
        class: Option<SettlementClass>,
        /// Day of the payment.
        paid_on: Date,
        /// Original value of the installment.
        original: Cents,
        /// Net amount paid by this receipt: the cash.
        paid: Cents,
        /// Principal amortised by it: the balance before less the balance after.
        amortised: Cents,
        /// Balance left after it (zero when it settled).
        balance: Cents,
        /// Whether the installment was settled.
        total: bool,
        /// Found when a customer was opened, rather than by the payments task.
        by_sync: bool,
    },
    /// `Estorno`: a receipt was reversed.
    PaymentReversed {
        /// Settlement type of the reversed receipt.
        settlement: SettlementKind,
        /// As in [`EventKind::DirectPayment`].
        #[serde(default = "as_payment")]
        class: Option<SettlementClass>,
        /// Day of that payment.
        paid_on: Date,
        /// Its net amount.
        reversed: Cents,
        /// Balance after the reversal.
        balance: Cents,
    },
    /// `Contrato cancelado` in Sienge.
    ContractCancelled,
    /// `Cessão de direitos`: on the old contract (closed) and on the new one (opened).
    RightsAssigned,
    /// The contract has nothing open left.
    ContractFinished,
    /// `Emissão de 2ª via`: the second copy of an installment's boleto was given out (playbook 7.4.1).
    BoletoIssued,
    /// `Envio de boleto por e-mail`: Sienge was asked to send it.
    BoletoEmailed,
    /// A change of an agreement.
    Agreement(Box<AgreementEvent>),
}
