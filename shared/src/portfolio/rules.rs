//! What the comparison is told besides the facts: why we looked, and the settings that apply.

use serde::{Deserialize, Serialize};

use super::contract::{assignment_waits, type_change_waits};
use super::{
    BillId, CreditorId, DocumentType, EnterpriseId, InstallmentId, ObservedBill, ObservedInstallment, SettlementClasses, SettlementKind,
};
use crate::calendar::{Date, brazilian};
use crate::settings::{CreditorSettings, TenantSettings};

/// Why we looked at a bill.
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
}

/// The settings that apply to one bill's creditor.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The tenant's settings.
    pub tenant: &'a TenantSettings,
    /// The creditor's settings; `None` when the company is not registered: nothing new is opened for it.
    pub creditor: Option<&'a CreditorSettings>,
}

/// Why a row is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// Its company, document type or condition type is on an ignore list.
    BySettings,
    /// Its company is not the creditor that was asked for, or no active one.
    OtherCompany,
}

/// Something an operator should know that is not a change (crítica).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "critique", rename_all = "camelCase")]
pub enum Critique {
    /// `Filial não cadastrada`: the enterprise is not registered and the automatic import is off.
    EnterpriseNotRegistered {
        /// The bill left out.
        bill: BillId,
        /// The unknown enterprise.
        enterprise: EnterpriseId,
    },
    /// With others of the run more would be taken away than goes unasked: nothing was, and the creditor's reconciliation asks.
    RemovalsWaitForConfirmation {
        /// The bill.
        bill: BillId,
        /// Its installments that are gone from Sienge, or settled there without a receipt.
        installments: u64,
    },
    /// The customer changed in Sienge; the next reconciliation performs the assignment of rights.
    AssignmentWaitsForReconciliation {
        /// The bill.
        bill: BillId,
    },
    /// A receipt is of a type that nobody classified: it pays nothing until the tenant's settings say what it means.
    SettlementNotClassified {
        /// The bill.
        bill: BillId,
        /// The type, as Sienge wrote it.
        settlement: SettlementKind,
    },
    /// The document type changed in Sienge; the type is part of a contract's key, so the next reconciliation closes the old contract and opens the new one.
    TypeChangeWaitsForReconciliation {
        /// The bill.
        bill: BillId,
    },
    /// Installments that are open, or may be, could not be read.
    InstallmentsUnread {
        /// The bill.
        bill: BillId,
        /// The installments.
        installments: Vec<InstallmentId>,
        /// Why, in Portuguese.
        why: String,
    },
    /// The bill itself lacks something, or a row of it names no installment.
    BillUnread {
        /// The bill.
        bill: BillId,
        /// Why, in Portuguese.
        why: String,
    },
    /// An open installment is due on a day that nobody can mean.
    ImplausibleDueDate {
        /// The bill.
        bill: BillId,
        /// The installment.
        installment: InstallmentId,
        /// The day.
        due_on: Date,
    },
}

/// Installments that a critique names.
const MOST_NAMED: usize = 20;

impl Critique {
    /// The bill it is about.
    #[must_use]
    pub fn bill(&self) -> BillId {
        match self {
            Self::EnterpriseNotRegistered { bill, .. }
            | Self::SettlementNotClassified { bill, .. }
            | Self::RemovalsWaitForConfirmation { bill, .. }
            | Self::AssignmentWaitsForReconciliation { bill }
            | Self::TypeChangeWaitsForReconciliation { bill }
            | Self::InstallmentsUnread { bill, .. }
            | Self::BillUnread { bill, .. }
            | Self::ImplausibleDueDate { bill, .. } => *bill,
        }
    }

    /// Whether the portfolio holds what Sienge says all the same.
    #[must_use]
    pub const fn leaves_nothing_undone(&self) -> bool {
        matches!(self, Self::SettlementNotClassified { .. })
    }

