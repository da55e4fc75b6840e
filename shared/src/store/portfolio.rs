//! Bills: loading the held state and committing changes.
//!
//! A bill is one partition with one version in its head. A commit is a chain of transactions, each conditional on the
//! version it found and raising it by one, so that two writers of a bill never mix: the second gets
//! [`StoreError::Conflict`] and compares again. Unwritten events are pending in the head; after a crash anywhere the next
//! [`Store::load_bill`] brings them back, and the comparison carries over what is still true of them.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use futures::{StreamExt, stream};

use super::attributes::{
    Item, binary, from_item, get_binary, get_instant, get_number, get_text, number, opt_text, size,
    text, to_item,
};
use super::batch::{Freshness, Query};
use super::keys::{self, ItemKey, attribute};
use super::slices::{self, SliceLimits};
use super::{Store, StoreError, packing};
use crate::calendar::Timestamp;
use crate::ids::{BillId, CreditorId, TenantId};
use crate::portfolio::{Change, Contract, HeldBill, Installment, Outcome, TimelineEvent};

/// Largest packed list of pending events in a head, below the item limit of 400 KB.
const PENDING_LIMIT_BYTES: usize = 350_000;
/// Bills read concurrently.
const BILLS_AT_ONCE: usize = 8;

const VERSION: &str = "version";
const CHANGED_AT: &str = "changed_at";
const READ_AT: &str = "read_at";
const PENDING_EVENTS: &str = "pending_events";
const PENDING_ENCODING: &str = "pending_encoding";

/// The result of a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Committed {
    /// The bill's new version.
    pub version: u64,
    /// The new events of this commit: publish them, then [`Store::mark_published`].
    pub events: Vec<TimelineEvent>,
}

/// The instant of a commit, and what is known from then on.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    /// Now.
    pub at: Timestamp,
    /// When the read of the whole bill behind the outcome began, if the outcome leaves no question open.
    pub read_at: Option<Timestamp>,
}

/// One item of a slice.
struct ItemWrite {
    item: Item,
    /// Index in the list of events, if it is an event.
    event: Option<usize>,
}

impl Store {
    /// The held state of one bill, without its timeline. An unknown bill is empty, with version 0.
    pub async fn load_bill(&self, tenant: &TenantId, bill: BillId) -> Result<HeldBill, StoreError> {
        let (low, high) = keys::BILL_STATE_RANGE;
        let query = Query {
            table: &self.tables.portfolio,
            index: None,
            hash: (attribute::PK, keys::bill_partition(tenant, bill)),
            range: Some((attribute::SK, low.to_owned(), high.to_owned())),
            freshness: Freshness::Consistent,
            newest_first: false,
            limit: None,
        };
        read_bill(self.query_all(query).await?)
    }

    /// The version of a bill, from its head alone; 0 for an unknown one.
    pub async fn bill_version(&self, tenant: &TenantId, bill: BillId) -> Result<u64, StoreError> {
        let key = keys::bill_head(tenant, bill);
        let head = self
            .batch_get(&self.tables.portfolio, &[key], Freshness::Consistent, None)
            .await?
            .pop();
        head.map_or(Ok(0), |head| get_number(&head, VERSION))
    }

    /// Many bills, concurrently, in any order, each with its own result: one that cannot be read does not affect the others.
    pub async fn load_bills(
        &self,
        tenant: &TenantId,
        bills: &[BillId],
    ) -> Vec<(BillId, Result<HeldBill, StoreError>)> {
        stream::iter(bills.iter().copied())
            .map(|bill| async move { (bill, self.load_bill(tenant, bill).await) })
            .buffer_unordered(BILLS_AT_ONCE)
            .collect()
            .await
    }

    /// Commits an outcome computed from `held`, together with its events.
    ///
    /// The outcome's events replace the pending ones of `held`: the comparison carried over what is still true of them.
    /// An empty outcome makes no call. [`StoreError::Conflict`] means that the bill has changed since `held` was
    /// loaded: load it and compare again. After any other error a part may be committed; loading and comparing again completes it.
    pub async fn commit(
        &self,
        tenant: &TenantId,
        bill: BillId,
        creditor: CreditorId,
        held: &HeldBill,
        outcome: &Outcome,
        stamp: Stamp,
    ) -> Result<Committed, StoreError> {
        let mut committed = Committed {
            version: held.version,
            events: Vec::new(),
        };
        let mut events: Vec<TimelineEvent> = Vec::new();
        let mut writes = Vec::new();
        for write in slices::writes(outcome) {
            writes.push(match write {
                slices::Write::Change(change) => ItemWrite {
                    item: changed_item(tenant, change)?,
                    event: None,
                },
                slices::Write::Event(event) => {
                    events.push(event.clone());
                    ItemWrite {
                        item: event_item(tenant, event, stamp.at)?,
                        event: Some(events.len() - 1),
                    }
                }
            });
        }
        let (mut events_done, mut written) = (0, 0);
        let all = writes.len();
        let slices = slices::cut(
            writes,
            SliceLimits::DYNAMODB,
            |write| size(&write.item),
            |write| write.event.is_some(),
        );
        for slice in slices {
            events_done += slice.iter().filter(|write| write.event.is_some()).count();
            written += slice.len();
            let head = Head {
                version: committed.version + 1,
                changed_at: stamp.at,
                // A partial commit does not yet contain everything that was read.
                read_at: held.read_at.max(stamp.read_at.filter(|_| written == all)),
                // Events are the last writes, in order, so the remaining ones are a tail of the list.
                pending: &events[events_done..],
            };
            let head = head.item(tenant, bill, creditor)?;
            let new = self.commit_slice(head, committed.version, slice).await?;
            committed.version += 1;
            committed
                .events
                .extend(new.into_iter().map(|index| events[index].clone()));
        }
        Ok(committed)
    }

