//! What can go wrong towards Sienge, in words an operator may read.
//!
//! Guarantees: no message holds a credential, a name, a document or any other value Sienge sent; at most the name of the
//! resource, of a field, and the ids of the bill and installment.

use std::time::Duration;

use crate::ids::{BillId, InstallmentId};

use super::ports::{Lane, QuotaRefusal};

/// Why a call to Sienge gave no answer we can use.
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
        /// Sienge's name of the resource.
        resource: &'static str,
    },
    /// 403.
    #[error(
        "O usuário da API não tem permissão para {resource} (403): libere o recurso no Painel de Integrações do Sienge"
    )]
    Permission {
        /// Sienge's name of the resource.
        resource: &'static str,
    },
    /// 400, 405, 409, 415, 422, or a redirection.
    #[error("O Sienge recusou a requisição a {resource} ({status}){}", fields_text(.fields))]
    BadRequest {
        /// Sienge's name of the resource.
        resource: &'static str,
        /// HTTP status.
        status: u16,
        /// The fields Sienge complains about.
        fields: Vec<String>,
    },
    /// 404.
    #[error("{resource}: não encontrado no Sienge (404)")]
    NotFound {
        /// Sienge's name of the resource.
        resource: &'static str,
    },
    /// A 404 that Sienge did not write: the address leads elsewhere.
    #[error(
        "O endereço da API não respondeu como o Sienge ao consultar {resource} (404): confira a URL da API e o subdomínio"
    )]
    WrongAddress {
        /// Sienge's name of the resource.
        resource: &'static str,
    },
    /// 429, and the wait did not fit.
    #[error("O Sienge limitou as requisições a {resource} (429)")]
    RateLimited {
        /// Sienge's name of the resource.
        resource: &'static str,
        /// The wait Sienge asked for.
        retry_after: Option<Duration>,
    },
    /// The shared quota has no place in time.
    #[error("Cota por minuto do Sienge esgotada ({}); há vaga em {} ms", lane_text(*.lane), .wait.as_millis())]
    QuotaExhausted {
        /// Which quota.
        lane: Lane,
        /// When a place is free.
        wait: Duration,
    },
    /// The day's package quota is used up.
    #[error("Cota diária do pacote de API do Sienge esgotada ({})", lane_text(*.lane))]
    DayIsOver {
        /// Which quota.
        lane: Lane,
    },
    /// The shared counter could not be reached; without it nothing is called.
    #[error("O contador de cotas do Sienge não respondeu")]
    QuotaUnavailable,
    /// The invocation's time is over.
    #[error("Tempo da execução esgotado antes de concluir {resource}")]
    Deadline {
        /// Sienge's name of the resource.
        resource: &'static str,
    },
    /// 5xx.
    #[error("O Sienge falhou em {resource} ({status})")]
    Server {
        /// Sienge's name of the resource.
        resource: &'static str,
        /// HTTP status.
        status: u16,
    },
    /// No answer in time.
    #[error("O Sienge não respondeu a tempo em {resource}")]
    Timeout {
        /// Sienge's name of the resource.
        resource: &'static str,
    },
    /// No connection, or it broke before the answer.
    #[error("Sem conexão com o Sienge em {resource}")]
    Connection {
        /// Sienge's name of the resource.
        resource: &'static str,
    },
    /// The answer ended before its end.
    #[error("A resposta do Sienge em {resource} veio incompleta, após {rows} registro(s)")]
    Truncated {
        /// Sienge's name of the resource.
        resource: &'static str,
        /// Rows read before.
        rows: u64,
    },
    /// The answer is not JSON.
    #[error("A resposta do Sienge em {resource} não é JSON")]
    NotJson {
        /// Sienge's name of the resource.
        resource: &'static str,
    },
    /// The answer is JSON of an unknown shape.
    #[error("A resposta do Sienge em {resource} tem um formato desconhecido ({what})")]
    Shape {
        /// Sienge's name of the resource.
        resource: &'static str,
        /// What was not as expected.
        what: &'static str,
    },
    /// Sienge reported a failure inside a bulk answer (`api-error`).
    #[error("O Sienge interrompeu a carga {resource} com erro, após {rows} registro(s)")]
    BulkFailed {
        /// Sienge's name of the resource.
        resource: &'static str,
        /// Rows read before.
        rows: u64,
    },
    /// An answer, or one row of it, beyond every sensible size.
    #[error("A resposta do Sienge em {resource} passa do limite de {limit_bytes} bytes")]
    TooLarge {
        /// Sienge's name of the resource.
        resource: &'static str,
        /// The limit.
        limit_bytes: usize,
    },
    /// More in an answer than was asked for, or more elements than any answer has.
    #[error("A resposta do Sienge em {resource} traz mais de {limit} itens, o limite para ela")]
    TooMany {
        /// Sienge's name of the resource.
        resource: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A row lacks a field without which it says nothing, or it is unreadable.
    #[error("Campo {field} ausente ou ilegível em {resource}{}", place_text(*.bill, *.installment))]
    MissingField {
        /// Sienge's name of the resource.
        resource: &'static str,
        /// The field, as Sienge spells it.
        field: &'static str,
        /// The bill, when known.
        bill: Option<BillId>,
        /// The installment, when known.
        installment: Option<InstallmentId>,
    },
    /// Sienge refuses one bill, and answers about others.
    #[error(
        "O Sienge recusa o título {bill} ({status}): confira se ele existe e se a API o mostra"
    )]
    BillRefused {
        /// The bill.
        bill: BillId,
        /// HTTP status.
        status: u16,
    },
    /// Sienge refuses a group of bills, and this one was not told apart from it yet.
    #[error(
        "O Sienge recusou um grupo de títulos em que está o {bill}; será lido de novo, à parte"
    )]
    NotToldApart {
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

/// What to do about a [`SiengeError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The same may work later.
    RetryLater,
    /// Never will work until somebody changes something.
    Never,
    /// Sienge does not have it.
    NotFound,
}

