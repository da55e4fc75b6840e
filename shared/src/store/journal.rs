//! Inbound webhooks: each stored once under its id, whole, before anything is done about it.
//!
//! The conditional put of the head is the commit point: of any number of deliveries of one id, exactly one is
//! [`Accepted::New`]. A large body lies in parts, written before the head. States: `pending` → `done`, `unmatched`,
//! `rejected` or `failed`; `unmatched` and `failed` may still become `done`. `done` and `rejected` are final.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};

use super::attributes::{Item, binary, get_binary, get_instant, get_number, get_text, key_item, number, opt_number, opt_text, text};
use super::batch::{Freshness, Query};
use super::keys::{self, ItemKey, attribute, index};
use super::{Store, StoreError, packing};
use crate::calendar::{Timestamp, business_date};
use crate::portfolio::{BillId, TenantId};

/// Days a finished webhook is kept.
pub(super) const KEPT_DAYS: i64 = 90;
/// Days the parts of a large body are kept at most, finished or not: longer than any webhook waits.
const PARTS_KEPT_DAYS: i64 = 180;
/// A packed body up to this size stays in the head.
const BODY_IN_HEAD_BYTES: usize = 300_000;
/// Size of a part of a larger one.
const PART_BYTES: usize = 350_000;
/// Largest body taken: more than API Gateway and Lambda let through.
const BODY_LIMIT_BYTES: usize = 10 * 1024 * 1024;
/// Updates and part reads under way at the same time.
const AT_ONCE: usize = 16;
/// Longest note kept.
const NOTE_CHARS: usize = 500;

/// Where a webhook that waits keeps the keys of the indexes that will list it.
const LISTED_DAY: &str = "listed_day";
const LISTED_BILL: &str = "listed_bill";

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
    pub receiver: String,
    /// The event's name, as far as it is known.
    pub event: String,
    /// What tells it from others: `x-sienge-id`, or the hash of receiver and body.
    pub id: String,
    /// When it came.
    pub received_at: Timestamp,
    /// Headers worth keeping, names in lower case; credentials are left out in any case.
    pub headers: BTreeMap<String, String>,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// The bill it points at, where the body names one.
    pub bill: Option<BillId>,
}

impl InboundWebhook {
    /// Where it is stored.
    #[must_use]
    pub fn key(&self) -> JournalKey {
        JournalKey(keys::webhook(&self.tenant, &self.id))
    }
}

impl std::fmt::Debug for InboundWebhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InboundWebhook")
            .field("tenant", &self.tenant)
            .field("receiver", &self.receiver)
            .field("event", &self.event)
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
        [Self::Pending, Self::Done, Self::Unmatched, Self::Rejected, Self::Failed]
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
    /// How; [`WebhookState::Pending`] is refused.
    pub state: WebhookState,
    /// What an operator should know, without personal data.
    pub note: Option<String>,
    /// The bill it turned out to be about: a search by contract finds it.
    pub bill: Option<BillId>,
}

impl Store {
    /// Stores a webhook once. In the ordinary case this is one conditional put.
    pub async fn accept(&self, webhook: &InboundWebhook) -> Result<Accepted, StoreError> {
        self.put_webhook(webhook, WebhookState::Pending, None).await
    }

    /// Stores a webhook that cannot be read, for the log: it is never pending.
    pub async fn reject(&self, webhook: &InboundWebhook, reason: &str) -> Result<Accepted, StoreError> {
        self.put_webhook(webhook, WebhookState::Rejected, Some(reason)).await
    }

    /// Stores a webhook that needs no processing: done from the start, never pending.
    pub async fn archive(&self, webhook: &InboundWebhook, note: &str) -> Result<Accepted, StoreError> {
        self.put_webhook(webhook, WebhookState::Done, Some(note)).await
    }

