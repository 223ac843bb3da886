//! Decides who is told what at the road.
//!
//! A car hears its neighbours by itself; a roadside unit makes the rest of the road audible. What it
//! verified it passes on as it came, byte for byte, to those it interests, and it keeps hazards alive
//! for those who come later. The hard part is to look at few receivers for each message, although
//! their areas move with them, and to let nothing grow that others can make grow: an [`Interest`] is
//! indexed by cells of the H3 grid and tested exactly where a cell matches, and everything a peer may
//! have remembered has a bound.
//!
//! # Promises
//!
//! - Nothing goes back to where it came from, nor to its signer, nor twice to the same station; of
//!   telemetry, nothing goes outside the areas that the receiver asked for.
//! - Who comes later, or drives into its area, is given a hazard that still holds, within the bounds of
//!   [`Config`]: its newest report or its end, and what negates it.
//! - Nobody is told more tickets and hazards at a time than it takes, of one signer and of all: what a
//!   receiver refuses as too much it would never hear of. What waits is told in its newest state.
//! - A unit can withhold, but not alter: receivers verify the original signature.
//! - What is dropped because there is too much is counted by its reason, and told to those it was for.
//!
//! # Limits
//!
//! - The number of hops is not signed: it says how a message came, and nothing is decided by it but
//!   whether units pass it on to each other.
//! - A unit that withholds cannot be told from one that heard nothing; who must hear, listens to
//!   others too.
//! - A unit learns where cars are, under their pseudonyms and at which addresses of the network, what
//!   they ask for and whom they hear by themselves; who says where it may be called has that told to vehicles nearby.
//!
//! [`Load`] says how much a station can still verify. Whether a message is genuine is for `security`
//! and whether it can be true for `plausibility`; connections and bytes are for `pipeline`.

mod bucket;
mod changing;
mod config;
mod hazards;
mod index;
mod interest;
mod introductions;
mod load;
mod machine;
mod member;
mod notice;
mod reach;
mod signers;
mod store;
mod wire;

pub use config::Config;
pub use interest::{
    AREAS_MAX, CAUSES_MAX, FIXED_RADIUS_MAX_M, HALF_WIDTH_MAX_M, HEARD_MAX, Interest, InterestArea,
    MOVING_REACH_MAX_M,
};
pub use load::{Load, LoadConfig, LoadMonitor};
pub use machine::{Forward, Handover, HazardChange, Joined, Relay, Route, Target};
pub use notice::{
    NEIGHBOURS_MAX, Neighbour, Notice, NoticeError, SHEDS_MAX, Shed, ShedReason, UNITS_MAX,
    UnitPlace,
};

#[cfg(test)]
mod tests;
