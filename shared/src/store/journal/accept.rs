//! Storing a webhook once and completely, and reading it back. Of an unreadable one only the beginning is kept, with the digest and the
//! length of the whole.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use futures::{StreamExt, stream};

use super::{
    ARRIVAL, AT_ONCE, Accepted, InboundWebhook, JournalKey, KEPT_DAYS, LISTED_BILL, LISTED_DAY,
    StoredWebhook, WEBHOOK, WebhookState, bounded, expiry,
};
use crate::calendar::business_date;
use crate::intake::{EventHeader, Receiver};
use crate::store::attributes::{
    Item, binary, get_binary, get_instant, get_text, key_item, number, opt_number, opt_text, text,
};
use crate::store::batch::Freshness;
use crate::store::keys::{self, ItemKey, attribute};
use crate::store::{Store, StoreError, packing};

/// Most days the parts of a large body are kept, finished or not: longer than any webhook is pending.
const PARTS_KEPT_DAYS: i64 = 180;
/// A packed body up to this size stays in the head.
const BODY_IN_HEAD_BYTES: usize = 300_000;
/// Size of a part of a larger one.
const PART_BYTES: usize = 350_000;
/// Attempts of an arrival while others finish the same webhook.
const MAX_ROUNDS: usize = 8;
/// Where the body points, so that it is read once.
const HINTS: &str = "hints";
/// Bytes kept of an unreadable body.
const REJECTED_KEPT_BYTES: usize = 1024;
/// Largest body accepted: more than API Gateway and Lambda let through.
const BODY_LIMIT_BYTES: usize = 10 * 1024 * 1024;

impl Store {
    /// Stores a webhook once, usually with one conditional put.
    pub async fn accept(&self, webhook: &InboundWebhook) -> Result<Accepted, StoreError> {
        for _ in 0..MAX_ROUNDS {
            match self
                .put_webhook(webhook, WebhookState::Pending, None)
                .await?
            {
                // The stored one may be finished before it is marked: then this arrival starts it again.
                Accepted::Duplicate { .. } if webhook.while_waiting => {
                    if self.comes_again(webhook).await? {
                        return Ok(Accepted::Again);
                    }
                }
                accepted => return Ok(accepted),
            }
        }
        Err(StoreError::Conflict)
    }

    /// Marks a pending webhook as having arrived again; `false` when it is no longer pending.
    async fn comes_again(&self, webhook: &InboundWebhook) -> Result<bool, StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.tables.journal)
            .set_key(Some(key_item(&webhook.key().head())))
            .update_expression("SET #arrival = :arrival, #at = :at")
            .condition_expression("#state = :pending")
            .expression_attribute_names("#arrival", ARRIVAL)
            .expression_attribute_names("#at", attribute::AT)
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":arrival", text(new_arrival()))
            .expression_attribute_values(":at", text(keys::instant(webhook.received_at)))
            .expression_attribute_values(":pending", text(WebhookState::Pending.name()));
        match update
            .send()
            .await
            .map_err(|error| StoreError::of("UpdateItem", &error))
        {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Stores the beginning of an unreadable webhook, for the log: it is never pending.
    pub async fn reject(
        &self,
        webhook: &InboundWebhook,
        reason: &str,
    ) -> Result<Accepted, StoreError> {
        self.put_webhook(webhook, WebhookState::Rejected, Some(reason))
            .await
    }

    /// Stores a webhook that needs no processing: done from the start, never pending.
    pub async fn archive(
        &self,
        webhook: &InboundWebhook,
        note: &str,
    ) -> Result<Accepted, StoreError> {
        self.put_webhook(webhook, WebhookState::Done, Some(note))
            .await
    }

    async fn put_webhook(
        &self,
        webhook: &InboundWebhook,
        state: WebhookState,
        note: Option<&str>,
    ) -> Result<Accepted, StoreError> {
        if webhook.body.len() > BODY_LIMIT_BYTES {
            return Err(StoreError::TooLarge {
                what: "a webhook's body",
                bytes: webhook.body.len(),
                limit: BODY_LIMIT_BYTES,
            });
        }
        let body_hash = packing::digest(&webhook.body);
        let kept = match state {
            WebhookState::Rejected => webhook.body.get(..REJECTED_KEPT_BYTES),
            _ => None,
        };
        let packed = packing::pack(kept.unwrap_or(&webhook.body));
        let hints = serde_json::to_string(&webhook.hints)
            .map_err(|error| StoreError::unreadable("where a webhook points", error))?;
        let mut item = head_item(webhook, state, note, &body_hash, hints);
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
        } else if state == WebhookState::Pending && webhook.while_waiting {
            put.condition_expression("attribute_not_exists(pk) OR #state <> :pending")
                .expression_attribute_names("#state", "state")
                .expression_attribute_values(":pending", text(WebhookState::Pending.name()))
        } else {
            // An unreadable one had no effect: a readable delivery with the same id replaces it.
            put.condition_expression("attribute_not_exists(pk) OR #state = :rejected")
                .expression_attribute_names("#state", "state")
                .expression_attribute_values(":rejected", text(WebhookState::Rejected.name()))
        };
        let answer = put.send().await;
        match answer {
            Ok(_) => Ok(Accepted::New),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(duplicate(failed.item(), &body_hash))
                }
                _ => Err(StoreError::of("PutItem", &error)),
            },
        }
    }

    /// Webhooks by key, with their bodies; unknown keys are left out, each key answers once.
    ///
    /// Each webhook has its own result: a damaged one does not affect the others.
    pub async fn load_webhooks(
        &self,
        keys: &[JournalKey],
    ) -> Result<Vec<Result<StoredWebhook, StoreError>>, StoreError> {
        let mut wanted: Vec<ItemKey> = keys.iter().map(JournalKey::head).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let heads = self
            .batch_get(&self.tables.journal, &wanted, Freshness::Consistent, None)
            .await?;
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
            Some(count) => {
                self.read_parts(&pk, get_text(&head, "body_hash")?, count)
                    .await?
            }
        };
        let body = packing::unpack(
            "a webhook's body",
            &packed,
            get_text(&head, "body_encoding")?,
        )?;
        let is_whole = get_text(&head, "state")? != WebhookState::Rejected.name();
        if is_whole && packing::digest(&body) != get_text(&head, "body_hash")? {
            return Err(StoreError::unreadable(
                "a webhook's body",
                "it is not what came in",
            ));
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
        let items = self
            .batch_get(&self.tables.journal, &keys, Freshness::Consistent, None)
            .await?;
        if items.len() != count {
            return Err(StoreError::unreadable(
                "a webhook's body",
                "a part of it is missing",
            ));
        }
        let mut parts = BTreeMap::new();
        for item in &items {
            parts.insert(get_text(item, attribute::SK)?, get_binary(item, "body")?);
        }
        Ok(parts.into_values().flatten().copied().collect())
    }
}