    async fn put_webhook(&self, webhook: &InboundWebhook, state: WebhookState, note: Option<&str>) -> Result<Accepted, StoreError> {
        if webhook.body.len() > BODY_LIMIT_BYTES {
            return Err(StoreError::TooLarge {
                what: "a webhook's body",
                bytes: webhook.body.len(),
                limit: BODY_LIMIT_BYTES,
            });
        }
        let body_hash = packing::digest(&webhook.body);
        let packed = packing::pack(&webhook.body);
        let mut item = head_item(webhook, state, note, &body_hash);
        item.insert("body_encoding".to_owned(), text(packed.encoding));
        if packed.bytes.len() <= BODY_IN_HEAD_BYTES {
            item.insert("body".to_owned(), binary(packed.bytes));
        } else {
            let parts = part_items(webhook, &body_hash, &packed.bytes);
            item.insert("parts".to_owned(), number(parts.len()));
            self.batch_put(&self.tables.journal, parts).await?;
        }
        let mut put = self
            .client
            .put_item()
            .table_name(&self.tables.journal)
            .set_item(Some(item))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        put = if state == WebhookState::Rejected {
            put.condition_expression("attribute_not_exists(pk)")
        } else {
            // What could not be read had no effect: a readable delivery of the same id takes its place.
            put.condition_expression("attribute_not_exists(pk) OR #state = :rejected")
                .expression_attribute_names("#state", "state")
                .expression_attribute_values(":rejected", text(WebhookState::Rejected.name()))
        };
        let answer = put.send().await;
        match answer {
            Ok(_) => Ok(Accepted::New),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => Ok(duplicate(failed.item(), &body_hash)),
                _ => Err(StoreError::of("PutItem", &error)),
            },
        }
    }

    /// Webhooks by key, with their bodies; unknown keys are left out, each key answers once.
    ///
    /// Every webhook answers for itself: a damaged one does not take the others with it.
    pub async fn load_webhooks(&self, keys: &[JournalKey]) -> Result<Vec<Result<StoredWebhook, StoreError>>, StoreError> {
        let mut wanted: Vec<ItemKey> = keys.iter().map(JournalKey::head).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let heads = self.batch_get(&self.tables.journal, &wanted, Freshness::Consistent, None).await?;
        Ok(stream::iter(heads)
            .map(|head| self.with_body(head))
            .buffer_unordered(AT_ONCE)
            .collect()
            .await)
    }

    async fn with_body(&self, head: Item) -> Result<StoredWebhook, StoreError> {
        let pk = get_text(&head, attribute::PK)?.to_owned();
        let packed = match opt_number::<usize>(&head, "parts") {
            None => get_binary(&head, "body")?.to_vec(),
            Some(count) => self.read_parts(&pk, get_text(&head, "body_hash")?, count).await?,
        };
        let body = packing::unpack("a webhook's body", &packed, get_text(&head, "body_encoding")?)?;
        if packing::digest(&body) != get_text(&head, "body_hash")? {
            return Err(StoreError::unreadable("a webhook's body", "it is not what came in"));
        }
        read_webhook(&head, JournalKey(pk), body)
    }

    async fn read_parts(&self, pk: &str, hash: &str, count: usize) -> Result<Vec<u8>, StoreError> {
        let keys: Vec<ItemKey> = (0..count)
            .map(|part| ItemKey {
                pk: pk.to_owned(),
                sk: keys::payload_part(hash, part),
            })
            .collect();
        let items = self.batch_get(&self.tables.journal, &keys, Freshness::Consistent, None).await?;
        if items.len() != count {
            return Err(StoreError::unreadable("a webhook's body", "a part of it is missing"));
        }
        let mut parts = BTreeMap::new();
        for item in &items {
            parts.insert(get_text(item, attribute::SK)?, get_binary(item, "body")?);
        }
        Ok(parts.into_values().flatten().copied().collect())
    }

    /// Finishes one webhook. Doing it again, or finishing one that is done, changes nothing.
    pub async fn finish(&self, finish: &Finish, now: Timestamp) -> Result<(), StoreError> {
        // From now on it is listed by day and by bill; see `head_item`.
        let listed = "SET #day = if_not_exists(#listed_day, #day), #state = :state, #note = :note, #finished = :now";
        let tenant = finish.key.tenant();
        let tenant = tenant.ok_or_else(|| StoreError::unreadable("a journal key", "it names no tenant"))?;
        let (mut expression, unmatched) = match finish.state {
            WebhookState::Pending => {
                return Err(StoreError::unreadable("a webhook's new state", "pending is not an end"));
            }
            WebhookState::Unmatched => (format!("{listed}, #pending = :pending"), Some(keys::unmatched_shard(&tenant))),
            _ => (format!("{listed}, #expires = :expires REMOVE #pending"), None),
        };
        // Who gives a webhook up has not read where it points; it may keep a bill of its own.
        let by_bill = match (finish.bill, finish.state) {
            (Some(bill), _) => Some(keys::bill_index(&tenant, bill)),
            (None, WebhookState::Failed) => Some(keys::no_bill_index(&tenant)),
            (None, _) => None,
        };
        if by_bill.is_some() {
            expression = expression.replacen("SET ", "SET #by_bill = if_not_exists(#listed_bill, :by_bill), ", 1);
        }
        if finish.bill.is_some() {
            expression = expression.replacen("SET ", "SET #bill = if_not_exists(#bill, :bill), ", 1);
        }
        let mut update = self
            .client
            .update_item()
            .table_name(&self.tables.journal)
            .set_key(Some(key_item(&finish.key.head())))
            .update_expression(expression)
            .condition_expression("#state IN (:from0, :from1, :from2)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#note", "note")
            .expression_attribute_names("#finished", "finished_at")
            .expression_attribute_names("#pending", attribute::PENDING_SHARD)
            .expression_attribute_names("#day", attribute::DAY_KEY)
            .expression_attribute_names("#listed_day", LISTED_DAY)
            .expression_attribute_values(":state", text(finish.state.name()))
            .expression_attribute_values(
                ":note",
                finish
                    .note
                    .as_deref()
                    .map_or(AttributeValue::Null(true), |note| text(bounded(note))),
            )
            .expression_attribute_values(":now", text(keys::instant(now)))
            .expression_attribute_values(":from0", text(WebhookState::Pending.name()))
            .expression_attribute_values(":from1", text(WebhookState::Unmatched.name()))
            .expression_attribute_values(":from2", text(WebhookState::Failed.name()));
        if let Some(by_bill) = by_bill {
            update = update
                .expression_attribute_names("#by_bill", attribute::BILL_KEY)
                .expression_attribute_names("#listed_bill", LISTED_BILL)
                .expression_attribute_values(":by_bill", text(by_bill));
        }
        if let Some(bill) = finish.bill {
            update = update
                .expression_attribute_names("#bill", "bill")
                .expression_attribute_values(":bill", number(bill));
        }
        update = match unmatched {
            Some(shard) => update.expression_attribute_values(":pending", text(shard)),
            None => update
                .expression_attribute_names("#expires", attribute::EXPIRES_AT)
                .expression_attribute_values(":expires", number(expiry(now, KEPT_DAYS))),
        };
        match update.send().await {
            Ok(_) => Ok(()),
            // Done or rejected already, or removed: nothing is left to finish.
            Err(error) if matches!(error.as_service_error(), Some(UpdateItemError::ConditionalCheckFailedException(_))) => Ok(()),
            Err(error) => Err(StoreError::of("UpdateItem", &error)),
        }
    }

    /// Finishes many; answers those that could not be, with the reason.
    pub async fn finish_all(&self, finishes: &[Finish], now: Timestamp) -> Vec<(JournalKey, StoreError)> {
        stream::iter(finishes)
            .map(|finish| async move { (finish.key.clone(), self.finish(finish, now).await) })
            .buffer_unordered(AT_ONCE)
            .filter_map(|(key, result)| async move { result.err().map(|error| (key, error)) })
            .collect()
            .await
    }

    /// Webhooks received between two instants that are still pending, oldest first in each shard, at most about `limit`. All tenants.
    pub async fn pending_between(&self, from: Timestamp, to: Timestamp, limit: usize) -> Result<Vec<PendingWebhook>, StoreError> {
        let share = limit.div_ceil(usize::from(keys::PENDING_SHARDS)).max(1);
        let shards = (0..keys::PENDING_SHARDS).map(|shard| self.waiting(keys::pending_shard(shard), Some((from, to)), share));
        Ok(futures::future::try_join_all(shards).await?.into_iter().flatten().collect())
    }

    /// Webhooks of a tenant that matched nothing yet, oldest first.
    pub async fn unmatched(&self, tenant: &TenantId, limit: usize) -> Result<Vec<PendingWebhook>, StoreError> {
        self.waiting(keys::unmatched_shard(tenant), None, limit).await
    }

    async fn waiting(
        &self,
        shard: String,
        between: Option<(Timestamp, Timestamp)>,
        limit: usize,
    ) -> Result<Vec<PendingWebhook>, StoreError> {
        let query = Query {
            table: &self.tables.journal,
            index: Some(index::PENDING),
            hash: (attribute::PENDING_SHARD, shard),
            range: between.map(|(from, to)| (attribute::AT, keys::instant(from), keys::instant(to))),
            freshness: Freshness::Eventual,
            newest_first: false,
            limit: Some(limit),
        };
        let items = self.query_all(query).await?;
        items
            .iter()
            .map(|item| {
                let key = JournalKey(get_text(item, attribute::PK)?.to_owned());
                let tenant = key
                    .tenant()
                    .ok_or_else(|| StoreError::unreadable("a journal key", "it names no tenant"))?;
                let received_at = get_instant(item, attribute::AT)?;
                Ok(PendingWebhook { tenant, key, received_at })
            })
            .collect()
    }

    /// Removes the webhooks of a tenant that came before an instant and never matched; answers how many.
    ///
    /// The caller computes the instant from the creditor's number of days; the table's own expiry lags by up to days and is not relied upon.
    pub async fn expire_unmatched(&self, tenant: &TenantId, before: Timestamp) -> Result<usize, StoreError> {
        const PER_ROUND: usize = 500;
        let mut removed = 0;
        loop {
            let old = self
                .waiting(keys::unmatched_shard(tenant), Some((Timestamp::UNIX_EPOCH, before)), PER_ROUND)
                .await?;
            let mut gone = 0;
            for webhook in &old {
                gone += usize::from(self.remove_unmatched(&webhook.key).await?);
            }
            removed += gone;
            if old.len() < PER_ROUND || gone == 0 {
                return Ok(removed);
            }
        }
    }

    async fn remove_unmatched(&self, key: &JournalKey) -> Result<bool, StoreError> {
        let answer = self
            .client
            .delete_item()
            .table_name(&self.tables.journal)
            .set_key(Some(key_item(&key.head())))
            .condition_expression("#state = :unmatched")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":unmatched", text(WebhookState::Unmatched.name()))
            .return_values(aws_sdk_dynamodb::types::ReturnValue::AllOld)
            .send()
            .await;
        let head = match answer.map_err(|error| StoreError::of("DeleteItem", &error)) {
            Ok(answer) => answer.attributes.unwrap_or_default(),
            // It matched meanwhile.
            Err(StoreError::Conflict) => return Ok(false),
            Err(error) => return Err(error),
        };
        if let (Some(count), Some(hash)) = (opt_number::<usize>(&head, "parts"), opt_text(&head, "body_hash")) {
            // A crash here leaves parts that nothing reads; they expire by themselves.
            let parts: Vec<ItemKey> = (0..count)
                .map(|part| ItemKey {
                    pk: key.0.clone(),
                    sk: keys::payload_part(hash, part),
                })
                .collect();
            self.batch_delete(&self.tables.journal, &parts).await?;
        }
        Ok(true)
    }
}

