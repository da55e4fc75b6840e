//! A bill in Sienge and ours, built in a few words.

use crate::ids::{BillId, CreditorId, CustomerId, EnterpriseId, InstallmentId, SalesContractId};
use std::collections::BTreeMap;

use jiff::civil::date;

use crate::calendar::Date;
use crate::money::Cents;
use crate::portfolio::*;
use crate::settings::{CreditorSettings, TenantSettings};

pub const BILL: BillId = BillId(295);

pub fn today() -> Date {
    date(2021, 11, 19)
}

/// What Sienge says of the bill, editable.
#[derive(Debug, Clone)]
pub struct Sienge {
    pub header: ObservedBill,
    pub rows: BTreeMap<i64, ObservedInstallment>,
    pub boletos: BTreeMap<InstallmentId, bool>,
}

impl Sienge {
    /// A sales contract with `count` installments of 1,000.00, due monthly from 2021-06-30.
    pub fn with(count: i64) -> Self {
        let mut sienge = Self {
            header: ObservedBill {
                creditor: CreditorId(1),
                customer: CustomerId(10),
                document_type: "CT".into(),
                number: Some("CT.295".into()),
                enterprise: Some(Some(EnterpriseId(7))),
                unit: Some("AP 101".into()),
                sales_contract: Some(SalesContractId(95)),
                issued_on: Some(date(2021, 1, 5)),
                cancelled_on: None,
            },
            rows: BTreeMap::new(),
            boletos: BTreeMap::new(),
        };
        for id in 1..=count {
            sienge.add(id, Cents::new(100_000));
        }
        sienge
    }

    pub fn add(&mut self, id: i64, amount: Cents) -> &mut ObservedInstallment {
        let month = i32::try_from(id - 1).unwrap();
        let due_on = date(2021, 6, 30).saturating_add(jiff::Span::new().months(month));
        self.rows.insert(
            id,
            ObservedInstallment {
                id: InstallmentId(id),
                label: Some(format!("{id}/120")),
                due_on,
                condition: "PM".into(),
                original: amount,
                balance: amount,
                receipts: Vec::new(),
            },
        );
        self.row(id)
    }

    pub fn row(&mut self, id: i64) -> &mut ObservedInstallment {
        self.rows.get_mut(&id).unwrap()
    }

    /// Writes a receipt and leaves a balance.
    pub fn receive(&mut self, id: i64, kind: &str, net: Cents, balance: Cents) {
        self.receive_on(id, kind, net, balance, today());
    }

    pub fn receive_on(&mut self, id: i64, kind: &str, net: Cents, balance: Cents, on: Date) {
        let row = self.row(id);
        row.receipts.push(receipt(kind, net, on));
        row.balance = balance;
    }

    pub fn says(&self, coverage: Coverage) -> Observation {
        Observation {
            bill: BILL,
            header: Some(self.header.clone()),
            installments: self.rows.values().cloned().collect(),
            unread: BTreeMap::new(),
            gap: None,
            boletos: self.boletos.clone(),
            coverage,
        }
    }

    /// Only some rows.
    pub fn shows(&self, ids: &[i64]) -> Observation {
        let mut seen = self.says(Coverage::Rows);
        seen.installments.retain(|row| ids.contains(&row.id.0));
        seen
    }
}

pub fn receipt(kind: &str, net: Cents, on: Date) -> Receipt {
    Receipt {
        paid_on: on,
        kind: kind.into(),
        net,
        gross: net,
    }
}

/// The settings of a tenant and a creditor, editable.
#[derive(Debug, Clone)]
pub struct Settings {
    pub tenant: TenantSettings,
    pub creditor: CreditorSettings,
}

impl Settings {
    pub fn policy(&self) -> Policy<'_> {
        self.tenant.policy(Some(&self.creditor))
    }
}

pub fn settings() -> Settings {
    Settings {
        tenant: serde_json::from_str(
            r#"{"siengeBaseUrl": "http://127.0.0.1/demo/public/api", "subdomain": "demo"}"#,
        )
        .unwrap(),
        creditor: CreditorSettings::new(CreditorId(1)),
    }
}

/// What we hold, with the settings, and every event told so far.
#[derive(Debug, Clone)]
pub struct Ours {
    pub held: HeldBill,
    pub settings: Settings,
    pub told: Vec<TimelineEvent>,
}

impl Ours {
    pub fn new() -> Self {
        Self {
            held: HeldBill::default(),
            settings: settings(),
            told: Vec::new(),
        }
    }

