//! Keeps what is sealed of records, destroys what the ledger says is erased, and signs for the custodian.
//!
//! # Why files
//!
//! What is erased must be gone, and a database keeps old pages for as long as it likes. So each record is
//! a file or two of its own, beside the ledger's stores:
//!
//! ```text
//! <storage>/vault/<shard>/<record>.payload    the sealed bytes
//! <storage>/vault/<shard>/<record>.shares     the custodian's shares of its key, still sealed to it
//! ```
//!
//! A file is replaced by a new one beside it, and what it replaces, like what is erased, is overwritten
//! and made durable before it is removed. Nothing is there in plain text: a share is opened in memory, for
//! as long as it takes to seal it to a reader. What a solid-state disk, a file system that never writes
//! in place, or a backup keeps of removed files is out of the unit's hands: encrypt the disk, and let
//! backups end. Such a remnant is one sealed share, and one share says nothing.
//!
//! # Before anything is served
//!
//! A unit that was away, or was put back from a backup, has records that were erased meanwhile, and cannot
//! tell by its own state, which is as old. [`Sweeper`] therefore opens a shard's part of the [`Vault`]
//! only after a block that was proposed after the unit started is final here, and after every tombstone
//! of that block's state was applied. Such a block is one that holds what the unit itself signed since
//! then, as a receipt, or one whose time is later than the start by more than clocks may differ; on a
//! ledger where nothing happens it comes with the next heartbeat. From then on it destroys what each final block erases. On every
//! request the final state is asked again.

mod error;
mod keeper;
mod receipts;
mod store;
mod sweeper;

pub(crate) use error::VaultError;
pub(crate) use keeper::Vault;
pub(crate) use receipts::Receipts;
pub(crate) use sweeper::Sweeper;

#[cfg(test)]
mod tests;
