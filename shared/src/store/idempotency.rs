//! Idempotency of our own API (`Idempotency-Key`): a repeated call gets the first answer.
//!
//! A call is registered before it has any effect and finished with its answer. A call that dies in between leaves a record in progress, whose lease
//! expires: then the same call may begin again, if its effects are repeatable ([`Term::Again`]). The same key with another body is refused.

use std::time::Duration;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};

use super::attributes::{
    Item, binary, get_binary, get_number, get_text, key_item, number, opt_number, opt_text, text,
};
use super::journal::expiry;
use super::keys::{self, ItemKey, attribute};
use super::{Store, StoreError, packing};
use crate::calendar::Timestamp;
use crate::ids::TenantId;

/// Days a record is kept, finished or not.
const KEPT_DAYS: i64 = 2;
/// Where an answer can be read again.
const LOCATION: &str = "location";
/// Largest packed answer stored, below the item limit of 400 KB.
const LIMIT_BYTES: usize = 350_000;

/// The condition for a free key: DynamoDB deletes expired items days late, so an expired one counts as gone.
const FREE: &str = "attribute_not_exists(pk) OR #ttl <= :seconds";

/// A stored answer, to be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// HTTP status.
    pub status: u16,
    /// Its content.
    pub content: StoredContent,
}

/// The content of a stored answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredContent {
    /// The body itself.
    Body(Vec<u8>),
    /// The path where the body can be read again.
    Location(String),
}

/// How long a call may take, and what happens after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Term {
    /// A dead call may begin again.
    Again(Duration),
    /// A dead call never begins again, because its effect is unknown.
    Once(Duration),
}

/// The permission to carry out a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallClaim {
    key: ItemKey,
    owner: String,
    digest: String,
}

/// The state of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// New: carry out the call.
    New(CallClaim),
    /// Finished: this was its answer.
    Same(StoredAnswer),
    /// In progress.
    InProgress {
        /// Until when at the latest.
        until: Timestamp,
    },
    /// It began under [`Term::Once`] and did not finish in time.
    Died,
    /// The key was used with another body.
    OtherBody,
}

impl Store {
    /// Begins a call. `digest` identifies body and address; the lease is longer than the call can take.
    pub async fn begin_call(
        &self,
        tenant: &TenantId,
        key: &str,
        digest: &str,
        term: Term,
        now: Timestamp,
    ) -> Result<Begun, StoreError> {
        let claim = CallClaim {
            key: keys::idempotency(tenant, key),
            owner: format!("{:032x}", fastrand::u128(..)),
            digest: digest.to_owned(),
        };
        let (time, again) = match term {
            Term::Again(time) => (time, true),
            Term::Once(time) => (time, false),
        };
        // Only an instant beyond the year 9999 would not fit.
        let until = now.checked_add(time).unwrap_or(Timestamp::MAX);
        let mut item = claim.item(now);
        item.insert("expires_ms".to_owned(), number(until.as_millisecond()));
        let put = self
            .client
            .put_item()
            .table_name(&self.tables.control)
            .set_item(Some(item))
            .expression_attribute_names("#ttl", attribute::EXPIRES_AT)
            .expression_attribute_values(":seconds", number(now.as_second()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = if again {
            put.condition_expression(format!("{FREE} OR (#digest = :digest AND #lease <= :now)"))
                .expression_attribute_names("#digest", "digest")
                .expression_attribute_names("#lease", "expires_ms")
                .expression_attribute_values(":digest", text(digest))
                .expression_attribute_values(":now", number(now.as_millisecond()))
        } else {
            put.condition_expression(FREE)
        };
        let answer = put.send().await;
        let Err(error) = answer else {
            return Ok(Begun::New(claim));
        };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(held)) => match held.item() {
                Some(item) => read(item, &claim, now),
                None => Err(StoreError::Conflict),
            },
            _ => Err(StoreError::of("PutItem", &error)),
        }
    }

    /// Stores the answer, to be repeated from now on. [`StoreError::Conflict`] when the lease expired and the call was begun again.
    pub async fn finish_call(
        &self,
        claim: &CallClaim,
        answer: &StoredAnswer,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut item = claim.item(now);
        item.insert("status".to_owned(), number(answer.status));
        match &answer.content {
            StoredContent::Body(body) => item.extend(packed_body(body)?),
            StoredContent::Location(path) => {
                item.insert(LOCATION.to_owned(), text(path));
            }
        }
        self.client
            .put_item()
            .table_name(&self.tables.control)
            .set_item(Some(item))
            .condition_expression("#owner = :owner")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", text(&claim.owner))
            .send()
            .await
            .map(drop)
            .map_err(|error| StoreError::of("PutItem", &error))
    }

    /// Deletes a call without effect, so that it may be repeated at once; does nothing if it was begun again in between.
    pub async fn forget_call(&self, claim: &CallClaim) -> Result<(), StoreError> {
        let answer = self
            .client
            .delete_item()
            .table_name(&self.tables.control)
            .set_key(Some(key_item(&claim.key)))
            .condition_expression("#owner = :owner")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", text(&claim.owner))
            .send()
            .await;
        match answer.map_err(|error| StoreError::of("DeleteItem", &error)) {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl CallClaim {
    fn item(&self, now: Timestamp) -> Item {
        let mut item = key_item(&self.key);
        item.extend([
            ("owner".to_owned(), text(&self.owner)),
            ("digest".to_owned(), text(&self.digest)),
            (
                attribute::EXPIRES_AT.to_owned(),
                number(expiry(now, KEPT_DAYS)),
            ),
        ]);
        item
    }
}

fn read(item: &Item, claim: &CallClaim, now: Timestamp) -> Result<Begun, StoreError> {
    if get_text(item, "digest")? != claim.digest {
        return Ok(Begun::OtherBody);
    }
    // The SDK repeats a put whose answer was lost: then the record belongs to this very claim.
    if opt_text(item, "owner") == Some(&claim.owner) {
        return Ok(Begun::New(claim.clone()));
    }
    let Some(status) = opt_number(item, "status") else {
        let until = Timestamp::from_millisecond(get_number(item, "expires_ms")?);
        let until = until.map_err(|_| StoreError::unreadable("a call in progress", "its end"))?;
        // Under the other lease it would have been ours.
        return Ok(if until <= now {
            Begun::Died
        } else {
            Begun::InProgress { until }
        });
    };
    let content = match opt_text(item, LOCATION) {
        Some(path) => StoredContent::Location(path.to_owned()),
        None => StoredContent::Body(packing::unpack(
            "an answer to be repeated",
            get_binary(item, "body")?,
            get_text(item, "encoding")?,
        )?),
    };
    Ok(Begun::Same(StoredAnswer { status, content }))
}

fn packed_body(body: &[u8]) -> Result<[(String, AttributeValue); 2], StoreError> {
    let packed = packing::pack(body);
    if packed.bytes.len() > LIMIT_BYTES {
        return Err(StoreError::TooLarge {
            what: "an answer to be repeated",
            bytes: packed.bytes.len(),
            limit: LIMIT_BYTES,
        });
    }
    Ok([
        ("body".to_owned(), binary(packed.bytes)),
        ("encoding".to_owned(), text(packed.encoding)),
    ])
}
