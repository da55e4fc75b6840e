//! Webhook deliveries: one POST per event and hook with the ERP's headers, 2.5 seconds to answer
//! 2xx, five more attempts on the ERP's schedule (on the scaled clock), the same `x-sienge-id`
//! each time. Nothing here ever makes a control call wait.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};

use super::hook::Pending;
use super::journal::{Journal, Record};

/// How long the ERP waits for an answer. Not scaled: receivers are real.
const TIMEOUT: Duration = Duration::from_millis(2_500);
/// Minutes before each further attempt.
const RETRY_MINUTES: [f64; 5] = [10.0, 30.0, 60.0, 180.0, 300.0];
/// How many deliveries are remembered.
const REMEMBERED: usize = 200_000;

/// What goes wrong on the way, for tests.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Knobs {
    /// Share of the events that never leave, 0 to 1.
    pub loss: f64,
    /// Share that leave twice.
    pub duplicates: f64,
    /// Share that wait so long that later ones overtake them.
    pub reorder: f64,
    /// How long those wait.
    pub reorder_milliseconds: u64,
    /// How long every event waits.
    pub delay_milliseconds: u64,
    /// How long the world hides an operation whose event is already out.
    pub early_milliseconds: u64,
    /// Share that leave without `x-sienge-id`.
    pub without_id: f64,
    /// Share whose event has a name that no document knows.
    pub unknown_events: f64,
}

impl Knobs {
    /// Reads them; what is not named goes back to nothing.
    pub fn read(body: Value) -> Result<Self, String> {
        let knobs: Self =
            serde_json::from_value(body).map_err(|error| format!("not webhook knobs: {error}"))?;
        let unit = |value: f64| (0.0..=1.0).contains(&value);
        let shares = [
            knobs.loss,
            knobs.duplicates,
            knobs.reorder,
            knobs.without_id,
            knobs.unknown_events,
        ];
        if shares.into_iter().all(unit) {
            Ok(knobs)
        } else {
            Err(
                "loss, duplicates, reorder, withoutId and unknownEvents must be from 0 to 1"
                    .to_owned(),
            )
        }
    }
}

/// What became of an event on its way to one hook.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Number in the order of telling.
    pub number: u64,
    /// `x-sienge-id`.
    pub event_id: String,
    /// Event name.
    pub event: String,
    /// Body.
    pub body: Value,
    /// The hook.
    pub hook_id: String,
    /// Where to.
    pub url: String,
    /// `pending`, `delivered`, `lost` or `dropped`.
    pub state: &'static str,
    /// Attempts so far: status, or what failed.
    pub attempts: Vec<String>,
}

#[derive(Debug)]
struct Job {
    number: u64,
    pending: Pending,
    attempt: usize,
    repeat: bool,
    /// Without `x-sienge-id`, each time.
    nameless: bool,
}

/// Where events are handed in.
#[derive(Debug)]
pub struct PostOffice {
    knobs: Mutex<Knobs>,
    log: Mutex<Log>,
    jobs: mpsc::UnboundedSender<Job>,
    journal: Arc<Journal>,
    time_scale: f64,
}

#[derive(Debug, Default)]
struct Log {
    next: u64,
    rows: VecDeque<Delivery>,
}

