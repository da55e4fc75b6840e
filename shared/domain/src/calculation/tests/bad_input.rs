//! Input nobody should send, and the message a person understands.

use crate::money::Cents;
use jiff::civil::date;

use super::support::*;
use crate::calculation::*;

fn refused(change: impl FnOnce(&mut Vec<Debt>, &mut Campaign, &mut CalculationSettings)) -> String {
    let (mut debts, mut campaign, mut settings) = (internal(), campaign(), settings());
    change(&mut debts, &mut campaign, &mut settings);
    quote(&request(&debts, &campaign, &settings))
        .unwrap_err()
        .to_string()
}

fn plan_refused(change: impl FnOnce(&mut PlanRequest, &mut Campaign)) -> Error {
    let (debts, mut campaign, settings) = (internal(), campaign(), settings());
    let mut asked = PlanRequest {
        installments: 12,
        interest: PlanInterest::Price,
        down_payment: Cents::ZERO,
        first_due: date(2021, 12, 20),
        periodicity: Periodicity::Monthly,
        due_day: None,
        business_days_only: false,
    };
    change(&mut asked, &mut campaign);
    plan(&request(&debts, &campaign, &settings), &asked).unwrap_err()
}

#[test]
fn a_missing_rate_says_which_field_to_fill() {
    assert_eq!(
        refused(|_, campaign, _| campaign.tiers[0].charges.interest = None),
        "taxa ausente: preencha \"campanha Padrão, faixa à vista 1 (-9999 a 9999 dias), juros (charges.interest)\"; nenhuma taxa é presumida (para não \
         cobrar, escreva \"0\")"
    );
    assert!(
        refused(|_, campaign, _| campaign.tiers[0].charges.fine = None)
            .contains("multa (charges.fine)")
    );
    assert!(
        refused(|_, campaign, _| campaign.tiers[0].charges.fee = None)
            .contains("honorários (charges.fee)")
    );
    assert!(
        refused(|debts, _, _| debts[0].late_terms = Some(terms(None)))
            .contains("indexador para pró-rata")
    );
    let told = refused(|debts, _, settings| {
        debts[0].due_on = date(2022, 11, 30);
        settings.anticipation = Some(serde_json::from_str("{}").unwrap());
    });
    assert!(told.contains("annualRate ou monthlyRate"), "{told}");
    assert!(
        plan_refused(|_, campaign| campaign.plan_tiers[0].interest = None)
            .to_string()
            .contains("taxa (interest)")
    );
}

#[test]
fn a_rate_that_is_not_needed_may_be_missing() {
    let (debts, mut campaign, mut settings) = (integrated(), campaign(), settings());
    campaign.tiers[0].charges = Charges::default();
    settings.fees = Some(false);
    let totals = proved(&request(&debts, &campaign, &settings))
        .amounts
        .totals;
    assert_eq!(totals.total, cents("15560.78"));
}

#[test]
fn selections_are_bounded_and_without_repeats() {
    assert_eq!(
        refused(|debts, _, _| debts.clear()),
        "parcelas: nenhuma selecionada; selecione ao menos uma parcela em aberto"
    );
    let told = refused(|debts, _, _| {
        let mut again = debts[0].clone();
        again.due_on = date(2021, 7, 1);
        debts.push(again);
    });
    assert_eq!(
        told,
        "parcelas: a parcela 1 do título 295 foi selecionada duas vezes; selecione-a uma vez"
    );
    let many = (1..=5_001)
        .map(|id| debt(id, date(2021, 6, 30), "1.00"))
        .collect();
    assert_eq!(
        refused(|debts, _, _| *debts = many),
        "parcelas: 5001 selecionadas; selecione no máximo 5000"
    );
}

#[test]
fn amounts_out_of_range_name_the_installment() {
    assert_eq!(
        refused(|debts, _, _| debts[0].original = Cents::ZERO),
        "valor original da parcela 1 do título 295: 0,00 não é aceito; informe um valor entre 0,01 e 1.000.000.000,00"
    );
    assert!(
        refused(|debts, _, _| debts[0].original = Cents::new(i64::MAX)).contains("não é aceito")
    );
    for spoilt in [
        ("-0.01", "0.00", "0.00"),
        ("1.00", "-0.01", "0.00"),
        ("1.00", "0.00", "-0.01"),
    ] {
        let told = refused(|debts, _, _| {
            debts[0].sienge = Some(SiengeBalance {
                adjusted: cents(spoilt.0),
                additional: cents(spoilt.1),
                current: cents(spoilt.2),
            });
        });
        assert!(told.contains("não é aceito"), "{told}");
    }
    let told = refused(|debts, _, _| {
        debts[0].correction = Correction::Index {
            base_index: decimal("0"),
            index: decimal("1"),
            annual: false,
        };
    });
    assert!(told.contains("número-índice 0"), "{told}");
}

