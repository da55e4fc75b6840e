//! Identifiers, parsed at the edge: a wrong id cannot be passed where another is meant.

use std::fmt;

use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::digest::sha256_hex;
use crate::text;

/// Sienge's ids are whole numbers of 32 bits; it refuses any call that contains a larger one.
pub const LARGEST_ID: i64 = i32::MAX as i64;

macro_rules! numeric_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl $name {
            /// An id that can exist in Sienge: from 1 to [`LARGEST_ID`].
            #[must_use]
            pub fn read(number: i64) -> Option<Self> {
                (1..=LARGEST_ID).contains(&number).then_some(Self(number))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let number = i64::deserialize(from)?;
                // Stored data may contain Sienge's 0, but nothing larger than the limit.
                let fits = (0..=LARGEST_ID).contains(&number);
                let wrong = || D::Error::custom("não é um código do Sienge; escreva um número inteiro de 1 a 2147483647");
                fits.then_some(Self(number)).ok_or_else(wrong)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

numeric_id!(
    /// A creditor: the company's id in Sienge.
    CreditorId
);
numeric_id!(
    /// A receivable bill (título), unique in a Sienge subdomain; the CRM's "contrato" number.
    BillId
);
numeric_id!(
    /// An installment, unique only within its bill.
    InstallmentId
);
numeric_id!(
    /// A customer.
    CustomerId
);
numeric_id!(
    /// An enterprise (empreendimento), the same number as its cost centre; the CRM's "filial".
    EnterpriseId
);
numeric_id!(
    /// A unit of an enterprise.
    UnitId
);
numeric_id!(
    /// A sales contract of the commercial module.
    SalesContractId
);

/// The conversions of a text id that has a `parse`.
macro_rules! text_id {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// A tenant (assessoria): 1 to 40 ASCII letters, digits, `-` or `_`, so that it is safe in keys, names and addresses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(String);

impl TenantId {
    /// Reads a tenant id; the error says what a correct one looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fits = (1..=40).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(
                "assessoria: use de 1 a 40 letras, dígitos, '-' ou '_', por exemplo \"617\""
                    .to_owned(),
            )
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

text_id!(TenantId);

/// A document type code (`CT`, `NF`, ...), as [`text::code`] writes it; part of a contract's key.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(from = "String", into = "String")]
pub struct DocumentType(String);

impl DocumentType {
    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for DocumentType {
    fn from(code: String) -> Self {
        Self::from(code.as_str())
    }
}

impl From<&str> for DocumentType {
    fn from(code: &str) -> Self {
        Self(text::code(code))
    }
}

impl From<DocumentType> for String {
    fn from(code: DocumentType) -> Self {
        code.0
    }
}

impl fmt::Display for DocumentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An agreement's id, unique in its tenant: 1 to 64 ASCII letters, digits, `-` or `_`, so that it is safe in keys and addresses.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(extend("pattern" = "^[A-Za-z0-9_-]{1,64}$"))]
#[serde(try_from = "String", into = "String")]
pub struct AgreementId(String);

impl AgreementId {
    /// Reads an id; the error says what a correct one looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fits = (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err("acordo: use de 1 a 64 letras, dígitos, '-' ou '_', por exemplo \"4f1c2a9b7d3e5f60\"".to_owned())
        }
    }

    /// The id derived from an idempotency key: a caller's retry finds the agreement of its first attempt. The key itself is not stored.
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

text_id!(AgreementId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_that_sienge_may_hold() {
        assert_eq!(BillId::read(2_147_483_647), Some(BillId(2_147_483_647)));
        for number in [i64::MIN, -1, 0, 2_147_483_648, 4_294_967_296, i64::MAX] {
            assert_eq!(BillId::read(number), None, "{number}");
        }
        assert_eq!(
            serde_json::from_str::<BillId>("10001").unwrap(),
            BillId(10_001)
        );
        for text in ["-1", "2147483648", "4294967296"] {
            let error = serde_json::from_str::<BillId>(text)
                .unwrap_err()
                .to_string();
            assert!(error.contains("1 a 2147483647"), "{error}");
        }
    }
}
