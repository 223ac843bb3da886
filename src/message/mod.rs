//! What stations say, and its bytes.
//!
//! Two statements exist: [`Telemetry`], where a vehicle is and how it moves, and [`Hazard`], a
//! danger with the meaning of ETSI's DENM. Both hold only values in range, so nothing after
//! [`Message::decode`] checks again. The bytes are protobuf
//! (`proto/wayside/message/v1/message.proto`): encoding is deterministic, but signatures are always
//! checked over the bytes received and never over a re-encoding, because a newer station may send
//! fields that this one does not know.
//!
//! Who said it, when, and whether to believe it is left to `security` and `plausibility`.

mod error;
mod hazard;
mod telemetry;
mod wire;

pub use error::DecodeError;
pub use hazard::{
    Cause, Hazard, HazardStatement, InformationQuality, RelevanceDirection, RelevanceRadius,
    Termination, UpdateKey, Validity,
};
pub use telemetry::{
    AccelerationControl, DriveDirection, ExteriorLights, PositionAccuracy, StationType, Telemetry,
};

#[cfg(test)]
mod tests;

use bytes::Bytes;

/// A decoded statement of either kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// Where a vehicle is and how it moves.
    Telemetry(Telemetry),
    /// A danger on the road.
    Hazard(HazardStatement),
}

/// The kind of a statement, as it stands in the envelope's first byte.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum MessageType {
    /// [`Telemetry`].
    Telemetry,
    /// [`Hazard`].
    Hazard,
}

impl MessageType {
    /// The kind with this code, 1 or 2.
    pub fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Telemetry),
            2 => Some(Self::Hazard),
            _ => None,
        }
    }

    /// Its code in the envelope.
    pub fn code(self) -> u8 {
        match self {
            Self::Telemetry => 1,
            Self::Hazard => 2,
        }
    }

    /// Most bytes of a payload of this kind.
    pub fn payload_len_max(self) -> usize {
        match self {
            Self::Telemetry => TELEMETRY_LEN_MAX,
            Self::Hazard => HAZARD_LEN_MAX,
        }
    }

    /// Its name in metrics and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Telemetry => "telemetry",
            Self::Hazard => "hazard",
        }
    }
}

impl Message {
    /// Decodes a payload of the given kind.
    pub fn decode(kind: MessageType, payload: &Bytes) -> Result<Self, DecodeError> {
        if payload.len() > kind.payload_len_max() {
            return Err(DecodeError::TooLong(payload.len()));
        }
        match kind {
            MessageType::Telemetry => Telemetry::decode(payload).map(Self::Telemetry),
            MessageType::Hazard => HazardStatement::decode(payload).map(Self::Hazard),
        }
    }

    /// Its kind.
    pub fn kind(&self) -> MessageType {
        match self {
            Self::Telemetry(_) => MessageType::Telemetry,
            Self::Hazard(_) => MessageType::Hazard,
        }
    }

    /// Its bytes as an envelope carries them.
    pub fn encode(&self) -> Bytes {
        match self {
            Self::Telemetry(telemetry) => telemetry.encode(),
            Self::Hazard(statement) => statement.encode(),
        }
    }
}

const TELEMETRY_LEN_MAX: usize = 880;
const HAZARD_LEN_MAX: usize = 8 * 1024;
