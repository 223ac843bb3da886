//! Chooses the roadside units that the vehicle hears the road through, and dials the neighbours that
//! they introduce.
//!
//! A unit is a help and never a need: whatever fails here, the vehicle goes on hearing whom it hears
//! directly. What a unit tells of others is only a hint where to dial: who answers there proves by
//! itself whose unit it is, or is not kept as one.
//!
//! ```text
//! units told, own position, who answers ─▶ Chooser       ─▶ dial, part
//! neighbours introduced, who answers    ─▶ Introductions ─▶ dial, part
//! ```
//!
//! `follow_units` runs both on the station's connections.
//!
//! # What an evil unit can do
//!
//! It is an operator's, which is believed to relay and no more:
//!
//! | it | and the car |
//! |---|---|
//! | says nothing, or hangs up | tries the next one, and comes back with growing pauses |
//! | names a thousand units or neighbours | remembers few, and dials very few of them at a time |
//! | names places where no unit is | parts with whoever is none, and leaves the place alone |
//! | names places of the car's own network | dials no group, no port 0, and itself only if it came from there |
//! | says that it reaches everywhere | believes no more than some kilometres |

mod address;
mod chooser;
mod config;
mod introductions;
mod shared;
mod task;
mod unit;

pub use chooser::{Chooser, UnitStanding};
pub use config::RoadsideConfig;
pub use introductions::Introductions;
pub use shared::{Roadside, RoadsideState, UnitState};
pub use unit::{Answer, Order};

pub(crate) use task::{Following, begin, follow_units};

#[cfg(test)]
mod tests;
