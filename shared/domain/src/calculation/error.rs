//! What the core refuses: each message is Portuguese, names the field and shows a correct value.

use thiserror::Error;

use crate::calendar::{Date, brazilian};
use crate::money::{AmountError, Cents, Rate, RateError, TooLarge};

/// Why something was not calculated.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// An amount that cannot be read.
    #[error(transparent)]
    Amount(#[from] AmountError),
    /// A percentage that cannot be taken.
    #[error(transparent)]
    Rate(#[from] RateError),
    /// An amount outside its sensible range.
    #[error("{field} da parcela {installment} do título {bill}: {} não é aceito; informe um valor entre {} e {}", value.brazilian(), minimum.brazilian(), maximum.brazilian())]
    #[allow(missing_docs)]
    OutOfRange {
        field: &'static str,
        bill: i64,
        installment: i64,
        value: Cents,
        minimum: Cents,
        maximum: Cents,
    },
    /// Sums beyond the core's integers.
    #[error("valor: a soma passa do que se pode calcular; selecione menos parcelas")]
    TooLarge,
    /// A missing rate; none is assumed.
    #[error(
        "taxa ausente: preencha \"{setting}\"; nenhuma taxa é presumida (para não cobrar, escreva \"0\")"
    )]
    #[allow(missing_docs)]
    MissingRate { setting: String },
    /// Nothing was selected.
    #[error("parcelas: nenhuma selecionada; selecione ao menos uma parcela em aberto")]
    NothingSelected,
    /// More than fits a quote.
    #[error("parcelas: {count} selecionadas; selecione no máximo {maximum}")]
    #[allow(missing_docs)]
    TooMany { count: usize, maximum: usize },
    /// The same installment twice.
    #[error(
        "parcelas: a parcela {installment} do título {bill} foi selecionada duas vezes; selecione-a uma vez"
    )]
    #[allow(missing_docs)]
    Repeated { bill: i64, installment: i64 },
    /// A date that has passed.
    #[error("{field}: {} já passou; informe {} ou uma data posterior", brazilian(*given), brazilian(*earliest))]
    #[allow(missing_docs)]
    DateInThePast {
        field: &'static str,
        given: Date,
        earliest: Date,
    },
    /// An implausibly distant date.
    #[error("{field}: {} está fora do intervalo; informe uma data entre {} e {}", brazilian(*given), brazilian(*earliest), brazilian(*latest))]
    #[allow(missing_docs)]
    DateOutOfRange {
        field: &'static str,
        given: Date,
        earliest: Date,
        latest: Date,
    },
    /// A fixed due day that differs from the first due date's.
    #[error("diaVencimento: {day} não combina com o primeiro vencimento {}; informe {} ou ajuste o primeiro vencimento", brazilian(*first), first.day())]
    #[allow(missing_docs)]
    DueDay { day: i8, first: Date },
    /// No campaign covers the selection.
    #[error(
        "campanha: nenhuma campanha ativa em {} cobre {what} do credor {creditor}; cadastre ou amplie uma faixa da campanha de cálculo", brazilian(*on)
    )]
    #[allow(missing_docs)]
    NoCampaign {
        creditor: i64,
        on: Date,
        what: String,
    },
    /// No tier of the campaign covers an installment or a plan.
    #[error("campanha \"{campaign}\": nenhuma faixa cobre {what}; {hint}")]
    #[allow(missing_docs)]
    NoTier {
        campaign: String,
        what: String,
        hint: String,
    },
    /// A campaign that cannot be saved; every fault is named.
    #[error("campanha \"{campaign}\": {}", faults.join("; "))]
    #[allow(missing_docs)]
    Campaign {
        campaign: String,
        faults: Vec<String>,
    },
    /// A percentage discount above the tier's maximum.
    #[error("desconto de {component}: {} passa do máximo de {} da campanha; informe até {}", given.brazilian(), maximum.brazilian(), maximum.brazilian())]
    #[allow(missing_docs)]
    DiscountRate {
        component: &'static str,
        given: Rate,
        maximum: Rate,
    },
    /// A discount in reais above what the tiers allow.
    #[error("desconto de {component}: R$ {} passa do máximo de R$ {} da campanha; informe até R$ {}", given.brazilian(), maximum.brazilian(), maximum.brazilian())]
    #[allow(missing_docs)]
    DiscountAmount {
        component: &'static str,
        given: Cents,
        maximum: Cents,
    },
    /// A down payment that the tier refuses.
    #[error("entrada: {reason}; {hint}")]
    #[allow(missing_docs)]
    DownPayment { reason: String, hint: String },
    /// No plan fits what the debtor can pay.
    #[error("valor mensal: nenhum plano da campanha cabe em R$ {}; {hint}", given.brazilian())]
    #[allow(missing_docs)]
    NoPlanFits { given: Cents, hint: String },
    /// Any other value that cannot be used.
    #[error("{field}: {reason}; {hint}")]
    #[allow(missing_docs)]
    Invalid {
        field: &'static str,
        reason: String,
        hint: String,
    },
}

impl Error {
    /// The field at fault, as the API's problem details name it.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Amount(AmountError { field, .. })
            | Self::Rate(RateError { field, .. })
            | Self::OutOfRange { field, .. }
            | Self::DateInThePast { field, .. }
            | Self::DateOutOfRange { field, .. }
            | Self::Invalid { field, .. } => field,
            Self::TooLarge
            | Self::NothingSelected
            | Self::TooMany { .. }
            | Self::Repeated { .. } => "parcelas",
            Self::MissingRate { .. }
            | Self::NoCampaign { .. }
            | Self::NoTier { .. }
            | Self::Campaign { .. } => "campanha",
            Self::DueDay { .. } => "diaVencimento",
            Self::DiscountRate { .. } | Self::DiscountAmount { .. } => "descontos",
            Self::DownPayment { .. } => "entrada",
            Self::NoPlanFits { .. } => "valorMensal",
        }
    }
}

impl From<TooLarge> for Error {
    fn from(_: TooLarge) -> Self {
        Self::TooLarge
    }
}
