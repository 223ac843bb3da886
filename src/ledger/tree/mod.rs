//! A map whose content has one digest, of which any part can be proven present or absent.
//!
//! A compact sparse Merkle tree over BLAKE3: every key has a place of 256 bits, its digest; a
//! subtree with one entry is that entry's leaf, an empty one is 32 zero bytes, any other is the
//! digest of its halves. The shape depends on the content alone, never on the order of changes.
//! The format is frozen: it is what `state_root` signs.
//!
//! Trees share what they have in common: a clone costs nothing, and applying changes copies only the
//! ways to what changed. So every block under discussion has a state of its own, and one that is
//! not finalized is simply dropped.

mod node;
mod proof;
mod root;
mod snapshot;

pub(super) use node::snapshot_leaf;
pub use proof::{StateProof, StateProofError};
pub use root::Tree;
pub use snapshot::{Snapshot, SnapshotError, SnapshotManifest};

#[cfg(test)]
mod tests;