    /// After a first reconciliation.
    pub fn of(sienge: &Sienge) -> Self {
        let mut ours = Self::new();
        ours.take(
            &sienge.says(Coverage::WholeConfirmed),
            Scope::Reconciliation,
        );
        ours
    }

    pub fn compare(&self, seen: &Observation, scope: Scope) -> Outcome {
        compare(&self.held, seen, scope, &self.settings.policy(), today())
    }

    /// Compares, checks what holds of every outcome, applies.
    pub fn take(&mut self, seen: &Observation, scope: Scope) -> Outcome {
        let outcome = self.compare(seen, scope);
        check(&self.held, &outcome);
        apply(&mut self.held, &outcome);
        self.told.extend(outcome.events.iter().cloned());
        let again = self.compare(seen, scope);
        assert_eq!(
            (&again.changes, &again.events),
            (&vec![], &vec![]),
            "comparing again changes nothing"
        );
        outcome
    }

    pub fn sync(&mut self, sienge: &Sienge) -> Outcome {
        self.take(&sienge.says(Coverage::WholeConfirmed), Scope::Sync)
    }

    pub fn reconcile(&mut self, sienge: &Sienge) -> Outcome {
        self.take(
            &sienge.says(Coverage::WholeConfirmed),
            Scope::Reconciliation,
        )
    }

    pub fn installment(&self, id: i64) -> &Installment {
        self.held
            .installments_with_id(InstallmentId(id))
            .next()
            .unwrap()
    }

    pub fn contract(&self) -> &Contract {
        assert_eq!(self.held.contracts().count(), 1);
        self.held.contracts().next().unwrap()
    }

    pub fn open(&self) -> Vec<i64> {
        let mut ids: Vec<i64> = self
            .held
            .installments()
            .filter(|held| held.is_open())
            .map(|held| held.id.0)
            .collect();
        ids.sort_unstable();
        ids
    }
}

/// What holds of every outcome.
pub fn check(held: &HeldBill, outcome: &Outcome) {
    let mut keys = std::collections::BTreeSet::new();
    for change in &outcome.changes {
        match change {
            Change::Contract(contract) => {
                assert!(
                    keys.insert((contract.key.clone(), None)),
                    "one change per contract"
                );
                assert_ne!(
                    held.contract(&contract.key),
                    Some(contract),
                    "a change changes"
                );
            }
            Change::Installment(_, installment) => {
                let (contract, id) = (&installment.contract, installment.id);
                let before = held.installment(contract, id);
                assert!(
                    keys.insert((contract.clone(), Some(id))),
                    "one change per installment"
                );
                assert_eq!(
                    installment.revision,
                    before.map_or(0, |before| before.revision) + 1
                );
            }
        }
    }
    let ids: std::collections::BTreeSet<&str> = outcome
        .events
        .iter()
        .map(|event| event.id.as_str())
        .collect();
    assert_eq!(ids.len(), outcome.events.len(), "each event has its own id");
    for event in &outcome.events {
        assert_eq!(event.installments.len(), event.revisions.len());
    }
}

/// The outcome's actions by installment, as `1 Included`.
pub fn actions(outcome: &Outcome) -> Vec<String> {
    outcome
        .changes
        .iter()
        .filter_map(|change| match change {
            Change::Installment(action, installment) => {
                Some(format!("{} {action:?}", installment.id))
            }
            Change::Contract(_) => None,
        })
        .collect()
}

/// The events' texts, one block each.
pub fn texts(outcome: &Outcome) -> String {
    let texts: Vec<String> = outcome.events.iter().map(TimelineEvent::text).collect();
    texts.join("\n---\n")
}

pub fn closed(reason: ReturnReason) -> InstallmentState {
    InstallmentState::Closed {
        reason,
        on: today(),
    }
}

/// (settlement, paid, amortised, balance, total) of the direct payments told.
pub fn payments(outcome: &Outcome) -> Vec<(String, Cents, Cents, Cents, bool)> {
    let of = |event: &TimelineEvent| match &event.kind {
        EventKind::DirectPayment {
            settlement,
            paid,
            amortised,
            balance,
            total,
            ..
        } => Some((settlement.to_string(), *paid, *amortised, *balance, *total)),
        _ => None,
    };
    outcome.events.iter().filter_map(of).collect()
}

pub fn reversals(outcome: &Outcome) -> Vec<(String, Cents, Cents)> {
    let of = |event: &TimelineEvent| match &event.kind {
        EventKind::PaymentReversed {
            settlement,
            reversed,
            balance,
            ..
        } => Some((settlement.to_string(), *reversed, *balance)),
        _ => None,
    };
    outcome.events.iter().filter_map(of).collect()
}
