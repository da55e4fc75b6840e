//! The way to Sienge, each request an effect.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Effect, Effects};

/// The way to Sienge: a proxy in front of the simulator, each request an effect of whoever is being watched.
#[derive(Debug)]
pub struct Wire {
    /// `http://127.0.0.1:PORT`.
    pub base_url: String,
    watched: Arc<Mutex<Option<Arc<Effects>>>>,
}

impl Wire {
    /// In front of a simulator.
    pub async fn before(base_url: &str) -> Self {
        let upstream = base_url.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let watched = Arc::new(Mutex::new(None::<Arc<Effects>>));
        let watching = Arc::clone(&watched);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, upstream.clone(), Arc::clone(&watching)));
            }
        });
        Self { base_url, watched }
    }

    /// From now on, requests are effects of this invocation, or of none.
    pub fn watch(&self, effects: Option<Arc<Effects>>) {
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner) = effects;
    }
}

/// One request and its answer; the connection ends with it.
async fn pass(
    mut client: TcpStream,
    upstream: String,
    watched: Arc<Mutex<Option<Arc<Effects>>>>,
) -> Option<()> {
    let request = read_request(&mut client).await?;
    // Head and body: what Sienge is sent is JSON.
    let head = String::from_utf8(request).ok()?;
    let (line, headers) = head.split_once("\r\n")?;
    let effects = watched
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let effect = effects
        .as_ref()
        .map(|effects| effects.begin(line.split(['?', '\r']).next().unwrap_or(line)));
    if effect.as_ref().is_some_and(|effect| !effect.happens()) {
        return refuse(&mut client, effect).await;
    }
    let mut server = TcpStream::connect(upstream).await.ok()?;
    server
        .write_all(format!("{line}\r\nconnection: close\r\n{headers}").as_bytes())
        .await
        .ok()?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await.ok()?;
    if effect.as_ref().is_some_and(|effect| !effect.is_answered()) {
        return refuse(&mut client, effect).await;
    }
    drop(effect);
    client.write_all(&answer).await.ok()
}

/// A request's head and as much of a body as the head promises.
async fn read_request(client: &mut TcpStream) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    loop {
        if client.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
        let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.map_or(Some(0), |text| text.trim().parse().ok())?;
        if request.len() >= end + 4 + length {
            return Some(request);
        }
    }
}

/// An answer that the client does not try again for.
async fn refuse(client: &mut TcpStream, effect: Option<Effect<'_>>) -> Option<()> {
    drop(effect);
    let refusal = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    client.write_all(refusal).await.ok()
}
