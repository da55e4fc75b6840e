//! An installment as we hold it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{ContractKey, ObservedInstallment, Receipt};
use crate::calendar::Date;
use crate::ids::{CreditorId, InstallmentId};
use crate::money::Cents;

/// An installment of a contract in the portfolio.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Installment {
    /// The contract it belongs to.
    pub contract: ContractKey,
    /// The creditor that collects it: it is in this creditor's index of open installments, and this creditor's reconciliation looks for it.
    pub creditor: CreditorId,
    /// Its id within the bill.
    pub id: InstallmentId,
    /// Negotiation number within the contract: 1 for the original ones, one more after each renegotiation made in Sienge.
    pub negotiation: u32,
    /// Number as Sienge shows it (`2/120`).
    pub label: Option<String>,
    /// Due date.
    pub due_on: Date,
    /// Payment condition type code (`PM`, `AT`, ...), the CRM's "observação de parcela".
    pub condition: String,
    /// Original value, in reais.
    pub original: Cents,
    /// Open balance in original money; zero when settled in Sienge.
    pub balance: Cents,
    /// Whether a boleto was generated for it.
    pub boleto: bool,
    /// Its receipts in Sienge.
    pub receipts: Vec<Receipt>,
    /// Open or closed, and why.
    pub state: InstallmentState,
    /// Grows by one with every change; part of the ids of timeline events, so that a repeat is told from a new event.
    pub revision: u32,
}

/// Whether an installment is being collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase")]
pub enum InstallmentState {
    /// Being collected.
    Open,
    /// Settled or returned to the creditor.
    Closed {
        /// Why.
        #[serde(rename = "motive")]
        reason: ReturnReason,
        /// Business date of the closing.
        on: Date,
    },
}

/// Why an installment left collection (motivo da devolução), as the playbook prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReturnReason {
    /// `Batimento`: not in Sienge any more, found by a reconciliation.
    Reconciliation,
    /// `SOLICITACAO DO CREDOR`: finished in Sienge without a payment.
    CreditorRequest,
    /// `RENEGOCIACAO`: remade in Sienge.
    Renegotiation,
    /// `Recebimento`: paid, or settled by an unclassified type.
    Receipt,
    /// `Baixa sem recebimento`: written off.
    WrittenOff,
    /// `ACORDO`: remade in Sienge by an agreement of ours.
    Agreement,
    /// `QUEBRA DE ACORDO`: returned with a broken agreement, where the creditor wants that.
    BrokenAgreement,
}

impl ReturnReason {
    /// The text the playbook prints.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Reconciliation => "Batimento",
            Self::CreditorRequest => "SOLICITACAO DO CREDOR",
            Self::Renegotiation => "RENEGOCIACAO",
            Self::Receipt => "Recebimento",
            Self::WrittenOff => "Baixa sem recebimento",
            Self::Agreement => "ACORDO",
            Self::BrokenAgreement => "QUEBRA DE ACORDO",
        }
    }
}

impl Installment {
    /// Whether a receipt settled it, with or without money.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        let InstallmentState::Closed { reason, .. } = self.state else {
            return false;
        };
        matches!(reason, ReturnReason::Receipt | ReturnReason::WrittenOff)
    }

    /// Whether it is being collected.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == InstallmentState::Open
    }

    /// Fingerprint of what bulk rows say about it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(
            self.due_on,
            &self.condition,
            self.original,
            self.balance,
            &self.receipts,
        )
    }
}

impl ObservedInstallment {
    /// Fingerprint comparable with [`Installment::fingerprint`].
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(
            self.due_on,
            &self.condition,
            self.original,
            self.balance,
            &self.receipts,
        )
    }
}

/// Short hash of an installment's content, stored in the open-installments index: a reconciliation compares it without reading the item.
///
/// Covers the due date, the condition type, both amounts and the identities of the receipts (in any order); not the boleto, which comes from another source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    fn of(
        due_on: Date,
        condition: &str,
        original: Cents,
        balance: Cents,
        receipts: &[Receipt],
    ) -> Self {
        let mut identities: Vec<String> = receipts
            .iter()
            .map(|r| format!("{}|{}|{}", r.paid_on, r.kind.id(), r.net))
            .collect();
        identities.sort_unstable();
        let content = format!(
            "{due_on}\u{1f}{condition}\u{1f}{original}\u{1f}{balance}\u{1f}{}",
            identities.join("\u{1f}")
        );
        let digest = Sha256::digest(content.as_bytes());
        let mut head = [0; 8];
        head.copy_from_slice(&digest[..8]);
        Self(u64::from_be_bytes(head))
    }

    /// Sixteen hexadecimal digits.
    #[must_use]
    pub fn to_hex(self) -> String {
        format!("{:016x}", self.0)
    }

    /// Reads [`Fingerprint::to_hex`]'s form.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        u64::from_str_radix(text, 16).ok().map(Self)
    }
}
