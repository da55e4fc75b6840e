//! The input: the selected installments, with what Sienge says about each.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::late::check_due;
use super::{Correction, Error, Key};
use crate::calendar::Date;
use crate::ids::{BillId, DocumentType, EnterpriseId, InstallmentId};
use crate::money::{Cents, Rate};

/// One selected installment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Debt {
    /// The bill (título).
    pub bill: BillId,
    /// The installment within it.
    pub installment: InstallmentId,
    /// Due date.
    pub due_on: Date,
    /// What is open in original money: the installment's original value while nothing was paid.
    pub original: Cents,
    /// The enterprise, for the tiers' filters.
    #[serde(default)]
    pub enterprise: Option<EnterpriseId>,
    /// The document type, for the tiers' filters.
    #[serde(default)]
    pub document_type: Option<DocumentType>,
    /// The payment condition type (`PM`), for the tiers' filters.
    #[serde(default)]
    pub condition: String,
    /// Monetary correction, where Sienge gives no corrected value.
    #[serde(default)]
    pub correction: Correction,
    /// What `current-debit-balance` answers on the date of the calculation.
    #[serde(default)]
    pub sienge: Option<SiengeBalance>,
    /// Whether it was paid in part: then Sienge's charges accrued on more than is open now.
    #[serde(default)]
    pub partly_paid: bool,
    /// The bill's late charges ("informações sobre acréscimos de mora") where Sienge has them; otherwise the calculation is internal.
    #[serde(default)]
    pub late_terms: Option<LateTerms>,
}

impl Debt {
    /// Its identity.
    #[must_use]
    pub const fn key(&self) -> Key {
        Key {
            bill: self.bill,
            installment: self.installment,
        }
    }

    /// Checks the bounds the arithmetic relies on.
    pub(super) fn check(&self, on: Date) -> Result<(), Error> {
        check_due(self.due_on, on)?;
        self.bounded("valor original", self.original, Cents::new(1))?;
        if let Some(sienge) = &self.sienge {
            self.bounded(
                "valor corrigido (adjustedValue)",
                sienge.adjusted,
                Cents::ZERO,
            )?;
            self.bounded(
                "valor adicional (additionalValue)",
                sienge.additional,
                Cents::ZERO,
            )?;
            self.bounded(
                "saldo presente (currentBalance)",
                sienge.current,
                Cents::ZERO,
            )?;
        }
        Ok(())
    }

    pub(super) fn bounded(
        &self,
        field: &'static str,
        value: Cents,
        minimum: Cents,
    ) -> Result<(), Error> {
        if (minimum..=Cents::MAX).contains(&value) {
            return Ok(());
        }
        Err(Error::OutOfRange {
            field,
            bill: self.bill.0,
            installment: self.installment.0,
            value,
            minimum,
            maximum: Cents::MAX,
        })
    }
}

/// Sienge's present balance of an installment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SiengeBalance {
    /// `adjustedValue`: the corrected value.
    pub adjusted: Cents,
    /// `additionalValue`: late charges.
    pub additional: Cents,
    /// `currentBalance`: the present value.
    pub current: Cents,
}

/// Late charges registered on a bill in Sienge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LateTerms {
    /// Fine (multa), on corrected value + pro-rata + interest.
    pub fine: Rate,
    /// Simple default interest a month (mora).
    pub interest: Rate,
    /// Pro-rata index a month; where absent, the creditor's setting.
    #[serde(default)]
    pub pro_rata: Option<Rate>,
}

/// How a row was calculated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// With the campaign's tier (7.2.1).
    Internal,
    /// Sienge's figures (7.2.2).
    Integrated,
    /// Sienge's formula with the bill's terms, because Sienge was not asked.
    Estimated,
}
