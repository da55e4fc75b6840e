//! `webhook`: `POST /webhook/{receiver}?IdAssessoria={tenant}`, stored first, processed later.
//!
//! Guarantees: a 200 means that the delivery is in the journal, so it will be processed at least once whatever crashes next
//! (the payments sweep re-queues what never reached the queue); a delivery seen before is answered 200 and has no effect;
//! when the journal cannot be written the answer is 503, so that Sienge sends it again. A caller without a valid token learns nothing about the tenant,
//! not even whether it exists, and causes neither a read nor a write of the tables. A tenant that sends too many webhooks is refused before anything
//! is stored (429), so that its sender cannot harm others.

mod directory;
pub mod http;
mod refusals;
mod unknown;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ponte::aws::{Inbox, InboxMessage, SecretError, Secrets};
use ponte::cache::Cache;
use ponte::calendar::Timestamp;
use ponte::ids::TenantId;
use ponte::intake::{self, EventHeader, Hints, Receiver, SiengeEvent};
use ponte::settings::CallerLimits;
use ponte::store::{
    Accepted, Door, Entry, InboundWebhook, JournalKey, RateLimit, Store, Visit, Wanted,
};
use ponte::telemetry::{self, Metric};

use directory::Directory;
use refusals::{Refusals, Why};
use unknown::UnknownEvents;

/// Sienge waits 2.5 seconds.
const ANSWER_WITHIN: Duration = Duration::from_millis(2_200);
/// Longest wait for connections at the start.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// Webhooks of a tenant that each execution admits without the shared count, so that an ordinary webhook costs no extra write.
const ALONE: RateLimit = RateLimit {
    tokens: 60,
    period: Duration::from_mins(1),
    burst: 30,
};
/// How long, and for how many webhooks, a rejection is remembered, so that repeats write nothing.
const REJECTED_REMEMBERED: Duration = Duration::from_mins(10);
const MAX_REJECTED: usize = 1_000;
/// The longest header kept.
const MAX_HEADER_CHARS: usize = 80;

/// One delivery, as the HTTP edge read it.
#[derive(Clone, Copy)]
pub struct Delivery<'a> {
    /// Last part of the path.
    pub receiver: &'a str,
    /// `IdAssessoria`.
    pub tenant: Option<&'a str>,
    /// `Authorization`.
    pub authorization: Option<&'a str>,
    /// `x-sienge-event`.
    pub event: Option<&'a str>,
    /// `x-sienge-id`.
    pub id: Option<&'a str>,
    /// `x-sienge-hook-id`.
    pub hook_id: Option<&'a str>,
    /// Where it came from.
    pub source_ip: Option<&'a str>,
    /// The body, whole.
    pub body: &'a [u8],
    /// When it arrived.
    pub at: Timestamp,
}

/// The answer to a delivery. Each says what the sender or the operator can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// 200: stored.
    Received,
    /// 200: stored before; no further effect.
    Duplicate,
    /// 200: stored but not used: an event that does not concern us, or an unknown one.
    Unused,
    /// 400: not a JSON object with the ids that its event requires, whatever its content type; stored as rejected, for the log.
    Unreadable(String),
    /// 401: no such tenant, or a wrong token. One answer for both, so that nobody can find out which tenants exist.
    Unauthorized,
    /// 404.
    UnknownReceiver,
    /// 405.
    NotPost,
    /// 413.
    TooLarge {
        /// The receiver's limit, in bytes.
        limit: usize,
    },
    /// 429: more than the tenant may send; to be sent again.
    TooMany {
        /// When there is room.
        wait_seconds: u64,
    },
    /// 503: not stored; to be sent again.
    NotStored,
}

