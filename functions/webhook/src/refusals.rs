//! Refusals of callers without a valid credential, or with too many webhooks: counted, and logged in at most one line a minute per tenant, so that a flood costs
//! neither log nor metrics.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use ponte::calendar::Timestamp;
use ponte::ids::TenantId;

/// How often each tenant's refusals are logged.
const LOG_EVERY: Duration = Duration::from_mins(1);

/// Why a caller was refused; the caller does not learn it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    UnknownReceiver,
    NoCredential,
    UnknownTenant,
    InactiveTenant,
    WrongToken,
    TooMany,
}

impl Why {
    /// Stable word for the log.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::UnknownReceiver => "unknown-receiver",
            Self::NoCredential => "no-credential",
            Self::UnknownTenant => "unknown-tenant",
            Self::InactiveTenant => "inactive-tenant",
            Self::WrongToken => "wrong-token",
            Self::TooMany => "too-many",
        }
    }
}

/// The refusals of a tenant, or of all callers without an existing one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RefusalSummary {
    pub(crate) tenant: Option<TenantId>,
    /// How many since the last line.
    pub(crate) count: u64,
    /// The reason of the last one.
    pub(crate) why: Why,
}

struct Counted {
    logged_at: Option<Timestamp>,
    count: u64,
    why: Why,
}

/// Only existing tenants have an entry, all others share one: so it stays as small as the list of tenants.
#[derive(Default)]
pub(crate) struct Refusals(Mutex<BTreeMap<Option<TenantId>, Counted>>);

impl Refusals {
    pub(crate) fn add(&self, tenant: Option<TenantId>, why: Why) {
        let Ok(mut held) = self.0.lock() else {
            return;
        };
        let counted = held.entry(tenant).or_insert(Counted {
            logged_at: None,
            count: 0,
            why,
        });
        counted.count += 1;
        counted.why = why;
    }

    /// The refusals to log now: a tenant's first one at once, then those of a minute, on the next call.
    pub(crate) fn due(&self, at: Timestamp) -> Vec<RefusalSummary> {
        let Ok(mut held) = self.0.lock() else {
            return Vec::new();
        };
        let is_due = |counted: &Counted| {
            counted.count > 0
                && counted.logged_at.is_none_or(|logged_at| {
                    at.duration_since(logged_at).unsigned_abs() >= LOG_EVERY
                })
        };
        held.iter_mut()
            .filter(|(_, counted)| is_due(counted))
            .map(|(tenant, counted)| {
                counted.logged_at = Some(at);
                RefusalSummary {
                    tenant: tenant.clone(),
                    count: std::mem::take(&mut counted.count),
                    why: counted.why,
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(id: &str) -> TenantId {
        TenantId::parse(id).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_186_800 + second).unwrap()
    }

    #[test]
    fn a_flood_is_one_line_a_minute_and_every_call_of_it_is_counted() {
        let refusals = Refusals::default();
        let mut lines = Vec::new();
        for call in 0..30_000 {
            refusals.add(Some(tenant("617")), Why::WrongToken);
            lines.extend(refusals.due(at(call / 100)));
        }
        assert_eq!(lines.len(), 5);
        assert_eq!((lines[0].count, lines[0].why), (1, Why::WrongToken));
        assert!(lines[1..].iter().all(|line| line.count == 6_000));
        // What came after the last line is logged on the next call, whoever makes it.
        refusals.add(None, Why::UnknownTenant);
        let lines = refusals.due(at(301));
        let summary = |line: &RefusalSummary| (line.tenant.clone(), line.count, line.why);
        let expected = [
            (None, 1, Why::UnknownTenant),
            (Some(tenant("617")), 5_999, Why::WrongToken),
        ];
        assert_eq!(lines.iter().map(summary).collect::<Vec<_>>(), expected);
        assert!(refusals.due(at(400)).is_empty(), "nothing new");
    }
}
