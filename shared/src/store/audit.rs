//! The audit: who did what, on which object, from where, and how it ended.
//!
//! Guarantees: the lines of an act are written before the act begins and the outcome after it, so an act that nothing tells of cannot happen; a
//! line without an outcome is of an act that is in progress or died. Nothing here updates or deletes, and no function may
//! (`template.yaml`). Objects are ids, never documents, names or addresses of debtors.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::attributes::{Item, from_item, get_text, number, opt_number, text, to_item};
use super::batch::{Freshness, Query};
use super::journal::expiry;
use super::keys::{self, ItemKey, attribute, index};
use super::{Store, StoreError};
use crate::calendar::{Date, Timestamp, begins};
use crate::ids::TenantId;

/// Below every id of a line, and above.
const LOWEST: &str = "0";
const HIGHEST: &str = "~";

/// Who acts, as proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// The holder of an API key, by the key's id.
    Key(String),
    /// A person, by the subject of their token.
    Person(String),
    /// Whoever may invoke the function, which IAM decides.
    Console {
        /// Their identity, where Lambda tells it.
        identity: Option<String>,
    },
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(f, "key:{id}"),
            Self::Person(subject) => write!(f, "person:{subject}"),
            Self::Console { identity: None } => f.write_str("console"),
            Self::Console {
                identity: Some(identity),
            } => write!(f, "console:{identity}"),
        }
    }
}

/// What is acted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditObject {
    /// Its kind and id, as one searches for it: `bill:295`.
    name: String,
    /// A part of it: `installment:3`.
    part: Option<String>,
}

impl AuditObject {
    /// An object by its kind and id.
    #[must_use]
    pub fn new(kind: &str, id: impl fmt::Display) -> Self {
        Self {
            name: format!("{kind}:{id}"),
            part: None,
        }
    }

    /// A part of the object.
    #[must_use]
    pub fn part(self, kind: &str, id: impl fmt::Display) -> Self {
        Self {
            part: Some(format!("{kind}:{id}")),
            ..self
        }
    }
}

/// An id that an operator types, if it looks like one: anything else may name somebody.
#[must_use]
pub fn plain_id(typed: &str) -> &str {
    let is_id = (1..=128).contains(&typed.len())
        && typed
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if is_id { typed } else { "?" }
}

/// An act about to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// Whose data; none where it concerns all tenants.
    pub tenant: Option<TenantId>,
    /// Who acts.
    pub actor: Actor,
    /// What they do: the name of an operation of the API, or of a command.
    pub action: String,
    /// What it is done to.
    pub objects: Vec<AuditObject>,
    /// The address it is done from, where there is one.
    pub address: Option<IpAddr>,
    /// The request's id at AWS, which the access log or AWS's own trail knows, too.
    pub request: String,
    /// When.
    pub at: Timestamp,
}

/// An act in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BegunAct {
    tenant: Option<TenantId>,
    id: String,
}

/// How an act ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AuditOutcome {
    /// Done.
    Done,
    /// Refused: nothing was done.
    Refused,
    /// It failed, and may have been done in part.
    Failed,
}

impl AuditOutcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// One line of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditLine {
    /// Its id.
    pub id: String,
    /// When the act began.
    pub at: Timestamp,
    /// Who acted, as proved: `key:` and the key's id, `person:` and the token's subject, or `console`.
    pub actor: String,
    /// What they did: the name of an operation of this API, or of an operator's command.
    pub action: String,
    /// What it was done to, such as `bill:295`; an act on several objects has a line for each.
    #[serde(default)]
    pub object: Option<String>,
    /// The part of it, such as `installment:3`.
    #[serde(default)]
    pub part: Option<String>,
    /// The address it was done from; none for the console.
    #[serde(default)]
    pub address: Option<String>,
    /// The request's id at AWS: the access log's for a call over HTTP, the invocation's for the console.
    pub request: String,
    /// How it ended; none while it is in progress, and where it died: then look at the object.
    #[serde(default)]
    pub outcome: Option<AuditOutcome>,
    /// The HTTP status of a call.
    #[serde(default)]
    pub status: Option<u16>,
}

