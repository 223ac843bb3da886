//! Finds dangers that the own vehicle is in, or is itself, without its driving stack saying so.
//!
//! A car that brakes hard, stands broken down or meets the end of a queue knows it before anybody
//! can report it. [`Detector`] reads the own vehicle's states, what its chassis says ([`Signals`])
//! and what the [`Neighbour`]s do, and says which [`Danger`]s hold now. Telling others, going on
//! telling and cancelling is left to `pipeline`; whether somebody else's word suffices to act upon,
//! to `world`.
//!
//! Each trigger is one rule with constants from the standards where there are any (C2C-CC RS 2003
//! and 2006, UN R48) and a [`Config`] for what operators tune. The hard one is the vehicle that
//! stands: a breakdown, a red light and a queue look alike from inside. The hazard lights tell, where
//! they are known. Where they are not, a vehicle counts as broken down if traffic is held up behind
//! it or flows past it, nobody stands in front of it or abreast of it, and nobody crosses ahead of
//! it, as at a junction. A wrong way, for want of a map, shows in traffic that comes towards the
//! vehicle on both sides.
//!
//! What was measured is compared in integers. Where neighbours are is computed in floats, as in
//! `risk`: what follows is the vehicle's own word, which nobody has to compute again.

mod brake;
mod config;
mod crash;
mod danger;
mod detector;
mod neighbour;
mod queue;
mod skid;
mod slow;
mod standing;
mod wrong_way;

pub use config::Config;
pub use danger::{Danger, Terms};
pub use detector::{Detector, Found, LOOK_INTERVAL, LOOK_RADIUS_M, Observation};
pub use neighbour::Neighbour;
pub use skid::Signals;

#[cfg(test)]
mod tests;