/// Seconds since 1970 after which DynamoDB may delete an item.
pub(super) fn expiry(from: Timestamp, days: i64) -> i64 {
    from.as_second() + days * 86_400
}

/// A text cut to what the journal keeps of a note.
pub(super) fn bounded(text: &str) -> String {
    text.chars().take(NOTE_CHARS).collect()
}

fn duplicate(stored: Option<&Item>, body_hash: &str) -> Accepted {
    Accepted::Duplicate {
        same_body: stored.and_then(|item| opt_text(item, "body_hash")) == Some(body_hash),
    }
}

fn head_item(webhook: &InboundWebhook, state: WebhookState, note: Option<&str>, body_hash: &str) -> Item {
    let key = webhook.key();
    let tenant = &webhook.tenant;
    let day = business_date(webhook.received_at);
    let headers = webhook
        .headers
        .iter()
        .filter(|(name, _)| !matches!(name.to_lowercase().as_str(), "authorization" | "cookie" | "x-api-key"))
        .map(|(name, value)| (name.clone(), text(value)));
    let mut item = key_item(&key.head());
    item.extend([
        ("kind".to_owned(), text(WEBHOOK)),
        ("state".to_owned(), text(state.name())),
        (
            "summary".to_owned(),
            text(bounded(&format!("{}: {}", webhook.receiver, webhook.event))),
        ),
        ("receiver".to_owned(), text(&webhook.receiver)),
        ("event".to_owned(), text(&webhook.event)),
        ("webhook_id".to_owned(), text(&webhook.id)),
        ("headers".to_owned(), AttributeValue::M(headers.collect::<HashMap<_, _>>())),
        ("body_hash".to_owned(), text(body_hash)),
        ("body_bytes".to_owned(), number(webhook.body.len())),
        (attribute::AT.to_owned(), text(keys::instant(webhook.received_at))),
    ]);
    // One that waits is in the index of what waits and in no other: each costs a write when it comes in, and another when its
    // state changes. It is listed by day and by bill when it is finished, and nearly all are within seconds.
    let (day_key, bill_key) = match state {
        WebhookState::Pending => (LISTED_DAY, LISTED_BILL),
        _ => (attribute::DAY_KEY, attribute::BILL_KEY),
    };
    item.insert(day_key.to_owned(), text(keys::day_index(tenant, day, WEBHOOK)));
    if let Some(bill) = webhook.bill {
        item.insert("bill".to_owned(), number(bill));
        item.insert(bill_key.to_owned(), text(keys::bill_index(tenant, bill)));
    }
    if let Some(note) = note {
        item.insert("note".to_owned(), text(bounded(note)));
    }
    if state == WebhookState::Pending {
        item.insert(attribute::PENDING_SHARD.to_owned(), text(keys::pending_shard_of(&key.0)));
    } else {
        let expires = expiry(webhook.received_at, KEPT_DAYS);
        item.insert(attribute::EXPIRES_AT.to_owned(), number(expires));
    }
    item
}

