//! The client: Sienge's address, our credentials, time-outs and retries.
//!
//! Guarantees: credentials travel only to the configured address, over TLS (or in the clear to this machine and private
//! networks), are never printed, and redirections are not followed.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::Url;
use tokio::time::Instant;

use super::credentials::CredentialSource;
use super::error::SiengeError;
use super::ports::{CallLog, Lane, Priority, Quota};

/// Time-outs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Establishing a connection.
    pub connect: Duration,
    /// Longest silence of a REST call: until the headers, and between two chunks of the body.
    pub read: Duration,
    /// Longest silence of a bulk call, which Sienge computes before it answers.
    pub read_bulk: Duration,
    /// Longest wait for one call in total; the time a stream's consumer takes between rows does not count.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            read: Duration::from_secs(30),
            read_bulk: Duration::from_mins(2),
            total: Duration::from_mins(10),
        }
    }
}

impl Timeouts {
    pub(super) fn silence(&self, lane: Lane) -> Duration {
        match lane {
            Lane::Rest => self.read,
            Lane::Bulk => self.read_bulk,
        }
    }
}

/// Retries and their pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Attempts in total.
    pub attempts: u32,
    /// Longest first pause; doubles with each attempt, each pause drawn between nothing and it (full jitter).
    pub base: Duration,
    /// Longest pause.
    pub cap: Duration,
    /// The pause after a 429 without `Retry-After`: Sienge's window is a minute.
    pub rate_limit_wait: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 5,
            base: Duration::from_millis(500),
            cap: Duration::from_secs(20),
            rate_limit_wait: Duration::from_mins(1),
        }
    }
}

/// Where Sienge is and who we are there.
#[derive(Clone)]
pub struct ClientConfig {
    /// Address before `/v1` and `/bulk-data/v1`, for example `https://api.sienge.com.br/minhaempresa/public/api`.
    pub base_url: String,
    /// Who we are there.
    pub credentials: Arc<dyn CredentialSource>,
    /// Time-outs.
    pub timeouts: Timeouts,
    /// Repetition.
    pub retry: Retry,
}

impl ClientConfig {
    /// A configuration with the usual time-outs and repetition.
    pub fn new(base_url: impl Into<String>, credentials: Arc<dyn CredentialSource>) -> Self {
        Self {
            base_url: base_url.into(),
            credentials,
            timeouts: Timeouts::default(),
            retry: Retry::default(),
        }
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig")
            .field(
                "base_url",
                &base_address(&self.base_url).unwrap_or_default(),
            )
            .field("timeouts", &self.timeouts)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

/// A client of one Sienge subdomain; cheap to clone.
#[derive(Clone)]
pub struct Client {
    pub(super) inner: Arc<Inner>,
    pub(super) priority: Priority,
    /// Until when the person waits for the quota, counted from its first refusal.
    pub(super) patience: Arc<OnceLock<Instant>>,
    pub(super) deadline: Option<Instant>,
    /// Whether a failed call is repeated; after a 429 it always is.
    pub(super) repeats: bool,
}

pub(super) struct Inner {
    pub http: reqwest::Client,
    pub base: String,
    pub credentials: Arc<dyn CredentialSource>,
    pub timeouts: Timeouts,
    pub retry: Retry,
    pub quota: Arc<dyn Quota>,
    pub log: Arc<dyn CallLog>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.inner.base)
            .field("priority", &self.priority)
            .finish_non_exhaustive()
    }
}

/// The HTTP client shared by all Sienge clients of a process: connection pool, TLS, no redirections, no proxy.
pub fn http_client(timeouts: Timeouts) -> Result<reqwest::Client, SiengeError> {
    reqwest::Client::builder()
        .connect_timeout(timeouts.connect)
        .pool_idle_timeout(Duration::from_secs(50))
        .pool_max_idle_per_host(8)
        .tcp_keepalive(Duration::from_secs(30))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("ponte/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|_| SiengeError::Configuration("não foi possível preparar o TLS"))
}

impl Client {
    /// A client for batch work without a deadline; see [`Client::with_priority`] and [`Client::with_deadline`].
    pub fn new(
        http: reqwest::Client,
        config: &ClientConfig,
        quota: Arc<dyn Quota>,
        log: Arc<dyn CallLog>,
    ) -> Result<Self, SiengeError> {
        let base = base_address(&config.base_url)?;
        Ok(Self {
            inner: Arc::new(Inner {
                http,
                base,
                credentials: Arc::clone(&config.credentials),
                timeouts: config.timeouts,
                retry: config.retry,
                quota,
                log,
            }),
            priority: Priority::Batch,
            patience: Arc::default(),
            deadline: None,
            repeats: true,
        })
    }

    /// The same client with another priority. A client and its clones share one limit for a person's waiting.
    #[must_use]
    pub fn with_priority(mut self, priority: Priority) -> Self {
        if self.priority != priority {
            self.patience = Arc::default();
        }
        self.priority = priority;
        self
    }

    /// The same client without retries.
    pub(super) fn without_repeats(&self) -> Self {
        Self {
            repeats: false,
            ..self.clone()
        }
    }

    /// The same client with a deadline for its calls (the invocation's end less a margin).
    #[must_use]
    pub fn with_deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }
}

/// The address without a trailing slash; refuses one that would send credentials over the internet in the clear.
fn base_address(text: &str) -> Result<String, SiengeError> {
    let url = Url::parse(text.trim())
        .map_err(|_| SiengeError::Configuration("a URL da API não é um endereço"))?;
    let host = url
        .host_str()
        .ok_or(SiengeError::Configuration("a URL da API não tem servidor"))?;
    match url.scheme() {
        "https" => {}
        "http" if is_local(host) => {}
        _ => {
            return Err(SiengeError::Configuration(
                "a URL da API deve começar com https://",
            ));
        }
    }
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err(SiengeError::Configuration(
            "a URL da API não deve ter usuário, senha ou parâmetros",
        ));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn is_local(host: &str) -> bool {
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_private(),
        Ok(IpAddr::V6(address)) => address.is_loopback() || address.is_unique_local(),
        Err(_) => {
            !host.contains('.') || host.ends_with(".localhost") || host.ends_with(".internal")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_local_addresses_only() {
        for good in [
            "https://api.sienge.com.br/x/public/api",
            "http://127.0.0.1:8099/x/public/api/",
            "http://localhost:1",
            "http://[::1]:8/a",
            "http://192.168.0.7/x",
        ] {
            assert!(base_address(good).is_ok(), "{good}");
        }
        for bad in [
            "http://api.sienge.com.br/x",
            "ftp://localhost/x",
            "https://u:p@api.sienge.com.br/x",
            "api.sienge.com.br",
            "https://api.sienge.com.br/x?y=1",
        ] {
            assert!(base_address(bad).is_err(), "{bad}");
        }
        assert_eq!(
            base_address("http://127.0.0.1:8099/x/public/api/").unwrap(),
            "http://127.0.0.1:8099/x/public/api"
        );
    }
}
