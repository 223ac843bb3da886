//! How single fields of requests become values.

use super::error::{FieldError, FieldProblem};

/// Converts a number that may be absent, but must be finite and in range where it is there.
pub(super) fn optional<T>(
    value: Option<f64>,
    convert: impl FnOnce(f64) -> Option<T>,
    field: &str,
    range: &'static str,
) -> Result<Option<T>, FieldError> {
    let Some(value) = value else {
        return Ok(None);
    };
    if !value.is_finite() {
        return Err(FieldError::new(field, FieldProblem::NotFinite));
    }
    convert(value)
        .map(Some)
        .ok_or_else(|| FieldError::new(field, FieldProblem::OutOfRange(range)))
}

/// Converts a number that must be there.
pub(super) fn required<T>(
    value: Option<f64>,
    convert: impl FnOnce(f64) -> Option<T>,
    field: &str,
    range: &'static str,
) -> Result<T, FieldError> {
    present(optional(value, convert, field, range)?, field)
}

/// Unwraps a field that must be there.
pub(super) fn present<T>(value: Option<T>, field: &str) -> Result<T, FieldError> {
    value.ok_or_else(|| FieldError::new(field, FieldProblem::Missing))
}

/// Converts a code that may be absent.
pub(super) fn code<T>(
    value: Option<u32>,
    convert: impl FnOnce(u8) -> T,
    field: &str,
) -> Result<Option<T>, FieldError> {
    value
        .map(|value| {
            u8::try_from(value)
                .map(convert)
                .map_err(|_| FieldError::new(field, FieldProblem::OutOfRange("0 to 255")))
        })
        .transpose()
}

/// Converts a distance that must be there to whole metres.
pub(super) fn radius_m(value: Option<f64>, field: &str) -> Result<u32, FieldError> {
    let whole = |metres: f64| {
        let rounded = metres.round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "1 to 100 000 by the condition"
        )]
        (1.0..=RADIUS_MAX_M)
            .contains(&rounded)
            .then_some(rounded as u32)
    };
    required(value, whole, field, "1 to 100 000 m")
}

const RADIUS_MAX_M: f64 = 100_000.0;
