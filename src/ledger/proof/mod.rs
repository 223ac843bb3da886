//! What anybody can check of the ledger who holds its genesis and nothing else.
//!
//! A proof goes from one thing (an entry of a block, a receipt, what the state holds under a key) to a
//! header, and from the header to the votes of a committee that the genesis names. A [`Bundle`] does so
//! for all records of a vehicle at once and without any network. That no record was left out follows from
//! the vehicle's chain of records, whose head is in the state that the newest header signs.
//!
//! # As of when
//!
//! Signatures do not age, so whoever gets hold of the keys of a quorum that retired long ago can sign
//! another past. No proof can tell that by itself. A [`Checkpoint`], recent headers that a witness or
//! another operator hands out, can: every header binds all earlier ones by its `history_root`, so a bundle
//! either leads to the checkpoint's headers or contradicts them. What is said without a checkpoint is
//! [consistent but not anchored](Anchor::Unanchored).
//!
//! # Whether others see the same
//!
//! More than a third of today's operators, colluding, could make two pasts final and show each to others.
//! A [`Witness`] signs what it is shown as a [note](super::Note), and never another past after that. A
//! [`CosignedCheckpoint`] carries such signatures, and whoever asks for them is not split from the rest.

mod bundle;
mod checkpoint;
mod committees;
mod cosigned;
mod delivery;
mod entry;
mod file;
mod head;
mod issuing;
mod report;
mod revocations;
mod single;
mod trunk;
mod witness;

pub use bundle::{Bundle, BundleError, BundleRecord};
pub use checkpoint::{Checkpoint, CheckpointError, Relation};
pub use committees::{Committees, Handover, HandoverError};
pub use cosigned::{CosignedCheckpoint, CosignedError, CosignedHead, Witnesses};
pub use delivery::DeliveryError;
pub use entry::EntryProof;
pub use file::FileError;
pub use head::{Completeness, Head};
pub use issuing::{IssuingProof, IssuingProofError, ProvenValue};
pub use report::{Anchor, Point, ProvenRecord, Report, Unanchored};
pub use revocations::{RevocationUpdate, RevocationUpdateError, VerifiedRevocations};
pub use single::{Proof, ProofError, ReceiptProof, StateEntryProof};
pub use trunk::{EarlierHeader, Trunk, TrunkError};
pub use witness::{ShownHead, Witness, WitnessRefusal};

#[cfg(test)]
mod tests;
