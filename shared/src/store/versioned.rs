//! Small items that several functions change concurrently: each write is conditional on the version it is based on.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;

use super::attributes::{Item, number};
use super::{Store, StoreError};

/// The result of a write.
pub(super) enum VersionedPut {
    /// Written.
    Done,
    /// Somebody else was first: their item, unless it is already gone.
    Found(Option<Item>),
}

impl Store {
    /// Writes an item of the control table, with its new `version`, replacing version `before`; 0 if there was none.
    pub(super) async fn put_on_version(
        &self,
        item: Item,
        before: u64,
    ) -> Result<VersionedPut, StoreError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.tables.control)
            .set_item(Some(item))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = if before == 0 {
            put.condition_expression("attribute_not_exists(pk)")
        } else {
            put.condition_expression("version = :before")
                .expression_attribute_values(":before", number(before))
        };
        match put.send().await {
            Ok(_) => Ok(VersionedPut::Done),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(VersionedPut::Found(failed.item.clone()))
                }
                _ => Err(StoreError::of("PutItem", &error)),
            },
        }
    }
}
