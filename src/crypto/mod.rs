//! Keys, signatures and digests: the only module that names a signature or hash crate.
//!
//! Signatures are Ed25519 (RFC 8032), checked by the strict rule: small-order keys and commitments
//! and non-canonical numbers are refused, so that every station answers alike. A key that comes
//! from outside is admitted once, by [`VerifyingKey::from_bytes`], which also refuses keys with a
//! small-order component: `verify_strict` alone lets those pass now and then. There is no batch
//! verification, since it accepts what the single rule refuses.
//!
//! What is signed always begins with a [`Context`], so that a signature made for one purpose is
//! never valid for another. Digests are BLAKE3 in `derive_key` mode with a context string of
//! their own. All of both, in one table:
//!
//! | purpose | string |
//! |---|---|
//! | signature of a ticket by its issuer | `wayside/ticket/v1` |
//! | signature of a message by a ticket's key | `wayside/msg/v1` |
//! | signature of an update by a hazard's one-time key | `wayside/hazard-update/v1` |
//! | digest of a ticket, whose first 8 bytes are the station's id | `wayside 2026-11-22 ticket digest v1` |
//! | digest of a trust domain's description | `wayside 2026-11-22 trust domain digest v1` |
//! | what a scraper of metrics must know | `wayside 2026-11-22 metrics token v1` |
//! | digest over all deliveries of a replay | `wayside 2026-11-22 delivery digest v1` |
//! | check value of a reservation of sequences | `wayside 2026-11-22 sequence reservation checksum v1` |
//! | a hazard's one-time update key from its ticket's private key | `wayside 2026-11-22 hazard update key v1` |
//! | keys and choices of a simulated world from its seed | `wayside 2026-11-22 simulation seed v1` |

mod backend;
mod digest;
mod key;

pub use backend::verification_backend;
pub use digest::{Digest, DigestBuilder, Purpose};
pub use key::{Context, KeyError, Signature, SignatureError, SigningKey, VerifyingKey};

#[cfg(test)]
mod tests;
