//! News of Sienge's, on their way.

use ponte::intake::Hints;

/// What a webhook tells.
#[derive(Clone)]
pub struct News {
    /// As it was sent, for those that look alike.
    pub body: String,
    /// What it points at.
    pub hints: Hints,
    /// The operation it is of.
    pub operation: u64,
}