/// Whose lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditSearch<'a> {
    /// All of the tenant's.
    All,
    /// Those of an actor.
    Actor(&'a str),
    /// Those of an object.
    Object(&'a str),
}

/// A page of the audit, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// The lines.
    pub lines: Vec<AuditLine>,
    /// The first line of the next page.
    pub next: Option<String>,
}

impl Store {
    /// Writes the lines of an act, all or none. The act may begin only when this has succeeded.
    pub async fn begin_act(&self, act: &Act) -> Result<BegunAct, StoreError> {
        let begun = BegunAct {
            tenant: act.tenant.clone(),
            id: keys::audit_act(act.at, fastrand::u64(..)),
        };
        let objects: Vec<Option<&AuditObject>> = match act.objects.as_slice() {
            [] => vec![None],
            objects => objects.iter().map(Some).collect(),
        };
        let mut items = Vec::new();
        for (place, object) in objects.into_iter().enumerate() {
            items.push(self.audit_item(act, &begun, place, object)?);
        }
        match items.as_slice() {
            [item] => self.put_audit(item.clone()).await?,
            _ => self.put_audit_together(items).await?,
        }
        Ok(begun)
    }

    /// Writes how an act ended.
    pub async fn end_act(
        &self,
        begun: &BegunAct,
        outcome: AuditOutcome,
        status: Option<u16>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let key = keys::audit_outcome(begun.tenant.as_ref(), &begun.id);
        let mut item = super::attributes::key_item(&key);
        item.extend([
            ("outcome".to_owned(), text(outcome.name())),
            (attribute::AT.to_owned(), text(keys::instant(now))),
            self.audit_expiry(now),
        ]);
        if let Some(status) = status {
            item.insert("status".to_owned(), number(status));
        }
        self.put_audit(item).await
    }

    /// A page of a tenant's lines, newest first: of these business days, from the line `first` on.
    pub async fn audit_page(
        &self,
        tenant: &TenantId,
        search: AuditSearch<'_>,
        days: (Option<Date>, Option<Date>),
        first: Option<&str>,
        limit: usize,
    ) -> Result<AuditPage, StoreError> {
        let end = |day: Date| begins(day.tomorrow().unwrap_or(Date::MAX));
        let from = days
            .0
            .map_or_else(|| LOWEST.to_owned(), |day| keys::instant(begins(day)));
        let until = days
            .1
            .map_or_else(|| HIGHEST.to_owned(), |day| keys::instant(end(day)));
        let until = first.map_or(until.clone(), |first| until.min(first.to_owned()));
        let (mut lines, mut next) = (Vec::new(), None);
        // DynamoDB refuses a range that ends before it begins.
        if from <= until {
            let (index, hash) = place_of(tenant, search);
            let query = Query {
                table: &self.tables.audit,
                index,
                hash,
                range: Some((attribute::SK, from, until)),
                freshness: match index {
                    None => Freshness::Consistent,
                    Some(_) => Freshness::Eventual,
                },
                newest_first: true,
                limit: Some(limit + 1),
            };
            for item in self.query_all(query).await? {
                lines.push(from_item::<AuditLine>(item)?);
            }
            next = lines.get(limit).map(|line| line.id.clone());
            lines.truncate(limit);
        }
        self.read_outcomes(tenant, &mut lines).await?;
        Ok(AuditPage { lines, next })
    }

