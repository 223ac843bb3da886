//! The picture of the road: every station heard of late, every hazard that holds.
//!
//! [`World`] takes judged messages and nothing else, finds what is where by H3 cells, and forgets:
//! stations by age, hazards when their validity ends, both by the oldest where a bound is reached.
//! It decides which of two reports of one event counts. That is hard because reports arrive late,
//! twice, by several ways and from liars: an event belongs to whoever holds the private half of
//! its update key, a cancelled event stays cancelled when an older report of it comes late, and a
//! negation by somebody else is shown beside the hazard but removes nothing, since otherwise one
//! liar could erase a real danger.
//!
//! Several reports can speak of one event: each stays, because each has an owner of its own, and each
//! tells of the others ([`KnownHazard::merged`]). One source informs. A driving stack may act upon an
//! event only where a second one agrees ([`Level::Act`]): another vehicle, a roadside unit, or the own
//! vehicle's sensors ([`Sighted`]). One vehicle has one ticket for a slot, so that two count as two
//! only by tickets of one slot; who is implausible counts for nobody.
//!
//! [`Feed`] is one subscriber's view: first the picture, then its changes, filtered and paced, in
//! bounded queues that tell the subscriber what they had to drop.
//!
//! Whether a message is true is left to `plausibility`, and which stations to connect to or what to
//! send, to `pipeline`. Floats appear here, in `track` and in `risk` alone.

mod config;
mod event;
mod feed;
mod feed_config;
mod hazards;
mod merging;
mod object;
mod objects;
mod queue;
mod state;

pub use config::Config;
pub use event::{Observed, Removal, WorldEvent};
pub use feed::{Delivery, Feed, FeedEvent, Snapshot};
pub use feed_config::{
    AreaFilter, BUFFER_LEN_MAX, FeedConfig, FeedError, Filter, HazardFilter, Overflow,
};
pub use merging::{Sighted, is_same_event};
pub use object::{KnownHazard, Level, Object};
pub use queue::GapReason;
pub use state::{Counters, Extrapolated, World};

#[cfg(test)]
mod tests;
