//! Bodies: bulk answers streamed slice by slice, and the faults that spoil a body.

use std::io;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::stream;

use super::faults::{Fault, Kind};
use super::shared::Shared;
use crate::api::bulk::{Bulk, Manner, Piece, Rows, Span};

/// About how much is written while the world is held.
const SLICE_BYTES: usize = 64 * 1024;

/// How a body is spoilt, if at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spoil {
    end: Option<(Kind, usize)>,
    pause: Duration,
}

impl Spoil {
    /// What a fault does to the body of an answer of about `length` bytes.
    pub fn of(fault: Option<&Fault>, length: usize) -> Self {
        let Some(fault) = fault else {
            return Self::default();
        };
        let end = matches!(fault.kind, Kind::Truncated | Kind::Close | Kind::ApiError)
            .then(|| (fault.kind, fault.after_bytes.unwrap_or(length)));
        let pause = if fault.kind == Kind::Drip {
            Duration::from_secs_f64(fault.seconds.unwrap_or(0.05))
        } else {
            Duration::ZERO
        };
        Self { end, pause }
    }
}

/// A body that is already there.
pub fn whole(bytes: Vec<u8>, spoil: Spoil) -> Body {
    let Some((kind, after)) = spoil.end.filter(|(kind, _)| *kind != Kind::ApiError) else {
        if spoil.pause.is_zero() {
            return Body::from(bytes);
        }
        let pieces: Vec<Vec<u8>> = bytes.chunks(1_024).map(<[u8]>::to_vec).collect();
        return Body::from_stream(stream::unfold(
            pieces.into_iter(),
            move |mut pieces| async move {
                tokio::time::sleep(spoil.pause).await;
                let piece = pieces.next()?;
                Some((Ok::<_, io::Error>(Bytes::from(piece)), pieces))
            },
        ));
    };
    // Never the whole of it: the last bracket at least is missing.
    let keep = after.min(bytes.len().saturating_sub(1));
    let mut parts = vec![Ok(Bytes::from(bytes[..keep].to_vec()))];
    if kind == Kind::Close {
        parts.push(Err(io::Error::other("connection closed by a fault")));
    }
    Body::from_stream(stream::iter(parts))
}

/// One bulk answer in the making.
struct Flow {
    shared: Arc<Shared>,
    bulk: Bulk,
    manner: Manner,
    plan: Arc<[Piece]>,
    span: Option<Span>,
    rows: Rows,
    sent: usize,
    spoil: Spoil,
    done: bool,
}

/// `{"data":[…]}` of a span of an answer's plan, made while it is sent.
pub fn bulk(
    shared: Arc<Shared>,
    bulk: Bulk,
    manner: Manner,
    plan: Arc<[Piece]>,
    span: Span,
    spoil: Spoil,
) -> Body {
    let mut rows = Rows {
        odd: manner.odd.clone(),
        ..Rows::default()
    };
    rows.buffer.extend_from_slice(b"{\"data\":[");
    let flow = Flow {
        shared,
        bulk,
        manner,
        plan,
        span: Some(span),
        rows,
        sent: 0,
        spoil,
        done: false,
    };
    Body::from_stream(stream::unfold(flow, |mut flow| async move {
        if flow.done {
            return None;
        }
        if !flow.spoil.pause.is_zero() {
            tokio::time::sleep(flow.spoil.pause).await;
        }
        let piece = flow.next();
        Some((piece, flow))
    }))
}

impl Flow {
    fn next(&mut self) -> io::Result<Bytes> {
        if let Some((Kind::Close, _)) = self.spoil.end
            && self.sent > 0
        {
            self.done = true;
            return Err(io::Error::other("connection closed by a fault"));
        }
        let mut last = false;
        while let Some(span) = self.span {
            let mut core = self
                .shared
                .core
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let world = core.world();
            let next = self.bulk.slice(
                world,
                &self.plan,
                span,
                &self.manner,
                SLICE_BYTES,
                &mut self.rows,
            );
            drop(core);
            self.span = next.map(|from| Span { from, ..span });
            if self.rows.buffer.len() >= SLICE_BYTES {
                break;
            }
        }
        if self.span.is_none() {
            last = true;
        }
        let mut piece = std::mem::take(&mut self.rows.buffer);
        match self.spoil.end {
            Some((Kind::ApiError, after)) if last || self.sent + piece.len() > after => {
                self.done = true;
                piece.extend_from_slice(
                    b"],\"api-error\":{\"status\":500,\"developerMessage\":\"Erro Interno\",",
                );
                piece.extend_from_slice(b"\"clientMessage\":\"Ocorreu um erro no servidor.\"}}");
            }
            Some((Kind::Truncated | Kind::Close, after))
                if last || self.sent + piece.len() > after =>
            {
                piece.truncate(after.saturating_sub(self.sent).max(1));
                self.done = self
                    .spoil
                    .end
                    .is_some_and(|(kind, _)| kind == Kind::Truncated);
            }
            _ if last => {
                self.done = true;
                piece.extend_from_slice(b"]}");
            }
            _ => {}
        }
        self.sent += piece.len();
        Ok(Bytes::from(piece))
    }
}
