//! An agreement's timeline events: plain data, their texts in the playbook's words, and what goes on the bus.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ContractKey;
use crate::calendar::{Date, brazilian};
use crate::ids::{AgreementId, BillId, CreditorId};
use crate::money::Cents;

/// What happened to an agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "told",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum AgreementChange {
    /// A proposal was saved.
    Proposed {
        /// Its last day.
        expires_on: Date,
    },
    /// The remake is about to be requested from Sienge.
    Sent,
    /// `Acordo`: it is in force.
    Made,
    /// `Pagamento` of one row.
    Paid {
        /// The row.
        number: u16,
        /// Of how many.
        of: u16,
        /// Its amount.
        amount: Cents,
        /// Day of the payment.
        paid_on: Date,
    },
    /// `Quebra de Acordo`.
    Broken {
        /// How.
        how: Breaking,
    },
    /// `Cancelamento de Acordo`.
    Cancelled {
        /// Why.
        reason: String,
    },
    /// `Acordo Quitado`.
    Settled,
    /// A proposal was not confirmed in time.
    Expired,
}

/// An event of one agreement on the timeline of one of its contracts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgreementEvent {
    /// The agreement.
    pub agreement: AgreementId,
    /// What happened.
    #[serde(rename = "told")]
    pub change: AgreementChange,
    /// Whether it goes on the bus: only one event of an agreement over several contracts does.
    pub leads: bool,
    /// The creditor.
    pub creditor: CreditorId,
    /// Whether it is a remake in Sienge.
    pub integrated: bool,
    /// Its bills.
    pub bills: Vec<BillId>,
    /// Original value of its debts.
    pub original: Cents,
    /// Discounts.
    pub discount: Cents,
    /// Total to pay.
    pub total: Cents,
    /// Number of payments, the down payment included.
    pub payments: u16,
    /// First due date.
    pub first_due: Date,
}

/// How an agreement was broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "by", rename_all = "camelCase")]
pub enum Breaking {
    /// By an operator.
    Command {
        /// Why, in the operator's words.
        reason: String,
    },
    /// The term passed unpaid.
    Lapsed {
        /// The due date that passed.
        due_on: Date,
    },
    /// The remake is gone from Sienge.
    ErpGone,
    /// What was to be paid was closed in Sienge without a payment: rescinded, remade there, returned.
    EndedInErp,
    /// The only payment was reversed ("pagamento de efetivação").
    ActivationReversed,
}

impl Breaking {
    /// What operators read under `Quebra de Acordo`.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Command { reason } => reason.clone(),
            Self::Lapsed { due_on } => format!(
                "Quebra automática: Prazo de pagamento vencido em {}",
                brazilian(*due_on)
            ),
            Self::ErpGone => {
                "Quebra automática: Identificado que o acordo está quebrado na API Sienge"
                    .to_owned()
            }
            Self::EndedInErp => {
                "Quebra automática: Parcela(s) do acordo encerrada(s) no Sienge sem pagamento"
                    .to_owned()
            }
            Self::ActivationReversed => {
                "Quebra automática: Pagamento de efetivação excluído".to_owned()
            }
        }
    }
}

impl AgreementChange {
    /// The name in event ids.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Proposed { .. } => "proposed",
            Self::Sent => "sent",
            Self::Made => "made",
            Self::Paid { .. } => "paid",
            Self::Broken { .. } => "broken",
            Self::Cancelled { .. } => "cancelled",
            Self::Settled => "settled",
            Self::Expired => "expired",
        }
    }
}

impl AgreementEvent {
    /// Clears what an operator wrote; false when there was nothing.
    pub fn erase_words(&mut self) -> bool {
        match &mut self.change {
            AgreementChange::Cancelled { reason }
            | AgreementChange::Broken {
                how: Breaking::Command { reason },
            } if !reason.is_empty() => {
                reason.clear();
                true
            }
            _ => false,
        }
    }

