//! Items and their attributes: building, reading with errors that name the field, measuring.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;
use super::keys::{ItemKey, attribute};
use crate::calendar::Timestamp;

/// A DynamoDB item.
pub type Item = HashMap<String, AttributeValue>;

/// A text attribute.
pub fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number attribute.
pub fn number(value: impl ToString + Copy) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A binary attribute.
pub fn binary(value: Vec<u8>) -> AttributeValue {
    AttributeValue::B(Blob::new(value))
}

/// The primary key as an item.
pub fn key_item(key: &ItemKey) -> Item {
    HashMap::from([
        (attribute::PK.to_owned(), text(&key.pk)),
        (attribute::SK.to_owned(), text(&key.sk)),
    ])
}

/// The primary key of an item.
pub fn key_of(item: &Item) -> Result<ItemKey, StoreError> {
    Ok(ItemKey {
        pk: get_text(item, attribute::PK)?.to_owned(),
        sk: get_text(item, attribute::SK)?.to_owned(),
    })
}

/// A value's fields as attributes, with its primary key.
pub fn to_item<T: Serialize>(key: &ItemKey, value: &T) -> Result<Item, StoreError> {
    let mut item: Item = serde_dynamo::aws_sdk_dynamodb_1::to_item(value)
        .map_err(|error| StoreError::unreadable(&key.sk, error))?;
    item.extend(key_item(key));
    Ok(item)
}

/// Reads what [`to_item`] wrote.
pub fn from_item<T: DeserializeOwned>(item: Item) -> Result<T, StoreError> {
    let what = describe(&item);
    serde_dynamo::aws_sdk_dynamodb_1::from_item(item)
        .map_err(|error| StoreError::unreadable(what, error))
}

/// A required text attribute.
pub fn get_text<'a>(item: &'a Item, name: &str) -> Result<&'a str, StoreError> {
    opt_text(item, name).ok_or_else(|| missing(item, name, "a text"))
}

/// A text attribute that may be absent.
pub fn opt_text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// A required whole number.
pub fn get_number<N: std::str::FromStr>(item: &Item, name: &str) -> Result<N, StoreError> {
    opt_number(item, name).ok_or_else(|| missing(item, name, "a whole number"))
}

/// A whole number that may be absent.
pub fn opt_number<N: std::str::FromStr>(item: &Item, name: &str) -> Option<N> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

/// A required binary attribute.
pub fn get_binary<'a>(item: &'a Item, name: &str) -> Result<&'a [u8], StoreError> {
    item.get(name)
        .and_then(|value| value.as_b().ok())
        .map(AsRef::as_ref)
        .ok_or_else(|| missing(item, name, "bytes"))
}

/// A required instant, as [`super::keys::instant`] writes it.
pub fn get_instant(item: &Item, name: &str) -> Result<Timestamp, StoreError> {
    get_text(item, name)?
        .parse()
        .map_err(|_| missing(item, name, "an instant such as 2026-11-22T08:00:00.000Z"))
}

fn missing(item: &Item, name: &str, expected: &str) -> StoreError {
    StoreError::unreadable(
        describe(item),
        format!("the attribute \"{name}\" must be {expected}"),
    )
}

/// What an item is, for error texts: its sort key's kind. Keys may contain documents, so their values are not shown.
fn describe(item: &Item) -> String {
    let kind = opt_text(item, attribute::SK)
        .and_then(|sk| sk.split('#').next())
        .unwrap_or("an item");
    format!("the stored item \"{kind}\"")
}

/// Approximately how many bytes DynamoDB counts for an item.
pub fn size(item: &Item) -> usize {
    item.iter()
        .map(|(name, value)| name.len() + value_size(value))
        .sum()
}

fn value_size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(digits) => digits.len(),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::L(list) => {
            3 + list
                .iter()
                .map(|value| 1 + value_size(value))
                .sum::<usize>()
        }
        AttributeValue::M(map) => {
            3 + map
                .iter()
                .map(|(name, value)| 1 + name.len() + value_size(value))
                .sum::<usize>()
        }
        AttributeValue::Ss(list) | AttributeValue::Ns(list) => list.iter().map(String::len).sum(),
        _ => 1,
    }
}