fn part_items(webhook: &InboundWebhook, body_hash: &str, packed: &[u8]) -> Vec<Item> {
    let pk = webhook.key().0;
    let parts = packed.chunks(PART_BYTES).enumerate();
    parts
        .map(|(part, bytes)| {
            let mut item = key_item(&ItemKey {
                pk: pk.clone(),
                sk: keys::payload_part(body_hash, part),
            });
            item.insert("body".to_owned(), binary(bytes.to_vec()));
            let expires = expiry(webhook.received_at, PARTS_KEPT_DAYS);
            item.insert(attribute::EXPIRES_AT.to_owned(), number(expires));
            item
        })
        .collect()
}

fn read_webhook(head: &Item, key: JournalKey, body: Vec<u8>) -> Result<StoredWebhook, StoreError> {
    let state = get_text(head, "state")?;
    let state = WebhookState::parse(state).ok_or_else(|| StoreError::unreadable("a webhook", "its state is unknown"))?;
    let tenant = key
        .tenant()
        .ok_or_else(|| StoreError::unreadable("a journal key", "it names no tenant"))?;
    let headers = head.get("headers").and_then(|headers| headers.as_m().ok());
    let headers = headers.into_iter().flatten();
    let bill = head.contains_key("bill").then(|| get_number(head, "bill")).transpose()?;
    Ok(StoredWebhook {
        webhook: InboundWebhook {
            tenant,
            receiver: get_text(head, "receiver")?.to_owned(),
            event: get_text(head, "event")?.to_owned(),
            id: get_text(head, "webhook_id")?.to_owned(),
            received_at: get_instant(head, attribute::AT)?,
            headers: headers
                .filter_map(|(name, value)| Some((name.clone(), value.as_s().ok()?.clone())))
                .collect(),
            body,
            bill: bill.map(BillId),
        },
        state,
        note: opt_text(head, "note").map(str::to_owned),
        key,
    })
}
