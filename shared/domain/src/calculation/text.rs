//! Portuguese text of an explanation's line, produced from the line alone, as a person would key it into a calculator.

use super::{Component, Line, Operation, Step};
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
            Step::Original => "Valor original",
            Step::SiengeCorrection => "Correção monetária do Sienge (valor corrigido − original)",
            Step::IndexCorrection => "Correção monetária pelo índice",
            Step::AnnualCorrectionOff => "Correção anual não aplicada (parâmetro desligado)",
            Step::ProRata => "Indexador pró-rata",
            Step::LateInterest => "Juros de mora",
            Step::Fine => "Multa",
            Step::InterestOnFine => "Juros de mora sobre original + multa",
            Step::SiengeCharges => "Encargos informados pelo Sienge",
            Step::SiengeDifference => "Diferença para os encargos informados pelo Sienge",
            Step::Fee => "Honorários sobre o valor atualizado",
            Step::FeeTotal => "Honorários sobre o total atualizado",
            Step::FeeResidue => {
                "Ajuste de arredondamento dos honorários (total − soma das parcelas)"
            }
            Step::CampaignDiscount => "Desconto da campanha",
            Step::SharedDiscount => "Parte do desconto da campanha",
            Step::SharedCent => "Centavo que sobra da divisão do desconto",
            Step::LimitedDiscount => "Desconto limitado ao que resta do principal",
            Step::SiengeAnticipation => "Deságio do Sienge (valor − valor presente)",
            Step::ComputedAnticipation => "Deságio por antecipação",
            Step::MaximumPrincipalDiscount => "Desconto máximo do principal",
            Step::MaximumFineDiscount => "Desconto máximo da multa",
            Step::MaximumInterestDiscount => "Desconto máximo dos juros",
            Step::MaximumFeeDiscount => "Desconto máximo dos honorários",
            Step::Remittance => "Repasse",
            Step::Financed => "Valor a parcelar (total − entrada)",
            Step::DownPayment => "Entrada",
            Step::InstallmentValue => "Valor da parcela",
            Step::PlanTotal => "Total do parcelamento",
            Step::Installments => "Parcelas",
            Step::PlanResidue => {
                "Ajuste de arredondamento do parcelamento (total − soma das parcelas)"
            }
            Step::Imputation => match self.component {
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
            (Step::CampaignDiscount, Component::PrincipalDiscount)
            | (_, Component::PrincipalRemittance) => " do principal",
            (Step::CampaignDiscount, Component::FineDiscount) | (_, Component::FineRemittance) => {
                " da multa"
            }
            (Step::CampaignDiscount, Component::InterestDiscount)
            | (_, Component::InterestRemittance) => " dos juros",
            (Step::CampaignDiscount, Component::FeeDiscount) => " dos honorários",
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
