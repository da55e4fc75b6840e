//! Inbound webhooks: each stored once under its id, whole, before anything is done about it. What cannot be read is kept in part.
//!
//! The conditional put of the head is the commit point: of any number of deliveries of one id, exactly one is
//! [`Accepted::New`]. A large body lies in parts, written before the head. States: `pending` → `done`, `unmatched`,
//! `rejected` or `failed`; `unmatched` and `failed` may still become `done`. `done` and `rejected` are final.
//!
//! A webhook that came without an id is known by a digest, which stands for it only while it waits: every arrival marks the head with
//! a mark of its own, and whoever finishes a webhook finishes the arrival that was loaded. One that came after that leaves it pending,
//! to be looked at again; one that comes when it is finished begins it anew, in the same item.

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
/// Updates and part reads under way at the same time.
const AT_ONCE: usize = 16;
/// Longest note kept.
const NOTE_CHARS: usize = 500;

/// Where a webhook that waits keeps the keys of the indexes that will list it.
const LISTED_DAY: &str = "listed_day";
const LISTED_BILL: &str = "listed_bill";

/// Which arrival of a webhook without an id the head is of.
const ARRIVAL: &str = "arrival";

/// Kind of journal item.
pub(super) const WEBHOOK: &str = "webhook";

/// A webhook's partition in the journal; travels in the inbox message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JournalKey(pub String);

impl JournalKey {
    /// Whose it is; `None` when it is no journal key.
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

/// A webhook as it came in.
#[derive(Clone, PartialEq, Eq)]
pub struct InboundWebhook {
    /// Whose.
    pub tenant: TenantId,
    /// The address it came to (`sienge`, `SiengePagamentos`, ...).
    pub receiver: Receiver,
    /// The event's name, as far as it was told.
    pub event: EventHeader,
    /// What tells it from others: `x-sienge-id`, or a digest of what came.
    pub id: String,
    /// Whether the id stands for this event only while it waits: then an equal one that comes later is another event.
    pub while_waiting: bool,
    /// When it came.
    pub received_at: Timestamp,
    /// Headers worth keeping, names in lower case; credentials are left out in any case.
    pub headers: BTreeMap<String, String>,
    /// The body, byte for byte; read back of one that was rejected, its first kilobyte.
    pub body: Vec<u8>,
    /// Where the body points; nowhere, when it could not be read.
    pub hints: Hints,
}

impl InboundWebhook {
    /// Where it is stored.
    #[must_use]
    pub fn key(&self) -> JournalKey {
        JournalKey(keys::webhook(&self.tenant, &self.id))
    }

    /// The (first) bill it points at, where the body names one.
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
    /// Stored before, and still waiting: it is looked at once more if it is being looked at now. Queue it.
    Again,
    /// Stored before.
    Duplicate {
        /// Whether the body is the same, byte for byte.
        same_body: bool,
    },
}

/// Where a webhook stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WebhookState {
    /// Waits to be processed.
    Pending,
    /// Took effect.
    Done,
    /// Names something the portfolio does not have; tried again daily.
    Unmatched,
    /// Could not be read.
    Rejected,
    /// Will never work.
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
    /// As it came in.
    pub webhook: InboundWebhook,
    /// Where it stands.
    pub state: WebhookState,
    /// What was noted when it was finished.
    pub note: Option<String>,
    /// Which arrival of it this is, where its id stands for it only while it waits.
    pub arrival: Option<String>,
}

/// A webhook that waits.
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
    /// Its arrival that was loaded: a later one is not finished with it. `None`: whichever it is.
    pub arrival: Option<String>,
    /// How; [`WebhookState::Pending`] is refused.
    pub state: WebhookState,
    /// What an operator should know, without personal data.
    pub note: Option<String>,
    /// The bill it turned out to be about: a search by contract finds it.
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
