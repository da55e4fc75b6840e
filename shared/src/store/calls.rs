//! Calls to Sienge in the journal: buffered, written in batches, never delaying the call itself.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::attributes::{Item, binary, key_item, number, text};
use super::journal::{KEPT_DAYS, bounded, expiry};
use super::keys::{self, ItemKey, attribute};
use super::{Store, packing};
use crate::calendar::business_date;
use crate::ids::TenantId;
use crate::sienge::{CallLog, CallRecord};

/// Calls written together: DynamoDB's limit for one batch.
const CALLS_PER_WRITE: usize = 25;
/// Largest packed request or response kept.
const CONTENT_LIMIT_BYTES: usize = 150_000;

/// Kind of journal item.
pub(super) const CALL: &str = "call";

/// Writes one tenant's calls to the journal. Call [`JournalCalls::flush`] when the invocation ends.
#[derive(Debug)]
pub struct JournalCalls {
    store: Store,
    tenant: TenantId,
    waiting: Mutex<Vec<CallRecord>>,
}

impl JournalCalls {
    /// The call log of one tenant.
    #[must_use]
    pub fn new(store: Store, tenant: TenantId) -> Self {
        Self {
            store,
            tenant,
            waiting: Mutex::new(Vec::new()),
        }
    }

    /// Writes what is still buffered. A failure is logged and the calls are lost: the journal must not fail the work.
    pub async fn flush(&self) {
        let calls =
            std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        self.write(calls).await;
    }

    async fn write(&self, calls: Vec<CallRecord>) {
        if calls.is_empty() {
            return;
        }
        let count = calls.len();
        let items = calls
            .iter()
            .map(|call| call_item(&self.tenant, call))
            .collect();
        if let Err(error) = self
            .store
            .batch_put(&self.store.tables.journal, items)
            .await
        {
            tracing::warn!(tenant = %self.tenant, calls = count, %error, "calls to Sienge were not written to the journal");
        }
    }
}

#[async_trait]
impl CallLog for JournalCalls {
    async fn record(&self, call: CallRecord) {
        let full = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.push(call);
            (waiting.len() >= CALLS_PER_WRITE).then(|| std::mem::take(&mut *waiting))
        };
        if let Some(calls) = full {
            self.write(calls).await;
        }
    }
}

fn call_item(tenant: &TenantId, call: &CallRecord) -> Item {
    // The nonce distinguishes calls of the same millisecond; the key is made once, so that a repeated batch changes nothing.
    let mut item = key_item(&ItemKey {
        pk: keys::call(tenant, call.at, fastrand::u64(..)),
        sk: keys::JOURNAL_HEAD.to_owned(),
    });
    let state = call
        .status
        .map_or_else(|| "sem resposta".to_owned(), |status| status.to_string());
    let summary = format!("{} {state} em {} ms", call.method, call.duration_ms);
    item.extend([
        ("kind".to_owned(), text(CALL)),
        ("state".to_owned(), text(state)),
        ("summary".to_owned(), text(bounded(&summary))),
        ("method".to_owned(), text(call.method)),
        ("url".to_owned(), text(&call.url)),
        ("duration_ms".to_owned(), number(call.duration_ms)),
        ("request_bytes".to_owned(), number(call.request_bytes)),
        ("response_bytes".to_owned(), number(call.response_bytes)),
        ("attempt".to_owned(), number(call.attempt)),
        (attribute::AT.to_owned(), text(keys::instant(call.at))),
        (
            attribute::DAY_KEY.to_owned(),
            text(keys::day_index(tenant, business_date(call.at), CALL)),
        ),
        (
            attribute::EXPIRES_AT.to_owned(),
            number(expiry(call.at, KEPT_DAYS)),
        ),
    ]);
    if let Some(status) = call.status {
        item.insert("status".to_owned(), number(status));
    }
    if let Some(bill) = call.bill {
        item.insert("bill".to_owned(), number(bill));
        item.insert(
            attribute::BILL_KEY.to_owned(),
            text(keys::bill_index(tenant, bill)),
        );
    }
    if let Some(error) = &call.error {
        item.insert("error".to_owned(), text(bounded(error)));
    }
    insert_content(&mut item, "request", &call.request);
    insert_content(&mut item, "response", &call.response);
    item
}

/// A request or response: as text when short, packed when long, left out with its size when still too long.
fn insert_content(item: &mut Item, name: &str, content: &str) {
    if content.is_empty() {
        return;
    }
    let packed = packing::pack(content.as_bytes());
    if packed.encoding == "plain" && packed.bytes.len() <= CONTENT_LIMIT_BYTES {
        item.insert(name.to_owned(), text(content));
    } else if packed.bytes.len() <= CONTENT_LIMIT_BYTES {
        item.insert(name.to_owned(), binary(packed.bytes));
        item.insert(format!("{name}_encoding"), text(packed.encoding));
    } else {
        item.insert(format!("{name}_too_large"), number(content.len()));
    }
}
