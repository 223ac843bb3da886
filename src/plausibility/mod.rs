//! Judges whether a verified message can be true.
//!
//! A valid signature says who spoke, not that they spoke the truth. Each [`Check`] holds one claim
//! against physics or against what the same station said before; the [`Verdict`] keeps every
//! [`Finding`] with the value, the threshold and how far it was missed, so that a person can
//! follow it. Nothing is dropped here: an implausible message is delivered with its findings, and
//! kept as evidence.
//!
//! The hard part is to accuse nobody who is honest. Satellite positions wander by metres, senders
//! round, brake with 9 m/s² and speak once a second. So every threshold is what physics allows
//! plus what the sender's own accuracies, its sampling and rounding can explain; accuracies are
//! believed only up to a cap, since a liar would claim the widest. Thresholds are constants, not
//! configuration, and all arithmetic is in integers: whoever judges the same messages again finds
//! the same.
//!
//! Judging is a pure function of a message, its station's [`Record`] *before* that message, and
//! what others said ([`Surroundings`]): [`judge`] finds, [`Record::observe`] remembers. What a
//! station's own words contradict is [proof](Check::is_proof) that anybody can repeat by
//! [`judge_evidence`]; the rest is what this station saw. Only this module makes a [`Judged`], and
//! `world` takes nothing else.

mod bends;
mod hazard;
mod judge;
mod judged;
mod motion;
mod overlaps;
mod plane;
mod record;
mod residual;
mod response;
mod surroundings;
mod verdict;

pub use hazard::judge_hazard;
pub use judge::{Claim, judge, judge_evidence, judge_telemetry};
pub use judged::{Judged, Judgement};
pub use record::{Record, Tally};
pub use surroundings::{SAID_MAX, SUSPECTS_MAX, Surroundings};
pub use verdict::{Bound, Check, Finding, Verdict};

#[cfg(test)]
mod tests;
