//! API keys: how machines prove who they are.
//!
//! A key reads `ponte.<tenant>.<id>.<secret>`: the id finds it, the secret (256 random bits) proves it. Only the secret's SHA-256 is stored. The
//! key command creates and revokes keys; several may be valid at once, for rotation.

use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::attributes::{Item, get_binary, get_number, get_text, key_item, text};
use super::batch::Freshness;
use super::{Store, StoreError, keys};
use crate::calendar::Timestamp;
use crate::ids::TenantId;

/// First part of every key, to recognise a leaked one.
const PREFIX: &str = "ponte";
/// Longest id and secret: anything longer is not our key.
const MAX_PART: usize = 128;

/// What a caller may do; each role includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads and quotes.
    Reader,
    /// Also makes and ends agreements, and sends boletos.
    Operator,
    /// Also changes campaigns and settings.
    Administrator,
}

impl Role {
    /// Its name in keys, claims and documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Operator => "operator",
            Self::Administrator => "administrator",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Reader, Self::Operator, Self::Administrator]
            .into_iter()
            .find(|role| role.name() == name)
    }
}

/// What no role includes: given to single keys and people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Has a boleto sent to an address that is not the customer's.
    SendAnywhere,
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 1] = [Self::SendAnywhere];

    /// Its name in keys, claims and documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SendAnywhere => "boleto:send-anywhere",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.name() == name)
    }
}

/// A key as a caller sends it. Never printed.
#[derive(Clone, Copy)]
pub struct PresentedKey<'a> {
    /// The tenant it names: proved by its hash among that tenant's keys.
    pub tenant_text: &'a str,
    /// Its id.
    pub id: &'a str,
    secret: &'a str,
}

impl<'a> PresentedKey<'a> {
    /// Parses a key; none when it is not ours.
    #[must_use]
    pub fn read(text: &'a str) -> Option<Self> {
        let mut parts = text.trim().split('.');
        let (prefix, tenant_text, id, secret) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let plain = |part: &str| {
            (1..=MAX_PART).contains(&part.len())
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        };
        let ours = prefix == PREFIX && parts.next().is_none() && plain(id) && plain(secret);
        ours.then_some(Self {
            tenant_text,
            id,
            secret,
        })
    }
}

impl fmt::Debug for PresentedKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PresentedKey({})", self.id)
    }
}

/// A stored key.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// What its holder may do.
    pub role: Role,
    /// What they may do besides.
    pub rights: Vec<Right>,
    /// When it expires.
    pub valid_until: Timestamp,
    hash: Vec<u8>,
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey")
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

impl ApiKey {
    /// Whether the presented key is this one, and still valid. Takes the same time for every secret.
    #[must_use]
    pub fn admits(&self, presented: &PresentedKey<'_>, now: Timestamp) -> bool {
        let hash = Sha256::digest(presented.secret.as_bytes());
        bool::from(hash.as_slice().ct_eq(&self.hash)) && now < self.valid_until
    }
}

impl Store {
    /// A tenant's key by its id; none when it does not exist or was revoked.
    pub async fn api_key(&self, tenant: &TenantId, id: &str) -> Result<Option<ApiKey>, StoreError> {
        let key = keys::api_key(tenant, id);
        let item = self
            .get(&self.tables.control, &key, Freshness::Consistent)
            .await?;
        item.map(|item| read(&item)).transpose()
    }

    /// Stores a key as the tenant command does; `text` is the whole key.
    pub async fn put_api_key(
        &self,
        text_of_key: &str,
        role: Role,
        rights: &[Right],
        valid_until: Timestamp,
    ) -> Result<(), StoreError> {
        let what = "the API key";
        let presented = PresentedKey::read(text_of_key)
            .ok_or_else(|| StoreError::unreadable(what, "its form"))?;
        let tenant = TenantId::parse(presented.tenant_text)
            .map_err(|why| StoreError::unreadable(what, why))?;
        let mut item = key_item(&keys::api_key(&tenant, presented.id));
        item.extend([
            ("role".to_owned(), text(role.name())),
            (
                "hash".to_owned(),
                super::attributes::binary(Sha256::digest(presented.secret.as_bytes()).to_vec()),
            ),
            (
                "valid_until".to_owned(),
                super::attributes::number(valid_until.as_second()),
            ),
        ]);
        if !rights.is_empty() {
            let names = rights.iter().map(|right| text(right.name())).collect();
            item.insert("rights".to_owned(), AttributeValue::L(names));
        }
        self.batch_put(&self.tables.control, vec![item]).await
    }
}

fn read(item: &Item) -> Result<ApiKey, StoreError> {
    let what = "an API key";
    let role = Role::named(get_text(item, "role")?)
        .ok_or_else(|| StoreError::unreadable(what, "the role"))?;
    let valid_until = Timestamp::from_second(get_number(item, "valid_until")?);
    Ok(ApiKey {
        role,
        rights: rights(item),
        valid_until: valid_until.map_err(|_| StoreError::unreadable(what, "its end"))?,
        hash: get_binary(item, "hash")?.to_vec(),
    })
}

/// The known ones: an unknown one lets nobody do anything.
fn rights(item: &Item) -> Vec<Right> {
    let names = item.get("rights").and_then(|names| names.as_l().ok());
    let names = names.into_iter().flatten();
    names
        .filter_map(|name| Right::named(name.as_s().ok()?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_key_of_our_form_is_taken_apart() {
        let key = PresentedKey::read(" ponte.617.a1b2.s3-cr_t ").unwrap();
        assert_eq!(
            (key.tenant_text, key.id, key.secret),
            ("617", "a1b2", "s3-cr_t")
        );
        assert_eq!(
            format!("{key:?}"),
            "PresentedKey(a1b2)",
            "the secret is never printed"
        );
        let long = format!("ponte.617.{}.s", "a".repeat(200));
        for bad in [
            "",
            "ponte",
            "ponte.617.a1b2",
            "ponte.617.a1b2.",
            "ponte.617.a#b.s",
            "other.617.a.s",
            "ponte.617.a.s.x",
            &long,
        ] {
            assert!(PresentedKey::read(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_key_admits_its_own_secret_until_it_ends() {
        let hash = Sha256::digest(b"segredo").to_vec();
        let valid_until = "2026-12-01T00:00:00Z".parse().unwrap();
        let key = ApiKey {
            role: Role::Reader,
            rights: Vec::new(),
            valid_until,
            hash,
        };
        let now: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
        assert!(key.admits(&PresentedKey::read("ponte.617.a.segredo").unwrap(), now));
        assert!(!key.admits(&PresentedKey::read("ponte.617.a.segred0").unwrap(), now));
        assert!(!key.admits(
            &PresentedKey::read("ponte.617.a.segredo").unwrap(),
            valid_until
        ));
        assert!(Role::Reader < Role::Operator && Role::Operator < Role::Administrator);
    }
}