impl PostOffice {
    /// Opens it; deliveries run on the current runtime until the returned task is stopped.
    pub fn open(
        journal: Arc<Journal>,
        time_scale: f64,
        concurrency: usize,
    ) -> Result<(Arc<Self>, tokio::task::JoinHandle<()>), reqwest::Error> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .user_agent("sienge-hooks")
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        let (jobs, queue) = mpsc::unbounded_channel();
        let office = Arc::new(Self {
            knobs: Mutex::default(),
            log: Mutex::default(),
            jobs,
            journal,
            time_scale,
        });
        let task = tokio::spawn(dispatch(Arc::clone(&office), client, queue, concurrency));
        Ok((office, task))
    }

    /// The knobs in force.
    pub fn knobs(&self) -> Knobs {
        *self.knobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Turns the knobs.
    pub fn set_knobs(&self, knobs: Knobs) {
        *self.knobs.lock().unwrap_or_else(PoisonError::into_inner) = knobs;
    }

    /// Sends events on their way and returns at once.
    pub fn post(self: &Arc<Self>, pending: Vec<Pending>) {
        let knobs = self.knobs();
        for mut row in pending {
            if fastrand::f64() < knobs.unknown_events {
                row.event.name.push_str("_V2");
            }
            let nameless = fastrand::f64() < knobs.without_id;
            let lost = fastrand::f64() < knobs.loss;
            let number = self.remember(&row, if lost { "lost" } else { "pending" });
            if lost {
                self.settled(&row);
                continue;
            }
            let mut wait = Duration::from_millis(knobs.delay_milliseconds);
            if fastrand::f64() < knobs.reorder {
                wait += Duration::from_millis(knobs.reorder_milliseconds);
            }
            if fastrand::f64() < knobs.duplicates {
                let twin = Job {
                    number,
                    pending: row.clone(),
                    attempt: 0,
                    repeat: true,
                    nameless,
                };
                self.later(twin, wait);
            }
            let job = Job {
                number,
                pending: row,
                attempt: 0,
                repeat: false,
                nameless,
            };
            self.later(job, wait);
        }
    }

    fn later(self: &Arc<Self>, job: Job, wait: Duration) {
        if wait.is_zero() {
            // The queue closes only when the office does.
            let _ = self.jobs.send(job);
            return;
        }
        let office = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            let _ = office.jobs.send(job);
        });
    }

    fn remember(&self, row: &Pending, state: &'static str) -> u64 {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.next += 1;
        let number = log.next;
        log.rows.push_back(Delivery {
            number,
            event_id: row.event.id.clone(),
            event: row.event.name.clone(),
            body: row.event.body.clone(),
            hook_id: row.hook.id.clone(),
            url: row.hook.url.clone(),
            state,
            attempts: Vec::new(),
        });
        if log.rows.len() > REMEMBERED {
            log.rows.pop_front();
        }
        number
    }

    fn note(&self, number: u64, attempt: String, state: Option<&'static str>) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(first) = log.rows.front().map(|row| row.number) else {
            return;
        };
        let Some(index) = number
            .checked_sub(first)
            .and_then(|index| usize::try_from(index).ok())
        else {
            return;
        };
        if let Some(row) = log.rows.get_mut(index) {
            row.attempts.push(attempt);
            if let Some(state) = state {
                row.state = state;
            }
        }
    }

    fn settled(&self, row: &Pending) {
        let record = Record::Settled {
            event: row.event.id.clone(),
            hook: row.hook.id.clone(),
        };
        // If this cannot be written the event is delivered once more after a restart, which
        // receivers must stand anyway.
        let _ = self.journal.write(&record);
    }

    /// `GET /_control/deliveries`, newest last.
    pub fn report(&self, state: Option<&str>, event: Option<&str>) -> Value {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |name: &str| log.rows.iter().filter(|row| row.state == name).count();
        let rows: Vec<&Delivery> = log
            .rows
            .iter()
            .filter(|row| {
                state.is_none_or(|state| row.state == state)
                    && event.is_none_or(|event| row.event == event)
            })
            .collect();
        json!({
            "pending": count("pending"),
            "delivered": count("delivered"),
            "lost": count("lost"),
            "dropped": count("dropped"),
            "deliveries": rows,
        })
    }

    /// Forgets deliveries that came to an end, up to the first that has not.
    pub fn forget(&self) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        while log.rows.front().is_some_and(|row| row.state != "pending") {
            log.rows.pop_front();
        }
    }

    /// Works one attempt's outcome in: done, tried again later, or given up.
    fn outcome(self: &Arc<Self>, job: Job, result: Result<(), String>) {
        if job.repeat {
            let text = result.map_or_else(|error| error, |()| "2xx".to_owned());
            self.note(job.number, format!("duplicate: {text}"), None);
            return;
        }
        match result {
            Ok(()) => {
                self.note(job.number, "2xx".to_owned(), Some("delivered"));
                self.settled(&job.pending);
            }
            Err(error) => {
                if let Some(minutes) = RETRY_MINUTES.get(job.attempt) {
                    self.note(job.number, error, None);
                    let wait = Duration::from_secs_f64(minutes * 60.0 / self.time_scale);
                    let attempt = job.attempt + 1;
                    self.later(Job { attempt, ..job }, wait);
                } else {
                    self.note(job.number, error, Some("dropped"));
                    self.settled(&job.pending);
                }
            }
        }
    }
}

async fn dispatch(
    office: Arc<PostOffice>,
    client: reqwest::Client,
    mut queue: mpsc::UnboundedReceiver<Job>,
    concurrency: usize,
) {
    let flights = Arc::new(Semaphore::new(concurrency.max(1)));
    while let Some(job) = queue.recv().await {
        let Ok(permit) = Arc::clone(&flights).acquire_owned().await else {
            return;
        };
        let (office, client) = (Arc::clone(&office), client.clone());
        tokio::spawn(async move {
            let result = attempt(&client, &job.pending, job.nameless).await;
            drop(permit);
            office.outcome(job, result);
        });
    }
}

async fn attempt(
    client: &reqwest::Client,
    pending: &Pending,
    nameless: bool,
) -> Result<(), String> {
    let (event, hook) = (&pending.event, &pending.hook);
    let mut request = client
        .post(&hook.url)
        .header("x-sienge-tenant", &hook.subdomain)
        .header("x-sienge-event", &event.name)
        .header("x-sienge-hook-id", &hook.id)
        .header("content-type", "application/json")
        .body(event.body.to_string());
    if !nameless {
        request = request.header("x-sienge-id", &event.id);
    }
    if let Some(token) = &hook.token {
        request = request.bearer_auth(token);
    }
    match request.send().await {
        Ok(response) if response.status().is_success() => Ok(()),
        Ok(response) => Err(response.status().as_u16().to_string()),
        Err(error) if error.is_timeout() => Err("time-out".to_owned()),
        Err(error) if error.is_connect() => Err("no connection".to_owned()),
        Err(_) => Err("broken".to_owned()),
    }
}
