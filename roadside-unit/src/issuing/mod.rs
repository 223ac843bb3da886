//! Issues tickets for the unit's operator: runs whatever parts the ledger gives it, and keeps promises.
//!
//! What the parts decide is `wayside::issuing`'s. This module gives them keys, a journal, a clock and the
//! other operators' units to talk to, and says on the ledger what they have to say. What is hard about
//! that is the order: an answer leaves only after what it rests on is durable, so that no crash makes a
//! ticket twice. All parts of a process therefore work on one thread, one event after the other; what they
//! promised while they did is flushed at once, and only then do answers, messages and words leave.
//!
//! ```text
//! doors ─▶ Issuer ─▶ Worker ─▶ Offices ─▶ records ─▶ Journal ─▶ answers, messages (Peers), words (Speaker)
//! ```
//!
//! # What is kept where
//!
//! ```text
//! <storage>/issuing/journal.redb   records of what was promised, and parts of keys, for their owner alone
//! <storage>/issuing/master.key     the secret of the linkage chains, unless the operator keeps it elsewhere
//! ```
//!
//! # What a lost journal means
//!
//! An enrolment authority whose journal is gone or was put back cannot know whose tickets it has had made.
//! It gives none of slots for which it may have: that is up to the preload horizon, and a little more.
//! Besides, the linkage office of the group, another operator's, names one ticket only for each vehicle
//! and slot. Both would have to be put back to the same past for a vehicle to get two.

mod accusations;
mod ceremonies;
mod compacter;
mod error;
mod facts;
mod issuer;
mod journal;
mod keys;
mod known;
mod offices;
mod orders;
mod out;
mod peers;
mod refusal;
mod speaker;
mod start;
mod stuck;
mod worker;

pub use error::JournalError;
pub(crate) use issuer::Issuer;
pub(crate) use keys::KeyRing;
pub use known::read_known;
pub(crate) use peers::{PeerError, Peers, Place};
pub(crate) use refusal::Refusal;
pub(crate) use start::{IssuerParts, IssuerStartError, Standing, mark_restored, start};

#[cfg(test)]
mod tests;
