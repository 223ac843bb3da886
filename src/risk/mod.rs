//! How dangerous a neighbour is to the own vehicle, in the measures that traffic safety knows.
//!
//! A driving stack sees where its neighbours are; what it asks is how much time it has. A [`Viewer`] is
//! the own vehicle at a moment: [`Viewer::assess`] takes both as boxes that move ([`Mover`]), finds how they stand to
//! each other ([`Relation`]), and computes what fits: time to collision, headway, the deceleration
//! needed, the time between two at a crossing, the margins of the RSS model ([`rss`]), and a score of
//! 0 to 100 of which every part is told. What cannot be computed is `None`, never zero and never NaN.
//!
//! What is hard is to say who is in whose way. Without a map, a vehicle's path is the arc that its turn
//! rate gives, as wide as itself; who stands in it is ahead, oncoming or crossing, whoever drives the
//! same way in another lane is beside. Further ahead than a few seconds the arc says little. With a map
//! (`lanes`), and of two who both fit into lanes of it, the path is each way that the lanes lead, and
//! distances are along the road: who is in the next lane of a bend is beside, and not in the way. Noise
//! of positions moves a neighbour by half a lane: the measures inform, and must not brake.
//!
//! What lanes add, they add wrongly where roads meet. Two rules came of recorded traffic, in which nobody
//! collides: who drives too fast for a turn has nobody round the corner ahead, and of two on lanes one
//! comes only if each is in the other's way. `wayside bench risk` looks at what follows a time to
//! collision below 3 s. In four CommonRoad scenarios (Pula 27-3, Peachtree 4-8, Lankershim 1-1, US-101
//! 4-1; five looks a second) there are 41 such moments of 11 pairs without lanes, and 54 of 15 with
//! them; within the 3 s, all but 2 and all but 6 of these come within 2 m of each other or slow by 2 m/s
//! in a second. Five of the 6 are of one pair whose lanes come together.
//!
//! Everything rests on what the neighbour says of itself: whether that can be true, `plausibility`
//! says beside it. What is remembered of a neighbour's driving ([`HardBrakes`]) belongs to its ticket
//! and is gone with it, a minute at most. Floats are used, since nothing here is signed or agreed upon.

mod assess;
mod brakes;
mod measure;
mod mover;
mod path;
pub mod rss;
mod score;
mod viewer;

pub use assess::{Relation, Risk};
pub use brakes::HardBrakes;
pub use mover::{Mover, Subject};
pub use score::Part;
pub use viewer::{Assessor, Responses, Viewer};

#[cfg(test)]
mod tests;