fn duplicate(stored: Option<&Item>, body_hash: &str) -> Accepted {
    Accepted::Duplicate {
        same_body: stored.and_then(|item| opt_text(item, "body_hash")) == Some(body_hash),
    }
}

fn head_item(
    webhook: &InboundWebhook,
    state: WebhookState,
    note: Option<&str>,
    body_hash: &str,
    hints: String,
) -> Item {
    let key = webhook.key();
    let tenant = &webhook.tenant;
    let day = business_date(webhook.received_at);
    let (receiver, event) = (webhook.receiver.name(), webhook.event.as_str());
    let headers = webhook
        .headers
        .iter()
        .filter(|(name, _)| {
            !matches!(
                name.to_lowercase().as_str(),
                "authorization" | "cookie" | "x-api-key"
            )
        })
        .map(|(name, value)| (name.clone(), text(value)));
    let mut item = key_item(&key.head());
    item.extend([
        ("kind".to_owned(), text(WEBHOOK)),
        ("state".to_owned(), text(state.name())),
        (
            "summary".to_owned(),
            text(bounded(&format!("{receiver}: {event}"))),
        ),
        ("receiver".to_owned(), text(receiver)),
        ("event".to_owned(), text(event)),
        (HINTS.to_owned(), text(hints)),
        ("webhook_id".to_owned(), text(&webhook.id)),
        (
            "headers".to_owned(),
            AttributeValue::M(headers.collect::<HashMap<_, _>>()),
        ),
        ("body_hash".to_owned(), text(body_hash)),
        ("body_bytes".to_owned(), number(webhook.body.len())),
        (
            attribute::AT.to_owned(),
            text(keys::instant(webhook.received_at)),
        ),
    ]);
    // A pending webhook is only in the index `pending`: each further index costs a write when it comes in, and another when its
    // state changes. It is listed by day and by bill when it is finished, and nearly all are within seconds.
    let (day_key, bill_key) = match state {
        WebhookState::Pending => (LISTED_DAY, LISTED_BILL),
        _ => (attribute::DAY_KEY, attribute::BILL_KEY),
    };
    item.insert(
        day_key.to_owned(),
        text(keys::day_index(tenant, day, WEBHOOK)),
    );
    if let Some(bill) = webhook.bill() {
        item.insert("bill".to_owned(), number(bill));
        item.insert(bill_key.to_owned(), text(keys::bill_index(tenant, bill)));
    }
    if let Some(note) = note {
        item.insert("note".to_owned(), text(bounded(note)));
    }
    if webhook.while_waiting {
        item.insert(ARRIVAL.to_owned(), text(new_arrival()));
    }
    if state == WebhookState::Pending {
        item.insert(
            attribute::PENDING_SHARD.to_owned(),
            text(keys::pending(tenant)),
        );
    } else {
        let expires = expiry(webhook.received_at, KEPT_DAYS);
        item.insert(attribute::EXPIRES_AT.to_owned(), number(expires));
    }
    item
}

/// A mark that no other arrival has.
fn new_arrival() -> String {
    format!("{:016x}", fastrand::u64(..))
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
    let state = WebhookState::parse(state)
        .ok_or_else(|| StoreError::unreadable("a webhook", "its state is unknown"))?;
    let tenant = key
        .tenant()
        .ok_or_else(|| StoreError::unreadable("a journal key", "it names no tenant"))?;
    let headers = head.get("headers").and_then(|headers| headers.as_m().ok());
    let headers = headers.into_iter().flatten();
    let receiver = Receiver::find(get_text(head, "receiver")?)
        .ok_or_else(|| StoreError::unreadable("a webhook", "its receiver is not known any more"))?;
    let hints = serde_json::from_str(get_text(head, HINTS)?)
        .map_err(|error| StoreError::unreadable("where a webhook points", error))?;
    let arrival = opt_text(head, ARRIVAL).map(str::to_owned);
    Ok(StoredWebhook {
        webhook: InboundWebhook {
            tenant,
            receiver,
            event: EventHeader::read(Some(get_text(head, "event")?)),
            id: get_text(head, "webhook_id")?.to_owned(),
            while_waiting: arrival.is_some(),
            received_at: get_instant(head, attribute::AT)?,
            headers: headers
                .filter_map(|(name, value)| Some((name.clone(), value.as_s().ok()?.clone())))
                .collect(),
            body,
            hints,
        },
        state,
        note: opt_text(head, "note").map(str::to_owned),
        arrival,
        key,
    })
}
