//! The operators' parameters, named as on the screens: one typed struct per scope, parsed once at the edge.
//!
//! Lists are written as the playbook writes them, separated by semicolons (`PE;FI;TU`); an unreadable entry is an
//! error that names the field and shows a correct value; it is never silently dropped.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::agreement::AgreementSettings;
use crate::calculation::{CalculationSettings, RetroactiveBases};
use crate::ids::{CreditorId, EnterpriseId};
use crate::portfolio::{CreditorPolicy, Policy, SettlementClasses};
use crate::text::CodeList;

/// Settings of one tenant (assessoria): the address of its Sienge and what the import leaves out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantSettings {
    /// Base address before `/v1` and `/bulk-data/v1`, no trailing slash.
    pub sienge_base_url: String,
    /// The subdomain, as webhooks name it in `x-sienge-tenant`; the quota is counted per subdomain.
    pub subdomain: String,
    /// Commercial API package, which fixes the day's quota.
    #[serde(default)]
    pub package: Package,
    /// "Ignorar Empresas": company ids separated by `;`.
    #[serde(default)]
    pub ignore_companies: CodeList,
    /// "Ignorar tipos de condições de pagamento": codes such as `PE;FI`.
    #[serde(default)]
    pub ignore_condition_types: CodeList,
    /// "Ignorar tipos de contrato": document type codes such as `AV;NF`.
    #[serde(default)]
    pub ignore_document_types: CodeList,
    /// "Importação Agendada por Credor": the general daily import skips this tenant; each creditor has its own schedule.
    #[serde(default)]
    pub import_per_creditor: bool,
    /// An inactive tenant receives no webhook and runs no task.
    #[serde(default = "yes")]
    pub active: bool,
    /// "Aplicar Correção Anual no Cálculo" (6.1.2): off by default.
    #[serde(default)]
    pub apply_annual_correction: bool,
    /// "Sincronizar dados ao abrir Telecobrança" (6.1.9): whether the opening of a contract reads it in Sienge.
    #[serde(default = "yes")]
    pub synchronise_on_opening: bool,
    /// "Data Base Retroativa de Indexador" (6.1.3): months back per indexer, written `8-2;9-1`.
    #[serde(default)]
    pub retroactive_index_bases: RetroactiveBases,
    /// Classes of settlement types that Ponte does not know, by their names in Sienge: `{"Dação em pagamento": "pays"}`.
    #[serde(default)]
    pub settlement_classes: SettlementClasses,
    /// How often its callers may call.
    #[serde(default)]
    pub limits: CallerLimits,
}

/// How often callers may call; all of a tenant together, where nothing else is said. Calls beyond that are refused (429), not delayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CallerLimits {
    /// Calls of the HTTP API.
    pub calls_per_minute: u32,
    /// Calls to Sienge on their behalf: the rest of its 200 a minute is for the runs and the webhooks.
    pub sienge_calls_per_minute: u32,
    /// Webhooks. A bank's return file of 10,000 lines in a minute fits.
    pub webhooks_per_minute: u32,
    /// E-mails with a boleto that one caller may have sent.
    pub emails_per_hour: u32,
}

impl Default for CallerLimits {
    fn default() -> Self {
        Self {
            calls_per_minute: 600,
            sienge_calls_per_minute: 100,
            webhooks_per_minute: 12_000,
            emails_per_hour: 60,
        }
    }
}

/// Settings of one creditor (a company in Sienge).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreditorSettings {
    /// The company's id in Sienge.
    pub company: CreditorId,
    /// Name shown to operators, and to debtors in the SMS and the e-mail of a boleto.
    #[serde(default)]
    pub name: String,
    /// An inactive creditor is treated as not registered.
    #[serde(default = "yes")]
    pub active: bool,
    /// "Importar Empreendimentos Automaticamente".
    #[serde(default = "yes")]
    pub import_enterprises_automatically: bool,
    /// Enterprises registered by hand, used when the automatic import is off.
    #[serde(default)]
    pub enterprises: BTreeSet<EnterpriseId>,
    /// "Dias para excluir registros não utilizados webhook".
    #[serde(default = "default_unused_webhook_days")]
    pub unused_webhook_days: u16,
    /// "Reabre Parcelas Devolvidas".
    #[serde(default = "yes")]
    pub reopen_returned_installments: bool,
    /// "Atualizar Observação, Valor e Vencimento da Parcela".
    #[serde(default = "yes")]
    pub update_installments: bool,
    /// A run that would remove more than this share of the creditor's open installments stops and asks.
    #[serde(default = "default_removal_share_percent")]
    pub removal_share_percent: u8,
    /// "Bloquear novo vencimento ao gerar segunda via do boleto original" (6.3).
    #[serde(default = "yes")]
    pub block_new_due_date: bool,
    /// How debts of this creditor are calculated (calendar, rounding, fees, "Calcular Juros sobre Multa" of 6.1.11).
    #[serde(default)]
    pub calculation: CalculationSettings,
    /// How agreements of this creditor are handled ("Configurações de Credor" of 6.3).
    #[serde(default)]
    pub agreements: AgreementSettings,
}

