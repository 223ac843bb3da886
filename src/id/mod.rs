//! Names of things, and nothing else.

use std::{fmt, str::FromStr};

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
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
#[derive(
    BorshDeserialize,
    BorshSerialize,
    Clone,
    Copy,
    Debug,
    Deserialize,
    Eq,
    Hash,
    Ord,
    PartialEq,
    PartialOrd,
    Serialize,
)]
#[serde(transparent)]
pub struct DomainId(pub u16);

/// An issuing group: the operators that issue tickets to the vehicles enrolled with it.
#[derive(
    BorshDeserialize,
    BorshSerialize,
    Clone,
    Copy,
    Debug,
    Deserialize,
    Eq,
    Hash,
    Ord,
    PartialEq,
    PartialOrd,
    Serialize,
)]
#[serde(transparent)]
pub struct GroupId(pub u16);

/// A ledger, named by the digest of its genesis.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ChainId([u8; 32]);

/// One part of a ledger, with records and blocks of its own.
#[derive(
    BorshDeserialize,
    BorshSerialize,
    Clone,
    Copy,
    Debug,
    Deserialize,
    Eq,
    Hash,
    Ord,
    PartialEq,
    PartialOrd,
    Serialize,
)]
#[serde(transparent)]
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
    /// Not that many hexadecimal digits.
    #[error("not {0} hexadecimal digits")]
    NotHexadecimal(usize),
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

/// Reads two hexadecimal digits of either case for each byte.
pub fn bytes_from_hex<const LENGTH: usize>(digits: &str) -> Result<[u8; LENGTH], IdTextError> {
    let nibbles: Vec<u8> = digits
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| digit.try_into().ok()))
        .collect::<Option<_>>()
        .ok_or(IdTextError::NotHexadecimal(2 * LENGTH))?;
    if nibbles.len() != 2 * LENGTH {
        return Err(IdTextError::NotHexadecimal(2 * LENGTH));
    }
    let mut bytes = [0; LENGTH];
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

/// Writes a value as its text, for serde.
pub fn serialize_text<T: fmt::Display, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// Reads what [`serialize_text`] writes.
pub fn deserialize_text<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: fmt::Display>,
    D: Deserializer<'de>,
{
    let text = <String as Deserialize>::deserialize(deserializer)?;
    text.parse().map_err(D::Error::custom)
}

impl Serialize for ChainId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_text(self, serializer)
    }
}

impl<'de> Deserialize<'de> for ChainId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_text(deserializer)
    }
}

impl Serialize for VehicleId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_text(self, serializer)
    }
}

impl<'de> Deserialize<'de> for VehicleId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_text(deserializer)
    }
}
