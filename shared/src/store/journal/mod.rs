//! Inbound webhooks: each is stored once under its id, with all that it points at, before it is processed. Its body is kept masked.
//!
//! The conditional put of the head is the commit point: of any number of deliveries of one id, exactly one is
//! [`Accepted::New`]. States: `pending` → `done`, `unmatched`,
//! `rejected` or `failed`; `unmatched` and `failed` may still become `done`. `done` and `rejected` are final.
//!
//! A webhook without an id is identified by a digest, only while it is pending: every arrival marks the head with
//! a mark of its own, and finishing a webhook finishes the arrival that was loaded. A later arrival leaves it pending,
//! to be processed again; one that comes after it is finished starts it again, in the same item.

mod accept;
mod finish;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::keys::{self, ItemKey};
use crate::calendar::Timestamp;
use crate::ids::{BillId, TenantId};
use crate::intake::{EventHeader, Hints, Receiver};

/// Days a finished webhook is kept.
pub(super) const KEPT_DAYS: i64 = 90;
/// Concurrent updates and part reads.
const AT_ONCE: usize = 16;
/// Longest note kept.
const NOTE_CHARS: usize = 500;

/// Where a pending webhook keeps the keys of the indexes that will list it.
const LISTED_DAY: &str = "listed_day";
const LISTED_BILL: &str = "listed_bill";

/// The arrival of a webhook without an id that the head represents.
const ARRIVAL: &str = "arrival";

/// Kind of journal item.
pub(super) const WEBHOOK: &str = "webhook";

/// A webhook's partition in the journal; travels in the inbox message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JournalKey(pub String);

impl JournalKey {
    /// The tenant; `None` when it is not a journal key.
    #[must_use]
    pub fn tenant(&self) -> Option<TenantId> {
        keys::tenant_of_journal(&self.0)
    }

    fn head(&self) -> ItemKey {
        ItemKey {
            pk: self.0.clone(),
            sk: keys::JOURNAL_HEAD.to_owned(),
        }
    }
}

/// A webhook as received.
#[derive(Clone, PartialEq, Eq)]
pub struct InboundWebhook {
    /// Whose.
    pub tenant: TenantId,
    /// The address it came to (`sienge`, `SiengePagamentos`, ...).
    pub receiver: Receiver,
    /// The event's name, as far as known.
    pub event: EventHeader,
    /// Its identity: `x-sienge-id`, or a digest of the delivery.
    pub id: String,
    /// Whether the id identifies this event only while it is pending: then an equal one that comes later is another event.
    pub while_waiting: bool,
    /// When it arrived.
    pub received_at: Timestamp,
    /// Headers worth keeping, names in lower case; credentials are always left out.
    pub headers: BTreeMap<String, String>,
    /// The body; when read back, what is kept of it.
    pub body: Vec<u8>,
    /// What the body points at; empty when it could not be read.
    pub hints: Hints,
}

impl InboundWebhook {
    /// Where it is stored.
    #[must_use]
    pub fn key(&self) -> JournalKey {
        JournalKey(keys::webhook(&self.tenant, &self.id))
    }

    /// The (first) bill it points at, if any.
    #[must_use]
    pub fn bill(&self) -> Option<BillId> {
        self.hints.bills.first().copied()
    }
}

impl std::fmt::Debug for InboundWebhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InboundWebhook")
            .field("tenant", &self.tenant)
            .field("receiver", &self.receiver.name())
            .field("event", &self.event.as_str())
            .field("id", &self.id)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Whether a webhook was new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// Stored now: queue it.
    New,
    /// Stored before and still pending: it is processed once more if it is in progress now. Queue it.
    Again,
    /// Stored before.
    Duplicate {
        /// Whether the body is the same, byte for byte.
        same_body: bool,
    },
}

/// The state of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WebhookState {
    /// To be processed.
    Pending,
    /// Took effect.
    Done,
    /// Points at something the portfolio does not have; tried again daily.
    Unmatched,
    /// Could not be read.
    Rejected,
    /// Failed for good.
    Failed,
}

impl WebhookState {
    /// Its name as stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Done => "done",
            Self::Unmatched => "unmatched",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [
            Self::Pending,
            Self::Done,
            Self::Unmatched,
            Self::Rejected,
            Self::Failed,
        ]
        .into_iter()
        .find(|state| state.name() == text)
    }
}

/// A webhook read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredWebhook {
    /// Where it is stored.
    pub key: JournalKey,
    /// As received.
    pub webhook: InboundWebhook,
    /// Its state.
    pub state: WebhookState,
    /// The note from when it was finished.
    pub note: Option<String>,
    /// Its arrival, if its id identifies it only while it is pending.
    pub arrival: Option<String>,
}

/// A pending webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingWebhook {
    /// Whose.
    pub tenant: TenantId,
    /// Where it is stored.
    pub key: JournalKey,
    /// Since when.
    pub received_at: Timestamp,
}

/// How a webhook ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    /// Which.
    pub key: JournalKey,
    /// The arrival that was loaded: a later one is not finished with it. `None`: any arrival.
    pub arrival: Option<String>,
    /// Its final state; [`WebhookState::Pending`] is refused.
    pub state: WebhookState,
    /// What an operator should know, without personal data.
    pub note: Option<String>,
    /// The bill it turned out to concern, so that a search by contract finds it.
    pub bill: Option<BillId>,
}

/// Seconds since 1970 after which DynamoDB may delete an item.
pub(super) fn expiry(from: Timestamp, days: i64) -> i64 {
    from.as_second() + days * 86_400
}

/// A text cut to what the journal keeps of a note.
pub(super) fn bounded(text: &str) -> String {
    text.chars().take(NOTE_CHARS).collect()
}