    /// Commits one slice; returns which events were new. An existing event stays as it is (it may have been
    /// published), and the slice is committed without it.
    async fn commit_slice(
        &self,
        head: Item,
        version: u64,
        mut slice: Vec<ItemWrite>,
    ) -> Result<Vec<usize>, StoreError> {
        loop {
            let mut request = self
                .client
                .transact_write_items()
                .transact_items(self.head_put(head.clone(), version)?);
            for write in &slice {
                let condition = write.event.is_some().then_some("attribute_not_exists(pk)");
                request = request.transact_items(self.put(write.item.clone(), condition)?);
            }
            let Err(error) = request.send().await else {
                return Ok(slice.iter().filter_map(|write| write.event).collect());
            };
            let existing = failed_conditions(&error)?;
            let mut index = 0;
            slice.retain(|_| {
                // The head is the first item of the request.
                index += 1;
                !existing.contains(&index)
            });
        }
    }

    fn head_put(&self, head: Item, version: u64) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&self.tables.portfolio)
            .set_item(Some(head));
        let put = if version == 0 {
            put.condition_expression("attribute_not_exists(pk)")
        } else {
            put.condition_expression("#version = :version")
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_values(":version", number(version))
        };
        transact(put)
    }

    pub(super) fn put(
        &self,
        item: Item,
        condition: Option<&str>,
    ) -> Result<TransactWriteItem, StoreError> {
        transact(
            Put::builder()
                .table_name(&self.tables.portfolio)
                .set_item(Some(item))
                .set_condition_expression(condition.map(str::to_owned)),
        )
    }

    /// Writes an event without a change to the bill: the bill and its version stay as they are, and nothing is published.
    /// An existing event stays as it is.
    pub async fn note_event(
        &self,
        tenant: &TenantId,
        event: &TimelineEvent,
    ) -> Result<(), StoreError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.tables.portfolio)
            .set_item(Some(to_item(&keys::timeline_event(tenant, event), event)?))
            .condition_expression("attribute_not_exists(pk)");
        match put
            .send()
            .await
            .map_err(|error| StoreError::of("PutItem", &error))
        {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The newest events of a bill's timeline, newest first.
    pub async fn timeline(
        &self,
        tenant: &TenantId,
        bill: BillId,
        limit: usize,
    ) -> Result<Vec<TimelineEvent>, StoreError> {
        let query = Query {
            table: &self.tables.portfolio,
            index: None,
            hash: (attribute::PK, keys::bill_partition(tenant, bill)),
            range: Some((
                attribute::SK,
                keys::TIMELINE_PREFIX.to_owned(),
                "timeline$".to_owned(),
            )),
            freshness: Freshness::Eventual,
            newest_first: true,
            limit: Some(limit),
        };
        self.query_all(query)
            .await?
            .into_iter()
            .map(from_item)
            .collect()
    }
}

