//! What a unit needs to begin again from nothing, when the others cannot give it: a backup.
//!
//! A backup is taken from a running unit and holds, of each shard, all blocks that the unit has with
//! the votes that made them final; where the first ones were pruned, a snapshot stands in for them.
//! Votes that the unit gave, the journal of them, and keys are never in it: a unit that is restored
//! has forgotten what it voted, knows that it has, and asks the others before it votes.
//!
//! Nothing in a backup is believed. Restoring executes every block and compares every root, as a
//! unit does that follows, and takes no block that a quorum did not make final. So it does not matter
//! where a backup was kept; an altered one is refused, and one that was cut is, too.

mod file;
mod forget;
mod restore;
mod take;

pub use file::Part as BackupPart;
pub use forget::forget_votes;
pub use restore::{RestoreError, RestoredShard, restore};
pub use take::{Backup, BackupError};

#[cfg(test)]
pub(crate) use file::PartReader;
#[cfg(test)]
pub(crate) use forget::forget;
#[cfg(test)]
pub(crate) use restore::restore_shard;
