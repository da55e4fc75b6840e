//! An admitted call.

use std::net::IpAddr;

use ponte::calendar::{Date, Timestamp};
use ponte::flow::Adapters;
use ponte::flow::{Invoker, Session};
use ponte::ids::TenantId;
use ponte::sienge::Priority;
use ponte::store::{Actor, Right, Role};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::door::Allowance;
use crate::{Problem, json};

/// Most lines of one list.
const MAX_LISTED: i64 = 200;

/// The parameters of a path or a query.
pub(crate) type Parameters = Vec<(&'static str, String)>;

/// The caller, proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The tenant; no other tenant's data is ever read or written. None where the route is public.
    pub tenant: Option<TenantId>,
    /// Who it is; none where the route is public.
    pub actor: Option<Actor>,
    /// What they may do.
    pub role: Role,
    /// What they may do besides.
    pub rights: Vec<Right>,
    /// How often they are let in; none where nobody is counted.
    pub(crate) allowance: Option<Allowance>,
}

impl Caller {
    /// The anonymous caller of a public route.
    pub(crate) fn nobody() -> Self {
        Self {
            tenant: None,
            actor: None,
            role: Role::Reader,
            rights: Vec::new(),
            allowance: None,
        }
    }

    /// An operator at the console, whom IAM let in and nobody counts.
    pub(crate) fn operator(tenant: TenantId, by: &Invoker) -> Self {
        Self {
            tenant: Some(tenant),
            actor: Some(by.actor()),
            role: Role::Administrator,
            rights: Right::ALL.to_vec(),
            allowance: None,
        }
    }

    /// Whether they have a right that no role includes.
    pub(crate) fn may(&self, right: Right) -> bool {
        self.rights.contains(&right)
    }
}

/// Where a call comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The caller's address; none for the console.
    pub address: Option<IpAddr>,
    /// The request's id at AWS.
    pub request: String,
}

/// A call.
#[derive(Debug)]
pub struct Call {
    /// Who calls.
    pub caller: Caller,
    /// The path's parameters.
    pub parameters: Vec<(&'static str, String)>,
    /// The query.
    pub query: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// Stands in for an absent one: see [`Call::key`].
    pub nonce: String,
    /// Where it comes from, for the audit.
    pub origin: Origin,
    /// When it arrived.
    pub at: Timestamp,
    /// When it must be answered.
    pub deadline: Instant,
}

impl Call {
    /// The caller's tenant; an error when none was proved.
    pub fn tenant(&self) -> Result<&TenantId, Problem> {
        self.caller
            .tenant
            .as_ref()
            .ok_or_else(Problem::unauthorized)
    }

    /// The same caller, reading what a path shows.
    pub(crate) fn reading(&self, parameters: Parameters) -> Self {
        Self {
            caller: self.caller.clone(),
            parameters,
            query: Vec::new(),
            body: Vec::new(),
            idempotency_key: None,
            nonce: self.nonce.clone(),
            origin: self.origin.clone(),
            at: self.at,
            deadline: self.deadline,
        }
    }

    /// What makes this request unique: its `Idempotency-Key`, or else a random text.
    pub(crate) fn key(&self) -> &str {
        self.idempotency_key.as_deref().unwrap_or(&self.nonce)
    }

    /// The body as JSON of its type; unknown fields and wrong types are faults that name the field.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        json::read(&self.body)
    }

    /// A text of the path.
    pub fn text(&self, name: &'static str) -> &str {
        found(&self.parameters, name).unwrap_or_default()
    }

    /// A word of the query, one of the route's.
    pub fn word(&self, name: &'static str) -> Option<&str> {
        found(&self.query, name)
    }

    /// A number of the query; the route admits no other value.
    pub fn number(&self, name: &'static str) -> Option<i64> {
        self.word(name).and_then(|text| text.parse().ok())
    }

    /// A day of the query; the route admits no other value.
    pub fn day(&self, name: &'static str) -> Option<Date> {
        self.word(name).and_then(|text| text.parse().ok())
    }

    /// How long the list may be.
    pub fn limit(&self) -> Result<usize, Problem> {
        let limit = self.number("limit").unwrap_or(50);
        usize::try_from(limit)
            .ok()
            .filter(|_| limit <= MAX_LISTED)
            .ok_or_else(|| Problem::field("limit", format!("informe de 1 a {MAX_LISTED}")))
    }

    /// A number of the path.
    pub fn id(&self, name: &'static str) -> Result<i64, Problem> {
        self.text(name)
            .parse()
            .ok()
            .filter(|id| *id > 0)
            .ok_or_else(|| Problem::field(name, "informe um número inteiro positivo no endereço"))
    }

    /// The caller's session, whose calls to Sienge have interactive priority; close it at the end.
    pub async fn session(&self, adapters: &Adapters) -> Result<Session, Problem> {
        let tenant = self.tenant()?;
        Ok(Session::open_as(
            Priority::Interactive,
            adapters,
            tenant,
            false,
            self.deadline,
        )
        .await?)
    }
}

fn found<'a>(parameters: &'a [(&'static str, String)], name: &'static str) -> Option<&'a str> {
    let found = parameters.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| text.as_str())
}
