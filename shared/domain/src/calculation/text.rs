//! Portuguese text of an explanation's line, produced from the line alone, as a person would type it into a calculator.

use super::{Component, ExplanationStep, Line, Operation};
use crate::money::{Decimal, Rounding};

impl Line {
    /// One line for people: `Juros de mora: 1.025,56 × 1% ÷ 30 × 142 dias = 48,54`.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{}: {}", self.name(), self.formula());
        if self.operation != Operation::Given {
            text.push_str(" = ");
            text.push_str(&self.result.brazilian());
        }
        if self.rounding == Rounding::Truncate {
            text.push_str(" (centavos truncados)");
        }
        text
    }

    fn name(&self) -> &'static str {
        match self.step {
            ExplanationStep::Original => "Valor original",
            ExplanationStep::SiengeCorrection => {
                "Correção monetária do Sienge (valor corrigido − original)"
            }
            ExplanationStep::IndexCorrection => "Correção monetária pelo índice",
            ExplanationStep::AnnualCorrectionOff => {
                "Correção anual não aplicada (parâmetro desligado)"
            }
            ExplanationStep::ProRata => "Indexador pró-rata",
            ExplanationStep::LateInterest => "Juros de mora",
            ExplanationStep::Fine => "Multa",
            ExplanationStep::InterestOnFine => "Juros de mora sobre original + multa",
            ExplanationStep::SiengeCharges => "Encargos informados pelo Sienge",
            ExplanationStep::SiengeDifference => {
                "Diferença para os encargos informados pelo Sienge"
            }
            ExplanationStep::Fee => "Honorários sobre o valor atualizado",
            ExplanationStep::FeeTotal => "Honorários sobre o total atualizado",
            ExplanationStep::FeeResidue => {
                "Ajuste de arredondamento dos honorários (total − soma das parcelas)"
            }
            ExplanationStep::CampaignDiscount => "Desconto da campanha",
            ExplanationStep::SharedDiscount => "Parte do desconto da campanha",
            ExplanationStep::SharedCent => "Centavo que sobra da divisão do desconto",
            ExplanationStep::LimitedDiscount => "Desconto limitado ao que resta do principal",
            ExplanationStep::SiengeAnticipation => "Deságio do Sienge (valor − valor presente)",
            ExplanationStep::ComputedAnticipation => "Deságio por antecipação",
            ExplanationStep::MaximumPrincipalDiscount => "Desconto máximo do principal",
            ExplanationStep::MaximumFineDiscount => "Desconto máximo da multa",
            ExplanationStep::MaximumInterestDiscount => "Desconto máximo dos juros",
            ExplanationStep::MaximumFeeDiscount => "Desconto máximo dos honorários",
            ExplanationStep::Remittance => "Repasse",
            ExplanationStep::Financed => "Valor a parcelar (total − entrada)",
            ExplanationStep::DownPayment => "Entrada",
            ExplanationStep::InstallmentValue => "Valor da parcela",
            ExplanationStep::PlanTotal => "Total do parcelamento",
            ExplanationStep::Installments => "Parcelas",
            ExplanationStep::PlanResidue => {
                "Ajuste de arredondamento do parcelamento (total − soma das parcelas)"
            }
            ExplanationStep::Imputation => match self.component {
                Component::PaidFee => "Pagamento dos honorários",
                Component::PaidFine => "Pagamento da multa",
                Component::PaidInterest => "Pagamento dos juros",
                _ => "Amortização do principal",
            },
        }
    }

    fn formula(&self) -> String {
        let base = self.base.brazilian();
        match self.operation {
            Operation::Given => base,
            Operation::Percent { rate } => {
                format!("{base} × {}{}", rate.brazilian(), self.of_what())
            }
            Operation::Daily { rate, days } => format!(
                "{base} × {} ÷ 30 × {}",
                rate.brazilian(),
                counted(days, "dia", "dias")
            ),
            Operation::Index { base_index, index } => {
                format!("{base} × {} ÷ {} − {base}", plain(index), plain(base_index))
            }
            Operation::CompoundAnticipation { rate, months } => {
                format!("{base} − {base} ÷ (1 + {})^{months}", rate.brazilian())
            }
            Operation::SimpleAnticipation { rate, months } => {
                format!("{base} − {base} ÷ (1 + {} × {months})", rate.brazilian())
            }
            Operation::AtMost { limit } => format!("o menor entre {base} e {}", limit.brazilian()),
            Operation::Minus { subtracted } => format!("{base} − {}", subtracted.brazilian()),
            Operation::Share { of, over } => {
                format!("{} × {base} ÷ {}", of.brazilian(), over.brazilian())
            }
            Operation::Times { count } => format!("{count} × {base}"),
            Operation::Price { rate, payments, .. } if rate.is_zero() => {
                format!("{base} ÷ {payments}")
            }
            Operation::PriceTotal { rate, .. } if rate.is_zero() => format!("{base} sem juros"),
            Operation::Price {
                rate,
                payments,
                advance,
            } => price(&base, &rate.brazilian(), payments, advance),
            Operation::PriceTotal {
                rate,
                payments,
                advance,
            } => {
                format!(
                    "{payments} × {}",
                    price(&base, &rate.brazilian(), payments, advance)
                )
            }
        }
    }

    /// What a discount or a remittance is taken of.
    fn of_what(&self) -> &'static str {
        match (self.step, self.component) {
            (ExplanationStep::CampaignDiscount, Component::PrincipalDiscount)
            | (_, Component::PrincipalRemittance) => " do principal",
            (ExplanationStep::CampaignDiscount, Component::FineDiscount)
            | (_, Component::FineRemittance) => " da multa",
            (ExplanationStep::CampaignDiscount, Component::InterestDiscount)
            | (_, Component::InterestRemittance) => " dos juros",
            (ExplanationStep::CampaignDiscount, Component::FeeDiscount) => " dos honorários",
            _ => "",
        }
    }
}

fn price(base: &str, rate: &str, payments: u16, advance: bool) -> String {
    let first = if advance {
        format!(" ÷ (1 + {rate})")
    } else {
        String::new()
    };
    format!("{base} × {rate} ÷ (1 − (1 + {rate})^−{payments}){first}")
}

fn counted(number: i32, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn plain(value: Decimal) -> String {
    value.normalize().to_string().replace('.', ",")
}
