use std::{fmt, str::FromStr, sync::OnceLock};

use blake3::hazmat::{self, ContextKey, HasherExt as _};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::{IdTextError, bytes_from_hex, deserialize_text, serialize_text};

/// 32 bytes of BLAKE3 in `derive_key` mode.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Digest([u8; 32]);

/// What a digest is for; two purposes never give the same digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// All deliveries of a replay.
    Deliveries,
    /// What was found in recorded traffic.
    Verdicts,
    /// The bytes of an imported recording.
    Recording,
    /// A hazard's one-time update key, from its ticket's private key.
    HazardUpdateKey,
    /// How long after a slot's start its ticket comes into use, from the ticket's private key.
    ChangeJitter,
    /// The check value of a reservation of sequences.
    Reservation,
    /// The check value of a line in the journal of a car's outbox.
    OutboxLine,
    /// The check value of the checkpoint that a car keeps.
    CheckpointFile,
    /// The check value of another file of a car's state folder, which begins with its kind.
    CarFile,
    /// What a scraper of metrics must know.
    MetricsToken,
    /// Keys and choices of a simulated world.
    SimulationSeed,
    /// A ticket.
    Ticket,
    /// The description of a trust domain.
    TrustDomain,
    /// A ledger's first words, which name it.
    LedgerGenesis,
    /// A signed transaction, signatures and all.
    LedgerTransaction,
    /// The receipts of one source block, as an entry of a block.
    LedgerDelivery,
    /// An entry of a block together with its outcome.
    LedgerEntry,
    /// The header of a block.
    LedgerHeader,
    /// A receipt from one shard to another.
    LedgerReceipt,
    /// Two neighbours in a list of the ledger.
    LedgerNode,
    /// A whole list of the ledger, with its kind and its length.
    LedgerRoot,
    /// Where a key stands in the ledger's state.
    LedgerStateKey,
    /// A value in the ledger's state.
    LedgerStateValue,
    /// A key and its value in the ledger's state.
    LedgerStateLeaf,
    /// Two halves of a part of the ledger's state.
    LedgerStateNode,
    /// The head of a vehicle's chain of records.
    LedgerVehicleHistory,
    /// Two contradicting votes.
    LedgerMisconduct,
    /// A salted vehicle identification number.
    LedgerVehicle,
    /// A vehicle identification number under the tag issuer's key.
    LedgerVinTag,
    /// A part's maker and serial number under the tag issuer's key.
    LedgerPartTag,
    /// A record that is kept off the ledger, with its salt.
    LedgerRecordCommitment,
    /// The sealed bytes of a record that is kept off the ledger.
    VaultPayload,
    /// A share of a record's key.
    VaultShare,
    /// Who keeps which share of a record's key.
    VaultDeal,
    /// The first seed of a vehicle's linkage chain, from its authority's secret.
    LinkageChain,
    /// A linkage seed from the one before.
    LinkageSeed,
    /// What a linkage authority puts into a vehicle's ticket of a slot.
    LinkageValue,
    /// The name that an enrolment authority has for a vehicle before others.
    EnrolmentHandle,
    /// The tickets that were signed together.
    TicketBatch,
    /// The check value of what an issuing role keeps.
    IssuingRecord,
    /// A member's part in the making of a joint key, from its seed.
    ThresholdKeyPart,
    /// A ticket's private key, from its request's.
    TicketKey,
    /// The key to which a ticket is sealed, from its request's.
    TicketResponseKey,
    /// How long a vehicle waits with the change to a ticket.
    TicketJitter,
    /// The private key of a roadside unit's ticket.
    UnitTicketKey,
    /// What ends the connections of a roadside unit that was restarted.
    ConnectionReset,
    /// An entry of the list of revoked tickets.
    LedgerRevocation,
    /// What takes the place of randomness where several have to seal alike.
    SealingRandomness,
    /// What shows that a station lied.
    LedgerMisbehaviour,
}

impl Digest {
    /// The digest of `parts`, one after the other.
    pub fn of(purpose: Purpose, parts: &[&[u8]]) -> Self {
        let mut builder = DigestBuilder::new(purpose);
        parts.iter().for_each(|part| builder.update(part));
        builder.finish()
    }

    /// The digest with these bytes, as it stands in a message or file.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 8 bytes.
    pub fn prefix(&self) -> [u8; 8] {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        [a, b, c, d, e, f, g, h]
    }
}

/// A digest of bytes that come one after the other.
#[derive(Clone, Debug)]
pub struct DigestBuilder(blake3::Hasher);

