//! Agreements: one item each, the claims on their bills, and the lists by which they are found.
//!
//! An agreement, its new and released claims and its events are one transaction, conditional on the agreement's
//! revision and on the version of each bill's claims: of two concurrent ones on the same installment exactly one is written, and no event
//! is written for something that did not happen.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};

use super::attributes::{Item, from_item, get_text, key_item, key_of, number, text, to_item};
use super::batch::{Freshness, Query};
use super::keys::{self, ItemKey, attribute, index};
use super::portfolio::{event_item, failed_conditions, transact};
use super::{Store, StoreError};
use crate::agreement::{Agreement, StateName};
use crate::calendar::Timestamp;
use crate::ids::{AgreementId, BillId, CreditorId, CustomerId, TenantId};
use crate::portfolio::{Claims, EventKind, TimelineEvent};

const REVISION: &str = "revision";
const VERSION: &str = "version";
/// Most agreements of one customer or bill that a list chooses from.
const MAX_LISTED: usize = 500;
/// How often an agreement is read again after a conflict.
const MAX_CONFLICTS: usize = 6;

/// One write of an agreement.
#[derive(Debug, Clone, Copy)]
pub struct AgreementWrite<'a> {
    /// The agreement, already with its new revision.
    pub agreement: &'a Agreement,
    /// The claims of its bills as read. Those that change are written.
    pub claims: &'a BTreeMap<BillId, Claims>,
    /// Its events.
    pub events: &'a [TimelineEvent],
    /// When the sweep must process it next; never when absent.
    pub due_at: Option<Timestamp>,
    /// Now.
    pub now: Timestamp,
}

impl Store {
    /// An agreement; `None` when there is none with the id.
    pub async fn agreement(
        &self,
        tenant: &TenantId,
        id: &AgreementId,
    ) -> Result<Option<Agreement>, StoreError> {
        let found = self.agreements(vec![keys::agreement(tenant, id)]).await?;
        Ok(found.into_iter().next())
    }

    /// Writes an agreement with its claims and events. [`StoreError::Conflict`]: the agreement or a claim has changed since it was read.
    ///
    /// This write alone creates the events: publish them, then [`Store::mark_published`].
    pub async fn save_agreement(&self, write: &AgreementWrite<'_>) -> Result<(), StoreError> {
        let AgreementWrite {
            agreement,
            events,
            now,
            ..
        } = *write;
        let tenant = &agreement.tenant;
        let mut request = self.client.transact_write_items();
        let item = agreement_item(agreement, write.due_at)?;
        request = request.transact_items(self.put_at(item, REVISION, agreement.revision - 1)?);
        for (bill, claims) in write.claims {
            let after = agreement.claims_on(*bill, claims);
            if after != *claims {
                let item = to_item(&keys::claims(tenant, *bill), &after)?;
                request = request.transact_items(self.put_at(item, VERSION, claims.version)?);
            }
        }
        if agreement.revision == 1 {
            for bill in agreement.bills() {
                let key = keys::bill_agreement(tenant, bill, agreement.created_on, &agreement.id);
                request = request.transact_items(self.put(key_item(&key), None)?);
            }
        }
        for event in events {
            request = request.transact_items(self.put(event_item(tenant, event, now)?, None)?);
        }
        match request.send().await {
            Ok(_) => Ok(()),
            // All conditions of this transaction are on versions.
            Err(error) => {
                Err(failed_conditions(&error).map_or_else(|error| error, |_| StoreError::Conflict))
            }
        }
    }

