//! What Sienge says about one bill at one moment, from whichever source.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::Receipt;
use crate::calendar::Date;
use crate::ids::{
    BillId, CreditorId, CustomerId, DocumentType, EnterpriseId, InstallmentId, SalesContractId,
};
use crate::money::Cents;

/// What Sienge says about one bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The bill.
    pub bill: BillId,
    /// The bill's own facts; `None` when the source lacks them, or when Sienge does not have the bill.
    pub header: Option<ObservedBill>,
    /// The installments, each at most once.
    pub installments: Vec<ObservedInstallment>,
    /// Installments that are shown but could not be read: all that is known is that they exist.
    pub unread: BTreeMap<InstallmentId, UnreadInstallment>,
    /// What the bill itself lacks, or a row without an installment id. Then no absence means anything.
    pub gap: Option<Oddity>,
    /// Whether a boleto was generated, where the source says so.
    pub boletos: BTreeMap<InstallmentId, bool>,
    /// What the absence of an installment means.
    pub coverage: Coverage,
}

impl Coverage {
    /// Whether everything Sienge has of the bill was read.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        matches!(self, Self::WholeOnce | Self::WholeConfirmed)
    }

    /// The same for an incomplete read: no absence means anything, and what can be opened opens.
    #[must_use]
    pub const fn with_gaps(self) -> Self {
        if self.is_whole() { Self::AllNew } else { self }
    }
}

impl Observation {
    /// A read that shows nothing of the bill.
    #[must_use]
    pub const fn empty(bill: BillId, coverage: Coverage) -> Self {
        Self {
            bill,
            header: None,
            installments: Vec::new(),
            unread: BTreeMap::new(),
            gap: None,
            boletos: BTreeMap::new(),
            coverage,
        }
    }

    /// A second read, completed by what only the first showed: an installment is gone when neither shows it, and settled without a receipt when both
    /// say so; one source has no boletos.
    #[must_use]
    pub fn after(mut self, first: Self) -> Self {
        let read: BTreeSet<InstallmentId> = self.installments.iter().map(|row| row.id).collect();
        for row in &mut self.installments {
            let was_open = |before: &&ObservedInstallment| {
                !before.balance.is_zero() && before.receipts == row.receipts
            };
            if row.balance.is_zero()
                && let Some(before) = first
                    .installments
                    .iter()
                    .filter(|before| before.id == row.id)
                    .find(was_open)
            {
                *row = before.clone();
            }
        }
        let only_first = first
            .installments
            .into_iter()
            .filter(|row| !read.contains(&row.id));
        for row in only_first {
            self.unread.remove(&row.id);
            self.installments.push(row);
        }
        for (id, unread) in first.unread {
            if !read.contains(&id) {
                self.unread.entry(id).or_insert(unread);
            }
        }
        for (id, boleto) in first.boletos {
            self.boletos.entry(id).or_insert(boleto);
        }
        self
    }

    /// A second read that confirms the first: what neither of two whole reads shows is gone. An incomplete read confirms nothing.
    #[must_use]
    pub fn confirming(self, first: Self) -> Self {
        let coverage = match (first.coverage, self.coverage) {
            (_, second) if !second.is_whole() => second,
            (first, _) if !first.is_whole() => Coverage::WholeOnce,
            _ => Coverage::WholeConfirmed,
        };
        Self {
            coverage,
            ..self.after(first)
        }
    }

    /// Whether something that may be open could not be read: worth a call to the other source.
    #[must_use]
    pub fn wants_completion(&self) -> bool {
        self.gap.is_some() || self.unread.values().any(|unread| !unread.settled)
    }

    /// One read of the bill, completed by a later one from the other source.
    #[must_use]
    pub fn completed_by(self, later: Self) -> Self {
        if later.header.is_none() && later.installments.is_empty() {
            return self;
        }
        let header = later.header.clone().or_else(|| self.header.clone());
        let gap = later.gap.or(self.gap.filter(|_| header.is_none()));
        let coverage = later.coverage;
        Self {
            header,
            gap,
            coverage,
            ..later.after(self)
        }
    }
}

