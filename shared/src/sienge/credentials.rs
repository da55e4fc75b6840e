//! Who we are at Sienge. Nothing here is ever printed.

use std::fmt;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;

use super::error::SiengeError;

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// An API user with its password, as a call carries them.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(HeaderValue);

impl Credentials {
    /// Of a user and its password.
    pub fn new(user: &str, password: &Secret) -> Result<Self, SiengeError> {
        let pair = STANDARD.encode(format!("{user}:{}", password.reveal()));
        let mut header = HeaderValue::from_str(&format!("Basic {pair}"))
            .map_err(|_| SiengeError::Configuration("usuário ou senha"))?;
        header.set_sensitive(true);
        Ok(Self(header))
    }

    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Who we are at Sienge: known at the beginning, and read again when Sienge does not know us.
#[async_trait]
pub trait CredentialSource: Send + Sync {
    /// Those to call with.
    fn current(&self) -> Credentials;
    /// Those to call with now that Sienge refused the current ones; the same when there are no others. Asked after every refusal:
    /// implementations bound how often they read.
    async fn refreshed(&self) -> Credentials;
}

/// Credentials that nobody changes.
#[async_trait]
impl CredentialSource for Credentials {
    fn current(&self) -> Credentials {
        self.clone()
    }

    async fn refreshed(&self) -> Credentials {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_printed() {
        let password = Secret::new("s3nha");
        let credentials = Credentials::new("robo", &password).unwrap();
        assert_eq!(format!("{password:?} {credentials:?}"), "*** ***");
    }
}
