//! Records whose plain text is kept off the ledger: how they are sealed, shared, read and forgotten.
//!
//! What a ledger has made final cannot be taken back, so what must be erasable never goes there. An
//! [`AttachRecord`](crate::ledger::AttachRecord) names a record by a salted commitment and its sealed
//! bytes by a digest; roadside units keep those bytes, and none of them can read them. Nobody is asked
//! to forget: a record is gone once so many shares of its key are destroyed that the rest say nothing.
//!
//! ```text
//! SealedRecord::seal ─▶ payload (XChaCha20-Poly1305) ──────────────▶ min(3, n) units
//!              deal ─▶ SignedDeal: who keeps which share
//!                   ─▶ KeptShare, sealed to each custodian's key ──▶ that custodian's unit
//! Reader::new ─▶ SignedReading ─▶ custodian: grant? receipt final? ─▶ release, sealed to the reader
//! Reader::take each release ─▶ Reader::open the payload ─▶ the text, checked against the commitment
//! ```
//!
//! # How many shares
//!
//! Of n custodians [`threshold`] is n - (n - 1) / 3, as the committee's quorum: the most that still
//! gives a record back when as many are gone as the ledger itself survives (one of four). So whoever is
//! one short of it learns nothing (two of four; the ledger itself bears one), and a record is destroyed
//! for ever as soon as one more than a third of the custodians have destroyed their shares. A plain
//! majority would be read by fewer hands, and buys nothing that the ledger could use.
//!
//! # Which keys
//!
//! A custodian's share is sealed to the very account key that holds the role on the ledger
//! ([`SealingKey::of`](crate::crypto::SealingKey::of)): who may keep shares, to what they are sealed,
//! and who signs the receipt is one fact under one proof, and no unit is believed about a key. A reader
//! makes a key for one reading, so that a share that was released can not be opened later with a stolen
//! account key.
//!
//! # What a release is bound to
//!
//! Everything sealed is bound to chain, vehicle, class and commitment, so that nothing opens as part of
//! another record. A [`Deal`] holds a digest of each share: whoever sends a false one is named. Whether
//! a reader may read, and that the receipt is final, is judged by the custodian against the final state
//! of the ledger, not here.

mod access;
mod deal;
mod encoding;
mod kept;
mod name;
mod reading;
mod record;

pub use access::{AccessRecord, Given, Held, Read};
pub use deal::{Deal, DealError, Dealt, SignedDeal, SignedSettlement, threshold};
pub use kept::{KeptPayload, KeptShare, KeptShares, ShareError};
pub use name::{RecordName, RecordNameError};
pub use reading::{ReadError, Reader, ReadingError, ReleaseError, SignedReading};
pub use record::{PLAIN_LENGTH_MAX, SealedRecord, TooLong, is_payload_of};

#[cfg(test)]
mod tests;