#[test]
fn dates_in_the_past_and_far_away_are_refused() {
    let (debts, campaign, settings) = (internal(), campaign(), settings());
    let yesterday = Request {
        on: date(2021, 11, 18),
        ..request(&debts, &campaign, &settings)
    };
    assert_eq!(
        quote(&yesterday).unwrap_err().to_string(),
        "data do cálculo: 18/11/2021 já passou; informe 19/11/2021 ou uma data posterior"
    );
    let far = Request {
        on: date(2022, 11, 21),
        ..yesterday
    };
    assert!(
        quote(&far)
            .unwrap_err()
            .to_string()
            .contains("fora do intervalo")
    );
    assert!(
        refused(|debts, _, _| debts[0].due_on = date(1021, 6, 30))
            .contains("vencimento: 30/06/1021")
    );
    assert!(
        refused(|debts, _, _| debts[0].due_on = date(9999, 12, 31)).contains("fora do intervalo")
    );
    let past = plan_refused(|asked, _| asked.first_due = date(2021, 11, 18));
    assert_eq!(
        past.to_string(),
        "primeiro vencimento: 18/11/2021 já passou; informe 19/11/2021 ou uma data posterior"
    );
    assert_eq!(past.field(), "primeiro vencimento");
    let far = plan_refused(|asked, _| asked.first_due = date(2031, 11, 18));
    assert!(matches!(far, Error::DateOutOfRange { .. }));
}

#[test]
fn a_plan_outside_the_tiers_is_refused_with_the_ranges() {
    let told =
        plan_refused(|_, campaign| campaign.plan_tiers = vec![plan_tier(2, 6), plan_tier(24, 36)])
            .to_string();
    assert_eq!(
        told,
        "campanha \"Padrão\": nenhuma faixa cobre 12 parcelas com 142 dias de atraso; escolha dentro de: 2 a 6 parcelas de -9999 a 9999 dias, 24 a 36 \
         parcelas de -9999 a 9999 dias"
    );
    let told = plan_refused(|_, campaign| campaign.plan_tiers.clear()).to_string();
    assert!(
        told.ends_with("esta campanha só permite pagamento à vista"),
        "{told}"
    );
    assert!(matches!(
        plan_refused(|asked, _| asked.installments = 181),
        Error::NoTier { .. }
    ));
    assert!(matches!(
        plan_refused(|asked, _| asked.installments = 0),
        Error::NoTier { .. }
    ));
}

#[test]
fn down_payments_are_checked_against_the_tier() {
    let down = |amount: &str, rule: DownPaymentRule| {
        plan_refused(|asked, campaign| {
            asked.down_payment = cents(amount);
            campaign.plan_tiers[0].down_payment = rule;
        })
        .to_string()
    };
    let free = DownPaymentRule {
        allowed: true,
        minimum: Portion::default(),
    };
    let tenth = DownPaymentRule {
        minimum: Portion::Percent(rate("10")),
        ..free
    };
    assert_eq!(
        down("100.00", DownPaymentRule::default()),
        "entrada: a faixa da campanha não permite entrada; informe zero"
    );
    assert_eq!(
        down("100.00", tenth),
        "entrada: R$ 100,00 é menos que o mínimo da campanha; informe ao menos R$ 1.701,08"
    );
    assert!(down("0.00", tenth).contains("informe ao menos"));
    assert!(down("17010.76", free).contains("não deixa nada a parcelar"));
    assert!(down("-1.00", free).contains("negativo"));
}

#[test]
fn a_debt_too_small_for_the_plan_is_refused() {
    let (debts, campaign, settings) = (vec![debt(1, on(), "0.80")], campaign(), settings());
    let asked = PlanRequest {
        installments: 120,
        interest: PlanInterest::None,
        down_payment: Cents::ZERO,
        first_due: date(2021, 12, 20),
        periodicity: Periodicity::Weekly,
        due_day: None,
        business_days_only: false,
    };
    let told = plan(&request(&debts, &campaign, &settings), &asked)
        .unwrap_err()
        .to_string();
    assert_eq!(
        told,
        "parcelas: R$ 0,88 é pouco para 120 parcelas; informe menos parcelas"
    );
}

#[test]
fn a_plan_of_ten_thousand_million_is_refused_and_not_computed() {
    let debts: Vec<Debt> = (1..=5_000)
        .map(|id| debt(id, on(), "1000000000.00"))
        .collect();
    let (campaign, settings) = (campaign(), settings());
    let request = request(&debts, &campaign, &settings);
    let asked = PlanRequest {
        installments: 2,
        interest: PlanInterest::Price,
        down_payment: Cents::ZERO,
        first_due: date(2021, 12, 20),
        periodicity: Periodicity::Monthly,
        due_day: None,
        business_days_only: false,
    };
    assert_eq!(plan(&request, &asked).unwrap_err(), Error::TooLarge);
}

#[test]
fn nothing_is_not_a_payment() {
    let (debts, campaign, settings) = (internal(), campaign(), settings());
    let amounts = proved(&request(&debts, &campaign, &settings)).amounts;
    for cash in ["0.00", "-1.00"] {
        let told = impute(&amounts, cents(cash), ImputationOrder::ChargesFirst)
            .unwrap_err()
            .to_string();
        assert!(told.starts_with("valor pago:"), "{told}");
    }
}
