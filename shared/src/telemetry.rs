//! Logs and metrics: JSON lines on standard output, metric names in one place.
//!
//! The never-log list (`docs/logging.md`): CPF, CNPJ, names, phones, e-mails, addresses, tokens, passwords, bodies.

use serde_json::json;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::calendar::Timestamp;
use crate::ids::TenantId;

/// The CloudWatch namespace of every metric.
const NAMESPACE: &str = "Ponte";

/// All metrics. Counts, unless the name contains a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// A webhook stored for the first time.
    WebhookReceived,
    /// A webhook that was already stored.
    WebhookDuplicate,
    /// A webhook refused (400, 401, 404, 413).
    WebhookRefused,
    /// A webhook that could not be stored (503: Sienge sends it again).
    WebhookNotStored,
    /// A webhook whose effect is in the portfolio.
    WebhookApplied,
    /// A webhook that failed for good.
    WebhookFailed,
    /// A webhook of an unknown event, by its name.
    WebhookUnknownEvent,
    /// Installments changed in the portfolio.
    InstallmentsChanged,
    /// Webhooks put back into the queue by the sweep.
    WebhookRequeued,
    /// A sweep that ended.
    SweepFinished,
    /// A daily load of one creditor that ended.
    ImportFinished,
    /// A daily redundancy of one creditor that ended.
    RedundancyFinished,
    /// A reconciliation of one creditor that ended.
    ReconciliationFinished,
    /// Differences that a reconciliation found, except a creditor's first one: changes that no webhook or load had brought.
    MirrorDifferences,
    /// Creditors whose daily runs or reconciliation have not succeeded for too long, at each sweep.
    CreditorsBehind,
    /// A task run that failed or waits for a confirmation.
    RunNeedsAttention,
    /// 80% of a subdomain's daily quota is used.
    QuotaNearlyUsed,
    /// A call of the HTTP API refused for its credential or its role.
    ApiRefused,
}

impl Metric {
    /// The name in CloudWatch.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WebhookReceived => "WebhookReceived",
            Self::WebhookDuplicate => "WebhookDuplicate",
            Self::WebhookRefused => "WebhookRefused",
            Self::WebhookNotStored => "WebhookNotStored",
            Self::WebhookApplied => "WebhookApplied",
            Self::WebhookFailed => "WebhookFailed",
            Self::WebhookUnknownEvent => "WebhookUnknownEvent",
            Self::InstallmentsChanged => "InstallmentsChanged",
            Self::WebhookRequeued => "WebhookRequeued",
            Self::SweepFinished => "SweepFinished",
            Self::ImportFinished => "ImportFinished",
            Self::RedundancyFinished => "RedundancyFinished",
            Self::ReconciliationFinished => "ReconciliationFinished",
            Self::MirrorDifferences => "MirrorDifferences",
            Self::CreditorsBehind => "CreditorsBehind",
            Self::RunNeedsAttention => "RunNeedsAttention",
            Self::QuotaNearlyUsed => "QuotaNearlyUsed",
            Self::ApiRefused => "ApiRefused",
        }
    }
}

/// Starts JSON logging at the level of `RUST_LOG`, such as `info` or `warn,ponte=debug` (default `info`). Call once, first thing in `main`.
pub fn init() {
    // Targets are enough; `EnvFilter` brings regular expressions into every binary.
    let filter = std::env::var("RUST_LOG")
        .ok()
        .and_then(|text| text.parse::<Targets>().ok());
    let filter = filter.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false);
    tracing_subscriber::registry()
        .with(lines)
        .with(filter)
        .init();
}

/// Emits a count in CloudWatch's embedded metric format.
pub fn count(metric: Metric, value: u64, tenant: Option<&TenantId>, at: Timestamp) {
    println!(
        "{}",
        embedded(
            metric,
            value,
            tenant.map(|tenant| ("tenant", tenant.as_str())),
            at
        )
    );
}

/// Emits a count of one event by its name; the caller bounds the number of names.
pub fn count_event(metric: Metric, event: &str, at: Timestamp) {
    println!("{}", embedded(metric, 1, Some(("event", event)), at));
}

fn embedded(
    metric: Metric,
    value: u64,
    by: Option<(&str, &str)>,
    at: Timestamp,
) -> serde_json::Value {
    let dimensions = by.map_or_else(|| json!([[]]), |(dimension, _)| json!([[], [dimension]]));
    let mut line = json!({
        "_aws": {
            "Timestamp": at.as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": dimensions,
                "Metrics": [{ "Name": metric.name(), "Unit": "Count" }],
            }],
        },
    });
    line[metric.name()] = json!(value);
    if let Some((dimension, value)) = by {
        line[dimension] = json!(value);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_an_embedded_metric() {
        let line = embedded(
            Metric::WebhookReceived,
            2,
            Some(("tenant", "617")),
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(line["WebhookReceived"], 2);
        assert_eq!(line["tenant"], "617");
        assert_eq!(
            line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"],
            "WebhookReceived"
        );
    }
}