    /// The text operators read, laid out as the playbook's other events.
    #[must_use]
    pub fn text(&self, contract: &ContractKey, on: Date, installments: &str) -> String {
        let data = brazilian(on);
        let place = format!("Contrato: {} Parcela(s): {installments}", contract.bill);
        let id = &self.agreement;
        let heading = |title: &str| format!("{title}\nData: {data}\nAcordo: {id}\n{place}");
        match &self.change {
            AgreementChange::Proposed { expires_on } => {
                format!(
                    "{}\nValidade: {}\n{}",
                    heading("Proposta de Acordo"),
                    brazilian(*expires_on),
                    self.terms()
                )
            }
            AgreementChange::Sent => format!(
                "{}\nAguardando a gravação do reparcelamento no Sienge",
                heading("Acordo")
            ),
            AgreementChange::Made => format!(
                "{}\n{}\n{}",
                heading("Acordo"),
                self.kind_text(),
                self.terms()
            ),
            AgreementChange::Paid {
                number,
                of,
                amount,
                paid_on,
            } => format!(
                "Pagamento\nData: {}\nAcordo: {id} Parcela do acordo: {number}/{of}\nValor: R$ {}\n{place}",
                brazilian(*paid_on),
                amount.brazilian(),
            ),
            AgreementChange::Broken { how } => {
                format!("{}\n{}", heading("Quebra de Acordo"), how.text())
            }
            AgreementChange::Cancelled { reason } => {
                format!("{}\n{reason}", heading("Cancelamento de Acordo"))
            }
            AgreementChange::Settled => heading("Acordo Quitado"),
            AgreementChange::Expired => heading("Proposta de Acordo Expirada"),
        }
    }

    fn kind_text(&self) -> &'static str {
        if self.integrated {
            "Integrado ao Sienge (reparcelamento)"
        } else {
            "Não integrado"
        }
    }

    fn terms(&self) -> String {
        format!(
            "Valor original: R$ {} Desconto: R$ {} Valor do acordo: R$ {}\n{} pagamento(s), o primeiro em {}",
            self.original.brazilian(),
            self.discount.brazilian(),
            self.total.brazilian(),
            self.payments,
            brazilian(self.first_due)
        )
    }

    /// Detail type and facts for the bus; `None` for events that do not go there.
    pub(super) fn domain_event(&self) -> Option<(&'static str, Value)> {
        if !self.leads {
            return None;
        }
        let (detail_type, mut facts) = match &self.change {
            AgreementChange::Made => ("agreement.created", json!({})),
            AgreementChange::Broken { how } => {
                ("agreement.broken", json!({ "how": how_word(how) }))
            }
            AgreementChange::Cancelled { .. } => ("agreement.cancelled", json!({})),
            AgreementChange::Settled => ("agreement.settled", json!({})),
            AgreementChange::Proposed { .. }
            | AgreementChange::Sent
            | AgreementChange::Paid { .. }
            | AgreementChange::Expired => return None,
        };
        facts["agreementId"] = json!(self.agreement);
        facts["agreementCode"] = json!(self.agreement.code());
        facts["creditorId"] = json!(self.creditor.to_string());
        facts["integrated"] = json!(self.integrated);
        facts["billIds"] = self.bills.iter().map(ToString::to_string).collect();
        facts["original"] = json!(self.original);
        facts["discount"] = json!(self.discount);
        facts["total"] = json!(self.total);
        facts["payments"] = json!(self.payments);
        facts["firstDue"] = json!(self.first_due.to_string());
        Some((detail_type, facts))
    }
}

/// Operators may write anything: only the kind of a reason goes on the bus.
const fn how_word(how: &Breaking) -> &'static str {
    match how {
        Breaking::Command { .. } => "command",
        Breaking::Lapsed { .. } => "lapsed",
        Breaking::ErpGone => "erpGone",
        Breaking::EndedInErp => "endedInErp",
        Breaking::ActivationReversed => "activationReversed",
    }
}
