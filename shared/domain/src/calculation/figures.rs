//! The figures a quote shows, for one row or all: the given ones, and those that follow by plain addition.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Component, Components, Error, Remittance};
use crate::money::Cents;

/// Amounts of a row, or totals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Original value.
    pub original: Cents,
    /// Monetary correction.
    pub correction: Cents,
    /// Fine.
    pub fine: Cents,
    /// Interest; in the integrated calculation everything Sienge charges, as the playbook's screen groups it.
    pub interest: Cents,
    /// Updated value of the debt, the fee's base: original + correction + fine + interest.
    pub updated: Cents,
    /// Fee (honorários).
    pub fee: Cents,
    /// Updated value + fee, before discounts: "Atualizado".
    pub gross: Cents,
    /// Campaign discounts per component.
    pub discounts: Components<Cents>,
    /// Anticipation discount (deságio).
    pub anticipation: Cents,
    /// Campaign discounts + anticipation: "Desconto".
    pub discount: Cents,
    /// What is to be paid: gross - discount.
    pub total: Cents,
    /// The highest discount the campaign allows.
    pub maximum_discount: Cents,
    /// The least to be paid with it: "Valor Final Mín.".
    pub minimum_total: Cents,
    /// What is remitted (repasse) per component.
    pub remittance: Remittance<Cents>,
}

impl Figures {
    /// Fills in what follows by addition; fails when a sum is too large.
    pub(super) fn close(mut self) -> Result<Self, Error> {
        self.updated = Cents::sum([self.original, self.correction, self.fine, self.interest])?;
        self.gross = self.updated.plus(self.fee)?;
        let d = &self.discounts;
        self.discount = Cents::sum([d.principal, d.fine, d.interest, d.fee, self.anticipation])?;
        self.total = self.gross.plus(-self.discount)?;
        self.minimum_total = Cents::sum([self.gross, -self.anticipation, -self.maximum_discount])?;
        Ok(self)
    }

    /// Principal: original value + correction (7.2.4).
    #[must_use]
    pub fn principal(&self) -> Cents {
        self.original + self.correction
    }

    /// The figures that lines add to, each with its component.
    pub(super) fn parts(&self) -> [(Component, Cents); 14] {
        [
            (Component::Original, self.original),
            (Component::Correction, self.correction),
            (Component::Fine, self.fine),
            (Component::Interest, self.interest),
            (Component::Fee, self.fee),
            (Component::PrincipalDiscount, self.discounts.principal),
            (Component::FineDiscount, self.discounts.fine),
            (Component::InterestDiscount, self.discounts.interest),
            (Component::FeeDiscount, self.discounts.fee),
            (Component::Anticipation, self.anticipation),
            (Component::MaximumDiscount, self.maximum_discount),
            (Component::PrincipalRemittance, self.remittance.principal),
            (Component::FineRemittance, self.remittance.fine),
            (Component::InterestRemittance, self.remittance.interest),
        ]
    }

    /// Totals of rows.
    pub(super) fn total_of<'a>(rows: impl IntoIterator<Item = &'a Self>) -> Result<Self, Error> {
        let mut total = Self::default();
        for row in rows {
            total.original = total.original.plus(row.original)?;
            total.correction = total.correction.plus(row.correction)?;
            total.fine = total.fine.plus(row.fine)?;
            total.interest = total.interest.plus(row.interest)?;
            total.fee = total.fee.plus(row.fee)?;
            total.discounts.principal = total.discounts.principal.plus(row.discounts.principal)?;
            total.discounts.fine = total.discounts.fine.plus(row.discounts.fine)?;
            total.discounts.interest = total.discounts.interest.plus(row.discounts.interest)?;
            total.discounts.fee = total.discounts.fee.plus(row.discounts.fee)?;
            total.anticipation = total.anticipation.plus(row.anticipation)?;
            total.maximum_discount = total.maximum_discount.plus(row.maximum_discount)?;
            total.remittance.principal =
                total.remittance.principal.plus(row.remittance.principal)?;
            total.remittance.fine = total.remittance.fine.plus(row.remittance.fine)?;
            total.remittance.interest = total.remittance.interest.plus(row.remittance.interest)?;
        }
        total.close()
    }
}
