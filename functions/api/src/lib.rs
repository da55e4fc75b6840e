//! `api`: the HTTP API for the collection CRM and for operators, `/v1/…`.
//!
//! Guarantees: a caller acts for the tenant that its key or token proves, whatever it sends; who asks too often is refused before any work; every error has an answer, a problem document
//! (RFC 9457) in Portuguese that names the field; a request is answered or refused in time. A route is one row of [`ROUTES`] and its own file.

mod agreements;
mod answer;
mod audit;
mod boletos;
mod call;
mod campaigns;
mod contracts;
pub mod document;
mod door;
mod event;
mod example;
mod fingerprint;
mod history;
mod identity;
mod json;
mod openapi;
mod problem;
mod quotes;
mod repeat;
mod route;
mod routes;

use std::time::Duration;

use ponte::cache::Cache;
use ponte::calendar::{Timestamp, business_date};
use ponte::flow::{Adapters, ApiCall, Function, Invoker, Refusal, end_act};
use ponte::ids::TenantId;
use ponte::store::{Act, Actor, AuditOutcome, BegunAct, Door};
use ponte::telemetry::{self, Metric};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::time::Instant;

pub use answer::HttpAnswer;
pub use call::{Call, Caller, Origin};
pub use identity::ClaimNames;
pub use problem::{FieldError, Problem};
pub use route::{Repeat, Route};
pub use routes::ROUTES;

use event::{HttpRequest, Invocation};
use identity::Authenticator;

/// The largest body accepted, in bytes.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;
/// The largest answer, in bytes: Lambda carries 6 MB.
const MAX_ANSWER_BYTES: usize = 5_500_000;
/// How often a caller who is refused for asking too often is logged, and for how many callers this is remembered.
const LOGGED_EVERY: Duration = Duration::from_mins(1);
const MAX_LOGGED: usize = 10_000;
/// API Gateway waits thirty seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(26);

/// The handler and its adapters.
pub struct Api {
    adapters: Adapters,
    claims: ClaimNames,
    authenticator: Authenticator,
    door: Door,
    /// Who was logged as refused.
    logged: Cache<(TenantId, String), ()>,
}

/// The function's answer.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Reply {
    /// To API Gateway.
    Http(Value),
    /// To an operator whose call was made.
    Done(Done),
    /// To an operator whose call was refused.
    Refused(Refusal),
}

/// An operator's call that was made, and the answer that a caller over HTTP would get.
#[derive(Debug, Serialize)]
pub struct Done {
    #[serde(rename = "situacao")]
    state: &'static str,
    #[serde(rename = "resumo")]
    text: String,
    #[serde(rename = "resposta")]
    answer: Box<RawValue>,
}

/// The function could not do its work, for the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The kind of error.
    pub kind: String,
    /// What to do, in Portuguese.
    pub text: String,
}

impl Api {
    /// Wires the handler.
    #[must_use]
    pub fn new(adapters: Adapters, claims: ClaimNames) -> Self {
        Self {
            door: Door::new(adapters.store.clone(), "api", None),
            logged: Cache::new(MAX_LOGGED),
            adapters,
            claims,
            authenticator: Authenticator::default(),
        }
    }

    /// The adapters.
    #[must_use]
    pub fn adapters(&self) -> &Adapters {
        &self.adapters
    }

    /// Opens the connections that the first event needs. A failure here shows up again there and is answered there.
    pub async fn connect(&self) {
        let connections = async {
            tokio::join!(
                self.adapters.store.connect(),
                self.adapters.secrets.connect()
            )
        };
        if tokio::time::timeout(Duration::from_secs(2), connections)
            .await
            .is_err()
        {
            tracing::warn!("AWS did not answer at the start");
        }
    }

    /// Answers an event: a request of API Gateway's, or an operator's call. An unreadable request, and a call that fails through no fault of
    /// the operator, are errors.
    pub async fn handle(
        &self,
        event: Value,
        by: &Invoker,
        deadline: Instant,
    ) -> Result<Reply, Failure> {
        let deadline = deadline.min(Instant::now() + ANSWER_WITHIN);
        match Invocation::read(event, business_date((self.adapters.clock)())) {
            Ok(Invocation::Http(request)) => {
                let answer = self.answer(&request, deadline).await;
                Ok(Reply::Http(event::response(&answer)))
            }
            Ok(Invocation::Call(call)) => self.make_call(call, by, deadline).await,
            Ok(Invocation::Refused(refusal)) => Ok(refuse(refusal)),
            Err(text) => Err(Failure {
                kind: "Pedido".to_owned(),
                text,
            }),
        }
    }

