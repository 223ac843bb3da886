//! Sequence numbers on disk, so that a restarted station never convicts itself.
//!
//! Two messages signed with one sequence prove a liar. A station therefore writes down which
//! sequences it may use before it uses them, and a restarted one begins behind them. That holds
//! only if what was confirmed is on disk, so [`SequenceJournal::append`] returns after `fdatasync`; a
//! record that a crash cut short was never confirmed and is ignored. Anything else that cannot be
//! read is [`SequenceJournalError::Corrupt`]: then nobody knows what was used, and every ticket that
//! may have been in use must be given up.
//!
//! A file is 8 bytes of magic and then fixed-size records with a checksum each. Opening one
//! rewrites it with one record a station, under another name first. A lock keeps a second process
//! away from the same folder.

mod journal;
mod writing;

pub use journal::{SequenceJournal, SequenceJournalError};
pub use writing::write_reservations;

#[cfg(test)]
mod tests;