impl Answer {
    /// HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Received | Self::Duplicate | Self::Unused => 200,
            Self::Unreadable(_) => 400,
            Self::Unauthorized => 401,
            Self::UnknownReceiver => 404,
            Self::NotPost => 405,
            Self::TooLarge { .. } => 413,
            Self::TooMany { .. } => 429,
            Self::NotStored => 503,
        }
    }

    /// Stable word for the answer's body and the log.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Duplicate => "duplicate",
            Self::Unused => "unused",
            Self::Unreadable(_) => "unreadable",
            Self::Unauthorized => "unauthorized",
            Self::UnknownReceiver => "unknown-receiver",
            Self::NotPost => "not-post",
            Self::TooLarge { .. } => "too-large",
            Self::TooMany { .. } => "too-many",
            Self::NotStored => "not-stored",
        }
    }

    /// Portuguese text for whoever reads the answer.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Received => "Recebido.".to_owned(),
            Self::Duplicate => "Já recebido antes.".to_owned(),
            Self::Unused => "Recebido; evento sem uso na integração.".to_owned(),
            Self::Unreadable(why) => format!("Corpo ilegível: {why}"),
            Self::Unauthorized => "Assessoria desconhecida, ou token ausente ou inválido: confira IdAssessoria no endereço e envie o cabeçalho Authorization: Bearer <token do webhook>.".to_owned(),
            Self::UnknownReceiver => "Webhook desconhecido: confira o nome no endereço, por exemplo /webhook/SiengePagamentos.".to_owned(),
            Self::NotPost => "Use o método POST.".to_owned(),
            Self::TooLarge { limit } => format!("Corpo maior que {} KB.", limit / 1024),
            Self::TooMany { wait_seconds } => {
                format!("Webhooks demais desta assessoria por minuto; envie novamente em {wait_seconds} s.")
            }
            Self::NotStored => "Indisponível no momento; envie novamente.".to_owned(),
        }
    }

    const fn metric(&self) -> Metric {
        match self {
            Self::Received | Self::Unused => Metric::WebhookReceived,
            Self::Duplicate => Metric::WebhookDuplicate,
            Self::NotStored => Metric::WebhookNotStored,
            _ => Metric::WebhookRefused,
        }
    }
}

/// The handler and its adapters.
pub struct Webhook {
    store: Store,
    inbox: Arc<dyn Inbox>,
    secrets: Arc<dyn Secrets>,
    directory: Directory,
    door: Door,
    unknown: UnknownEvents,
    rejected: Cache<JournalKey, ()>,
    refusals: Refusals,
}

impl Webhook {
    /// Wires the handler.
    #[must_use]
    pub fn new(store: Store, inbox: Arc<dyn Inbox>, secrets: Arc<dyn Secrets>) -> Self {
        Self {
            door: Door::new(store.clone(), "webhook", Some(ALONE)),
            store,
            inbox,
            secrets,
            directory: Directory::default(),
            unknown: UnknownEvents::default(),
            rejected: Cache::new(MAX_REJECTED),
            refusals: Refusals::default(),
        }
    }

    /// Opens the connections that the first event needs, so that no TLS handshake is left to do: those take most of a
    /// cold function's time. A failure here shows up again there and is answered there.
    pub async fn connect(&self) {
        let connections = async {
            tokio::join!(
                self.store.connect(),
                self.secrets.connect(),
                self.inbox.connect()
            )
        };
        if tokio::time::timeout(CONNECT_WITHIN, connections)
            .await
            .is_err()
        {
            tracing::warn!("AWS did not answer at the start");
        }
    }

    /// Answers one delivery. Never fails: every error has an answer.
    pub async fn deliver(&self, delivery: Delivery<'_>) -> Answer {
        let tenant = delivery.tenant.and_then(|text| TenantId::parse(text).ok());
        let Some(receiver) = Receiver::find(delivery.receiver) else {
            self.refusals.add(None, Why::UnknownReceiver);
            self.log_refusals(delivery.at);
            return Answer::UnknownReceiver;
        };
        let event = EventHeader::read(delivery.event);
        // If it is stored a moment too late, Sienge repeats it as a duplicate; without an answer it would, too.
        let decided = self.decide(&delivery, receiver, &event, tenant.as_ref());
        let decided = tokio::time::timeout(ANSWER_WITHIN, decided);
        let answer = decided.await.unwrap_or(Answer::NotStored);
        self.log_refusals(delivery.at);
        if let Answer::Unauthorized | Answer::TooMany { .. } = answer {
            return answer;
        }
        telemetry::count(
            answer.metric(),
            1,
            tenant.as_ref().filter(|_| answer.status() == 200),
            delivery.at,
        );
        if let Some(tenant) = &tenant {
            self.report_unknown(receiver, &event, tenant, &answer, delivery.at)
                .await;
        }
        let receiver = receiver.name();
        let tenant = tenant.as_ref().map_or("-", TenantId::as_str);
        // A 200 is already in the metric and the journal: another log line would add nothing.
        if answer.status() != 200 {
            let status = answer.status();
            tracing::warn!(
                tenant,
                receiver,
                answer = answer.word(),
                status,
                bytes = delivery.body.len(),
                "webhook refused: {}",
                answer.text()
            );
        }
        answer
    }

