//! Refusals of who has shown no valid credential, or asks too often: counted, and told in one line a minute at most for each tenant, so that a flood costs
//! neither log nor metrics.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use ponte::calendar::Timestamp;
use ponte::ids::TenantId;

/// How often each tenant's are told.
const TOLD_EVERY: Duration = Duration::from_mins(1);

/// Why somebody was turned away; the caller is not told which.
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

/// What is to be told of a tenant, or of all callers that name none that there is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) tenant: Option<TenantId>,
    /// How many since the last time.
    pub(crate) count: u64,
    /// Why the last one.
    pub(crate) why: Why,
}

struct Counted {
    told_at: Option<Timestamp>,
    count: u64,
    why: Why,
}

/// Only of tenants that there are, and of all others together: so it stays as small as the list of tenants.
#[derive(Default)]
pub(crate) struct Refusals(Mutex<BTreeMap<Option<TenantId>, Counted>>);

impl Refusals {
    pub(crate) fn add(&self, tenant: Option<TenantId>, why: Why) {
        let Ok(mut held) = self.0.lock() else {
            return;
        };
        let counted = held.entry(tenant).or_insert(Counted {
            told_at: None,
            count: 0,
            why,
        });
        counted.count += 1;
        counted.why = why;
    }

    /// What is to be told now: the first of a tenant at once, and then what a minute brought, with whatever is asked for next.
    pub(crate) fn due(&self, at: Timestamp) -> Vec<Told> {
        let Ok(mut held) = self.0.lock() else {
            return Vec::new();
        };
        let is_due = |counted: &Counted| {
            counted.count > 0
                && counted
                    .told_at
                    .is_none_or(|told_at| at.duration_since(told_at).unsigned_abs() >= TOLD_EVERY)
        };
        held.iter_mut()
            .filter(|(_, counted)| is_due(counted))
            .map(|(tenant, counted)| {
                counted.told_at = Some(at);
                Told {
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
        // What came after the last line is told with the next call, whoever's it is.
        refusals.add(None, Why::UnknownTenant);
        let lines = refusals.due(at(301));
        let told = |line: &Told| (line.tenant.clone(), line.count, line.why);
        let expected = [
            (None, 1, Why::UnknownTenant),
            (Some(tenant("617")), 5_999, Why::WrongToken),
        ];
        assert_eq!(lines.iter().map(told).collect::<Vec<_>>(), expected);
        assert!(refusals.due(at(400)).is_empty(), "nothing new");
    }
}
