//! A creditor's settings for agreements (6.3), with the screens' names.

use serde::{Deserialize, Serialize};

/// Settings of one creditor, with the playbook's automatic values as defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AgreementSettings {
    /// "Devolver parcelas originais ao quebrar acordo em andamento": breaking a non-integrated agreement returns its original installments
    /// to the creditor instead of leaving them in collection.
    pub return_originals_on_break: bool,
    /// "Permitir quebrar acordos aguardando aprovação": a proposal may be broken, too.
    pub break_awaiting_approval: bool,
    /// "Remover contratos de RENEG ao excluir o pagamento de efetivação": when the only payment is reversed, the agreement is broken and withdrawn from
    /// the lists.
    pub remove_reneg_on_reversed_activation: bool,
    /// "Remover contratos de RENEG ao quebrar acordos sem pagamentos": an agreement broken without a payment is withdrawn from the lists.
    pub remove_reneg_on_unpaid_break: bool,
    /// Days after a due date (or the next business day on which banks attend) by which the bank's payment must have reached Sienge; after them the term has lapsed.
    /// Not a parameter of the playbook.
    pub lapse_days: u16,
    /// Days a proposal is valid when it names no last day. Not a parameter of the playbook.
    pub proposal_days: u16,
}

impl Default for AgreementSettings {
    fn default() -> Self {
        Self {
            return_originals_on_break: false,
            break_awaiting_approval: true,
            remove_reneg_on_reversed_activation: false,
            remove_reneg_on_unpaid_break: false,
            lapse_days: 3,
            proposal_days: 5,
        }
    }
}