    /// A put conditional on the version it replaces; zero means that there is none.
    fn put_at(
        &self,
        item: Item,
        attribute: &str,
        before: u64,
    ) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&self.tables.portfolio)
            .set_item(Some(item));
        transact(if before == 0 {
            put.condition_expression("attribute_not_exists(pk)")
        } else {
            put.condition_expression("#version = :before")
                .expression_attribute_names("#version", attribute)
                .expression_attribute_values(":before", number(before))
        })
    }

    /// The claims on bills.
    pub async fn claims(
        &self,
        tenant: &TenantId,
        bills: impl IntoIterator<Item = BillId>,
    ) -> Result<BTreeMap<BillId, Claims>, StoreError> {
        let mut claims: BTreeMap<BillId, Claims> = bills
            .into_iter()
            .map(|bill| (bill, Claims::default()))
            .collect();
        let keys: Vec<ItemKey> = claims
            .keys()
            .map(|bill| keys::claims(tenant, *bill))
            .collect();
        for item in self
            .batch_get(&self.tables.portfolio, &keys, Freshness::Consistent, None)
            .await?
        {
            let (_, bill) = keys::parse_bill_partition(get_text(&item, attribute::PK)?)
                .ok_or_else(|| StoreError::unreadable("a claim's key", "it holds no bill"))?;
            claims.insert(bill, from_item(item)?);
        }
        Ok(claims)
    }

    /// Postpones the next processing of an unchanged agreement. Does nothing if it has changed since.
    pub async fn put_off_agreement(
        &self,
        agreement: &Agreement,
        due_at: Timestamp,
    ) -> Result<(), StoreError> {
        let update = self
            .client
            .update_item()
            .update_expression("SET #at = :at")
            .condition_expression("#revision = :revision")
            .expression_attribute_names("#at", attribute::OUTBOX_AT)
            .expression_attribute_names("#revision", REVISION)
            .expression_attribute_values(":at", text(keys::instant(due_at)))
            .expression_attribute_values(":revision", number(agreement.revision));
        self.unless_moved(&keys::agreement(&agreement.tenant, &agreement.id), update)
            .await
    }

    /// Postpones an agreement that could not be processed, whatever its stored state. Does nothing if it was changed concurrently.
    pub async fn put_off_due(
        &self,
        tenant: &TenantId,
        id: &AgreementId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let update = self
            .client
            .update_item()
            .update_expression("SET #at = :until")
            .condition_expression("#at <= :now")
            .expression_attribute_names("#at", attribute::OUTBOX_AT)
            .expression_attribute_values(":until", text(keys::instant(until)))
            .expression_attribute_values(":now", text(keys::instant(now)));
        self.unless_moved(&keys::agreement(tenant, id), update)
            .await
    }

    /// Marks that nothing is due for an agreement. Does nothing if it has changed since.
    pub async fn agreement_is_done(&self, agreement: &Agreement) -> Result<(), StoreError> {
        let update = self
            .client
            .update_item()
            .update_expression("REMOVE #shard, #at")
            .condition_expression("#revision = :revision")
            .expression_attribute_names("#shard", attribute::OUTBOX_SHARD)
            .expression_attribute_names("#at", attribute::OUTBOX_AT)
            .expression_attribute_names("#revision", REVISION)
            .expression_attribute_values(":revision", number(agreement.revision));
        self.unless_moved(&keys::agreement(&agreement.tenant, &agreement.id), update)
            .await
    }

    /// Updates an agreement's item. If the condition fails, the agreement was changed concurrently and is left as it is.
    async fn unless_moved(
        &self,
        key: &ItemKey,
        update: UpdateItemFluentBuilder,
    ) -> Result<(), StoreError> {
        let key = Some(key_item(key));
        let answer = update
            .table_name(&self.tables.portfolio)
            .set_key(key)
            .send()
            .await;
        match answer.map_err(|error| StoreError::of("UpdateItem", &error)) {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A tenant's agreements due before an instant, the longest due first, at most `limit`.
    pub async fn due_agreements(
        &self,
        tenant: &TenantId,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<AgreementId>, StoreError> {
        let query = Query {
            table: &self.tables.portfolio,
            index: Some(index::OUTBOX),
            hash: (attribute::OUTBOX_SHARD, keys::due_agreements(tenant)),
            range: Some((attribute::OUTBOX_AT, "0".to_owned(), keys::instant(before))),
            freshness: Freshness::Eventual,
            newest_first: false,
            limit: Some(limit),
        };
        let due = self.query_all(query).await?;
        due.iter()
            .map(|item| {
                let parsed = keys::parse_agreement_partition(get_text(item, attribute::PK)?);
                let (_, id) = parsed.ok_or_else(|| {
                    StoreError::unreadable("an agreement's key", "it names no agreement")
                })?;
                Ok(id)
            })
            .collect()
    }

    /// The newest agreements of a bill, newest first; withdrawn ones are left out, as in every list.
    pub async fn agreements_of_bill(
        &self,
        tenant: &TenantId,
        bill: BillId,
        limit: usize,
    ) -> Result<Vec<Agreement>, StoreError> {
        let query = Query {
            table: &self.tables.portfolio,
            index: None,
            hash: (attribute::PK, keys::bill_partition(tenant, bill)),
            range: Some((
                attribute::SK,
                keys::AGREEMENT_PREFIX.to_owned(),
                "agreement$".to_owned(),
            )),
            freshness: Freshness::Consistent,
            newest_first: true,
            limit: Some(limit.max(MAX_LISTED)),
        };
        let items = self.query_all(query).await?;
        let ids = items
            .iter()
            .filter_map(|item| keys::parse_bill_agreement(get_text(item, attribute::SK).ok()?));
        self.listed(ids.map(|id| keys::agreement(tenant, &id)).collect(), limit)
            .await
    }

    /// The newest agreements of a customer, newest first.
    pub async fn agreements_of_customer(
        &self,
        tenant: &TenantId,
        customer: CustomerId,
        limit: usize,
    ) -> Result<Vec<Agreement>, StoreError> {
        // The index has no dates: all are read, then cut.
        let hash = (
            attribute::CUSTOMER_KEY,
            keys::customer_agreements(tenant, customer),
        );
        let keys = self
            .by_index(index::BY_CUSTOMER, hash, None, limit.max(MAX_LISTED))
            .await?;
        self.listed(keys, limit).await
    }

    /// The newest agreements of a creditor, in one state or in any, newest first.
    pub async fn agreements_of_creditor(
        &self,
        tenant: &TenantId,
        creditor: CreditorId,
        state: Option<StateName>,
        limit: usize,
    ) -> Result<Vec<Agreement>, StoreError> {
        // The index is ordered by date only within one state.
        let states = state.map_or_else(|| StateName::ALL.to_vec(), |state| vec![state]);
        let lists = states.into_iter().map(|state| {
            let hash = (
                attribute::OPEN_SHARD,
                keys::creditor_agreements(tenant, creditor),
            );
            let range = (
                attribute::OPEN_KEY,
                format!("{}#", state.as_str()),
                format!("{}#~", state.as_str()),
            );
            self.by_index(index::OPEN_INSTALLMENTS, hash, Some(range), limit)
        });
        let keys = futures::future::try_join_all(lists).await?;
        self.listed(keys.concat(), limit).await
    }

    /// Clears what operators wrote on a customer's agreements and their timelines: the texts that may name people. Repeating it changes
    /// nothing; a concurrent action is repeated on what is left.
    pub async fn erase_agreement_notes(
        &self,
        tenant: &TenantId,
        customer: CustomerId,
    ) -> Result<(), StoreError> {
        let hash = (
            attribute::CUSTOMER_KEY,
            keys::customer_agreements(tenant, customer),
        );
        for key in self
            .by_index(index::BY_CUSTOMER, hash, None, usize::MAX)
            .await?
        {
            if let Some(agreement) = self.erase_words(key).await? {
                self.erase_event_texts(&agreement).await?;
            }
        }
        Ok(())
    }

    async fn erase_words(&self, key: ItemKey) -> Result<Option<Agreement>, StoreError> {
        for _ in 0..MAX_CONFLICTS {
            let Some(agreement) = self.agreements(vec![key.clone()]).await?.pop() else {
                return Ok(None);
            };
            let mut erased = agreement.clone();
            erased.erase_words();
            if erased == agreement {
                return Ok(Some(agreement));
            }
            let answer = self
                .client
                .update_item()
                .table_name(&self.tables.portfolio)
                .set_key(Some(key_item(&key)))
                .update_expression(
                    "SET #notes = :none, #public = :none, #state = :state ADD #revision :one",
                )
                .condition_expression("#revision = :revision")
                .expression_attribute_names("#notes", "notes")
                .expression_attribute_names("#public", "publicNotes")
                .expression_attribute_names("#state", "state")
                .expression_attribute_names("#revision", REVISION)
                .expression_attribute_values(":none", text(""))
                .expression_attribute_values(
                    ":state",
                    value_of("an agreement's state", &erased.state)?,
                )
                .expression_attribute_values(":one", number(1))
                .expression_attribute_values(":revision", number(agreement.revision))
                .send()
                .await;
            match answer.map_err(|error| StoreError::of("UpdateItem", &error)) {
                Ok(_) => return Ok(Some(erased)),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict)
    }

    /// Clears operators' texts in an agreement's events. The events' ids do not depend on them.
    async fn erase_event_texts(&self, agreement: &Agreement) -> Result<(), StoreError> {
        for bill in agreement.bills() {
            for mut event in self.timeline(&agreement.tenant, bill, usize::MAX).await? {
                let EventKind::Agreement(agreement_event) = &mut event.kind else {
                    continue;
                };
                if agreement_event.agreement != agreement.id || !agreement_event.erase_words() {
                    continue;
                }
                let update = self
                    .client
                    .update_item()
                    .table_name(&self.tables.portfolio)
                    .set_key(Some(key_item(&keys::timeline_event(
                        &agreement.tenant,
                        &event,
                    ))))
                    .update_expression("SET #kind = :kind")
                    .condition_expression("attribute_exists(pk)")
                    .expression_attribute_names("#kind", "kind")
                    .expression_attribute_values(":kind", value_of("an event", &event.kind)?);
                update
                    .send()
                    .await
                    .map_err(|error| StoreError::of("UpdateItem", &error))?;
            }
        }
        Ok(())
    }

    async fn by_index(
        &self,
        index: &'static str,
        hash: (&'static str, String),
        range: Option<(&'static str, String, String)>,
        limit: usize,
    ) -> Result<Vec<ItemKey>, StoreError> {
        let query = Query {
            table: &self.tables.portfolio,
            index: Some(index),
            hash,
            range,
            freshness: Freshness::Eventual,
            newest_first: true,
            limit: Some(limit),
        };
        self.query_all(query).await?.iter().map(key_of).collect()
    }

    async fn listed(&self, keys: Vec<ItemKey>, limit: usize) -> Result<Vec<Agreement>, StoreError> {
        let mut found = self.agreements(keys).await?;
        found.retain(|agreement| !agreement.withdrawn);
        found.sort_by(|one, other| (other.created_on, &other.id).cmp(&(one.created_on, &one.id)));
        found.truncate(limit);
        Ok(found)
    }

    async fn agreements(&self, keys: Vec<ItemKey>) -> Result<Vec<Agreement>, StoreError> {
        let items = self
            .batch_get(&self.tables.portfolio, &keys, Freshness::Consistent, None)
            .await?;
        items.into_iter().map(from_item).collect()
    }
}

fn value_of<T: serde::Serialize>(what: &str, value: &T) -> Result<AttributeValue, StoreError> {
    serde_dynamo::aws_sdk_dynamodb_1::to_attribute_value(value)
        .map_err(|error| StoreError::unreadable(what, error))
}

fn agreement_item(agreement: &Agreement, due_at: Option<Timestamp>) -> Result<Item, StoreError> {
    let (tenant, id) = (&agreement.tenant, &agreement.id);
    let mut item = to_item(&keys::agreement(tenant, id), agreement)?;
    let mut place = |name: &str, value: String| drop(item.insert(name.to_owned(), text(value)));
    place(
        attribute::CUSTOMER_KEY,
        keys::customer_agreements(tenant, agreement.customer),
    );
    // A withdrawn agreement is in no creditor's list and takes no place there.
    if !agreement.withdrawn {
        place(
            attribute::OPEN_SHARD,
            keys::creditor_agreements(tenant, agreement.creditor),
        );
        place(
            attribute::OPEN_KEY,
            keys::agreement_place(agreement.state.name(), agreement.created_on, id),
        );
    }
    if let Some(due_at) = due_at {
        place(attribute::OUTBOX_SHARD, keys::due_agreements(tenant));
        place(attribute::OUTBOX_AT, keys::instant(due_at));
    }
    Ok(item)
}
