//! The texts operators read.

use crate::calendar;
use crate::portfolio::{EventKind, ReturnReason, TimelineEvent};

/// What the playbook's screens show under an event that Ponte found by reading Sienge.
const BY_SYNC: &str = "Parcela(s) sincronizada(s) via webservice";
/// What they show under a payment that the payments task brought.
const BY_PAYMENTS: &str = "Recebimento no Sienge";

impl TimelineEvent {
    /// The text operators read, laid out as on the playbook's screens; who shows it adds the author (`AUTO`) and the time.
    #[must_use]
    pub fn text(&self) -> String {
        let bill = self.contract.bill;
        let installments = self.installments_text();
        match &self.kind {
            EventKind::ContractOpened => {
                // Empty only when a crash interrupted the opening and nothing was opened.
                if self.installments.is_empty() {
                    self.contract_text("Abertura de Contrato")
                } else {
                    format!("Abertura de Contrato\nContrato: {bill} Parcela(s): {installments}")
                }
            }
            EventKind::Returned { reason } => self.return_text(*reason),
            EventKind::Synchronised => {
                format!("Sincronização de Parcela(s)\nContrato {bill} Parcela(s): {installments}")
            }
            EventKind::Reopened => format!(
                "Reabertura de Parcela(s)\nContrato: {bill} Parcela(s): {installments}\n{BY_SYNC}"
            ),
            EventKind::DirectPayment { .. } => self.payment_text(),
            EventKind::PaymentReversed {
                settlement,
                paid_on,
                reversed,
                balance,
                ..
            } => format!(
                "Estorno de Pagamento\n{settlement}\nData do pagamento: {}\nContrato: {bill} Parcela: {installments}\nValor estornado: R$ {} Saldo: R$ {}",
                calendar::brazilian(*paid_on),
                reversed.brazilian(),
                balance.brazilian(),
            ),
            EventKind::ContractCancelled => self.contract_text("Contrato cancelado no Sienge"),
            EventKind::RightsAssigned => self.contract_text("Cessão de direitos"),
            EventKind::ContractFinished => self.contract_text("Contrato finalizado"),
            EventKind::BoletoIssued => {
                format!("Emissão de 2ª via\nContrato: {bill} Parcela: {installments}")
            }
            EventKind::BoletoEmailed => {
                format!("Envio de boleto por e-mail\nContrato: {bill} Parcela: {installments}")
            }
            EventKind::Agreement(event) => event.text(&self.contract, self.on, &installments),
        }
    }

    fn installments_text(&self) -> String {
        let ids: Vec<String> = self.installments.iter().map(ToString::to_string).collect();
        ids.join(", ")
    }

    fn return_text(&self, reason: ReturnReason) -> String {
        let origin = if matches!(
            reason,
            ReturnReason::Reconciliation | ReturnReason::BrokenAgreement
        ) {
            String::new()
        } else {
            format!("\n{BY_SYNC}")
        };
        format!(
            "Devolução\n{}\nData: {}\nContrato: {} Parcela(s): {}{origin}",
            reason.text(),
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
            ..
        } = &self.kind
        else {
            return String::new();
        };
        let extent = if *total { "total" } else { "parcial" };
        let origin = if *by_sync { BY_SYNC } else { BY_PAYMENTS };
        format!(
            "Pagamento Direto\n{settlement} ({extent})\nData: {}\nValor: R$ {}\nContrato: {} Parcela: {}\nValor original: R$ {} Valor pago: R$ {} Saldo parcial: R$ {}\n{origin}",
            calendar::brazilian(*paid_on),
            paid.brazilian(),
            self.contract.bill,
            self.installments_text(),
            original.brazilian(),
            amortised.brazilian(),
            balance.brazilian(),
        )
    }

    fn contract_text(&self, title: &str) -> String {
        format!(
            "{title}\nData: {}\nContrato: {}",
            calendar::brazilian(self.on),
            self.contract.bill
        )
    }
}
