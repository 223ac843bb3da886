use thiserror::Error;

/// Why bytes are not a statement.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum DecodeError {
    /// Not protobuf, or a field of the wrong kind.
    #[error("malformed protobuf: {0}")]
    Malformed(#[from] prost::DecodeError),
    /// A required field is absent.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field holds what the standard's range does not.
    #[error("{0} is out of range")]
    OutOfRange(&'static str),
    /// More bytes than the kind of message may have.
    #[error("payload of {0} bytes is too long")]
    TooLong(usize),
}

/// Converts a raw number that must be in range where it is present.
pub(super) fn optional<R, T>(
    raw: Option<R>,
    convert: impl FnOnce(R) -> Option<T>,
    field: &'static str,
) -> Result<Option<T>, DecodeError> {
    raw.map(|raw| convert(raw).ok_or(DecodeError::OutOfRange(field)))
        .transpose()
}

/// Converts a raw number that must be present and in range.
pub(super) fn required<R, T>(
    raw: Option<R>,
    convert: impl FnOnce(R) -> Option<T>,
    field: &'static str,
) -> Result<T, DecodeError> {
    optional(raw, convert, field)?.ok_or(DecodeError::Missing(field))
}
