//! Timeline events: what happened to a contract, in the words of the playbook.

use serde::{Deserialize, Serialize};

use serde_json::{Value, json};

use super::{ContractKey, InstallmentId, Motive, SettlementKind};
use crate::calendar::{self, Date};
use crate::money::{self, Decimal, cents_text};

/// One event of a contract's timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimelineEvent {
    /// Derived from what the event says (contract, kind, installments and their revisions): telling it again yields the same id.
    pub id: String,
    /// The contract.
    pub contract: ContractKey,
    /// Business date.
    pub on: Date,
    /// What happened.
    pub kind: EventKind,
    /// The installments it names, in the order shown.
    pub installments: Vec<InstallmentId>,
    /// The revision each named installment got with what is told, in the same order: by it a repeat after a crash knows
    /// which part of an event already happened.
    pub revisions: Vec<u32>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum EventKind {
    /// The contract entered the portfolio.
    ContractOpened,
    /// `Devolução`, with its motivo.
    Returned {
        /// Why.
        motive: Motive,
    },
    /// `Sincronização de Parcela(s)`: installments included or updated.
    Synchronised,
    /// Returned installments reopened ("Reabre Parcelas Devolvidas").
    Reopened,
    /// `Pagamento Direto`: one receipt on one installment.
    DirectPayment {
        /// Settlement type.
        settlement: SettlementKind,
        /// Day of the payment.
        paid_on: Date,
        /// Original value of the installment.
        original: Decimal,
        /// Net amount paid by this receipt: the cash.
        paid: Decimal,
        /// Principal amortised by it: the balance before less the balance after.
        amortised: Decimal,
        /// Balance left after it (zero when it settled).
        balance: Decimal,
        /// Whether the installment was settled.
        total: bool,
        /// Told by the opening of a customer rather than by the payments task.
        by_sync: bool,
    },
    /// `Estorno`: a receipt was taken back.
    PaymentReversed {
        /// Settlement type of the receipt taken back.
        settlement: SettlementKind,
        /// Day of that payment.
        paid_on: Date,
        /// Its net amount.
        reversed: Decimal,
        /// Balance after the reversal.
        balance: Decimal,
    },
    /// `Contrato cancelado` in Sienge.
    ContractCancelled,
    /// `Cessão de direitos`: told on the old contract (closed) and on the new one (opened).
    RightsAssigned,
    /// The contract has nothing open left.
    ContractFinished,
}

/// What the playbook's screens say under an event that Ponte found by asking Sienge.
const BY_SYNC: &str = "Parcela(s) sincronizada(s) via webservice";
/// What they say under a payment that the payments task brought.
const BY_PAYMENTS: &str = "Recebimento no Sienge";

impl TimelineEvent {
    /// The text operators read, laid out as on the playbook's screens; who shows it adds the author (`AUTO`) and the time.
    #[must_use]
    pub fn text(&self) -> String {
        let bill = self.contract.bill;
        let installments = self.installments_text();
        match &self.kind {
            EventKind::ContractOpened => {
                format!("Abertura de Contrato\nContrato: {bill} Parcela(s): {installments}")
            }
            EventKind::Returned { motive } => self.return_text(*motive),
            EventKind::Synchronised => format!("Sincronização de Parcela(s)\nContrato {bill} Parcela(s): {installments}"),
            EventKind::Reopened => format!("Reabertura de Parcela(s)\nContrato: {bill} Parcela(s): {installments}\n{BY_SYNC}"),
            EventKind::DirectPayment { .. } => self.payment_text(),
            EventKind::PaymentReversed {
                settlement,
                paid_on,
                reversed,
                balance,
            } => format!(
                "Estorno de Pagamento\n{settlement}\nData do pagamento: {}\nContrato: {bill} Parcela: {installments}\nValor estornado: R$ {} Saldo: R$ {}",
                calendar::brazilian(*paid_on),
                money::brazilian(*reversed),
                money::brazilian(*balance),
            ),
            EventKind::ContractCancelled => self.contract_text("Contrato cancelado no Sienge"),
            EventKind::RightsAssigned => self.contract_text("Cessão de direitos"),
            EventKind::ContractFinished => self.contract_text("Contrato finalizado"),
        }
    }

