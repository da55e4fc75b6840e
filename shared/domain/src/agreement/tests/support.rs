//! A bill as held, and an agreement on it, built in a few words.

use crate::ids::AgreementId;
use std::collections::BTreeMap;

use jiff::Span;
use jiff::civil::{Date, date};

use crate::agreement::*;
use crate::calculation::{
    CalculationSettings, Campaign, Correction, Debt, Discounts, Payment, Periodicity, PlanInterest,
    PlanRequest, Planned, Request, plan,
};
use crate::calendar::{HolidayRules, Timestamp};
use crate::ids::{BillId, CreditorId, CustomerId, InstallmentId, TenantId};
use crate::money::Cents;
use crate::portfolio::{
    Contract, ContractKey, ContractState, HeldBill, Installment, InstallmentState, Receipt,
    ReturnReason,
};
use crate::settings::TenantSettings;

pub const CREDITOR: CreditorId = CreditorId(1);
pub const BILL: BillId = BillId(295);

pub fn today() -> Date {
    date(2026, 11, 20)
}

pub fn now() -> Timestamp {
    "2026-11-20T15:00:00Z".parse().unwrap()
}

pub fn tenant() -> TenantId {
    TenantId::parse("617").unwrap()
}

pub fn cents(text: &str) -> Cents {
    Cents::try_from(text.to_owned()).unwrap()
}

pub fn key(bill: BillId) -> ContractKey {
    ContractKey {
        bill,
        document_type: "CT".into(),
        customer: CustomerId(41),
    }
}

pub fn ids(list: &[i64]) -> Vec<InstallmentId> {
    list.iter().copied().map(InstallmentId).collect()
}

pub fn installment(bill: BillId, id: i64) -> Installment {
    let months = i32::try_from(id - 1).unwrap();
    Installment {
        contract: key(bill),
        creditor: CreditorId(1),
        id: InstallmentId(id),
        negotiation: 1,
        label: Some(format!("{id}/120")),
        due_on: date(2026, 6, 30).saturating_add(Span::new().months(months)),
        condition: "PM".to_owned(),
        original: cents("1000.00"),
        balance: cents("1000.00"),
        boleto: false,
        receipts: Vec::new(),
        state: InstallmentState::Open,
        revision: 1,
    }
}

/// A bill with installments 1 to `count` of 1,000.00.
pub fn held(bill: BillId, count: i64) -> HeldBill {
    let contract = Contract {
        key: key(bill),
        creditor: CREDITOR,
        number: format!("CT.{bill}"),
        enterprise: None,
        unit: Some("AP 101".to_owned()),
        sales_contract: None,
        issued_on: None,
        negotiation: 1,
        state: ContractState::Open,
        opened: None,
        successor: None,
        revision: 1,
    };
    let mut held = HeldBill::of([contract], (1..=count).map(|id| installment(bill, id)));
    held.version = 1;
    held
}

pub fn row(held: &mut HeldBill, id: i64) -> &mut Installment {
    held.installments_mut()
        .find(|row| row.id == InstallmentId(id))
        .unwrap()
}

pub fn close(held: &mut HeldBill, id: i64, reason: ReturnReason, on: Date) {
    let row = row(held, id);
    row.state = InstallmentState::Closed { reason, on };
    row.revision += 1;
    if reason == ReturnReason::Receipt {
        row.receipts.push(Receipt {
            paid_on: on,
            kind: "Recebimento".into(),
            net: row.original,
            gross: row.original,
        });
    }
}

pub fn reopen(held: &mut HeldBill, id: i64) {
    let row = row(held, id);
    row.state = InstallmentState::Open;
    row.receipts.clear();
    row.revision += 1;
}

pub fn bills(held: &[(BillId, &HeldBill)]) -> BTreeMap<BillId, HeldBill> {
    held.iter()
        .map(|(bill, held)| (*bill, (*held).clone()))
        .collect()
}

pub fn asked(installments: u16) -> PlanRequest {
    PlanRequest {
        installments,
        interest: PlanInterest::None,
        down_payment: Cents::ZERO,
        first_due: date(2026, 12, 20),
        periodicity: Periodicity::Monthly,
        due_day: None,
        business_days_only: false,
    }
}

