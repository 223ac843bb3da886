use std::{fmt, ops::BitOr};

use thiserror::Error;

use super::slot::Slot;
use crate::{
    crypto::{Digest, Purpose, Signature},
    id::{DomainId, StationId},
};

/// A pseudonym certificate for one slot, parsed but not yet believed.
///
/// 120 bytes, big-endian, without optional fields: version 1, class 1, permissions 2, domain 2,
/// issuer key id 2, slot 4, linkage value 12, public key 32, the issuer's signature 64 over all
/// before it. Two tickets are the same if all their bytes are.
#[derive(Clone)]
pub struct Ticket {
    bytes: [u8; TICKET_LEN],
    digest: Digest,
    class: Class,
}

/// What kind of station holds a ticket; coarse, since a finer class would single vehicles out.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Class {
    /// A passenger car or van.
    Car,
    /// A truck.
    Truck,
    /// A bus or tram.
    Bus,
    /// A motorcycle, moped or bicycle.
    TwoWheeler,
    /// A vehicle of the police, fire brigade, rescue or road service.
    Special,
    /// A roadside unit.
    RoadsideUnit,
}

/// What a ticket's holder may say.
///
/// Bits that this version has no name for are kept and allow nothing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Permissions(u16);

/// Why bytes are not a ticket.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum TicketError {
    /// Not 120 bytes.
    #[error("a ticket has 120 bytes, not {0}")]
    Length(usize),
    /// Of a version that this one does not know.
    #[error("unknown ticket version {0}")]
    Version(u8),
    /// Of a class that this version does not know.
    #[error("unknown ticket class {0}")]
    Class(u8),
}

impl Ticket {
    /// Parses a ticket; believing it is left to [`TrustDomain::admit`](super::TrustDomain::admit).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TicketError> {
        let bytes: [u8; TICKET_LEN] = bytes
            .try_into()
            .map_err(|_| TicketError::Length(bytes.len()))?;
        let [version, class, ..] = bytes;
        if version != TICKET_VERSION {
            return Err(TicketError::Version(version));
        }
        Ok(Self {
            class: Class::from_code(class).ok_or(TicketError::Class(class))?,
            digest: Digest::of(Purpose::Ticket, &[&bytes]),
            bytes,
        })
    }

    /// Joins the signed part and its signature.
    pub(super) fn new(class: Class, body: &[u8; BODY_LEN], signature: &Signature) -> Self {
        let mut bytes = [0; TICKET_LEN];
        let (head, tail) = bytes.split_at_mut(BODY_LEN);
        head.copy_from_slice(body);
        tail.copy_from_slice(signature.as_bytes());
        Self {
            class,
            digest: Digest::of(Purpose::Ticket, &[&bytes]),
            bytes,
        }
    }

    /// All its bytes.
    pub fn as_bytes(&self) -> &[u8; TICKET_LEN] {
        &self.bytes
    }

    /// Its digest.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The id of the station that holds it: the first 8 bytes of the digest.
    pub fn station(&self) -> StationId {
        StationId::from_bytes(self.digest.prefix())
    }

    /// What kind of station holds it.
    pub fn class(&self) -> Class {
        self.class
    }

    /// What its holder may say.
    pub fn permissions(&self) -> Permissions {
        Permissions(u16::from_be_bytes(self.at::<2, 2>()))
    }

    /// The trust domain that it belongs to.
    pub fn domain(&self) -> DomainId {
        DomainId(u16::from_be_bytes(self.at::<4, 2>()))
    }

    /// Which of the trust domain's issuer keys signed it.
    pub fn issuer_key_id(&self) -> u16 {
        u16::from_be_bytes(self.at::<6, 2>())
    }

    /// When it counts.
    pub fn slot(&self) -> Slot {
        Slot::from_number(u32::from_be_bytes(self.at::<8, 4>()))
    }

    /// What ties it to its vehicle's other tickets, once the linkage authorities reveal how.
    pub fn linkage(&self) -> [u8; 12] {
        self.at::<12, 12>()
    }

    /// Its public key, not yet admitted.
    pub fn key_bytes(&self) -> [u8; 32] {
        self.at::<24, 32>()
    }

    /// What the issuer signed: all of it but the signature.
    pub fn body(&self) -> &[u8] {
        self.bytes.split_at(BODY_LEN).0
    }

    /// The issuer's signature, not yet checked.
    pub(super) fn signature(&self) -> Signature {
        Signature::from_bytes(self.at::<BODY_LEN, 64>())
    }

    /// The `LEN` bytes from `FROM` on; both are constants of the format.
    fn at<const FROM: usize, const LEN: usize>(&self) -> [u8; LEN] {
        std::array::from_fn(|index| self.bytes.get(FROM + index).copied().unwrap_or_default())
    }
}

impl Class {
    fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Car),
            2 => Some(Self::Truck),
            3 => Some(Self::Bus),
            4 => Some(Self::TwoWheeler),
            5 => Some(Self::Special),
            6 => Some(Self::RoadsideUnit),
            _ => None,
        }
    }

    pub(super) fn code(self) -> u8 {
        match self {
            Self::Car => 1,
            Self::Truck => 2,
            Self::Bus => 3,
            Self::TwoWheeler => 4,
            Self::Special => 5,
            Self::RoadsideUnit => 6,
        }
    }
}

impl Permissions {
    /// Telemetry.
    pub const TELEMETRY: Self = Self(1);
    /// Hazards that the station itself is: standing still, braking hard.
    pub const HAZARD_SELF: Self = Self(1 << 1);
    /// Hazards that the station sees: ice, an obstacle.
    pub const HAZARD_ROAD: Self = Self(1 << 2);
    /// To speak as an emergency vehicle.
    pub const EMERGENCY_VEHICLE: Self = Self(1 << 3);
    /// To announce roadworks.
    pub const ROADWORKS: Self = Self(1 << 4);
    /// To speak as infrastructure.
    pub const INFRASTRUCTURE: Self = Self(1 << 5);
    /// To report misbehaviour.
    pub const MISBEHAVIOUR_REPORT: Self = Self(1 << 6);

    /// The permissions with these bits.
    pub fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// Their bits, as they stand in tickets.
    pub fn bits(self) -> u16 {
        self.0
    }

    /// Whether all of `others` are among these.
    pub fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Whether one of `others` is among these.
    pub fn intersects(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
}

impl BitOr for Permissions {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl PartialEq for Ticket {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Ticket {}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("station", &self.station())
            .field("class", &self.class)
            .field("slot", &self.slot())
            .finish_non_exhaustive()
    }
}

/// Bytes of a ticket.
pub const TICKET_LEN: usize = 120;
/// Its bytes before the signature.
pub(super) const BODY_LEN: usize = 56;
/// The only version so far.
pub(super) const TICKET_VERSION: u8 = 1;
