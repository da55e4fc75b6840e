//! Campaigns: their JSON, what saving refuses, and which one a quote gets.

use jiff::civil::date;

use super::support::*;
use crate::calculation::*;
use crate::ids::{CreditorId, EnterpriseId};

fn choose<'a>(campaigns: &'a [Campaign], debts: &[Debt]) -> Result<&'a str, Error> {
    let selection = Selection {
        creditor: CreditorId(999),
        on: on(),
        portal: false,
        debts,
        settings: &settings(),
    };
    select(campaigns, &selection).map(|campaign| campaign.id.as_str())
}

fn named(id: &str) -> Campaign {
    Campaign {
        id: id.to_owned(),
        ..campaign()
    }
}

fn for_enterprise(id: i64) -> Filter {
    Filter {
        enterprises: [EnterpriseId(id)].into(),
        ..Filter::default()
    }
}

fn faults(campaign: &Campaign) -> String {
    campaign.check().unwrap_err().to_string()
}

#[test]
fn a_campaign_is_json_and_back() {
    let json = r#"{"id":"padrao","name":"Padrão","creditor":999,"validFrom":"2021-01-01","validUntil":null,"active":true,"priority":1,"portal":false,
        "tiers":[{"fromDays":-9999,"toDays":9999,"charges":{"fine":"2","interest":"1","fee":"10"},
            "maximumDiscounts":{"principal":"0","fine":"50","interest":"50","fee":"100"},"remittance":{"principal":"100"},
            "filter":{"enterprises":[7],"documentTypes":["ct"],"conditions":["PM"]}}],
        "planTiers":[{"fromDays":-9999,"toDays":9999,"fromInstallments":2,"toInstallments":180,
            "downPayment":{"allowed":true,"minimum":{"percent":"10"}},"interest":"2"}]}"#;
    let read: Campaign = serde_json::from_str(json).unwrap();
    read.check().unwrap();
    assert_eq!(read.tiers[0].charges.interest, Some(rate("1")));
    assert_eq!(
        read.plan_tiers[0].down_payment.minimum,
        Portion::Percent(rate("10"))
    );
    let again: Campaign = serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
    assert_eq!(again, read);
}

