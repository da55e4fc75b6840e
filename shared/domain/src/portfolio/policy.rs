//! The comparison's inputs besides the facts: why the bill was read, and what the settings allow.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Critique, ObservedBill, ObservedInstallment, SettlementClasses};
use crate::ids::{BillId, CreditorId, DocumentType, EnterpriseId};
use crate::text::CodeList;

/// Why a bill was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Scope {
    /// A webhook pointed here, or the payments run did.
    Webhook,
    /// The daily import ("carga diária").
    Daily,
    /// The opening of a customer.
    Sync,
    /// The reconciliation ("batimento", 7.1.2): the only scope that performs assignments of rights.
    Reconciliation,
    /// The same while it counts what would be removed: what the settings leave out stays as it is.
    Counting,
}

impl Scope {
    /// Whether this is a reconciliation.
    #[must_use]
    pub const fn reconciles(self) -> bool {
        matches!(self, Self::Reconciliation | Self::Counting)
    }
}

/// What the settings let a comparison of one bill do.
#[derive(Debug, Clone, Copy)]
pub struct Policy<'a> {
    /// "Ignorar Empresas".
    pub ignore_companies: &'a CodeList,
    /// "Ignorar tipos de contrato".
    pub ignore_document_types: &'a CodeList,
    /// "Ignorar tipos de condições de pagamento".
    pub ignore_condition_types: &'a CodeList,
    /// What settlement types mean in this tenant's Sienge.
    pub classes: &'a SettlementClasses,
    /// What the bill's creditor allows; `None` when the company is not registered or not active: then nothing new is opened.
    pub creditor: Option<CreditorPolicy<'a>>,
}

/// What one active creditor allows.
#[derive(Debug, Clone, Copy)]
pub struct CreditorPolicy<'a> {
    /// The company.
    pub company: CreditorId,
    /// The enterprises whose new contracts are wanted; `None` for all.
    pub enterprises: Option<&'a BTreeSet<EnterpriseId>>,
    /// "Reabre Parcelas Devolvidas".
    pub reopen_returned_installments: bool,
    /// "Atualizar Observação, Valor e Vencimento da Parcela".
    pub update_installments: bool,
}

/// Why a row is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// Its company, document type or condition type is on an ignore list.
    BySettings,
    /// Its company is not the requested creditor, or not an active one.
    OtherCompany,
}

impl Policy<'_> {
    /// Whether the settings leave the whole bill out (company or document type on an ignore list, or company not registered).
    #[must_use]
    pub fn ignores_bill(&self, bill: &ObservedBill) -> bool {
        self.ignores(bill.creditor, &bill.document_type)
    }

    /// Why the settings leave a row out, when they do.
    #[must_use]
    pub fn leaves_out(
        &self,
        bill: &ObservedBill,
        installment: Option<&ObservedInstallment>,
    ) -> Option<LeftOut> {
        if self.is_of_another(bill.creditor) {
            Some(LeftOut::OtherCompany)
        } else if self.ignores_bill(bill)
            || installment.is_some_and(|row| self.ignores_installment(row))
        {
            Some(LeftOut::BySettings)
        } else {
            None
        }
    }

    /// The same by company and document type.
    #[must_use]
    pub fn ignores(&self, company: CreditorId, document_type: &DocumentType) -> bool {
        self.is_of_another(company)
            || self.ignore_companies.contains(&company.to_string())
            || self.ignore_document_types.contains(document_type.as_str())
    }

    fn is_of_another(&self, company: CreditorId) -> bool {
        self.creditor
            .is_none_or(|creditor| creditor.company != company)
    }

    /// Whether the settings leave the installment out (condition type on the ignore list).
    #[must_use]
    pub fn ignores_installment(&self, installment: &ObservedInstallment) -> bool {
        self.ignore_condition_types.contains(&installment.condition)
    }

    /// Whether the enterprise decides if a new contract is wanted, and the source (the REST bill) does not name it.
    #[must_use]
    pub fn must_know_enterprise(&self, bill: &ObservedBill) -> bool {
        bill.enterprise.is_none()
            && self
                .creditor
                .is_some_and(|creditor| creditor.enterprises.is_some())
    }

    /// The critique for a bill whose enterprise is not registered.
    #[must_use]
    pub fn enterprise_critique(&self, id: BillId, bill: &ObservedBill) -> Option<Critique> {
        let wanted = self.creditor?.enterprises?;
        let enterprise = bill.enterprise.flatten()?;
        (!wanted.contains(&enterprise)).then_some(Critique::EnterpriseNotRegistered {
            bill: id,
            enterprise,
        })
    }
}
