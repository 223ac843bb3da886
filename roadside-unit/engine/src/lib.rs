//! The consensus engine that orders and finalizes the ledger.
//!
//! One [`start`] runs one operator's member of the committee on a thread of its own, for all shards
//! that the process keeps; a [`Handle`] submits transactions to it and reads what became final.
//! What a block says and what is true of it is decided in [`wayside::ledger`], by pure functions;
//! here is only what makes all honest members call the same functions on the same blocks in the
//! same order, and keeps those blocks through crashes.
//!
//! Consensus is commonware's simplex with Ed25519 votes, its marshal for storing and fetching
//! blocks, and its authenticated connections, whose keys are the vote keys. These are generic over
//! a runtime, so tests run the very same parts on virtual time.
//!
//! A process need not be a member: a follower runs the same parts with a scheme that checks votes and
//! signs none, so it counts in no quorum and nobody waits for it.
//!
//! The committee changes as governance decides. Each committee has an epoch, with consensus of its own;
//! blocks, state and snapshots go on. A unit votes in the epochs whose committee has its key, and
//! follows in the others.
//!
//! The state is not in a database: a block is executed on the state of its parent, which costs
//! nothing to keep, and after a restart the blocks above the newest snapshot are executed again.

mod backup;
mod block;
mod borders;
mod certificate;
mod config;
mod disk;
mod epochs;
mod evidence;
mod fence;
mod fetching;
mod finalizer;
mod gossip;
mod handle;
mod handovers;
mod keeper;
mod member;
mod muted;
mod observer;
mod proposer;
mod rebuild;
mod runtime;
mod scheme;
mod session;
mod shard;
mod snapshots;
mod start;
mod storage;
mod sync;
mod tracking;

#[cfg(test)]
mod tests;

pub use backup::{
    Backup, BackupError, BackupPart, RestoreError, RestoredShard, forget_votes, restore,
};
pub use config::{Application, Config, FOLLOWERS_MAX, Seat, StartError, Timing};
pub use disk::{newest_snapshot, stored_bytes};
pub use handle::{FinalizedBlock, Handle, RulesStanding, ShardStatus, SubmitError, Tip};
pub use rebuild::{RebuildError, RebuildFrom, Rebuilt, rebuild_state};
pub use start::{EngineFailed, Running, start};
