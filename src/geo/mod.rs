//! Places on the WGS-84 ellipsoid.
//!
//! A [`Position`] is two integers of 1e-7°, the step of ETSI and SAE messages (11 mm or less). For
//! arithmetic in metres a [`LocalFrame`] flattens the neighbourhood of an origin: within 10 km its
//! distances are wrong by less than 0.1 %, outside the polar caps. [`Cell`]s of the H3 grid index
//! positions; [`Area`]s select them.

mod area;
mod cell;
mod frame;
mod position;

pub use area::{Area, AreaError, Ring, VERTICES_MAX};
pub use cell::{Cell, CoarseCell};
pub use frame::{LocalFrame, Offset};
pub use position::Position;

#[cfg(test)]
mod tests;
