//! The lanes of a road, as a map draws them: on which of them a road user is, and where they lead.
//!
//! Without a map, a vehicle's way ahead is the arc that its turn rate gives. A [`LaneMap`] knows better:
//! it is made of [`Outline`]s, each a lane between two lines and the lanes that it leads into, and gives
//! the [`Route`]s that a road user may follow from where it is. Whoever stands at a place is then so far
//! along such a route, and so far beside it.
//!
//! What is hard is that lanes overlap where roads meet, that positions are metres off, and that nobody
//! says which way he will turn. So a road user is on every lane that it fits into by place and
//! direction, and follows every route from there, up to a bound, but for turns that it is too fast for;
//! what that means, `risk` decides. Who fits into no lane is not on the map, and nothing is told of it.
//!
//! Reading a map from a file is left to `replay`. Floats are used, since nothing here is signed or
//! agreed upon.

mod line;
mod map;
mod route;

pub use map::{LaneMap, Outline};
pub use route::{OnRoute, Route};

#[cfg(test)]
mod tests;
