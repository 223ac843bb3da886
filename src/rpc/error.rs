use std::{collections::HashMap, time::Duration};

use thiserror::Error;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// A field of a request that cannot be used.
///
/// Becomes `INVALID_ARGUMENT` with the field in a `BadRequest`.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{field} {problem}")]
pub struct FieldError {
    field: String,
    problem: FieldProblem,
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum FieldProblem {
    /// It must be set.
    #[error("is not set")]
    Missing,
    /// NaN or an infinity.
    #[error("is not a finite number")]
    NotFinite,
    /// Outside the range that the schema gives.
    #[error("is not {0}")]
    OutOfRange(&'static str),
    /// Not of the form that the schema gives.
    #[error("is not {0}")]
    Malformed(&'static str),
}

impl FieldError {
    /// The error that `field` has this problem.
    pub fn new(field: impl Into<String>, problem: FieldProblem) -> Self {
        Self {
            field: field.into(),
            problem,
        }
    }

    /// The same error, seen from the message that holds the field's message as `parent`.
    #[must_use]
    pub fn within(self, parent: &str) -> Self {
        Self {
            field: format!("{parent}.{}", self.field),
            problem: self.problem,
        }
    }

    /// The path of the field, as `state.position.latitude_deg`.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What is wrong with it.
    pub fn problem(&self) -> FieldProblem {
        self.problem
    }

    /// Its name in `ErrorInfo.reason`.
    pub fn reason(&self) -> &'static str {
        match self.problem {
            FieldProblem::Missing => "FIELD_MISSING",
            FieldProblem::NotFinite => "FIELD_NOT_FINITE",
            FieldProblem::OutOfRange(_) => "FIELD_OUT_OF_RANGE",
            FieldProblem::Malformed(_) => "FIELD_MALFORMED",
        }
    }
}

impl From<FieldError> for Status {
    fn from(error: FieldError) -> Self {
        let mut details = details(error.reason());
        details.add_bad_request_violation(error.field(), error.problem.to_string());
        Self::with_error_details(Code::InvalidArgument, error.to_string(), details)
    }
}

/// A refusal with its reason in `UPPER_SNAKE`.
pub fn refusal(code: Code, reason: &str, message: impl Into<String>) -> Status {
    Status::with_error_details(code, message, details(reason))
}

/// A refusal for now, with the time after which to try again.
pub fn retry_later(
    code: Code,
    reason: &str,
    message: impl Into<String>,
    retry_delay: Duration,
) -> Status {
    let mut details = details(reason);
    details.set_retry_info(Some(retry_delay));
    Status::with_error_details(code, message, details)
}

/// What a refusal says to programs.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RefusalReason {
    /// Its name in `ErrorInfo.reason`; empty if it has none.
    pub reason: String,
    /// When to try again; `None` where that is of no use.
    pub retry_after: Option<Duration>,
}

/// Reads what a refusal says to programs.
pub fn reason_of(status: &Status) -> RefusalReason {
    let details = status.get_error_details();
    RefusalReason {
        reason: details
            .error_info()
            .map(|info| info.reason.clone())
            .unwrap_or_default(),
        retry_after: details.retry_info().and_then(|retry| retry.retry_delay),
    }
}

fn details(reason: &str) -> ErrorDetails {
    ErrorDetails::with_error_info(reason, ERROR_DOMAIN, HashMap::<String, String>::new())
}

/// The domain of every `ErrorInfo`.
pub const ERROR_DOMAIN: &str = "wayside.dev";
