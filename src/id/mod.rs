//! Names of things, and nothing else.

use std::{fmt, str::FromStr};

use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

#[cfg(test)]
mod tests;

/// A vehicle or roadside unit, named by the first 8 bytes of its ticket's digest.
///
/// Changes with every pseudonym: two ids can be one vehicle.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StationId([u8; 8]);

impl StationId {
    /// The id with these bytes.
    pub fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// The id as it stands in envelopes.
    pub fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Display for StationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for StationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One connection of this process to another station, counted from its start; never used twice.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PeerId(pub u64);

/// An event that stations report, from its first report to its end (EN 302 637-3 §6.1.1,
/// `ActionID`).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ActionId {
    /// The station that reported first, under the id it had then.
    pub station: StationId,
    /// That station's count of its own events.
    pub sequence: u16,
}

impl fmt::Display for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.station, self.sequence)
    }
}

/// A trust domain: whose tickets count together, for instance one country's.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DomainId(pub u16);

/// A ledger, named by the digest of its genesis.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ChainId([u8; 32]);

/// One part of a ledger, with records and blocks of its own.
#[derive(
    BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd,
)]
pub struct ShardId(pub u16);

/// A vehicle on the ledger; says nothing about who it is to anybody who cannot open the commitment.
///
/// As text, the home shard and 64 hexadecimal digits, for instance `1-00…ff`.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct VehicleId {
    /// The shard that holds its records; chosen at birth and never changed.
    pub home: ShardId,
    /// A salted digest of its vehicle identification number.
    pub commitment: [u8; 32],
}

/// Why text names nothing on a ledger.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum IdTextError {
    /// Not 64 hexadecimal digits.
    #[error("not 64 hexadecimal digits")]
    NotHexadecimal,
    /// No shard number before a hyphen.
    #[error("a vehicle is named by its home shard, a hyphen and 64 hexadecimal digits")]
    NoShard,
}

impl ChainId {
    /// The id with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The id as it stands in transactions and headers.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl ShardId {
    /// The shard that keeps operators, roles and the table of shards.
    pub const GOVERNANCE: Self = Self(0);
}

/// Reads 64 hexadecimal digits of either case.
pub fn bytes_from_hex(digits: &str) -> Result<[u8; 32], IdTextError> {
    let nibbles: Vec<u8> = digits
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| digit.try_into().ok()))
        .collect::<Option<_>>()
        .ok_or(IdTextError::NotHexadecimal)?;
    if nibbles.len() != 64 {
        return Err(IdTextError::NotHexadecimal);
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(nibbles.chunks_exact(2)) {
        *byte = pair.iter().fold(0, |byte, nibble| byte << 4 | nibble);
    }
    Ok(bytes)
}

impl FromStr for ChainId {
    type Err = IdTextError;

    fn from_str(text: &str) -> Result<Self, IdTextError> {
        bytes_from_hex(text).map(Self)
    }
}

impl FromStr for VehicleId {
    type Err = IdTextError;

    fn from_str(text: &str) -> Result<Self, IdTextError> {
        let (home, digits) = text.split_once('-').ok_or(IdTextError::NoShard)?;
        let shard: u16 = home.parse().map_err(|_| IdTextError::NoShard)?;
        if shard.to_string() != home {
            return Err(IdTextError::NoShard);
        }
        Ok(Self {
            home: ShardId(shard),
            commitment: bytes_from_hex(digits)?,
        })
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for VehicleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-", self.home)?;
        self.commitment
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for VehicleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