impl TenantSettings {
    /// What the settings allow in a comparison of a bill; `creditor` is none for a company that is not registered.
    #[must_use]
    pub fn policy<'a>(&'a self, creditor: Option<&'a CreditorSettings>) -> Policy<'a> {
        Policy {
            ignore_companies: &self.ignore_companies,
            ignore_document_types: &self.ignore_document_types,
            ignore_condition_types: &self.ignore_condition_types,
            classes: &self.settlement_classes,
            creditor: creditor
                .filter(|creditor| creditor.active)
                .map(CreditorSettings::policy),
        }
    }
}

impl CreditorSettings {
    fn policy(&self) -> CreditorPolicy<'_> {
        CreditorPolicy {
            company: self.company,
            enterprises: (!self.import_enterprises_automatically).then_some(&self.enterprises),
            reopen_returned_installments: self.reopen_returned_installments,
            update_installments: self.update_installments,
        }
    }

    /// The default configuration of a new creditor of type Sienge.
    #[must_use]
    pub fn new(company: CreditorId) -> Self {
        Self {
            company,
            name: String::new(),
            active: true,
            import_enterprises_automatically: true,
            enterprises: BTreeSet::new(),
            unused_webhook_days: default_unused_webhook_days(),
            reopen_returned_installments: true,
            update_installments: true,
            removal_share_percent: default_removal_share_percent(),
            block_new_due_date: true,
            calculation: CalculationSettings::default(),
            agreements: AgreementSettings::default(),
        }
    }
}

fn yes() -> bool {
    true
}

fn default_unused_webhook_days() -> u16 {
    7
}

fn default_removal_share_percent() -> u8 {
    20
}

/// Sienge's commercial API packages and their quotas a day, as Sienge publishes them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Package {
    /// 100 REST, 10 bulk.
    Free,
    /// 1,000 REST, 20 bulk.
    Start,
    /// 2,500 REST, 50 bulk.
    Special,
    /// 5,000 REST, 100 bulk: assumed when nothing is configured, the smallest package sold for integrations.
    #[default]
    Essencial,
    /// 10,000 REST, 200 bulk.
    Enterprise,
    /// 30,000 REST, 600 bulk.
    Business,
    /// 75,000 REST, 28,800 bulk.
    Ultimate,
    /// 200,000 REST, 30,000 bulk.
    Infinity,
}

impl Package {
    /// (REST, bulk) requests a day.
    #[must_use]
    pub const fn daily_quota(self) -> (u32, u32) {
        match self {
            Self::Free => (100, 10),
            Self::Start => (1_000, 20),
            Self::Special => (2_500, 50),
            Self::Essencial => (5_000, 100),
            Self::Enterprise => (10_000, 200),
            Self::Business => (30_000, 600),
            Self::Ultimate => (75_000, 28_800),
            Self::Infinity => (200_000, 30_000),
        }
    }

    /// (REST, bulk) requests a day that people and their systems may use: the other half is reserved for the runs and the webhooks.
    #[must_use]
    pub const fn daily_quota_of_people(self) -> (u32, u32) {
        let (rest, bulk) = self.daily_quota();
        (rest / 2, bulk / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_creditor_needs_only_its_company() {
        let settings: CreditorSettings = serde_json::from_str(r#"{"company": 1}"#).unwrap();
        assert!(
            settings.active
                && settings.import_enterprises_automatically
                && settings.reopen_returned_installments
        );
        assert!(settings.block_new_due_date);
        assert_eq!(
            (settings.unused_webhook_days, settings.removal_share_percent),
            (7, 20)
        );
    }

    #[test]
    fn a_stored_parameter_that_is_none_any_more_is_read_over() {
        let stored = r#"{"company": 1, "agreements": {"finishRenegOnUnpaidBreak": true, "proposalDays": 9}}"#;
        let settings: CreditorSettings = serde_json::from_str(stored).unwrap();
        assert_eq!(settings.agreements.proposal_days, 9);
    }
}
