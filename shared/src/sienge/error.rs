//! What can go wrong with Sienge, worded for operators.
//!
//! Guarantees: no message holds a credential, a name, a document or any other value from Sienge; at most the names of the
//! resource and a field, and the ids of the bill and installment.

use std::time::Duration;

use crate::ids::{BillId, InstallmentId};

use super::ports::{Lane, QuotaRefusal};

/// Why a call to Sienge gave no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SiengeError {
    /// The client's own configuration is wrong.
    #[error("Configuração da API do Sienge inválida: {0}")]
    Configuration(&'static str),
    /// 401.
    #[error(
        "O Sienge recusou as credenciais (401) ao consultar {resource}: confira usuário e senha da API e se o recurso está liberado para este usuário no Painel de Integrações"
    )]
    Credentials {
        /// Sienge's name for the resource.
        resource: &'static str,
    },
    /// 403.
    #[error(
        "O usuário da API não tem permissão para {resource} (403): libere o recurso no Painel de Integrações do Sienge"
    )]
    Permission {
        /// Sienge's name for the resource.
        resource: &'static str,
    },
    /// 400, 405, 409, 415, 422, or a redirection.
    #[error("O Sienge recusou a requisição a {resource} ({status}){}", fields_text(.fields))]
    BadRequest {
        /// Sienge's name for the resource.
        resource: &'static str,
        /// HTTP status.
        status: u16,
        /// The fields Sienge complains about.
        fields: Vec<String>,
    },
    /// 404.
    #[error("{resource}: não encontrado no Sienge (404)")]
    NotFound {
        /// Sienge's name for the resource.
        resource: &'static str,
    },
    /// A 404 not written by Sienge: the address leads elsewhere.
    #[error(
        "O endereço da API não respondeu como o Sienge ao consultar {resource} (404): confira a URL da API e o subdomínio"
    )]
    WrongAddress {
        /// Sienge's name for the resource.
        resource: &'static str,
    },
    /// 429, and waiting would take too long.
    #[error("O Sienge limitou as requisições a {resource} (429)")]
    RateLimited {
        /// Sienge's name for the resource.
        resource: &'static str,
        /// The wait that Sienge asked for.
        retry_after: Option<Duration>,
    },
    /// The shared quota has no call left in time.
    #[error("Cota por minuto do Sienge esgotada ({}); há vaga em {} ms", lane_text(*.lane), .wait.as_millis())]
    QuotaExhausted {
        /// Which quota.
        lane: Lane,
        /// When the next one is free.
        wait: Duration,
    },
    /// The day's package quota is used up.
    #[error("Cota diária do pacote de API do Sienge esgotada ({})", lane_text(*.lane))]
    DayIsOver {
        /// Which quota.
        lane: Lane,
    },
    /// Sienge did not answer lately; no call is made until it is tried again.
    #[error("O Sienge não tem respondido; nova tentativa em {} s", .wait.as_secs() + 1)]
    Silent {
        /// When it is tried again.
        wait: Duration,
    },
    /// The shared counter could not be reached; without it no call is made.
    #[error("O contador de cotas do Sienge não respondeu")]
    QuotaUnavailable,
    /// The invocation's time is over.
    #[error("Tempo da execução esgotado antes de concluir {resource}")]
    Deadline {
        /// Sienge's name for the resource.
        resource: &'static str,
    },
    /// 5xx.
    #[error("O Sienge falhou em {resource} ({status})")]
    Server {
        /// Sienge's name for the resource.
        resource: &'static str,
        /// HTTP status.
        status: u16,
    },
    /// No answer in time.
    #[error("O Sienge não respondeu a tempo em {resource}")]
    Timeout {
        /// Sienge's name for the resource.
        resource: &'static str,
    },
    /// No connection, or it broke before the answer.
    #[error("Sem conexão com o Sienge em {resource}")]
    Connection {
        /// Sienge's name for the resource.
        resource: &'static str,
    },
    /// The answer broke off.
    #[error("A resposta do Sienge em {resource} veio incompleta, após {rows} registro(s)")]
    Truncated {
        /// Sienge's name for the resource.
        resource: &'static str,
        /// Rows read before.
        rows: u64,
    },
    /// The answer is not JSON.
    #[error("A resposta do Sienge em {resource} não é JSON")]
    NotJson {
        /// Sienge's name for the resource.
        resource: &'static str,
    },
    /// The answer is JSON of an unknown shape.
    #[error("A resposta do Sienge em {resource} tem um formato desconhecido ({what})")]
    Shape {
        /// Sienge's name for the resource.
        resource: &'static str,
        /// What was unexpected.
        what: &'static str,
    },
    /// Sienge reported a failure inside a bulk answer (`api-error`).
    #[error("O Sienge interrompeu a carga {resource} com erro, após {rows} registro(s)")]
    BulkFailed {
        /// Sienge's name for the resource.
        resource: &'static str,
        /// Rows read before.
        rows: u64,
    },
    /// An answer, or one of its rows, is too large.
    #[error("A resposta do Sienge em {resource} passa do limite de {limit_bytes} bytes")]
    TooLarge {
        /// Sienge's name for the resource.
        resource: &'static str,
        /// The limit.
        limit_bytes: usize,
    },
    /// An answer has more rows than requested, or too many elements.
    #[error("A resposta do Sienge em {resource} traz mais de {limit} itens, o limite para ela")]
    TooMany {
        /// Sienge's name for the resource.
        resource: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A row lacks a field it cannot do without, or the field is unreadable.
    #[error("Campo {field} ausente ou ilegível em {resource}{}", place_text(*.bill, *.installment))]
    MissingField {
        /// Sienge's name for the resource.
        resource: &'static str,
        /// The field, as Sienge spells it.
        field: &'static str,
        /// The bill, when known.
        bill: Option<BillId>,
        /// The installment, when known.
        installment: Option<InstallmentId>,
    },
    /// Sienge refuses one bill and answers for others.
    #[error(
        "O Sienge recusa o título {bill} ({status}): confira se ele existe e se a API o mostra"
    )]
    BillRefused {
        /// The bill.
        bill: BillId,
        /// HTTP status.
        status: u16,
    },
    /// Sienge refuses a group of bills, and this one has not been isolated yet.
    #[error(
        "O Sienge recusou um grupo de títulos em que está o {bill}; será lido de novo, à parte"
    )]
    NotIsolated {
        /// The bill.
        bill: BillId,
    },
    /// Two answers about the same bill contradict each other, for example because it changed between the reads.
    #[error(
        "As respostas do Sienge sobre o título {bill} não concordam entre si; será lido de novo"
    )]
    Inconsistent {
        /// The bill.
        bill: BillId,
    },
}

