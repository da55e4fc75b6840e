//! What Sienge says about one bill at one moment, whichever source said it.

use std::collections::{BTreeMap, BTreeSet};

use super::{BillId, CreditorId, CustomerId, DocumentType, EnterpriseId, InstallmentId, Receipt, SalesContractId};
use crate::calendar::Date;
use crate::money::Cents;

/// What Sienge says about one bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The bill.
    pub bill: BillId,
    /// The bill's own facts; `None` when the source does not tell them, or when Sienge does not have the bill.
    pub header: Option<ObservedBill>,
    /// The installments told, each at most once.
    pub installments: Vec<ObservedInstallment>,
    /// Whether a boleto was generated, for the installments whose source tells it.
    pub boletos: BTreeMap<InstallmentId, bool>,
    /// What the absence of an installment means.
    pub coverage: Coverage,
}

impl Observation {
    /// A second look, with what only the first showed: an installment is gone when neither shows it, and one source tells no boletos.
    #[must_use]
    pub fn after(mut self, first: Self) -> Self {
        let shown: BTreeSet<InstallmentId> = self.installments.iter().map(|row| row.id).collect();
        let only_first = first.installments.into_iter().filter(|row| !shown.contains(&row.id));
        self.installments.extend(only_first);
        for (id, boleto) in first.boletos {
            self.boletos.entry(id).or_insert(boleto);
        }
        self
    }
}

/// What the absence of an installment from an observation means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// Nothing: only some rows of the bill were read.
    Rows,
    /// Perhaps that it is gone: one read of the whole bill did not show it.
    WholeOnce,
    /// That it is gone: two reads agreed. Only this removes anything.
    WholeConfirmed,
}

/// A bill's own facts. `None` means that the source does not tell, never "empty".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedBill {
    /// Company.
    pub creditor: CreditorId,
    /// Customer now.
    pub customer: CustomerId,
    /// Document type.
    pub document_type: DocumentType,
    /// Document number.
    pub number: Option<String>,
    /// Enterprise: `Some(None)` when the source says that there is none (stand-alone bill).
    pub enterprise: Option<Option<EnterpriseId>>,
    /// Main unit's name.
    pub unit: Option<String>,
    /// Sales contract.
    pub sales_contract: Option<SalesContractId>,
    /// Issue date.
    pub issued_on: Option<Date>,
    /// Date of cancellation (distrato), when the source tells one.
    pub cancelled_on: Option<Date>,
}

/// One installment as Sienge tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedInstallment {
    /// Its id within the bill.
    pub id: InstallmentId,
    /// Number as shown (`2/120`).
    pub label: Option<String>,
    /// Due date.
    pub due_on: Date,
    /// Payment condition type code.
    pub condition: String,
    /// Original value.
    pub original: Cents,
    /// Open balance in original money; zero when settled.
    pub balance: Cents,
    /// All its receipts.
    pub receipts: Vec<Receipt>,
}