/// A campaign with 2% fine, 1% interest and plans at 2%; half of the charges may be discounted.
pub fn campaign() -> Campaign {
    serde_json::from_value(serde_json::json!({
        "id": "padrao", "name": "Padrão", "creditor": 1, "validFrom": "2026-01-01", "active": true,
        "tiers": [{"fromDays": -9999, "toDays": 9999, "charges": {"fine": "2", "interest": "1", "fee": "10"},
            "maximumDiscounts": {"principal": "10", "fine": "50", "interest": "50", "fee": "0"}}],
        "planTiers": [{"fromDays": -9999, "toDays": 9999, "fromInstallments": 2, "toInstallments": 180, "interest": "2",
            "downPayment": {"allowed": true, "minimum": {"percent": "0"}},
            "maximumDiscounts": {"principal": "10", "fine": "50", "interest": "50", "fee": "0"}}],
    }))
    .unwrap()
}

pub fn planned(keys: &[(BillId, i64)], asked: &PlanRequest, discounts: Discounts) -> Planned {
    let debts: Vec<Debt> = keys
        .iter()
        .map(|(bill, id)| Debt {
            bill: *bill,
            installment: InstallmentId(*id),
            due_on: installment(*bill, *id).due_on,
            original: cents("1000.00"),
            enterprise: None,
            document_type: None,
            condition: "PM".to_owned(),
            correction: Correction::None,
            sienge: None,
            partly_paid: false,
            late_terms: None,
        })
        .collect();
    let campaign = campaign();
    let settings = CalculationSettings {
        fees: Some(true),
        ..CalculationSettings::default()
    };
    let request = Request {
        debts: &debts,
        campaign: &campaign,
        settings: &settings,
        annual_correction: false,
        business_date: today(),
        on: today(),
        payment: Payment::Cash,
        discounts,
    };
    plan(&request, asked).unwrap()
}

pub fn wanted(kind: AgreementKind, keys: &[(BillId, i64)], asked: PlanRequest) -> NewAgreement {
    NewAgreement {
        id: AgreementId::parse("a1").unwrap(),
        content: "pedido-1".to_owned(),
        creditor: CREDITOR,
        campaign: "padrao".to_owned(),
        kind,
        via_portal: false,
        operator: "operador-7".to_owned(),
        actor: "key:a0b1c2d3e4f50617".to_owned(),
        notes: "combinado por telefone".to_owned(),
        public_notes: "pague até o vencimento".to_owned(),
        planned: planned(keys, &asked, Discounts::default()),
        asked,
        indexer: Some(8),
        start: Start::Now,
    }
}

/// The tenant's settings.
pub fn settings() -> TenantSettings {
    serde_json::from_value(serde_json::json!({
        "siengeBaseUrl": "http://127.0.0.1", "subdomain": "obra", "retroactiveIndexBases": "8-2",
        "settlementClasses": {"Dação em pagamento": "pays"},
    }))
    .unwrap()
}

pub fn drafted(
    new: &NewAgreement,
    bills: &BTreeMap<BillId, HeldBill>,
) -> Result<Transition, DraftError> {
    let tenant_settings = settings();
    let terms = Terms {
        settings: &AgreementSettings::default(),
        classes: &tenant_settings.settlement_classes,
        index_bases: &tenant_settings.retroactive_index_bases,
    };
    draft(&tenant(), new, bills, terms, today(), now())
}

/// An agreement on installments 1 and 2 of three.
pub fn agreement(kind: AgreementKind, installments: u16) -> Agreement {
    let new = wanted(kind, &[(BILL, 1), (BILL, 2)], asked(installments));
    drafted(&new, &bills(&[(BILL, &held(BILL, 3))]))
        .unwrap()
        .agreement
}

pub fn step(agreement: &Agreement, step: &AgreementAction) -> Transition {
    transition(agreement, step, &AgreementSettings::default(), today()).unwrap()
}

/// An integrated agreement that Sienge confirmed: originals 1 and 2, generated 4 and 5.
pub fn integrated() -> Agreement {
    let agreement = agreement(AgreementKind::Integrated, 2);
    let generated = ids(&[4, 5]);
    step(&agreement, &AgreementAction::ErpDone { generated }).agreement
}

/// The bill after the remake: 1 and 2 closed by it, 3 untouched, 4 and 5 generated.
pub fn remade() -> HeldBill {
    let mut held = held(BILL, 5);
    for id in [1, 2] {
        close(&mut held, id, ReturnReason::Agreement, today());
    }
    held
}

pub fn reviewed(agreement: &Agreement, held: &HeldBill, on: Date) -> Option<AgreementAction> {
    let (settings, holidays) = (AgreementSettings::default(), HolidayRules::default());
    review(
        agreement,
        BILL,
        held,
        &settings,
        &self::settings().settlement_classes,
        &holidays,
        on,
    )
}