    async fn read_outcomes(
        &self,
        tenant: &TenantId,
        lines: &mut [AuditLine],
    ) -> Result<(), StoreError> {
        let acts: BTreeSet<&str> = lines
            .iter()
            .map(|line| keys::act_of_audit_line(&line.id))
            .collect();
        let wanted: Vec<ItemKey> = acts
            .into_iter()
            .map(|act| keys::audit_outcome(Some(tenant), act))
            .collect();
        let table = &self.tables.audit;
        let found = self
            .batch_get(table, &wanted, Freshness::Consistent, None)
            .await?;
        let mut outcomes = HashMap::new();
        for item in &found {
            outcomes.insert(get_text(item, attribute::SK)?, item);
        }
        for line in lines {
            let Some(item) = outcomes.get(keys::act_of_audit_line(&line.id)) else {
                continue;
            };
            let name = get_text(item, "outcome")?;
            let known = [
                AuditOutcome::Done,
                AuditOutcome::Refused,
                AuditOutcome::Failed,
            ];
            line.outcome = known.into_iter().find(|outcome| outcome.name() == name);
            line.status = opt_number(item, "status");
        }
        Ok(())
    }

    fn audit_item(
        &self,
        act: &Act,
        begun: &BegunAct,
        place: usize,
        object: Option<&AuditObject>,
    ) -> Result<Item, StoreError> {
        let tenant = act.tenant.as_ref();
        let key = keys::audit_line(tenant, &begun.id, place);
        let line = AuditLine {
            id: key.sk.clone(),
            at: act.at,
            actor: act.actor.to_string(),
            action: act.action.clone(),
            object: object.map(|object| object.name.clone()),
            part: object.and_then(|object| object.part.clone()),
            address: act.address.map(|address| address.to_string()),
            request: act.request.clone(),
            outcome: None,
            status: None,
        };
        let mut item = to_item(&key, &line)?;
        item.retain(|_, value| !value.is_null());
        item.extend([
            (attribute::AT.to_owned(), text(keys::instant(act.at))),
            (
                attribute::ACTOR_KEY.to_owned(),
                text(keys::audit_actor_index(tenant, &line.actor)),
            ),
            self.audit_expiry(act.at),
        ]);
        if let Some(object) = object {
            item.insert(
                attribute::OBJECT_KEY.to_owned(),
                text(keys::audit_object_index(tenant, &object.name)),
            );
        }
        Ok(item)
    }

    fn audit_expiry(&self, now: Timestamp) -> (String, aws_sdk_dynamodb::types::AttributeValue) {
        let expires_at = expiry(now, self.tables.audit_days);
        (attribute::EXPIRES_AT.to_owned(), number(expires_at))
    }

    /// The key is unique, so repeating it after an unclear answer changes nothing.
    async fn put_audit(&self, item: Item) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(&self.tables.audit);
        put.set_item(Some(item))
            .send()
            .await
            .map(drop)
            .map_err(|error| StoreError::of("PutItem", &error))
    }

    async fn put_audit_together(&self, items: Vec<Item>) -> Result<(), StoreError> {
        let puts = items
            .into_iter()
            .map(|item| {
                let put = Put::builder()
                    .table_name(&self.tables.audit)
                    .set_item(Some(item));
                put.build()
                    .map(|put| TransactWriteItem::builder().put(put).build())
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| StoreError::unreadable("the audit", error))?;
        self.client
            .transact_write_items()
            .set_transact_items(Some(puts))
            .send()
            .await
            .map(drop)
            .map_err(|error| StoreError::of("TransactWriteItems", &error))
    }
}

fn place_of(
    tenant: &TenantId,
    search: AuditSearch<'_>,
) -> (Option<&'static str>, (&'static str, String)) {
    let tenant = Some(tenant);
    match search {
        AuditSearch::All => (None, (attribute::PK, keys::audit(tenant))),
        AuditSearch::Actor(actor) => (
            Some(index::BY_ACTOR),
            (attribute::ACTOR_KEY, keys::audit_actor_index(tenant, actor)),
        ),
        AuditSearch::Object(object) => (
            Some(index::BY_OBJECT),
            (
                attribute::OBJECT_KEY,
                keys::audit_object_index(tenant, object),
            ),
        ),
    }
}
