//! The thin HTTP shell around the world: routing, authentication, quotas, faults.

mod asynchronous;
mod control;
mod core;
mod deliveries;
mod faults;
mod hook;
mod hooks;
mod jobs;
mod journal;
mod remakes;
mod response;
mod shared;
mod stream;
mod traffic;
mod view;
mod writes;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Query as Parameters, Request, State};
use axum::http::{HeaderValue, Response, StatusCode};
use base64::Engine as _;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use self::core::Core;
pub use self::deliveries::{Knobs, PostOffice};
use self::faults::{Fault, Held, Kind};
pub use self::hook::Hook;
use self::journal::Journal;
use self::response::{error_response, json_response, respond, spoilt};
pub use self::shared::Shared;
use self::stream::Spoil;
use self::traffic::Traffic;
use crate::api::bulk::{Bulk, Manner, Piece, Rows, Span};
use crate::api::{self, ApiError, Context, Query, Shapes};
use crate::options::Options;
use crate::world::World;

/// The longest request body taken.
const BODY_LIMIT: usize = 8 * 1024 * 1024;

/// A running simulator. Dropping it stops it: deliveries at once, connections after what they are
/// answering.
#[derive(Debug)]
pub struct Running {
    /// `http://127.0.0.1:PORT`.
    pub base_url: String,
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    dispatcher: JoinHandle<()>,
}

/// Starts a simulator on 127.0.0.1 in the current Tokio runtime.
pub async fn start(options: Options) -> io::Result<Running> {
    let (journal, records) = match &options.state {
        Some(path) => Journal::open(path)?,
        None => (Journal::nowhere(), Vec::new()),
    };
    let journal = Arc::new(journal);
    let (core, pending) = Core::open(&options, &journal, records)?;
    let (office, dispatcher) =
        PostOffice::open(journal, options.time_scale, options.delivery_concurrency)
            .map_err(io::Error::other)?;
    let mut traffic = Traffic::default();
    traffic.quota.enabled = options.quotas;
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
    let address = listener.local_addr()?;
    let shared = Arc::new(Shared {
        options,
        core: Mutex::new(core),
        traffic: Mutex::new(traffic),
        faults: Mutex::default(),
        held: Held::default(),
        jobs: Mutex::default(),
        emails: Mutex::default(),
        office,
    });
    // What was on its way when the process ended goes out again.
    shared.office.post(pending);
    let router = Router::new()
        .fallback(handle)
        .with_state(Arc::clone(&shared));
    let (stop, stopped) = oneshot::channel();
    tokio::spawn(async move {
        // Open connections must end too, or a client would go on talking to the old world.
        let end = async move {
            let _: Result<(), _> = stopped.await;
        };
        let _ = axum::serve(listener, router)
            .with_graceful_shutdown(end)
            .await;
    });
    Ok(Running {
        base_url: format!("http://{address}"),
        address,
        shared,
        stop: Some(stop),
        dispatcher,
    })
}

impl Running {
    /// Does a control operation as `POST /_control/{name}` would.
    pub fn operate(&self, name: &str, body: &Value) -> Result<Value, String> {
        self.shared.operate(name, body)
    }

    /// Reads or changes the world directly, telling nobody. Changes are not kept in the state file.
    pub fn with_world<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        let mut core = self
            .shared
            .core
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        work(core.world_mut())
    }

    /// Address of a subdomain's API, before `/v1` and `/bulk-data/v1`.
    pub fn api(&self, subdomain: &str) -> String {
        format!("{}/{subdomain}/public/api", self.base_url)
    }

    /// Stops it, as dropping it does.
    pub fn stop(self) {}
}

impl Drop for Running {
    fn drop(&mut self) {
        self.dispatcher.abort();
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let method = parts.method.as_str().to_owned();
    let path = parts.uri.path().to_owned();
    let query = Parameters::<Vec<(String, String)>>::try_from_uri(&parts.uri)
        .map(|Parameters(rows)| Query(rows))
        .unwrap_or_default();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return json_response(
            StatusCode::PAYLOAD_TOO_LARGE,
            &json!({"error": "the body is too large"}),
        );
    };
    if let Some(name) = path.strip_prefix("/_control/") {
        return control::answer(&shared, &method, name, &query, &body);
    }
    let segments: Vec<&str> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .collect();
    let (subdomain, bulk, rest) = match segments.as_slice() {
        [subdomain, "public", "api", "v1", rest @ ..] => (*subdomain, false, rest),
        [subdomain, "public", "api", "bulk-data", "v1", rest @ ..] => (*subdomain, true, rest),
        _ => return error_response(&ApiError::status(404)),
    };
    let call = Call {
        shared: &shared,
        subdomain,
        method: &method,
        bulk,
        path: rest,
        query: &query,
        body: &body,
    };
    let authorization = parts
        .headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    let response = call.answer(authorization).await;
    let mut traffic = shared
        .traffic
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    traffic.answered(call.route_name(), response.status().as_u16());
    drop(traffic);
    response
}

