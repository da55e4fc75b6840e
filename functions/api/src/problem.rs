//! Problem documents (RFC 9457): what was wrong, in Portuguese, at which field.

use std::time::Duration;

use ponte::agreement::DraftError;
use ponte::aws::SecretError;
use ponte::flow::boletos::BoletoError;
use ponte::flow::quotes::QuoteError;
use ponte::flow::{AgreementError, FlowError, OpenError};
use ponte::sienge::SiengeError;
use ponte::store::{Recovery, Role, StoreError};
use schemars::JsonSchema;
use serde::Serialize;

/// When a caller may try again if Sienge refused without naming a time.
const A_MINUTE: Duration = Duration::from_mins(1);
/// The same when the day's quota is used up: that may take long, and a larger package may be bought in between.
const AN_HOUR: Duration = Duration::from_hours(1);
/// Seconds after which a caller may try again after any other passing error.
const AFTER_A_MOMENT: u32 = 5;

/// A problem. `type` is stable, for programs; `detail` is for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Problem {
    /// The kind: `urn:ponte:problem:` and a word.
    #[serde(rename = "type")]
    kind: String,
    /// The kind in Portuguese.
    title: &'static str,
    /// HTTP status.
    pub(crate) status: u16,
    /// What is wrong and what to do, in Portuguese.
    detail: String,
    /// The faults by field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    errors: Vec<FieldError>,
    #[serde(skip)]
    pub(crate) headers: Vec<(&'static str, String)>,
    #[serde(skip)]
    pub(crate) kept: bool,
}

/// A fault of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FieldError {
    /// Where, such as `bills[0].installments[2]`; empty for the body as a whole.
    pub path: String,
    /// What is wrong and what is right, in Portuguese.
    pub detail: String,
}

