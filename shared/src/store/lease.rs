//! Leases: at most one run of a task for a creditor at a time. A lease that its owner no longer renews expires;
//! expiry follows the clock that is passed in, not the table's.

use std::time::Duration;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;

use super::attributes::{key_item, number, opt_number, text};
use super::journal::expiry;
use super::keys::{self, ItemKey, attribute};
use super::{Store, StoreError};
use crate::calendar::Timestamp;
use crate::ids::{CreditorId, TenantId};

/// A lease held. Renew it well before `expires`, release it at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    key: ItemKey,
    owner: String,
    /// When it expires.
    pub expires: Timestamp,
}

impl Lease {
    /// An owner's lease on a task of a creditor (or of the whole tenant).
    #[must_use]
    pub fn new(
        tenant: &TenantId,
        creditor: Option<CreditorId>,
        task: &str,
        owner: &str,
        expires: Timestamp,
    ) -> Self {
        Self {
            key: keys::lease(tenant, creditor, task),
            owner: owner.to_owned(),
            expires,
        }
    }

    /// The owner.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Whether it concerns the same task and creditor as another.
    #[must_use]
    pub fn is_of_same(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

/// The result of acquiring a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acquired {
    /// Acquired.
    Yes(Lease),
    /// Another run holds it.
    Held {
        /// Until when, unless it renews.
        until: Timestamp,
    },
}

impl Store {
    /// Takes the lease of a task for a creditor (or for the whole tenant). `owner` names the run: the same owner can take its own
    /// lease again, so that a continued run keeps it.
    pub async fn acquire_lease(
        &self,
        tenant: &TenantId,
        creditor: Option<CreditorId>,
        task: &str,
        owner: &str,
        length: Duration,
        now: Timestamp,
    ) -> Result<Acquired, StoreError> {
        let key = keys::lease(tenant, creditor, task);
        let expires = end(now, length);
        let mut item = key_item(&key);
        item.extend([
            ("owner".to_owned(), text(owner)),
            ("expires_ms".to_owned(), number(expires.as_millisecond())),
            (attribute::EXPIRES_AT.to_owned(), number(expiry(expires, 1))),
        ]);
        let answer = self
            .client
            .put_item()
            .table_name(&self.tables.control)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk) OR #owner = :owner OR #expires <= :now")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_names("#expires", "expires_ms")
            .expression_attribute_values(":owner", text(owner))
            .expression_attribute_values(":now", number(now.as_millisecond()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match answer {
            Ok(_) => {
                let lease = Lease::new(tenant, creditor, task, owner, expires);
                Ok(Acquired::Yes(lease))
            }
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(held)) => {
                    let until = held.item().and_then(|item| opt_number(item, "expires_ms"));
                    let until = until
                        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
                        .unwrap_or(now);
                    Ok(Acquired::Held { until })
                }
                _ => Err(StoreError::of("PutItem", &error)),
            },
        }
    }

    /// Renews a lease. [`StoreError::Conflict`] means that another run has taken it: stop.
    pub async fn renew_lease(
        &self,
        lease: &mut Lease,
        length: Duration,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let expires = end(now, length);
        self.client
            .update_item()
            .table_name(&self.tables.control)
            .set_key(Some(key_item(&lease.key)))
            .update_expression("SET #expires = :expires, #ttl = :ttl")
            .condition_expression("#owner = :owner")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_names("#expires", "expires_ms")
            .expression_attribute_names("#ttl", attribute::EXPIRES_AT)
            .expression_attribute_values(":owner", text(&lease.owner))
            .expression_attribute_values(":expires", number(expires.as_millisecond()))
            .expression_attribute_values(":ttl", number(expiry(expires, 1)))
            .send()
            .await
            .map_err(|error| StoreError::of("UpdateItem", &error))?;
        lease.expires = expires;
        Ok(())
    }

    /// Releases a lease; does nothing if another run has taken it.
    pub async fn release_lease(&self, lease: Lease) -> Result<(), StoreError> {
        let answer = self
            .client
            .delete_item()
            .table_name(&self.tables.control)
            .set_key(Some(key_item(&lease.key)))
            .condition_expression("#owner = :owner")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", text(lease.owner))
            .send()
            .await;
        match answer.map_err(|error| StoreError::of("DeleteItem", &error)) {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn end(now: Timestamp, length: Duration) -> Timestamp {
    // Only an instant beyond the year 9999 would not fit.
    now.checked_add(length).unwrap_or(Timestamp::MAX)
}
