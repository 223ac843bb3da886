//! Keys, signatures, digests and ciphers: the only module that names a crate for them.
//!
//! Signatures are Ed25519 (RFC 8032), checked by the strict rule: small-order keys and commitments
//! and non-canonical numbers are refused, so that every station answers alike. A key that comes
//! from outside is admitted once, by [`VerifyingKey::from_bytes`], which also refuses keys with a
//! small-order component: the strict rule alone lets those pass now and then. There is no batch
//! verification, since it accepts what the single rule refuses.
//!
//! What is signed always begins with a [`Context`], so that a signature made for one purpose is
//! never valid for another. Digests are BLAKE3 in `derive_key` mode with a context string of
//! their own. All of both, in one table:
//!
//! | purpose | string |
//! |---|---|
//! | signature of a ticket by its issuer | `wayside/ticket/v1` |
//! | signature of a roadside unit's key by its operator's cold key | `wayside/unit-certificate/v1` |
//! | signature of a roadside unit's ticket by the key that its operator certified | `wayside/unit-ticket/v1` |
//! | signature of what a roadside unit says of traffic, by the same key | `wayside/traffic-report/v1` |
//! | signature of a message by a ticket's key | `wayside/msg/v1` |
//! | signature of what one station says against another, by its ticket's key | `wayside/testimony/v1` |
//! | signature of an update by a hazard's one-time key | `wayside/hazard-update/v1` |
//! | signature of a ledger's transaction by its sender and its approvers | `wayside/ledger/transaction/v1` |
//! | signature of a unique tag by its issuer | `wayside/ledger/tag/v1` |
//! | signature of who keeps which share of a record's key | `wayside/vault/deal/v1` |
//! | signature that earlier shares of a record's key are destroyed | `wayside/vault/settlement/v1` |
//! | signature of a wish to read a record | `wayside/vault/reading/v1` |
//! | signature of a request for tickets by a vehicle's enrolment key | `wayside/issuing/request/v1` |
//! | signature by the key for which a ticket is asked | `wayside/issuing/possession/v1` |
//! | signature of what one operator tells another about tickets | `wayside/issuing/message/v1` |
//! | request for tickets, sealed to the enrolment authority | `wayside/issuing/request/v1` |
//! | its answer, sealed to the vehicle | `wayside/issuing/answer/v1` |
//! | what a ticket is for, sealed to a member of the ticket authority | `wayside/issuing/blob/v1` |
//! | a ticket, sealed to the vehicle | `wayside/issuing/ticket/v1` |
//! | linkage values, sealed to a member of the ticket authority | `wayside/issuing/linkage/v1` |
//! | shares of linkage seeds, sealed to who keeps them in escrow | `wayside/issuing/escrow/v1` |
//! | parts of a ticket authority's key, sealed to its members | `wayside/issuing/key-part/v1` |
//! | what one operator tells another about tickets, sealed | `wayside/issuing/message/v1` |
//! | share of a record's key, sealed to its custodian | `wayside/vault/share/v1` |
//! | the same share, sealed to a reader | `wayside/vault/release/v1` |
//! | digest of a ticket, whose first 8 bytes are the station's id | `wayside 2026-11-22 ticket digest v1` |
//! | digest of a trust domain's description | `wayside 2026-11-22 trust domain digest v1` |
//! | what a scraper of metrics must know | `wayside 2026-11-22 metrics token v1` |
//! | digest over all deliveries of a replay | `wayside 2026-11-22 delivery digest v1` |
//! | check value of a reservation of sequences | `wayside 2026-11-22 sequence reservation checksum v1` |
//! | check value of a line in the journal of a car's outbox | `wayside 2026-11-23 outbox line checksum v1` |
//! | check value of the checkpoint that a car keeps | `wayside 2026-11-23 car checkpoint checksum v1` |
//! | a hazard's one-time update key from its ticket's private key | `wayside 2026-11-22 hazard update key v1` |
//! | keys and choices of a simulated world from its seed | `wayside 2026-11-22 simulation seed v1` |
//! | digest of a ledger's genesis | `wayside 2026-11-23 ledger genesis v1` |
//! | digest of a signed transaction | `wayside 2026-11-23 ledger transaction v1` |
//! | digest of a delivery of receipts | `wayside 2026-11-23 ledger delivery v1` |
//! | digest of an entry of a block with its outcome | `wayside 2026-11-23 ledger entry with outcome v1` |
//! | digest of a block's header | `wayside 2026-11-23 ledger header v1` |
//! | digest of a receipt | `wayside 2026-11-23 ledger receipt v1` |
//! | two neighbours in a Merkle tree over a list | `wayside 2026-11-23 ledger list node v1` |
//! | root of a Merkle tree over a list, with its kind and length | `wayside 2026-11-23 ledger list root v1` |
//! | place of a key in the state's tree | `wayside 2026-11-23 ledger state key v1` |
//! | digest of a value in the state | `wayside 2026-11-23 ledger state value v1` |
//! | leaf of the state's tree | `wayside 2026-11-23 ledger state leaf v1` |
//! | two halves of a part of the state's tree | `wayside 2026-11-23 ledger state node v1` |
//! | head of a vehicle's chain of records | `wayside 2026-11-23 ledger vehicle history v1` |
//! | two contradicting votes of one operator | `wayside 2026-11-23 ledger misconduct v1` |
//! | salted vehicle identification number, a vehicle's name on the ledger | `wayside 2026-11-23 ledger vehicle commitment v1` |
//! | tag of a vehicle identification number, with the tag issuer's key | `wayside 2026-11-23 ledger vehicle tag v1` |
//! | tag of a part's maker and serial number, with the tag issuer's key | `wayside 2026-11-23 ledger part tag v1` |
//! | commitment to a record that is kept off a ledger, with its salt | `wayside 2026-11-23 ledger record commitment v1` |
//! | sealed bytes of a record that is kept off a ledger | `wayside 2026-11-23 vault payload v1` |
//! | share of a record's key | `wayside 2026-11-23 vault share v1` |
//! | who keeps which share of a record's key | `wayside 2026-11-23 vault deal v1` |
//! | first seed of a vehicle's linkage chain | `wayside 2026-11-23 linkage chain v1` |
//! | a linkage seed from the one before | `wayside 2026-11-23 linkage seed v1` |
//! | a linkage authority's part of a ticket's linkage value | `wayside 2026-11-23 linkage value v1` |
//! | an enrolment authority's name for a vehicle before others | `wayside 2026-11-23 enrolment handle v1` |
//! | tickets that were signed together | `wayside 2026-11-23 ticket batch v1` |
//! | check value of what an issuing role keeps | `wayside 2026-11-23 issuing record checksum v1` |
//! | a member's part in the making of a joint key, from its seed | `wayside 2026-11-23 threshold key part v1` |
//! | a ticket's private key, from its request's | `wayside 2026-11-23 ticket key v1` |
//! | the key to which a ticket is sealed, from its request's | `wayside 2026-11-23 ticket response key v1` |
//! | the private key of a roadside unit's ticket, from the key that its operator certified | `wayside 2026-11-23 unit ticket key v1` |
//! | what ends connections of a roadside unit that was restarted, from the key that its operator certified | `wayside 2026-11-23 connection reset v1` |
//! | how long a vehicle waits with the change to a ticket | `wayside 2026-11-23 ticket jitter v1` |
//! | what shows that a station lied | `wayside 2026-11-23 ledger misbehaviour v1` |
//! | entry of the list of revoked tickets | `wayside 2026-11-23 ledger revocation v1` |
//! | what takes the place of randomness where several have to seal alike | `wayside 2026-11-23 sealing randomness v1` |
//!
//! Signed notes are C2SP's, over the text itself, which begins with `wayside.dev/ledger/` or with
//! `cosignature/v1`; key ids in them are the one use of SHA-256 (`ledger::Note`).
//!
//! Votes of the ledger's committee are the one other exception: their bytes are the consensus engine's, which
//! begin with a namespace of their own (`ledger::vote`).
//!
//! # Secrets
//!
//! Types that hold one ([`SigningKey`], [`OpeningKey`], [`DataKey`], [`SecretShare`], [`KeyShare`],
//! [`KeySeed`], [`Nonces`]) wipe it when they
//! are dropped, and have neither `Debug` nor `Clone` nor `Serialize`: what cannot be printed is in no
//! log. A record is encrypted with XChaCha20-Poly1305 ([`DataKey`]), its key is split after Shamir
//! ([`SecretShare`]), and a share is sealed with HPKE ([`SealingKey`]). Tickets are signed by several
//! operators together with FROST ([`KeyShare`]), whose [`Nonces`] can be used once only.

mod backend;
mod data_key;
mod digest;
mod key;
mod random;
mod sealed;
mod sharing;
mod threshold;

pub use backend::verification_backend;
pub use data_key::{DataKey, OpenError};
pub use digest::{Digest, DigestBuilder, Purpose, sha256};
pub use key::{Context, KeyError, Signature, SignatureError, SigningKey, VerifyingKey};
pub use random::random_bytes;
pub use sealed::{OpeningKey, Seal, SealError, SealingKey};
pub use sharing::{CombineError, SecretShare};
pub use threshold::{
    Commitment, KeyMaking, KeySeed, KeyShare, Nonces, SignatureShare, ThresholdError,
};

#[cfg(test)]
mod tests;
