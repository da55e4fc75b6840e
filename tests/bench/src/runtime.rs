//! Lambda's Runtime API as one function process sees it: hands out invocations, takes answers.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::sync::{Mutex as AsyncMutex, Notify, mpsc, oneshot};

use crate::http::{Answer, Request, Service, serve};

/// The API of one process.
pub struct Runtime {
    /// For `AWS_LAMBDA_RUNTIME_API`.
    pub address: SocketAddr,
    desk: Arc<Desk>,
    give: mpsc::UnboundedSender<Invocation>,
    number: AtomicU64,
}

struct Invocation {
    id: String,
    event: Vec<u8>,
    deadline_ms: u128,
}

struct Desk {
    waiting: AsyncMutex<mpsc::UnboundedReceiver<Invocation>>,
    answers: Mutex<HashMap<String, oneshot::Sender<Result<Vec<u8>, String>>>>,
    first_poll: Mutex<Option<Instant>>,
    polled: Notify,
}

impl Runtime {
    /// Starts one.
    pub async fn start() -> std::io::Result<Self> {
        let (give, waiting) = mpsc::unbounded_channel();
        let desk = Arc::new(Desk {
            waiting: AsyncMutex::new(waiting),
            answers: Mutex::default(),
            first_poll: Mutex::default(),
            polled: Notify::new(),
        });
        let address = serve(Arc::clone(&desk)).await?;
        Ok(Self {
            address,
            desk,
            give,
            number: AtomicU64::new(0),
        })
    }

    /// When the process first asked for an invocation.
    pub async fn first_poll(&self) -> Instant {
        loop {
            let polled = self.desk.polled.notified();
            if let Some(at) = *self.desk.first_poll.lock().unwrap() {
                return at;
            }
            polled.await;
        }
    }

    /// Invokes the function with so much time, as text.
    pub async fn invoke(&self, event: Vec<u8>, time: Duration) -> Result<Vec<u8>, String> {
        let id = format!(
            "00000000-0000-4000-8000-{:012}",
            self.number.fetch_add(1, Ordering::Relaxed)
        );
        let (send, receive) = oneshot::channel();
        self.desk.answers.lock().unwrap().insert(id.clone(), send);
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + time;
        let invocation = Invocation {
            id,
            event,
            deadline_ms: deadline.as_millis(),
        };
        self.give
            .send(invocation)
            .map_err(|_| "the runtime is gone".to_owned())?;
        // The function ends by itself before its deadline; much later it hangs or is dead.
        match tokio::time::timeout(time + Duration::from_secs(30), receive).await {
            Ok(Ok(answer)) => answer,
            _ => Err("the function did not answer in its time".to_owned()),
        }
    }

    /// As [`Runtime::invoke`], in JSON.
    pub async fn ask(&self, event: &Value, time: Duration) -> Result<Value, String> {
        let answer = self.invoke(event.to_string().into_bytes(), time).await?;
        serde_json::from_slice(&answer).map_err(|error| error.to_string())
    }
}

impl Service for Desk {
    async fn answer(&self, request: Request) -> Answer {
        let path = request.path.trim_start_matches("/2018-06-01/runtime/");
        match path.split('/').collect::<Vec<_>>()[..] {
            ["invocation", "next"] => self.next().await,
            ["invocation", id, what] => {
                let answer = match what {
                    "response" => Ok(request.body),
                    _ => Err(String::from_utf8_lossy(&request.body).into_owned()),
                };
                if let Some(waits) = self.answers.lock().unwrap().remove(id) {
                    // Nobody waits any more when it came too late.
                    let _ = waits.send(answer);
                }
                Answer::new(202, "{}")
            }
            _ => {
                eprintln!(
                    "runtime: {} {}: {}",
                    request.method,
                    request.path,
                    String::from_utf8_lossy(&request.body)
                );
                Answer::new(202, "{}")
            }
        }
    }
}

impl Desk {
    async fn next(&self) -> Answer {
        self.first_poll
            .lock()
            .unwrap()
            .get_or_insert_with(Instant::now);
        self.polled.notify_waiters();
        let Some(invocation) = self.waiting.lock().await.recv().await else {
            return Answer::new(500, "{}");
        };
        Answer::new(200, invocation.event)
            .with("lambda-runtime-aws-request-id", &invocation.id)
            .with(
                "lambda-runtime-deadline-ms",
                &invocation.deadline_ms.to_string(),
            )
            .with(
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:us-east-1:000000000000:function:bench",
            )
            .with(
                "lambda-runtime-trace-id",
                "Root=1-00000000-000000000000000000000000;Sampled=0",
            )
    }
}
