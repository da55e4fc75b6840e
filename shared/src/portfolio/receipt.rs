//! Receipts (baixas): what Sienge wrote against an installment.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::calendar::Date;
use crate::money::Cents;

/// How Sienge settled: the twelve types operators know, the two Sienge writes by itself, and any it may invent.
/// Unknown types are kept and shown, never dropped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum SettlementKind {
    /// Abatimento de Adiantamento.
    AdvanceRebate,
    /// Adiantamento.
    Advance,
    /// Bonificação.
    Bonus,
    /// Cancelamento.
    Cancellation,
    /// Estorno: takes a receipt back.
    Reversal,
    /// Outros.
    Other,
    /// Outros com Resíduo.
    OtherWithResidue,
    /// Por Bens.
    Goods,
    /// Promoção.
    Promotion,
    /// Recebimento.
    Receipt,
    /// Sorteio.
    Draw,
    /// Substituição.
    Replacement,
    /// Reparcelamento: the installment was remade.
    Remade,
    /// Distrato: the contract was rescinded.
    Rescission,
    /// A type this list does not know, as Sienge wrote it.
    Unknown(String),
}

const NAMES: [(&str, SettlementKind); 14] = [
    ("Abatimento de Adiantamento", SettlementKind::AdvanceRebate),
    ("Adiantamento", SettlementKind::Advance),
    ("Bonificação", SettlementKind::Bonus),
    ("Cancelamento", SettlementKind::Cancellation),
    ("Estorno", SettlementKind::Reversal),
    ("Outros", SettlementKind::Other),
    ("Outros com Resíduo", SettlementKind::OtherWithResidue),
    ("Por Bens", SettlementKind::Goods),
    ("Promoção", SettlementKind::Promotion),
    ("Recebimento", SettlementKind::Receipt),
    ("Sorteio", SettlementKind::Draw),
    ("Substituição", SettlementKind::Replacement),
    ("Reparcelamento", SettlementKind::Remade),
    ("Distrato", SettlementKind::Rescission),
];

impl SettlementKind {
    /// The name as Sienge and the operators write it.
    #[must_use]
    pub fn name(&self) -> &str {
        if let Self::Unknown(name) = self {
            return name;
        }
        NAMES.iter().find(|(_, kind)| kind == self).map_or("", |(name, _)| name)
    }

    /// Whether it is told as a `Pagamento Direto`: every type, known or not, except those that take a receipt back (Estorno),
    /// remake the installment (Reparcelamento) or rescind the contract (Distrato).
    #[must_use]
    pub const fn is_payment(&self) -> bool {
        !matches!(self, Self::Reversal | Self::Remade | Self::Rescission)
    }
}

impl From<String> for SettlementKind {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&str> for SettlementKind {
    /// Reads a name whatever its case, accents and blanks.
    fn from(text: &str) -> Self {
        let wanted = folded(text);
        NAMES
            .iter()
            .find(|(name, _)| folded(name) == wanted)
            .map_or_else(|| Self::Unknown(text.trim().to_owned()), |(_, kind)| kind.clone())
    }
}

impl From<SettlementKind> for String {
    fn from(kind: SettlementKind) -> Self {
        kind.name().to_owned()
    }
}

impl fmt::Display for SettlementKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Lower case, Portuguese accents and blanks dropped.
fn folded(text: &str) -> String {
    text.trim()
        .to_lowercase()
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| match c {
            'á' | 'à' | 'â' | 'ã' => 'a',
            'é' | 'ê' => 'e',
            'í' => 'i',
            'ó' | 'ô' | 'õ' => 'o',
            'ú' | 'ü' => 'u',
            'ç' => 'c',
            other => other,
        })
        .collect()
}

/// One receipt of an installment.
///
/// Sienge's sources give a receipt no common id. Its identity is what all of them say alike: the date, the type and the
/// net amount; two receipts alike in all three are told apart by their count (receipts form a multiset), so none counts twice
/// and none is lost. The gross amount and the additions are informative.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// Day of the payment.
    pub paid_on: Date,
    /// The settlement type.
    pub kind: SettlementKind,
    /// Net amount received, in reais.
    pub net: Cents,
    /// Gross amount of the receipt, in reais.
    pub gross: Cents,
}

impl Receipt {
    /// What identifies the receipt among those of its installment.
    #[must_use]
    pub fn identity(&self) -> (Date, &SettlementKind, Cents) {
        (self.paid_on, &self.kind, self.net)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_twelve_types_are_read_whatever_their_spelling() {
        assert_eq!(SettlementKind::from("RECEBIMENTO"), SettlementKind::Receipt);
        assert_eq!(SettlementKind::from("outros com residuo"), SettlementKind::OtherWithResidue);
        assert_eq!(SettlementKind::from("Por  Bens "), SettlementKind::Goods);
    }

    #[test]
    fn an_unknown_type_is_kept_as_written() {
        assert_eq!(SettlementKind::from("Dação em pagamento").name(), "Dação em pagamento");
    }
}
