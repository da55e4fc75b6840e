//! Invented data for the tests: the playbook's contract 295 and small builders.

use crate::money::{Cents, Rate};
use jiff::civil::{Date, date};

use crate::calculation::*;
use crate::ids::{BillId, CreditorId, InstallmentId};
use crate::money::Decimal;

/// Date of the worked example.
pub(super) fn on() -> Date {
    date(2021, 11, 19)
}

pub(super) fn cents(text: &str) -> Cents {
    Cents::try_from(text.to_owned()).unwrap()
}

pub(super) fn rate(text: &str) -> Rate {
    Rate::try_from(text.to_owned()).unwrap()
}

pub(super) fn decimal(text: &str) -> Decimal {
    Decimal::from_str_exact(text).unwrap()
}

pub(super) fn key(installment: i64) -> Key {
    Key {
        bill: BillId(295),
        installment: InstallmentId(installment),
    }
}

pub(super) fn debt(installment: i64, due_on: Date, original: &str) -> Debt {
    Debt {
        bill: BillId(295),
        installment: InstallmentId(installment),
        due_on,
        original: cents(original),
        enterprise: None,
        document_type: None,
        condition: "PM".to_owned(),
        correction: Correction::None,
        sienge: None,
        partly_paid: false,
        late_terms: None,
    }
}

/// Contract 295: installment, due date, original value, additional value.
pub(super) fn contract_295() -> [(i64, Date, &'static str, &'static str); 6] {
    [
        (1, date(2021, 6, 30), "1000.00", "95.58"),
        (2, date(2021, 7, 30), "1000.00", "79.42"),
        (3, date(2021, 8, 30), "1000.00", "62.81"),
        (4, date(2021, 9, 30), "1000.00", "46.34"),
        (5, date(2021, 10, 30), "1000.00", "29.45"),
        (151, date(2021, 11, 10), "10000.00", "247.18"),
    ]
}

/// The bill's late charges in Sienge: 2% fine, 1% a month, 0.54% pro-rata.
pub(super) fn terms(pro_rata: Option<&str>) -> LateTerms {
    LateTerms {
        fine: rate("2"),
        interest: rate("1"),
        pro_rata: pro_rata.map(rate),
    }
}

pub(super) fn sienge(adjusted: &str, additional: &str) -> SiengeBalance {
    let (adjusted, additional) = (cents(adjusted), cents(additional));
    SiengeBalance {
        adjusted,
        additional,
        current: adjusted + additional,
    }
}

/// The contract as Sienge answers it.
pub(super) fn integrated() -> Vec<Debt> {
    let debts = contract_295()
        .into_iter()
        .map(|(id, due, original, additional)| Debt {
            sienge: Some(sienge(original, additional)),
            late_terms: Some(terms(Some("0.54"))),
            ..debt(id, due, original)
        });
    debts.collect()
}

/// The contract without any answer of Sienge's.
pub(super) fn internal() -> Vec<Debt> {
    contract_295()
        .into_iter()
        .map(|(id, due, original, _)| debt(id, due, original))
        .collect()
}

pub(super) fn tier(from_days: i32, to_days: i32) -> Tier {
    Tier {
        from_days,
        to_days,
        charges: Charges {
            fine: Some(rate("2")),
            interest: Some(rate("1")),
            fee: Some(rate("10")),
        },
        maximum_discounts: Components::default(),
        remittance: Remittance::default(),
        filter: Filter::default(),
    }
}

pub(super) fn plan_tier(from_installments: u16, to_installments: u16) -> PlanTier {
    PlanTier {
        from_days: -9999,
        to_days: 9999,
        from_installments,
        to_installments,
        down_payment: DownPaymentRule {
            allowed: true,
            minimum: Portion::default(),
        },
        interest: Some(rate("2")),
        maximum_discounts: Components::default(),
        filter: Filter::default(),
    }
}

pub(super) fn campaign() -> Campaign {
    Campaign {
        id: "padrao".to_owned(),
        name: "Padrão".to_owned(),
        creditor: CreditorId(999),
        valid_from: date(2021, 1, 1),
        valid_until: None,
        active: true,
        priority: 1,
        portal: false,
        tiers: vec![tier(-9999, 9999)],
        plan_tiers: vec![plan_tier(2, 180)],
    }
}

pub(super) fn settings() -> CalculationSettings {
    CalculationSettings {
        fees: Some(true),
        rounding: RoundingRules::COBMAIS,
        ..CalculationSettings::default()
    }
}

/// A cash request on the example's date.
pub(super) fn request<'a>(
    debts: &'a [Debt],
    campaign: &'a Campaign,
    settings: &'a CalculationSettings,
) -> Request<'a> {
    Request {
        debts,
        campaign,
        settings,
        annual_correction: false,
        business_date: on(),
        on: on(),
        payment: Payment::Cash,
        discounts: Discounts::default(),
    }
}

/// Quotes and proves the explanation.
pub(super) fn proved(request: &Request<'_>) -> Quote {
    let quote = quote(request).unwrap();
    verify(&quote).unwrap();
    quote
}
