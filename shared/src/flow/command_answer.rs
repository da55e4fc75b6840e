//! What a function answers to a command.

use serde::Serialize;

use super::{Refusal, Summary};

/// What a function answers to its caller.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum CommandAnswer {
    /// What was done.
    One(Box<Summary>),
    /// What a dry run found, per creditor.
    Each(Vec<Summary>),
    /// Nothing was done.
    Refused(Refusal),
}

impl From<Summary> for CommandAnswer {
    fn from(summary: Summary) -> Self {
        Self::One(Box::new(summary))
    }
}
