use std::fmt;

use thiserror::Error;

use crate::{
    crypto::{Digest, Purpose},
    id::StationId,
};

/// Sequences that a station may use, written down before it uses them.
///
/// Both bounds are exclusive. A restarted station begins at them, so that it never signs a second
/// message with a sequence that it used before. Of two reservations of one station, both bounds of
/// the later one are at least the earlier one's, and it alone needs to be kept.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Reservation {
    /// The station, hence the ticket.
    pub station: StationId,
    /// Telemetry may use the sequences below.
    pub telemetry_until: u32,
    /// Hazards may use the sequences below.
    pub hazard_until: u32,
}

/// Why bytes are not a reservation.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum ReservationError {
    /// Not 25 bytes: cut, when a crash interrupted the writing.
    #[error("a reservation has {RESERVATION_LEN} bytes, not {0}")]
    Length(usize),
    /// Of a version that this one does not know.
    #[error("unknown reservation version {0}")]
    Version(u8),
    /// The bytes were damaged.
    #[error("checksum of the reservation does not match")]
    Checksum,
}

impl Reservation {
    /// The higher bounds of two reservations of one station.
    pub fn merged(&self, other: &Self) -> Self {
        Self {
            station: self.station,
            telemetry_until: self.telemetry_until.max(other.telemetry_until),
            hazard_until: self.hazard_until.max(other.hazard_until),
        }
    }

    /// Its bytes: version 1, station 8, bounds 4 and 4, checksum 8, big-endian.
    pub fn to_bytes(&self) -> [u8; RESERVATION_LEN] {
        let mut bytes = [0; RESERVATION_LEN];
        let fields = [
            [VERSION].as_slice(),
            self.station.as_bytes(),
            &self.telemetry_until.to_be_bytes(),
            &self.hazard_until.to_be_bytes(),
        ];
        let checksum = Digest::of(Purpose::Reservation, &fields).prefix();
        let all = fields.into_iter().chain([checksum.as_slice()]).flatten();
        for (target, source) in bytes.iter_mut().zip(all) {
            *target = *source;
        }
        bytes
    }

    /// Reads what [`Self::to_bytes`] writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ReservationError> {
        let bytes: &[u8; RESERVATION_LEN] = bytes
            .try_into()
            .map_err(|_| ReservationError::Length(bytes.len()))?;
        let [version, rest @ ..] = bytes;
        if *version != VERSION {
            return Err(ReservationError::Version(*version));
        }
        let [
            a,
            b,
            c,
            d,
            e,
            f,
            g,
            h,
            t0,
            t1,
            t2,
            t3,
            h0,
            h1,
            h2,
            h3,
            _checksum @ ..,
        ] = *rest;
        let reservation = Self {
            station: StationId::from_bytes([a, b, c, d, e, f, g, h]),
            telemetry_until: u32::from_be_bytes([t0, t1, t2, t3]),
            hazard_until: u32::from_be_bytes([h0, h1, h2, h3]),
        };
        if reservation.to_bytes() != *bytes {
            return Err(ReservationError::Checksum);
        }
        Ok(reservation)
    }
}

impl fmt::Display for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} up to {} and {}",
            self.station, self.telemetry_until, self.hazard_until
        )
    }
}

/// Bytes of a reservation.
pub const RESERVATION_LEN: usize = 25;
const VERSION: u8 = 1;