    async fn decide(
        &self,
        delivery: &Delivery<'_>,
        receiver: Receiver,
        event: &EventHeader,
        tenant: Option<&TenantId>,
    ) -> Answer {
        let credential = delivery.authorization.and_then(intake::credential);
        let (Some(tenant), Some(credential)) = (tenant, credential) else {
            let why = match tenant {
                Some(_) => Why::NoCredential,
                None => Why::UnknownTenant,
            };
            self.refusals.add(None, why);
            return Answer::Unauthorized;
        };
        // The token first, which is nearly always cached: only a caller with a valid token may cause a read of the tables.
        match self.may_send(tenant, credential).await {
            Ok(true) => {}
            Ok(false) => {
                self.refusals.add(Some(tenant.clone()), Why::WrongToken);
                return Answer::Unauthorized;
            }
            Err(SecretError::Missing) => {
                self.refusals.add(None, Why::UnknownTenant);
                return Answer::Unauthorized;
            }
            Err(error) => {
                tracing::error!(%tenant, %error, "the tenant's secret could not be read");
                return Answer::NotStored;
            }
        }
        let limit = receiver.body_limit_bytes();
        if delivery.body.len() > limit {
            return Answer::TooLarge { limit };
        }
        let limits = match self.directory.knows(&self.store, tenant).await {
            Ok(Some(limits)) => limits,
            Ok(None) => {
                self.refusals.add(Some(tenant.clone()), Why::InactiveTenant);
                return Answer::Unauthorized;
            }
            Err(error) => {
                tracing::error!(%tenant, %error, "the tenant's settings could not be read");
                return Answer::NotStored;
            }
        };
        if let Some(wait_seconds) = self.too_many(tenant, limits, delivery.at).await {
            self.refusals.add(Some(tenant.clone()), Why::TooMany);
            return Answer::TooMany { wait_seconds };
        }
        let (hints, answer) = match intake::read(receiver, event, delivery.body) {
            Ok((SiengeEvent::Unused, hints)) => (hints, Answer::Unused),
            Ok((_, hints)) => (hints, Answer::Received),
            Err(why) => (Hints::default(), Answer::Unreadable(why.to_string())),
        };
        self.keep(inbound(receiver, event, delivery, tenant, hints), answer)
            .await
    }

    /// When there is room for the webhook, if there is none now. When the count fails the webhook is admitted: it matters more than its limit.
    async fn too_many(
        &self,
        tenant: &TenantId,
        limits: CallerLimits,
        at: Timestamp,
    ) -> Option<u64> {
        let webhooks = Wanted {
            bucket: "webhooks".to_owned(),
            rate: RateLimit {
                tokens: limits.webhooks_per_minute,
                period: Duration::from_mins(1),
                burst: (limits.webhooks_per_minute / 2).max(1),
            },
            tokens: 1,
        };
        let visit = Visit {
            caller: webhooks.bucket.clone(),
            calls: vec![webhooks],
            more: Vec::new(),
        };
        match self.door.enter(tenant, &visit, at).await {
            Ok(Entry::Open { .. }) => None,
            Ok(Entry::Closed { wait, .. }) => Some(wait.as_secs() + 1),
            Err(error) => {
                tracing::warn!(%tenant, %error, "a webhook could not be counted and is let in");
                None
            }
        }
    }

    /// Logs one line and one metric per tenant for all refusals of a minute.
    fn log_refusals(&self, at: Timestamp) {
        for summary in self.refusals.due(at) {
            telemetry::count(Metric::WebhookRefused, summary.count, None, at);
            tracing::warn!(
                tenant = summary.tenant.as_ref().map_or("-", TenantId::as_str),
                webhooks = summary.count,
                why = summary.why.word(),
                "webhooks refused without reading them; why is the reason of the last one"
            );
        }
    }