impl Problem {
    fn new(status: u16, word: &str, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:ponte:problem:{word}"),
            title,
            status,
            detail: detail.into(),
            errors: Vec::new(),
            headers: Vec::new(),
            // Otherwise nothing happened, or it can be completed: a repetition is carried out.
            kept: status < 500 && status != 409 && status != 429,
        }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn with_all(mut self, headers: Vec<(&'static str, String)>) -> Self {
        self.headers.extend(headers);
        self
    }

    /// HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// What is wrong and what to do.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// 400: the body cannot be read.
    #[must_use]
    pub fn unreadable(errors: Vec<FieldError>) -> Self {
        let problem = Self::new(
            400,
            "unreadable",
            "Pedido ilegível",
            "O corpo não pode ser lido; veja cada campo em \"errors\".",
        );
        Self { errors, ..problem }
    }

    /// 422: the request is readable but cannot be fulfilled.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let problem = Self::new(
            422,
            "invalid",
            "Pedido inválido",
            "O pedido não pode ser atendido; veja cada campo em \"errors\".",
        );
        Self { errors, ..problem }
    }

    /// 422: one field is at fault.
    #[must_use]
    pub fn field(path: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError {
            path: path.into(),
            detail: detail.into(),
        }])
    }

    /// 401.
    #[must_use]
    pub fn unauthorized() -> Self {
        let detail = "Credencial ausente, inválida ou vencida: envie o cabeçalho Authorization: Bearer <chave de API>, ou x-api-key.";
        Self::new(401, "unauthorized", "Não autenticado", detail).with("www-authenticate", "Bearer")
    }

    /// 403.
    #[must_use]
    pub fn forbidden(needed: Role) -> Self {
        let detail = format!(
            "Esta chamada exige o papel {}; peça uma credencial com ele.",
            needed.name()
        );
        Self::without_right(detail)
    }

    /// 403: the caller's role allows it, and yet it needs a right. What is wrong may be put right, so a repetition is carried out.
    #[must_use]
    pub fn without_right(detail: impl Into<String>) -> Self {
        let problem = Self::new(403, "forbidden", "Não permitido", detail);
        Self {
            kept: false,
            ..problem
        }
    }

    /// 404.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(404, "not-found", "Não encontrado", detail)
    }

    /// 405.
    #[must_use]
    pub fn method(allowed: &[&str]) -> Self {
        let allowed = allowed.join(", ");
        Self::new(
            405,
            "method",
            "Método não aceito",
            format!("Use: {allowed}."),
        )
        .with("allow", allowed)
    }

    /// 409: not in the present state.
    #[must_use]
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(409, "conflict", "Conflito", detail)
    }

    /// 409 that passes after some seconds.
    #[must_use]
    pub fn conflict_for(detail: impl Into<String>, retry_after_seconds: i64) -> Self {
        Self::conflict(detail).with("retry-after", retry_after_seconds.to_string())
    }

    /// 413.
    #[must_use]
    pub fn too_large(detail: String) -> Self {
        Self::new(413, "too-large", "Grande demais", detail)
    }

    /// 429: there will be room for the call after the wait.
    #[must_use]
    pub fn too_many(why: impl std::fmt::Display, wait: Duration) -> Self {
        let seconds = seconds(wait).max(1);
        let detail = format!("Não atendida: {why}. Tente de novo em {seconds} s.");
        Self::new(429, "too-many-requests", "Chamadas demais", detail)
            .with("retry-after", seconds.to_string())
    }

    /// 500; what happened is in the log.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            500,
            "internal",
            "Erro interno",
            "Não foi possível atender; o registro da função diz por quê.",
        )
    }

    /// 502: Sienge's answer will not change by trying again.
    #[must_use]
    pub fn sienge(detail: impl Into<String>) -> Self {
        Self::new(502, "sienge", "Sienge", detail)
    }

    /// 502: it is unknown whether it was done. A repetition gets the same answer, because it might do it twice.
    #[must_use]
    pub fn unclear(detail: impl Into<String>) -> Self {
        let problem = Self::sienge(detail);
        Self {
            kept: true,
            ..problem
        }
    }

    /// 422: another request used this `Idempotency-Key`. The key's answer stays the other one's.
    #[must_use]
    pub fn other_request() -> Self {
        let problem = Self::field(
            "Idempotency-Key",
            "a chave já foi usada com outro pedido; use uma chave nova para um pedido novo",
        );
        Self {
            kept: false,
            ..problem
        }
    }

    /// 503: the call's time ran out.
    #[must_use]
    pub fn late() -> Self {
        Self::unavailable(
            "o tempo da chamada acabou; tente de novo em instantes",
            AFTER_A_MOMENT,
        )
    }

    /// 503: may work after some seconds.
    #[must_use]
    pub fn unavailable(detail: impl Into<String>, retry_after_seconds: u32) -> Self {
        Self::new(503, "unavailable", "Indisponível no momento", detail)
            .with("retry-after", retry_after_seconds.to_string())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if error == StoreError::Conflict {
            return Self::unavailable(
                "Outra operação está alterando os mesmos contratos; tente de novo em instantes.",
                AFTER_A_MOMENT,
            );
        }
        if error.recovery() == Recovery::Never {
            tracing::error!(%error, "the database");
            return Self::internal();
        }
        tracing::warn!(%error, "the database");
        Self::unavailable(
            "O banco de dados não respondeu a tempo; tente de novo em instantes.",
            AFTER_A_MOMENT,
        )
    }
}

impl From<FlowError> for Problem {
    fn from(error: FlowError) -> Self {
        match error {
            FlowError::Store(error) => error.into(),
            FlowError::Sienge(SiengeError::QuotaExhausted { wait, .. }) => {
                Self::too_many("a cota por minuto da API do Sienge está em uso", wait)
            }
            FlowError::Sienge(SiengeError::RateLimited { retry_after, .. }) => Self::too_many(
                "o Sienge limitou as requisições",
                retry_after.unwrap_or(A_MINUTE),
            ),
            FlowError::Sienge(SiengeError::DayIsOver { .. }) => Self::too_many(
                "a parte da cota do dia da API do Sienge para estas chamadas acabou, e o resto fica para as cargas e os webhooks",
                AN_HOUR,
            ),
            FlowError::Sienge(SiengeError::Silent { wait }) => {
                let after = u32::try_from(seconds(wait)).unwrap_or(AFTER_A_MOMENT);
                Self::unavailable(error.to_string(), after)
            }
            FlowError::Sienge(error) if error.stops_every_call() => {
                Self::unavailable(error.to_string(), AFTER_A_MOMENT)
            }
            FlowError::Sienge(error) if error.remedy() == ponte::sienge::Remedy::RetryLater => {
                Self::unavailable(error.to_string(), AFTER_A_MOMENT)
            }
            FlowError::Sienge(error) => Self::sienge(error.to_string()),
            FlowError::Refused(refusal) => Self::conflict(refusal.to_string()),
            FlowError::NotConfigured(why) | FlowError::Stopped(why) => Self::conflict(why),
            FlowError::Secret(SecretError::Missing | SecretError::Unreadable) => Self::conflict(
                "As credenciais do Sienge desta assessoria faltam ou estão ilegíveis; refaça o cadastro com o comando de assessoria.",
            ),
            FlowError::Secret(_) | FlowError::Bus(_) | FlowError::Inbox(_) => {
                tracing::error!(%error, "an AWS service");
                Self::unavailable(
                    "Um serviço interno não respondeu; tente de novo em instantes.",
                    AFTER_A_MOMENT,
                )
            }
        }
    }
}

