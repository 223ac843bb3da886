//! The laboratory: many stations on virtual time.
//!
//! [`Road`] runs stations whose network loses, delays, reorders and partitions by seed, whose
//! clocks can be wrong and whose processes can die. [`Replay`] puts a recorded drive on such a road
//! and counts who heard what ([`Report`]). The stations are the very ones that the daemons run:
//! nothing here decides for them.
//!
//! A [`Trial`] puts a seed's [`Scenario`] of faults and liars on a road and holds what happens
//! against every [`Invariant`] and against a [`Model`] that knows only who must see whom.
//!
//! [`Traffic`] fills a drive with liars who hold valid tickets, for whoever measures how well they are
//! found.
//!
//! Time is virtual and every choice follows from a [`Seed`], so that a failure can be had again.

mod attacks;
mod cast;
mod coverage;
mod invariant;
mod liars;
mod model;
mod node;
mod range;
mod replay;
mod report;
mod road;
mod road_traffic;
mod roadside;
mod scenario;
mod script;
mod seed;
mod tally;
mod trial;
mod witness;

pub use attacks::{Attack, Catalogue, Falsity, Said, Sender, Traffic, TrafficOptions};
pub use cast::{Cast, class_of};
pub use coverage::{Coverage, Placement};
pub use invariant::{Broken, Invariant};
pub use liars::LiarKind;
pub use model::{Expected, HazardEnd, Model};
pub use range::Range;
pub use replay::{Outcome, Replay, ReplayError};
pub use report::{HazardReport, Latency, Mode, Report, ReportOptions, RoadsideReport};
pub use road::{Conditions, NodeId, Road};
pub use road_traffic::{TrafficCell, TrafficLie, TrafficOutcome, TrafficTrial};
pub use roadside::{interest_reach_m, interest_within};
pub use scenario::{Fault, FaultKind, HazardPlan, Scenario, TICK};
pub use script::{Action, Script, Step};
pub use seed::{Choices, Seed};
pub use tally::Tally;
pub use trial::{Trial, TrialReport};

#[cfg(test)]
mod tests;