pub(super) fn transact(
    put: aws_sdk_dynamodb::types::builders::PutBuilder,
) -> Result<TransactWriteItem, StoreError> {
    let put = put
        .build()
        .map_err(|error| StoreError::unreadable("a transaction", error))?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// The requests (1 is the first after the head) whose condition failed, when these are only events; anything else is an error.
pub(super) fn failed_conditions(
    error: &SdkError<TransactWriteItemsError, aws_sdk_dynamodb::config::http::HttpResponse>,
) -> Result<Vec<usize>, StoreError> {
    const OPERATION: &str = "TransactWriteItems";
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
        error.as_service_error()
    else {
        return Err(StoreError::of(OPERATION, error));
    };
    let mut failed = Vec::new();
    for (index, reason) in cancelled.cancellation_reasons().iter().enumerate() {
        match reason.code().unwrap_or("None") {
            "None" => {}
            "ConditionalCheckFailed" if index > 0 => failed.push(index),
            "ConditionalCheckFailed" | "TransactionConflict" => return Err(StoreError::Conflict),
            "ProvisionedThroughputExceeded" | "ThrottlingError" => {
                return Err(StoreError::Unavailable {
                    operation: OPERATION,
                    why: "throttled".to_owned(),
                });
            }
            code => {
                return Err(StoreError::Refused {
                    operation: OPERATION,
                    why: code.to_owned(),
                });
            }
        }
    }
    if failed.is_empty() {
        return Err(StoreError::Unavailable {
            operation: OPERATION,
            why: "cancelled without a reason".to_owned(),
        });
    }
    Ok(failed)
}

fn changed_item(tenant: &TenantId, change: &Change) -> Result<Item, StoreError> {
    match change {
        Change::Contract(contract) => {
            contract_item(tenant, &keys::contract(tenant, &contract.key), contract)
        }
        Change::Installment(_, installment) => {
            let key = keys::installment(tenant, &installment.contract, installment.id);
            installment_item(tenant, &key, installment)
        }
    }
}

fn contract_item(
    tenant: &TenantId,
    key: &ItemKey,
    contract: &Contract,
) -> Result<Item, StoreError> {
    let mut item = to_item(key, contract)?;
    let customer = keys::customer_index(tenant, contract.key.customer);
    item.insert(attribute::CUSTOMER_KEY.to_owned(), text(customer));
    Ok(item)
}

/// An installment; only an open one is in the open index, under its own creditor.
fn installment_item(
    tenant: &TenantId,
    key: &ItemKey,
    installment: &Installment,
) -> Result<Item, StoreError> {
    let mut item = to_item(key, installment)?;
    if installment.is_open() {
        let shard = keys::open_shard_of(tenant, installment.creditor, installment.contract.bill);
        let place = keys::open_key(installment.due_on, &installment.contract, installment.id);
        item.insert(attribute::OPEN_SHARD.to_owned(), text(shard));
        item.insert(attribute::OPEN_KEY.to_owned(), text(place));
        item.insert(
            "fingerprint".to_owned(),
            text(installment.fingerprint().to_hex()),
        );
    }
    Ok(item)
}

pub(super) fn event_item(
    tenant: &TenantId,
    event: &TimelineEvent,
    now: Timestamp,
) -> Result<Item, StoreError> {
    let mut item = to_item(&keys::timeline_event(tenant, event), event)?;
    let outbox = keys::outbox(tenant);
    item.insert(attribute::OUTBOX_SHARD.to_owned(), text(outbox));
    item.insert(attribute::OUTBOX_AT.to_owned(), text(keys::instant(now)));
    Ok(item)
}

/// A bill's head after a slice.
struct Head<'a> {
    version: u64,
    changed_at: Timestamp,
    read_at: Option<Timestamp>,
    pending: &'a [TimelineEvent],
}

impl Head<'_> {
    fn item(
        &self,
        tenant: &TenantId,
        bill: BillId,
        creditor: CreditorId,
    ) -> Result<Item, StoreError> {
        let mut item = super::attributes::key_item(&keys::bill_head(tenant, bill));
        item.insert(VERSION.to_owned(), number(self.version));
        item.insert("creditor".to_owned(), number(creditor.0));
        item.insert(CHANGED_AT.to_owned(), text(keys::instant(self.changed_at)));
        if let Some(read_at) = self.read_at {
            item.insert(READ_AT.to_owned(), text(keys::instant(read_at)));
        }
        if !self.pending.is_empty() {
            let json = serde_json::to_vec(self.pending)
                .map_err(|error| StoreError::unreadable("the pending events", error))?;
            let packed = packing::pack(&json);
            if packed.bytes.len() > PENDING_LIMIT_BYTES {
                return Err(StoreError::TooLarge {
                    what: "the list of pending events of one bill",
                    bytes: packed.bytes.len(),
                    limit: PENDING_LIMIT_BYTES,
                });
            }
            item.insert(PENDING_EVENTS.to_owned(), binary(packed.bytes));
            item.insert(PENDING_ENCODING.to_owned(), text(packed.encoding));
        }
        Ok(item)
    }
}

fn read_bill(items: Vec<Item>) -> Result<HeldBill, StoreError> {
    let mut held = HeldBill::default();
    for item in items {
        let sk = get_text(&item, attribute::SK)?;
        if sk == keys::BILL_HEAD {
            held.version = get_number(&item, VERSION)?;
            held.changed_at = get_instant(&item, CHANGED_AT).ok();
            held.read_at = get_instant(&item, READ_AT).ok();
            held.pending_events = pending_events(&item)?;
        } else if sk == keys::CLAIMS {
            held.claims = from_item(item)?;
        } else if sk.starts_with(keys::CONTRACT_PREFIX) {
            let contract: Contract = from_item(item)?;
            held.put_contract(contract);
        } else if sk.starts_with(keys::INSTALLMENT_PREFIX) {
            let installment: Installment = from_item(item)?;
            held.put_installment(installment);
        }
    }
    Ok(held)
}

fn pending_events(head: &Item) -> Result<Vec<TimelineEvent>, StoreError> {
    let Some(encoding) = opt_text(head, PENDING_ENCODING) else {
        return Ok(Vec::new());
    };
    let json = packing::unpack(
        "the pending events",
        get_binary(head, PENDING_EVENTS)?,
        encoding,
    )?;
    serde_json::from_slice(&json)
        .map_err(|error| StoreError::unreadable("the pending events", error))
}
