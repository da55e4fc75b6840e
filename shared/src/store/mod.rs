//! The store: Ponte's DynamoDB tables.
//!
//! - **portfolio** ([`Store::load_bill`], [`Store::commit`], [`Store::put_if_changed`]): bills, customers, catalogue, timeline.
//! - **journal** ([`Store::accept`], [`JournalCalls`], [`Store::start_run`]): webhooks, calls to Sienge, runs.
//! - **control** ([`Store::tenant_settings`], [`Store::acquire_lease`], [`SharedQuota`], [`Door`]): settings, campaigns, API keys, cursors, leases, quota, callers' buckets.
//! - **audit** ([`Store::begin_act`], [`Store::end_act`]): who did what.
//!
//! Guarantees: every write is conditional, idempotent or both, so that repeating it after a crash or an unclear answer is
//! safe; what DynamoDB leaves unprocessed is sent again; no item comes near 400 KB; keys are spelled only in [`keys`].
//! `docs/data-model.md` lists the access patterns with their cost.

mod agreements;
mod api_keys;
mod attributes;
mod audit;
mod batch;
mod bucket;
mod calls;
mod campaigns;
mod catalogue;
mod checkpoint;
mod control;
mod door;
mod error;
mod idempotency;
mod journal;
pub mod keys;
mod lease;
mod ledger;
mod open;
mod outbox;
mod packing;
mod portfolio;
mod quota;
mod runs;
mod silence;
pub mod slices;
mod versioned;

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::Client;

pub use agreements::AgreementWrite;
pub use api_keys::{ApiKey, PresentedKey, Right, Role};
pub use audit::{
    Act, Actor, AuditLine, AuditObject, AuditOutcome, AuditPage, AuditSearch, BegunAct, plain_id,
};
pub use bucket::{RateLimit, Wanted};
pub use calls::JournalCalls;
pub use campaigns::CampaignList;
pub use catalogue::CatalogueItem;
pub use checkpoint::Checkpoint;
pub use control::{CountedRemovals, Cursor, ListedTenant};
pub use door::{Door, Entry, LARGEST_LOT, Standing, Visit};
pub use error::{Recovery, StoreError};
pub use idempotency::{Begun, CallClaim, StoredAnswer, StoredContent, Term};
pub use journal::{
    Accepted, Finish, InboundWebhook, JournalKey, PendingWebhook, StoredWebhook, WebhookState,
};
pub use lease::{Acquired, Lease};
pub use open::OpenEntry;
pub use portfolio::{Committed, Stamp};
pub use quota::{Clock, SharedQuota};
pub use runs::{CRITIQUE, CritiqueNote, JournalEntry, RunRecord, RunStart, RunState, new_run_id};

/// The names of the tables, and how long audit lines are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// Bills, customers, catalogue, timeline.
    pub portfolio: String,
    /// Webhooks, calls, runs, critiques.
    pub journal: String,
    /// Settings, cursors, leases, quota.
    pub control: String,
    /// Who did what.
    pub audit: String,
    /// Days a line of the audit is kept.
    pub audit_days: i64,
}

/// The store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    tables: Arc<Tables>,
}

impl Tables {
    /// What a function's environment says; the error names the variable that is missing or wrong.
    pub fn from_env() -> Result<Self, String> {
        let variable = crate::aws::variable;
        Ok(Self {
            portfolio: variable("PORTFOLIO_TABLE")?,
            journal: variable("JOURNAL_TABLE")?,
            control: variable("CONTROL_TABLE")?,
            audit: variable("AUDIT_TABLE")?,
            audit_days: variable("AUDIT_RETENTION_DAYS")?
                .parse()
                .map_err(|_| "AUDIT_RETENTION_DAYS is not a number of days".to_owned())?,
        })
    }
}

impl Store {
    /// A store on an existing client (see [`client`]).
    #[must_use]
    pub fn new(client: Client, tables: Tables) -> Self {
        Self {
            client,
            tables: Arc::new(tables),
        }
    }

    /// The tables.
    #[must_use]
    pub fn tables(&self) -> &Tables {
        &self.tables
    }
}

/// A client whose operations, including retries, end within `patience`: about 1.5 s for a caller that must answer
/// Sienge in 2.5 s, 10 s for a task.
#[must_use]
pub fn client(config: &SdkConfig, patience: Duration) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(patience.min(Duration::from_secs(1)))
        .operation_attempt_timeout(patience / 2)
        .operation_timeout(patience)
        .build();
    let settings = aws_sdk_dynamodb::config::Builder::from(config)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(4))
        .build();
    Client::from_conf(settings)
}
