//! What the client needs from outside: permission to call (the shared quota) and a place to write its calls down.

use std::time::Duration;

use async_trait::async_trait;

use crate::calendar::Timestamp;
use crate::ids::BillId;

/// The two kinds of requests that Sienge counts separately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// `/public/api/v1`: 200 a minute.
    Rest,
    /// `/public/api/bulk-data/v1`: 20 a minute.
    Bulk,
}

/// Who is waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// A person: may use the reserve.
    Interactive,
    /// A batch: leaves the reserve alone.
    Batch,
}

/// Why a call may not be made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuotaRefusal {
    /// The minute's quota is used up (or Sienge answered 429): try again after the wait.
    #[error("the minute's quota is used up; a place is free in {} ms", .0.as_millis())]
    Wait(Duration),
    /// The day's package quota is used up: nothing more until tomorrow.
    #[error("the day's quota of the API package is used up")]
    DayIsOver,
    /// Sienge did not answer lately, and nobody calls it for so long.
    #[error("Sienge did not answer; it is called again in {} ms", .0.as_millis())]
    Silent(Duration),
    /// The shared counter could not be reached.
    #[error("the shared quota counter could not be reached")]
    Unavailable,
}

/// What is left of the quotas, to choose between sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remaining {
    /// REST requests left in this minute.
    pub rest_minute: u32,
    /// Bulk requests left in this minute.
    pub bulk_minute: u32,
    /// REST requests left today.
    pub rest_day: u32,
    /// Bulk requests left today.
    pub bulk_day: u32,
}

/// The quota of one Sienge subdomain, shared by every concurrent function.
#[async_trait]
pub trait Quota: Send + Sync {
    /// Takes a permit for one call now, or says why not. Implementations take permits in small lots.
    async fn acquire(&self, lane: Lane, priority: Priority) -> Result<(), QuotaRefusal>;
    /// Records a 429 from Sienge: everybody waits.
    async fn back_off(&self, lane: Lane, wait: Duration);
    /// Records that Sienge answered a call, whatever it answered.
    async fn answered(&self);
    /// Records that Sienge did not answer a call: nobody calls for a while.
    async fn unanswered(&self);
    /// What is left, as far as the shared counter knows.
    async fn remaining(&self) -> Result<Remaining, QuotaRefusal>;
}

/// One call to Sienge, ready for the journal: masked and bounded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// When it began.
    pub at: Timestamp,
    /// The method's name for operators (`ConsultarExtratoCliente`, ...).
    pub method: &'static str,
    /// HTTP verb and URL; the query's personal values (cpf, cnpj, email, name) masked, no credentials.
    pub url: String,
    /// Contract, where the call concerns one.
    pub bill: Option<BillId>,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// Duration in milliseconds, until the body was read.
    pub duration_ms: u64,
    /// Bytes sent.
    pub request_bytes: u64,
    /// Bytes received.
    pub response_bytes: u64,
    /// Which attempt this was, from 1.
    pub attempt: u32,
    /// The request's body, masked and cut to a bound.
    pub request: String,
    /// The response's body, masked and cut to a bound.
    pub response: String,
    /// What went wrong, without personal data.
    pub error: Option<String>,
}

/// The log of calls. It never fails the call: an implementation logs its own errors.
#[async_trait]
pub trait CallLog: Send + Sync {
    /// Records one call.
    async fn record(&self, call: CallRecord);
}
