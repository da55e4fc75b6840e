//! What other systems are told of an event, over the bus.

use serde_json::{Value, json};

use crate::portfolio::{EventKind, TimelineEvent};

impl TimelineEvent {
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
                    "settlement": settlement.name(), "paidOn": paid_on.to_string(), "original": original, "paid": paid,
                    "amortised": amortised, "balance": balance, "total": total,
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
                    "settlement": settlement.name(), "paidOn": paid_on.to_string(), "reversed": reversed, "balance": balance,
                }),
            ),
            EventKind::ContractCancelled => ("contract.cancelled", json!({})),
            EventKind::ContractFinished => ("contract.closed", json!({})),
            EventKind::RightsAssigned | EventKind::BoletoIssued | EventKind::BoletoEmailed => return None,
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
