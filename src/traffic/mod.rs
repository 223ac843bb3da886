//! How traffic flows where a roadside unit hears it: speed, density and travel time by road cell.
//!
//! Every car that speaks tells its position and speed; a unit hears most of them. [`Traffic`] sorts
//! what it hears by H3 cell and by interval, and gives each finished [`Interval`] out once. It keeps
//! no vehicle's way: a station is remembered from its last message to the next, and what leaves this
//! module counts at least [`REPORTERS_MIN`] vehicles, told apart by their tickets of one slot, of which
//! each has one.
//!
//! What is hard is that some of them lie, and that honest ones differ: at a light one stands while
//! another drives. So a reporter is held against itself first. Who says another speed than its own
//! positions show, or whom `plausibility` found out in its speed, is set aside, and counted by its
//! positions alone; to leave it out would leave a gap where few drive. Whoever was found out in its
//! positions does not count at all. What is left is held against the others: nobody drives far faster
//! than the rest of a street, as the median and the median deviation of those tell that contradict
//! nothing. Slower ones count, since at a light many stand and few drive; but where somebody drives, who
//! never moved since it was first heard is parked, or says so to feign a queue. Where nobody moves, all
//! count.
//!
//! A liar whose positions and speeds fit each other and who moved once counts as what it says it is: one
//! vehicle. So it moves the mean, but not the median beside it, as long as fewer than half do. And those
//! who wait in a queue with tickets of a new slot do not count until they move, if others do.
//!
//! Only vehicles that speak are seen: density is theirs, not the road's. All figures are integers, since
//! a unit signs them.

mod cell;
mod config;
mod machine;
mod robust;
mod sighting;
mod visit;

pub use cell::{CellTraffic, Interval, REPORTERS_MIN};
pub use config::Config;
pub use machine::Traffic;
pub use sighting::{Sighting, Trust};

#[cfg(test)]
mod tests;