    /// The domain event to publish: its detail type and its detail, with ids and amounts as text and no personal data. `None`
    /// for what other events say already.
    #[must_use]
    pub fn domain_event(&self) -> Option<(&'static str, Value)> {
        let (detail_type, facts) = match &self.kind {
            EventKind::ContractOpened => ("contract.opened", json!({})),
            EventKind::Returned { motive } => ("installment.returned", json!({ "motive": motive.text() })),
            EventKind::Synchronised => ("installment.changed", json!({ "action": "synchronised" })),
            EventKind::Reopened => ("installment.changed", json!({ "action": "reopened" })),
            EventKind::DirectPayment {
                settlement,
                paid_on,
                original,
                paid,
                amortised,
                balance,
                total,
                by_sync: _,
            } => (
                "payment.applied",
                json!({
                    "settlement": settlement.name(), "paidOn": paid_on.to_string(), "original": cents_text(*original), "paid": cents_text(*paid),
                    "amortised": cents_text(*amortised), "balance": cents_text(*balance), "total": total,
                }),
            ),
            EventKind::PaymentReversed {
                settlement,
                paid_on,
                reversed,
                balance,
            } => (
                "payment.reversed",
                json!({
                    "settlement": settlement.name(), "paidOn": paid_on.to_string(), "reversed": cents_text(*reversed), "balance": cents_text(*balance),
                }),
            ),
            EventKind::ContractCancelled => ("contract.cancelled", json!({})),
            EventKind::ContractFinished => ("contract.closed", json!({})),
            EventKind::RightsAssigned => return None,
        };
        Some((detail_type, self.with_identity(facts)))
    }

    fn with_identity(&self, mut facts: Value) -> Value {
        facts["eventId"] = json!(self.id);
        facts["date"] = json!(self.on.to_string());
        facts["billId"] = json!(self.contract.bill.to_string());
        facts["documentType"] = json!(self.contract.document_type.as_str());
        facts["customerId"] = json!(self.contract.customer.to_string());
        facts["installmentIds"] = self.installments.iter().map(ToString::to_string).collect();
        facts
    }

    fn installments_text(&self) -> String {
        let ids: Vec<String> = self.installments.iter().map(ToString::to_string).collect();
        ids.join(", ")
    }

    fn return_text(&self, motive: Motive) -> String {
        let origin = if motive == Motive::Reconciliation {
            String::new()
        } else {
            format!("\n{BY_SYNC}")
        };
        format!(
            "Devolução\n{}\nData: {}\nContrato: {} Parcela(s): {}{origin}",
            motive.text(),
            calendar::brazilian(self.on),
            self.contract.bill,
            self.installments_text(),
        )
    }

    fn payment_text(&self) -> String {
        let EventKind::DirectPayment {
            settlement,
            paid_on,
            original,
            paid,
            amortised,
            balance,
            total,
            by_sync,
        } = &self.kind
        else {
            return String::new();
        };
        let extent = if *total { "total" } else { "parcial" };
        let origin = if *by_sync { BY_SYNC } else { BY_PAYMENTS };
        format!(
            "Pagamento Direto\n{settlement} ({extent})\nData: {}\nValor: R$ {}\nContrato: {} Parcela: {}\nValor original: R$ {} Valor pago: R$ {} Saldo parcial: R$ {}\n{origin}",
            calendar::brazilian(*paid_on),
            money::brazilian(*paid),
            self.contract.bill,
            self.installments_text(),
            money::brazilian(*original),
            money::brazilian(*amortised),
            money::brazilian(*balance),
        )
    }

    fn contract_text(&self, title: &str) -> String {
        format!("{title}\nData: {}\nContrato: {}", calendar::brazilian(self.on), self.contract.bill)
    }
}
