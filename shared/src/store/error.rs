//! What can go wrong with the store, and what to do about it.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// A failure of the store. Its text names operations, tables and fields, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody else changed the item first.
    #[error("somebody else changed it first: read it again")]
    Conflict,
    /// DynamoDB could not be reached, was too slow or asked us to slow down; what was sent may or may not have been done.
    #[error("{operation}: the database did not answer in time ({why})")]
    Unavailable {
        /// The operation.
        operation: &'static str,
        /// What happened.
        why: String,
    },
    /// DynamoDB will never accept this request (permissions, a missing table, a wrong key).
    #[error("{operation}: the database refused the request ({why})")]
    Refused {
        /// The operation.
        operation: &'static str,
        /// What it said.
        why: String,
    },
    /// A stored item cannot be read.
    #[error("{what} cannot be read: {why}")]
    Unreadable {
        /// The item.
        what: String,
        /// The field and what is wrong with it.
        why: String,
    },
    /// More than the store accepts in one piece.
    #[error("{what} is too large: {bytes} bytes, at most {limit}")]
    TooLarge {
        /// What.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

/// How to recover from a [`StoreError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// Do the same again later.
    Retry,
    /// Read again, compare again, then try again.
    Reload,
    /// It will never work: report it.
    Never,
}

impl StoreError {
    /// How to recover from it.
    #[must_use]
    pub fn recovery(&self) -> Recovery {
        match self {
            Self::Conflict => Recovery::Reload,
            Self::Unavailable { .. } => Recovery::Retry,
            Self::Refused { .. } | Self::Unreadable { .. } | Self::TooLarge { .. } => {
                Recovery::Never
            }
        }
    }

    #[allow(
        clippy::needless_pass_by_value,
        reason = "errors and texts are passed as they come"
    )]
    pub(crate) fn unreadable(what: impl Into<String>, why: impl ToString) -> Self {
        Self::Unreadable {
            what: what.into(),
            why: why.to_string(),
        }
    }

    /// Classifies an SDK error. A failed condition is a [`StoreError::Conflict`].
    pub(super) fn of<E: ProvideErrorMetadata, R: std::fmt::Debug>(
        operation: &'static str,
        error: &SdkError<E, R>,
    ) -> Self {
        let SdkError::ServiceError(service) = error else {
            let why = match error {
                SdkError::ConstructionFailure(_) => "the request could not be built",
                SdkError::TimeoutError(_) => "time-out",
                SdkError::DispatchFailure(_) => "no connection",
                _ => "no readable answer",
            };
            return Self::Unavailable {
                operation,
                why: why.to_owned(),
            };
        };
        let code = service.err().code().unwrap_or("unknown error");
        let why = || match service.err().message() {
            Some(message) => format!("{code}: {message}"),
            None => code.to_owned(),
        };
        match code {
            "ConditionalCheckFailedException" | "TransactionConflictException" => Self::Conflict,
            "ProvisionedThroughputExceededException"
            | "ThrottlingException"
            | "Throttling"
            | "RequestLimitExceeded"
            | "LimitExceededException"
            | "InternalServerError"
            | "InternalFailure"
            | "ServiceUnavailable"
            | "TransactionInProgressException"
            | "ExpiredTokenException"
            | "unknown error" => Self::Unavailable {
                operation,
                why: why(),
            },
            _ => Self::Refused {
                operation,
                why: why(),
            },
        }
    }
}
