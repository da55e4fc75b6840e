//! Storing a webhook once, and reading it back: where it points, and its body masked, with the digest and the length of the whole. Of an
//! unreadable one only the beginning is kept.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};

use super::{
    ARRIVAL, Accepted, InboundWebhook, JournalKey, KEPT_DAYS, LISTED_BILL, LISTED_DAY,
    StoredWebhook, WEBHOOK, WebhookState, bounded, expiry,
};
use crate::calendar::business_date;
use crate::intake::{EventHeader, Receiver};
use crate::mask;
use crate::store::attributes::{
    Item, binary, get_binary, get_instant, get_text, key_item, number, opt_text, text,
};
use crate::store::batch::Freshness;
use crate::store::keys::{self, ItemKey, attribute};
use crate::store::{Store, StoreError, packing};

/// Attempts of an arrival while others finish the same webhook.
const MAX_ROUNDS: usize = 8;
/// Where the body points, so that it is read once.
const HINTS: &str = "hints";
/// About so many bytes are kept of a body: more than a thousand ids take.
const KEPT_BYTES: usize = 16 * 1024;
/// The same of an unreadable one.
const REJECTED_KEPT_BYTES: usize = 1024;

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
        let body_hash = packing::digest(&webhook.body);
        let limit = match state {
            WebhookState::Rejected => REJECTED_KEPT_BYTES,
            _ => KEPT_BYTES,
        };
        let masked = mask::json(&String::from_utf8_lossy(&webhook.body), limit);
        let packed = packing::pack(masked.as_bytes());
        let hints = serde_json::to_string(&webhook.hints)
            .map_err(|error| StoreError::unreadable("where a webhook points", error))?;
        let mut item = head_item(webhook, state, note, &body_hash, hints);
        item.insert("body_encoding".to_owned(), text(packed.encoding));
        item.insert("body".to_owned(), binary(packed.bytes));
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
        Ok(heads.into_iter().map(|head| read_webhook(&head)).collect())
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

fn read_webhook(head: &Item) -> Result<StoredWebhook, StoreError> {
    let key = JournalKey(get_text(head, attribute::PK)?.to_owned());
    let body = packing::unpack(
        "a webhook's body",
        get_binary(head, "body")?,
        get_text(head, "body_encoding")?,
    )?;
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
