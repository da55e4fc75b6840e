//! What people read.

use crate::money::{Cents, Rate};
use jiff::civil::date;

use super::support::*;
use crate::calculation::*;

fn texts<'a>(lines: impl IntoIterator<Item = &'a Line>) -> String {
    lines
        .into_iter()
        .map(Line::text)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_first_row_of_the_example_in_words() {
    let (debts, mut campaign, settings) = (integrated(), campaign(), settings());
    campaign.tiers[0].maximum_discounts.interest = rate("50");
    campaign.tiers[0].remittance.principal = rate("100");
    let request = Request {
        discounts: Discounts {
            interest: Some(Portion::Percent(rate("10"))),
            ..Discounts::default()
        },
        ..request(&debts, &campaign, &settings)
    };
    insta::assert_snapshot!(texts(proved(&request).lines_of(key(1))), @"
    Valor original: 1.000,00
    Indexador pró-rata: 1.000,00 × 0,54% ÷ 30 × 142 dias = 25,56
    Juros de mora: 1.025,56 × 1% ÷ 30 × 142 dias = 48,54
    Multa: 1.074,10 × 2% = 21,48
    Honorários sobre o valor atualizado: 1.095,58 × 10% = 109,56
    Ajuste de arredondamento dos honorários (total − soma das parcelas): 1.556,07 − 1.556,08 = -0,01
    Desconto máximo dos juros: 95,58 × 50% = 47,79
    Desconto da campanha: 95,58 × 10% dos juros = 9,56
    Repasse: 1.000,00 × 100% do principal = 1.000,00
    ");
}

#[test]
fn the_fees_total_in_words() {
    let (debts, campaign, settings) = (integrated(), campaign(), settings());
    let quote = proved(&request(&debts, &campaign, &settings));
    insta::assert_snapshot!(texts(quote.explanation.iter().filter(|line| line.of.is_none())), @"Honorários sobre o total atualizado: 15.560,78 × 10% = 1.556,07 (centavos truncados)");
}

#[test]
fn internal_correction_anticipation_and_shares_in_words() {
    let mut late = debt(1, date(2021, 6, 30), "1000.00");
    late.correction = Correction::Index {
        base_index: decimal("518.816"),
        index: decimal("521.638"),
        annual: false,
    };
    let mut annual = debt(2, date(2021, 11, 19), "500.00");
    annual.correction = Correction::Index {
        base_index: decimal("100"),
        index: decimal("110"),
        annual: true,
    };
    let debts = [late, annual, debt(3, date(2022, 1, 30), "1000.00")];
    let mut campaign = campaign();
    campaign.tiers[0].maximum_discounts.principal = Rate::WHOLE;
    let settings = CalculationSettings {
        interest_on_fine: true,
        fees: Some(false),
        anticipation: serde_json::from_str(r#"{"annualRate":"12"}"#).unwrap(),
        ..settings()
    };
    let request = Request {
        discounts: Discounts {
            principal: Some(Portion::Amount(cents("100.00"))),
            ..Discounts::default()
        },
        ..request(&debts, &campaign, &settings)
    };
    insta::assert_snapshot!(texts(&proved(&request).explanation), @"
    Valor original: 1.000,00
    Correção monetária pelo índice: 1.000,00 × 521,638 ÷ 518,816 − 1.000,00 = 5,44
    Multa: 1.000,00 × 2% = 20,00
    Juros de mora sobre original + multa: 1.020,00 × 1% ÷ 30 × 142 dias = 48,28
    Valor original: 500,00
    Correção anual não aplicada (parâmetro desligado): 0,00
    Valor original: 1.000,00
    Deságio por antecipação: 1.000,00 − 1.000,00 ÷ (1 + 0,9489%)^2 = 18,71
    Desconto máximo do principal: 1.005,44 × 100% = 1.005,44
    Desconto máximo do principal: 500,00 × 100% = 500,00
    Desconto máximo do principal: 1.000,00 × 100% = 1.000,00
    Desconto limitado ao que resta do principal: o menor entre 1.000,00 e 981,29 = 981,29
    Parte do desconto da campanha: 100,00 × 1.005,44 ÷ 2.486,73 = 40,43 (centavos truncados)
    Centavo que sobra da divisão do desconto: 0,01
    Parte do desconto da campanha: 100,00 × 500,00 ÷ 2.486,73 = 20,10 (centavos truncados)
    Parte do desconto da campanha: 100,00 × 981,29 ÷ 2.486,73 = 39,46 (centavos truncados)
    ");
}

#[test]
fn a_plan_and_a_payment_in_words() {
    let (debts, campaign, settings) = (integrated(), campaign(), settings());
    let asked = PlanRequest {
        installments: 12,
        interest: PlanInterest::Price,
        down_payment: cents("1000.00"),
        first_due: date(2021, 12, 20),
        periodicity: Periodicity::Monthly,
        due_day: None,
        business_days_only: false,
    };
    let request = request(&debts, &campaign, &settings);
    let planned = plan(&request, &asked).unwrap();
    insta::assert_snapshot!(texts(&planned.plan.explanation), @"
    Entrada: 1.000,00
    Valor a parcelar (total − entrada): 17.116,85 − 1.000,00 = 16.116,85
    Valor da parcela: 16.116,85 × 2% ÷ (1 − (1 + 2%)^−12) = 1.524,00
    Total do parcelamento: 12 × 16.116,85 × 2% ÷ (1 − (1 + 2%)^−12) = 18.288,03
    Parcelas: 12 × 1.524,00 = 18.288,00
    Ajuste de arredondamento do parcelamento (total − soma das parcelas): 18.288,03 − 18.288,00 = 0,03
    ");
    let without_interest = PlanRequest {
        interest: PlanInterest::None,
        down_payment: Cents::ZERO,
        ..asked
    };
    insta::assert_snapshot!(texts(&plan(&request, &without_interest).unwrap().plan.explanation), @"
    Valor da parcela: 17.116,85 ÷ 12 = 1.426,40
    Total do parcelamento: 17.116,85 sem juros = 17.116,85
    Parcelas: 12 × 1.426,40 = 17.116,80
    Ajuste de arredondamento do parcelamento (total − soma das parcelas): 17.116,85 − 17.116,80 = 0,05
    ");
    let paid = impute(
        &planned.quote.amounts,
        cents("1500.00"),
        ImputationOrder::ChargesFirst,
    )
    .unwrap();
    insta::assert_snapshot!(texts(&paid.explanation), @"
    Pagamento dos honorários: o menor entre 1.500,00 e 109,55 = 109,55
    Pagamento dos juros: o menor entre 1.390,45 e 95,58 = 95,58
    Amortização do principal: o menor entre 1.294,87 e 1.000,00 = 1.000,00
    Pagamento dos honorários: o menor entre 294,87 e 107,94 = 107,94
    Pagamento dos juros: o menor entre 186,93 e 79,42 = 79,42
    Amortização do principal: o menor entre 107,51 e 1.000,00 = 107,51
    ");
}

#[test]
fn warnings_in_words() {
    let of = key(1);
    let differs = |cause| Warning::SiengeDiffers {
        of,
        ours: cents("96.98"),
        sienge: cents("95.58"),
        cause,
    };
    let warnings = [
        Warning::FineAboveTwoPercent { rate: rate("2.5") },
        Warning::FeesWithoutSwitch,
        Warning::SiengeNotConsulted { of },
        differs(Cause::Days {
            shown: 142,
            charged: 140,
        }),
        differs(Cause::ProRata { rate: rate("0.54") }),
        differs(Cause::DailyValue {
            value: cents("0.33"),
        }),
        differs(Cause::PartlyPaid),
        differs(Cause::Rounding),
        differs(Cause::Unknown),
        Warning::SiengeDoesNotAdd {
            of,
            current: cents("1090.00"),
            expected: cents("1095.58"),
        },
    ];
    let words: Vec<String> = warnings.iter().map(Warning::text).collect();
    insta::assert_snapshot!(words.join("\n"), @r#"
    Multa de 2,5% acima de 2%: em contratos de consumo o limite é 2% (CDC, art. 52, § 1º).
    Honorários cobrados sem a confirmação do credor de que o contrato os prevê: preencha "fees" nas configurações do credor.
    Parcela 1 do título 295: encargos estimados pela fórmula do Sienge, sem consulta ao saldo devedor presente.
    Parcela 1 do título 295: o Sienge informa R$ 95,58 de encargos e o cálculo próprio dá R$ 96,98. Causa provável: dias cobrados (140) diferentes dos dias de atraso exibidos (142); confira o calendário do credor.
    Parcela 1 do título 295: o Sienge informa R$ 95,58 de encargos e o cálculo próprio dá R$ 96,98. Causa provável: indexador pró-rata de 0,54% ao mês no título; preencha "proRata" nas configurações do credor.
    Parcela 1 do título 295: o Sienge informa R$ 95,58 de encargos e o cálculo próprio dá R$ 96,98. Causa provável: o título cobra mora por valor diário (R$ 0,33 ao dia), e não por percentual; vale o valor do Sienge.
    Parcela 1 do título 295: o Sienge informa R$ 95,58 de encargos e o cálculo próprio dá R$ 96,98. Causa provável: parcela paga em parte; o Sienge cobra, até o pagamento, os encargos sobre o saldo de então. Vale o valor do Sienge.
    Parcela 1 do título 295: o Sienge informa R$ 95,58 de encargos e o cálculo próprio dá R$ 96,98. Causa provável: arredondamento.
    Parcela 1 do título 295: o Sienge informa R$ 95,58 de encargos e o cálculo próprio dá R$ 96,98. Causa não identificada; vale o valor do Sienge.
    Parcela 1 do título 295: o saldo presente do Sienge (R$ 1.090,00) não é a soma do valor corrigido e dos encargos (R$ 1.095,58).
    "#);
}

#[test]
fn a_line_is_json_a_client_can_recompute() {
    let (debts, campaign, settings) = (integrated(), campaign(), settings());
    let quote = proved(&request(&debts, &campaign, &settings));
    insta::assert_snapshot!(serde_json::to_string(&quote.explanation[1]).unwrap(), @r#"{"of":{"bill":295,"installment":1},"component":"interest","step":"proRata","base":"1000.00","operation":"daily","rate":"0.54","days":142,"rounding":"halfUp","result":"25.56"}"#);
    insta::assert_snapshot!(serde_json::to_string(&quote.amounts.rows[0]).unwrap(), @r#"{"bill":295,"installment":1,"dueOn":"2021-06-30","daysLate":142,"daysCharged":142,"mode":"integrated","original":"1000.00","correction":"0.00","fine":"0.00","interest":"95.58","updated":"1095.58","fee":"109.55","gross":"1205.13","discounts":{"principal":"0.00","fine":"0.00","interest":"0.00","fee":"0.00"},"anticipation":"0.00","discount":"0.00","total":"1205.13","maximumDiscount":"0.00","minimumTotal":"1205.13","remittance":{"principal":"0.00","fine":"0.00","interest":"0.00"}}"#);
}
