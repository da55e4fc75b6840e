//! Quotas and counts. Limits hold per subdomain over any sliding minute, REST and bulk apart.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The limits.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Quota {
    /// Whether anything is enforced.
    pub enabled: bool,
    /// REST calls in any window.
    pub rest: usize,
    /// Bulk calls in any window.
    pub bulk: usize,
    /// The window; the ERP's is a minute.
    pub window_milliseconds: u64,
    /// REST calls a day (the commercial package), when limited.
    pub daily_rest: Option<usize>,
    /// Bulk calls a day, when limited.
    pub daily_bulk: Option<usize>,
    /// Seconds told in `Retry-After` with a 429; the ERP tells none.
    pub retry_after: Option<u32>,
    /// Whether polling an asynchronous bulk question counts as bulk.
    pub async_polls_count: bool,
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            enabled: true,
            rest: 200,
            bulk: 20,
            window_milliseconds: 60_000,
            daily_rest: None,
            daily_bulk: None,
            retry_after: None,
            async_polls_count: true,
        }
    }
}

#[derive(Debug, Default)]
struct Lane {
    arrived: VecDeque<Instant>,
    served: VecDeque<Instant>,
    most: usize,
    total: u64,
    refused: u64,
    day: Option<(Date, usize)>,
}

/// Everything counted.
#[derive(Debug, Default)]
pub struct Traffic {
    /// The limits.
    pub quota: Quota,
    lanes: BTreeMap<(String, bool), Lane>,
    routes: BTreeMap<String, BTreeMap<u16, u64>>,
}

const MINUTE: Duration = Duration::from_mins(1);

fn forget(times: &mut VecDeque<Instant>, now: Instant, window: Duration) {
    while times
        .front()
        .is_some_and(|time| now.duration_since(*time) >= window)
    {
        times.pop_front();
    }
}

impl Traffic {
    /// A call arrives: counted always, and refused (false) when over a limit.
    pub fn admit(&mut self, subdomain: &str, bulk: bool, now: Instant, today: Date) -> bool {
        let quota = self.quota;
        let lane = self.lanes.entry((subdomain.to_owned(), bulk)).or_default();
        lane.total += 1;
        lane.arrived.push_back(now);
        forget(&mut lane.arrived, now, MINUTE);
        lane.most = lane.most.max(lane.arrived.len());
        forget(
            &mut lane.served,
            now,
            Duration::from_millis(quota.window_milliseconds),
        );
        let day = lane
            .day
            .filter(|(day, _)| *day == today)
            .map_or(0, |(_, count)| count);
        let (limit, daily) = if bulk {
            (quota.bulk, quota.daily_bulk)
        } else {
            (quota.rest, quota.daily_rest)
        };
        if quota.enabled && (lane.served.len() >= limit || daily.is_some_and(|daily| day >= daily))
        {
            lane.refused += 1;
            return false;
        }
        lane.served.push_back(now);
        lane.day = Some((today, day + 1));
        true
    }

    /// A call was answered.
    pub fn answered(&mut self, route: String, status: u16) {
        *self
            .routes
            .entry(route)
            .or_default()
            .entry(status)
            .or_default() += 1;
    }

    /// Forgets the counts, not the windows.
    pub fn reset(&mut self) {
        self.routes.clear();
        for lane in self.lanes.values_mut() {
            (lane.most, lane.total, lane.refused) = (lane.arrived.len(), 0, 0);
        }
    }

    /// `GET /_control/calls`.
    pub fn report(&self) -> Value {
        let lanes: Vec<Value> = self
            .lanes
            .iter()
            .map(|((subdomain, bulk), lane)| {
                json!({
                    "subdomain": subdomain,
                    "kind": if *bulk { "bulk" } else { "rest" },
                    "calls": lane.total,
                    "refused": lane.refused,
                    "maxPerMinute": lane.most,
                    "today": lane.day.map_or(0, |(_, count)| count),
                })
            })
            .collect();
        let routes: Vec<Value> = self
            .routes
            .iter()
            .map(|(route, statuses)| {
                let calls: u64 = statuses.values().sum();
                json!({"route": route, "calls": calls, "statuses": statuses})
            })
            .collect();
        json!({"subdomains": lanes, "routes": routes})
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use jiff::civil::date;

    use super::Traffic;

    #[test]
    fn the_minute_slides_and_each_subdomain_has_its_own() {
        let mut traffic = Traffic::default();
        let (start, today) = (Instant::now(), date(2026, 11, 30));
        for second in 0..20 {
            assert!(traffic.admit("a", true, start + Duration::from_secs(second), today));
        }
        assert!(!traffic.admit("a", true, start + Duration::from_secs(59), today));
        assert!(traffic.admit("b", true, start + Duration::from_secs(59), today));
        assert!(traffic.admit("a", false, start + Duration::from_secs(59), today));
        assert!(traffic.admit("a", true, start + Duration::from_mins(1), today));
        assert!(!traffic.admit("a", true, start + Duration::from_millis(60_500), today));
    }

    #[test]
    fn the_daily_package_ends_at_midnight() {
        let mut traffic = Traffic::default();
        traffic.quota.daily_rest = Some(2);
        let now = Instant::now();
        assert!(traffic.admit("a", false, now, date(2026, 11, 30)));
        assert!(traffic.admit("a", false, now, date(2026, 11, 30)));
        assert!(!traffic.admit("a", false, now, date(2026, 11, 30)));
        assert!(traffic.admit("a", false, now, date(2026, 12, 1)));
    }
}