impl DigestBuilder {
    /// Begins with no bytes.
    pub fn new(purpose: Purpose) -> Self {
        Self(blake3::Hasher::new_from_context_key(&purpose.context_key()))
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes so far.
    pub fn finish(&self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

impl Purpose {
    /// What BLAKE3 makes of the context string, which costs as much as a short digest.
    pub(super) fn context_key(self) -> ContextKey {
        static KEYS: [OnceLock<ContextKey>; PURPOSES_MAX] =
            [const { OnceLock::new() }; PURPOSES_MAX];
        let make = || hazmat::hash_derive_key_context(self.context());
        match KEYS.get(self as usize) {
            Some(key) => *key.get_or_init(make),
            None => make(),
        }
    }

    fn context(self) -> &'static str {
        match self {
            Self::Deliveries => "wayside 2026-11-22 delivery digest v1",
            Self::Verdicts => "wayside 2026-11-23 verdicts digest v1",
            Self::Recording => "wayside 2026-11-22 recording digest v1",
            Self::HazardUpdateKey => "wayside 2026-11-22 hazard update key v1",
            Self::ChangeJitter => "wayside 2026-11-23 ticket change jitter v1",
            Self::Reservation => "wayside 2026-11-22 sequence reservation checksum v1",
            Self::OutboxLine => "wayside 2026-11-23 outbox line checksum v1",
            Self::CheckpointFile => "wayside 2026-11-23 car checkpoint checksum v1",
            Self::CarFile => "wayside 2026-11-23 car state file checksum v1",
            Self::MetricsToken => "wayside 2026-11-22 metrics token v1",
            Self::SimulationSeed => "wayside 2026-11-22 simulation seed v1",
            Self::Ticket => "wayside 2026-11-22 ticket digest v1",
            Self::TrustDomain => "wayside 2026-11-22 trust domain digest v1",
            Self::LedgerGenesis => "wayside 2026-11-23 ledger genesis v1",
            Self::LedgerTransaction => "wayside 2026-11-23 ledger transaction v1",
            Self::LedgerDelivery => "wayside 2026-11-23 ledger delivery v1",
            Self::LedgerEntry => "wayside 2026-11-23 ledger entry with outcome v1",
            Self::LedgerHeader => "wayside 2026-11-23 ledger header v1",
            Self::LedgerReceipt => "wayside 2026-11-23 ledger receipt v1",
            Self::LedgerNode => "wayside 2026-11-23 ledger list node v1",
            Self::LedgerRoot => "wayside 2026-11-23 ledger list root v1",
            Self::LedgerStateKey => "wayside 2026-11-23 ledger state key v1",
            Self::LedgerStateValue => "wayside 2026-11-23 ledger state value v1",
            Self::LedgerStateLeaf => "wayside 2026-11-23 ledger state leaf v1",
            Self::LedgerStateNode => "wayside 2026-11-23 ledger state node v1",
            Self::LedgerVehicleHistory => "wayside 2026-11-23 ledger vehicle history v1",
            Self::LedgerMisconduct => "wayside 2026-11-23 ledger misconduct v1",
            Self::LedgerVehicle => "wayside 2026-11-23 ledger vehicle commitment v1",
            Self::LedgerVinTag => "wayside 2026-11-23 ledger vehicle tag v1",
            Self::LedgerPartTag => "wayside 2026-11-23 ledger part tag v1",
            Self::LedgerRecordCommitment => "wayside 2026-11-23 ledger record commitment v1",
            Self::VaultPayload => "wayside 2026-11-23 vault payload v1",
            Self::VaultShare => "wayside 2026-11-23 vault share v1",
            Self::VaultDeal => "wayside 2026-11-23 vault deal v1",
            Self::LinkageChain => "wayside 2026-11-23 linkage chain v1",
            Self::LinkageSeed => "wayside 2026-11-23 linkage seed v1",
            Self::LinkageValue => "wayside 2026-11-23 linkage value v1",
            Self::EnrolmentHandle => "wayside 2026-11-23 enrolment handle v1",
            Self::TicketBatch => "wayside 2026-11-23 ticket batch v1",
            Self::IssuingRecord => "wayside 2026-11-23 issuing record checksum v1",
            Self::ThresholdKeyPart => "wayside 2026-11-23 threshold key part v1",
            Self::TicketKey => "wayside 2026-11-23 ticket key v1",
            Self::TicketResponseKey => "wayside 2026-11-23 ticket response key v1",
            Self::TicketJitter => "wayside 2026-11-23 ticket jitter v1",
            Self::UnitTicketKey => "wayside 2026-11-23 unit ticket key v1",
            Self::ConnectionReset => "wayside 2026-11-23 connection reset v1",
            Self::LedgerRevocation => "wayside 2026-11-23 ledger revocation v1",
            Self::SealingRandomness => "wayside 2026-11-23 sealing randomness v1",
            Self::LedgerMisbehaviour => "wayside 2026-11-23 ledger misbehaviour v1",
        }
    }
}

impl FromStr for Digest {
    type Err = IdTextError;

    fn from_str(text: &str) -> Result<Self, IdTextError> {
        bytes_from_hex(text).map(Self)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_text(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_text(deserializer)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How many context keys are kept; a purpose beyond them is only slower.
const PURPOSES_MAX: usize = 64;

/// SHA-256 of `parts`, one after the other, where another standard asks for it.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    let digest = context.finish();
    let bytes = <&[u8; 32]>::try_from(digest.as_ref());
    *bytes.expect("SHA-256 has 32 bytes")
}