    /// The Portuguese text for operators; holds no personal data.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::EnterpriseNotRegistered { bill, enterprise } => {
                format!(
                    "Filial não cadastrada: empreendimento {enterprise}, contrato {bill}. Cadastre a filial no credor ou ative \"Importar Empreendimentos Automaticamente\"."
                )
            }
            Self::SettlementNotClassified { bill, settlement } => {
                format!(
                    "Tipo de baixa desconhecido no contrato {bill}: \"{settlement}\". A baixa é mostrada, mas não conta como pagamento. Informe o tipo em settlementClasses da assessoria: \"pays\" (paga), \"writesOff\" (baixa sem recebimento) ou \"nothing\" (não movimenta valor)."
                )
            }
            Self::RemovalsWaitForConfirmation { bill, installments } => {
                format!(
                    "Contrato {bill}: {installments} parcela(s) em aberto sumiram do Sienge ou estão lá sem saldo e sem baixa. Com as demais passam do limite de devoluções do credor: nada foi retirado. Confira no Sienge; se estiver certo, execute o batimento do credor, que pede a confirmação."
                )
            }
            Self::AssignmentWaitsForReconciliation { bill } => assignment_waits(*bill),
            Self::TypeChangeWaitsForReconciliation { bill } => type_change_waits(*bill),
            Self::InstallmentsUnread { bill, installments, why } => {
                let named: Vec<String> = installments.iter().take(MOST_NAMED).map(ToString::to_string).collect();
                let more = match installments.len().saturating_sub(MOST_NAMED) {
                    0 => String::new(),
                    more => format!(" e mais {more}"),
                };
                format!(
                    "Parcela(s) {}{more} do contrato {bill} ilegível(is) no Sienge: {why}. Fica(m) na carteira como lida(s) pela última vez; corrija no Sienge.",
                    named.join(", ")
                )
            }
            Self::BillUnread { bill, why } => format!(
                "Contrato {bill} ilegível em parte no Sienge: {why}. O que depende disso fica como está, e nenhuma parcela dele é devolvida por não vir; corrija-o no Sienge."
            ),
            Self::ImplausibleDueDate { bill, installment, due_on } => format!(
                "Parcela {installment} do contrato {bill} com vencimento em {}: confira a data no Sienge.",
                brazilian(*due_on)
            ),
        }
    }
}

impl Rules<'_> {
    /// What settlement types mean in this tenant's Sienge.
    #[must_use]
    pub fn classes(&self) -> &SettlementClasses {
        &self.tenant.settlement_classes
    }

    /// Whether the settings leave the whole bill out (company or document type on an ignore list, or company not registered).
    #[must_use]
    pub fn ignores_bill(&self, bill: &ObservedBill) -> bool {
        self.ignores(bill.creditor, &bill.document_type)
    }

    /// Why the settings leave a row out, when they do.
    #[must_use]
    pub fn leaves_out(&self, bill: &ObservedBill, installment: Option<&ObservedInstallment>) -> Option<LeftOut> {
        if self
            .creditor
            .is_none_or(|creditor| !creditor.active || creditor.company != bill.creditor)
        {
            Some(LeftOut::OtherCompany)
        } else if self.ignores_bill(bill) || installment.is_some_and(|row| self.ignores_installment(row)) {
            Some(LeftOut::BySettings)
        } else {
            None
        }
    }

    /// The same, told by company and document type.
    #[must_use]
    pub fn ignores(&self, company: CreditorId, document_type: &DocumentType) -> bool {
        self.creditor.is_none_or(|creditor| !creditor.active || creditor.company != company)
            || self.tenant.ignore_companies.contains(&company.to_string())
            || self.tenant.ignore_document_types.contains(document_type.as_str())
    }

    /// Whether the settings leave the installment out (condition type on the ignore list).
    #[must_use]
    pub fn ignores_installment(&self, installment: &ObservedInstallment) -> bool {
        self.tenant.ignore_condition_types.contains(&installment.condition)
    }

    /// Whether a new contract is wanted depends on its enterprise, and the source (the REST bill) does not tell it.
    #[must_use]
    pub fn must_know_enterprise(&self, bill: &ObservedBill) -> bool {
        bill.enterprise.is_none() && self.creditor.is_some_and(|creditor| !creditor.import_enterprises_automatically)
    }

    /// The critique for a bill whose enterprise is not registered.
    #[must_use]
    pub fn enterprise_critique(&self, id: BillId, bill: &ObservedBill) -> Option<Critique> {
        let creditor = self.creditor?;
        let enterprise = bill.enterprise.flatten()?;
        let registered = creditor.import_enterprises_automatically || creditor.enterprises.contains(&enterprise);
        (!registered).then_some(Critique::EnterpriseNotRegistered { bill: id, enterprise })
    }
}
