//! The two clocks of a station, as values.
//!
//! [`Instant`] never jumps and says how long something took; [`Timestamp`] is coordinated
//! universal time, which a receiver of satellite time may step, and says when something happened.
//! [`Now`] is one reading of both and always an argument, so that tests and simulations can skew
//! the two apart. No code above the edges reads a clock. [`Recent`] is what a station remembers by age.

use std::{fmt, io, time::Duration};

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

mod recent;

pub use recent::{Recent, RecentBounds};

#[cfg(test)]
mod tests;

/// A moment of a clock that only runs forward, in nanoseconds since an origin of the process.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Instant {
    nanos: u64,
}

impl Instant {
    /// The moment `since_origin` after the origin; saturates after 584 years.
    pub fn from_origin(since_origin: Duration) -> Self {
        Self {
            nanos: u64::try_from(since_origin.as_nanos()).unwrap_or(u64::MAX),
        }
    }

    /// The time since the origin.
    pub fn since_origin(self) -> Duration {
        Duration::from_nanos(self.nanos)
    }

    /// The time from `earlier` to this moment; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos.saturating_sub(earlier.nanos))
    }
}

impl std::ops::Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self::from_origin(self.since_origin().saturating_add(duration))
    }
}

/// A moment in coordinated universal time: milliseconds since 1970-01-01T00:00:00Z, without leap
/// seconds (POSIX), below 2^48 (the year 10889).
///
/// ETSI and SAE count milliseconds of TAI since 2004; importers convert.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp {
    unix_ms: u64,
}

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self { unix_ms: 0 };

    /// Returns the moment, or `None` from 2^48 on.
    pub fn from_unix_ms(unix_ms: u64) -> Option<Self> {
        (unix_ms <= TIMESTAMP_MAX_UNIX_MS).then_some(Self { unix_ms })
    }

    /// Milliseconds since the Unix epoch, below 2^48.
    pub fn unix_ms(self) -> u64 {
        self.unix_ms
    }

    /// Whole seconds since the Unix epoch.
    pub fn unix_s(self) -> u64 {
        self.unix_ms / 1_000
    }

    /// The time from `earlier` to this moment; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.unix_ms.saturating_sub(earlier.unix_ms))
    }

    /// The moment `duration` later, in whole milliseconds; stays at the end of the range.
    pub fn saturating_add(self, duration: Duration) -> Self {
        let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self {
            unix_ms: self.unix_ms.saturating_add(ms).min(TIMESTAMP_MAX_UNIX_MS),
        }
    }

    /// The moment `duration` earlier, in whole milliseconds; stays at the epoch.
    pub fn saturating_sub(self, duration: Duration) -> Self {
        let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self {
            unix_ms: self.unix_ms.saturating_sub(ms),
        }
    }
}

impl BorshSerialize for Timestamp {
    fn serialize<W: io::Write>(&self, writer: &mut W) -> io::Result<()> {
        BorshSerialize::serialize(&self.unix_ms, writer)
    }
}

impl BorshDeserialize for Timestamp {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        Self::from_unix_ms(u64::deserialize_reader(reader)?)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a time from 2^48 ms on"))
    }
}

/// As an integer, milliseconds since the Unix epoch.
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.unix_ms)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let unix_ms = <u64 as Deserialize>::deserialize(deserializer)?;
        Self::from_unix_ms(unix_ms).ok_or_else(|| D::Error::custom("a time from 2^48 ms on"))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.unix_ms / 1_000, self.unix_ms % 1_000)
    }
}

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Now {
    /// For timers and ages of what this station saw itself.
    pub instant: Instant,
    /// For what stations tell each other.
    pub timestamp: Timestamp,
}

impl Now {
    /// Both clocks `duration` later.
    pub fn after(self, duration: Duration) -> Self {
        Self {
            instant: self.instant + duration,
            timestamp: self.timestamp.saturating_add(duration),
        }
    }
}

const TIMESTAMP_MAX_UNIX_MS: u64 = (1 << 48) - 1;