    /// Answers a request. Never fails.
    async fn answer(&self, request: &HttpRequest, deadline: Instant) -> HttpAnswer {
        let (at, began) = ((self.adapters.clock)(), Instant::now());
        let mut tenant = None;
        let answer = match self.admit(request, at, deadline).await {
            Ok((route, call)) => {
                tenant.clone_from(&call.caller.tenant);
                match self.enter(route, &call).await {
                    Ok(headers) => {
                        let mut answer = self.audited(route, &call).await;
                        answer.headers.extend(headers);
                        answer
                    }
                    Err(problem) if problem.status() == 429 => {
                        self.log_refused(&call.caller);
                        return problem.into();
                    }
                    Err(problem) => problem.into(),
                }
            }
            Err(problem) => problem.into(),
        };
        if matches!(answer.status, 401 | 403) {
            telemetry::count(Metric::ApiRefused, 1, tenant.as_ref(), at);
        }
        let route =
            routes::find(request.method(), request.path()).map_or("-", |(route, _)| route.path);
        let tenant = tenant.as_ref().map_or("-", TenantId::as_str);
        let key = identity::presented_id(request).unwrap_or("-");
        let duration_ms = began.elapsed().as_millis();
        tracing::info!(
            tenant,
            key,
            method = request.method(),
            route,
            status = answer.status,
            duration_ms,
            "api answered {}",
            answer.status
        );
        answer
    }

    /// Finds the route, and proves the caller and their role.
    async fn admit(
        &self,
        request: &HttpRequest,
        at: Timestamp,
        deadline: Instant,
    ) -> Result<(&'static Route, Call), Problem> {
        let (route, parameters) = routes::find(request.method(), request.path())?;
        if request.body.len() > MAX_BODY_BYTES {
            return Err(Problem::too_large(format!(
                "o corpo passa de {} KB",
                MAX_BODY_BYTES / 1024
            )));
        }
        let caller = match route.role {
            None => Caller::nobody(),
            Some(role) => {
                let caller = self
                    .authenticator
                    .caller(&self.adapters.store, &self.claims, request, at)
                    .await?;
                if caller.role < role {
                    return Err(Problem::forbidden(role));
                }
                caller
            }
        };
        let call = Call {
            caller,
            parameters,
            query: route.query_of(&request.query())?,
            body: request.body.clone(),
            idempotency_key: request.header("idempotency-key").map(str::to_owned),
            nonce: nonce(),
            origin: request.origin(),
            at,
            deadline,
        };
        Ok((route, call))
    }

    /// Takes what the call needs of its caller's buckets, before any work; answers the headers that say what is left.
    async fn enter(
        &self,
        route: &Route,
        call: &Call,
    ) -> Result<Vec<(&'static str, String)>, Problem> {
        let (Some(tenant), Some(allowance)) = (&call.caller.tenant, &call.caller.allowance) else {
            return Ok(Vec::new());
        };
        let visit = allowance.visit((route.sienge_calls)(call), route.emails);
        door::answered(self.door.enter(tenant, &visit, call.at).await?)
    }

    /// One line a minute for each caller: a flood must not cost the log a line a call.
    fn log_refused(&self, who: &Caller) {
        let (Some(tenant), Some(allowance)) = (&who.tenant, &who.allowance) else {
            return;
        };
        let key = (tenant.clone(), allowance.caller.clone());
        if self.logged.get(&key, LOGGED_EVERY).is_none() {
            let caller = key.1.as_str();
            let id = match &who.actor {
                Some(Actor::Key(id)) => id,
                _ => "-",
            };
            tracing::warn!(%tenant, caller, key = id, "a caller asks too often and is refused; logged once a minute");
            self.logged.put(key, ());
        }
    }

    /// Carries out a call. One that the audit tells of leaves its lines first, or is not carried out.
    async fn audited(&self, route: &'static Route, call: &Call) -> HttpAnswer {
        let begun = match tokio::time::timeout_at(call.deadline, self.begin(route, call)).await {
            Ok(Ok(begun)) => begun,
            Ok(Err(problem)) => return problem.into(),
            Err(_) => return Problem::late().into(),
        };
        let answer = self.serve(route, call).await;
        if let Some(begun) = begun {
            let outcome = match answer.status {
                ..400 => AuditOutcome::Done,
                400..500 => AuditOutcome::Refused,
                _ => AuditOutcome::Failed,
            };
            end_act(&self.adapters, &begun, outcome, Some(answer.status)).await;
        }
        answer
    }

    async fn begin(&self, route: &Route, call: &Call) -> Result<Option<BegunAct>, Problem> {
        let (Some(about), Some(actor)) = (route.audit, &call.caller.actor) else {
            return Ok(None);
        };
        let act = Act {
            tenant: Some(call.tenant()?.clone()),
            actor: actor.clone(),
            action: route.name.to_owned(),
            objects: about(call),
            address: call.origin.address,
            request: call.origin.request.clone(),
            at: call.at,
        };
        Ok(Some(self.adapters.store.begin_act(&act).await?))
    }