/// An installment that is shown but could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnreadInstallment {
    /// Why.
    pub why: Oddity,
    /// Whether its balance could be read, and nothing of it is open.
    pub settled: bool,
}

/// Why something Sienge sent could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// The field, as Sienge spells it, is missing or unusable.
    Field(&'static str),
    /// One answer contains it twice, with different values.
    Contradictory,
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field) => write!(f, "campo {field} ausente ou ilegível"),
            Self::Contradictory => f.write_str("veio duas vezes, com valores diferentes"),
        }
    }
}

/// What the absence of an installment from an observation means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// Nothing: only some rows of the bill were read.
    Rows,
    /// Nothing: only some rows of the bill were read, but they include every open one that we do not hold, as far as readable. Such
    /// a view may open a contract.
    AllNew,
    /// Perhaps gone: one read of the whole bill did not show it.
    WholeOnce,
    /// Gone: two reads agreed. Only this removes anything.
    WholeConfirmed,
}

/// A bill's own facts. `None` means that the source does not say, never "empty".
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
    /// Date of cancellation (distrato), where the source has one.
    pub cancelled_on: Option<Date>,
}

impl ObservedBill {
    /// Adds what another row of the same answer says about the bill, so that the order of the rows does not matter: one may fill in what another
    /// leaves out. Where they contradict each other the lesser value holds, so that the same bill always results.
    pub fn gather(facts: &mut Option<Self>, other: Self) {
        *facts = Some(match facts.take() {
            Some(one) if one != other => one.and(other),
            _ => other,
        });
    }

    fn and(self, other: Self) -> Self {
        let whose = |bill: &Self| (bill.creditor, bill.customer, bill.document_type.clone());
        let (creditor, customer, document_type) = whose(&self).min(whose(&other));
        let named = lesser(self.enterprise.flatten(), other.enterprise.flatten());
        Self {
            creditor,
            customer,
            document_type,
            number: lesser(self.number, other.number),
            enterprise: named.map(Some).or(self.enterprise).or(other.enterprise),
            unit: lesser(self.unit, other.unit),
            sales_contract: lesser(self.sales_contract, other.sales_contract),
            issued_on: lesser(self.issued_on, other.issued_on),
            cancelled_on: lesser(self.cancelled_on, other.cancelled_on),
        }
    }
}

/// The value given; the lesser of two.
fn lesser<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// One installment as Sienge shows it.
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

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn facts() -> ObservedBill {
        ObservedBill {
            creditor: CreditorId(1),
            customer: CustomerId(10),
            document_type: "CT".into(),
            number: None,
            enterprise: None,
            unit: None,
            sales_contract: None,
            issued_on: None,
            cancelled_on: None,
        }
    }

    #[test]
    fn rows_say_the_same_of_their_bill_in_whatever_order_they_come() {
        let rows = [
            facts(),
            ObservedBill {
                number: Some("CT.295".into()),
                enterprise: Some(None),
                issued_on: Some(date(2021, 1, 5)),
                ..facts()
            },
            ObservedBill {
                enterprise: Some(Some(EnterpriseId(7))),
                unit: Some("AP 102".into()),
                ..facts()
            },
            ObservedBill {
                creditor: CreditorId(2),
                customer: CustomerId(9),
                unit: Some("AP 101".into()),
                ..facts()
            },
        ];
        let all = ObservedBill {
            number: Some("CT.295".into()),
            enterprise: Some(Some(EnterpriseId(7))),
            unit: Some("AP 101".into()),
            issued_on: Some(date(2021, 1, 5)),
            ..facts()
        };
        for first in 0..4 {
            for second in 0..4 {
                for third in 0..4 {
                    let mut order = vec![first, second, third];
                    order.extend(0..4);
                    let mut seen = None;
                    for index in order {
                        ObservedBill::gather(&mut seen, rows[index].clone());
                    }
                    assert_eq!(seen.as_ref(), Some(&all), "{first} {second} {third}");
                }
            }
        }
        let mut none = None;
        ObservedBill::gather(&mut none, rows[1].clone());
        ObservedBill::gather(&mut none, rows[0].clone());
        assert_eq!(none.unwrap().enterprise, Some(None), "there is none");
    }
}
