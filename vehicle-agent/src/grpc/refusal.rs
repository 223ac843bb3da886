use std::time::Duration;

use thiserror::Error;
use tonic::{Code, Status};
use wayside::{
    pipeline::PublishError,
    rpc::{self, FieldError, telemetry::v1::Rejection},
    security::SignError,
};

use crate::{
    ledger::{HistoryError, SubmitError},
    outbox::SubmissionError,
};

/// Why a state was not taken.
#[derive(Debug, Error)]
pub(super) enum StateRefusal {
    /// A field cannot be read.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The station does not publish it.
    #[error(transparent)]
    Unpublished(#[from] PublishError),
}

impl StateRefusal {
    /// The same, for one state of a stream.
    pub(super) fn into_rejection(self, sequence: u64) -> Rejection {
        let (code, reason, field) = match &self {
            Self::Field(error) => (
                Code::InvalidArgument,
                error.reason().to_owned(),
                error.field().to_owned(),
            ),
            Self::Unpublished(error) => (code(error), reason(error), String::new()),
        };
        Rejection {
            sequence,
            code: code.into(),
            reason,
            field,
            message: self.to_string(),
        }
    }
}

impl From<StateRefusal> for Status {
    fn from(refusal: StateRefusal) -> Self {
        match refusal {
            StateRefusal::Field(error) => error.into(),
            StateRefusal::Unpublished(error) => unpublished(&error),
        }
    }
}

/// What the station does not publish, as a status.
pub(super) fn unpublished(error: &PublishError) -> Status {
    let (code, reason, message) = (code(error), reason(error), error.to_string());
    if code == Code::Unavailable {
        rpc::retry_later(code, &reason, message, RESERVATION_DELAY)
    } else {
        rpc::refusal(code, &reason, message)
    }
}

fn code(error: &PublishError) -> Code {
    match error {
        PublishError::HazardsFull(_) => Code::ResourceExhausted,
        PublishError::HazardUnknown(_) => Code::NotFound,
        PublishError::Sign(SignError::ReservationPending) => Code::Unavailable,
        PublishError::ClockDoubted(_)
        | PublishError::Future(_)
        | PublishError::NoPosition
        | PublishError::NotNewer
        | PublishError::Sign(_)
        | PublishError::Stale(_) => Code::FailedPrecondition,
    }
}

fn reason(error: &PublishError) -> String {
    error.reason().to_ascii_uppercase()
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

/// Why a record was not taken.
pub(super) fn not_recorded(error: &SubmitError) -> Status {
    let message = error.to_string();
    match error {
        SubmitError::Outbox(SubmissionError::Full { .. }) => rpc::retry_later(
            Code::ResourceExhausted,
            "OUTBOX_FULL",
            message,
            OUTBOX_DELAY,
        ),
        SubmitError::Outbox(SubmissionError::NameReused(_)) => {
            rpc::refusal(Code::AlreadyExists, "REQUEST_ID_REUSED", message)
        }
        SubmitError::Storage => {
            rpc::retry_later(Code::Unavailable, "STORAGE_FAILED", message, STORAGE_DELAY)
        }
    }
}

/// The vehicle has no ledger.
pub(super) fn ledger_off() -> Status {
    rpc::refusal(
        Code::FailedPrecondition,
        "LEDGER_OFF",
        "no ledger is configured for this vehicle",
    )
}

/// No such record.
pub(super) fn record_unknown() -> Status {
    rpc::refusal(
        Code::NotFound,
        "RECORD_UNKNOWN",
        "no such record, or it was done long ago and forgotten",
    )
}

/// Why there is no verified history.
pub(super) fn history_refused(error: &HistoryError) -> Status {
    let message = error.to_string();
    match error {
        HistoryError::Unreachable(_) => {
            rpc::retry_later(Code::Unavailable, "UNIT_UNREACHABLE", message, OUTBOX_DELAY)
        }
        HistoryError::Refused(refusal) if Code::from(i32::from(refusal.code)) == Code::NotFound => {
            rpc::refusal(Code::NotFound, "VEHICLE_UNKNOWN", message)
        }
        HistoryError::Refused(_) => {
            rpc::retry_later(Code::Unavailable, "UNIT_REFUSED", message, OUTBOX_DELAY)
        }
        HistoryError::False(_) | HistoryError::OtherVehicle => {
            rpc::refusal(Code::DataLoss, "HISTORY_FALSE", message)
        }
    }
}

/// About how long it takes until a unit may be in reach.
const OUTBOX_DELAY: Duration = Duration::from_secs(30);
/// How long the outbox waits for the disk.
const STORAGE_DELAY: Duration = Duration::from_secs(1);
/// About how long a disk takes to keep a reservation.
const RESERVATION_DELAY: Duration = Duration::from_millis(100);
/// About how long a restart takes.
const RESTART_DELAY: Duration = Duration::from_secs(1);