impl From<QuoteError> for Problem {
    fn from(error: QuoteError) -> Self {
        match error {
            QuoteError::Flow(error) => error.into(),
            QuoteError::Invalid(faults) => {
                let errors = faults.into_iter().map(|fault| FieldError {
                    path: fault.path,
                    detail: fault.detail,
                });
                Self::invalid(errors.collect())
            }
        }
    }
}

impl From<DraftError> for Problem {
    fn from(error: DraftError) -> Self {
        use DraftError as E;
        let text = error.to_string();
        match error {
            E::UnknownBill(_) | E::UnknownInstallment(_) => Self::not_found(text),
            E::NothingSelected
            | E::TooManyInstallments { .. }
            | E::TooManyBills { .. }
            | E::SeveralCustomers
            | E::SeveralBills
            | E::OtherCreditor { .. } => Self::field("quote.bills", text),
            E::QuotePassed { .. } => Self::field("quote.on", text),
            E::RowWithoutValue { .. } | E::OwnDueDates => Self::field("quote.plan", text),
            E::NotMonthly => Self::field("quote.plan.periodicity", text),
            E::Validity { .. } => Self::field("proposal.expiresOn", text),
            E::OperatorNotACode { .. } => Self::field("operator", text),
            E::NotesTooLong { public: false, .. } => Self::field("notes", text),
            E::NotesTooLong { public: true, .. } => Self::field("publicNotes", text),
            E::CancelledContract(_)
            | E::AssignmentWaits(_)
            | E::OtherHolder(_)
            | E::InAnotherAgreement { .. }
            | E::AnotherRemake { .. }
            | E::NotOpen(_)
            | E::OtherBalance { .. }
            | E::UnknownIndexer => Self::conflict(text),
        }
    }
}

impl From<AgreementError> for Problem {
    fn from(error: AgreementError) -> Self {
        use AgreementError as E;
        match error {
            E::Draft(error) => error.into(),
            E::Flow(error) => error.into(),
            E::Unknown(_) => Self::not_found(error.to_string()),
            E::OtherRequest(_) => Self::other_request(),
            E::UnknownCreditor(_) => Self::field("quote.bills", error.to_string()),
            E::ReasonUnfit { .. } => Self::field("reason", error.to_string()),
            E::IndexerMissing
            | E::SeveralIndexers
            | E::ProposalExpired { .. }
            | E::NotAllowed(_) => Self::conflict(error.to_string()),
        }
    }
}

impl From<BoletoError> for Problem {
    fn from(error: BoletoError) -> Self {
        use BoletoError as E;
        let text = error.to_string();
        match error {
            E::UnknownBill(_) | E::UnknownInstallment { .. } | E::GoneInSienge { .. } => {
                Self::not_found(text)
            }
            E::NotOpen { .. }
            | E::NoRegisteredCharge { .. }
            | E::AssignmentWaits(_)
            | E::NewDueDateBlocked { .. }
            | E::DueDateRefused { .. } => Self::conflict(text),
            E::DueDatePassed { .. } | E::NotABusinessDay { .. } => Self::field("newDueOn", text),
            E::NotAnAddress => Self::field("to", text),
            E::OthersAddress(_) => Self::without_right(text),
            E::LinkInTitle | E::TitleUnfit { .. } => Self::field("title", text),
            E::LinkInBody | E::BodyUnfit { .. } => Self::field("body", text),
            E::InvalidBoleto { .. } => Self::sienge(text),
            E::EmailUnclear(_) | E::DueDateUnclear(_) | E::ChangedAndUnread { .. } => {
                Self::unclear(text)
            }
            E::Sienge(error) => FlowError::from(error).into(),
            E::Internal(error) => error.into(),
        }
    }
}