#[test]
fn a_misspelt_field_is_not_an_absent_rate() {
    let told = serde_json::from_str::<Charges>(r#"{"intrest":"1"}"#)
        .unwrap_err()
        .to_string();
    assert!(told.contains("intrest"), "{told}");
}

#[test]
fn overlapping_tiers_are_refused_by_name() {
    let mut overlapping = campaign();
    overlapping.tiers = vec![tier(-9999, 30), tier(31, 90), tier(90, 9999)];
    assert_eq!(
        faults(&overlapping),
        "campanha \"Padrão\": faixa à vista 2 (31 a 90 dias) e faixa à vista 3 (90 a 9999 dias) se sobrepõem: ajuste os dias de atraso, o número de \
         parcelas ou os filtros para que nenhuma parcela caia nas duas"
    );
    overlapping.tiers[2].from_days = 91;
    overlapping.check().unwrap();
    overlapping.plan_tiers = vec![plan_tier(2, 12), plan_tier(12, 24)];
    assert!(
        faults(&overlapping)
            .contains("faixa parcelada 1 (-9999 a 9999 dias, 2 a 12 parcelas) e faixa parcelada 2")
    );
}

#[test]
fn filters_separate_tiers_and_the_more_specific_one_wins() {
    let mut filtered = campaign();
    filtered.tiers = vec![
        tier(-9999, 9999),
        Tier {
            filter: for_enterprise(7),
            ..tier(-9999, 9999)
        },
        Tier {
            filter: for_enterprise(8),
            ..tier(-9999, 9999)
        },
    ];
    filtered.check().unwrap();
    let in_seven = Debt {
        enterprise: Some(EnterpriseId(7)),
        ..debt(1, on(), "1.00")
    };
    assert_eq!(filtered.tier(&in_seven, 0), Some(&filtered.tiers[1]));
    assert_eq!(
        filtered.tier(&debt(1, on(), "1.00"), 0),
        Some(&filtered.tiers[0])
    );
    // By enterprise and by condition are equally specific: one installment could match both.
    filtered.tiers[2].filter = Filter {
        conditions: ["PM".to_owned()].into(),
        ..Filter::default()
    };
    assert!(faults(&filtered).contains("faixa à vista 2 (-9999 a 9999 dias) e faixa à vista 3"));
}

#[test]
fn every_fault_is_told_at_once() {
    let mut wrong = campaign();
    wrong.id = String::new();
    wrong.name = " ".to_owned();
    wrong.valid_until = Some(date(2020, 12, 31));
    wrong.tiers = vec![tier(10, 5), tier(-10_000, 4)];
    wrong.plan_tiers = vec![PlanTier {
        down_payment: DownPaymentRule {
            allowed: false,
            minimum: Portion::Percent(rate("10")),
        },
        ..plan_tier(1, 181)
    }];
    insta::assert_snapshot!(faults(&wrong), @r#"campanha " ": id: informe de 1 a 60 caracteres, por exemplo "padrao"; nome: informe de 1 a 120 caracteres; vigência final 31/12/2020 anterior à inicial 01/01/2021: informe uma data a partir desta; faixa à vista 1 (10 a 5 dias): dias de atraso inválidos; informe de -9999 a 9999, em ordem crescente; faixa à vista 2 (-10000 a 4 dias): dias de atraso inválidos; informe de -9999 a 9999, em ordem crescente; faixa parcelada 1 (-9999 a 9999 dias, 1 a 181 parcelas): número de parcelas inválido; informe de 2 a 180, em ordem crescente; faixa parcelada 1 (-9999 a 9999 dias, 1 a 181 parcelas): entrada mínima sem permitir entrada; permita a entrada ou zere o mínimo"#);
    wrong.tiers = Vec::new();
    assert!(faults(&wrong).contains("informe ao menos uma"));
    wrong.tiers = vec![tier(0, 0); MAX_TIERS + 1];
    assert!(faults(&wrong).contains("no máximo 200"));
}

#[test]
fn selection_asks_for_everything_then_priority_then_specificity() {
    let debts = [Debt {
        enterprise: Some(EnterpriseId(7)),
        ..debt(1, date(2021, 6, 30), "1000.00")
    }];
    let mut inactive = named("inativa");
    inactive.active = false;
    let mut expired = named("vencida");
    expired.valid_until = Some(date(2021, 11, 18));
    let mut later = named("futura");
    later.valid_from = date(2021, 11, 20);
    let mut portal = named("portal");
    portal.portal = true;
    let mut foreign = named("de-outro");
    foreign.creditor = CreditorId(1);
    let mut narrow = named("nao-cobre");
    narrow.priority = 99;
    narrow.tiers = vec![tier(0, 30)];
    for campaign in [
        &mut inactive,
        &mut expired,
        &mut later,
        &mut portal,
        &mut foreign,
    ] {
        campaign.priority = 100;
    }
    let general = named("geral");
    let mut specific = named("especifica");
    specific.tiers[0].filter = for_enterprise(7);
    let mut all = vec![
        inactive, expired, later, portal, foreign, narrow, general, specific,
    ];
    assert_eq!(choose(&all, &debts).unwrap(), "especifica");
    all.reverse();
    assert_eq!(choose(&all, &debts).unwrap(), "especifica");
    all.iter_mut()
        .find(|campaign| campaign.id == "geral")
        .unwrap()
        .priority = 2;
    assert_eq!(choose(&all, &debts).unwrap(), "geral");
}

#[test]
fn ties_go_to_the_latest_start_then_the_smallest_id() {
    let debts = internal();
    let mut newer = named("z");
    newer.valid_from = date(2021, 6, 1);
    assert_eq!(choose(&[named("a"), newer], &debts).unwrap(), "z");
    assert_eq!(
        choose(&[named("b"), named("a"), named("c")], &debts).unwrap(),
        "a"
    );
}

#[test]
fn no_campaign_says_what_is_not_covered() {
    let mut narrow = campaign();
    narrow.tiers = vec![tier(0, 100)];
    let told = choose(&[narrow], &internal()).unwrap_err().to_string();
    assert_eq!(
        told,
        "campanha: nenhuma campanha ativa em 19/11/2021 cobre a parcela 1 do título 295 (142 dias de atraso) do credor 999; cadastre ou amplie uma faixa \
         da campanha de cálculo"
    );
    assert!(
        choose(&[], &internal())
            .unwrap_err()
            .to_string()
            .contains("as parcelas selecionadas")
    );
}

#[test]
fn the_outermost_tier_takes_what_lies_beyond() {
    let campaign = campaign();
    for days in [-20_000, 20_000] {
        assert!(campaign.tier(&debt(1, on(), "1.00"), days).is_some());
    }
}