    /// Counts an unknown event, and criticises it once a day, whatever the answer to the delivery.
    async fn report_unknown(
        &self,
        receiver: Receiver,
        event: &EventHeader,
        tenant: &TenantId,
        answer: &Answer,
        at: Timestamp,
    ) {
        if let Answer::Received | Answer::Unused | Answer::Unreadable(_) = answer
            && let Some(name) = receiver.unknown_event(event)
        {
            self.unknown
                .report(&self.store, tenant, receiver, name, at)
                .await;
        }
    }

    /// Put first, message second: a crash between the two leaves a pending item that the sweep finds.
    async fn keep(&self, webhook: InboundWebhook, answer: Answer) -> Answer {
        let key = webhook.key();
        let unreadable = matches!(answer, Answer::Unreadable(_));
        // An unreadable webhook is refused every time, and stored once.
        if unreadable && self.rejected.get(&key, REJECTED_REMEMBERED).is_some() {
            return answer;
        }
        let stored = match &answer {
            Answer::Unreadable(why) => self.store.reject(&webhook, why).await,
            Answer::Unused => self.store.archive(&webhook, &why_unused(&webhook)).await,
            _ => self.store.accept(&webhook).await,
        };
        if unreadable && stored.is_ok() {
            self.rejected.put(key, ());
        }
        let tenant = &webhook.tenant;
        match stored {
            Ok(Accepted::New) if answer == Answer::Received => {
                self.queue(&webhook).await;
                answer
            }
            Ok(Accepted::New) => answer,
            Ok(Accepted::Again) => {
                self.queue(&webhook).await;
                Answer::Duplicate
            }
            Ok(Accepted::Duplicate { same_body }) => {
                if !same_body {
                    tracing::warn!(%tenant, id = webhook.id, "the same event id came again with another body; the first one counts");
                }
                if unreadable {
                    answer
                } else {
                    Answer::Duplicate
                }
            }
            Err(error) => {
                tracing::error!(%tenant, %error, "the webhook could not be stored; Sienge will send it again");
                Answer::NotStored
            }
        }
    }

    async fn queue(&self, webhook: &InboundWebhook) {
        let message = InboxMessage {
            tenant: webhook.tenant.clone(),
            key: webhook.key().0,
        };
        if let Err(error) = self.inbox.send(&message).await {
            tracing::warn!(tenant = %webhook.tenant, %error, "stored, but not queued: the payments sweep will queue it");
        }
    }

    async fn may_send(&self, tenant: &TenantId, credential: &str) -> Result<bool, SecretError> {
        if intake::authorized(credential, &self.secrets.get(tenant).await?.webhook_tokens) {
            return Ok(true);
        }
        // The token may just have been rotated.
        Ok(intake::authorized(
            credential,
            &self.secrets.refresh(tenant).await?.webhook_tokens,
        ))
    }
}

fn why_unused(webhook: &InboundWebhook) -> String {
    match webhook.receiver.unknown_event(&webhook.event) {
        Some(name) => format!("evento desconhecido: {name}"),
        None => "evento sem uso".to_owned(),
    }
}

fn beginning(text: &str, chars: usize) -> &str {
    text.char_indices()
        .nth(chars)
        .map_or(text, |(end, _)| &text[..end])
}

fn inbound(
    receiver: Receiver,
    event: &EventHeader,
    delivery: &Delivery<'_>,
    tenant: &TenantId,
    hints: Hints,
) -> InboundWebhook {
    let bounded =
        |text: Option<&str>| beginning(text.unwrap_or_default(), MAX_HEADER_CHARS).to_owned();
    let id = intake::event_id(receiver, event, delivery.id, delivery.body);
    InboundWebhook {
        tenant: tenant.clone(),
        receiver,
        event: event.clone(),
        id: id.text,
        while_waiting: id.is_digest,
        received_at: delivery.at,
        headers: BTreeMap::from([
            ("x-sienge-hook-id".to_owned(), bounded(delivery.hook_id)),
            ("source-ip".to_owned(), bounded(delivery.source_ip)),
        ]),
        body: delivery.body.to_vec(),
        hints,
    }
}
