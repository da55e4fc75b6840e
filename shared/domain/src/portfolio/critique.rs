//! Critiques (críticas): what an operator should know about a bill although it changes nothing.

use serde::{Deserialize, Serialize};

use super::SettlementKind;
use super::contract::{assignment_waits, type_change_waits};
use crate::calendar::{Date, brazilian};
use crate::ids::{BillId, EnterpriseId, InstallmentId};

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
    /// The run would remove more than the circuit breaker allows: nothing was removed, and the creditor's reconciliation asks.
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
    /// A receipt has an unclassified type: it pays nothing until the tenant's settings say what it means.
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
    /// An open installment has an implausible due date.
    ImplausibleDueDate {
        /// The bill.
        bill: BillId,
        /// The installment.
        installment: InstallmentId,
        /// The day.
        due_on: Date,
    },
}

/// Most installments that a critique names.
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

    /// Whether the portfolio equals Sienge all the same.
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
            Self::InstallmentsUnread {
                bill,
                installments,
                why,
            } => {
                let named: Vec<String> = installments
                    .iter()
                    .take(MOST_NAMED)
                    .map(ToString::to_string)
                    .collect();
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
            Self::ImplausibleDueDate {
                bill,
                installment,
                due_on,
            } => format!(
                "Parcela {installment} do contrato {bill} com vencimento em {}: confira a data no Sienge.",
                brazilian(*due_on)
            ),
        }
    }
}
