//! A quote's warnings: limits that do not block, and differences from Sienge.

use schemars::JsonSchema;
use serde::Serialize;

use super::Key;
use crate::money::{Cents, Rate};

/// Something the operator should know; the quote stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
#[allow(missing_docs)] // each is worded below
pub enum Warning {
    /// Consumer Code art. 52 §1.
    FineAboveTwoPercent { rate: Rate },
    /// Fees are charged but the creditor never said that its contracts have the clause.
    FeesWithoutSwitch,
    /// Sienge's formula was used without asking Sienge.
    SiengeNotConsulted { of: Key },
    /// Sienge's additional value is not what we compute.
    SiengeDiffers {
        of: Key,
        ours: Cents,
        sienge: Cents,
        cause: Cause,
    },
    /// `currentBalance` is not the corrected value plus the additional value of a late installment.
    SiengeDoesNotAdd {
        of: Key,
        current: Cents,
        expected: Cents,
    },
}

/// The likely cause of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(
    tag = "cause",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
#[allow(missing_docs)]
pub enum Cause {
    /// Another number of days gives Sienge's value exactly: its calendar is not the creditor's calendar here.
    Days { shown: i32, charged: i32 },
    /// An unconfigured pro-rata index gives it exactly.
    ProRata { rate: Rate },
    /// The contract charges a daily amount instead of a rate: it gives Sienge's value exactly.
    DailyValue { value: Cents },
    /// A part was paid: what accrued before is charged on what was open then.
    PartlyPaid,
    /// A cent or two.
    Rounding,
    /// None of these.
    Unknown,
}

impl Warning {
    /// What the operator reads.
    #[must_use]
    pub fn text(&self) -> String {
        let name = |of: &Key| format!("Parcela {} do título {}", of.installment, of.bill);
        match self {
            Self::FineAboveTwoPercent { rate } => format!(
                "Multa de {} acima de 2%: em contratos de consumo o limite é 2% (CDC, art. 52, § 1º).",
                rate.brazilian()
            ),
            Self::FeesWithoutSwitch => {
                "Honorários cobrados sem a confirmação do credor de que o contrato os prevê: preencha \"fees\" nas configurações do credor."
                    .to_owned()
            }
            Self::SiengeNotConsulted { of } => format!(
                "{}: encargos estimados pela fórmula do Sienge, sem consulta ao saldo devedor presente.",
                name(of)
            ),
            Self::SiengeDiffers { of, ours, sienge, cause } => format!(
                "{}: o Sienge informa R$ {} de encargos e o cálculo próprio dá R$ {}. {}",
                name(of),
                sienge.brazilian(),
                ours.brazilian(),
                cause.text()
            ),
            Self::SiengeDoesNotAdd { of, current, expected } => format!(
                "{}: o saldo presente do Sienge (R$ {}) não é a soma do valor corrigido e dos encargos (R$ {}).",
                name(of),
                current.brazilian(),
                expected.brazilian()
            ),
        }
    }
}

impl Cause {
    fn text(self) -> String {
        match self {
            Self::Days { shown, charged } => {
                format!(
                    "Causa provável: dias cobrados ({charged}) diferentes dos dias de atraso exibidos ({shown}); confira o calendário do credor."
                )
            }
            Self::ProRata { rate } => format!(
                "Causa provável: indexador pró-rata de {} ao mês no título; preencha \"proRata\" nas configurações do credor.",
                rate.brazilian()
            ),
            Self::DailyValue { value } => format!(
                "Causa provável: o título cobra mora por valor diário (R$ {} ao dia), e não por percentual; vale o valor do Sienge.",
                value.brazilian()
            ),
            Self::PartlyPaid => {
                "Causa provável: parcela paga em parte; o Sienge cobra, até o pagamento, os encargos sobre o saldo de então. Vale o valor do Sienge.".to_owned()
            }
            Self::Rounding => "Causa provável: arredondamento.".to_owned(),
            Self::Unknown => "Causa não identificada; vale o valor do Sienge.".to_owned(),
        }
    }
}
