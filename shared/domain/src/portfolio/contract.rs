//! A bill as we hold it: its contracts and their installments.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::calendar::Date;
use crate::ids::{
    BillId, CreditorId, CustomerId, DocumentType, EnterpriseId, InstallmentId, SalesContractId,
};

/// A contract's key: bill, document type and customer. A bill of another type is another contract, and so is a
/// bill of another customer: an assignment of rights closes the old customer's contract and opens the same one
/// for the new customer.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub struct ContractKey {
    /// The receivable bill; its number is the contract's number for the CRM.
    pub bill: BillId,
    /// Document type.
    pub document_type: DocumentType,
    /// Customer.
    pub customer: CustomerId,
}

impl fmt::Display for ContractKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.bill, self.document_type)
    }
}

/// A contract in the portfolio, without its installments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contract {
    /// Its key.
    pub key: ContractKey,
    /// The creditor (company).
    pub creditor: CreditorId,
    /// Document number as Sienge shows it.
    pub number: String,
    /// Enterprise; none for a stand-alone bill (título avulso).
    pub enterprise: Option<EnterpriseId>,
    /// Main unit's name.
    pub unit: Option<String>,
    /// The sales contract behind it; none for a stand-alone bill or when not known yet.
    pub sales_contract: Option<SalesContractId>,
    /// Issue date.
    pub issued_on: Option<Date>,
    /// Current negotiation number (see [`Installment::negotiation`]).
    pub negotiation: u32,
    /// Open or finished.
    pub state: ContractState,
    /// Its snapshot from the opening; none before.
    #[serde(default)]
    pub opened: Option<OpeningSnapshot>,
    /// What Sienge has turned it into: the contract of another customer (an assignment of rights) or document type. Until this one is
    /// [`ContractState::Assigned`] the bill has not moved: the next reconciliation moves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<ContractKey>,
    /// Grows by one with every change, as an installment's does.
    #[serde(default)]
    pub revision: u32,
}

/// What a contract had when it was opened. What was settled by then is history: never included, never reported. For later ids only payments since that
/// day are news, because the view may have been incomplete: unreadable rows, or a short answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpeningSnapshot {
    /// Business date.
    pub on: Date,
    /// The last installment that the view showed: Sienge gives a later one a higher id.
    pub last: InstallmentId,
}

impl Contract {
    /// Whether only its document type changed, which is no assignment of rights.
    #[must_use]
    pub fn is_retyped(&self) -> bool {
        self.successor
            .as_ref()
            .is_some_and(|to| to.customer == self.key.customer)
    }

    /// Whether the bill already belongs to another customer in Sienge, while we still hold it under this one: from then on this
    /// customer is asked for nothing and gets nothing of Sienge's.
    #[must_use]
    pub fn waits_for_assignment(&self) -> bool {
        self.waits() && !self.is_retyped()
    }

    /// What waits for the next reconciliation, in Portuguese and without personal data.
    #[must_use]
    pub fn waiting(&self) -> Option<String> {
        let bill = self.key.bill;
        self.waits().then(|| {
            if self.is_retyped() {
                type_change_waits(bill)
            } else {
                assignment_waits(bill)
            }
        })
    }

    fn waits(&self) -> bool {
        self.successor.is_some() && !matches!(self.state, ContractState::Assigned { .. })
    }
}

/// When the next reconciliation runs, by the template's schedule.
const NEXT_RECONCILIATION: &str = "no próximo batimento (domingo, 07:30, pelo agendamento padrão; para antes, peça o batimento do credor)";

pub(super) fn assignment_waits(bill: BillId) -> String {
    format!(
        "Cessão de direitos no contrato {bill}: a troca de titularidade será feita {NEXT_RECONCILIATION}."
    )
}

pub(super) fn type_change_waits(bill: BillId) -> String {
    format!(
        "Tipo de contrato alterado no contrato {bill}: a troca será feita {NEXT_RECONCILIATION}."
    )
}

/// Whether a contract is being collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase")]
pub enum ContractState {
    /// Has open installments, or may get some.
    Open,
    /// `Finalizado`: nothing open is left.
    Finished {
        /// Business date.
        on: Date,
    },
    /// Cancelled in Sienge (distrato).
    Cancelled {
        /// Date Sienge gives, else the business date.
        on: Date,
    },
    /// Followed by another contract of the same bill ([`Contract::successor`]): the rights were assigned to another customer, or the
    /// document type changed ([`Contract::is_retyped`]).
    Assigned {
        /// Business date.
        on: Date,
    },
}