impl SiengeError {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::NotFound { .. } => Remedy::NotFound,
            Self::Configuration(_)
            | Self::Credentials { .. }
            | Self::Permission { .. }
            | Self::BadRequest { .. }
            | Self::WrongAddress { .. }
            // Lasting: the same question gets as large an answer again, and each try takes megabytes and a call of the quota.
            | Self::TooLarge { .. }
            | Self::TooMany { .. }
            | Self::BillRefused { .. }
            | Self::MissingField { .. } => Remedy::Never,
            Self::RateLimited { .. }
            | Self::QuotaExhausted { .. }
            | Self::DayIsOver { .. }
            | Self::QuotaUnavailable
            | Self::Deadline { .. }
            | Self::Server { .. }
            | Self::Timeout { .. }
            | Self::Connection { .. }
            | Self::Truncated { .. }
            | Self::NotJson { .. }
            | Self::Shape { .. }
            | Self::BulkFailed { .. }
            | Self::NotToldApart { .. }
            | Self::Inconsistent { .. } => Remedy::RetryLater,
        }
    }

    /// The bill the error is about, when it is about one: set it aside and go on with the others.
    #[must_use]
    pub fn bill(&self) -> Option<BillId> {
        match self {
            Self::MissingField { bill, .. } => *bill,
            Self::Inconsistent { bill }
            | Self::BillRefused { bill, .. }
            | Self::NotToldApart { bill } => Some(*bill),
            _ => None,
        }
    }

    /// Whether one of the things a call asks for may be the reason, rather than Sienge, the way to it, or who asks.
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

    /// Whether it is of the bills that were asked for, and others may be read: Sienge, the way to it, or who asks is not the reason.
    #[must_use]
    pub fn is_of_some_bill(&self) -> bool {
        self.bill().is_some() || self.may_be_of_one() || matches!(self, Self::Timeout { .. })
    }

    /// Whether the quotas are the reason: nothing else will get through for now either.
    #[must_use]
    pub fn is_quota(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. }
                | Self::QuotaExhausted { .. }
                | Self::DayIsOver { .. }
                | Self::QuotaUnavailable
        )
    }

    /// Whether Sienge (429), or the counter on its behalf, refuses every call for now: a minute mostly, hours at times.
    #[must_use]
    pub fn is_refused_for_now(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::QuotaExhausted { .. })
    }

    /// Whether another attempt at once (after a pause) makes sense.
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
