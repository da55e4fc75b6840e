//! Receivable bills (títulos): installments, receipts, and what happened to the bill.

use std::borrow::Cow;

use jiff::civil::{Date, Weekday};

use super::tables;
use crate::money::{Cents, Charges, Dusty, LateTerms};

/// The collection situation of a bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Situation {
    /// Nothing special.
    Normal,
    /// In collection.
    InBilling,
    /// Defaulting.
    Defaulting,
    /// Sub judice.
    SubJudice,
}

impl Situation {
    /// The situation's name in control calls.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::InBilling => "inBilling",
            Self::Defaulting => "defaulting",
            Self::SubJudice => "subjudice",
        }
    }

    /// Reads the name of a control call.
    pub fn named(name: &str) -> Option<Self> {
        [
            Self::Normal,
            Self::InBilling,
            Self::Defaulting,
            Self::SubJudice,
        ]
        .into_iter()
        .find(|situation| situation.name() == name)
    }
}

/// A receivable bill.
#[derive(Clone, Debug)]
pub struct Bill {
    /// Its id.
    pub id: u32,
    /// The company it belongs to.
    pub company: u32,
    /// The customer who owes it now.
    pub customer: u32,
    /// Document identification, such as `CT`.
    pub document: Cow<'static, str>,
    /// Document number.
    pub number: String,
    /// Issued on.
    pub issued: Date,
    /// Note.
    pub note: Option<String>,
    /// Collection situation.
    pub situation: Situation,
    /// The sales contract, for a bill that has one.
    pub contract: Option<Contract>,
    /// Rescinded or cancelled on, why.
    pub cancelled: Option<Cancellation>,
    /// Last change of the bill's own data.
    pub modified: Date,
    /// Installments by id, ascending.
    pub installments: Vec<Installment>,
    /// The highest installment id ever given out.
    pub last_installment: u32,
    /// Remakes, oldest first.
    pub remakes: Vec<Remake>,
    /// Assignments of rights, oldest first.
    pub assignments: Vec<Assignment>,
    /// Late-charge terms ("informações sobre acréscimos de mora").
    pub late: LateTerms,
}

/// How a bill ended early.
#[derive(Clone, Debug)]
pub struct Cancellation {
    /// On.
    pub date: Date,
    /// Why.
    pub reason: String,
}

/// The sales contract behind a bill.
#[derive(Clone, Debug)]
pub struct Contract {
    /// Its id.
    pub id: u32,
    /// The enterprise sold.
    pub enterprise: u32,
    /// The unit sold.
    pub unit: u32,
    /// Its number.
    pub number: String,
    /// Last change of the contract.
    pub modified: Date,
}

/// A reparcelamento.
#[derive(Clone, Debug)]
pub struct Remake {
    /// On.
    pub date: Date,
    /// Ids of the installments it closed.
    pub remade: Vec<u32>,
    /// Their value then.
    pub remade_value: Cents,
    /// Ids it created.
    pub generated: Vec<u32>,
    /// Their value.
    pub generated_value: Cents,
}

/// An assignment of rights (cessão).
#[derive(Clone, Debug)]
pub struct Assignment {
    /// On.
    pub date: Date,
    /// Who owed before.
    pub before: u32,
    /// Who owes since.
    pub after: u32,
}

/// An installment.
#[derive(Clone, Debug)]
pub struct Installment {
    /// Its id, unique within the bill only.
    pub id: u32,
    /// Condition type code.
    pub condition: &'static str,
    /// Ordinal within its condition and how many there are: `1/120`.
    pub ordinal: (u32, u32),
    /// Due on.
    pub due: Date,
    /// Base date of its correction.
    pub base: Date,
    /// Indexer.
    pub indexer: u32,
    /// Carrier (portador).
    pub carrier: u32,
    /// Value it was created with.
    pub original: Cents,
    /// What is open of it in original money; zero when settled.
    pub balance: Cents,
    /// Bank number of the boleto, when one was generated.
    pub boleto: Option<u64>,
    /// Sent to SPC/Serasa.
    pub listed: bool,
    /// Last change.
    pub modified: Date,
    /// Receipts, oldest first.
    pub receipts: Vec<Receipt>,
}

/// A receipt (baixa).
#[derive(Clone, Debug)]
pub struct Receipt {
    /// Number within the installment.
    pub sequence: u32,
    /// Type, such as `Recebimento`.
    pub kind: Cow<'static, str>,
    /// On.
    pub date: Date,
    /// How much of the open balance it took.
    pub amortised: Cents,
    /// Value received before additions and discounts.
    pub gross: Cents,
    /// Interest received.
    pub interest: Cents,
    /// Fine received.
    pub fine: Cents,
    /// Discount given.
    pub discount: Cents,
}

impl Receipt {
    /// An amount of it as the sources print it.
    pub fn dusty(&self, amount: Cents) -> Dusty {
        Dusty {
            amount,
            grain: self.sequence,
        }
    }

    /// Additions: interest and fine.
    pub fn extra(&self) -> Cents {
        self.interest + self.fine
    }