/// How to deal with a [`SiengeError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The same call may work later.
    RetryLater,
    /// It will not work until somebody changes something.
    Never,
    /// Sienge does not have it.
    NotFound,
}

impl SiengeError {
    /// How to deal with it.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::NotFound { .. } => Remedy::NotFound,
            Self::Configuration(_)
            | Self::Credentials { .. }
            | Self::Permission { .. }
            | Self::BadRequest { .. }
            | Self::WrongAddress { .. }
            // Lasting: a repetition gets an answer just as large, at the cost of megabytes and a call of the quota.
            | Self::TooLarge { .. }
            | Self::TooMany { .. }
            | Self::BillRefused { .. }
            | Self::MissingField { .. } => Remedy::Never,
            Self::RateLimited { .. }
            | Self::QuotaExhausted { .. }
            | Self::DayIsOver { .. }
            | Self::Silent { .. }
            | Self::QuotaUnavailable
            | Self::Deadline { .. }
            | Self::Server { .. }
            | Self::Timeout { .. }
            | Self::Connection { .. }
            | Self::Truncated { .. }
            | Self::NotJson { .. }
            | Self::Shape { .. }
            | Self::BulkFailed { .. }
            | Self::NotIsolated { .. }
            | Self::Inconsistent { .. } => Remedy::RetryLater,
        }
    }

    /// The bill that the error concerns, if it is one: set it aside and go on with the others.
    #[must_use]
    pub fn bill(&self) -> Option<BillId> {
        match self {
            Self::MissingField { bill, .. } => *bill,
            Self::Inconsistent { bill }
            | Self::BillRefused { bill, .. }
            | Self::NotIsolated { bill } => Some(*bill),
            _ => None,
        }
    }

    /// Whether the cause may be one of the requested things, rather than Sienge, the network or our credentials.
    #[must_use]
    pub fn may_be_of_one(&self) -> bool {
        match self {
            Self::BadRequest { status, .. } => matches!(status, 400 | 409 | 413 | 414 | 422),
            Self::Server { status, .. } => *status == 500,
            Self::NotFound { .. }
            | Self::TooLarge { .. }
            | Self::TooMany { .. }
            | Self::Truncated { .. }
            | Self::NotJson { .. }
            | Self::Shape { .. }
            | Self::BulkFailed { .. }
            | Self::MissingField { .. } => true,
            _ => false,
        }
    }

    /// Whether the requested bills are the cause, so that others may be read: not Sienge, the network or our credentials.
    #[must_use]
    pub fn is_of_some_bill(&self) -> bool {
        self.bill().is_some() || self.may_be_of_one() || matches!(self, Self::Timeout { .. })
    }

    /// Whether no other call will get through for now either: for a quota, or because Sienge does not answer. The call was not carried out.
    #[must_use]
    pub fn stops_every_call(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. }
                | Self::QuotaExhausted { .. }
                | Self::DayIsOver { .. }
                | Self::Silent { .. }
                | Self::QuotaUnavailable
        )
    }

    /// Whether Sienge (429), or the counter on its behalf, refuses every call for now: usually for a minute, sometimes for hours.
    #[must_use]
    pub fn is_refused_for_now(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::QuotaExhausted { .. })
    }

    /// Whether another attempt after a pause makes sense.
    pub(super) fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. }
                | Self::Server { .. }
                | Self::Timeout { .. }
                | Self::Connection { .. }
                | Self::Truncated { .. }
                | Self::NotJson { .. }
                | Self::BulkFailed { .. }
        )
    }

    pub(super) fn refused(refusal: QuotaRefusal, lane: Lane) -> Self {
        match refusal {
            QuotaRefusal::Wait(wait) => Self::QuotaExhausted { lane, wait },
            QuotaRefusal::DayIsOver => Self::DayIsOver { lane },
            QuotaRefusal::Silent(wait) => Self::Silent { wait },
            QuotaRefusal::Unavailable => Self::QuotaUnavailable,
        }
    }
}

fn lane_text(lane: Lane) -> &'static str {
    match lane {
        Lane::Rest => "REST",
        Lane::Bulk => "bulk",
    }
}

fn fields_text(fields: &[String]) -> String {
    if fields.is_empty() {
        String::new()
    } else {
        format!(": confira {}", fields.join(", "))
    }
}

fn place_text(bill: Option<BillId>, installment: Option<InstallmentId>) -> String {
    match (bill, installment) {
        (Some(bill), Some(installment)) => format!(" (título {bill}, parcela {installment})"),
        (Some(bill), None) => format!(" (título {bill})"),
        _ => String::new(),
    }
}
