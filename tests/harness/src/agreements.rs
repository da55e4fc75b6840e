//! Agreements to be saved, in a few words.

use jiff::civil::{Date, date};
use ponte::agreement::{AgreementKind, NewAgreement, Start};
use ponte::calculation::{
    CalculationSettings, Campaign, Correction, Debt, Discounts, Payment, Periodicity, PlanInterest,
    PlanRequest, Planned, Request, plan,
};
use ponte::ids::{AgreementId, BillId, CreditorId, InstallmentId};
use ponte::money::Cents;
use serde_json::json;

use crate::Rig;
use crate::rig::TODAY;

/// An installment to agree on: bill, installment, due date, open balance.
pub type Owed = (BillId, InstallmentId, Date, Cents);

/// A monthly plan without interest whose first row is due a month after the tests begin.
pub fn monthly(installments: u16) -> PlanRequest {
    PlanRequest {
        installments,
        interest: PlanInterest::None,
        down_payment: Cents::ZERO,
        first_due: date(2026, 12, 21),
        periodicity: Periodicity::Monthly,
        due_day: None,
        business_days_only: false,
    }
}

/// The installments' balances, quoted without charges on a day, and their plan.
pub fn planned(owed: &[Owed], on: Date, asked: &PlanRequest) -> Planned {
    let debts = owed
        .iter()
        .map(|(bill, installment, due_on, balance)| Debt {
            bill: *bill,
            installment: *installment,
            due_on: *due_on,
            original: *balance,
            enterprise: None,
            document_type: None,
            condition: "PM".to_owned(),
            correction: Correction::None,
            sienge: None,
            partly_paid: false,
            late_terms: None,
        });
    let debts: Vec<Debt> = debts.collect();
    let campaign: Campaign = serde_json::from_value(json!({
        "id": "padrao", "name": "Padrão", "creditor": 1, "validFrom": "2020-01-01", "active": true,
        "tiers": [{"fromDays": -9999, "toDays": 9999, "charges": {"fine": "0", "interest": "0", "fee": "0"}}],
        "planTiers": [{"fromDays": -9999, "toDays": 9999, "fromInstallments": 2, "toInstallments": 180, "interest": "1",
            "downPayment": {"allowed": true, "minimum": {"percent": "0"}}}],
    }))
    .unwrap();
    let settings = CalculationSettings {
        fees: Some(false),
        ..CalculationSettings::default()
    };
    let request = Request {
        debts: &debts,
        campaign: &campaign,
        settings: &settings,
        annual_correction: false,
        business_date: on,
        on,
        payment: Payment::Cash,
        discounts: Discounts::default(),
    };
    plan(&request, asked).unwrap()
}

/// An agreement at once, of an id.
pub fn wanted(id: &str, kind: AgreementKind, owed: &[Owed], asked: PlanRequest) -> NewAgreement {
    NewAgreement {
        id: AgreementId::parse(id).unwrap(),
        content: format!("{kind:?} {owed:?} {asked:?}"),
        creditor: CreditorId(1),
        campaign: "padrao".to_owned(),
        kind,
        via_portal: false,
        operator: "operador-7".to_owned(),
        actor: "key:a0b1c2d3e4f50617".to_owned(),
        notes: String::new(),
        public_notes: String::new(),
        planned: planned(owed, TODAY, &asked),
        asked,
        indexer: None,
        start: Start::Now,
    }
}

impl Rig {
    /// What is owed of some installments of a bill in Sienge.
    pub fn owed(&self, bill: u32, installments: &[u32]) -> Vec<Owed> {
        self.sienge.with_world(|world| {
            let rows = installments
                .iter()
                .map(|id| world.bills[&bill].installment(*id).unwrap());
            let owed = rows.map(|row| {
                let id = InstallmentId(i64::from(row.id));
                (
                    BillId(i64::from(bill)),
                    id,
                    row.due,
                    Cents::new(row.balance.0),
                )
            });
            owed.collect()
        })
    }

    /// One of the newest bills of company 1 with an open installment more than wanted, and those wanted, all of one indexer.
    pub fn to_agree_on(&self, place: usize, installments: usize) -> (u32, Vec<u32>) {
        let (bill, open) = self
            .contracts(&[1], installments + 1)
            .into_iter()
            .nth_back(place)
            .unwrap();
        let same: Vec<u32> = self.sienge.with_world(|world| {
            let bill = &world.bills[&bill];
            let indexer = bill.installment(open[0]).unwrap().indexer;
            let same = open
                .iter()
                .filter(|id| bill.installment(**id).unwrap().indexer == indexer);
            same.copied().take(installments).collect()
        });
        assert_eq!(
            same.len(),
            installments,
            "the bill has enough installments of one indexer"
        );
        (bill, same)
    }

    /// What the bill's last remake generated, in Sienge.
    pub fn generated(&self, bill: u32) -> Vec<u32> {
        self.sienge.with_world(|world| {
            let last = world.bills[&bill].remakes.last();
            last.map(|remake| remake.generated.clone())
                .unwrap_or_default()
        })
    }

    /// Remakes of a bill in Sienge.
    pub fn remakes(&self, bill: u32) -> usize {
        self.sienge
            .with_world(|world| world.bills[&bill].remakes.len())
    }
}
