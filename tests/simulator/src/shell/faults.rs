//! Faults to order. Each says which calls it hits (route, how many, how likely) and what happens.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::api::{Missing, Odd, Query, Twice};

/// One fault.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// Beginning of the route after `/public/api/`, such as `v1/customers` or `bulk-data/v1/income`;
    /// absent = every route.
    #[serde(default)]
    pub route: String,
    /// HTTP method; absent = any.
    #[serde(default)]
    pub method: Option<String>,
    /// How many calls it hits before it is spent; absent = all.
    #[serde(default)]
    pub count: Option<u64>,
    /// How likely it hits a call, 0 to 1; absent = always.
    #[serde(default)]
    pub probability: Option<f64>,
    /// Calls it lets pass first.
    #[serde(default)]
    pub skip: u64,
    /// What happens.
    pub kind: Kind,
    /// `status`: which (503 when absent).
    #[serde(default)]
    pub status: Option<u16>,
    /// `status`: a body other than the ERP's own, such as a gateway's page.
    #[serde(default)]
    pub body: Option<String>,
    /// `hang`, `slow`: for how long; `drip`: between pieces of the body.
    #[serde(default)]
    pub seconds: Option<f64>,
    /// `truncated`, `close`, `api-error`: after about so many bytes of the answer.
    #[serde(default)]
    pub after_bytes: Option<usize>,
    /// `missing`: share of the rows, 0 to 1.
    #[serde(default)]
    pub share: Option<f64>,
    /// `missing`: rows by name, `bill/installment` or an id alone.
    #[serde(default)]
    pub ids: Vec<String>,
    /// `odd`: fields by row, such as `{"10001/3": {"paymentTerm": null, "receipts.netAmount": "x"}}`; a bill alone is what names no installment.
    #[serde(default)]
    pub rows: BTreeMap<String, Map<String, Value>>,
    /// `odd`: the rows come twice, once as they are: `true-first` or `odd-first`.
    #[serde(default)]
    pub twice: Option<Twice>,
    /// Only calls that name one of these ids, in the path or in a parameter, alone or among others; absent = every call.
    #[serde(default)]
    pub about: Vec<u32>,
}

/// What a fault does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Answers a status.
    Status,
    /// Doesn't answer for long.
    Hang,
    /// Answers late.
    Slow,
    /// Answers when the faults are changed or cleared: the moment lasts as long as a test needs it.
    Hold,
    /// Sends the body piece by piece.
    Drip,
    /// Ends the body in the middle, as if it were whole.
    Truncated,
    /// Breaks the connection in the middle of the body.
    Close,
    /// Leaves rows out.
    Missing,
    /// Sends rows with other fields, or twice.
    Odd,
    /// 200 with no rows.
    Empty,
    /// 200 with no body at all.
    Blank,
    /// Bulk: closes the array with an `api-error` field.
    ApiError,
}

/// Calls that a `hold` keeps from their answers.
#[derive(Debug, Default)]
pub struct Held {
    calls: watch::Sender<usize>,
    released: watch::Sender<u64>,
}

impl Held {
    /// How many there are.
    pub fn count(&self) -> usize {
        *self.calls.borrow()
    }

    /// Lets all of them go on.
    pub fn release(&self) {
        self.released.send_modify(|releases| *releases += 1);
    }

    /// Waits until then, or until the caller goes away.
    pub fn wait(&self) -> impl Future<Output = ()> + use<> {
        let mut released = self.released.subscribe();
        let place = Place::taken(self.calls.clone());
        async move {
            let _: Result<(), _> = released.changed().await;
            drop(place);
        }
    }
}

/// A call is counted as long as somebody waits for its answer.
struct Place(watch::Sender<usize>);

impl Place {
    fn taken(calls: watch::Sender<usize>) -> Self {
        calls.send_modify(|calls| *calls += 1);
        Self(calls)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.send_modify(|calls| *calls = calls.saturating_sub(1));
    }
}

/// The faults in force.
#[derive(Debug, Default)]
pub struct Faults {
    rows: Vec<Fault>,
}

impl Faults {
    /// Reads a list of faults, or one.
    pub fn read(body: Value) -> Result<Self, String> {
        let rows = if body.is_array() {
            body
        } else {
            Value::Array(vec![body])
        };
        let rows: Vec<Fault> = serde_json::from_value(rows)
            .map_err(|error| format!("not a list of faults: {error}"))?;
        for row in &rows {
            let unit = |value: Option<f64>| value.is_none_or(|value| (0.0..=1.0).contains(&value));
            if !unit(row.probability) || !unit(row.share) {
                return Err("probability and share must be from 0 to 1".to_owned());
            }
            if row
                .seconds
                .is_some_and(|seconds| !(0.0..=86_400.0).contains(&seconds))
            {
                return Err("seconds must be from 0 to 86400".to_owned());
            }
            if row
                .status
                .is_some_and(|status| !(200..=599).contains(&status))
            {
                return Err("status must be from 200 to 599".to_owned());
            }
        }
        Ok(Self { rows })
    }

    /// What is still in force.
    pub fn list(&self) -> &[Fault] {
        &self.rows
    }

    /// The first fault that hits this call, which is then one count nearer its end.
    pub fn strike(&mut self, method: &str, route: &str, query: &Query) -> Option<Fault> {
        for row in &mut self.rows {
            let meant = route.starts_with(row.route.trim_start_matches('/'))
                && (row.about.is_empty() || row.about.iter().any(|id| names(*id, route, query)))
                && row
                    .method
                    .as_ref()
                    .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method));
            if !meant || row.count == Some(0) {
                continue;
            }
            if row
                .probability
                .is_some_and(|probability| fastrand::f64() >= probability)
            {
                continue;
            }
            if row.skip > 0 {
                row.skip -= 1;
                continue;
            }
            if let Some(count) = &mut row.count {
                *count -= 1;
            }
            return Some(row.clone());
        }
        None
    }
}

impl Fault {
    /// What an `odd` fault does to which rows.
    pub fn odd(&self) -> Option<Odd> {
        (self.kind == Kind::Odd).then(|| Odd {
            rows: self.rows.clone(),
            twice: self.twice,
        })
    }

    /// The rows a `missing` fault leaves out.
    pub fn missing(&self) -> Option<Missing> {
        (self.kind == Kind::Missing).then(|| Missing {
            percent: percent(self.share.unwrap_or(0.0)),
            ids: self.ids.clone(),
            salt: fastrand::u64(..),
        })
    }
}

/// Whether a call names an id.
fn names(id: u32, route: &str, query: &Query) -> bool {
    let id = id.to_string();
    let mut values = query.0.iter().flat_map(|(_, value)| value.split(','));
    route.split('/').any(|segment| segment == id) || values.any(|value| value == id)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // from 0 to 1 by `read`
fn percent(share: f64) -> u32 {
    (share * 100.0).round() as u32
}