/// One call to the API.
struct Call<'a> {
    shared: &'a Arc<Shared>,
    subdomain: &'a str,
    method: &'a str,
    bulk: bool,
    path: &'a [&'a str],
    query: &'a Query,
    body: &'a [u8],
}

impl Call<'_> {
    fn route(&self) -> String {
        let prefix = if self.bulk { "bulk-data/v1" } else { "v1" };
        format!("{prefix}/{}", self.path.join("/"))
    }

    /// The route with its ids left out, for counting.
    fn route_name(&self) -> String {
        let named = |segment: &&str| {
            let id = segment.bytes().all(|byte| byte.is_ascii_digit()) || segment.len() >= 24;
            if id {
                "{id}".to_owned()
            } else {
                (*segment).to_owned()
            }
        };
        let path: Vec<String> = self.path.iter().map(named).collect();
        let prefix = if self.bulk { "bulk-data/v1" } else { "v1" };
        format!("{} {prefix}/{}", self.method, path.join("/"))
    }

    async fn answer(&self, authorization: Option<&str>) -> Response<Body> {
        if let Some(refusal) = self.refuse(authorization) {
            return refusal;
        }
        let route = self.route();
        let (fault, held) = {
            let mut faults = self
                .shared
                .faults
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let fault = faults.strike(self.method, &route, self.query);
            // Before anybody can change the faults: a release is not missed.
            let held = fault
                .as_ref()
                .filter(|fault| fault.kind == Kind::Hold)
                .map(|_| self.shared.held.wait());
            (fault, held)
        };
        if let Some(held) = held {
            held.await;
        }
        if let Some(fault) = &fault
            && let Some(response) = strike(fault).await
        {
            return response;
        }
        let answer = if self.bulk {
            self.bulk_answer(fault.as_ref())
        } else {
            self.rest_answer(fault.as_ref())
        };
        answer.unwrap_or_else(|error| error_response(&error))
    }

    /// Who may not, or may not yet.
    fn refuse(&self, authorization: Option<&str>) -> Option<Response<Body>> {
        let options = &self.shared.options;
        let credentials = format!("{}:{}", options.user, options.password);
        let expected = format!(
            "Basic {}",
            base64::engine::general_purpose::STANDARD.encode(credentials)
        );
        if authorization != Some(expected.as_str()) {
            return Some(error_response(&ApiError::status(401)));
        }
        let today = self
            .shared
            .core
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .world()
            .today;
        let mut traffic = self
            .shared
            .traffic
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let poll = self.bulk && self.path.first() == Some(&"async");
        if poll && !traffic.quota.async_polls_count {
            return None;
        }
        if traffic.admit(self.subdomain, self.bulk, Instant::now(), today) {
            return None;
        }
        let mut response = error_response(&ApiError::status(429));
        if let Some(seconds) = traffic.quota.retry_after {
            response
                .headers_mut()
                .insert("retry-after", HeaderValue::from(seconds));
        }
        Some(response)
    }

    fn rest_answer(&self, fault: Option<&Fault>) -> Result<Response<Body>, ApiError> {
        let answer = if self.path.first() == Some(&"hooks") {
            hooks::answer(
                self.shared,
                self.subdomain,
                self.method,
                self.path,
                self.query,
                self.body,
            )?
        } else if self.method != "GET" && self.path == ["remade-installments"] {
            remakes::answer(self.shared, self.method, self.query, self.body)?
        } else if self.method == "GET" {
            let missing = fault.and_then(Fault::missing);
            let mut core = self
                .shared
                .core
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let context = Context {
                world: core.world(),
                query: self.query,
                shapes: self.shared.options.shapes,
                missing: missing.as_ref(),
            };
            let mut answer = api::rest(&context, self.path)?;
            if let Some(odd) = fault.and_then(Fault::odd) {
                odd.spoil(&mut answer);
            }
            answer
        } else {
            let status = writes::answer(self.shared, self.method, self.path, self.body)?;
            return Ok(spoilt(status, Vec::new(), Spoil::of(fault, 0)));
        };
        if fault.is_some_and(|fault| fault.kind == Kind::Empty) {
            return Ok(json_response(StatusCode::OK, &api::everything(&[])));
        }
        let bytes = if answer.is_null() {
            Vec::new()
        } else {
            answer.to_string().into_bytes()
        };
        let half = bytes.len() / 2;
        let status = if self.path != ["remade-installments"] {
            StatusCode::OK
        } else if self.method == "POST" {
            StatusCode::CREATED
        } else if self.method == "DELETE" {
            StatusCode::NO_CONTENT
        } else {
            StatusCode::OK
        };
        Ok(spoilt(status, bytes, Spoil::of(fault, half)))
    }

    fn bulk_answer(&self, fault: Option<&Fault>) -> Result<Response<Body>, ApiError> {
        if self.method != "GET" {
            return Err(ApiError::status(404));
        }
        let spoil = Spoil::of(fault, 2_000);
        let empty = fault.is_some_and(|fault| fault.kind == Kind::Empty);
        let (bulk, manner, plan, span) = match self.path {
            ["async", identifier] => {
                let status = asynchronous::status(self.shared, identifier)?;
                return Ok(spoilt(
                    StatusCode::OK,
                    status.to_string().into_bytes(),
                    spoil,
                ));
            }
            ["async", identifier, "result", chunk] => {
                asynchronous::result(self.shared, identifier, chunk)?
            }
            path => {
                let manner = Manner {
                    shapes: self.shared.options.shapes,
                    missing: fault.and_then(Fault::missing),
                    odd: fault.and_then(Fault::odd),
                    order: self.shared.options.order,
                };
                let mut core = self
                    .shared
                    .core
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                let bulk = Bulk::read(path, self.query, core.world())?;
                drop(core);
                if self.query.flag("_async")? == Some(true) {
                    let fails = fault.is_some_and(|fault| fault.kind == Kind::ApiError);
                    let answer = asynchronous::ask(self.shared, self.query, bulk, manner, fails)?;
                    return Ok(json_response(StatusCode::OK, &answer));
                }
                let plan = self.shared.plan(&bulk, &manner);
                if manner.shapes == Shapes::Documented
                    && bulk.documented_not_found()
                    && self.nothing(&bulk, &plan, &manner)
                {
                    return Err(ApiError::status(404));
                }
                (bulk, manner, plan, Span::default())
            }
        };
        if empty {
            return Ok(json_response(StatusCode::OK, &json!({"data": []})));
        }
        Ok(respond(
            StatusCode::OK,
            stream::bulk(Arc::clone(self.shared), bulk, manner, plan, span, spoil),
        ))
    }

    fn nothing(&self, bulk: &Bulk, plan: &[Piece], manner: &Manner) -> bool {
        let mut from = Some(0);
        let mut rows = Rows::default();
        while let Some(start) = from {
            let mut core = self
                .shared
                .core
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let span = Span {
                from: start,
                until: None,
            };
            from = bulk.slice(core.world(), plan, span, manner, 1, &mut rows);
            if rows.count > 0 {
                return false;
            }
        }
        true
    }
}

/// What a fault answers by itself, after the time it takes.
async fn strike(fault: &Fault) -> Option<Response<Body>> {
    match fault.kind {
        Kind::Status => {
            let code = fault.status.unwrap_or(503);
            let status = StatusCode::from_u16(code).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            Some(match &fault.body {
                Some(text) => spoilt(status, text.clone().into_bytes(), Spoil::default()),
                None => json_response(status, &ApiError::status(code).body()),
            })
        }
        Kind::Blank => Some(spoilt(StatusCode::OK, Vec::new(), Spoil::default())),
        Kind::Hang => {
            tokio::time::sleep(Duration::from_secs_f64(fault.seconds.unwrap_or(3_600.0))).await;
            Some(error_response(&ApiError::status(503)))
        }
        Kind::Slow => {
            tokio::time::sleep(Duration::from_secs_f64(fault.seconds.unwrap_or(1.0))).await;
            None
        }
        _ => None,
    }
}
