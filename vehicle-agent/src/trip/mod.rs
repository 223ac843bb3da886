//! Finds trips and the stops in them in what the vehicle measures of itself.
//!
//! A stop is slower than 0.5 m/s for 120 s with the ignition off, or for 300 s; a trip ends where the
//! vehicle then stays. Traffic lights, jams and a lost signal are none of these, so nothing is decided
//! at the moment when the vehicle stands still, only once it has stood long enough, and then for the
//! moment when it began. Places are kept as cells of some square kilometres and never finer.
//!
//! What is measured while the agent does not run is not known: a trip in progress when it is killed is
//! lost, and one in progress when it is stopped ends there.

mod config;
mod detector;

pub use config::TripConfig;
pub use detector::{Stop, Trip, TripDetector, TripSample};

#[cfg(test)]
mod tests;
