//! What shows anybody that a station lied.
//!
//! One who says that another lied may be the liar. So an accusation counts only as far as the
//! accused's own signed messages go: [`Evidence`] holds them, and [`Evidence::prove`] finds the
//! [`Lie`] in them again, by integers alone and from nothing else, whoever hands it in and whenever.
//! Two kinds convict: two different messages with one sequence, and messages that contradict each
//! other by the checks of `plausibility` that are [proof](crate::plausibility::Check::is_proof).
//!
//! The hard part is to convict nobody who is honest. A satellite receiver jumps, drifts, or comes
//! back from a tunnel elsewhere, and everything it said around that moment contradicts itself. That
//! is one contradiction, though, and evidence has to show three, in stretches that share no message
//! and span several seconds, each judged as if nothing had been before. A sensor that stays broken
//! convicts its vehicle as a lie would; what follows is therefore a suspension for a time, which an
//! appeal can lift, and no revocation. Whoever accuses chooses the messages, but cannot leave out
//! so many that ordinary noise looks like a lie.
//!
//! Where a lie shows only to who hears others too, a [`Testimony`] says so: it convicts nobody, and
//! counts together with two others of the same slot, which are other vehicles'.
//!
//! [`Keeper`] gathers evidence of what a station hears. Handing it on is for `pipeline`, and what
//! follows for the `ledger`.
//!
//! The bytes are frozen, and so is what they prove: a ledger's members must agree on it. A check of
//! `plausibility` that finds more or less than before therefore takes a new version of the ledger's
//! rules; the digest of what the samples prove is held by a test.

mod error;
mod keeper;
mod proof;
#[cfg(test)]
pub(crate) mod sample;
mod stretch;
mod testimony;

pub use error::EvidenceError;
pub use keeper::Keeper;
pub use proof::{EVIDENCE_LEN_MAX, Evidence, Lie, STRETCHES};
pub use testimony::{TESTIMONY_LEN_MAX, Testimony};

#[cfg(test)]
mod tests;
