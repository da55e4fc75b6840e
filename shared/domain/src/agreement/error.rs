//! Why an agreement is refused.

/// Why an agreement was not made. Texts are Portuguese and say what is right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// A field has a value that cannot be.
    #[error("{path}: {detail}")]
    Invalid {
        /// The field, as the API spells it.
        path: &'static str,
        /// What is wrong and what is right.
        detail: String,
    },
    /// A contract or an installment is not there.
    #[error("{0}")]
    NotFound(String),
    /// What is there now does not allow it.
    #[error("{0}")]
    Conflict(String),
}

pub(super) const fn invalid(path: &'static str, detail: String) -> DraftError {
    DraftError::Invalid { path, detail }
}