impl From<OpenError> for Problem {
    fn from(error: OpenError) -> Self {
        let text = error.to_string();
        match error {
            OpenError::NotFound(_) => Self::not_found(text),
            OpenError::NotSynchronised { lasting: true, .. } => Self::sienge(text),
            OpenError::NotSynchronised { .. } => Self::unavailable(text, AFTER_A_MOMENT),
            OpenError::Flow(error) => error.into(),
        }
    }
}

/// Whole seconds, rounded up.
pub(crate) fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use ponte::sienge::Lane;
    use serde_json::Value;

    use super::*;
    use crate::HttpAnswer;

    #[test]
    fn what_passes_says_when_to_come_back_and_what_does_not_says_what_to_do() {
        let resource = "current-debit-balance";
        for (error, status, retry_after) in [
            (
                FlowError::Sienge(SiengeError::DayIsOver { lane: Lane::Rest }),
                429,
                Some("3600"),
            ),
            (
                FlowError::Sienge(SiengeError::QuotaExhausted {
                    lane: Lane::Rest,
                    wait: Duration::from_millis(12_300),
                }),
                429,
                Some("13"),
            ),
            (
                FlowError::Sienge(SiengeError::Silent {
                    wait: Duration::from_millis(29_500),
                }),
                503,
                Some("30"),
            ),
            (
                FlowError::Sienge(SiengeError::QuotaUnavailable),
                503,
                Some("5"),
            ),
            (
                FlowError::Sienge(SiengeError::Timeout { resource }),
                503,
                Some("5"),
            ),
            (
                FlowError::Sienge(SiengeError::Credentials { resource }),
                502,
                None,
            ),
            (FlowError::Secret(SecretError::Missing), 409, None),
            (
                FlowError::Secret(SecretError::Unavailable("time-out".to_owned())),
                503,
                Some("5"),
            ),
            (FlowError::NotConfigured("x".to_owned()), 409, None),
            (FlowError::Store(StoreError::Conflict), 503, Some("5")),
        ] {
            let told = error.to_string();
            let answer = HttpAnswer::from(Problem::from(error));
            let header = answer
                .headers
                .iter()
                .find(|(name, _)| *name == "retry-after");
            assert_eq!(
                (answer.status, header.map(|(_, value)| value.as_str())),
                (status, retry_after),
                "{told}"
            );
            let problem: Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(problem["status"], status);
            assert!(!problem["detail"].as_str().unwrap().is_empty());
        }
    }

    #[test]
    fn a_rule_that_was_broken_is_told_at_its_field_with_its_status() {
        let bill = ponte::ids::BillId(295);
        let creditor = ponte::ids::CreditorId(7);
        for (problem, status, path, told) in [
            (
                Problem::from(AgreementError::Draft(DraftError::TooManyBills {
                    selected: 16,
                    most: 15,
                })),
                422,
                "quote.bills",
                "16 contratos são demais para um acordo; selecione até 15",
            ),
            (
                AgreementError::UnknownCreditor(creditor).into(),
                422,
                "quote.bills",
                "credor 7 não cadastrado nesta assessoria",
            ),
            (
                DraftError::NotesTooLong {
                    public: true,
                    most: 2_000,
                }
                .into(),
                422,
                "publicNotes",
                "o texto é longo demais; escreva até 2000 caracteres",
            ),
            (
                AgreementError::ReasonUnfit { most: 500 }.into(),
                422,
                "reason",
                "informe o motivo, com até 500 caracteres",
            ),
            (
                DraftError::UnknownBill(bill).into(),
                404,
                "",
                "contrato 295 não encontrado na carteira",
            ),
            (
                DraftError::OtherHolder(bill).into(),
                409,
                "",
                "o contrato 295 mudou de titular; simule de novo",
            ),
            (
                BoletoError::NotAnAddress.into(),
                422,
                "to",
                "informe um endereço de e-mail, e só um, por exemplo \"cliente@exemplo.com.br\"",
            ),
        ] {
            assert_eq!(problem.status, status, "{told}");
            let (told_path, text) = match problem.errors.as_slice() {
                [error] => (error.path.as_str(), &error.detail),
                _ => ("", &problem.detail),
            };
            assert_eq!((told_path, text.as_str()), (path, told));
        }
    }

    #[test]
    fn a_database_that_answered_is_not_blamed() {
        let told = |error| HttpAnswer::from(Problem::from(FlowError::Store(error))).body;
        assert!(told(StoreError::Conflict).contains("Outra operação está alterando"));
    }
}
