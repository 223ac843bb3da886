use std::time::Duration;

use super::error::{FieldError, FieldProblem};
use crate::time::Timestamp;

/// The moment as a message carries it.
pub fn to_wire_time(moment: Timestamp) -> prost_types::Timestamp {
    let ms = moment.unix_ms();
    prost_types::Timestamp {
        seconds: i64::try_from(ms / 1_000).unwrap_or(i64::MAX),
        nanos: i32::try_from(ms % 1_000 * 1_000_000).unwrap_or(0),
    }
}

/// Converts a moment that may be absent; what is finer than a millisecond is cut off.
///
/// Fails before 1970, from 2^48 milliseconds on, and for nanoseconds outside one second.
pub fn from_wire_time(
    moment: Option<prost_types::Timestamp>,
    field: &str,
) -> Result<Option<Timestamp>, FieldError> {
    let Some(moment) = moment else {
        return Ok(None);
    };
    let whole = || {
        let seconds = u64::try_from(moment.seconds).ok()?;
        let nanos = u64::try_from(moment.nanos).ok().filter(below_one_second)?;
        let ms = seconds.checked_mul(1_000)?.checked_add(nanos / 1_000_000)?;
        Timestamp::from_unix_ms(ms)
    };
    whole().map(Some).ok_or_else(|| {
        let problem = FieldProblem::OutOfRange("a time between 1970 and 10889");
        FieldError::new(field, problem)
    })
}

/// The duration as a message carries it; ends after 292 billion years.
pub fn to_wire_duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(0),
    }
}

/// A signed number of milliseconds as a message carries it.
pub fn to_wire_duration_ms(ms: i64) -> prost_types::Duration {
    prost_types::Duration {
        seconds: ms / 1_000,
        nanos: i32::try_from(ms % 1_000 * 1_000_000).unwrap_or(0),
    }
}

/// Converts a duration that may be absent. Fails if it is negative or longer than a day.
pub fn from_wire_duration(
    duration: Option<prost_types::Duration>,
    field: &str,
) -> Result<Option<Duration>, FieldError> {
    let Some(duration) = duration else {
        return Ok(None);
    };
    let whole = || {
        let seconds = u64::try_from(duration.seconds).ok()?;
        let nanos = u64::try_from(duration.nanos)
            .ok()
            .filter(below_one_second)?;
        let whole = Duration::from_secs(seconds).checked_add(Duration::from_nanos(nanos))?;
        (whole <= DURATION_MAX).then_some(whole)
    };
    whole()
        .map(Some)
        .ok_or_else(|| FieldError::new(field, FieldProblem::OutOfRange("0 to 24 h")))
}

fn below_one_second(nanos: &u64) -> bool {
    *nanos < 1_000_000_000
}

const DURATION_MAX: Duration = Duration::from_secs(24 * 60 * 60);
