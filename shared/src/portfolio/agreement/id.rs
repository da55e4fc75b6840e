//! An agreement's id.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::sha256_hex;
use crate::portfolio::TenantId;

/// An agreement's id, unique in its tenant: 1 to 64 ASCII letters, digits, `-` or `_`, so that it is safe in keys and addresses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("pattern" = "^[A-Za-z0-9_-]{1,64}$"))]
#[serde(try_from = "String", into = "String")]
pub struct AgreementId(String);

impl AgreementId {
    /// Reads an id; the error says what a correct one looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err("acordo: use de 1 a 64 letras, dígitos, '-' ou '_', por exemplo \"4f1c2a9b7d3e5f60\"".to_owned())
        }
    }

    /// The id that an idempotency key means: a caller's retry finds the agreement of its first attempt. The key itself is not kept.
    #[must_use]
    pub fn of_idempotency_key(tenant: &TenantId, key: &str) -> Self {
        let mut digest = sha256_hex(&[b"agreement", tenant.as_str().as_bytes(), key.as_bytes()]);
        digest.truncate(32);
        Self(digest)
    }

    /// A whole number for systems whose ids are numbers: 53 bits of the id's hash, so that it is exact in every JSON reader.
    #[must_use]
    pub fn code(&self) -> i64 {
        let digest = sha256_hex(&[b"agreement-code", self.0.as_bytes()]);
        let head = u64::from_str_radix(digest.get(..16).unwrap_or("0"), 16).unwrap_or(0);
        (head >> 11).cast_signed()
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AgreementId {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<AgreementId> for String {
    fn from(id: AgreementId) -> Self {
        id.0
    }
}

impl fmt::Display for AgreementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
