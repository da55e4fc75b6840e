//! What a call takes from its caller's buckets before any work is done, and the headers that report them.
//!
//! Each call takes a token of its caller and one of its tenant, as many of their Sienge tokens as it will make calls to Sienge, and as many of its
//! caller's e-mail tokens as it sends e-mails. Half of the
//! day's quota is reserved for the runs and the webhooks; of the rest one caller gets three quarters at once. A call that finds too little is
//! answered 429 at once.

use std::time::Duration;

use ponte::settings::{CallerLimits, Package};
use ponte::store::{Entry, RateLimit, Standing, Visit, Wanted};

use crate::Problem;
use crate::problem::seconds;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// The limits of a proved caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    /// The caller within the tenant: a digest of the key or the person.
    pub(crate) caller: String,
    /// How often the tenant's callers may call.
    pub(crate) limits: CallerLimits,
    /// The tenant's API package at Sienge.
    pub(crate) package: Package,
}

/// A rate per minute, half of which may be taken at once.
fn a_minute(tokens: u32) -> RateLimit {
    RateLimit {
        tokens,
        period: MINUTE,
        burst: (tokens / 2).max(1),
    }
}

/// A rate whose tokens may all be taken at once.
fn all_at_once(tokens: u32, period: Duration) -> RateLimit {
    RateLimit {
        tokens,
        period,
        burst: tokens,
    }
}

/// One caller's share of the tenant's rate, so that something is left for the others.
fn one_callers(tokens: u32) -> u32 {
    (tokens - tokens / 4).max(1)
}

impl Allowance {
    /// What a call takes, given its number of calls to Sienge and of e-mails.
    pub(crate) fn visit(&self, sienge_calls: u32, emails: u32) -> Visit {
        let caller = &self.caller;
        let minute = |kind: &str, limit: u32, tokens: u32| {
            let of = |bucket: String, limit: u32| Wanted {
                bucket,
                rate: a_minute(limit),
                tokens,
            };
            let own = of(format!("{kind}/{caller}"), one_callers(limit));
            [own, of(kind.to_owned(), limit)]
        };
        let mut more = Vec::new();
        if sienge_calls > 0 {
            let limit = self.limits.sienge_calls_per_minute;
            more.extend(minute("sienge", limit, sienge_calls));
            let of_a_day = one_callers(self.package.daily_quota_of_people().0);
            more.push(Wanted {
                bucket: format!("day/{caller}"),
                rate: all_at_once(of_a_day, DAY),
                tokens: sienge_calls,
            });
        }
        if emails > 0 {
            let limit = self.limits.emails_per_hour.max(1);
            more.push(Wanted {
                bucket: format!("emails/{caller}"),
                rate: all_at_once(limit, HOUR),
                tokens: emails,
            });
        }
        Visit {
            caller: caller.clone(),
            calls: minute("calls", self.limits.calls_per_minute, 1).into(),
            more,
        }
    }
}

/// The headers of an admitted call, or its refusal.
pub(crate) fn answered(entry: Entry) -> Result<Vec<(&'static str, String)>, Problem> {
    match entry {
        Entry::Open { standing } => Ok(headers(&standing)),
        Entry::Closed {
            bucket,
            wait,
            standing,
        } => {
            let detail = match kind(&bucket) {
                "sienge" => {
                    "as chamadas desta credencial ou da assessoria pedem demais do Sienge por minuto"
                }
                "emails" => "esta credencial enviou e-mails demais em uma hora",
                "day" => "esta credencial usou a sua parte da cota do dia da API do Sienge",
                _ => "são chamadas demais desta credencial ou da assessoria por minuto",
            };
            Err(Problem::too_many(detail, wait).with_all(headers(&standing)))
        }
    }
}

/// `RateLimit-Policy` and `RateLimit`, as in draft-ietf-httpapi-ratelimit-headers-10: the caller's own policies by their kind,
/// the whole tenant's as `tenant-…`.
fn headers(standing: &[Standing]) -> Vec<(&'static str, String)> {
    let list = |write: fn(&Standing) -> String| {
        let items: Vec<String> = standing
            .iter()
            .map(|standing| {
                let is_one_callers = standing.bucket.contains('/');
                let whose = if is_one_callers { "" } else { "tenant-" };
                let kind = kind(&standing.bucket);
                format!("\"{whose}{kind}\";{}", write(standing))
            })
            .collect();
        items.join(", ")
    };
    let policy = list(|standing| {
        let RateLimit { tokens, period, .. } = standing.rate;
        format!("q={tokens};w={}", period.as_secs())
    });
    let left = list(|standing| format!("r={};t={}", standing.left, seconds(standing.full_in)));
    vec![("ratelimit-policy", policy), ("ratelimit", left)]
}

fn kind(bucket: &str) -> &str {
    bucket.split('/').next().unwrap_or(bucket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowance() -> Allowance {
        Allowance {
            caller: "0a1b2c3d".to_owned(),
            limits: CallerLimits::default(),
            package: Package::Essencial,
        }
    }

    #[test]
    fn a_call_is_counted_for_its_caller_and_its_tenant_and_sienges_too() {
        let told = |visit: &Visit| -> Vec<(String, u32, u32, u32)> {
            let all = visit.calls.iter().chain(&visit.more);
            all.map(|wanted| {
                let RateLimit { tokens, burst, .. } = wanted.rate;
                (wanted.bucket.clone(), tokens, burst, wanted.tokens)
            })
            .collect()
        };
        let row = |bucket: &str, tokens, burst, taken| (bucket.to_owned(), tokens, burst, taken);
        let calls = [
            row("calls/0a1b2c3d", 450, 225, 1),
            row("calls", 600, 300, 1),
        ];
        assert_eq!(told(&allowance().visit(0, 0)), calls);
        let more = [
            row("sienge/0a1b2c3d", 75, 37, 40),
            row("sienge", 100, 50, 40),
            row("day/0a1b2c3d", 1_875, 1_875, 40),
        ];
        assert_eq!(
            told(&allowance().visit(40, 0)),
            [calls.as_slice(), &more].concat()
        );
        let email = row("emails/0a1b2c3d", 60, 60, 1);
        assert_eq!(told(&allowance().visit(0, 1)).last(), Some(&email));
    }

    #[test]
    fn a_refusal_says_when_to_come_back_and_what_is_left() {
        let standing = |bucket: &str, left, full_in_ms| Standing {
            bucket: bucket.to_owned(),
            rate: a_minute(100),
            left,
            full_in: Duration::from_millis(full_in_ms),
        };
        let standing = vec![
            standing("sienge/0a1b2c3d", 3, 20_001),
            standing("sienge", 9, 0),
        ];
        let open = Entry::Open {
            standing: standing.clone(),
        };
        let headers = answered(open).unwrap();
        let expected = [
            (
                "ratelimit-policy",
                r#""sienge";q=100;w=60, "tenant-sienge";q=100;w=60"#.to_owned(),
            ),
            (
                "ratelimit",
                r#""sienge";r=3;t=21, "tenant-sienge";r=9;t=0"#.to_owned(),
            ),
        ];
        assert_eq!(headers, expected);
        let closed = Entry::Closed {
            bucket: "sienge".to_owned(),
            wait: Duration::from_millis(1_200),
            standing,
        };
        let problem = answered(closed).unwrap_err();
        assert_eq!(problem.status(), 429);
        assert_eq!(problem.headers[0], ("retry-after", "2".to_owned()));
        assert_eq!(problem.headers[1..], expected);
        assert!(!problem.kept, "a repetition under its key is carried out");
    }
}
