//! Physical quantities as integers that cannot hold nonsense.
//!
//! Everything signed, compared or agreed is an integer, so that every machine computes the same.
//! Each type has one constructor from its integer unit, which refuses what the standard's range
//! does not hold, and one from SI floats for the doors where floats arrive (gRPC, recordings):
//! those round to the nearest step and refuse NaN, infinities and everything out of range.
//! "Unavailable" is `Option::None` everywhere, never a magic number and never zero.

mod angle;
mod length;
mod motion;

pub use angle::{Heading, HeadingAccuracy, YawRate};
pub use length::{Altitude, Length};
pub use motion::{Acceleration, Speed};

#[cfg(test)]
mod tests;

/// Rounds a float to the nearest integer step, or `None` where an `i64` cannot hold it.
///
/// The bound is far inside `i64`, and far outside every quantity of this module.
fn to_steps(value: f64, steps_per_unit: f64) -> Option<i64> {
    let steps = (value * steps_per_unit).round();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "finite and below 2^53 by the condition"
    )]
    (steps.is_finite() && steps.abs() < STEPS_MAX).then_some(steps as i64)
}

const STEPS_MAX: f64 = 9_007_199_254_740_992.0;
