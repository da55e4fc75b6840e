//! What goes on the bus for an event.

use serde_json::{Value, json};

use crate::money::Cents;
use crate::portfolio::{EventKind, SettlementClass, TimelineEvent};

impl TimelineEvent {
    /// The domain event to publish: its detail type and its detail, with ids and amounts as text and no personal data. `None`
    /// for what other events already say.
    #[must_use]
    pub fn domain_event(&self) -> Option<(&'static str, Value)> {
        let (detail_type, facts) = match &self.kind {
            EventKind::ContractOpened => ("contract.opened", json!({})),
            EventKind::Returned { reason } => {
                ("installment.returned", json!({ "motive": reason.text() }))
            }
            EventKind::Synchronised => ("installment.changed", json!({ "action": "synchronised" })),
            EventKind::Reopened => ("installment.changed", json!({ "action": "reopened" })),
            EventKind::DirectPayment {
                settlement,
                class,
                paid_on,
                original,
                paid,
                amortised,
                balance,
                total,
                by_sync: _,
            } => {
                let facts = json!({
                    "settlement": settlement.name(), "paidOn": paid_on, "original": original, "amortised": amortised, "balance": balance,
                    "total": total,
                });
                let others = ["writtenOff", "settlementNotClassified"];
                by_class(*class, facts, "payment.applied", ("paid", *paid), others)
            }
            EventKind::PaymentReversed {
                settlement,
                class,
                paid_on,
                reversed,
                balance,
            } => {
                let facts = json!({ "settlement": settlement.name(), "paidOn": paid_on, "balance": balance });
                let others = ["writeOffReversed", "settlementReversed"];
                by_class(
                    *class,
                    facts,
                    "payment.reversed",
                    ("reversed", *reversed),
                    others,
                )
            }
            EventKind::ContractCancelled => ("contract.cancelled", json!({})),
            EventKind::ContractFinished => ("contract.closed", json!({})),
            EventKind::RightsAssigned | EventKind::BoletoIssued | EventKind::BoletoEmailed => {
                return None;
            }
            EventKind::Agreement(event) => event.domain_event()?,
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
}

/// Only a settlement that brings value is published as a payment, with its amount; a write-off or an unclassified one is a change of the installment.
fn by_class(
    class: Option<SettlementClass>,
    mut facts: Value,
    payment: &'static str,
    (field, money): (&str, Cents),
    [written_off, not_classified]: [&str; 2],
) -> (&'static str, Value) {
    if class == Some(SettlementClass::Pays) {
        facts[field] = json!(money);
        return (payment, facts);
    }
    let action = if class.is_some() {
        written_off
    } else {
        not_classified
    };
    facts["action"] = json!(action);
    ("installment.changed", facts)
}
