//! Finishing webhooks, finding pending ones, and removing those that never matched.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::{StreamExt, TryStreamExt, stream};

use super::{
    ARRIVAL, AT_ONCE, Finish, JournalKey, KEPT_DAYS, LISTED_BILL, LISTED_DAY, PendingWebhook,
    WebhookState, bounded, expiry,
};
use crate::calendar::Timestamp;
use crate::ids::TenantId;
use crate::store::attributes::{get_instant, get_text, key_item, number, text};
use crate::store::batch::{Freshness, Query};
use crate::store::keys::{self, attribute, index};
use crate::store::{Store, StoreError};

impl Store {
    /// Finishes one webhook. Repeating it, or finishing one that is done or has arrived again, changes nothing.
    pub async fn finish(&self, finish: &Finish, now: Timestamp) -> Result<(), StoreError> {
        let tenant = finish.key.tenant();
        let tenant =
            tenant.ok_or_else(|| StoreError::unreadable("a journal key", "it names no tenant"))?;
        if finish.state == WebhookState::Pending {
            return Err(StoreError::unreadable(
                "a webhook's new state",
                "pending is not an end",
            ));
        }
        let note = finish.note.as_deref();
        let note = note.map_or(AttributeValue::Null(true), |note| text(bounded(note)));
        // From now on it is listed by day, and by bill if it has one; see `head_item` in `accept`.
        let mut set = "SET #state = :state, #note = :note, #finished = :now, #day = if_not_exists(#listed_day, #day)".to_owned();
        let mut update = self
            .client
            .update_item()
            .table_name(&self.tables.journal)
            .set_key(Some(key_item(&finish.key.head())))
            .condition_expression("#state IN (:from0, :from1, :from2)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#note", "note")
            .expression_attribute_names("#finished", "finished_at")
            .expression_attribute_names("#day", attribute::DAY_KEY)
            .expression_attribute_names("#listed_day", LISTED_DAY)
            .expression_attribute_names("#pending", attribute::PENDING_SHARD)
            .expression_attribute_values(":state", text(finish.state.name()))
            .expression_attribute_values(":note", note)
            .expression_attribute_values(":now", text(keys::instant(now)))
            .expression_attribute_values(":from0", text(WebhookState::Pending.name()))
            .expression_attribute_values(":from1", text(WebhookState::Unmatched.name()))
            .expression_attribute_values(":from2", text(WebhookState::Failed.name()));
        if let Some(bill) = finish.bill {
            set += ", #bill = if_not_exists(#bill, :bill)";
            update = update
                .expression_attribute_names("#bill", "bill")
                .expression_attribute_values(":bill", number(bill));
        }
        // Whoever gives up a webhook has not read where it points, so a stored bill stays.
        let by_bill = match (finish.bill, finish.state) {
            (Some(bill), _) => Some(keys::bill_index(&tenant, bill)),
            (None, WebhookState::Failed) => Some(keys::no_bill_index(&tenant)),
            (None, _) => None,
        };
        if let Some(by_bill) = by_bill {
            set += ", #by_bill = if_not_exists(#listed_bill, :by_bill)";
            update = update
                .expression_attribute_names("#by_bill", attribute::BILL_KEY)
                .expression_attribute_names("#listed_bill", LISTED_BILL)
                .expression_attribute_values(":by_bill", text(by_bill));
        }
        if finish.state == WebhookState::Unmatched {
            set += ", #pending = :pending";
            update = update.expression_attribute_values(":pending", text(keys::unmatched(&tenant)));
        } else {
            set += ", #expires = :expires REMOVE #pending";
            update = update
                .expression_attribute_names("#expires", attribute::EXPIRES_AT)
                .expression_attribute_values(":expires", number(expiry(now, KEPT_DAYS)));
        }
        if let Some(arrival) = &finish.arrival {
            update = update
                .condition_expression("#state IN (:from0, :from1, :from2) AND #arrival = :arrival")
                .expression_attribute_names("#arrival", ARRIVAL)
                .expression_attribute_values(":arrival", text(arrival));
        }
        let update = update.update_expression(set);
        match update.send().await {
            Ok(_) => Ok(()),
            // Already done, rejected or removed: nothing to finish. Or it arrived again and is pending for that.
            Err(error)
                if matches!(
                    error.as_service_error(),
                    Some(UpdateItemError::ConditionalCheckFailedException(_))
                ) =>
            {
                Ok(())
            }
            Err(error) => Err(StoreError::of("UpdateItem", &error)),
        }
    }

    /// Finishes many; returns those that failed, with the reason.
    pub async fn finish_all(
        &self,
        finishes: &[Finish],
        now: Timestamp,
    ) -> Vec<(JournalKey, StoreError)> {
        stream::iter(finishes.iter().cloned())
            .map(|finish| async move {
                let finished = self.finish(&finish, now).await;
                (finish.key, finished)
            })
            .buffer_unordered(AT_ONCE)
            .filter_map(|(key, result)| async move { result.err().map(|error| (key, error)) })
            .collect()
            .await
    }

    /// A tenant's webhooks received between two instants and still pending, oldest first, at most `limit`.
    pub async fn pending_between(
        &self,
        tenant: &TenantId,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Vec<PendingWebhook>, StoreError> {
        self.waiting(keys::pending(tenant), Some((from, to)), limit)
            .await
    }

    /// Unmatched webhooks of a tenant, oldest first.
    pub async fn unmatched(
        &self,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<Vec<PendingWebhook>, StoreError> {
        self.waiting(keys::unmatched(tenant), None, limit).await
    }

    async fn waiting(
        &self,
        list: String,
        between: Option<(Timestamp, Timestamp)>,
        limit: usize,
    ) -> Result<Vec<PendingWebhook>, StoreError> {
        let query = Query {
            table: &self.tables.journal,
            index: Some(index::PENDING),
            hash: (attribute::PENDING_SHARD, list),
            range: between
                .map(|(from, to)| (attribute::AT, keys::instant(from), keys::instant(to))),
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
                Ok(PendingWebhook {
                    tenant,
                    key,
                    received_at,
                })
            })
            .collect()
    }

    /// Removes a tenant's oldest unmatched webhooks from before an instant, at most `limit`; returns how many.
    ///
    /// The caller computes the instant from the creditor's number of days; the table's own expiry lags by up to days and is not relied upon.
    pub async fn expire_unmatched(
        &self,
        tenant: &TenantId,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let period = Some((Timestamp::UNIX_EPOCH, before));
        let old = self.waiting(keys::unmatched(tenant), period, limit).await?;
        stream::iter(old)
            .map(async |webhook| self.remove_unmatched(&webhook.key).await)
            .buffer_unordered(AT_ONCE)
            .try_fold(0, async |removed, is_gone| {
                Ok(removed + usize::from(is_gone))
            })
            .await
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
            .send()
            .await;
        match answer.map_err(|error| StoreError::of("DeleteItem", &error)) {
            Ok(_) => Ok(true),
            // It has matched in between.
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
