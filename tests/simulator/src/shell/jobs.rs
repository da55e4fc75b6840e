//! Asynchronous bulk questions, as they are kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::api::bulk::{Bulk, Manner, Piece, Span};

/// One question.
#[derive(Clone, Debug)]
pub struct Job {
    /// What was asked.
    pub bulk: Bulk,
    /// How it is answered.
    pub manner: Manner,
    /// When.
    pub asked: Instant,
    /// How far it is.
    pub state: State,
}

/// How far a question is.
#[derive(Clone, Debug)]
pub enum State {
    /// Nobody works on it yet.
    Waiting,
    /// Somebody does.
    Processing,
    /// The answer's parts, and its chunks among them.
    Finished(Arc<[Piece]>, Vec<Span>),
    /// It ended without an answer.
    Failed,
}

/// All questions.
pub type Jobs = BTreeMap<String, Job>;