    /// Carries out a call, within its time.
    async fn serve(&self, route: &'static Route, call: &Call) -> HttpAnswer {
        let work = async {
            match (&call.idempotency_key, route.repeat) {
                (Some(key), Repeat::Again | Repeat::Once) => {
                    repeat::once(&self.adapters, route, call, key).await
                }
                _ => (route.handle)(&self.adapters, call).await,
            }
        };
        let served = tokio::time::timeout_at(call.deadline, work).await;
        let served = served.unwrap_or_else(|_| {
            Err(match route.repeat {
                Repeat::Once => Problem::unclear("O tempo da chamada acabou, e não se sabe o que ela fez: confira antes de pedir de novo."),
                _ => Problem::late(),
            })
        });
        let answer: HttpAnswer = served.unwrap_or_else(Into::into);
        if answer.body.len() > MAX_ANSWER_BYTES {
            return Problem::too_large(
                "a resposta ficou grande demais; selecione menos parcelas".to_owned(),
            )
            .into();
        }
        answer
    }

    /// Makes an operator's call from the console, which IAM has authorised.
    async fn make_call(
        &self,
        asked: ApiCall,
        by: &Invoker,
        deadline: Instant,
    ) -> Result<Reply, Failure> {
        let tenant = asked.tenant.clone();
        match self.adapters.store.tenant_settings(&tenant).await {
            Ok(Some(_)) => {}
            Ok(None) => return Ok(refuse(Function::Api.unknown_tenant(&tenant))),
            Err(error) => return Err(Failure::of(&json!(Problem::from(error)))),
        }
        let right = example::right_event(&asked);
        let text = format!("Chamada atendida: {} {}.", asked.method, asked.path);
        let answer = match routes::find(&asked.method, &asked.path) {
            Err(problem) => {
                let why = format!("\"call\": {}", problem.detail().trim_end_matches('.'));
                return Ok(refuse(Function::Api.refuse(why)));
            }
            Ok((route, parameters)) => match route
                .query_of(&asked.query)
                .and_then(|query| event::fits(&asked, route).map(|()| query))
            {
                Err(problem) => problem.into(),
                Ok(query) => {
                    let call = Call {
                        caller: Caller::operator(asked.tenant, by),
                        parameters,
                        query,
                        body: asked.body,
                        idempotency_key: asked.idempotency_key,
                        nonce: nonce(),
                        origin: Origin {
                            address: None,
                            request: by.request.clone(),
                        },
                        at: (self.adapters.clock)(),
                        deadline,
                    };
                    self.audited(route, &call).await
                }
            },
        };
        let status = answer.status;
        if status < 400 {
            tracing::info!(%tenant, status, "command answered {status}");
            let answer = RawValue::from_string(answer.body).map_err(|_| Failure {
                kind: "Erro interno".to_owned(),
                text: "A resposta não é JSON.".to_owned(),
            })?;
            return Ok(Reply::Done(Done {
                state: "concluído",
                text,
                answer,
            }));
        }
        let failure = Failure::of(&serde_json::from_str(&answer.body).unwrap_or_default());
        if status < 500 {
            tracing::warn!(%tenant, function = "api", status, "command refused: {}", failure.kind);
            // Only of a wrong event is a right one shown; another may be refused for what it finds.
            let right = right.filter(|_| matches!(status, 400 | 422));
            return Ok(Reply::Refused(match right {
                Some(right) => right.instead_of(&failure.text),
                None => Refusal::new(failure.text),
            }));
        }
        tracing::info!(%tenant, status, "command answered {status}");
        Err(failure)
    }
}

/// What makes a call without an `Idempotency-Key` unique.
fn nonce() -> String {
    format!("{:032x}", fastrand::u128(..))
}

/// Refuses an event: no call was made.
fn refuse(refusal: Refusal) -> Reply {
    tracing::warn!(
        function = "api",
        "command refused, nothing was done: {refusal}"
    );
    Reply::Refused(refusal)
}

impl Failure {
    /// The problem's text: its faults by field, or else its detail.
    fn of(problem: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let faults = problem["errors"].as_array().into_iter().flatten();
        let faults: Vec<String> = faults
            .map(|fault| match text(&fault["path"]).as_str() {
                "" => text(&fault["detail"]),
                path => format!("{path}: {}", text(&fault["detail"])),
            })
            .collect();
        let kind = text(&problem["title"]);
        let text = if faults.is_empty() {
            text(&problem["detail"])
        } else {
            format!("{kind}: {}", faults.join("; "))
        };
        Self { kind, text }
    }
}