    /// What entered the account.
    pub fn net(&self) -> Cents {
        self.gross + self.extra() - self.discount
    }
}

impl Installment {
    /// An amount of it as the sources print it.
    pub fn dusty(&self, amount: Cents) -> Dusty {
        Dusty {
            amount,
            grain: self.id,
        }
    }

    /// Whether anything is open.
    pub fn open(&self) -> bool {
        self.balance > Cents::ZERO
    }

    /// `1/120`.
    pub fn number(&self) -> String {
        format!("{}/{}", self.ordinal.0, self.ordinal.1)
    }

    /// `0` open, `1` partly received, `2` received.
    pub fn situation(&self) -> &'static str {
        if !self.open() {
            "2"
        } else if self.receipts.is_empty() {
            "0"
        } else {
            "1"
        }
    }

    /// The open balance corrected by its indexer up to a date.
    pub fn corrected(&self, on: Date) -> Cents {
        self.balance + self.balance.portion(self.correction_rate(on), 10_000)
    }

    /// How much its indexer grew up to a date, in ten-thousandths.
    pub fn correction_rate(&self, on: Date) -> i64 {
        let months = (i64::from(on.year()) - i64::from(self.base.year())) * 12
            + i64::from(on.month())
            - i64::from(self.base.month());
        tables::indexer_rate(self.indexer) * months.max(0)
    }

    /// Days late on a date; zero when not late.
    pub fn days_late(&self, on: Date) -> i64 {
        days_between(self.due, on).max(0)
    }

    /// Late charges on a date, by the bill's terms. A due date on a weekend counts as the Monday after; holidays this ERP does not know.
    pub fn charges(&self, on: Date, terms: &LateTerms) -> Charges {
        let days = match self.due.weekday() {
            Weekday::Saturday => 2,
            Weekday::Sunday => 1,
            _ => 0,
        };
        Charges::late(self.corrected(on), days_between(self.due, on) - days, terms)
    }

    /// Whether its last word was a receipt of this type.
    pub fn closed_by(&self, kind: &str) -> bool {
        !self.open()
            && self
                .receipts
                .last()
                .is_some_and(|receipt| receipt.kind.starts_with(kind))
    }

    /// Takes `amortised` off the balance with one more receipt.
    pub fn settle(
        &mut self,
        kind: Cow<'static, str>,
        date: Date,
        amortised: Cents,
        gross: Cents,
    ) -> &mut Receipt {
        let sequence = self
            .receipts
            .last()
            .map_or(1, |receipt| receipt.sequence + 1);
        self.balance -= amortised;
        self.receipts.push(Receipt {
            sequence,
            kind,
            date,
            amortised,
            gross,
            interest: Cents::ZERO,
            fine: Cents::ZERO,
            discount: Cents::ZERO,
        });
        let last = self.receipts.len() - 1;
        &mut self.receipts[last]
    }
}

impl Bill {
    /// The enterprise, for a bill of a sales contract.
    pub fn enterprise(&self) -> Option<u32> {
        self.contract.as_ref().map(|contract| contract.enterprise)
    }

    /// `CO` for the commercial module, `CR` for bills entered by hand.
    pub fn origin(&self) -> &'static str {
        if self.contract.is_some() { "CO" } else { "CR" }
    }

    /// One installment.
    pub fn installment(&self, id: u32) -> Option<&Installment> {
        let position = self
            .installments
            .binary_search_by_key(&id, |row| row.id)
            .ok()?;
        self.installments.get(position)
    }

    /// One installment, to change it.
    pub fn installment_mut(&mut self, id: u32) -> Option<&mut Installment> {
        let position = self
            .installments
            .binary_search_by_key(&id, |row| row.id)
            .ok()?;
        self.installments.get_mut(position)
    }

    /// Value of the bill: what its installments were worth, remade ones aside.
    pub fn value(&self) -> Cents {
        let remade: Vec<u32> = self
            .remakes
            .iter()
            .flat_map(|remake| remake.remade.clone())
            .collect();
        self.installments
            .iter()
            .filter(|row| !remade.contains(&row.id))
            .map(|row| row.original)
            .sum()
    }

    /// The day its last open installment was settled, once nothing is open.
    pub fn paid_off(&self) -> Option<Date> {
        if self.installments.is_empty() || self.installments.iter().any(Installment::open) {
            return None;
        }
        self.installments
            .iter()
            .flat_map(|row| &row.receipts)
            .map(|receipt| receipt.date)
            .max()
    }

    /// The last change of the bill or of anything in it.
    pub fn touched(&self) -> Date {
        self.installments
            .iter()
            .map(|row| row.modified)
            .fold(self.modified, Date::max)
    }

    /// Adds an installment under the next id, which is never used twice.
    pub fn append(&mut self, installment: Installment) -> u32 {
        self.last_installment += 1;
        let id = self.last_installment;
        self.installments.push(Installment { id, ..installment });
        id
    }
}

/// Civil days from one date to another.
pub fn days_between(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
}
