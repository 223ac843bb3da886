use std::time::Duration;

use tonic::{Code, Request, Status};
use wayside::{
    pipeline::PublishError,
    rpc::{self, FieldError, telemetry::v1::Rejection},
    security::SignError,
};

/// What a station refused, in the words of the API.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: Code,
    pub(super) reason: String,
    pub(super) field: String,
    pub(super) message: String,
    retry_delay: Option<Duration>,
}

impl Refusal {
    /// The same refusal, of one state of a stream.
    pub(super) fn into_rejection(self, sequence: u64) -> Rejection {
        Rejection {
            sequence,
            code: self.code.into(),
            reason: self.reason,
            field: self.field,
            message: self.message,
        }
    }
}

impl From<&PublishError> for Refusal {
    fn from(error: &PublishError) -> Self {
        let (code, retry_delay) = match error {
            PublishError::HazardsFull(_) => (Code::ResourceExhausted, None),
            PublishError::HazardUnknown(_) => (Code::NotFound, None),
            PublishError::Sign(SignError::ReservationPending) => {
                (Code::Unavailable, Some(RESERVATION_DELAY))
            }
            PublishError::ClockDoubted(_)
            | PublishError::NoPosition
            | PublishError::NotNewer
            | PublishError::Sign(_)
            | PublishError::Stale(_) => (Code::FailedPrecondition, None),
        };
        Self {
            code,
            reason: error.reason().to_ascii_uppercase(),
            field: String::new(),
            message: error.to_string(),
            retry_delay,
        }
    }
}

impl From<&FieldError> for Refusal {
    fn from(error: &FieldError) -> Self {
        Self {
            code: Code::InvalidArgument,
            reason: error.reason().to_owned(),
            field: error.field().to_owned(),
            message: error.to_string(),
            retry_delay: None,
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        match refusal.retry_delay {
            Some(delay) => rpc::retry_later(refusal.code, &refusal.reason, refusal.message, delay),
            None => rpc::refusal(refusal.code, &refusal.reason, refusal.message),
        }
    }
}

/// A publication that was refused, as a status.
pub(super) fn unpublished(error: &PublishError) -> Status {
    Refusal::from(error).into()
}

/// The agent is stopping.
pub(super) fn stopping() -> Status {
    rpc::retry_later(
        Code::Unavailable,
        "STOPPING",
        "the agent is stopping",
        RESTART_DELAY,
    )
}

/// What the gate left in a request's extensions.
pub(super) fn from_gate<T: Clone + Send + Sync + 'static, R>(
    request: &Request<R>,
) -> Result<T, Status> {
    request.extensions().get::<T>().cloned().ok_or_else(|| {
        rpc::refusal(
            Code::Unauthenticated,
            "CALLER_UNKNOWN",
            "the call did not pass the gate",
        )
    })
}

/// About how long a disk takes to keep a reservation.
const RESERVATION_DELAY: Duration = Duration::from_millis(100);
/// About how long a restart takes.
const RESTART_DELAY: Duration = Duration::from_secs(1);
