//! Brings records of the vehicle to the ledger, each exactly once, however often the car is switched
//! off on the way.
//!
//! A record is acknowledged once it is on disk. It is signed as soon as the vehicle's account on the
//! ledger is known, with a nonce that is on disk before the signature leaves the car; from then on the
//! very same bytes are sent, to whatever unit is in reach, until a proof shows what the ledger made of
//! them. The ledger executes the same bytes once, so nothing can be recorded twice; and nothing is
//! crossed off on a unit's word, so nothing can be lost to a unit that lies or forgets.
//!
//! [`Outbox`] decides, without file, socket or clock. [`OutboxFile`] is its journal.
//!
//! ```text
//! Queued ─▶ Signing ─▶ Signed ─▶ Proven ─▶ Done
//!  on disk   nonce on its way      verdict on its way
//!            to the disk           to the disk
//! ```
//!
//! They arrive in the order in which they were taken, one after the other, since the ledger's rules look
//! at the order; only a record that came to nothing many times over is passed by, at units of more than
//! one operator where more than one is met: a unit that takes the later ones and not the first would
//! have the ledger refuse the first. A refusal without proof is never the end of a record, whatever its
//! code: the unit may be a block behind, or lie.
//!
//! Three things are kept apart on purpose. *Durability*: nothing is told to anybody before it is on
//! disk. *Identity*: a client names its records, so that its own retries are seen as such. *Trust*:
//! [`Proven`] and [`Standing`] are made only by verifying, against the genesis, what a unit said.
//!
//! What this cannot do: after the state folder is lost together with a signed record on its way, the
//! vehicle begins anew from its account on the ledger, and does not know what it had sent.

mod config;
mod entry;
mod file;
mod journal;
mod level;
mod machine;
mod proven;
mod sending;
mod wire;

pub use config::OutboxConfig;
pub use entry::{Entry, Name, Place, RecordId, Stage, Verdict};
pub use file::{OutboxFile, OutboxFileError, OutboxOpened};
pub use journal::JournalRecord;
pub use level::Level;
pub use machine::{Outbox, OutboxEvent, Sender, Submission, SubmissionError, Taken};
pub use proven::{Proven, ProvenError, Standing};
pub use wire::{Answer, Batch, Failure, OutboxRequest};

#[cfg(test)]
mod tests;
