//! As much HTTP/1.1 as a stand-in on loopback needs: whole messages with a content length, one after the other on a connection.

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request, read whole.
pub struct Request {
    /// `GET`, `POST`, ...
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The head as it came.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

/// The answer to a request.
pub struct Answer {
    status: u16,
    headers: String,
    body: Vec<u8>,
}

/// What answers requests.
pub trait Service: Send + Sync + 'static {
    /// Answers one; may wait as long as it likes.
    fn answer(&self, request: Request) -> impl Future<Output = Answer> + Send;
}

impl Request {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

impl Answer {
    /// JSON, or whatever the body is.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self {
            status,
            headers: "content-type: application/json\r\n".to_owned(),
            body,
        }
    }

    /// With one more header.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers += &format!("{name}: {value}\r\n");
        self
    }
}

/// Serves on a free port of 127.0.0.1 until the process ends.
pub async fn serve(service: Arc<impl Service>) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let service = Arc::clone(&service);
            tokio::spawn(async move {
                // The other side goes away when its process is ended: nothing to be done about it.
                let _ = converse(connection, &*service).await;
            });
        }
    });
    Ok(address)
}

async fn converse(mut connection: TcpStream, service: &impl Service) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    let mut left = Vec::new();
    while let Some(request) = read(&mut connection, &mut left).await? {
        let Answer {
            status,
            headers,
            body,
        } = service.answer(request).await;
        let length = body.len();
        let mut bytes = format!("HTTP/1.1 {status} -\r\n{headers}content-length: {length}\r\n\r\n")
            .into_bytes();
        bytes.extend_from_slice(&body);
        connection.write_all(&bytes).await?;
    }
    Ok(())
}

async fn read(connection: &mut TcpStream, left: &mut Vec<u8>) -> std::io::Result<Option<Request>> {
    let mut bytes = std::mem::take(left);
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if connection.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let wrong = |what: &str| Error::new(ErrorKind::InvalidData, what.to_owned());
    let head =
        String::from_utf8(bytes[..end].to_vec()).map_err(|_| wrong("the head is no text"))?;
    if header(&head, "transfer-encoding").is_some() {
        return Err(wrong("a chunked body"));
    }
    let length: usize = header(&head, "content-length")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    if header(&head, "expect").is_some() {
        connection
            .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
            .await?;
    }
    while bytes.len() < end + length {
        if connection.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
    *left = bytes.split_off(end + length);
    let mut words = head.split_whitespace();
    let (method, path) = (
        words.next().unwrap_or_default().to_owned(),
        words.next().unwrap_or_default().to_owned(),
    );
    let body = bytes.split_off(end);
    Ok(Some(Request {
        method,
        path,
        head,
        body,
    }))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
